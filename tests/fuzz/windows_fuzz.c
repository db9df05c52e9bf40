/* SPDX-License-Identifier: BSD-2-Clause */
/* A WIM, or an ISO without its system area, planned as Windows: what is composed is a FAT32 disk that our own readers take, with
 * every file the plan names in its place; or the CD that it was, with the WIMs that start behind its end. */
#include "tests/fuzz/fuzz.h"
#include "core/plan/plan.h"
#include "core/wim/wim.h"

enum { STEPS = 20000, PART = 1 << 20 };

static enum pod_status helper(void *ctx, enum pod_machine m, struct pod_alloc *a, uint8_t **data, size_t *len)
{
	(void)ctx;
	if (m == POD_MACHINE_AA64)
		return POD_E_NOT_FOUND;
	*len = 3000;
	*data = pod_zalloc(a, 1, *len);
	return *data ? POD_OK : POD_E_NOMEM;
}

static void read_segments(const struct pod_plan *p, struct fuzz_env *e)
{
	static uint8_t buf[1 << 16];
	uint64_t at = 0;
	for (size_t i = 0; i < p->map.count; i++) {
		const struct pod_seg *s = &p->map.seg[i];
		FUZZ_REQUIRE(s->start_bytes == at && s->length_bytes);
		at += s->length_bytes;
		for (uint64_t in = 0; in < s->length_bytes && (s->kind != POD_SEG_ZERO || !in); in += sizeof buf)
			FUZZ_REQUIRE(pod_map_read(&p->map, &e->dev, s->start_bytes + in, buf,
						  (size_t)pod_min_u64(sizeof buf, s->length_bytes - in)) == POD_OK);
	}
	FUZZ_REQUIRE(at == p->map.size_bytes);
}

/* Each file is where the plan says, as the FAT reader sees it. */
static void look_up(const struct pod_plan *p, struct fuzz_env *e)
{
	static struct pod_dirent scratch;
	struct pod_mapdev md;
	struct pod_window w;
	struct pod_fs fs;
	struct pod_node node;
	pod_mapdev_init(&md, &p->map, &e->dev, 512);
	FUZZ_REQUIRE(pod_window_init(&w, &md.dev, PART, p->map.size_bytes - PART) == POD_OK);
	FUZZ_REQUIRE(pod_fs_open_as(&fs, &pod_fs_fat, &w.dev, &e->alloc, NULL) == POD_OK);
	for (size_t i = 0; i < p->windows.count; i++) {
		const struct pod_disk_file *f = &p->windows.file[i];
		FUZZ_REQUIRE(pod_in_range(f->start_bytes, f->length_bytes, p->map.size_bytes));
		FUZZ_REQUIRE(pod_fs_lookup(&fs, f->path, &node, &scratch) == POD_OK && !node.is_dir &&
			     node.size_bytes == f->length_bytes);
	}
	pod_fs_close(&fs);
}

/* What a plan says of a WIM on a CD holds: either why it is as it was, or where it lies, whole, with its boot image. */
static void look_at_wims(const struct pod_plan *p, struct fuzz_env *e)
{
	for (size_t i = 0; i < p->wim_count; i++) {
		const struct pod_plan_wim *w = &p->wim[i];
		struct pod_mapdev md;
		struct pod_window win;
		struct pod_wim wim;
		FUZZ_REQUIRE((w->served_length == 0) == (w->why[0] != 0) && (w->served_length == 0) == (w->replaced[0] == 0));
		if (!w->served_length)
			continue;
		FUZZ_REQUIRE(w->served_bytes >= e->dev.size_bytes && w->served_bytes % 2048 == 0 && w->names);
		FUZZ_REQUIRE(pod_in_range(w->served_bytes, w->served_length, p->map.size_bytes));
		pod_mapdev_init(&md, &p->map, &e->dev, 512);
		FUZZ_REQUIRE(pod_window_init(&win, &md.dev, w->served_bytes, w->served_length) == POD_OK);
		FUZZ_REQUIRE(pod_wim_open(&wim, &win.dev, &e->alloc, NULL) == POD_OK && wim.boot_index == w->image);
		FUZZ_REQUIRE(pod_wim_select(&wim, w->image, NULL) == POD_OK);
		pod_wim_close(&wim);
	}
	for (size_t i = 0; i < p->overlay_count; i++)
		FUZZ_REQUIRE(pod_in_range(p->overlay[i].start_bytes, p->overlay[i].length_bytes, p->map.size_bytes));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_env e;
	bool wim = len > 8 && memcmp(data, "MSWIM", 5) == 0;
	fuzz_init(&e, data, len, 512, 0, wim ? 0 : 32768);
	struct pod_extent x = {.length_bytes = e.dev.size_bytes};
	struct pod_plan_request rq = {.disk = &e.dev,
				      .extent = &x,
				      .extent_count = e.dev.size_bytes != 0,
				      .image_bytes = e.dev.size_bytes,
				      .path = "/images/fuzz",
				      .helper = helper,
				      .wim_image = (uint32_t)len & 1 ? 2 : 0,
				      .wim_images = (len & 2) != 0};
	struct pod_plan *p = malloc(sizeof *p);
	pod_budget_start(&e.budget, STEPS, POD_BUDGET_UNLIMITED, 0);
	enum pod_status st = pod_plan_make(&rq, &e.alloc, p, NULL);
	FUZZ_REQUIRE(e.reads <= STEPS && (st != POD_E_BUDGET || e.budget.hit == POD_BUDGET_STEPS));
	pod_budget_unlimited(&e.budget);
	e.fail_read = 0;
	e.fail_alloc = 0;
	if (st == POD_OK) {
		for (uint32_t i = 0; i < p->windows.choices; i++)
			FUZZ_REQUIRE(p->windows.choice[i].image == i + 1 && p->windows.choice[i].arch);
		FUZZ_REQUIRE(p->map.size_bytes % p->sector_size == 0);
		read_segments(p, &e);
		if (p->windows.count)
			look_up(p, &e);
		look_at_wims(p, &e);
		pod_plan_free(p);
	}
	free(p);
	fuzz_done(&e);
	return 0;
}
