/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * LZMA ("lzma-specification.txt" of the LZMA SDK, 9.20 and later), alone and as LZMA2 in an xz file ("The .xz File Format"
 * 1.0.4, sections 2 to 5; LZMA2's chunks as in Linux' lib/xz/xz_dec_lzma2.c).
 *
 *   .lzma    +0 1 lc, lp, pb as (pb * 5 + lp) * 9 + lc, +1 4 size of the dictionary, +5 8 size of the content, +13 the stream
 *   .xz      +0 12 header; a block: +0 1 its header's size / 4 - 1 (0: there is none), filters and so on, then LZMA2 chunks
 *   chunk    1 control: 0 the end, 1 and 2 bytes as they are, 80h ... FFh LZMA; 2 (lower 16 bits of the) size of the content - 1,
 *            LZMA: 2 packed size - 1, from control C0h on lc, lp, pb
 *
 * What has been unpacked is the dictionary. Filters in front of LZMA2 are for machine code, and do not touch what is looked for here.
 */
#include "core/base/bytes.h"
#include "core/base/lzma.h"
#include "core/base/unpack.h"

bool pod_lzma_properties(struct pod_lzma *z, uint8_t props)
{
	if (props >= 9 * 5 * 5)
		return false;
	z->lc = props % 9;
	z->lp = props / 9 % 5;
	z->pb = props / 45;
	return z->lc + z->lp <= POD_LZMA_LC_LP_MAX;
}

void pod_lzma_reset(struct pod_lzma *z)
{
	uint16_t *v = (uint16_t *)z->p;
	for (size_t i = 0; i < sizeof *z->p / sizeof *v; i++)
		v[i] = POD_LZMA_HALF;
	z->state = 0;
	memset(z->rep, 0, sizeof z->rep);
}

void pod_lzma_begin(struct pod_lzma *z)
{
	z->range = UINT32_MAX;
	z->code = 0;
	for (unsigned i = 0; i < 5; i++, z->pos++)
		z->code = z->code << 8 | (z->pos < z->in_len ? z->in[z->pos] : 0);
}

static void normalise(struct pod_lzma *z)
{
	if (z->range >= 1u << 24)
		return;
	z->range <<= 8;
	z->code = z->code << 8 | (z->pos < z->in_len ? z->in[z->pos] : 0);
	z->pos++; /* beyond the end: what was decoded with such bytes is not given out */
}

void pod_lzma_normalise(struct pod_lzma *z)
{
	normalise(z);
}

static unsigned bit(struct pod_lzma *z, uint16_t *p)
{
	normalise(z);
	uint32_t bound = (z->range >> 11) * *p;
	if (z->code < bound) {
		z->range = bound;
		*p = (uint16_t)(*p + ((2048 - *p) >> 5));
		return 0;
	}
	z->range -= bound;
	z->code -= bound;
	*p = (uint16_t)(*p - (*p >> 5));
	return 1;
}

static uint32_t bits_tree(struct pod_lzma *z, uint16_t *p, unsigned n)
{
	uint32_t m = 1;
	for (unsigned i = 0; i < n; i++)
		m = m << 1 | bit(z, p + m);
	return m - (1u << n);
}

static uint32_t bits_reverse(struct pod_lzma *z, uint16_t *p, unsigned n)
{
	uint32_t m = 1, v = 0;
	for (unsigned i = 0; i < n; i++) {
		unsigned b = bit(z, p + m);
		m = m << 1 | b;
		v |= (uint32_t)b << i;
	}
	return v;
}

static uint32_t bits_direct(struct pod_lzma *z, unsigned n)
{
	uint32_t v = 0;
	for (; n; n--) {
		normalise(z);
		z->range >>= 1;
		unsigned b = z->code >= z->range;
		z->code -= b ? z->range : 0;
		v = v << 1 | b;
	}
	return v;
}

static uint32_t read_len(struct pod_lzma *z, struct pod_lzma_len *c, unsigned pos_state)
{
	if (!bit(z, &c->choice))
		return bits_tree(z, c->low[pos_state], 3);
	if (!bit(z, &c->choice2))
		return 8 + bits_tree(z, c->mid[pos_state], 3);
	return 16 + bits_tree(z, c->high, 8);
}

static uint32_t read_distance(struct pod_lzma *z, uint32_t len)
{
	uint32_t slot = bits_tree(z, z->p->slot[len < 4 ? len : 3], 6);
	if (slot < 4)
		return slot;
	unsigned n = (slot >> 1) - 1;
	uint32_t d = (2 | (slot & 1)) << n;
	if (slot < 14)
		return d + bits_reverse(z, z->p->special + d - slot, n);
	d += bits_direct(z, n - POD_LZMA_ALIGN_BITS) << POD_LZMA_ALIGN_BITS;
	return d + bits_reverse(z, z->p->align, POD_LZMA_ALIGN_BITS);
}

static void literal(struct pod_lzma *z)
{
	size_t at = z->len - z->from;
	unsigned before = at ? z->out[z->len - 1] : 0, m = 1;
	uint16_t *p = z->p->literal + 0x300 * (((at & ((1u << z->lp) - 1)) << z->lc) + (before >> (8 - z->lc)));
	if (z->state >= POD_LZMA_LIT_STATES) { /* the byte that a match would have given guides this one */
		unsigned match = z->out[z->len - z->rep[0] - 1];
		do {
			unsigned m_bit = match >> 7 & 1, b = bit(z, p + ((1 + m_bit) << 8) + m);
			match <<= 1;
			m = m << 1 | b;
			if (m_bit != b)
				break;
		} while (m < 0x100);
	}
	while (m < 0x100)
		m = m << 1 | bit(z, p + m);
	if (z->pos <= z->in_len)
		z->out[z->len++] = (uint8_t)m;
	z->state = z->state < 4 ? 0 : z->state < 10 ? z->state - 3 : z->state - 6;
}

/* A match, new or one of the last four; its length, less 2. False: the end, or damage. */
static bool match(struct pod_lzma *z, unsigned pos_state, uint32_t *len)
{
	bool after_literal = z->state < POD_LZMA_LIT_STATES;
	if (!bit(z, &z->p->is_rep[z->state])) {
		z->rep[3] = z->rep[2];
		z->rep[2] = z->rep[1];
		z->rep[1] = z->rep[0];
		*len = read_len(z, &z->p->len, pos_state);
		z->rep[0] = read_distance(z, *len);
		z->state = after_literal ? 7 : 10;
		z->ended = z->rep[0] == UINT32_MAX;
		return !z->ended;
	}
	unsigned which = 0;
	if (bit(z, &z->p->is_rep0[z->state]))
		which = !bit(z, &z->p->is_rep1[z->state]) ? 1 : 2 + bit(z, &z->p->is_rep2[z->state]);
	else if (!bit(z, &z->p->is_rep0_long[z->state][pos_state])) {
		z->state = after_literal ? 9 : 11;
		*len = UINT32_MAX; /* one byte */
		return true;
	}
	uint32_t d = z->rep[which];
	for (; which; which--)
		z->rep[which] = z->rep[which - 1];
	z->rep[0] = d;
	*len = read_len(z, &z->p->rep_len, pos_state);
	z->state = after_literal ? 8 : 11;
	return true;
}

bool pod_lzma_decode(struct pod_lzma *z, size_t end)
{
	while (z->len < end && z->pos <= z->in_len) {
		unsigned pos_state = (unsigned)(z->len - z->from) & ((1u << z->pb) - 1);
		uint32_t len;
		if (!bit(z, &z->p->is_match[z->state][pos_state])) {
			if (z->state >= POD_LZMA_LIT_STATES && z->rep[0] >= z->len - z->from)
				return false;
			literal(z);
			continue;
		}
		if (!match(z, pos_state, &len) || z->rep[0] >= z->len - z->from || z->pos > z->in_len)
			return false;
		for (len += 2; len && z->len < end; len--, z->len++)
			z->out[z->len] = z->out[z->len - z->rep[0] - 1];
	}
	return z->len == end;
}

enum pod_status pod_lzma_prepare(struct pod_alloc *a, struct pod_lzma *z)
{
	z->p = a->alloc(a, sizeof *z->p);
	return z->p ? POD_OK : POD_E_NOMEM;
}

enum pod_status pod_unpack_lzma(struct pod_alloc *a, const uint8_t *in, size_t in_len, uint8_t *out, size_t max, size_t *out_len)
{
	struct pod_lzma z = {.in = in, .in_len = in_len, .pos = 13, .out = out};
	*out_len = 0;
	if (in_len < 13 || !pod_lzma_properties(&z, in[0]))
		return POD_E_UNSUPPORTED;
	POD_TRY(pod_lzma_prepare(a, &z));
	z.max = (size_t)pod_min_u64(max, pod_get_le64(in + 5));
	pod_lzma_reset(&z);
	pod_lzma_begin(&z);
	(void)pod_lzma_decode(&z, z.max);
	pod_free(a, z.p);
	*out_len = z.len;
	return POD_OK;
}

bool pod_lzma_chunk(struct pod_lzma *z)
{
	if (z->in_len > z->pos && !z->in[z->pos]) {
		z->ended = true;
		z->pos++;
		return false;
	}
	if (z->in_len - z->pos < 3)
		return false;
	uint8_t control = z->in[z->pos];
	size_t size = pod_get_be16(z->in + z->pos + 1) + 1u, head = 3;
	if (control == 1 || (control >= 0xe0))
		z->from = z->len;
	if (control < 0x80) {
		size_t n = (size_t)pod_min_u64(pod_min_u64(size, z->max - z->len), z->in_len - z->pos - head);
		memcpy(z->out + z->len, z->in + z->pos + head, n);
		z->len += n;
		z->pos += head + n;
		return control <= 2 && n == size;
	}
	size += (size_t)(control & 0x1f) << 16;
	head = control >= 0xc0 ? 6 : 5;
	if (z->in_len - z->pos < head || (control >= 0xc0 && !pod_lzma_properties(z, z->in[z->pos + 5])))
		return false;
	size_t packed = pod_get_be16(z->in + z->pos + 3) + 1u;
	if (control >= 0xa0)
		pod_lzma_reset(z);
	size_t next = z->pos + head + packed;
	z->pos += head;
	pod_lzma_begin(z);
	size_t room = z->max - z->len;
	bool whole = pod_lzma_decode(z, z->len + (size < room ? size : room));
	z->pos = next;
	return whole && size <= room && next <= z->in_len;
}

enum pod_status pod_unpack_xz(struct pod_alloc *a, const uint8_t *in, size_t in_len, uint8_t *out, size_t max, size_t *out_len)
{
	enum { HEADER = 12 };
	struct pod_lzma z = {.in = in, .in_len = in_len, .out = out, .max = max};
	*out_len = 0;
	if (in_len < HEADER + 1 || !in[HEADER])
		return POD_E_UNSUPPORTED;
	z.pos = HEADER + (in[HEADER] + 1u) * 4;
	POD_TRY(pod_lzma_prepare(a, &z));
	pod_lzma_reset(&z);
	while (z.pos < in_len && z.len < max && pod_lzma_chunk(&z))
		;
	pod_free(a, z.p);
	*out_len = z.len;
	return POD_OK;
}
