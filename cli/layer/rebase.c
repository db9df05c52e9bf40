/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rebase: a layer onto another one, in place.
 *
 * By steps: the index says "rebasing" -> the layer's file takes in what the new layer below does not show (it reads the same all
 * the while) and names it as its parent, in one step -> the index says so as well. When power goes in between, whoever opens the
 * store for writing next asks the file which parent it has. Layers above are not concerned: the file keeps its identifier.
 */
#include <stdlib.h>
#include <string.h>
#include "cli/layer/ops.h"
#include "core/base/str.h"

/* Which parent the file of a layer names; 0: none of this store. */
static uint32_t ask_file(struct layer_store *ls, const struct pod_stored *e, struct fault *fault)
{
	struct pod_member_options opt = {.env = &disk_env, .cache_pages = 4};
	struct pod_member *l = cli_xzalloc(sizeof *l);
	char *file = layer_store_file(ls, e, fault);
	struct disk_file *f = file ? ls->dir.ops->open(&ls->dir, file, false, fault) : NULL;
	uint32_t id = 0;

	if (f && pod_member_open(l, &f->vf, &cli_alloc, &opt, NULL) == POD_OK) {
		id = layer_store_named_parent(&ls->s, l);
		if (pod_member_close(l) != POD_OK)
			id = 0;
	}
	ls->dir.ops->close(&ls->dir, f, fault);
	free(file);
	free(l);
	return id;
}

/* A layer that is not frozen counts as untouched as long as its identifier is the one it was made with. That stays, but the layer
 * holds something of its own now. */
static void count_as_touched(struct pod_stored *e)
{
	if (!(e->flags & POD_STORED_FROZEN))
		memset(e->data_guid, 0, sizeof e->data_guid);
}

/* The index says what the file says. */
static int adopt(struct layer_store *ls, uint32_t id, struct fault *fault)
{
	struct pod_stored *e = pod_store_find(&ls->s, id);
	int rc = layer_store_settle(ls, e, fault);
	uint32_t under = rc == CLI_OK ? ask_file(ls, e, fault) : 0;

	if (rc != CLI_OK)
		return rc;
	if (!under)
		return fault_set(
			fault,
			_("%s: cannot finish the rebase of %s: its file names no layer of this store as its parent; move %s "
			  "away and run 'isopod layer check --repair'"),
			ls->dir.shown, e->name, POD_STORE_INDEX);
	count_as_touched(e);
	e->parent = under;
	e->flags &= ~(uint32_t)POD_STORED_REBASING;
	if (pod_store_sort(&ls->s) != POD_OK)
		return fault_status(fault, ls->dir.shown, _("cannot write the index"), POD_E_CORRUPT, NULL);
	rc = layer_store_save(ls, fault);
	e = pod_store_find(&ls->s, id);
	ls->dir.ops->protect(&ls->dir, e->file, id != ls->s.current, fault);
	return rc;
}

int layer_store_finish_rebase(struct layer_store *ls, uint32_t id, struct fault *fault)
{
	struct pod_stored *e = pod_store_find(&ls->s, id);
	uint32_t before = e->parent;
	int rc = adopt(ls, id, fault);

	if (rc != CLI_OK)
		return rc;
	e = pod_store_find(&ls->s, id);
	fault_warn(fault,
		   e->parent == before ? _("%s: the rebase of layer %s was interrupted; its parent is %s as before")
				       : _("%s: the rebase of layer %s was interrupted; its parent is %s now"),
		   ls->dir.shown, e->name, pod_store_find(&ls->s, e->parent)->name);
	return CLI_OK;
}

/* How many layers are on top of each other from a layer on, itself included. Parents come before their children in the list. */
static unsigned height(const struct pod_store *s, uint32_t id)
{
	unsigned *n = cli_xzalloc(s->count * sizeof *n), most = 0;

	for (size_t i = 0; i < s->count; i++) {
		const struct pod_stored *e = &s->layer[i], *parent = pod_store_find(s, e->parent);

		if (e->id == id)
			n[i] = 1;
		else if (parent && n[parent - s->layer])
			n[i] = n[parent - s->layer] + 1;
		if (n[i] > most)
			most = n[i];
	}
	free(n);
	return most;
}

static int may_be_based_on(struct layer_store *ls, const struct pod_stored *e, const struct pod_stored *to, struct fault *fault)
{
	if (e == to)
		return fault_set(fault, _("%s: cannot rebase %s onto itself; name another layer"), ls->dir.shown, e->name);
	if (!e->parent)
		return fault_set(fault, _("%s: cannot rebase %s: it has no parent; name a layer that has one"), ls->dir.shown,
				 e->name);
	for (const struct pod_stored *p = to; p; p = pod_store_find(&ls->s, p->parent))
		if (p->parent == e->id)
			return fault_set(fault, _("%s: cannot rebase onto %s: it is based on %s itself; name another layer"),
					 ls->dir.shown, to->name, e->name);
	if (e->parent == to->id)
		return fault_set(fault, _("%s: %s is based on %s already"), ls->dir.shown, e->name, to->name);
	if (to->id == ls->s.current)
		return fault_set(
			fault,
			_("%s: cannot rebase onto %s: it is the current layer and will be written to; take a snapshot first"),
			ls->dir.shown, to->name);
	return layer_store_depth_ok(ls, pod_store_depth(&ls->s, to->id) + height(&ls->s, e->id), fault) ? CLI_OK : CLI_FAILED;
}

/* A machine that runs on top of a layer reads its file, and would go on by tables that it has read before. */
static int at_rest(struct layer_store *ls, const struct pod_stored *e, struct fault *fault)
{
	const struct pod_stored *cur = pod_store_find(&ls->s, ls->s.current);
	struct pod_stored now;

	for (const struct pod_stored *p = cur; p && p != e; p = pod_store_find(&ls->s, p->parent))
		if (p->parent == e->id) {
			now = *cur;
			return layer_store_settle(ls, &now, fault);
		}
	return CLI_OK;
}

/* There is room for it, and the index knows of it. */
static int announce(struct layer_store *ls, struct pod_stored *e, struct disk_file *f, const struct pod_chain_rebase *r,
		    struct fault *fault)
{
	if (!layer_store_room(ls, disk_rebase_bytes(f, r), fault))
		return CLI_FAILED;
	count_as_touched(e);
	e->flags = (e->flags & ~(uint32_t)POD_STORED_HASHED) | POD_STORED_REBASING;
	return layer_store_save(ls, fault);
}

static int move(struct layer_store *ls, struct pod_stored *e, struct disk *d, const struct pod_stored *to, struct disk *onto,
		struct fault *fault)
{
	struct pod_chain_rebase r = {.stop = &cli_interrupted};
	char *file = layer_store_file(ls, to, fault), *relative = file ? cli_xasprintf(".\\%s", file) : NULL;
	struct pod_parent_spec spec = {.path = {relative}};
	int rc = relative ? disk_rebase_plan(&r, &d->chain, &onto->chain, e->name, to->name, fault) : CLI_FAILED;

	if (rc == CLI_OK)
		rc = announce(ls, e, (struct disk_file *)d->chain.member[0]->file, &r, fault);
	if (rc == CLI_OK)
		rc = disk_rebase_run(&r, &spec, e->name, fault);
	pod_chain_rebase_end(&r);
	free(relative);
	free(file);
	return rc;
}

int layer_store_rebase(struct layer_store *ls, const char *name, const char *onto_name, struct fault *fault)
{
	struct pod_stored *e = layer_store_get(ls, name, fault), *to = e ? layer_store_get(ls, onto_name, fault) : NULL;
	struct disk *d = cli_xzalloc(sizeof *d), *onto = cli_xzalloc(sizeof *onto);
	int rc = to ? may_be_based_on(ls, e, to, fault) : CLI_FAILED;
	uint32_t id = e ? e->id : 0;

	if (rc == CLI_OK)
		rc = at_rest(ls, e, fault);
	if (rc == CLI_OK) {
		rc = layer_store_edit_disk(ls, e, d, fault);
		if (rc == CLI_OK) {
			rc = layer_store_open_disk(ls, to, onto, fault);
			if (rc == CLI_OK) {
				rc = move(ls, e, d, to, onto, fault);
				if (layer_store_close_disk(ls, onto, fault) != CLI_OK)
					rc = CLI_FAILED;
			}
			if (layer_store_close_disk(ls, d, fault) != CLI_OK)
				rc = CLI_FAILED;
			ls->dir.ops->protect(&ls->dir, e->file, id != ls->s.current, fault);
		}
	}
	free(onto);
	free(d);
	/* After a failure as well: its parent is one or the other. */
	if (e && pod_store_find(&ls->s, id)->flags & POD_STORED_REBASING && adopt(ls, id, fault) != CLI_OK)
		rc = CLI_FAILED;
	return rc;
}
