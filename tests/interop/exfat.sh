#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# exFAT: what mkfs.exfat and exfat-fuse write we read, what we write fsck.exfat, dump.exfat and exfat-fuse read; power cuts in
# front of fsck.exfat. exfat-fuse needs root, a loop device and /dev/fuse: without them those tests are skipped, and counted so.
# shellcheck source=tests/interop/common.sh
. "${0%/*}/common.sh"
export LC_ALL=C.UTF-8
tool=$B/interop/exfat crash=$B/interop/exfat_crash
mnt=$dir/mnt
mkdir "$mnt"
skip=0 loop=

undo() {
	mountpoint -q "$mnt" && umount "$mnt"
	[ -n "$loop" ] && losetup -d "$loop"
}
refused() { # refused NAME WORDS COMMAND...
	local name=$1 words=$2
	shift 2
	if ! "$@" >"$dir/out" 2>&1 && grep -q "$words" "$dir/out"; then
		pass=$((pass + 1))
	else
		fail=$((fail + 1))
		echo "FAILED $name"
		head -n 20 "$dir/out"
	fi
}
clean() { # fsck.exfat says clean, and without any remark
	fsck.exfat -n "$img" >"$dir/fsck" 2>&1 && ! grep -q ERROR "$dir/fsck"
}
fuse=
if [ "$(id -u)" -eq 0 ] && [ -c /dev/fuse ] && command -v mount.exfat-fuse >/dev/null && losetup -f >/dev/null 2>&1; then
	fuse=1
fi
attach() {
	loop=$(losetup -f --show "$img") && mount.exfat-fuse "$loop" "$mnt" >/dev/null 2>&1
}
detach() {
	umount "$mnt" && losetup -d "$loop"
	loop=
}
# Size, CRC-32 and path of every file, as the mounted volume has them and as we read them.
mounted_tree() {
	(cd "$mnt" && find . -type f -print0 | sort -z | python3 -c '
import sys, zlib
for p in sys.stdin.buffer.read().split(b"\0")[:-1]:
    d = open(p, "rb").read()
    print(len(d), "%08x" % zlib.crc32(d), p[1:].decode())') | sort
}
our_tree() {
	"$tool" tree "$img" | sed -n 's/^f \([0-9]*\) [0-9]* -\{0,1\}[0-9]* [0-9]* \([0-9a-f]*\) \(.*\)$/\1 \2 \3/p' | sort
}
head -c 700000 /dev/urandom >"$dir/data"
head -c 37 /dev/urandom >"$dir/small"

# Volumes of mkfs.exfat, every cluster size.
for shift in 9 10 12 15 17 20 22 25; do
	blank $((shift < 22 ? 64 << 20 : 512 << 20))
	ok "mkfs cluster 2^$shift" mkfs.exfat -L 'Ünï 盘' -c $((1 << shift)) "$img"
	same "label and cluster size 2^$shift" "Ünï 盘 $((1 << shift))" "$("$tool" info "$img" | sed -n '1p;3p' | tr '\n' ' ' | sed 's/ $//')"
	ok "folder on mkfs volume 2^$shift" "$tool" mkdir "$img" '/图像/Ordner'
	ok "file on mkfs volume 2^$shift" "$tool" add "$img" "$dir/data" '/图像/Ordner/Größe.iso'
	ok "clean on mkfs volume 2^$shift" clean
done

# Volumes of ours, every cluster size and both sector sizes.
for ss in 512 4096; do
	for shift in 0 12 15 17 20 25; do
		size=$((shift == 0 ? 0 : 1 << shift))
		blank $((shift < 22 ? 64 << 20 : 512 << 20))
		ok "format $ss/$size" "$tool" format "$img" 'Isopod 盘' $size $ss
		ok "clean $ss/$size" clean
		same "label $ss/$size" 'Isopod 盘' "$("$tool" info "$img" | head -n 1)"
		ok "dump $ss/$size" dump.exfat "$img"
		same "dump's label $ss/$size" 1 "$(dump.exfat "$img" 2>&1 | grep -c 'Volume label:.*Isopod 盘')"
		ok "add $ss/$size" "$tool" add "$img" "$dir/data" /x.iso
		ok "clean with a file $ss/$size" clean
	done
done
# Large volumes: sparse files.
for size in 33G 3T; do
	blank $size
	ok "format $size" "$tool" format "$img" BIG 0
	ok "clean $size" clean
	same "cluster size $size" 131072 "$("$tool" info "$img" | tail -n 1)"
	ok "add $size" "$tool" add "$img" "$dir/data" /x.iso
	ok "clean $size with a file" clean
done

# Everything once, then what is left equals what was put.
blank 64M
ok "format" "$tool" format "$img" '' 4096
long=$(printf '长%.0s' $(seq 85))
ok "mkdir" "$tool" mkdir "$img" "/a/b/c"
ok "long name" "$tool" add "$img" "$dir/data" "/a/b/$long$long$long"
refused "name in use" "exists already" "$tool" add "$img" "$dir/data" "/A/B/$long$long$long"
for i in $(seq 200); do
	"$tool" add "$img" "$dir/small" "/a/b/c/image number $i of many.iso" || break
done >"$dir/out" 2>&1
same "200 files" 200 "$("$tool" tree "$img" | grep -c /a/b/c/image)"
ok "clean with 200 files" clean
for i in $(seq 1 2 200); do
	"$tool" rm "$img" "/a/b/c/image number $i of many.iso" || break
done >"$dir/out" 2>&1
ok "clean with 100 files" clean
ok "move folder" "$tool" mv "$img" /a/b/c /moved
ok "move file" "$tool" mv "$img" "/a/b/$long$long$long" /short
ok "rename" "$tool" mv "$img" /short '/Größe'
ok "replace" "$tool" replace "$img" "$dir/data" '/GRÖßE'
ok "clean after moves" clean
same "100 files moved" 100 "$("$tool" tree "$img" | grep -c /moved/image)"
read -r total free largest <<<"$("$tool" space "$img")"
head -c $((largest + 4096)) /dev/urandom >"$dir/big"
if [ "$free" -gt "$largest" ]; then
	refused "no run large enough" "largest free run" "$tool" add "$img" "$dir/big" /big
	head -c "$free" /dev/urandom >"$dir/big"
	ok "fragmented, to the last cluster" "$tool" fragments "$img" "$dir/big" /big
	ok "clean when full" clean
	same "content of the fragmented file" "$(crc32 "$dir/big" 2>/dev/null || python3 -c 'import sys, zlib; print("%08x" % zlib.crc32(open(sys.argv[1], "rb").read()))' "$dir/big")" \
		"$("$tool" tree "$img" | sed -n 's/^f .* \([0-9a-f]*\) \/big$/\1/p')"
	refused "full" "no space left" "$tool" add "$img" "$dir/small" /one-more
else
	fail=$((fail + 1))
	echo "FAILED: no fragmentation to test ($total $free $largest)"
fi

# Files that get longer and shorter in place.
blank 64M
sum_of() { "$tool" tree "$img" | sed -n "s,^f \\([0-9]*\\) .* \\([0-9a-f]*\\) $1\$,\\1 \\2,p"; }
sum_is() { python3 -c 'import sys, zlib; d = b"".join(open(p, "rb").read() for p in sys.argv[2:])[:int(sys.argv[1])]
print(len(d), "%08x" % zlib.crc32(d))' "$@"; }
runs_of() { "$tool" tree "$img" | awk -v p="$1" '$NF == p { print $5 }'; }
head -c 300000 /dev/zero >"$dir/zeros"
ok "format for lengths" "$tool" format "$img" '' 4096
ok "first" "$tool" add "$img" "$dir/data" /first
ok "longer where there is room behind" "$tool" append "$img" "$dir/data" /first
same "in one piece" 1 "$(runs_of /first)"
ok "clean, longer" clean
ok "second" "$tool" add "$img" "$dir/small" /second
ok "longer in pieces" "$tool" append "$img" "$dir/data" /first
same "in two pieces" 2 "$(runs_of /first)"
ok "clean, in pieces" clean
ok "chain gets longer" "$tool" append "$img" "$dir/small" /first
ok "third" "$tool" add "$img" "$dir/small" /third
ok "chain gets more pieces" "$tool" append "$img" "$dir/data" /first
same "in three pieces" 3 "$(runs_of /first)"
ok "clean, in more pieces" clean
same "content" "$(sum_is 9999999 "$dir"/{data,data,data,small,data})" "$(sum_of /first)"
ok "longer without content" "$tool" grow "$img" $((37 + 300000)) /second
same "zeros" "$(sum_is 9999999 "$dir"/{small,zeros})" "$(sum_of /second)"
ok "clean, with zeros" clean
ok "chain gets shorter" "$tool" cut "$img" 2100001 /first
ok "clean, shorter" clean
same "content, shorter" "$(sum_is 2100001 "$dir"/{data,data,data,small,data})" "$(sum_of /first)"
ok "back to one piece" "$tool" cut "$img" 1000000 /first
same "one piece again" 1 "$(runs_of /first)"
ok "clean, in one piece" clean
ok "to nothing" "$tool" cut "$img" 0 /third
ok "clean, with an empty file" clean
ok "from nothing" "$tool" append "$img" "$dir/data" /third
same "content from nothing" "$(sum_is 9999999 "$dir/data")" "$(sum_of /third)"
ok "clean, from nothing" clean
refused "longer than there is room" "no space left" "$tool" grow "$img" $((1 << 30)) /third
ok "clean after a refusal" clean
same "dump.exfat counts the same clusters" "$("$tool" space "$img" | cut -d ' ' -f 2)" \
	"$(dump.exfat "$img" 2>&1 | awk '/Free Clusters/ { print $NF * 4096 }')"

# Attributes.
attr_of() { "$tool" attributes "$img" | sed -n "s,^\\([0-9a-f]*\\) $1\$,\\1,p"; }
before=$("$tool" tree "$img")
same "archive only" 20 "$(attr_of /first)"
ok "read-only" "$tool" attr "$img" 0x21 /first
ok "hidden and system" "$tool" attr "$img" 0x06 /second
same "is read-only" 21 "$(attr_of /first)"
same "is hidden and system" 06 "$(attr_of /second)"
ok "clean, with attributes" clean
same "nothing else changed" "$before" "$("$tool" tree "$img")"
refused "attributes of nothing" "not found" "$tool" attr "$img" 1 /nothing
if [ -n "$fuse" ]; then
	ok "exfat-fuse mounts files with attributes" attach
	same "exfat-fuse reads files with attributes" "$(mounted_tree)" "$(our_tree)"
	mv "$mnt/first" "$mnt/still first"
	detach
	same "exfat-fuse found the bit and kept it" 21 "$(attr_of '/still first')"
	ok "clean behind exfat-fuse" clean
	ok "its name again" "$tool" mv "$img" '/still first' /first
fi

if [ -n "$fuse" ]; then
	ok "exfat-fuse mounts files of changed length" attach
	same "exfat-fuse reads files of changed length" "$(mounted_tree)" "$(our_tree)"
	detach
	blank 64M
	"$tool" format "$img" '' 4096
	"$tool" add "$img" "$dir/data" /first >"$dir/out"
	ok "exfat-fuse mounts ours" attach
	same "exfat-fuse reads ours" "$(mounted_tree)" "$(our_tree)"
	detach
	# Their files: fragmented, long names, many, holes.
	blank 64M
	"$tool" format "$img" FUSE 4096
	ok "exfat-fuse mounts" attach
	mkdir -p "$mnt/dir/多" "$mnt/many"
	for i in $(seq 300); do
		head -c $((i * 7)) /dev/urandom >"$mnt/many/some distribution $i amd64.iso"
	done
	cp "$dir/data" "$mnt/dir/多/$long"
	exec 3>"$mnt/one" 4>"$mnt/two"
	for i in $(seq 40); do
		head -c 9000 /dev/urandom >&3
		head -c 5000 /dev/urandom >&4
	done
	exec 3>&- 4>&-
	truncate -s 300000 "$mnt/small hole"
	want=$(mounted_tree)
	detach
	same "we read exfat-fuse's" "$want" "$(our_tree)"
	same "fragmented" 1 "$("$tool" tree "$img" | awk '$NF == "/one" && $5 > 10' | wc -l)"
	ok "clean" clean
	ok "move theirs" "$tool" mv "$img" /one /dir/one
	for i in $(seq 3 3 300); do
		"$tool" rm "$img" "/many/some distribution $i amd64.iso" || echo "rm $i"
		"$tool" add "$img" "$dir/small" "/many/ours $i with a rather long name for the place.iso" || echo "add $i"
	done >"$dir/log" 2>&1
	same "mixed work" "" "$(cat "$dir/log")"
	same "fragmented, moved" 1 "$("$tool" tree "$img" | awk '$NF == "/dir/one" && $5 > 10' | wc -l)"
	ok "replace theirs" "$tool" replace "$img" "$dir/small" "/dir/one"
	ok "remove theirs" "$tool" rm "$img" /two
	ok "clean after mixed work" clean
	ok "exfat-fuse mounts again" attach
	same "exfat-fuse reads the mixture" "$(mounted_tree)" "$(our_tree)"
	detach
else
	skip=$((skip + 1))
	echo "skipped: exfat-fuse (needs root, a loop device and /dev/fuse)"
fi

# What the boot manager pays for its list.
blank 256M
"$tool" format "$img" COST 0
if [ -n "$fuse" ]; then
	attach
	for k in $(seq 300); do
		mkdir "$mnt/folder $k"
		for j in $(seq 30); do
			: >"$mnt/folder $k/distribution $j amd64.iso"
		done
	done
	detach
	read -r bytes _ reads _ <<<"$("$tool" cost "$img")"
	echo "300 folders of 30 files: $bytes bytes, $reads reads"
	ok "at most 2 MiB to list 300 folders of 30 files" test "$bytes" -le $((2 << 20))
fi

# Power cuts. Each operation is one result, and every one of them has to be there.
operations=$(sed -n '/^static const struct operation operations/,/^};/s/^\t{"\([a-z_0-9]*\)".*/\1/p' "${0%/*}/../unit/exfat_scenario.h")
for size in 2048 4096; do
	mkdir "$dir/crash"
	"$crash" "$dir/crash" $size "" 3 >"$dir/cuts" 2>&1
	for name in $operations; do
		ok "power cut, clusters of $size: $name" grep -q "^ok $name: " "$dir/cuts"
	done
	same "operations, clusters of $size" "$(echo "$operations" | wc -l) passed, 0 failed" "$(tail -n 1 "$dir/cuts")"
	grep -v '^ok ' "$dir/cuts" | head -n 40
	rm -rf "$dir/crash"
done

echo "$pass passed, $fail failed, $skip skipped"
[ $fail -eq 0 ]
