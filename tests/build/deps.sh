#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# tools/deps.sh with made-up dpkg-query, apt-get, sudo and id: what it says, and what it would install.
B=${B:-build}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pass=0 fail=0
is() {
	if [ "$2" = "$3" ]; then
		pass=$((pass + 1))
	else
		fail=$((fail + 1))
		printf 'FAILED %s: "%s", want "%s"\n' "$1" "$2" "$3"
	fi
}
# A PATH of its own: NAME SCRIPT...
bin=$work/bin
fresh() {
	rm -rf "$bin" "$work/b" "$work/calls"
	mkdir "$bin"
	for tool in sh env awk sed cut head dirname mkdir cat; do ln -s "$(command -v "$tool")" "$bin"; done
	program id 'echo 0'
	program dpkg-query "cat '$work/installed'"
	program apt-get "echo \"\$*\" >>'$work/calls'"
	: >"$work/calls"
}
program() { printf '#!/bin/sh\n%s\n' "$2" >"$bin/$1" && chmod +x "$bin/$1"; }
run() {
	out=$(PATH="$bin" B="$work/b" sh tools/deps.sh "$@" 2>&1)
	status=$?
}
every() { sed 's/#.*//; /^$/d; s/^/ii  /; s/^ii  git$/hi  git/' tools/packages.txt; } # one is on hold

fresh
every >"$work/installed"
run
is "nothing missing: status" "$status" 0
is "nothing missing: silent" "$out" ""
is "nothing missing: apt-get is left alone" "$(cat "$work/calls")" ""

every | grep -v -E ' (cppcheck|lld|make)$' >"$work/installed"
echo 'rc  lld' >>"$work/installed" # removed, its configuration is left
told='deps: these Debian packages are missing and are installed now, by apt-get:
  for building: lld make
  for lint: cppcheck'
run
is "as root: status" "$status" 0
is "as root: says what and why" "$out" "$told"
is "as root: installs" "$(sed -n 's/.* install //p' "$work/calls")" "lld make cppcheck"

fresh
program id 'echo 1000'
program sudo "echo sudo >>'$work/calls'; exec \"\$@\""
run
is "with sudo: status" "$status" 0
is "with sudo: says so" "$(echo "$out" | head -n 1)" "deps: these Debian packages are missing and are installed now, with sudo, by apt-get:"
is "with sudo: both calls" "$(grep -c -x sudo "$work/calls")" 2

rm "$bin/sudo"
: >"$work/calls"
run
is "without sudo" "$status: $out" "1: deps: packages are missing and there is no sudo; as root: apt-get install lld make cppcheck"
is "without sudo: apt-get is left alone" "$(cat "$work/calls")" ""

fresh
program apt-get 'case $* in *install*) echo "E: Unable to locate package lld" >&2; exit 100 ;; *) echo "E: Failed to fetch" >&2; exit 100 ;; esac'
run
is "offline: status" "$status" 1
is "offline: one line behind what is missing" "$out" "$told
deps: apt-get failed: Failed to fetch (all of it: $work/b/deps.log; is this machine online?)"

fresh
program apt-get "case \$* in *install*) echo \"\$*\" >>'$work/calls' ;; *) exit 100 ;; esac"
run
is "lists cannot be renewed, packages are there: status" "$status" 0
is "lists cannot be renewed, packages are there" "$(sed -n 's/.* install //p' "$work/calls")" "lld make cppcheck"

rm "$bin/apt-get"
run
is "without apt-get: status" "$status" 1
is "without apt-get: one line" "$(echo "$out" | wc -l) ${out%%:*}" "1 deps"

run --print
is "--print without apt-get" "$status" 1
fresh
run --print
is "--print" "$status $(echo $out)" "1 lld make cppcheck"
echo "$pass passed, $fail failed"
[ "$fail" -eq 0 ]
