/* SPDX-License-Identifier: BSD-2-Clause */
/* Partition mode in the menu: offered, asked about, and what the stick's first sector is meanwhile and afterwards. */
#include "tests/unit/menu_looks.h"
#include "core/disk/bootcode.h"
#include "core/disk/partmode.h"

static uint8_t before[512];
static bool named_at_start;
static enum pod_status (*real_start)(struct pod_fw *fw, struct pod_plan *plan, const char *path, char *msg, size_t size);

static bool named(void)
{
	return pod_bootcode_marked(stick.disk);
}

static enum pod_status look_and_start(struct pod_fw *fw, struct pod_plan *plan, const char *path, char *msg, size_t size)
{
	named_at_start = named();
	return real_start(fw, plan, path, msg, size);
}

/* bird.iso, with an isopod.conf if `conf` is not NULL. */
static void bird_stick(const char *conf)
{
	static uint8_t iso[ISO_SIZE];
	stick_begin(&stick, 24 << 20, FONT_FILE);
	pod_bootcode_put(stick.disk, &(struct pod_bootcode){POD_BOOTCODE_SLOT_A, 1, 0});
	size_t n = make_iso(iso, "CARDINAL");
	ex_file(&stick.ex, &stick.root, "bird.iso", n, iso, n);
	if (conf)
		ex_file(&stick.ex, &stick.root, "isopod.conf", strlen(conf), conf, strlen(conf));
	stick_end(&stick);
	fake_init(&fake, &stick, 80, 25);
	fake.fw.firmware_bit = POD_FW_BIOS | POD_FW_X64; /* the image starts on BIOS; the menu can be left on UEFI */
	real_start = fake.fw.start;
	fake.fw.start = look_and_start;
	named_at_start = false;
	memcpy(before, stick.disk, sizeof before);
}

static void done(void)
{
	CHECK_EQ(test_alloc_live, 0);
	stick_free(&stick);
}

TEST(offered_asked_and_put_back)
{
	bird_stick(NULL);
	RUN(POD_KEY_TAB, SHOT(0), 'p', SHOT(1), POD_KEY_ENTER, SHOT(2));
	HAS(0, "start as a partition of the stick");
	HAS(1, "Start it as a partition?");
	HAS(1, "Until Isopod starts again");
	CHECK_EQ(fake.starts, 1);
	CHECK(named_at_start);
	/* the loader of this machine comes back */
	CHECK(memcmp(stick.disk, before, 512) == 0);
	done();
	/* no yes, no start */
	bird_stick(NULL);
	RUN(POD_KEY_TAB, 'P', POD_KEY_ESC, SHOT(0));
	HAS(0, "bird.iso");
	CHECK_EQ(fake.starts, 0);
	CHECK(memcmp(stick.disk, before, 512) == 0);
	done();
	/* and never by itself */
	bird_stick(NULL);
	RUN(POD_KEY_ENTER);
	CHECK_EQ(fake.starts, 1);
	CHECK(!named_at_start);
	done();
}

TEST(by_the_configuration)
{
	bird_stick("partition = bird*\n");
	RUN(POD_KEY_TAB, SHOT(0), POD_KEY_ESC, POD_KEY_ENTER);
	HAS(0, "isopod.conf: starts as a partition of the stick.");
	CHECK_EQ(fake.starts, 1);
	CHECK(named_at_start);
	done();
}

TEST(where_it_cannot_be)
{
	bird_stick("partition = on\n");
	stick.dev.read_only = true;
	RUN(POD_KEY_TAB, SHOT(0));
	LACKS(0, "partition of the stick");
	done();
	/* a stick that does not say so */
	bird_stick("partition = on\n");
	stick.write_protected = true;
	RUN(POD_KEY_ENTER, SHOT(0));
	HAS(0, "cannot be named");
	CHECK_EQ(fake.starts, 0);
	done();
	/* boot code of somebody else */
	bird_stick("partition = on\n");
	memset(stick.disk, 0, 440);
	RUN(POD_KEY_ENTER, SHOT(0));
	HAS(0, "cannot be named");
	CHECK_EQ(fake.starts, 0);
	done();
}

/* As an earlier start that did not come back left it. */
static void leave_it_named(void)
{
	struct pod_window record;
	const struct pod_partmode_piece piece = {DATA_START + (4 << 20), 1 << 20, POD_PARTMODE_TYPE};
	REQUIRE(pod_window_init(&record, &stick.dev, stick.esp_start + stick.state + POD_STATE_PARTMODE, POD_PARTMODE_RECORD) ==
		POD_OK);
	REQUIRE(pod_partmode_begin(&stick.dev, &record.dev, &test_alloc, 1, &piece, 1) == POD_OK);
	REQUIRE(named());
}

TEST(the_next_start)
{
	bird_stick(NULL);
	leave_it_named();
	RUN(SHOT(0));
	HAS(0, "partition table is as it was");
	HAS(0, "bird.iso");
	CHECK(memcmp(stick.disk, before, 512) == 0);
	done();
	/* it cannot be written, and is read as it was all the same */
	bird_stick(NULL);
	leave_it_named();
	stick.write_protected = true;
	RUN(SHOT(0));
	HAS(0, "could not be put back");
	HAS(0, "bird.iso");
	CHECK(named());
	done();
	/* somebody changed it */
	bird_stick(NULL);
	leave_it_named();
	stick.disk[446 + 32 + 4] = 0x83;
	RUN(SHOT(0));
	HAS(0, "was changed since");
	CHECK(named() && stick.disk[446 + 32 + 4] == 0x83);
	done();
}

/* The archive that a served boot menu loads, which would look for the image in the data partition. */
TEST(the_file_that_a_kernel_is_given_is_zeros)
{
	uint8_t data[4096], got[4096];
	uint64_t at;
	struct pod_plan p = {.lone = {.start_bytes = 1024, .length_bytes = 2048}, .offered = {.length_bytes = 5}};
	memset(data, 'x', sizeof data);
	pod_map_init(&p.map, &test_alloc);
	CHECK_EQ(pod_map_mem(&p.map, data, sizeof data, &at), POD_OK);
	CHECK_EQ(pod_map_append(&p.map, POD_SEG_MEM, at, sizeof data), POD_OK);
	CHECK_EQ(pod_plan_no_lone(&p), POD_OK);
	CHECK(!p.lone.length_bytes && !p.offered.length_bytes);
	CHECK_EQ(pod_map_read(&p.map, NULL, 0, got, sizeof got), POD_OK);
	memset(data + 1024, 0, 2048);
	CHECK(memcmp(got, data, sizeof got) == 0);
	CHECK_EQ(pod_plan_no_lone(&p), POD_OK);
	pod_map_fini(&p.map);
	CHECK_EQ(test_alloc_live, 0);
}
