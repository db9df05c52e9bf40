# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154
# shellcheck source=tests/media/m/installed.sh
. "$here/m/installed.sh"
about='a disk image as of OpenWrt: MBR, GRUB, kernel on ext2, squashfs root that the kernel itself mounts by PARTUUID; no initrd'
out=router.img
needs='nest builtin'
also='m/installed.sh'

# router_system NAME: system/
router_system() {
	cp -a "$media/nest/system" system
	mkdir -p system/dev system/proc system/sys
	echo "$1" >system/etc/hostname
}

# router_menu DEVICE ROOT: grub.cfg
router_menu() {
	{
		grub_serial
		cat <<END
set timeout=1
set root='$1'
menuentry "Pod" {
	linux /boot/vmlinuz root=$2 rootwait console=ttyS0,115200 noinitrd
}
menuentry "Pod (failsafe)" {
	linux /boot/vmlinuz failsafe=true root=$2 rootwait console=ttyS0,115200 noinitrd
}
END
	} >grub.cfg
}

build() {
	local boot=2048 root=$((2048 + 16 * 2048))
	router_system podrouter
	mksquashfs system root.sfs -quiet -no-progress -all-root -comp gzip
	router_menu '(hd0,msdos1)' PARTUUID=706f6477-02
	mkdir -p top/boot/grub
	cp "$media/builtin/vmlinuz" top/boot/vmlinuz
	cp grub.cfg top/boot/grub/
	truncate -s 16M boot.img
	mke2fs -q -t ext2 -U 706f6477-7274-4e01-8a01-697331300001 -d top boot.img
	truncate -s 64M router.img
	sfdisk -q router.img <<END
label: dos
label-id: 0x706f6477
1 : start=$boot,size=$((16 * 2048)),type=83,bootable
2 : start=$root,size=$((40 * 2048)),type=83
END
	dd if=boot.img of=router.img bs=512 seek=$boot conv=notrunc,sparse
	dd if=root.sfs of=router.img bs=512 seek=$root conv=notrunc
	grub_core i386-pc core.img '(,msdos1)/boot/grub' '' biosdisk
	grub_bios router.img 1
}
