/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flatten: a layer that needs no parent.
 *
 * By steps: a copy of what the layer shows -> the index says "flat" -> its children are linked to the copy, each in one step ->
 * the index puts the copy in its place -> its file goes. When power goes after the index knows of the copy, whoever opens the
 * store for writing next does the rest.
 */
#include <stdlib.h>
#include <string.h>
#include "cli/layer/ops.h"
#include "core/base/str.h"

/* A file that reads as `e` does, and needs no parent. */
static int copy_whole(struct layer_store *ls, const struct pod_stored *e, uint64_t data, struct pod_stored *out,
		      struct fault *fault)
{
	struct disk *from = cli_xzalloc(sizeof *from);
	struct pod_chain_options opt = {.top = {.writable = true, .env = &disk_env}};
	struct pod_vhdx_create c = {.size_bytes = e->size_bytes, .block_size = 2u << 20};
	struct pod_chain to;
	struct pod_diag diag = {0};
	struct disk_file *f = NULL;
	enum pod_status st = POD_E_IO, closed;
	int rc = layer_store_open_disk(ls, e, from, fault);

	if (rc == CLI_OK) {
		c.logical_sector_size = from->chain.member[0]->sector_size;
		c.size_bytes = from->chain.dev.size_bytes;
		f = ls->dir.ops->create(&ls->dir, out->file, data, fault);
		if (f) {
			st = pod_vhdx_format(&f->vf, &cli_alloc, &c, &disk_env, &diag);
			if (st == POD_OK)
				st = pod_chain_open(&to, &f->vf, &cli_alloc, NULL, &opt, &diag);
			if (st == POD_OK) {
				st = disk_copy(&from->chain, &to, 0, e->name);
				closed = pod_chain_close(&to);
				st = st == POD_OK ? closed : st;
			}
			if (st != POD_OK)
				disk_fail(f->dev.path, _("cannot copy"), st, &diag, NULL, fault);
			else if (cli_interrupted)
				rc = fault_set(fault, _("%s: interrupted; nothing was changed"), e->name);
		}
		rc = rc == CLI_OK && st == POD_OK && ls->dir.ops->finish(&ls->dir, f, fault) ? CLI_OK : CLI_FAILED;
		ls->dir.ops->close(&ls->dir, f, fault);
		if (layer_store_close_disk(ls, from, fault) != CLI_OK)
			rc = CLI_FAILED;
	}
	free(from);
	return rc == CLI_OK ? layer_store_settle(ls, out, fault) : rc;
}

/* Until the index knows of it, the copy has a name by which it is a leftover if power goes. */
static int name_copy(struct layer_store *ls, const struct pod_stored *flat, struct fault *fault)
{
	char *part;
	int rc = CLI_OK;

	if (ls->dir.ops->exists(&ls->dir, flat->file))
		return CLI_OK;
	part = cli_xasprintf("%s.part", flat->file);
	if (!ls->dir.ops->rename(&ls->dir, part, flat->file, fault) || !ls->dir.ops->sync(&ls->dir, fault))
		rc = CLI_FAILED;
	free(part);
	return rc;
}

/* Everything behind "the index says flat". */
int layer_store_finish_flatten(struct layer_store *ls, uint32_t id, struct fault *fault)
{
	struct pod_stored *flat = pod_store_find(&ls->s, id), *old = pod_store_find(&ls->s, flat->parent);
	uint32_t from = old->id;
	bool current = ls->s.current == from;
	int rc = name_copy(ls, flat, fault);

	if (rc == CLI_OK)
		rc = layer_store_relink_children(ls, from, flat, fault);
	if (rc != CLI_OK)
		return rc;
	pod_strlcpy(flat->name, old->name, sizeof flat->name);
	flat->flags &= ~(uint32_t)POD_STORED_FLAT;
	flat->parent = 0;
	layer_store_mark_gone(ls, old);
	for (size_t i = 0; i < ls->s.count; i++)
		if (ls->s.layer[i].parent == from)
			ls->s.layer[i].parent = id;
	if (current)
		ls->s.current = id;
	if (ls->s.locked == from)
		ls->s.locked = id;
	if (pod_store_sort(&ls->s) != POD_OK)
		return fault_status(fault, ls->dir.shown, _("cannot write the index"), POD_E_CORRUPT, NULL);
	rc = layer_store_save(ls, fault);
	if (rc != CLI_OK)
		return rc;
	layer_store_sweep(ls, fault);
	flat = pod_store_find(&ls->s, id);
	ls->dir.ops->protect(&ls->dir, flat->file, !current, fault);
	return CLI_OK;
}

int layer_store_flatten(struct layer_store *ls, const char *name, struct fault *fault)
{
	struct pod_stored *e = name ? layer_store_get(ls, name, fault) : layer_store_current(ls, fault), whole;
	char file[POD_STORE_FILE_MAX];
	enum pod_status st;
	uint64_t need;
	int rc = e ? layer_store_settle(ls, e, fault) : CLI_FAILED;

	if (rc != CLI_OK)
		return rc;
	if (!e->parent)
		return fault_set(fault, _("%s: cannot flatten %s: it has no parent"), ls->dir.shown, e->name);
	rc = layer_store_own_bytes(ls, e, &need, fault);
	need += need / 8 + (32u << 20) + e->size_bytes / (1u << 17);
	if (rc == CLI_OK && !layer_store_room(ls, need, fault))
		rc = CLI_FAILED;
	if (rc != CLI_OK)
		return rc;
	whole = *e;
	whole.id = layer_store_new_id(ls);
	whole.parent = e->id;
	whole.flags = (e->flags & ~(uint32_t)POD_STORED_HASHED) | POD_STORED_FLAT;
	pod_store_file_name(file, e->name, whole.id);
	pod_snprintf(whole.file, sizeof whole.file, "%s.part", file);
	snprintf(whole.name, sizeof whole.name, "flat-%08x", (unsigned)whole.id);
	rc = copy_whole(ls, e, need, &whole, fault);
	if (rc != CLI_OK)
		return rc;
	pod_strlcpy(whole.file, file, sizeof whole.file);
	st = pod_store_add(&ls->s, &whole);
	if (st != POD_OK)
		rc = fault_status(fault, ls->dir.shown, _("cannot add a layer"), st, NULL);
	if (rc == CLI_OK)
		rc = layer_store_save(ls, fault);
	if (rc != CLI_OK)
		return rc;
	return layer_store_finish_flatten(ls, whole.id, fault);
}
