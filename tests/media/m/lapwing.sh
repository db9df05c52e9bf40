# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154,SC2016
about='a live system that keeps its changes where the kernel command line says cow_label, as archiso does; in our own words'
out=lapwing.iso
needs='base nest'

build() {
	cp -a "$media/nest/initrd" initrd
	mkdir -p initrd/hooks initrd/run/boot initrd/run/cow initrd/run/sfs initrd/new root/arch/x86_64 root/boot/grub
	cat >initrd/init <<'END'
#!/bin/sh
export PATH=/bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
exec >/dev/ttyS0 2>&1 </dev/ttyS0
for m in /m/*.ko; do insmod $m; done
# What the command line says becomes variables.
for word in $(cat /proc/cmdline); do
	case $word in
	[a-z]*=*) eval "${word%%=*}=\${word#*=}" 2>/dev/null ;;
	esac
done
. /hooks/archiso
run_hook
exec switch_root /new /sbin/init
END
	cat >initrd/hooks/archiso <<'END'
# by_label LABEL: the partition with an ISO 9660 or an ext4 volume of this label; it waits for it.
by_label() {
	local n=0 d
	while [ $n -lt 120 ]; do
		for d in /sys/class/block/*/partition; do
			[ -e "$d" ] || continue
			d=${d%/partition}
			d=/dev/${d##*/}
			[ "$(dd if=$d bs=1 skip=32808 count=${#1} 2>/dev/null)" != "$1" ] || { echo $d; return; }
			[ "$(dd if=$d bs=1 skip=1144 count=${#1} 2>/dev/null)" != "$1" ] || { echo $d; return; }
		done
		sleep 1
		n=$((n + 1))
	done
}

run_hook() {
	mount -t iso9660 -o ro "$(by_label "$archisolabel")" /run/boot || exec sh
	if [ -n "$cow_label" ]; then
		# Read-only first: it may be mounted so already.
		mount -t ext4 -o ro "$(by_label "$cow_label")" /run/cow && mount -o remount,rw /run/cow || exec sh
	else
		mount -t tmpfs cowspace /run/cow
	fi
	mkdir -p /run/cow/persistent_$archisolabel/x86_64/upperdir /run/cow/persistent_$archisolabel/x86_64/workdir
	mount -t squashfs -o loop,ro /run/boot/arch/x86_64/airootfs.sfs /run/sfs || exec sh
	mount -t overlay -o lowerdir=/run/sfs,upperdir=/run/cow/persistent_$archisolabel/x86_64/upperdir,workdir=/run/cow/persistent_$archisolabel/x86_64/workdir airootfs /new || exec sh
}
END
	chmod 755 initrd/init
	cp -a "$media/nest/system" system
	echo podlapwing >system/etc/hostname
	mksquashfs system root/arch/x86_64/airootfs.sfs -quiet -no-progress -all-root
	small_initrd initrd root/boot/initramfs.img
	cp "$media/base/vmlinuz" root/boot/vmlinuz
	{
		grub_serial
		cat <<'END'
set timeout=1
menuentry 'Pod Lapwing' {
	linux /boot/vmlinuz archisolabel=PODLAPWING console=ttyS0,115200 loglevel=4
	initrd /boot/initramfs.img
}
END
	} >root/boot/grub/grub.cfg
	grub-mkrescue -o lapwing.iso root -volid PODLAPWING
}
