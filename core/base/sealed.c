/* SPDX-License-Identifier: BSD-2-Clause */
/* By itself: the helper for Windows PE has its own (windows/mem.c). */
#include "core/base/hash.h"

uint32_t pod_crc32_sealed(const uint8_t *data, size_t len, size_t at)
{
	static const uint8_t zero[4];
	uint32_t crc = pod_crc32(0, data, at);
	crc = pod_crc32(crc, zero, sizeof zero);
	return pod_crc32(crc, data + at + 4, len - at - 4);
}
