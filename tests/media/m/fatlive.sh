# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154
about='live ISO whose kernel and initrd systemd-boot reads from inside the FAT El Torito image (as archiso lays it out)'
out=fatlive.iso
needs=base

build() {
	mkdir -p root/live root/.disk entries
	ln "$media/base/live.squashfs" root/live/filesystem.squashfs
	cp --reflink=auto "$media/base/vmlinuz" root/live/vmlinuz
	cp --reflink=auto "$media/base/initrd.live" root/live/initrd.img
	echo 'Isopod test medium: fatlive' >root/.disk/info
	live_menus root /live/vmlinuz /live/initrd.img "$live_args" 'Pod FAT Live'
	rm -r root/boot
	printf 'timeout 1\ndefault pod.conf\n' >loader.conf
	printf 'title Pod FAT Live\nlinux /pod/vmlinuz\ninitrd /pod/initrd.img\noptions %s\n' "$live_args" >entries/pod.conf
	fat_image efi.img 57344
	fat_put efi.img /usr/lib/systemd/boot/efi/systemd-bootx64.efi EFI/BOOT/BOOTX64.EFI
	fat_put efi.img loader.conf loader/loader.conf
	fat_put efi.img entries/pod.conf loader/entries/pod.conf
	fat_put efi.img "$media/base/vmlinuz" pod/vmlinuz
	fat_put efi.img "$media/base/initrd.live" pod/initrd.img
	xorriso -as mkisofs -r -J -joliet-long -V PODFAT -o fatlive.iso -isohybrid-mbr "$isolinux/isohdpfx.bin" -partition_offset 16 \
		-c isolinux/boot.cat -b isolinux/isolinux.bin -no-emul-boot -boot-load-size 4 -boot-info-table \
		-append_partition 2 C12A7328-F81F-11D2-BA4B-00C93EC93B8B efi.img -appended_part_as_gpt \
		-eltorito-alt-boot -e --interval:appended_partition_2:all:: -no-emul-boot root
}
