# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154
about='an ISO whose kernel is started without an initrd, by systemd-boot from the FAT El Torito image: there is nothing to find the medium with'
out=noinitrd.iso
needs=base

build() {
	mkdir -p root entries
	echo 'Isopod test medium: noinitrd' >root/info
	printf 'timeout 1\ndefault pod.conf\n' >loader.conf
	printf 'title Pod without an initrd\nlinux /pod/KERNEL\noptions console=ttyS0,115200 panic=0\n' >entries/pod.conf
	fat_image efi.img 16384
	fat_put efi.img /usr/lib/systemd/boot/efi/systemd-bootx64.efi EFI/BOOT/BOOTX64.EFI
	fat_put efi.img loader.conf loader/loader.conf
	fat_put efi.img entries/pod.conf loader/entries/pod.conf
	fat_put efi.img "$media/base/vmlinuz" pod/KERNEL
	cp efi.img root/efi.img
	xorriso -as mkisofs -r -J -V PODNONE -o noinitrd.iso -eltorito-platform efi -b efi.img -no-emul-boot root
}
