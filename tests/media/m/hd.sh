# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154
about='El Torito hard-disk emulation: an MBR disk image with syslinux inside an ISO'
out=hd.iso
needs=rawdisk

build() {
	mkdir -p root
	cp "$media/rawdisk.img" root/disk.img
	printf 'weevil, read from the emulated hard disk\n' >word.txt
	mcopy -o -i root/disk.img@@1M word.txt ::word.txt
	xorriso -as mkisofs -r -J -V PODHD -o hd.iso -c boot.cat -b disk.img -hard-disk-boot root
}
