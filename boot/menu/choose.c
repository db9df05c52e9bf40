/* SPDX-License-Identifier: BSD-2-Clause */
/* A list to choose from, in a box over the menu's. */
#include "boot/menu/menu.h"
#include "core/base/text.h"

static void draw(struct menu *m, struct menu_screen *s, const struct menu_choice *c)
{
	uint32_t width = c->narrow && s->cols > 46 ? 44 : s->cols > 84 ? 80 : s->cols - 4, room = s->rows > 10 ? s->rows - 10 : 1;
	uint32_t rows = c->count < room ? (uint32_t)c->count : room, left = (s->cols - width) / 2, edge = c->narrow ? 4 : 6,
		 top = s->rows > rows + edge ? (s->rows - rows - edge) / 2 : 0;
	size_t first = c->selected < rows ? 0 : c->selected - rows + 1;
	char t[256];
	view_draw(m, s);
	for (uint32_t r = 0; r < rows + edge; r++)
		screen_fill(s, left, top + r, width, STYLE_BOX);
	(void)pod_strlcpy(t, c->title, sizeof t);
	(void)pod_text_disarm(t, NULL);
	screen_name(s, left + 2, top + 1, width - 4, STYLE_BOX_TITLE, t);
	for (uint32_t r = 0; r < rows; r++) {
		enum menu_style st = first + r == c->selected ? STYLE_SELECTED : STYLE_BOX;
		c->line(m, c->what, first + r, t, sizeof t);
		(void)pod_text_disarm(t, NULL);
		/* reverse boxes on a terminal need another mark than reverse */
		if (st == STYLE_SELECTED && s->kind == SCREEN_SERIAL)
			st = STYLE_TEXT;
		if (st != STYLE_BOX)
			screen_fill(s, left + 1, top + 3 + r, width - 2, st);
		screen_text(s, left + 3, top + 3 + r, width - 5, st, t);
	}
	if (!c->narrow)
		screen_text(s, left + 2, top + 4 + rows, width - 4, STYLE_BOX_DIM, c->foot);
}

static bool moves(struct menu_choice *c, uint32_t key)
{
	size_t last = c->count - 1;
	switch (key) {
	case POD_KEY_UP:
		c->selected = c->selected ? c->selected - 1 : last;
		return true;
	case POD_KEY_DOWN:
		c->selected = c->selected < last ? c->selected + 1 : 0;
		return true;
	case POD_KEY_HOME:
	case POD_KEY_PGUP:
		c->selected = 0;
		return true;
	case POD_KEY_END:
	case POD_KEY_PGDN:
		c->selected = last;
		return true;
	default:
		return false;
	}
}

uint32_t choice_run(struct menu *m, struct menu_choice *c)
{
	uint32_t key;
	do {
		for (uint32_t i = 0; i < m->screens; i++)
			draw(m, &m->screen[i], c);
		screen_flush(m);
		key = menu_wait_key(m, 0);
	} while (moves(c, key));
	return key;
}

size_t choice_numbered(struct menu *m, struct menu_choice *c)
{
	for (;;) {
		uint32_t k = choice_run(m, c);
		if (k == POD_KEY_ENTER)
			return c->selected;
		if (k >= '1' && k < '1' + c->count)
			c->selected = k - '1';
		else if (k == POD_KEY_ESC || k == POD_KEY_BACKSPACE || k == POD_KEY_LEFT)
			return c->count;
	}
}
