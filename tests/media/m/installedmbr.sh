# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154
about='the same on an MBR disk: GRUB in the gap before the first partition, an extended partition, root found by PARTUUID'
out=installedmbr.img
needs='instbase installed'

# mbr_disk DISK: a FAT partition with GRUB for UEFI, and root.img in the second logical partition, number 6.
mbr_disk() {
	local esp=2048 one=$((4096 + esp_kib * 2)) root=$((12288 + esp_kib * 2))
	truncate -s $(((root + root_kib * 2 + 2048) / 2))K "$1"
	sfdisk -q "$1" <<END
label: dos
label-id: 0x706f6401
1 : start=$esp,size=$((esp_kib * 2)),type=ef
2 : start=$((one - 2048)),type=5
5 : start=$one,size=2048,type=83
6 : start=$root,size=$((root_kib * 2)),type=83
END
	fat_image esp.img "$esp_kib" PODESP
	grub_core x86_64-efi bootx64.efi /boot/grub "search --fs-uuid --set=root $root_uuid
set prefix=(\$root)/boot/grub" all_video efi_gop
	fat_put esp.img bootx64.efi EFI/BOOT/BOOTX64.EFI
	grub_core i386-pc core.img '(,msdos6)/boot/grub' '' biosdisk
	dd if=esp.img of="$1" bs=512 seek=$esp conv=notrunc,sparse
	dd if=root.img of="$1" bs=512 seek=$root conv=notrunc,sparse
	grub_bios "$1" 1
	rm esp.img root.img bootx64.efi core.img
}

build() {
	# shellcheck source=/dev/null
	. "$here/m/installed.sh"
	version=$(cat "$media/instbase/version")
	ext4_root podmbr PARTUUID=706f6401-06
	mbr_disk installedmbr.img
}
