/* SPDX-License-Identifier: BSD-2-Clause */
/* Which image of a WIM starts: those that this firmware could start, in a box over the list. */
#include "boot/menu/pages.h"
#include "core/base/text.h"

struct offer {
	const struct pod_plan_windows *w;
	uint32_t at[POD_WIM_CHOICES_MAX];
	size_t count, selected;
};

static const struct pod_wim_choice *offered(const struct offer *o, size_t i)
{
	return &o->w->choice[o->at[i]];
}

static void gather(const struct menu *m, const struct pod_plan_windows *w, struct offer *o)
{
	*o = (struct offer){.w = w};
	for (uint32_t i = 0; i < w->choices; i++) {
		if (w->choice[i].start != POD_WIM_STARTS || !(w->choice[i].firmware & m->fw->firmware_bit))
			continue;
		if (w->choice[i].image == w->wim_image)
			o->selected = o->count;
		o->at[o->count++] = i;
	}
}

size_t images_offered(const struct menu *m, const struct pod_plan_windows *w)
{
	struct offer o;
	gather(m, w, &o);
	return o.count;
}

void images_text(const struct menu *m, const struct pod_plan_windows *w, const struct pod_wim_choice *c, char *out, size_t size)
{
	pod_snprintf(out, size, "%u  %s%s%s%s", c->image, c->name[0] ? c->name : "?", c->arch[0] ? ", " : "", c->arch,
		     c->image == w->wim_own ? T(", the WIM's own choice") : "");
	(void)pod_text_disarm(out, NULL);
}

static void line(struct menu *m, const void *what, size_t i, char *out, size_t size)
{
	const struct offer *o = what;
	images_text(m, o->w, offered(o, i), out, size);
}

/* A digit is the number of an image, and starts it. */
static bool numbered(const struct offer *o, uint32_t key, size_t *selected)
{
	for (size_t i = 0; i < o->count; i++) {
		if (key < '1' || key > '9' || offered(o, i)->image != key - '0')
			continue;
		*selected = i;
		return true;
	}
	return false;
}

uint32_t page_images(struct menu *m, const char *name, const struct pod_plan_windows *w)
{
	struct offer o;
	char title[256];
	gather(m, w, &o);
	if (!o.count)
		return 0;
	pod_snprintf(title, sizeof title, T("Which image of %s starts?"), name);
	struct menu_choice c = {.title = title,
				.foot = T("Enter starts it, this time; Esc goes back to the menu."),
				.count = o.count,
				.selected = o.selected,
				.line = line,
				.what = &o};
	for (;;) {
		uint32_t k = choice_run(m, &c);
		if (k == POD_KEY_ENTER || numbered(&o, k, &c.selected))
			return offered(&o, c.selected)->image;
		if (k == POD_KEY_ESC || k == POD_KEY_BACKSPACE || k == POD_KEY_LEFT)
			return 0;
	}
}
