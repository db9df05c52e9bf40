/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two decompressors of WIM chunks and what they share: a stream of bits, and canonical prefix codes of up to 16 bits.
 *
 * Bits come in little-endian units of 16, the highest bit first. Units beyond the end of the input read as zeros: writers may leave
 * out what no code needs, and every symbol makes output, of which there is a fixed amount.
 */
#ifndef POD_WIM_DECODE_H
#define POD_WIM_DECODE_H

#include "core/base/bytes.h"
#include "core/base/status.h"

struct pod_bits {
	const uint8_t *p;
	size_t at, len;
	uint32_t buf;  /* the next bits, from the top */
	uint32_t left; /* how many */
};

static inline void pod_bits_init(struct pod_bits *b, const uint8_t *p, size_t len)
{
	*b = (struct pod_bits){.p = p, .len = len};
}

/* n <= 17 */
static inline void pod_bits_need(struct pod_bits *b, uint32_t n)
{
	while (b->left < n) {
		uint32_t unit = b->at + 2 <= b->len ? pod_get_le16(b->p + b->at) : 0;
		b->at += 2;
		b->buf |= unit << (16 - b->left);
		b->left += 16;
	}
}

static inline void pod_bits_skip(struct pod_bits *b, uint32_t n)
{
	b->buf <<= n;
	b->left -= n;
}

/* n <= 17 */
static inline uint32_t pod_bits_get(struct pod_bits *b, uint32_t n)
{
	pod_bits_need(b, n);
	uint32_t v = n ? b->buf >> (32 - n) : 0;
	pod_bits_skip(b, n);
	return v;
}

/* --- prefix codes ----------------------------------------------------------------------------------------- */

#define POD_HUFF_SYMBOLS 656u /* LZX's main code with a window of 2 MiB */
#define POD_HUFF_BITS	 11u
#define POD_HUFF_NONE	 0xffffu /* no symbol has this code */

struct pod_huff {
	uint32_t bits;			    /* codes up to this length are found by one look */
	uint16_t fast[1u << POD_HUFF_BITS]; /* by the next `bits` bits: symbol << 4 | length; 0: a longer code, or none */
	uint16_t sorted[POD_HUFF_SYMBOLS];  /* symbols by code */
	uint32_t limit[17];		    /* codes of a length, as the top of 16 bits, are below this */
	uint16_t start[17];		    /* sorted[start + code] (modulo 65536) */
};

/* False if the lengths (0: symbol not used; at most 16) are those of no complete code. A code without any symbol is legal; nothing can
 * be read with it. */
bool pod_huff_build(struct pod_huff *h, const uint8_t *lens, uint32_t count, uint32_t bits);
uint32_t pod_huff_long(const struct pod_huff *h, struct pod_bits *b);

/* The next symbol, or POD_HUFF_NONE. At least 16 bits were seen when the symbol was read, as XPRESS has it. */
static inline uint32_t pod_huff_get(const struct pod_huff *h, struct pod_bits *b)
{
	pod_bits_need(b, 16);
	uint32_t e = h->fast[b->buf >> (32 - h->bits)];
	if (!e)
		return pod_huff_long(h, b);
	pod_bits_skip(b, e & 15);
	return e >> 4;
}

/* Copies what was written `offset` bytes before; the caller has checked that it lies in the output. */
static inline void pod_copy_match(uint8_t *out, uint32_t offset, uint32_t len)
{
	if (offset >= len) {
		memcpy(out, out - offset, len);
		return;
	}
	for (const uint8_t *from = out - offset; len; len--)
		*out++ = *from++;
}

/* --- decompressors: false if the input is not what a compressor makes; `out` then holds anything ---------- */

#define POD_LZX_WINDOW_MIN    15u
#define POD_LZX_WINDOW_MAX    21u
#define POD_XPRESS_WINDOW_MIN 12u
#define POD_XPRESS_WINDOW_MAX 16u

struct pod_lzx {
	struct pod_huff main, length, aligned, pre;
	uint8_t main_lens[POD_HUFF_SYMBOLS], length_lens[249];
};
/* out_len is at most 1 << window_order. */
bool pod_lzx_decode(struct pod_lzx *z, const uint8_t *in, size_t in_len, uint8_t *out, size_t out_len, uint32_t window_order);

struct pod_xpress {
	struct pod_huff huff;
	uint8_t lens[512];
};
bool pod_xpress_decode(struct pod_xpress *z, const uint8_t *in, size_t in_len, uint8_t *out, size_t out_len);

#endif
