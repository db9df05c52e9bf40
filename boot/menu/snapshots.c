/* SPDX-License-Identifier: BSD-2-Clause */
/* Which snapshot to go back to: those of a layer store, the newest first, or that of a persistence file, in a box over the list. */
#include "boot/menu/pages.h"

void page_date(char *buf, size_t size, int64_t seconds)
{
	menu_date(buf, size, seconds, false);
}

/* When, how large, which; seconds since 1970, 0: not known. */
static void add_row(char *out, size_t size, int64_t when, uint64_t bytes, bool mark, const char *name)
{
	char date[24] = "", length[16];
	if (when > 0 && when < (int64_t)1 << 33)
		menu_date(date, sizeof date, when, true);
	pod_snprintf(out, size, "%c %16s %10s  %s", mark ? '*' : ' ', date, pod_format_size(length, bytes), name);
}

struct snapshots {
	const struct pod_store *s;
	uint32_t *id;
	size_t count, last; /* last: the one that the current layer stands on, marked */
};

static void line(struct menu *m, const void *what, size_t i, char *out, size_t size)
{
	const struct snapshots *n = what;
	const struct pod_stored *e = pod_store_find(n->s, n->id[i]);
	(void)m;
	add_row(out, size, e->frozen > 0 ? e->frozen : e->created, e->file_bytes, i == n->last, e->name);
}

static bool gather(struct menu *m, const struct pod_store *s, struct snapshots *n)
{
	const struct pod_stored *cur = pod_store_find(s, s->current);
	*n = (struct snapshots){.s = s, .id = pod_zalloc(m->alloc, s->count, sizeof *n->id), .last = SIZE_MAX};
	for (size_t i = s->count; n->id && i-- > 0;) {
		if (!rollback_offers(s, &s->layer[i]))
			continue;
		if (cur && s->layer[i].id == cur->parent)
			n->last = n->count;
		n->id[n->count++] = s->layer[i].id;
	}
	return n->id;
}

/* The box with them, for the key that ended it; `c` has what is in the list. */
static bool chosen(struct menu *m, size_t image, struct menu_choice *c)
{
	char title[256];
	pod_snprintf(title, sizeof title, T("Back to which snapshot? %s"), m->stick.image[image].name);
	c->title = title;
	c->foot = T("Enter: go back to it. Esc: the menu. *: the current one. Times are UTC.");
	return choice_run(m, c) == POD_KEY_ENTER;
}

/* `text` says why not; or what is so now. */
static void say_done(struct menu *m, enum pod_status st, const char *text)
{
	page_message(m, st == POD_OK ? T("Done") : T("Not done"), text);
}

/* Says what goes, asks once, and does it. */
static void go_back(struct menu *m, size_t image, const struct pod_stored *last, const struct pod_stored *to)
{
	const char *name = m->stick.image[image].name;
	char title[192], text[700];
	pod_snprintf(title, sizeof title, T("Back to the snapshot %s?"), to->name);
	pod_snprintf(text, sizeof text,
		     T("What was written to %s since the snapshot %s will be gone for good. All snapshots stay."), name,
		     last ? last->name : "?");
	if (!page_confirm(m, title, text))
		return;
	view_busy(m, T("Going back to the snapshot ..."));
	enum pod_status st = rollback_to(m, image, to->id, text, sizeof text);
	if (st == POD_OK)
		pod_snprintf(text, sizeof text, T("%s shows the state of the snapshot %s again."), name, to->name);
	say_done(m, st, text);
}

static void choose(struct menu *m, size_t image, const struct pod_store *s)
{
	const struct pod_stored *cur = pod_store_find(s, s->current);
	struct snapshots n;
	if (!gather(m, s, &n)) {
		page_message(m, T("Not done"), T("There is not enough memory."));
		return;
	}
	struct menu_choice c = {.count = n.count, .selected = n.last < n.count ? n.last : 0, .line = line, .what = &n};
	if (chosen(m, image, &c))
		go_back(m, image, cur ? pod_store_find(s, cur->parent) : NULL, pod_store_find(s, n.id[c.selected]));
	pod_free(m->alloc, n.id);
}

static void add_snapshot(struct menu *m, const void *what, size_t i, char *out, size_t size)
{
	const struct pod_node *n = what;
	(void)i;
	add_row(out, size, n->mtime, n->size_bytes, false, T("the persistence file as it was then"));
}

/* An image without a layer store: what its system keeps in a file beside it. */
static void of_persistence(struct menu *m, size_t image)
{
	const char *name = m->stick.image[image].name;
	struct pod_node node;
	char text[700];
	if (persist_snapshot(m, image, &node) != POD_OK) {
		pod_snprintf(
			text, sizeof text,
			T("%s: it has no snapshots: it is not the current layer of a layer store, and beside it lies no snapshot of a "
			  "persistence file."),
			name);
		page_message(m, T("No snapshots"), text);
		return;
	}
	struct menu_choice c = {.count = 1, .line = add_snapshot, .what = &node};
	if (!chosen(m, image, &c))
		return;
	pod_snprintf(
		text, sizeof text,
		T("What %s has kept since then will be gone for good. The snapshot becomes the persistence file, and there is no "
		  "other one: 'isopod persist snapshot' makes the next."),
		name);
	if (!page_confirm(m, T("Back to the snapshot of the persistence file?"), text))
		return;
	view_busy(m, T("Going back to the snapshot ..."));
	enum pod_status st = persist_go_back(m, image, text, sizeof text);
	if (st == POD_OK)
		pod_snprintf(text, sizeof text, T("%s: its persistence file is as it was at the snapshot."), name);
	say_done(m, st, text);
}

void page_snapshots(struct menu *m, size_t image)
{
	const struct menu_store *t = store_of(m, image);
	const char *name = m->stick.image[image].name;
	struct pod_store s;
	char text[700];
	if (!t) {
		of_persistence(m, image);
		return;
	}
	enum pod_status st = store_load(m, t, &s);
	bool refused = true;
	if (st != POD_OK)
		pod_snprintf(text, sizeof text, T("%s: the index of the layer store cannot be read: %s."), name,
			     menu_status(m, st));
	else
		refused = rollback_refused(m, image, &s, text, sizeof text);
	if (refused)
		page_message(m, T("Not possible"), text);
	else
		choose(m, image, &s);
	pod_store_fini(&s);
}
