/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The four memory functions for ports without a libc. On x86 the string instructions move words: under an
 * emulator and on old processors a byte-wise `rep movsb` costs as much per byte as this costs per word.
 */
#include "core/base/mem.h"
#include <stdint.h>

/* Keeps gcc from recognising these loops as the very functions they implement. */
#if defined(__GNUC__) && !defined(__clang__)
#define PLAIN_LOOPS __attribute__((optimize("no-tree-loop-distribute-patterns")))
#else
#define PLAIN_LOOPS
#endif

#if defined(__i386__)
#define WORD_SUFFIX "l"
typedef uint32_t word_alias __attribute__((may_alias));
#elif defined(__x86_64__)
#define WORD_SUFFIX "q"
typedef uint64_t word_alias __attribute__((may_alias));
#else
typedef uint64_t word_alias __attribute__((may_alias));
#endif

#define WORD ((size_t)sizeof(word_alias))

/* Front to back; right for separate ranges and for dst below src. */
PLAIN_LOOPS static void copy_up(uint8_t *d, const uint8_t *s, size_t n)
{
#ifdef WORD_SUFFIX
	size_t words = n / WORD, bytes = n & (WORD - 1);
	__asm__ volatile("rep movs" WORD_SUFFIX : "+D"(d), "+S"(s), "+c"(words) : : "memory");
	__asm__ volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(bytes) : : "memory");
#else
	if ((((uintptr_t)d | (uintptr_t)s) & (WORD - 1)) == 0)
		for (; n >= WORD; n -= WORD, d += WORD, s += WORD)
			*(word_alias *)(void *)d = *(const word_alias *)(const void *)s;
	while (n--)
		*d++ = *s++;
#endif
}

void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
	copy_up(dst, src, n);
	return dst;
}

PLAIN_LOOPS void *memmove(void *dst, const void *src, size_t n)
{
	uint8_t *d = dst;
	const uint8_t *s = src;
	if ((uintptr_t)d - (uintptr_t)s >= n) {
		copy_up(d, s, n);
		return dst;
	}
	/* dst lies inside the source: back to front. */
	d += n, s += n;
	if ((((uintptr_t)d | (uintptr_t)s) & (WORD - 1)) == 0)
		for (; n >= WORD; n -= WORD) {
			d -= WORD, s -= WORD;
			*(word_alias *)(void *)d = *(const word_alias *)(const void *)s;
		}
	while (n--)
		*--d = *--s;
	return dst;
}

PLAIN_LOOPS void *memset(void *dst, int c, size_t n)
{
	uint8_t *d = dst;
	word_alias w = (uint8_t)c * (word_alias)0x0101010101010101ULL;
#ifdef WORD_SUFFIX
	size_t words = n / WORD, bytes = n & (WORD - 1);
	__asm__ volatile("rep stos" WORD_SUFFIX : "+D"(d), "+c"(words) : "a"(w) : "memory");
	__asm__ volatile("rep stosb" : "+D"(d), "+c"(bytes) : "a"(w) : "memory");
#else
	if (((uintptr_t)d & (WORD - 1)) == 0)
		for (; n >= WORD; n -= WORD, d += WORD)
			*(word_alias *)(void *)d = w;
	while (n--)
		*d++ = (uint8_t)c;
#endif
	return dst;
}

PLAIN_LOOPS int memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *p = a, *q = b;
#ifdef WORD_SUFFIX
	while (n >= WORD && *(const word_alias *)(const void *)p == *(const word_alias *)(const void *)q)
		p += WORD, q += WORD, n -= WORD;
#endif
	for (; n--; p++, q++)
		if (*p != *q)
			return *p - *q;
	return 0;
}
