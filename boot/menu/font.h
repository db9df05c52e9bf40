/* SPDX-License-Identifier: BSD-2-Clause */
/* Glyphs. */
#ifndef POD_MENU_FONT_H
#define POD_MENU_FONT_H

#include "core/disk/dev.h"

#define FONT_ROWS	 16u
#define FONT_GLYPH_BYTES 32u
#define FONT_CACHE	 512u /* power of two */

struct menu_glyph {
	uint32_t code; /* 0: empty slot */
	bool wide;     /* 16 pixels: two bytes a row; else one byte a row */
	uint8_t bits[FONT_GLYPH_BYTES];
};

/* Compiled in: runs of consecutive code points of one width. */
struct menu_glyph_run {
	uint16_t first, count;
	uint32_t offset; /* in menu_builtin_bits */
	bool wide;
};
extern const struct menu_glyph_run menu_builtin_run[];
extern const size_t menu_builtin_run_count;
extern const uint8_t menu_builtin_bits[];

struct menu_font {
	struct pod_dev *file; /* FONT.BIN, or NULL: only the compiled-in glyphs */
	uint32_t size;
	uint32_t block[256]; /* offsets of the blocks of 256 code points, 0 = none */
	struct menu_glyph *cache;
};

/* Reads header and index of a font file. */
enum pod_status POD_MUST_USE menu_font_open(struct menu_font *f, struct pod_dev *file, struct pod_diag *diag);
/* Is this glyph compiled in? */
bool menu_font_builtin(uint32_t code);
/* The glyph for a code point; false if there is none. */
bool menu_font_glyph(struct menu_font *f, uint32_t code, struct menu_glyph *out);

#endif
