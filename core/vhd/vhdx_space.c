/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which MiB of a VHDX file are in use: one bit each. Space that was given up stays taken until the change that gave it up is in
 * the log: until then a power cut brings back a table that still points there.
 */
#include "core/vhd/vhdx_int.h"

bool vhdx_space_used(const struct pod_vhdx *x, uint64_t mib)
{
	return mib >= x->used_bits || (x->used[mib >> 3] >> (mib & 7) & 1);
}

void vhdx_space_mark(struct pod_vhdx *x, uint64_t off, uint64_t len, bool used)
{
	uint64_t from = off >> 20, to = (off + len + VHDX_MIB - 1) >> 20;
	for (uint64_t i = from; i < to && i < x->used_bits; i++) {
		uint8_t bit = (uint8_t)(1u << (i & 7));
		if (used)
			x->used[i >> 3] |= bit;
		else
			x->used[i >> 3] &= (uint8_t)~bit;
	}
	if (!used && from < x->hint)
		x->hint = from;
}

void vhdx_space_give(struct pod_vhdx *x, uint64_t off, uint64_t len)
{
	uint64_t from = off >> 20, to = pod_min_u64((off + len) >> 20, x->used_bits);
	for (uint64_t i = from; i < to; i++)
		x->freed[i >> 3] |= (uint8_t)(1u << (i & 7));
	if (from < x->freed_low)
		x->freed_low = from;
	if (to > x->freed_high)
		x->freed_high = to;
}

/* What was given up before is free now, and the file may forget its content. */
static void release_freed(struct pod_vhdx *x)
{
	for (uint64_t i = x->freed_low; i < x->freed_high;) {
		if (!(x->freed[i >> 3] >> (i & 7) & 1)) {
			i++;
			continue;
		}
		uint64_t from = i;
		for (; i < x->freed_high && x->freed[i >> 3] >> (i & 7) & 1; i++)
			x->freed[i >> 3] &= (uint8_t) ~(1u << (i & 7));
		vhdx_space_mark(x, from << 20, (i - from) << 20, false);
		uint64_t end = pod_min_u64(i << 20, x->file->dev->size_bytes);
		if (x->file->zero && from << 20 < end)
			(void)!x->file->zero(x->file, from << 20, end - (from << 20));
	}
	x->freed_low = UINT64_MAX;
	x->freed_high = 0;
}

/* First run of `n` free bits, or UINT64_MAX. */
uint64_t vhdx_space_find(struct pod_vhdx *x, uint64_t n)
{
	uint64_t run = 0;
	bool first = true;
	for (uint64_t i = x->hint; i < x->used_bits; i++) {
		if (!run && !(i & 7) && x->used[i >> 3] == 0xff) {
			i += 7;
			continue;
		}
		if (vhdx_space_used(x, i)) {
			run = 0;
			continue;
		}
		if (first)
			x->hint = i;
		first = false;
		if (++run == n)
			return i + 1 - n;
	}
	return UINT64_MAX;
}

enum pod_status vhdx_space_take(struct pod_vhdx *x, uint64_t len, bool clean, uint64_t *off)
{
	uint64_t old = x->file->dev->size_bytes, at = vhdx_space_find(x, len >> 20);
	if (at == UINT64_MAX)
		return POD_E_NOSPACE;
	*off = at << 20;
	if (*off + len > old)
		POD_TRY(pod_vfile_resize(x->file, *off + len));
	if (clean && *off < old)
		POD_TRY(pod_vfile_zero(x->file, *off, pod_min_u64(len, old - *off)));
	vhdx_space_mark(x, *off, len, true);
	/* A page of what lay here before must not be taken for the present one. */
	if (len == VHDX_MIB)
		for (uint64_t i = 0; i < len; i += VHDX_PAGE)
			pod_pages_forget(&x->pages, *off + i);
	return POD_OK;
}

/* --- what a file uses ----------------------------------------------------------------------------------- */

static enum pod_status claim(struct pod_vhdx *x, uint64_t off, uint64_t len, const char *what, uint64_t at, struct pod_diag *diag)
{
	for (uint64_t i = off >> 20; i < (off + len) >> 20; i++)
		if (vhdx_space_used(x, i))
			return pod_fail(diag, POD_E_CORRUPT, what, at, 0, off);
	vhdx_space_mark(x, off, len, true);
	return POD_OK;
}

static enum pod_status claim_table(struct pod_vhdx *x, struct pod_diag *diag)
{
	uint64_t blocks = pod_vhdx_blocks(x);
	uint64_t entries = pod_vhdx_bat_entries(x->size_bytes, x->block_shift, x->chunk_shift, x->has_parent), block = 0;
	uint32_t in_chunk = 0;
	for (uint64_t i = 0; i < entries; i++) {
		uint64_t e;
		bool bitmap = in_chunk == 1u << x->chunk_shift;
		in_chunk = bitmap ? 0 : in_chunk + 1;
		POD_TRY(pod_vhdx_bat_get(x, i, &e));
		if (!bitmap && block++ >= blocks)
			continue;
		uint64_t len = bitmap ? VHDX_MIB : 1ull << x->block_shift;
		if (VHDX_STATE(e) < POD_VHDX_FULL) {
			/* A state that nobody knows: whatever lies there is nothing to write over or to cut off. */
			if (VHDX_STATE(e) > POD_VHDX_UNMAPPED && pod_in_range(VHDX_PLACE(e), len, x->dev->size_bytes))
				vhdx_space_mark(x, VHDX_PLACE(e), len, true);
			continue;
		}
		if (VHDX_PLACE(e) >= x->dev->size_bytes)
			return pod_fail(diag, POD_E_CORRUPT, "BAT entry beyond the end of the file", x->bat_off + i * 8,
					x->dev->size_bytes, VHDX_PLACE(e));
		POD_TRY(claim(x, VHDX_PLACE(e), len, "BAT entries overlap", x->bat_off + i * 8, diag));
	}
	return POD_OK;
}

static enum pod_status claim_regions(struct pod_vhdx *x, struct pod_diag *diag)
{
	uint8_t *t = x->log_buf; /* 64 KiB of it are free yet */
	uint64_t at = VHDX_REGION_OFF(x->region);
	POD_TRY(pod_dev_read(x->file->dev, at, t, VHDX_REGION_LEN));
	vhdx_space_mark(x, 0, VHDX_MIB, true);
	POD_TRY(claim(x, x->log_off, x->log_len, "log", VHDX_HEADER_OFF(x->header), diag));
	for (uint32_t i = 0; i < pod_get_le32(t + 8) && i < VHDX_REGIONS_MAX; i++) {
		const uint8_t *e = t + 16 + 32 * (size_t)i;
		uint64_t off = pod_get_le64(e + 16), len = pod_get_le32(e + 24);
		if ((off | len) & (VHDX_MIB - 1))
			return pod_fail(diag, POD_E_CORRUPT, "region FileOffset", at + 16 + 32ull * i, 0, off);
		if (off < x->used_bits << 20)
			POD_TRY(claim(x, off, len, "regions overlap", at + 16 + 32ull * i, diag));
	}
	return POD_OK;
}

static uint64_t bits_needed(const struct pod_vhdx *x, uint64_t size)
{
	uint64_t blocks = (size + ((1ull << x->block_shift) - 1)) >> x->block_shift;
	uint64_t need = (blocks << (x->block_shift - 20)) + (blocks >> x->chunk_shift) + 2;
	uint64_t file = (x->file->dev->size_bytes + VHDX_MIB - 1) >> 20;
	return (file + need + (need >> 1) + 4096) & ~7ull; /* half as much again, as compacting moves before it frees */
}

enum pod_status vhdx_space_room(struct pod_vhdx *x, uint64_t size)
{
	uint64_t bits = bits_needed(x, size);
	if (bits <= x->used_bits)
		return POD_OK;
	uint8_t *used = pod_zalloc(x->alloc, (size_t)(bits >> 3), 1), *freed = pod_zalloc(x->alloc, (size_t)(bits >> 3), 1);
	if (!used || !freed) {
		pod_free(x->alloc, used);
		pod_free(x->alloc, freed);
		return POD_E_NOMEM;
	}
	if (x->used_bits) {
		memcpy(used, x->used, (size_t)(x->used_bits >> 3));
		memcpy(freed, x->freed, (size_t)(x->used_bits >> 3));
	}
	pod_free(x->alloc, x->used);
	pod_free(x->alloc, x->freed);
	x->used = used;
	x->freed = freed;
	x->used_bits = bits;
	return POD_OK;
}

enum pod_status vhdx_make_writable(struct pod_vhdx *x, const struct pod_vhdx_options *opt, struct pod_diag *diag)
{
	if (x->log_len < VHDX_MIB || !pod_in_range(x->log_off, x->log_len, x->file->dev->size_bytes))
		return pod_fail(diag, POD_E_UNSUPPORTED, "header LogLength", VHDX_HEADER_OFF(x->header) + 68, VHDX_MIB,
				x->log_len);
	x->env = opt->env;
	POD_TRY(vhdx_space_room(x, x->size_bytes));
	x->log_buf = x->alloc->alloc(x->alloc, (size_t)(1 + POD_PAGES_DIRTY_MAX) << VHDX_PAGE_SHIFT);
	if (!x->log_buf)
		return POD_E_NOMEM;
	x->freed_low = UINT64_MAX;
	POD_TRY(pod_pages_make_writable(&x->pages));
	POD_TRY(claim_regions(x, diag));
	POD_TRY(claim_table(x, diag));
	x->env->random(x->env, x->next_data_guid, 16);
	x->env->random(x->env, x->next_log_guid, 16);
	x->log_sequence = 1;
	x->writable = true;
	return POD_OK;
}

void vhdx_write_fini(struct pod_vhdx *x)
{
	pod_free(x->alloc, x->used);
	pod_free(x->alloc, x->freed);
	pod_free(x->alloc, x->log_buf);
}

/* --- commit --------------------------------------------------------------------------------------------- */

static enum pod_status commit_pages(struct pod_vhdx *x)
{
	struct pod_pages *p = &x->pages;
	/* First what the metadata will speak of (and the pages of the commit before, in place). */
	POD_TRY(vhdx_file_flush(x));
	if (!p->dirty)
		return POD_OK;
	POD_TRY(vhdx_begin_file(x));
	POD_TRY(vhdx_log_write(x));
	if (!x->logging) {
		/* Only now that the log holds an entry does the header name it: there is never a header with an empty log. */
		memcpy(x->log_guid, x->next_log_guid, 16);
		POD_TRY(vhdx_header_write(x));
		x->logging = true;
	}
	for (uint32_t i = 0; i < p->dirty; i++)
		POD_TRY(pod_dev_write(x->file->dev, p->dirty_no[i] << VHDX_PAGE_SHIFT,
				      p->dirty_data + ((size_t)i << VHDX_PAGE_SHIFT), VHDX_PAGE));
	pod_pages_clean(p);
	release_freed(x);
	return POD_OK;
}

enum pod_status vhdx_commit(struct pod_vhdx *x)
{
	if (!x->writable)
		return POD_E_READONLY;
	if (x->failed)
		return POD_E_IO;
	/* What cannot be written stays in memory as it is, and is written by the next commit: an entry that was torn is written over,
	 * and one that is whole but not yet in place is followed by one that says the same and more. */
	return commit_pages(x);
}

enum pod_status vhdx_log_end(struct pod_vhdx *x)
{
	POD_TRY(vhdx_commit(x));
	if (x->logging) {
		uint8_t guid[16];
		POD_TRY(vhdx_file_flush(x));
		memcpy(guid, x->log_guid, 16);
		memset(x->log_guid, 0, 16);
		enum pod_status st = vhdx_header_write(x);
		if (st != POD_OK) {
			memcpy(x->log_guid, guid, 16); /* it still holds what the file needs */
			return st;
		}
		x->logging = false;
		x->header_stale = true;
		x->env->random(x->env, x->next_log_guid, 16);
	}
	if (x->header_stale) /* twice, so that neither header names a log whose entries are out of date */
		POD_TRY(vhdx_header_write(x));
	x->header_stale = false;
	return POD_OK;
}
