#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
for f in "$(dirname "$0")"/../finds/*.txt; do
	out=$1/$(basename "$f")
	cat "$f" >"$out"
	printf '\0\0\0\0' >>"$out"
done
# A program's string that is longer than a word.
printf 'expect unknown sbin/find-medium\n=== init\n#!/bin/sh\n/sbin/find-medium\n=== sbin/find-medium ELF\n/dev/%0400d\n\0\0\0\0' 0 >"$1/long"
