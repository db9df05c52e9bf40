/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * commit: a layer's content into its parent, in place.
 *
 * By steps: the index says "merging" -> the parent takes the content (pod_chain_merge: the child reads the same all the
 * while) -> children of the merged layer are linked to the parent, each in one step -> the index drops the layer -> its file
 * goes. When power goes after the first step, whoever opens the store for writing next does the rest: each step may be done
 * again.
 */
#include "cli/layer/ops.h"

static int merge_files(struct layer_store *ls, const struct pod_stored *child, struct pod_stored *parent, struct fault *fault)
{
	struct disk_file *c = layer_store_edit_file(ls, child, fault), *p = c ? layer_store_edit_file(ls, parent, fault) : NULL;
	struct cli_progress bar;
	struct pod_diag diag = {0};
	enum pod_status st = POD_E_IO;

	if (p) {
		cli_progress_start(&bar, child->name, 1);
		cli_dev_direct(&c->dev);
		cli_dev_direct(&p->dev);
		st = pod_chain_merge(&c->vf, &p->vf, &cli_alloc, &disk_env, disk_progress, &bar, &diag);
		cli_progress_end(&bar);
		if (st == POD_OK)
			st = pod_dev_flush(p->vf.dev);
		if (st != POD_OK)
			disk_fail(c->dev.path, _("cannot merge"), st, &diag, NULL, fault);
	}
	ls->dir.ops->close(&ls->dir, p, fault);
	ls->dir.ops->close(&ls->dir, c, fault);
	return st == POD_OK ? layer_store_settle(ls, parent, fault) : CLI_FAILED;
}

/* Everything behind "the index says merging". */
int layer_store_finish_commit(struct layer_store *ls, uint32_t id, struct fault *fault)
{
	struct pod_stored *e = pod_store_find(&ls->s, id), *to = pod_store_find(&ls->s, e->parent);
	uint32_t parent = e->parent, fresh = 0, flags = e->flags & POD_STORED_PASSING;
	int rc = merge_files(ls, e, to, fault);

	if (rc == CLI_OK)
		rc = layer_store_relink_children(ls, id, to, fault);
	to->flags &= ~(uint32_t)POD_STORED_HASHED;
	if (rc == CLI_OK && ls->s.current == id)
		rc = layer_store_child(ls, parent, flags, &fresh, fault);
	if (rc != CLI_OK)
		return rc;
	e = pod_store_find(&ls->s, id);
	layer_store_mark_gone(ls, e);
	for (size_t i = 0; i < ls->s.count; i++)
		if (ls->s.layer[i].parent == id)
			ls->s.layer[i].parent = parent;
	if (ls->s.locked == id)
		ls->s.locked = parent;
	if (fresh)
		ls->s.current = fresh;
	rc = layer_store_save(ls, fault);
	if (rc != CLI_OK)
		return rc;
	layer_store_sweep(ls, fault);
	ls->dir.ops->protect(&ls->dir, pod_store_find(&ls->s, parent)->file, true, fault);
	return CLI_OK;
}

int layer_store_commit(struct layer_store *ls, const char *name, struct fault *fault)
{
	struct pod_stored *e = name ? layer_store_get(ls, name, fault) : layer_store_current(ls, fault), *to;
	uint64_t need;
	int rc;

	if (!e)
		return CLI_FAILED;
	to = pod_store_find(&ls->s, e->parent);
	if (!to)
		return fault_set(fault, _("%s: cannot commit %s: it has no parent; name a layer that has one"), ls->dir.shown,
				 e->name);
	if (pod_store_children(&ls->s, to->id) > 1)
		return fault_set(
			fault,
			_("%s: cannot commit into %s: other layers are based on it too and would be unreadable; delete them, "
			  "or flatten %s"),
			ls->dir.shown, to->name, e->name);
	rc = layer_store_settle(ls, e, fault);
	if (rc == CLI_OK)
		rc = layer_store_growth(ls, e, &need, fault);
	if (rc == CLI_OK && !layer_store_room(ls, need + (ls->dir.ops->sparse ? 4u << 20 : 32u << 20), fault))
		rc = CLI_FAILED;
	if (rc != CLI_OK)
		return rc;
	e->flags |= POD_STORED_MERGING;
	rc = layer_store_save(ls, fault);
	return rc == CLI_OK ? layer_store_finish_commit(ls, e->id, fault) : rc;
}
