# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154,SC2016
about='what the small live systems of our own words share: busybox, kernel modules, and a system that is a shell'
out=nest
needs=base

modules='crc32c_generic xhci-pci ehci-pci usb-storage uas sd_mod isofs loop squashfs overlay ext4'

# busybox_into FOLDER: it, its libraries, and a link for each of its commands.
busybox_into() {
	local f
	small_root "$1"
	for f in $("$1/bin/busybox" --list); do [ "$f" = busybox ] || ln -s busybox "$1/bin/$f"; done
}

build() {
	mkdir -p nest/system/etc nest/system/root nest/system/sbin nest/system/tmp
	busybox_into nest/initrd
	busybox_into nest/system
	# shellcheck disable=SC2086
	small_modules nest/initrd/m 14 $modules
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
