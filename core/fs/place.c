/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/fs/place.h"
#include "core/base/mem.h"

enum { ROOM_RUNS_MAX = 64 };

void pod_place_init(struct pod_place *p, const struct pod_place_ops *ops, struct pod_fs *fs)
{
	*p = (struct pod_place){.ops = ops, .fs = fs};
}

void pod_place_runs_free(struct pod_place *p, struct pod_place_runs *r)
{
	pod_free(p->fs->alloc, r->run);
	*r = (struct pod_place_runs){0};
}

void pod_place_fini(struct pod_place *p)
{
	if (p->fs)
		pod_place_runs_free(p, &p->taken);
}

static enum pod_status add(struct pod_place *p, struct pod_place_runs *r, const struct pod_place_run *run)
{
	void *v = r->run;
	enum pod_status st = pod_grow(p->fs->alloc, &v, r->count, &r->cap, r->count + 1, sizeof *r->run, POD_PLACE_RUNS_MAX);
	r->run = v;
	if (st == POD_OK)
		r->run[r->count++] = *run;
	return st;
}

/* --- room ------------------------------------------------------------------------------------------------- */

/* Takes off `f` what was given away before; false: nothing is left of it, and *from is where to look next. */
static bool still_free(const struct pod_place *p, struct pod_place_run *f)
{
	for (size_t i = 0; i < p->taken.count; i++) {
		const struct pod_place_run *t = &p->taken.run[i];
		uint64_t end = f->dev_bytes + f->length_bytes, t_end = t->dev_bytes + t->length_bytes;
		if (t->dev_bytes >= end || t_end <= f->dev_bytes)
			continue;
		if (t->dev_bytes > f->dev_bytes) {
			f->length_bytes = t->dev_bytes - f->dev_bytes;
			continue;
		}
		f->length_bytes = t_end < end ? end - t_end : 0;
		f->dev_bytes = t_end;
		if (!f->length_bytes)
			return false;
		i = SIZE_MAX; /* what was looked at before may touch the rest */
	}
	return true;
}

/* Appends pieces of at least `least` bytes until `left` is covered. */
static enum pod_status gather(struct pod_place *p, uint64_t left, uint64_t least, struct pod_place_runs *to)
{
	size_t before = to->count;
	uint64_t from = 0;
	while (left) {
		struct pod_place_run f;
		enum pod_status st = p->ops->next_free(p, from, &f);
		if (st == POD_END || to->count - before == ROOM_RUNS_MAX)
			return POD_E_NOSPACE;
		if (st != POD_OK)
			return st;
		if (f.dev_bytes < from || !f.length_bytes || f.length_bytes > UINT64_MAX - f.dev_bytes)
			return POD_E_CORRUPT;
		from = f.dev_bytes + f.length_bytes;
		if (!still_free(p, &f))
			continue;
		from = f.dev_bytes + f.length_bytes;
		if (f.length_bytes < pod_min_u64(least, left))
			continue;
		f.length_bytes = pod_min_u64(f.length_bytes, left);
		f.kept = false;
		POD_TRY(add(p, to, &f));
		POD_TRY(add(p, &p->taken, &f));
		left -= f.length_bytes;
		from = f.dev_bytes + f.length_bytes;
	}
	return POD_OK;
}

enum pod_status pod_place_room(struct pod_place *p, uint64_t len, struct pod_place_runs *to)
{
	size_t before = to->count, taken = p->taken.count;
	uint64_t cluster = p->fs->cluster_size;
	if (len > (uint64_t)1 << 40)
		return POD_E_LIMIT;
	len = pod_align_up(len, cluster);
	for (uint64_t least = len;; least >>= 2) {
		enum pod_status st = gather(p, len, least, to);
		if (st != POD_E_NOSPACE)
			return st;
		to->count = before;
		p->taken.count = taken;
		if (least <= cluster)
			return POD_E_NOSPACE;
	}
}

/* --- the file's own --------------------------------------------------------------------------------------- */

struct keeping {
	struct pod_place *p;
	struct pod_place_runs *to;
	uint64_t left;
};

static enum pod_status keep(void *ctx, const struct pod_extent *e)
{
	struct keeping *k = ctx;
	struct pod_place_run run = {
		.dev_bytes = e->dev_bytes, .length_bytes = pod_min_u64(e->length_bytes, k->left), .kept = true};
	if (e->hole)
		return POD_E_UNSUPPORTED;
	if (e->dev_bytes & (512 - 1) || run.length_bytes & (k->p->fs->cluster_size - 1))
		return POD_E_UNSUPPORTED;
	if (run.length_bytes)
		POD_TRY(add(k->p, k->to, &run));
	k->left -= run.length_bytes;
	return POD_OK;
}

enum pod_status pod_place_kept(struct pod_place *p, const struct pod_node *file, struct pod_place_runs *to)
{
	struct keeping k = {p, to, file->size_bytes & ~(uint64_t)(p->fs->cluster_size - 1)};
	if (p->ops->keeps_itself)
		return k.left ? add(p, to, &(struct pod_place_run){.length_bytes = k.left, .kept = true}) : POD_OK;
	if (file->valid_bytes != file->size_bytes)
		return POD_E_UNSUPPORTED;
	return p->fs->ops->extents(p->fs, file, keep, &k);
}
