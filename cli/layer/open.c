/* SPDX-License-Identifier: BSD-2-Clause */
/* Opening a store: its index, and before anything is written the rest of what power has interrupted. */
#include <stdlib.h>
#include "cli/layer/ops.h"

static int finish(struct layer_store *ls, const struct pod_stored *e, struct fault *fault)
{
	bool flat = e->flags & POD_STORED_FLAT;
	char *name;
	int rc;

	if (e->flags & POD_STORED_REBASING)
		return layer_store_finish_rebase(ls, e->id, fault);
	/* The layer that is meant goes by the way. */
	name = cli_xstrdup(flat ? pod_store_find(&ls->s, e->parent)->name : e->name);
	rc = flat ? layer_store_finish_flatten(ls, e->id, fault) : layer_store_finish_commit(ls, e->id, fault);
	if (rc == CLI_OK)
		fault_warn(fault,
			   flat ? _("%s: flattening layer %s was interrupted; it is complete now")
				: _("%s: the commit of layer %s was interrupted; it is complete now"),
			   ls->dir.shown, name);
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

int layer_store_open(struct layer_store *ls, const char *arg, bool writable, struct fault *fault)
{
	int rc = layer_store_load(ls, arg, writable, fault);

	if (rc != CLI_OK || !writable)
		return rc;
	rc = finish_any(ls, fault);
	if (rc != CLI_OK)
		layer_store_close(ls, fault);
	return rc;
}
