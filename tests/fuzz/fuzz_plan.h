/* SPDX-License-Identifier: BSD-2-Clause */
/* The whole plan over an image: whatever is planned, every byte of the virtual disk must be readable, its segments gap-free. */
#ifndef POD_TESTS_FUZZ_PLAN_H
#define POD_TESTS_FUZZ_PLAN_H

#include "tests/fuzz/fuzz.h"
#include "core/base/str.h"
#include "core/firm/trust.h"
#include "core/plan/plan.h"

/* One machine's shim comes as bytes, the others' by reference to the image's own first sectors. */
static inline enum pod_status fuzz_plan_shim(void *ctx, enum pod_machine m, struct pod_shim *out)
{
	static const uint8_t bytes[5000] = {0x7f, 'E', 'L', 'F'};
	(void)ctx;
	if (m == POD_MACHINE_X64) {
		out->data = bytes;
		out->len = sizeof bytes;
	} else {
		out->len = 4096;
		out->extent_count = 1;
		out->extent[0] = (struct pod_extent){.dev_bytes = 512, .length_bytes = 4096};
	}
	return POD_OK;
}

/* Few enough that inputs get there. */
#define FUZZ_PLAN_STEPS 20000u

/* What is looked at before and after a start: the loader, against lists of certificates that are the input as well, and the kernels. */
static inline void fuzz_plan_look(struct fuzz_env *e, struct pod_plan *p, const uint8_t *data, size_t len)
{
	const struct pod_trust_list list = {.p = data, .len = len};
	const struct pod_trust trust = {.db = list, .dbx = list};
	char path[256] = "";
	pod_budget_start(&e->budget, FUZZ_PLAN_STEPS, POD_BUDGET_UNLIMITED, 0);
	for (uint32_t firmware = POD_FW_X64; firmware <= POD_FW_AA64; firmware <<= 1) {
		const char *damaged = pod_plan_damaged_loader(p, &e->dev, firmware, &e->alloc);
		FUZZ_REQUIRE(!damaged || pod_strlen(damaged));
		pod_plan_judge_loader(p, &e->dev, "fuzz.iso", firmware, &trust);
		FUZZ_REQUIRE(p->why.why < POD_WHY_COUNT);
	}
	if (pod_plan_damaged_kernel(p, &e->dev, &e->alloc, path) == POD_OK)
		FUZZ_REQUIRE(path[0]);
	pod_budget_unlimited(&e->budget);
}

/* The image is the input, with `gap` zeros in front of it. */
static inline void fuzz_plan(const uint8_t *data, size_t len, size_t gap)
{
	static uint8_t buf[1 << 16];
	struct fuzz_env e;
	fuzz_init(&e, data, len, 512, 0, gap);
	struct pod_extent x = {.length_bytes = e.dev.size_bytes};
	struct pod_plan_request rq = {.disk = &e.dev,
				      .extent = &x,
				      .extent_count = e.dev.size_bytes != 0,
				      .image_bytes = e.dev.size_bytes,
				      .path = "/images/fuzz.iso",
				      .shim = fuzz_plan_shim,
				      .bios = true,
				      .arguments = "a=$b -quiet"};
	struct pod_plan *p = malloc(sizeof *p);
	pod_budget_start(&e.budget, FUZZ_PLAN_STEPS, POD_BUDGET_UNLIMITED, 0);
	enum pod_status st = pod_plan_make(&rq, &e.alloc, p, NULL);
	FUZZ_REQUIRE(e.reads <= FUZZ_PLAN_STEPS && (st != POD_E_BUDGET || e.budget.hit == POD_BUDGET_STEPS));
	pod_budget_unlimited(&e.budget); /* for what is done with the plan */
	if (st == POD_OK) {
		FUZZ_REQUIRE(p->map.size_bytes % p->sector_size == 0);
		e.fail_read = 0;
		for (uint64_t at = 0; at < p->map.size_bytes; at += sizeof buf) {
			size_t n = (size_t)pod_min_u64(sizeof buf, p->map.size_bytes - at);
			FUZZ_REQUIRE(pod_map_read(&p->map, &e.dev, at, buf, n) == POD_OK);
		}
		for (size_t i = 0; i < p->overlay_count; i++)
			FUZZ_REQUIRE(pod_in_range(p->overlay[i].start_bytes, p->overlay[i].length_bytes, p->map.size_bytes));
		fuzz_plan_look(&e, p, data, len);
		pod_plan_free(p);
	}
	free(p);
	fuzz_done(&e);
}

#endif
