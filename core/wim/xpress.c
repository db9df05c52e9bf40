/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * XPRESS with Huffman codes ([MS-XCA] 2.2), one block a chunk:
 *
 *   256 bytes: the lengths of 512 codes, 4 bits each, the lower half of a byte first; then bits (decode.h)
 *   symbol 0 - 255: a byte; else a match: bits 0 - 3 the length less 3, bits 4 - 7 the number n of bits that follow: the offset is
 *   1 << n | those bits. Length 15: a byte more is added; if that is 255, the 16 bits behind it are the length instead.
 * Bytes and bits share the stream: a byte is taken from behind the units that have been read, of which 16 bits at least are ahead.
 */
#include "core/wim/decode.h"

enum { LENS = 256, SYMBOLS = 512, MATCH_MIN = 3 };

static uint32_t get_byte(struct pod_bits *b)
{
	uint32_t v = b->at < b->len ? b->p[b->at] : 0;
	b->at++;
	return v;
}

static bool get_length(struct pod_bits *b, uint32_t *len)
{
	if (*len == 15) {
		uint32_t more = get_byte(b);
		*len += more;
		if (more == 255) {
			*len = get_byte(b);
			*len |= get_byte(b) << 8;
			if (*len < 15)
				return false;
		}
	}
	*len += MATCH_MIN;
	return true;
}

bool pod_xpress_decode(struct pod_xpress *z, const uint8_t *in, size_t in_len, uint8_t *out, size_t out_len)
{
	struct pod_bits b;
	if (in_len < LENS)
		return false;
	for (uint32_t i = 0; i < LENS; i++) {
		z->lens[2 * i] = in[i] & 15;
		z->lens[2 * i + 1] = in[i] >> 4;
	}
	if (!pod_huff_build(&z->huff, z->lens, SYMBOLS, POD_HUFF_BITS))
		return false;
	pod_bits_init(&b, in + LENS, in_len - LENS);
	for (size_t at = 0; at < out_len;) {
		uint32_t sym = pod_huff_get(&z->huff, &b);
		if (sym < 256) {
			out[at++] = (uint8_t)sym;
			continue;
		}
		if (sym == POD_HUFF_NONE)
			return false;
		uint32_t len = sym & 15, bits = sym >> 4 & 15;
		pod_bits_need(&b, 16);
		if (!get_length(&b, &len))
			return false;
		uint32_t offset = 1u << bits | pod_bits_get(&b, bits);
		if (offset > at || len > out_len - at)
			return false;
		pod_copy_match(out + at, offset, len);
		at += len;
	}
	return true;
}
