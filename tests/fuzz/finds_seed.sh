#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
cd "$(dirname "$0")/../finds" || exit 1
for f in *.txt; do
	cat "$f" >"$1/$f"
	printf '\0\0\0\0' >>"$1/$f"
done
