/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The menu. Its files are in layers, and call only their own and lower ones (tests/build/layers.py looks):
 *
 *   boot/text texts in the language in use;  font.h  glyphs
 *   screen.h  screens and keys
 *   stick.h   what is on the stick
 *   view.h    the list, boxes, pages of text
 *   pages.h   what a key leads to: pages, starts, the flight recorder
 *   main.c    the loop
 */
#ifndef POD_BOOT_MENU_H
#define POD_BOOT_MENU_H

#include "boot/boot.h"
#include "boot/menu/font.h"
#include "boot/menu/screen.h"
#include "boot/menu/stick.h"
#include "boot/text/text.h"
#include "boot/menu/view.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/plan/arguments.h"

/* What the scan and the plan of an image may take, beyond what sound ones need (POD_BUDGET_UNTIMED). */
#define MENU_SCAN_STEPS (UINT64_C(1) << 20)
#define MENU_MS		4000u
/* So long nobody presses a key: the images on the screen are looked at meanwhile. */
#define MENU_IDLE_MS 400u
/* Who presses Esc that soon did not mean this. */
#define MENU_ESC_AFTER_MS 800u

struct menu {
	struct pod_budget budget; /* of the stick: without limit but while it is scanned or an image is planned */
	uint64_t budget_since;	  /* millis */
	uint32_t key_ahead;	  /* one that was pressed meanwhile, or POD_KEY_NONE */
	struct menu_escape typed; /* of the firmware's keys */
	struct pod_fw *fw;
	struct pod_alloc *alloc;
	struct pod_conf *conf;
	struct menu_stick stick;
	struct menu_screen screen[SCREEN_MAX];
	uint32_t screens;
	struct menu_gfx gfx;
	struct menu_serial serial;
	struct menu_font font;
	void (*find_font)(struct menu *m); /* called once, when a glyph is wanted that is not compiled in */
	bool font_tried;
	uint32_t plain_row;
	struct menu_view view;
	bool probing_off;	  /* the stick does not like to be read */
	struct pod_dirent *entry; /* scratch */
	char path[POD_PATH_MAX];  /* scratch */
	uint32_t wim_image;	  /* for the next plan: which image of a WIM starts; 0: isopod.conf, or the WIM, says so */
	bool wim_images;	  /* for the next plan: look at all images of a WIM */
	char arguments[POD_ARGUMENTS_MAX]; /* for the next plan: kernel arguments for this start */
	struct pod_recorder recorder;
	struct pod_rec_boot *before; /* the last start, or NULL */
	char kept[512];		     /* of the start that begins: what became of the snapshot before it, or "" */
	char note[256];		     /* shown above the status line */
	const char *busy;	     /* shown there instead, while something takes time; NULL: nothing */
	uint64_t countdown_end;	     /* 0: none */
	uint32_t countdown_left;
	bool leave;
};

/* In functions that have a `struct menu *m`: the text for an English message in the language in use. */
#define T(s) FT(m->fw, s)

/* A status in the language in use. */
static inline const char *menu_status(const struct menu *m, enum pod_status st)
{
	return menu_status_text(m->fw->language, st);
}

/* Seconds since 1970 by the firmware's clock; 0: not known (date.c). */
int64_t menu_clock(struct menu *m);
/* "2026-05-17", with `time` "2026-05-17 19:30"; seconds since 1970 (date.c). */
void menu_date(char *buf, size_t size, int64_t seconds, bool time);

/* The language at the start, and F3 (language.c). False: the screen cannot show it, and English is used. */
bool language_open(struct menu *m);
void language_change(struct menu *m);
/* Notes that, where there is nothing else to note. */
void language_say_english(struct menu *m);
bool language_shows_chinese(const struct menu *m);

/* From now on reading the stick has an end, and ends with Esc (keys.c). */
void menu_budget_start(struct menu *m, uint64_t steps, uint64_t bytes);
void menu_budget_end(struct menu *m);

#endif
