/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random operations on chains of virtual disks, against plain arrays of bytes: write, trim, snapshot, rollback, commit (merge
 * into the parent), flatten, grow, compact, reopen. With LONG set in the environment, 100,000 of them.
 */
#include "tests/unit/vhd_util.h"

#define SIZE_CAP  (12u << 20)
#define DEPTH_CAP 5

struct world_state {
	enum pod_member_kind kind;
	uint32_t sector;
	struct pod_chain chain;
	struct mem_file *file[DEPTH_CAP]; /* [0]: the base */
	uint8_t *model[DEPTH_CAP];	  /* what each shows */
	uint64_t size[DEPTH_CAP];
	int top, serial;
	uint8_t *buf;
};

static uint32_t random_block(const struct world_state *w)
{
	static const uint32_t vhd[] = {65536, 131072, 524288}, vhdx[] = {1u << 20, 2u << 20, 4u << 20};
	return w->kind == POD_MEMBER_VHDX ? vhdx[below(3)] : vhd[below(3)];
}

static bool fresh_file(struct world_state *w, int at, struct mem_file *parent)
{
	char name[32];
	snprintf(name, sizeof name, "f%d", w->serial++);
	w->file[at] = mem_make(name);
	return w->file[at] && make_disk(w->file[at], w->kind, w->size[at], random_block(w), w->sector, parent) == POD_OK;
}

static void start(struct world_state *w, enum pod_member_kind kind, uint32_t sector)
{
	memset(w, 0, sizeof *w);
	w->kind = kind;
	w->sector = sector;
	w->buf = malloc(SIZE_CAP);
	for (int i = 0; i < DEPTH_CAP; i++)
		w->model[i] = calloc(1, SIZE_CAP);
	w->size[0] = 5u << 20 | below(7) * 4096;
	REQUIRE(fresh_file(w, 0, NULL));
	REQUIRE(open_chain(&w->chain, w->file[0], true, NULL) == POD_OK);
}

static void finish(struct world_state *w)
{
	CHECK(pod_chain_close(&w->chain) == POD_OK);
	for (int i = 0; i < DEPTH_CAP; i++)
		free(w->model[i]);
	free(w->buf);
	mem_clear();
	CHECK_EQ(mem_opens, 0);
	CHECK_EQ(test_alloc_live, 0);
}

static bool same(struct world_state *w, uint64_t off, size_t len)
{
	return pod_dev_read(&w->chain.dev, off, w->buf, len) == POD_OK && memcmp(w->buf, w->model[w->top] + off, len) == 0;
}

static bool reopen(struct world_state *w)
{
	return pod_chain_close(&w->chain) == POD_OK && open_chain(&w->chain, w->file[w->top], true, NULL) == POD_OK;
}

/* Some place; sometimes on a sector, sometimes anywhere; mostly short. */
static void somewhere(const struct world_state *w, uint64_t *off, size_t *len)
{
	uint64_t size = w->size[w->top];
	static const uint32_t longest[] = {100, 4096, 70000, 3u << 20};
	*off = (uint64_t)rnd() % size;
	*len = 1 + below(longest[below(4)]);
	if (below(2)) {
		*off &= ~4095ull;
		*len = (*len + 511) & ~511u;
	}
	if (below(8) == 0)
		*off &= ~((1ull << 20) - 1);
	if (*len > size - *off)
		*len = (size_t)(size - *off);
}

static bool do_write(struct world_state *w)
{
	uint64_t off;
	size_t len;
	somewhere(w, &off, &len);
	uint8_t *p = w->model[w->top] + off;
	uint64_t v = (uint64_t)rnd() << 32 | rnd();
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(v >> (i & 7) * 8) ^ (uint8_t)(i >> 3);
	return pod_dev_write(&w->chain.dev, off, p, len) == POD_OK;
}

static bool do_trim(struct world_state *w)
{
	uint64_t off;
	size_t len;
	somewhere(w, &off, &len);
	memset(w->model[w->top] + off, 0, len);
	return pod_chain_trim(&w->chain, off, len) == POD_OK;
}

static bool do_snapshot(struct world_state *w)
{
	if (w->top + 1 == DEPTH_CAP)
		return true;
	if (pod_chain_close(&w->chain) != POD_OK)
		return false;
	w->top++;
	w->size[w->top] = w->size[w->top - 1];
	memcpy(w->model[w->top], w->model[w->top - 1], SIZE_CAP);
	return fresh_file(w, w->top, w->file[w->top - 1]) && open_chain(&w->chain, w->file[w->top], true, NULL) == POD_OK;
}

static bool do_rollback(struct world_state *w)
{
	if (!w->top)
		return true;
	if (pod_chain_close(&w->chain) != POD_OK)
		return false;
	mem_free(w->file[w->top--]);
	return do_snapshot(w) || open_chain(&w->chain, w->file[w->top], true, NULL) == POD_OK;
}

static bool do_commit(struct world_state *w)
{
	if (!w->top)
		return true;
	if (pod_chain_close(&w->chain) != POD_OK ||
	    pod_chain_merge(&w->file[w->top]->vf, &w->file[w->top - 1]->vf, &test_alloc, &test_env, NULL, NULL, NULL) != POD_OK)
		return false;
	/* The child still reads as before. */
	if (open_chain(&w->chain, w->file[w->top], false, NULL) != POD_OK || !same(w, 0, (size_t)w->size[w->top]) ||
	    pod_chain_close(&w->chain) != POD_OK)
		return false;
	mem_free(w->file[w->top]);
	w->size[w->top - 1] = w->size[w->top];
	memcpy(w->model[w->top - 1], w->model[w->top], SIZE_CAP);
	w->top--;
	return open_chain(&w->chain, w->file[w->top], true, NULL) == POD_OK;
}

static bool do_flatten(struct world_state *w)
{
	if (!w->top || w->kind != POD_MEMBER_VHDX)
		return true;
	if (pod_chain_flatten(&w->chain, NULL, NULL) != POD_OK || !same(w, 0, (size_t)w->size[w->top]) ||
	    pod_chain_close(&w->chain) != POD_OK)
		return false;
	for (int i = 0; i < w->top; i++)
		mem_free(w->file[i]);
	w->file[0] = w->file[w->top];
	w->size[0] = w->size[w->top];
	memcpy(w->model[0], w->model[w->top], SIZE_CAP);
	w->top = 0;
	return open_chain(&w->chain, w->file[0], true, NULL) == POD_OK && w->chain.depth == 1;
}

static bool do_grow(struct world_state *w)
{
	uint64_t size = w->size[w->top] + below(300) * 4096;
	if (size > SIZE_CAP)
		return true;
	memset(w->model[w->top] + w->size[w->top], 0, (size_t)(size - w->size[w->top]));
	w->size[w->top] = size;
	return pod_chain_grow(&w->chain, size) == POD_OK;
}

static bool do_compact(struct world_state *w)
{
	struct pod_member *l = w->chain.member[0];
	return pod_member_compact(l, NULL, NULL) == POD_OK;
}

static bool sound(struct world_state *w)
{
	struct pod_member *l = w->chain.member[0];
	if (l->kind == POD_MEMBER_VHDX) {
		struct pod_vhd_check c;
		return pod_vhdx_check(&l->u.vhdx, false, NULL, NULL, &c) == POD_OK && !c.errors;
	}
	struct pod_vhd_report r;
	return pod_vhd_check(&l->u.vhd, false, NULL, NULL, &r) == POD_OK && !r.errors;
}

static bool step(struct world_state *w)
{
	uint32_t op = below(1000);
	uint64_t off;
	size_t len;
	if (op < 450)
		return do_write(w);
	if (op < 600)
		return do_trim(w);
	if (op < 800) {
		somewhere(w, &off, &len);
		return same(w, off, len);
	}
	if (op < 900)
		return pod_dev_flush(&w->chain.dev) == POD_OK;
	if (op < 930)
		return reopen(w);
	if (op < 950)
		return do_snapshot(w);
	if (op < 960)
		return do_rollback(w);
	if (op < 972)
		return do_commit(w);
	if (op < 977)
		return do_flatten(w);
	if (op < 980)
		return do_grow(w);
	if (op < 985)
		return do_compact(w);
	return same(w, 0, (size_t)w->size[w->top]) && sound(w);
}

static void run(enum pod_member_kind kind, uint32_t sector, uint64_t seed)
{
	struct world_state w;
	long ops = getenv("LONG") ? 20000 : 1200;
	vhd_seed = seed;
	start(&w, kind, sector);
	for (long i = 0; i < ops; i++) {
		/* A VHD never gets space back in place: before the files are too large for their buffers, a new world. */
		for (int k = 0; k <= w.top; k++)
			if (w.file[k]->dev.size_bytes > MEM_CAP - 2 * SIZE_CAP) {
				CHECK(kind == POD_MEMBER_VHD);
				finish(&w);
				start(&w, kind, sector);
				break;
			}
		if (!step(&w)) {
			char text[96];
			snprintf(text, sizeof text, "operation %ld of seed %llu, depth %d", i, (unsigned long long)seed, w.top);
			test_fail(__FILE__, __LINE__, text);
			break;
		}
	}
	CHECK(reopen(&w));
	CHECK(same(&w, 0, (size_t)w.size[w.top]));
	CHECK(sound(&w));
	finish(&w);
}

TEST(vhdx_with_sectors_of_512)
{
	run(POD_MEMBER_VHDX, 512, 11);
	run(POD_MEMBER_VHDX, 512, 12);
}

TEST(vhdx_with_sectors_of_4096)
{
	run(POD_MEMBER_VHDX, 4096, 21);
}

TEST(vhd)
{
	run(POD_MEMBER_VHD, 512, 31);
	run(POD_MEMBER_VHD, 512, 32);
}
