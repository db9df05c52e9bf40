/* SPDX-License-Identifier: BSD-2-Clause */
/* One Zstandard frame (RFC 8878) from memory to memory. No dictionaries, no skippable frames; a sum of the content is not looked at. */
#ifndef POD_BASE_ZSTD_H
#define POD_BASE_ZSTD_H

#include "core/base/budget.h"

#define POD_ZSTD_BLOCK	  (128u << 10)
#define POD_ZSTD_HUF_BITS 11u

struct pod_zstd_cell {
	uint16_t base; /* of the next state */
	uint8_t symbol, bits;
};

/* A table of finite state entropy codes. */
struct pod_zstd_fse {
	struct pod_zstd_cell cell[512];
	uint8_t log;
	bool known;
};

/* What unpacking needs beside its buffers. */
struct pod_zstd {
	struct pod_zstd_fse lit, off, match, weight; /* `weight`: of the literals' Huffman codes */
	struct {
		uint8_t symbol, bits;
	} huf[1u << POD_ZSTD_HUF_BITS];
	uint8_t huf_bits; /* 0: there is no such table yet */
	uint32_t repeat[3];
	uint8_t literals[POD_ZSTD_BLOCK];
};

/* Unpacks the frame at the beginning of `in`; what is behind it is not looked at. *out_len: how many bytes. POD_E_CORRUPT: no such
 * frame, cut short, or longer than `max`; `out` may hold a part of it then, *out_len bytes. */
enum pod_status POD_MUST_USE pod_zstd_unpack(struct pod_zstd *z, const uint8_t *in, size_t in_len, uint8_t *out, size_t max,
					     size_t *out_len);
/* The same, and *used: where the frame ends. A block costs steps of `b`, which may be NULL. */
enum pod_status POD_MUST_USE pod_zstd_counted(struct pod_zstd *z, const uint8_t *in, size_t in_len, uint8_t *out, size_t max,
					      struct pod_budget *b, size_t *out_len, size_t *used);
/* Where the frame's first block ends, which is what must be there for anything of it to be unpacked. */
enum pod_status POD_MUST_USE pod_zstd_first_block(const uint8_t *in, size_t in_len, size_t *end);
/*
 * What the content begins with, from less than that: *end: where the literals' first stream ends, in the file that begins with `in`. With
 * some bytes before that place the second function gives its first literals. The content begins with the first of them; the others may be
 * further behind. POD_E_UNSUPPORTED: its literals are not packed so.
 */
enum pod_status POD_MUST_USE pod_zstd_literals(struct pod_zstd *z, const uint8_t *in, size_t in_len, size_t *end);
enum pod_status POD_MUST_USE pod_zstd_first_literals(const struct pod_zstd *z, const uint8_t *tail, size_t tail_len, uint8_t *out,
						     size_t n);

#endif
