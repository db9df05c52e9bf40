/* SPDX-License-Identifier: BSD-2-Clause */
/* The memory functions and the checksum, small rather than fast: what is copied here are sectors. */
#include "core/base/hash.h"
#include "core/base/mem.h"

void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
	uint8_t *d = dst;
	const uint8_t *s = src;
	while (n--)
		*d++ = *s++;
	return dst;
}

void *memset(void *dst, int c, size_t n)
{
	uint8_t *d = dst;
	while (n--)
		*d++ = (uint8_t)c;
	return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *p = a, *q = b;
	for (; n; n--, p++, q++)
		if (*p != *q)
			return *p < *q ? -1 : 1;
	return 0;
}

uint32_t pod_crc32_without(const void *data, size_t len, size_t at)
{
	const uint8_t *p = data;
	uint32_t crc = ~0u;
	for (size_t i = 0; i < len; i++) {
		crc ^= i - at < 4 ? 0 : p[i];
		for (unsigned bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (0xedb88320 & (0 - (crc & 1)));
	}
	return ~crc;
}
