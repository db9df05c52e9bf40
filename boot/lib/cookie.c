/* SPDX-License-Identifier: BSD-2-Clause */
#include "boot/lib/cookie.h"

uintptr_t __security_cookie = (uintptr_t)0x2b992ddfa23249d6;

void POD_COOKIE_CALL __security_check_cookie(uintptr_t found)
{
	if (found != __security_cookie)
		pod_stack_overwritten();
}

void pod_cookie_seed(uint64_t seed)
{
	/* Steps and multipliers of SplitMix64: each bit of the seed reaches each bit of the cookie. */
	seed += 0x9e3779b97f4a7c15;
	seed = (seed ^ seed >> 30) * 0xbf58476d1ce4e5b9;
	seed = (seed ^ seed >> 27) * 0x94d049bb133111eb;
	seed ^= seed >> 31;
	__security_cookie = (uintptr_t)seed;
	/* Zero is what a cleared frame holds. */
	if (!__security_cookie)
		__security_cookie = 1;
}
