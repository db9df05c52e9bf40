/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A merge that is taken back. Ground, parent, child; each kind of piece of the child over each kind of piece of the parent. Every
 * write of a merge, and of taking one back, is the last that works: the child shows what it shows, the parent is refused, or shows
 * the old or the new; then either the merge or its undoing comes to its end.
 */
#include "core/vhd/undo.h"
#include "tests/unit/vhd_util.h"

#define MIB	 (1u << 20)
#define OLD_SIZE (5u * MIB)
#define NEW_SIZE (6u * MIB + 512)

struct scene {
	struct mem_file *ground, *parent, *child, *undo;
	uint8_t *old, *new;
};

static void fill(struct pod_chain *c, uint8_t *model, uint64_t off, size_t len, uint8_t with)
{
	memset(model + off, with, len);
	if (with)
		CHECK(pod_dev_write(&c->dev, off, model + off, len) == POD_OK);
	else
		CHECK(pod_chain_trim(c, off, len) == POD_OK);
}

/* Pieces in turn: data, zeros, nothing; those of a layer are `step` long, so that each meets each. Blocks of 1 MiB. */
static void layer_on(struct mem_file *f, uint8_t *model, uint64_t size, uint32_t step, uint8_t with)
{
	struct pod_chain c;
	REQUIRE(open_chain(&c, f, true, NULL) == POD_OK);
	for (uint64_t off = 0, i = 0; off < size; off += step, i++)
		if (i % 3 < 2)
			fill(&c, model, off, (size_t)(size - off < step ? size - off : step), i % 3 ? 0 : with);
	CHECK(pod_chain_close(&c) == POD_OK);
}

static enum pod_status write_undo(struct scene *s)
{
	struct pod_chain c;
	uint64_t bytes;
	enum pod_status st = open_chain(&c, s->child, false, NULL);
	if (st != POD_OK)
		return st;
	CHECK(pod_undo_measure(c.member[0], c.member[1], &bytes) == POD_OK);
	st = pod_undo_write(c.member[0], c.member[1], &s->undo->vf, &test_alloc, NULL, NULL);
	CHECK(st != POD_OK || bytes == s->undo->dev.size_bytes);
	CHECK(pod_chain_close(&c) == POD_OK);
	return st;
}

static void scene_make(struct scene *s, bool on_ground)
{
	vhd_seed = 5;
	s->old = calloc(1, NEW_SIZE);
	s->new = calloc(1, NEW_SIZE);
	s->ground = on_ground ? mem_make("ground") : NULL;
	s->parent = mem_make("parent");
	s->child = mem_make("child");
	s->undo = mem_make("undo");
	if (on_ground) {
		CHECK(make_disk(s->ground, POD_MEMBER_VHDX, OLD_SIZE - MIB, MIB, 512, NULL) == POD_OK);
		layer_on(s->ground, s->old, OLD_SIZE - MIB, 700 * 512, 'g');
	}
	CHECK(make_disk(s->parent, POD_MEMBER_VHDX, OLD_SIZE, MIB, 512, s->ground) == POD_OK);
	layer_on(s->parent, s->old, OLD_SIZE, MIB + 100 * 512, 'p');
	memcpy(s->new, s->old, OLD_SIZE);
	CHECK(make_disk(s->child, POD_MEMBER_VHDX, NEW_SIZE, MIB, 512, s->parent) == POD_OK);
	layer_on(s->child, s->new, NEW_SIZE, 3 * MIB / 2, 'c');
	CHECK(write_undo(s) == POD_OK);
}

static void scene_free(struct scene *s)
{
	free(s->old);
	free(s->new);
	mem_clear();
}

static bool shows(struct mem_file *f, const uint8_t *want, uint64_t size, bool *refused)
{
	static uint8_t buf[NEW_SIZE];
	struct pod_diag diag = {0};
	struct pod_chain c;
	enum pod_status st = open_chain(&c, f, false, &diag);
	*refused = st == POD_E_CORRUPT && diag.what && strcmp(diag.what, POD_HALF_MERGED) == 0;
	if (st != POD_OK)
		return false;
	bool ok = c.dev.size_bytes == size && pod_dev_read(&c.dev, 0, buf, (size_t)size) == POD_OK &&
		  memcmp(buf, want, (size_t)size) == 0;
	return pod_chain_close(&c) == POD_OK && ok;
}

static bool shows_old(struct scene *s, struct mem_file *f, bool *refused)
{
	return shows(f, s->old, OLD_SIZE, refused);
}

static bool shows_new(struct scene *s, struct mem_file *f, bool *refused)
{
	return shows(f, s->new, NEW_SIZE, refused);
}

static enum pod_status merge(struct scene *s)
{
	return pod_chain_merge(&s->child->vf, &s->parent->vf, &test_alloc, &test_env, NULL, NULL, NULL);
}

static enum pod_status take_back(struct scene *s)
{
	struct pod_member_options mo = {.writable = true, .env = &test_env};
	struct pod_chain_options opt = {.top = mo, .half_merged = true};
	struct pod_member *child = calloc(1, sizeof *child);
	struct pod_chain c;
	enum pod_status st = pod_chain_open(&c, &s->parent->vf, &test_alloc, &world, &opt, NULL), closed;
	if (st == POD_OK) {
		st = pod_member_open(child, &s->child->vf, &test_alloc, &mo, NULL);
		if (st == POD_OK)
			st = pod_undo_apply(child, &c, s->undo->vf.dev, &test_env, NULL, NULL, NULL);
		closed = pod_member_close(child);
		st = st == POD_OK ? closed : st;
		closed = pod_chain_close(&c);
		st = st == POD_OK ? closed : st;
	}
	free(child);
	return st;
}

static void end_well(struct scene *s, bool back)
{
	bool refused;
	CHECK((back ? take_back(s) : merge(s)) == POD_OK);
	CHECK(back ? shows_old(s, s->parent, &refused) : shows_new(s, s->parent, &refused));
	CHECK(shows_new(s, s->child, &refused));
}

enum { MERGE, BACK, BACK_FROM_HALF };

/* False: there were fewer than `n` writes of that file. */
static bool cut(bool on_ground, int what, bool of_child, long n, bool then_back)
{
	struct scene s;
	bool refused, died;
	scene_make(&s, on_ground);
	struct mem_file *f = of_child ? s.child : s.parent;
	if (what == BACK)
		CHECK(merge(&s) == POD_OK);
	if (what == BACK_FROM_HALF) {
		s.parent->fault.fail_write_at = 9;
		s.parent->fault.dead = true;
		CHECK(merge(&s) != POD_OK);
		s.parent->fault.dead = s.parent->fault.died = false;
	}
	f->fault.fail_write_at = n;
	f->fault.dead = true;
	enum pod_status st = what == MERGE ? merge(&s) : take_back(&s);
	died = f->fault.died;
	f->fault.fail_write_at = 0;
	f->fault.dead = f->fault.died = false;
	CHECK(died == (st != POD_OK));
	CHECK(shows_new(&s, s.child, &refused));
	CHECK(shows_old(&s, s.parent, &refused) || refused || shows_new(&s, s.parent, &refused));
	end_well(&s, then_back);
	end_well(&s, !then_back); /* and it can still be the other one */
	scene_free(&s);
	return died;
}

TEST(undo_cut_at_every_write)
{
	for (int what = MERGE; what <= BACK_FROM_HALF; what++)
		for (int which = 0; which < 4; which++) {
			long n = 1;
			/* A short run takes all of the first and some of the others. */
			while (cut(which & 1, what, which & 2, n, n & 1))
				n += getenv("LONG") || n < 6 ? 1 : 9;
			CHECK(n > 4);
		}
	CHECK_EQ(test_alloc_live, 0);
}

/* What the child got since is not the parent's, and is not taken from it. */
TEST(undo_of_a_child_written_since)
{
	struct scene s;
	struct pod_chain c;
	bool refused;
	scene_make(&s, true);
	s.parent->fault.fail_write_at = 12;
	s.parent->fault.dead = true;
	CHECK(merge(&s) != POD_OK);
	s.parent->fault.fail_write_at = 0;
	s.parent->fault.dead = s.parent->fault.died = false;
	REQUIRE(open_chain(&c, s.child, true, NULL) == POD_OK);
	fill(&c, s.new, 0, NEW_SIZE, 'z');
	CHECK(pod_chain_close(&c) == POD_OK);
	end_well(&s, true);
	end_well(&s, false);
	CHECK(shows_new(&s, s.child, &refused));
	scene_free(&s);
}

/* A byte changed, or a file cut short: nothing is done. */
TEST(undo_damaged)
{
	struct scene s;
	bool refused;
	scene_make(&s, true);
	CHECK(merge(&s) == POD_OK);
	uint64_t size = s.undo->dev.size_bytes;
	CHECK(size < 6u * MIB);
	for (uint64_t at = 0; at < size; at += at < 96 ? 1 : 99991) {
		s.undo->fault.data[at] ^= 4;
		CHECK(take_back(&s) != POD_OK);
		s.undo->fault.data[at] ^= 4;
	}
	for (uint64_t cut_to = 0; cut_to < size; cut_to += 399989) {
		s.undo->dev.size_bytes = cut_to;
		CHECK(take_back(&s) != POD_OK);
	}
	s.undo->dev.size_bytes = size;
	CHECK(shows_new(&s, s.parent, &refused));
	end_well(&s, true);
	scene_free(&s);
}

/* What the parent did not say takes no space: a merge into what the child does not overlap has an undo of a few bytes. */
TEST(undo_is_small)
{
	struct scene s = {.parent = mem_make("parent"), .child = mem_make("child"), .undo = mem_make("undo")};
	uint8_t *model = calloc(1, NEW_SIZE);
	struct pod_chain c;
	CHECK(make_disk(s.parent, POD_MEMBER_VHDX, OLD_SIZE, MIB, 512, NULL) == POD_OK);
	CHECK(make_disk(s.child, POD_MEMBER_VHDX, OLD_SIZE, MIB, 512, s.parent) == POD_OK);
	REQUIRE(open_chain(&c, s.child, true, NULL) == POD_OK);
	fill(&c, model, 512, 4 * MIB, 'c');
	CHECK(pod_chain_close(&c) == POD_OK);
	CHECK(write_undo(&s) == POD_OK);
	CHECK_EQ(s.undo->dev.size_bytes, 64 + 24);
	free(model);
	mem_clear();
}
