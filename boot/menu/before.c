/* SPDX-License-Identifier: BSD-2-Clause */
/* Before a start: is the state that its system is about to change kept as a snapshot? */
#include "boot/menu/pages.h"
#include "core/base/text.h"
#include "core/rules/match.h"

static bool names_image(struct menu *m, size_t image)
{
	scan_image_path(&m->stick, image, m->path, sizeof m->path);
	return pod_rules_match(m->conf->snapshot, m->path);
}

/* Of a store another file is current after each snapshot: its folder and any layer of it stand for all of it. */
static bool names_store(struct menu *m, const struct menu_store *t)
{
	const struct menu_stick *st = &m->stick;
	uint32_t id;
	scan_folder_path(st, t->folder, m->path, sizeof m->path);
	bool named = pod_rules_match(m->conf->snapshot, m->path);
	for (size_t i = 0; i < st->image_count && !named; i++)
		named = st->image[i].folder == t->folder && pod_store_parse_file(st->image[i].name, NULL, &id) &&
			names_image(m, i);
	return named;
}

bool snapshot_by_rule(struct menu *m, size_t image)
{
	const struct menu_store *t = m->conf->snapshot[0] ? store_of(m, image) : NULL;
	return names_image(m, image) || (t && names_store(m, t));
}

/* Of a layer's file: the store of its folder, whether that could be read or not. */
static const struct menu_store *store_beside(const struct menu_stick *st, size_t image, uint32_t *id)
{
	if (!pod_store_parse_file(st->image[image].name, NULL, id))
		return NULL;
	for (size_t i = 0; i < st->store_count; i++)
		if (st->store[i].folder == st->image[image].folder)
			return &st->store[i];
	return NULL;
}

/* A snapshot before a start has frozen this layer, and what begins natively would write to it: whatever isopod.conf says now, and whatever
 * the current layer stands on. Others are started as they are, if somebody asks for one. */
static bool is_passed(struct menu *m, const struct menu_store *t, const struct pod_store *s, uint32_t id, enum start_choice by)
{
	const struct pod_stored *e = pod_store_find(s, id);
	if (!e || id == s->current)
		return false;
	if (e->flags & POD_STORED_STARTED)
		return true;
	return (e->flags & POD_STORED_FROZEN) && by == CHOSEN_DEFAULT && m->conf->snapshot[0] && names_store(m, t) &&
	       store_stands_on(s, id);
}

/* *image: what starts in its place. Else why nobody knows. */
static enum pod_status follow(struct menu *m, size_t *image, enum start_choice by)
{
	uint32_t id;
	const struct menu_store *t = store_beside(&m->stick, *image, &id);
	struct pod_store s;
	if (!t || t->image == *image)
		return POD_OK;
	enum pod_status st = store_load(m, t, &s);
	if (st == POD_OK && is_passed(m, t, &s, id, by)) {
		if (t->image == SIZE_MAX)
			st = POD_E_NOT_FOUND;
		else
			*image = t->image;
	}
	pod_store_fini(&s);
	return st;
}

size_t snapshot_followed(struct menu *m, size_t image)
{
	(void)follow(m, &image, CHOSEN_DEFAULT); /* snapshot_follow says why not */
	return image;
}

bool snapshot_follow(struct menu *m, size_t *image, enum start_choice by)
{
	char text[700];
	const size_t named = *image;
	enum pod_status st = follow(m, image, by);
	if (*image != named)
		view_select_image(m, *image);
	if (st == POD_OK || by == CHOSEN_BY_HAND)
		return true;
	pod_snprintf(
		text, sizeof text,
		T("%s: not started by itself: which layer of its layer store is the current one is not known (%s). On a computer, "
		  "use: isopod layer check"),
		m->stick.image[*image].name, menu_status(m, st));
	page_message(m, T("Cannot start"), text);
	return false;
}

/* A file of a store of which the current layer is not known, though isopod.conf asks for a snapshot: m->kept says so. */
static bool is_lost(struct menu *m, size_t image)
{
	uint32_t id;
	const struct menu_store *t = m->conf->snapshot[0] ? store_beside(&m->stick, image, &id) : NULL;
	struct pod_store s;
	if (!t || t->image != SIZE_MAX || !(names_image(m, image) || names_store(m, t)))
		return false;
	enum pod_status st = store_load(m, t, &s);
	bool known = st != POD_OK || pod_store_knows(&s, id);
	pod_store_fini(&s);
	if (known)
		pod_snprintf(
			m->kept, sizeof m->kept,
			T("%s: no snapshot before this start: its layer store cannot be read, or its current layer is missing "
			  "(%s). On a computer, use: isopod layer check"),
			m->stick.image[image].name, menu_status(m, st == POD_OK ? POD_E_NOT_FOUND : st));
	return known;
}

static enum store_kept keep(struct menu *m, size_t *image)
{
	m->kept[0] = 0;
	if (!store_of(m, *image))
		return is_lost(m, *image) ? NOT_KEPT : KEEPS_NONE;
	if (!snapshot_by_rule(m, *image))
		return KEEPS_NONE;
	view_busy(m, T("Taking a snapshot ..."));
	return store_keep(m, image, m->kept, sizeof m->kept);
}

bool snapshot_before(struct menu *m, size_t *image, enum start_choice by)
{
	enum store_kept kept = keep(m, image);
	(void)pod_text_disarm(m->kept, NULL);
	if (kept == KEPT)
		view_select_image(m, *image);
	if (kept == KEPT_UNKNOWN && by != CHOSEN_BY_HAND) {
		page_message(m, T("Cannot start"), m->kept);
		return false;
	}
	/* What starts by itself has nobody to ask: the sentence stands on its screen. */
	if ((kept != NOT_KEPT && kept != KEPT_UNKNOWN) || by != CHOSEN_BY_HAND)
		return true;
	return page_ask(m, T("Start without a snapshot?"), m->kept);
}
