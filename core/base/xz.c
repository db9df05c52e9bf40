/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All of what is packed by LZMA, alone or in an xz file; lzma.c has the stream itself.
 *
 *   .xz      behind a block's chunks zeros to a multiple of 4 and a sum, as long as the header's flags say; behind all blocks the index: 0, number of
 *            records, two numbers each (7 bits a byte, the lowest first, 80h: it goes on), zeros, 4 sum; the footer, 12
 */
#include "core/base/bytes.h"
#include "core/base/lzma.h"
#include "core/base/unpack.h"

/* Is it whole? *used and *out_len are what there is. */
static enum pod_status whole(struct pod_lzma *z, bool ok, size_t *out_len, size_t *used)
{
	*out_len = z->len;
	*used = (size_t)pod_min_u64(z->pos, z->in_len);
	if (!ok && z->len == z->max && z->pos <= z->in_len)
		return POD_E_LIMIT;
	return ok ? POD_OK : POD_E_CORRUPT;
}

enum pod_status pod_unpack_all_lzma(struct pod_alloc *a, const uint8_t *in, size_t in_len, uint8_t *out, size_t max,
				    struct pod_budget *b, size_t *out_len, size_t *used)
{
	enum { PART = 1 << 20 };
	struct pod_lzma z = {.in = in, .in_len = in_len, .pos = 13, .out = out, .max = max};
	*out_len = *used = 0;
	if (in_len < 13 || !pod_lzma_properties(&z, in[0]))
		return POD_E_UNSUPPORTED;
	POD_TRY(pod_lzma_prepare(a, &z));
	uint64_t size = pod_get_le64(in + 5); /* all ones: not told */
	size_t end = (size_t)pod_min_u64(size, max);
	enum pod_status st = POD_OK;
	pod_lzma_reset(&z);
	pod_lzma_begin(&z);
	while (st == POD_OK && z.len < end) {
		size_t before = z.len;
		if (!pod_lzma_decode(&z, end - z.len > PART ? z.len + PART : end))
			break;
		st = pod_budget_spend(b, 1 + (z.len - before) / POD_UNPACKED_STEP, 0);
	}
	pod_free(a, z.p);
	if (st != POD_OK)
		return st;
	pod_lzma_normalise(&z); /* the coder's last byte */
	return whole(&z, size == UINT64_MAX ? z.ended : z.len == size && z.pos <= in_len, out_len, used);
}

/* How long a block's sum is (2.1.1.2). */
static size_t sum_len(uint8_t flags)
{
	static const uint8_t len[16] = {0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64};
	return len[flags & 15];
}

/* One block at z->pos, with what is behind its chunks. */
static enum pod_status xz_block(struct pod_lzma *z, struct pod_budget *b)
{
	size_t head = (z->in[z->pos] + 1u) * 4;
	if (z->in_len - z->pos < head)
		return POD_E_CORRUPT;
	z->pos += head;
	z->ended = false;
	for (bool more = true; more;) {
		size_t before = z->len;
		more = z->pos < z->in_len && pod_lzma_chunk(z);
		POD_TRY(pod_budget_spend(b, 1 + (z->len - before) / POD_UNPACKED_STEP, 0));
	}
	if (!z->ended)
		return POD_E_CORRUPT;
	size_t behind = (4 - z->pos % 4) % 4 + sum_len(z->in[7]);
	if (z->in_len - z->pos < behind)
		return POD_E_CORRUPT;
	z->pos += behind;
	return POD_OK;
}

static bool xz_number(struct pod_lzma *z, uint64_t *v)
{
	*v = 0;
	for (unsigned i = 0; i < 63 && z->pos < z->in_len; i += 7) {
		uint8_t byte = z->in[z->pos++];
		*v |= (uint64_t)(byte & 0x7f) << i;
		if (!(byte & 0x80))
			return true;
	}
	return false;
}

/* Index and footer at z->pos. */
static bool xz_end(struct pod_lzma *z, uint64_t blocks)
{
	uint64_t records, n;
	z->pos++;
	if (!xz_number(z, &records) || records != blocks)
		return false;
	for (records *= 2; records; records--)
		if (!xz_number(z, &n))
			return false;
	size_t behind = (4 - z->pos % 4) % 4 + 4 + 12;
	if (z->in_len - z->pos < behind)
		return false;
	z->pos += behind;
	return z->in[z->pos - 2] == 'Y' && z->in[z->pos - 1] == 'Z';
}

enum pod_status pod_unpack_all_xz(struct pod_alloc *a, const uint8_t *in, size_t in_len, uint8_t *out, size_t max,
				  struct pod_budget *b, size_t *out_len, size_t *used)
{
	struct pod_lzma z = {.in = in, .in_len = in_len, .pos = 12, .out = out, .max = max};
	uint64_t blocks = 0;
	*out_len = *used = 0;
	POD_TRY(pod_lzma_prepare(a, &z));
	enum pod_status st = POD_OK;
	pod_lzma_reset(&z);
	for (; st == POD_OK && z.pos < in_len && in[z.pos]; blocks++)
		st = xz_block(&z, b);
	bool ok = st == POD_OK && z.pos < in_len && xz_end(&z, blocks);
	pod_free(a, z.p);
	return st == POD_OK || st == POD_E_CORRUPT ? whole(&z, ok, out_len, used) : st;
}
