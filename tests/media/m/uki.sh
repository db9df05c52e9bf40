# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154
about='live ISO whose kernel and initrd are one EFI program, a unified kernel image, inside the FAT El Torito image'
out=uki.iso
needs=base

# unified FILE KERNEL INITRD ARGUMENTS: systemd-stub with its sections in the order in which ukify puts them, the kernel last. Addresses
# are multiples of 4096 behind the stub's own.
unified() {
	printf '%s' "$4" >cmdline
	printf 'ID=pod\nNAME=Pod\nVERSION_ID=1\n' >osrel
	local at=0x100000 kernel_at
	kernel_at=$((at + ($(stat -c %s "$3") + 0xfffff) / 0x100000 * 0x100000))
	objcopy --add-section .osrel=osrel --change-section-vma .osrel=0x20000 \
		--add-section .cmdline=cmdline --change-section-vma .cmdline=0x30000 \
		--add-section .initrd="$3" --change-section-vma .initrd="$at" \
		--add-section .linux="$2" --change-section-vma .linux="$kernel_at" \
		/usr/lib/systemd/boot/efi/linuxx64.efi.stub "$1"
}

build() {
	mkdir -p root/live root/.disk
	ln "$media/base/live.squashfs" root/live/filesystem.squashfs
	echo 'Isopod test medium: uki' >root/.disk/info
	unified uki.efi "$media/base/vmlinuz" "$media/base/initrd.live" "$live_args"
	fat_image efi.img 49152
	fat_put efi.img uki.efi EFI/BOOT/BOOTX64.EFI
	xorriso -as mkisofs -r -J -joliet-long -V PODUKI -o uki.iso -partition_offset 16 \
		-append_partition 2 C12A7328-F81F-11D2-BA4B-00C93EC93B8B efi.img -appended_part_as_gpt \
		-eltorito-alt-boot -e --interval:appended_partition_2:all:: -no-emul-boot root
}
