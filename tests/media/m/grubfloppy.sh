# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154
about='a floppy image of 1.44 MB: GRUB in the reserved sectors of a FAT volume, from which it reads a text file'
out=grubfloppy.img
needs=

build() {
	local n
	printf 'serial --unit=0 --speed=115200\nterminal_output serial\ncat (fd0)/word.txt\nsleep 600\n' >early.cfg
	grub-mkimage -O i386-pc -o core.img -p '(fd0)' -c early.cfg biosdisk fat cat echo sleep serial terminal minicmd
	n=$((1 + ($(stat -c %s core.img) + 511) / 512))
	truncate -s 1440K grubfloppy.img
	mkfs.fat -F 12 -R "$n" -n PODGRUB --invariant grubfloppy.img >/dev/null
	printf 'lacewing, read by GRUB from the floppy image\n' >word.txt
	fat_put grubfloppy.img word.txt word.txt
	# Its boot sector around the volume's parameter block (bytes 3 to 61), the rest of it right behind.
	dd if=/usr/lib/grub/i386-pc/boot.img of=grubfloppy.img bs=1 count=3 conv=notrunc
	dd if=/usr/lib/grub/i386-pc/boot.img of=grubfloppy.img bs=1 skip=62 seek=62 count=448 conv=notrunc
	dd if=core.img of=grubfloppy.img bs=512 seek=1 conv=notrunc
}
