/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exFAT write side: what a mount does with a volume that was left dirty.
 *
 * The tree is walked and every cluster in use is noted. Repaired is what an interrupted operation of ours (or of another careful
 * writer) leaves: lost clusters, secondary entries whose file entry is gone, a pending move, a chain that goes on behind its
 * file's end. Anything that would take guessing -
 * two owners of a cluster, chains that end early, sets with wrong checksums, entry types we do not know - is refused, and nothing
 * has been written then.
 */
#include "core/fs/exfat_int.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"

enum { MOVES_MAX = 16, DIRS_MAX = 1 << 20, LONGER_MAX = 1 << 20 };

/* --- a pending move ----------------------------------------------------------------------------------- */

/* +0 type (unused) +1 flags +2 2 checksum +4 4 magic +8 8 valid +16 2 attributes +18 2 zero +20 4 cluster +24 8 size */
void pod_exfat_intent_put(uint8_t *e, const struct wset *s)
{
	memset(e, 0, POD_EXFAT_ENTRY_SIZE);
	e[0] = INTENT_TYPE;
	e[1] = s->flags;
	pod_put_le32(e + 4, INTENT_MAGIC);
	pod_put_le64(e + 8, s->valid);
	pod_put_le16(e + 16, s->attributes);
	pod_put_le32(e + 20, s->cluster);
	pod_put_le64(e + 24, s->size);
	pod_put_le16(e + 2, pod_exfat_set_sum(0, e, true));
}

bool pod_exfat_intent_get(const uint8_t *e, struct wset *s)
{
	if (e[0] != INTENT_TYPE || pod_get_le32(e + 4) != INTENT_MAGIC || pod_get_le16(e + 2) != pod_exfat_set_sum(0, e, true))
		return false;
	s->flags = e[1];
	s->valid = pod_get_le64(e + 8);
	s->attributes = pod_get_le16(e + 16);
	s->cluster = pod_get_le32(e + 20);
	s->size = pod_get_le64(e + 24);
	return s->valid <= s->size;
}

/* --- the walk ----------------------------------------------------------------------------------------- */

struct dir_ref {
	uint32_t cluster;
	uint64_t size;
	bool contiguous, root;
};

struct move {
	struct dir_ref dir;
	uint32_t index; /* of the intent; its set follows */
};

struct walk {
	struct pod_exfat_vol *v;
	struct pod_diag *diag;
	uint8_t *used;
	struct dir_ref *todo;
	size_t n, cap;
	struct move move[MOVES_MAX];
	uint32_t moves;
	uint32_t strays;  /* secondary entries without a file entry, in all */
	uint32_t last;	  /* the last cluster that was found in use */
	uint32_t *longer; /* last clusters of files whose chain goes on behind what their size says */
	size_t longer_n, longer_cap;
	uint64_t at; /* device offset of the entry at hand, for diagnostics */
};

static enum pod_status refuse(struct walk *w, const char *what, uint64_t got)
{
	return pod_fail(w->diag, POD_E_CORRUPT, what, w->at, 0, got);
}

static enum pod_status use_run(void *ctx, uint32_t first, uint32_t count)
{
	struct walk *w = ctx;
	for (uint32_t c = first; c < first + count; c++) {
		if (pod_exfat_bit(w->used, c))
			return refuse(w, "cluster with two owners: run fsck.exfat or chkdsk", c);
		w->used[(c - 2) >> 3] |= (uint8_t)(1u << ((c - 2) & 7));
	}
	w->last = first + count - 1;
	return POD_OK;
}

static enum pod_status use(struct walk *w, uint32_t cluster, uint64_t size, bool contiguous)
{
	if (size == 0)
		return POD_OK;
	if (w->diag)
		w->diag->what = NULL;
	enum pod_status st = pod_exfat_runs(w->v, cluster, size, contiguous, use_run, w);
	if (st == POD_E_CORRUPT && !(w->diag && w->diag->what))
		return refuse(w, "cluster chain: run fsck.exfat or chkdsk", cluster);
	return st;
}

static enum pod_status push(struct walk *w, const struct dir_ref *d)
{
	void *p = w->todo;
	POD_TRY(pod_grow(w->v->alloc, &p, w->n, &w->cap, w->n + 1, sizeof *w->todo, DIRS_MAX));
	w->todo = p;
	w->todo[w->n++] = *d;
	return POD_OK;
}

/* A chained file that got longer or shorter: its chain is longer than its size for a moment. The size counts. */
static enum pod_status note_longer(struct walk *w)
{
	uint32_t next;
	POD_TRY(pod_exfat_fat_get(w->v, w->last, &next));
	if (next == POD_EXFAT_FAT_END)
		return POD_OK;
	void *p = w->longer;
	POD_TRY(pod_grow(w->v->alloc, &p, w->longer_n, &w->longer_cap, w->longer_n + 1, sizeof *w->longer, LONGER_MAX));
	w->longer = p;
	w->longer[w->longer_n++] = w->last;
	return POD_OK;
}

/* Allocations of vendor entries in a set count too. */
static enum pod_status use_set(struct walk *w, const struct wdir *d, const struct wset *s)
{
	POD_TRY(use(w, s->cluster, s->size, wset_contiguous(s)));
	if (s->size && !wset_contiguous(s))
		POD_TRY(note_longer(w));
	for (uint32_t i = 2; i < s->count; i++) {
		const uint8_t *e = wdir_entry(d, s->index + i);
		if (e[0] == POD_EXFAT_NAME)
			continue;
		if (!(e[0] & POD_EXFAT_BENIGN))
			return refuse(w, "unknown secondary directory entry", e[0]);
		if (e[1] & POD_EXFAT_ALLOCATED)
			POD_TRY(use(w, pod_get_le32(e + 20), pod_get_le64(e + 24), e[1] & POD_EXFAT_NO_FAT_CHAIN));
	}
	if (!(s->attributes & POD_EXFAT_ATTR_DIR) || s->size == 0)
		return POD_OK;
	struct dir_ref sub = {s->cluster, s->size, wset_contiguous(s), false};
	return push(w, &sub);
}

static enum pod_status use_primary(struct walk *w, const struct dir_ref *dir, const uint8_t *e)
{
	if (dir->root && (e[0] == POD_EXFAT_BITMAP || e[0] == POD_EXFAT_UPCASE))
		return use(w, pod_get_le32(e + 20), pod_get_le64(e + 24), false);
	if (dir->root && (e[0] == POD_EXFAT_LABEL || e[0] == 0xA0)) /* A0h: volume GUID */
		return POD_OK;
	if (e[0] == POD_EXFAT_FILE)
		return refuse(w, "directory entry set: run fsck.exfat or chkdsk", e[0]);
	return refuse(w, "unknown directory entry", e[0]);
}

static enum pod_status scan(struct walk *w, const struct dir_ref *dir, const struct wdir *d)
{
	struct wset s;
	for (uint32_t i = 0; i < d->end;) {
		const uint8_t *e = wdir_entry(d, i);
		uint64_t off = (uint64_t)i * POD_EXFAT_ENTRY_SIZE;
		w->at = pod_exfat_cluster_bytes(&w->v->g, d->cluster[off >> w->v->g.cluster_shift]) +
			(off & ((1ull << w->v->g.cluster_shift) - 1));
		if (pod_exfat_set_at(w->v, d, i, &s)) {
			POD_TRY(use_set(w, d, &s));
			i += s.count;
			continue;
		}
		if (!(e[0] & POD_EXFAT_IN_USE)) {
			if (pod_exfat_intent_get(e, &s) && i + 1 < d->end && pod_exfat_set_at(w->v, d, i + 1, &s) &&
			    s.size == 0 && w->moves < MOVES_MAX)
				w->move[w->moves++] = (struct move){*dir, i};
		} else if (e[0] & POD_EXFAT_SECONDARY) {
			w->strays++;
		} else {
			POD_TRY(use_primary(w, dir, e));
		}
		i++;
	}
	return POD_OK;
}

static enum pod_status load(struct walk *w, const struct dir_ref *dir, struct wdir **out)
{
	return pod_exfat_wdir_load(w->v, dir->cluster, dir->size, dir->contiguous, dir->root, out);
}

static enum pod_status walk_tree(struct walk *w)
{
	struct wdir *d;
	struct dir_ref root = {w->v->g.root_cluster, 0, false, true};
	memset(w->used, 0, w->v->bitmap_len);
	w->moves = w->strays = 0;
	w->longer_n = 0;
	w->n = 0;
	POD_TRY(push(w, &root));
	while (w->n) {
		struct dir_ref dir = w->todo[--w->n];
		enum pod_status st = load(w, &dir, &d);
		if (st != POD_OK)
			return pod_fail(w->diag, st, "directory: run fsck.exfat or chkdsk",
					pod_exfat_cluster_bytes(&w->v->g, dir.cluster), 0, 0);
		if (dir.root)
			for (uint32_t i = 0; st == POD_OK && i < d->clusters; i++)
				st = use_run(w, d->cluster[i], 1);
		if (st == POD_OK)
			st = scan(w, &dir, d);
		pod_exfat_wdir_free(w->v, d);
		POD_TRY(st);
	}
	return POD_OK;
}

/* --- repairs ------------------------------------------------------------------------------------------ */

struct probe {
	struct walk *w;
	bool free_of_owner;
};

static enum pod_status probe_run(void *ctx, uint32_t first, uint32_t count)
{
	struct probe *p = ctx;
	for (uint32_t c = first; c < first + count; c++)
		if (pod_exfat_bit(p->w->used, c) || !pod_exfat_bit(p->w->v->bitmap, c))
			p->free_of_owner = false;
	return POD_OK;
}

/* The old name still owns the data: the new, empty one goes. It does not, and the clusters are still allocated: the new one takes
 * them. (An empty file needs neither: both names are right.) */
static enum pod_status settle(struct walk *w, const struct move *m)
{
	struct pod_exfat_vol *v = w->v;
	struct wset intent, s;
	struct wdir *d;
	struct probe p = {w, true};
	uint8_t unused[POD_EXFAT_ENTRY_SIZE] = {UNUSED_TYPE};
	POD_TRY(load(w, &m->dir, &d));
	enum pod_status st = POD_E_CORRUPT;
	if (pod_exfat_intent_get(wdir_entry(d, m->index), &intent) && pod_exfat_set_at(v, d, m->index + 1, &s)) {
		if (intent.size &&
		    pod_exfat_runs(v, intent.cluster, intent.size, wset_contiguous(&intent), probe_run, &p) != POD_OK)
			p.free_of_owner = false;
		if (intent.size && p.free_of_owner) {
			s.attributes = intent.attributes;
			s.flags = intent.flags;
			s.cluster = intent.cluster;
			s.size = intent.size;
			s.valid = intent.valid;
			st = pod_exfat_restream(v, d, &s, true);
			v->repair.finished_moves++;
		} else if (intent.size) {
			st = pod_exfat_erase(v, d, &s);
			if (st == POD_OK)
				st = pod_exfat_barrier(v);
			if (st == POD_OK)
				st = pod_exfat_edit(v, d, m->index, unused, 1, LOWEST_LAST);
			v->repair.undone_moves++;
		} else {
			st = pod_exfat_edit(v, d, m->index, unused, 1, LOWEST_LAST);
		}
	}
	if (st == POD_OK)
		st = pod_exfat_barrier(v);
	pod_exfat_wdir_free(v, d);
	return st;
}

static enum pod_status drop_strays_in(struct walk *w, struct wdir *d)
{
	struct pod_exfat_vol *v = w->v;
	struct wset s;
	uint8_t e[POD_EXFAT_ENTRY_SIZE];
	for (uint32_t i = 0; i < d->end;) {
		if (pod_exfat_set_at(v, d, i, &s)) {
			i += s.count;
			if (!(s.attributes & POD_EXFAT_ATTR_DIR) || !s.size)
				continue;
			struct dir_ref sub = {s.cluster, s.size, wset_contiguous(&s), false};
			POD_TRY(push(w, &sub));
			continue;
		}
		memcpy(e, wdir_entry(d, i), sizeof e);
		if ((e[0] & POD_EXFAT_IN_USE) && (e[0] & POD_EXFAT_SECONDARY)) {
			e[0] &= (uint8_t)~POD_EXFAT_IN_USE;
			POD_TRY(pod_exfat_edit(v, d, i, e, 1, LOWEST_LAST));
			v->repair.dropped_entries++;
		}
		i++;
	}
	return POD_OK;
}

/* Walks once more, this time to write: the first walk has found the volume sound otherwise. */
static enum pod_status drop_strays(struct walk *w)
{
	struct dir_ref root = {w->v->g.root_cluster, 0, false, true};
	struct wdir *d;
	w->n = 0;
	POD_TRY(push(w, &root));
	while (w->n) {
		struct dir_ref dir = w->todo[--w->n];
		POD_TRY(load(w, &dir, &d));
		enum pod_status st = drop_strays_in(w, d);
		pod_exfat_wdir_free(w->v, d);
		POD_TRY(st);
	}
	return pod_exfat_barrier(w->v);
}

/* Chains end where their files do, before what lay behind is free. */
static enum pod_status cut_chains(struct walk *w)
{
	for (size_t i = 0; i < w->longer_n; i++)
		POD_TRY(pod_exfat_fat_set(w->v, w->longer[i], POD_EXFAT_FAT_END));
	w->v->repair.cut_chains = (uint32_t)w->longer_n;
	POD_TRY(pod_exfat_fat_write(w->v));
	return pod_exfat_barrier(w->v);
}

/* Makes the bitmap say what the walk found. */
static enum pod_status correct_bitmap(struct walk *w)
{
	struct pod_exfat_vol *v = w->v;
	for (uint32_t c = 2; c < v->g.cluster_count + 2; c++) {
		bool used = pod_exfat_bit(w->used, c);
		if (used == pod_exfat_bit(v->bitmap, c))
			continue;
		if (used)
			v->repair.claimed_clusters++;
		else
			v->repair.freed_clusters++;
		pod_exfat_mark(v, c, 1, used);
	}
	POD_TRY(pod_exfat_write_bitmap(v));
	return pod_exfat_barrier(v);
}

enum pod_status pod_exfat_repair(struct pod_exfat_vol *v, struct pod_diag *diag)
{
	struct walk *w = pod_zalloc(v->alloc, 1, sizeof *w);
	if (!w)
		return POD_E_NOMEM;
	w->v = v;
	w->diag = diag;
	w->used = v->alloc->alloc(v->alloc, v->bitmap_len);
	enum pod_status st = w->used ? walk_tree(w) : POD_E_NOMEM;
	/* A folder that a settled move brings back has not been walked yet. */
	for (uint32_t turn = 0; st == POD_OK && w->moves && turn < MOVES_MAX; turn++) {
		for (uint32_t i = 0; st == POD_OK && i < w->moves; i++)
			st = settle(w, &w->move[i]);
		if (st == POD_OK)
			st = walk_tree(w);
	}
	if (st == POD_OK && w->strays)
		st = drop_strays(w);
	if (st == POD_OK && w->longer_n)
		st = cut_chains(w);
	if (st == POD_OK)
		st = correct_bitmap(w);
	pod_free(v->alloc, w->longer);
	pod_free(v->alloc, w->todo);
	pod_free(v->alloc, w->used);
	pod_free(v->alloc, w);
	return st;
}
