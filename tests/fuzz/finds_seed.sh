#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
for f in "$(dirname "$0")"/../finds/*.txt; do
	out=$1/$(basename "$f")
	cat "$f" >"$out"
	printf '\0\0\0\0' >>"$out"
done
