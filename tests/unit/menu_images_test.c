/* SPDX-License-Identifier: BSD-2-Clause */
/* A WIM file with several images that start: the menu asks which. */
#include "tests/unit/menu_looks.h"
#include "tests/unit/wim_make.h"

static struct wim_make wim;

static void program(uint8_t *p, uint16_t machine)
{
	memset(p, 0, 256);
	memcpy(p, "MZ", 2);
	p[0x3c] = 0x80;
	memcpy(p + 0x80, "PE\0\0", 4);
	pod_put_le16(p + 0x84, machine);
}

/* \Windows\{System32\{winpeshl.exe,winload.efi}, Boot\EFI\bootmgfw.efi}, or without winload. */
static void image(uint16_t machine, bool starts)
{
	uint8_t p[256], sha1[20];
	program(p, machine);
	wm_blob(&wim, p, sizeof p, sha1);
	size_t root = wm_root(&wim);
	wm_children(&wim, root);
	size_t windows = wm_dentry(&wim, 0x10, "Windows", NULL, 0);
	wm_end(&wim);
	wm_children(&wim, windows);
	size_t system = wm_dentry(&wim, 0x10, "System32", NULL, 0);
	size_t boot = wm_dentry(&wim, 0x10, "Boot", NULL, 0);
	wm_end(&wim);
	wm_children(&wim, system);
	wm_dentry(&wim, 0x20, "winpeshl.exe", sha1, 0);
	if (starts)
		wm_dentry(&wim, 0x20, "winload.efi", sha1, 0);
	wm_end(&wim);
	wm_children(&wim, boot);
	size_t efi = wm_dentry(&wim, 0x10, "EFI", NULL, 0);
	wm_end(&wim);
	wm_children(&wim, efi);
	wm_dentry(&wim, 0x20, "bootmgfw.efi", sha1, 0);
	wm_end(&wim);
	wm_image(&wim);
}

/* Five images: two for x64, one for ia32, one without winload, the fifth for x64 with a name that steers terminals. The second is the
 * WIM's own choice. */
static void stick_with_wim(const char *conf)
{
	wm_init(&wim);
	image(0x8664, true);
	image(0x8664, true);
	image(0x14c, true);
	image(0x8664, false);
	image(0x8664, true);
	wm_header(&wim, "<WIM><IMAGE INDEX=\"1\"><NAME>Repair</NAME></IMAGE><IMAGE INDEX=\"2\"><NAME>Setup</NAME></IMAGE>"
			"<IMAGE INDEX=\"3\"><NAME>Small</NAME></IMAGE><IMAGE INDEX=\"4\"><NAME>Hollow</NAME></IMAGE>"
			"<IMAGE INDEX=\"5\"><NAME>\x9b[2JLoud</NAME></IMAGE></WIM>");
	pod_put_le32(wim.file + 120, 2);
	stick_begin(&stick, 16 << 20, FONT_FILE);
	if (conf)
		ex_file(&stick.ex, &stick.root, "isopod.conf", strlen(conf), conf, strlen(conf));
	ex_file(&stick.ex, &stick.root, "five.wim", wim.len, wim.file, wim.len);
	stick_end(&stick);
	fake_init(&fake, &stick, 80, 25);
	fake.fw.name = "UEFI x64";
	fake.fw.firmware_bit = POD_FW_X64;
}

TEST(enter_asks_and_starts_the_wims_own_choice)
{
	stick_with_wim(NULL);
	RUN(POD_KEY_ENTER, SHOT(0), POD_KEY_ENTER);
	HAS(0, "Which image of five.wim starts?");
	HAS(0, "1  Repair, x64");
	HAS(0, "2  Setup, x64, the WIM's own choice");
	HAS(0, "5  ?[2JLoud, x64");
	LACKS(0, "Small");
	LACKS(0, "Hollow");
	LACKS(0, "\xc2\x9b");
	CHECK_EQ(fake.starts, 1);
	CHECK_EQ(fake.started_image, 2);
	CHECK(strstr(fake.serial, "Image 2 of the WIM: Setup"));
	CHECK_EQ(test_alloc_live, 0);
	stick_free(&stick);
}

TEST(another_image_starts_this_time_only)
{
	stick_with_wim(NULL);
	RUN(POD_KEY_ENTER, POD_KEY_DOWN, POD_KEY_DOWN, POD_KEY_UP, SHOT(0), POD_KEY_ENTER, POD_KEY_ENTER, '3', '4', '1');
	CHECK_EQ(fake.starts, 2);
	CHECK_EQ(fake.started_image, 1);
	CHECK(strstr(fake.serial, "Image 5 of the WIM: ?[2JLoud"));
	CHECK_EQ(test_alloc_live, 0);
	RUN(POD_KEY_ENTER, POD_KEY_ENTER);
	CHECK_EQ(fake.started_image, 2);
	stick_free(&stick);
}

TEST(esc_leads_back_to_the_list)
{
	stick_with_wim(NULL);
	RUN(POD_KEY_ENTER, POD_KEY_ESC, SHOT(0));
	CHECK_EQ(fake.starts, 0);
	HAS(0, "1 image");
	LACKS(0, "Which image");
	LACKS(0, "Cannot start");
	CHECK_EQ(test_alloc_live, 0);
	stick_free(&stick);
}

TEST(the_configuration_answers_and_f6_asks_all_the_same)
{
	stick_with_wim("windows_image = 1\n");
	RUN(POD_KEY_ENTER, SHOT(0), POD_KEY_F6, SHOT(1), POD_KEY_HOME, POD_KEY_DOWN, POD_KEY_ENTER);
	CHECK_EQ(fake.starts, 2);
	CHECK_EQ(fake.started_image, 2);
	CHECK(strstr(fake.serial, "Image 1 of the WIM: Repair"));
	HAS(1, "Which image of five.wim starts?");
	stick_free(&stick);
}

TEST(who_is_alone_is_not_asked_about)
{
	stick_with_wim(NULL);
	fake.fw.firmware_bit = POD_FW_IA32;
	RUN(POD_KEY_F6, SHOT(0), 'x', POD_KEY_TAB, SHOT(1), 'x');
	HAS(0, "there are not several images in it");
	HAS(1, "Images of the WIM that start");
	HAS(1, "3  Small, x86");
	LACKS(1, "Hollow");
	CHECK_EQ(fake.starts, 0);
	CHECK_EQ(test_alloc_live, 0);
	stick_free(&stick);
}

TEST(the_question_fits_small_screens)
{
	static const uint32_t script[] = {POD_KEY_ENTER, SHOT(0), POD_KEY_END, SHOT(1), POD_KEY_UP, POD_KEY_ESC};
	stick_with_wim(NULL);
	fake_init(&fake, &stick, 40, 12);
	fake.fw.firmware_bit = POD_FW_X64;
	fake_run(&fake, script, POD_ARRAY_LEN(script), keep);
	HAS(0, "2  Setup");
	HAS(1, "5  ?[2JLoud");
	fake_init(&fake, &stick, 0, 0);
	fake.fw.firmware_bit = POD_FW_X64;
	fake.fw.text_put = NULL;
	uint8_t *base = malloc(320 * 200 * 4);
	fake.fw.fb = (struct pod_fb){base, 320, 200, 320 * 4, false};
	fake_run(&fake, script, POD_ARRAY_LEN(script), keep);
	free(base);
	CHECK_EQ(fake.starts, 0);
	CHECK_EQ(test_alloc_live, 0);
	stick_free(&stick);
}
