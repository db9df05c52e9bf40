# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154,SC2016
about='a Debian installed in a raw disk image: GPT, ESP and BIOS boot partition with GRUB, ext4 root found by UUID'
out=installed.img
needs=instbase

# Where things lie: KiB.
esp_kib=8192
core_kib=1024
root_kib=409600
root_uuid=706f6469-6e73-4e01-8a01-697331300001
disk_guid=706F6469-6E73-4E02-8A02-697331300001
root_guid=706F6469-6E73-4E03-8A03-697331300001

# root_tree HOST ROOT FSTYPE: the folder root/ as the system was installed; ROOT is what the kernel is told. In a shell of fakeroot.
root_tree() {
	mkdir root
	tar -C root -xf "$media/instbase/rootfs.tar"
	echo "$1" >root/etc/hostname
	printf '%s / %s errors=remount-ro 0 1\n' "$2" "$3" >root/etc/fstab
	cp "$media/instbase/vmlinuz" "root/boot/vmlinuz-$version"
	cp "$media/instbase/initrd" "root/boot/initrd.img-$version"
	mkdir -p root/boot/grub
	{
		grub_serial console
		cat <<END
set timeout=1
set default=0
menuentry 'Pod Installed' {
	linux /boot/vmlinuz-$version root=$2 ro console=tty0 console=ttyS0,115200 loglevel=4
	initrd /boot/initrd.img-$version
}
END
	} >root/boot/grub/grub.cfg
}

# grub_core FORMAT FILE PREFIX EARLY MODULE...: GRUB's own part for a disk; EARLY may be empty.
grub_core() {
	printf '%s\n' "$4" >early.cfg
	grub-mkimage -O "$1" -o "$2" -p "$3" -c early.cfg part_gpt part_msdos ext2 xfs btrfs fat search search_fs_uuid search_fs_file \
		configfile normal linux serial terminal echo sleep test loadenv ls cat "${@:5}"
	rm early.cfg
}

# grub_bios DISK SECTOR: boot.img and core.img, as grub-bios-setup writes them: boot.img names the first sector of core.img at 0x5c,
# and that sector has the list of the others at 0x1f4: first one, how many, segment (GRUB's source, boot.h and diskboot.h).
grub_bios() {
	local sectors
	sectors=$((($(stat -c %s core.img) + 511) / 512))
	[ $sectors -lt 1900 ]
	printf '%016x' "$2" | fold -w 2 | tac | tr -d '\n' >first
	printf '%016x' $(($2 + 1)) | fold -w 2 | tac | tr -d '\n' >second
	printf '%04x' $((sectors - 1)) | fold -w 2 | tac | tr -d '\n' >>second
	printf '2008' >>second
	dd if=/usr/lib/grub/i386-pc/boot.img of="$1" bs=440 count=1 conv=notrunc
	dd if=core.img of="$1" bs=512 seek="$2" conv=notrunc
	# shellcheck disable=SC2059
	printf "$(sed 's/../\\x&/g' first)" | dd of="$1" bs=1 seek=$((0x5c)) conv=notrunc
	# The check of the drive number, for a BIOS that does not tell it: on a hard disk two nops at 0x66.
	printf '\x90\x90' | dd of="$1" bs=1 seek=$((0x66)) conv=notrunc
	# shellcheck disable=SC2059
	printf "$(sed 's/../\\x&/g' second)" | dd of="$1" bs=1 seek=$(($2 * 512 + 0x1f4)) conv=notrunc
}

# ext4_root HOST ROOT: root.img
ext4_root() {
	export media version
	fakeroot bash -euc "$(declare -f grub_serial root_tree)
		root_tree $1 $2 ext4; truncate -s ${root_kib}K root.img
		mke2fs -q -t ext4 -U $root_uuid -L podroot -m 0 -d root root.img; rm -r root"
}

# gpt_disk DISK: ESP, BIOS boot partition and root.img on a GPT disk.
gpt_disk() {
	local esp=2048 core=$((2048 + esp_kib * 2)) root=$((2048 + (esp_kib + core_kib) * 2))
	truncate -s $((1024 + esp_kib + core_kib + root_kib + 1024))K "$1"
	sfdisk -q "$1" <<END
label: gpt
label-id: $disk_guid
start=$esp,size=$((esp_kib * 2)),type=U
start=$core,size=$((core_kib * 2)),type=21686148-6449-6E6F-744E-656564454649
start=$root,size=$((root_kib * 2)),type=L,uuid=$root_guid
END
	fat_image esp.img "$esp_kib" PODESP
	grub_core x86_64-efi bootx64.efi /boot/grub "search --fs-uuid --set=root $root_uuid
set prefix=(\$root)/boot/grub" all_video efi_gop
	fat_put esp.img bootx64.efi EFI/BOOT/BOOTX64.EFI
	grub_core i386-pc core.img '(,gpt3)/boot/grub' '' biosdisk
	dd if=esp.img of="$1" bs=1M seek=$((esp / 2048)) conv=notrunc,sparse
	dd if=root.img of="$1" bs=1M seek=$((root / 2048)) conv=notrunc,sparse
	grub_bios "$1" $core
	rm esp.img root.img bootx64.efi core.img
}

build() {
	version=$(cat "$media/instbase/version")
	ext4_root podinst UUID=$root_uuid
	gpt_disk installed.img
}
