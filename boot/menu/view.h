/* SPDX-License-Identifier: BSD-2-Clause */
/* The list and how it is drawn (view.c), a box over it (box.c), pages of text (pager.c). What they lead to: pages.h. */
#ifndef POD_MENU_VIEW_H
#define POD_MENU_VIEW_H

#include "boot/menu/screen.h"

#define ROW_FOLDER 0x80000000u

struct menu_view {
	bool flat;
	uint32_t folder;
	char search[96];
	uint32_t *row; /* index of an image, or ROW_FOLDER | index of a folder */
	size_t count;
	size_t selected;
};

/* Rebuilds the rows; keeps the selection on the same item where it is still there. */
void view_build(struct menu *m);
void view_select_image(struct menu *m, size_t image);
void view_draw(struct menu *m, struct menu_screen *s);
size_t view_page_rows(const struct menu_screen *s);
/* The list with this text on its last line, while something takes time. */
void view_busy(struct menu *m, const char *text);

/* A box with a sentence that stays until a key is pressed. */
void page_message(struct menu *m, const char *title, const char *text);
/* The same as a question; true for Enter. */
bool page_ask(struct menu *m, const char *title, const char *text);
/* The same before something that cannot be taken back. */
bool page_confirm(struct menu *m, const char *title, const char *text);
/* A line of printable ASCII to write, below the text; it begins as `line` has it. False: Esc, and it may have changed. */
bool page_write(struct menu *m, const char *title, const char *text, char *line, size_t size, const char *foot);

/* A list to choose from, in a box (choose.c); at least one line. */
struct menu_choice {
	const char *title, *foot;
	size_t count, selected;
	bool narrow; /* for lines of a few words, and without a foot */
	void (*line)(struct menu *m, const void *what, size_t i, char *out, size_t size);
	const void *what;
};
/* Shows it until a key is pressed that does not move in it; returns that key. */
uint32_t choice_run(struct menu *m, struct menu_choice *c);
/* The same, until Enter chooses one, or Esc, Backspace or Left none: then c->count. A digit moves to its line; Enter carries it out, since a
 * digit may be of an escape sequence that came in pieces. */
size_t choice_numbered(struct menu *m, struct menu_choice *c);

/* Pages of text (pager.c): lines, one string; a line may start with a mark. Zero-initialised; the caller frees `text`. */
enum { MARK_HEAD = 1, MARK_WARN = 2, MARK_PAIR = 3 };
struct menu_pager {
	char *text;
	size_t len, cap;
	bool short_of_memory;
	/* While no key is pressed: something to do; where its result is to be seen it writes the text anew. False: nothing is left. Or NULL. */
	bool (*meanwhile)(struct menu *m, struct menu_pager *p, void *ctx);
	void *ctx;
};
/* Forgets the text, to write it anew. */
void pager_empty(struct menu_pager *p);
void pager_add(struct menu *m, struct menu_pager *p, const char *t);
void pager_add_marked(struct menu *m, struct menu_pager *p, char mark, const char *t);
void pager_add_pair(struct menu *m, struct menu_pager *p, const char *what, const char *value);
/* Shows it; returns the key that ended it, none that scrolls. */
uint32_t pager_run(struct menu *m, const char *title, struct menu_pager *p, const char *foot);

#endif
