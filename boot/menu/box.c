/* SPDX-License-Identifier: BSD-2-Clause */
/* A sentence in a box over the list, and a line to write in. */
#include "boot/menu/menu.h"
#include "core/base/text.h"

/* A line of printable ASCII that is being written. */
struct field {
	char *text;
	size_t len, at, size; /* at: the cursor; size: of the buffer */
};

/* The part of it around the cursor that fits. */
static void draw_field(struct menu_screen *s, uint32_t left, uint32_t row, uint32_t width, const struct field *f)
{
	size_t from = f->at >= width ? f->at - width + 1 : 0;
	screen_fill(s, left, row, width, STYLE_TEXT);
	for (size_t i = from; i < f->len && i - from < width; i++)
		screen_put(s, left + (uint32_t)(i - from), row, (uint8_t)f->text[i], STYLE_TEXT);
	screen_put(s, left + (uint32_t)(f->at - from), row, f->at < f->len ? (uint8_t)f->text[f->at] : ' ', STYLE_SELECTED);
}

/* `field`: NULL, or what stands below the text. */
static void draw_box(struct menu_screen *s, const char *title, const char *text, const struct field *field, const char *foot)
{
	uint32_t width = s->cols > 84 ? 76 : s->cols - 8, lines = 0;
	size_t skip;
	for (const char *p = text; *p; lines++) {
		size_t n = text_wrap(p, width, &skip);
		p += n + skip;
	}
	uint32_t more = field ? 2 : 0, max = s->rows > 8 + more ? s->rows - 8 - more : 1;
	if (lines > max)
		lines = max;
	uint32_t left = (s->cols - width - 4) / 2, top = (s->rows - lines - more - 6) / 2;
	for (uint32_t r = 0; r < lines + more + 6; r++)
		screen_fill(s, left, top + r, width + 4, STYLE_BOX);
	screen_text(s, left + 2, top + 1, width, STYLE_BOX_TITLE, title);
	for (uint32_t r = 0; r < lines; r++) {
		char line[400];
		size_t n = text_wrap(text, width, &skip);
		pod_strlcpy(line, text, n + 1 < sizeof line ? n + 1 : sizeof line);
		screen_text(s, left + 2, top + 3 + r, width, STYLE_BOX, line);
		text += n + skip;
	}
	if (field)
		draw_field(s, left + 2, top + 4 + lines, width, field);
	screen_text(s, left + 2, top + 4 + more + lines, width, STYLE_BOX_DIM, foot);
}

/* Returns the key that ended it. Names of files, and a loader's last words, are in its text: none of it steers a terminal, or passes for
 * further lines. */
static uint32_t run_box(struct menu *m, const char *title, const char *text, const struct field *field, const char *foot)
{
	/* A question is not answered by what was pressed before it stood there: firmware may give one key twice, and so does whoever waits. */
	if (!field)
		menu_drop_keys(m);
	char head[192];
	size_t size = pod_strlen(text) + 1;
	char *body = m->alloc->alloc(m->alloc, size);
	(void)pod_strlcpy(head, title, sizeof head);
	(void)pod_text_disarm(head, NULL);
	if (body) {
		memcpy(body, text, size);
		(void)pod_text_disarm(body, NULL);
	}
	for (uint32_t i = 0; i < m->screens; i++) {
		view_draw(m, &m->screen[i]);
		draw_box(&m->screen[i], head, body ? body : T("There is not enough memory."), field, foot);
	}
	screen_flush(m);
	pod_free(m->alloc, body);
	return menu_wait_key(m, 0);
}

void page_message(struct menu *m, const char *title, const char *text)
{
	(void)run_box(m, title, text, NULL, T("Press any key to go back to the menu."));
}

bool page_ask(struct menu *m, const char *title, const char *text)
{
	return run_box(m, title, text, NULL, T("Enter starts it all the same, any other key goes back to the menu.")) ==
	       POD_KEY_ENTER;
}

bool page_confirm(struct menu *m, const char *title, const char *text)
{
	return run_box(m, title, text, NULL, T("Enter does it, any other key goes back.")) == POD_KEY_ENTER;
}

static void take_out(struct field *f)
{
	memmove(f->text + f->at, f->text + f->at + 1, f->len - f->at);
	f->len--;
}

static void field_key(struct field *f, uint32_t key)
{
	switch (key) {
	case POD_KEY_LEFT:
		f->at -= f->at > 0;
		break;
	case POD_KEY_RIGHT:
		f->at += f->at < f->len;
		break;
	case POD_KEY_HOME:
		f->at = 0;
		break;
	case POD_KEY_END:
		f->at = f->len;
		break;
	case POD_KEY_BACKSPACE:
		if (f->at) {
			f->at--;
			take_out(f);
		}
		break;
	case POD_KEY_DEL:
		if (f->at < f->len)
			take_out(f);
		break;
	default:
		if (key < ' ' || key > '~' || f->len + 1 >= f->size)
			break;
		memmove(f->text + f->at + 1, f->text + f->at, f->len - f->at + 1);
		f->text[f->at++] = (char)key;
		f->len++;
	}
}

bool page_write(struct menu *m, const char *title, const char *text, char *line, size_t size, const char *foot)
{
	size_t len = pod_strlen(line);
	struct field f = {line, len, len, size};
	for (;;) {
		uint32_t key = run_box(m, title, text, &f, foot);
		if (key == POD_KEY_ENTER || key == POD_KEY_ESC)
			return key == POD_KEY_ENTER;
		field_key(&f, key);
	}
}
