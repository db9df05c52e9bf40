/* SPDX-License-Identifier: BSD-2-Clause */
/* Partition mode: the table that names an image, the way back, and power that fails at every write of both. */
#include "core/base/bytes.h"
#include "core/disk/bootcode.h"
#include "core/disk/partmode.h"
#include "tests/unit/faultdev.h"
#include "tests/unit/test.h"

enum {
	MIB = 1 << 20,
	GAP = MIB - 16384,
	DISK = 8 * MIB,
	ESP = 7 * MIB,
	RECORD = ESP + MIB / 2,
	IMAGE = 3 * MIB + 4096,
	LEN = MIB + 2048
};

static uint8_t disk[DISK], before[DISK], state[DISK];
static struct fault_dev dev;
static struct pod_window record;
static struct pod_parttab table;
static struct pod_partmode mode;
static const struct pod_partmode_piece image = {IMAGE, LEN, POD_PARTMODE_TYPE};

static struct pod_part part(uint32_t number, uint64_t start, uint64_t len, uint8_t type, const uint8_t *guid)
{
	struct pod_part p = {.number = number, .start_bytes = start, .length_bytes = len, .mbr_type = type};
	memcpy(p.type_guid, guid, 16);
	memset(p.part_guid, (int)(0x40 + number), 16);
	return p;
}

static void stick(enum pod_parttab_kind kind)
{
	static uint8_t code[440];
	memset(disk, 0, sizeof disk);
	fault_init(&dev, disk, sizeof disk, 512);
	memset(code, 0x90, sizeof code);
	pod_bootcode_put(code, &(struct pod_bootcode){POD_BOOTCODE_SLOT_A, 1, 0});
	memset(&table, 0, sizeof table);
	table.kind = kind;
	table.mbr_signature = 0x600dd15c;
	table.count = 2;
	table.part[0] = part(1, MIB, ESP - MIB, 7, pod_guid_basic_data);
	table.part[0].active = kind == POD_PARTTAB_MBR;
	table.part[1] = part(2, ESP, MIB - 64 * 512, 0xef, pod_guid_esp);
	REQUIRE(pod_parttab_write(&dev.dev, &test_alloc, &table, code) == POD_OK);
	REQUIRE(pod_window_init(&record, &dev.dev, RECORD, POD_PARTMODE_RECORD) == POD_OK);
	memcpy(before, disk, sizeof disk);
}

static enum pod_status begin(uint32_t number, const struct pod_partmode_piece *piece, size_t pieces)
{
	return pod_partmode_begin(&dev.dev, &record.dev, &test_alloc, number, piece, pieces);
}

static bool parse(struct pod_dev *d)
{
	return pod_parttab_read(d, &test_alloc, &table, NULL) == POD_OK;
}

static const struct pod_part *numbered(uint32_t n)
{
	for (uint32_t i = 0; i < table.count; i++)
		if (table.part[i].number == n)
			return &table.part[i];
	return NULL;
}

/* Is what was parsed the table of stick(), or that with the image? */
static bool is_old(void)
{
	return table.count == 2 && !pod_partmode_shows(&table) && table.part[0].start_bytes == MIB &&
	       table.part[0].length_bytes == ESP - MIB && table.part[1].start_bytes == ESP;
}

static bool is_new(void)
{
	const struct pod_part *p = numbered(3);
	return table.count == 2 && pod_partmode_shows(&table) && !numbered(1) && numbered(2) && p && p->start_bytes == IMAGE &&
	       p->length_bytes == LEN && numbered(2)->start_bytes == ESP && !table.used_backup;
}

TEST(the_image_is_a_partition_and_is_none_again)
{
	for (int kind = POD_PARTTAB_MBR; kind <= POD_PARTTAB_GPT; kind++) {
		stick((enum pod_parttab_kind)kind);
		CHECK_EQ(pod_partmode_load(&mode, &dev.dev, &record.dev), POD_E_NOT_FOUND);
		CHECK_EQ(begin(1, &image, 1), POD_OK);
		CHECK(parse(&dev.dev) && is_new());
		CHECK_EQ(table.kind, kind);
		CHECK_EQ(table.mbr_signature, 0x600dd15c);
		/* as the data partition was: some BIOSes pass over a drive without one */
		if (kind == POD_PARTTAB_MBR)
			CHECK(numbered(3)->mbr_type == 0x96 && numbered(3)->active && !numbered(2)->active);
		else
			CHECK_EQ(numbered(3)->part_guid[1], 0x41);
		/* a second time is none */
		CHECK_EQ(begin(1, &image, 1), POD_E_UNSUPPORTED);
		CHECK_EQ(begin(2, &image, 1), POD_E_UNSUPPORTED);
		/* nothing else was written: the record, the array of a GPT, one sector */
		for (size_t i = 0; i < DISK; i += 512) {
			bool named = i == (kind == POD_PARTTAB_GPT ? 512 : 0),
			     array = kind == POD_PARTTAB_GPT && i >= GAP && i < MIB;
			bool kept = i >= RECORD && i < RECORD + POD_PARTMODE_RECORD;
			if (!named && !array && !kept)
				CHECK(memcmp(disk + i, before + i, 512) == 0);
		}
		REQUIRE(pod_partmode_load(&mode, &dev.dev, &record.dev) == POD_OK);
		CHECK(parse(&mode.dev) && is_old());
		CHECK_EQ(pod_partmode_end(&mode), POD_OK);
		CHECK(memcmp(disk, before, GAP) == 0);
		CHECK(parse(&dev.dev) && is_old());
		CHECK_EQ(pod_partmode_load(&mode, &dev.dev, &record.dev), POD_E_CHANGED);
		CHECK_EQ(test_alloc_live, 0);
	}
}

/* The other entries keep their numbers, and those behind them are taken before that of the data partition. */
TEST(pieces_and_their_numbers)
{
	static const struct pod_partmode_piece four[4] = {
		{2 * MIB, 512, 0xa5}, {3 * MIB, 512, 0x96}, {4 * MIB, 512, 0x96}, {5 * MIB, 512, 0x96}};
	for (size_t n = 1; n <= 4; n++) {
		stick(POD_PARTTAB_MBR);
		CHECK_EQ(begin(1, four, n), n < 4 ? POD_OK : POD_E_LIMIT);
		CHECK(parse(&dev.dev));
		if (n == 4) {
			CHECK(is_old() && memcmp(disk, before, DISK) == 0);
			continue;
		}
		CHECK_EQ(table.count, n + 1);
		CHECK(numbered(3) && numbered(3)->start_bytes == 2 * MIB && numbered(3)->mbr_type == 0xa5);
		CHECK(n < 2 || (numbered(4) && numbered(4)->start_bytes == 3 * MIB));
		CHECK(n < 3 ? !numbered(1) : numbered(1) && numbered(1)->start_bytes == 4 * MIB);
	}
	stick(POD_PARTTAB_GPT);
	CHECK_EQ(begin(1, four, 4), POD_OK);
	CHECK(parse(&dev.dev) && pod_partmode_shows(&table) && table.count == 5 && !numbered(1));
	CHECK(numbered(6) && numbered(6)->start_bytes == 5 * MIB);
}

TEST(what_cannot_be_named)
{
	static const struct pod_partmode_piece bad[] = {
		{MIB - 512, 1024, 0x96},	 {ESP - 512, 1024, 0x96}, {IMAGE, 0, 0x96},
		{IMAGE + 1, 512, 0x96},		 {IMAGE, 513, 0x96},	  {ESP, 512, 0x96},
		{IMAGE, (uint64_t)0 - 512, 0x96}};
	for (int kind = POD_PARTTAB_MBR; kind <= POD_PARTTAB_GPT; kind++) {
		stick((enum pod_parttab_kind)kind);
		for (size_t i = 0; i < POD_ARRAY_LEN(bad); i++)
			CHECK_EQ(begin(1, &bad[i], 1), POD_E_RANGE);
		CHECK_EQ(begin(1, &image, 0), POD_E_INVALID);
		CHECK_EQ(begin(3, &image, 1), POD_E_UNSUPPORTED);
		for (test_alloc_fail_at = 1; test_alloc_fail_at <= 3; test_alloc_fail_at++) {
			test_alloc_count = 0;
			CHECK_EQ(begin(1, &image, 1), POD_E_NOMEM);
		}
		test_alloc_fail_at = 0;
		dev.dev.sector_size = 4096;
		CHECK_EQ(begin(1, &image, 1), POD_E_UNSUPPORTED);
		dev.dev.sector_size = 512;
		record.dev.size_bytes--;
		CHECK_EQ(begin(1, &image, 1), POD_E_UNSUPPORTED);
		record.dev.size_bytes++;
		disk[0x1a0] = 0; /* somebody else's boot code */
		CHECK_EQ(begin(1, &image, 1), POD_E_UNSUPPORTED);
		disk[0x1a0] = before[0x1a0];
		CHECK(memcmp(disk, before, DISK) == 0);
	}
	/* stage 2 reaches to where the other array goes */
	pod_put_le32(disk + 0x1a0, POD_BOOTCODE_SLOT_B);
	pod_put_le16(disk + 0x1a4, 977);
	CHECK_EQ(begin(1, &image, 1), POD_E_UNSUPPORTED);
	pod_put_le16(disk + 0x1a4, 976);
	CHECK_EQ(begin(1, &image, 1), POD_OK);
	/* a GPT whose primary is damaged */
	stick(POD_PARTTAB_GPT);
	disk[512 + 60] ^= 1;
	CHECK_EQ(begin(1, &image, 1), POD_E_UNSUPPORTED);
}

/* Somebody wrote another table, or damaged the record: nothing is put back. */
TEST(what_is_left_alone)
{
	for (int kind = POD_PARTTAB_MBR; kind <= POD_PARTTAB_GPT; kind++) {
		size_t sector = kind == POD_PARTTAB_GPT ? 512 : 0;
		stick((enum pod_parttab_kind)kind);
		REQUIRE(begin(1, &image, 1) == POD_OK);
		for (size_t i = 0; i < 512; i++) {
			disk[sector + i] ^= 4;
			CHECK_EQ(pod_partmode_load(&mode, &dev.dev, &record.dev), POD_E_CHANGED);
			disk[sector + i] ^= 4;
		}
		for (size_t i = 0; i < POD_PARTMODE_RECORD; i++) {
			disk[RECORD + i] ^= 4;
			CHECK_EQ(pod_partmode_load(&mode, &dev.dev, &record.dev), POD_E_NOT_FOUND);
			disk[RECORD + i] ^= 4;
		}
		CHECK_EQ(pod_partmode_load(&mode, &dev.dev, &record.dev), POD_OK);
		dev.fail_read_at = 2;
		CHECK_EQ(pod_partmode_load(&mode, &dev.dev, &record.dev), POD_E_IO);
	}
}

/* In every state of a power cut the stick has one of the two tables; where it is the new one it can be taken back. */
static void check_state(void *ctx, size_t cut)
{
	struct pod_memdev mem;
	struct pod_window w;
	size_t *seen = ctx;
	(void)cut;
	pod_memdev_init(&mem, state, sizeof state, 512, false);
	CHECK_EQ(pod_window_init(&w, &mem.dev, RECORD, POD_PARTMODE_RECORD), POD_OK);
	CHECK(parse(&mem.dev));
	bool old = is_old();
	seen[old]++;
	if (!old) {
		CHECK(is_new());
		CHECK_EQ(pod_partmode_load(&mode, &mem.dev, &w.dev), POD_OK);
		CHECK_EQ(pod_partmode_end(&mode), POD_OK);
		CHECK(parse(&mem.dev) && is_old());
	}
	CHECK(memcmp(state, before, GAP) == 0);
}

TEST(power_fails_on_the_way_there_and_back)
{
	for (int kind = POD_PARTTAB_MBR; kind <= POD_PARTTAB_GPT; kind++) {
		/* an old record, as an earlier time left it, is no matter */
		for (int again = 0; again < 2; again++) {
			size_t seen[2] = {0, 0};
			stick((enum pod_parttab_kind)kind);
			if (again) {
				REQUIRE(begin(1, &(struct pod_partmode_piece){2 * MIB, 512, 0x96}, 1) == POD_OK);
				REQUIRE(pod_partmode_load(&mode, &dev.dev, &record.dev) == POD_OK);
				REQUIRE(pod_partmode_end(&mode) == POD_OK);
			}
			fault_record(&dev);
			CHECK_EQ(begin(1, &image, 1), POD_OK);
			CHECK(fault_states(&dev, state, 7, check_state, seen) > 10);
			CHECK(seen[0] && seen[1]);
			fault_fini(&dev);
			fault_record(&dev);
			seen[0] = seen[1] = 0;
			REQUIRE(pod_partmode_load(&mode, &dev.dev, &record.dev) == POD_OK);
			CHECK_EQ(pod_partmode_end(&mode), POD_OK);
			CHECK(fault_states(&dev, state, 7, check_state, seen) > 2);
			CHECK(seen[0] && seen[1]);
			fault_fini(&dev);
		}
	}
}

/* A write or flush that fails is told, and one of the two tables counts. */
TEST(writes_that_fail)
{
	for (int kind = POD_PARTTAB_MBR; kind <= POD_PARTTAB_GPT; kind++)
		for (long n = 1; n <= 6; n++) {
			stick((enum pod_parttab_kind)kind);
			if (n > 3)
				dev.fail_flush_at = n - 3;
			else
				dev.fail_write_at = n;
			dev.dead = true;
			bool all = kind == POD_PARTTAB_MBR && n == 3; /* it has but two writes */
			CHECK_EQ(begin(1, &image, 1), all ? POD_OK : POD_E_IO);
			dev.died = false;
			dev.fail_write_at = 0;
			memcpy(state, disk, sizeof disk);
			size_t seen[2] = {0, 0};
			check_state(seen, 0);
			CHECK_EQ(test_alloc_live, 0);
		}
}
