/* SPDX-License-Identifier: BSD-2-Clause */
/* Unaligned little- and big-endian access to bytes of an on-disk structure, and whether bytes are zeros. */
#ifndef POD_BASE_BYTES_H
#define POD_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/base/mem.h"

#ifdef POD_BYTES_NATIVE
/* For a little-endian machine that reads numbers where they lie, and a program whose bytes are counted: compilers do not see in every
 * place that the bytes below make one number. */
struct pod_bytes16 {
	uint16_t v;
} __attribute__((packed, may_alias));
struct pod_bytes32 {
	uint32_t v;
} __attribute__((packed, may_alias));
struct pod_bytes64 {
	uint64_t v;
} __attribute__((packed, may_alias));

static inline uint16_t pod_get_le16(const uint8_t *p)
{
	return ((const struct pod_bytes16 *)p)->v;
}

static inline uint32_t pod_get_le32(const uint8_t *p)
{
	return ((const struct pod_bytes32 *)p)->v;
}

static inline uint64_t pod_get_le64(const uint8_t *p)
{
	return ((const struct pod_bytes64 *)p)->v;
}

static inline void pod_put_le16(uint8_t *p, uint16_t v)
{
	((struct pod_bytes16 *)p)->v = v;
}

static inline void pod_put_le32(uint8_t *p, uint32_t v)
{
	((struct pod_bytes32 *)p)->v = v;
}

static inline void pod_put_le64(uint8_t *p, uint64_t v)
{
	((struct pod_bytes64 *)p)->v = v;
}
#else
static inline uint16_t pod_get_le16(const uint8_t *p)
{
	return (uint16_t)(p[0] | (uint16_t)(p[1] << 8));
}

static inline uint32_t pod_get_le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t pod_get_le64(const uint8_t *p)
{
	return (uint64_t)pod_get_le32(p) | (uint64_t)pod_get_le32(p + 4) << 32;
}

static inline void pod_put_le16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static inline void pod_put_le32(uint8_t *p, uint32_t v)
{
	pod_put_le16(p, (uint16_t)v);
	pod_put_le16(p + 2, (uint16_t)(v >> 16));
}

static inline void pod_put_le64(uint8_t *p, uint64_t v)
{
	pod_put_le32(p, (uint32_t)v);
	pod_put_le32(p + 4, (uint32_t)(v >> 32));
}

#endif

static inline uint16_t pod_get_be16(const uint8_t *p)
{
	return (uint16_t)(p[1] | (uint16_t)(p[0] << 8));
}

static inline uint32_t pod_get_be32(const uint8_t *p)
{
	return (uint32_t)p[3] | (uint32_t)p[2] << 8 | (uint32_t)p[1] << 16 | (uint32_t)p[0] << 24;
}

static inline uint64_t pod_get_be64(const uint8_t *p)
{
	return (uint64_t)pod_get_be32(p + 4) | (uint64_t)pod_get_be32(p) << 32;
}

static inline void pod_put_be16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void pod_put_be32(uint8_t *p, uint32_t v)
{
	pod_put_be16(p, (uint16_t)(v >> 16));
	pod_put_be16(p + 2, (uint16_t)v);
}

static inline void pod_put_be64(uint8_t *p, uint64_t v)
{
	pod_put_be32(p, (uint32_t)(v >> 32));
	pod_put_be32(p + 4, (uint32_t)v);
}

/* Nothing but zeros? */
static inline bool pod_all_zero(const uint8_t *p, size_t len)
{
	return !len || (!p[0] && memcmp(p, p + 1, len - 1) == 0);
}

#endif
