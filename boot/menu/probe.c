/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which images of the list cannot start here, and what the others are: found out for those on the screen while nobody presses a
 * key, because on a slow stick it takes a while.
 */
#include "boot/menu/pages.h"

/* Of an image's own structures; a sound one needs some hundred. */
#define PROBE_STEPS 2048u
#define PROBE_BYTES (4u << 20)

/* What it is by its own structures. */
static enum pod_status examine(struct menu *m, const struct menu_image *im, struct pod_image *out)
{
	struct pod_file_dev f;
	pod_file_dev_init(&f, &m->stick.data, &im->node);
	menu_budget_start(m, PROBE_STEPS, PROBE_BYTES);
	enum pod_status st = pod_image_probe(&f.dev, im->name, m->alloc, out, NULL);
	menu_budget_end(m);
	return st;
}

/* What the plan makes of it has the last word. */
static bool plan_starts(struct menu *m, size_t image)
{
	struct pod_plan *plan = pod_zalloc(m->alloc, 1, sizeof *plan);
	struct pod_start why = {0};
	size_t extents;
	if (!plan)
		return true; /* unless it is known */
	if (start_plan(m, image, plan, &extents, &why) == POD_OK)
		pod_plan_free(plan);
	pod_free(m->alloc, plan);
	return why.starts != POD_STARTS_NOT;
}

/* With what was found in it. */
static bool starts(struct menu *m, size_t image, enum pod_status st, const struct pod_image *p)
{
	struct pod_start why;
	/* which program is refused, the plan's disk tells */
	if (st != POD_OK || m->fw->judges_loaders || pod_start_needs_plan(p, m->fw->firmware_bit))
		return plan_starts(m, image);
	pod_start_of_image(p, m->fw->firmware_bit, &why);
	return why.starts != POD_STARTS_NOT;
}

void probe_image(struct menu *m, size_t image)
{
	struct menu_image *im = &m->stick.image[image];
	struct pod_image *p = pod_zalloc(m->alloc, 1, sizeof *p);
	im->seen = true;
	if (!p)
		return;
	enum pod_status st = examine(m, im, p);
	if (st == POD_E_IO || st == POD_E_CHANGED) {
		m->probing_off = true; /* each further try may take seconds */
	} else if (st == POD_E_CANCELLED) {
		im->seen = false;
	} else if (st != POD_E_NOMEM && st != POD_E_BUDGET) {
		im->label = p->label[0] ? stick_keep(m, p->label) : NULL;
		im->kind = st == POD_OK ? p->kind : POD_IMAGE_UNKNOWN;
		im->not_here = !starts(m, image, st, p);
	}
	pod_free(m->alloc, p);
}

bool probe_next(struct menu *m)
{
	const struct menu_view *v = &m->view;
	const struct menu_screen *s = &m->screen[0];
	if (m->probing_off || !m->screens)
		return false;
	for (size_t i = s->top; i < v->count && i - s->top < view_page_rows(s); i++) {
		if (v->row[i] & ROW_FOLDER || m->stick.image[v->row[i]].seen)
			continue;
		probe_image(m, v->row[i]);
		return true;
	}
	return false;
}
