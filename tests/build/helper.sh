#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The helper for Windows PE, as it goes onto the stick: small, whole sectors, for the right machine, no page that can be written and
# executed, loaded anywhere; and it imports what windows/*.def name and nothing else, so that each Windows PE can start it.
B=${B:-build}
limit=$(sed -n 's/^HELPER_LIMIT := //p' windows/rules.mk)
pass=0 fail=0
check() {
	what=$1
	shift
	if "$@"; then
		pass=$((pass + 1))
	else
		fail=$((fail + 1))
		echo "FAILED $what"
	fi
}
allowed=$(for f in windows/*.def; do sed -n 's/@[0-9]*$//p' "$f" | sed "s/^/$(basename "$f" .def).dll /"; done | sort)
for name in WINX64:AMD64 WINIA32:I386 WINAA64:ARM64; do
	f=$B/stick/${name%:*}.EXE
	size=$(wc -c <"$f")
	check "$f: $size bytes" [ "$size" -gt 4096 -a "$size" -le "$limit" -a $((size % 2048)) -eq 0 ]
	headers=$(llvm-readobj --file-headers --sections "$f")
	check "$f: machine" sh -c 'echo "$0" | grep -q "IMAGE_FILE_MACHINE_$1 "' "$headers" "${name#*:}"
	check "$f: subsystem" sh -c 'echo "$0" | grep -q "Subsystem: IMAGE_SUBSYSTEM_WINDOWS_GUI"' "$headers"
	check "$f: can be loaded anywhere, data is no code" sh -c 'echo "$0" | grep -q DYNAMIC_BASE && echo "$0" | grep -q NX_COMPAT' "$headers"
	check "$f: a section can be written and executed" sh -c '! echo "$0" | awk "/Characteristics/ { x = w = 0 } /MEM_EXECUTE/ { x = 1 } /MEM_WRITE/ { w = 1 } x && w { bad = 1 } END { exit !bad }"' "$headers"
	imports=$(llvm-readobj --coff-imports "$f" | awk '$1 == "Name:" { dll = tolower($2) } $1 == "Symbol:" { print dll, $2 }' | sort)
	more=$(printf '%s\n%s\n%s\n' "$imports" "$allowed" "$allowed" | sort | uniq -u)
	check "$f: imports what no .def names: $more" [ -n "$imports" -a -z "$more" ]
	# A line that nobody needs would hide one that is.
	less=$(printf '%s\n%s\n%s\n' "$imports" "$imports" "$allowed" | sort | uniq -u)
	check "$f: does not import: $less" [ -z "$less" ]
done
echo "$pass passed, $fail failed"
[ "$fail" -eq 0 ]
