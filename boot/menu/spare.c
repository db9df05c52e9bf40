/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A snapshot of a layer store before a start, without making a file: isopod layer spare has made some ahead. Such a file becomes an empty
 * child of the current layer; then the index says, in one step, that this one is a snapshot and the spare file the current layer. Power
 * may fail at any moment: before the step the spare file is one that has another parent, which nobody asks about
 * (doc/FORMATS/layer-store.md).
 */
#include "boot/menu/store.h"
#include "core/base/guid.h"
#include "core/vhd/chain.h"

#define CLOCK_SLACK_S 86400 /* firmware's clock may have local time, the index has UTC */

/* The latest time that the index knows of. */
static int64_t latest(const struct pod_store *s)
{
	int64_t t = 0;
	for (size_t i = 0; i < s->count; i++) {
		t = s->layer[i].created > t ? s->layer[i].created : t;
		t = s->layer[i].frozen > t ? s->layer[i].frozen : t;
	}
	return t;
}

/* A name with the time, or with a number where the clock is not set, which no layer has. *when: for the index, later than all before. */
static void name_it(struct menu *m, const struct pod_store *s, char name[POD_STORE_NAME_MAX], int64_t *when)
{
	const int64_t now = menu_clock(m), last = latest(s);
	char date[24];
	bool dated = now > 0 && now + CLOCK_SLACK_S > last;
	*when = now > last ? now : last;
	menu_date(date, sizeof date, now, true);
	for (char *p = date; *p; p++)
		if (*p == ':') /* no name of a file on every system */
			*p = '.';
	for (unsigned n = 1;; n++) {
		if (!dated)
			pod_snprintf(name, POD_STORE_NAME_MAX, "start %u", n);
		else if (n == 1)
			pod_snprintf(name, POD_STORE_NAME_MAX, "start %s", date);
		else
			pod_snprintf(name, POD_STORE_NAME_MAX, "start %s (%u)", date, n);
		if (!pod_store_named(s, name))
			return;
	}
}

/* Does the file say nothing about the disk? A spare one that does is a layer, of which an older index was put back. */
static bool is_silent(struct menu *m, const struct menu_image *im)
{
	const struct pod_vhdx_options opt = {.cache_pages = 1};
	struct pod_vhdx *x = pod_zalloc(m->alloc, 1, sizeof *x);
	struct pod_run r = {.kind = POD_RUN_PARENT};
	struct store_file f;
	enum pod_status st = x ? store_file_open(m, &im->node, &f) : POD_E_NOMEM;
	if (st == POD_OK) {
		st = pod_vhdx_open(x, &f.vf, m->alloc, &opt, NULL);
		if (st == POD_OK) {
			for (uint64_t at = 0; st == POD_OK && r.kind == POD_RUN_PARENT && at < x->size_bytes; at += r.len)
				st = pod_vhdx_run(x, at, x->size_bytes - at, &r);
			enum pod_status closed = pod_vhdx_close(x);
			st = st == POD_OK ? closed : st;
		}
		pod_free(m->alloc, f.extent);
	}
	pod_free(m->alloc, x);
	return st == POD_OK && r.kind == POD_RUN_PARENT;
}

/* Does no other layer's file of the folder name this one as its parent? Where one cannot be read, nobody knows. */
static bool is_childless(struct menu *m, const struct menu_store *t, uint32_t id, const uint8_t guid[16])
{
	const struct menu_stick *st = &m->stick;
	struct store_facts l;
	uint32_t other;
	for (size_t i = 0; i < st->image_count; i++)
		if (st->image[i].folder == t->folder && pod_store_parse_file(st->image[i].name, NULL, &other) && other != id &&
		    (store_look(m, t, other, &l) != POD_OK || (l.has_parent && store_names(&l, guid))))
			return false;
	return true;
}

/* Has nobody gone on in this file since the index was written? An older index may have been put back. */
static bool is_unused(struct menu *m, const struct menu_store *t, const struct pod_stored *e, const struct store_facts *l)
{
	if (memcmp(l->guid, e->data_guid, 16) == 0)
		return true;
	return is_silent(m, store_layer(m, t, e->id)) &&
	       (memcmp(l->linkage, pod_store_spare_linkage, 16) == 0 || is_childless(m, t, e->id, l->guid));
}

/* One that is there, and that a child of `top` fits into. POD_E_NOT_FOUND: there is none at all; else why the last one cannot be used. */
static enum pod_status find_spare(struct menu *m, const struct menu_store *t, const struct pod_store *s,
				  const struct store_facts *top, uint32_t *id)
{
	enum pod_status st = POD_E_NOT_FOUND;
	struct store_facts l;
	for (size_t i = 0; i < s->spares; i++) {
		const struct pod_stored *e = &s->spare[i];
		st = store_look(m, t, e->id, &l);
		if (st == POD_OK)
			st = store_fits(&l, top);
		if (st == POD_OK && !is_unused(m, t, e, &l))
			st = POD_E_BUSY;
		*id = e->id;
		if (st == POD_OK)
			break;
	}
	return st;
}

/* Nobody else has written to it since: its log is carried out, and its children name it by what it is called then. */
static enum pod_status settle(struct menu *m, const struct menu_image *im, uint8_t guid[16])
{
	struct store_file f;
	POD_TRY(store_file_open(m, &im->node, &f));
	enum pod_status st = pod_vhdx_settle(&f.vf, m->alloc, guid, NULL);
	pod_free(m->alloc, f.extent);
	return st;
}

/* Why none can be taken, whatever its files say; false: it can. */
static bool refused(struct menu *m, const char *name, const struct pod_store *s, char *text, size_t size)
{
	const struct pod_stored *cur = pod_store_find(s, s->current), *e = NULL;
	for (size_t i = 0; i < s->count && !e; i++)
		if (s->layer[i].flags & POD_STORED_UNDER_WAY)
			e = &s->layer[i];
	char lead[192];
	pod_snprintf(lead, sizeof lead, T("%s: no snapshot before this start"), name);
	if (store_say_interrupted(m, lead, e, text, size))
		return true;
	if (!cur || (cur->flags & POD_STORED_FROZEN) || pod_store_children(s, cur->id))
		pod_snprintf(
			text, size,
			T("%s: no snapshot before this start: other layers stand on the current one. On a computer, use: isopod "
			  "layer check"),
			name);
	else if (pod_store_depth(s, cur->id) >= POD_CHAIN_DEPTH_MAX)
		pod_snprintf(
			text, size,
			T("%s: no snapshot before this start: no more than %u layers can be based on each other. On a computer, "
			  "delete old ones: isopod layer prune"),
			name, POD_CHAIN_DEPTH_MAX);
	else
		return false;
	return true;
}

/* The list shows the spare file, which is the current layer now, in the place of the other one. */
static void show(struct menu *m, struct menu_store *t, const struct pod_store *s, size_t *image)
{
	const struct menu_image *now = store_layer(m, t, s->current);
	m->stick.image[*image].hidden = true;
	*image = (size_t)(now - m->stick.image);
	m->stick.image[*image].hidden = false;
	t->image = *image;
	store_describe(t, s);
}

/* The index could not be written, or not be flushed: which one is current now? */
static enum store_kept look_again(struct menu *m, struct pod_dev *index, uint32_t id, const char *name, enum pod_status why,
				  char *text, size_t size)
{
	struct pod_store now;
	unsigned slot;
	pod_store_init(&now, m->alloc);
	enum pod_status st = pod_store_load(&now, index, &slot, NULL);
	enum store_kept kept = st != POD_OK ? KEPT_UNKNOWN : now.current == id ? KEPT : NOT_KEPT;
	pod_store_fini(&now);
	if (kept == NOT_KEPT)
		pod_snprintf(text, size, T("%s: no snapshot before this start: %s."), name, menu_status(m, why));
	else if (kept == KEPT_UNKNOWN)
		pod_snprintf(
			text, size,
			T("%s: whether there is a snapshot before this start is not known: the index of the layer store could not be "
			  "written (%s), nor read again. On a computer, use: isopod layer check"),
			name, menu_status(m, why));
	return kept;
}

static void say_as_what(struct menu *m, const struct pod_store *s, const char *name, const char *as, char *text, size_t size)
{
	int n = pod_snprintf(text, size, T("%s: its state is kept as the snapshot \"%s\"; F9 in the menu goes back to it."), name,
			     as);
	if (pod_store_depth(s, s->current) >= POD_STORE_DEEP)
		pod_snprintf(text + n, size - (size_t)n, " %s",
			     T("There are many now: on a computer, 'isopod layer prune' deletes old ones."));
	else if (!s->spares)
		pod_snprintf(text + n, size - (size_t)n, " %s",
			     T("That was the last spare file: on a computer, 'isopod layer spare' makes more."));
}

static enum store_kept go_on(struct menu *m, struct menu_store *t, struct pod_store *s, struct pod_dev *index, unsigned slot,
			     struct store_facts *top, size_t *image, char *text, size_t size)
{
	const char *name = m->stick.image[*image].name;
	struct pod_stored *cur = pod_store_find(s, s->current);
	char as[POD_STORE_NAME_MAX];
	uint8_t made[16];
	int64_t when;
	uint32_t id = 0;
	enum pod_status st = find_spare(m, t, s, top, &id);
	if (!s->spares) {
		pod_snprintf(
			text, size,
			T("%s: no snapshot before this start: there is no spare file left to go on in. On a computer, use: isopod "
			  "layer spare"),
			name);
		return NOT_KEPT;
	}
	if (st != POD_OK) {
		pod_snprintf(
			text, size,
			T("%s: no snapshot before this start: no spare file can be used (%s). On a computer, use: isopod layer spare"),
			name, menu_status(m, st));
		return NOT_KEPT;
	}
	name_it(m, s, as, &when);
	st = settle(m, &m->stick.image[*image], top->guid);
	if (st == POD_OK)
		st = store_empty_onto(m, t, store_layer(m, t, id), s->current, top, made);
	if (st == POD_OK) {
		memcpy(cur->data_guid, top->guid, 16);
		cur->size_bytes = top->size_bytes;
		st = pod_store_go_on(s, id, made, as, when);
	}
	if (st != POD_OK) {
		pod_snprintf(text, size, T("%s: no snapshot before this start: %s."), name, menu_status(m, st));
		return NOT_KEPT;
	}
	st = pod_store_save(s, index, &slot);
	enum store_kept kept = st == POD_OK ? KEPT : look_again(m, index, id, name, st, text, size);
	if (kept != KEPT)
		return kept;
	show(m, t, s, image);
	say_as_what(m, s, name, as, text, size);
	return KEPT;
}

static enum store_kept keep(struct menu *m, struct menu_store *t, struct pod_store *s, struct pod_dev *index, unsigned slot,
			    size_t *image, char *text, size_t size)
{
	const char *name = m->stick.image[*image].name;
	const struct pod_stored *cur = pod_store_find(s, s->current), *locked = pod_store_find(s, s->locked), *last;
	struct store_facts top;
	if (locked) {
		pod_snprintf(text, size, T("%s: no snapshot: the layer store is locked, and each start begins from %s."), name,
			     locked->name);
		return KEEPS_NONE;
	}
	if (refused(m, name, s, text, size))
		return NOT_KEPT;
	enum pod_status st = store_look(m, t, s->current, &top);
	last = pod_store_find(s, cur->parent);
	if (st == POD_OK && last && !pod_guid_is_zero(cur->data_guid) && memcmp(top.guid, cur->data_guid, 16) == 0) {
		pod_snprintf(text, size, T("%s: nothing was written since the snapshot \"%s\": there is no new one."), name,
			     last->name);
		return KEPT_BEFORE;
	}
	if (st == POD_OK && index->read_only)
		st = POD_E_READONLY;
	if (st == POD_OK)
		return go_on(m, t, s, index, slot, &top, image, text, size);
	pod_snprintf(text, size, T("%s: no snapshot before this start: %s."), name, menu_status(m, st));
	return NOT_KEPT;
}

enum store_kept store_keep(struct menu *m, size_t *image, char *text, size_t size)
{
	struct menu_store *t = store_of(m, *image);
	const char *name = m->stick.image[*image].name;
	enum store_kept kept = NOT_KEPT;
	struct store_index i;
	text[0] = 0;
	if (!t)
		return KEEPS_NONE;
	enum pod_status st = store_index_open(m, t, name, &i, text, size);
	if (st == POD_OK)
		kept = keep(m, t, &i.store, &i.file.dev, i.slot, image, text, size);
	store_index_close(m, &i);
	if (st != POD_OK && !text[0])
		pod_snprintf(text, size, T("%s: no snapshot before this start: %s."), name, menu_status(m, st));
	return kept;
}

bool store_stands_on(const struct pod_store *s, uint32_t id)
{
	bool stands = false;
	for (const struct pod_stored *e = pod_store_find(s, s->current); e && !stands; e = pod_store_find(s, e->parent))
		stands = e->id == id;
	return stands;
}
