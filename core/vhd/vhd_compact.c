/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Compacting a VHD: blocks that show nothing are given back, the last blocks of the file move into gaps, the file is cut. Power
 * may go at any write: a block is copied and flushed before the table says so, and its old place is not written to; the copy of
 * the footer in front stands before the one at the end goes. Header, table and parent locators stay where they are.
 */
#include "core/base/sort.h"
#include "core/vhd/vhd_int.h"

#define PIECE	  65536u
#define OBSTACLES 11u /* what is no block: copy of the footer, header, table, eight parent locators */
#define UNUSED	  0xffffffffu
#define NO_BLOCK  0x80000000u

struct job {
	struct pod_vhd *v;
	uint8_t *buf;	/* PIECE bytes */
	uint64_t *used; /* first sector << 32 | block, or NO_BLOCK + the obstacle's number; ascending */
	size_t n;
	uint64_t obstacle_end[OBSTACLES]; /* in bytes */
	uint64_t step;			  /* bytes of a block with its bitmap */
	void (*progress)(void *ctx, uint64_t done, uint64_t total);
	void *ctx;
};

static uint64_t block_count(const struct pod_vhd *v)
{
	return (v->size_bytes + ((1ull << v->block_shift) - 1)) >> v->block_shift;
}

static enum pod_status range_is_zero(struct job *j, uint64_t at, uint64_t len, bool *zero)
{
	*zero = true;
	for (uint64_t done = 0; done < len && *zero; done += PIECE) {
		size_t n = (size_t)pod_min_u64(PIECE, len - done);
		POD_TRY(pod_dev_read(j->v->file->dev, at + done, j->buf, n));
		*zero = pod_all_zero(j->buf, n);
	}
	return POD_OK;
}

/* Dynamic: a block of zeros. Differencing: a block none of whose sectors is there; zeros hide what the parent has. */
static enum pod_status shows_nothing(struct job *j, uint64_t block, uint64_t place, bool *nothing)
{
	const struct pod_vhd *v = j->v;
	if (v->type == POD_VHD_DIFFERENCING)
		return range_is_zero(j, place, v->bitmap_bytes, nothing);
	uint64_t size = pod_min_u64(1ull << v->block_shift, v->size_bytes - (block << v->block_shift));
	return range_is_zero(j, place + v->bitmap_bytes, size, nothing);
}

static enum pod_status give_back(struct job *j)
{
	struct pod_vhd *v = j->v;
	POD_TRY(pod_vhd_flush(v)); /* bitmaps are looked at in the file */
	for (uint64_t b = 0; b < block_count(v); b++) {
		uint32_t sector;
		bool nothing;
		if (j->progress)
			j->progress(j->ctx, b, block_count(v));
		POD_TRY(pod_vhd_bat_get(v, b, &sector));
		if (sector == UNUSED)
			continue;
		if (!pod_in_range((uint64_t)sector << 9, j->step, v->file->dev->size_bytes))
			return POD_E_CORRUPT;
		POD_TRY(shows_nothing(j, b, (uint64_t)sector << 9, &nothing));
		if (nothing)
			POD_TRY(vhd_entry_set(v, b, UNUSED));
		else
			j->n++;
	}
	return pod_vhd_flush(v);
}

static void obstacle(struct job *j, unsigned k, uint64_t off, uint64_t len)
{
	j->used[j->n++] = off >> 9 << 32 | (NO_BLOCK + k);
	j->obstacle_end[k] = pod_align_up(off + len, 512);
}

static enum pod_status list_used(struct job *j)
{
	struct pod_vhd *v = j->v;
	uint8_t h[1024];
	j->n = 0;
	for (uint64_t b = 0; b < block_count(v); b++) {
		uint32_t sector;
		POD_TRY(pod_vhd_bat_get(v, b, &sector));
		if (sector != UNUSED)
			j->used[j->n++] = (uint64_t)sector << 32 | b;
	}
	obstacle(j, 0, 0, 512);
	obstacle(j, 1, v->header_off, 1024);
	obstacle(j, 2, v->bat_off, (uint64_t)v->entries * 4);
	POD_TRY(pod_dev_read(v->file->dev, v->header_off, h, sizeof h));
	for (unsigned i = 0; i < 8 && v->type == POD_VHD_DIFFERENCING; i++) {
		const uint8_t *e = h + 576 + 24 * (size_t)i;
		uint64_t off = pod_get_be64(e + 16), len = pod_get_be32(e + 8);
		if (len && pod_in_range(off, len, v->file->dev->size_bytes))
			obstacle(j, 3 + i, off, len);
	}
	pod_sort_u64(j->used, j->n);
	return POD_OK;
}

static bool is_block(uint64_t used)
{
	return (uint32_t)used < NO_BLOCK;
}

static uint64_t start_of(uint64_t used)
{
	return used >> 32 << 9;
}

static uint64_t end_of(const struct job *j, uint64_t used)
{
	return is_block(used) ? start_of(used) + j->step : j->obstacle_end[(uint32_t)used - NO_BLOCK];
}

static enum pod_status move(struct job *j, uint64_t used, uint64_t to)
{
	struct pod_vhd *v = j->v;
	for (uint64_t at = 0; at < j->step; at += PIECE) {
		size_t n = (size_t)pod_min_u64(PIECE, j->step - at);
		POD_TRY(pod_dev_read(v->file->dev, start_of(used) + at, j->buf, n));
		POD_TRY(pod_dev_write(v->file->dev, to + at, j->buf, n));
	}
	for (uint64_t i = 0; i < v->bitmap_bytes; i += 512)
		pod_pages_forget(&v->pages, to + i);
	return vhd_entry_set(v, (uint32_t)used, (uint32_t)(to >> 9));
}

/* Takes the last block, at or behind number `i`, out of the list. False: there is none. */
static bool take_last(struct job *j, size_t i, uint64_t *last)
{
	size_t k = j->n;
	while (k > i && !is_block(j->used[k - 1]))
		k--;
	if (k == i)
		return false;
	*last = j->used[k - 1];
	memmove(&j->used[k - 1], &j->used[k], (j->n - k) * sizeof *j->used);
	j->n--;
	return true;
}

/* From the front, each gap takes blocks from the end. *end: behind the last thing that is left. */
static enum pod_status fill_gaps(struct job *j, uint64_t *end)
{
	uint64_t at = 0, last;
	for (size_t i = 0; i < j->n;) {
		if (start_of(j->used[i]) >= at + j->step && take_last(j, i, &last)) {
			POD_TRY(move(j, last, at));
			at += j->step;
		} else {
			at = end_of(j, j->used[i]) > at ? end_of(j, j->used[i]) : at;
			i++;
		}
		if (j->progress)
			j->progress(j->ctx, i, j->n);
	}
	*end = at;
	return pod_vhd_flush(j->v);
}

static enum pod_status cut(struct pod_vhd *v, uint64_t end)
{
	uint64_t place;
	v->data_end = end;
	v->tail_clean = false;
	POD_TRY(vhd_extend(v, 0, &place));
	return vhd_file_flush(v);
}

enum pod_status pod_vhd_compact(struct pod_vhd *v, void (*progress)(void *ctx, uint64_t done, uint64_t total), void *ctx)
{
	struct job j = {.v = v, .progress = progress, .ctx = ctx};
	uint64_t end = 0;
	if (!v->writable)
		return POD_E_READONLY;
	if (v->type == POD_VHD_FIXED)
		return POD_E_INVALID;
	j.step = v->bitmap_bytes + (1ull << v->block_shift);
	j.buf = v->alloc->alloc(v->alloc, PIECE);
	enum pod_status st = j.buf ? give_back(&j) : POD_E_NOMEM;
	if (st == POD_OK) {
		j.used = pod_zalloc(v->alloc, j.n + OBSTACLES, sizeof *j.used);
		st = j.used ? list_used(&j) : POD_E_NOMEM;
	}
	if (st == POD_OK)
		st = fill_gaps(&j, &end);
	if (st == POD_OK)
		st = cut(v, end);
	pod_free(v->alloc, j.used);
	pod_free(v->alloc, j.buf);
	return st;
}
