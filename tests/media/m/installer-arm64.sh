# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154,SC2016
about='Debian Installer for arm64 (text), UEFI aa64: shim, GRUB and menu of its netboot package'
out=installer-arm64.iso
needs=

# The package's GRUB is the netboot one: it looks for /debian-installer/arm64/grub/grub.cfg on the medium it takes for its own, which
# is the ISO when it sees a CD-ROM, else the FAT image. On the ISO lies the menu as packaged (with a timeout), in
# the FAT image a few lines find it there.
build() {
	local d=$installer/arm64/text/debian-installer/arm64
	mkdir -p root/debian-installer/arm64 root/efi root/.disk
	cp "$d/linux" "$d/initrd.gz" root/debian-installer/arm64/
	cp -r "$d/grub" root/debian-installer/arm64/
	sed -i '1i set timeout=2' root/debian-installer/arm64/grub/grub.cfg
	# The package's arm64-efi/grub.cfg goes on there.
	mkdir -p root/boot/grub
	cp root/debian-installer/arm64/grub/grub.cfg root/boot/grub/grub.cfg
	echo 'Isopod test medium: installer-arm64' >root/.disk/info
	printf 'search --file --set=root /.disk/info\nset prefix=($root)/debian-installer/arm64/grub\nconfigfile ($root)/debian-installer/arm64/grub/grub.cfg\n' >early.cfg
	fat_image root/efi/efi.img 6144
	fat_put root/efi/efi.img "$d/bootnetaa64.efi" EFI/BOOT/BOOTAA64.EFI
	fat_put root/efi/efi.img "$d/grubaa64.efi" EFI/BOOT/grubaa64.efi
	fat_put root/efi/efi.img early.cfg debian-installer/arm64/grub/grub.cfg
	xorriso -as mkisofs -r -J -joliet-long -V PODINST64 -o installer-arm64.iso -eltorito-platform efi \
		-b efi/efi.img -no-emul-boot root
}
