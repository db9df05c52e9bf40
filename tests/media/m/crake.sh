# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154,SC2016
# shellcheck source=tests/media/m/wren.sh
. "$here/m/wren.sh"
about='rEFInd in the FAT El Torito image, whose refind.conf loads a kernel and an initrd by names that say nothing; else as wren.iso'
out=crake.iso
also='m/burrow.sh m/wren.sh'

build() {
	packages refind
	labelled_parts crake
	# What it remembers goes into the firmware: else it writes to the first ESP it finds, that of the stick.
	cat >refind.conf <<'END'
timeout 1
textonly
scanfor manual
use_nvram true
menuentry "Pod Crake" {
	loader /parts/k
	initrd /parts/ram
	options "started=refind.conf console=ttyS0,115200 loglevel=4"
}
END
	fat_image efi.img 28672
	fat_put efi.img packages/usr/share/refind/refind/refind_x64.efi EFI/BOOT/BOOTX64.EFI
	fat_put efi.img refind.conf EFI/BOOT/refind.conf
	fat_put efi.img k parts/k
	fat_put efi.img ram parts/ram
	mv efi.img root/
	xorriso -as mkisofs -r -J -V PODCRAKE -o crake.iso -eltorito-platform efi -b efi.img -no-emul-boot root
}
