# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154
about='El Torito floppy emulation: a 1.44 MB FAT floppy on which syslinux loads its modules and shows a text file'
out=floppy.iso
needs=

build() {
	mkdir -p root
	fat_image root/boot.img 1440 PODFLOPPY
	printf 'katydid, read from the emulated floppy\n' >word.txt
	printf 'serial 0 115200\nprompt 1\ntimeout 0\ndisplay word.txt\ndefault cat\nlabel cat\n  com32 cat.c32\n  append word.txt\n' >syslinux.cfg
	syslinux --install root/boot.img
	fat_put root/boot.img syslinux.cfg syslinux.cfg
	fat_put root/boot.img word.txt word.txt
	fat_put root/boot.img "$syslinux_bios/libcom32.c32" libcom32.c32
	fat_put root/boot.img "$syslinux_bios/cat.c32" cat.c32
	xorriso -as mkisofs -r -J -V PODFLOPPY -o floppy.iso -c boot.cat -b boot.img root
}
