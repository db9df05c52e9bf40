#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# What the command is hardened with (HARDEN in the Makefile, LINK_HARD in cli/rules.mk), seen in the binary by readelf.
bin="${B:-build}/isopod"
pass=0 fail=0
# expect WHAT PATTERN OPTION...: readelf OPTION... shows a line that matches
expect() {
	what=$1 pattern=$2
	shift 2
	if LC_ALL=C readelf -W "$@" "$bin" 2>/dev/null | grep -q -E "$pattern"; then
		pass=$((pass + 1))
	else
		echo "FAILED $bin: $what"
		fail=$((fail + 1))
	fi
}
expect "position-independent" 'Flags:.*PIE' -d
expect "relocations read-only once it runs" 'GNU_RELRO' -l
expect "all symbols bound at its start" 'BIND_NOW|Flags:.* NOW' -d
expect "a stack that holds no code" 'GNU_STACK .* RW +0x' -l
expect "stack protector" '__stack_chk_fail' --dyn-syms
expect "checked copies (FORTIFY)" '__[a-z]*printf_chk' --dyn-syms
expect "checked sizes that are known at run time only (FORTIFY 3)" '__(memcpy|memset|memmove|read|pread64|strncpy|recv)_chk' --dyn-syms
# Data and code in pages of their own: the segment that can be executed is not the first, which holds the headers.
expect "code in pages of its own (separate-code)" 'LOAD +0x0*[1-9a-f][0-9a-f]* .* R E' -l
if LC_ALL=C readelf -W -l "$bin" | grep -q -E 'LOAD .* RWE'; then
	echo "FAILED $bin: a segment can be written and executed"
	fail=$((fail + 1))
fi
# No frame is large enough to be touched page by page, so the code shows nothing; the compiler notes its options. Every file has it?
without=$(LC_ALL=C readelf --debug-dump=info --dwarf-depth=1 "$bin" 2>/dev/null | grep DW_AT_producer | grep -c -v -e '-fstack-clash-protection')
expect "stack clash protection" 'debug_info' -S
if [ "$without" != 0 ]; then
	echo "FAILED $bin: $without files without stack clash protection"
	fail=$((fail + 1))
fi
# The note about IBT and SHSTK is in a binary only if the C library's own start code has it, which Debian 12's has not: so the marks
# themselves, one at least for each object file.
case $(LC_ALL=C readelf -h "$bin") in
*X86-64*)
	if [ "$(objdump -d --no-show-raw-insn "$bin" 2>/dev/null | grep -c endbr64)" -gt 200 ]; then
		pass=$((pass + 1))
	else
		echo "FAILED $bin: control-flow protection (-fcf-protection)"
		fail=$((fail + 1))
	fi
	;;
esac
echo "$pass passed, $fail failed"
[ "$fail" -eq 0 ]
