/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RFC 8878. A frame (3.1.1) is a header and blocks of at most 128 KiB; a block is bytes, one byte many times, or literals and sequences:
 *
 *   frame    4 FD2FB528h  1 descriptor (7, 6 size of the content's size, 5 one segment, 2 a sum, 1, 0 size of the dictionary's id)
 *            [1 window]  [dictionary's id]  [size of the content]
 *   block    3: 0 the last, 1, 2 kind, 3 ... size
 *   literals a kind (as they are, one byte, Huffman, Huffman with the last table), sizes, for Huffman the table, one stream or four
 *   sequences their number, how three tables are told, the tables, one stream of bits
 *
 * Streams of bits are read from their end to their beginning; the highest bit that is set in their last byte ends them. A sequence is:
 * so many literals, then so many bytes from so far back.
 */
#include "core/base/zstd.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"

enum { LIT_SYMBOLS = 36, OFF_SYMBOLS = 32, MATCH_SYMBOLS = 53, WEIGHT_SYMBOLS = 13, WEIGHTS_MAX = 255 };
enum { LIT_LOG = 9, OFF_LOG = 8, MATCH_LOG = 9, WEIGHT_LOG = 6 };
enum { MODE_PREDEFINED, MODE_RLE, MODE_FSE, MODE_REPEAT };

static unsigned highest_bit(uint32_t v)
{
	unsigned n = 0;
	while (v >>= 1)
		n++;
	return n;
}

/* --- bits ----------------------------------------------------------------------------------------------- */

struct bits {
	const uint8_t *p;
	size_t len, left; /* bits that were not read yet, those at the beginning */
	bool over;	  /* more were read than there are */
};

/* `n` bits, at most 56, from bit `at` on; zeros behind the end. */
static uint64_t bits_at(const uint8_t *p, size_t len, size_t at, unsigned n)
{
	size_t byte = at >> 3;
	uint64_t v = 0;
	if (byte < len && len - byte >= 8)
		v = pod_get_le64(p + byte);
	else
		for (size_t i = byte; i < len; i++)
			v |= (uint64_t)p[i] << (8 * (i - byte));
	return v >> (at & 7) & ((1ull << n) - 1);
}

static bool bits_open(struct bits *b, const uint8_t *p, size_t len)
{
	*b = (struct bits){.p = p, .len = len};
	if (!len || !p[len - 1])
		return false;
	b->left = (len - 1) * 8 + highest_bit(p[len - 1]);
	return true;
}

/* The next ones, without taking them; zeros where there are none. */
static uint32_t bits_peek(const struct bits *b, unsigned n)
{
	if (n <= b->left)
		return (uint32_t)bits_at(b->p, b->len, b->left - n, n);
	return (uint32_t)bits_at(b->p, b->len, 0, (unsigned)b->left) << (n - b->left);
}

static uint32_t bits_take(struct bits *b, unsigned n)
{
	uint32_t v = bits_peek(b, n);
	b->over |= n > b->left;
	b->left -= n > b->left ? b->left : n;
	return v;
}

/* --- finite state entropy (4.1) ------------------------------------------------------------------------- */

/* How often each symbol is in the table (-1: less than once), from the beginning of `in` on; *used bytes of it. */
static enum pod_status read_counts(const uint8_t *in, size_t len, unsigned symbols, unsigned most, int16_t *count, unsigned *log,
				   size_t *used)
{
	size_t at = 4;
	unsigned s = 0;
	memset(count, 0, symbols * sizeof *count);
	*log = (unsigned)bits_at(in, len, 0, 4) + 5;
	if (*log > most)
		return POD_E_CORRUPT;
	uint32_t left = (1u << *log) + 1;
	while (left > 1 && s < symbols) {
		unsigned n = highest_bit(left) + 1;
		uint32_t v = (uint32_t)bits_at(in, len, at, n), half = 1u << (n - 1), few = (1u << n) - 1 - left;
		/* The lowest values take a bit less. */
		if ((v & (half - 1)) < few) {
			v &= half - 1;
			n--;
		} else if (v >= half) {
			v -= few;
		}
		at += n;
		count[s] = (int16_t)(v - 1);
		left -= v ? v - 1 : 1;
		s++;
		for (uint32_t more = v == 1 ? 3 : 0; more == 3; at += 2, s += more)
			more = (uint32_t)bits_at(in, len, at, 2);
	}
	*used = (at + 7) >> 3;
	return left == 1 && s <= symbols && *used <= len ? POD_OK : POD_E_CORRUPT;
}

static void build(struct pod_zstd_fse *t, const int16_t *count, unsigned symbols, unsigned log)
{
	uint32_t size = 1u << log, step = (size >> 1) + (size >> 3) + 3, high = size, at = 0;
	uint16_t next[MATCH_SYMBOLS];
	for (unsigned s = 0; s < symbols; s++) {
		next[s] = (uint16_t)(count[s] < 0 ? 1 : count[s]);
		if (count[s] < 0)
			t->cell[--high].symbol = (uint8_t)s;
	}
	for (unsigned s = 0; s < symbols; s++)
		for (int16_t i = 0; i < count[s]; i++) {
			t->cell[at].symbol = (uint8_t)s;
			do
				at = (at + step) & (size - 1);
			while (at >= high);
		}
	for (uint32_t i = 0; i < size; i++) {
		struct pod_zstd_cell *c = &t->cell[i];
		uint32_t x = next[c->symbol]++;
		c->bits = (uint8_t)(log - highest_bit(x));
		c->base = (uint16_t)((x << c->bits) - size);
	}
	t->log = (uint8_t)log;
	t->known = true;
}

static enum pod_status read_fse(struct pod_zstd_fse *t, const uint8_t *in, size_t len, unsigned symbols, unsigned most,
				size_t *used)
{
	int16_t count[MATCH_SYMBOLS];
	unsigned log;
	POD_TRY(read_counts(in, len, symbols, most, count, &log, used));
	build(t, count, symbols, log);
	return POD_OK;
}

static void advance(const struct pod_zstd_fse *t, uint32_t *state, struct bits *b)
{
	const struct pod_zstd_cell *c = &t->cell[*state];
	*state = c->base + bits_take(b, c->bits);
}

/* --- literals (3.1.1.3.1) ------------------------------------------------------------------------------- */

/* Weights as FSE codes with two states that take turns; the one whose turn comes when bits run out says the last. */
static enum pod_status read_weights(struct pod_zstd *z, const uint8_t *in, size_t len, uint8_t *weight, unsigned *n)
{
	struct bits b;
	size_t used;
	POD_TRY(read_fse(&z->weight, in, len, WEIGHT_SYMBOLS, WEIGHT_LOG, &used));
	if (!bits_open(&b, in + used, len - used))
		return POD_E_CORRUPT;
	uint32_t state[2];
	for (unsigned i = 0; i < 2; i++)
		state[i] = bits_take(&b, z->weight.log);
	if (b.over)
		return POD_E_CORRUPT;
	for (*n = 0; *n < WEIGHTS_MAX - 1;) {
		uint32_t *turn = &state[*n & 1];
		weight[(*n)++] = z->weight.cell[*turn].symbol;
		advance(&z->weight, turn, &b);
		if (b.over) {
			weight[*n] = z->weight.cell[state[*n & 1]].symbol;
			(*n)++;
			return POD_OK;
		}
	}
	return POD_E_CORRUPT;
}

/* The last weight is what fills the codes up to a power of two. */
static enum pod_status build_huffman(struct pod_zstd *z, uint8_t *weight, unsigned n)
{
	uint32_t sum = 0, at = 0;
	unsigned longest = 0;
	for (unsigned i = 0; i < n; i++) {
		if (weight[i] > POD_ZSTD_HUF_BITS)
			return POD_E_CORRUPT;
		sum += weight[i] ? 1u << (weight[i] - 1) : 0;
		longest += weight[i] == 1;
	}
	unsigned bits = highest_bit(sum) + 1;
	uint32_t rest = (1u << bits) - sum;
	if (!sum || bits > POD_ZSTD_HUF_BITS || rest & (rest - 1))
		return POD_E_CORRUPT;
	weight[n] = (uint8_t)(highest_bit(rest) + 1);
	/* The longest codes come in pairs; a table without any is one of a smaller size, written wrongly. */
	if (longest + (weight[n] == 1) < 2)
		return POD_E_CORRUPT;
	for (unsigned w = 1; w <= bits; w++)
		for (unsigned i = 0; i <= n; i++)
			for (uint32_t k = 0; weight[i] == w && k < 1u << (w - 1); k++, at++) {
				z->huf[at].symbol = (uint8_t)i;
				z->huf[at].bits = (uint8_t)(bits + 1 - w);
			}
	z->huf_bits = (uint8_t)bits;
	return POD_OK;
}

static enum pod_status read_huffman(struct pod_zstd *z, const uint8_t *in, size_t len, size_t *used)
{
	uint8_t weight[WEIGHTS_MAX + 1];
	unsigned n;
	if (!len)
		return POD_E_CORRUPT;
	z->huf_bits = 0;
	if (in[0] < 128) {
		*used = 1u + in[0];
		if (*used > len)
			return POD_E_CORRUPT;
		POD_TRY(read_weights(z, in + 1, in[0], weight, &n));
		return build_huffman(z, weight, n);
	}
	n = in[0] - 127u;
	*used = 1 + (n + 1) / 2;
	if (*used > len)
		return POD_E_CORRUPT;
	for (unsigned i = 0; i < n; i++)
		weight[i] = i & 1 ? in[1 + i / 2] & 15 : in[1 + i / 2] >> 4;
	return build_huffman(z, weight, n);
}

static enum pod_status huffman_symbols(const struct pod_zstd *z, struct bits *b, uint8_t *out, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t code = bits_peek(b, z->huf_bits);
		out[i] = z->huf[code].symbol;
		if (z->huf[code].bits > b->left)
			return POD_E_CORRUPT;
		b->left -= z->huf[code].bits;
	}
	return POD_OK;
}

static enum pod_status huffman_stream(const struct pod_zstd *z, const uint8_t *in, size_t len, uint8_t *out, size_t n)
{
	struct bits b;
	if (!bits_open(&b, in, len))
		return POD_E_CORRUPT;
	POD_TRY(huffman_symbols(z, &b, out, n));
	return b.left ? POD_E_CORRUPT : POD_OK;
}

static enum pod_status four_streams(struct pod_zstd *z, const uint8_t *in, size_t len, size_t n)
{
	size_t at = 6, done = 0, piece = (n + 3) / 4;
	if (len < 6 || piece * 3 > n)
		return POD_E_CORRUPT;
	for (unsigned i = 0; i < 4; i++) {
		size_t size = i < 3 ? pod_get_le16(in + 2 * (size_t)i) : len - at, to = i < 3 ? piece : n - done;
		if (size > len - at)
			return POD_E_CORRUPT;
		POD_TRY(huffman_stream(z, in + at, size, z->literals + done, to));
		at += size;
		done += to;
	}
	return POD_OK;
}

struct literals_head {
	unsigned kind, format;
	size_t head, n, packed; /* bytes of the header; content and packed size */
};

static enum pod_status read_literals_head(const uint8_t *in, size_t len, struct literals_head *l)
{
	static const uint8_t head_of[4] = {3, 3, 4, 5}, bits_of[4] = {10, 10, 14, 18}, plain_of[4] = {1, 2, 1, 3};
	l->kind = len ? in[0] & 3 : 0;
	l->format = len ? in[0] >> 2 & 3 : 0;
	l->head = l->kind < 2 ? plain_of[l->format] : head_of[l->format];
	if (len < l->head)
		return POD_E_CORRUPT;
	uint64_t h = bits_at(in, l->head, 0, 40);
	unsigned bits = bits_of[l->format];
	if (l->kind < 2) {
		l->n = (size_t)(l->head == 1 ? h >> 3 : h >> 4);
		l->packed = l->kind ? 1 : l->n;
	} else {
		l->n = (size_t)(h >> 4 & ((1u << bits) - 1));
		l->packed = (size_t)(h >> (4 + bits));
	}
	return l->n > POD_ZSTD_BLOCK ? POD_E_CORRUPT : POD_OK;
}

/* In z->literals then; *used bytes of the block. */
static enum pod_status read_literals(struct pod_zstd *z, const uint8_t *in, size_t len, size_t *n, size_t *used)
{
	struct literals_head l;
	size_t tree = 0;
	POD_TRY(read_literals_head(in, len, &l));
	*n = l.n;
	*used = l.head + l.packed;
	if (*used > len)
		return POD_E_CORRUPT;
	if (l.kind < 2) {
		if (l.kind)
			memset(z->literals, in[l.head], l.n);
		else
			memcpy(z->literals, in + l.head, l.n);
		return POD_OK;
	}
	if (l.kind == 2)
		POD_TRY(read_huffman(z, in + l.head, l.packed, &tree));
	if (!z->huf_bits)
		return POD_E_CORRUPT;
	if (!l.format)
		return huffman_stream(z, in + l.head + tree, l.packed - tree, z->literals, l.n);
	return four_streams(z, in + l.head + tree, l.packed - tree, l.n);
}

/* --- sequences (3.1.1.3.2) ------------------------------------------------------------------------------ */

/* Appendix A. */
static const int16_t lit_counts[LIT_SYMBOLS] = {4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1,  1,  2,  2,
						2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1};
static const int16_t off_counts[OFF_SYMBOLS] = {1, 1, 1, 1, 1, 1, 2, 2, 2, 1,  1,  1,  1,  1, 1,
						1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1};
static const int16_t match_counts[MATCH_SYMBOLS] = {1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1,  1,  1,  1,  1,  1,  1, 1,
						    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,  1,  1,  1,  1,  1,  1, 1,
						    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1};

struct code {
	uint32_t base;
	uint8_t bits;
};
/* From the sixteenth code of a literals' length, and the thirty-second of a match, on; below: the code itself. */
static const struct code lit_code[LIT_SYMBOLS - 16] = {
	{16, 1},  {18, 1},  {20, 1},  {22, 1},	  {24, 2},    {28, 2},	  {32, 3},    {40, 3},	   {48, 4},	{64, 6},
	{128, 7}, {256, 8}, {512, 9}, {1024, 10}, {2048, 11}, {4096, 12}, {8192, 13}, {16384, 14}, {32768, 15}, {65536, 16}};
static const struct code match_code[MATCH_SYMBOLS - 32] = {
	{35, 1},    {37, 1},	{39, 1},    {41, 1},	{43, 2},     {47, 2},	  {51, 3},
	{59, 3},    {67, 4},	{83, 4},    {99, 5},	{131, 7},    {259, 8},	  {515, 9},
	{1027, 10}, {2051, 11}, {4099, 12}, {8195, 13}, {16387, 14}, {32771, 15}, {65539, 16}};

/* One of the three tables, as its mode says. */
static enum pod_status read_table(struct pod_zstd_fse *t, unsigned mode, const uint8_t *in, size_t len, const int16_t *counts,
				  unsigned symbols, unsigned most, size_t *used)
{
	*used = 0;
	if (mode == MODE_PREDEFINED) {
		build(t, counts, symbols, symbols == OFF_SYMBOLS ? 5 : 6);
	} else if (mode == MODE_RLE) {
		if (!len || in[0] >= symbols)
			return POD_E_CORRUPT;
		t->cell[0] = (struct pod_zstd_cell){.symbol = in[0]};
		t->log = 0;
		t->known = true;
		*used = 1;
	} else if (mode == MODE_FSE) {
		return read_fse(t, in, len, symbols, most, used);
	}
	return t->known ? POD_OK : POD_E_CORRUPT;
}

static enum pod_status read_tables(struct pod_zstd *z, const uint8_t *in, size_t len, size_t *used)
{
	size_t n;
	if (!len || in[0] & 3)
		return POD_E_CORRUPT;
	*used = 1;
	POD_TRY(read_table(&z->lit, in[0] >> 6, in + *used, len - *used, lit_counts, LIT_SYMBOLS, LIT_LOG, &n));
	*used += n;
	POD_TRY(read_table(&z->off, in[0] >> 4 & 3, in + *used, len - *used, off_counts, OFF_SYMBOLS, OFF_LOG, &n));
	*used += n;
	POD_TRY(read_table(&z->match, in[0] >> 2 & 3, in + *used, len - *used, match_counts, MATCH_SYMBOLS, MATCH_LOG, &n));
	*used += n;
	return POD_OK;
}

/* 3.1.1.5: 1 to 3 are the last three offsets, or those shifted by one when no literals are in front. */
static uint32_t offset_of(struct pod_zstd *z, uint64_t value, uint32_t literals)
{
	uint32_t *r = z->repeat, offset;
	if (value > 3) {
		offset = (uint32_t)(value - 3);
		r[2] = r[1];
		r[1] = r[0];
		r[0] = offset;
		return offset;
	}
	unsigned which = (unsigned)value - 1 + (literals == 0);
	offset = which < 3 ? r[which] : r[0] - 1;
	if (which > 1)
		r[2] = r[1];
	if (which > 0)
		r[1] = r[0];
	r[0] = offset;
	return offset;
}

struct output {
	uint8_t *p;
	size_t max, len;
	const uint8_t *literals;
	size_t literals_left;
};

/* What does not fit is left out, and an error. */
static enum pod_status put(struct output *o, const uint8_t *p, size_t len)
{
	size_t n = (size_t)pod_min_u64(len, o->max - o->len);
	memcpy(o->p + o->len, p, n);
	o->len += n;
	return n == len ? POD_OK : POD_E_CORRUPT;
}

static enum pod_status copy(struct output *o, uint32_t literals, uint32_t offset, uint32_t match)
{
	if (literals > o->literals_left)
		return POD_E_CORRUPT;
	POD_TRY(put(o, o->literals, literals));
	o->literals += literals;
	o->literals_left -= literals;
	if (!offset || offset > o->len)
		return POD_E_CORRUPT;
	uint8_t *to = o->p + o->len;
	uint32_t n = (uint32_t)pod_min_u64(match, o->max - o->len);
	for (uint32_t i = 0; i < n; i++)
		to[i] = to[(ptrdiff_t)i - (ptrdiff_t)offset];
	o->len += n;
	return n == match ? POD_OK : POD_E_CORRUPT;
}

static enum pod_status run_sequences(struct pod_zstd *z, const uint8_t *in, size_t len, uint32_t n, struct output *o)
{
	struct bits b;
	if (!bits_open(&b, in, len))
		return POD_E_CORRUPT;
	uint32_t lit = bits_take(&b, z->lit.log), off = bits_take(&b, z->off.log), match = bits_take(&b, z->match.log);
	for (; n && !b.over; n--) {
		unsigned ls = z->lit.cell[lit].symbol, os = z->off.cell[off].symbol, ms = z->match.cell[match].symbol;
		struct code lc = ls < 16 ? (struct code){ls, 0} : lit_code[ls - 16];
		struct code mc = ms < 32 ? (struct code){ms + 3, 0} : match_code[ms - 32];
		uint64_t value = (1ull << os) + bits_take(&b, os);
		uint32_t match_len = mc.base + bits_take(&b, mc.bits), literals = lc.base + bits_take(&b, lc.bits);
		POD_TRY(copy(o, literals, offset_of(z, value, literals), match_len));
		if (n == 1)
			break;
		advance(&z->lit, &lit, &b);
		advance(&z->match, &match, &b);
		advance(&z->off, &off, &b);
	}
	return b.over || b.left ? POD_E_CORRUPT : POD_OK;
}

static enum pod_status compressed_block(struct pod_zstd *z, const uint8_t *in, size_t len, struct output *o)
{
	size_t at, used, head = 1;
	POD_TRY(read_literals(z, in, len, &o->literals_left, &at));
	o->literals = z->literals;
	if (at >= len)
		return POD_E_CORRUPT;
	uint32_t n = in[at];
	if (n >= 128)
		head = n == 255 ? 3 : 2;
	if (len - at < head)
		return POD_E_CORRUPT;
	if (n == 255)
		n = pod_get_le16(in + at + 1) + 0x7f00u;
	else if (n >= 128)
		n = ((n - 128) << 8) + in[at + 1];
	at += head;
	if (n) {
		POD_TRY(read_tables(z, in + at, len - at, &used));
		POD_TRY(run_sequences(z, in + at + used, len - at - used, n, o));
	} else if (at != len) {
		return POD_E_CORRUPT;
	}
	return put(o, o->literals, o->literals_left);
}

/* --- the frame (3.1.1.1) -------------------------------------------------------------------------------- */

struct frame {
	size_t head;	    /* bytes of the header */
	uint64_t window;    /* no block is longer */
	uint64_t content;   /* so many bytes are in it */
	bool content_known; /* or that is not said */
};

static enum pod_status read_head(struct frame *f, const uint8_t *in, size_t len)
{
	static const uint8_t dict_bytes[4] = {0, 1, 2, 4}, size_bytes[4] = {0, 2, 4, 8};
	memset(f, 0, sizeof *f);
	if (len < 6 || pod_get_le32(in) != 0xfd2fb528 || in[4] & 8)
		return POD_E_CORRUPT;
	bool single = in[4] & 32;
	size_t dict = dict_bytes[in[4] & 3], size = size_bytes[in[4] >> 6], at = 5;
	if (single && !size)
		size = 1;
	if (len < at + !single + dict + size)
		return POD_E_CORRUPT;
	if (!single) {
		unsigned exponent = 10 + (in[at] >> 3);
		f->window = (1ull << exponent) + ((1ull << exponent) >> 3) * (in[at] & 7);
		at++;
	}
	for (size_t i = 0; i < dict; i++)
		if (in[at + i])
			return POD_E_CORRUPT;
	at += dict;
	f->content_known = size != 0;
	for (size_t i = 0; i < size; i++)
		f->content |= (uint64_t)in[at + i] << (8 * i);
	f->content += size == 2 ? 256 : 0;
	if (single)
		f->window = f->content;
	f->head = at + size;
	return POD_OK;
}

/* A block gives no more than what a window holds (3.1.1.2.4), whatever its sequences say. */
static enum pod_status block(struct pod_zstd *z, const struct frame *f, uint32_t head, const uint8_t *in, size_t left,
			     struct output *o, size_t *used)
{
	unsigned kind = head >> 1 & 3;
	size_t size = head >> 3, most = (size_t)pod_min_u64(POD_ZSTD_BLOCK, f->window), max = o->max;
	*used = kind == 1 ? 1 : size;
	if (kind == 3 || *used > left || size > most)
		return POD_E_CORRUPT;
	if (!kind)
		return put(o, in, size);
	if (kind == 2) {
		o->max = (size_t)pod_min_u64(max, o->len + most);
		enum pod_status st = compressed_block(z, in, size, o);
		o->max = max;
		return st;
	}
	if (size > o->max - o->len)
		return POD_E_CORRUPT;
	memset(o->p + o->len, in[0], size);
	o->len += size;
	return POD_OK;
}

static uint32_t block_head(const uint8_t *p)
{
	return pod_get_le16(p) | (uint32_t)p[2] << 16;
}

static enum pod_status blocks(struct pod_zstd *z, const struct frame *f, const uint8_t *in, size_t in_len, struct pod_budget *b,
			      struct output *o, size_t *end)
{
	z->lit.known = z->off.known = z->match.known = false;
	z->huf_bits = 0;
	z->repeat[0] = 1;
	z->repeat[1] = 4;
	z->repeat[2] = 8;
	for (size_t at = f->head, used;; at += used) {
		if (in_len - at < 3)
			return POD_E_CORRUPT;
		uint32_t head = block_head(in + at);
		at += 3;
		size_t before = o->len;
		POD_TRY(block(z, f, head, in + at, in_len - at, o, &used));
		POD_TRY(pod_budget_spend(b, 1 + (o->len - before) / POD_UNPACKED_STEP, 0));
		*end = at + used;
		if (head & 1)
			break;
	}
	return f->content_known && f->content != o->len ? POD_E_CORRUPT : POD_OK;
}

enum pod_status pod_zstd_unpack(struct pod_zstd *z, const uint8_t *in, size_t in_len, uint8_t *out, size_t max, size_t *out_len)
{
	size_t used;
	return pod_zstd_counted(z, in, in_len, out, max, NULL, out_len, &used);
}

enum pod_status pod_zstd_counted(struct pod_zstd *z, const uint8_t *in, size_t in_len, uint8_t *out, size_t max,
				 struct pod_budget *b, size_t *out_len, size_t *used)
{
	struct frame f;
	struct output o = {.p = out, .max = max};
	*out_len = *used = 0;
	POD_TRY(read_head(&f, in, in_len));
	enum pod_status st = blocks(z, &f, in, in_len, b, &o, used);
	*out_len = o.len;
	if (st == POD_OK && in[4] & 4) /* a sum of the content */
		*used += in_len - *used < 4 ? in_len - *used : 4;
	return st;
}

enum pod_status pod_zstd_first_block(const uint8_t *in, size_t in_len, size_t *end)
{
	struct frame f;
	POD_TRY(read_head(&f, in, in_len));
	if (in_len - f.head < 3)
		return POD_E_CORRUPT;
	uint32_t head = block_head(in + f.head);
	*end = f.head + 3 + ((head >> 1 & 3) == 1 ? 1 : head >> 3);
	return *end <= f.head + 3 + POD_ZSTD_BLOCK ? POD_OK : POD_E_CORRUPT;
}

enum pod_status pod_zstd_literals(struct pod_zstd *z, const uint8_t *in, size_t in_len, size_t *end)
{
	struct frame f;
	struct literals_head l;
	size_t tree;
	POD_TRY(read_head(&f, in, in_len));
	size_t at = f.head + 3;
	if (in_len < at || (block_head(in + f.head) >> 1 & 3) != 2)
		return POD_E_UNSUPPORTED;
	POD_TRY(read_literals_head(in + at, in_len - at, &l));
	if (l.kind != 2)
		return POD_E_UNSUPPORTED;
	at += l.head;
	POD_TRY(read_huffman(z, in + at, (size_t)pod_min_u64(l.packed, in_len - at), &tree));
	*end = at + l.packed;
	at += tree;
	if (l.format) {
		if (in_len - at < 6)
			return POD_E_UNSUPPORTED;
		*end = at + 6 + pod_get_le16(in + at);
	}
	return POD_OK;
}

enum pod_status pod_zstd_first_literals(const struct pod_zstd *z, const uint8_t *tail, size_t tail_len, uint8_t *out, size_t n)
{
	struct bits b;
	if (!bits_open(&b, tail, tail_len))
		return POD_E_CORRUPT;
	return huffman_symbols(z, &b, out, n);
}
