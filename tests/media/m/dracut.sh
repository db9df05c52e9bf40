# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154
about='dracut live: root=live:CDLABEL=, LiveOS/squashfs.img, isolinux and GRUB'
out=dracut.iso
needs=base

build() {
	mkdir -p root/LiveOS root/images/pxeboot root/.disk
	cp --reflink=auto "$media/base/vmlinuz" root/images/pxeboot/vmlinuz
	cp --reflink=auto "$media/base/initrd.dracut" root/images/pxeboot/initrd.img
	ln "$media/base/dracut.squashfs" root/LiveOS/squashfs.img
	echo 'Isopod test medium: dracut' >root/.disk/info
	live_menus root /images/pxeboot/vmlinuz /images/pxeboot/initrd.img \
		'root=live:CDLABEL=PODDRACUT rd.live.image rd.live.overlay.overlayfs=1 console=tty0 console=ttyS0,115200 loglevel=4' 'Pod Dracut'
	fat_image root/boot/grub/efi.img 7168
	efi_loaders root/boot/grub/efi.img /.disk/info
	hybrid_iso dracut.iso PODDRACUT root
}
