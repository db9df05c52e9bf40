/* SPDX-License-Identifier: BSD-2-Clause */
/* The read cache: the bytes are the device's own, reads are few, and a fault next door is nobody's business. */
#include <stdlib.h>
#include <string.h>
#include "core/disk/dev.h"
#include "tests/unit/test.h"

enum { SIZE = 300 * 512 + 512, LINE = 1024 };

struct counting {
	struct pod_memdev mem;
	struct pod_dev dev;
	uint64_t bad; /* a byte that cannot be read; ~0: none */
	unsigned reads;
	uint64_t bytes;
};

static enum pod_status counted_read(struct pod_dev *d, uint64_t off, void *buf, size_t len)
{
	struct counting *c = d->ctx;
	c->reads++;
	c->bytes += len;
	if (off <= c->bad && c->bad < off + len)
		return POD_E_IO;
	return pod_dev_read(&c->mem.dev, off, buf, len);
}

static enum pod_status counted_write(struct pod_dev *d, uint64_t off, const void *buf, size_t len)
{
	struct counting *c = d->ctx;
	return pod_dev_write(&c->mem.dev, off, buf, len);
}

static uint8_t content[SIZE];
static struct counting counted;
static struct pod_cache cache;

static void *get(struct pod_alloc *a, size_t n)
{
	(void)a;
	return malloc(n);
}

static void give(struct pod_alloc *a, void *p)
{
	(void)a;
	free(p);
}

static struct pod_alloc heap = {get, give, NULL};

static void open_cache(uint32_t lines)
{
	for (size_t i = 0; i < SIZE; i++)
		content[i] = (uint8_t)(i * 2654435761u >> 13);
	memset(&counted, 0, sizeof counted);
	counted.bad = ~0ull;
	pod_memdev_init(&counted.mem, content, SIZE, 512, false);
	counted.dev = counted.mem.dev;
	counted.dev.read = counted_read;
	counted.dev.write = counted_write;
	counted.dev.ctx = &counted;
	CHECK(pod_cache_init(&cache, &counted.dev, &heap, lines, LINE) == POD_OK);
}

static bool same(uint64_t off, size_t len)
{
	static uint8_t buf[8192];
	return pod_dev_read(&cache.dev, off, buf, len) == POD_OK && memcmp(buf, content + off, len) == 0;
}

/* A device may know how to write and yet be one that is only read. */
TEST(what_is_read_only_is_not_written)
{
	uint8_t byte = 1;
	open_cache(4);
	CHECK_EQ(pod_dev_write(&counted.dev, 0, &byte, 1), POD_OK);
	counted.dev.read_only = true;
	byte = 2;
	CHECK_EQ(pod_dev_write(&counted.dev, 0, &byte, 1), POD_E_READONLY);
	CHECK_EQ(content[0], 1);
	pod_cache_fini(&cache, &heap);
}

TEST(whatever_is_read_is_what_is_there)
{
	static const uint32_t lines[] = {1, 3, 4, 16, 32};
	for (size_t k = 0; k < POD_ARRAY_LEN(lines); k++) {
		uint32_t x = 1;
		open_cache(lines[k]);
		for (unsigned n = 0; n < 20000; n++) {
			x = x * 1103515245u + 12345u;
			uint64_t off = (x >> 8) % SIZE;
			size_t len = 1 + (x >> 3) % 5000;
			if (n % 3) /* stretches in order among the leaps */
				off = (uint64_t)n * 100 % SIZE;
			if (n % 50 == 0)
				CHECK(pod_dev_write(&cache.dev, off, &x, 1) == POD_OK);
			CHECK(same(off, (size_t)pod_min_u64(len, SIZE - off)));
		}
		pod_cache_fini(&cache, &heap);
	}
}

TEST(a_long_folder_takes_few_reads)
{
	open_cache(32);
	for (uint64_t off = 0; off < 64 * LINE; off += 32)
		CHECK(same(off, 32));
	CHECK(counted.reads <= 20);
	CHECK(counted.bytes <= 68 * LINE);
	pod_cache_fini(&cache, &heap);
}

TEST(short_folders_are_read_no_further)
{
	open_cache(32);
	for (unsigned n = 0; n < 30; n++)
		CHECK(same((uint64_t)n * 5 * LINE, 32) && same(((uint64_t)n * 5 + 1) * LINE, 32));
	CHECK(counted.reads == 60);
	CHECK(counted.bytes == 60 * LINE);
	pod_cache_fini(&cache, &heap);
}

TEST(a_fault_behind_what_was_asked_for_does_not_matter)
{
	uint8_t b;
	open_cache(32);
	counted.bad = 9 * LINE + 5;
	for (uint64_t no = 0; no < 9; no++)
		CHECK(same(no * LINE, 32));
	CHECK(pod_dev_read(&cache.dev, 9 * LINE, &b, 1) == POD_E_IO);
	CHECK(same(10 * LINE, 32));
	pod_cache_fini(&cache, &heap);
}

TEST(nothing_outside_a_device_or_a_window)
{
	uint8_t bytes[1024] = {0}, buf[1024] = {0};
	struct pod_memdev m;
	struct pod_window w;
	static const struct {
		uint64_t off;
		size_t len;
		bool device, window;
	} t[] = {
		{0, 256, true, true},
		{0, 257, true, false},
		{255, 1, true, true},
		{256, 1, true, false},
		{256, 0, true, true},
		{0, 1024, true, false},
		{1, 1024, false, false},
		{1024, 0, true, false},
		{1025, 0, false, false},
		{UINT64_MAX, 1, false, false},
		{UINT64_MAX - 511, 1, false, false},
	};

	pod_memdev_init(&m, bytes, sizeof bytes, 512, false);
	REQUIRE(pod_window_init(&w, &m.dev, 512, 256) == POD_OK);
	for (size_t i = 0; i < POD_ARRAY_LEN(t); i++)
		for (int window = 0; window < 2; window++) {
			struct pod_dev *d = window ? &w.dev : &m.dev;
			enum pod_status want = (window ? t[i].window : t[i].device) ? POD_OK : POD_E_RANGE;
			CHECK_EQ(pod_dev_read(d, t[i].off, buf, t[i].len), want);
			CHECK_EQ(pod_dev_write(d, t[i].off, buf, t[i].len), want);
		}
	CHECK_EQ(pod_dev_write(&w.dev, 10, "here", 4), POD_OK);
	CHECK(memcmp(bytes + 522, "here", 4) == 0);
	CHECK_EQ(pod_window_init(&w, &m.dev, 512, 513), POD_E_RANGE);
	CHECK_EQ(pod_window_init(&w, &m.dev, UINT64_MAX, 2), POD_E_RANGE);
	pod_memdev_init(&m, bytes, sizeof bytes, 512, true);
	REQUIRE(pod_window_init(&w, &m.dev, 512, 256) == POD_OK);
	CHECK_EQ(pod_dev_write(&m.dev, 0, buf, 1), POD_E_READONLY);
	CHECK_EQ(pod_dev_write(&w.dev, 0, buf, 1), POD_E_READONLY);
	CHECK(memcmp(bytes + 522, "here", 4) == 0);
}
