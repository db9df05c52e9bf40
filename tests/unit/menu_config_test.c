/* SPDX-License-Identifier: BSD-2-Clause */
/* What isopod.conf, a choice of the command and the language last chosen do to the menu. */
#include "tests/unit/menu_looks.h"
#include "boot/menu/menu.h"

TEST(chinese_from_the_configuration_and_by_key)
{
	small_stick("\xef\xbb\xbf# a comment\r\nLanguage = zh_CN\r\n");
	RUN(SHOT(0), POD_KEY_F3, SHOT(1), POD_KEY_F1, SHOT(2), 'x', '|', '?', SHOT(3));
	HAS(0, "全 部 映 像");
	HAS(1, "All images");
	HAS(2, "Isopod starts the images");
	HAS(3, "重 绘 屏 幕");
	stick_free(&stick);
}

TEST(texts_of_the_planner_are_translated)
{
	char buf[400];
	CHECK_STR(
		menu_translate_filled(POD_LANG_ZH_CN,
				      "The virtual disk is made of 4 files on top of each other: Windows may not start from more "
				      "than 3.",
				      buf, sizeof buf),
		"此虚拟磁盘由 4 个层叠的文件组成：超过 3 个时 Windows 可能无法启动。");
	CHECK_STR(menu_translate_filled(POD_LANG_ZH_CN,
					"live/initrd.img: the initrd is split or cut off; it is served unchanged.", buf,
					sizeof buf),
		  "live/initrd.img：initrd 不连续或不完整，保持原样。");
	CHECK_STR(menu_translate_filled(POD_LANG_ZH_CN, "Joliet directory record points at the served initrd", buf, sizeof buf),
		  "Joliet 目录记录指向附加助手后的 initrd");
	CHECK_STR(menu_translate_filled(POD_LANG_ZH_CN, "something new: with 7 words", buf, sizeof buf),
		  "something new: with 7 words");
	CHECK_STR(menu_translate_filled(POD_LANG_EN, "hard disk", buf, sizeof buf), "hard disk");
	/* a small buffer is filled, not overrun */
	menu_translate_filled(POD_LANG_ZH_CN, "live/initrd.img: the initrd is split or cut off; it is served unchanged.", buf,
			      20);
	CHECK_EQ(strlen(buf), 19);
}

TEST(timeout_starts_the_default_and_a_key_stops_it)
{
	small_stick("timeout = 3\ndefault = Images/debian-12.iso\n");
	fake.fw.firmware_bit = POD_FW_BIOS | POD_FW_X64;
	RUN(WAIT(1500), SHOT(0), WAIT(3000), SHOT(1));
	HAS(0, "Starting in 2 s: debian-12.iso");
	CHECK_EQ(fake.starts, 1);
	CHECK_STR(fake.started, "/Images/debian-12.iso");
	fake_init(&fake, &stick, 80, 25);
	fake.fw.firmware_bit = POD_FW_BIOS | POD_FW_X64;
	RUN(WAIT(500), POD_KEY_DOWN, WAIT(9000), SHOT(0));
	CHECK_EQ(fake.starts, 0);
	LACKS(0, "Starting in");
	HAS(0, "> debian-12.iso");
	stick_free(&stick);
}

TEST(a_default_that_is_gone_is_told)
{
	small_stick("timeout = 0\ndefault = /gone.iso\n");
	RUN(SHOT(0));
	HAS(0, "the default is not on the stick: /gone.iso");
	CHECK_EQ(fake.starts, 0);
	stick_free(&stick);
}

static void choose(const char *path)
{
	struct pod_window w;
	CHECK(pod_window_init(&w, &stick.dev, stick.esp_start + stick.state, POD_STATE_SIZE) == POD_OK);
	CHECK(pod_state_next_set(&w.dev, &test_alloc, path) == POD_OK);
}

TEST(a_configuration_that_is_not_read_is_told)
{
	static const char conf[] = "timeout = 3\n";
	struct ex_dir images = {0};
	for (int both = 0; both < 2; both++) {
		stick_begin(&stick, 8 << 20, NULL);
		ex_file(&stick.ex, &stick.root, "Isopod.conf.txt", sizeof conf - 1, conf, sizeof conf - 1);
		if (both)
			ex_file(&stick.ex, &stick.root, "isopod.conf", sizeof conf - 1, conf, sizeof conf - 1);
		ex_file(&stick.ex, &images, "isopod.txt", 1, "x", 1); /* nothing to do with it there */
		ex_file(&stick.ex, &images, "dos.flp", 1474560, NULL, 0);
		ex_subdir(&stick.ex, &stick.root, "images", &images);
		stick_end(&stick);
		fake_init(&fake, &stick, 80, 25);
		RUN(SHOT(0));
		HAS(0, "dos.flp");
		CHECK_EQ(strstr(shot[0], "Isopod.conf.txt is not read: its name must be isopod.conf and nothing more") == NULL,
			 both);
		stick_free(&stick);
	}
}

TEST(a_configuration_that_cannot_be_read_is_told)
{
	char conf[] = "# a line that is found again\n";
	stick_begin(&stick, 8 << 20, NULL);
	ex_file(&stick.ex, &stick.root, "isopod.conf", sizeof conf - 1, conf, sizeof conf - 1);
	stick_end(&stick);
	fake_init(&fake, &stick, 80, 25);
	uint8_t *at = memmem(stick.disk, stick.size, conf, sizeof conf - 1);
	REQUIRE(at);
	stick.fail_at = (uint64_t)(at - stick.disk);
	stick.fail_len = 512;
	RUN(SHOT(0));
	HAS(0, "isopod.conf cannot be read");
	CHECK_EQ(test_alloc_live, 0);
	stick_free(&stick);
}

TEST(the_one_shot_choice_is_followed_once)
{
	small_stick(NULL);
	choose("/images/DEBIAN-12.iso"); /* case as Windows users write it */
	fake.fw.firmware_bit = POD_FW_BIOS | POD_FW_X64;
	RUN(SHOT(0));
	CHECK_EQ(fake.starts, 1);
	CHECK_STR(fake.started, "/Images/debian-12.iso");
	CHECK(strstr(fake.serial, "Starting debian-12.iso ..."));
	/* the list was not shown before the start */
	CHECK(!strstr(fake.serial, "4 images") || strstr(fake.serial, "4 images") > strstr(fake.serial, "Starting"));
	fake_init(&fake, &stick, 80, 25);
	fake.fw.firmware_bit = POD_FW_BIOS | POD_FW_X64;
	RUN(SHOT(1));
	CHECK_EQ(fake.starts, 0);
	HAS(1, "4 images");
	CHECK_EQ(test_alloc_live, 0);
	stick_free(&stick);
}

TEST(a_choice_that_comes_back_is_not_followed_by_the_default)
{
	small_stick("default = /Images/debian-9.ISO\ntimeout = 0\n");
	choose("/Images/debian-12.iso");
	fake.fw.firmware_bit = POD_FW_BIOS | POD_FW_X64;
	RUN(SHOT(0));
	CHECK_EQ(fake.starts, 1);
	CHECK_STR(fake.started, "/Images/debian-12.iso");
	HAS(0, "> debian-12.iso");
	/* the default itself, and a waiting key that stops it */
	fake_init(&fake, &stick, 80, 25);
	fake.fw.firmware_bit = POD_FW_BIOS | POD_FW_X64;
	RUN(WAIT(1000), SHOT(0));
	CHECK_EQ(fake.starts, 1);
	fake_init(&fake, &stick, 80, 25);
	fake.fw.firmware_bit = POD_FW_BIOS | POD_FW_X64;
	RUN(POD_KEY_UP, SHOT(0));
	CHECK_EQ(fake.starts, 0);
	stick_free(&stick);
}

TEST(a_choice_that_is_gone_or_cannot_be_cleared)
{
	small_stick(NULL);
	choose("/gone/away.iso");
	RUN(SHOT(0), ' ', SHOT(1));
	HAS(0, "not on the stick: /gone/away.iso");
	HAS(1, "4 images");
	choose("/Zeta.iso");
	stick.write_protected = true;
	fake_init(&fake, &stick, 80, 25);
	RUN(SHOT(2), ' ', SHOT(3));
	HAS(2, "Zeta.iso: it is an empty file;");
	CHECK(strstr(fake.serial, "could not be cleared (write-protected)"));
	HAS(3, "could not be cleared");
	stick_free(&stick);
}

static bool latin_only(struct pod_fw *fw, uint32_t cp)
{
	(void)fw;
	return cp < 0x100;
}

/* F3 lasts; a later change of isopod.conf counts more. */
TEST(the_language_is_remembered)
{
	small_stick(NULL);
	RUN(POD_KEY_F3, SHOT(0));
	HAS(0, "全 部 映 像");
	fake_init(&fake, &stick, 80, 25);
	RUN(SHOT(1), POD_KEY_F3, SHOT(2));
	HAS(1, "全 部 映 像");
	HAS(2, "All images");
	fake_init(&fake, &stick, 80, 25);
	RUN(SHOT(3), POD_KEY_F3);
	HAS(3, "All images");
	stick_free(&stick);
	small_stick("language = zh_CN\n");
	RUN(SHOT(0), POD_KEY_F3);
	HAS(0, "全 部 映 像");
	fake_init(&fake, &stick, 80, 25);
	RUN(SHOT(1));
	HAS(1, "All images");
	stick_free(&stick);
}

/* Not a screen full of question marks. */
TEST(a_screen_without_chinese_shows_english)
{
	small_stick("language = zh_CN\n");
	fake.fw.text_has = latin_only;
	RUN(SHOT(0), POD_KEY_F3, SHOT(1));
	for (unsigned i = 0; i < 2; i++) {
		HAS(i, "All images");
		HAS(i, "This screen has no Chinese characters");
		LACKS(i, "F3");
	}
	/* and that was no choice */
	fake_init(&fake, &stick, 80, 25);
	RUN(SHOT(2));
	HAS(2, "全 部 映 像");
	stick_free(&stick);
}
