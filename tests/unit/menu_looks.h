/* SPDX-License-Identifier: BSD-2-Clause */
/* A small stick, a run of the menu on it, and what its screens and the serial port showed: for tests that look at them. */
#ifndef POD_TESTS_MENU_LOOKS_H
#define POD_TESTS_MENU_LOOKS_H

#include "tests/unit/menu_stick.h"

static struct stick stick;
static struct fake fake;
static uint8_t iso[ISO_SIZE];
static char shot[8][65536], serial_shot[8][65536];
static size_t serial_from, serial_to[8];

/* Keeps screen n, and what went to the serial port since the last look. */
static void keep(struct fake *f, unsigned n)
{
	snprintf(shot[n], sizeof shot[n], "%s", fake_text(f));
	snprintf(serial_shot[n], sizeof serial_shot[n], "%s", f->serial + serial_from);
	serial_from = serial_to[n] = f->serial_len;
}

#define RUN(...) RUN_LOOKING(keep, __VA_ARGS__)
#define RUN_LOOKING(look, ...)                                                                                                   \
	do {                                                                                                                     \
		static const uint32_t script_[] = {__VA_ARGS__};                                                                 \
		memset(shot, 0, sizeof shot);                                                                                    \
		serial_from = 0;                                                                                                 \
		fake_run(&fake, script_, POD_ARRAY_LEN(script_), look);                                                          \
	} while (0)

#define HAS(n, text)   CHECK(strstr(shot[n], text))
#define LACKS(n, text) CHECK(!strstr(shot[n], text))

/* Four images, and files that are none. */
static inline void small_stick(const char *conf)
{
	struct ex_dir images = {0}, tools = {0}, skipped = {0};
	stick_begin(&stick, 16 << 20, FONT_FILE);
	size_t n = make_iso(iso, "DEBIAN");
	if (conf)
		ex_file(&stick.ex, &stick.root, "isopod.conf", strlen(conf), conf, strlen(conf));
	ex_file(&stick.ex, &images, "debian-12.iso", ISO_SIZE, iso, n);
	ex_file(&stick.ex, &images, "debian-9.ISO", ISO_SIZE, iso, n);
	ex_file(&stick.ex, &images, "notes.txt", 10, "0123456789", 10);
	ex_file(&stick.ex, &images, "._debian-12.iso", 100, NULL, 0);
	ex_file(&stick.ex, &tools, "启动修复 工具.iso", ISO_SIZE, iso, n);
	ex_file(&stick.ex, &stick.root, "Zeta.iso", 0, NULL, 0);
	ex_file(&stick.ex, &skipped, "thrown-away.iso", ISO_SIZE, iso, n);
	ex_subdir(&stick.ex, &images, "更多", &tools);
	ex_subdir(&stick.ex, &stick.root, "Images", &images);
	ex_subdir(&stick.ex, &stick.root, "$RECYCLE.BIN", &skipped);
	stick_end(&stick);
	fake_init(&fake, &stick, 80, 25);
}

#endif
