/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/base/bytes.h"
#include "core/base/hash.h"
#include "core/disk/parttab.h"
#include "tests/unit/test.h"

enum { DISK = 8 << 20 };

static uint8_t disk[DISK];
static struct pod_memdev mem;
static struct pod_parttab table;
static struct pod_diag diag;

static void blank(uint32_t sector_size)
{
	memset(disk, 0, sizeof disk);
	memset(&table, 0, sizeof table);
	pod_memdev_init(&mem, disk, sizeof disk, sector_size, false);
}

static void entry(uint64_t at, int slot, uint8_t indicator, uint8_t type, uint32_t start, uint32_t count)
{
	uint8_t *e = disk + at + 446 + 16 * slot;
	e[0] = indicator;
	e[4] = type;
	pod_put_le32(e + 8, start);
	pod_put_le32(e + 12, count);
	pod_put_le16(disk + at + 510, 0xAA55);
}

static enum pod_status read_table(void)
{
	return pod_parttab_read(&mem.dev, &test_alloc, &table, &diag);
}

static void one(enum pod_parttab_kind kind, uint64_t start, uint64_t len)
{
	memset(&table, 0, sizeof table);
	table.kind = kind;
	table.count = 1;
	table.part[0] = (struct pod_part){.number = 1, .start_bytes = start, .length_bytes = len, .mbr_type = 7, .active = true};
	memcpy(table.part[0].type_guid, pod_guid_basic_data, 16);
	strcpy(table.part[0].name, "one");
}

TEST(no_table)
{
	blank(512);
	CHECK_EQ(read_table(), POD_OK);
	CHECK_EQ(table.kind, POD_PARTTAB_NONE);
	pod_put_le16(disk + 510, 0xAA55);
	CHECK_EQ(read_table(), POD_OK);
	CHECK_EQ(table.kind, POD_PARTTAB_MBR);
	CHECK_EQ(table.count, 0);
	disk[446] = 0x20; /* no boot indicator: some volume's boot code */
	CHECK_EQ(read_table(), POD_OK);
	CHECK_EQ(table.kind, POD_PARTTAB_NONE);
}

TEST(mbr_with_logical_partitions_in_any_order)
{
	blank(512);
	entry(0, 0, 0x80, 0x83, 64, 100);
	entry(0, 2, 0, 0x0F, 1000, 9000);
	entry(1000 * 512, 0, 0, 0x83, 63, 500);
	entry(1000 * 512, 1, 0, 0x05, 4000, 1000);
	entry(5000 * 512, 0, 0, 0x07, 8, 900);
	entry(5000 * 512, 1, 0, 0x05, 2000, 1000); /* back down: legal */
	entry(3000 * 512, 0, 0, 0x82, 1, 2);
	CHECK_EQ(read_table(), POD_OK);
	REQUIRE(table.count == 5);
	CHECK_EQ(table.part[0].number, 1);
	CHECK(table.part[0].active);
	CHECK_EQ(table.part[1].number, 3);
	CHECK_EQ(table.part[2].number, 5);
	CHECK_EQ(table.part[2].start_bytes, 1063 * 512);
	CHECK_EQ(table.part[3].number, 6);
	CHECK_EQ(table.part[3].start_bytes, 5008 * 512);
	CHECK_EQ(table.part[3].mbr_type, 7);
	CHECK_EQ(table.part[4].start_bytes, 3001 * 512);
	CHECK_EQ(table.part[4].length_bytes, 1024);
}

TEST(extended_chains_that_loop)
{
	blank(512);
	entry(0, 0, 0, 0x05, 1000, 9000);
	entry(1000 * 512, 1, 0, 0x05, 0, 9000); /* itself */
	CHECK_EQ(read_table(), POD_E_CORRUPT);
	entry(1000 * 512, 1, 0, 0x05, 100, 9000);
	entry(1100 * 512, 1, 0, 0x05, 200, 9000);
	entry(1200 * 512, 1, 0, 0x05, 100, 9000); /* a loop that does not hold the first */
	CHECK_EQ(read_table(), POD_E_CORRUPT);
	CHECK_STR(diag.what, "loop of extended boot records");
}

TEST(entries_outside_the_device)
{
	blank(512);
	entry(0, 0, 0, 0x83, 1, DISK / 512);
	CHECK_EQ(read_table(), POD_E_CORRUPT);
	CHECK_EQ(diag.offset_bytes, 446);
	entry(0, 0, 0, 0x83, 1, DISK / 512 - 1);
	CHECK_EQ(read_table(), POD_OK);
	entry(0, 0, 0, 0x83, 0xFFFFFFFF, 0xFFFFFFFF);
	CHECK_EQ(read_table(), POD_E_CORRUPT);
}

TEST(chs_fields)
{
	blank(512);
	one(POD_PARTTAB_MBR, 2048 * 512, 63 * 512);
	CHECK_EQ(pod_parttab_write(&mem.dev, &test_alloc, &table, NULL), POD_OK);
	const uint8_t *e = disk + 446;
	/* LBA 2048 = 0 * 16065 + 32 * 63 + 32; LBA 2110 = 33 * 63 + 31 */
	CHECK(e[1] == 32 && e[2] == 33 && e[3] == 0);
	CHECK(e[5] == 33 && e[6] == 32 && e[7] == 0);
	CHECK_EQ(e[0], 0x80);
}

TEST(round_trip_both_kinds_and_sector_sizes)
{
	static uint8_t code[440];
	memset(code, 0xC3, sizeof code);
	for (int k = 0; k < 4; k++) {
		blank(k & 1 ? 4096 : 512);
		one(k & 2 ? POD_PARTTAB_GPT : POD_PARTTAB_MBR, 1 << 20, 3 << 20);
		table.mbr_signature = 0xCAFE1234;
		CHECK_EQ(pod_parttab_write(&mem.dev, &test_alloc, &table, code), POD_OK);
		CHECK_EQ(read_table(), POD_OK);
		CHECK_EQ(table.kind, k & 2 ? POD_PARTTAB_GPT : POD_PARTTAB_MBR);
		CHECK_EQ(table.mbr_signature, 0xCAFE1234);
		REQUIRE(table.count == 1);
		CHECK_EQ(table.part[0].start_bytes, 1 << 20);
		CHECK_EQ(table.part[0].length_bytes, 3 << 20);
		CHECK(memcmp(disk, code, 440) == 0);
		if (k & 2)
			CHECK_STR(table.part[0].name, "one");
		CHECK_EQ(test_alloc_live, 0);
	}
}

TEST(either_copy_of_a_gpt_alone)
{
	static const uint32_t sizes[] = {512, 4096};
	for (size_t i = 0; i < 2; i++) {
		uint32_t size = sizes[i];
		blank(size);
		one(POD_PARTTAB_GPT, 1 << 20, 2 << 20);
		REQUIRE(pod_parttab_write(&mem.dev, &test_alloc, &table, NULL) == POD_OK);
		mem.dev.sector_size = 512; /* as a file shows it */
		CHECK_EQ(pod_parttab_read_gpt(&mem.dev, &test_alloc, 4608 - size, false, &table, &diag), POD_E_CORRUPT);
		CHECK_EQ(pod_parttab_read_gpt(&mem.dev, &test_alloc, size, false, &table, &diag), POD_OK);
		CHECK(table.kind == POD_PARTTAB_GPT && !table.used_backup && table.count == 1);
		memset(disk, 0, 1 << 20); /* LBA 0 and the primary are gone */
		CHECK_EQ(pod_parttab_read_gpt(&mem.dev, &test_alloc, size, false, &table, &diag), POD_E_CORRUPT);
		CHECK_EQ(table.kind, POD_PARTTAB_NONE);
		CHECK_EQ(pod_parttab_read_gpt(&mem.dev, &test_alloc, size, true, &table, &diag), POD_OK);
		REQUIRE(table.count == 1);
		CHECK(table.kind == POD_PARTTAB_GPT && table.used_backup);
		CHECK_EQ(table.part[0].start_bytes, 1 << 20);
		CHECK_EQ(table.part[0].length_bytes, 2 << 20);
		test_alloc_fail_at = 1;
		test_alloc_count = 0;
		CHECK_EQ(pod_parttab_read_gpt(&mem.dev, &test_alloc, size, true, &table, &diag), POD_E_NOMEM);
		test_alloc_fail_at = 0;
	}
	mem.dev.size_bytes = 1024;
	CHECK_EQ(pod_parttab_read_gpt(&mem.dev, &test_alloc, 512, true, &table, &diag), POD_E_CORRUPT);
}

/* A header, of the GPT that `one` makes, that is right but for a field. */
static uint8_t *header(uint64_t lba)
{
	return disk + lba * mem.dev.sector_size;
}

static void sign(uint64_t lba, uint32_t len)
{
	pod_put_le32(header(lba) + 16, 0);
	pod_put_le32(header(lba) + 16, pod_crc32(0, header(lba), len));
}

/* HeaderSize: 92 at least, a sector at most (UEFI 2.10, 5.3.2). */
TEST(gpt_header_size)
{
	for (uint32_t size = 512; size <= 4096; size *= 8) {
		static const struct {
			int over; /* of the sector, if it is not 0 */
			uint32_t len;
			enum pod_status want;
		} is[] = {{0, 91, POD_E_CORRUPT}, {0, 92, POD_OK}, {0, 93, POD_OK}, {1, 0, POD_OK}, {2, 1, POD_E_CORRUPT}};
		for (size_t i = 0; i < POD_ARRAY_LEN(is); i++) {
			uint32_t len = is[i].over ? size + is[i].len : is[i].len;
			blank(size);
			one(POD_PARTTAB_GPT, 1 << 20, 1 << 20);
			REQUIRE(pod_parttab_write(&mem.dev, &test_alloc, &table, NULL) == POD_OK);
			pod_put_le32(header(1) + 12, len);
			sign(1, len);
			CHECK_EQ(pod_parttab_read_gpt(&mem.dev, &test_alloc, size, false, &table, &diag), is[i].want);
			if (is[i].want != POD_OK)
				CHECK_STR(diag.what, "GPT HeaderSize");
		}
	}
}

/* What other tools may use: from 1 MiB, or the first partition that is below, to the sector before the backup's entries. */
TEST(gpt_usable_sectors)
{
	for (uint32_t size = 512; size <= 4096; size *= 8) {
		uint64_t sectors = DISK / size, entries = 16384 / size;
		for (uint32_t start = 1 << 20; start >= 1 << 19; start /= 2) {
			blank(size);
			one(POD_PARTTAB_GPT, start, 1 << 20);
			REQUIRE(pod_parttab_write(&mem.dev, &test_alloc, &table, NULL) == POD_OK);
			for (uint64_t lba = 1; lba < sectors; lba += sectors - 2) {
				CHECK_EQ(pod_get_le64(header(lba) + 40), start / size);
				CHECK_EQ(pod_get_le64(header(lba) + 48), sectors - 1 - entries - 1);
			}
		}
	}
	/* The last of them can be used, the one behind cannot. */
	blank(512);
	one(POD_PARTTAB_GPT, 1 << 20, DISK - (1 << 20) - 33 * 512);
	CHECK_EQ(pod_parttab_write(&mem.dev, &test_alloc, &table, NULL), POD_OK);
	table.part[0].length_bytes += 512;
	CHECK_EQ(pod_parttab_write(&mem.dev, &test_alloc, &table, NULL), POD_E_RANGE);
}

/* An entry may end with the last sector, and not behind it. */
TEST(gpt_entry_at_the_end)
{
	for (uint64_t over = 0; over < 2; over++) {
		blank(512);
		one(POD_PARTTAB_GPT, 1 << 20, 1 << 20);
		REQUIRE(pod_parttab_write(&mem.dev, &test_alloc, &table, NULL) == POD_OK);
		pod_put_le64(header(2) + 40, DISK / 512 - 1 + over);
		pod_put_le32(header(1) + 88, pod_crc32(0, header(2), 16384));
		sign(1, 92);
		CHECK_EQ(pod_parttab_read_gpt(&mem.dev, &test_alloc, 512, false, &table, &diag), over ? POD_E_CORRUPT : POD_OK);
		if (over)
			CHECK_STR(diag.what, "partition entry outside the device");
	}
}

TEST(tables_that_cannot_be)
{
	blank(512);
	for (int k = 0; k < 2; k++) {
		enum pod_parttab_kind kind = k ? POD_PARTTAB_GPT : POD_PARTTAB_MBR;
		one(kind, 1 << 20, (1 << 20) + 1);
		CHECK_EQ(pod_parttab_write(&mem.dev, &test_alloc, &table, NULL), POD_E_INVALID);
		one(kind, 1 << 20, DISK);
		CHECK_EQ(pod_parttab_write(&mem.dev, &test_alloc, &table, NULL), POD_E_RANGE);
		one(kind, 1 << 20, 1 << 20);
		table.part[1] = table.part[0];
		table.part[1].start_bytes += 512;
		table.part[1].number = 2;
		table.count = 2;
		CHECK_EQ(pod_parttab_write(&mem.dev, &test_alloc, &table, NULL), POD_E_INVALID);
		table.part[1].start_bytes = 2 << 20;
		CHECK_EQ(pod_parttab_write(&mem.dev, &test_alloc, &table, NULL), POD_OK);
		table.part[1].number = 1;
		CHECK_EQ(pod_parttab_write(&mem.dev, &test_alloc, &table, NULL), POD_E_INVALID);
		table.part[1].number = 129;
		CHECK_EQ(pod_parttab_write(&mem.dev, &test_alloc, &table, NULL), POD_E_INVALID);
	}
	one(POD_PARTTAB_GPT, 33 * 512, 512); /* inside the entry array */
	CHECK_EQ(pod_parttab_write(&mem.dev, &test_alloc, &table, NULL), POD_E_RANGE);
}

/* Power fails at every write: what is read is the old table, the new one, or (protective MBR not there yet) no partition. */
static long writes_left;
static struct pod_memdev *behind;

static enum pod_status cut_write(struct pod_dev *d, uint64_t off, const void *buf, size_t len)
{
	(void)d;
	return writes_left-- > 0 ? pod_dev_write(&behind->dev, off, buf, len) : POD_E_IO;
}

TEST(power_cut_while_writing)
{
	for (int old_kind = 1; old_kind < 3; old_kind++) {
		for (int new_kind = 1; new_kind < 3; new_kind++) {
			for (long cut = 0;; cut++) {
				blank(512);
				one((enum pod_parttab_kind)old_kind, 1 << 20, 1 << 20);
				CHECK_EQ(pod_parttab_write(&mem.dev, &test_alloc, &table, NULL), POD_OK);
				struct pod_dev dev = mem.dev;
				behind = &mem;
				dev.write = cut_write;
				dev.read = mem.dev.read;
				writes_left = cut;
				one((enum pod_parttab_kind)new_kind, 2 << 20, 2 << 20);
				enum pod_status st = pod_parttab_write(&dev, &test_alloc, &table, NULL);
				CHECK(st == POD_OK || st == POD_E_IO);
				enum pod_status rd = read_table();
				if (old_kind == POD_PARTTAB_GPT && new_kind == POD_PARTTAB_MBR && st != POD_OK) {
					CHECK(rd == POD_OK || rd == POD_E_CORRUPT);
				} else {
					CHECK_EQ(rd, POD_OK);
					CHECK_EQ(table.count, 1);
				}
				if (st == POD_OK)
					break;
			}
		}
	}
}

TEST(allocations_that_fail)
{
	blank(512);
	one(POD_PARTTAB_GPT, 1 << 20, 1 << 20);
	for (test_alloc_fail_at = 1; test_alloc_fail_at <= 2; test_alloc_fail_at++) {
		test_alloc_count = 0;
		CHECK_EQ(pod_parttab_write(&mem.dev, &test_alloc, &table, NULL), POD_E_NOMEM);
		CHECK_EQ(test_alloc_live, 0);
	}
	test_alloc_fail_at = 1;
	test_alloc_count = 0;
	CHECK_EQ(read_table(), POD_E_NOMEM);
}
