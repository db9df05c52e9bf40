# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154,SC2016
about='GRUB, and an initrd of the old kind: a packed ext2 filesystem, which the kernel writes to /dev/ram0 and has as root'
out=limpet.iso
needs=egg

build() {
	mkdir -p root/boot/grub
	cp "$media/egg/vmlinuz" root/vmlinuz
	mke2fs -q -t ext2 -d "$media/egg/tree" ramdisk 8m
	gzip -9n <ramdisk >root/initrd.gz
	printf 'limpet, read from its own volume' >root/word.txt
	head -c 2000000 /dev/zero | tr '\0' 'l' >root/large
	{
		grub_serial
		cat <<'END'
linux /vmlinuz console=ttyS0,115200 panic=20 medium=limpet seconds=20 root=/dev/ram0 rw init=/init ramdisk_size=8192
initrd /initrd.gz
boot
END
	} >root/boot/grub/grub.cfg
	grub-mkrescue --compress=no --fonts= --themes= --locales= -o limpet.iso root -- -volid LIMPET
}
