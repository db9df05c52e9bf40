/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Screens and keys. One set of pages is drawn on up to two screens (the firmware's, and the first serial port), each with its own
 * size: a page is a function that fills a grid of cells, and a screen sends only the cells that changed.
 */
#ifndef POD_MENU_SCREEN_H
#define POD_MENU_SCREEN_H

#include "boot/boot.h"
#include "boot/menu/font.h"

struct menu;

enum menu_style {
	STYLE_TEXT,
	STYLE_DIM,
	STYLE_TITLE,
	STYLE_TITLE_DIM,
	STYLE_HEAD,
	STYLE_SELECTED,
	STYLE_SELECTED_DIM,
	STYLE_FOLDER,
	STYLE_ACCENT,
	STYLE_STATUS,
	STYLE_KEY,
	STYLE_WARN,
	STYLE_BOX,
	STYLE_BOX_TITLE,
	STYLE_BOX_DIM,
	STYLE_COUNT,
};

/* A cell: code point in bits 0..20, style in bits 24..31. The right half of a wide glyph holds CELL_TAIL. */
#define CELL_TAIL    0x1fffffu
#define CELL_UNKNOWN 0xffffffffu
static inline uint32_t cell_code(uint32_t c)
{
	return c & 0x1fffff;
}
static inline enum menu_style cell_style(uint32_t c)
{
	return (enum menu_style)(c >> 24);
}

enum screen_kind { SCREEN_NONE, SCREEN_FB, SCREEN_TEXT, SCREEN_SERIAL };

struct menu_screen {
	enum screen_kind kind;
	uint32_t cols, rows;
	uint32_t *want, *shown; /* cols * rows each */
	size_t top;		/* first list row this screen shows */
};

#define SCREEN_MAX 2

enum pod_status POD_MUST_USE screen_init(struct menu *m);
void screen_fini(struct menu *m);
/* After somebody else had the screens: takes over a frame buffer that changed, and redraws everything at the next flush. */
void screen_restore(struct menu *m);
void screen_clear(struct menu_screen *s, enum menu_style st);
void screen_fill(struct menu_screen *s, uint32_t col, uint32_t row, uint32_t cols, enum menu_style st);
void screen_put(struct menu_screen *s, uint32_t col, uint32_t row, uint32_t code, enum menu_style st);
/* Writes UTF-8 text in at most `width` cells; what does not fit is cut with an ellipsis at the end. Returns cells used. */
uint32_t screen_text(struct menu_screen *s, uint32_t col, uint32_t row, uint32_t width, enum menu_style st, const char *t);
/* The same for a name: cut in the middle, because endings tell images apart. */
uint32_t screen_name(struct menu_screen *s, uint32_t col, uint32_t row, uint32_t width, enum menu_style st, const char *t);
/* Sends what changed to every screen. */
void screen_flush(struct menu *m);
/* Forgets what the screens show, so that the next flush sends everything. */
void screen_invalidate(struct menu *m);
/* Leaves the pages: clears all screens and prints lines at the top of each, for what comes before a start. */
void screen_plain(struct menu *m);
void screen_line(struct menu *m, const char *t);
/* On as many lines as it takes. */
void screen_lines(struct menu *m, const char *t);
/* Cells a code point takes: 0 (combining), 1 or 2. */
unsigned cell_width(uint32_t code);
unsigned text_width(const char *t);
/* Length in bytes of the first line of `t` wrapped at `width` cells; *skip bytes more belong to the break. */
size_t text_wrap(const char *t, unsigned width, size_t *skip);

struct menu_gfx {
	struct pod_fb fb;
	uint32_t scale, cell_w, cell_h, pad_top; /* pixels */
	uint32_t rows;
	uint32_t left, top; /* margin that centres the grid */
	uint32_t fg[STYLE_COUNT], bg[STYLE_COUNT];
};
void gfx_init(struct menu_gfx *g, const struct pod_fb *fb, uint32_t *cols, uint32_t *rows);
void gfx_clear(struct menu_gfx *g);
void gfx_cell(struct menu_gfx *g, struct menu_font *f, uint32_t col, uint32_t row, uint32_t code, bool wide, enum menu_style st);

#define SERIAL_COLS 80u
#define SERIAL_ROWS 24u

/* The decoder of escape sequences (escape.c). Zero-initialised. */
struct menu_escape {
	uint8_t seq[8]; /* behind ESC */
	uint32_t len;
	uint64_t since;	  /* of its last character, + 1; 0: in no sequence */
	uint32_t pending; /* a key that came with another */
};
/* A character this long after the one before is not of its sequence: on a line to a terminal, which a network may lie in, and at
 * a keyboard, where all of one comes at once and Esc alone is to be quick. */
#define ESCAPE_LINE_MS	   500u
#define ESCAPE_KEYBOARD_MS 40u
/* Takes a key; returns the one that it is or completes, or POD_KEY_NONE. `now` in milliseconds. */
uint32_t escape_key(struct menu_escape *e, uint32_t key, uint64_t now);
/* Without a further key: one that waits, or ESC alone once `limit_ms` are over. */
uint32_t escape_wait(struct menu_escape *e, uint64_t now, uint32_t limit_ms);

struct menu_serial {
	/* what is typed there */
	struct menu_escape typed;
	char utf8[4];
	uint32_t utf8_len, utf8_left;
	/* bytes not yet handed to the port */
	char out[512];
	size_t out_len;
};
void serial_flush_screen(struct menu *m, struct menu_screen *s, bool everything);
void serial_out(struct menu *m, const char *t, size_t n);
void serial_drain(struct menu *m);
/* Next key from the serial port or POD_KEY_NONE. */
uint32_t serial_key(struct menu *m);

/* --- keys (keys.c) --------------------------------------------------------------------------------------------- */

/* The key that was pressed, or POD_KEY_NONE. */
uint32_t menu_key(struct menu *m);
/* Waits for a key; with a deadline (millis, 0 = none) returns POD_KEY_NONE when it passes. */
uint32_t menu_wait_key(struct menu *m, uint64_t deadline);
/* Forgets the keys that are waiting. */
void menu_drop_keys(struct menu *m);

#endif
