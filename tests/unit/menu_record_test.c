/* SPDX-License-Identifier: BSD-2-Clause */
/* What the menu leaves in the flight recorder, and what it makes of the boot before. */
#include "tests/unit/menu_stick.h"
#include "boot/menu/pages.h"

static struct stick stick;
static struct fake fake;
static uint8_t iso[ISO_SIZE];
static char shot[4][65536];
static struct pod_rec_boot boot;

static void keep(struct fake *f, unsigned n)
{
	snprintf(shot[n], sizeof shot[n], "%s", fake_text(f));
}

#define RUN(...)                                                                                                                 \
	do {                                                                                                                     \
		static const uint32_t script_[] = {__VA_ARGS__};                                                                 \
		memset(shot, 0, sizeof shot);                                                                                    \
		fake_run(&fake, script_, POD_ARRAY_LEN(script_), keep);                                                          \
	} while (0)
#define HAS(n, text)   CHECK(strstr(shot[n], text))
#define LACKS(n, text) CHECK(!strstr(shot[n], text))

/* Power on again: another run of the boot manager on the same stick. */
static void power_on(void)
{
	fake_init(&fake, &stick, 80, 25);
	fake.fw.firmware_bit = POD_FW_BIOS | POD_FW_X64; /* the image starts on BIOS; the menu can be left on UEFI */
}

static void one_image(const char *conf)
{
	struct ex_dir images = {0};
	stick_begin(&stick, 16 << 20, NULL);
	if (conf)
		ex_file(&stick.ex, &stick.root, "isopod.conf", strlen(conf), conf, strlen(conf));
	ex_file(&stick.ex, &images, "debian.iso", ISO_SIZE, iso, make_iso(iso, "DEBIAN"));
	ex_file(&stick.ex, &images, "empty.iso", 0, NULL, 0);
	ex_subdir(&stick.ex, &stick.root, "images", &images);
	stick_end(&stick);
	power_on();
}

static uint8_t *state(void)
{
	return stick.disk + stick.esp_start + stick.state;
}

static bool load(uint32_t n)
{
	struct pod_memdev m;
	pod_memdev_init(&m, state(), POD_STATE_SIZE, 512, true);
	return pod_rec_read(&m.dev, &test_alloc, n, &boot) == POD_OK;
}

static uint32_t boots(void)
{
	struct pod_memdev m;
	uint32_t number[POD_REC_BOOTS], n;
	pod_memdev_init(&m, state(), POD_STATE_SIZE, 512, true);
	return pod_rec_list(&m.dev, &test_alloc, number, &n) == POD_OK ? n : 99;
}

static void describe(struct pod_fw *fw, struct pod_rec_machine *m)
{
	(void)fw;
	pod_strlcpy(m->vendor, "ACME", sizeof m->vendor);
}

TEST(a_start_by_hand)
{
	one_image(NULL);
	fake.now = 777000; /* the firmware's clock starts anywhere */
	fake.fw.describe = describe;
	fake.start_msg = "The image's loader returned: Success.";
	RUN(WAIT(500), POD_KEY_ENTER);
	CHECK_EQ(fake.starts, 1);
	REQUIRE(load(1));
	CHECK(boot.has_machine && boot.has_image && boot.has_progress && boot.has_message);
	CHECK_STR(boot.machine.vendor, "ACME");
	CHECK_STR(boot.machine.version, menu_version);
	CHECK_EQ(boot.machine.stick_bytes, stick.size);
	CHECK_STR(boot.image.path, "/images/debian.iso");
	CHECK_EQ(boot.image.size_bytes, ISO_SIZE);
	CHECK_EQ(boot.image.kind, POD_IMAGE_ISO);
	CHECK_STR(boot.image.label, "DEBIAN");
	CHECK_EQ(boot.image.entry, 0);
	CHECK_EQ(boot.image.extents, 1);
	CHECK_EQ(boot.image.descriptor_crc, pod_crc32(0, iso + 32768, 2048));
	CHECK(boot.image.mtime > 0);
	CHECK_EQ(boot.image.flags, 0);
	const struct pod_stages *t = &boot.progress.stages;
	REQUIRE(pod_stages_find(t, POD_STAGE_STARTED) && pod_stages_find(t, POD_STAGE_MENU) &&
		pod_stages_find(t, POD_STAGE_CHOSEN) && pod_stages_find(t, POD_STAGE_PLANNED));
	CHECK_EQ(pod_stages_find(t, POD_STAGE_STARTED)->ms, 0);
	CHECK(pod_stages_find(t, POD_STAGE_CHOSEN)->ms >= 500 && pod_stages_find(t, POD_STAGE_CHOSEN)->ms < 2000);
	CHECK_EQ(pod_stages_find(t, POD_STAGE_CHOSEN)->arg, CHOSEN_BY_HAND);
	CHECK_EQ(pod_stages_find(t, POD_STAGE_PLANNED)->arg, POD_OK);
	CHECK_STR(boot.message.text, fake.start_msg);
	CHECK_EQ(test_alloc_live, 0);
	stick_free(&stick);
}

TEST(choices_are_told_apart)
{
	one_image("default = /images/debian.iso\ntimeout = 0\n");
	RUN(WAIT(50));
	REQUIRE(load(1));
	REQUIRE(pod_stages_find(&boot.progress.stages, POD_STAGE_CHOSEN));
	CHECK_EQ(pod_stages_find(&boot.progress.stages, POD_STAGE_CHOSEN)->arg, CHOSEN_DEFAULT);
	struct pod_memdev m;
	pod_memdev_init(&m, state(), POD_STATE_SIZE, 512, false);
	CHECK_EQ(pod_state_next_set(&m.dev, &test_alloc, "/images/debian.iso"), POD_OK);
	power_on();
	RUN(WAIT(50));
	REQUIRE(load(2));
	CHECK_EQ(pod_stages_find(&boot.progress.stages, POD_STAGE_CHOSEN)->arg, CHOSEN_ONCE);
	/* no menu was shown before it */
	CHECK(boot.progress.stages.event[1].stage == POD_STAGE_CHOSEN);
	stick_free(&stick);
}

TEST(an_image_that_cannot_be_started)
{
	one_image(NULL);
	RUN(POD_KEY_DOWN, POD_KEY_ENTER, SHOT(0));
	HAS(0, "it is an empty file");
	REQUIRE(load(1));
	CHECK_STR(boot.image.path, "/images/empty.iso");
	const struct pod_stage_event *e = pod_stages_find(&boot.progress.stages, POD_STAGE_START_FAILED);
	REQUIRE(e);
	CHECK_EQ(e->arg, POD_E_CORRUPT);
	CHECK_STR(boot.message.text,
		  "empty.iso: it is an empty file; download the image again, and compare its hash with the publisher's");
	CHECK_EQ(boot.message.status, POD_E_CORRUPT);
	stick_free(&stick);
}

/* Two images one after the other from the same menu are two stories. */
TEST(a_second_choice_is_another_record)
{
	one_image(NULL);
	RUN(POD_KEY_DOWN, POD_KEY_ENTER, POD_KEY_ESC, POD_KEY_UP, POD_KEY_ENTER);
	CHECK_EQ(boots(), 2);
	REQUIRE(load(2));
	CHECK_STR(boot.image.path, "/images/debian.iso");
	CHECK(!boot.has_message && !pod_stages_find(&boot.progress.stages, POD_STAGE_START_FAILED));
	CHECK(pod_stages_find(&boot.progress.stages, POD_STAGE_MENU) != NULL);
	stick_free(&stick);
}

TEST(recorder_off_writes_nothing)
{
	one_image("recorder = off\n");
	static uint8_t zero[POD_STATE_SIZE];
	RUN(SHOT(0), POD_KEY_ENTER);
	CHECK_EQ(fake.starts, 1);
	CHECK(memcmp(state(), zero, sizeof zero) == 0);
	LACKS(0, "written");
	stick_free(&stick);
}

TEST(a_write_protected_stick_starts_and_says_so)
{
	one_image(NULL);
	stick.write_protected = true;
	RUN(SHOT(0), POD_KEY_ENTER);
	HAS(0, "The stick cannot be written (");
	CHECK_EQ(fake.starts, 1);
	stick_free(&stick);
	one_image(NULL);
	stick.dev.write = NULL;
	RUN(SHOT(0), POD_KEY_ENTER);
	HAS(0, "The stick cannot be written (");
	CHECK_EQ(fake.starts, 1);
	stick_free(&stick);
}

/* Torn, zeroed, random, foreign: the menu comes, the image starts, and from then on there is a record. */
TEST(whatever_lies_in_the_state_file)
{
	for (uint32_t round = 0; round < 5; round++) {
		one_image(NULL);
		uint32_t x = round * 7919 + 1;
		for (uint32_t i = 0; i < POD_STATE_SIZE; i++) {
			x = x * 1664525u + 1013904223u;
			state()[i] = (uint8_t)(round == 0 ? 0xff : x >> 24);
		}
		if (round == 4) /* records of another file, all of one number */
			for (uint32_t i = 0; i < POD_REC_BOOTS; i++) {
				uint8_t s[POD_REC_SECTOR];
				struct pod_rec_machine m = {.firmware = 1};
				pod_rec_put_machine(s, &m);
				pod_rec_seal(s, 40, 1);
				memcpy(state() + pod_rec_offset(i, 0), s, sizeof s);
			}
		RUN(SHOT(0), POD_KEY_ENTER);
		HAS(0, "2 images");
		CHECK_EQ(fake.starts, 1);
		CHECK(load(round == 4 ? 41 : 1) && boot.has_progress);
		CHECK_EQ(test_alloc_live, 0);
		stick_free(&stick);
	}
}

/* A state file of the first version, too short for records, or one that cannot be read. */
TEST(no_room_or_no_way)
{
	one_image(NULL);
	stick.fail_at = stick.esp_start + stick.state;
	stick.fail_len = POD_STATE_SIZE;
	RUN(SHOT(0), POD_KEY_ENTER);
	HAS(0, "2 images");
	CHECK_EQ(fake.starts, 1);
	stick_free(&stick);
}

/* What the recorder costs before the menu: the budget of the whole is half a MiB. */
TEST(little_is_read)
{
	uint64_t with, without;
	one_image(NULL);
	RUN(SHOT(0));
	with = stick.bytes_read;
	stick_free(&stick);
	one_image("recorder = off\n");
	RUN(SHOT(0));
	without = stick.bytes_read;
	CHECK(with > without && with - without <= 32768);
	stick_free(&stick);
}

/* --- the story of the last start ------------------------------------------------------------------------------------ */

TEST(no_last_start)
{
	one_image(NULL);
	RUN(POD_KEY_F5, SHOT(0));
	HAS(0, "There is no record of a start before this one.");
	stick_free(&stick);
}

/* The start's progress as the INT 13h server may have left it: in the middle of the boot catalogue. */
static void leave_progress(uint32_t n, const struct pod_rec_progress *more)
{
	uint8_t s[POD_REC_SECTOR];
	struct pod_rec_progress p = *more;
	REQUIRE(load(n));
	p.stages = boot.progress.stages;
	pod_stages_add(&p.stages, POD_STAGE_LOADER_STARTED, 12345, 0);
	pod_rec_put_progress(s, &p);
	pod_rec_seal(s, n, 1000);
	memcpy(state() + pod_rec_offset(n, POD_REC_AT_PROGRESS), s, sizeof s);
}

TEST(the_story_of_the_last_start)
{
	one_image(NULL);
	fake.fw.describe = describe;
	RUN(POD_KEY_ENTER);
	struct pod_rec_progress p = {.ms = 15000,
				     .bytes = 5 << 20,
				     .reads = 99,
				     .last_off = 20 * 2048,
				     .last_len = 2048,
				     .errors = 3,
				     .error_off = 16 * 2048,
				     .error_status = POD_E_IO,
				     .outside = 2,
				     .slow = {{4096, 7000}}};
	leave_progress(1, &p);
	power_on();
	RUN(SHOT(2), POD_KEY_F5, SHOT(0), POD_KEY_END, SHOT(1), POD_KEY_ENTER);
	HAS(2, "F5 tells why the last start did not finish: debian.iso");
	HAS(0, "The last start");
	HAS(0, "/images/debian.iso");
	HAS(0, "Reads that failed: 3.");
	HAS(0, "The slowest read took 7 seconds.");
	HAS(0, "What to do");
	HAS(0, "The stick cannot be read there");
	HAS(1, "ACME");
	HAS(1, "12.3 s   its loader was started");
	HAS(1, "5.0 MiB in 99 reads");
	HAS(0, "Enter starts this image again");
	/* and it was started again, as a story of its own */
	CHECK_EQ(fake.starts, 1);
	CHECK_STR(fake.started, "/images/debian.iso");
	CHECK_EQ(boots(), 2);
	CHECK_EQ(test_alloc_live, 0);
	/* in Chinese, every sentence */
	power_on();
	RUN(POD_KEY_F3, POD_KEY_F5, SHOT(0));
	LACKS(0, "last start");
	LACKS(0, "failed");
	LACKS(0, "stick cannot");
	stick_free(&stick);
}

/* The image whose start did not finish is the selected one, also in a folder. */
TEST(what_failed_is_selected)
{
	one_image("view = folders\n");
	RUN(SHOT(0), POD_KEY_ENTER, POD_KEY_ENTER);
	LACKS(0, "> debian.iso");
	struct pod_rec_progress p = {.reads = 9, .last_off = 20 * 2048, .last_len = 2048, .errors = 1, .error_status = POD_E_IO};
	leave_progress(1, &p);
	power_on();
	RUN(SHOT(0));
	HAS(0, "F5 tells why the last start did not finish: debian.iso");
	HAS(0, "> debian.iso");
	stick_free(&stick);
}

/* No false alarm: a program that took over and is never heard of again; a menu that was left; a loader that ended well. */
TEST(sound_starts_raise_no_alarm)
{
	one_image(NULL);
	RUN(POD_KEY_ENTER);
	/* as memtest leaves it: its last read came back, and that was all */
	struct pod_rec_progress p = {.ms = 15000, .bytes = 5 << 20, .reads = 99, .last_off = 20 * 2048, .last_len = 2048};
	leave_progress(1, &p);
	power_on();
	RUN(SHOT(0));
	LACKS(0, "F5 tells");
	power_on(); /* the start before it was a menu and no more */
	RUN(SHOT(0));
	LACKS(0, "F5 tells");
	stick_free(&stick);
}

/* Another file under the name: it is not offered, and no place in it is looked up. */
TEST(an_image_that_changed_is_not_offered)
{
	one_image(NULL);
	RUN(POD_KEY_ENTER);
	REQUIRE(load(1));
	uint8_t s[POD_REC_SECTOR];
	boot.image.size_bytes--;
	pod_rec_put_image(s, &boot.image);
	pod_rec_seal(s, 1, 1);
	memcpy(state() + pod_rec_offset(1, POD_REC_AT_IMAGE), s, sizeof s);
	power_on();
	RUN(POD_KEY_F5, SHOT(0), POD_KEY_ENTER);
	HAS(0, "/images/debian.iso");
	LACKS(0, "Enter starts this image again");
	CHECK_EQ(fake.starts, 0);
	stick_free(&stick);
}

/* As a boot with Windows PE in it leaves it. `w` NULL: the helper was never heard of. */
static void leave_windows(uint32_t n, const struct pod_rec_windows *w)
{
	uint8_t s[POD_REC_SECTOR];
	struct pod_rec_progress p = {.ms = 15000, .flags = POD_REC_P_TIMER};
	REQUIRE(load(n));
	p.stages = boot.progress.stages;
	pod_stages_add(&p.stages, POD_STAGE_LOADER_STARTED, 12345, 0);
	pod_stages_add(&p.stages, POD_STAGE_EXIT_BOOT_SERVICES, 14000, 0);
	pod_rec_put_progress(s, &p);
	pod_rec_seal(s, n, 1000);
	memcpy(state() + pod_rec_offset(n, POD_REC_AT_PROGRESS), s, sizeof s);
	boot.image.flags |= POD_REC_I_HELPER;
	pod_rec_put_image(s, &boot.image);
	pod_rec_seal(s, n, 2);
	memcpy(state() + pod_rec_offset(n, POD_REC_AT_IMAGE), s, sizeof s);
	if (!w)
		return;
	pod_rec_put_windows(s, w);
	pod_rec_seal(s, n, 1);
	memcpy(state() + pod_rec_offset(n, POD_REC_AT_SYSTEM), s, sizeof s);
}

TEST(the_story_of_windows)
{
	one_image(NULL);
	RUN(POD_KEY_ENTER);
	leave_windows(1, NULL);
	power_on();
	RUN(SHOT(0), POD_KEY_F5, SHOT(1), POD_KEY_PGDN, SHOT(2));
	HAS(0, "F5 tells why the last start did not finish");
	HAS(1, "nothing was heard from inside it");
	HAS(1, "0x0000007B");
	HAS(1, "INACCESSIBLE_BOOT_DEVICE");
	HAS(2, "0x0000012F");
	/* in Chinese, every sentence */
	stick_free(&stick);
	one_image(NULL);
	RUN(POD_KEY_ENTER);
	leave_windows(1, NULL);
	power_on();
	RUN(POD_KEY_F3, POD_KEY_F5, SHOT(0));
	HAS(0, "0x0000007B");
	LACKS(0, "boot manager");
	LACKS(0, "heard");
	/* and what it records, where it ran */
	struct pod_rec_windows w = {.letter = 'E'};
	pod_stages_add(&w.stages, POD_STAGE_VOLUME_FOUND, 3100, 0);
	pod_stages_add(&w.stages, POD_STAGE_ISO_NOT_ATTACHED, 3200, 0xc03a0014);
	stick_free(&stick);
	one_image(NULL);
	RUN(POD_KEY_ENTER);
	leave_windows(1, &w);
	power_on();
	RUN(POD_KEY_F5, SHOT(0), POD_KEY_END, SHOT(1));
	HAS(0, "could not make the image a CD drive");
	HAS(0, "0xc03a0014");
	HAS(1, "3.1 s   Windows sees the stick");
	LACKS(0, "0x0000007B");
	stick_free(&stick);
}

/* An image that came back to the menu is the last start. */
TEST(the_story_of_a_start_that_came_back)
{
	one_image(NULL);
	fake.start_msg = "The image's loader returned: Load Error (1).";
	RUN(POD_KEY_ENTER, POD_KEY_ESC, '<', SHOT(0));
	HAS(0, "/images/debian.iso");
	HAS(0, "Load Error (1)");
	CHECK_EQ(test_alloc_live, 0);
	stick_free(&stick);
}

/* Whatever the record says, the page comes up. */
TEST(hostile_stories)
{
	for (uint32_t round = 0; round < 40; round++) {
		one_image(NULL);
		RUN(POD_KEY_ENTER);
		uint32_t x = round * 31 + 7;
		for (unsigned sector = 1; sector < POD_REC_SECTORS; sector++) {
			uint8_t *s = state() + pod_rec_offset(1, sector);
			static const uint8_t kind[] = {1, 2, 3, 3, 4, 4, 5, 0};
			for (unsigned i = 0x18; i < POD_REC_SECTOR; i++) {
				x = x * 1664525u + 1013904223u;
				s[i] = round % 4 == 0 ? 0xff : (uint8_t)(x >> 24);
			}
			memcpy(s, "ISOPODR1", 8);
			memset(s + 0x10, 0, 4);
			s[0x10] = kind[sector];
			pod_rec_seal(s, 1, sector);
		}
		power_on();
		RUN(POD_KEY_F5, POD_KEY_PGDN, SHOT(0), POD_KEY_END, SHOT(1));
		HAS(0, "The last start");
		CHECK_EQ(test_alloc_live, 0);
		stick_free(&stick);
	}
}
