/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is done to a store in no time: snapshot, rollback, delete, rename, lock.
 *
 * Order of writes: new files, then their names, then the index (the step), then what is no longer needed goes. Read-only
 * attributes follow the index; they guard against accidents and decide nothing.
 */
#include <stdlib.h>
#include <string.h>
#include "cli/layer/ops.h"
#include "core/base/str.h"

static int name_fits(struct layer_store *ls, const char *name, const struct pod_stored *but, struct fault *fault)
{
	const struct pod_stored *other = pod_store_named(&ls->s, name);

	if (!pod_store_name_ok(name))
		return fault_set(
			fault,
			_("%s: not a name for a layer; use 1 to %u bytes without \\ / : * ? \" < > |, no full stop at the "
			  "beginning, no full stop or blank at the end"),
			name, POD_STORE_NAME_MAX - 1);
	if (pod_store_name_reserved(name))
		return fault_set(fault, _("%s: Windows keeps this name for a device; choose another name"), name);
	if (other && other != but)
		return fault_set(fault, _("%s: there is already a layer '%s'; choose another name"), ls->dir.shown, name);
	return CLI_OK;
}

/* The layer gets a name, its file as well if no child holds the file's old name. The folder is not synced. */
static int give_name(struct layer_store *ls, struct pod_stored *e, const char *name, struct fault *fault)
{
	char *now, file[POD_STORE_FILE_MAX];
	int rc = CLI_OK;

	if (pod_store_children(&ls->s, e->id) == 0) {
		now = layer_store_file(ls, e, fault);
		if (!now)
			return CLI_FAILED;
		pod_store_file_name(file, name, e->id);
		if (strcmp(now, file) != 0 && !ls->dir.ops->rename(&ls->dir, now, file, fault))
			rc = CLI_FAILED;
		free(now);
		if (rc != CLI_OK)
			return rc;
		pod_strlcpy(e->file, file, sizeof e->file);
	}
	pod_strlcpy(e->name, name, sizeof e->name);
	return CLI_OK;
}

/* `flags`: of the layer that is current afterwards. */
static int snapshot(struct layer_store *ls, const char *name, uint32_t flags, struct fault *fault)
{
	struct pod_stored *cur = layer_store_current(ls, fault);
	uint32_t old = ls->s.current, fresh;
	int rc = cur ? CLI_OK : CLI_FAILED;

	if (rc == CLI_OK && name)
		rc = name_fits(ls, name, cur, fault);
	if (rc == CLI_OK)
		rc = layer_store_settle(ls, cur, fault);
	if (rc == CLI_OK && name)
		rc = give_name(ls, cur, name, fault);
	if (rc == CLI_OK)
		rc = layer_store_child(ls, old, flags, &fresh, fault);
	if (rc != CLI_OK)
		return rc;
	layer_store_freeze(pod_store_find(&ls->s, old));
	ls->s.current = fresh;
	if (layer_store_save(ls, fault) != CLI_OK)
		return layer_store_take_back(ls, fresh, fault);
	layer_store_protect(ls, old, fault);
	if (pod_store_depth(&ls->s, fresh) >= POD_STORE_DEEP)
		fault_warn(
			fault,
			_("%s: %u layers are based on each other, and more than %u cannot be opened; 'isopod layer prune --keep "
			  "50' deletes old snapshots, 'isopod layer flatten' makes a layer independent"),
			ls->dir.shown, pod_store_depth(&ls->s, fresh), POD_CHAIN_DEPTH_MAX);
	return CLI_OK;
}

int layer_store_snapshot(struct layer_store *ls, const char *name, struct fault *fault)
{
	return snapshot(ls, name, 0, fault);
}

static bool is_lost(struct layer_store *ls, const struct pod_stored *e)
{
	char *file = layer_store_file(ls, e, NULL);

	free(file);
	return !file;
}

/* What is written to it from now on is the user's, whatever it was made for. */
static int go_on_with(struct layer_store *ls, struct pod_stored *cur, struct fault *fault)
{
	if (!(cur->flags & POD_STORED_PASSING))
		return CLI_OK;
	cur->flags &= ~(uint32_t)POD_STORED_PASSING;
	return layer_store_save(ls, fault);
}

int layer_store_rollback(struct layer_store *ls, const char *name, bool discard, struct fault *fault)
{
	struct pod_stored *cur = pod_store_find(&ls->s, ls->s.current), *to;
	bool untouched = false, lost = false;
	int rc = CLI_OK;

	if (name)
		to = layer_store_get(ls, name, fault);
	else if (!cur && !(cur = layer_store_current(ls, fault)))
		return CLI_FAILED;
	else
		to = pod_store_find(&ls->s, cur->parent);
	if (!to)
		return name ? CLI_FAILED
			    : fault_set(fault, _("%s: cannot roll back: %s has no parent; name a layer to go back to"),
					ls->dir.shown, cur->name);
	if (to == cur)
		return fault_set(fault,
				 _("%s: cannot roll back: %s is the current layer; take a snapshot first, or name another layer"),
				 ls->dir.shown, to->name);
	/* Both must be at rest: a machine that still runs on the current layer would go on writing to it. */
	if (!(to->flags & POD_STORED_FROZEN))
		rc = layer_store_settle(ls, to, fault);
	lost = cur && is_lost(ls, cur);
	if (rc == CLI_OK && lost) {
		fault_warn(fault, _("%s: %s, the file of the current layer, is lost, and what was written to it with it"),
			   ls->dir.shown, cur->file);
	} else if (rc == CLI_OK && cur) {
		rc = layer_store_at_rest(ls, cur, &untouched, fault);
	}
	if (rc != CLI_OK)
		return rc;
	/* Nobody has written to the current layer since it was made on the very layer to go back to: it is the fresh one. */
	if (untouched && cur->parent == to->id)
		return go_on_with(ls, cur, fault);
	return layer_store_switch(ls, to->id, 0, discard || untouched || lost, fault);
}

/* Nobody has the layer's file open; one that is missing nobody has. */
static bool idle(struct layer_store *ls, const struct pod_stored *e, struct fault *fault)
{
	struct disk_file *f;

	if (!ls->dir.ops->exists(&ls->dir, e->file))
		return true;
	f = layer_store_edit_file(ls, e, fault);
	ls->dir.ops->close(&ls->dir, f, fault);
	layer_store_protect(ls, e->id, fault);
	return f != NULL;
}

int layer_store_delete(struct layer_store *ls, const char *name, struct fault *fault)
{
	struct pod_stored *e = layer_store_get(ls, name, fault);
	int rc;

	if (!e)
		return CLI_FAILED;
	if (e->id == ls->s.current)
		return fault_set(fault,
				 _("%s: cannot delete %s: it is the current layer; go back to another one first ('isopod layer "
				   "rollback')"),
				 ls->dir.shown, e->name);
	if (pod_store_children(&ls->s, e->id))
		return fault_set(
			fault, _("%s: cannot delete %s: other layers are based on it; delete them first, or commit one into it"),
			ls->dir.shown, e->name);
	if (e->id == ls->s.locked)
		return fault_set(fault, _("%s: cannot delete %s: each boot starts from it; run 'isopod layer lock --off' first"),
				 ls->dir.shown, e->name);
	if (!idle(ls, e, fault))
		return CLI_FAILED;
	layer_store_mark_gone(ls, e);
	rc = layer_store_save(ls, fault);
	if (rc == CLI_OK)
		layer_store_sweep(ls, fault);
	return rc;
}

int layer_store_rename(struct layer_store *ls, const char *name, const char *to, struct fault *fault)
{
	struct pod_stored *e = layer_store_get(ls, name, fault);
	int rc = e ? name_fits(ls, to, e, fault) : CLI_FAILED;

	/* The file of the current layer may be in use under its name. */
	if (rc == CLI_OK && e->id == ls->s.current) {
		struct pod_stored now = *e;

		rc = layer_store_settle(ls, &now, fault);
	}
	if (rc == CLI_OK && pod_store_children(&ls->s, e->id) == 0 && !idle(ls, e, fault))
		rc = CLI_FAILED;
	if (rc == CLI_OK)
		rc = give_name(ls, e, to, fault);
	if (rc == CLI_OK && !ls->dir.ops->sync(&ls->dir, fault))
		rc = CLI_FAILED;
	return rc == CLI_OK ? layer_store_save(ls, fault) : rc;
}

/* --- a kiosk -------------------------------------------------------------------------------------------- */

int layer_store_lock(struct layer_store *ls, const char *name, struct fault *fault)
{
	struct pod_stored *cur = pod_store_find(&ls->s, ls->s.current), *to = cur;
	bool untouched = false;
	int rc = CLI_OK;

	if (name && !(to = layer_store_get(ls, name, fault)))
		return CLI_FAILED;
	if (!to)
		return layer_store_current(ls, fault) ? CLI_OK : CLI_FAILED;
	/* Without changes since the last snapshot, that is the state to start from. */
	if (to == cur)
		rc = layer_store_at_rest(ls, cur, &untouched, fault);
	if (rc != CLI_OK)
		return rc;
	if (untouched && cur->parent) {
		to = pod_store_find(&ls->s, cur->parent);
		/* what is written to it from now on passes: the boot manager, which makes no files, can make it empty */
		cur->flags |= POD_STORED_PASSING;
	}
	ls->s.locked = to->id;
	return to == cur ? snapshot(ls, NULL, POD_STORED_PASSING, fault) : layer_store_save(ls, fault);
}

int layer_store_unlock(struct layer_store *ls, struct fault *fault)
{
	struct pod_stored *cur = pod_store_find(&ls->s, ls->s.current);

	ls->s.locked = 0;
	/* What the last boot wrote is the user's from now on. */
	if (cur)
		cur->flags &= ~(uint32_t)POD_STORED_PASSING;
	return layer_store_save(ls, fault);
}

/* The current layer is made empty where it lies; the index knows it as it is then. */
static int empty_current(struct layer_store *ls, const uint8_t made[16], struct fault *fault)
{
	struct pod_stored *cur = pod_store_find(&ls->s, ls->s.current);
	struct disk_file *f = layer_store_edit_file(ls, cur, fault);
	struct pod_diag diag = {0};
	enum pod_status st = f ? pod_vhdx_empty(&f->vf, &cli_alloc, made, &diag) : POD_E_IO;

	if (f && st != POD_OK)
		disk_fail(f->dev.path, _("cannot be made empty"), st, &diag, NULL, fault);
	ls->dir.ops->close(&ls->dir, f, fault);
	return st == POD_OK ? CLI_OK : CLI_FAILED;
}

int layer_store_fresh(struct layer_store *ls, struct fault *fault)
{
	struct pod_stored *cur = pod_store_find(&ls->s, ls->s.current), *base = pod_store_find(&ls->s, ls->s.locked);
	bool untouched = false, anew = pod_store_boots_anew(&ls->s);
	uint8_t made[16] = {0};
	int rc;

	if (cur)
		memcpy(made, cur->data_guid, 16);
	rc = cur ? layer_store_at_rest(ls, cur, &untouched, fault) : CLI_OK;
	if (rc == CLI_OK && untouched && cur->parent == base->id && cur->flags & POD_STORED_PASSING)
		return CLI_OK; /* as fresh as can be */
	if (rc == CLI_OK && anew)
		return empty_current(ls, made, fault);
	if (rc == CLI_OK && !(base->flags & POD_STORED_FROZEN))
		rc = layer_store_settle(ls, base, fault);
	if (rc == CLI_OK)
		rc = layer_store_switch(ls, base->id, POD_STORED_PASSING, untouched || (cur && cur->flags & POD_STORED_PASSING),
					fault);
	return rc;
}
