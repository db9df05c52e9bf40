/* SPDX-License-Identifier: BSD-2-Clause */
/* Kernel arguments for one start: the line they are written in, the disk that is started, the record, and what the last start had. */
#include "tests/unit/menu_looks.h"
#include "boot/menu/pages.h"

static char started_menu[256]; /* of the virtual disk */
static struct pod_rec_boot boot;

/* The configuration as the directory of the served disk names it. */
static enum pod_status start(struct pod_fw *fw, struct pod_plan *plan, const char *path, char *msg, size_t size)
{
	struct fake *f = fw->ctx;
	uint8_t dir[2048];
	(void)path;
	f->starts++;
	msg[0] = 0;
	CHECK(pod_map_read(&plan->map, fw->disk, 23 * 2048, dir, sizeof dir) == POD_OK);
	size_t n = pod_get_le32(dir + 68 + 10);
	memset(started_menu, 0, sizeof started_menu);
	CHECK(n < sizeof started_menu &&
	      pod_map_read(&plan->map, fw->disk, pod_get_le32(dir + 68 + 2) * 2048ull, started_menu, n) == POD_OK);
	pod_strlcpy(msg, "The loader came back.", size);
	return POD_OK;
}

static void iso_with_menu(const char *text)
{
	make_iso(iso, "LIVE");
	uint8_t *r = iso + 23 * 2048 + 68;
	r[0] = 44;
	pod_put_le32(r + 2, 24);
	pod_put_be32(r + 6, 24);
	pod_put_le32(r + 10, (uint32_t)strlen(text));
	pod_put_be32(r + 14, (uint32_t)strlen(text));
	pod_put_le16(r + 28, 1);
	pod_put_be16(r + 30, 1);
	r[32] = 10;
	memcpy(r + 33, "GRUB.CFG;1", 10);
	memcpy(iso + 24 * 2048, text, strlen(text));
}

static void power_on(void)
{
	fake_init(&fake, &stick, 80, 25);
	fake.fw.name = "UEFI x64";
	fake.fw.firmware_bit = POD_FW_BIOS | POD_FW_X64; /* the image starts on BIOS; the menu can be left on UEFI */
	fake.fw.start = start;
}

static void one_image(const char *menu)
{
	stick_begin(&stick, 16 << 20, FONT_FILE);
	iso_with_menu(menu);
	ex_file(&stick.ex, &stick.root, "live.iso", ISO_SIZE, iso, ISO_SIZE);
	stick_end(&stick);
	power_on();
}

static bool load(uint32_t n)
{
	struct pod_memdev m;
	pod_memdev_init(&m, stick.disk + stick.esp_start + stick.state, POD_STATE_SIZE, 512, true);
	return pod_rec_read(&m.dev, &test_alloc, n, &boot) == POD_OK;
}

#define LIVE "menuentry Live {\n linux /k quiet\n initrd /i\n}\n"

TEST(words_are_written_and_given)
{
	one_image(LIVE);
	RUN(POD_KEY_TAB, SHOT(0), 'k', SHOT(1), 'b', 'a', ' ', POD_KEY_LEFT, POD_KEY_LEFT, POD_KEY_BACKSPACE, POD_KEY_END, '-',
	    'q', 'u', 'i', 'e', 't', POD_KEY_HOME, 'x', '=', POD_KEY_RIGHT, POD_KEY_DEL, ' ', SHOT(2), POD_KEY_ENTER, SHOT(3));
	HAS(0, "K                   start with other kernel arguments");
	HAS(1, "Kernel arguments for this start");
	HAS(2, "x=a -quiet");
	HAS(3, "The loader came back.");
	CHECK_EQ(fake.starts, 1);
	CHECK_STR(started_menu, "menuentry Live {\n linux /k x=a\n initrd /i\n}\n");
	REQUIRE(load(1));
	CHECK_STR(boot.progress.arguments, "x=a -quiet");
	CHECK_EQ(test_alloc_live, 0);
	stick_free(&stick);
}

TEST(escape_changes_nothing_and_the_next_start_has_none)
{
	one_image(LIVE);
	RUN(POD_KEY_F8, 'a', POD_KEY_ESC, SHOT(0), '"', 'b', POD_KEY_ENTER, ' ', POD_KEY_ENTER);
	HAS(0, "live.iso");
	LACKS(0, "Kernel arguments");
	CHECK_EQ(fake.starts, 2);
	CHECK_STR(started_menu, LIVE);
	REQUIRE(load(1));
	CHECK_STR(boot.progress.arguments, "b");
	REQUIRE(load(2));
	CHECK_STR(boot.progress.arguments, "");
	stick_free(&stick);
}

TEST(what_cannot_be_given_is_said)
{
	one_image("menuentry Windows {\n chainloader /x.efi\n}\n");
	RUN(POD_KEY_F8, '\'', POD_KEY_ENTER, SHOT(0), ' ', SHOT(1), POD_KEY_BACKSPACE, 'a', POD_KEY_ENTER, SHOT(2));
	HAS(0, "a backslash, which boot");
	HAS(1, "'");
	HAS(2, "cannot be given kernel arguments");
	CHECK_EQ(fake.starts, 0);
	stick_free(&stick);
}

/* A menu that is too long to be changed: that is the reason, and it is told. */
TEST(why_they_cannot_be_given_is_said)
{
	enum { LEN = 300 << 10 };
	static uint8_t big[24 * 2048 + LEN];
	stick_begin(&stick, 16 << 20, FONT_FILE);
	iso_with_menu(LIVE);
	memcpy(big, iso, 25 * 2048);
	memset(big + 24 * 2048 + strlen(LIVE), '\n', LEN - strlen(LIVE));
	pod_put_le32(big + 23 * 2048 + 68 + 10, LEN);
	pod_put_be32(big + 23 * 2048 + 68 + 14, LEN);
	ex_file(&stick.ex, &stick.root, "live.iso", sizeof big, big, sizeof big);
	stick_end(&stick);
	power_on();
	RUN(POD_KEY_F8, 'a', POD_KEY_ENTER, SHOT(0));
	HAS(0, "cannot be given kernel arguments. GRUB.CFG: this boot menu");
	CHECK_EQ(fake.starts, 0);
	stick_free(&stick);
}

/* A long line moves along under the cursor; what does not fit is not taken. */
TEST(a_long_line)
{
	static uint32_t script[POD_ARGUMENTS_MAX + 12];
	size_t n = 0;
	one_image(LIVE);
	script[n++] = POD_KEY_F8;
	for (unsigned i = 0; i < POD_ARGUMENTS_MAX + 4; i++)
		script[n++] = 'a' + i % 26;
	script[n++] = SHOT(0);
	script[n++] = POD_KEY_HOME;
	script[n++] = SHOT(1);
	script[n++] = POD_KEY_ENTER;
	memset(shot, 0, sizeof shot);
	fake_run(&fake, script, n, keep);
	HAS(0, "vwxyzabcdefghi\n"); /* 191 characters: the last is an i */
	LACKS(0, "aabc");
	HAS(1, " abcdefghijklmnopqrstuvwxyzabc");
	REQUIRE(load(1));
	CHECK_EQ(strlen(boot.progress.arguments), POD_ARGUMENTS_MAX - 1);
	stick_free(&stick);
}

TEST(the_story_tells_them_and_offers_more)
{
	static const char log[] = "<3>[    2.0] irq 16: nobody cared (try booting with the \"irqpoll\" option)\n";
	static struct pod_rec_linux sys = {.log_len = sizeof log - 1};
	uint8_t s[POD_REC_SECTOR];
	struct pod_memdev m;
	one_image(LIVE);
	RUN(POD_KEY_F8, 'a', '=', 'b', POD_KEY_ENTER);
	REQUIRE(load(1));
	/* as if it had not come back */
	pod_memdev_init(&m, stick.disk + stick.esp_start + stick.state, POD_STATE_SIZE, 512, false);
	(void)pod_stages_add(&sys.stages, POD_STAGE_SHIM_STARTED, 0, 0);
	(void)pod_stages_add(&sys.stages, POD_STAGE_RESCUE_SHELL, 9, 0);
	pod_rec_put_linux(s, &sys);
	pod_rec_seal(s, 1, 1);
	CHECK(pod_rec_write(&m.dev, 1, POD_REC_AT_SYSTEM, s) == POD_OK);
	CHECK(pod_rec_write_log(&m.dev, 1, log, sizeof log - 1) == POD_OK);
	power_on();
	RUN(POD_KEY_F5, SHOT(0), 'k', SHOT(1), POD_KEY_ENTER);
	HAS(0, "Kernel arguments    a=b");
	HAS(1, "a=b acpi_noirq");
	CHECK_EQ(fake.starts, 1);
	CHECK_STR(started_menu, "menuentry Live {\n linux /k quiet a=b acpi_noirq\n initrd /i\n}\n");
	CHECK_EQ(test_alloc_live, 0);
	stick_free(&stick);
}
