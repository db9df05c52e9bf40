# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154
# shellcheck source=tests/media/m/router.sh
. "$here/m/router.sh"
about='the same for UEFI: GPT, GRUB and kernel on FAT, an ext4 root that is mounted to be written to'
out=routerefi.img
also='m/installed.sh m/router.sh'

build() {
	local boot=2048 root=$((2048 + 16 * 2048)) guid=706f6477-7274-4e02-8a02-697331300002
	router_system podrouterefi
	truncate -s 40M root.img
	fakeroot mke2fs -q -t ext4 -U 706f6477-7274-4e03-8a03-697331300003 -d system root.img
	router_menu '(hd0,gpt1)' "PARTUUID=$guid rw"
	# The firmware's disks have no order: GRUB starts with the volume that it lies on.
	sed -i '/^set root=/d' grub.cfg
	fat_image boot.img 16384 PODBOOT
	grub_core x86_64-efi bootx64.efi /boot/grub '' all_video efi_gop
	fat_put boot.img bootx64.efi EFI/BOOT/BOOTX64.EFI
	fat_put boot.img grub.cfg boot/grub/grub.cfg
	fat_put boot.img "$media/builtin/vmlinuz" boot/vmlinuz
	truncate -s 64M routerefi.img
	sfdisk -q routerefi.img <<END
label: gpt
label-id: 706f6477-7274-4e04-8a04-697331300004
1 : start=$boot,size=$((16 * 2048)),type=U
2 : start=$root,size=$((40 * 2048)),type=L,uuid=$guid
END
	dd if=boot.img of=routerefi.img bs=512 seek=$boot conv=notrunc,sparse
	dd if=root.img of=routerefi.img bs=512 seek=$root conv=notrunc,sparse
}
