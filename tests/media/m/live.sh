# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154
about='Debian Live: live-boot, squashfs, isolinux and GRUB (x64 with signed shim, ia32), isohybrid'
out=live.iso
needs=base

build() {
	mkdir -p root/live root/.disk
	cp --reflink=auto "$media/base/vmlinuz" root/live/vmlinuz
	cp --reflink=auto "$media/base/initrd.live" root/live/initrd.img
	ln "$media/base/live.squashfs" root/live/filesystem.squashfs
	echo 'Isopod test medium: live' >root/.disk/info
	live_menus root /live/vmlinuz /live/initrd.img "$live_args" 'Pod Live'
	fat_image root/boot/grub/efi.img 7168
	efi_loaders root/boot/grub/efi.img /.disk/info
	hybrid_iso live.iso PODLIVE root
}
