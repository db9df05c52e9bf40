/* SPDX-License-Identifier: BSD-2-Clause */
/* Which image of a WIM starts: those that this firmware could start, in a box over the list. */
#include "boot/menu/pages.h"
#include "core/base/text.h"

struct offer {
	const struct pod_plan_windows *w;
	const char *name; /* of the file */
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

static void draw(struct menu *m, struct menu_screen *s, const struct offer *o)
{
	uint32_t width = s->cols > 84 ? 80 : s->cols - 4, room = s->rows > 10 ? s->rows - 10 : 1;
	uint32_t rows = o->count < room ? (uint32_t)o->count : room, left = (s->cols - width) / 2,
		 top = s->rows > rows + 6 ? (s->rows - rows - 6) / 2 : 0;
	size_t first = o->selected < rows ? 0 : o->selected - rows + 1;
	char t[256];
	view_draw(m, s);
	for (uint32_t r = 0; r < rows + 6; r++)
		screen_fill(s, left, top + r, width, STYLE_BOX);
	pod_snprintf(t, sizeof t, T("Which image of %s starts?"), o->name);
	(void)pod_text_disarm(t, NULL);
	screen_name(s, left + 2, top + 1, width - 4, STYLE_BOX_TITLE, t);
	for (uint32_t r = 0; r < rows; r++) {
		enum menu_style st = first + r == o->selected ? STYLE_SELECTED : STYLE_BOX;
		images_text(m, o->w, offered(o, first + r), t, sizeof t);
		/* reverse boxes on a terminal need another mark than reverse */
		if (st == STYLE_SELECTED && s->kind == SCREEN_SERIAL)
			st = STYLE_TEXT;
		if (st != STYLE_BOX)
			screen_fill(s, left + 1, top + 3 + r, width - 2, st);
		screen_text(s, left + 3, top + 3 + r, width - 5, st, t);
	}
	screen_text(s, left + 2, top + 4 + rows, width - 4, STYLE_BOX_DIM,
		    T("Enter starts it, this time; Esc goes back to the menu."));
}

static void move(struct offer *o, uint32_t key)
{
	size_t last = o->count - 1;
	switch (key) {
	case POD_KEY_UP:
		o->selected = o->selected ? o->selected - 1 : last;
		break;
	case POD_KEY_DOWN:
		o->selected = o->selected < last ? o->selected + 1 : 0;
		break;
	case POD_KEY_HOME:
	case POD_KEY_PGUP:
		o->selected = 0;
		break;
	case POD_KEY_END:
	case POD_KEY_PGDN:
		o->selected = last;
		break;
	default:
		break;
	}
}

/* A digit is the number of an image, and starts it. */
static bool numbered(struct offer *o, uint32_t key)
{
	for (size_t i = 0; i < o->count; i++) {
		if (key < '1' || key > '9' || offered(o, i)->image != key - '0')
			continue;
		o->selected = i;
		return true;
	}
	return false;
}

uint32_t page_images(struct menu *m, const char *name, const struct pod_plan_windows *w)
{
	struct offer o;
	gather(m, w, &o);
	o.name = name;
	if (!o.count)
		return 0;
	for (;;) {
		for (uint32_t i = 0; i < m->screens; i++)
			draw(m, &m->screen[i], &o);
		screen_flush(m);
		uint32_t k = menu_wait_key(m, 0);
		if (k == POD_KEY_ENTER || numbered(&o, k))
			return offered(&o, o.selected)->image;
		if (k == POD_KEY_ESC || k == POD_KEY_BACKSPACE || k == POD_KEY_LEFT)
			return 0;
		move(&o, k);
	}
}
