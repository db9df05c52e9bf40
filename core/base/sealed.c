/* SPDX-License-Identifier: BSD-2-Clause */
/* By itself: the helper for Windows PE has its own (windows/mem.c). */
#include "core/base/hash.h"

uint32_t pod_crc32_without(const void *data, size_t len, size_t at)
{
	static const uint8_t zeros[4];
	const uint8_t *p = data;
	return pod_crc32(pod_crc32(pod_crc32(0, p, at), zeros, 4), p + at + 4, len - at - 4);
}
