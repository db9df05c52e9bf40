/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RFC 1951, 3.2: blocks of three kinds, each after a bit that says whether it is the last: stored (LEN, its complement, bytes),
 * fixed codes, and codes whose lengths stand in front. Bits are taken from the lowest on, codes from their highest bit on.
 * RFC 1950, 2.2: CMF, FLG, the stream, Adler-32 (big-endian); CMF and FLG as one number are a multiple of 31.
 *
 * Real writers: a block without distances may describe one distance code, or none (3.2.7); zlib's "incomplete" set of one code of
 * one bit is taken, any other incomplete or over-full set is damage.
 */
#include "core/base/inflate.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"

enum { END = 256, LITERALS = 286, DISTANCES = 30, BITS_MAX = 15 };

struct stream {
	const uint8_t *in;
	size_t in_len, pos;
	uint32_t bits;
	unsigned have; /* bits in `bits` */
	unsigned past; /* bytes of zeros that were taken from behind the end */
	uint8_t *out;
	size_t max, len;
	size_t spent; /* bytes of `out` that the budget was charged for */
	struct pod_budget *budget;
};

/* One block may become as long as all of `out`. */
static enum pod_status spend(struct stream *s)
{
	size_t steps = (s->len - s->spent) / POD_UNPACKED_STEP;
	s->spent += steps * POD_UNPACKED_STEP;
	return steps ? pod_budget_spend(s->budget, steps, 0) : POD_OK;
}

/* At least 25 bits: more than any code, or any number of extra bits, has. */
static void refill(struct stream *s)
{
	while (s->have <= 24) {
		if (s->pos < s->in_len)
			s->bits |= (uint32_t)s->in[s->pos++] << s->have;
		else
			s->past++;
		s->have += 8;
	}
}

static void drop(struct stream *s, unsigned n)
{
	s->bits >>= n;
	s->have -= n;
}

static uint32_t take(struct stream *s, unsigned n)
{
	refill(s);
	uint32_t v = s->bits & ((1u << n) - 1);
	drop(s, n);
	return v;
}

/* Were bits used that are not there? */
static bool overran(const struct stream *s)
{
	return s->past * 8 > s->have;
}

/* --- codes ---------------------------------------------------------------------------------------------- */

static uint32_t reversed(uint32_t code, unsigned n)
{
	uint32_t r = 0;
	for (; n; n--, code >>= 1)
		r = r << 1 | (code & 1);
	return r;
}

static enum pod_status build(struct pod_huffman *h, const uint8_t *lengths, unsigned n)
{
	uint16_t at[16] = {0}, next[16] = {0};
	memset(h, 0, sizeof *h);
	for (unsigned i = 0; i < n; i++)
		h->count[lengths[i]]++;
	unsigned used = n - h->count[0];
	h->count[0] = 0;
	int32_t left = 1;
	uint32_t code = 0;
	for (unsigned bits = 1; bits <= BITS_MAX; bits++) {
		left = left * 2 - h->count[bits];
		if (left < 0)
			return POD_E_CORRUPT;
		code = (code + h->count[bits - 1]) << 1;
		next[bits] = (uint16_t)code;
		at[bits] = (uint16_t)(at[bits - 1] + h->count[bits - 1]);
	}
	if (left && !(used == 0 || (used == 1 && h->count[1] == 1)))
		return POD_E_CORRUPT;
	for (unsigned i = 0; i < n; i++) {
		unsigned bits = lengths[i];
		if (!bits)
			continue;
		h->symbol[at[bits]++] = (uint16_t)i;
		uint32_t c = next[bits]++;
		if (bits <= POD_INFLATE_FAST)
			for (uint32_t k = reversed(c, bits); k < 1u << POD_INFLATE_FAST; k += 1u << bits)
				h->fast[k] = (uint16_t)(i << 4 | bits);
	}
	return POD_OK;
}

/* The next symbol, or -1: no code begins so. */
static int decode(struct stream *s, const struct pod_huffman *h)
{
	refill(s);
	uint16_t e = h->fast[s->bits & ((1u << POD_INFLATE_FAST) - 1)];
	if (e) {
		drop(s, e & 15);
		return e >> 4;
	}
	/* Codes of one length are consecutive numbers, and follow those of the length before. */
	uint32_t code = 0, first = 0, before = 0;
	for (unsigned bits = 1; bits <= BITS_MAX; bits++) {
		code = code << 1 | (s->bits >> (bits - 1) & 1);
		first <<= 1;
		uint32_t n = h->count[bits];
		if (code - first < n) {
			drop(s, bits);
			return h->symbol[before + code - first];
		}
		first += n;
		before += n;
	}
	return -1;
}

/* --- blocks --------------------------------------------------------------------------------------------- */

static enum pod_status stored(struct stream *s)
{
	drop(s, s->have & 7);
	if (overran(s))
		return POD_E_CORRUPT;
	/* Whole bytes that were taken too early go back. */
	s->pos -= s->have / 8 - s->past;
	s->bits = s->have = s->past = 0;
	if (s->in_len - s->pos < 4)
		return POD_E_CORRUPT;
	uint32_t n = pod_get_le16(s->in + s->pos);
	if ((n ^ pod_get_le16(s->in + s->pos + 2)) != 0xffff)
		return POD_E_CORRUPT;
	s->pos += 4;
	/* What there is of it, as with the other kinds. */
	uint32_t can = (uint32_t)pod_min_u64(pod_min_u64(n, s->in_len - s->pos), s->max - s->len);
	memcpy(s->out + s->len, s->in + s->pos, can);
	s->len += can;
	s->pos += can;
	return can == n ? POD_OK : POD_E_CORRUPT;
}

/* `len` bytes again from `back` before; they may overlap. */
static enum pod_status repeat(struct stream *s, uint32_t back, uint32_t len)
{
	if (back > s->len || len > s->max - s->len)
		return POD_E_CORRUPT;
	uint8_t *to = s->out + s->len;
	s->len += len;
	if (back >= len) {
		memcpy(to, to - back, len);
		return POD_OK;
	}
	for (; len; len--, to++)
		*to = *(to - back);
	return POD_OK;
}

static enum pod_status block(struct stream *s, const struct pod_inflate *z)
{
	static const uint16_t len_base[29] = {3,  4,  5,  6,  7,  8,  9,  10, 11,  13,	15,  17,  19,  23, 27,
					      31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
	static const uint8_t len_extra[29] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
					      2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
	static const uint16_t dist_base[30] = {1,    2,	   3,	 4,    5,    7,	   9,	 13,	17,    25,
					       33,   49,   65,	 97,   129,  193,  257,	 385,	513,   769,
					       1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};
	for (;;) {
		if (s->len - s->spent >= POD_UNPACKED_STEP)
			POD_TRY(spend(s));
		int sym = decode(s, &z->lit);
		if (sym < 0 || overran(s))
			return POD_E_CORRUPT;
		if (sym < END) {
			if (s->len == s->max)
				return POD_E_CORRUPT;
			s->out[s->len++] = (uint8_t)sym;
			continue;
		}
		if (sym == END)
			return POD_OK;
		if (sym >= LITERALS)
			return POD_E_CORRUPT;
		uint32_t len = len_base[sym - 257] + take(s, len_extra[sym - 257]);
		int d = decode(s, &z->dist);
		if (d < 0 || d >= DISTANCES)
			return POD_E_CORRUPT;
		uint32_t back = dist_base[d] + take(s, d < 4 ? 0 : (unsigned)d / 2 - 1);
		if (overran(s))
			return POD_E_CORRUPT;
		POD_TRY(repeat(s, back, len));
	}
}

static enum pod_status fixed_codes(struct pod_inflate *z)
{
	memset(z->lengths, 8, 144);
	memset(z->lengths + 144, 9, 112);
	memset(z->lengths + 256, 7, 24);
	memset(z->lengths + 280, 8, 8);
	POD_TRY(build(&z->lit, z->lengths, 288));
	/* All 32 codes have a length; two of them are never used. */
	memset(z->lengths, 5, 32);
	return build(&z->dist, z->lengths, 32);
}

static enum pod_status own_codes(struct stream *s, struct pod_inflate *z)
{
	static const uint8_t order[19] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
	uint32_t lits = take(s, 5) + 257, dists = take(s, 5) + 1, codes = take(s, 4) + 4, n = 0;
	if (lits > LITERALS || dists > DISTANCES)
		return POD_E_CORRUPT;
	memset(z->lengths, 0, 19);
	for (uint32_t i = 0; i < codes; i++)
		z->lengths[order[i]] = (uint8_t)take(s, 3);
	POD_TRY(build(&z->lit, z->lengths, 19));
	while (n < lits + dists) {
		int sym = decode(s, &z->lit);
		uint8_t value = 0;
		uint32_t times = 1;
		if (sym < 0 || overran(s))
			return POD_E_CORRUPT;
		if (sym < 16)
			value = (uint8_t)sym;
		else if (sym == 16) {
			if (!n)
				return POD_E_CORRUPT;
			value = z->lengths[n - 1];
			times = 3 + take(s, 2);
		} else
			times = sym == 17 ? 3 + take(s, 3) : 11 + take(s, 7);
		if (times > lits + dists - n)
			return POD_E_CORRUPT;
		memset(z->lengths + n, value, times);
		n += times;
	}
	/* A block must be able to end. */
	if (!z->lengths[END])
		return POD_E_CORRUPT;
	POD_TRY(build(&z->dist, z->lengths + lits, dists));
	return build(&z->lit, z->lengths, lits);
}

static enum pod_status unpack(struct pod_inflate *z, struct stream *s)
{
	for (bool last = false; !last;) {
		last = take(s, 1);
		uint32_t kind = take(s, 2);
		enum pod_status st = kind == 0	 ? stored(s)
				     : kind == 1 ? fixed_codes(z)
				     : kind == 2 ? own_codes(s, z)
						 : POD_E_CORRUPT;
		if (st == POD_OK && kind)
			st = block(s, z);
		if (st == POD_E_BUDGET || st == POD_E_CANCELLED)
			return st;
		if (st != POD_OK || overran(s))
			return POD_E_CORRUPT;
		POD_TRY(pod_budget_spend(s->budget, 1, 0));
		POD_TRY(spend(s));
	}
	drop(s, s->have & 7);
	s->pos -= s->have / 8 - s->past;
	return POD_OK;
}

enum pod_status pod_inflate_raw(struct pod_inflate *z, const uint8_t *in, size_t in_len, uint8_t *out, size_t max,
				size_t *out_len)
{
	size_t used;
	return pod_inflate_counted(z, in, in_len, out, max, NULL, out_len, &used);
}

enum pod_status pod_inflate_counted(struct pod_inflate *z, const uint8_t *in, size_t in_len, uint8_t *out, size_t max,
				    struct pod_budget *b, size_t *out_len, size_t *used)
{
	struct stream s = {.in = in, .in_len = in_len, .out = out, .max = max, .budget = b};
	enum pod_status st = unpack(z, &s);
	*out_len = s.len;
	*used = s.pos;
	return st;
}

static uint32_t adler32(const uint8_t *p, size_t n)
{
	uint32_t a = 1, b = 0;
	while (n) {
		/* The largest number of bytes after which `b` has not overflowed. */
		size_t k = n < 5552 ? n : 5552;
		for (n -= k; k; k--, p++) {
			a += *p;
			b += a;
		}
		a %= 65521;
		b %= 65521;
	}
	return b << 16 | a;
}

enum pod_status pod_inflate_zlib(struct pod_inflate *z, const uint8_t *in, size_t in_len, uint8_t *out, size_t max,
				 size_t *out_len)
{
	*out_len = 0;
	/* Method 8, no preset dictionary. */
	if (in_len < 2 || (in[0] & 15) != 8 || in[0] >> 4 > 7 || pod_get_be16(in) % 31 || in[1] & 32)
		return POD_E_CORRUPT;
	struct stream s = {.in = in + 2, .in_len = in_len - 2, .out = out, .max = max};
	POD_TRY(unpack(z, &s));
	*out_len = s.len;
	if (s.in_len - s.pos < 4 || pod_get_be32(s.in + s.pos) != adler32(out, s.len))
		return POD_E_CORRUPT;
	return POD_OK;
}
