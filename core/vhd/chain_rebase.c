/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The top file of a chain onto another parent. It takes in, sector by sector, what the new parent shows otherwise than the old
 * one did: data, or zeros (as a block that is said to be zeros, where the format has that and the whole block is). What it holds
 * itself already stays as it is.
 */
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/vhd/chain.h"

#define PORTION_SHIFT_MAX 22u

/* --- the top file ---------------------------------------------------------------------------------------- */

static uint32_t block_shift(const struct pod_member *top)
{
	return top->kind == POD_MEMBER_VHDX ? top->u.vhdx.block_shift : top->u.vhd.block_shift;
}

/* How much longer a block makes the file: nothing if it is there already. */
static enum pod_status block_costs(struct pod_member *top, uint64_t block, uint64_t *bytes)
{
	uint64_t entry;
	uint32_t sector;
	*bytes = 0;
	if (top->kind == POD_MEMBER_VHDX) {
		POD_TRY(pod_vhdx_block_entry(&top->u.vhdx, block, &entry));
		if ((entry & 7) < POD_VHDX_FULL)
			*bytes = 1ull << top->u.vhdx.block_shift;
		return POD_OK;
	}
	POD_TRY(pod_vhd_bat_get(&top->u.vhd, block, &sector));
	if (sector == 0xffffffffu)
		*bytes = top->u.vhd.bitmap_bytes + (1ull << top->u.vhd.block_shift);
	return POD_OK;
}

/* The same of the sector bitmap that a VHDX has for each chunk of blocks. */
static enum pod_status chunk_costs(struct pod_member *top, uint64_t chunk, uint64_t *bytes)
{
	uint64_t entry;
	POD_TRY(pod_vhdx_bat_get(&top->u.vhdx, pod_vhdx_bitmap_index(&top->u.vhdx, chunk), &entry));
	*bytes = (entry & 7) == POD_VHDX_FULL ? 0 : 1u << 20;
	return POD_OK;
}

/* --- what differs ---------------------------------------------------------------------------------------- */

static bool same_place(const struct pod_chain_rebase *r, const struct pod_chain_run *old, const struct pod_chain_run *now)
{
	if (old->kind != now->kind)
		return false;
	if (old->kind == POD_RUN_ZERO)
		return true;
	const struct pod_vfile *a = r->chain->member[old->member]->file, *b = r->onto->member[now->member]->file;
	return a->id[0] == b->id[0] && a->id[1] == b->id[1] && old->file_off == now->file_off;
}

static enum pod_status fetch(struct pod_chain *c, const struct pod_chain_run *run, uint8_t *buf, size_t len)
{
	if (run->kind == POD_RUN_ZERO) {
		memset(buf, 0, len);
		return POD_OK;
	}
	return pod_dev_read(c->member[run->member]->dev, run->file_off, buf, len);
}

/* Marks the sectors of [at, at + len) of the portion whose bytes are not the same. */
static void compare(struct pod_chain_rebase *r, uint32_t at, uint32_t len)
{
	uint32_t size = r->chain->member[0]->sector_size, end = at + len;
	while (at < end) {
		uint32_t next = (at & ~(size - 1)) + size, n = (next < end ? next : end) - at;
		if (memcmp(r->old + at, r->now + at, n) != 0)
			r->need[at / size] = 1;
		at += n;
	}
}

/* [at, at + len) of the portion that begins at `off`: the top file says nothing about it. With `take`, r->old holds the bytes of
 * what is needed. */
static enum pod_status judge(struct pod_chain_rebase *r, uint64_t off, uint32_t at, uint32_t len, bool take)
{
	uint32_t size = r->chain->member[0]->sector_size;
	while (len) {
		struct pod_chain_run old, now;
		POD_TRY(pod_chain_run_below(r->chain, 1, off + at, len, &old));
		POD_TRY(pod_chain_run_below(r->onto, 0, off + at, old.len, &now));
		uint32_t n = (uint32_t)now.len;
		/* Zeros that are data below need not become data here. */
		bool look = !r->below || (take && now.kind == POD_RUN_ZERO);
		if (same_place(r, &old, &now)) {
			at += n, len -= n;
			continue;
		}
		if (look || take)
			POD_TRY(fetch(r->chain, &old, r->old + at, n));
		if (look) {
			POD_TRY(fetch(r->onto, &now, r->now + at, n));
			compare(r, at, n);
		} else {
			memset(r->need + at / size, 1, (at + n + size - 1) / size - at / size);
		}
		at += n, len -= n;
	}
	return POD_OK;
}

/* Fills r->need for a portion. */
static enum pod_status look_at(struct pod_chain_rebase *r, uint64_t off, uint32_t len, bool take)
{
	struct pod_member *top = r->chain->member[0];
	memset(r->need, 0, (len + top->sector_size - 1) / top->sector_size);
	for (uint32_t at = 0; at < len;) {
		struct pod_run own;
		POD_TRY(pod_member_run(top, off + at, len - at, &own));
		if (own.kind == POD_RUN_PARENT)
			POD_TRY(judge(r, off, at, (uint32_t)own.len, take));
		at += (uint32_t)own.len;
	}
	return POD_OK;
}

/* A whole block that is zeros by the maps, where the new parent may show something: it becomes a block of zeros, which takes no
 * space and no comparing. */
static enum pod_status zero_block(struct pod_chain_rebase *r, uint64_t off, uint64_t len, bool *is)
{
	struct pod_member *top = r->chain->member[0];
	struct pod_run own;
	struct pod_chain_run old, now;
	bool shown = false;
	*is = false;
	if (top->kind != POD_MEMBER_VHDX || top->fixed)
		return POD_OK;
	POD_TRY(pod_member_run(top, off, len, &own));
	if (own.kind != POD_RUN_PARENT || own.len != len)
		return POD_OK;
	for (uint64_t at = 0; at < len; at += now.len) {
		POD_TRY(pod_chain_run_below(r->chain, 1, off + at, len - at, &old));
		if (old.kind != POD_RUN_ZERO)
			return POD_OK;
		POD_TRY(pod_chain_run_below(r->onto, 0, off + at, old.len, &now));
		shown |= now.kind != POD_RUN_ZERO;
	}
	*is = shown;
	return POD_OK;
}

/* --- the first time through ----------------------------------------------------------------------------- */

struct count {
	uint64_t chunk; /* that was counted last, and 1 */
	bool block;	/* so was the present block */
};

static enum pod_status count_portion(struct pod_chain_rebase *r, struct count *n, uint64_t off, uint32_t len)
{
	struct pod_member *top = r->chain->member[0];
	uint32_t sectors = (len + top->sector_size - 1) / top->sector_size, needed = 0;
	uint64_t bytes, block = off >> block_shift(top);
	POD_TRY(look_at(r, off, len, false));
	for (uint32_t i = 0; i < sectors; i++)
		needed += r->need[i];
	if (!needed)
		return POD_OK;
	r->copy_bytes += pod_min_u64((uint64_t)needed * top->sector_size, len);
	if (!n->block) {
		POD_TRY(block_costs(top, block, &bytes));
		r->grow_bytes += bytes;
		n->block = true;
	}
	if (top->kind == POD_MEMBER_VHDX && n->chunk != (block >> top->u.vhdx.chunk_shift) + 1) {
		POD_TRY(chunk_costs(top, block >> top->u.vhdx.chunk_shift, &bytes));
		r->grow_bytes += bytes;
		n->chunk = (block >> top->u.vhdx.chunk_shift) + 1;
	}
	uint64_t p = off >> r->portion_shift;
	r->differs[p >> 3] |= (uint8_t)(1u << (p & 7));
	return POD_OK;
}

static bool stopped(const struct pod_chain_rebase *r)
{
	return r->stop && *r->stop;
}

static enum pod_status count_all(struct pod_chain_rebase *r, pod_chain_progress *progress, void *ctx)
{
	struct pod_member *top = r->chain->member[0];
	uint64_t size = top->size_bytes, block = 1ull << block_shift(top);
	struct count n = {0};
	for (uint64_t off = 0; off < size; off += block) {
		uint64_t len = pod_min_u64(block, size - off), p = off >> r->portion_shift;
		bool zeros;
		if (stopped(r))
			return POD_END;
		n.block = false;
		POD_TRY(zero_block(r, off, len, &zeros));
		if (zeros)
			r->differs[p >> 3] |= (uint8_t)(1u << (p & 7));
		for (uint64_t at = 0; at < len && !zeros; at += 1u << r->portion_shift)
			POD_TRY(count_portion(r, &n, off + at, (uint32_t)pod_min_u64(1u << r->portion_shift, len - at)));
		if (progress)
			progress(ctx, off + len, size);
	}
	return POD_OK;
}

static enum pod_status check_place(struct pod_chain_rebase *r, struct pod_diag *diag)
{
	struct pod_member *top = r->chain->member[0], *to = r->onto->member[0];
	const uint64_t *id = top->file->id;
	if (r->chain->dev.read_only)
		return POD_E_READONLY;
	if (!top->has_parent)
		return pod_fail(diag, POD_E_INVALID, "no differencing image", 0, 1, 0);
	POD_TRY(pod_member_can_stand_on(top, to, diag));
	for (unsigned i = 0; i < r->onto->depth; i++)
		if (r->onto->member[i]->file->id[0] == id[0] && r->onto->member[i]->file->id[1] == id[1])
			return pod_fail(diag, POD_E_INVALID, "parent chain is a loop", 0, 0, i);
	if (r->onto->depth >= POD_CHAIN_DEPTH_MAX)
		return pod_fail(diag, POD_E_LIMIT, "files on top of each other", 0, POD_CHAIN_DEPTH_MAX, r->onto->depth + 1);
	unsigned depth = 0;
	for (unsigned i = 1; i < r->chain->depth && !depth; i++)
		if (r->chain->member[i]->file->id[0] == to->file->id[0] && r->chain->member[i]->file->id[1] == to->file->id[1])
			depth = i;
	r->below = depth != 0;
	/* As for a child that is made: its end would hide what is behind, until it grows. */
	if (to->size_bytes > top->size_bytes && depth != 1)
		return pod_fail(diag, POD_E_UNSUPPORTED, "child is shorter than its parent", 0, to->size_bytes, top->size_bytes);
	return POD_OK;
}

enum pod_status pod_chain_rebase_plan(struct pod_chain_rebase *r, struct pod_chain *c, struct pod_chain *onto,
				      pod_chain_progress *progress, void *ctx, struct pod_diag *diag)
{
	struct pod_member *top = c->member[0];
	struct pod_alloc *a = c->alloc;
	*r = (struct pod_chain_rebase){.stop = r->stop, .chain = c, .onto = onto};
	POD_TRY(check_place(r, diag));
	r->portion_shift = block_shift(top) < PORTION_SHIFT_MAX ? block_shift(top) : PORTION_SHIFT_MAX;
	uint32_t portion = 1u << r->portion_shift;
	r->differs = pod_zalloc(a, (size_t)((top->size_bytes >> r->portion_shift) >> 3) + 1, 1);
	r->old = a->alloc(a, portion);
	r->now = a->alloc(a, portion);
	r->need = a->alloc(a, portion / top->sector_size + 1);
	if (!r->differs || !r->old || !r->now || !r->need)
		return POD_E_NOMEM;
	return count_all(r, progress, ctx);
}

void pod_chain_rebase_end(struct pod_chain_rebase *r)
{
	struct pod_alloc *a = r->chain ? r->chain->alloc : NULL;
	if (!a)
		return;
	pod_free(a, r->differs);
	pod_free(a, r->old);
	pod_free(a, r->now);
	pod_free(a, r->need);
	memset(r, 0, sizeof *r);
}

/* --- the second time through ---------------------------------------------------------------------------- */

static enum pod_status take_portion(struct pod_chain_rebase *r, uint64_t off, uint32_t len, uint64_t *done)
{
	struct pod_member *top = r->chain->member[0];
	uint32_t size = top->sector_size, sectors = (len + size - 1) / size, from, to;
	POD_TRY(look_at(r, off, len, true));
	for (from = 0; from < sectors; from = to) {
		for (to = from + 1; to < sectors && r->need[to] == r->need[from];)
			to++;
		if (!r->need[from])
			continue;
		const uint8_t *p = r->old + (size_t)from * size;
		size_t n = (size_t)(to - from) * size;
		if (pod_all_zero(p, n))
			POD_TRY(pod_member_trim(top, off + (uint64_t)from * size, n));
		else
			POD_TRY(pod_member_write(top, off + (uint64_t)from * size, p, n));
		*done += n;
	}
	return POD_OK;
}

static enum pod_status take_all(struct pod_chain_rebase *r, pod_chain_progress *progress, void *ctx)
{
	struct pod_member *top = r->chain->member[0];
	uint64_t size = top->size_bytes, block = 1ull << block_shift(top), done = 0;
	for (uint64_t off = 0, p = 0; off < size; off += 1u << r->portion_shift, p++) {
		bool zeros = false;
		if (!(r->differs[p >> 3] >> (p & 7) & 1))
			continue;
		if (stopped(r))
			return POD_END;
		if (!(off & (block - 1)))
			POD_TRY(zero_block(r, off, pod_min_u64(block, size - off), &zeros));
		if (zeros)
			POD_TRY(pod_member_trim(top, off, pod_min_u64(block, size - off)));
		else
			POD_TRY(take_portion(r, off, (uint32_t)pod_min_u64(1u << r->portion_shift, size - off), &done));
		if (progress)
			progress(ctx, pod_min_u64(done, r->copy_bytes), r->copy_bytes);
	}
	return stopped(r) ? POD_END : POD_OK;
}

enum pod_status pod_chain_rebase_run(struct pod_chain_rebase *r, struct pod_parent_spec *spec, pod_chain_progress *progress,
				     void *ctx)
{
	struct pod_member *top = r->chain->member[0];
	if (top->kind == POD_MEMBER_VHDX)
		POD_TRY(pod_vhdx_same_data(&top->u.vhdx));
	enum pod_status st = take_all(r, progress, ctx);
	for (uint32_t i = 0; i < r->chain->granules; i++)
		r->chain->granule[i] = 0; /* some of it is the top file's now */
	POD_TRY(st);
	POD_TRY(pod_member_flush(top));
	pod_member_describe(r->onto->member[0], spec);
	return pod_member_set_parent(top, spec);
}
