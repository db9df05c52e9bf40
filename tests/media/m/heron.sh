# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154,SC2016
about='a system that looks for its label on the partitions its kernel sees, as FreeBSD does: its initrd is out of reach, in a filesystem in a file'
out=heron.iso
needs=base

# Loaded in this order, each with what it needs before it.
modules='xhci-pci ehci-pci usb-storage uas sd_mod isofs'

# needed MODULE: files of it and what it depends on, deepest first (modules.dep has them nearest first).
needed() {
	sed -n "s,^\(kernel/.*/$1\.ko\): *\(.*\),\1 \2,p" modules.dep | tr ' ' '\n' | sed '/^$/d' | tac
}

build() {
	mkdir -p all small/bin small/dev small/proc small/sys small/mnt small/lib64 small/lib/x86_64-linux-gnu small/m root/boot/grub system
	zstd -dcq "$media/base/initrd.live" | cpio -D all -idm --quiet --no-preserve-owner --no-absolute-filenames 'usr/*'
	local from n=0
	from=$(echo all/usr/lib/modules/*)
	cp "$from/modules.dep" .
	for m in $modules; do needed "$m"; done | awk '!seen[$0]++' >order
	while read -r m; do
		n=$((n + 1))
		cp "$from/$m" "small/m/$(printf %02d $n).ko"
	done <order
	[ $n -ge 8 ]
	cp all/usr/bin/busybox small/bin/
	cp all/usr/lib/x86_64-linux-gnu/libc.so.6 all/usr/lib/x86_64-linux-gnu/libresolv.so.2 small/lib/x86_64-linux-gnu/ || [ -e small/lib/x86_64-linux-gnu/libc.so.6 ]
	cp all/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 small/lib64/
	cat >small/init <<'END'
#!/bin/busybox sh
b=/bin/busybox
$b mount -t devtmpfs dev /dev
$b mount -t proc proc /proc
$b mount -t sysfs sys /sys
exec >/dev/ttyS0 2>&1 </dev/ttyS0
for m in /m/*.ko; do $b insmod $m; done
n=0
while [ $n -lt 90 ]; do
	for d in /sys/class/block/*/partition; do
		[ -e $d ] || continue
		d=${d%/partition}
		p=/dev/${d##*/}
		case $($b dd if=$p bs=1 skip=32808 count=5 2>/dev/null) in
		HERON)
			$b mount -t iso9660 -o ro $p /mnt || continue
			echo "$($b cat /mnt/word.txt) in partition $($b cat $d/partition)"
			echo "heron: $($b sha256sum /mnt/large | $b cut -c 1-16) is the sum"
			echo "heron waits"
			while :; do $b sleep 60; done
			;;
		esac
	done
	$b sleep 1
	n=$((n + 1))
done
$b cat /proc/partitions
echo "heron found no partition with its label"
while :; do $b sleep 60; done
END
	chmod 755 small/init
	(cd small && find . | LC_ALL=C sort | cpio -o -H newc --quiet -R 0:0 | gzip -9n) >system/initrd
	cp "$media/base/vmlinuz" system/vmlinuz
	mke2fs -q -t ext2 -d system root/system.bin 24m
	printf 'heron, read from its own volume' >root/word.txt
	head -c 2000000 /dev/zero | tr '\0' 'h' >root/large
	cat >root/boot/grub/grub.cfg <<'END'
# UEFI firmware mirrors its console to the serial port by itself.
if [ "$grub_platform" = pc ]; then
	serial --unit=0 --speed=115200
	terminal_output serial
fi
loopback loop /system.bin
linux (loop)/vmlinuz console=ttyS0,115200 loglevel=4 panic=20
initrd (loop)/initrd
boot
END
	grub-mkrescue -o heron.iso root -volid HERON
}
