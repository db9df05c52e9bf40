/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A disk that is full for a while: each write of an operation fails some times, then space is there again. What was refused can be
 * done again, and nothing that was confirmed is lost. A flush that fails is another matter: nothing is confirmed after it.
 */
#include "tests/unit/vhd_util.h"

#define SIZE (24u << 20)
#define SPAN (3u << 20) /* over the end of a block of either size */

static uint8_t data[SPAN], seen[SPAN];

static struct mem_file *image(enum pod_member_kind kind, bool child)
{
	struct mem_file *base = child ? mem_make("base") : NULL, *top = mem_make("top");
	CHECK(!child || make_disk(base, kind, SIZE, 0, 512, NULL) == POD_OK);
	CHECK(make_disk(top, kind, SIZE, 0, 512, base) == POD_OK);
	return top;
}

static void fill(uint32_t seed)
{
	for (size_t i = 0; i < sizeof data; i += 4)
		memcpy(data + i, &(uint32_t){seed + (uint32_t)i}, 4);
}

static enum pod_status change(struct pod_chain *c, uint64_t off)
{
	enum pod_status st = pod_dev_write(&c->dev, off, data, SPAN);
	return st == POD_OK ? pod_dev_flush(&c->dev) : st;
}

static bool shows(struct pod_chain *c, uint64_t off, uint32_t seed)
{
	fill(seed);
	return pod_dev_read(&c->dev, off, seen, SPAN) == POD_OK && memcmp(seen, data, SPAN) == 0;
}

/* The `n`th write of a change fails, and so does it when the change is tried again, `times` times. False: it has fewer. */
static void full_at(enum pod_member_kind kind, bool child, long n, int times, bool *hit)
{
	struct mem_file *top = image(kind, child);
	struct pod_chain c;
	enum pod_status st = POD_E_IO;
	*hit = false; /* if REQUIRE leaves */
	REQUIRE(open_chain(&c, top, true, NULL) == POD_OK);
	fill(1);
	CHECK(change(&c, 512) == POD_OK);
	fill(7);
	for (int i = 0; i < times; i++) {
		top->fault.died = false;
		top->fault.fail_write_at = n;
		st = change(&c, (8u << 20) + 1024);
		*hit |= top->fault.died;
		CHECK(st == POD_OK || top->fault.died); /* zeros have a second way */
	}
	top->fault.fail_write_at = 0;
	CHECK(change(&c, (8u << 20) + 1024) == POD_OK);
	CHECK(shows(&c, 512, 1) && shows(&c, (8u << 20) + 1024, 7));
	CHECK(pod_chain_close(&c) == POD_OK);
	REQUIRE(open_chain(&c, top, true, NULL) == POD_OK);
	CHECK(shows(&c, 512, 1) && shows(&c, (8u << 20) + 1024, 7));
	CHECK(pod_chain_close(&c) == POD_OK);
	mem_clear();
}

/* Space comes back only when the image is being closed, or never. */
static void full_to_the_end(enum pod_member_kind kind, bool child, long n, bool *hit)
{
	struct mem_file *top = image(kind, child);
	struct pod_chain c;
	*hit = false;
	REQUIRE(open_chain(&c, top, true, NULL) == POD_OK);
	fill(1);
	CHECK(change(&c, 512) == POD_OK);
	fill(7);
	top->fault.dead = true;
	top->fault.fail_write_at = n;
	enum pod_status st = change(&c, (8u << 20) + 1024), closed = pod_chain_close(&c);
	*hit = top->fault.died;
	CHECK(!*hit || st != POD_OK || closed != POD_OK);
	top->fault.dead = top->fault.died = false;
	top->fault.fail_write_at = 0;
	REQUIRE(open_chain(&c, top, true, NULL) == POD_OK);
	CHECK(shows(&c, 512, 1));
	CHECK(st != POD_OK || shows(&c, (8u << 20) + 1024, 7));
	CHECK(pod_chain_close(&c) == POD_OK);
	mem_clear();
}

static void flush_fails(enum pod_member_kind kind, bool child, long n, bool *hit)
{
	struct mem_file *top = image(kind, child);
	struct pod_chain c;
	*hit = false;
	REQUIRE(open_chain(&c, top, true, NULL) == POD_OK);
	fill(1);
	top->fault.fail_flush_at = n;
	enum pod_status st = change(&c, 512);
	*hit = top->fault.died;
	top->fault.fail_flush_at = 0;
	if (*hit) {
		CHECK(st != POD_OK);
		CHECK(pod_dev_flush(&c.dev) != POD_OK);
		CHECK(pod_chain_close(&c) != POD_OK);
	} else {
		CHECK(st == POD_OK && pod_chain_close(&c) == POD_OK);
	}
	mem_clear();
}

static const struct {
	enum pod_member_kind kind;
	bool child;
} form[] = {{POD_MEMBER_VHDX, false}, {POD_MEMBER_VHDX, true}, {POD_MEMBER_VHD, false}, {POD_MEMBER_VHD, true}};

TEST(vhd_full_then_room)
{
	for (size_t i = 0; i < sizeof form / sizeof *form; i++) {
		long n = 0;
		for (bool hit = true; hit; n++)
			full_at(form[i].kind, form[i].child, n + 1, 1 + (int)(n % 3), &hit);
		CHECK(n > 4);
	}
}

TEST(vhd_full_to_the_end)
{
	for (size_t i = 0; i < sizeof form / sizeof *form; i++) {
		long n = 0;
		for (bool hit = true; hit;)
			full_to_the_end(form[i].kind, form[i].child, ++n, &hit);
		CHECK(n > 4);
	}
}

TEST(vhd_flush_fails)
{
	for (size_t i = 0; i < sizeof form / sizeof *form; i++) {
		long n = 0;
		for (bool hit = true; hit;)
			flush_fails(form[i].kind, form[i].child, ++n, &hit);
		CHECK(n > 1);
	}
}

static enum pod_status no_room(struct pod_vfile *f, uint64_t off, uint64_t len)
{
	(void)f, (void)off, (void)len;
	return POD_E_NOSPACE;
}

TEST(vhdx_no_room_for_metadata)
{
	struct mem_file *top = image(POD_MEMBER_VHDX, false), *none = mem_make("none");
	struct pod_vhdx_create x = {.size_bytes = SIZE};
	struct pod_chain c;
	none->vf.reserve = top->vf.reserve = no_room;
	CHECK(pod_vhdx_format(&none->vf, &test_alloc, &x, &test_env, NULL) == POD_E_NOSPACE);
	REQUIRE(open_chain(&c, top, true, NULL) == POD_OK);
	long writes = top->fault.writes;
	CHECK(change(&c, 512) == POD_E_NOSPACE);
	CHECK(top->fault.writes == writes);
	top->vf.reserve = NULL;
	fill(1);
	CHECK(change(&c, 512) == POD_OK);
	CHECK(pod_chain_close(&c) == POD_OK);
	mem_clear();
}
