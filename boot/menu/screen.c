/* SPDX-License-Identifier: BSD-2-Clause */
/* Grids of cells, and what sends them to the frame buffer, the firmware's text console and the serial port. */
#include "boot/menu/menu.h"
#include "core/base/text.h"

/* Characters that take two cells: the ranges of East Asian Width W and F (Unicode 15, EastAsianWidth.txt), joined where
 * the gaps are unassigned. */
static const struct {
	uint32_t first, last;
} wide_range[] = {
	{0x1100, 0x115f},   {0x231a, 0x231b},	{0x2e80, 0x303e},   {0x3041, 0x33ff},	{0x3400, 0x4dbf},   {0x4e00, 0xa4cf},
	{0xa960, 0xa97f},   {0xac00, 0xd7a3},	{0xf900, 0xfaff},   {0xfe30, 0xfe6f},	{0xff01, 0xff60},   {0xffe0, 0xffe6},
	{0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1faff}, {0x20000, 0x2fffd}, {0x30000, 0x3fffd},
};

/* Marks that combine with the character before: not drawn. */
static const struct {
	uint32_t first, last;
} zero_range[] = {
	{0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x0610, 0x061a}, {0x064b, 0x065f}, {0x0e34, 0x0e3a},
	{0x0e47, 0x0e4e}, {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x20d0, 0x20ff}, {0x3099, 0x309a}, {0xfe20, 0xfe2f},
};

unsigned cell_width(uint32_t code)
{
	if (code < 0x300)
		return 1;
	for (size_t i = 0; i < POD_ARRAY_LEN(zero_range) && zero_range[i].first <= code; i++)
		if (code <= zero_range[i].last)
			return 0;
	for (size_t i = 0; i < POD_ARRAY_LEN(wide_range) && wide_range[i].first <= code; i++)
		if (code <= wide_range[i].last)
			return 2;
	return 1;
}

/* The next code point as every screen shows it: texts hold names from media, which must neither steer a terminal nor hide in a
 * list. */
static uint32_t next_shown(const char **t, const char *end)
{
	uint32_t cp = pod_utf8_next(t, (size_t)(end - *t));
	return pod_text_hidden(cp) ? '?' : cp;
}

unsigned text_width(const char *t)
{
	unsigned w = 0;
	for (const char *end = t + pod_strlen(t); t < end;)
		w += cell_width(next_shown(&t, end));
	return w;
}

/* A line may break before an ideograph, but not before closing punctuation. */
static bool breaks_before(uint32_t cp)
{
	static const uint16_t closing[] = {0x3001, 0x3002, 0x300b, 0x300d, 0x300f, 0x3011,
					   0xff01, 0xff09, 0xff0c, 0xff1a, 0xff1b, 0xff1f};
	for (size_t i = 0; i < POD_ARRAY_LEN(closing); i++)
		if (cp == closing[i])
			return false;
	return cell_width(cp) == 2;
}

size_t text_wrap(const char *t, unsigned width, size_t *skip)
{
	const char *p = t, *end = t + pod_strlen(t), *fit = NULL;
	unsigned w = 0;
	*skip = 0;
	while (p < end) {
		const char *at = p;
		if (*p == '\n') {
			*skip = 1;
			return (size_t)(at - t);
		}
		uint32_t cp = next_shown(&p, end);
		unsigned cw = cell_width(cp);
		if (w + cw > width) {
			if (cp == ' ') {
				*skip = 1;
				return (size_t)(at - t);
			}
			if (w && breaks_before(cp))
				return (size_t)(at - t);
			if (!fit)
				return (size_t)(at > t ? at - t : p - t);
			*skip = *fit == ' ';
			return (size_t)(fit - t);
		}
		if (w && (cp == ' ' || breaks_before(cp)))
			fit = at;
		w += cw;
	}
	return (size_t)(end - t);
}

void screen_put(struct menu_screen *s, uint32_t col, uint32_t row, uint32_t code, enum menu_style st)
{
	if (col >= s->cols || row >= s->rows)
		return;
	uint32_t *c = s->want + row * s->cols + col;
	/* whoever covers one half of a wide character takes the other half away too */
	if (cell_code(c[0]) == CELL_TAIL && code != CELL_TAIL && col)
		c[-1] = ' ' | (uint32_t)cell_style(c[-1]) << 24;
	if (col + 1 < s->cols && cell_code(c[1]) == CELL_TAIL)
		c[1] = ' ' | (uint32_t)cell_style(c[1]) << 24;
	c[0] = code | (uint32_t)st << 24;
}

void screen_fill(struct menu_screen *s, uint32_t col, uint32_t row, uint32_t cols, enum menu_style st)
{
	for (uint32_t i = 0; i < cols; i++)
		screen_put(s, col + i, row, ' ', st);
}

void screen_clear(struct menu_screen *s, enum menu_style st)
{
	for (uint32_t r = 0; r < s->rows; r++)
		screen_fill(s, 0, r, s->cols, st);
}

/* Puts the part [t, end) and returns the cells used, at most `width`; the rest is dropped. */
static uint32_t put_part(struct menu_screen *s, uint32_t col, uint32_t row, uint32_t width, enum menu_style st, const char *t,
			 const char *end)
{
	uint32_t used = 0;
	while (t < end) {
		uint32_t cp = next_shown(&t, end);
		unsigned w = cell_width(cp);
		if (!w)
			continue;
		if (used + w > width || col + used + w > s->cols)
			break;
		screen_put(s, col + used, row, cp, st);
		if (w == 2)
			screen_put(s, col + used + 1, row, CELL_TAIL, st);
		used += w;
	}
	return used;
}

uint32_t screen_text(struct menu_screen *s, uint32_t col, uint32_t row, uint32_t width, enum menu_style st, const char *t)
{
	const char *end = t + pod_strlen(t);
	if (!width)
		return 0;
	if (text_width(t) <= width)
		return put_part(s, col, row, width, st, t, end);
	uint32_t used = put_part(s, col, row, width - 1, st, t, end);
	screen_put(s, col + used, row, 0x2026, st);
	return used + 1;
}

uint32_t screen_name(struct menu_screen *s, uint32_t col, uint32_t row, uint32_t width, enum menu_style st, const char *t)
{
	const char *end = t + pod_strlen(t);
	unsigned all = text_width(t);
	if (all <= width || width < 20)
		return screen_text(s, col, row, width, st, t);
	/* the tail: as many whole characters from the end as fit in a third */
	const char *tail = t;
	for (unsigned left = all; left > width / 3 && tail < end;)
		left -= cell_width(next_shown(&tail, end));
	unsigned tail_w = 0;
	for (const char *p = tail; p < end;)
		tail_w += cell_width(next_shown(&p, end));
	uint32_t used = put_part(s, col, row, width - 1 - tail_w, st, t, tail);
	screen_put(s, col + used++, row, 0x2026, st);
	return used + put_part(s, col + used, row, tail_w, st, tail, end);
}

static enum pod_status add_screen(struct menu *m, enum screen_kind kind, uint32_t cols, uint32_t rows)
{
	struct menu_screen *s = &m->screen[m->screens];
	s->want = pod_zalloc(m->alloc, (size_t)cols * rows, sizeof *s->want);
	s->shown = pod_zalloc(m->alloc, (size_t)cols * rows, sizeof *s->shown);
	if (!s->want || !s->shown) {
		pod_free(m->alloc, s->want);
		pod_free(m->alloc, s->shown);
		return POD_E_NOMEM;
	}
	s->kind = kind;
	s->cols = cols;
	s->rows = rows;
	m->screens++;
	screen_clear(s, STYLE_TEXT);
	memset(s->shown, 0xff, (size_t)cols * rows * sizeof *s->shown);
	return POD_OK;
}

/* An empty screen needs no cell drawn. */
static void clear_fb(struct menu *m, struct menu_screen *s)
{
	gfx_clear(&m->gfx);
	for (uint32_t i = 0; i < s->cols * s->rows; i++)
		s->shown[i] = ' ' | (uint32_t)STYLE_TEXT << 24;
}

/* Pages are laid out for at least 40 x 12 cells. */
enum pod_status screen_init(struct menu *m)
{
	struct pod_fw *fw = m->fw;
	if (fw->fb.base && fw->fb.width >= 320 && fw->fb.height >= 12 * 16) {
		uint32_t cols, rows;
		gfx_init(&m->gfx, &fw->fb, &cols, &rows);
		POD_TRY(add_screen(m, SCREEN_FB, cols, rows));
		clear_fb(m, &m->screen[m->screens - 1]);
	} else if (fw->text_put && fw->text_cols >= 40 && fw->text_rows >= 12) {
		POD_TRY(add_screen(m, SCREEN_TEXT, fw->text_cols, fw->text_rows));
	}
	if (fw->serial_write)
		POD_TRY(add_screen(m, SCREEN_SERIAL, SERIAL_COLS, SERIAL_ROWS));
	return m->screens ? POD_OK : POD_E_NOT_FOUND;
}

void screen_fini(struct menu *m)
{
	for (uint32_t i = 0; i < m->screens; i++) {
		pod_free(m->alloc, m->screen[i].want);
		pod_free(m->alloc, m->screen[i].shown);
	}
	m->screens = 0;
}

static const uint8_t vga_attr[STYLE_COUNT] = {
	[STYLE_TEXT] = 0x07,   [STYLE_DIM] = 0x03,	 [STYLE_TITLE] = 0x1f,	      [STYLE_TITLE_DIM] = 0x1b,
	[STYLE_HEAD] = 0x03,   [STYLE_SELECTED] = 0x70,	 [STYLE_SELECTED_DIM] = 0x70, [STYLE_FOLDER] = 0x0b,
	[STYLE_ACCENT] = 0x0b, [STYLE_STATUS] = 0x17,	 [STYLE_KEY] = 0x1e,	      [STYLE_WARN] = 0x0e,
	[STYLE_BOX] = 0x4f,    [STYLE_BOX_TITLE] = 0x4e, [STYLE_BOX_DIM] = 0x47,
};

static void flush_text(struct menu *m, struct menu_screen *s)
{
	for (uint32_t i = 0, n = s->cols * s->rows; i < n; i++) {
		uint32_t c = s->want[i];
		if (c == s->shown[i])
			continue;
		s->shown[i] = c;
		/* a text console has narrow cells: the wide character is put once and its right half is left blank */
		uint32_t cp = cell_code(c) == CELL_TAIL ? ' ' : cell_code(c);
		uint32_t row = i / s->cols;
		m->fw->text_put(m->fw, i - row * s->cols, row, cp, vga_attr[cell_style(c)]);
	}
}

static void flush_fb(struct menu *m, struct menu_screen *s)
{
	for (uint32_t row = 0, i = 0; row < s->rows; row++) {
		for (uint32_t col = 0; col < s->cols; col++, i++) {
			uint32_t c = s->want[i];
			bool wide = col + 1 < s->cols && cell_code(s->want[i + 1]) == CELL_TAIL;
			bool same = c == s->shown[i] && (!wide || s->want[i + 1] == s->shown[i + 1]);
			if (!same && cell_code(c) != CELL_TAIL) {
				if (!m->font_tried && !menu_font_builtin(cell_code(c)))
					m->find_font(m);
				gfx_cell(&m->gfx, &m->font, col, row, cell_code(c), wide, cell_style(c));
			}
			if (!same && wide)
				s->shown[i + 1] = s->want[i + 1];
			s->shown[i] = c;
		}
	}
}

void screen_flush(struct menu *m)
{
	for (uint32_t i = 0; i < m->screens; i++) {
		struct menu_screen *s = &m->screen[i];
		if (s->kind == SCREEN_FB)
			flush_fb(m, s);
		else if (s->kind == SCREEN_TEXT)
			flush_text(m, s);
		else
			serial_flush_screen(m, s, s->shown[0] == CELL_UNKNOWN);
	}
}

void screen_invalidate(struct menu *m)
{
	for (uint32_t i = 0; i < m->screens; i++) {
		struct menu_screen *s = &m->screen[i];
		memset(s->shown, 0xff, (size_t)s->cols * s->rows * sizeof *s->shown);
		if (s->kind == SCREEN_FB)
			clear_fb(m, s);
	}
}

void screen_restore(struct menu *m)
{
	const struct pod_fb *now = &m->fw->fb, *was = &m->gfx.fb;
	if (now->base != was->base || now->width != was->width || now->height != was->height ||
	    now->pitch_bytes != was->pitch_bytes || now->bgr != was->bgr) {
		screen_fini(m);
		if (screen_init(m) != POD_OK && !m->screens)
			m->leave = true; /* nothing to show anything on */
	}
	screen_invalidate(m);
}

void screen_plain(struct menu *m)
{
	m->plain_row = 0;
	for (uint32_t i = 0; i < m->screens; i++) {
		struct menu_screen *s = &m->screen[i];
		screen_clear(s, STYLE_TEXT);
		if (s->kind == SCREEN_SERIAL) {
			/* scroll on plainly: what starts now goes on writing here */
			serial_out(m, "\x1b[0m\x1b[2J\x1b[H", 11);
			serial_drain(m);
			memset(s->shown, 0xff, (size_t)s->cols * s->rows * sizeof *s->shown);
		}
	}
	for (uint32_t i = 0; i < m->screens; i++)
		if (m->screen[i].kind == SCREEN_FB)
			flush_fb(m, &m->screen[i]);
		else if (m->screen[i].kind == SCREEN_TEXT)
			flush_text(m, &m->screen[i]);
}

void screen_line(struct menu *m, const char *t)
{
	for (uint32_t i = 0; i < m->screens; i++) {
		struct menu_screen *s = &m->screen[i];
		if (s->kind == SCREEN_SERIAL) {
			char c[4];
			for (const char *p = t, *end = t + pod_strlen(t); p < end;)
				serial_out(m, c, pod_utf8_put(c, next_shown(&p, end)));
			serial_out(m, "\r\n", 2);
			serial_drain(m);
			continue;
		}
		uint32_t row = m->plain_row + 1;
		if (row + 1 < s->rows)
			screen_text(s, 2, row, s->cols - 4, STYLE_TEXT, t);
		if (s->kind == SCREEN_FB)
			flush_fb(m, s);
		else
			flush_text(m, s);
	}
	m->plain_row++;
}

void screen_lines(struct menu *m, const char *t)
{
	char line[256];
	size_t n, skip;
	for (const char *p = t; *p; p += n + skip) {
		n = text_wrap(p, 74, &skip);
		pod_strlcpy(line, p, n + 1 < sizeof line ? n + 1 : sizeof line);
		screen_line(m, line);
	}
}
