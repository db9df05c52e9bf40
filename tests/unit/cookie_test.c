/* SPDX-License-Identifier: BSD-2-Clause */
/* The check behind the UEFI builds' stack cookies; tests/boot/stack.py shows the same in the machine. */
#include <setjmp.h>
#include "tests/unit/test.h"
#include "boot/lib/cookie.c"

static jmp_buf stopped;

_Noreturn void pod_stack_overwritten(void)
{
	longjmp(stopped, 1);
}

static bool stops(uintptr_t found)
{
	if (setjmp(stopped))
		return true;
	__security_check_cookie(found);
	return false;
}

TEST(any_other_value_stops)
{
	pod_cookie_seed(1);
	CHECK(!stops(__security_cookie));
	CHECK(stops(0));
	for (unsigned bit = 0; bit < 8 * sizeof __security_cookie; bit++)
		CHECK(stops(__security_cookie ^ (uintptr_t)1 << bit));
}

TEST(seeds_give_different_cookies)
{
	uintptr_t before = __security_cookie;

	for (uint64_t seed = 0; seed < 1000; seed++) {
		pod_cookie_seed(seed);
		CHECK(__security_cookie != 0);
		CHECK(__security_cookie != before);
		before = __security_cookie;
	}
}
