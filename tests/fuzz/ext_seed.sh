#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Small volumes of each layout, with the names that the target looks up; the two fault counters are appended.
set -e
PATH=$PATH:/usr/sbin:/sbin
w=$(mktemp -d)
trap 'rm -rf "$w"' EXIT
mkdir -p "$w/t/up" "$w/t/boot"
head -c 20000 /dev/zero | tr '\0' 'x' >"$w/t/boot/initrd"
truncate -s 40000 "$w/t/sparse"
printf x | dd of="$w/t/sparse" bs=1 seek=30000 conv=notrunc 2>/dev/null
printf y >"$w/t/up/x"
ln -s up "$w/t/link"
ln -s loop "$w/t/loop"
ln -s "/$(printf 'up/../%.0s' 1 2 3 4 5 6 7 8 9 10 11 12)up/x" "$w/t/long"
make() {
	name=$1 size=$2
	shift 2
	rm -f "$w/v"
	mke2fs -q -F -N 32 -m 0 "$@" -d "$w/t" "$w/v" "$size" >/dev/null
	{ cat "$w/v"; printf '\0\0\0\0'; } >"$OUT/$name"
}
OUT=$1
make rev0 128k -r 0 -b 1024
make ext2 128k -t ext2 -b 1024 -O ^resize_inode
make ext4 160k -t ext4 -b 1024 -O ^has_journal,^resize_inode
make groups 200k -t ext4 -b 1024 -g 256 -O ^has_journal,^resize_inode,meta_bg,^flex_bg
make narrow 160k -t ext4 -b 1024 -O ^has_journal,^resize_inode,^64bit,^metadata_csum
make inline 160k -t ext4 -b 1024 -O ^has_journal,^resize_inode,inline_data
# One whose last changes are in its journal alone: a file of it serves as one, since mke2fs makes none so small. Two transactions, the
# second of which goes on at the log's beginning.
/usr/bin/python3 - "$w/t/journal" <<'END'
import struct, sys
M = 0xC03B3998
log = {0: struct.pack(">12I", M, 4, 0, 1024, 12, 1, 7, 6, 0, 0, 0, 0),
       6: struct.pack(">3I", M, 1, 7) + struct.pack(">IHH", 3, 0, 0) + bytes(16) + struct.pack(">IHH", 2, 0, 2 | 8),
       9: struct.pack(">3I", M, 2, 7), 10: struct.pack(">3I", M, 1, 8) + struct.pack(">IHH", 3, 0, 2 | 1 | 8), 1: struct.pack(">3I", M, 5, 8),
       2: struct.pack(">3I", M, 2, 8)}
with open(sys.argv[1], "wb") as f:
    for i in range(12):
        f.write(log.get(i, b"\xff" * 1024).ljust(1024, b"\0"))
END
make plain 128k -t ext2 -b 1024 -O ^resize_inode
i=$(debugfs -R "stat journal" "$w/v" 2>/dev/null | sed -n 's/^Inode: \([0-9]*\).*/\1/p')
printf 'feature has_journal needs_recovery\nssv journal_inum %s\n' "$i" >"$w/cmds"
debugfs -w -f "$w/cmds" "$w/v" >/dev/null 2>&1
at=$(debugfs -R "bmap journal 8" "$w/v" 2>/dev/null | tail -n 1)
dd if="$w/v" of="$w/v" bs=1024 skip=2 seek="$at" count=1 conv=notrunc 2>/dev/null
{ cat "$w/v"; printf '\0\0\0\0'; } >"$OUT/dirty"
rm "$w/t/journal"
make wide 220k -t ext4 -b 2048 -O ^has_journal,^resize_inode
# shellcheck disable=SC2059
for i in 1 2 3 5 8 13 21 34 55 89; do
	{ cat "$w/v"; printf "\\$(printf %03o $i)\0\0\0"; } >"$OUT/read$i"
	{ cat "$w/v"; printf "\0\0\\$(printf %03o $i)\0"; } >"$OUT/alloc$i"
done
