/* SPDX-License-Identifier: BSD-2-Clause */
/* Canonical prefix codes ([MS-PATCH] 2.5, [MS-XCA] 2.2.4): shorter codes come first, those of one length in the order of symbols. */
#include "core/wim/decode.h"

static bool count_codes(struct pod_huff *h, const uint8_t *lens, uint32_t count)
{
	uint16_t of_length[17] = {0};
	uint32_t code = 0, at = 0;
	h->limit[0] = 0;
	for (uint32_t s = 0; s < count; s++)
		of_length[lens[s]]++;
	for (uint32_t len = 1; len <= 16; len++) {
		code <<= 1;
		h->start[len] = (uint16_t)(at - code);
		code += of_length[len];
		at += of_length[len];
		if (code > 1u << len)
			return false;
		h->limit[len] = code << (16 - len);
	}
	return code == 1u << 16 || !at;
}

bool pod_huff_build(struct pod_huff *h, const uint8_t *lens, uint32_t count, uint32_t bits)
{
	h->bits = bits;
	if (!count_codes(h, lens, count))
		return false;
	uint32_t next[17] = {0}, filled = 0;
	for (uint32_t len = 1; len <= 16; len++) {
		/* The first code of a length is the last one of the length before, doubled. */
		uint32_t first = h->limit[len - 1] >> (16 - len);
		next[len] = (uint16_t)(h->start[len] + first);
	}
	for (uint32_t s = 0; s < count; s++) {
		if (lens[s])
			h->sorted[next[lens[s]]++] = (uint16_t)s;
	}
	for (uint32_t len = 1, i = 0; len <= bits; len++) {
		uint32_t run = 1u << (bits - len);
		for (; i < next[len]; i++)
			for (uint32_t k = 0; k < run; k++)
				h->fast[filled++] = (uint16_t)((uint32_t)h->sorted[i] << 4 | len);
	}
	memset(h->fast + filled, 0, ((1u << bits) - filled) * sizeof h->fast[0]);
	return true;
}

uint32_t pod_huff_long(const struct pod_huff *h, struct pod_bits *b)
{
	uint32_t code = b->buf >> 16;
	for (uint32_t len = h->bits + 1; len <= 16; len++)
		if (code < h->limit[len]) {
			pod_bits_skip(b, len);
			return h->sorted[(uint16_t)(h->start[len] + (code >> (16 - len)))];
		}
	return POD_HUFF_NONE;
}
