#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# What no product calls: functions and tables with external linkage that the linker leaves out of every one of them (the command, both
# boot managers, the shim, the helper) though they were compiled for it. Those in tests/build/dead.txt are allowed, each with a reason; a line
# there that is not needed any more fails too.
B=${B:-build}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
set -e
# shellcheck disable=SC2046 # names without blanks; objects of sources that are gone may still lie there
{
# One architecture of each port stands for the others. Linked again, since what is shipped has no symbols or folds equal functions.
lld-link /subsystem:efi_application /entry:efi_main /nodefaultlib /opt:ref /opt:noicf "/lldmap:$work/efi.map" "/out:$work/efi" \
	$(git ls-files 'boot/efi/*.c' 'boot/lib/*.c' | sed "s|^|$B/x64/|; s/c$/o/") "$B/x64/libmenu.a" "$B/x64/libpod.a"
ld.lld -static -nostdlib --gc-sections -e _start -o "$work/shim" $(find "$B/shim/X64" -name '*.o' | while read -r o; do
	s=${o#"$B/shim/X64/"}
	[ ! -e "${s%o}c" ] || echo "$o"
done)
lld-link /subsystem:windows /entry:helper_main /nodefaultlib /opt:ref /opt:noicf /opt:lldlto=0 "/lldmap:$work/helper.map" "/out:$work/helper" \
	$(find "$B/helper/X64" -name '*.o' | while read -r o; do
	s=${o#"$B/helper/X64/"}
	[ ! -e "${s%o}c" ] || echo "$o"
done) "$B"/helper/X64/*.lib
}
{
	awk '/^ *[0-9a-f]+ / { print $NF }' "$work/helper.map"
	llvm-nm --defined-only -j "$B/isopod" "$B/bios/stage2.elf" "$B/bios/resident.elf" "$work/shim"
	awk '/^ *[0-9a-f]+ / { print $NF }' "$work/efi.map"
} | sort -u >"$work/kept"
find "$B/cli-obj" "$B/host/core" "$B/x64/core" "$B/x64/boot" "$B/bios/core" "$B/bios/boot" "$B/bios16" "$B/shim/X64" "$B/helper/X64" -name '*.o' \
	-exec llvm-nm --defined-only --print-file-name {} + | awk '$NF !~ /^[?]/ && $(NF - 1) ~ /^[TRDB]$/ { sub(/:$/, "", $1); print $NF, $1 }' |
	sort -u >"$work/defined"
sed -n 's/^\([^# ]*\).*/\1/p' tests/build/dead.txt | sort -u >"$work/allowed"
# The name of a symbol, and its source; objects of sources that are gone may still lie there.
awk -v b="$B/" 'FILENAME == ARGV[1] { kept[$1] = 1; next }
	!($1 in kept) { sub(b "[^/]*/", "", $2); sub(/^X64\//, "", $2); sub(/o$/, "c", $2); print $1, $2 }' "$work/kept" "$work/defined" |
	sort -u | while read -r name source; do
	# what of the tests is compiled as the command is stands there too
	case $source in tests/*) continue ;; esac
	[ ! -e "$source" ] || echo "$name $source"
done >"$work/dead"
set +e
pass=0 fail=0
result() {
	if [ -z "$2" ]; then
		pass=$((pass + 1))
	else
		fail=$((fail + 1))
		printf 'FAILED %s:\n%s\n' "$1" "$2"
	fi
}
result "the products hold what they are known to" "$(for known in main efi_main pod_strlen _start helper_main; do
	grep -q -x "$known" "$work/kept" || echo "$known"; done)"
result "nobody calls" "$(awk 'FILENAME == ARGV[1] { allowed[$1] = 1; next } !($1 in allowed)' "$work/allowed" "$work/dead")"
result "in tests/build/dead.txt without need" "$(awk 'FILENAME == ARGV[1] { dead[$1] = 1; next } !($1 in dead)' "$work/dead" "$work/allowed")"
echo "$pass passed, $fail failed"
[ "$fail" -eq 0 ]
