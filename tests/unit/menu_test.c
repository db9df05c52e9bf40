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
