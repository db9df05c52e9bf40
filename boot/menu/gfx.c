/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cells on a 32-bit frame buffer. A cell is 8 pixels wide and 16 high plus leading, times an integer scale that keeps text
 * readable on dense screens. The frame buffer is only written: reading it back is slow on real hardware.
 */
#include "boot/menu/menu.h"

#define RGB(r, g, b) ((uint32_t)(r) << 16 | (uint32_t)(g) << 8 | (uint32_t)(b))

static const struct {
	uint32_t fg, bg;
} palette[STYLE_COUNT] = {
	[STYLE_TEXT] = {RGB(0xe3, 0xe8, 0xef), RGB(0x10, 0x15, 0x1c)},
	[STYLE_DIM] = {RGB(0x87, 0x93, 0xa5), RGB(0x10, 0x15, 0x1c)},
	[STYLE_TITLE] = {RGB(0xff, 0xff, 0xff), RGB(0x1b, 0x23, 0x2f)},
	[STYLE_TITLE_DIM] = {RGB(0x9f, 0xb0, 0xc6), RGB(0x1b, 0x23, 0x2f)},
	[STYLE_HEAD] = {RGB(0x6b, 0x78, 0x8b), RGB(0x10, 0x15, 0x1c)},
	[STYLE_SELECTED] = {RGB(0xff, 0xff, 0xff), RGB(0x15, 0x62, 0x8c)},
	[STYLE_SELECTED_DIM] = {RGB(0xc4, 0xdf, 0xef), RGB(0x15, 0x62, 0x8c)},
	[STYLE_FOLDER] = {RGB(0xf2, 0xc9, 0x6d), RGB(0x10, 0x15, 0x1c)},
	[STYLE_ACCENT] = {RGB(0x4f, 0xc3, 0xf7), RGB(0x10, 0x15, 0x1c)},
	[STYLE_STATUS] = {RGB(0xb4, 0xc0, 0xd0), RGB(0x1b, 0x23, 0x2f)},
	[STYLE_KEY] = {RGB(0x4f, 0xc3, 0xf7), RGB(0x1b, 0x23, 0x2f)},
	[STYLE_WARN] = {RGB(0xff, 0xb7, 0x4d), RGB(0x10, 0x15, 0x1c)},
	[STYLE_BOX] = {RGB(0xf4, 0xf6, 0xf9), RGB(0x26, 0x30, 0x3f)},
	[STYLE_BOX_TITLE] = {RGB(0xff, 0xb7, 0x4d), RGB(0x26, 0x30, 0x3f)},
	[STYLE_BOX_DIM] = {RGB(0x9f, 0xb0, 0xc6), RGB(0x26, 0x30, 0x3f)},
};

static uint32_t to_pixel(uint32_t rgb, bool bgr)
{
	return bgr ? rgb : (rgb & 0xff) << 16 | (rgb & 0xff00) | (rgb >> 16 & 0xff);
}

void gfx_init(struct menu_gfx *g, const struct pod_fb *fb, uint32_t *cols, uint32_t *rows)
{
	g->fb = *fb;
	uint32_t scale = 1;
	while (scale < 8 && fb->width >= 8 * 100 * (scale + 1) && fb->height >= 24 * 22 * (scale + 1))
		scale++;
	/* leading as long as 24 lines remain */
	uint32_t lead = 8;
	while (lead && fb->height / ((16 + lead) * scale) < 24)
		lead -= 2;
	g->scale = scale;
	g->cell_w = 8 * scale;
	g->cell_h = (16 + lead) * scale;
	g->pad_top = lead / 2 * scale;
	*cols = fb->width / g->cell_w;
	*rows = fb->height / g->cell_h;
	if (*cols > 400)
		*cols = 400;
	if (*rows > 200)
		*rows = 200;
	g->rows = *rows;
	g->left = (fb->width - *cols * g->cell_w) / 2;
	g->top = (fb->height - *rows * g->cell_h) / 2;
	for (unsigned i = 0; i < STYLE_COUNT; i++) {
		g->fg[i] = to_pixel(palette[i].fg, fb->bgr);
		g->bg[i] = to_pixel(palette[i].bg, fb->bgr);
	}
}

static uint32_t *line_at(const struct menu_gfx *g, uint32_t x, uint32_t y)
{
	/* frame buffers are aligned to a pixel */
	return (uint32_t *)(void *)(g->fb.base + (size_t)y * g->fb.pitch_bytes) + x;
}

void gfx_clear(struct menu_gfx *g)
{
	for (uint32_t y = 0; y < g->fb.height; y++) {
		uint32_t *p = line_at(g, 0, y);
		for (uint32_t x = 0; x < g->fb.width; x++)
			p[x] = g->bg[STYLE_TEXT];
	}
}

/* The bits of one row, leftmost pixel in bit 15 (wide) or bit 7. A wide glyph in a narrow cell is squeezed by half. */
static uint32_t row_bits(const struct menu_glyph *gl, uint32_t row, bool wide)
{
	if (!gl->wide)
		return wide ? (uint32_t)gl->bits[row] << 4 : gl->bits[row];
	uint32_t v = (uint32_t)gl->bits[2 * row] << 8 | gl->bits[2 * row + 1];
	if (wide)
		return v;
	uint32_t half = 0;
	for (int i = 7; i >= 0; i--)
		half = half << 1 | ((v >> (2 * i) & 3) != 0);
	return half;
}

static void fill(const struct menu_gfx *g, uint32_t x, uint32_t y, uint32_t w, uint32_t h, uint32_t pixel)
{
	for (uint32_t j = 0; j < h; j++) {
		uint32_t *p = line_at(g, x, y + j);
		for (uint32_t i = 0; i < w; i++)
			p[i] = pixel;
	}
}

/* The hollow box for what the font does not hold. */
static void missing_glyph(struct menu_glyph *gl, bool wide)
{
	gl->wide = wide;
	memset(gl->bits, 0, sizeof gl->bits);
	for (uint32_t r = 2; r < 14; r++) {
		bool edge = r == 2 || r == 13;
		if (wide) {
			gl->bits[2 * r] = edge ? 0x3f : 0x20;
			gl->bits[2 * r + 1] = edge ? 0xfc : 0x04;
		} else {
			gl->bits[r] = edge ? 0x7e : 0x42;
		}
	}
}

void gfx_cell(struct menu_gfx *g, struct menu_font *f, uint32_t col, uint32_t row, uint32_t code, bool wide, enum menu_style st)
{
	uint32_t x = g->left + col * g->cell_w, y = g->top + row * g->cell_h;
	uint32_t w = wide ? 2 * g->cell_w : g->cell_w;
	if (code == 0x2590 || code == 0x2595) { /* scroll bar: thumb and track fill the whole height of the cell */
		uint32_t bar = code == 0x2590 ? g->cell_w / 2 : g->cell_w / 4;
		fill(g, x, y, w, g->cell_h, g->bg[st]);
		fill(g, x + w - bar, y, bar, g->cell_h, g->fg[st]);
		return;
	}
	struct menu_glyph gl;
	bool blank = code == ' ' || code == 0;
	if (!blank && !menu_font_glyph(f, code, &gl))
		missing_glyph(&gl, wide);
	/* the bars at the top and at the bottom reach the edge of the screen */
	if (row == 0)
		fill(g, x, 0, w, g->top, g->bg[st]);
	if (row + 1 == g->rows)
		fill(g, x, y + g->cell_h, w, g->fb.height - y - g->cell_h, g->bg[st]);
	fill(g, x, y, w, g->pad_top, g->bg[st]);
	uint32_t after = y + g->pad_top + 16 * g->scale;
	fill(g, x, after, w, y + g->cell_h - after, g->bg[st]);
	if (blank) {
		fill(g, x, y + g->pad_top, w, 16 * g->scale, g->bg[st]);
	} else {
		uint32_t pixels = wide ? 16 : 8;
		for (uint32_t r = 0; r < 16; r++) {
			uint32_t bits = row_bits(&gl, r, wide);
			for (uint32_t sy = 0; sy < g->scale; sy++) {
				uint32_t *p = line_at(g, x, y + g->pad_top + r * g->scale + sy);
				for (uint32_t b = pixels; b-- > 0;) {
					uint32_t v = bits >> b & 1 ? g->fg[st] : g->bg[st];
					for (uint32_t sx = 0; sx < g->scale; sx++)
						*p++ = v;
				}
			}
		}
	}
	/* a thin line under the title bar and over the status bar */
	uint32_t thin = g->scale > 1 ? g->scale : 2;
	if (st == STYLE_TITLE || st == STYLE_TITLE_DIM)
		fill(g, x, y + g->cell_h - thin, w, thin, g->fg[STYLE_ACCENT]);
	else if (st == STYLE_STATUS || st == STYLE_KEY)
		fill(g, x, y, w, g->scale, g->fg[STYLE_HEAD]);
}
