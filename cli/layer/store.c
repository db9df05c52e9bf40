/* SPDX-License-Identifier: BSD-2-Clause */
/* Opening a store, its index, its files. */
#include <stdlib.h>
#include <string.h>
#include "cli/host/identity.h"
#include "cli/layer/store.h"
#include "core/base/str.h"

/* --- files ---------------------------------------------------------------------------------------------- */

struct by_id {
	uint32_t id;
	char file[POD_STORE_FILE_MAX];
};

static void match_id(void *ctx, const char *name, uint64_t size, int64_t mtime, bool read_only)
{
	struct by_id *b = ctx;
	uint32_t id;

	(void)size;
	(void)mtime;
	(void)read_only;
	if (strlen(name) < sizeof b->file && pod_store_parse_file(name, NULL, &id) && id == b->id)
		pod_strlcpy(b->file, name, sizeof b->file);
}

/* Power may have gone between the renaming of a file and the change of the index: the id in its name tells which one it is. */
char *layer_store_file(struct layer_store *ls, const struct pod_stored *e, struct fault *fault)
{
	struct by_id b = {.id = e->id};
	struct store_dir *d = &ls->dir;

	if (d->ops->exists(d, e->file))
		return cli_xstrdup(e->file);
	if (!d->ops->each(d, match_id, &b, fault))
		return NULL;
	if (b.file[0])
		return cli_xstrdup(b.file);
	fault_set(
		fault,
		_("%s: %s, the file of layer %s, is missing; put it back, or move %s away and run 'isopod layer check --repair' "
		  "to go on without it"),
		d->shown, e->file, e->name, POD_STORE_INDEX);
	return NULL;
}

static enum pod_status open_parent(struct pod_chain_opener *o, struct pod_vfile *child, enum pod_parent_path kind,
				   const char *path, struct pod_vfile **out)
{
	struct layer_store *ls = o->ctx;
	const char *name = path;
	struct disk_file *f;

	(void)child;
	(void)kind;
	for (const char *p = path; *p; p++)
		if (*p == '\\' || *p == '/')
			name = p + 1;
	if (!*name || !ls->dir.ops->exists(&ls->dir, name))
		return POD_E_NOT_FOUND;
	f = ls->dir.ops->open(&ls->dir, name, false, ls->fault);
	if (!f)
		return POD_E_IO;
	*out = &f->vf;
	return POD_OK;
}

static void close_parent(struct pod_chain_opener *o, struct pod_vfile *f)
{
	struct layer_store *ls = o->ctx;

	ls->dir.ops->close(&ls->dir, (struct disk_file *)f, ls->fault);
}

/* A layer that another one is being committed into is neither old nor new; that one shows what it is to become. */
static const struct pod_stored *stand_in(const struct pod_store *s, const struct pod_stored *e)
{
	const struct pod_stored *m = layer_store_merging(s);

	return m && m->parent == e->id ? m : e;
}

static int open_disk(struct layer_store *ls, const struct pod_stored *e, bool writable, struct disk *d, struct fault *fault)
{
	struct pod_chain_options opt = {.top = {.env = &disk_env, .writable = writable},
					.half_merged = writable,
					.failed_path = d->failed,
					.failed_path_size = sizeof d->failed};
	struct pod_diag diag = {0};
	struct disk_file *f;
	enum pod_status st;
	char *file;
	int rc;

	memset(d, 0, sizeof *d);
	file = layer_store_file(ls, e, fault);
	if (file && writable)
		ls->dir.ops->protect(&ls->dir, file, false, fault);
	f = file ? ls->dir.ops->open(&ls->dir, file, writable, fault) : NULL;
	free(file);
	if (!f)
		return CLI_FAILED;
	ls->fault = fault;
	st = pod_chain_open(&d->chain, &f->vf, &cli_alloc, &ls->opener, &opt, &diag);
	ls->fault = NULL;
	if (st == POD_OK)
		return CLI_OK;
	rc = fault_is_set(fault) ? CLI_FAILED : disk_fail(f->dev.path, _("cannot open the image"), st, &diag, d->failed, fault);
	ls->dir.ops->close(&ls->dir, f, fault);
	return rc;
}

int layer_store_open_disk(struct layer_store *ls, const struct pod_stored *e, struct disk *d, struct fault *fault)
{
	return open_disk(ls, stand_in(&ls->s, e), false, d, fault);
}

int layer_store_edit_disk(struct layer_store *ls, const struct pod_stored *e, struct disk *d, struct fault *fault)
{
	return open_disk(ls, e, true, d, fault);
}

int layer_store_close_disk(struct layer_store *ls, struct disk *d, struct fault *fault)
{
	struct disk_file *f = d->chain.depth ? (struct disk_file *)d->chain.member[0]->file : NULL;
	enum pod_status st = pod_chain_close(&d->chain);

	if (st != POD_OK)
		fault_status(fault, f ? f->dev.path : ls->dir.shown, _("cannot finish writing"), st, NULL);
	ls->dir.ops->close(&ls->dir, f, fault);
	return st == POD_OK ? CLI_OK : CLI_FAILED;
}

static int settle_file(struct disk_file *f, struct pod_stored *e, struct fault *fault)
{
	struct pod_member_options opt = {.env = &disk_env, .cache_pages = 4};
	struct pod_member *l = cli_xzalloc(sizeof *l);
	struct pod_diag diag = {0};
	enum pod_status st = pod_member_open(l, &f->vf, &cli_alloc, &opt, &diag), closed;

	if (st == POD_OK && l->kind == POD_MEMBER_VHDX && l->u.vhdx.log_replayed) {
		st = pod_member_close(l);
		opt = (struct pod_member_options){.env = &disk_env, .writable = true};
		if (st == POD_OK)
			st = pod_member_open(l, &f->vf, &cli_alloc, &opt, &diag);
	}
	if (st == POD_OK && l->kind != POD_MEMBER_VHDX)
		st = POD_E_FORMAT;
	if (st == POD_OK) {
		memcpy(e->data_guid, l->u.vhdx.data_write_guid, 16);
		e->size_bytes = l->size_bytes;
		e->file_bytes = f->vf.dev->size_bytes;
	}
	closed = pod_member_close(l);
	st = st == POD_OK ? closed : st;
	free(l);
	return st == POD_OK ? CLI_OK : disk_fail(f->dev.path, _("cannot open the image"), st, &diag, NULL, fault);
}

int layer_store_settle(struct layer_store *ls, struct pod_stored *e, struct fault *fault)
{
	char *file = layer_store_file(ls, e, fault);
	struct disk_file *f;
	int rc = CLI_FAILED;

	if (!file)
		return CLI_FAILED;
	ls->dir.ops->protect(&ls->dir, file, false, fault);
	f = ls->dir.ops->open(&ls->dir, file, true, fault);
	if (f)
		rc = settle_file(f, e, fault);
	ls->dir.ops->close(&ls->dir, f, fault);
	if (e->flags & POD_STORED_FROZEN)
		ls->dir.ops->protect(&ls->dir, file, true, fault);
	free(file);
	return rc;
}

bool layer_store_remove_file(struct layer_store *ls, const char *file, struct fault *fault)
{
	ls->dir.ops->protect(&ls->dir, file, false, fault);
	return ls->dir.ops->remove(&ls->dir, file, fault);
}

void layer_store_leave_file(struct layer_store *ls, const char *file, struct fault *fault)
{
	struct fault why = {0};

	if (!layer_store_remove_file(ls, file, &why))
		fault_warn(fault,
			   _("%s/%s: belongs to no layer any more, but could not be removed; 'isopod layer check --repair' tries "
			     "again"),
			   ls->dir.shown, file);
	fault_free(&why);
}

void layer_store_mark_gone(struct layer_store *ls, struct pod_stored *e)
{
	char *file = layer_store_file(ls, e, NULL); /* it may be gone already */

	if (file)
		pod_strlcpy(e->file, file, sizeof e->file);
	free(file);
	e->flags |= POD_STORED_GONE;
	/* Its name is free for others. */
	snprintf(e->name, sizeof e->name, "gone-%08x", (unsigned)e->id);
	if (ls->s.current == e->id)
		ls->s.current = 0;
}

void layer_store_aside(uint32_t id, const char *ending, char out[POD_STORE_FILE_MAX])
{
	snprintf(out, POD_STORE_FILE_MAX, "%08x%s", (unsigned)id, ending);
}

void layer_store_sweep(struct layer_store *ls, struct fault *fault)
{
	for (size_t i = ls->s.count; i-- > 0;) {
		struct pod_stored *e = &ls->s.layer[i];
		char file[POD_STORE_FILE_MAX], hashes[POD_STORE_FILE_MAX];

		if (!(e->flags & POD_STORED_GONE))
			continue;
		pod_strlcpy(file, e->file, sizeof file);
		layer_store_aside(e->id, LAYER_HASHES, hashes);
		ls->gone = cli_xrealloc(ls->gone, ls->n_gone + 1, sizeof *ls->gone);
		ls->gone[ls->n_gone++] = e->id;
		pod_store_drop(&ls->s, e->id, e->parent);
		ls->unsynced = true;
		if (!ls->dir.writable)
			continue;
		if (ls->dir.ops->exists(&ls->dir, hashes))
			layer_store_leave_file(ls, hashes, fault);
		if (ls->dir.ops->exists(&ls->dir, file))
			layer_store_leave_file(ls, file, fault);
	}
}

/* --- the index ------------------------------------------------------------------------------------------ */

static int index_fail(struct layer_store *ls, enum pod_status st, const struct pod_diag *diag, struct fault *fault)
{
	if (st == POD_E_FORMAT || st == POD_E_CORRUPT)
		return fault_set(
			fault,
			_("%s: the index is damaged (%s at offset %llu); 'isopod layer check --repair' rebuilds it from the VHDX "
			  "files"),
			ls->dir.shown, diag->what ? diag->what : "?", (unsigned long long)diag->offset_bytes);
	if (st == POD_E_UNSUPPORTED)
		return fault_set(fault, _("%s: its index was written by a newer isopod; use that one"), ls->dir.shown);
	return fault_status(fault, ls->dir.shown, _("cannot read the index"), st, diag);
}

static int read_index(struct layer_store *ls, struct fault *fault)
{
	struct pod_diag diag = {0};
	enum pod_status st = POD_OK;

	/* While a reader is at it, a writer may be writing one slot; not both. */
	for (int i = 0; i < 2; i++) {
		st = pod_store_load(&ls->s, ls->index->vf.dev, &ls->slot, &diag);
		if (st == POD_OK || ls->dir.writable)
			break;
	}
	if (st == POD_OK && ls->dir.writable && ls->index->vf.dev->size_bytes != POD_STORE_LEN)
		st = pod_fail(&diag, POD_E_CORRUPT, "length of the index file", 0, POD_STORE_LEN, ls->index->vf.dev->size_bytes);
	if (st != POD_OK)
		return index_fail(ls, st, &diag, fault);
	layer_store_sweep(ls, fault);
	return CLI_OK;
}

int layer_store_save(struct layer_store *ls, struct fault *fault)
{
	enum pod_status st;

	if (ls->unsynced && !ls->dir.ops->sync(&ls->dir, fault))
		return CLI_FAILED;
	ls->unsynced = false;
	st = pod_store_save(&ls->s, ls->index->vf.dev, &ls->slot);
	if (st == POD_OK)
		return CLI_OK;
	if (st == POD_E_LIMIT)
		return fault_set(fault, _("%s: limit reached: no more layers fit into the index; delete some first"),
				 ls->dir.shown);
	return fault_status(fault, ls->dir.shown, _("cannot write the index"), st, NULL);
}

/* As long as it ever gets, so that no change of the index needs space. */
static enum pod_status fill_index(struct pod_vfile *vf)
{
	static const uint8_t zeros[65536];

	POD_TRY(pod_vfile_resize(vf, POD_STORE_LEN));
	for (uint64_t off = 0; off < POD_STORE_LEN; off += sizeof zeros)
		POD_TRY(pod_dev_write(vf->dev, off, zeros, sizeof zeros));
	return POD_OK;
}

int layer_store_no_index(const struct layer_store *ls, struct fault *fault)
{
	return fault_set(
		fault,
		_("%s: holds layers already, but no index; 'isopod layer check --repair' makes one of them; or name another folder"),
		ls->dir.shown);
}

int layer_store_save_new(struct layer_store *ls, struct fault *fault)
{
	struct store_dir *d = &ls->dir;
	struct disk_file *f;
	enum pod_status st;
	int rc = CLI_FAILED;

	d->ops->close(d, ls->index, fault);
	ls->index = NULL;
	if (d->ops->exists(d, POD_STORE_INDEX ".new") && !d->ops->remove(d, POD_STORE_INDEX ".new", fault))
		return CLI_FAILED;
	f = d->ops->create(d, POD_STORE_INDEX ".new", POD_STORE_LEN, fault);
	if (!f)
		return CLI_FAILED;
	st = fill_index(&f->vf);
	ls->slot = 1;
	if (st == POD_OK)
		st = pod_store_save(&ls->s, f->vf.dev, &ls->slot);
	if (st != POD_OK)
		fault_status(fault, f->dev.path, _("cannot write the index"), st, NULL);
	else if (d->ops->finish(d, f, fault))
		rc = CLI_OK;
	d->ops->close(d, f, fault);
	if (rc != CLI_OK || !d->ops->rename(d, POD_STORE_INDEX ".new", POD_STORE_INDEX, fault) || !d->ops->sync(d, fault))
		return CLI_FAILED;
	ls->index = d->ops->open(d, POD_STORE_INDEX, true, fault);
	return ls->index ? CLI_OK : CLI_FAILED;
}

void layer_store_begin(struct layer_store *ls)
{
	memset(ls, 0, sizeof *ls);
	ls->opener = (struct pod_chain_opener){.open = open_parent, .close = close_parent, .ctx = ls};
	pod_store_init(&ls->s, &cli_alloc);
}

int layer_store_load(struct layer_store *ls, const char *arg, bool writable, struct fault *fault)
{
	int rc = CLI_FAILED;

	layer_store_begin(ls);
	if (!store_dir_open(&ls->dir, arg, writable, false, fault))
		return CLI_FAILED;
	if (!ls->dir.ops->exists(&ls->dir, POD_STORE_INDEX))
		fault_set(fault,
			  _("%s: not a layer store: it has no %s; 'isopod layer create' makes a store, 'isopod layer check "
			    "--repair' rebuilds an index that was lost"),
			  ls->dir.shown, POD_STORE_INDEX);
	else
		ls->index = ls->dir.ops->open(&ls->dir, POD_STORE_INDEX, writable, fault);
	if (ls->index)
		rc = read_index(ls, fault);
	if (rc != CLI_OK)
		layer_store_close(ls, fault);
	return rc;
}

int layer_store_close(struct layer_store *ls, struct fault *fault)
{
	bool ok;

	if (!ls->dir.ops)
		return CLI_OK;
	ls->dir.ops->close(&ls->dir, ls->index, fault);
	ls->index = NULL;
	free(ls->gone);
	ls->gone = NULL;
	ls->n_gone = 0;
	pod_store_fini(&ls->s);
	ok = store_dir_close(&ls->dir, fault);
	return ok ? CLI_OK : CLI_FAILED;
}

struct pod_stored *layer_store_get(struct layer_store *ls, const char *name, struct fault *fault)
{
	struct pod_stored *e = pod_store_named(&ls->s, name);

	if (!e)
		fault_set(fault, _("%s: there is no layer '%s'; 'isopod layer list' shows what there is"), ls->dir.shown, name);
	return e;
}

const struct pod_stored *layer_store_merging(const struct pod_store *s)
{
	for (size_t i = 0; i < s->count; i++)
		if ((s->layer[i].flags & POD_STORED_MERGING) && s->layer[i].parent)
			return &s->layer[i];
	return NULL;
}

int layer_store_no_current(const struct layer_store *ls, struct fault *fault)
{
	return fault_set(fault, _("%s: no layer is current; 'isopod layer rollback' makes one"), ls->dir.shown);
}

struct pod_stored *layer_store_current(struct layer_store *ls, struct fault *fault)
{
	struct pod_stored *e = pod_store_find(&ls->s, ls->s.current);

	if (!e)
		layer_store_no_current(ls, fault);
	return e;
}
