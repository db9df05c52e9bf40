#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# run-suite.sh NAME PROGRAM...: runs each program ($JOBS at a time, default 1), which prints "N passed, N failed[, N skipped]" as its
# last such line and exits 0 only if none failed; prints the sum, and appends it to $SUITE_LOG if that is set. A program that dies
# counts as one failure. Skips are printed with their reasons.
name=$1
shift
pass=0 fail=0 skip=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
n=0
for t in "$@"; do
	n=$((n + 1))
	printf '%s\0%s\0' "$work/$n" "$t"
done | xargs -0 -r -n 2 -P "${JOBS:-1}" sh -c 's=$(date +%s); "$1" >"$0.out" 2>&1; echo "$?" >"$0.st"; echo $(($(date +%s) - s)) >"$0.sec"'
n=0
for t in "$@"; do
	n=$((n + 1))
	out=$work/$n.out
	st=$(cat "$work/$n.st" 2>/dev/null || echo 255)
	sec=$(cat "$work/$n.sec" 2>/dev/null || echo 0)
	line=$(grep -a -E '^[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?$' "$out" | tail -n 1)
	if [ -z "$line" ]; then
		tail -n 40 "$out"
		echo "$t: ended with status $st and no result line"
		fail=$((fail + 1))
		continue
	fi
	p=${line%% passed*}
	f=${line#* passed, }
	f=${f%% failed*}
	s=0
	case $line in *skipped) s=${line##*failed, } s=${s%% skipped} ;; esac
	if [ "$st" -ne 0 ] && [ "$f" -eq 0 ]; then
		f=1
	fi
	if [ "$f" -ne 0 ]; then
		tail -n 60 "$out"
		echo "$t: $line (status $st)"
	elif [ "$s" -ne 0 ]; then
		grep -a -i skip "$out"
	fi
	[ "$sec" -lt 20 ] || echo "$t: $sec s"
	pass=$((pass + p))
	fail=$((fail + f))
	skip=$((skip + s))
done
echo "$name: $pass passed, $fail failed, $skip skipped"
[ -z "${SUITE_LOG:-}" ] || echo "$name $pass $fail $skip" >>"$SUITE_LOG"
[ "$fail" -eq 0 ]
