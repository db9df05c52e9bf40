/* SPDX-License-Identifier: BSD-2-Clause */
/* The step from one current layer to another one. */
#include <string.h>
#include "cli/host/identity.h"
#include "cli/layer/tree.h"

void layer_store_freeze(struct pod_stored *e)
{
	if (!e->frozen)
		e->frozen = cli_identity_time(NULL);
	e->flags = (e->flags | POD_STORED_FROZEN) & ~(uint32_t)POD_STORED_PASSING;
}

void layer_store_protect(struct layer_store *ls, uint32_t id, struct fault *fault)
{
	struct pod_stored *e = pod_store_find(&ls->s, id);

	if (e)
		ls->dir.ops->protect(&ls->dir, e->file, (e->flags & POD_STORED_FROZEN) || e->id != ls->s.current, fault);
}

int layer_store_take_back(struct layer_store *ls, uint32_t id, struct fault *fault)
{
	const struct pod_stored *e = pod_store_find(&ls->s, id) ? pod_store_find(&ls->s, id) : pod_store_spare(&ls->s, id);
	struct pod_store now;
	unsigned slot;

	pod_store_init(&now, &cli_alloc);
	if (pod_store_load(&now, ls->index->vf.dev, &slot, NULL) != POD_OK)
		return CLI_FAILED;
	if (e && !pod_store_knows(&now, id))
		layer_store_leave_file(ls, e->file, fault);
	pod_store_fini(&now);
	return CLI_FAILED;
}

int layer_store_at_rest(struct layer_store *ls, struct pod_stored *cur, bool *untouched, struct fault *fault)
{
	struct pod_stored now = *cur;
	int rc = layer_store_settle(ls, &now, fault);

	if (rc != CLI_OK)
		return rc;
	*untouched = cur->parent && !(cur->flags & POD_STORED_FROZEN) && pod_store_children(&ls->s, cur->id) == 0 &&
		     memcmp(now.data_guid, cur->data_guid, 16) == 0;
	*cur = now;
	return CLI_OK;
}

int layer_store_switch(struct layer_store *ls, uint32_t target, uint32_t flags, bool discard, struct fault *fault)
{
	uint32_t old = ls->s.current, fresh;
	struct pod_stored *e;
	int rc = layer_store_child(ls, target, flags, &fresh, fault);

	if (rc != CLI_OK)
		return rc;
	layer_store_freeze(pod_store_find(&ls->s, target));
	e = pod_store_find(&ls->s, old);
	ls->s.current = fresh;
	if (e && discard && pod_store_children(&ls->s, old) == 0)
		layer_store_mark_gone(ls, e);
	else if (e)
		layer_store_freeze(e);
	if (layer_store_save(ls, fault) != CLI_OK)
		return layer_store_take_back(ls, fresh, fault);
	layer_store_sweep(ls, fault);
	layer_store_protect(ls, old, fault);
	layer_store_protect(ls, target, fault);
	return CLI_OK;
}
