/* SPDX-License-Identifier: BSD-2-Clause */
/* Overlays of disk images: how many changes there are, what they show, and which disk they are of. */
#include "core/base/bytes.h"
#include "core/base/hash.h"
#include "core/plan/cow.h"
#include "core/plan/persist.h"
#include "tests/unit/test.h"

#define CHUNK POD_COW_CHUNK
#define STORE (600u * CHUNK) /* three areas */
#define SIZE  (POD_COW_STORE + STORE)
#define DISK  (1000u * CHUNK + 512)

static uint8_t *file;
static struct pod_memdev mem;

static void make(void)
{
	struct pod_cow c = {.disk_bytes = DISK, .store_bytes = STORE, .id = "nineteen characters"};
	free(file);
	file = calloc(1, SIZE);
	pod_cow_make(&c, file, file + POD_COW_STORE);
	pod_memdev_init(&mem, file, SIZE, 512, true);
}

static uint8_t *entry(uint32_t i)
{
	return file + POD_COW_STORE + (1 + (size_t)(i / 256) * POD_COW_AREA) * CHUNK + (size_t)(i % 256) * 16;
}

/* As the kernel does: one behind the other, areas left out. */
static void change(uint32_t i, uint64_t old)
{
	uint64_t now = 2 + i + i / 256;
	pod_put_le64(entry(i), old);
	pod_put_le64(entry(i) + 8, now);
	memset(file + POD_COW_STORE + (size_t)now * CHUNK, (int)(old & 0xff), CHUNK);
}

static void done(void)
{
	free(file);
	file = NULL;
}

TEST(cow_counts)
{
	static const uint32_t some[] = {0, 1, 255, 256, 257, 511, 512, 590};
	struct pod_cow c;
	for (size_t k = 0; k < POD_ARRAY_LEN(some); k++) {
		make();
		for (uint32_t i = 0; i < some[k]; i++)
			change(i, i);
		CHECK_EQ(pod_cow_read(&mem.dev, 0, SIZE, &c), POD_OK);
		CHECK_EQ(c.used, some[k]);
		CHECK_EQ(c.disk_bytes, DISK);
		CHECK_EQ(c.store_bytes, STORE);
		CHECK_STR((const char *)c.id, "nineteen characters");
		/* 600 chunks: the head, three areas, 75 that are held back, and what is used */
		CHECK_EQ(pod_cow_free(&c), some[k] < 521 ? (521 - some[k]) * CHUNK : 0);
		CHECK_EQ(pod_cow_full(&c), some[k] >= 512);
		CHECK_EQ(pod_cow_given(&c), some[k] >= 512 ? STORE : STORE - 75 * CHUNK);
	}
	/* a disk that it has room for cannot fill it */
	c.disk_bytes = 596 * CHUNK;
	CHECK(!pod_cow_full(&c));
	CHECK_EQ(pod_cow_given(&c), STORE);
	c.disk_bytes += 1;
	CHECK(pod_cow_full(&c));
	done();
}

TEST(cow_is_a_persistence_file)
{
	struct pod_persist p;
	make();
	CHECK_EQ(pod_persist_look(&mem.dev, 0, SIZE, &p), POD_OK);
	CHECK_EQ(p.kind, POD_PERSIST_DISK);
	CHECK_STR(pod_persist_kind_text(p.kind), "disk");
	CHECK_EQ(p.fs_bytes, STORE);
	CHECK_EQ(p.free_bytes, 521 * CHUNK);
	done();
}

TEST(cow_refuses)
{
	static const struct {
		uint32_t at, value;
		bool sum; /* the sum is made right again */
		enum pod_status want;
	} wrong[] = {
		{0, 0, false, POD_E_FORMAT},
		{8, 2, true, POD_E_UNSUPPORTED},
		{0x18, 8192, true, POD_E_UNSUPPORTED},
		{0x10, 0, false, POD_E_CORRUPT},
		{0x28, 0, false, POD_E_CORRUPT},
		{0x10, 0, true, POD_E_CORRUPT},
		{0x20, STORE + CHUNK, true, POD_E_CORRUPT},
		{0x20, STORE - 512, true, POD_E_CORRUPT},
		{0x20, CHUNK, true, POD_E_CORRUPT},
		{POD_COW_STORE, 0, false, POD_E_CORRUPT},
		{POD_COW_STORE + 4, 0, false, POD_E_CORRUPT}, /* the kernel gave it up */
		{POD_COW_STORE + 8, 2, false, POD_E_UNSUPPORTED},
		{POD_COW_STORE + 12, 16, false, POD_E_UNSUPPORTED},
	};
	struct pod_cow c;
	for (size_t i = 0; i < POD_ARRAY_LEN(wrong); i++) {
		make();
		pod_put_le32(file + wrong[i].at, wrong[i].value);
		if (wrong[i].sum) {
			pod_put_le32(file + 12, 0);
			pod_put_le32(file + 12, pod_crc32(0, file, POD_COW_HEAD));
		}
		CHECK_EQ(pod_cow_read(&mem.dev, 0, SIZE, &c), wrong[i].want);
	}
	make();
	CHECK_EQ(pod_cow_read(&mem.dev, 0, SIZE - 512, &c), POD_E_CORRUPT);
	CHECK_EQ(pod_cow_read(&mem.dev, 0, POD_COW_STORE, &c), POD_E_FORMAT);
	done();
}

TEST(cow_shows)
{
	struct pod_alloc *a = &test_alloc;
	struct pod_cow c;
	struct pod_map base, map;
	uint64_t *list;
	uint8_t b[2];
	make();
	/* neighbours on both sides become one piece; the last chunk of the disk is short */
	change(0, 7);
	change(1, 8);
	change(2, 1000);
	change(3, 0);
	CHECK_EQ(pod_cow_read(&mem.dev, 0, SIZE, &c), POD_OK);
	CHECK_EQ(pod_cow_changes(&mem.dev, 0, &c, a, &list), POD_OK);
	pod_map_init(&base, a);
	pod_map_init(&map, a);
	CHECK_EQ(pod_map_append(&base, POD_SEG_ZERO, 0, DISK), POD_OK);
	CHECK_EQ(pod_cow_map(&base, 0, &c, list, &map), POD_OK);
	CHECK_EQ(map.size_bytes, DISK);
	CHECK_EQ(map.count, 5);
	for (uint32_t i = 0; i < 1001; i++) {
		uint8_t want = i == 7 || i == 8 || i == 1000 ? (uint8_t)i : 0;
		CHECK_EQ(pod_map_read(&map, &mem.dev, (uint64_t)i * CHUNK + 510, b, sizeof b - (i == 1000)), POD_OK);
		CHECK_EQ(b[0], want);
	}
	CHECK_EQ(map.seg[0].source, POD_COW_STORE + 5 * CHUNK);
	pod_map_fini(&map);
	pod_map_fini(&base);
	pod_free(a, list);
	done();
}

TEST(cow_entries_that_cannot_be)
{
	static const struct {
		uint64_t old, now;
	} wrong[] = {{1001, 3}, {0, 1}, {0, 258}, {0, 600}, {UINT64_C(1) << 32, 3}, {7, 4}};
	struct pod_alloc *a = &test_alloc;
	struct pod_cow c;
	uint64_t *list;
	for (size_t i = 0; i < POD_ARRAY_LEN(wrong); i++) {
		make();
		change(0, 7);
		pod_put_le64(entry(1), wrong[i].old);
		pod_put_le64(entry(1) + 8, wrong[i].now);
		CHECK_EQ(pod_cow_read(&mem.dev, 0, SIZE, &c), POD_OK);
		CHECK_EQ(pod_cow_changes(&mem.dev, 0, &c, a, &list), POD_E_CORRUPT);
	}
	done();
}

TEST(cow_identity)
{
	enum { DISK_LEN = 1 << 20 };
	static const uint32_t seen[] = {0, 446 + 12, 1024 + 0x2c, 200 * 512 + 1024, 200 * 512 + 65536 + 72};
	uint8_t *disk = calloc(1, DISK_LEN), first[POD_COW_ID], other[POD_COW_ID];
	struct pod_alloc *a = &test_alloc;
	struct pod_memdev d;
	/* one partition: 200 + 1500 sectors */
	disk[446 + 4] = 0x83;
	pod_put_le32(disk + 446 + 8, 200);
	pod_put_le32(disk + 446 + 12, 1500);
	pod_put_le16(disk + 510, 0xaa55);
	pod_memdev_init(&d, disk, DISK_LEN, 512, true);
	CHECK_EQ(pod_cow_identify(&d.dev, 5, a, first), POD_OK);
	CHECK_EQ(pod_cow_identify(&d.dev, 5, a, other), POD_OK);
	CHECK(memcmp(first, other, sizeof first) == 0);
	CHECK_EQ(pod_cow_identify(&d.dev, 6, a, other), POD_OK);
	CHECK(memcmp(first, other, sizeof first) != 0);
	for (size_t i = 0; i < POD_ARRAY_LEN(seen); i++) {
		disk[seen[i]] ^= 1;
		CHECK_EQ(pod_cow_identify(&d.dev, 5, a, other), POD_OK);
		CHECK(memcmp(first, other, sizeof first) != 0);
		disk[seen[i]] ^= 1;
	}
	pod_memdev_init(&d, disk, DISK_LEN - 512, 512, true);
	CHECK_EQ(pod_cow_identify(&d.dev, 5, a, other), POD_OK);
	CHECK(memcmp(first, other, sizeof first) != 0);
	free(disk);
}
