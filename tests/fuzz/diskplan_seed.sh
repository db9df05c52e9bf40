#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Small disk images with a partition each: ext2, ext4 and FAT with an initrd, and without, LUKS, LVM with an ext2 in two pieces, LVM without a group; one without a
# table; the two fault counters are appended.
set -e
PATH=$PATH:/usr/sbin:/sbin
w=$(mktemp -d)
trap 'rm -rf "$w"' EXIT
mkdir -p "$w/t/boot/grub" "$w/t/etc"
printf '070701%5000s' ' ' >"$w/t/boot/initrd.img"
head -c 1024 /dev/zero >"$w/t/boot/vmlinuz"
printf 'HdrS' | dd of="$w/t/boot/vmlinuz" bs=1 seek=514 conv=notrunc 2>/dev/null
printf 'linux /boot/vmlinuz\ninitrd /boot/initrd.img\n' >"$w/t/boot/grub/grub.cfg"
ln -s boot/initrd.img "$w/t/initrd.img"
OUT=$1
# Names the disk that holds the volume.
disk() {
	{ head -c 512 /dev/zero; cat "$w/v"; } >"$w/d"
	printf 'label: dos\nstart=1, type=%s\n' "${2:-83}" | sfdisk -q --no-reread "$w/d" >/dev/null 2>&1 || true
	printf '\353\376' | dd of="$w/d" bs=1 conv=notrunc 2>/dev/null
	{ cat "$w/d"; printf '\0\0\0\0'; } >"$OUT/$1"
}
ext() {
	rm -f "$w/v"
	mke2fs -q -F -N 32 -m 0 -b 1024 "$@" -d "$w/t" "$w/v" 160k >/dev/null
}
# For the counters: the disk again, of which the Nth read or allocation fails.
fault() {
	# shellcheck disable=SC2059
	for i in $2; do
		{ cat "$w/d"; printf "\\$(printf %03o "$i")\0\0\0"; } >"$OUT/$1read$i"
		{ cat "$w/d"; printf "\0\0\\$(printf %03o "$i")\0"; } >"$OUT/$1alloc$i"
	done
}
fat() {
	rm -f "$w/v"
	mkfs.fat -C -F 12 -s 1 "$w/v" 96 >/dev/null
	mcopy -s -i "$w/v" "$w/t/boot" ::/
}
ext -t ext2 -O ^resize_inode
disk ext2
ext -t ext4 -O ^has_journal,^resize_inode
disk ext4
fault "" "3 9 27 60 90"
fat
disk fat c
{ cat "$w/v"; printf '\0\0\0\0'; } >"$OUT/whole"
# Kernels that no initrd is loaded for.
rm "$w/t/boot/initrd.img" "$w/t/initrd.img"
printf 'menuentry a {\nlinux (hd0,1)/boot/vmlinuz root=/dev/sda1 x\n}\nlinux /boot/vmlinuz root=PARTUUID=1-1' >"$w/t/boot/grub/grub.cfg"
ext -t ext4 -O ^has_journal,^resize_inode
disk lone-ext
fault "lone-" "20 40 60 80"
fat
disk lone-fat c
{ printf 'LUKS\272\276'; head -c 4090 /dev/zero; } >"$w/v"
disk luks
{ head -c 512 /dev/zero; printf 'LABELONE'; head -c 16 /dev/zero; printf 'LVM2 001'; head -c 4000 /dev/zero; } >"$w/v"
disk lvm
ext -t ext2 -O ^resize_inode
PYTHONPATH=$(dirname "$0")/../media python3 - "$w/v" <<-'END'
	import sys, lvm2
	lvm2.EXTENT, lvm2.FIRST = 4096, 12 << 10
	data = open(sys.argv[1], "rb").read()
	pv = lvm2.identifier("a")
	text = lvm2.metadata("pod-vg", [(pv, 41)], {"root": [(0, 0, 15), (0, 16, 25)]})
	with open(sys.argv[1], "wb") as f:
	    f.write(lvm2.head(pv, lvm2.FIRST + 41 * 4096, text) + data[:15 * 4096] + bytes(4096) + data[15 * 4096:])
END
disk volume
