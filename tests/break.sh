#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Every mistake of tests/break.txt, made in a copy of the tree and the build folder, must be noticed by the test that is named there.
# A line whose expression changes nothing, or after which the test cannot be built, has failed too. `break.sh REGEX` takes the lines that
# match. Tests of tests/unit, tests/fuzz and tests/interop for which there is no line are skipped, and counted so.
set -u
cd "$(dirname "$0")/.." || exit 1
B=${B:-build}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pass=0 fail=0 skip=0
tree=$work/tree
mkdir "$tree"
git ls-files -z | xargs -0 cp -p --parents -t "$tree" || exit 1
# The folder's name is in what was built; that of a copy elsewhere is "build" all the same, and objects keep their dates.
(cd "$B" && tar cf - --exclude=./boot-tests --exclude=./deb --exclude='./fuzz/found' --exclude='./fuzz/grown' .) | (mkdir "$tree/build" && cd "$tree/build" && tar xf -) || exit 1

wrong() {
	fail=$((fail + 1))
	echo "FAILED $1"
}

# Builds a test; its log is in $work/log.
build() {
	case $1 in
	unit/*) target="build/${1}_test" ;;
	fuzz/*) target="build/$1" ;;
	*) target=interop-bin ;;
	esac
	# shellcheck disable=SC2086 # several targets
	make -C "$tree" -s B=build $target >"$work/log" 2>&1
}

# Runs it; nothing that hangs is waited for.
sound() {
	case $1 in
	unit/*) (cd "$tree" && timeout 120 "build/${1}_test") ;;
	fuzz/*) (cd "$tree" && B=build FUZZ_NAMES="${1#fuzz/}" FUZZ_RUNS=20000 timeout 300 tests/fuzz/run.sh) ;;
	*) (cd "$tree" && B=$tree/build timeout 900 "tests/$1") ;;
	esac >"$work/log" 2>&1
}

one() { # one FILE EXPRESSION TEST
	local what="$1, $3: $2" path
	path=$(git ls-files "$1" "*/$1")
	if [ "$(echo "$path" | wc -l)" -ne 1 ] || [ -z "$path" ]; then
		wrong "$what: not the name of one file"
		return
	fi
	sed -i "$2" "$tree/$path" || exit 1
	if cmp -s "$path" "$tree/$path"; then
		wrong "$what: changes nothing"
	elif ! build "$3"; then
		wrong "$what: cannot be built"
		tail -n 5 "$work/log"
	elif sound "$3"; then
		wrong "$what: not noticed"
		tail -n 5 "$work/log"
	else
		pass=$((pass + 1))
	fi
	cp "$path" "$tree/$path" # younger than what was built of the mistake
}

: >"$work/tests"
while IFS= read -r line; do
	case $line in '#'* | '') continue ;; esac
	file=${line%% *} test=${line##* :: }
	expression=${line#* :: }
	expression=${expression% :: *}
	echo "$test" >>"$work/tests"
	if [ $# -eq 0 ] || [[ $line =~ $1 ]]; then
		one "$file" "$expression" "$test"
	fi
done <tests/break.txt

if [ $# -eq 0 ]; then
	for t in $(git ls-files 'tests/unit/*_test.c' 'tests/fuzz/*_fuzz.c' | sed 's,^tests/,,; s,_\(test\|fuzz\)\.c$,,') \
		$(find tests/interop -maxdepth 1 -type f -perm -u+x \( -name '*.sh' -o -name '*.py' \) -printf 'interop/%f\n' | sort); do
		if ! grep -qx "$t" "$work/tests"; then
			skip=$((skip + 1))
			echo "skipped $t: no mistake is listed for it"
		fi
	done
fi
echo "$pass passed, $fail failed, $skip skipped"
[ "$fail" -eq 0 ]
