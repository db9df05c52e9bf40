#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Format, static checks, scripts and translations. Each check is one result.
B=${B:-build}
pass=0 fail=0
run() {
	what=$1
	shift
	if out=$("$@" 2>&1); then
		pass=$((pass + 1))
	else
		fail=$((fail + 1))
		printf '%s\n' "$out" | tail -n 40
		echo "FAILED $what"
	fi
}
xargs_each() {
	files=$1
	shift
	printf '%s\n' $files | xargs -P 2 -n 1 "$@"
}
c_files=$(git ls-files '*.c' '*.h')
tidy_files=$(git ls-files '*.c')
core_files=$(git ls-files 'core/*.c')
sh_files=$(git ls-files '*.sh' .ci/run)
py_files=$(git ls-files '*.py')
# shellcheck disable=SC2086
{
	run "clang-format (make format mends it)" clang-format --dry-run -Werror $c_files
	run "shellcheck" shellcheck -S warning $sh_files
	run "python compiles" /usr/bin/python3 -W error -c 'import sys
for f in sys.argv[1:]: compile(open(f, encoding="utf-8").read(), f, "exec")' $py_files
	run "cppcheck" cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,portability -I. --inline-suppr -D__x86_64__ \
		--suppress=missingInclude --suppress=missingIncludeSystem -j 2 core linux windows boot cli
	# Two at a time; one file a call, because each room has flags of its own (compile_flags.txt). The command has a generated header.
	run "header of the libraries" make -s B="$B" "$B/gen/libraries.h"
	run "clang-tidy" xargs_each "$tidy_files" sh -c 'clang-tidy --quiet --extra-arg="-I$1/gen" "$2" 2>/dev/null' - "$B"
	# No machine of the tests runs the command there; its system calls have other numbers, and some are missing.
	run "walls around foreign code, for aarch64" sh -c 'for f in cli/host/seccomp.c cli/host/walls.c cli/host/sandbox.c; do clang -target \
		aarch64-linux-gnu -isystem /usr/aarch64-linux-gnu/include -std=c17 -fsyntax-only -Wall -Wextra -Werror -D_GNU_SOURCE \
		-D_FILE_OFFSET_BITS=64 -I. -I"$0/gen" "$f" || exit 1; done' "$B"
	run "gcc -fanalyzer over the core" xargs_each "$core_files" gcc -std=c17 -O1 -I. -ffreestanding -fanalyzer -Werror -c -o /dev/null
	run "includes point down" tests/include_direction.py
	run "includes that point up are seen" tests/include_direction.py --made-up
	run "menu is translated" make -s B="$B" lint-menu
	run "command is translated" make -s B="$B" lint-po
	run "every test has its mistake in tests/break.txt, and each is one still" tests/break.sh --missing
	run "licence line in every source" sh -c 'for f in "$@"; do head -n 3 "$f" | grep -q "SPDX-License-Identifier: BSD-2-Clause" || { echo "$f"; bad=1; }; done; [ -z "$bad" ]' - $c_files $sh_files $py_files
}
echo "$pass passed, $fail failed"
[ "$fail" -eq 0 ]
