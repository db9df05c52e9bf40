#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Replays the seeds of each target in $FUZZ_NAMES, then mutates them, as many targets at a time as there are processors; three results per
# target. With FUZZ_RUNS that many inputs from one fixed seed: the same on every machine, but for the dates and UUIDs that other
# programs put into seeds. (Hints from comparisons are left out there: addresses are among what is compared, and those are others
# in each run.) Else new ones for FUZZ_SECONDS. What a run finds stays in $B/fuzz/found/<name>/ and is named; the seeds themselves
# are made afresh in $B/fuzz/seed/<name>/.
B=${B:-build}
if [ -n "${FUZZ_RUNS:-}" ]; then
	how="$FUZZ_RUNS mutations" limit="-seed=1 -use_cmp=0 -runs=$FUZZ_RUNS"
else
	how="${FUZZ_SECONDS:-600} s of mutation" limit="-max_total_time=${FUZZ_SECONDS:-600}"
fi
here=$(dirname "$0")
if [ $# -eq 0 ]; then
	# Each in a call of its own with its name, into a file; the last line of each is its sum.
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	# shellcheck disable=SC2016,SC2086
	printf '%s\n' $FUZZ_NAMES | WORK=$work xargs -P "$(nproc)" -I{} sh -c '"$0" "$1" >"$WORK/$1" 2>&1 || :' "$0" {}
	for name in $FUZZ_NAMES; do sed '$d' "$work/$name"; done
	for name in $FUZZ_NAMES; do tail -n 1 "$work/$name"; done | awk -v all="$(echo "$FUZZ_NAMES" | wc -w)" '
		/^[0-9]+ passed, [0-9]+ failed$/ { passed += $1; failed += $3; sums++ }
		END { failed += all - sums; print passed + 0 " passed, " failed + 0 " failed"; exit failed != 0 }'
	exit
fi
pass=0 fail=0
result() {
	if [ "$1" -eq 0 ]; then
		pass=$((pass + 1))
	else
		fail=$((fail + 1))
		echo "FAILED $2 (status $1)"
	fi
}
for name in "$@"; do
	seed=$B/fuzz/seed/$name found=$B/fuzz/found/$name grown=$B/fuzz/grown/$name log=$B/fuzz/$name.log
	rm -rf "$seed"
	[ -z "${FUZZ_RUNS:-}" ] || rm -rf "$grown"
	mkdir -p "$seed" "$found" "$grown"
	st=0
	for gen in "$here/${name}_seed.py" "$here/${name}_seed.sh"; do
		if [ -x "$gen" ]; then
			"$gen" "$seed" >"$log" 2>&1 || { st=$?; tail -n 20 "$log"; }
		fi
	done
	result "$st" "$name: seeds made"
	st=0
	if [ -d "$here/corpus/$name" ]; then
		python3 "$here/hex.py" unpack "$here/corpus/$name" "$seed" || st=$?
	fi
	# A target without a single seed is run on nothing but noise, and that is worth a failure.
	[ -n "$(ls "$seed")" ] || { echo "$name: no seeds"; st=1; }
	if [ "$st" -eq 0 ]; then
		"$B/fuzz/$name" -runs=0 -rss_limit_mb=512 -timeout=10 -artifact_prefix="$found/" "$seed" >"$log" 2>&1 || {
			st=$?
			tail -n 30 "$log"
		}
	fi
	result "$st" "$name: replay"
	st=0
	# In the order of their names: that of a folder is the filesystem's.
	printf '%s\n' "$seed"/* | LC_ALL=C sort | paste -s -d , - >"$log.seeds"
	# shellcheck disable=SC2086
	"$B/fuzz/$name" $limit -rss_limit_mb=512 -timeout=10 -max_len=262144 -artifact_prefix="$found/" \
		-seed_inputs=@"$log.seeds" "$grown" >"$log" 2>&1 || {
		st=$?
		tail -n 30 "$log"
	}
	result "$st" "$name: $how"
done
echo "$pass passed, $fail failed"
[ "$fail" -eq 0 ]
