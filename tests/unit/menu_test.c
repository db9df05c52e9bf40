/* SPDX-License-Identifier: BSD-2-Clause */
/* The menu as a user meets it: sticks in memory, keys from a script, and what the screens then show. */
#include "tests/unit/menu_looks.h"
#include "boot/menu/pages.h"

TEST(shows_all_images_in_natural_order)
{
	small_stick(NULL);
	RUN(SHOT(0));
	HAS(0, "Isopod ");
	HAS(0, "4 images");
	HAS(0, "All images");
	HAS(0, "debian-9.ISO");
	HAS(0, "/Images");
	HAS(0, "80 KiB");
	HAS(0, "启 动 修 复");
	LACKS(0, "notes.txt");
	LACKS(0, "thrown-away");
	LACKS(0, "._debian");
	CHECK(strstr(shot[0], "debian-9.ISO") < strstr(shot[0], "debian-12.iso"));
	CHECK(strstr(shot[0], "debian-12.iso") < strstr(shot[0], "Zeta.iso"));
	CHECK_EQ(test_alloc_live, 0);
	stick_free(&stick);
}

TEST(folders_open_and_close)
{
	small_stick("view = folders\n");
	RUN(SHOT(0), POD_KEY_ENTER, SHOT(1), POD_KEY_ENTER, SHOT(2), POD_KEY_BACKSPACE, SHOT(3), POD_KEY_ESC, SHOT(4));
	HAS(0, "Images/");
	HAS(0, "Zeta.iso");
	LACKS(0, "debian");
	LACKS(0, "RECYCLE");
	HAS(1, "/Images\n");
	HAS(1, "debian-12.iso");
	HAS(1, "更 多 /");
	HAS(2, "启 动 修 复");
	LACKS(2, "debian");
	HAS(3, "> 更 多");
	CHECK_STR(shot[0], shot[4]);
	stick_free(&stick);
}

TEST(typing_searches_all_words)
{
	small_stick(NULL);
	RUN('I', 'M', 'A', ' ', 'd', 'e', 'b', ' ', '9', SHOT(0), POD_KEY_ESC, SHOT(1), 'q', 'q', SHOT(2), POD_KEY_BACKSPACE,
	    POD_KEY_BACKSPACE, 0x5de5, SHOT(3), POD_KEY_ESC);
	HAS(0, "IMA deb 9_");
	HAS(0, "1 found");
	HAS(0, "debian-9.ISO");
	LACKS(0, "debian-12");
	HAS(1, "Zeta.iso");
	HAS(2, "No image matches");
	HAS(3, "修 复  工 具 .iso");
	HAS(3, "1 found");
	stick_free(&stick);
}

/* A terminal is not steered, nothing is invisible, and names that could be taken for others are marked. */
TEST(names_are_disarmed_and_marked)
{
	stick_begin(&stick, 16 << 20, FONT_FILE);
	static const char *const name[] = {"debian.iso", "d\u0435bian-2.iso", "gpj.\u202eosi.iso", "zero\u200bwidth.iso",
					   "\xc2\x9b[2J.iso"};
	for (size_t i = 0; i < POD_ARRAY_LEN(name); i++)
		ex_file(&stick.ex, &stick.root, name[i], 0, NULL, 0);
	stick_end(&stick);
	fake_init(&fake, &stick, 80, 25);
	RUN(SHOT(0), POD_KEY_TAB, SHOT(1), POD_KEY_ESC, POD_KEY_END, POD_KEY_TAB, SHOT(2), POD_KEY_ESC, POD_KEY_ENTER, SHOT(3),
	    'x');
	HAS(0, " !gpj.?osi.iso");
	HAS(0, " !zero?width.iso");
	HAS(0, " !d\u0435bian-2.iso");
	HAS(0, "> debian.iso");
	LACKS(0, "!debian.iso");
	HAS(1, "debian.iso");
	LACKS(1, "look like another name");
	HAS(2, "look like another name");
	HAS(3, "?[2J.iso: it is an empty file");
	CHECK(strstr(fake.serial, "Starting ?[2J.iso ...\r\n"));
	for (size_t i = 0; i < sizeof name / sizeof *name; i++)
		CHECK(i < 2 || !strstr(fake.serial, name[i]));
	CHECK(!strstr(fake.serial, "\xc2\x9b"));
	CHECK(!strstr(fake.serial, "\u202e"));
	CHECK(!strstr(fake.serial, "\u200b"));
	stick_free(&stick);
}

/* "live" is in every name; the one it is, but for the extension, is what Enter would start. */
TEST(the_best_answer_to_a_search_is_selected)
{
	stick_begin(&stick, 16 << 20, FONT_FILE);
	static const char *const name[] = {"alive.iso", "fatlive.iso", "live-2.iso", "live.iso"};
	for (size_t i = 0; i < POD_ARRAY_LEN(name); i++)
		ex_file(&stick.ex, &stick.root, name[i], 0, NULL, 0);
	stick_end(&stick);
	fake_init(&fake, &stick, 80, 25);
	RUN('l', 'i', 'v', SHOT(0), 'e', SHOT(1), '.', 'i', SHOT(2), 's', 'o', SHOT(3), POD_KEY_ESC, 'a', 't', 'l', SHOT(4),
	    POD_KEY_ESC);
	HAS(0, "> live-2.iso");
	HAS(1, "> live.iso");
	HAS(2, "> live.iso");
	HAS(3, "> live.iso");
	HAS(3, "3 found"); /* live-2.iso has no "live.iso" in it */
	HAS(4, "> fatlive.iso");
	stick_free(&stick);
}

TEST(enter_plans_and_starts)
{
	small_stick(NULL);
	fake.fw.firmware_bit = POD_FW_X64;
	RUN(POD_KEY_ENTER, SHOT(0), 'x', SHOT(1));
	/* the little ISO starts on BIOS only: said in a sentence that stays */
	CHECK_EQ(fake.starts, 0);
	HAS(0, "nothing in it starts on UEFI x64");
	HAS(0, "only on: BIOS;");
	HAS(0, "Press any key");
	LACKS(1, "Press any key");
	HAS(1, "debian-9.ISO");
	CHECK_EQ(test_alloc_live, 0);
	stick_free(&stick);
}

/* On BIOS nothing leaves the menu: once it has shown what is looked at, the firmware is one that can be left. */
static void keep_then_be_left(struct fake *f, unsigned n)
{
	keep(f, n);
	if (n == 1)
		f->fw.firmware_bit = POD_FW_X64;
}

TEST(a_loader_that_exits_comes_back)
{
	small_stick(NULL);
	fake.fw.name = "BIOS";
	fake.fw.firmware_bit = POD_FW_BIOS;
	fake.start_msg = "The loader gave control back.";
	RUN_LOOKING(keep_then_be_left, POD_KEY_ENTER, SHOT(0), 'x', POD_KEY_DOWN, POD_KEY_ESC, SHOT(1));
	CHECK_EQ(fake.starts, 1);
	CHECK_STR(fake.started, "/Images/debian-9.ISO");
	HAS(0, "The loader gave control back.");
	HAS(0, "Back in Isopod");
	HAS(1, "What next?");
	HAS(1, "BIOS");
	LACKS(1, "Leave");
	CHECK(strstr(fake.serial, "Starting debian-9.ISO ...\r\n"));
	CHECK_EQ(test_alloc_live, 0);
	stick_free(&stick);
}

TEST(a_failed_start_is_told)
{
	small_stick(NULL);
	fake.fw.firmware_bit = POD_FW_BIOS | POD_FW_X64;
	fake.start_status = POD_E_IO;
	RUN(POD_KEY_ENTER, SHOT(0), POD_KEY_ESC, SHOT(1));
	HAS(0, "debian-9.ISO: could not be started: read or write error.");
	HAS(1, "4 images");
	stick_free(&stick);
}

TEST(empty_and_cut_files_are_told)
{
	small_stick(NULL);
	/* valid data length shorter than the file: what is left when a stick is pulled out during a copy */
	struct stick *s = &stick;
	uint8_t *p = NULL;
	for (size_t i = 0; i + 64 < s->data_len; i += 32)
		if (s->ex.vol[i] == 0x85 && s->ex.vol[i + 32] == 0xc0 && s->ex.vol[i + 64] == 0xc1 && s->ex.vol[i + 66] == 'd' &&
		    s->ex.vol[i + 66 + 14] == '9')
			p = s->ex.vol + i;
	REQUIRE(p);
	pod_put_le64(p + 32 + 8, 40960);
	uint16_t sum = 0;
	for (int i = 0; i < 3; i++)
		sum = ex_sum16(sum, p + i * 32, 32, i == 0);
	pod_put_le16(p + 2, sum);
	RUN(POD_KEY_ENTER, SHOT(0), ' ', 'z', 'e', 't', POD_KEY_ENTER, SHOT(1), ' ', POD_KEY_ESC);
	HAS(0, "debian-9.ISO: the file was not copied completely: only 40 KiB of 80 KiB");
	HAS(1, "Zeta.iso: it is an empty file;");
	CHECK_EQ(fake.starts, 0);
	CHECK_EQ(test_alloc_live, 0);
	stick_free(&stick);
}

TEST(a_cut_image_is_told_before_it_starts)
{
	stick_begin(&stick, 16 << 20, NULL);
	size_t n = make_iso(iso, "CUT");
	pod_put_le32(iso + 16 * 2048 + 80, 1 << 20); /* the volume's blocks: 2 GiB */
	ex_file(&stick.ex, &stick.root, "cut.iso", ISO_SIZE, iso, n);
	stick_end(&stick);
	fake_init(&fake, &stick, 80, 25);
	fake.fw.firmware_bit = POD_FW_BIOS | POD_FW_X64;
	RUN(POD_KEY_ENTER, SHOT(0), ' ', SHOT(1));
	HAS(0, "Not whole");
	HAS(0, "it is cut off: of 2.0 GiB only");
	HAS(0, "Enter starts it all the same");
	HAS(1, "1 image");
	LACKS(1, "Cannot start");
	CHECK_EQ(fake.starts, 0);
	/* Enter that comes two times is no answer. */
	fake.twice = true;
	RUN(POD_KEY_ENTER, SHOT(0), ' ', SHOT(1));
	fake.twice = false;
	HAS(0, "Enter starts it all the same");
	HAS(1, "1 image");
	CHECK_EQ(fake.starts, 0);
	RUN(POD_KEY_ENTER, POD_KEY_ENTER);
	CHECK_EQ(fake.starts, 1);
	CHECK_EQ(test_alloc_live, 0);
	stick_free(&stick);
}

TEST(a_damaged_image_is_told)
{
	stick_begin(&stick, 16 << 20, NULL);
	size_t n = make_iso(iso, "BROKEN");
	memset(iso + 16 * 2048 + 120, 0, 60); /* the volume descriptor's sizes */
	ex_file(&stick.ex, &stick.root, "broken.iso", ISO_SIZE, iso, n);
	for (size_t i = 0; i < sizeof iso; i++)
		iso[i] = (uint8_t)(i * 7);
	ex_file(&stick.ex, &stick.root, "noise.iso", ISO_SIZE, iso, ISO_SIZE);
	stick_end(&stick);
	fake_init(&fake, &stick, 80, 25);
	fake.fw.firmware_bit = POD_FW_BIOS | POD_FW_X64;
	RUN(POD_KEY_ENTER, SHOT(0), ' ', SHOT(1), POD_KEY_DOWN, POD_KEY_ENTER, SHOT(2), ' ', POD_KEY_TAB, SHOT(3), POD_KEY_ESC);
	CHECK_EQ(fake.starts, 0);
	HAS(0, "broken.iso: ");
	HAS(0, "Press any key");
	HAS(1, "noise.iso");
	HAS(2, "noise.iso: ");
	HAS(3, "/noise.iso");
	stick_free(&stick);
}

TEST(a_read_error_is_told)
{
	small_stick(NULL);
	fake.fw.firmware_bit = POD_FW_BIOS | POD_FW_X64;
	uint8_t *at = memmem(stick.disk, stick.size, "\1CD001\1", 7);
	REQUIRE(at);
	/* the first image laid down is the second of the list */
	stick.fail_at = (uint64_t)(at - stick.disk);
	stick.fail_len = 2048;
	RUN(POD_KEY_DOWN, POD_KEY_ENTER, SHOT(0), ' ', SHOT(1));
	HAS(0, "the drive reported a read error");
	HAS(1, "4 images");
	stick_free(&stick);
}

TEST(an_empty_stick_says_what_to_do)
{
	stick_begin(&stick, 8 << 20, NULL);
	stick_end(&stick);
	fake_init(&fake, &stick, 80, 25);
	RUN(SHOT(0), POD_KEY_ENTER, POD_KEY_TAB, POD_KEY_DOWN, POD_KEY_F4, SHOT(1));
	HAS(0, "There are no images on this stick yet.");
	HAS(0, "copy ISO files");
	HAS(0, "0 images");
	CHECK_EQ(test_alloc_live, 0);
	stick_free(&stick);
}

TEST(no_filesystem_no_partition_no_table)
{
	stick_begin(&stick, 8 << 20, NULL);
	fake_init(&fake, &stick, 80, 25); /* data partition without a filesystem */
	RUN(SHOT(0));
	HAS(0, "no filesystem that Isopod reads");
	memset(stick.disk + 446, 0, 16);
	fake_init(&fake, &stick, 80, 25);
	RUN(SHOT(1));
	HAS(1, "has no data partition");
	memset(stick.disk, 0, 512);
	fake_init(&fake, &stick, 80, 25);
	RUN(SHOT(2));
	HAS(2, "has no data partition");
	stick.fail_at = 0;
	stick.fail_len = 512;
	fake_init(&fake, &stick, 80, 25);
	RUN(SHOT(3));
	HAS(3, "cannot be read");
	CHECK_EQ(test_alloc_live, 0);
	stick_free(&stick);
}

TEST(details_show_the_plan)
{
	small_stick(NULL);
	RUN(POD_KEY_TAB, SHOT(0), POD_KEY_ESC, SHOT(1), POD_KEY_F2, SHOT(2));
	HAS(0, "/Images/debian-9.ISO");
	HAS(0, "81920 bytes");
	HAS(0, "1 (contiguous)");
	HAS(0, "El Torito entry 1 (no emulation) at sector 20");
	HAS(0, "2024-05-17");
	HAS(0, "DEBIAN");
	HAS(1, "4 images");
	CHECK_STR(shot[0], shot[2]);
	CHECK_EQ(test_alloc_live, 0);
	stick_free(&stick);
}

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

TEST(a_value_that_goes_on_stays_in_its_column)
{
	small_stick(NULL);
	RUN(POD_KEY_F1, SHOT(0));
	HAS(0, "  F7, #               start from memory; what isopod.conf starts from memory,\n"
	       "                      from the stick\n");
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

TEST(restart_and_the_list_of_actions)
{
	small_stick(NULL);
	RUN(POD_KEY_ESC, SHOT(0), '2', SHOT(2), '1', POD_KEY_ENTER, SHOT(1), ' ', POD_KEY_ESC, POD_KEY_DOWN, POD_KEY_ENTER, ' ');
	HAS(0, "1  Restart the computer");
	HAS(0, "2  Power off");
	LACKS(0, "Firmware setup");
	HAS(2, "What next?"); /* a digit alone does nothing */
	HAS(1, "The firmware did not carry this out.");
	CHECK_EQ(fake.reboots, 2);
	stick_free(&stick);
}

static uint32_t system_started;

static size_t two_systems(struct pod_fw *fw, struct pod_own own[POD_OWN_MAX])
{
	(void)fw;
	own[0] = (struct pod_own){.name = "Windows Boot Manager", .id = 7};
	own[1] = (struct pod_own){.name = "debian\x1b[31m", .id = 9};
	return 2;
}

static size_t no_system(struct pod_fw *fw, struct pod_own own[POD_OWN_MAX])
{
	(void)fw;
	(void)own;
	return 0;
}

static enum pod_status start_system(struct pod_fw *fw, uint32_t id, char *msg, size_t size)
{
	CHECK(!fw->recorder);
	system_started = id;
	pod_strlcpy(msg, "The loader returned: Not Found (14).\n\x1b[31mred", size);
	return POD_OK;
}

/* The list, the choice and the way back; Esc starts nothing. */
TEST(systems_of_the_machine)
{
	small_stick(NULL);
	fake.fw.own_list = two_systems;
	fake.fw.own_start = start_system;
	system_started = 0;
	RUN(POD_KEY_ESC, SHOT(0), '3', POD_KEY_ENTER, SHOT(1), POD_KEY_ESC, POD_KEY_ESC, '3', POD_KEY_ENTER, '2', POD_KEY_ENTER,
	    SHOT(2), ' ', SHOT(3));
	HAS(0, "3  Start this computer's own system");
	HAS(1, "1  Windows Boot Manager");
	HAS(1, "2  debian?[31m");
	CHECK_EQ(system_started, 9);
	HAS(2, "The loader returned: Not Found (14).??[31mred");
	CHECK(!strstr(fake.serial, "\x1b[31mred"));
	HAS(3, "debian-9.ISO");
	CHECK_EQ(fake.starts, 0);
	fake.fw.own_list = no_system;
	RUN(POD_KEY_ESC, '3', POD_KEY_ENTER, SHOT(0), ' ');
	HAS(0, "No disk of this computer holds anything");
	CHECK_EQ(test_alloc_live, 0);
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

TEST(natural_order)
{
	CHECK(scan_natural_compare("a2", "a10") < 0);
	CHECK(scan_natural_compare("a10", "A2") > 0);
	CHECK(scan_natural_compare("a02", "a2") == 0);
	CHECK(scan_natural_compare("a", "B") < 0);
	CHECK(scan_natural_compare("a", "a1") < 0);
	CHECK(scan_natural_compare("1.10", "1.9") > 0);
	CHECK(scan_natural_compare("x99999999999999999999998", "x99999999999999999999999") < 0);
	CHECK(scan_natural_compare("x1y", "x1z") < 0);
	CHECK(scan_natural_compare("", "") == 0);
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

TEST(the_key_line_tells_what_keys_do_here)
{
	small_stick("view = folders\n");
	RUN(SHOT(0), POD_KEY_ENTER, SHOT(1), 'd', SHOT(2), POD_KEY_ESC, POD_KEY_ESC, 'q', 'q', 'q', SHOT(3));
	HAS(0, "Enter open");
	LACKS(0, "Tab");
	HAS(0, "Esc restart");
	HAS(0, "3 images");
	HAS(1, "1 image\n");
	HAS(1, "Esc up");
	HAS(2, "Tab details");
	HAS(2, "Esc clear");
	LACKS(3, "Enter");
	stick_free(&stick);
}

/* While nobody presses a key it is found out what starts here; an image that does not says so in its row, and why when it is tried. */
TEST(what_does_not_start_here_is_marked)
{
	small_stick(NULL);
	RUN(SHOT(0), WAIT(3000), SHOT(1), POD_KEY_ENTER, SHOT(2));
	LACKS(0, "xdebian-12.iso");
	HAS(1, " xdebian-12.iso");
	HAS(1, " xZeta.iso");
	HAS(1, "Does not start on UEFI x64; Enter tells why.");
	HAS(2, "nothing in it starts on UEFI x64");
	CHECK_EQ(fake.starts, 0);
	stick_free(&stick);
	small_stick(NULL);
	fake.fw.firmware_bit = POD_FW_BIOS | POD_FW_X64;
	RUN(WAIT(3000), SHOT(0));
	LACKS(0, "xdebian");
	HAS(0, " xZeta.iso");
	HAS(0, "iso  DEBIAN");
	CHECK_EQ(test_alloc_live, 0);
	stick_free(&stick);
}

/* A stick that fails is left alone: from the first look on every read fails. */
static void then_fail(struct fake *f, unsigned n)
{
	keep(f, n);
	stick.fail_at = 0;
	stick.fail_len = stick.size;
	stick.reads = n ? stick.reads : 0;
}

TEST(a_failing_stick_is_not_read_for_marks)
{
	small_stick(NULL);
	RUN_LOOKING(then_fail, SHOT(0), WAIT(5000), SHOT(1));
	LACKS(1, "xdebian");
	CHECK(stick.reads && stick.reads < 10);
	stick_free(&stick);
}
