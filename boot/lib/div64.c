/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 64-bit division for 32-bit firmware ports, under the names gcc and clang call: __udivdi3 and kin with the
 * ordinary convention (System V), __aulldiv and kin on the Microsoft ABI, where the callee pops 16 bytes.
 * The core does without division by rule; this serves the ports (milliseconds, sizes).
 */
#include <stdint.h>

#if defined(__i386__)

uint64_t __udivmoddi4(uint64_t n, uint64_t d, uint64_t *rem);

/* Shift and subtract. A zero divisor yields all ones, as no one is there to take a trap. */
__attribute__((used)) uint64_t __udivmoddi4(uint64_t n, uint64_t d, uint64_t *rem)
{
	uint64_t q = 0, r = 0;
	for (int i = 63; i >= 0; i--) {
		uint64_t carry = r >> 63;
		r = r << 1 | (n >> i & 1);
		if (carry || r >= d) {
			r -= d;
			q |= (uint64_t)1 << i;
		}
	}
	if (rem)
		*rem = r;
	return q;
}

static int64_t sdivmod(int64_t n, int64_t d, int64_t *rem)
{
	uint64_t un = n < 0 ? 0 - (uint64_t)n : (uint64_t)n, ud = d < 0 ? 0 - (uint64_t)d : (uint64_t)d, r;
	uint64_t q = __udivmoddi4(un, ud, &r);
	*rem = (int64_t)(n < 0 ? 0 - r : r);
	return (int64_t)((n < 0) != (d < 0) ? 0 - q : q);
}

#if defined(_MSC_VER) || defined(_WIN32)

uint64_t __cdecl pod_udiv64(uint64_t n, uint64_t d);
uint64_t __cdecl pod_urem64(uint64_t n, uint64_t d);
int64_t __cdecl pod_sdiv64(int64_t n, int64_t d);
int64_t __cdecl pod_srem64(int64_t n, int64_t d);

__attribute__((used)) uint64_t __cdecl pod_udiv64(uint64_t n, uint64_t d)
{
	return __udivmoddi4(n, d, 0);
}

__attribute__((used)) uint64_t __cdecl pod_urem64(uint64_t n, uint64_t d)
{
	uint64_t r;
	__udivmoddi4(n, d, &r);
	return r;
}

__attribute__((used)) int64_t __cdecl pod_sdiv64(int64_t n, int64_t d)
{
	int64_t r;
	return sdivmod(n, d, &r);
}

__attribute__((used)) int64_t __cdecl pod_srem64(int64_t n, int64_t d)
{
	int64_t r;
	sdivmod(n, d, &r);
	return r;
}

/* The arguments are pushed again for the C function, dropped, and the caller's own popped by `ret 16`. */
#define MS_HELPER(name, target)                                                                                                  \
	__asm__(".globl " name "\n" name ":\n"                                                                                   \
		"	pushl 16(%esp)\n	pushl 16(%esp)\n	pushl 16(%esp)\n	pushl 16(%esp)\n"                                           \
		"	call _" target "\n	addl $16, %esp\n	ret $16\n")
__asm__(".text");
MS_HELPER("__aulldiv", "pod_udiv64");
MS_HELPER("__aullrem", "pod_urem64");
MS_HELPER("__alldiv", "pod_sdiv64");
MS_HELPER("__allrem", "pod_srem64");

#else

uint64_t __udivdi3(uint64_t n, uint64_t d);
uint64_t __umoddi3(uint64_t n, uint64_t d);
int64_t __divdi3(int64_t n, int64_t d);
int64_t __moddi3(int64_t n, int64_t d);

uint64_t __udivdi3(uint64_t n, uint64_t d)
{
	return __udivmoddi4(n, d, 0);
}

uint64_t __umoddi3(uint64_t n, uint64_t d)
{
	uint64_t r;
	__udivmoddi4(n, d, &r);
	return r;
}

int64_t __divdi3(int64_t n, int64_t d)
{
	int64_t r;
	return sdivmod(n, d, &r);
}

int64_t __moddi3(int64_t n, int64_t d)
{
	int64_t r;
	sdivmod(n, d, &r);
	return r;
}

#endif
#else

/* 64-bit targets divide by themselves. */
extern int pod_div64_not_needed;

#endif
