# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154
about='memtest86+ in a hybrid ISO made by grub-mkrescue, BIOS and UEFI'
out=memtest.iso
needs=

build() {
	mkdir -p root/boot/grub
	cp /boot/memtest86+x64.bin /boot/memtest86+x64.efi root/boot/
	{
		grub_serial console
		cat <<'END'
set timeout=1
set default=0
if [ "$grub_platform" = efi ]; then
	insmod all_video
	menuentry 'Memory test (memtest86+, EFI)' {
		linux /boot/memtest86+x64.efi console=ttyS0,115200
	}
else
	menuentry 'Memory test (memtest86+)' {
		linux16 /boot/memtest86+x64.bin console=ttyS0,115200
	}
fi
END
	} >root/boot/grub/grub.cfg
	grub-mkrescue --compress=no -o memtest.iso root -- -volid PODMEMTEST
}
