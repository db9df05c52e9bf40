# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154,SC2016
about='a system in memory that looks on every partition for what was saved, as Alpine does, and saves it by `lbu commit`; in our own words'
out=dunlin.iso
needs='base nest'

build() {
	cp -a "$media/nest/initrd" initrd
	mkdir -p initrd/media initrd/new initrd/tmp root/boot/grub root/apks
	cat >initrd/init <<'END'
#!/bin/sh
export PATH=/bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
exec >/dev/ttyS0 2>&1 </dev/ttyS0
for m in /m/*.ko; do insmod $m; done
nlplug-findfs -b /tmp/repositories -a /tmp/apkovls
mount -t tmpfs root /new
tar -C /new -xf "$(head -n 1 /tmp/repositories)/system.tar"
if [ -e /tmp/apkovls ]; then
	ovl=$(head -n 1 /tmp/apkovls)
	echo "dunlin found $ovl"
	tar -C /new -zxf "$ovl"
	rm -f /new/etc/.default_boot_services
	# The volume goes where the table says, mounted as it says.
	while read -r dev at type options rest; do
		[ "$dev" = "LABEL=isopod-lbu" ] || continue
		mkdir -p "$at"
		mount -o move "${ovl%/*}" "$at"
		mount -o remount,"$options" "$at"
	done </new/etc/fstab
fi
while read -r dev at rest; do
	case $at in
	/media/*) mkdir -p "/new$at" && mount -o move "$at" "/new$at" ;;
	esac
done </proc/mounts
exec switch_root /new /sbin/init
END
	# Mounts partitions as they come, keeps those with something on them, and goes on for a moment when it has a repository.
	cat >initrd/nlplug <<'END'
#!/bin/sh
quiet=0
seen=" "
while [ $quiet -lt 25 ]; do
	[ ! -e "$2" ] || quiet=$((quiet + 1))
	[ ! -e "$2" ] || [ ! -e "$4" ] || exit 0
	for d in /sys/class/block/*/partition; do
		[ -e "$d" ] || continue
		d=${d%/partition}
		d=${d##*/}
		case $seen in *" $d:$(cat /sys/class/block/$d/size) "*) continue ;; esac
		seen="$seen$d:$(cat /sys/class/block/$d/size) "
		mkdir -p /media/$d
		mount -o ro /dev/$d /media/$d 2>/dev/null || continue
		found=
		for f in /media/$d/*/.boot_repository; do [ ! -e "$f" ] || { echo "${f%/*}" >>"$2"; found=1; }; done
		for f in /media/$d/*.apkovl.tar.gz; do [ ! -e "$f" ] || { echo "$f" >>"$4"; found=1; }; done
		[ -n "$found" ] || umount /media/$d
	done
	sleep 0.1
done
END
	mv initrd/nlplug initrd/bin/nlplug-findfs
	chmod 755 initrd/init initrd/bin/nlplug-findfs
	cp -a "$media/nest/system" system
	echo poddunlin >system/etc/hostname
	# The packages' part of the system is not saved.
	cat >system/sbin/lbu <<'END'
#!/bin/sh
[ "$1" = commit ] && [ -e /etc/lbu/lbu.conf ] || exit 2
. /etc/lbu/lbu.conf
at=/media/$LBU_MEDIA
mount -o remount,rw $at || exit 1
tar -C / -czf $at/localhost.apkovl.tar.gz.new etc root && mv $at/localhost.apkovl.tar.gz.new $at/localhost.apkovl.tar.gz
status=$?
sync
mount -o remount,ro $at
exit $status
END
	chmod 755 system/sbin/lbu
	tar -C system --owner=0 --group=0 -cf root/apks/system.tar .
	touch root/apks/.boot_repository
	small_initrd initrd root/boot/initramfs
	cp "$media/base/vmlinuz" root/boot/vmlinuz
	{
		grub_serial
		cat <<'END'
set timeout=1
menuentry 'Pod Dunlin' {
	linux /boot/vmlinuz modules=loop,squashfs console=ttyS0,115200 loglevel=4
	initrd /boot/initramfs
}
END
	} >root/boot/grub/grub.cfg
	grub-mkrescue -o dunlin.iso root -volid PODDUNLIN
}
