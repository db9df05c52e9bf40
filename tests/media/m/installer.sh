# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154
about='Debian Installer (text) with the own isolinux and GRUB menus of its netboot package, BIOS and UEFI'
out=installer.iso
needs=

# The package's kernel, initrd and menus unchanged but for two things: a timeout in place of waiting for ever, and the
# installer's console on the serial port.
build() {
	local d=$installer/amd64/text/debian-installer/amd64 f
	mkdir -p root/debian-installer/amd64 root/boot/grub root/.disk root/isolinux
	cp "$d/linux" "$d/initrd.gz" root/debian-installer/amd64/
	cp -r "$d/boot-screens" root/debian-installer/amd64/
	rm root/debian-installer/amd64/boot-screens/*.c32
	cp -r "$d/grub/." root/boot/grub/
	for f in root/debian-installer/amd64/boot-screens/*.cfg root/boot/grub/grub.cfg; do
		sed -i -e 's/--- quiet/--- console=ttyS0,115200n8 quiet/' "$f"
	done
	sed -i 's/^timeout 0$/timeout 20/' root/debian-installer/amd64/boot-screens/syslinux.cfg
	sed -i '1i set timeout=2' root/boot/grub/grub.cfg
	isolinux_files root/isolinux
	for f in vesamenu libcom32 libutil ldlinux; do cp "$syslinux_bios/$f.c32" root/debian-installer/amd64/boot-screens/; done
	printf 'path debian-installer/amd64/boot-screens/\nserial 0 115200\ninclude debian-installer/amd64/boot-screens/syslinux.cfg\n' \
		>root/isolinux/isolinux.cfg
	# isolinux runs in its own folder; the menus name files from the root of the medium.
	sed -i -E 's#(^|[ =])debian-installer/amd64#\1/debian-installer/amd64#g' root/isolinux/isolinux.cfg \
		root/debian-installer/amd64/boot-screens/*.cfg
	echo 'Isopod test medium: installer' >root/.disk/info
	fat_image root/boot/grub/efi.img 5120
	fat_put root/boot/grub/efi.img /usr/lib/shim/shimx64.efi.signed EFI/BOOT/BOOTX64.EFI
	fat_put root/boot/grub/efi.img /usr/lib/grub/x86_64-efi-signed/gcdx64.efi.signed EFI/BOOT/grubx64.efi
	hybrid_iso installer.iso 'PODINST' root
}
