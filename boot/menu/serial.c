/* SPDX-License-Identifier: BSD-2-Clause */
/* The serial mirror: VT100 control sequences (ECMA-48 CUP, ED, SGR) and UTF-8, 80 x 24, only what changed; and what is typed there. */
#include "boot/menu/menu.h"

static const char *const sgr[STYLE_COUNT] = {
	[STYLE_TEXT] = "0",	   [STYLE_DIM] = "0;36",	[STYLE_TITLE] = "0;1;7",      [STYLE_TITLE_DIM] = "0;7",
	[STYLE_HEAD] = "0;4",	   [STYLE_SELECTED] = "0;7",	[STYLE_SELECTED_DIM] = "0;7", [STYLE_FOLDER] = "0;1;33",
	[STYLE_ACCENT] = "0;1;36", [STYLE_STATUS] = "0",	[STYLE_KEY] = "0;1",	      [STYLE_WARN] = "0;1;33",
	[STYLE_BOX] = "0;7",	   [STYLE_BOX_TITLE] = "0;1;7", [STYLE_BOX_DIM] = "0;7",
};

void serial_drain(struct menu *m)
{
	struct menu_serial *s = &m->serial;
	if (s->out_len)
		m->fw->serial_write(m->fw, s->out, s->out_len);
	s->out_len = 0;
}

void serial_out(struct menu *m, const char *t, size_t n)
{
	struct menu_serial *s = &m->serial;
	while (n) {
		size_t room = sizeof s->out - s->out_len, take = n < room ? n : room;
		memcpy(s->out + s->out_len, t, take);
		s->out_len += take;
		t += take;
		n -= take;
		if (s->out_len == sizeof s->out)
			serial_drain(m);
	}
}

static void out_text(struct menu *m, const char *t)
{
	serial_out(m, t, pod_strlen(t));
}

/* A run of cells that differ, with gaps of a few equal ones, so that words stay whole in a log. */
static uint32_t run_end(const struct menu_screen *s, const uint32_t *want, const uint32_t *shown, uint32_t col)
{
	uint32_t end = col + 1, same = 0;
	for (uint32_t i = col + 1; i < s->cols; i++) {
		if (want[i] != shown[i]) {
			end = i + 1;
			same = 0;
		} else if (++same > 8) {
			break;
		}
	}
	return end;
}

void serial_flush_screen(struct menu *m, struct menu_screen *s, bool everything)
{
	int style = -1;
	bool sent = false;
	char t[24];
	if (everything) {
		out_text(m, "\x1b[0m\x1b[2J\x1b[H");
		for (uint32_t i = 0; i < s->cols * s->rows; i++)
			s->shown[i] = ' ' | (uint32_t)STYLE_TEXT << 24;
		sent = true;
	}
	for (uint32_t row = 0; row < s->rows; row++) {
		uint32_t *want = s->want + row * s->cols, *shown = s->shown + row * s->cols;
		for (uint32_t col = 0; col < s->cols;) {
			if (want[col] == shown[col]) {
				col++;
				continue;
			}
			uint32_t end = run_end(s, want, shown, col);
			if (cell_code(want[col]) == CELL_TAIL && col)
				col--; /* never start in the middle of a wide character */
			pod_snprintf(t, sizeof t, "\x1b[%u;%uH", row + 1, col + 1);
			out_text(m, t);
			sent = true;
			for (; col < end || (col < s->cols && cell_code(want[col]) == CELL_TAIL); col++) {
				uint32_t c = want[col];
				shown[col] = c;
				if (cell_code(c) == CELL_TAIL)
					continue;
				/* the last cell of the last row would scroll some terminals */
				if (row + 1 == s->rows && col + 1 == s->cols)
					continue;
				if ((int)cell_style(c) != style) {
					style = (int)cell_style(c);
					pod_snprintf(t, sizeof t, "\x1b[%sm", sgr[style]);
					out_text(m, t);
				}
				serial_out(m, t, pod_utf8_put(t, cell_code(c)));
			}
		}
	}
	if (sent) {
		/* the cursor rests where a line of somebody else's output does least harm */
		pod_snprintf(t, sizeof t, "\x1b[0m\x1b[%u;1H", s->rows);
		out_text(m, t);
	}
	serial_drain(m);
}

/* The code point that this byte ends, or POD_KEY_NONE. */
static uint32_t plain_key(struct menu_serial *s, uint8_t c)
{
	if (s->utf8_left) {
		if ((c & 0xc0) == 0x80) {
			s->utf8[s->utf8_len++] = (char)c;
			if (--s->utf8_left)
				return POD_KEY_NONE;
			/* What is no code point (too long a form, half a surrogate pair, behind U+10FFFF) is no key either. */
			const char *p = s->utf8;
			uint32_t code = pod_utf8_next(&p, s->utf8_len);
			return p == s->utf8 + s->utf8_len ? code : (uint32_t)POD_KEY_NONE;
		}
		s->utf8_left = 0;
	}
	if (c >= 0xc2 && c < 0xf5) {
		s->utf8_left = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
		s->utf8[0] = (char)c;
		s->utf8_len = 1;
		return POD_KEY_NONE;
	}
	if (c == '\n')
		return POD_KEY_ENTER;
	return c == 0x7f ? (uint32_t)POD_KEY_BACKSPACE : c < 0x80 ? c : (uint32_t)POD_KEY_NONE;
}

uint32_t serial_key(struct menu *m)
{
	struct menu_serial *s = &m->serial;
	if (!m->fw->serial_read)
		return POD_KEY_NONE;
	for (unsigned i = 0; i < 64; i++) {
		int c = m->fw->serial_read(m->fw);
		if (c < 0)
			break;
		uint32_t k = plain_key(s, (uint8_t)c);
		if (k == POD_KEY_NONE)
			continue;
		k = escape_key(&s->typed, k, m->fw->millis(m->fw));
		if (k != POD_KEY_NONE)
			return k;
	}
	return escape_wait(&s->typed, m->fw->millis(m->fw), ESCAPE_LINE_MS);
}
