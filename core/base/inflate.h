/* SPDX-License-Identifier: BSD-2-Clause */
/* Deflate (RFC 1951) from memory to memory, alone or in a zlib frame (RFC 1950). */
#ifndef POD_BASE_INFLATE_H
#define POD_BASE_INFLATE_H

#include "core/base/budget.h"

#define POD_INFLATE_FAST 9u /* codes up to so many bits are found in one step */

struct pod_huffman {
	uint16_t fast[1u << POD_INFLATE_FAST]; /* symbol << 4 | bits; 0: longer, or none */
	uint16_t count[16];		       /* codes of each length */
	uint16_t symbol[288];		       /* in the order of their codes */
};

/* What unpacking needs beside its buffers. */
struct pod_inflate {
	struct pod_huffman lit, dist;
	uint8_t lengths[320];
};

/* Unpacks one stream, which ends before `in_len` does, to at most `max` bytes. *out_len: how many. Nothing behind the stream's end
 * is looked at. POD_E_CORRUPT: no such stream, cut short, or longer than `max`; `out` may hold a part of it then. */
enum pod_status POD_MUST_USE pod_inflate_raw(struct pod_inflate *z, const uint8_t *in, size_t in_len, uint8_t *out, size_t max,
					     size_t *out_len);
/* The same, and *used: how many bytes of `in` the stream has. A block costs steps of `b`, which may be NULL. */
enum pod_status POD_MUST_USE pod_inflate_counted(struct pod_inflate *z, const uint8_t *in, size_t in_len, uint8_t *out,
						 size_t max, struct pod_budget *b, size_t *out_len, size_t *used);
/* The same in a frame with a sum (Adler-32), which must be right. */
enum pod_status POD_MUST_USE pod_inflate_zlib(struct pod_inflate *z, const uint8_t *in, size_t in_len, uint8_t *out, size_t max,
					      size_t *out_len);

#endif
