/* SPDX-License-Identifier: BSD-2-Clause */
/* A snapshot of an overlay: what is copied, what is not, what is written again; each read and each allocation fails once. */
#include "core/base/bytes.h"
#include "core/plan/persist_copy.h"
#include "tests/unit/test.h"

enum { STORE = 600, LENGTH = POD_COW_STORE + STORE * POD_COW_CHUNK, TO = 4 << 20, SIZE = 8 << 20, HIGHEST = 9 };

static uint8_t *disk;
static struct pod_memdev mem;
static struct pod_persist file;
static uint32_t reads_left, allocs_left; /* 0: none fails */

static enum pod_status read_some(struct pod_dev *d, uint64_t off, void *buf, size_t len)
{
	if (reads_left && !--reads_left)
		return POD_E_IO;
	memcpy(buf, (uint8_t *)d->ctx + off, len);
	return POD_OK;
}

static enum pod_status write_some(struct pod_dev *d, uint64_t off, const void *buf, size_t len)
{
	memcpy((uint8_t *)d->ctx + off, buf, len);
	return POD_OK;
}

static enum pod_status flush(struct pod_dev *d)
{
	(void)d;
	return POD_OK;
}

static void *alloc_some(struct pod_alloc *a, size_t size)
{
	(void)a;
	return allocs_left && !--allocs_left ? NULL : test_alloc.alloc(&test_alloc, size);
}

static void release(struct pod_alloc *a, void *p)
{
	(void)a;
	test_alloc.release(&test_alloc, p);
}

static uint8_t *chunk(uint64_t start, uint32_t n)
{
	return disk + start + POD_COW_STORE + (size_t)n * POD_COW_CHUNK;
}

/* Three changes, the highest chunk not in the last entry; noise in the copy's place and where nothing is in use. */
static void make(void)
{
	static const uint32_t now[] = {4, HIGHEST, 3};
	struct pod_cow c = {.disk_bytes = 1 << 20, .store_bytes = STORE * POD_COW_CHUNK};
	uint8_t store[POD_COW_HEAD];
	free(disk);
	disk = malloc(SIZE);
	for (uint32_t i = 0, x = 1; i < SIZE; i++, x = x * 1664525 + 1013904223)
		disk[i] = (uint8_t)(x >> 24);
	memset(chunk(0, 0), 0, POD_COW_CHUNK);
	for (uint32_t i = 1; i < STORE; i += POD_COW_AREA)
		memset(chunk(0, i), 0, POD_COW_CHUNK);
	pod_cow_make(&c, disk, store);
	memcpy(chunk(0, 0), store, sizeof store);
	for (size_t i = 0; i < POD_ARRAY_LEN(now); i++) {
		pod_put_le64(chunk(0, 1) + 16 * i, 20 - i);
		pod_put_le64(chunk(0, 1) + 16 * i + 8, now[i]);
	}
	mem.dev = (struct pod_dev){
		.size_bytes = SIZE, .sector_size = 512, .read = read_some, .write = write_some, .flush = flush, .ctx = disk};
	reads_left = allocs_left = 0;
	REQUIRE(pod_persist_look(&mem.dev, 0, LENGTH, &file) == POD_OK);
	CHECK_EQ(file.cow.used, 3);
}

static enum pod_status copy(struct pod_persist_copy *c)
{
	struct pod_alloc a = {alloc_some, release, NULL};
	*c = (struct pod_persist_copy){.disk = &mem.dev, .file = &file, .to_bytes = TO};
	return pod_persist_copy(c, &a);
}

static bool same_chunks(uint32_t first, uint32_t last)
{
	return memcmp(chunk(0, first), chunk(TO, first), (size_t)(last - first + 1) * POD_COW_CHUNK) == 0;
}

static bool is_copy(void)
{
	return memcmp(disk, disk + TO, POD_COW_STORE) == 0 && same_chunks(0, HIGHEST) && same_chunks(258, 258) &&
	       same_chunks(515, 515);
}

TEST(persist_copy_of_an_overlay)
{
	struct pod_persist_copy c;
	make();
	CHECK_EQ(copy(&c), POD_OK);
	CHECK(is_copy() && !c.whole);
	CHECK_EQ(c.need_bytes, (1 + HIGHEST + 1 + 2) * POD_COW_CHUNK);
	CHECK_EQ(c.done_bytes, c.need_bytes);
	CHECK_EQ(c.written_bytes, c.need_bytes);
	CHECK(!same_chunks(HIGHEST + 1, HIGHEST + 1) && !same_chunks(259, 259));
	/* written over in place, which no entry tells of */
	chunk(0, HIGHEST)[7] ^= 1;
	CHECK_EQ(copy(&c), POD_OK);
	CHECK(is_copy());
	CHECK_EQ(c.written_bytes, POD_COW_CHUNK);
	bool unchanged = true;
	CHECK_EQ(pod_persist_unchanged(&mem.dev, &file, TO, &test_alloc, &unchanged), POD_OK);
	CHECK(!unchanged);
	free(disk);
	disk = NULL;
}

/* Entries that cannot be prove nothing. */
TEST(persist_copy_of_a_damaged_overlay_is_whole)
{
	struct pod_persist_copy c;
	make();
	pod_put_le64(chunk(0, 1) + 16, 20);
	CHECK_EQ(copy(&c), POD_OK);
	CHECK(c.whole && memcmp(disk, disk + TO, LENGTH) == 0);
	free(disk);
	disk = NULL;
}

TEST(persist_copy_ends_as_a_copy_or_with_an_error)
{
	struct pod_persist_copy c;
	uint32_t n, failed = 0;
	for (n = 1;; n++) {
		make();
		reads_left = n;
		enum pod_status st = copy(&c);
		failed += st != POD_OK;
		if (st == POD_OK)
			CHECK(is_copy()); /* it was in the copy's place, which is written then */
		if (reads_left)
			break;
	}
	CHECK(failed > 3 && failed < n - 1);
	for (n = 1;; n++) {
		make();
		allocs_left = n;
		enum pod_status st = copy(&c);
		if (allocs_left)
			break;
		CHECK(st == POD_E_NOMEM || (st == POD_OK && c.whole && memcmp(disk, disk + TO, LENGTH) == 0));
	}
	CHECK(n > 3);
	free(disk);
	disk = NULL;
}
