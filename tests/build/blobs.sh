#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The tree holds no binaries: nothing but text, screenshots of the documentation, and small test vectors and fuzz seeds.
bad=$(git ls-files -z | xargs -0 -r file --mime-encoding | awk -F: '/binary$/ {print $1}' |
	grep -v -E '^tests/(vectors|fuzz/corpus)/|^doc/[^/]*\.png$')
big=$(git ls-files -z tests/vectors tests/fuzz/corpus | xargs -0 -r -n 1 sh -c 'test "$(wc -c <"$0")" -le 65536 || echo "$0"')
for f in $bad; do echo "$f: a binary in the tree"; done
for f in $big; do echo "$f: larger than 64 KiB"; done
if [ -n "$bad$big" ]; then
	echo "0 passed, 1 failed"
	exit 1
fi
echo "1 passed, 0 failed"
