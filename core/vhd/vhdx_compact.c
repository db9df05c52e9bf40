/* SPDX-License-Identifier: BSD-2-Clause */
/* Compacting: zero blocks are given back, the last blocks of the file move into gaps, the file is cut. Power may go at any write.
 */
#include "core/base/sort.h"
#include "core/vhd/vhdx_int.h"

#define PIECE 65536u

struct job {
	struct pod_vhdx *x;
	uint8_t *buf;	 /* PIECE bytes */
	uint64_t *block; /* place in MiB << 32 | BAT index */
	size_t n;
	void (*progress)(void *ctx, uint64_t done, uint64_t total);
	void *ctx;
};

static enum pod_status block_is_zero(struct job *j, uint64_t place, uint64_t len, bool *zero)
{
	*zero = true;
	for (uint64_t at = 0; at < len && *zero; at += PIECE) {
		size_t n = (size_t)pod_min_u64(PIECE, len - at);
		POD_TRY(pod_dev_read(j->x->dev, place + at, j->buf, n));
		*zero = pod_all_zero(j->buf, n);
	}
	return POD_OK;
}

static enum pod_status give_zero_blocks(struct job *j)
{
	struct pod_vhdx *x = j->x;
	uint64_t blocks = pod_vhdx_blocks(x), size = 1ull << x->block_shift;
	for (uint64_t b = 0; b < blocks; b++) {
		uint64_t e, index = pod_vhdx_bat_index(x, b);
		bool zero;
		if (j->progress)
			j->progress(j->ctx, b, blocks);
		POD_TRY(pod_vhdx_bat_get(x, index, &e));
		if (VHDX_STATE(e) != POD_VHDX_FULL)
			continue;
		POD_TRY(block_is_zero(j, VHDX_PLACE(e), pod_min_u64(size, x->size_bytes - (b << x->block_shift)), &zero));
		if (!zero)
			continue;
		POD_TRY(vhdx_entry_set(x, index, POD_VHDX_ZERO));
		vhdx_space_give(x, VHDX_PLACE(e), size);
	}
	return vhdx_commit(x);
}

static bool is_bitmap(const struct pod_vhdx *x, uint64_t index)
{
	/* Every (2^chunk_shift + 1)th entry; found without a division, as the table is walked in order elsewhere. */
	uint64_t lo = 0, hi = 1ull << 32;
	while (hi - lo > 1) {
		uint64_t mid = (lo + hi) >> 1;
		if (pod_vhdx_bitmap_index(x, mid) <= index)
			lo = mid;
		else
			hi = mid;
	}
	return pod_vhdx_bitmap_index(x, lo) == index;
}

static enum pod_status list_blocks(struct job *j, bool count_only)
{
	struct pod_vhdx *x = j->x;
	uint64_t entries = pod_vhdx_bat_entries(x->size_bytes, x->block_shift, x->chunk_shift, x->has_parent);
	j->n = 0;
	for (uint64_t i = 0; i < entries; i++) {
		uint64_t e;
		POD_TRY(pod_vhdx_bat_get(x, i, &e));
		if (VHDX_STATE(e) < POD_VHDX_FULL)
			continue;
		if (!count_only)
			j->block[j->n] = VHDX_PLACE(e) >> 20 << 32 | i;
		j->n++;
	}
	return POD_OK;
}

static enum pod_status copy(struct job *j, uint64_t from, uint64_t to, uint64_t len)
{
	struct pod_dev *dev = j->x->file->dev;
	for (uint64_t at = 0; at < len && from + at < dev->size_bytes; at += PIECE) {
		size_t n = (size_t)pod_min_u64(PIECE, dev->size_bytes - (from + at));
		POD_TRY(pod_dev_read(dev, from + at, j->buf, n));
		POD_TRY(pod_dev_write(dev, to + at, j->buf, n));
	}
	return POD_OK;
}

/* Moves a block to a lower place if there is one. */
static enum pod_status move_down(struct job *j, uint64_t at_mib, uint64_t index, bool *moved)
{
	struct pod_vhdx *x = j->x;
	bool bitmap = is_bitmap(x, index);
	uint64_t len = bitmap ? VHDX_MIB : 1ull << x->block_shift, e, to;
	*moved = false;
	x->hint = 0;
	uint64_t gap = vhdx_space_find(x, len >> 20);
	if (gap == UINT64_MAX || gap >= at_mib) {
		POD_TRY(vhdx_commit(x)); /* what was given up may serve now */
		x->hint = 0;
		gap = vhdx_space_find(x, len >> 20);
	}
	if (gap == UINT64_MAX || gap >= at_mib)
		return POD_OK;
	/* The log must hold no page of a bitmap that moves: a replay would write it where something else lies by then. */
	if (bitmap)
		POD_TRY(vhdx_commit(x));
	POD_TRY(vhdx_space_take(x, len, false, &to));
	POD_TRY(copy(j, at_mib << 20, to, len));
	POD_TRY(pod_vhdx_bat_get(x, index, &e));
	POD_TRY(vhdx_entry_set(x, index, to | (e & (VHDX_MIB - 1))));
	vhdx_space_give(x, at_mib << 20, len);
	if (bitmap)
		POD_TRY(vhdx_commit(x));
	*moved = true;
	return POD_OK;
}

static enum pod_status move_blocks(struct job *j)
{
	pod_sort_u64(j->block, j->n);
	for (size_t i = j->n; i-- > 0;) {
		uint64_t top = j->block[i];
		bool moved;
		if (j->progress)
			j->progress(j->ctx, j->n - 1 - i, j->n);
		POD_TRY(move_down(j, top >> 32, top & UINT32_MAX, &moved));
	}
	return POD_OK;
}

enum pod_status vhdx_cut(struct pod_vhdx *x)
{
	/* A log entry tells how long the file must be: none may be left. */
	POD_TRY(vhdx_log_end(x));
	uint64_t end = x->used_bits;
	while (end && !vhdx_space_used(x, end - 1))
		end--;
	if (end << 20 < x->file->dev->size_bytes)
		POD_TRY(pod_vfile_resize(x->file, end << 20));
	return vhdx_file_flush(x);
}

enum pod_status pod_vhdx_compact(struct pod_vhdx *x, void (*progress)(void *ctx, uint64_t done, uint64_t total), void *ctx)
{
	struct job j = {.x = x, .progress = progress, .ctx = ctx};
	if (!x->writable)
		return POD_E_READONLY;
	if (x->leave_allocated)
		return POD_E_INVALID;
	j.buf = x->alloc->alloc(x->alloc, PIECE);
	enum pod_status st = j.buf ? give_zero_blocks(&j) : POD_E_NOMEM;
	if (st == POD_OK)
		st = list_blocks(&j, true);
	if (st == POD_OK && j.n) {
		j.block = pod_zalloc(x->alloc, j.n, sizeof *j.block);
		st = j.block ? list_blocks(&j, false) : POD_E_NOMEM;
		if (st == POD_OK)
			st = move_blocks(&j);
	}
	if (st == POD_OK)
		st = vhdx_cut(x);
	pod_free(x->alloc, j.block);
	pod_free(x->alloc, j.buf);
	return st;
}
