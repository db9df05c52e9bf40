/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A differencing disk onto another parent: it shows what it showed, whatever the old and the new chain hold, and at every write
 * in between, with torn and reordered writes; it takes in no more than it must; its children stay right.
 */
#include "tests/unit/vhd_util.h"

#define SIZE_CAP (8u << 20)
#define MIB	 (1u << 20)

static uint8_t shown[SIZE_CAP], seen[SIZE_CAP];
static uint32_t faults_allowed; /* 1: a VHD may lack the footer at its end, as the copy in front counts */

/* --- worlds ---------------------------------------------------------------------------------------------- */

struct world_of {
	enum pod_member_kind kind;
	uint32_t sector;
};

static struct mem_file *disk(const struct world_of *w, const char *name, uint64_t size, uint32_t block, struct mem_file *parent)
{
	struct mem_file *m = mem_make(name);
	CHECK(m && make_disk(m, w->kind, size, block, w->sector, parent) == POD_OK);
	return m;
}

/* A piece of a disk: `value` 0 trims it. */
static void paint(struct mem_file *m, uint64_t off, size_t len, uint8_t value)
{
	static uint8_t buf[SIZE_CAP];
	struct pod_chain c;
	for (size_t i = 0; i < len; i++)
		buf[i] = (uint8_t)(1 + (value + (off + i) / 512 * 3) % 255); /* never zero */
	REQUIRE(open_chain(&c, m, true, NULL) == POD_OK);
	CHECK((value ? pod_dev_write(&c.dev, off, buf, len) : pod_chain_trim(&c, off, len)) == POD_OK);
	CHECK(pod_chain_close(&c) == POD_OK);
}

/* What a disk shows; false if it cannot be opened or is not sound. */
static bool look(struct mem_file *m, uint8_t *out, uint64_t *size)
{
	struct pod_chain c;
	struct pod_vhd_check vx = {0};
	struct pod_vhd_report vr = {0};
	if (open_chain(&c, m, false, NULL) != POD_OK)
		return false;
	struct pod_member *l = c.member[0];
	*size = c.dev.size_bytes;
	bool ok = pod_dev_read(&c.dev, 0, out, (size_t)*size) == POD_OK;
	if (l->kind == POD_MEMBER_VHDX)
		ok = ok && pod_vhdx_check(&l->u.vhdx, false, NULL, NULL, &vx) == POD_OK && !vx.errors;
	else
		ok = ok && pod_vhd_check(&l->u.vhd, false, NULL, NULL, &vr) == POD_OK && vr.errors <= faults_allowed;
	return pod_chain_close(&c) == POD_OK && ok;
}

static bool still_shows(struct mem_file *m, uint64_t size)
{
	uint64_t now;
	return look(m, seen, &now) && now == size && memcmp(seen, shown, (size_t)size) == 0;
}

/* The name of the file that a disk says it stands on. */
static const char *stands_on(struct mem_file *m)
{
	static char name[32];
	struct pod_chain c;
	name[0] = '\0';
	if (open_chain(&c, m, false, NULL) != POD_OK)
		return name;
	if (c.depth > 1)
		snprintf(name, sizeof name, "%s", ((struct mem_file *)c.member[1]->file)->name);
	CHECK(pod_chain_close(&c) == POD_OK);
	return name;
}

struct outcome {
	enum pod_status plan, run;
	uint64_t copy, grow;
	struct pod_diag diag;
};

static volatile int stop_now;
static uint64_t stop_after; /* bytes taken in; 0: never */

static void maybe_stop(void *ctx, uint64_t done, uint64_t total)
{
	(void)ctx;
	CHECK(done <= total);
	stop_now = stop_after && done >= stop_after;
}

static struct outcome rebase(struct mem_file *m, struct mem_file *onto)
{
	struct pod_chain c, to;
	struct pod_parent_spec spec = {.path = {onto->name}};
	struct pod_chain_rebase r = {.stop = &stop_now};
	struct outcome o = {POD_E_IO, POD_E_IO, 0, 0, {0}};
	long writes = onto->fault.writes;
	stop_now = 0;
	if (open_chain(&c, m, true, &o.diag) != POD_OK)
		return o;
	if (open_chain(&to, onto, false, &o.diag) == POD_OK) {
		o.plan = pod_chain_rebase_plan(&r, &c, &to, NULL, NULL, &o.diag);
		o.copy = r.copy_bytes;
		o.grow = r.grow_bytes;
		if (o.plan == POD_OK)
			o.run = pod_chain_rebase_run(&r, &spec, maybe_stop, NULL);
		pod_chain_rebase_end(&r);
		CHECK(pod_chain_close(&to) == POD_OK);
		CHECK_EQ(onto->fault.writes, writes);
	}
	enum pod_status closed = pod_chain_close(&c);
	if (o.run == POD_OK)
		o.run = closed;
	return o;
}

static void finish(void)
{
	mem_clear();
	CHECK_EQ(mem_opens, 0);
	CHECK_EQ(test_alloc_live, 0);
}

/* Does the top file itself say something about the sector at `off`? */
static enum pod_run_kind own(struct mem_file *m, uint64_t off)
{
	struct pod_chain c;
	struct pod_run run = {.kind = POD_RUN_PARENT};
	if (open_chain(&c, m, false, NULL) != POD_OK)
		return POD_RUN_PARENT;
	CHECK(pod_member_run(c.member[0], off, 512, &run) == POD_OK);
	CHECK(pod_chain_close(&c) == POD_OK);
	return run.kind;
}

static const struct world_of worlds[] = {{POD_MEMBER_VHDX, 512}, {POD_MEMBER_VHDX, 4096}, {POD_MEMBER_VHD, 512}};
/* NOLINTNEXTLINE(bugprone-macro-parentheses): w is declared here */
#define EACH_WORLD(w) for (const struct world_of *w = worlds; (w) < worlds + 3; (w)++)

static uint32_t small_block(const struct world_of *w)
{
	return w->kind == POD_MEMBER_VHDX ? MIB : 65536;
}

/* --- what is taken in ------------------------------------------------------------------------------------ */

TEST(below_takes_what_the_layers_between_hold)
{
	EACH_WORLD(w)
	{
		uint64_t size;
		struct mem_file *base = disk(w, "base", 4 * MIB, small_block(w), NULL);
		paint(base, 0, 3 * MIB, 1);
		struct mem_file *mid = disk(w, "mid", 4 * MIB, 2 * MIB, base), *mid2 = disk(w, "mid2", 4 * MIB, 2 * MIB, mid);
		(void)mid2;
		paint(mid, 8192, 12288, 50);
		mem_free(mid2);
		mid2 = disk(w, "mid2", 4 * MIB, 2 * MIB, mid);
		paint(mid2, 16384, 4096, 60);
		paint(mid2, 3 * MIB + 4096, 4096, 70);
		struct mem_file *top = disk(w, "top", 4 * MIB, small_block(w), mid2);
		paint(top, 12288, 4096, 80);
		CHECK(look(top, shown, &size));
		long reads = base->fault.reads;
		struct outcome o = rebase(top, base);
		CHECK(o.run == POD_OK);
		/* mid: 8192 to 12288; mid2: 16384 to 20480 and one in the fourth MiB; the top holds the rest itself */
		CHECK_EQ(o.copy, 3 * 4096);
		CHECK(base->fault.reads - reads < 40); /* its tables, not its content */
		CHECK(still_shows(top, size));
		CHECK_STR(stands_on(top), "base");
		CHECK(own(top, 8192) == POD_RUN_DATA && own(top, 12288) == POD_RUN_DATA && own(top, 20480) == POD_RUN_PARENT &&
		      own(top, 3 * MIB) == POD_RUN_PARENT && own(top, 3 * MIB + 4096) == POD_RUN_DATA &&
		      own(top, 0) == POD_RUN_PARENT);
		/* Nothing of the layers between is needed any more. */
		mem_free(mid);
		mem_free(mid2);
		CHECK(still_shows(top, size));
		finish();
	}
}

TEST(another_image_is_compared)
{
	EACH_WORLD(w)
	{
		uint64_t size;
		struct mem_file *a = disk(w, "a", 4 * MIB, small_block(w), NULL), *b = disk(w, "b", 4 * MIB, 2 * MIB, NULL);
		paint(a, 0, 3 * MIB, 1);
		paint(b, 0, 3 * MIB, 1);
		paint(b, 40960, 4096, 99); /* what differs, and 4 KiB that a says nothing about */
		paint(b, 3 * MIB + 65536, 4096, 98);
		struct mem_file *top = disk(w, "top", 4 * MIB, 2 * MIB, a);
		paint(top, 81920, 4096, 7);
		paint(b, 81920, 4096, 97); /* hidden by the top */
		CHECK(look(top, shown, &size));
		struct outcome o = rebase(top, b);
		CHECK(o.run == POD_OK);
		CHECK_EQ(o.copy, 2 * 4096);
		CHECK(still_shows(top, size));
		CHECK_STR(stands_on(top), "b");
		CHECK(own(top, 40960) == POD_RUN_DATA && own(top, 45056) == POD_RUN_PARENT && own(top, 36864) == POD_RUN_PARENT);
		CHECK(own(top, 3 * MIB + 65536) == POD_RUN_DATA);
		finish();
	}
}

TEST(an_equal_image_costs_nothing)
{
	EACH_WORLD(w)
	{
		uint64_t size;
		struct mem_file *a = disk(w, "a", 4 * MIB, small_block(w), NULL), *b = disk(w, "b", 4 * MIB, 2 * MIB, NULL);
		paint(a, 4096, 2 * MIB, 1);
		paint(b, 4096, 2 * MIB, 1);
		struct mem_file *top = disk(w, "top", 4 * MIB, 2 * MIB, a);
		CHECK(look(top, shown, &size));
		struct outcome o = rebase(top, b);
		CHECK(o.run == POD_OK && !o.copy && !o.grow);
		CHECK(still_shows(top, size) && own(top, 4096) == POD_RUN_PARENT);
		CHECK_STR(stands_on(top), "b");
		/* The same parent once more. */
		o = rebase(top, b);
		CHECK(o.run == POD_OK && !o.copy && still_shows(top, size));
		finish();
	}
}

static uint32_t vhdx_state(struct mem_file *m, uint64_t block)
{
	struct pod_chain c;
	uint64_t e = 0;
	if (open_chain(&c, m, false, NULL) != POD_OK)
		return UINT32_MAX;
	CHECK(pod_vhdx_block_entry(&c.member[0]->u.vhdx, block, &e) == POD_OK);
	CHECK(pod_chain_close(&c) == POD_OK);
	return (uint32_t)e & 7;
}

TEST(zeros_hide_what_the_new_parent_shows)
{
	EACH_WORLD(w)
	{
		uint64_t size;
		struct mem_file *a = disk(w, "a", 6 * MIB, 2 * MIB, NULL), *b = disk(w, "b", 6 * MIB, small_block(w), NULL);
		paint(a, 0, 4096, 1);	 /* block 0: zeros but for a page */
		paint(b, 0, 6 * MIB, 2); /* blocks 1 and 2: zeros here, data there */
		struct mem_file *mid = disk(w, "mid", 6 * MIB, 2 * MIB, a);
		paint(mid, 5 * MIB, 4096, 3);
		paint(mid, 5 * MIB, 4096, 0); /* data that are zeros, or what the format makes of that */
		struct mem_file *top = disk(w, "top", 6 * MIB, 2 * MIB, mid);
		CHECK(look(top, shown, &size));
		struct outcome o = rebase(top, b);
		CHECK(o.run == POD_OK);
		CHECK(still_shows(top, size));
		CHECK(own(top, 8192) != POD_RUN_PARENT);
		if (w->kind == POD_MEMBER_VHDX) {
			CHECK_EQ(vhdx_state(top, 1), POD_VHDX_ZERO); /* takes no space */
			CHECK_EQ(vhdx_state(top, 2), POD_VHDX_ZERO);
			CHECK_EQ(vhdx_state(top, 0), POD_VHDX_FULL);
		} else {
			CHECK(own(top, 3 * MIB) == POD_RUN_DATA);
		}
		finish();
	}
}

TEST(a_large_block_of_zeros_is_not_looked_at)
{
	const struct world_of *w = &worlds[0];
	uint64_t size;
	struct mem_file *a = disk(w, "a", 8 * MIB, MIB, NULL), *b = disk(w, "b", 8 * MIB, MIB, NULL);
	paint(b, 5 * MIB, 2 * MIB, 1);
	struct mem_file *top = disk(w, "top", 8 * MIB, 8 * MIB, a);
	CHECK(look(top, shown, &size));
	struct outcome o = rebase(top, b);
	CHECK(o.run == POD_OK && !o.copy && !o.grow);
	CHECK_EQ(vhdx_state(top, 0), POD_VHDX_ZERO);
	CHECK(still_shows(top, size));
	finish();
}

TEST(a_shorter_parent_shows_zeros_behind_its_end)
{
	EACH_WORLD(w)
	{
		uint64_t size;
		struct mem_file *a = disk(w, "a", 5 * MIB, small_block(w), NULL),
				*b = disk(w, "b", 2 * MIB + 8192, 2 * MIB, NULL);
		paint(a, MIB, 3 * MIB + 4096, 1);
		paint(b, MIB, MIB + 8192, 1);
		/* The command makes none like that: a child that is shorter than its parent hides the end of it. */
		struct mem_file *c = disk(w, "c", 2 * MIB + 4096, small_block(w), b);
		CHECK(look(c, seen, &size) && size == 2 * MIB + 4096);
		struct mem_file *top = disk(w, "top", 6 * MIB, 2 * MIB, a);
		paint(top, 2 * MIB + 8192, 4096, 9);
		CHECK(look(top, shown, &size));
		struct outcome o = rebase(top, c);
		CHECK(o.run == POD_OK);
		/* From the end of c to the end of a's data, but for what the top holds. */
		CHECK_EQ(o.copy, 2 * MIB - 4096);
		CHECK(still_shows(top, size));
		o = rebase(top, b);
		CHECK(o.run == POD_OK && still_shows(top, size));
		/* Back to the first one: what was taken in is the top's now. */
		o = rebase(top, a);
		CHECK(o.run == POD_OK && still_shows(top, size));
		finish();
	}
}

/* --- refused --------------------------------------------------------------------------------------------- */

TEST(refused)
{
	EACH_WORLD(w)
	{
		struct world_of other = {w->kind == POD_MEMBER_VHD ? POD_MEMBER_VHDX : POD_MEMBER_VHD, 512},
				sectors = {POD_MEMBER_VHDX, 512};
		struct mem_file *a = disk(w, "a", 4 * MIB, small_block(w), NULL), *top = disk(w, "top", 4 * MIB, 2 * MIB, a);
		struct mem_file *child = disk(w, "child", 4 * MIB, 2 * MIB, top),
				*longer = disk(w, "longer", 5 * MIB, 2 * MIB, NULL);
		struct mem_file *x = disk(&other, "x", 4 * MIB, 2 * MIB, NULL), *s = disk(&sectors, "s", 4 * MIB, 2 * MIB, NULL);
		uint64_t size;
		CHECK(look(top, shown, &size));
		long writes = top->fault.writes;
		struct outcome o = rebase(top, longer);
		CHECK(o.plan == POD_E_UNSUPPORTED);
		CHECK_STR(o.diag.what, "child is shorter than its parent");
		o = rebase(top, top);
		CHECK(o.plan == POD_E_INVALID);
		CHECK_STR(o.diag.what, "parent chain is a loop");
		CHECK(rebase(top, child).plan == POD_E_INVALID);
		CHECK(rebase(a, longer).plan == POD_E_INVALID); /* stands on nothing */
		o = rebase(top, x);
		CHECK(o.plan == POD_E_UNSUPPORTED);
		CHECK_STR(o.diag.what, "parent of another format");
		if (w->sector == 4096) {
			o = rebase(top, s);
			CHECK(o.plan == POD_E_UNSUPPORTED);
			CHECK_STR(o.diag.what, "parent with another sector size");
		}
		CHECK_EQ(top->fault.writes, writes);
		CHECK(still_shows(top, size));
		finish();
	}
}

/* --- stopped, failed ------------------------------------------------------------------------------------- */

static struct mem_file *differing(const struct world_of *w, struct mem_file **onto)
{
	struct mem_file *a = disk(w, "a", 5 * MIB, small_block(w), NULL), *b = disk(w, "b", 4 * MIB, 2 * MIB, NULL), *mid, *top;
	paint(a, 0, MIB + 20480, 1);
	paint(a, 4 * MIB + 65536, 8192, 2);
	paint(b, 0, 65536, 1);
	paint(b, 2 * MIB, 24576, 3);
	mid = disk(w, "mid", 5 * MIB, 2 * MIB, a);
	paint(mid, 131072, 40960, 4);
	top = disk(w, "top", 5 * MIB, small_block(w), mid);
	paint(top, 65536, 8192, 5);
	paint(top, 3 * MIB, 4096, 6);
	*onto = b;
	return top;
}

static uint64_t left_to_take(struct mem_file *m, struct mem_file *onto)
{
	struct pod_chain c, to;
	struct pod_chain_rebase r = {0};
	CHECK(open_chain(&c, m, true, NULL) == POD_OK);
	CHECK(open_chain(&to, onto, false, NULL) == POD_OK);
	CHECK(pod_chain_rebase_plan(&r, &c, &to, NULL, NULL, NULL) == POD_OK);
	uint64_t left = r.copy_bytes;
	pod_chain_rebase_end(&r);
	CHECK(pod_chain_close(&to) == POD_OK && pod_chain_close(&c) == POD_OK);
	return left;
}

TEST(stopped_it_shows_the_same_and_goes_on_later)
{
	EACH_WORLD(w)
	{
		struct mem_file *b, *top = differing(w, &b);
		uint64_t size;
		CHECK(look(top, shown, &size));
		stop_after = 100000;
		struct outcome first = rebase(top, b);
		CHECK(first.plan == POD_OK && first.run == POD_END);
		CHECK_STR(stands_on(top), "mid");
		CHECK(still_shows(top, size));
		/* When all is taken in, it is not too late. */
		stop_after = left_to_take(top, b);
		CHECK(stop_after && stop_after <= first.copy - 100000);
		CHECK(rebase(top, b).run == POD_END);
		CHECK_STR(stands_on(top), "mid");
		CHECK(still_shows(top, size));
		stop_after = 0;
		struct outcome o = rebase(top, b);
		CHECK(o.run == POD_OK && !o.copy);
		CHECK_STR(stands_on(top), "b");
		CHECK(still_shows(top, size));
		finish();
	}
}

TEST(every_write_that_fails)
{
	EACH_WORLD(w)
	{
		bool old = false, new = false;
		faults_allowed = 1;
		for (long n = 1; n < 400; n++) {
			struct mem_file *b, *top = differing(w, &b);
			uint64_t size;
			CHECK(look(top, shown, &size));
			top->fault.fail_write_at = n;
			top->fault.dead = true;
			enum pod_status st = rebase(top, b).run;
			top->fault.dead = top->fault.died = false;
			top->fault.fail_write_at = 0;
			CHECK(still_shows(top, size));
			bool is_new = strcmp(stands_on(top), "b") == 0;
			old |= !is_new;
			new |= is_new;
			finish();
			if (st == POD_OK)
				break;
			CHECK(n < 399);
		}
		CHECK(old && new);
		faults_allowed = 0;
	}
}

TEST(every_allocation_that_fails)
{
	EACH_WORLD(w)
	{
		struct mem_file *b, *top = differing(w, &b);
		uint64_t size;
		enum pod_status st = POD_E_NOMEM;
		long n = 0;
		CHECK(look(top, shown, &size));
		while (st != POD_OK && ++n < 200) {
			test_alloc_count = 0;
			test_alloc_fail_at = n;
			st = rebase(top, b).run;
			test_alloc_fail_at = 0;
			CHECK_EQ(test_alloc_live, 0);
			CHECK(still_shows(top, size));
		}
		CHECK(n > 10 && n < 200);
		finish();
	}
}

/* --- children -------------------------------------------------------------------------------------------- */

TEST(its_children_stay_right)
{
	EACH_WORLD(w)
	{
		struct mem_file *b, *top = differing(w, &b), *child;
		uint64_t size;
		child = disk(w, "child", 5 * MIB, 2 * MIB, top);
		paint(child, 200000 & ~4095u, 8192, 77);
		CHECK(look(child, shown, &size));
		struct outcome o = rebase(top, b);
		CHECK(o.run == POD_OK && o.copy);
		CHECK(still_shows(child, size));
		/* What is written to the file afterwards is a change again. */
		paint(top, 0, 512, 44);
		CHECK(look(child, seen, &size) == (w->kind == POD_MEMBER_VHD));
		finish();
	}
}

/* --- at random ------------------------------------------------------------------------------------------- */

static void scribble(struct mem_file *m, uint64_t size)
{
	static const uint32_t longest[] = {700, 9000, 300000, 2500000};
	for (uint32_t i = 0, n = below(7); i < n; i++) {
		uint64_t off = (uint64_t)rnd() % size;
		size_t len = 1 + below(longest[below(4)]);
		if (below(3) == 0)
			off &= ~(uint64_t)(MIB - 1);
		paint(m, off, len > size - off ? (size_t)(size - off) : len, below(4) ? (uint8_t)(1 + below(3)) : 0);
	}
}

static uint32_t any_block(const struct world_of *w)
{
	return w->kind == POD_MEMBER_VHDX ? MIB << below(3) : 65536u << below(4);
}

/* Two chains, which may have their lower part in common, and a disk that goes to and fro between their layers. */
static void wander(const struct world_of *w, uint64_t seed)
{
	struct mem_file *f[7];
	uint64_t size[7], top_size, child_size;
	static uint8_t childs[SIZE_CAP];
	char name[16];
	vhd_seed = seed;
	for (int i = 0; i < 7; i++) {
		/* 0 <- 1 <- 2 <- 3 and 4 (alone, or on 0) <- 5; 6 is the disk, on 3 */
		int under = i == 0 ? -1 : i == 4 ? (below(2) ? 0 : -1) : i == 6 ? 3 : i - 1;
		size[i] = (under >= 0 ? size[under] : (2 + below(2)) * MIB) + below(2) * below(200) * 4096;
		if (i == 6)
			size[i] = SIZE_CAP - below(9) * 4096;
		snprintf(name, sizeof name, "f%d", i);
		f[i] = disk(w, name, size[i], any_block(w), under >= 0 ? f[under] : NULL);
		scribble(f[i], size[i]);
	}
	CHECK(look(f[6], shown, &top_size) && top_size == size[6]);
	struct mem_file *child = disk(w, "child", size[6], any_block(w), f[6]);
	scribble(child, size[6]);
	CHECK(look(child, childs, &child_size));
	for (int k = 0; k < 6; k++) {
		int to = (int)below(6);
		struct outcome o = rebase(f[6], f[to]);
		snprintf(name, sizeof name, "f%d", to);
		if (o.run != POD_OK || !still_shows(f[6], top_size) || strcmp(stands_on(f[6]), name) != 0 ||
		    !look(child, seen, &child_size) || memcmp(seen, childs, (size_t)child_size) != 0) {
			char text[96];
			snprintf(text, sizeof text, "seed %llu, step %d, onto %s", (unsigned long long)seed, k, name);
			test_fail(__FILE__, __LINE__, text);
			break;
		}
	}
	finish();
}

TEST(at_random)
{
	int rounds = getenv("LONG") ? 200 : 12;
	EACH_WORLD(w)
	for (int i = 0; i < rounds; i++)
		wander(w, (uint64_t)i * 3 + 1000 + w->sector);
}

/* --- power cuts ------------------------------------------------------------------------------------------ */

#define CAP	   (20u << 20)
#define GROWTH_MAX 200

static struct {
	struct mem_file *top;
	uint64_t size, first_length, length[GROWTH_MAX];
	size_t at[GROWTH_MAX];
	int growths;
	uint8_t *out;
	long states, tried, old, new, bad;
} cuts;

static enum pod_status noted_resize(struct pod_vfile *vf, uint64_t size)
{
	enum pod_status st = mem_resize(vf, size);
	if (st == POD_OK && cuts.growths < GROWTH_MAX) {
		cuts.at[cuts.growths] = cuts.top->fault.n;
		cuts.length[cuts.growths++] = size;
	}
	return st;
}

static void check_cut(void *ctx, size_t cut)
{
	struct mem_file real = *cuts.top;
	uint64_t length = cuts.first_length;
	(void)ctx;
	/* A third of them, but some of each cut; all with LONG. */
	if (cuts.states++ % 3 && !getenv("LONG"))
		return;
	cuts.tried++;
	for (int i = 0; i < cuts.growths && cuts.at[i] <= cut; i++)
		length = cuts.length[i];
	mem_attach(cuts.top, cuts.out, length, real.name);
	bool ok = still_shows(cuts.top, cuts.size), is_new = strcmp(stands_on(cuts.top), "b") == 0;
	ok = ok && (is_new || strcmp(stands_on(cuts.top), "mid") == 0);
	cuts.old += !is_new;
	cuts.new += is_new;
	/* Done again, it comes to an end. */
	if (ok && cuts.tried % 5 == 0) {
		struct mem_file *b = mem_find("b");
		ok = rebase(cuts.top, b).run == POD_OK && still_shows(cuts.top, cuts.size) &&
		     strcmp(stands_on(cuts.top), "b") == 0;
	}
	if (!ok && cuts.bad++ < 5) {
		char text[96];
		snprintf(text, sizeof text, "cut after write %zu: the disk is not what it was", cut);
		test_fail(__FILE__, __LINE__, text);
	}
	*cuts.top = real;
	cuts.top->dev.ctx = cuts.top;
	cuts.top->fault.dev.ctx = &cuts.top->fault;
	cuts.top->vf.dev = &cuts.top->dev;
}

static void with_cuts(const struct world_of *w)
{
	struct mem_file *b, *top = differing(w, &b);
	memset(&cuts, 0, sizeof cuts);
	cuts.top = top;
	CHECK(look(top, shown, &cuts.size));
	cuts.first_length = top->dev.size_bytes;
	top->fault.dev.size_bytes = CAP; /* no need to look at more */
	fault_record(&top->fault);
	top->vf.resize = noted_resize;
	faults_allowed = 1;
	CHECK(rebase(top, b).run == POD_OK);
	CHECK(top->dev.size_bytes <= CAP && cuts.growths < GROWTH_MAX);
	cuts.out = calloc(1, MEM_CAP);
	long n = fault_states(&top->fault, cuts.out, 7, check_cut, NULL);
	printf("rebase, %s, sectors of %u: %zu writes, %ld states, %ld tried: %ld old, %ld new\n", pod_member_kind_name(w->kind),
	       w->sector, top->fault.n, n, cuts.tried, cuts.old, cuts.new);
	CHECK(n > 50 && cuts.old && cuts.new);
	free(cuts.out);
	faults_allowed = 0;
	finish();
}

TEST(power_cut_vhdx)
{
	with_cuts(&worlds[0]);
}

TEST(power_cut_vhdx_with_sectors_of_4096)
{
	with_cuts(&worlds[1]);
}

TEST(power_cut_vhd)
{
	with_cuts(&worlds[2]);
}
