# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154
about='a Debian installed in a raw disk image: systemd-boot and a unified kernel image in a nearly full ESP, ext4 root found by UUID'
out=installeduki.img
needs='instbase installed uki'

build() {
	# shellcheck source=/dev/null
	. "$here/m/installed.sh"
	# shellcheck source=/dev/null
	. "$here/m/uki.sh"
	out=installeduki.img
	root_uuid=706f6469-6e73-4e0a-8a0a-69733100000a
	disk_guid=706F6469-6E73-4E0B-8A0B-69733100000A root_guid=706F6469-6E73-4E0C-8A0C-69733100000A
	version=$(cat "$media/instbase/version")
	ext4_root podunified UUID=$root_uuid
	unified uki.efi "$media/instbase/vmlinuz" "$media/instbase/initrd" "root=UUID=$root_uuid ro console=tty0 console=ttyS0,115200 loglevel=4"
	printf 'timeout 1\n' >loader.conf
	esp_kib=$((($(stat -c %s uki.efi) + 0xfffff) / 0x100000 * 1024 + 4096))
	fat_image esp.img "$esp_kib" PODESP
	fat_put esp.img /usr/lib/systemd/boot/efi/systemd-bootx64.efi EFI/BOOT/BOOTX64.EFI
	fat_put esp.img loader.conf loader/loader.conf
	fat_put esp.img uki.efi EFI/Linux/pod.efi
	truncate -s $((1024 + esp_kib + root_kib + 1024))K installeduki.img
	sfdisk -q installeduki.img <<END
label: gpt
label-id: $disk_guid
start=2048,size=$((esp_kib * 2)),type=U
start=$((2048 + esp_kib * 2)),size=$((root_kib * 2)),type=L,uuid=$root_guid
END
	dd if=esp.img of=installeduki.img bs=1M seek=1 conv=notrunc,sparse
	dd if=root.img of=installeduki.img bs=1M seek=$((1 + esp_kib / 1024)) conv=notrunc,sparse
}
