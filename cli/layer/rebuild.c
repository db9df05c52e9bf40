/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The index, made anew from the VHDX files of a folder: parents by the identifiers that the files hold of each other, names and
 * times from the files, "to be written to" from the read-only attribute.
 */
#include <stdlib.h>
#include <string.h>
#include "cli/host/identity.h"
#include "cli/layer/ops.h"
#include "cli/layer/pieces.h"
#include "core/base/mem.h"
#include "core/base/str.h"

static void find_parent(struct layer_pieces *ps, struct layer_piece *p, struct fault *fault)
{
	const struct layer_piece *parent = p->child ? layer_piece_parent(ps, p) : NULL;

	if (!p->child)
		return;
	p->e.parent = parent ? parent->e.id : 0;
	p->placed = p->e.parent != 0;
	if (!p->placed)
		fault_warn(fault, _("%s/%s: left out: its parent is missing, or has been written to since"), ps->ls->dir.shown,
			   p->e.file);
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
static int enter_all(struct layer_pieces *ps, struct fault *fault)
{
	struct layer_store *ls = ps->ls;
	bool more = true;

	while (more) {
		more = false;
		for (size_t i = 0; i < ps->n; i++) {
			struct layer_piece *p = &ps->v[i];
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

static int enter_spares(struct layer_pieces *ps, struct fault *fault)
{
	struct layer_store *ls = ps->ls;

	for (size_t i = 0; i < ps->n; i++) {
		enum pod_status st = ps->v[i].spare ? pod_store_add_spare(&ls->s, &ps->v[i].e) : POD_OK;

		if (st != POD_OK && st != POD_E_EXISTS)
			return fault_status(fault, ls->dir.shown, _("cannot add a layer"), st, NULL);
	}
	ls->s.spares_wanted = (uint32_t)ls->s.spares;
	return CLI_OK;
}

/* Only the layer that is being committed still fits its parent. */
static void find_commit(struct layer_pieces *ps)
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

/* Of the layers on which nothing stands: one that can be written to, the newest. 0: none. */
static uint32_t newest_open(const struct layer_pieces *ps)
{
	struct pod_store *s = &ps->ls->s;
	const struct layer_piece *best = NULL;
	struct pod_stored *e;

	for (size_t i = 0; i < ps->n; i++) {
		const struct layer_piece *p = &ps->v[i];

		if (!pod_store_find(s, p->e.id) || pod_store_children(s, p->e.id) || p->read_only)
			continue;
		if (!best || p->e.created > best->e.created)
			best = p;
	}
	if (!best)
		return 0;
	/* What its identifier was when it was made is not known any more: it counts as written to. */
	e = pod_store_find(s, best->e.id);
	memset(e->data_guid, 0, 16);
	e->flags &= ~(uint32_t)POD_STORED_FROZEN;
	e->frozen = 0;
	return e->id;
}

static void choose_current(struct layer_pieces *ps)
{
	struct pod_store *s = &ps->ls->s;

	s->current = newest_open(ps);
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
		    pod_store_depth(&ls->s, ls->s.layer[i].id) < POD_CHAIN_DEPTH_MAX)
			best = &ls->s.layer[i];
	if (!best)
		return fault_set(fault, _("%s: no layers found (files NAME.xxxxxxxx.vhdx)"), ls->dir.shown);
	return layer_store_child(ls, best->id, 0, &ls->s.current, fault);
}

int layer_store_rebuild(struct layer_store *ls, struct fault *fault)
{
	struct layer_pieces ps = {.ls = ls};
	int rc = CLI_OK;

	pod_store_fini(&ls->s);
	pod_store_init(&ls->s, &cli_alloc);
	cli_identity_guid(NULL, ls->s.id);
	if (!layer_pieces_list(&ps, fault))
		rc = CLI_FAILED;
	else if (ps.too_many)
		rc = fault_set(fault, _("%s: limit reached: an index holds at most %u layers; move some of the files away"),
			       ls->dir.shown, POD_STORE_LAYERS);
	if (rc != CLI_OK) {
		free(ps.v);
		return rc;
	}
	for (size_t i = 0; i < ps.n; i++)
		ps.v[i].placed = layer_piece_read(ls, &ps.v[i], fault) && !ps.v[i].spare;
	for (size_t i = 0; i < ps.n; i++)
		if (ps.v[i].placed)
			find_parent(&ps, &ps.v[i], fault);
	rc = enter_all(&ps, fault);
	if (rc == CLI_OK)
		rc = enter_spares(&ps, fault);
	if (rc == CLI_OK) {
		choose_current(&ps);
		find_commit(&ps);
	}
	free(ps.v);
	if (rc == CLI_OK && !ls->s.current)
		rc = make_current(ls, fault);
	return rc == CLI_OK ? layer_store_save_new(ls, fault) : rc;
}

/* --- layers that the index does not know ---------------------------------------------------------------- */

/* What something stands on does not change any more, whatever the index says. */
static int settle_parents(struct layer_store *ls, struct fault *fault)
{
	int rc = CLI_OK;

	for (size_t i = 0; i < ls->s.count && rc == CLI_OK; i++) {
		struct pod_stored *e = &ls->s.layer[i];

		if (e->flags & POD_STORED_FROZEN || !pod_store_children(&ls->s, e->id))
			continue;
		rc = layer_store_settle(ls, e, fault);
		layer_store_freeze(e);
	}
	return rc;
}

int layer_strangers_adopt(struct layer_store *ls, struct layer_pieces *strangers, struct fault *fault)
{
	int rc;

	for (size_t i = 0; i < strangers->n; i++) {
		strangers->v[i].placed = true;
		pod_store_drop_spare(&ls->s, strangers->v[i].e.id);
	}
	rc = enter_all(strangers, fault);
	if (rc == CLI_OK)
		rc = settle_parents(ls, fault);
	if (rc != CLI_OK)
		return rc;
	for (size_t i = 0; i < strangers->n; i++) {
		struct pod_stored *e = pod_store_find(&ls->s, strangers->v[i].e.id);

		if (e)
			layer_store_freeze(e);
	}
	if (!ls->s.current || pod_store_children(&ls->s, ls->s.current))
		ls->s.current = newest_open(strangers);
	if (!ls->s.current)
		rc = make_current(ls, fault);
	return rc == CLI_OK ? layer_store_save(ls, fault) : rc;
}
