/* SPDX-License-Identifier: BSD-2-Clause */
/* Pages of text that scroll. */
#include "boot/menu/menu.h"
#include "core/base/text.h"

#define PAGER_MAX  (256u << 10)
#define PAIR_WIDTH 20u /* cells in front of a value */

void pager_add_marked(struct menu *m, struct menu_pager *p, char mark, const char *t)
{
	size_t n = pod_strlen(t);
	void *v = p->text;
	if (p->short_of_memory || pod_grow(m->alloc, &v, p->len, &p->cap, p->len + n + 3, 1, PAGER_MAX) != POD_OK) {
		p->short_of_memory = true;
		return;
	}
	p->text = v;
	if (mark)
		p->text[p->len++] = mark;
	memcpy(p->text + p->len, t, n + 1);
	/* One call is one line, whatever a label holds. */
	p->len += pod_text_disarm(p->text + p->len, NULL);
	p->text[p->len++] = '\n';
	p->text[p->len] = 0;
}

void pager_add(struct menu *m, struct menu_pager *p, const char *t)
{
	pager_add_marked(m, p, 0, t);
}

void pager_add_pair(struct menu *m, struct menu_pager *p, const char *what, const char *value)
{
	char t[512];
	size_t at = pod_strlcpy(t, what, 64);
	unsigned w = text_width(what);
	if (at > 63)
		at = pod_strlen(t);
	do
		t[at++] = ' ';
	while (++w < PAIR_WIDTH);
	pod_strlcpy(t + at, value, sizeof t - at);
	pager_add_marked(m, p, MARK_PAIR, t);
}

void pager_empty(struct menu_pager *p)
{
	p->len = 0;
	p->short_of_memory = false;
}

/* Draws from wrapped line `top`; returns how many lines there are in all. */
static size_t draw_pager(struct menu_screen *s, const char *title, const char *text, size_t top, const char *foot)
{
	uint32_t width = s->cols - 4, rows = s->rows - 3;
	uint32_t indent = 0; /* of the lines on which a value goes on */
	size_t line_no = 0, skip;
	enum menu_style st = STYLE_TEXT;
	bool fresh = true;
	screen_clear(s, STYLE_TEXT);
	screen_fill(s, 0, 0, s->cols, STYLE_TITLE);
	screen_name(s, 2, 0, width, STYLE_TITLE, title);
	for (const char *p = text; *p; line_no++) {
		if (fresh) {
			st = *p == MARK_HEAD ? STYLE_ACCENT : *p == MARK_WARN ? STYLE_WARN : STYLE_TEXT;
			indent = *p == MARK_PAIR && width > 2 * PAIR_WIDTH ? PAIR_WIDTH : 0;
			p += *p >= MARK_HEAD && *p <= MARK_PAIR;
		}
		uint32_t left = fresh ? 0 : indent;
		size_t n = text_wrap(p, width - left, &skip);
		fresh = skip && p[n] == '\n';
		if (line_no >= top && line_no < top + rows) {
			char line[1600];
			pod_strlcpy(line, p, n + 1 < sizeof line ? n + 1 : sizeof line);
			screen_text(s, 2 + left, 2 + (uint32_t)(line_no - top), width - left, st, line);
		}
		p += n + skip;
	}
	screen_fill(s, 0, s->rows - 1, s->cols, STYLE_STATUS);
	screen_text(s, 2, s->rows - 1, width, STYLE_STATUS, foot);
	if (line_no > top + rows)
		screen_text(s, s->cols - 4, s->rows - 1, 2, STYLE_KEY, "↓");
	return line_no;
}

/* The next key; POD_KEY_NONE: the text is another. */
static uint32_t next_key(struct menu *m, struct menu_pager *p)
{
	uint32_t key = p->meanwhile ? menu_key(m) : menu_wait_key(m, 0);
	if (key == POD_KEY_NONE && p->meanwhile && !p->meanwhile(m, p, p->ctx))
		p->meanwhile = NULL;
	return key;
}

uint32_t pager_run(struct menu *m, const char *title, struct menu_pager *p, const char *foot)
{
	size_t top = 0, lines = 0;
	for (;;) {
		size_t rows = 0;
		for (uint32_t i = 0; i < m->screens; i++) {
			lines = draw_pager(&m->screen[i], title, p->text ? p->text : T("There is not enough memory."), top, foot);
			rows = m->screen[i].rows - 3;
			if (m->screens > 1 && i == 0)
				rows = rows < SERIAL_ROWS - 3 ? rows : SERIAL_ROWS - 3;
		}
		screen_flush(m);
		size_t last = lines > rows ? lines - rows : 0;
		uint32_t key = next_key(m, p);
		switch (key) {
		case POD_KEY_DOWN:
			top = top < last ? top + 1 : last;
			break;
		case POD_KEY_UP:
			top -= top > 0;
			break;
		case POD_KEY_PGDN:
		case ' ':
			top = top + rows < last ? top + rows : last;
			break;
		case POD_KEY_PGUP:
			top = top > rows ? top - rows : 0;
			break;
		case POD_KEY_HOME:
			top = 0;
			break;
		case POD_KEY_END:
			top = last;
			break;
		case POD_KEY_NONE:
			break;
		default:
			return key;
		}
	}
}
