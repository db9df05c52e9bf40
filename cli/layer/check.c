/* SPDX-License-Identifier: BSD-2-Clause */
/* isopod layer check: files, links, attributes, hashes, space; and with --repair what can be mended without a guess. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include "cli/host/digest.h"
#include "cli/host/lock.h"
#include "cli/layer/hash.h"
#include "cli/layer/layer.h"
#include "cli/layer/pieces.h"
#include "core/base/str.h"

struct check {
	struct layer_store *ls;
	struct cli_json *json;
	const char *file; /* that is being looked at */
	bool repair, hash, incomplete;
	bool *unreadable;	     /* each layer of the index, by itself */
	struct layer_pieces unknown; /* layers that the index should know */
	uint64_t faults, repaired, warnings;
};

static void say(struct check *k, const char *kind, const char *where, const char *what)
{
	if (!k->json) {
		cli_print("%s: %s\n", where, what);
		return;
	}
	cli_json_open(k->json, NULL, '{');
	cli_json_str(k->json, "kind", kind);
	cli_json_str(k->json, "where", where);
	cli_json_str(k->json, "what", what);
	cli_json_close(k->json, '}');
}

static void found(struct check *k, const char *where, const char *what)
{
	k->faults++;
	say(k, "fault", where, what);
}

static void repaired(struct check *k, const char *where, const char *what)
{
	k->repaired++;
	say(k, "repaired", where, what);
}

static void warn(struct check *k, const char *where, const char *what)
{
	k->warnings++;
	say(k, "warning", where, what);
}

/* A file that cannot be read in full. What is over a limit of ours is no fault of the file's: it was not checked. */
static void cannot_read(struct check *k, const char *file, enum pod_status st, struct fault *fault)
{
	if (st != POD_E_LIMIT && st != POD_E_NOMEM) {
		found(k, file, cli_status_text(st));
		return;
	}
	k->incomplete = true;
	fault_set(fault, _("%s/%s: cannot be checked: %s"), k->ls->dir.shown, file, cli_status_text(st));
}

/* --- one file ------------------------------------------------------------------------------------------- */

static void found_in_file(void *ctx, const char *what, uint64_t off, uint64_t block, bool repairable)
{
	struct check *k = ctx;
	char *text =
		cli_xasprintf(_("%s (offset %llu, block %llu)"), _(what), (unsigned long long)off, (unsigned long long)block);

	(void)repairable;
	found(k, k->file, text);
	free(text);
}

static enum pod_status linked_to(struct check *k, const struct pod_member *l, const struct pod_stored *p, struct fault *fault)
{
	struct pod_member_options opt = {.env = &disk_env, .cache_pages = 4};
	struct pod_member *to = cli_xzalloc(sizeof *to);
	char *file = layer_store_file(k->ls, p, fault);
	struct disk_file *f = file ? k->ls->dir.ops->open(&k->ls->dir, file, false, fault) : NULL;
	enum pod_status st = f ? pod_member_open(to, &f->vf, &cli_alloc, &opt, NULL) : POD_E_NOT_FOUND, closed = POD_OK;

	if (st == POD_OK)
		st = pod_member_linked(l, to, NULL);
	if (f)
		closed = pod_member_close(to);
	k->ls->dir.ops->close(&k->ls->dir, f, fault);
	free(file);
	free(to);
	return st == POD_OK ? closed : st;
}

/* What an interrupted commit or flatten may have linked the layers on `p` to already. */
static const struct pod_stored *other_parent(struct pod_store *s, const struct pod_stored *p)
{
	if (p->flags & POD_STORED_MERGING)
		return pod_store_find(s, p->parent);
	for (size_t i = 0; i < s->count; i++)
		if ((s->layer[i].flags & POD_STORED_FLAT) && s->layer[i].parent == p->id)
			return &s->layer[i];
	return NULL;
}

/* Only the child's word for it is wrong: the parent is what it was when it became read-only. */
static bool relinked(struct check *k, struct disk_file *child, const struct pod_stored *p, struct fault *fault)
{
	if (!k->repair || !(p->flags & POD_STORED_FROZEN) || !layer_store_as_recorded(k->ls, p, fault))
		return false;
	if (child->dev.fd >= 0) /* it is written to through another descriptor */
		cli_lock_release(child->dev.fd);
	if (layer_store_relink_children(k->ls, p->id, p, fault) != CLI_OK)
		return false;
	repaired(k, k->file, _("it named its parent by another identifier"));
	return true;
}

/* It was changed under the layers based on it, and all of them were told. */
static bool told_all(struct check *k, const struct pod_stored *e, const struct pod_vhdx *x, struct fault *fault)
{
	struct pod_member_options opt = {.env = &disk_env, .cache_pages = 4};
	struct pod_store *s = &k->ls->s;
	bool all = pod_store_children(s, e->id) > 0;

	for (size_t i = 0; i < s->count && all; i++) {
		struct pod_member *l = cli_xzalloc(sizeof *l);
		char *file = s->layer[i].parent == e->id ? layer_store_file(k->ls, &s->layer[i], fault) : NULL;
		struct disk_file *f = file ? k->ls->dir.ops->open(&k->ls->dir, file, false, fault) : NULL;

		if (s->layer[i].parent == e->id)
			all = f && pod_member_open(l, &f->vf, &cli_alloc, &opt, NULL) == POD_OK && l->kind == POD_MEMBER_VHDX &&
			      memcmp(l->u.vhdx.parent.linkage, x->data_write_guid, 16) == 0;
		if (pod_member_close(l) != POD_OK)
			all = false;
		k->ls->dir.ops->close(&k->ls->dir, f, fault);
		free(file);
		free(l);
	}
	return all;
}

static void check_frozen(struct check *k, struct pod_stored *e, const struct pod_vhdx *x, struct fault *fault)
{
	if (memcmp(x->data_write_guid, e->data_guid, 16) == 0)
		return;
	if (!k->repair || !told_all(k, e, x, fault)) {
		found(k, k->file, _("it must not be written to any more, but it was"));
		return;
	}
	memcpy(e->data_guid, x->data_write_guid, 16);
	e->size_bytes = x->size_bytes;
	e->flags &= ~(uint32_t)POD_STORED_HASHED;
	repaired(k, k->file, _("it was changed, and the layers based on it name it as it is: the index does so now"));
}

static void check_link(struct check *k, const struct pod_stored *e, const struct pod_member *l, struct disk_file *f,
		       struct fault *fault)
{
	uint32_t under = e->flags & POD_STORED_REBASING ? layer_store_named_parent(&k->ls->s, l) : e->parent;
	const struct pod_stored *p = pod_store_find(&k->ls->s, under), *other;
	enum pod_status st;

	if (!p != !l->has_parent) {
		found(k, k->file, _("the index and the file disagree about whether it has a parent"));
		k->unreadable[e - k->ls->s.layer] = true;
		return;
	}
	if (!p)
		return;
	st = linked_to(k, l, p, fault);
	other = st == POD_E_CHANGED ? other_parent(&k->ls->s, p) : NULL;
	if (other)
		st = linked_to(k, l, other, fault);
	if (st == POD_E_CHANGED && relinked(k, f, p, fault))
		return;
	k->unreadable[e - k->ls->s.layer] |= st != POD_OK;
	if (st == POD_E_NOT_FOUND)
		found(k, k->file, _("its parent is missing"));
	else if (st == POD_E_CHANGED)
		found(k, k->file, _("its parent is not the one it was made for, or has been written to since"));
	else if (st != POD_OK)
		cannot_read(k, k->file, st, fault);
}

/* A layer that takes in another one is written to until that is done. */
static bool being_merged_into(const struct pod_store *s, const struct pod_stored *e)
{
	for (size_t i = 0; i < s->count; i++)
		if ((s->layer[i].flags & POD_STORED_MERGING) && s->layer[i].parent == e->id)
			return true;
	return false;
}

static enum pod_status digest(struct pod_dev *dev, uint8_t out[32], struct fault *fault)
{
	const size_t piece = 4u << 20;
	uint8_t *buf = cli_xmalloc(piece);
	struct cli_digest *d = cli_digest_need("sha256", fault);
	uint8_t md[CLI_DIGEST_MAX];
	enum pod_status st = d ? POD_OK : POD_E_UNSUPPORTED;

	for (uint64_t off = 0; off < dev->size_bytes && st == POD_OK && !cli_interrupted; off += piece) {
		size_t n = (size_t)pod_min_u64(piece, dev->size_bytes - off);

		st = pod_dev_read(dev, off, buf, n);
		if (st == POD_OK)
			cli_digest_update(d, buf, n);
	}
	if (st == POD_OK && cli_digest_so_far(d, md) != 32)
		st = POD_E_NOMEM;
	if (st == POD_OK)
		memcpy(out, md, 32);
	cli_digest_free(d);
	free(buf);
	return st;
}

static void check_hash(struct check *k, struct pod_stored *e, struct disk_file *f, struct fault *fault)
{
	uint8_t now[32];
	enum pod_status st = digest(f->vf.dev, now, fault);

	if (st != POD_OK)
		cannot_read(k, k->file, st, fault);
	else if (cli_interrupted)
		return;
	else if (!(e->flags & POD_STORED_HASHED)) {
		memcpy(e->sha256, now, 32);
		e->flags |= POD_STORED_HASHED;
	} else if (memcmp(e->sha256, now, 32) != 0)
		found(k, k->file, _("the file has changed since its hash was taken"));
}

/* What the layer shows, by blocks: only those are read that no list of a layer below tells of. */
static void check_blocks(struct check *k, const struct pod_stored *e, uint64_t before, struct fault *fault)
{
	struct pod_hashes kept = {0}, now = {0};
	bool known = layer_hashes_load(k->ls, e, &kept);
	uint32_t first = 0, n = 0;
	char *text;

	if (layer_hashes_make(k->ls, e, &now, fault) != CLI_OK) {
		k->incomplete = true;
	} else if (known) {
		for (uint32_t i = now.blocks; i-- > 0;)
			if (memcmp(now.block[i], kept.block[i], POD_HASH_LEN) != 0) {
				first = i;
				n++;
			}
		text = cli_xasprintf(
			_("%u blocks of the disk have changed since their hashes were taken, the first at offset %llu"),
			(unsigned)n, (unsigned long long)first << now.shift);
		if (n)
			found(k, k->file, text);
		free(text);
	} else if (k->faults == before && !layer_hashes_save(k->ls, e, &now, fault)) {
		k->incomplete = true;
	}
	pod_hashes_fini(&kept);
	pod_hashes_fini(&now);
}

/* Which layers a commit that was interrupted concerns, and what is to be done about it. */
static void check_commit(struct check *k)
{
	const struct pod_stored *e = layer_store_merging(&k->ls->s);
	char *text;

	if (!e)
		return;
	text = cli_xasprintf(
		_("its commit into %s was interrupted; 'isopod layer commit --resume' finishes it, '--undo' takes it back"),
		pod_store_find(&k->ls->s, e->parent)->name);
	warn(k, e->name, text);
	free(text);
}

/* The mark in a file without a layer that is being committed into it: an older Isopod has finished the commit, or that layer is lost. */
static void check_mark(struct check *k, const struct pod_stored *e, struct fault *fault)
{
	struct pod_member_options opt = {.writable = true, .env = &disk_env};
	struct pod_member *l = cli_xzalloc(sizeof *l);
	struct disk_file *f = k->repair ? layer_store_edit_file(k->ls, e, fault) : NULL;
	enum pod_status st = f ? pod_member_open(l, &f->vf, &cli_alloc, &opt, NULL) : POD_E_IO, closed = POD_OK;

	if (st == POD_OK)
		st = pod_vhdx_mark(&l->u.vhdx, false);
	if (f)
		closed = pod_member_close(l);
	if (st == POD_OK && closed == POD_OK)
		repaired(k, k->file, _("a commit into it was interrupted; it counts as complete now, as its layer is gone"));
	else
		found(k, k->file, _("a commit into it was interrupted, and its layer is gone"));
	k->ls->dir.ops->close(&k->ls->dir, f, fault);
	k->ls->dir.ops->protect(&k->ls->dir, e->file, e->id != k->ls->s.current, fault);
	free(l);
}

static void check_layer(struct check *k, struct pod_stored *e, struct fault *fault)
{
	char *file = layer_store_file(k->ls, e, fault);
	struct pod_member_options opt = {.env = &disk_env};
	struct pod_member *l = cli_xzalloc(sizeof *l);
	struct disk_file *f = file ? k->ls->dir.ops->open(&k->ls->dir, file, false, fault) : NULL;
	struct pod_diag diag = {0};
	struct pod_vhd_check c;
	uint64_t before = k->faults;
	enum pod_status st;
	bool marked = false;

	k->file = e->name;
	if (!f && file) {
		k->incomplete = true; /* in use: said */
	} else if (!f) {
		k->unreadable[e - k->ls->s.layer] = true;
		found(k, e->name, _("its file is missing"));
	} else {
		k->file = file;
		st = pod_member_open(l, &f->vf, &cli_alloc, &opt, &diag);
		if (st != POD_OK || l->kind != POD_MEMBER_VHDX) {
			k->unreadable[e - k->ls->s.layer] = true;
			cannot_read(k, file, st == POD_OK ? POD_E_FORMAT : st, fault);
		} else {
			st = pod_vhdx_check(&l->u.vhdx, false, found_in_file, k, &c);
			if (st != POD_OK)
				cannot_read(k, file, st, fault);
			check_link(k, e, l, f, fault);
			if (e->frozen && !being_merged_into(&k->ls->s, e))
				check_frozen(k, e, &l->u.vhdx, fault);
			/* What is wrong already is not to become what later checks compare with. */
			if (e->frozen && k->hash && (k->faults == before || e->flags & POD_STORED_HASHED))
				check_hash(k, e, f, fault);
			if (e->flags & POD_STORED_FROZEN && k->hash && !k->unreadable[e - k->ls->s.layer] && !cli_interrupted)
				check_blocks(k, e, before, fault);
		}
		marked = st == POD_OK && l->kind == POD_MEMBER_VHDX && l->u.vhdx.merging;
		if (pod_member_close(l) != POD_OK)
			found(k, file, cli_status_text(POD_E_IO));
	}
	k->ls->dir.ops->close(&k->ls->dir, f, fault);
	if (marked && !being_merged_into(&k->ls->s, e))
		check_mark(k, e, fault);
	free(l);
	free(file);
}

/* --- the folder ----------------------------------------------------------------------------------------- */

struct names {
	char **v;
	size_t n, cap;
};

static void keep(struct names *l, const char *name)
{
	if (l->n == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 16;
		l->v = cli_xrealloc(l->v, l->cap, sizeof *l->v);
	}
	l->v[l->n++] = cli_xstrdup(name);
}

static void drop(struct names *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
}

/* What is noticed while the folder is read; it is dealt with when that is over. */
struct folder {
	struct check *k;
	struct names strangers, writable, read_only; /* the last two: layers' files that should not be so */
	uint64_t current_bytes;
};

/* What takes a commit back that is not under way any more. */
static bool is_old_undo(const struct pod_store *s, const char *name)
{
	const struct pod_stored *e = layer_store_merging(s);
	char mine[POD_STORE_FILE_MAX];

	layer_store_undo_name(e ? e->id : 0, mine);
	return strlen(name) == strlen(mine) && pod_ends_with_nocase(name, LAYER_UNDO) && strcmp(name, mine) != 0;
}

/* The hashes of a layer that is gone. */
static bool is_old_list(const struct pod_store *s, const char *name)
{
	char mine[POD_STORE_FILE_MAX];

	if (!pod_ends_with_nocase(name, LAYER_HASHES) || strlen(name) != POD_STORE_ID_DIGITS + strlen(LAYER_HASHES))
		return false;
	for (size_t i = 0; i < s->count; i++) {
		layer_store_aside(s->layer[i].id, LAYER_HASHES, mine);
		if (strcmp(name, mine) == 0)
			return false;
	}
	return true;
}

static void look_at_file(void *ctx, const char *name, uint64_t size, int64_t mtime, bool read_only)
{
	struct folder *fo = ctx;
	struct pod_store *s = &fo->k->ls->s;
	uint32_t id = 0;
	const struct pod_stored *e = pod_store_parse_file(name, NULL, &id) ? pod_store_find(s, id) : NULL;

	(void)mtime;
	if (e && e->id == s->current)
		fo->current_bytes = size;
	if (!e && pod_store_spare(s, id))
		return;
	/* The boot manager sets no attributes: the next command that writes to the store does. */
	if (e && read_only != (e->id != s->current) && (read_only || !(e->flags & POD_STORED_STARTED)))
		keep(read_only ? &fo->read_only : &fo->writable, name);
	if (!e && (id || pod_ends_with_nocase(name, ".part") || strcmp(name, POD_STORE_INDEX ".new") == 0 ||
		   is_old_undo(s, name) || is_old_list(s, name)))
		keep(&fo->strangers, name);
}

static void check_attributes(struct check *k, const struct names *wrong, bool read_only, struct fault *fault)
{
	for (size_t i = 0; i < wrong->n; i++)
		if (k->repair && k->ls->dir.ops->protect(&k->ls->dir, wrong->v[i], !read_only, fault))
			repaired(k, wrong->v[i], _("its read-only attribute was wrong"));
		else
			warn(k, wrong->v[i],
			     read_only ? _("is read-only, but is the current layer") : _("is writable, but must be read-only"));
}

/* The longest file of a layer of this store that has no room for data yet: three MiB, and the table of its blocks of 2 MiB. */
static uint64_t empty_bytes(const struct pod_store *s)
{
	uint64_t size = 0;

	for (size_t i = 0; i < s->count; i++)
		if (s->layer[i].size_bytes > size)
			size = s->layer[i].size_bytes;
	return (3u << 20) + pod_align_up((size >> 18) + (size >> 24) + 64, 1u << 20);
}

/* A child that says nothing about the disk: made, and power went before the index could say so. */
static bool empty_child(struct layer_store *ls, const char *name, struct fault *fault)
{
	struct pod_member_options opt = {.env = &disk_env};
	struct pod_member *l = cli_xzalloc(sizeof *l);
	struct disk_file *f = ls->dir.ops->open(&ls->dir, name, false, fault);
	bool empty = false;
	enum pod_status st = f ? pod_member_open(l, &f->vf, &cli_alloc, &opt, NULL) : POD_E_IO;

	if (st == POD_OK) {
		empty = layer_is_silent(l);
	} else if (f) {
		/* Not even that was finished. Nobody was ever told of this file. */
		empty = f->vf.dev->size_bytes <= empty_bytes(&ls->s);
	}
	if (f && pod_member_close(l) != POD_OK)
		empty = false;
	ls->dir.ops->close(&ls->dir, f, fault);
	free(l);
	return empty;
}

static void look_at_stranger(struct check *k, const char *name, struct fault *fault)
{
	uint32_t id;

	for (size_t i = 0; i < k->unknown.n; i++)
		if (strcmp(k->unknown.v[i].e.file, name) == 0)
			return;
	if (!pod_store_parse_file(name, NULL, &id) || empty_child(k->ls, name, fault)) {
		if (k->repair) {
			if (layer_store_remove_file(k->ls, name, fault))
				repaired(k, name, _("a leftover of an interrupted operation was removed"));
			else
				k->incomplete = true;
		} else {
			warn(k, name, _("a leftover of an interrupted operation; --repair removes it"));
		}
		return;
	}
	warn(k, name, _("holds data but is not in the index; remove it, or move the index away and run --repair to include it"));
}

/* Those that hold something were found as unknown layers. */
static void check_spares(struct check *k)
{
	struct layer_store *ls = k->ls;

	for (size_t i = ls->s.spares; i-- > 0;) {
		const struct pod_stored *e = &ls->s.spare[i];
		struct layer_piece p = {.e = *e};

		if (ls->dir.ops->exists(&ls->dir, e->file)) {
			if (!layer_piece_read(ls, &p, NULL))
				warn(k, e->file, _("a spare file is damaged; 'isopod layer spare' makes another one"));
			continue;
		}
		if (k->repair) {
			repaired(k, e->file, _("a spare file was missing: the index does not count on it any more"));
			pod_store_drop_spare(&ls->s, e->id);
		} else {
			warn(k, e->file, _("a spare file is missing; 'isopod layer spare' makes another one"));
		}
	}
}

/* Windows expands a dynamic disk to its full size when it boots from it. */
static void check_native_boot(struct check *k, uint64_t current_bytes, struct fault *fault)
{
	const struct pod_stored *e = pod_store_find(&k->ls->s, k->ls->s.current);
	char want[16], have[16], *text;
	uint64_t there;

	if (!e || !k->ls->dir.ops->space(&k->ls->dir, &there, fault) || there + current_bytes >= e->size_bytes)
		return;
	text = cli_xasprintf(_("Windows would expand it to %s when it boots from it, but the volume has only %s for it: it would "
			       "not start; boot "
			       "it in a virtual machine, or make room"),
			     pod_format_size(want, e->size_bytes), pod_format_size(have, there + current_bytes));
	warn(k, e->file, text);
	free(text);
}

/* Names those whose files and parents are all right, once that does not go for all. */
static void say_what_opens(struct check *k)
{
	struct pod_store *s = &k->ls->s;
	char *names = NULL, *text;
	bool any = false;

	for (size_t i = 0; i < s->count; i++) { /* parents stand before their children */
		const struct pod_stored *p = pod_store_find(s, s->layer[i].parent);

		k->unreadable[i] |= p && k->unreadable[p - s->layer];
		any |= k->unreadable[i];
	}
	for (size_t i = 0; any && i < s->count; i++) {
		if (k->unreadable[i])
			continue;
		text = cli_xasprintf("%s%s%s", names ? names : "", names ? ", " : "", s->layer[i].name);
		free(names);
		names = text;
	}
	if (any) {
		text = names ? cli_xasprintf(_("can still be opened: %s"), names)
			     : cli_xstrdup(_("no layer can be opened any more"));
		warn(k, k->ls->dir.shown, text);
		free(text);
	}
	free(names);
}

/* Its content is gone with it; what it was based on is not. */
static void replace_lost_current(struct check *k, struct fault *fault)
{
	struct layer_store *ls = k->ls;
	const struct pod_stored *e = pod_store_find(&ls->s, ls->s.current);
	char *file = e ? layer_store_file(ls, e, NULL) : NULL, *name = e ? cli_xstrdup(e->file) : NULL;

	if (e && e->parent && !file && layer_store_rollback(ls, NULL, true, fault) == CLI_OK)
		repaired(k, name, _("the file of the current layer was lost; a fresh layer takes its place"));
	free(name);
	free(file);
}

/* An index that is older than its layers: from a backup, or of a copy of the store. */
static int check_unknown(struct check *k, struct fault *fault)
{
	int rc = layer_strangers_find(k->ls, &k->unknown, fault) ? CLI_OK : CLI_FAILED;

	if (rc == CLI_OK && k->repair && k->unknown.n)
		rc = layer_strangers_adopt(k->ls, &k->unknown, fault);
	for (size_t i = 0; i < k->unknown.n && rc == CLI_OK; i++) {
		const char *name = k->unknown.v[i].e.file;

		if (!k->repair)
			found(k, name, _("the index is older, and does not know it; --repair takes it in"));
		else if (pod_store_find(&k->ls->s, k->unknown.v[i].e.id))
			repaired(k, name, _("the index was older, and did not know it"));
	}
	return rc;
}

static int check_store(struct check *k, struct fault *fault)
{
	struct folder *fo = cli_xzalloc(sizeof *fo);
	struct layer_store *ls = k->ls;
	int rc = CLI_OK;

	fo->k = k;
	rc = check_unknown(k, fault);
	if (k->repair)
		replace_lost_current(k, fault);
	k->unreadable = cli_xzalloc((ls->s.count + 1) * sizeof *k->unreadable);
	for (size_t i = 0; i < ls->s.count && !cli_interrupted; i++)
		if (!(ls->s.layer[i].flags & POD_STORED_FLAT))
			check_layer(k, &ls->s.layer[i], fault);
	check_commit(k);
	check_spares(k);
	say_what_opens(k);
	free(k->unreadable);
	if (!pod_store_find(&ls->s, ls->s.current))
		found(k, ls->dir.shown, _("no layer is current; 'isopod layer rollback' makes one"));
	if (rc == CLI_OK && !ls->dir.ops->each(&ls->dir, look_at_file, fo, fault))
		rc = CLI_FAILED;
	if (rc == CLI_OK) {
		check_attributes(k, &fo->writable, false, fault);
		check_attributes(k, &fo->read_only, true, fault);
		for (size_t i = 0; i < fo->strangers.n; i++)
			look_at_stranger(k, fo->strangers.v[i], fault);
		check_native_boot(k, fo->current_bytes, fault);
	}
	if (rc == CLI_OK && ls->dir.writable)
		rc = layer_store_save(ls, fault);
	if (rc == CLI_OK && cli_interrupted)
		rc = fault_set(fault, _("%s: interrupted: not everything was checked"), ls->dir.shown);
	drop(&fo->writable);
	drop(&fo->read_only);
	drop(&fo->strangers);
	free(k->unknown.v);
	free(fo);
	return rc == CLI_OK && k->incomplete ? CLI_FAILED : rc;
}

/* Without an index, or with a damaged one: made anew from the files. */
static int open_or_rebuild(struct check *k, const char *store, struct fault *fault)
{
	struct layer_store *ls = k->ls;
	struct pod_diag diag = {0};
	struct disk_file *index = NULL;
	enum pod_status st = POD_E_NOT_FOUND;
	int rc = CLI_OK;

	layer_store_begin(ls);
	if (!store_dir_open(&ls->dir, store, true, false, fault))
		return CLI_FAILED;
	if (ls->dir.ops->exists(&ls->dir, POD_STORE_INDEX)) {
		index = ls->dir.ops->open(&ls->dir, POD_STORE_INDEX, true, fault);
		if (!index) {
			layer_store_close(ls, fault);
			return CLI_FAILED;
		}
	}
	if (index)
		st = pod_store_load(&ls->s, index->vf.dev, &ls->slot, &diag);
	/* A newer one is no ruin: that is said */
	if (st == POD_E_UNSUPPORTED || (st == POD_OK && index->vf.dev->size_bytes == POD_STORE_LEN)) {
		ls->dir.ops->close(&ls->dir, index, fault);
		layer_store_close(ls, fault);
		return layer_store_open_older(ls, store, true, fault);
	}
	ls->index = index;
	rc = layer_store_rebuild(ls, fault);
	if (rc == CLI_OK)
		repaired(k, POD_STORE_INDEX, _("the index was rebuilt from the VHDX files"));
	else
		layer_store_close(ls, fault);
	return rc;
}

static int report(struct check *k, struct fault *fault)
{
	if (!k->json) {
		cli_print(_("%s: %llu faults, %llu repaired, %llu warnings\n"), k->ls->dir.shown, (unsigned long long)k->faults,
			  (unsigned long long)k->repaired, (unsigned long long)k->warnings);
		return cli_flush(fault);
	}
	cli_json_close(k->json, ']');
	cli_json_u64(k->json, "faults", k->faults);
	cli_json_u64(k->json, "repaired", k->repaired);
	cli_json_u64(k->json, "warnings", k->warnings);
	cli_json_close(k->json, '}');
	return cli_json_end(k->json, fault);
}

int layer_cmd_check(const struct cli_command *cmd, int argc, char **argv, struct fault *fault)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'},
						{"repair", no_argument, NULL, 'r'},
						{"hash", no_argument, NULL, 'h'},
						DISK_UNSAFE_OPTION,
						{NULL, 0, NULL, 0}};
	struct layer_store *ls = cli_xzalloc(sizeof *ls);
	struct check k = {.ls = ls};
	struct cli_json j;
	bool unsafe = false;
	int c, rc;

	cli_json_init(&j, stdout);
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == '?') {
			free(ls);
			return cli_bad_option(fault, cmd, argv);
		}
		k.json = c == 'j' ? &j : k.json;
		k.repair |= c == 'r';
		k.hash |= c == 'h';
		unsafe |= c == 'U';
	}
	if (argc - optind != 1 || (unsafe && (k.repair || k.hash))) {
		free(ls);
		return cli_usage(fault, cmd, "%s",
				 argc - optind != 1 ? _("name one STORE")
						    : _("--unsafe-read goes neither with --repair nor with --hash"));
	}
	if (k.hash && !cli_digest_ready(fault)) {
		free(ls);
		return CLI_FAILED;
	}
	cli_catch_signals();
	if (k.json) {
		cli_json_open(&j, NULL, '{');
		cli_json_open(&j, "findings", '[');
	}
	rc = k.repair ? open_or_rebuild(&k, argv[optind], fault) : layer_store_open_older(ls, argv[optind], k.hash, fault);
	if (rc == CLI_OK) {
		ls->dir.unsafe = unsafe;
		rc = check_store(&k, fault);
		if (rc == CLI_OK)
			rc = report(&k, fault);
		if (layer_store_close(ls, fault) != CLI_OK)
			rc = CLI_FAILED;
	}
	free(ls);
	return rc == CLI_OK && k.faults ? CLI_CHECK : rc;
}
