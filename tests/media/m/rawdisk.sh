# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154
about='a raw disk image: MBR with one FAT16 partition, syslinux for BIOS, GRUB as EFI/BOOT/BOOTX64.EFI'
out=rawdisk.img
needs=

build() {
	printf 'mantis, read from the disk image\n' >word.txt
	printf 'serial 0 115200\nprompt 1\ntimeout 0\ndisplay word.txt\n' >syslinux.cfg
	cat >grub.cfg <<'END'
cat /word.txt
echo "platform $grub_platform cpu $grub_cpu"
sleep 600
END
	# Ends with a whole cylinder of 255 heads and 63 sectors: who emulates a disk from this image takes its geometry from the
	# end of the first partition (SeaBIOS does).
	fat_image part.img 15041 PODDISK
	syslinux --install part.img
	fat_put part.img syslinux.cfg syslinux.cfg
	fat_put part.img word.txt word.txt
	fat_put part.img grub.cfg boot/grub/grub.cfg
	grub_efi x86_64-efi bootx64.efi /word.txt
	fat_put part.img bootx64.efi EFI/BOOT/BOOTX64.EFI
	truncate -s $((32130 * 512)) rawdisk.img
	echo '2048,30082,0xe,*' | sfdisk -q rawdisk.img
	dd if=part.img of=rawdisk.img bs=1M seek=1 conv=notrunc,sparse
	dd if=/usr/lib/syslinux/mbr/mbr.bin of=rawdisk.img bs=440 count=1 conv=notrunc
	# The boot sector must know where on the disk it stands.
	printf '\x00\x08\x00\x00' | dd of=rawdisk.img bs=1 seek=$((1048576 + 28)) conv=notrunc
}
