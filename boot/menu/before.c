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

size_t snapshot_followed(struct menu *m, size_t image)
{
	const struct menu_stick *st = &m->stick;
	uint32_t id;
	if (!st->image[image].hidden || !m->conf->snapshot[0] || !pod_store_parse_file(st->image[image].name, NULL, &id))
		return image;
	for (size_t i = 0; i < st->store_count; i++) {
		const struct menu_store *t = &st->store[i];
		if (t->folder == st->image[image].folder && t->image != SIZE_MAX && names_store(m, t) &&
		    store_stands_on(m, t, id))
			return t->image;
	}
	return image;
}

bool snapshot_before(struct menu *m, size_t *image, enum start_choice by)
{
	m->kept[0] = 0;
	if (!store_of(m, *image) || !snapshot_by_rule(m, *image))
		return true;
	view_busy(m, T("Taking a snapshot ..."));
	enum store_kept kept = store_keep(m, image, m->kept, sizeof m->kept);
	(void)pod_text_disarm(m->kept, NULL);
	if (kept == KEPT)
		view_select_image(m, *image);
	/* What starts by itself has nobody to ask: the sentence stands on its screen. */
	if (kept != NOT_KEPT || by != CHOSEN_BY_HAND)
		return true;
	return page_ask(m, T("Start without a snapshot?"), m->kept);
}
