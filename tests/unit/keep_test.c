/* SPDX-License-Identifier: BSD-2-Clause */
/* A device that reads once what was read first. */
#include "core/disk/keep.h"
#include "tests/unit/test.h"

enum { SIZE = 64 << 10, KEPT = 16 << 10 };

struct fixture {
	struct pod_memdev mem;
	struct pod_budget budget;
	struct pod_keep keep;
	uint8_t disk[SIZE], got[SIZE];
};

static struct fixture *start(void)
{
	struct fixture *f = calloc(1, sizeof *f);
	for (unsigned i = 0; i < SIZE; i++)
		f->disk[i] = (uint8_t)(i * 7 + (i >> 9) * 31);
	pod_memdev_init(&f->mem, f->disk, SIZE, 512, true);
	pod_budget_start(&f->budget, 1 << 20, 1 << 30, 0);
	CHECK_EQ(pod_keep_init(&f->keep, &f->mem.dev, &test_alloc, KEPT), POD_OK);
	f->mem.dev.budget = &f->budget;
	return f;
}

/* Reads, compares, and says what was read from below. */
static unsigned cost(struct fixture *f, uint64_t off, size_t len)
{
	uint64_t before = f->budget.bytes_left;
	memset(f->got, 0xee, SIZE);
	CHECK_EQ(pod_dev_read(&f->keep.dev, off, f->got, len), POD_OK);
	CHECK(memcmp(f->got, f->disk + off, len) == 0);
	return (unsigned)(before - f->budget.bytes_left);
}

static void stop(struct fixture *f)
{
	pod_keep_fini(&f->keep);
	pod_keep_fini(&f->keep);
	free(f);
}

TEST(once)
{
	struct fixture *f = start();
	CHECK_EQ(cost(f, 1024, 4096), 4096);
	CHECK_EQ(cost(f, 1024, 4096), 0);
	CHECK_EQ(cost(f, 2048, 512), 0);
	/* what is missing before and behind it, in two reads */
	uint64_t steps = f->budget.steps_left;
	CHECK_EQ(cost(f, 0, 8192), 4096);
	CHECK_EQ(steps - f->budget.steps_left, 2);
	CHECK_EQ(cost(f, 0, 8192), 0);
	stop(f);
}

TEST(full)
{
	struct fixture *f = start();
	CHECK_EQ(cost(f, 0, KEPT - 512), KEPT - 512);
	CHECK_EQ(cost(f, 32768, 2048), 2048);
	CHECK_EQ(cost(f, 32768, 2048), 1536); /* the last one that there was room for */
	CHECK_EQ(cost(f, 0, SIZE), SIZE - KEPT);
	CHECK_EQ(cost(f, 0, KEPT), 512);
	stop(f);
}

TEST(odd_places)
{
	struct fixture *f = start();
	CHECK_EQ(cost(f, 100, 512), 512);
	CHECK_EQ(cost(f, 512, 100), 100);
	CHECK_EQ(cost(f, 512, 512), 512);
	CHECK_EQ(pod_dev_read(&f->keep.dev, SIZE - 512, f->got, 1024), POD_E_RANGE);
	stop(f);
}

TEST(failed_reads)
{
	struct fixture *f = start();
	pod_budget_start(&f->budget, 0, 0, 0);
	CHECK_EQ(pod_dev_read(&f->keep.dev, 0, f->got, 512), POD_E_BUDGET);
	f->mem.dev.budget = NULL;
	CHECK_EQ(pod_dev_read(&f->keep.dev, 0, f->got, 512), POD_OK);
	CHECK(memcmp(f->got, f->disk, 512) == 0);
	stop(f);
}

TEST(no_memory)
{
	struct fixture *f = start();
	for (long n = 1; n <= 3; n++) {
		struct pod_keep k;
		test_alloc_count = 0;
		test_alloc_fail_at = n;
		CHECK_EQ(pod_keep_init(&k, &f->mem.dev, &test_alloc, KEPT), POD_E_NOMEM);
	}
	test_alloc_fail_at = 0;
	stop(f);
	CHECK_EQ(test_alloc_live, 0);
}
