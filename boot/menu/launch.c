/* SPDX-License-Identifier: BSD-2-Clause */
/* From a plan to fw->start, and what is said when it comes back. */
#include "boot/menu/pages.h"
#include "core/base/text.h"

/*
 * An image that was cut off may even show its own menu before it fails in words of its loader that nobody understands, and Windows
 * stops with a number: so this is said first, and whoever wants it starts it all the same. What starts by itself is not held up by what only
 * its system will meet.
 */
static bool wanted(struct menu *m, const struct pod_plan *p, const struct pod_start *why, enum start_choice by, const char *text)
{
	bool of_system = why->why == p->why.why;
	if (why->starts != POD_STARTS_NOT || (of_system && by != CHOSEN_BY_HAND))
		return true;
	screen_restore(m);
	if (!page_ask(m, of_system ? T("Cannot start") : T("Not whole"), text))
		return false;
	screen_plain(m);
	return true;
}

/* What the plan could not do, and the next pages do not ask about: it may be why the system does not find its medium. */
static void say_left_out(struct menu *m, const struct pod_plan *p)
{
	const struct pod_plan_windows *pw = &p->windows;
	char w[512];
	if (pw->count && pw->wim_image) {
		pod_snprintf(w, sizeof w, T("Image %u of the WIM: %s"), pw->wim_image, pw->wim_name[0] ? pw->wim_name : "?");
		(void)pod_text_disarm(w, NULL);
		screen_line(m, w);
	}
	for (uint32_t i = 0; i < p->warning_count; i++)
		if (i < p->about_image.first || i >= p->about_image.end)
			screen_line(m, menu_translate_filled(m->fw->language, p->warning[i], w, sizeof w));
}

/* A locked layer store starts each time from the same state. False: it does not, and nobody wants it as it is. */
static bool begins_anew(struct menu *m, size_t image, char *text, size_t size)
{
	const struct menu_store *t = store_of(m, image);
	if (!t || !t->anew || store_empty(m, image, text, size) == POD_OK)
		return true;
	return page_ask(m, T("Does not begin anew"), text);
}

/* A medium of Windows starts its Setup without asking; of a WIM file nobody knows which image its maker meant. */
static bool asks(const struct menu *m, size_t image, enum start_choice by)
{
	return by == CHOSEN_BY_HAND && !m->conf->windows_image &&
	       pod_image_kind_of_name(m->stick.image[image].name) == POD_IMAGE_WIM;
}

/* The plan is made anew if another image than the one it has is chosen. POD_E_CANCELLED: the user went back. */
static enum pod_status choose_image(struct menu *m, size_t image, struct pod_plan *plan, size_t *extents, struct pod_start *why)
{
	screen_restore(m);
	uint32_t chosen = page_images(m, m->stick.image[image].name, &plan->windows), now = plan->windows.wim_image;
	if (chosen)
		screen_plain(m);
	if (chosen == now)
		return POD_OK;
	pod_plan_free(plan);
	if (!chosen) {
		pod_start_of_failure(POD_E_CANCELLED, NULL, NULL, NULL, why);
		return POD_E_CANCELLED;
	}
	m->wim_image = chosen;
	return start_plan(m, image, plan, extents, why);
}

static enum pod_status plan_chosen(struct menu *m, size_t image, bool ask, bool must, struct pod_plan *plan, size_t *extents,
				   struct pod_start *why, char *text, size_t size)
{
	m->wim_images = ask;
	enum pod_status st = start_plan(m, image, plan, extents, why);
	m->wim_images = false;
	if (st != POD_OK || !ask)
		return st;
	size_t n = plan->windows.count ? images_offered(m, &plan->windows) : 0;
	if (n > 1)
		return choose_image(m, image, plan, extents, why);
	if (!must)
		return POD_OK;
	pod_plan_free(plan);
	pod_snprintf(text, size, T("%s: there are not several images in it that start here. Enter starts it."),
		     m->stick.image[image].name);
	return POD_E_NOT_FOUND;
}

/* Did the plan find no line for m->arguments? */
static bool arguments_refused(struct menu *m, const struct pod_plan *p, const char *name, char *text, size_t size)
{
	char why[512];
	if (!m->arguments[0] || p->argument_lines)
		return false;
	if (p->arguments_refused)
		pod_snprintf(text, size, T("%s: it cannot be given kernel arguments. %s"), name,
			     menu_translate_filled(m->fw->language, p->warning[p->arguments_refused - 1], why, sizeof why));
	else
		pod_snprintf(
			text, size,
			T("%s: it cannot be given kernel arguments: no boot menu with a Linux that can be changed was found in it."),
			name);
	return true;
}

/* Where the image is served from, and whether the stick's table names it meanwhile. */
enum start_way { FROM_STICK, FROM_MEMORY, AS_PARTITION };

/* POD_OK: the loader was started, and came back. */
static enum pod_status serve(struct menu *m, struct pod_plan *plan, const char *name, enum start_way way, char *text, size_t size)
{
	bool partition = way == AS_PARTITION && partition_possible(m, plan);
	text[0] = 0;
	say_left_out(m, plan);
	if (way == FROM_MEMORY && memory_possible(m, plan))
		POD_TRY(memory_load(m, plan, name, text, size));
	if (partition)
		POD_TRY(partition_begin(m, plan, name, text, size));
	else if (way == AS_PARTITION && pod_plan_may_be_partition(plan))
		screen_line(m, T("Not as a partition: this stick's partition table cannot be written."));
	m->fw->disk->budget = NULL; /* the image reads as it likes */
	/* the path lives in m->path, which start_plan filled */
	enum pod_status st = m->fw->start(m->fw, plan, m->path, text, size);
	m->fw->disk->budget = &m->budget;
	memory_unload(m, plan);
	if (partition)
		partition_end(m);
	if (st != POD_OK && !text[0])
		pod_snprintf(text, size, T("%s: could not be started: %s."), name, menu_status(m, st));
	return st;
}

static void start(struct menu *m, size_t image, enum start_choice by, bool choosing, enum start_way way)
{
	char *text = pod_zalloc(m->alloc, 1, 2048);
	struct pod_plan *plan = pod_zalloc(m->alloc, 1, sizeof *plan);
	if (!text || !plan) {
		pod_free(m->alloc, text);
		pod_free(m->alloc, plan);
		m->arguments[0] = 0;
		page_message(m, T("Cannot start"), T("There is not enough memory."));
		return;
	}
	if (!snapshot_follow(m, &image, by) || !snapshot_before(m, &image, by) || !begins_anew(m, image, text, 2048)) {
		m->arguments[0] = 0;
		pod_free(m->alloc, text);
		pod_free(m->alloc, plan);
		return;
	}
	const char *name = m->stick.image[image].name;
	size_t extents = 0;
	pod_snprintf(text, 2048, T("Starting %s ..."), name);
	screen_plain(m);
	screen_line(m, text);
	screen_lines(m, m->kept); /* what is to be done stands at its end */
	if (m->note[0])
		screen_line(m, m->note);
	if (m->arguments[0]) {
		pod_snprintf(text, 2048, T("Kernel arguments: %s"), m->arguments);
		screen_line(m, text);
	}
	record_chosen(m, image, by);
	struct pod_start why = {0};
	text[0] = 0;
	enum pod_status st = plan_chosen(m, image, choosing || asks(m, image, by), choosing, plan, &extents, &why, text, 2048);
	if (!text[0])
		start_sentence(m, image, &why, text, 2048);
	m->wim_image = 0; /* for this start only */
	bool refused = st == POD_OK && plan_entry(m, plan) != POD_ENTRY_NONE && why.starts != POD_STARTS_NOT &&
		       arguments_refused(m, plan, name, text, 2048);
	m->arguments[0] = 0;
	record_planned(m, image, st == POD_OK ? plan : NULL, extents, st);
	if (st == POD_OK) {
		if (refused || plan_entry(m, plan) == POD_ENTRY_NONE) {
			st = POD_E_UNSUPPORTED;
		} else if (!wanted(m, plan, &why, by, text)) {
			record_message(m, POD_E_CORRUPT, text);
			text[0] = 0; /* it has been said */
		} else if (!keep_persistence(m, image, plan, by)) {
			text[0] = 0; /* likewise */
		} else {
			st = serve(m, plan, name, way, text, 2048);
		}
		pod_plan_free(plan);
	}
	/* As the box shows it, the record has it. */
	(void)pod_text_disarm(text, NULL);
	if (text[0])
		record_message(m, st, text);
	screen_restore(m);
	if (text[0])
		page_message(m, st == POD_OK ? T("Back in Isopod") : T("Cannot start"), text);
	pod_free(m->alloc, plan);
	pod_free(m->alloc, text);
}

/* As isopod.conf says. */
static enum start_way way_of(struct menu *m, size_t image)
{
	return memory_by_rule(m, image) ? FROM_MEMORY : partition_by_rule(m, image) ? AS_PARTITION : FROM_STICK;
}

void start_image(struct menu *m, size_t image, enum start_choice by)
{
	start(m, image, by, false, way_of(m, image));
}

void start_other_way(struct menu *m, size_t image)
{
	start(m, image, CHOSEN_BY_HAND, false, memory_by_rule(m, image) ? FROM_STICK : FROM_MEMORY);
}

void start_as_partition(struct menu *m, size_t image)
{
	if (partition_ask(m, m->stick.image[image].name))
		start(m, image, CHOSEN_BY_HAND, false, AS_PARTITION);
}

void start_choosing(struct menu *m, size_t image)
{
	start(m, image, CHOSEN_BY_HAND, true, way_of(m, image));
}
