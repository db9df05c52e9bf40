/* SPDX-License-Identifier: BSD-2-Clause */
/* The menu on sticks that have no end, without memory, and on all sorts of screens. */
#include "tests/unit/menu_looks.h"
#include "boot/menu/menu.h"

TEST(a_value_that_goes_on_stays_in_its_column)
{
	small_stick(NULL);
	RUN(POD_KEY_F1, SHOT(0));
	HAS(0, "  F7, #               start from memory; what isopod.conf starts from memory,\n"
	       "                      from the stick\n");
	stick_free(&stick);
}

TEST(six_hundred_images_in_one_folder)
{
	struct ex_dir d = {0};
	char name[64];
	stick_begin(&stick, 16 << 20, NULL);
	for (unsigned i = 0; i < 600; i++) {
		snprintf(name, sizeof name, "some-image-%u.iso", i * 7 % 600);
		ex_file(&stick.ex, &d, name, 4096, NULL, 0);
	}
	ex_subdir(&stick.ex, &stick.root, "images", &d);
	stick_end(&stick);
	fake_init(&fake, &stick, 80, 25);
	RUN(SHOT(0), POD_KEY_PGDN, SHOT(1), POD_KEY_END, SHOT(2), POD_KEY_HOME, SHOT(3));
	HAS(0, "600 images");
	HAS(0, "some-image-0.iso");
	HAS(0, "some-image-18.iso");
	HAS(1, "> some-image-20.iso");
	HAS(2, "> some-image-599.iso");
	CHECK_STR(shot[0], shot[3]);
	CHECK(stick.bytes_read < 160 << 10);
	stick_free(&stick);
}

TEST(three_hundred_folders_read_little)
{
	char name[64];
	stick_begin(&stick, 64 << 20, NULL);
	for (unsigned f = 0; f < 300; f++) {
		struct ex_dir d = {0};
		for (unsigned i = 0; i < 30; i++) {
			snprintf(name, sizeof name, "distribution-%u-%u-amd64.iso", f, i);
			ex_file(&stick.ex, &d, name, 4096, NULL, 0);
		}
		snprintf(name, sizeof name, "folder %u", f);
		ex_subdir(&stick.ex, &stick.root, name, &d);
	}
	stick_end(&stick);
	fake_init(&fake, &stick, 80, 25);
	RUN(SHOT(0), POD_KEY_F4, POD_KEY_LEFT, POD_KEY_HOME, SHOT(1));
	HAS(0, "9000 images");
	HAS(1, "folder 2/");
	CHECK(strstr(shot[1], "folder 2/") < strstr(shot[1], "folder 10/"));
	CHECK(stick.bytes_read < 3 << 19); /* 1.5 MiB */
	stick_free(&stick);
}

TEST(a_folder_that_contains_itself_ends)
{
	struct ex_dir d = {0};
	stick_begin(&stick, 8 << 20, NULL);
	ex_file(&stick.ex, &d, "a.iso", 4096, NULL, 0);
	ex_entry(&d, "loop", true, stick.ex.next, 4096, 4096);
	ex_entry(&d, "loop2", true, stick.ex.next, 4096, 4096);
	ex_subdir(&stick.ex, &stick.root, "loop", &d);
	stick_end(&stick);
	fake_init(&fake, &stick, 80, 25);
	RUN(SHOT(0));
	HAS(0, "2 folders contain themselves");
	HAS(0, "a.iso");
	HAS(0, "1 image");
	CHECK_EQ(test_alloc_live, 0);
	stick_free(&stick);
}

/* 40 names for a folder of 4 MiB that holds nothing, in front of an image. */
static void endless_stick(void)
{
	char name[16];
	stick_begin(&stick, 16 << 20, NULL);
	uint32_t c = ex_alloc(&stick.ex, 4 << 20);
	memset(ex_at(&stick.ex, c), 5, 4 << 20);
	for (unsigned i = 0; i < 40; i++) {
		snprintf(name, sizeof name, "folder %u", i);
		ex_entry(&stick.root, name, true, c, 4 << 20, 4 << 20);
	}
	ex_file(&stick.ex, &stick.root, "sound.iso", 4096, NULL, 0);
	stick_end(&stick);
	fake_init(&fake, &stick, 80, 25);
}

TEST(a_search_without_end_ends)
{
	endless_stick();
	RUN(SHOT(0));
	HAS(0, "too many folders and files to search all");
	HAS(0, "sound.iso");
	CHECK(stick.bytes_read < 64 << 20);
	stick_free(&stick);
}

TEST(a_search_on_a_slow_stick_ends_by_the_clock_and_by_esc)
{
	endless_stick();
	stick.clock = &fake.now;
	stick.ms_per_read = 1;
	uint64_t from = fake.now;
	RUN(WAIT(9000), SHOT(0));
	HAS(0, "too many folders and files to search all");
	HAS(0, "sound.iso");
	CHECK(stick.reads < 5000);
	fake_init(&fake, &stick, 80, 25);
	stick.clock = &fake.now;
	stick.reads = 0;
	from = fake.now;
	RUN(POD_KEY_ESC, SHOT(0), POD_KEY_DOWN);
	HAS(0, "stopped with Esc");
	HAS(0, "sound.iso");
	CHECK(stick.reads < 1500 && fake.now - from < 2000);
	CHECK_EQ(test_alloc_live, 0);
	stick_free(&stick);
}

/* An image whose root folder is 30 MiB of zeros, on a slow stick: Esc leads back to the list, and other keys are not lost. */
TEST(esc_leads_back_from_a_plan)
{
	stick_begin(&stick, 64 << 20, NULL);
	make_iso(iso, "ENDLESS");
	pod_put_le32(iso + 16 * 2048 + 156 + 10, 30 << 20);
	pod_put_be32(iso + 16 * 2048 + 156 + 14, 30 << 20);
	ex_file(&stick.ex, &stick.root, "endless.iso", 32 << 20, iso, sizeof iso);
	ex_file(&stick.ex, &stick.root, "other.iso", 4096, NULL, 0);
	stick_end(&stick);
	for (int tab = 0; tab < 2; tab++) {
		fake_init(&fake, &stick, 80, 25);
		stick.clock = &fake.now;
		stick.ms_per_read = 1;
		stick.reads = 0;
		if (tab)
			RUN(POD_KEY_TAB, POD_KEY_ESC, SHOT(0), POD_KEY_DOWN, SHOT(1));
		else
			RUN(POD_KEY_ENTER, POD_KEY_ESC, SHOT(0), POD_KEY_DOWN, SHOT(1));
		HAS(0, "> endless.iso");
		LACKS(0, "any key");
		HAS(1, "> other.iso");
		CHECK(stick.reads < 2000);
		CHECK_EQ(fake.starts, 0);
		CHECK_EQ(test_alloc_live, 0);
	}
	/* Nobody presses anything: the plan is cut off, and says so. */
	fake_init(&fake, &stick, 80, 25);
	stick.clock = &fake.now;
	stick.reads = 0;
	RUN(POD_KEY_TAB, WAIT(20000), SHOT(0));
	HAS(0, "than are searched");
	CHECK(stick.reads < 9000);
	stick_free(&stick);
}

/* Memory may run out at any allocation: the menu then says so or goes on, and gives everything back. */
TEST(no_memory_anywhere)
{
	static const uint32_t script[] = {POD_KEY_TAB, ' ', POD_KEY_ESC, POD_KEY_ENTER, ' '};
	small_stick("view = flat\n");
	for (long at = 1; at < 400; at++) {
		fake_init(&fake, &stick, 80, 25);
		test_alloc_count = 0;
		test_alloc_live = 0;
		test_alloc_fail_at = at;
		fake_run(&fake, script, POD_ARRAY_LEN(script), keep);
		if (test_alloc_live) {
			printf("allocation %ld failed: %ld not given back\n", at, test_alloc_live);
			CHECK(test_alloc_live == 0);
			break;
		}
		if (test_alloc_count < at)
			break;
	}
	test_alloc_fail_at = 0;
	CHECK(test_alloc_count > 10);
	stick_free(&stick);
}

/* Every glyph of the source font comes out of FONT.BIN, and nothing else does. */
TEST(the_font_file_holds_unifont)
{
	static uint8_t font[4 << 20];
	static char line[256];
	static bool seen[0x10000];
	FILE *f = fopen(FONT_FILE, "rb"), *hex = fopen("/usr/share/unifont/unifont.hex", "r");
	REQUIRE(f && hex);
	size_t n = fread(font, 1, sizeof font, f);
	fclose(f);
	CHECK(n <= 1700 << 10);
	struct pod_memdev mem;
	struct menu_font mf = {0};
	struct menu_glyph g;
	pod_memdev_init(&mem, font, n, 512, true);
	REQUIRE(menu_font_open(&mf, &mem.dev, NULL) == POD_OK);
	unsigned wrong = 0, count = 0;
	while (fgets(line, sizeof line, hex)) {
		unsigned code, b;
		int at;
		if (sscanf(line, "%x:%n", &code, &at) != 1 || code > 0xffff || code < 0x20 || (code >= 0xd800 && code < 0xf900))
			continue;
		seen[code] = true;
		count++;
		bool ok = menu_font_glyph(&mf, code, &g) && g.code == code && g.wide == (strlen(line + at) > 60);
		for (unsigned i = 0; ok && i < (g.wide ? 32u : 16u); i++)
			ok = sscanf(line + at + 2 * i, "%2x", &b) == 1 && b == g.bits[i];
		wrong += !ok;
	}
	fclose(hex);
	CHECK_EQ(wrong, 0);
	CHECK(count > 50000);
	for (uint32_t c = 0; c < 0x10000; c++)
		if (!seen[c])
			wrong += menu_font_glyph(&mf, c, &g);
	CHECK_EQ(wrong, 0);
	font[0x30] ^= 1;
	CHECK_EQ(menu_font_open(&mf, &mem.dev, NULL), POD_E_CORRUPT);
}

static void nothing(struct fake *f, unsigned n)
{
	(void)f;
	(void)n;
}

/* Every page on small and odd screens: the sanitizers watch the bounds. */
TEST(all_pages_on_odd_screens)
{
	static const uint32_t script[] = {POD_KEY_DOWN, SHOT(0),     POD_KEY_TAB, POD_KEY_PGDN, POD_KEY_ESC,   POD_KEY_F1,
					  POD_KEY_END,	POD_KEY_ESC, POD_KEY_F3,  POD_KEY_F1,	POD_KEY_DOWN,  POD_KEY_PGUP,
					  'x',		POD_KEY_ESC, POD_KEY_UP,  POD_KEY_ESC,	POD_KEY_ENTER, 'x',
					  'd',		'e',	     'b',	  POD_KEY_ESC,	POD_KEY_F4,    POD_KEY_LEFT};
	static const uint32_t text[][2] = {{40, 12}, {41, 13}, {80, 25}, {132, 60}, {200, 100}};
	static const uint32_t fb[][3] = {{320, 200, 0}, {641, 479, 3}, {800, 600, 64}, {1366, 768, 0}, {3840, 2160, 0}};
	small_stick("timeout = 1\ndefault = /nowhere.iso\n");
	for (size_t i = 0; i < POD_ARRAY_LEN(text); i++) {
		fake_init(&fake, &stick, text[i][0], text[i][1]);
		fake_run(&fake, script, POD_ARRAY_LEN(script), keep);
		HAS(0, "debian-12");
	}
	for (size_t i = 0; i < POD_ARRAY_LEN(fb); i++) {
		fake_init(&fake, &stick, 0, 0);
		fake.fw.text_put = NULL;
		uint32_t pitch = (fb[i][0] + fb[i][2]) * 4;
		/* exactly as many bytes as the mode has */
		uint8_t *base = malloc((size_t)pitch * (fb[i][1] - 1) + fb[i][0] * 4);
		fake.fw.fb = (struct pod_fb){base, fb[i][0], fb[i][1], pitch, i & 1};
		fake_run(&fake, script, POD_ARRAY_LEN(script), nothing);
		free(base);
	}
	CHECK_EQ(test_alloc_live, 0);
	stick_free(&stick);
}

static uint32_t fb_mem[600][800];

static void look_at_pixels(struct fake *f, unsigned n)
{
	(void)f;
	/* row 3 of the list holds the selection first, row 4 after one key down; cells are 8 x 24 */
	uint32_t a = fb_mem[3 * 24 + 1][400], b = fb_mem[4 * 24 + 1][400];
	CHECK(n == 0 ? a != b : fb_mem[5 * 24 + 1][400] == a);
	static uint32_t first;
	if (n == 0)
		first = a;
	else
		CHECK(b == first);
	unsigned ink = 0;
	for (int y = 3 * 24; y < 4 * 24; y++)
		for (int x = 16; x < 16 + 8 * 12; x++)
			ink += fb_mem[y][x] != fb_mem[3 * 24 + 1][400];
	CHECK(ink > 100 && ink < 1500);
}

TEST(the_frame_buffer_shows_the_selection)
{
	small_stick(NULL);
	fake_init(&fake, &stick, 0, 0);
	fake.fw.text_put = NULL;
	fake.fw.fb = (struct pod_fb){(uint8_t *)fb_mem, 800, 600, 3200, true};
	static const uint32_t script[] = {SHOT(0), POD_KEY_DOWN, SHOT(1)};
	fake_run(&fake, script, POD_ARRAY_LEN(script), look_at_pixels);
	stick_free(&stick);
}

TEST(lines_wrap_at_spaces_and_between_ideographs)
{
	size_t skip;
	CHECK_EQ(text_wrap("hello world", 8, &skip), 5);
	CHECK_EQ(skip, 1);
	CHECK_EQ(text_wrap("hello world", 5, &skip), 5);
	CHECK_EQ(skip, 1);
	CHECK_EQ(text_wrap("hello", 5, &skip), 5);
	CHECK_EQ(skip, 0);
	CHECK_EQ(text_wrap("abcdefgh", 3, &skip), 3);
	CHECK_EQ(text_wrap("ab\ncd", 20, &skip), 2);
	CHECK_EQ(skip, 1);
	CHECK_EQ(text_wrap("\nab", 20, &skip), 0);
	CHECK_EQ(text_wrap("中文字符", 5, &skip), 6);
	CHECK_EQ(skip, 0);
	/* a full stop does not start a line */
	CHECK_EQ(text_wrap("中文。", 4, &skip), 3);
	/* a character wider than the line still makes progress */
	CHECK(text_wrap("中", 1, &skip) > 0);
}
