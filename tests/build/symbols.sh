#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# What the core asks of the outside, per target, must be on the list of that target: the four memory functions, the compiler's own
# helpers for 64-bit arithmetic on 32-bit machines, the stack cookie (boot/lib/cookie.h), in the command the stack protector.
pass=0 fail=0
for target in host x64 ia32 aa64 bios; do
	case $target in
	host) allow='memcpy|memmove|memset|memcmp|_GLOBAL_OFFSET_TABLE_|__stack_chk_fail' ;;
	x64 | aa64) allow='memcpy|memmove|memset|memcmp|_fltused|__security_cookie|__security_check_cookie' ;;
	ia32) allow='_memcpy|_memmove|_memset|_memcmp|__fltused|__aullshr|__allshl|__allmul|___security_cookie|@__security_check_cookie@4' ;;
	bios) allow='memcpy|memmove|memset|memcmp|__lshrdi3|__ashldi3|__muldi3' ;;
	esac
	lib="${B:-build}/$target/libpod.a"
	llvm-nm --defined-only -j "$lib" 2>/dev/null | sort -u >"${TMPDIR:-/tmp}/pod-def.$$"
	bad=$(llvm-nm -u -j "$lib" 2>/dev/null | grep -v -e ':$' -e '^$' | sort -u |
		comm -23 - "${TMPDIR:-/tmp}/pod-def.$$" | grep -v -x -E "$allow")
	rm -f "${TMPDIR:-/tmp}/pod-def.$$"
	if [ ! -s "$lib" ] || [ -n "$bad" ]; then
		echo "$lib: not allowed:" $bad
		fail=$((fail + 1))
	else
		pass=$((pass + 1))
	fi
done
echo "$pass passed, $fail failed"
[ "$fail" -eq 0 ]
