#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# check.sh SUITE...: makes check-SUITE for each, goes on after a failure, ends with "N passed, N failed[, N skipped]".
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export SUITE_LOG="$log"
${MAKE:-make} -j"$(nproc)" B="$B" all core || {
	echo "the build failed"
	echo "0 passed, 1 failed"
	exit 1
}
for suite in "$@"; do
	start=$(date +%s)
	echo "== $suite"
	lines=$(wc -l <"$log")
	${MAKE:-make} -s -j"$(nproc)" B="$B" "check-$suite"
	status=$?
	# A suite that broke before it could count is one failure.
	if [ "$(wc -l <"$log")" -eq "$lines" ]; then
		echo "$suite: ended with status $status and counted nothing"
		echo "$suite 0 1 0" >>"$log"
	fi
	echo "== $suite: $(($(date +%s) - start)) s"
done
awk '{p += $2; f += $3; s += $4}
     END {if (s) printf "%d passed, %d failed, %d skipped\n", p, f, s; else printf "%d passed, %d failed\n", p, f; exit f != 0}' "$log"
