/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first block of a bzip2 file (no standard; bzip2 1.0.8's source, and "BZIP2: Format Specification" by J. Tsai, 2016). Bits are taken
 * from the highest on:
 *
 *   file     "BZh", '1' ... '9': blocks of so many 100000 bytes
 *   block    48 314159265359h, 32 sum, 1 (an old form), 24 where the content begins, 16 which sixteenths of the alphabet are used, 16 bits
 *            for each that is; 3 number of codes, 15 number of selectors, the selectors, the codes' lengths, the symbols
 *   symbols  0, 1: a run's length in a base of 2 of its own; the last one: the end; the others: so far back in a list of bytes that
 *            moves each one that is used to its front
 *
 * That gives the last column of the sorted rotations of the content, from which the content is walked out. Four equal bytes in it are
 * followed by a number of further ones.
 */
#include "core/base/bytes.h"
#include "core/base/unpack.h"

enum { GROUP = 50, CODES_MAX = 6, SYMBOLS_MAX = 258, BITS_MAX = 20, SELECTORS_MAX = 18002 };

struct code {
	uint32_t start[BITS_MAX + 1], end[BITS_MAX + 1]; /* codes of so many bits */
	uint16_t first[BITS_MAX + 1];			 /* where their symbols are in the list */
	uint16_t symbol[SYMBOLS_MAX];
};

struct bz {
	const uint8_t *in;
	size_t len, at; /* bits */
	uint32_t origin, used, symbols, selectors, codes;
	uint8_t list[256];
	uint8_t selector[SELECTORS_MAX];
	struct code code[CODES_MAX];
	uint8_t length[SYMBOLS_MAX];
	uint32_t count[256];
	uint32_t most;
	uint32_t column[]; /* low 8 bits: the byte; above: which is next */
};

static uint32_t bits(struct bz *z, unsigned n)
{
	uint32_t v = 0;
	for (; n; n--, z->at++)
		v = v << 1 | (z->at < z->len ? z->in[z->at >> 3] >> (7 - (z->at & 7)) & 1u : 0);
	return v;
}

static bool read_alphabet(struct bz *z)
{
	uint32_t sixteenths = bits(z, 16);
	for (unsigned i = 0; i < 16; i++) {
		uint32_t which = sixteenths >> (15 - i) & 1 ? bits(z, 16) : 0;
		for (unsigned k = 0; k < 16; k++)
			if (which >> (15 - k) & 1)
				z->list[z->used++] = (uint8_t)(i * 16 + k);
	}
	z->symbols = z->used + 2;
	return z->used != 0;
}

static bool read_selectors(struct bz *z)
{
	uint8_t order[CODES_MAX] = {0, 1, 2, 3, 4, 5};
	z->codes = bits(z, 3);
	z->selectors = bits(z, 15);
	if (z->codes < 2 || z->codes > CODES_MAX || !z->selectors)
		return false;
	for (uint32_t i = 0; i < z->selectors; i++) {
		unsigned back = 0;
		while (bits(z, 1))
			if (++back >= z->codes)
				return false;
		uint8_t which = order[back];
		memmove(order + 1, order, back);
		order[0] = which;
		if (i < SELECTORS_MAX) /* some writers say more than can be used */
			z->selector[i] = which;
	}
	z->selectors = (uint32_t)pod_min_u64(z->selectors, SELECTORS_MAX);
	return z->at <= z->len;
}

static bool read_code(struct bz *z, struct code *c)
{
	uint32_t n = bits(z, 5), next = 0, used = 0;
	for (uint32_t i = 0; i < z->symbols; i++) {
		while (bits(z, 1))
			n += bits(z, 1) ? UINT32_MAX : 1;
		if (n < 1 || n > BITS_MAX)
			return false;
		z->length[i] = (uint8_t)n;
	}
	for (unsigned b = 1; b <= BITS_MAX; b++) {
		c->start[b] = next;
		c->first[b] = (uint16_t)used;
		for (uint32_t i = 0; i < z->symbols; i++)
			if (z->length[i] == b)
				c->symbol[used++] = (uint16_t)i;
		c->end[b] = next + used - c->first[b];
		if (c->end[b] > 1u << b)
			return false;
		next = c->end[b] << 1;
	}
	return z->at <= z->len;
}

/* The next symbol; UINT32_MAX: there is none. */
static uint32_t symbol(struct bz *z, const struct code *c)
{
	uint32_t v = 0;
	for (unsigned b = 1; b <= BITS_MAX; b++) {
		v = v << 1 | bits(z, 1);
		if (v < c->end[b])
			return z->at <= z->len ? c->symbol[c->first[b] + v - c->start[b]] : UINT32_MAX;
	}
	return UINT32_MAX;
}

static bool put(struct bz *z, uint32_t *n, uint8_t byte, uint32_t times)
{
	if (times > z->most - *n)
		return false;
	z->count[byte] += times;
	while (times--)
		z->column[(*n)++] = byte;
	return true;
}

/* The last column; its length, or 0. */
static uint32_t read_column(struct bz *z)
{
	uint32_t n = 0, run = 0, weight = 1;
	for (uint32_t i = 0; i / GROUP < z->selectors; i++) {
		uint32_t s = symbol(z, &z->code[z->selector[i / GROUP]]);
		if (s < 2) {
			run += weight << s;
			weight <<= 1;
			if (run > z->most)
				return 0;
			continue;
		}
		if (run && !put(z, &n, z->list[0], run))
			return 0;
		run = 0;
		weight = 1;
		if (s == z->symbols - 1)
			return n;
		if (s >= z->symbols)
			return 0;
		uint8_t byte = z->list[s - 1];
		memmove(z->list + 1, z->list, s - 1);
		z->list[0] = byte;
		if (!put(z, &n, byte, 1))
			return 0;
	}
	return 0;
}

static size_t walk(struct bz *z, uint32_t n, uint8_t *out, size_t max)
{
	uint32_t sum = 0, same = 0;
	int before = -1;
	size_t len = 0;
	if (z->origin >= n)
		return 0;
	for (unsigned i = 0; i < 256; i++) {
		uint32_t c = z->count[i];
		z->count[i] = sum;
		sum += c;
	}
	for (uint32_t i = 0; i < n; i++)
		z->column[z->count[z->column[i] & 255]++] |= i << 8;
	uint32_t at = z->column[z->origin] >> 8;
	for (uint32_t i = 0; i < n && len < max; i++) {
		uint8_t byte = (uint8_t)z->column[at];
		at = z->column[at] >> 8;
		if (same == 4) {
			for (unsigned k = 0; k < byte && len < max; k++)
				out[len++] = (uint8_t)before;
			same = 0;
			before = -1;
			continue;
		}
		same = byte == before ? same + 1 : 1;
		before = byte;
		out[len++] = byte;
	}
	return len;
}

static uint32_t read_block(struct bz *z)
{
	uint32_t first = bits(z, 24), second = bits(z, 24);
	if (first != 0x314159 || second != 0x265359)
		return 0;
	(void)bits(z, 32);
	bool scrambled = bits(z, 1) != 0; /* no writer since 0.9.5 */
	z->origin = bits(z, 24);
	if (scrambled || !read_alphabet(z) || !read_selectors(z))
		return 0;
	for (uint32_t i = 0; i < z->codes; i++)
		if (!read_code(z, &z->code[i]))
			return 0;
	return read_column(z);
}

enum pod_status pod_unpack_bzip2(struct pod_alloc *a, const uint8_t *in, size_t in_len, uint8_t *out, size_t max, size_t *out_len)
{
	*out_len = 0;
	if (in_len < 4 || in[3] < '1' || in[3] > '9')
		return POD_E_UNSUPPORTED;
	uint32_t most = (in[3] - (uint32_t)'0') * 100000;
	struct bz *z = a->alloc(a, sizeof *z + most * sizeof z->column[0]);
	if (!z)
		return POD_E_NOMEM;
	memset(z, 0, sizeof *z);
	z->in = in + 4;
	z->len = (in_len - 4) * 8;
	z->most = most;
	uint32_t n = read_block(z);
	if (n)
		*out_len = walk(z, n, out, max);
	pod_free(a, z);
	return POD_OK;
}
