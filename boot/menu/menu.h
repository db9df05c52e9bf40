/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The menu, shared by its files: what was found on the stick, the screens it is shown on, and the view.
 *
 * One set of pages is drawn on up to two screens (the firmware's, and the first serial port), each with its own size:
 * a page is a function that fills a grid of cells, and a screen sends only the cells that changed.
 */
#ifndef POD_BOOT_MENU_H
#define POD_BOOT_MENU_H

#include "boot/boot.h"
#include "boot/menu/text.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/rules/conf.h"

/* In functions that have a `struct menu *m`: the text for an English message in the language in use. */
#define T(s) FT(m->fw, s)
struct menu;
/* A status in the language in use. */
const char *menu_status(const struct menu *m, enum pod_status st);

/* --- glyphs (font.c) ------------------------------------------------------------------------------------------ */

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

/* --- screens (screen.c, gfx.c, serial.c) ------------------------------------------------------------------ */

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

struct menu_serial {
	/* decoder of what is typed there */
	uint8_t esc[8];
	uint32_t esc_len;
	uint64_t esc_since;
	uint32_t utf8_left, utf8_code;
	/* bytes not yet handed to the port */
	char out[512];
	size_t out_len;
	uint32_t pending; /* a key decoded together with another */
};
void serial_flush_screen(struct menu *m, struct menu_screen *s, bool everything);
void serial_out(struct menu *m, const char *t, size_t n);
void serial_drain(struct menu *m);
/* Next key from the serial port or POD_KEY_NONE. */
uint32_t serial_key(struct menu *m);

/* --- the stick (stick.c, scan.c) ---------------------------------------------------------------------------- */

#define SCAN_IMAGE_LIMIT  20000u
#define SCAN_FOLDER_LIMIT 20000u

struct menu_image {
	const char *name;
	uint32_t folder;
	struct pod_node node;
};

struct menu_folder {
	const char *name; /* "" for the root */
	uint32_t parent;
	uint32_t depth;
	uint32_t images; /* below it, at any depth */
	struct pod_node node;
};

struct menu_chunk {
	struct menu_chunk *next;
	size_t used, size;
};

struct menu_stick {
	struct pod_window data_window, esp_window;
	struct pod_cache data_cache, esp_cache, plan_cache;
	struct pod_fs data, esp;
	bool has_data, has_esp;
	enum pod_status table_status, data_status, esp_status;
	struct pod_stick_id id;

	struct menu_image *image;
	size_t image_count, image_cap;
	struct menu_folder *folder;
	size_t folder_count, folder_cap;
	struct menu_chunk *names;
	bool limited;	     /* more than the limits: not all are shown */
	uint32_t unreadable; /* folders that could not be read */
	bool has_conf;
	struct pod_node conf_node;

	bool has_state;
	uint64_t state_start; /* of the state file on the stick */
	struct pod_window state;
	struct pod_map font_map;
	struct pod_mapdev font_dev;
	struct pod_cache font_cache;
	enum pod_status shim_status;
	const char *shim_missing;
};

/* Opens partitions and filesystems; what is absent is noted, not an error. */
void stick_open(struct menu *m);
void stick_close(struct menu *m);
void stick_font(struct menu *m);
enum pod_status stick_shim(void *menu, enum pod_machine machine, struct pod_shim *out);
/* Walks the data partition. */
enum pod_status POD_MUST_USE scan_run(struct menu *m);
/* Full path of an image or folder; cut if `size` does not suffice. */
void scan_image_path(const struct menu_stick *s, size_t image, char *buf, size_t size);
void scan_folder_path(const struct menu_stick *s, uint32_t folder, char *buf, size_t size);
/* Index of the image with this path, or SIZE_MAX. */
size_t scan_find(const struct menu_stick *s, const char *path, char *scratch, size_t size);
/* Natural order: digits by value, ASCII case folded. */
int scan_natural_compare(const char *a, const char *b);

/* --- the flight recorder (record.c) ------------------------------------------------------------------------- */

/* Who chose the image, as POD_STAGE_CHOSEN tells it. */
enum start_choice { CHOSEN_BY_HAND = 0, CHOSEN_ONCE = 1, CHOSEN_DEFAULT = 2 };
/* Takes a number for this start and writes what the machine is. Says so in a note if the stick cannot be written. */
void record_open(struct menu *m);
void record_stage(struct menu *m, enum pod_stage stage, uint32_t arg);
void record_chosen(struct menu *m, size_t image, enum start_choice by);
void record_planned(struct menu *m, size_t image, const struct pod_plan *plan, size_t extents, enum pod_status st);
/* What the user is told at the end of a start. */
void record_message(struct menu *m, enum pod_status st, const char *text);

/* --- the last start (story.c) ----------------------------------------------------------------------------------- */

/* Reads its record into m->before. */
void story_load(struct menu *m, uint32_t boot);
/* Says in a note that it did not finish, if so. */
void story_note(struct menu *m);
void page_story(struct menu *m);

/* --- the view (view.c), pages (pages.c), start (start.c) ------------------------------------------------ */

#define ROW_FOLDER 0x80000000u

struct menu_view {
	bool flat;
	uint32_t folder;
	char search[96];
	uint32_t *row; /* index of an image, or ROW_FOLDER | index of a folder */
	size_t count;
	size_t selected;
};

struct menu {
	struct pod_fw *fw;
	struct pod_alloc *alloc;
	struct pod_conf *conf;
	struct menu_stick stick;
	struct menu_screen screen[SCREEN_MAX];
	uint32_t screens;
	struct menu_gfx gfx;
	struct menu_serial serial;
	struct menu_font font;
	bool font_tried;
	uint32_t plain_row;
	struct menu_view view;
	struct pod_dirent *entry; /* scratch */
	char path[POD_PATH_MAX];  /* scratch */
	struct pod_recorder recorder;
	struct pod_rec_boot *before; /* the last start, or NULL */
	char note[256];		     /* shown above the status line */
	const char *busy;	     /* shown there instead, while something takes time; NULL: nothing */
	uint64_t countdown_end;	     /* 0: none */
	uint32_t countdown_left;
	bool leave;
};

/* Rebuilds the rows; keeps the selection on the same item where it is still there. */
void view_build(struct menu *m);
void view_select_image(struct menu *m, size_t image);
void view_draw(struct menu *m, struct menu_screen *s);
void view_key(struct menu *m, uint32_t key);
size_t view_page_rows(const struct menu_screen *s);

/* Waits for a key; with a deadline (millis, 0 = none) returns POD_KEY_NONE when it passes. */
uint32_t menu_wait_key(struct menu *m, uint64_t deadline);
/* A box with a sentence that stays until a key is pressed. */
void page_message(struct menu *m, const char *title, const char *text);
/* The same as a question; true for Enter. */
bool page_ask(struct menu *m, const char *title, const char *text);
/* Pages of text (pager.c): lines, one string; a line may start with a mark. Zero-initialised; the caller frees `text`. */
enum { MARK_HEAD = 1, MARK_WARN = 2 };
struct menu_pager {
	char *text;
	size_t len, cap;
	bool short_of_memory;
};
void pager_add(struct menu *m, struct menu_pager *p, const char *t);
void pager_add_marked(struct menu *m, struct menu_pager *p, char mark, const char *t);
void pager_add_pair(struct menu *m, struct menu_pager *p, const char *what, const char *value);
/* Shows it; returns the key that ended it, none that scrolls. */
uint32_t pager_run(struct menu *m, const char *title, const struct menu_pager *p, const char *foot);

void page_help(struct menu *m);
void page_details(struct menu *m, size_t image);
void page_actions(struct menu *m);

void start_image(struct menu *m, size_t image, enum start_choice by);
/* Plans an image; on failure `text` holds the sentence. */
enum pod_status POD_MUST_USE start_plan(struct menu *m, size_t image, struct pod_plan *plan, size_t *extents, char *text,
					size_t size);

#endif
