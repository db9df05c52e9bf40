#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Every mistake of tests/break.txt, made in a copy of the tree and the build folder, must be noticed by the test that is named there.
# A line whose expression changes nothing, or after which the test cannot be built, has failed too.
#     break.sh            every line; first, what --missing looks at
#     break.sh REGEX      the lines that match
#     break.sh --sound [REGEX]    the same tests without the mistakes: none may fail, or it would fail for another reason there
#     break.sh --missing  only whether every test has its line, and every line changes its file: seconds, nothing is built
set -u
cd "$(dirname "$0")/.." || exit 1
B=${B:-build}
sound=false
case ${1-} in --sound) sound=true && shift ;; esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pass=0 fail=0
tree=$work/tree

wrong() {
	fail=$((fail + 1))
	echo "FAILED $1"
}

# Whatever is a test by itself, by its name in break.txt.
tests() {
	git ls-files 'tests/unit/*_test.c' 'tests/fuzz/*_fuzz.c' | sed 's,^tests/,,; s,_\(test\|fuzz\)\.c$,,'
	git ls-files -s 'tests/interop' 'tests/build' 'tests/boot' 'tests/faults/run.py' | sed -n 's,^100755.*\ttests/,,p'
}

# FILE, EXPRESSION and TEST of each line.
lines() {
	sed -n 's/^\([^# ]\{1,\}\) *:: \(.*\) :: \([^:]*\)$/\1\t\2\t\3/p' tests/break.txt
}

# The one file of the tree that FILE names, its end or all of it.
path_of() {
	local path
	path=$(git ls-files "$1" "*/$1")
	[ -n "$path" ] && [ "$(echo "$path" | wc -l)" -eq 1 ] && echo "$path"
}

# Lines that no longer make a mistake, as the code that they changed is another now.
stale() {
	local file expression test path part
	while IFS=$'\t' read -r file expression test; do
		if ! path=$(path_of "$file"); then
			wrong "$file, $test: not the name of one file"
			continue
		fi
		while IFS= read -r part; do # of several, each
			if ! sed -e "$part" "$path" >"$work/mistaken"; then
				wrong "$file, $test: $part: not an expression for sed"
			elif cmp -s "$path" "$work/mistaken"; then
				wrong "$file, $test: $part: changes nothing"
			fi
		done <<<"${expression//; s\//$'\n's/}"
	done < <(lines)
}

missing() {
	lines | cut -f 3 | cut -d ' ' -f 1 | sort -u >"$work/listed"
	tests | sort -u >"$work/tests"
	for t in $(comm -13 "$work/listed" "$work/tests"); do wrong "$t: tests/break.txt has no mistake for it"; done
	for t in $(comm -23 "$work/listed" "$work/tests"); do wrong "$t, in tests/break.txt: no such test"; done
	[ "$(lines | wc -l)" -eq "$(grep -c -v -e '^#' -e '^$' tests/break.txt)" ] || wrong "tests/break.txt: a line is not FILE :: EXPRESSION :: TEST"
	stale
}

# A tree of its own for git too, which some tests ask. The folder's name is in what was built; that of a copy elsewhere is "build" all
# the same, and objects keep their dates.
copy() {
	mkdir "$tree"
	git ls-files -z | xargs -0 cp -p --parents -t "$tree" || exit 1
	(cd "$tree" && git init -q . && git add -A) || exit 1
	(cd "$B" && tar cf - --exclude=./boot-tests --exclude=./deb --exclude='./fuzz/found' --exclude='./fuzz/grown' .) |
		(mkdir "$tree/build" && cd "$tree/build" && tar xf -) || exit 1
}

# Builds a test; its log is in $work/log.
build() {
	case $1 in
	unit/*) target="build/${1}_test" ;;
	fuzz/*) target="build/$1" ;;
	build/hardening.sh) # nothing depends on the options it is linked with
		rm -f "$tree/build/isopod"
		target=all
		;;
	build/*) target="all core build/host/libmenu.a" ;;
	boot/stack.py) target="all stack-bin" ;;
	boot/*) target=all ;;
	*) target=interop-bin ;;
	esac
	# shellcheck disable=SC2086 # several targets
	make -C "$tree" -s B=build $target >"$work/log" 2>&1
}

# Runs it, TEST ARGUMENT...; NAME=VALUE among them is for its environment. Nothing that hangs is waited for.
passes() {
	local more=() set=()
	for word in "${@:2}"; do
		if [[ $word =~ ^[A-Z_]+= ]]; then set+=("$word"); else more+=("$word"); fi
	done
	case $1 in
	unit/*) (cd "$tree" && timeout 120 "build/${1}_test") ;;
	fuzz/*) (cd "$tree" && B=build FUZZ_NAMES="${1#fuzz/}" FUZZ_RUNS=20000 timeout 300 tests/fuzz/run.sh) ;;
	build/*) (cd "$tree" && B=build timeout 900 "tests/$1") ;;
	*) (cd "$tree" && env B="$tree/build" "${set[@]}" timeout 900 "tests/$1" "${more[@]}") ;;
	esac >"$work/log" 2>&1
}

one() { # one FILE EXPRESSION TEST [ARGUMENT...]
	local what="$1, ${*:3}: $2" path
	if ! path=$(path_of "$1"); then
		wrong "$what: not the name of one file"
		return
	fi
	cp -p "$tree/$path" "$work/right" # the tree that was copied may be worked on
	$sound || sed -i "$2" "$tree/$path" || exit 1
	if ! $sound && cmp -s "$work/right" "$tree/$path"; then
		wrong "$what: changes nothing"
	elif ! build "$3"; then
		wrong "$what: cannot be built"
		tail -n 5 "$work/log"
	elif passes "${@:3}"; then
		$sound && pass=$((pass + 1)) || wrong "$what: not noticed"
	else
		$sound && wrong "$what: fails without the mistake" || pass=$((pass + 1))
	fi
	[ -z "${BREAK_VERBOSE:-}" ] || { echo "$what" && tail -n "$BREAK_VERBOSE" "$work/log"; }
	cp "$work/right" "$tree/$path" # younger than what was built of the mistake
}

[ $# -gt 0 ] && [ "$1" != --missing ] || missing
if [ "${1-}" != --missing ]; then
	copy
	while IFS=$'\t' read -r file expression test; do
		if [ $# -eq 0 ] || [[ "$file :: $expression :: $test" =~ $1 ]]; then
			read -r -a words <<<"$test"
			one "$file" "$expression" "${words[@]}" </dev/null
		fi
	done < <(lines)
fi
[ "$pass$fail" != 00 ] || [ "${1-}" != --missing ] || pass=1
echo "$pass passed, $fail failed"
[ "$fail" -eq 0 ]
