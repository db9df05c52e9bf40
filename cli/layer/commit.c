/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * commit: a layer's content into its parent, in place.
 *
 * By steps: a file is made that can take it back (core/vhd/undo.h) -> the index says "merging" -> the parent takes the content
 * (pod_chain_merge: the child reads the same all the while) -> children of the merged layer are linked to the parent, each in
 * one step -> the index drops the layer -> its file goes, and that which takes it back. When power goes after the second step,
 * the user decides whether it goes on or back; until then nothing else is written, and the parent is read through the child.
 * Each step may be done again, in either direction.
 */
#include <stdlib.h>
#include "cli/layer/ops.h"
#include "core/vhd/undo.h"

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

static void remove_undo(struct layer_store *ls, uint32_t id, struct fault *fault)
{
	char name[POD_STORE_FILE_MAX];

	layer_store_undo_name(id, name);
	if (ls->dir.ops->exists(&ls->dir, name))
		layer_store_leave_file(ls, name, fault);
}

/* Everything behind "the index says merging". */
static int finish_commit(struct layer_store *ls, uint32_t id, struct fault *fault)
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
	remove_undo(ls, id, fault);
	ls->dir.ops->protect(&ls->dir, pod_store_find(&ls->s, parent)->file, true, fault);
	return CLI_OK;
}

/* --- a file that takes it back ---------------------------------------------------------------------------- */

/* Keeps the space behind the parent's file, into which that grows in one piece, while another file is made. NULL: no need. */
static struct disk_file *hold_space(struct layer_store *ls, const struct pod_stored *to, uint64_t growth, struct fault *fault)
{
	struct disk_file *f = ls->dir.ops->sparse || !growth ? NULL : layer_store_edit_file(ls, to, fault);

	if (f && pod_vfile_reserve(&f->vf, f->vf.dev->size_bytes, growth) == POD_OK)
		return f;
	ls->dir.ops->close(&ls->dir, f, fault);
	return NULL;
}

/* On the medium, its name included, when this returns. */
static int make_undo(struct layer_store *ls, const struct pod_stored *e, uint64_t bytes, struct fault *fault)
{
	struct disk *d = cli_xzalloc(sizeof *d);
	char name[POD_STORE_FILE_MAX];
	struct cli_progress bar;
	struct disk_file *f;
	enum pod_status st;
	int rc;

	layer_store_undo_name(e->id, name); /* one that is there is a leftover */
	if (ls->dir.ops->exists(&ls->dir, name) && !layer_store_remove_file(ls, name, fault))
		rc = CLI_FAILED;
	else
		rc = layer_store_open_disk(ls, e, d, fault);
	if (rc == CLI_OK) {
		f = ls->dir.ops->create(&ls->dir, name, bytes, fault);
		rc = CLI_FAILED;
		if (f) {
			cli_progress_start(&bar, e->name, 1);
			st = pod_undo_write(d->chain.member[0], d->chain.member[1], &f->vf, &cli_alloc, disk_progress, &bar);
			cli_progress_end(&bar);
			if (st != POD_OK)
				disk_fail(f->dev.path, _("cannot write"), st, NULL, NULL, fault);
			else if (ls->dir.ops->finish(&ls->dir, f, fault))
				rc = CLI_OK;
		}
		ls->dir.ops->close(&ls->dir, f, fault);
		if (layer_store_close_disk(ls, d, fault) != CLI_OK)
			rc = CLI_FAILED;
	}
	free(d);
	return rc;
}

static enum pod_status apply(struct disk_file *child, struct disk *parent, struct disk_file *undo, const char *name,
			     struct pod_diag *diag)
{
	struct pod_member_options opt = {.writable = true, .env = &disk_env};
	struct pod_member *l = cli_xzalloc(sizeof *l);
	enum pod_status st = pod_member_open(l, &child->vf, &cli_alloc, &opt, diag), closed;
	struct cli_progress bar;

	if (st == POD_OK) {
		cli_progress_start(&bar, name, 1);
		st = pod_undo_apply(l, &parent->chain, undo->vf.dev, &disk_env, disk_progress, &bar, diag);
		cli_progress_end(&bar);
	}
	closed = pod_member_close(l);
	free(l);
	return st == POD_OK ? closed : st;
}

/* The parent's file shows what it showed before the commit. */
static int take_back(struct layer_store *ls, const struct pod_stored *e, const struct pod_stored *to, struct fault *fault)
{
	struct disk *d = cli_xzalloc(sizeof *d);
	struct disk_file *child = NULL, *undo = NULL;
	char name[POD_STORE_FILE_MAX];
	struct pod_diag diag = {0};
	enum pod_status st;
	int rc = CLI_FAILED;

	layer_store_undo_name(e->id, name);
	if (!ls->dir.ops->exists(&ls->dir, name))
		fault_set(fault, _("%s: cannot undo: %s is missing; 'isopod layer commit --resume' finishes the commit"),
			  ls->dir.shown, name);
	else if ((undo = ls->dir.ops->open(&ls->dir, name, false, fault)) && layer_store_edit_disk(ls, to, d, fault) == CLI_OK) {
		child = layer_store_edit_file(ls, e, fault);
		st = child ? apply(child, d, undo, to->name, &diag) : POD_E_IO;
		rc = layer_store_close_disk(ls, d, fault);
		if (child && st != POD_OK)
			disk_fail(undo->dev.path, _("cannot undo the commit"), st, &diag, NULL, fault);
		if (st != POD_OK)
			rc = CLI_FAILED;
	}
	ls->dir.ops->close(&ls->dir, child, fault);
	ls->dir.ops->close(&ls->dir, undo, fault);
	free(d);
	return rc;
}

/* --- the user decides ------------------------------------------------------------------------------------- */

static const struct pod_stored *interrupted(const struct layer_store *ls, struct fault *fault)
{
	const struct pod_stored *e = layer_store_merging(&ls->s);

	if (!e)
		fault_set(fault, _("%s: no commit was interrupted"), ls->dir.shown);
	return e;
}

int layer_store_resume_commit(struct layer_store *ls, struct fault *fault)
{
	const struct pod_stored *e = interrupted(ls, fault);

	return e ? finish_commit(ls, e->id, fault) : CLI_FAILED;
}

int layer_store_undo_commit(struct layer_store *ls, struct fault *fault)
{
	const struct pod_stored *m = interrupted(ls, fault);
	struct pod_stored *e = m ? pod_store_find(&ls->s, m->id) : NULL, *to = e ? pod_store_find(&ls->s, e->parent) : NULL;
	/* Layers that are based on the parent already read through the child again before the parent changes. */
	int rc = e ? layer_store_relink_children(ls, e->id, e, fault) : CLI_FAILED;

	if (rc == CLI_OK)
		rc = take_back(ls, e, to, fault);
	if (rc == CLI_OK)
		rc = layer_store_settle(ls, to, fault);
	if (rc != CLI_OK)
		return rc;
	e->flags &= ~(uint32_t)(POD_STORED_MERGING | POD_STORED_HASHED);
	to->flags &= ~(uint32_t)POD_STORED_HASHED;
	rc = layer_store_save(ls, fault);
	if (rc != CLI_OK)
		return rc;
	remove_undo(ls, e->id, fault);
	ls->dir.ops->protect(&ls->dir, e->file, e->id != ls->s.current, fault);
	ls->dir.ops->protect(&ls->dir, to->file, true, fault);
	return CLI_OK;
}

int layer_store_commit(struct layer_store *ls, const char *name, struct fault *fault)
{
	struct pod_stored *e = name ? layer_store_get(ls, name, fault) : layer_store_current(ls, fault), *to;
	uint64_t growth = 0, undo = 0, need;
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
		rc = layer_store_growth(ls, e, &growth, &undo, fault);
	need = growth + undo + (ls->dir.ops->sparse ? 4u << 20 : 32u << 20);
	if (e->id == ls->s.current) /* a fresh one takes its place */
		need += layer_store_child_bytes(e->size_bytes);
	if (rc == CLI_OK && !layer_store_room(ls, need, fault))
		rc = CLI_FAILED;
	if (rc == CLI_OK) /* who reads it is found here, not halfway */
		rc = layer_store_settle(ls, to, fault);
	if (rc == CLI_OK) {
		struct disk_file *held = hold_space(ls, to, growth, fault);

		rc = make_undo(ls, e, undo, fault);
		ls->dir.ops->close(&ls->dir, held, fault);
	}
	if (rc != CLI_OK)
		return rc;
	e->flags |= POD_STORED_MERGING;
	rc = layer_store_save(ls, fault);
	if (rc != CLI_OK)
		return rc;
	rc = finish_commit(ls, e->id, fault);
	if (rc != CLI_OK)
		fault_warn(fault,
			   _("%s: the commit was interrupted; 'isopod layer commit --resume' finishes it, 'isopod layer commit "
			     "--undo' takes it back"),
			   ls->dir.shown);
	return rc;
}
