# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154,SC2016
about='a Linux without drivers for any drive: it finds its label on what memory shows as a disk (/dev/pmem0), and nowhere else'
out=mayfly.iso
needs=base

# Loaded in this order.
modules='nvdimm/libnvdimm nvdimm/nd_btt nvdimm/nd_pmem nvdimm/nd_e820 acpi/nfit/nfit cdrom/cdrom'

build() {
	local m n=0
	mkdir -p small/mnt small/m root/boot/grub
	small_root small
	unsquashfs -q -n -d modules "$media/base/live.squashfs" 'usr/lib/modules/*/kernel/drivers/nvdimm' 'usr/lib/modules/*/kernel/drivers/acpi/nfit' \
		'usr/lib/modules/*/kernel/drivers/cdrom' 'usr/lib/modules/*/kernel/fs/isofs' >/dev/null
	for m in $modules; do
		n=$((n + 1))
		cp modules/usr/lib/modules/*/kernel/drivers/"$m.ko" "small/m/$n.ko"
	done
	cp modules/usr/lib/modules/*/kernel/fs/isofs/isofs.ko small/m/9.ko
	cat >small/init <<'END'
#!/bin/busybox sh
b=/bin/busybox
$b mount -t devtmpfs dev /dev
$b mount -t proc proc /proc
$b mount -t sysfs sys /sys
exec >/dev/ttyS0 2>&1 </dev/ttyS0
for m in /m/*.ko; do $b insmod $m; done
n=0
while [ $n -lt 20 ]; do
	for d in /dev/pmem*; do
		case $($b dd if=$d bs=1 skip=32808 count=6 2>/dev/null) in
		MAYFLY)
			$b mount -t iso9660 -o ro $d /mnt || continue
			echo "$($b cat /mnt/word.txt) in $d"
			echo "mayfly waits"
			read -r answer
			echo "mayfly: $($b sha256sum /mnt/large | $b cut -c 1-16) is the sum"
			while :; do $b sleep 60; done
			;;
		esac
	done
	$b sleep 1
	n=$((n + 1))
done
$b cat /proc/partitions /proc/iomem
echo "mayfly found no memory with its label"
while :; do $b sleep 60; done
END
	chmod 755 small/init
	small_initrd small root/initrd
	cp "$media/base/vmlinuz" root/vmlinuz
	printf 'mayfly, read from memory' >root/word.txt
	head -c 2000000 /dev/zero | tr '\0' 'm' >root/large
	{
		grub_serial
		cat <<'END'
linux /vmlinuz console=ttyS0,115200 loglevel=4 panic=20
initrd /initrd
boot
END
	} >root/boot/grub/grub.cfg
	grub-mkrescue --compress=no --fonts= --themes= --locales= \
		--install-modules='normal iso9660 fat part_gpt part_msdos linux serial terminal echo test' \
		-o mayfly.iso root -- -volid MAYFLY
}
