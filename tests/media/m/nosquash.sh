# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154
about='negative control: live.iso without its squashfs; must not reach a login prompt'
out=nosquash.iso
needs=base

build() {
	mkdir -p root/live root/.disk
	cp --reflink=auto "$media/base/vmlinuz" root/live/vmlinuz
	cp --reflink=auto "$media/base/initrd.live" root/live/initrd.img
	echo 'Isopod test medium: no squashfs' >root/.disk/info
	live_menus root /live/vmlinuz /live/initrd.img "$live_args" 'Pod without a root'
	fat_image root/boot/grub/efi.img 7168
	efi_loaders root/boot/grub/efi.img /.disk/info
	hybrid_iso nosquash.iso PODLIVE root
}
