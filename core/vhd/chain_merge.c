/* SPDX-License-Identifier: BSD-2-Clause */
/* A child into its parent, in place; and a child made whole, so that it needs none. */
#include "core/base/bytes.h"
#include "core/vhd/chain.h"

#define PIECE (4u << 20)

struct merge {
	struct pod_member *child, *parent;
	uint8_t *buf;
	pod_chain_progress *progress;
	void *ctx;
};

/* The child is told what the parent's identifier will be before it changes ([MS-VHDX] 2.6.2.6.3, parent_linkage2): whichever of
 * the two the parent bears when power goes, the child is right. */
static enum pod_status announce(struct merge *m, const struct pod_vhd_env *env)
{
	struct pod_parent_spec spec = {0};
	if (m->child->kind != POD_MEMBER_VHDX)
		return POD_OK; /* a VHD's identifier stays the same when it is written to */
	for (unsigned i = 0; i < POD_PARENT_PATHS; i++)
		spec.path[i] = m->child->u.vhdx.parent.path[i];
	pod_member_describe(m->parent, &spec);
	env->random(env, spec.linkage2, 16);
	POD_TRY(pod_member_set_parent(m->child, &spec));
	POD_TRY(pod_member_flush(m->child));
	pod_vhdx_next_data_guid(&m->parent->u.vhdx, spec.linkage2);
	return pod_vhdx_begin_data(&m->parent->u.vhdx);
}

/* Only the parent's identifier of now counts from here on. */
static enum pod_status settle(struct merge *m)
{
	struct pod_parent_spec spec = {0};
	if (m->child->kind != POD_MEMBER_VHDX)
		return POD_OK;
	for (unsigned i = 0; i < POD_PARENT_PATHS; i++)
		spec.path[i] = m->child->u.vhdx.parent.path[i];
	pod_member_describe(m->parent, &spec);
	return pod_member_set_parent(m->child, &spec);
}

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

static enum pod_status run_merge(struct merge *m, const struct pod_vhd_env *env, struct pod_diag *diag)
{
	POD_TRY(pod_member_linked(m->child, m->parent, diag));
	if (m->child->size_bytes < m->parent->size_bytes)
		return pod_fail(diag, POD_E_UNSUPPORTED, "child is shorter than its parent", 0, m->parent->size_bytes,
				m->child->size_bytes);
	POD_TRY(announce(m, env));
	if (m->child->size_bytes > m->parent->size_bytes)
		POD_TRY(pod_member_grow(m->parent, m->child->size_bytes));
	POD_TRY(copy_all(m));
	return settle(m);
}

static enum pod_status first_failure(enum pod_status a, enum pod_status b)
{
	return a != POD_OK ? a : b;
}

enum pod_status pod_chain_merge(struct pod_vfile *child, struct pod_vfile *parent, struct pod_alloc *a,
				const struct pod_vhd_env *env, pod_chain_progress *progress, void *ctx, struct pod_diag *diag)
{
	struct pod_member_options opt = {.writable = true, .env = env};
	struct merge m = {.progress = progress, .ctx = ctx};
	m.child = pod_zalloc(a, 1, sizeof *m.child);
	m.parent = pod_zalloc(a, 1, sizeof *m.parent);
	m.buf = a->alloc(a, PIECE);
	enum pod_status st = m.child && m.parent && m.buf ? POD_OK : POD_E_NOMEM;
	if (st == POD_OK)
		st = pod_member_open(m.child, child, a, &opt, diag);
	if (st == POD_OK && !m.child->has_parent)
		st = pod_fail(diag, POD_E_INVALID, "no differencing image", 0, 1, 0);
	if (st == POD_OK)
		st = pod_member_open(m.parent, parent, a, &opt, diag);
	if (st == POD_OK)
		st = run_merge(&m, env, diag);
	if (m.parent)
		st = first_failure(st, pod_member_close(m.parent));
	if (m.child)
		st = first_failure(st, pod_member_close(m.child));
	pod_free(a, m.parent);
	pod_free(a, m.child);
	pod_free(a, m.buf);
	return st;
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
