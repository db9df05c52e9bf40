/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * commit: a layer's content into its parent, in place. flatten: a layer that stands on nothing.
 *
 * Commit, by steps: the index says "merging" -> the parent takes the content (pod_chain_merge: the child reads the same all the
 * while) -> children of the merged layer are linked to the parent, each in one step -> the index drops the layer -> its file
 * goes. When power goes after the first step, whoever opens the store for writing next does the rest: each step may be done
 * again.
 */
#include <stdlib.h>
#include <string.h>
#include "cli/host/identity.h"
#include "cli/layer/store.h"
#include "core/base/str.h"

static void show(void *ctx, uint64_t done, uint64_t total)
{
	struct cli_progress *p = ctx;

	p->total = total;
	cli_progress_update(p, done);
}

static struct disk_file *open_layer_file(struct layer_store *ls, const struct pod_stored *e, struct fault *fault)
{
	char *file = layer_store_file(ls, e, fault);
	struct disk_file *f = NULL;

	if (file) {
		ls->dir.ops->protect(&ls->dir, file, false, fault);
		f = ls->dir.ops->open(&ls->dir, file, true, fault);
	}
	free(file);
	return f;
}

static int merge_files(struct layer_store *ls, const struct pod_stored *child, struct pod_stored *parent, struct fault *fault)
{
	struct disk_file *c = open_layer_file(ls, child, fault), *p = c ? open_layer_file(ls, parent, fault) : NULL;
	struct cli_progress bar;
	struct pod_diag diag = {0};
	enum pod_status st = POD_E_IO;

	if (p) {
		cli_progress_start(&bar, child->name, 1);
		cli_dev_direct(&c->dev);
		cli_dev_direct(&p->dev);
		st = pod_chain_merge(&c->vf, &p->vf, &cli_alloc, &disk_env, show, &bar, &diag);
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

/* `child` says from now on that `parent` is its parent. */
static enum pod_status relink(struct disk_file *child, struct disk_file *parent, const char *parent_file, struct pod_diag *diag)
{
	struct pod_layer_options read = {.env = &disk_env, .cache_pages = 4}, write = {.env = &disk_env, .writable = true};
	struct pod_layer *c = cli_xzalloc(sizeof *c), *p = cli_xzalloc(sizeof *p);
	char *relative = cli_xasprintf(".\\%s", parent_file);
	struct pod_parent_spec spec = {.path = {relative}};
	enum pod_status st = pod_layer_open(p, &parent->vf, &cli_alloc, &read, diag), closed;

	if (st == POD_OK) {
		st = pod_layer_open(c, &child->vf, &cli_alloc, &write, diag);
		pod_layer_describe(p, &spec);
		if (st == POD_OK)
			st = pod_layer_set_parent(c, &spec);
		closed = pod_layer_close(c);
		st = st == POD_OK ? closed : st;
		closed = pod_layer_close(p);
		st = st == POD_OK ? closed : st;
	}
	free(relative);
	free(p);
	free(c);
	return st;
}

/* The children of layer `from` become children of `to`, which reads the same. Their files only. */
static int relink_children(struct layer_store *ls, uint32_t from, const struct pod_stored *to, struct fault *fault)
{
	char *to_file = layer_store_file(ls, to, fault);
	int rc = to_file ? CLI_OK : CLI_FAILED;

	for (size_t i = 0; rc == CLI_OK && i < ls->s.count; i++) {
		struct pod_stored *e = &ls->s.layer[i];
		struct disk_file *c, *p;
		struct pod_diag diag = {0};
		enum pod_status st = POD_E_IO;

		if (e->parent != from || e->id == to->id)
			continue;
		p = ls->dir.ops->open(&ls->dir, to_file, false, fault);
		c = p ? open_layer_file(ls, e, fault) : NULL;
		if (c) {
			st = relink(c, p, to_file, &diag);
			if (st != POD_OK)
				disk_fail(c->dev.path, _("cannot give it this parent"), st, &diag, to_file, fault);
			e->file_bytes = c->vf.dev->size_bytes;
			e->flags &= ~(uint32_t)POD_STORED_HASHED;
		}
		ls->dir.ops->close(&ls->dir, c, fault);
		ls->dir.ops->close(&ls->dir, p, fault);
		rc = st == POD_OK ? CLI_OK : CLI_FAILED;
		ls->dir.ops->protect(&ls->dir, e->file, e->id != ls->s.current, fault);
	}
	free(to_file);
	return rc;
}

/* Everything behind "the index says merging". */
static int merge_marked(struct layer_store *ls, uint32_t id, struct fault *fault)
{
	struct pod_stored *e = pod_store_find(&ls->s, id), *to = pod_store_find(&ls->s, e->parent);
	uint32_t parent = e->parent, fresh = 0, flags = e->flags & POD_STORED_PASSING;
	int rc = merge_files(ls, e, to, fault);

	if (rc == CLI_OK)
		rc = relink_children(ls, id, to, fault);
	to->flags &= ~(uint32_t)POD_STORED_HASHED;
	if (rc == CLI_OK && ls->s.current == id)
		rc = layer_store_child(ls, parent, flags, &fresh, fault);
	if (rc != CLI_OK)
		return rc;
	e = pod_store_find(&ls->s, id);
	layer_store_mark_gone(ls, e, fault);
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

/* How much of the disk a layer's own file says something about. */
static int own_bytes(struct layer_store *ls, const struct pod_stored *e, unsigned layers, uint64_t *out, struct fault *fault)
{
	struct disk *d = cli_xzalloc(sizeof *d);
	int rc = layer_store_open_disk(ls, e, d, fault);

	*out = 0;
	if (rc == CLI_OK) {
		struct pod_chain *c = &d->chain;
		enum pod_status st = POD_OK;
		struct pod_chain_run r;

		for (uint64_t off = 0; off < c->dev.size_bytes && st == POD_OK; off += r.len) {
			r.len = 1;
			st = pod_chain_run(c, off, c->dev.size_bytes - off, &r);
			if (st == POD_OK && r.kind == POD_RUN_DATA && r.layer < layers)
				*out += r.len;
		}
		if (st != POD_OK)
			rc = disk_fail(e->name, _("cannot read the map"), st, NULL, NULL, fault);
		if (layer_store_close_disk(ls, d, fault) != CLI_OK)
			rc = CLI_FAILED;
	}
	free(d);
	return rc;
}

struct growth {
	struct pod_vhdx *to;
	uint64_t next, chunk; /* the first block not counted yet, the last bitmap that was */
	uint64_t bytes;
};

/* Blocks of the file below, and bitmaps over them, that come into being when the run at `off` goes there. */
static enum pod_status count_run(struct growth *g, uint64_t off, const struct pod_run *r)
{
	struct pod_vhdx *to = g->to;
	uint64_t end = off + r->len, first = off >> to->block_shift;

	for (uint64_t b = first > g->next ? first : g->next; b << to->block_shift < end; b++) {
		uint64_t start = b << to->block_shift, e = 0;

		if (r->kind == POD_RUN_ZERO && off <= start && end - start >= 1ull << to->block_shift)
			continue;
		if (start < to->size_bytes)
			POD_TRY(pod_vhdx_block_entry(to, b, &e));
		if ((e & 7) >= POD_VHDX_FULL)
			continue;
		g->next = b + 1;
		g->bytes += 1ull << to->block_shift;
		if (to->has_parent && b >> to->chunk_shift != g->chunk) {
			g->chunk = b >> to->chunk_shift;
			g->bytes += 1u << 20;
		}
	}
	return POD_OK;
}

/* By how much the file below gets longer at most, where what was not written takes space too. */
static int growth_below(struct layer_store *ls, const struct pod_stored *e, uint64_t *out, struct fault *fault)
{
	struct disk *d = cli_xzalloc(sizeof *d);
	struct growth g = {.chunk = UINT64_MAX};
	int rc = layer_store_open_disk(ls, e, d, fault);

	if (rc == CLI_OK) {
		struct pod_layer *from = d->chain.layer[0];
		enum pod_status st = d->chain.depth > 1 && d->chain.layer[1]->kind == POD_LAYER_VHDX ? POD_OK : POD_E_FORMAT;
		struct pod_run r;

		if (st == POD_OK)
			g.to = &d->chain.layer[1]->u.vhdx;
		for (uint64_t off = 0; off < from->size_bytes && st == POD_OK; off += r.len) {
			r.len = 1;
			st = pod_layer_run(from, off, from->size_bytes - off, &r);
			if (st == POD_OK && r.kind != POD_RUN_PARENT)
				st = count_run(&g, off, &r);
		}
		if (st != POD_OK)
			rc = disk_fail(e->name, _("cannot read the map"), st, NULL, NULL, fault);
		if (layer_store_close_disk(ls, d, fault) != CLI_OK)
			rc = CLI_FAILED;
	}
	*out = g.bytes;
	free(d);
	return rc;
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
		return fault_set(fault, _("%s: %s stands on nothing that it could be committed into"), ls->dir.shown, e->name);
	if (pod_store_children(&ls->s, to->id) > 1)
		return fault_set(
			fault, _("%s: other layers stand on %s as well and would lose their ground; delete them, or flatten %s"),
			ls->dir.shown, to->name, e->name);
	rc = layer_store_settle(ls, e, fault);
	if (rc == CLI_OK)
		rc = ls->dir.ops->sparse ? own_bytes(ls, e, 1, &need, fault) : growth_below(ls, e, &need, fault);
	if (rc == CLI_OK && !layer_store_room(ls, need + (32u << 20), fault))
		rc = CLI_FAILED;
	if (rc != CLI_OK)
		return rc;
	e->flags |= POD_STORED_MERGING;
	rc = layer_store_save(ls, fault);
	return rc == CLI_OK ? merge_marked(ls, e->id, fault) : rc;
}

/* --- flatten -------------------------------------------------------------------------------------------- */

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
		c.logical_sector_size = from->chain.layer[0]->sector_size;
		c.size_bytes = from->chain.dev.size_bytes;
		f = ls->dir.ops->create(&ls->dir, out->file, data, fault);
		if (f) {
			st = pod_vhdx_format(&f->vf, &cli_alloc, &c, &disk_env, &diag);
			if (st == POD_OK)
				st = pod_chain_open(&to, &f->vf, &cli_alloc, NULL, &opt, &diag);
			if (st == POD_OK) {
				st = disk_copy(&from->chain, &to, e->name);
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
static int replace_marked(struct layer_store *ls, uint32_t id, struct fault *fault)
{
	struct pod_stored *flat = pod_store_find(&ls->s, id), *old = pod_store_find(&ls->s, flat->parent);
	uint32_t from = old->id;
	bool current = ls->s.current == from;
	int rc = name_copy(ls, flat, fault);

	if (rc == CLI_OK)
		rc = relink_children(ls, from, flat, fault);
	if (rc != CLI_OK)
		return rc;
	strcpy(flat->name, old->name);
	flat->flags &= ~(uint32_t)POD_STORED_FLAT;
	flat->parent = 0;
	layer_store_mark_gone(ls, old, fault);
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
		return fault_set(fault, _("%s: %s stands on nothing already"), ls->dir.shown, e->name);
	rc = own_bytes(ls, e, POD_CHAIN_DEPTH_MAX, &need, fault);
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
	strcpy(whole.file, file);
	st = pod_store_add(&ls->s, &whole);
	if (st != POD_OK)
		rc = fault_status(fault, ls->dir.shown, _("cannot add a layer"), st, NULL);
	if (rc == CLI_OK)
		rc = layer_store_save(ls, fault);
	if (rc != CLI_OK)
		return rc;
	return replace_marked(ls, whole.id, fault);
}

int layer_store_finish_merge(struct layer_store *ls, struct fault *fault)
{
	for (size_t i = 0; i < ls->s.count; i++) {
		struct pod_stored *e = &ls->s.layer[i];

		if (!(e->flags & POD_STORED_UNDER_WAY) || !e->parent)
			continue;
		if (e->flags & POD_STORED_REBASING)
			return layer_store_finish_rebase(ls, e->id, fault);
		fault_warn(fault, _("%s: an operation on layer %s was interrupted; it is finished now"), ls->dir.shown, e->name);
		return e->flags & POD_STORED_FLAT ? replace_marked(ls, e->id, fault) : merge_marked(ls, e->id, fault);
	}
	return CLI_OK;
}
