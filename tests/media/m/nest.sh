# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154,SC2016
about='what the small live systems of our own words share: busybox, kernel modules, and a system that is a shell'
out=nest
needs=base

# Loaded in this order, each with what it needs before it.
modules='crc32c_generic xhci-pci ehci-pci usb-storage uas sd_mod isofs loop squashfs overlay ext4'

# needed MODULE: files of it and what it depends on, deepest first (modules.dep has them nearest first).
needed() {
	sed -n "s,^\(kernel/.*/$1\.ko\): *\(.*\),\1 \2,p" modules.dep | tr ' ' '\n' | sed '/^$/d' | tac
}

# busybox_into FOLDER: it, its libraries, and a link for each of its commands.
busybox_into() {
	local f
	mkdir -p "$1/bin" "$1/dev" "$1/proc" "$1/sys" "$1/lib64" "$1/lib/x86_64-linux-gnu"
	cp all/usr/bin/busybox "$1/bin/"
	for f in libc.so.6 libresolv.so.2; do
		[ ! -e "all/usr/lib/x86_64-linux-gnu/$f" ] || cp "all/usr/lib/x86_64-linux-gnu/$f" "$1/lib/x86_64-linux-gnu/"
	done
	cp all/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 "$1/lib64/"
	for f in $("$1/bin/busybox" --list); do [ "$f" = busybox ] || ln -s busybox "$1/bin/$f"; done
}

build() {
	mkdir -p all nest/initrd/m nest/system/etc nest/system/root nest/system/sbin nest/system/tmp
	zstd -dcq "$media/base/initrd.live" | cpio -D all -idm --quiet --no-preserve-owner --no-absolute-filenames 'usr/*'
	local from n=0
	from=$(echo all/usr/lib/modules/*)
	cp "$from/modules.dep" .
	for m in $modules; do needed "$m"; done | awk '!seen[$0]++' >order
	while read -r m; do
		n=$((n + 1))
		cp "$from/$m" "nest/initrd/m/$(printf %02d $n).ko"
	done <order
	[ $n -ge 14 ]
	busybox_into nest/initrd
	busybox_into nest/system
	# A login by name and password, as the tests know it.
	cat >nest/system/sbin/init <<'END'
#!/bin/sh
export PATH=/sbin:/bin HOME=/root
[ -e /dev/ttyS0 ] || mount -t devtmpfs dev /dev
[ -e /proc/mounts ] || mount -t proc proc /proc
[ -e /sys/block ] || mount -t sysfs sys /sys
exec >/dev/ttyS0 2>&1 </dev/ttyS0
name=$(cat /etc/hostname)
cd /root
while :; do
	printf '\n%s login: ' "$name"
	read -r who
	printf 'Password: '
	read -r word
	[ "$who$word" != rootisopod ] || PS1="root@$name:~# " setsid -c sh
done
END
	rm nest/system/bin/poweroff
	printf '#!/bin/sh\nsync\nexec busybox poweroff -f\n' >nest/system/bin/poweroff
	chmod 755 nest/system/sbin/init nest/system/bin/poweroff
}
