/* SPDX-License-Identifier: BSD-2-Clause */
/* Opening a store: its index, and before anything is written the rest of what power has interrupted, unless that is a commit. */
#include <stdlib.h>
#include "cli/layer/ops.h"
#include "cli/layer/pieces.h"

/* Whether the commit was meant, nobody knows but the user. */
int layer_store_refuse_commit(const struct layer_store *ls, const struct pod_stored *e, struct fault *fault)
{
	return fault_set(
		fault,
		_("%s: the commit of %s into %s was interrupted; 'isopod layer commit --resume' finishes it, 'isopod layer "
		  "commit --undo' takes it back"),
		ls->dir.shown, e->name, pod_store_find(&ls->s, e->parent)->name);
}

static int finish(struct layer_store *ls, const struct pod_stored *e, struct fault *fault)
{
	char *name;
	int rc;

	if (e->flags & POD_STORED_MERGING)
		return layer_store_refuse_commit(ls, e, fault);
	if (e->flags & POD_STORED_REBASING)
		return layer_store_finish_rebase(ls, e->id, fault);
	/* The layer that is meant goes by the way. */
	name = cli_xstrdup(pod_store_find(&ls->s, e->parent)->name);
	rc = layer_store_finish_flatten(ls, e->id, fault);
	if (rc == CLI_OK)
		fault_warn(fault, _("%s: flattening layer %s was interrupted; it is complete now"), ls->dir.shown, name);
	free(name);
	return rc;
}

/* At most one operation is under way at a time. */
static int finish_any(struct layer_store *ls, struct fault *fault)
{
	for (size_t i = 0; i < ls->s.count; i++)
		if ((ls->s.layer[i].flags & POD_STORED_UNDER_WAY) && ls->s.layer[i].parent)
			return finish(ls, &ls->s.layer[i], fault);
	return CLI_OK;
}

/* What layers stand on must not change: those that the index does not know as well. */
static int refuse_strangers(struct layer_store *ls, struct fault *fault)
{
	struct layer_pieces unknown;
	const struct pod_stored *parent;
	int rc = layer_strangers_find(ls, &unknown, fault) ? CLI_OK : CLI_FAILED;

	parent = rc == CLI_OK && unknown.n ? pod_store_find(&ls->s, unknown.v[0].e.parent) : NULL;
	if (rc == CLI_OK && unknown.n)
		rc = fault_set(
			fault,
			_("%s: the index is older than its layers (from a backup?): it does not know %s, which is based on "
			  "%s; 'isopod layer check --repair' takes it in"),
			ls->dir.shown, unknown.v[0].e.file, parent ? parent->name : unknown.v[0].parent_file);
	free(unknown.v);
	return rc;
}

int layer_store_open(struct layer_store *ls, const char *arg, bool writable, struct fault *fault)
{
	int rc = layer_store_open_older(ls, arg, writable, fault);

	if (rc != CLI_OK || !writable)
		return rc;
	rc = refuse_strangers(ls, fault);
	if (rc != CLI_OK)
		layer_store_close(ls, fault);
	return rc;
}

int layer_store_open_older(struct layer_store *ls, const char *arg, bool writable, struct fault *fault)
{
	int rc = layer_store_load(ls, arg, writable, fault);

	if (rc != CLI_OK || !writable)
		return rc;
	rc = finish_any(ls, fault);
	if (rc != CLI_OK)
		layer_store_close(ls, fault);
	return rc;
}
