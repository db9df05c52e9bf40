/* SPDX-License-Identifier: BSD-2-Clause */
/* The resident INT 13h server: what it answers, and what it records. */
#include "tests/unit/test.h"
#include <stdio.h>
#include "tests/unit/int13_machine.h"

static uint8_t before[LOW_SIZE];

#define DAP 0x600u

static struct i13_regs edd(uint8_t op, uint8_t drive, uint64_t lba, uint32_t count, uint32_t buffer)
{
	pod_put_le16(low + DAP, 16);
	pod_put_le16(low + DAP + 2, (uint16_t)count);
	pod_put_le16(low + DAP + 4, (uint16_t)(buffer & 0xf));
	pod_put_le16(low + DAP + 6, (uint16_t)(buffer >> 4));
	pod_put_le64(low + DAP + 8, lba);
	memcpy(before, low, sizeof low);
	return call((uint32_t)op << 8, 0, 0, drive, 0, 0x50, 0x100);
}

/* True if low memory changed only where it may: buffer, packet count, status byte, bounce buffer. */
static bool only_changed(uint32_t buffer, uint32_t len)
{
	for (uint32_t i = 0; i < LOW_SIZE; i++) {
		bool may = (i >= buffer && i < buffer + len) || (i >= BOUNCE && i < BOUNCE + i13.bounce_size) ||
			   (i >= DAP && i < DAP + 4) || i == BDA_DISK_STATUS || i == BDA_FLOPPY_STATUS;
		if (!may && low[i] != before[i])
			return false;
	}
	return true;
}

static void random_reads(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t sectors = (uint32_t)i13.unit[0].sectors, lba = rnd(sectors), count = rnd(40) + (rnd(9) == 0) * 120;
		if (count > sectors - lba)
			count = sectors - lba;
		uint32_t buffer = 0x10000 + rnd(0x30000);
		if (rnd(3))
			buffer &= ~0xfffu;
		struct i13_regs r = edd(0x42, 0xe0, lba, count, buffer);
		CHECK(!(r.flags & 1));
		CHECK_EQ(r.eax, 0xaaaa0000);
		CHECK(r.ebx == 0xbbbb0000 && r.ecx == 0xcccc0000 && r.edx == 0xdddd00e0 && r.edi == 0x77777777);
		CHECK(memcmp(low + buffer, want_disk + ((uint64_t)lba << 11), count << 11) == 0);
		CHECK_EQ(pod_get_le16(low + DAP + 2), count);
		CHECK(only_changed(buffer, count << 11));
	}
	CHECK_EQ(violations, 0);
}

TEST(reads_are_right_whatever_the_map)
{
	static const uint32_t counts[] = {1, 2, 7, 64, 65, 129, 1000}, aligns[] = {2048, 512, 1};
	for (uint32_t a = 0; a < 3; a++)
		for (uint32_t c = 0; c < POD_ARRAY_LEN(counts); c++) {
			reset_machine();
			make_map(counts[c], aligns[a]);
			random_reads(40);
		}
}

TEST(reads_are_right_on_4k_sticks_in_v86_and_by_chs)
{
	for (int mode = 0; mode < 3; mode++) {
		reset_machine();
		v86 = mode == 1;
		if (mode == 0)
			i13.stick_shift = 12, i13.bounce_size = 4096;
		if (mode == 2)
			i13.stick_edd = 0;
		make_map(90, 2048);
		random_reads(60);
	}
}

TEST(whole_sectors_go_straight_to_the_caller)
{
	reset_machine();
	make_map(1, 2048);
	i13.window[0].source = (uint64_t)POD_SEG_DEV << I13_KIND_SHIFT | 4096;
	struct i13_regs r = edd(0x42, 0xe0, 0, 31, 0x20000);
	CHECK(!(r.flags & 1));
	CHECK_EQ(bios_calls, 1);
	CHECK(memcmp(low + 0x20000, stick + 4096, 31 << 11) == 0);
}

TEST(a_64_kib_read_in_one_call_where_the_bios_can)
{
	static const int kind[] = {MOVES_128, REFUSES, MOVES_127, MOVES_NOTHING};
	for (uint32_t k = 0; k < POD_ARRAY_LEN(kind); k++) {
		reset_machine();
		most_127 = (unsigned)kind[k];
		make_map_of(1, 2048, 1 << 20);
		i13.size_bytes = 1 << 20, i13.unit[0].sectors = (1 << 20) >> 11;
		i13.window[0].source = (uint64_t)POD_SEG_DEV << I13_KIND_SHIFT | 8192;
		for (uint32_t i = 0; i < 3; i++) {
			struct i13_regs r = edd(0x42, 0xe0, 32 * i, 32, 0x20000);
			CHECK(!(r.flags & 1));
			CHECK(memcmp(low + 0x20000, stick + 8192 + (i << 16), 1 << 16) == 0);
			CHECK(only_changed(0x20000, 1 << 16));
		}
		/* Asked once; and its reset. */
		CHECK_EQ(bios_calls, kind[k] == MOVES_128 ? 3 : 6 + 1 + 1);
		CHECK_EQ(i13.stick_most, kind[k] == MOVES_128 ? 0 : 127);
		/* Not across a 64 KiB boundary, and not to be looked at only. */
		CHECK(!(edd(0x42, 0xe0, 0, 32, 0x20800).flags & 1));
		CHECK(!(edd(0x44, 0xe0, 0, 32, 0x20000).flags & 1));
		CHECK_EQ(violations, 0);
	}
}

TEST(a_bios_that_moves_few_sectors_in_a_call)
{
	static const uint32_t most[] = {127, 64, 63, 32, 8};
	for (uint32_t k = 0; k < POD_ARRAY_LEN(most); k++) {
		reset_machine();
		most_in_a_call = most[k];
		make_map_of(1, 2048, 1 << 20);
		i13.size_bytes = 1 << 20, i13.unit[0].sectors = (1 << 20) >> 11;
		i13.window[0].source = (uint64_t)POD_SEG_DEV << I13_KIND_SHIFT | 8192;
		for (uint32_t i = 0; i < 3; i++) {
			CHECK(!(edd(0x42, 0xe0, 32 * i, 32, 0x20000).flags & 1));
			CHECK(memcmp(low + 0x20000, stick + 8192 + (i << 16), 1 << 16) == 0);
		}
		CHECK(resets <= 3); /* what it refuses it is not asked for again */
		CHECK_EQ(violations, 0);
	}
}

TEST(outside_the_disk_is_an_error_and_touches_nothing)
{
	reset_machine();
	make_map(5, 2048);
	uint64_t end = i13.unit[0].sectors;
	uint64_t lbas[] = {end, end - 1, end + 1, ~0ull, 1ull << 53};
	for (uint32_t i = 0; i < POD_ARRAY_LEN(lbas); i++) {
		struct i13_regs r = edd(0x42, 0xe0, lbas[i], 2, 0x20000);
		CHECK(r.flags & 1);
		CHECK_EQ(r.eax >> 8 & 0xff, SECTOR_NOT_FOUND);
		CHECK(only_changed(0, 0));
		/* With the same packet again, as GRUB does. */
		CHECK_EQ(pod_get_le16(low + DAP + 2), 2);
		CHECK(call(0x4200, 0, 0, 0xe0, 0, 0x50, 0x100).flags & 1);
		i13.unit[0].kind = I13_DISK;
		CHECK(edd(0x42, 0xe0, lbas[i], 2, 0x20000).flags & 1);
		CHECK_EQ(pod_get_le16(low + DAP + 2), 0);
		i13.unit[0].kind = I13_CD;
	}
	CHECK_EQ(low[BDA_DISK_STATUS], SECTOR_NOT_FOUND);
	CHECK_EQ(call(0x0100, 0, 0, 0xe0, 0, 0, 0).eax & 0xffff, SECTOR_NOT_FOUND << 8 | SECTOR_NOT_FOUND);
}

TEST(a_bad_sector_is_passed_on_with_what_came_before)
{
	reset_machine();
	make_map(1, 2048);
	i13.unit[0].kind = I13_DISK;
	i13.window[0].source = (uint64_t)POD_SEG_DEV << I13_KIND_SHIFT | 0;
	bad_from = 42, bad_to = 43; /* in the eleventh 2048-byte sector */
	struct i13_regs r = edd(0x42, 0xe0, 2, 20, 0x20000);
	CHECK(r.flags & 1);
	CHECK_EQ(r.eax >> 8 & 0xff, 0x10);
	CHECK_EQ(pod_get_le16(low + DAP + 2), 8);
	CHECK(memcmp(low + 0x20000, stick + (2 << 11), 8 << 11) == 0);
	CHECK_EQ(resets, 4); /* 80 sectors, 63, and 8 twice */
	/* Through the bounce buffer too, and when only verifying. */
	r = edd(0x42, 0xe0, 10, 1, 0x2ff01);
	CHECK((r.flags & 1) && pod_get_le16(low + DAP + 2) == 0);
	r = edd(0x44, 0xe0, 9, 4, 0);
	CHECK((r.flags & 1) && pod_get_le16(low + DAP + 2) == 1);
	CHECK(only_changed(0, 0));
	r = edd(0x44, 0xe0, 11, 4, 0);
	CHECK(!(r.flags & 1) && only_changed(0, 0));
	/* One hiccup is got over by a reset. */
	bad_from = bad_to = 0, flaky = 1;
	r = edd(0x42, 0xe0, 2, 4, 0x20000);
	CHECK(!(r.flags & 1) && memcmp(low + 0x20000, stick + (2 << 11), 4 << 11) == 0);
	a20_stuck = true;
	i13.window[0].source = (uint64_t)POD_SEG_MEM << I13_KIND_SHIFT;
	r = edd(0x42, 0xe0, 2, 4, 0x20000);
	CHECK((r.flags & 1) && (r.eax >> 8 & 0xff) == CONTROLLER_FAILURE);
}

TEST(flat_buffer_addresses)
{
	reset_machine();
	make_map(3, 2048);
	edd(0x42, 0xe0, 1, 2, 0x20000);
	low[DAP] = 24;
	memset(low + DAP + 4, 0xff, 4);
	pod_put_le64(low + DAP + 16, 0x23456);
	struct i13_regs r = call(0x4200, 0, 0, 0xe0, 0, 0x60, 0);
	CHECK(!(r.flags & 1) && memcmp(low + 0x23456, want_disk + 2048, 4096) == 0);
	pod_put_le64(low + DAP + 16, 0x100000000);
	CHECK(call(0x4200, 0, 0, 0xe0, 0, 0x60, 0).flags & 1);
	low[DAP] = 16;
	CHECK(call(0x4200, 0, 0, 0xe0, 0, 0x60, 0).flags & 1);
}

static void make_disk(uint8_t kind, uint8_t drive, uint64_t start, uint32_t c, uint32_t h, uint32_t s)
{
	i13.unit[1] = i13.unit[0];
	i13.drive[1] = 0xe0;
	i13.unit[0] = (struct i13_unit){.start_bytes = start,
					.sectors = (uint64_t)c * h * s,
					.kind = kind,
					.shift = 9,
					.cylinders = c,
					.heads = h,
					.track_sectors = s,
					.floppy_type = 4};
	i13.drive[0] = drive;
	i13.eltorito = 1;
	i13.packet[0] = 19;
	i13.packet[2] = drive;
}

TEST(floppy_by_chs)
{
	reset_machine();
	make_map(20, 512);
	make_disk(I13_FLOPPY, 0, 4096, 20, 2, 18);
	for (uint32_t i = 0; i < 300; i++) {
		uint32_t c = rnd(20), h = rnd(2), s = 1 + rnd(18), n = 1 + rnd(18), lba = (c * 2 + h) * 18 + s - 1;
		if (lba + n > 720 || (uint64_t)(lba + n) * 512 + 4096 > i13.size_bytes)
			continue;
		struct i13_regs r = call(0x0200 | n, 0x1230, c << 8 | s, h << 8, 0x2000, 0, 0);
		CHECK(!(r.flags & 1));
		CHECK_EQ(r.eax, 0xaaaa0000 | n);
		CHECK(memcmp(low + 0x21230, want_disk + 4096 + lba * 512, n * 512) == 0);
	}
	struct i13_regs r = call(0x0201, 0, 0 << 8 | 19, 0, 0x2000, 0, 0);
	CHECK((r.flags & 1) && (r.eax & 0xffff) == 0x0400);
	r = call(0x0201, 0, 20 << 8 | 1, 0, 0x2000, 0, 0);
	CHECK((r.flags & 1) && (r.eax & 0xffff) == 0x0400);
	r = call(0x0301, 0, 1, 0, 0x2000, 0, 0);
	CHECK((r.flags & 1) && (r.eax >> 8 & 0xff) == WRITE_PROTECTED);
	CHECK_EQ(low[BDA_FLOPPY_STATUS], WRITE_PROTECTED);
	r = call(0x0800, 0, 0, 0, 0, 0, 0);
	CHECK(!(r.flags & 1));
	CHECK_EQ(r.ecx & 0xffff, 19 << 8 | 18);
	CHECK_EQ(r.edx & 0xffff, 1 << 8 | 2); /* two drives, by the equipment word */
	CHECK_EQ(r.ebx & 0xffff, 4);
	CHECK(r.es == SEGMENT);
	r = call(0x1500, 0, 0, 0, 0, 0, 0);
	CHECK(!(r.flags & 1) && (r.eax >> 8 & 0xff) == 1);
	CHECK(call(0x4100, 0x55aa, 0, 0, 0, 0, 0).flags & 1);
	CHECK_EQ(violations, 0);
}

TEST(disk_emulation_and_the_drives_behind_it)
{
	reset_machine();
	make_map(20, 512);
	make_disk(I13_DISK, 0x80, 2048, 40, 16, 63);
	i13.unit[0].sectors = 1000;
	i13.shift_last = 0x83;
	struct i13_regs r = call(0x4100, 0x55aa, 0, 0x80, 0, 0, 0);
	CHECK(!(r.flags & 1) && (r.ebx & 0xffff) == 0xaa55 && (r.ecx & 1) && (r.eax >> 8 & 0xff) == 0x30);
	r = edd(0x42, 0x80, 7, 3, 0x20000);
	CHECK(!(r.flags & 1) && memcmp(low + 0x20000, want_disk + 2048 + 7 * 512, 3 * 512) == 0);
	r = call(0x0203, 0, 8, 0x80, 0x3000, 0, 0);
	CHECK(!(r.flags & 1) && memcmp(low + 0x30000, want_disk + 2048 + 7 * 512, 3 * 512) == 0);
	r = call(0x0800, 0, 0, 0x80, 0, 0, 0);
	CHECK_EQ(r.ecx & 0xffff, 39 << 8 | 63);
	CHECK_EQ(r.edx & 0xffff, 15 << 8 | DISK_COUNT);
	r = call(0x1500, 0, 0, 0x80, 0, 0, 0);
	CHECK(!(r.flags & 1) && (r.eax >> 8 & 0xff) == 3 && (r.ecx & 0xffff) == 0 && (r.edx & 0xffff) == 1000);
	pod_put_le16(low + 0x700, 30);
	r = call(0x4800, 0, 0, 0x80, 0, 0x70, 0);
	CHECK(!(r.flags & 1));
	CHECK_EQ(pod_get_le64(low + 0x710), 1000);
	CHECK_EQ(pod_get_le16(low + 0x718), 512);
	/* 82h is the BIOS's 81h; AH=08h tells the number of drives, not one fewer. */
	r = call(0x4b7f, 0, 0, 0x82, 0, 0, 0);
	CHECK_EQ(seen.edx & 0xff, 0x81);
	CHECK_EQ(r.edx & 0xff, 0x82);
	call(0x0800, 0, 0, 0x81, 0, 0, 0);
	CHECK_EQ(seen.edx & 0xff, 0x80);
	/* 4B00h ends it. */
	r = call(0x4b00, 0, 0, I13_TERMINATE, 0, 0x80, 4);
	CHECK(!(r.flags & 1) && low[0x804] == 19 && low[0x806] == 0x80);
	CHECK(i13.drive[0] == I13_NO_DRIVE && !i13.shift_last && low[BDA_DISK_COUNT] == DISK_COUNT - 1);
	CHECK(!(edd(0x42, 0xe0, 1, 1, 0x20000).flags & 1));
	CHECK_EQ(violations, 0);
}

TEST(cd_answers)
{
	reset_machine();
	make_map(4, 2048);
	i13.eltorito = 1;
	i13.packet[0] = 19, i13.packet[2] = 0xe0;
	i13.catalog_lba = 3;
	pod_put_le16(low + 0x700, 26);
	struct i13_regs r = call(0x4800, 0, 0, 0xe0, 0, 0x70, 0);
	CHECK(!(r.flags & 1));
	CHECK_EQ(pod_get_le64(low + 0x710), i13.size_bytes >> 11);
	CHECK_EQ(pod_get_le16(low + 0x718), 2048);
	pod_put_le16(low + 0x700, 25);
	CHECK(call(0x4800, 0, 0, 0xe0, 0, 0x70, 0).flags & 1);
	r = call(0x4b01, 0, 0, 0xe0, 0, 0x80, 4);
	CHECK(!(r.flags & 1) && memcmp(low + 0x804, i13.packet, 19) == 0 && i13.drive[0] == 0xe0);
	pod_put_le16(low + 0x900, 0x0108);
	pod_put_le16(low + 0x902, 0x10);
	pod_put_le16(low + 0x904, 0x2000);
	pod_put_le16(low + 0x906, 1);
	r = call(0x4d00, 0, 0, 0xe0, 0, 0x90, 0);
	CHECK(!(r.flags & 1) && memcmp(low + 0x20010, want_disk + 4 * 2048, 2048) == 0);
	CHECK(call(0x4300, 0, 0, 0xe0, 0, 0x60, 0).flags & 1);
	CHECK_EQ(call(0x0000, 0, 0, 0xe0, 0, 0, 0).eax, 0xaaaa0000);
	static const uint8_t refused[] = {0x02, 0x08, 0x4a, 0x4c, 0x4e, 0xff};
	for (uint32_t i = 0; i < sizeof refused; i++)
		CHECK(call((uint32_t)refused[i] << 8 | 1, 0, 1, 0xe0, 0x2000, 0, 0).flags & 1);
	i13.eltorito = 0;
	CHECK(call(0x4b01, 0, 0, 0xe0, 0, 0x80, 4).flags & 1);
}

/* --- the flight recorder ----------------------------------------------------------------------------------------- */

#define REC_AT 0x1ff0u /* stick sector, behind what the maps of these tests show */

static void set_ticks(uint32_t t)
{
	pod_put_le32(low + BDA_TICKS, t);
}

/* One segment, the stick's first 2 MiB, as a CD; recorded. */
static void record_from(uint32_t ticks)
{
	reset_machine();
	i13.size_bytes = 2 << 20;
	i13.seg_count = 1;
	i13.window[0] = (struct i13_seg){.source = (uint64_t)POD_SEG_DEV << I13_KIND_SHIFT};
	i13.unit[0] = (struct i13_unit){.sectors = 1024, .kind = I13_CD, .shift = 11};
	struct pod_rec_progress p = {0};
	pod_stages_add(&p.stages, POD_STAGE_LOADER_STARTED, 3000, 0);
	pod_rec_put_progress(i13.rec, &p);
	pod_put_le32(i13.rec + 0x0c, 7);
	pod_put_le32(i13.rec + POD_PR_UPDATE, 4);
	pod_put_le32(i13.rec + POD_PR_WRITTEN, 6);
	i13.rec_ms = 3000;
	i13.rec_ticks = ticks;
	i13.rec_pace = (struct pod_pace){.last = ticks, .filled = ticks, .credit = POD_PACE_BURST};
	i13.rec_sector = REC_AT;
	set_ticks(ticks);
}

static uint8_t read_cd(uint32_t lba, uint32_t count)
{
	uint8_t *p = low + DAP;
	memset(p, 0, 16);
	p[0] = 16;
	pod_put_le16(p + 2, (uint16_t)count);
	pod_put_le16(p + 6, 0x2000);
	pod_put_le32(p + 8, lba);
	struct i13_regs r = call(0x4200, 0, 0, 0xe0, 0, 0, DAP);
	if (!(r.flags & 1))
		CHECK(memcmp(low + 0x20000, stick + lba * 2048, count * 2048) == 0);
	return (uint8_t)(r.eax >> 8);
}

/* What is on the stick now. */
static struct pod_rec_progress recorded(void)
{
	const uint8_t *s = stick + (size_t)REC_AT * 512, *t = s + 512;
	struct pod_rec_progress p = {0};
	if (!pod_rec_valid(s, POD_REC_PROGRESS) ||
	    (pod_rec_valid(t, POD_REC_PROGRESS) && pod_rec_update_of(t) > pod_rec_update_of(s)))
		s = t;
	if (pod_rec_valid(s, POD_REC_PROGRESS) && pod_rec_boot_of(s) == 7)
		pod_rec_get_progress(s, &p);
	return p;
}

TEST(reads_are_recorded)
{
	record_from(1000);
	/* as a read that never comes back leaves it */
	rec_read(16 * 2048, 2048, false);
	CHECK_EQ(writes, 1);
	struct pod_rec_progress p = recorded();
	CHECK_EQ(p.ms, 3000);
	CHECK_EQ(p.flags, POD_REC_P_READING);
	CHECK_EQ(p.last_off, 16 * 2048);
	CHECK_EQ(p.written, 6);
	rec_read_done(2048, OK);
	CHECK_EQ(writes, 2);
	CHECK_EQ(recorded().flags, 0);
	CHECK_EQ(p.stages.count, 1);
	set_ticks(1018);
	CHECK_EQ(read_cd(17, 4), OK);
	CHECK_EQ(writes, 4);
	p = recorded();
	CHECK_EQ(p.flags, 0);
	CHECK_EQ(p.ms, 3000 + 988);
	CHECK_EQ(p.reads, 2);
	CHECK_EQ(p.bytes, 5 * 2048);
	CHECK_EQ(p.run_off, 16 * 2048);
	CHECK_EQ(p.last_off, 17 * 2048);
	CHECK_EQ(p.last_len, 4 * 2048);
	CHECK_EQ(p.written, 9);
	/* in turn: updates 5 to 8 */
	CHECK_EQ(pod_rec_update_of(stick + (REC_AT + 1) * 512), 7);
	CHECK_EQ(pod_rec_update_of(stick + REC_AT * 512), 8);
	CHECK_EQ(violations, 0);
}

/* --- a loader that waits for a key --- */

static void show(const char *text, unsigned row)
{
	for (unsigned i = 0; text[i]; i++)
		low[0xb8000 + (row * 80 + i) * 2] = (uint8_t)text[i];
}

static void clear_text_screen(void)
{
	memset(&idle, 0, sizeof idle);
	memset(low + 0xb8000, 0, 80 * 25 * 2);
	low[BDA_VIDEO_MODE] = 3;
	pod_put_le16(low + BDA_COLUMNS, 80);
	pod_put_le16(low + BDA_PAGE_START, 0);
	low[BDA_ROWS] = 24;
}

static const char *screen_recorded(void)
{
	static struct pod_rec_screen s;
	const uint8_t *at = stick + (size_t)(REC_AT + 5) * 512;
	memset(&s, 0, sizeof s);
	if (pod_rec_valid(at, POD_REC_SCREEN) && pod_rec_boot_of(at) == 7)
		pod_rec_get_screen(at, &s);
	return s.text;
}

static void ask_for_a_key(uint32_t ticks, bool waits)
{
	set_ticks(ticks);
	i13_idle(waits);
}

TEST(the_screen_is_recorded_when_it_stands_still)
{
	record_from(1000);
	clear_text_screen();
	show("ISOLINUX 6.04   \xb3 menu \xb3", 0);
	show("  Loading /live/vmlinuz... ", 2);
	ask_for_a_key(1010, false);
	CHECK_STR(screen_recorded(), "");
	show("failed: No such file or directory", 3);
	ask_for_a_key(1020, false);
	CHECK_STR(screen_recorded(), "");
	ask_for_a_key(1025, false); /* too soon to look again */
	CHECK_STR(screen_recorded(), "");
	ask_for_a_key(1030, false);
	CHECK_STR(screen_recorded(), "ISOLINUX 6.04 menu\nLoading /live/vmlinuz...\nfailed: No such file or directory\n");
	/* the menu comes back: what told of an error stays, until another does */
	uint32_t count = writes;
	clear_text_screen();
	idle.pinned = true;
	show("menu", 1);
	ask_for_a_key(1100, true);
	CHECK(strstr(screen_recorded(), "failed") != NULL);
	show("error: file not found", 2);
	ask_for_a_key(1101, true); /* the loader waits: nothing more will come */
	CHECK_STR(screen_recorded(), "menu\nerror: file not found\n");
	CHECK(writes > count);
}

TEST(a_full_screen_keeps_its_lower_end)
{
	record_from(1000);
	clear_text_screen();
	for (unsigned row = 0; row < 25; row++)
		show("0123456789012345678901234567890123456789012345678901234567890123456789", row);
	show("last                                                                  ", 24);
	ask_for_a_key(1010, true);
	CHECK_EQ(strlen(screen_recorded()), 6 * 71 + 5);
	CHECK(strstr(screen_recorded(), "\nlast\n") != NULL);
}

TEST(what_is_printed_in_a_graphics_mode)
{
	static const char text[] = "old\r\nLoading...\r\nNot found\r\n";
	record_from(1000);
	clear_text_screen();
	show("not this", 0);
	low[BDA_VIDEO_MODE] = 0x12;
	memset(i13_tty, 0, sizeof i13_tty);
	i13_tty_at = 500; /* round the end */
	for (unsigned i = 0; text[i]; i++)
		i13_tty[i13_tty_at++ % sizeof i13_tty] = (uint8_t)text[i];
	ask_for_a_key(1010, true);
	CHECK_STR(screen_recorded(), "old\nLoading...\nNot found\n");
}

TEST(a_quiet_loader_wears_nothing_out)
{
	record_from(1000);
	clear_text_screen();
	CHECK_EQ(read_cd(16, 1), 0);
	uint32_t before = writes;
	for (uint32_t t = 1000; t < 80000; t += 3) {
		char spinner[2] = {(char)('a' + t / 9 % 5), 0};
		show(spinner, 5);
		ask_for_a_key(t, false);
	}
	CHECK(writes - before <= 9); /* 1, 2, 4 ... 64 s */
	CHECK(recorded().ms - recorded().last_read_ms > 60000);
	CHECK(recorded().flags & POD_REC_P_TIMER);
	/* changing text is written so many times, and not for ever */
	for (uint32_t t = 2000; t < 6000; t += 20) {
		char text[12];
		snprintf(text, sizeof text, "%u", t);
		show(text, 5);
		ask_for_a_key(t, true);
	}
	CHECK_EQ(idle.screens, SCREENS_MAX);
	/* under a V86 monitor, and without a recorder, nothing is done */
	clear_text_screen();
	show("x", 0);
	before = writes;
	v86 = true;
	ask_for_a_key(7000, true);
	v86 = false;
	i13.rec_sector = 0;
	ask_for_a_key(7000, true);
	CHECK_EQ(writes, before);
}

TEST(without_a_recorder_nothing_is_written)
{
	record_from(1000);
	i13.rec_sector = 0;
	for (uint32_t i = 0; i < 50; i++) {
		set_ticks(1000 + i * 20);
		CHECK_EQ(read_cd(i * 7 % 1000, 1), OK);
	}
	CHECK_EQ(read_cd(5000, 1), SECTOR_NOT_FOUND);
	CHECK_EQ(writes, 0);
	CHECK_EQ(violations, 0);
}

TEST(recording_is_paced)
{
	record_from(1000);
	/* a minute, four reads here and there a tick */
	for (uint32_t t = 0; t < 1080; t++) {
		set_ticks(1000 + t);
		for (uint32_t i = 0; i < 4; i++)
			CHECK_EQ(read_cd(rnd(1000), 1), OK);
	}
	CHECK(writes <= 2 * (POD_PACE_BURST + 1080 / REC_INTERVAL + 1));
	CHECK(writes >= 2 * 1080 / REC_INTERVAL);
	CHECK_EQ(recorded().written, 6 + writes - 1);
	/* ten minutes more: within the budget, then seldom */
	for (uint32_t t = 1080; t < 13000; t++) {
		set_ticks(1000 + t);
		CHECK_EQ(read_cd(rnd(1000), 1), OK);
	}
	CHECK(writes <= 512);
	CHECK(i13_rec_ms(1000 + 13000) - recorded().ms < 17000);
	/* reading on and on: once a second */
	record_from(1000);
	for (uint32_t t = 0; t < 900; t++) {
		set_ticks(1000 + t);
		CHECK_EQ(read_cd(t, 1), OK);
	}
	CHECK(writes >= 98 && writes <= 102);
	CHECK_EQ(violations, 0);
}

TEST(read_errors_are_recorded_at_once)
{
	record_from(1000);
	CHECK_EQ(read_cd(10, 1), OK);
	bad_from = 42 * 4, bad_to = bad_from + 1;
	uint32_t before_it = writes;
	CHECK(read_cd(40, 4) != OK);
	CHECK(writes > before_it);
	struct pod_rec_progress p = recorded();
	CHECK_EQ(p.errors, 1);
	CHECK_EQ(p.error_off, 40 * 2048);
	CHECK_EQ(p.error_status, POD_E_IO);
	CHECK_EQ(p.error_code, 0x1310);
	CHECK_EQ(p.flags, 0);
	CHECK_EQ(p.bytes, 2048 + 4096);
	for (uint32_t i = 0; i < 500; i++)
		CHECK(read_cd(40, 4) != OK);
	CHECK(writes < 60);
	CHECK_EQ(violations, 0);
}

TEST(reads_outside_are_recorded)
{
	record_from(1000);
	CHECK_EQ(read_cd(1023, 2), SECTOR_NOT_FOUND);
	CHECK_EQ(read_cd(4000, 1), SECTOR_NOT_FOUND);
	CHECK_EQ(recorded().outside, 1);
	CHECK_EQ(recorded().outside_off, 1023 * 2048);
	set_ticks(1030);
	CHECK_EQ(read_cd(0, 1), OK);
	CHECK_EQ(recorded().outside, 2);
	CHECK_EQ(writes, 3);
}

TEST(a_refused_write_ends_it_and_disturbs_no_read)
{
	for (uint32_t edd = 0; edd < 2; edd++) {
		record_from(1000);
		i13.stick_edd = (uint8_t)edd;
		write_status = 0x03;
		for (uint32_t i = 0; i < 40; i++) {
			set_ticks(1000 + i * 20);
			CHECK_EQ(read_cd(i * 7, 3), OK);
		}
		CHECK_EQ(writes, 1);
		CHECK_EQ(resets, 1);
		CHECK_EQ(i13.rec_sector, 0);
		CHECK_EQ(violations, 0);
	}
}

TEST(recording_without_edd_and_across_midnight)
{
	record_from(TICKS_A_DAY - 10);
	i13.stick_edd = 0;
	CHECK_EQ(read_cd(3, 2), OK);
	set_ticks(90);
	CHECK_EQ(read_cd(5, 2), OK);
	CHECK_EQ(writes, 4);
	CHECK_EQ(recorded().ms, 3000 + 5492);
	CHECK_EQ(recorded().reads, 2);
	CHECK_EQ(violations, 0);
}

TEST(slow_reads_are_remembered)
{
	record_from(1000);
	CHECK_EQ(read_cd(3, 2), OK);
	uint32_t ms = pod_get_le32(i13.rec + POD_PR_LAST_MS);
	rec_read(99 * 2048, 2048, false);
	set_ticks(1009);
	rec_read_done(2048, OK);
	set_ticks(1040);
	CHECK_EQ(read_cd(3, 2), OK);
	CHECK_EQ(recorded().slow[0].off_bytes, 99 * 2048);
	CHECK_EQ(recorded().slow[0].ms, 494);
	CHECK_EQ(recorded().read_ms, 494);
	CHECK_EQ(ms, 3000);
}

/* A verify moves nothing to the caller and is no reading. */
TEST(verifying_is_not_recorded)
{
	record_from(1000);
	uint8_t *p = low + DAP;
	memset(p, 0, 16);
	p[0] = 16;
	pod_put_le16(p + 2, 1);
	call(0x4400, 0, 0, 0xe0, 0, 0, DAP);
	CHECK_EQ(writes, 0);
}

/* --- the start ------------------------------------------------------------------------------------------------- */

TEST(launch_puts_the_boot_image_in_place)
{
	reset_machine();
	i13.boot_source = HIGH_BASE + 4096;
	i13.boot_target = 0x7c00;
	i13.boot_length = 3 * COPY_MAX + 512;
	CHECK(i13_launch());
	CHECK(memcmp(low + 0x7c00, high + 4096, i13.boot_length) == 0);
}

TEST(launch_tells_when_it_cannot_and_touches_nothing)
{
	reset_machine();
	a20_stuck = true;
	i13.boot_source = HIGH_BASE;
	i13.boot_target = 0x7c00;
	i13.boot_length = 2048;
	memcpy(before, low, sizeof low);
	CHECK(!i13_launch());
	CHECK(memcmp(low, before, sizeof low) == 0);
}

/* --- buffers ---------------------------------------------------------------------------------------------------- */

TEST(a_buffer_that_no_segment_reaches_is_refused)
{
	reset_machine();
	make_map(1, 2048);
	struct i13_regs r = edd(0x42, 0xe0, 0, 127, 0xf0000);
	CHECK_EQ(r.flags & 1, 1);
	CHECK_EQ(r.eax >> 8 & 0xff, DATA_BOUNDARY);
	CHECK_EQ(pod_get_le16(low + DAP + 2), 127);
	r = edd(0x42, 0xe0, 0, 1, 0xffff0);
	CHECK_EQ(r.flags & 1, 0);
	CHECK_EQ(violations, 0);
}
