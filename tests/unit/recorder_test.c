/* SPDX-License-Identifier: BSD-2-Clause */
/* The recorder at work: when it writes, how much, and that it never gets in the way. */
#include "core/trace/recorder.h"
#include "tests/unit/faultdev.h"
#include "tests/unit/test.h"

static uint8_t file[POD_STATE_SIZE];
static struct fault_dev dev;
static struct pod_recorder rec;
static struct pod_rec_boot boot;

static void begin(void)
{
	memset(file, 0, sizeof file);
	fault_init(&dev, file, sizeof file, 512);
	CHECK_EQ(pod_recorder_open(&rec, &dev.dev, &test_alloc), POD_OK);
	CHECK_EQ(dev.writes, 0);
	struct pod_rec_machine m = {.firmware = 2, .vendor = "QEMU"};
	pod_recorder_machine(&rec, &m);
	CHECK_EQ(dev.writes, 1);
}

static void load(uint32_t n)
{
	CHECK_EQ(pod_rec_read(&dev.dev, &test_alloc, n, &boot), POD_OK);
}

static void read_at(uint64_t off, uint32_t len, uint32_t ms, uint32_t took)
{
	pod_recorder_read(&rec, off, len, ms);
	pod_recorder_read_done(&rec, len, POD_OK, 0, ms + took);
}

TEST(stages_are_there_at_once_and_once)
{
	begin();
	pod_recorder_stage(&rec, POD_STAGE_STARTED, 5, 0);
	load(1);
	CHECK_EQ(boot.progress.stages.count, 1);
	pod_recorder_stage(&rec, POD_STAGE_MENU, 900, 0);
	pod_recorder_stage(&rec, POD_STAGE_MENU, 5000, 1);
	load(1);
	CHECK_EQ(boot.progress.stages.count, 2);
	CHECK_EQ(boot.progress.stages.event[1].ms, 900);
	CHECK_EQ(boot.progress.ms, 900);
	CHECK_EQ(dev.writes, 3);
	CHECK_EQ(boot.progress.written, 2);
	CHECK(pod_recorder_has(&rec, POD_STAGE_MENU) && !pod_recorder_has(&rec, POD_STAGE_CHOSEN));
	for (unsigned i = 3; i < 40; i++)
		pod_recorder_stage(&rec, (enum pod_stage)i, i, 0);
	load(1);
	CHECK_EQ(boot.progress.stages.count, POD_STAGE_MAX);
}

TEST(image_and_message)
{
	begin();
	struct pod_rec_image im = {.size_bytes = 5, .path = "/a.iso"};
	pod_recorder_image(&rec, &im);
	char text[700];
	memset(text, 'x', sizeof text);
	text[sizeof text - 1] = 0;
	pod_recorder_message(&rec, POD_E_IO, text);
	load(1);
	CHECK_STR(boot.image.path, "/a.iso");
	CHECK_EQ(boot.message.status, POD_E_IO);
	CHECK_EQ(strlen(boot.message.text), POD_REC_MESSAGE_MAX);
}

TEST(what_was_read_is_told)
{
	begin();
	read_at(32768, 2048, 1000, 0);
	read_at(40 << 20, 65536, 1010, 30);
	read_at((40 << 20) + 65536, 65536, 1050, 10);
	pod_recorder_tick(&rec, 1100);
	load(1);
	CHECK_EQ(boot.progress.bytes, 2048 + 2 * 65536);
	CHECK_EQ(boot.progress.reads, 3);
	CHECK_EQ(boot.progress.run_off, 40 << 20);
	CHECK_EQ(boot.progress.last_off, (40 << 20) + 65536);
	CHECK_EQ(boot.progress.last_len, 65536);
	CHECK_EQ(boot.progress.read_ms, 40);
	CHECK_EQ(boot.progress.last_read_ms, 1060);
	CHECK_EQ(boot.progress.slow[0].ms, 30);
	CHECK_EQ(boot.progress.slow[1].off_bytes, (40 << 20) + 65536);
	CHECK_EQ(boot.progress.slow[2].ms, 0);
	CHECK_EQ(boot.progress.flags, POD_REC_P_TIMER);
}

TEST(the_slowest_four)
{
	static const uint32_t took[] = {5, 90, 3, 20, 70, 0, 4, 100};
	begin();
	for (uint32_t i = 0; i < POD_ARRAY_LEN(took); i++)
		read_at(i * 4096, 4096, 10000 + i * 1000, took[i]);
	pod_recorder_tick(&rec, 30000);
	load(1);
	CHECK_EQ(boot.progress.slow[0].ms, 100);
	CHECK_EQ(boot.progress.slow[0].off_bytes, 7 * 4096);
	CHECK_EQ(boot.progress.slow[1].ms, 90);
	CHECK_EQ(boot.progress.slow[2].ms, 70);
	CHECK_EQ(boot.progress.slow[3].ms, 20);
}

/* A read that never comes back: the record on the stick names it. */
TEST(a_read_that_hangs_is_under_way)
{
	begin();
	read_at(0, 2048, 1000, 1);
	pod_recorder_read(&rec, 77 << 20, 4096, 3000);
	load(1);
	CHECK_EQ(boot.progress.flags, POD_REC_P_READING);
	CHECK_EQ(boot.progress.last_off, 77 << 20);
	CHECK_EQ(boot.progress.reads, 1);
	pod_recorder_read_done(&rec, 4096, POD_OK, 0, 3010);
	pod_recorder_tick(&rec, 3100);
	load(1);
	CHECK_EQ(boot.progress.flags, POD_REC_P_TIMER);
	CHECK_EQ(boot.progress.reads, 2);
}

TEST(errors_are_written_at_once_but_not_for_ever)
{
	begin();
	read_at(0, 2048, 1000, 0);
	long before = dev.writes;
	pod_recorder_read(&rec, 2048, 2048, 1001);
	pod_recorder_read_done(&rec, 512, POD_E_IO, 0x10, 1002);
	CHECK(dev.writes > before);
	load(1);
	CHECK_EQ(boot.progress.errors, 1);
	CHECK_EQ(boot.progress.error_status, POD_E_IO);
	CHECK_EQ(boot.progress.error_code, 0x10);
	CHECK_EQ(boot.progress.error_off, 2048);
	CHECK_EQ(boot.progress.bytes, 2560);
	for (unsigned i = 0; i < 10000; i++) {
		pod_recorder_read(&rec, 4096, 2048, 1003 + i / 10);
		pod_recorder_read_done(&rec, 0, POD_E_CHANGED, 7, 1003 + i / 10);
	}
	CHECK(dev.writes < 60);
	pod_recorder_tick(&rec, 5000);
	load(1);
	CHECK_EQ(boot.progress.errors, 10001);
	CHECK_EQ(boot.progress.error_status, POD_E_IO);
	CHECK_EQ(boot.progress.error_off, 2048);
}

TEST(reads_outside)
{
	begin();
	pod_recorder_outside(&rec, (uint64_t)9 << 30, 100);
	pod_recorder_outside(&rec, (uint64_t)10 << 30, 100);
	load(1);
	CHECK_EQ(boot.progress.outside, 1);
	pod_recorder_tick(&rec, 2000);
	load(1);
	CHECK_EQ(boot.progress.outside, 2);
	CHECK_EQ(boot.progress.outside_off, (uint64_t)9 << 30);
}

/* Ten minutes of reading here and there, as fast as it goes: at most four writes a second, and within the budget. */
TEST(writes_are_paced)
{
	begin();
	uint64_t seed = 3;
	for (uint32_t ms = 1000; ms < 11000; ms++)
		read_at((uint64_t)fault_random(&seed) << 11, 2048, ms, 0);
	CHECK(dev.writes <= 1 + POD_PACE_BURST + 4 * 10 + 1);
	CHECK(dev.writes >= 4 * 10);
	for (uint32_t ms = 11000; ms < 600000; ms++)
		read_at((uint64_t)fault_random(&seed) << 11, 2048, ms, 0);
	CHECK(dev.writes <= (256 << 10) / 512);
	CHECK_EQ(dev.writes, rec.written);
	/* what came last is there all the same, at most so late */
	load(1);
	CHECK(599999 - boot.progress.ms < 16000);
	CHECK(dev.reads < 60);
}

TEST(reading_on_and_on_is_noted_each_second)
{
	begin();
	for (uint32_t i = 0; i < 10000; i++)
		read_at((uint64_t)i * 2048, 2048, 1000 + i, 0);
	CHECK(dev.writes >= 10 && dev.writes <= 12);
}

/* A machine that hangs without reading: few writes, and the time told grows with it. */
TEST(a_quiet_loader)
{
	begin();
	read_at(0, 2048, 1000, 0);
	for (uint32_t ms = 2000; ms <= 3600000; ms += 1000)
		pod_recorder_tick(&rec, ms);
	CHECK(dev.writes < 80);
	load(1);
	CHECK(boot.progress.ms >= 3600000 - 65000);
	CHECK_EQ(boot.progress.last_read_ms, 1000);
}

TEST(a_second_image_has_a_story_of_its_own)
{
	begin();
	pod_recorder_stage(&rec, POD_STAGE_STARTED, 1, 0);
	pod_recorder_stage(&rec, POD_STAGE_MENU, 2, 0);
	pod_recorder_stage(&rec, POD_STAGE_CHOSEN, 3, 0);
	read_at(0, 2048, 1000, 0);
	pod_recorder_again(&rec, &test_alloc);
	pod_recorder_stage(&rec, POD_STAGE_CHOSEN, 9, 0);
	CHECK_EQ(rec.boot, 2);
	load(2);
	CHECK_STR(boot.machine.vendor, "QEMU");
	CHECK_EQ(boot.progress.stages.count, 3);
	CHECK_EQ(boot.progress.stages.event[1].ms, 2);
	CHECK_EQ(boot.progress.stages.event[2].ms, 9);
	CHECK_EQ(boot.progress.reads, 0);
	load(1);
	CHECK_EQ(boot.progress.stages.count, 3);
}

/* Whatever fails, the calls return, and nothing more is written. */
TEST(failures_switch_it_off)
{
	for (long k = 1; k < 12; k++) {
		memset(file, 0, sizeof file);
		fault_init(&dev, file, sizeof file, 512);
		dev.fail_write_at = k;
		CHECK_EQ(pod_recorder_open(&rec, &dev.dev, &test_alloc), POD_OK);
		struct pod_rec_machine m = {0};
		pod_recorder_machine(&rec, &m);
		for (unsigned i = 1; i < 15; i++) {
			pod_recorder_stage(&rec, (enum pod_stage)i, i, 0);
			read_at(i * 99999, 512, 1000 * i, 1);
		}
		CHECK_EQ(dev.writes, k);
		CHECK_EQ(rec.status, POD_E_IO);
		CHECK(!rec.state);
	}
	begin();
	dev.fail_flush_at = 1;
	pod_recorder_stage(&rec, POD_STAGE_STARTED, 1, 0);
	CHECK(!rec.state);
	fault_init(&dev, file, sizeof file, 512);
	dev.dev.read_only = true;
	CHECK_EQ(pod_recorder_open(&rec, &dev.dev, &test_alloc), POD_E_READONLY);
	pod_recorder_stage(&rec, POD_STAGE_STARTED, 1, 0);
	pod_recorder_message(&rec, POD_OK, "x");
	pod_recorder_again(&rec, &test_alloc);
	CHECK_EQ(dev.writes, 0);
	fault_init(&dev, file, 8192, 512);
	CHECK_EQ(pod_recorder_open(&rec, &dev.dev, &test_alloc), POD_E_RANGE);
	fault_init(&dev, file, sizeof file, 512);
	dev.fail_read_at = 1;
	dev.dead = true;
	CHECK_EQ(pod_recorder_open(&rec, &dev.dev, &test_alloc), POD_E_IO);
	test_alloc_count = 0;
	test_alloc_fail_at = 1;
	fault_init(&dev, file, sizeof file, 512);
	CHECK_EQ(pod_recorder_open(&rec, &dev.dev, &test_alloc), POD_E_NOMEM);
}

static enum pod_status forget(struct pod_dev *d, uint64_t off, const void *buf, size_t len)
{
	(void)d, (void)off, (void)buf, (void)len;
	dev.writes++;
	return POD_OK;
}

TEST(a_stick_that_forgets_is_noticed)
{
	memset(file, 0, sizeof file);
	fault_init(&dev, file, sizeof file, 512);
	dev.dev.write = forget;
	CHECK_EQ(pod_recorder_open(&rec, &dev.dev, &test_alloc), POD_OK);
	struct pod_rec_machine m = {0};
	pod_recorder_machine(&rec, &m);
	CHECK(!rec.state && rec.status == POD_E_READONLY);
	pod_recorder_stage(&rec, POD_STAGE_STARTED, 1, 0);
	CHECK_EQ(dev.writes, 1);
}

TEST(whatever_lies_there)
{
	uint64_t seed = 9;
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < sizeof file; i++)
			file[i] = round == 0 ? 0xff : (uint8_t)fault_random(&seed);
		fault_init(&dev, file, sizeof file, 512);
		CHECK_EQ(pod_recorder_open(&rec, &dev.dev, &test_alloc), POD_OK);
		struct pod_rec_machine m = {0};
		pod_recorder_machine(&rec, &m);
		pod_recorder_stage(&rec, POD_STAGE_STARTED, 1, 0);
		load(1);
		CHECK(boot.has_machine && boot.has_progress);
	}
}

/* The sector the INT 13h server goes on with. */
TEST(template_goes_on)
{
	uint8_t s[POD_REC_SECTOR];
	begin();
	pod_recorder_stage(&rec, POD_STAGE_STARTED, 5, 0);
	pod_recorder_template(&rec, s);
	CHECK_EQ(pod_get_le32(s + POD_PR_UPDATE), 1);
	CHECK_EQ(pod_get_le32(s + POD_PR_WRITTEN), 2);
	CHECK_EQ(s[POD_PR_STAGE_COUNT], 1);
	CHECK_EQ(pod_rec_boot_of(s), 1);
}

/* The places named in progress.h are those record.c reads. */
TEST(fields_are_where_both_say)
{
	uint8_t s[POD_REC_SECTOR];
	struct pod_rec_progress p;
	for (unsigned i = 0; i < sizeof s; i++)
		s[i] = (uint8_t)(i * 7);
	s[POD_PR_STAGE_COUNT] = 2;
	pod_rec_get_progress(s, &p);
	CHECK_EQ(p.ms, pod_get_le32(s + POD_PR_MS));
	CHECK_EQ(p.flags, s[POD_PR_FLAGS]);
	CHECK_EQ(p.bytes, pod_get_le64(s + POD_PR_BYTES));
	CHECK_EQ(p.reads, pod_get_le32(s + POD_PR_READS));
	CHECK_EQ(p.last_len, pod_get_le32(s + POD_PR_LAST_LEN));
	CHECK_EQ(p.last_off, pod_get_le64(s + POD_PR_LAST));
	CHECK_EQ(p.run_off, pod_get_le64(s + POD_PR_RUN));
	CHECK_EQ(p.errors, pod_get_le32(s + POD_PR_ERRORS));
	CHECK_EQ(p.error_status, pod_get_le32(s + POD_PR_ERROR_STATUS));
	CHECK_EQ(p.error_code, pod_get_le32(s + POD_PR_ERROR_CODE));
	CHECK_EQ(p.error_off, pod_get_le64(s + POD_PR_ERROR));
	CHECK_EQ(p.outside, pod_get_le32(s + POD_PR_OUTSIDE));
	CHECK_EQ(p.outside_off, pod_get_le64(s + POD_PR_OUTSIDE_AT));
	CHECK_EQ(p.read_ms, pod_get_le32(s + POD_PR_READ_MS));
	CHECK_EQ(p.slow[3].off_bytes, pod_get_le64(s + POD_PR_SLOW + 36));
	CHECK_EQ(p.stages.event[1].ms, pod_get_le32(s + POD_PR_STAGE + POD_PR_STAGE_SIZE + 4));
	CHECK_EQ(p.last_read_ms, pod_get_le32(s + POD_PR_LAST_MS));
	CHECK_EQ(p.written, pod_get_le32(s + POD_PR_WRITTEN));
}
