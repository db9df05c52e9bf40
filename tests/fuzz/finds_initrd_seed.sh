#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A small initrd by cpio, in each packing, with microcode in front, and cut off.
set -euo pipefail
out=$1
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir -p "$tmp/t/scripts" "$tmp/t/bin" "$tmp/u/kernel/x86"
printf '#!/bin/sh\n. /scripts/find\nfind_it\n' >"$tmp/t/init"
# shellcheck disable=SC2016 # the script's own variables
printf 'find_it() {\n\tfor d in /sys/block/*; do\n\t\tmount /dev/${d##*/} /m\n\tdone\n}\n' >"$tmp/t/scripts/find"
printf '\177ELF\0/proc/partitions\0' >"$tmp/t/bin/helper"
ln -s helper "$tmp/t/bin/sh"
echo microcode >"$tmp/u/kernel/x86/m.bin"
pack() { (cd "$1" && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0); }
pack "$tmp/t" >"$tmp/plain"
pack "$tmp/u" >"$tmp/early"
room() { printf '\0\100'; } # 16 KiB
end() { printf '\0\0\0\0'; } # of the fuzzer's own
seed() { { room; cat "${@:2}"; end; } >"$out/$1"; }
seed plain "$tmp/plain"
head -c 512 /dev/zero >"$tmp/zeros"
for z in gzip xz 'xz --format=lzma' zstd 'lz4 -l'; do
	command -v "${z%% *}" >/dev/null || continue
	$z -c <"$tmp/plain" >"$tmp/packed"
	name=${z// /}
	seed "$name" "$tmp/packed"
	seed "early-$name" "$tmp/early" "$tmp/zeros" "$tmp/packed" "$tmp/zeros" "$tmp/packed"
	head -c 200 "$tmp/packed" >"$tmp/cut"
	seed "cut-$name" "$tmp/cut"
done
