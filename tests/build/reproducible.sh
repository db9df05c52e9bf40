#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Everything that lands on a stick, and the command itself, built twice from two copies of the tree in folders of different names, is
# the same to the byte.
set -e
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pass=0 fail=0
for n in one a-second-and-longer-name; do
	mkdir -p "$work/$n"
	git ls-files -z | xargs -0 tar cf - | tar xf - -C "$work/$n"
	make -s -j"$(nproc)" -C "$work/$n" B="$work/$n-build" all >"$work/$n.log" 2>&1 || {
		tail -n 20 "$work/$n.log"
		echo "0 passed, 1 failed"
		exit 1
	}
done
first=$work/one-build second=$work/a-second-and-longer-name-build
for f in "$first"/stick/* "$first"/isopod; do
	name=${f#"$first"/}
	if cmp "$f" "$second/$name"; then
		pass=$((pass + 1))
	else
		fail=$((fail + 1))
	fi
done
[ "$pass" -gt 5 ] || fail=$((fail + 1))
echo "$pass passed, $fail failed"
[ "$fail" -eq 0 ]
