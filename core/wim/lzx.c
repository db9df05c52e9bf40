/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * LZX as in WIM files: [MS-PATCH] 2, with these differences (wimlib's documentation of the format): every chunk stands by itself, its
 * window is as large as a chunk; there is no header with a file size in front, calls (E8) are always translated, with a file size of
 * 12000000; a block of the default 32768 bytes is told by one bit, else its size follows in 16 bits, 24 with windows of 64 KiB and
 * more.
 *
 *   block:  3 bits type (1 verbatim, 2 aligned, 3 uncompressed), its size, then
 *           aligned: 8 x 3 bits, the lengths of the aligned code
 *           verbatim, aligned: lengths of the main code's first 256 symbols, of its others, of the length code, each told as
 *           differences to the block before, in a code of their own (20 x 4 bits)
 *           uncompressed: bits up to the next unit, at least one; 3 recent offsets of 4 bytes; the bytes; one more if odd
 *   main symbol 0 - 255: a byte; else a match: 3 bits length (7: a symbol of the length code is added), the rest is the slot of its
 *           offset. Slots 0 - 2: the recent offsets.
 */
#include "core/wim/decode.h"

enum { VERBATIM = 1, ALIGNED = 2, UNCOMPRESSED = 3 };
enum { BLOCK_DEFAULT = 32768, LITERALS = 256, LENGTHS = 249, PRE = 20, MATCH_MIN = 2, E8_FILE_SIZE = 12000000 };
enum { PRE_BITS = 7, ALIGNED_BITS = 7, LENGTH_BITS = 10 };

struct lzx {
	struct pod_lzx *z;
	struct pod_bits b;
	uint8_t *out;
	size_t at, len;
	uint32_t window_order, main_count;
	uint32_t recent[3];
};

/* How many bits follow, by the slot of an offset. */
static inline uint32_t extra_bits(uint32_t slot)
{
	if (slot < 4)
		return 0;
	return slot < 38 ? (slot >> 1) - 1 : 17;
}

/* The first offset of a slot, plus 2. */
static inline uint32_t slot_base(uint32_t slot)
{
	if (slot < 4)
		return slot;
	return slot < 38 ? (2 + (slot & 1)) << ((slot >> 1) - 1) : (slot - 34) << 17;
}

static uint32_t main_symbols(uint32_t window_order)
{
	static const uint8_t slots[] = {30, 32, 34, 36, 38, 42, 50};
	return LITERALS + 8u * slots[window_order - POD_LZX_WINDOW_MIN];
}

static uint8_t minus17(uint32_t old, uint32_t delta)
{
	return (uint8_t)(old >= delta ? old - delta : old + 17 - delta);
}

/* The lengths of a code: what each differs from the one in the block before, with runs. */
static bool read_lens(struct lzx *x, uint8_t *lens, uint32_t count)
{
	uint8_t pre[PRE];
	for (uint32_t i = 0; i < PRE; i++)
		pre[i] = (uint8_t)pod_bits_get(&x->b, 4);
	if (!pod_huff_build(&x->z->pre, pre, PRE, PRE_BITS))
		return false;
	for (uint32_t i = 0; i < count;) {
		uint32_t sym = pod_huff_get(&x->z->pre, &x->b), run = 1;
		uint8_t value = 0;
		if (sym == 17) {
			run = 4 + pod_bits_get(&x->b, 4);
		} else if (sym == 18) {
			run = 20 + pod_bits_get(&x->b, 5);
		} else if (sym == 19) {
			run = 4 + pod_bits_get(&x->b, 1);
			sym = pod_huff_get(&x->z->pre, &x->b);
			if (sym > 16)
				return false;
			value = minus17(lens[i], sym);
		} else if (sym < 17) {
			value = minus17(lens[i], sym);
		} else {
			return false;
		}
		if (run > count - i)
			return false;
		for (; run; run--)
			lens[i++] = value;
	}
	return true;
}

static bool read_codes(struct lzx *x, uint32_t type)
{
	struct pod_lzx *z = x->z;
	uint8_t aligned[8];
	if (type == ALIGNED) {
		for (uint32_t i = 0; i < 8; i++)
			aligned[i] = (uint8_t)pod_bits_get(&x->b, 3);
		if (!pod_huff_build(&z->aligned, aligned, 8, ALIGNED_BITS))
			return false;
	}
	return read_lens(x, z->main_lens, LITERALS) && read_lens(x, z->main_lens + LITERALS, x->main_count - LITERALS) &&
	       pod_huff_build(&z->main, z->main_lens, x->main_count, POD_HUFF_BITS) && read_lens(x, z->length_lens, LENGTHS) &&
	       pod_huff_build(&z->length, z->length_lens, LENGTHS, LENGTH_BITS);
}

/* The offset of a slot from 3 on; false if the aligned code has no such symbol. */
static inline bool read_offset(struct lzx *x, uint32_t slot, uint32_t type, uint32_t *offset)
{
	uint32_t extra = extra_bits(slot), more;
	if (type == ALIGNED && extra >= 3) {
		more = pod_bits_get(&x->b, extra - 3) << 3;
		uint32_t low = pod_huff_get(&x->z->aligned, &x->b);
		if (low == POD_HUFF_NONE)
			return false;
		more |= low;
	} else {
		more = pod_bits_get(&x->b, extra);
	}
	*offset = slot_base(slot) + more - 2;
	return true;
}

static bool decode_match(struct lzx *x, uint32_t sym, uint32_t type, size_t end)
{
	uint32_t len = sym & 7, slot = (sym - LITERALS) >> 3, offset;
	if (len == 7) {
		uint32_t more = pod_huff_get(&x->z->length, &x->b);
		if (more == POD_HUFF_NONE)
			return false;
		len += more;
	}
	len += MATCH_MIN;
	if (slot < 3) {
		offset = x->recent[slot];
		x->recent[slot] = x->recent[0];
		x->recent[0] = offset;
	} else {
		if (!read_offset(x, slot, type, &offset))
			return false;
		x->recent[2] = x->recent[1];
		x->recent[1] = x->recent[0];
		x->recent[0] = offset;
	}
	if (offset > x->at || !offset || len > end - x->at)
		return false;
	pod_copy_match(x->out + x->at, offset, len);
	x->at += len;
	return true;
}

static bool decode_block(struct lzx *x, uint32_t type, size_t end)
{
	if (!read_codes(x, type))
		return false;
	while (x->at < end) {
		uint32_t sym = pod_huff_get(&x->z->main, &x->b);
		if (sym < LITERALS)
			x->out[x->at++] = (uint8_t)sym;
		else if (sym == POD_HUFF_NONE || !decode_match(x, sym, type, end))
			return false;
	}
	return true;
}

/* Up to the next unit, at least one bit; the units that were read ahead are given back. */
static void align(struct pod_bits *b)
{
	if (!(b->left & 15))
		pod_bits_need(b, 16);
	b->at -= 2 * (size_t)((b->left - 1) >> 4);
	b->buf = 0;
	b->left = 0;
}

static bool copy_block(struct lzx *x, size_t end)
{
	struct pod_bits *b = &x->b;
	size_t n = end - x->at, padded = n + (n & 1);
	align(b);
	if (!pod_in_range(b->at, 12 + n, b->len))
		return false;
	for (uint32_t i = 0; i < 3; i++)
		x->recent[i] = pod_get_le32(b->p + b->at + 4 * i);
	memcpy(x->out + x->at, b->p + b->at + 12, n);
	b->at += 12 + padded;
	x->at = end;
	return true;
}

/* Calls in x86 code were made absolute, which repeats itself more often; the last ten bytes are left alone. */
static void undo_e8(uint8_t *p, size_t len)
{
	if (len <= 10)
		return;
	for (size_t i = 0; i < len - 10; i++) {
		if (p[i] != 0xE8)
			continue;
		int32_t absolute = (int32_t)pod_get_le32(p + i + 1), pos = (int32_t)i;
		if (absolute >= 0 && absolute < E8_FILE_SIZE)
			pod_put_le32(p + i + 1, (uint32_t)(absolute - pos));
		else if (absolute < 0 && absolute >= -pos)
			pod_put_le32(p + i + 1, (uint32_t)(absolute + E8_FILE_SIZE));
		i += 4;
	}
}

bool pod_lzx_decode(struct pod_lzx *z, const uint8_t *in, size_t in_len, uint8_t *out, size_t out_len, uint32_t window_order)
{
	struct lzx x = {.z = z, .out = out, .len = out_len, .window_order = window_order, .recent = {1, 1, 1}};
	x.main_count = main_symbols(window_order);
	pod_bits_init(&x.b, in, in_len);
	memset(z->main_lens, 0, sizeof z->main_lens);
	memset(z->length_lens, 0, sizeof z->length_lens);
	while (x.at < x.len) {
		uint32_t type = pod_bits_get(&x.b, 3), size = BLOCK_DEFAULT;
		if (!pod_bits_get(&x.b, 1)) {
			size = pod_bits_get(&x.b, 16);
			if (x.window_order >= 16)
				size = size << 8 | pod_bits_get(&x.b, 8);
		}
		if (!size || size > x.len - x.at)
			return false;
		bool ok = type == UNCOMPRESSED			? copy_block(&x, x.at + size)
			  : type == VERBATIM || type == ALIGNED ? decode_block(&x, type, x.at + size)
								: false;
		if (!ok)
			return false;
	}
	undo_e8(out, out_len);
	return true;
}
