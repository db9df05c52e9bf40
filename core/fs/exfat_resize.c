/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exFAT write side: a file that is there gets longer or shorter, in place. Protocol: doc/FORMATS/exfat.md.
 *
 * Length, first cluster and the NoFatChain flag are in one block of the directory, so that a file without a chain (before or
 * after) changes in one write. A chain cannot: its last link is in the FAT. It is made longer before the length, and shorter
 * after it, so that what the length says is always there.
 */
#include "core/fs/exfat_int.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"

static size_t length(const char *s)
{
	size_t n = 0;
	while (s[n])
		n++;
	return n;
}

static uint32_t clusters_of(const struct pod_exfat_vol *v, uint64_t bytes)
{
	return (uint32_t)pod_exfat_clusters_of(&v->g, bytes);
}

/* --- open --------------------------------------------------------------------------------------------- */

struct listing {
	struct pod_exfat_vol *v;
	struct places p;
};

static enum pod_status list_run(void *ctx, uint32_t first, uint32_t count)
{
	struct listing *l = ctx;
	return pod_exfat_add_run(l->v, &l->p, first, count);
}

enum pod_status pod_exfat_file_open(struct pod_exfat_vol *v, const char *path, struct pod_exfat_file *f, struct pod_diag *diag)
{
	struct listing l = {.v = v, .p.limit = UINT64_MAX};
	struct wset s;
	struct wdir *d;
	memset(f, 0, sizeof *f);
	enum pod_status st = pod_exfat_look(v, path, length(path), &d, &s);
	if (st != POD_OK)
		return pod_fail(diag, st, "name", 0, 0, 0);
	pod_exfat_wdir_free(v, d);
	if (s.attributes & POD_EXFAT_ATTR_DIR)
		return pod_fail(diag, POD_E_INVALID, "a folder, not a file", 0, 0, 0);
	if (s.size)
		st = pod_exfat_runs(v, s.cluster, s.size, wset_contiguous(&s), list_run, &l);
	if (st != POD_OK) {
		pod_free(v->alloc, l.p.extent);
		return pod_fail(diag, st, "cluster chain: run fsck.exfat or chkdsk", 0, 0, s.cluster);
	}
	f->size_bytes = s.size;
	f->valid_bytes = s.valid;
	f->room_bytes = l.p.done;
	f->extent = l.p.extent;
	f->extents = l.p.n;
	f->cap = l.p.cap;
	f->first_cluster = s.size ? s.cluster : 0;
	f->contiguous = wset_contiguous(&s);
	return POD_OK;
}

/* --- reserved clusters -------------------------------------------------------------------------------- */

/* What lies behind the first `keep` clusters is free. */
static void release(struct pod_exfat_vol *v, struct pod_exfat_file *f, uint32_t keep)
{
	uint64_t from = (uint64_t)keep << v->g.cluster_shift;
	while (f->room_bytes > from) {
		struct pod_extent *e = &f->extent[f->extents - 1];
		uint64_t stay = from > e->file_bytes ? from - e->file_bytes : 0;
		uint32_t first = pod_exfat_extent_cluster(v, e) + clusters_of(v, stay);
		pod_exfat_mark(v, first, clusters_of(v, e->length_bytes - stay), false);
		f->room_bytes = e->file_bytes + stay;
		e->length_bytes = stay;
		if (!stay)
			f->extents--;
	}
}

void pod_exfat_file_close(struct pod_exfat_vol *v, struct pod_exfat_file *f)
{
	release(v, f, clusters_of(v, f->size_bytes));
	pod_free(v->alloc, f->extent);
	memset(f, 0, sizeof *f);
}

/* Gives the file a run, and marks it as used. */
static enum pod_status add(struct pod_exfat_vol *v, struct places *p, uint32_t cluster, uint32_t count)
{
	POD_TRY(pod_exfat_add_run(v, p, cluster, count));
	pod_exfat_mark(v, cluster, count, true);
	return POD_OK;
}

static enum pod_status take_anywhere(struct pod_exfat_vol *v, struct places *p, uint32_t need)
{
	uint32_t run = pod_exfat_find_run(v, need);
	if (run)
		return add(v, p, run, need);
	/* The last run so far may not be merged with: what follows it is in use. */
	size_t first = p->n;
	enum pod_status st = pod_exfat_take_fragments(v, p, need);
	for (size_t i = first; i < p->n; i++)
		pod_exfat_mark(v, pod_exfat_extent_cluster(v, &p->extent[i]), pod_exfat_extent_clusters(v, &p->extent[i]), true);
	return st;
}

static enum pod_status take(struct pod_exfat_vol *v, struct places *p, uint32_t need, uint32_t flags)
{
	bool empty = !p->n;
	if (!empty) {
		const struct pod_extent *last = &p->extent[p->n - 1];
		uint32_t end = pod_exfat_extent_cluster(v, last) + pod_exfat_extent_clusters(v, last), at = end, count;
		if (pod_exfat_cluster_ok(&v->g, at) && pod_exfat_next_free(v, &at, &count) && at == end) {
			count = count < need ? count : need;
			POD_TRY(add(v, p, at, count));
			need -= count;
		}
	}
	if (!need)
		return POD_OK;
	if (flags & POD_EXFAT_FRAGMENTS)
		return take_anywhere(v, p, need);
	uint32_t run = empty ? pod_exfat_find_run(v, need) : 0;
	return run ? add(v, p, run, need) : POD_E_NOSPACE;
}

enum pod_status pod_exfat_reserve(struct pod_exfat_vol *v, struct pod_exfat_file *f, uint64_t size, uint32_t flags,
				  struct pod_diag *diag)
{
	uint64_t want = pod_exfat_clusters_of(&v->g, size);
	uint32_t have = clusters_of(v, f->room_bytes);
	struct places p = {f->extent, f->extents, f->cap, f->room_bytes, UINT64_MAX};
	enum pod_status st = POD_E_NOSPACE;
	if (want <= have)
		return POD_OK;
	if (want - have <= v->free_clusters)
		st = take(v, &p, (uint32_t)want - have, flags);
	f->extent = p.extent;
	f->extents = p.n;
	f->cap = p.cap;
	f->room_bytes = p.done;
	if (st == POD_OK)
		return POD_OK;
	release(v, f, have);
	if (st != POD_E_NOSPACE)
		return st;
	struct pod_exfat_space space;
	pod_exfat_space(v, &space);
	return pod_fail(diag, st, "largest free run", space.free_bytes, size - f->size_bytes, space.largest_run_bytes);
}

/* --- the change --------------------------------------------------------------------------------------- */

/* The file's set, in a place where one write changes it. */
static enum pod_status find_set(struct pod_exfat_vol *v, const char *path, const struct pod_exfat_file *f, struct wdir **d,
				struct wset *s)
{
	size_t len = length(path);
	POD_TRY(pod_exfat_touch(v, false));
	POD_TRY(pod_exfat_look(v, path, len, d, s));
	bool same = !(s->attributes & POD_EXFAT_ATTR_DIR) && s->size == f->size_bytes && s->valid == f->valid_bytes &&
		    (s->size ? s->cluster : 0) == f->first_cluster;
	bool across = s->index % PER_BLOCK == PER_BLOCK - 1;
	if (same && !across)
		return POD_OK;
	pod_exfat_wdir_free(v, *d);
	if (!same)
		return POD_E_CHANGED;
	/* Laid across two blocks by somebody else. */
	POD_TRY(pod_exfat_move_set(v, path, len, path, len));
	return pod_exfat_look(v, path, len, d, s);
}

static bool one_run(const struct pod_exfat_vol *v, const struct pod_exfat_file *f, uint32_t clusters)
{
	return f->extents && clusters && clusters <= pod_exfat_extent_clusters(v, &f->extent[0]);
}

/* The cluster of that index in the file. */
static uint32_t nth(const struct pod_exfat_vol *v, const struct pod_exfat_file *f, uint32_t index)
{
	size_t i = 0;
	for (; i + 1 < f->extents && index >= pod_exfat_extent_clusters(v, &f->extent[i]); i++)
		index -= pod_exfat_extent_clusters(v, &f->extent[i]);
	return pod_exfat_extent_cluster(v, &f->extent[i]) + index;
}

/* New length, place and kind of allocation: one write. */
static enum pod_status put_set(struct pod_exfat_vol *v, struct wdir *d, struct wset *s, struct pod_exfat_file *f, uint64_t size,
			       uint64_t valid, bool contiguous)
{
	s->size = size;
	s->valid = valid;
	s->cluster = size ? pod_exfat_extent_cluster(v, &f->extent[0]) : 0;
	s->flags = (uint8_t)(POD_EXFAT_ALLOCATED | (contiguous ? POD_EXFAT_NO_FAT_CHAIN : 0));
	POD_TRY(pod_exfat_restream(v, d, s, false));
	POD_TRY(pod_exfat_barrier(v));
	f->size_bytes = size;
	f->valid_bytes = valid;
	f->first_cluster = s->cluster;
	f->contiguous = contiguous;
	return POD_OK;
}

/* Everything that the longer file refers to is on the medium, its content included, and nothing refers to it. */
static enum pod_status prepare(struct pod_exfat_vol *v, const struct pod_exfat_file *f, uint32_t have, uint32_t want,
			       bool contiguous)
{
	bool chained = have && !f->contiguous;
	if (want > have) {
		if (!contiguous)
			POD_TRY(pod_exfat_chain(v, f->extent, f->extents, chained ? have : 0, want));
		POD_TRY(pod_exfat_write_bitmap(v));
	}
	POD_TRY(pod_exfat_barrier(v));
	if (want == have || contiguous || !chained)
		return POD_OK;
	POD_TRY(pod_exfat_fat_set(v, nth(v, f, have - 1), nth(v, f, have)));
	POD_TRY(pod_exfat_fat_write(v));
	return pod_exfat_barrier(v);
}

enum pod_status pod_exfat_extend(struct pod_exfat_vol *v, const char *path, struct pod_exfat_file *f, uint64_t size,
				 uint64_t valid, struct pod_diag *diag)
{
	uint32_t have = clusters_of(v, f->size_bytes), want;
	struct wset s;
	struct wdir *d;
	if (size < f->size_bytes || size > f->room_bytes || valid < f->valid_bytes || valid > size)
		return POD_E_INVALID;
	want = clusters_of(v, size);
	enum pod_status st = find_set(v, path, f, &d, &s);
	if (st == POD_OK) {
		bool contiguous = want > have ? one_run(v, f, want) : f->contiguous;
		st = prepare(v, f, have, want, contiguous);
		if (st == POD_OK)
			st = put_set(v, d, &s, f, size, valid, contiguous);
		pod_exfat_wdir_free(v, d);
	}
	return st == POD_OK ? st : pod_fail(diag, st, "making the file longer", 0, 0, 0);
}

static enum pod_status shorten(struct pod_exfat_vol *v, struct wdir *d, struct wset *s, struct pod_exfat_file *f, uint64_t size)
{
	uint32_t have = clusters_of(v, f->size_bytes), keep = clusters_of(v, size);
	bool contiguous = keep < have ? one_run(v, f, keep) : f->contiguous;
	POD_TRY(put_set(v, d, s, f, size, pod_min_u64(f->valid_bytes, size), contiguous));
	if (keep == have)
		return POD_OK;
	if (keep && !contiguous) {
		/* The chain ends before what lay behind is free. */
		POD_TRY(pod_exfat_fat_set(v, nth(v, f, keep - 1), POD_EXFAT_FAT_END));
		POD_TRY(pod_exfat_fat_write(v));
		POD_TRY(pod_exfat_barrier(v));
	}
	release(v, f, keep);
	return pod_exfat_write_bitmap(v);
}

enum pod_status pod_exfat_truncate(struct pod_exfat_vol *v, const char *path, struct pod_exfat_file *f, uint64_t size,
				   struct pod_diag *diag)
{
	struct wset s;
	struct wdir *d;
	if (size > f->size_bytes)
		return POD_E_INVALID;
	release(v, f, clusters_of(v, f->size_bytes));
	enum pod_status st = find_set(v, path, f, &d, &s);
	if (st == POD_OK) {
		st = shorten(v, d, &s, f, size);
		pod_exfat_wdir_free(v, d);
	}
	return st == POD_OK ? st : pod_fail(diag, st, "making the file shorter", 0, 0, 0);
}
