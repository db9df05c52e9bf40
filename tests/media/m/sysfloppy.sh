# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154
about='a floppy image of 1.44 MB on which syslinux loads its modules and shows a text file'
out=sysfloppy.img
needs=

build() {
	fat_image sysfloppy.img 1440 PODSYS
	printf 'gadfly, read from the floppy image\n' >word.txt
	printf 'serial 0 115200\nprompt 1\ntimeout 0\ndisplay word.txt\ndefault cat\nlabel cat\n  com32 cat.c32\n  append word.txt\n' >syslinux.cfg
	syslinux --install sysfloppy.img
	fat_put sysfloppy.img syslinux.cfg syslinux.cfg
	fat_put sysfloppy.img word.txt word.txt
	fat_put sysfloppy.img "$syslinux_bios/libcom32.c32" libcom32.c32
	fat_put sysfloppy.img "$syslinux_bios/cat.c32" cat.c32
}
