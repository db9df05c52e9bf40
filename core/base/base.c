/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/base/status.h"

const char *pod_status_text(enum pod_status st)
{
	static const char *const text[POD_STATUS_COUNT] = {
		[POD_OK] = "done",
		[POD_END] = "end",
		[POD_E_IO] = "read or write error",
		[POD_E_NOMEM] = "out of memory",
		[POD_E_NOT_FOUND] = "not found",
		[POD_E_FORMAT] = "unknown format",
		[POD_E_CORRUPT] = "damaged",
		[POD_E_UNSUPPORTED] = "not supported",
		[POD_E_RANGE] = "outside the image or drive",
		[POD_E_LIMIT] = "over a limit",
		[POD_E_NOSPACE] = "no space left",
		[POD_E_EXISTS] = "exists already",
		[POD_E_READONLY] = "read-only",
		[POD_E_INVALID] = "invalid argument",
		[POD_E_BUSY] = "in use",
		[POD_E_CHANGED] = "medium changed or removed",
		[POD_E_BUDGET] = "takes too long",
		[POD_E_CANCELLED] = "stopped",
		[POD_E_LOOP] = "contains itself",
	};
	return (unsigned)st < POD_STATUS_COUNT && text[st] ? text[st] : "unknown status";
}

void *pod_zalloc(struct pod_alloc *a, size_t count, size_t size)
{
	if (size && count > SIZE_MAX / size)
		return NULL;
	void *p = a->alloc(a, count * size);
	if (p)
		memset(p, 0, count * size);
	return p;
}

void pod_free(struct pod_alloc *a, void *p)
{
	if (p)
		a->release(a, p);
}

enum pod_status pod_grow(struct pod_alloc *a, void **v, size_t n, size_t *cap, size_t need, size_t elem_size, size_t limit)
{
	if (need <= *cap)
		return POD_OK;
	if (need > limit)
		return POD_E_LIMIT;
	size_t want = *cap ? *cap : 8;
	while (want < need)
		want = want > limit / 2 ? limit : want * 2;
	if (want > SIZE_MAX / elem_size)
		return POD_E_LIMIT;
	void *p = a->alloc(a, want * elem_size);
	if (!p)
		return POD_E_NOMEM;
	if (n)
		memcpy(p, *v, n * elem_size);
	pod_free(a, *v);
	*v = p;
	*cap = want;
	return POD_OK;
}

uint32_t pod_crc32(uint32_t crc, const void *data, size_t len)
{
	/* Nibble table of the reflected polynomial 0xEDB88320: small enough for stage 2. */
	static const uint32_t t[16] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
		0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
	};
	const uint8_t *p = data;
	crc = ~crc;
	while (len--) {
		crc ^= *p++;
		crc = crc >> 4 ^ t[crc & 15];
		crc = crc >> 4 ^ t[crc & 15];
	}
	return ~crc;
}
