/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>
#include "cli/layer/pieces.h"
#include "cli/layer/stream.h"
#include "core/base/mem.h"
#include "core/base/str.h"

static void take(void *ctx, const char *name, uint64_t size, int64_t mtime, bool read_only)
{
	struct layer_pieces *ps = ctx;
	struct layer_piece *p;
	struct pod_stored e = {.created = mtime, .file_bytes = size};

	if (strlen(name) >= POD_STORE_FILE_MAX || !pod_store_parse_file(name, e.name, &e.id))
		return;
	if (ps->n == POD_STORE_LAYERS) {
		ps->too_many = true;
		return;
	}
	pod_strlcpy(e.file, name, sizeof e.file);
	if (ps->n == ps->cap) {
		ps->cap = ps->cap ? 2 * ps->cap : 16;
		ps->v = cli_xrealloc(ps->v, ps->cap, sizeof *p);
	}
	p = &ps->v[ps->n++];
	memset(p, 0, sizeof *p);
	p->e = e;
	p->read_only = read_only;
}

bool layer_pieces_list(struct layer_pieces *ps, struct fault *fault)
{
	return ps->ls->dir.ops->each(&ps->ls->dir, take, ps, fault);
}

bool layer_is_silent(struct pod_member *l)
{
	struct pod_run r = {.kind = POD_RUN_PARENT};

	for (uint64_t off = 0; off < l->size_bytes; off += r.len)
		if (pod_member_run(l, off, l->size_bytes - off, &r) != POD_OK || r.kind != POD_RUN_PARENT)
			return false;
	return l->has_parent;
}

bool layer_piece_read(struct layer_store *ls, struct layer_piece *p, struct fault *fault)
{
	struct pod_member_options opt = {.env = &disk_env, .cache_pages = 4};
	struct pod_member *l = cli_xzalloc(sizeof *l);
	struct disk_file *f = ls->dir.ops->open(&ls->dir, p->e.file, false, fault);
	struct pod_diag diag = {0};
	enum pod_status st = f ? pod_member_open(l, &f->vf, &cli_alloc, &opt, &diag) : POD_E_IO, closed;

	if (st == POD_OK && l->kind != POD_MEMBER_VHDX)
		st = POD_E_FORMAT;
	if (st == POD_OK) {
		const struct pod_vhdx *x = &l->u.vhdx;
		const char *path = NULL;

		memcpy(p->e.data_guid, x->data_write_guid, 16);
		p->e.size_bytes = l->size_bytes;
		p->child = l->has_parent;
		p->merging = x->merging;
		memcpy(p->linkage[0], x->parent.linkage, 16);
		memcpy(p->linkage[1], x->parent.linkage2, 16);
		for (unsigned k = 0; k < POD_PARENT_PATHS && !path; k++)
			path = x->parent.path[k];
		for (const char *s = path; s && *s; s++)
			if (*s == '\\' || *s == '/')
				path = s + 1;
		pod_strlcpy(p->parent_file, path ? path : "", sizeof p->parent_file);
		p->silent = layer_is_silent(l);
		p->spare = p->silent && memcmp(p->linkage[0], pod_store_spare_linkage, 16) == 0;
	}
	closed = f ? pod_member_close(l) : POD_OK;
	st = st == POD_OK ? closed : st;
	ls->dir.ops->close(&ls->dir, f, fault);
	free(l);
	if (st != POD_OK)
		fault_warn(fault, _("%s/%s: left out: %s"), ls->dir.shown, p->e.file, cli_status_text(st));
	p->opened = st == POD_OK;
	return p->opened;
}

static bool fits(const struct layer_piece *child, const struct layer_piece *parent)
{
	return memcmp(child->linkage[0], parent->e.data_guid, 16) == 0 ||
	       (!pod_guid_is_zero(child->linkage[1]) && memcmp(child->linkage[1], parent->e.data_guid, 16) == 0);
}

const struct layer_piece *layer_piece_parent(const struct layer_pieces *ps, const struct layer_piece *p)
{
	const struct layer_piece *found = NULL;

	for (size_t i = 0; i < ps->n; i++)
		if (&ps->v[i] != p && ps->v[i].placed && fits(p, &ps->v[i]) &&
		    (!found || pod_strcasecmp(ps->v[i].e.file, p->parent_file) == 0))
			found = &ps->v[i];
	return found;
}

/* --- strangers ------------------------------------------------------------------------------------------ */

/* A spare file that holds something: the boot manager went on in it, and the index is older. */
static bool was_used(struct layer_store *ls, const struct layer_piece *p, const struct pod_stored *spare)
{
	struct layer_piece now = *p;

	return layer_piece_read(ls, &now, NULL) && !now.silent && memcmp(now.e.data_guid, spare->data_guid, 16) != 0;
}

/* A layer's file that the index should know: not in it, nor dropped from it, and none that is arriving. */
static bool is_unknown(struct layer_store *ls, const struct layer_piece *p)
{
	const struct pod_stored *spare = pod_store_spare(&ls->s, p->e.id);

	if (spare)
		return was_used(ls, p, spare);
	for (size_t i = 0; i < ls->n_gone; i++)
		if (ls->gone[i] == p->e.id)
			return false;
	return !pod_store_find(&ls->s, p->e.id) && !layer_part_renamed(ls, p->e.id);
}

/* Finds the parents of unknown ones: in the index, or placed already. Returns how many are placed now. */
static unsigned place(struct layer_pieces *ps, unsigned placed)
{
	for (size_t i = 0; i < ps->n; i++) {
		struct layer_piece *p = &ps->v[i];
		const struct layer_piece *parent = p->opened && p->child && !p->placed ? layer_piece_parent(ps, p) : NULL;

		if (!parent)
			continue;
		p->e.parent = parent->e.id;
		p->placed = true;
		p->turn = ++placed;
	}
	return placed;
}

/* Whatever needed ones stand on is needed, too. Of several with one number all are: which of them is meant, the number does not say. Each is
 * followed once, so that circles have an end. */
static void need_parents(struct layer_pieces *ps)
{
	bool more = true;

	while (more) {
		more = false;
		for (size_t i = 0; i < ps->n; i++) {
			if (!ps->v[i].needed || ps->v[i].followed)
				continue;
			ps->v[i].followed = more = true;
			for (size_t k = 0; k < ps->n; k++)
				ps->v[k].needed |= ps->v[k].e.id == ps->v[i].e.parent;
		}
	}
}

static int by_turn(const void *a, const void *b)
{
	const struct layer_piece *x = a, *y = b;

	return (x->turn > y->turn) - (x->turn < y->turn);
}

/* Leaves unknown ones that hold something, and what they stand on, parents first. A spare file that something stands on is a layer, though it
 * says nothing itself. */
static void sort_out(struct layer_pieces *ps)
{
	size_t kept = 0;

	for (size_t i = 0; i < ps->n; i++)
		ps->v[i].needed = ps->v[i].placed && ps->v[i].unknown && !ps->v[i].silent;
	need_parents(ps);
	for (size_t i = 0; i < ps->n; i++)
		ps->v[i].unknown |= ps->v[i].needed && pod_store_spare(&ps->ls->s, ps->v[i].e.id);
	for (size_t i = 0; i < ps->n; i++)
		if (ps->v[i].needed && ps->v[i].placed && ps->v[i].unknown)
			ps->v[kept++] = ps->v[i];
	ps->n = kept;
	if (kept)
		qsort(ps->v, kept, sizeof *ps->v, by_turn);
}

/* Layers that another program has made since the index was read: a reader holds no lock. */
static void leave_out_newer(struct layer_store *ls, struct layer_pieces *ps)
{
	struct pod_store now;
	unsigned slot;
	size_t kept = 0;

	pod_store_init(&now, &cli_alloc);
	if (ls->index && pod_store_load(&now, ls->index->vf.dev, &slot, NULL) == POD_OK) {
		for (size_t i = 0; i < ps->n; i++)
			if (!ps->v[i].unknown || !pod_store_find(&now, ps->v[i].e.id))
				ps->v[kept++] = ps->v[i];
		ps->n = kept;
	}
	pod_store_fini(&now);
}

static bool any_unknown(const struct layer_pieces *ps)
{
	for (size_t i = 0; i < ps->n; i++)
		if (ps->v[i].unknown)
			return true;
	return false;
}

bool layer_strangers_find(struct layer_store *ls, struct layer_pieces *out, struct fault *fault)
{
	unsigned before = 0, placed = 0;

	*out = (struct layer_pieces){.ls = ls};
	if (!layer_pieces_list(out, fault))
		return false;
	for (size_t i = 0; i < out->n; i++)
		out->v[i].unknown = is_unknown(ls, &out->v[i]);
	if (any_unknown(out) && !ls->dir.writable)
		leave_out_newer(ls, out);
	if (!any_unknown(out)) {
		out->n = 0;
		return true;
	}
	for (size_t i = 0; i < out->n; i++) {
		(void)layer_piece_read(ls, &out->v[i], NULL);
		out->v[i].placed = out->v[i].opened && pod_store_find(&ls->s, out->v[i].e.id);
	}
	do {
		before = placed;
		placed = place(out, placed);
	} while (placed > before);
	sort_out(out);
	return true;
}
