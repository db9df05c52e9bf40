# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154,SC2016
about='a kernel as in plover.iso, to which GRUB gives an initrd with one more file'
out=snipe.iso
needs=egg

build() {
	mkdir -p root/boot/grub small
	cp "$media/egg/vmlinuz-builtin" root/vmlinuz
	echo 'what the initrd brought' >small/further
	small_initrd small root/initrd
	printf 'snipe, read from its own volume' >root/word.txt
	head -c 2000000 /dev/zero | tr '\0' 's' >root/large
	{
		grub_serial
		cat <<'END'
linux /vmlinuz console=ttyS0,115200 panic=20 medium=snipe seconds=20
initrd /initrd
boot
END
	} >root/boot/grub/grub.cfg
	grub-mkrescue --compress=no --fonts= --themes= --locales= -o snipe.iso root -- -volid SNIPE
}
