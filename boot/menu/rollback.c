/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Back to any snapshot of a layer store, without making a file: the current layer's own file is made empty and gets that snapshot as its
 * parent, in one step (pod_vhdx_empty_onto). Before it the index says that the layer is getting another parent, after it which; if power
 * fails in between, whoever opens the store asks the file, as for `isopod layer rebase` (doc/FORMATS/layer-store.md).
 */
#include "boot/menu/store.h"
#include "core/base/guid.h"
#include "core/vhd/chain.h"

bool rollback_offers(const struct pod_store *s, const struct pod_stored *e)
{
	return e->id != s->current && (e->flags & POD_STORED_FROZEN) && !(e->flags & (POD_STORED_GONE | POD_STORED_UNDER_WAY));
}

/* An operation that isopod layer has to bring to its end first; one of ours goes on by itself. */
static const struct pod_stored *interrupted(const struct pod_store *s)
{
	for (size_t i = 0; i < s->count; i++)
		if ((s->layer[i].flags & POD_STORED_UNDER_WAY) &&
		    !(s->layer[i].id == s->current && (s->layer[i].flags & POD_STORED_UNDER_WAY) == POD_STORED_REBASING))
			return &s->layer[i];
	return NULL;
}

static bool offers_any(const struct pod_store *s)
{
	for (size_t i = 0; i < s->count; i++)
		if (rollback_offers(s, &s->layer[i]))
			return true;
	return false;
}

bool store_say_interrupted(struct menu *m, const char *name, const struct pod_stored *e, char *text, size_t size)
{
	if (e && (e->flags & POD_STORED_MERGING))
		pod_snprintf(
			text, size,
			T("%s: the commit of the layer %s was interrupted. On a computer, 'isopod layer commit --resume' finishes "
			  "it, 'isopod layer commit --undo' takes it back."),
			name, e->name);
	else if (e)
		pod_snprintf(
			text, size,
			T("%s: a change of the layer %s was interrupted. On a computer, any command of 'isopod layer' that writes to "
			  "the store brings it to its end."),
			name, e->name);
	return e;
}

bool rollback_refused(struct menu *m, size_t image, const struct pod_store *s, char *text, size_t size)
{
	const char *name = m->stick.image[image].name;
	const struct pod_stored *cur = pod_store_find(s, s->current), *locked = pod_store_find(s, s->locked);
	if (store_say_interrupted(m, name, interrupted(s), text, size))
		return true;
	if (!cur || !offers_any(s))
		pod_snprintf(text, size,
			     T("%s: the layer store has no snapshot to go back to. 'isopod layer snapshot' takes one."), name);
	else if (locked)
		pod_snprintf(text, size,
			     T("%s: the layer store is locked: each start begins from %s. 'isopod layer lock --off' ends that."),
			     name, locked->name);
	else if (!cur->parent || (cur->flags & POD_STORED_FROZEN) || pod_store_children(s, cur->id))
		pod_snprintf(
			text, size,
			T("%s: the current layer stands on no snapshot, or others stand on it: the menu cannot make it empty. On a "
			  "computer, use: isopod layer rollback"),
			name);
	else
		return false;
	return true;
}

static enum pod_status look_into(struct menu *m, const struct menu_image *im, struct pod_vhdx *x, struct store_facts *l)
{
	const struct pod_vhdx_options opt = {.cache_pages = 1};
	struct store_file f;
	POD_TRY(store_file_open(m, &im->node, &f));
	enum pod_status st = pod_vhdx_open(x, &f.vf, m->alloc, &opt, NULL);
	if (st == POD_OK) {
		*l = (struct store_facts){.size_bytes = x->size_bytes,
					  .sector_shift = x->sector_shift,
					  .block_shift = x->block_shift,
					  .chunk_shift = x->chunk_shift,
					  .entries = x->bat_len / 8,
					  .has_parent = x->has_parent,
					  .merging = x->merging};
		memcpy(l->guid, x->data_write_guid, 16);
		memcpy(l->linkage, x->parent.linkage, 16);
		memcpy(l->linkage2, x->parent.linkage2, 16);
		st = pod_vhdx_close(x);
	}
	pod_free(m->alloc, f.extent);
	return st;
}

enum pod_status store_look(struct menu *m, const struct menu_store *t, uint32_t id, struct store_facts *l)
{
	const struct menu_image *im = store_layer(m, t, id);
	struct pod_vhdx *x = im ? pod_zalloc(m->alloc, 1, sizeof *x) : NULL; /* too large for the stack */
	enum pod_status st = !im ? POD_E_NOT_FOUND : x ? look_into(m, im, x, l) : POD_E_NOMEM;
	pod_free(m->alloc, x);
	return st;
}

bool store_names(const struct store_facts *l, const uint8_t guid[16])
{
	return memcmp(l->linkage, guid, 16) == 0 || memcmp(l->linkage2, guid, 16) == 0;
}

/* What is discarded is discarded for something that can be opened. *top: what `to` says; *bad: where it ended. */
static enum pod_status walk(struct menu *m, const struct menu_store *t, const struct pod_store *s, const struct pod_stored *to,
			    struct store_facts *top, const struct pod_stored **bad)
{
	struct store_facts l, above = {0};
	unsigned depth = 1;
	for (const struct pod_stored *e = to; e; e = pod_store_find(s, e->parent)) {
		*bad = e;
		if (++depth > POD_CHAIN_DEPTH_MAX)
			return POD_E_LIMIT;
		POD_TRY(store_look(m, t, e->id, &l));
		bool known = e == to ? pod_guid_is_zero(e->data_guid) || memcmp(l.guid, e->data_guid, 16) == 0
				     : store_names(&above, l.guid);
		if (!known || l.merging || l.has_parent != (e->parent != 0))
			return POD_E_CORRUPT;
		if (e == to)
			*top = l;
		above = l;
	}
	return POD_OK;
}

enum pod_status store_empty_onto(struct menu *m, const struct menu_store *t, const struct menu_image *im, uint32_t to,
				 const struct store_facts *top, uint8_t made[16])
{
	char path[POD_STORE_FILE_MAX + 2];
	struct pod_parent_spec spec = {.path = {path}};
	struct store_file f;
	pod_snprintf(path, sizeof path, ".\\%s", store_layer(m, t, to)->name);
	memcpy(spec.linkage, top->guid, 16);
	POD_TRY(store_file_open(m, &im->node, &f));
	enum pod_status st = pod_vhdx_empty_onto(&f.vf, m->alloc, &spec, top->size_bytes, made, NULL);
	pod_free(m->alloc, f.extent);
	return st;
}

enum pod_status store_fits(const struct store_facts *l, const struct store_facts *top)
{
	if (!l->has_parent)
		return POD_E_CORRUPT;
	if (l->sector_shift != top->sector_shift)
		return POD_E_UNSUPPORTED;
	return pod_vhdx_bat_entries(top->size_bytes, l->block_shift, l->chunk_shift, true) > l->entries ? POD_E_NOSPACE : POD_OK;
}

/* Would it fit? Before anything is written. */
static enum pod_status fits(struct menu *m, const struct menu_store *t, const struct pod_store *s, const struct store_facts *top)
{
	struct store_facts l;
	POD_TRY(store_look(m, t, s->current, &l));
	return store_fits(&l, top);
}

/* The index, the file, the index. */
static enum pod_status carry_out(struct menu *m, struct menu_store *t, struct pod_store *s, struct pod_dev *index, unsigned slot,
				 const struct pod_stored *to, const struct store_facts *top)
{
	struct pod_stored *cur = pod_store_find(s, s->current);
	uint32_t id = to->id;
	uint8_t made[16];
	if (!(cur->flags & POD_STORED_REBASING)) {
		cur->flags = (cur->flags & ~(uint32_t)(POD_STORED_HASHED | POD_STORED_PASSING)) | POD_STORED_REBASING;
		POD_TRY(pod_store_save(s, index, &slot));
	}
	POD_TRY(store_empty_onto(m, t, &m->stick.image[t->image], id, top, made));
	memcpy(cur->data_guid, made, 16);
	cur->parent = id;
	cur->size_bytes = top->size_bytes;
	cur->flags &= ~(uint32_t)POD_STORED_REBASING;
	POD_TRY(pod_store_sort(s));
	POD_TRY(pod_store_save(s, index, &slot));
	store_describe(t, s);
	return POD_OK;
}

static enum pod_status go_back(struct menu *m, struct menu_store *t, struct pod_store *s, struct pod_dev *index, unsigned slot,
			       uint32_t id, char *text, size_t size)
{
	const struct pod_stored *to = pod_store_find(s, id);
	const struct pod_stored *bad = to;
	struct store_facts top;
	if (!to || !rollback_offers(s, to))
		return POD_E_NOT_FOUND;
	if (index->read_only)
		return POD_E_READONLY;
	enum pod_status st = walk(m, t, s, to, &top, &bad);
	if (st != POD_OK) {
		pod_snprintf(text, size, T("The snapshot %s cannot be gone back to: the layer %s cannot be used (%s)."), to->name,
			     bad->name, menu_status(m, st));
		return st;
	}
	if (pod_store_emptiable(s) && pod_store_find(s, s->current)->parent == id) {
		store_describe(t, s);
		return store_empty(m, t->image, text, size);
	}
	POD_TRY(fits(m, t, s, &top));
	return carry_out(m, t, s, index, slot, to, &top);
}

enum pod_status rollback_to(struct menu *m, size_t image, uint32_t id, char *text, size_t size)
{
	struct menu_store *t = store_of(m, image);
	const char *name = m->stick.image[image].name;
	struct store_index i;
	text[0] = 0;
	enum pod_status st = store_index_open(m, t, name, &i, text, size);
	if (st == POD_OK && rollback_refused(m, image, &i.store, text, size))
		st = POD_E_UNSUPPORTED;
	if (st == POD_OK)
		st = go_back(m, t, &i.store, &i.file.dev, i.slot, id, text, size);
	if (st != POD_OK && !text[0])
		pod_snprintf(text, size, T("%s: could not go back to that snapshot: %s."), name, menu_status(m, st));
	store_index_close(m, &i);
	return st;
}
