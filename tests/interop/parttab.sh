#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Partition tables: sfdisk, sgdisk and we read each other's.
# shellcheck source=tests/interop/common.sh
. "${0%/*}/common.sh"
tool=$B/interop/parttab

# What fdisk sees, in our tool's words: number, start and length in bytes.
fdisk_view() { # fdisk_view SECTOR_SIZE
	fdisk -b "$1" -l -o Device,Start,Sectors "$img" | sed -n "s,^$img,,p" |
		while read -r number start count; do
			echo "$number $((start * $1)) $((count * $1))"
		done
}
# The types, which fdisk shows as words and sfdisk as they are.
types() {
	sfdisk -d "$img" | sed -n 's/.*type=\([0-9A-Fa-f-]*\).*/\1/p'
}
our_view() {
	"$tool" read "$img" "$1" | tail -n +2 | cut -d ' ' -f 1-3
}
our_types() {
	"$tool" read "$img" 512 | tail -n +2 | cut -d ' ' -f 4
}
fdisk_writes() { # the sfdisk script comes from stdin; sfdisk itself knows no other sector size
	cat >"$dir/script"
	printf 'I\n%s\nw\n' "$dir/script" | fdisk -b "$1" "$img"
}

for ss in 512 4096; do
	# We write, they read.
	blank 4G
	ok "write mbr $ss" "$tool" write "$img" $ss mbr 1048576,3000004608,7,active 3221225472,67108864,ef
	same "fdisk reads our mbr $ss" "$(our_view $ss)" "$(fdisk_view $ss)"
	same "two partitions" 2 "$(our_view $ss | wc -l)"
	if [ $ss = 512 ]; then
		same "types in our mbr" "$(our_types)" "$(types)"
		ok "sfdisk verifies our mbr" sfdisk -V "$img"
	fi
	blank 4G
	ok "write gpt $ss" "$tool" write "$img" $ss gpt 1048576,3000004608,data 3221225472,67108864,esp
	same "fdisk reads our gpt $ss" "$(our_view $ss)" "$(fdisk_view $ss)"
	same "two partitions" 2 "$(our_view $ss | wc -l)"
	if [ $ss = 512 ]; then
		same "types in our gpt" "$(our_types)" "$(types)"
		ok "sfdisk verifies our gpt" sfdisk -V "$img"
	fi

	# They write, we read.
	blank 4G
	ok "fdisk writes mbr $ss" fdisk_writes $ss <<-END
		label: dos
		size=500MiB, type=83
		size=1GiB, type=7, bootable
		size=1GiB, type=f
		size=100MiB, type=c
		size=200MiB, type=83
		size=300MiB, type=82
		size=50MiB, type=83
	END
	same "we read fdisk's mbr $ss" "$(fdisk_view $ss)" "$(our_view $ss)"
	same "seven partitions" 7 "$(our_view $ss | wc -l)"
	blank 4G
	ok "fdisk writes gpt $ss" fdisk_writes $ss <<-END
		label: gpt
		size=500MiB, type=U, name="ESP"
		size=1GiB, name="数据"
		7: size=1GiB, name="seven"
	END
	same "we read fdisk's gpt $ss" "$(fdisk_view $ss)" "$(our_view $ss)"
	same "name" 数据 "$("$tool" read "$img" $ss | sed -n 's/^2 .* //p')"
	# The same file with the other sector size stated.
	same "other sector size $ss" "$("$tool" read "$img" $ss)" "$("$tool" read "$img" $((512 + 4096 - ss)))"
	# The backup counts where the primary is damaged, in the header and in the entries.
	want=$("$tool" read "$img" $ss | sed '1s/$/ backup/')
	cp --sparse=always "$img" "$dir/keep"
	printf 'X' | dd of="$img" bs=1 seek=$((ss + 60)) conv=notrunc status=none
	same "backup for a bad header $ss" "$want" "$("$tool" read "$img" $ss)"
	mv "$dir/keep" "$img"
	printf 'X' | dd of="$img" bs=1 seek=$((2 * ss + 40)) conv=notrunc status=none
	same "backup for bad entries $ss" "$want" "$("$tool" read "$img" $ss)"
done

if command -v sgdisk >/dev/null; then
	blank 4G
	ok "write gpt" "$tool" write "$img" 512 gpt 1048576,3000004608,data 3221225472,67108864,esp
	same "sgdisk finds no problem" 1 "$(sgdisk -v "$img" | grep -c 'No problems found')"
	same "sgdisk reads the name" "Partition name: 'Teil 2: Ünï 盘'" "$(LC_ALL=C.UTF-8 sgdisk -i 2 "$img" | grep 'Partition name')"
	blank 4G
	ok "sgdisk writes" sgdisk -n 1:2048:+1G -t 1:0700 -n 128:0:+64M -t 128:ef00 "$img"
	same "we read sgdisk's gpt" "$(fdisk_view 512)" "$(our_view 512)"
	# An MBR written over a GPT leaves no second truth behind.
	ok "mbr over gpt" "$tool" write "$img" 512 mbr 1048576,3000004608,7
	same "no GPT left" 1 "$(sgdisk -v "$img" 2>&1 | grep -c 'Found invalid GPT\|No GPT\|GPT: not present\|MBR: MBR only')"
	same "no GPT signature left" 0 "$(grep -abc 'EFI PART' "$img")"
else
	echo "sgdisk is missing"
	fail=$((fail + 1))
fi

# A partition that ends with the disk, and one sector behind it.
blank 64M
ok "sfdisk writes to the end" sfdisk -q "$img" <<-END
	label: dos
	start=2048, type=83
END
same "it ends with the disk" "1 1048576 $((63 << 20))" "$(our_view 512)"
truncate -s -512 "$img"
same "one sector too long, says sfdisk" 1 "$(LC_ALL=C sfdisk -V "$img" 2>&1 | grep -c 'sectors 131072 greater than the maximum 131071')"
same "one sector too long" "" "$(our_view 512 2>/dev/null)"
same "one sector too long: says so" 1 "$("$tool" read "$img" 512 2>&1 | grep -c 'outside the device')"

# A hybrid ISO: entries that overlap.
mkdir "$dir/iso"
head -c 3000000 /dev/zero >"$dir/iso/file"
cp /usr/lib/ISOLINUX/isolinux.bin /usr/lib/syslinux/modules/bios/ldlinux.c32 "$dir/iso"
if xorriso -as mkisofs -quiet -o "$img.iso" -append_partition 2 0xef "$dir/iso/file" -b isolinux.bin -no-emul-boot -boot-load-size 4 -boot-info-table -isohybrid-mbr /usr/lib/ISOLINUX/isohdpfx.bin "$dir/iso" 2>"$dir/out"; then
	mv "$img.iso" "$img"
	same "hybrid ISO" "$(fdisk_view 512)" "$(our_view 512)"
	same "hybrid ISO: two partitions" 2 "$(our_view 512 | wc -l)"
else
	fail=$((fail + 1))
	cat "$dir/out"
fi
# No table at all.
blank 64M
same "blank disk" "none 00000000" "$("$tool" read "$img" 512)"
mkfs.exfat "$img" >/dev/null
same "exFAT volume" "none 00000000" "$("$tool" read "$img" 512)"
mkfs.fat -F 32 "$img" >/dev/null
same "FAT volume" "none 00000000" "$("$tool" read "$img" 512)"

echo "$pass passed, $fail failed"
[ $fail -eq 0 ]
