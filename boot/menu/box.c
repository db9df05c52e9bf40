/* SPDX-License-Identifier: BSD-2-Clause */
/* A sentence in a box over the list. */
#include "boot/menu/menu.h"

static void draw_box(struct menu_screen *s, const char *title, const char *text, const char *foot)
{
	uint32_t width = s->cols > 84 ? 76 : s->cols - 8, lines = 0;
	size_t skip;
	for (const char *p = text; *p; lines++) {
		size_t n = text_wrap(p, width, &skip);
		p += n + skip;
	}
	uint32_t max = s->rows > 8 ? s->rows - 8 : 1;
	if (lines > max)
		lines = max;
	uint32_t left = (s->cols - width - 4) / 2, top = (s->rows - lines - 6) / 2;
	for (uint32_t r = 0; r < lines + 6; r++)
		screen_fill(s, left, top + r, width + 4, STYLE_BOX);
	screen_text(s, left + 2, top + 1, width, STYLE_BOX_TITLE, title);
	for (uint32_t r = 0; r < lines; r++) {
		char line[400];
		size_t n = text_wrap(text, width, &skip);
		pod_strlcpy(line, text, n + 1 < sizeof line ? n + 1 : sizeof line);
		screen_text(s, left + 2, top + 3 + r, width, STYLE_BOX, line);
		text += n + skip;
	}
	screen_text(s, left + 2, top + 4 + lines, width, STYLE_BOX_DIM, foot);
}

/* Returns the key that ended it. */
static uint32_t run_box(struct menu *m, const char *title, const char *text, const char *foot)
{
	for (uint32_t i = 0; i < m->screens; i++) {
		view_draw(m, &m->screen[i]);
		draw_box(&m->screen[i], title, text, foot);
	}
	screen_flush(m);
	return menu_wait_key(m, 0);
}

void page_message(struct menu *m, const char *title, const char *text)
{
	(void)run_box(m, title, text, T("Press any key to go back to the menu."));
}

bool page_ask(struct menu *m, const char *title, const char *text)
{
	return run_box(m, title, text, T("Enter starts it all the same, any other key goes back to the menu.")) == POD_KEY_ENTER;
}

bool page_confirm(struct menu *m, const char *title, const char *text)
{
	return run_box(m, title, text, T("Enter does it, any other key goes back.")) == POD_KEY_ENTER;
}
