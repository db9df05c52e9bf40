/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The index, made anew from the VHDX files of a folder: parents by the identifiers that the files hold of each other, names and
 * times from the files, "to be written to" from the read-only attribute.
 */
#include <stdlib.h>
#include <string.h>
#include "cli/host/identity.h"
#include "cli/layer/ops.h"
#include "core/base/mem.h"
#include "core/base/str.h"

struct piece {
	struct pod_stored e;
	uint8_t linkage[2][16];
	char parent_file[POD_STORE_FILE_MAX];	/* "": none */
	bool child, read_only, placed, merging; /* merging: another one was being committed into it */
};

struct pieces {
	struct layer_store *ls;
	struct piece *v;
	size_t n, cap;
	bool too_many;
};

static void take(void *ctx, const char *name, uint64_t size, int64_t mtime, bool read_only)
{
	struct pieces *ps = ctx;
	struct piece *p;
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

/* False: left out, and said. */
static bool read_piece(struct layer_store *ls, struct piece *p, struct fault *fault)
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
	}
	closed = f ? pod_member_close(l) : POD_OK;
	st = st == POD_OK ? closed : st;
	ls->dir.ops->close(&ls->dir, f, fault);
	free(l);
	if (st != POD_OK)
		fault_warn(fault, _("%s/%s: left out: %s"), ls->dir.shown, p->e.file, cli_status_text(st));
	return st == POD_OK;
}

static bool fits(const struct piece *child, const struct piece *parent)
{
	return memcmp(child->linkage[0], parent->e.data_guid, 16) == 0 ||
	       (!pod_guid_is_zero(child->linkage[1]) && memcmp(child->linkage[1], parent->e.data_guid, 16) == 0);
}

static void find_parent(struct pieces *ps, struct piece *p, struct fault *fault)
{
	if (!p->child)
		return;
	for (size_t i = 0; i < ps->n; i++)
		if (&ps->v[i] != p && ps->v[i].placed && fits(p, &ps->v[i]) &&
		    (!p->e.parent || pod_strcasecmp(ps->v[i].e.file, p->parent_file) == 0))
			p->e.parent = ps->v[i].e.id;
	if (!p->e.parent)
		fault_warn(fault, _("%s/%s: left out: its parent is missing, or has been written to since"), ps->ls->dir.shown,
			   p->e.file);
	p->placed = p->e.parent != 0;
}

/* Two files may have come to one name, or to one identifier. */
static bool unique(struct layer_store *ls, struct pod_stored *e, struct fault *fault)
{
	if (pod_store_find(&ls->s, e->id)) {
		fault_warn(fault, _("%s/%s: left out: another file has the same identifier"), ls->dir.shown, e->file);
		return false;
	}
	if (pod_store_named(&ls->s, e->name)) {
		size_t len = strlen(e->name);

		if (len > POD_STORE_NAME_MAX - 10)
			len = POD_STORE_NAME_MAX - 10;
		snprintf(e->name + len, sizeof e->name - len, "-%08x", (unsigned)e->id);
	}
	return true;
}

/* Parents first, in as many rounds as the tree is deep. */
static int enter_all(struct pieces *ps, struct fault *fault)
{
	struct layer_store *ls = ps->ls;
	bool more = true;

	while (more) {
		more = false;
		for (size_t i = 0; i < ps->n; i++) {
			struct piece *p = &ps->v[i];
			enum pod_status st;

			if (!p->placed || (p->e.parent && !pod_store_find(&ls->s, p->e.parent)))
				continue;
			p->placed = false;
			if (!unique(ls, &p->e, fault))
				continue;
			st = pod_store_add(&ls->s, &p->e);
			if (st != POD_OK)
				return fault_status(fault, ls->dir.shown, _("cannot add a layer"), st, NULL);
			more = true;
		}
	}
	return CLI_OK;
}

/* Only the layer that is being committed still fits its parent. */
static void find_commit(struct pieces *ps)
{
	struct pod_store *s = &ps->ls->s;

	for (size_t i = 0; i < ps->n; i++) {
		if (!ps->v[i].merging || pod_store_children(s, ps->v[i].e.id) != 1)
			continue;
		for (size_t k = 0; k < s->count; k++)
			if (s->layer[k].parent == ps->v[i].e.id && !layer_store_merging(s))
				s->layer[k].flags |= POD_STORED_MERGING;
	}
}

/* Of the layers on which nothing stands: one that can be written to, the newest. */
static void choose_current(struct pieces *ps)
{
	struct pod_store *s = &ps->ls->s;
	const struct piece *best = NULL;

	for (size_t i = 0; i < ps->n; i++) {
		struct piece *p = &ps->v[i];

		if (!pod_store_find(s, p->e.id) || pod_store_children(s, p->e.id) || p->read_only)
			continue;
		if (!best || p->e.created > best->e.created)
			best = p;
	}
	s->current = best ? best->e.id : 0;
	/* What its identifier was when it was made is not known any more: it counts as written to. */
	if (best)
		memset(pod_store_find(s, best->e.id)->data_guid, 0, 16);
	for (size_t i = 0; i < s->count; i++)
		if (s->layer[i].id != s->current) {
			s->layer[i].flags |= POD_STORED_FROZEN;
			s->layer[i].frozen = s->layer[i].created;
		}
}

/* Nothing that can be written to: a fresh layer on the newest. */
static int make_current(struct layer_store *ls, struct fault *fault)
{
	const struct pod_stored *best = NULL;

	for (size_t i = 0; i < ls->s.count; i++)
		if ((!best || ls->s.layer[i].created > best->created) &&
		    layer_store_depth(&ls->s, ls->s.layer[i].id) < POD_CHAIN_DEPTH_MAX)
			best = &ls->s.layer[i];
	if (!best)
		return fault_set(fault, _("%s: no layers found (files NAME.xxxxxxxx.vhdx)"), ls->dir.shown);
	return layer_store_child(ls, best->id, 0, &ls->s.current, fault);
}

int layer_store_rebuild(struct layer_store *ls, struct fault *fault)
{
	struct pieces ps = {.ls = ls};
	int rc = CLI_OK;

	pod_store_fini(&ls->s);
	pod_store_init(&ls->s, &cli_alloc);
	cli_identity_guid(NULL, ls->s.id);
	if (!ls->dir.ops->each(&ls->dir, take, &ps, fault))
		rc = CLI_FAILED;
	else if (ps.too_many)
		rc = fault_set(fault, _("%s: limit reached: an index holds at most %u layers; move some of the files away"),
			       ls->dir.shown, POD_STORE_LAYERS);
	if (rc != CLI_OK) {
		free(ps.v);
		return rc;
	}
	for (size_t i = 0; i < ps.n; i++)
		ps.v[i].placed = read_piece(ls, &ps.v[i], fault);
	for (size_t i = 0; i < ps.n; i++)
		if (ps.v[i].placed)
			find_parent(&ps, &ps.v[i], fault);
	rc = enter_all(&ps, fault);
	if (rc == CLI_OK) {
		choose_current(&ps);
		find_commit(&ps);
	}
	free(ps.v);
	if (rc == CLI_OK && !ls->s.current)
		rc = make_current(ls, fault);
	return rc == CLI_OK ? layer_store_save_new(ls, fault) : rc;
}
