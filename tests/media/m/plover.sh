# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154,SC2016
about='GRUB, and a kernel with its initramfs built in and no initrd, which looks for its label on all partitions and disks'
out=plover.iso
needs=egg

build() {
	mkdir -p root/boot/grub
	cp "$media/egg/vmlinuz-builtin" root/vmlinuz
	printf 'plover, read from its own volume' >root/word.txt
	head -c 2000000 /dev/zero | tr '\0' 'p' >root/large
	{
		grub_serial
		cat <<'END'
# By its EFI stub, where there is one; `linux` jumps past it unless Secure Boot is on.
if [ "$grub_platform" = efi ]; then
	linuxefi /vmlinuz console=ttyS0,115200 panic=20 medium=plover seconds=20
else
	linux /vmlinuz console=ttyS0,115200 panic=20 medium=plover seconds=20
fi
boot
END
	} >root/boot/grub/grub.cfg
	grub-mkrescue --compress=no --fonts= --themes= --locales= -o plover.iso root -- -volid PLOVER
}
