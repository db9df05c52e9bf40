# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154
about='5 GiB: live.iso with one file of 4.8 GiB in front of the squashfs, which so lies beyond 4 GiB'
out=big.iso
needs=base

build() {
	local at
	mkdir -p root/live root/.disk
	cp --reflink=auto "$media/base/vmlinuz" root/live/vmlinuz
	cp --reflink=auto "$media/base/initrd.live" root/live/initrd.img
	ln "$media/base/live.squashfs" root/live/filesystem.squashfs
	# More than 4 GiB in one file: a multi-extent file of ISO 9660 level 3.
	truncate -s 4800M root/filler.bin
	echo 'Isopod test medium: big' >root/.disk/info
	live_menus root /live/vmlinuz /live/initrd.img "$live_args" 'Pod Big'
	fat_image root/boot/grub/efi.img 7168
	efi_loaders root/boot/grub/efi.img /.disk/info
	hybrid_iso big.iso PODBIG root -iso-level 3 --sort-weight 100 /isolinux --sort-weight 90 /boot \
		--sort-weight 50 /live --sort-weight 10 /filler.bin --sort-weight -10 /live/filesystem.squashfs
	fallocate --dig-holes big.iso
	# The point of this medium; fail the build if it is missed.
	at=$(xorriso -indev big.iso -find /live/filesystem.squashfs -exec report_lba 2>/dev/null | awk -F, '/File data lba/ {print $2 + 0}')
	[ "$at" -gt 2097152 ]
}
