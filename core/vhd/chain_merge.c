/* SPDX-License-Identifier: BSD-2-Clause */
/* A child into its parent, in place; and a child made whole, so that it needs none. */
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/vhd/merge_int.h"

#define PIECE (4u << 20)

struct merge {
	struct pod_member *child, *parent;
	uint8_t *buf;
	pod_chain_progress *progress;
	void *ctx;
};

/* A VHD's identifier stays the same when it is written to, and it has no place for a mark. */
enum pod_status merge_announce(struct pod_member *child, struct pod_member *parent, const struct pod_vhd_env *env)
{
	uint8_t next[16];
	if (child->kind != POD_MEMBER_VHDX)
		return POD_OK;
	env->random(env, next, 16);
	POD_TRY(pod_member_relink(child, parent, next));
	POD_TRY(pod_member_flush(child));
	POD_TRY(pod_vhdx_mark(&parent->u.vhdx, true));
	pod_vhdx_next_data_guid(&parent->u.vhdx, next);
	return pod_vhdx_begin_data(&parent->u.vhdx);
}

enum pod_status merge_settle(struct pod_member *child, struct pod_member *parent)
{
	if (child->kind != POD_MEMBER_VHDX)
		return POD_OK;
	POD_TRY(pod_vhdx_mark(&parent->u.vhdx, false));
	return pod_member_relink(child, parent, NULL);
}

/* --- was it done before? -------------------------------------------------------------------------------- */

/* Bytes of the child, `buf` NULL: zeros, are what the parent's file itself says of that place. */
static enum pod_status piece_held(struct merge *m, uint64_t off, const uint8_t *buf, uint64_t len, bool *held)
{
	uint8_t *mine = m->buf + PIECE / 2;
	while (len && *held) {
		struct pod_run r;
		POD_TRY(pod_member_run(m->parent, off, pod_min_u64(len, PIECE / 2), &r));
		size_t n = (size_t)r.len;
		if (r.kind == POD_RUN_DATA)
			POD_TRY(pod_dev_read(m->parent->dev, r.file_off, mine, n));
		else
			memset(mine, 0, n);
		*held = (r.kind != POD_RUN_PARENT || !m->parent->has_parent) &&
			(buf ? memcmp(buf, mine, n) == 0 : pod_all_zero(mine, n));
		off += n, len -= n;
		buf = buf ? buf + n : NULL;
	}
	return POD_OK;
}

static enum pod_status run_held(struct merge *m, uint64_t off, const struct pod_run *r, bool *held)
{
	if (r->kind == POD_RUN_ZERO)
		return piece_held(m, off, NULL, r->len, held);
	for (uint64_t done = 0; done < r->len && *held;) {
		size_t n = (size_t)pod_min_u64(PIECE / 2, r->len - done);
		POD_TRY(pod_dev_read(m->child->dev, r->file_off + done, m->buf, n));
		POD_TRY(piece_held(m, off + done, m->buf, n, held));
		done += n;
	}
	return POD_OK;
}

/* The parent's file says all that the child says: the merge was done, or there is nothing to do. Ends at the first difference. */
static enum pod_status all_held(struct merge *m, bool *held)
{
	uint64_t size = m->child->size_bytes;
	*held = m->parent->size_bytes == size;
	for (uint64_t off = 0; off < size && *held;) {
		struct pod_run r;
		POD_TRY(pod_member_run(m->child, off, size - off, &r));
		if (r.kind != POD_RUN_PARENT)
			POD_TRY(run_held(m, off, &r, held));
		off += r.len;
	}
	return POD_OK;
}

/* --- the merge ------------------------------------------------------------------------------------------ */

static enum pod_status copy_run(struct merge *m, uint64_t off, const struct pod_run *r)
{
	for (uint64_t done = 0; done < r->len;) {
		size_t n = (size_t)pod_min_u64(PIECE, r->len - done);
		POD_TRY(pod_dev_read(m->child->dev, r->file_off + done, m->buf, n));
		POD_TRY(pod_member_write(m->parent, off + done, m->buf, n));
		done += n;
	}
	return POD_OK;
}

static enum pod_status copy_all(struct merge *m)
{
	uint64_t size = m->child->size_bytes;
	for (uint64_t off = 0; off < size;) {
		struct pod_run r;
		POD_TRY(pod_member_run(m->child, off, size - off, &r));
		if (r.kind == POD_RUN_DATA)
			POD_TRY(copy_run(m, off, &r));
		else if (r.kind == POD_RUN_ZERO)
			POD_TRY(pod_member_trim(m->parent, off, r.len));
		off += r.len;
		if (m->progress)
			m->progress(m->ctx, off, size);
	}
	return pod_member_flush(m->parent);
}

static enum pod_status may_merge(struct merge *m, struct pod_diag *diag)
{
	POD_TRY(pod_member_linked(m->child, m->parent, diag));
	if (m->child->size_bytes < m->parent->size_bytes)
		return pod_fail(diag, POD_E_UNSUPPORTED, "child is shorter than its parent", 0, m->parent->size_bytes,
				m->child->size_bytes);
	return POD_OK;
}

static enum pod_status run_merge(struct merge *m, const struct pod_vhd_env *env, struct pod_diag *diag)
{
	bool held;
	POD_TRY(may_merge(m, diag));
	POD_TRY(all_held(m, &held));
	if (held) {
		POD_TRY(pod_dev_flush(m->parent->file->dev));
		return merge_settle(m->child, m->parent);
	}
	POD_TRY(merge_announce(m->child, m->parent, env));
	if (m->child->size_bytes > m->parent->size_bytes)
		POD_TRY(pod_member_grow(m->parent, m->child->size_bytes));
	POD_TRY(copy_all(m));
	return merge_settle(m->child, m->parent);
}

static enum pod_status first_failure(enum pod_status a, enum pod_status b)
{
	return a != POD_OK ? a : b;
}

/* Opens both and has enough memory; merge_close in any case. */
static enum pod_status merge_open(struct merge *m, struct pod_vfile *child, struct pod_vfile *parent, struct pod_alloc *a,
				  const struct pod_member_options *opt, struct pod_diag *diag)
{
	m->child = pod_zalloc(a, 1, sizeof *m->child);
	m->parent = pod_zalloc(a, 1, sizeof *m->parent);
	m->buf = a->alloc(a, PIECE);
	if (!m->child || !m->parent || !m->buf)
		return POD_E_NOMEM;
	POD_TRY(pod_member_open(m->child, child, a, opt, diag));
	if (!m->child->has_parent)
		return pod_fail(diag, POD_E_INVALID, "no differencing image", 0, 1, 0);
	return pod_member_open(m->parent, parent, a, opt, diag);
}

static enum pod_status merge_close(struct merge *m, struct pod_alloc *a, enum pod_status st)
{
	if (m->parent)
		st = first_failure(st, pod_member_close(m->parent));
	if (m->child)
		st = first_failure(st, pod_member_close(m->child));
	pod_free(a, m->parent);
	pod_free(a, m->child);
	pod_free(a, m->buf);
	return st;
}

enum pod_status pod_chain_merge(struct pod_vfile *child, struct pod_vfile *parent, struct pod_alloc *a,
				const struct pod_vhd_env *env, pod_chain_progress *progress, void *ctx, struct pod_diag *diag)
{
	struct pod_member_options opt = {.writable = true, .env = env};
	struct merge m = {.progress = progress, .ctx = ctx};
	enum pod_status st = merge_open(&m, child, parent, a, &opt, diag);
	if (st == POD_OK)
		st = run_merge(&m, env, diag);
	return merge_close(&m, a, st);
}

enum pod_status pod_chain_merged(struct pod_vfile *child, struct pod_vfile *parent, struct pod_alloc *a, bool *held,
				 struct pod_diag *diag)
{
	struct pod_member_options opt = {0};
	struct merge m = {0};
	enum pod_status st = merge_open(&m, child, parent, a, &opt, diag);
	if (st == POD_OK)
		st = may_merge(&m, diag);
	if (st == POD_OK)
		st = all_held(&m, held);
	return merge_close(&m, a, st);
}

enum pod_status pod_member_merge_bytes(struct pod_member *child, struct pod_member *parent, uint64_t *bytes)
{
	uint64_t size = child->size_bytes;
	*bytes = 0;
	for (uint64_t off = 0; off < size;) {
		struct pod_run r, under = {.kind = POD_RUN_PARENT};
		POD_TRY(pod_member_run(child, off, size - off, &r));
		for (uint64_t done = 0; r.kind == POD_RUN_DATA && done < r.len; done += under.len) {
			under = (struct pod_run){.kind = POD_RUN_PARENT, .len = r.len - done};
			if (off + done < parent->size_bytes)
				POD_TRY(pod_member_run(parent, off + done,
						       pod_min_u64(under.len, parent->size_bytes - off - done), &under));
			if (under.kind != POD_RUN_DATA)
				*bytes += pod_align_up(under.len, 4096);
		}
		off += r.len;
	}
	return POD_OK;
}

enum pod_status pod_chain_merge_bytes(struct pod_vfile *child, struct pod_vfile *parent, struct pod_alloc *a, uint64_t *bytes,
				      struct pod_diag *diag)
{
	struct pod_member_options opt = {0};
	struct merge m = {0};
	enum pod_status st = merge_open(&m, child, parent, a, &opt, diag);
	if (st == POD_OK)
		st = pod_member_merge_bytes(m.child, m.parent, bytes);
	return merge_close(&m, a, st);
}

/* --- flatten -------------------------------------------------------------------------------------------- */

/* One block of the top file, taken from wherever its parts are; all of it is in the top file afterwards. */
static enum pod_status pull_block(struct pod_chain *c, uint8_t *buf, uint64_t off, size_t len)
{
	POD_TRY(pod_dev_read(&c->dev, off, buf, len));
	if (pod_all_zero(buf, len))
		return pod_member_trim(c->member[0], off, len);
	return pod_member_write(c->member[0], off, buf, len);
}

enum pod_status pod_chain_flatten(struct pod_chain *c, pod_chain_progress *progress, void *ctx)
{
	struct pod_member *top = c->member[0];
	if (c->dev.read_only)
		return POD_E_READONLY;
	if (!top->has_parent)
		return POD_OK;
	if (top->kind != POD_MEMBER_VHDX)
		return POD_E_UNSUPPORTED;
	struct pod_vhdx *x = &top->u.vhdx;
	uint64_t blocks = pod_vhdx_blocks(x), size = 1ull << x->block_shift;
	uint8_t *buf = c->alloc->alloc(c->alloc, (size_t)size);
	bool armed = x->data_armed;
	enum pod_status st = buf ? pod_vhdx_same_data(x) : POD_E_NOMEM;
	for (uint64_t b = 0; b < blocks && st == POD_OK; b++) {
		uint64_t e, off = b << x->block_shift;
		st = pod_vhdx_block_entry(x, b, &e);
		uint32_t state = (uint32_t)e & 7;
		if (st == POD_OK && (state == POD_VHDX_NOT_PRESENT || state == POD_VHDX_PARTIAL))
			st = pull_block(c, buf, off, (size_t)pod_min_u64(size, top->size_bytes - off));
		if (progress)
			progress(ctx, b + 1, blocks);
	}
	pod_free(c->alloc, buf);
	if (st == POD_OK)
		st = pod_vhdx_drop_parent(x);
	x->data_armed = armed; /* what is written from now on is another matter */
	for (uint32_t i = 0; i < c->granules; i++)
		c->granule[i] = 0; /* all is the top file's now */
	if (st == POD_OK)
		top->has_parent = false;
	return st;
}
