/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an operation may cost: the budget itself, that everything built on a device spends from it, and that a plan of hostile
 * media ends within it with what was found, says what was left out, and is the same plan as ever where the medium is sound.
 */
#include "core/base/bytes.h"
#include "core/fs/iso9660.h"
#include "core/plan/plan.h"
#include "tests/unit/test.h"

/* --- the budget ----------------------------------------------------------------------------------------- */

struct watch {
	uint64_t now, asked;
	bool stop;
};

static uint64_t watch_now(struct pod_budget *b)
{
	struct watch *w = b->ctx;
	w->asked++;
	return w->now;
}

static bool watch_stop(struct pod_budget *b)
{
	struct watch *w = b->ctx;
	return w->stop;
}

/* Spends one step at a time until it fails; how many there were. */
static uint64_t spend_all(struct pod_budget *b, uint64_t max)
{
	uint64_t n = 0;
	while (n < max && pod_budget_spend(b, 1, 0) == POD_OK)
		n++;
	return n;
}

TEST(each_limit_ends_it_and_is_named)
{
	struct watch w = {.now = 100};
	struct pod_budget b = {.now_ms = watch_now, .cancelled = watch_stop, .ctx = &w};
	CHECK_EQ(pod_budget_spend(NULL, UINT64_MAX, UINT64_MAX), POD_OK);
	pod_budget_start(&b, 10, 1000, 0);
	CHECK_EQ(spend_all(&b, 1000), 10);
	CHECK_EQ(b.hit, POD_BUDGET_STEPS);
	CHECK_EQ(pod_budget_spend(&b, 0, 0), POD_E_BUDGET);
	pod_budget_start(&b, 10, 1000, 0);
	CHECK_EQ(pod_budget_spend(&b, 1, 1000), POD_OK);
	CHECK_EQ(pod_budget_spend(&b, 1, 1), POD_E_BUDGET);
	CHECK_EQ(b.hit, POD_BUDGET_BYTES);
	pod_budget_start(&b, POD_BUDGET_UNLIMITED, POD_BUDGET_UNLIMITED, 50);
	CHECK_EQ(spend_all(&b, 10000), 10000);
	CHECK(w.asked < 100); /* the clock is not asked at every step */
	w.now = 150;
	CHECK(spend_all(&b, 100000) >= POD_BUDGET_UNTIMED - 10001); /* a sound medium on a slow drive is not cut off */
	CHECK(b.steps_spent < POD_BUDGET_UNTIMED + 2000);
	CHECK_EQ(b.hit, POD_BUDGET_TIME);
	/* Few but long reads are asked about as well. */
	pod_budget_start(&b, POD_BUDGET_UNLIMITED, POD_BUDGET_UNLIMITED, 50);
	w.now = 300;
	CHECK_EQ(pod_budget_spend(&b, POD_BUDGET_UNTIMED, 0), POD_E_BUDGET);
	pod_budget_start(&b, POD_BUDGET_UNLIMITED, POD_BUDGET_UNLIMITED, 50);
	CHECK_EQ(pod_budget_spend(&b, POD_BUDGET_UNTIMED, 0), POD_OK);
	w.now = 500;
	CHECK_EQ(pod_budget_spend(&b, 1, 8 << 20), POD_E_BUDGET);
	w.stop = true;
	pod_budget_unlimited(&b);
	CHECK(spend_all(&b, 10000) < 2000);
	CHECK_EQ(b.hit, POD_BUDGET_CANCEL);
	CHECK_EQ(pod_budget_status(&b), POD_E_CANCELLED);
}

TEST(a_part_leaves_half)
{
	struct watch w = {.now = 100};
	struct pod_budget b = {.now_ms = watch_now, .cancelled = watch_stop, .ctx = &w};
	struct pod_budget_part part, inner;
	pod_budget_start(&b, 1000, 1000, 80);
	pod_budget_split(&b, &part);
	CHECK_EQ(b.deadline_ms, 140);
	CHECK_EQ(pod_budget_spend(&b, 100, 0), POD_OK);
	CHECK_EQ(pod_budget_join(&b, &part), POD_BUDGET_NONE);
	CHECK_EQ(b.steps_left, 900);
	CHECK_EQ(b.deadline_ms, 180);
	pod_budget_split(&b, &part);
	pod_budget_split(&b, &inner);
	CHECK_EQ(spend_all(&b, 5000), 225);
	CHECK_EQ(pod_budget_join(&b, &inner), POD_BUDGET_STEPS);
	CHECK_EQ(spend_all(&b, 5000), 225);
	CHECK_EQ(pod_budget_join(&b, &part), POD_BUDGET_STEPS);
	CHECK_EQ(pod_budget_status(&b), POD_OK);
	CHECK_EQ(spend_all(&b, 5000), 450);
	/* To stop means to stop all of it. */
	w.stop = true;
	pod_budget_start(&b, 5000, 1000, 0);
	pod_budget_split(&b, &part);
	(void)spend_all(&b, 5000);
	CHECK_EQ(pod_budget_join(&b, &part), POD_BUDGET_CANCEL);
	CHECK_EQ(pod_budget_spend(&b, 1, 0), POD_E_CANCELLED);
	/* Half of no limit is no limit. */
	w.stop = false;
	pod_budget_unlimited(&b);
	pod_budget_split(&b, &part);
	CHECK_EQ(spend_all(&b, 5000), 5000);
	CHECK_EQ(pod_budget_join(&b, &part), POD_BUDGET_NONE);
	CHECK_EQ(b.steps_left, POD_BUDGET_UNLIMITED);
}

TEST(what_is_built_on_a_device_spends_from_it)
{
	static uint8_t data[65536];
	struct pod_budget b = {0};
	struct pod_memdev m;
	struct pod_window w;
	struct pod_cache c;
	struct pod_map map;
	struct pod_mapdev md;
	uint8_t buf[16];
	pod_memdev_init(&m, data, sizeof data, 512, true);
	m.dev.budget = &b;
	CHECK_EQ(pod_window_init(&w, &m.dev, 4096, 8192), POD_OK);
	pod_map_init(&map, &test_alloc);
	CHECK_EQ(pod_map_append(&map, POD_SEG_DEV, 0, 8192), POD_OK);
	pod_mapdev_init(&md, &map, &w.dev, 512);
	CHECK_EQ(pod_cache_init(&c, &md.dev, &test_alloc, 4, 512), POD_OK);
	pod_budget_start(&b, 4, 4096, 0);
	CHECK_EQ(pod_dev_read(&c.dev, 0, buf, 16), POD_OK); /* cache, map, window, memory */
	CHECK_EQ(b.steps_left, 0);
	CHECK_EQ(b.bytes_left, 4096 - 16 - 3 * 512);
	CHECK_EQ(pod_dev_read(&c.dev, 0, buf, 16), POD_E_BUDGET);
	pod_cache_fini(&c, &test_alloc);
	pod_map_fini(&map);
	CHECK_EQ(test_alloc_live, 0);
}

/* --- an ISO --------------------------------------------------------------------------------------------- */

#define SECTOR	2048u
#define SECTORS 4096u

static uint8_t iso[SECTORS * SECTOR];
static uint32_t next_sector;

struct folder {
	uint32_t sector, sectors, at; /* `at`: bytes used */
};

static void both32(uint8_t *p, uint32_t v)
{
	pod_put_le32(p, v);
	pod_put_be32(p + 4, v);
}

static uint32_t place(uint32_t sectors)
{
	uint32_t at = next_sector;
	next_sector += sectors;
	CHECK(next_sector <= SECTORS);
	return at;
}

static void record(struct folder *f, const char *name, size_t n, uint32_t sector, uint32_t size, bool dir)
{
	uint32_t len = (uint32_t)(33 + n + !(n & 1));
	if (SECTOR - (f->at & (SECTOR - 1)) < len)
		f->at = (f->at + SECTOR) & ~(SECTOR - 1);
	uint8_t *r = iso + f->sector * SECTOR + f->at;
	CHECK(f->at + len <= f->sectors * SECTOR);
	r[0] = (uint8_t)len;
	both32(r + 2, sector);
	both32(r + 10, size);
	r[25] = dir ? 2 : 0;
	r[32] = (uint8_t)n;
	memcpy(r + 33, name, n);
	f->at += len;
}

static struct folder folder_make(uint32_t sectors)
{
	struct folder f = {.sector = place(sectors), .sectors = sectors};
	record(&f, "", 1, f.sector, sectors * SECTOR, true);
	record(&f, "\1", 1, f.sector, sectors * SECTOR, true);
	return f;
}

static struct folder subfolder(struct folder *in, const char *name, uint32_t sectors)
{
	struct folder f = folder_make(sectors);
	record(in, name, strlen(name), f.sector, sectors * SECTOR, true);
	return f;
}

static void file(struct folder *in, const char *name, const void *data, size_t len)
{
	uint32_t at = place((uint32_t)(len / SECTOR + 1));
	memcpy(iso + at * SECTOR, data, len);
	record(in, name, strlen(name), at, (uint32_t)len, false);
}

/* Descriptors and a root folder of `sectors`. */
static struct folder iso_begin(uint32_t sectors)
{
	memset(iso, 0, sizeof iso);
	next_sector = 18;
	struct folder root = folder_make(sectors);
	uint8_t *d = iso + 16 * SECTOR;
	d[0] = 1;
	memcpy(d + 1, "CD001\1", 6);
	memset(d + 40, ' ', 32);
	both32(d + 80, SECTORS);
	pod_put_le16(d + 128, SECTOR);
	pod_put_be16(d + 130, SECTOR);
	d[156] = 34;
	both32(d + 158, root.sector);
	both32(d + 166, sectors * SECTOR);
	d[156 + 25] = 2;
	d[156 + 32] = 1;
	memcpy(d + SECTOR, "\377CD001\1", 7);
	return root;
}

static enum pod_status shim(void *ctx, enum pod_machine m, struct pod_shim *out)
{
	static const uint8_t bytes[4096] = {0x7f, 'E', 'L', 'F'};
	(void)ctx, (void)m;
	*out = (struct pod_shim){.data = bytes, .len = sizeof bytes};
	return POD_OK;
}

static enum pod_status plan_iso(struct pod_budget *b, struct pod_plan *p, uint64_t *steps)
{
	struct pod_memdev m;
	struct pod_extent e = {.length_bytes = sizeof iso};
	pod_memdev_init(&m, iso, sizeof iso, 512, true);
	m.dev.budget = b;
	struct pod_plan_request rq = {.disk = &m.dev,
				      .extent = &e,
				      .extent_count = 1,
				      .image_bytes = sizeof iso,
				      .path = "/images/x.iso",
				      .shim = shim};
	uint64_t before = b->steps_left;
	enum pod_status st = pod_plan_make(&rq, &test_alloc, p, NULL);
	*steps = before - b->steps_left;
	return st;
}

static bool warns(const struct pod_plan *p, const char *of)
{
	for (uint32_t i = 0; i < p->warning_count; i++)
		if (strstr(p->warning[i], of))
			return true;
	return false;
}

static const char INITRD[4096] = "\x1f\x8b initrd";
static struct pod_plan plan;

TEST(a_sound_image_needs_a_fraction)
{
	struct pod_budget b = {0};
	uint64_t steps;
	struct folder root = iso_begin(2), live = subfolder(&root, "LIVE", 2), grub = subfolder(&root, "GRUB", 1);
	file(&live, "INITRD.IMG", INITRD, sizeof INITRD);
	file(&grub, "GRUB.CFG", "initrd /LIVE/INITRD.IMG\n", 24);
	pod_budget_start(&b, POD_PLAN_STEPS, POD_PLAN_BYTES, 0);
	CHECK_EQ(plan_iso(&b, &plan, &steps), POD_OK);
	CHECK_EQ(plan.initrd_count, 1);
	CHECK_STR(plan.initrd[0].found_by, "GRUB/GRUB.CFG");
	CHECK(steps < POD_PLAN_STEPS / 1000);
	CHECK(!warns(&plan, "searched"));
	pod_plan_free(&plan);
	CHECK_EQ(test_alloc_live, 0);
}

/* Eight configurations that name some 130000 files, which are looked for in a folder of many. */
static void make_bomb(void)
{
	static char text[64 << 10];
	struct folder root = iso_begin(400), live = subfolder(&root, "LIVE", 1), grub = subfolder(&root, "GRUB", 8);
	char name[16];
	file(&live, "INITRD.IMG", INITRD, sizeof INITRD);
	for (int i = 0; i < 16000; i++) {
		snprintf(name, sizeof name, "F%05d", i);
		record(&root, name, 6, 20, 0, false);
	}
	size_t at = 0;
	memcpy(text, "append initrd=", 14);
	for (at = 14; at + 4 <= sizeof text; at += 4)
		memcpy(text + at, "/X0,", 4);
	for (int i = 0; i < 8; i++) {
		snprintf(name, sizeof name, "C%d.CFG", i);
		file(&grub, name, text, at);
	}
}

TEST(names_in_configurations_end_with_the_budget)
{
	struct pod_budget b = {0};
	uint64_t steps;
	make_bomb();
	pod_budget_start(&b, POD_PLAN_STEPS, POD_PLAN_BYTES, 0);
	CHECK_EQ(plan_iso(&b, &plan, &steps), POD_OK);
	CHECK(steps > POD_PLAN_STEPS / 8 && steps <= POD_PLAN_STEPS);
	/* What was found is served all the same. */
	CHECK_EQ(plan.initrd_count, 1);
	CHECK_STR(plan.initrd[0].path, "LIVE/INITRD.IMG");
	CHECK(warns(&plan, "more folders, files or boot menus than are searched"));
	CHECK_EQ(b.hit, POD_BUDGET_NONE);
	pod_plan_free(&plan);
	CHECK_EQ(test_alloc_live, 0);
}

TEST(a_plan_can_be_cancelled)
{
	struct watch w = {.stop = true};
	struct pod_budget b = {.cancelled = watch_stop, .ctx = &w};
	uint64_t steps;
	make_bomb();
	pod_budget_unlimited(&b);
	CHECK_EQ(plan_iso(&b, &plan, &steps), POD_E_CANCELLED);
	CHECK_EQ(test_alloc_live, 0);
}

TEST(a_folder_that_contains_itself_is_named)
{
	struct pod_budget b = {0};
	uint64_t steps;
	struct folder root = iso_begin(2), a = subfolder(&root, "A", 1), inner = subfolder(&a, "B", 1);
	struct folder live = subfolder(&root, "LIVE", 1);
	record(&inner, "C", 1, a.sector, a.sectors * SECTOR, true);
	record(&inner, "D", 1, root.sector, root.sectors * SECTOR, true);
	record(&inner, "E", 1, inner.sector, inner.sectors * SECTOR, true);
	file(&live, "INITRD.IMG", INITRD, sizeof INITRD);
	pod_budget_start(&b, POD_PLAN_STEPS, POD_PLAN_BYTES, 0);
	CHECK_EQ(plan_iso(&b, &plan, &steps), POD_OK);
	CHECK(warns(&plan, "A/B/E: this folder contains itself"));
	CHECK(!warns(&plan, "searched"));
	CHECK_EQ(plan.initrd_count, 1);
	CHECK(steps < 2000);
	pod_plan_free(&plan);
}

/* Folders that name each of four others at every level: 4^5 ways, and none contains itself. */
TEST(a_tree_of_many_ways_ends)
{
	struct pod_budget b = {0};
	uint64_t steps;
	struct folder root = iso_begin(2), level[6][8];
	for (int d = 0; d < 6; d++)
		for (int i = 0; i < 8; i++)
			level[d][i] = folder_make(40);
	for (int i = 0; i < 8; i++) {
		char name[2] = {(char)('A' + i), 0};
		record(&root, name, 1, level[0][i].sector, 40 * SECTOR, true);
		for (int d = 0; d < 5; d++)
			for (int k = 0; k < 8; k++)
				record(&level[d][k], name, 1, level[d + 1][i].sector, 40 * SECTOR, true);
	}
	pod_budget_start(&b, 20000, POD_PLAN_BYTES, 0);
	CHECK_EQ(plan_iso(&b, &plan, &steps), POD_OK);
	CHECK(steps <= 20000);
	CHECK(warns(&plan, "than are searched"));
	pod_plan_free(&plan);
	CHECK_EQ(test_alloc_live, 0);
}

/* Many initrds among many kernels: each kernel is read once. */
TEST(kernels_are_read_once)
{
	struct pod_budget b = {0};
	uint64_t steps;
	static uint8_t kernel[1024];
	struct folder root = iso_begin(20);
	char name[24];
	memcpy(kernel + 0x202, "HdrS", 4);
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof name, "VMLINUZ%.*s%03d", i % 8, "XXXXXXXX", i);
		file(&root, name, kernel, sizeof kernel);
	}
	for (int i = 0; i < 60; i++) {
		snprintf(name, sizeof name, "INITRD%03d", i);
		file(&root, name, INITRD, sizeof INITRD);
	}
	pod_budget_start(&b, POD_PLAN_STEPS, POD_PLAN_BYTES, 0);
	CHECK_EQ(plan_iso(&b, &plan, &steps), POD_OK);
	CHECK_EQ(plan.initrd_count, 60);
	CHECK(steps < 20000);
	pod_plan_free(&plan);
}
