# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154,SC2016
about='a system that looks for its label on the partitions its kernel sees, as FreeBSD does: its initrd is out of reach, in a filesystem in a file'
out=heron.iso
needs=base

modules='xhci-pci ehci-pci usb-storage uas sd_mod isofs'

build() {
	mkdir -p small/mnt root/boot/grub system
	small_root small
	# shellcheck disable=SC2086
	small_modules small/m 8 $modules
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
	small_initrd small system/initrd
	cp "$media/base/vmlinuz" system/vmlinuz
	mke2fs -q -t ext2 -d system root/system.bin 24m
	printf 'heron, read from its own volume' >root/word.txt
	head -c 2000000 /dev/zero | tr '\0' 'h' >root/large
	{
		grub_serial
		cat <<'END'
loopback loop /system.bin
linux (loop)/vmlinuz console=ttyS0,115200 loglevel=4 panic=20
initrd (loop)/initrd
boot
END
	} >root/boot/grub/grub.cfg
	grub-mkrescue -o heron.iso root -volid HERON
}
