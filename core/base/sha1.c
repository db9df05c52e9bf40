/* SPDX-License-Identifier: BSD-2-Clause */
/* FIPS 180-4, clause 6.1: 80 rounds over blocks of 64 bytes; the message schedule is kept in a ring of 16 words (6.1.3). */
#include "core/base/sha1.h"
#include "core/base/bytes.h"

static inline uint32_t rotl(uint32_t v, unsigned n)
{
	return v << n | v >> (32 - n);
}

/* The word of round t >= 16, which replaces the one of round t - 16. */
static inline uint32_t schedule(uint32_t *w, unsigned t)
{
	return w[t & 15] = rotl(w[(t + 13) & 15] ^ w[(t + 8) & 15] ^ w[(t + 2) & 15] ^ w[t & 15], 1);
}

static void rounds(uint32_t *h, const uint8_t *p)
{
	uint32_t w[16], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
	for (unsigned t = 0; t < 80; t++) {
		uint32_t word, f;
		if (t < 16)
			word = w[t] = pod_get_be32(p + 4 * t);
		else
			word = schedule(w, t);
		if (t < 20)
			f = ((b & c) | (~b & d)) + 0x5a827999;
		else if (t < 40)
			f = (b ^ c ^ d) + 0x6ed9eba1;
		else if (t < 60)
			f = ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc;
		else
			f = (b ^ c ^ d) + 0xca62c1d6;
		f += rotl(a, 5) + e + word;
		e = d;
		d = c;
		c = rotl(b, 30);
		b = a;
		a = f;
	}
	h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e;
}

void pod_sha1_init(struct pod_sha1 *s)
{
	*s = (struct pod_sha1){.h = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0}};
}

void pod_sha1_update(struct pod_sha1 *s, const void *data, size_t len)
{
	pod_shablock_update(&s->last, rounds, s->h, data, len);
}

void pod_sha1_final(struct pod_sha1 *s, uint8_t out[POD_SHA1_LEN])
{
	pod_shablock_final(&s->last, rounds, s->h, out, 5);
}
