/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A unified kernel image as the only file of a volume: what is served of it must be readable to its end, its headers must make sense to
 * the same reader, .initrd must lie alone in the file and in memory, and the other sections must hold what they held. The same once more with
 * other kernel arguments for .cmdline. A part of the file is in memory, as what the log of a virtual disk holds is.
 */
#include "tests/fuzz/fuzz.h"
#include "core/firm/pe.h"
#include "core/plan/internal.h"

static enum pod_status extents(struct pod_fs *fs, const struct pod_node *file, pod_extent_fn *cb, void *ctx)
{
	struct pod_extent e = {.length_bytes = file->size_bytes};
	(void)fs;
	return cb(ctx, &e);
}

static enum pod_status shim(void *ctx, enum pod_machine m, struct pod_shim *out)
{
	static const uint8_t bytes[3000] = {0x7f, 'E', 'L', 'F'};
	(void)ctx;
	(void)m;
	out->data = bytes;
	out->len = sizeof bytes;
	return POD_OK;
}

struct range {
	uint64_t start, end;
};

static struct range range(const uint8_t *p, const struct pod_pe *pe, uint32_t i, bool memory)
{
	const uint8_t *s = p + pod_pe_entry(pe, i);
	uint32_t raw = pod_get_le32(s + 16), size = pod_get_le32(s + 8), at = pod_get_le32(s + (memory ? 12 : 20));
	return (struct range){at, (uint64_t)at + (memory && size > raw ? size : raw)};
}

static void alone(const uint8_t *p, const struct pod_pe *pe, uint32_t i, bool memory)
{
	struct range own = range(p, pe, i, memory);
	for (uint32_t k = 0; k < pe->section_count; k++) {
		struct range r = range(p, pe, k, memory);
		FUZZ_REQUIRE(k == i || r.start == r.end || own.end <= r.start || r.end <= own.start);
	}
}

/* Section `i` of the original is still there, with the same bytes at the same address. */
static void kept(const struct fuzz_env *e, const struct pod_pe *old, uint32_t i, const uint8_t *p, const struct pod_pe *pe)
{
	const uint8_t *was = e->data + pod_pe_entry(old, i);
	struct range from = range(e->data, old, i, false);
	if (from.start == from.end || from.start < pod_pe_entry(old, old->section_count))
		return;
	for (uint32_t k = 0; k < pe->section_count; k++) {
		struct range to = range(p, pe, k, false);
		if (memcmp(was, p + pod_pe_entry(pe, k), 20) == 0 &&
		    memcmp(e->data + from.start, p + to.start, (size_t)(from.end - from.start)) == 0)
			return;
	}
	FUZZ_REQUIRE(!"the section is there");
}

struct ctx {
	struct fuzz_env *e;
	struct pod_plan *plan;
	const char *arguments;
	struct pod_scan *scan;
};

#define WORD "isopod.fuzz=1"

static bool holds_word(const uint8_t *text, size_t len)
{
	size_t n = sizeof WORD - 1;
	for (size_t at = 0; at + n <= len; at++)
		if (memcmp(text + at, WORD, n) == 0)
			return true;
	return false;
}

static bool has_word(const uint8_t *p, const uint8_t *entry)
{
	uint32_t size = pod_get_le32(entry + 8), raw = pod_get_le32(entry + 16);
	return holds_word(p + pod_get_le32(entry + 20), size < raw ? size : raw);
}

static bool served(const uint8_t *data)
{
	return memcmp(data, "070701", 6) == 0 && memcmp(data + 110, "isopod", 7) == 0;
}

static enum pod_status look(void *v, const struct pod_found *f, struct pod_uki *uki)
{
	const struct ctx *c = v;
	struct fuzz_env *e = c->e;
	struct pod_map m = uki->served;
	struct pod_pe old, pe;
	size_t len = (size_t)m.size_bytes;
	uint32_t found = 0, told = 0;
	uint8_t *p = malloc(len);
	bool yes, own;
	FUZZ_REQUIRE(p && (uki->initrd_count || uki->cmdline_count) && (c->arguments || !uki->cmdline_count));
	m.mem = c->plan->map.mem;
	e->fail_read = 0;
	enum pod_status st = pod_plan_ukis.is(c->scan, &f->node, &yes, &own);
	FUZZ_REQUIRE(st == POD_E_NOMEM || (st == POD_OK && yes && (own || !uki->cmdline_count)));
	FUZZ_REQUIRE(pod_map_read(&m, &e->dev, 0, p, len) == POD_OK);
	FUZZ_REQUIRE(pod_pe_read(e->data, e->len, &old, NULL) == POD_OK && pod_pe_read(p, len, &pe, NULL) == POD_OK);
	FUZZ_REQUIRE(pe.section_count == old.section_count && pe.sections_bytes == old.sections_bytes);
	FUZZ_REQUIRE(!pod_get_le32(p + pe.checksum_bytes) && !pe.cert_len);
	for (uint32_t i = 0; i < pe.section_count; i++) {
		const uint8_t *s = p + pod_pe_entry(&pe, i);
		const uint8_t *was = e->data + pod_pe_entry(&old, i);
		if (!pod_pe_entry_is(was, ".initrd") && !(uki->cmdline_count && pod_pe_entry_is(was, ".cmdline")))
			kept(e, &old, i, p, &pe);
		bool word = c->arguments && pod_pe_entry_is(s, ".cmdline") && has_word(p, s);
		told += word;
		if (word) {
			alone(p, &pe, i, false);
			alone(p, &pe, i, true);
		}
		if (!pod_pe_entry_is(s, ".initrd") || pod_get_le32(s + 16) < 2048 || !served(p + pod_get_le32(s + 20)))
			continue;
		found++;
		alone(p, &pe, i, false);
		alone(p, &pe, i, true);
		FUZZ_REQUIRE(range(p, &pe, i, true).end <= pod_get_le32(p + pe.optional_bytes + 56));
	}
	FUZZ_REQUIRE(found >= uki->initrd_count && told >= uki->cmdline_count);
	free(p);
	return POD_OK;
}

enum { MEM_AT = 0x400, MEM_END = 0x1000 };

static enum pod_status make_map(struct fuzz_env *e, struct pod_map *m)
{
	uint64_t at;
	pod_map_init(m, &e->alloc);
	POD_TRY(pod_map_append(m, POD_SEG_DEV, 0, e->dev.size_bytes));
	if (e->dev.size_bytes < MEM_END)
		return POD_OK;
	POD_TRY(pod_map_mem(m, e->data + MEM_AT, MEM_END - MEM_AT, &at));
	return pod_map_replace(m, MEM_AT, MEM_END - MEM_AT, POD_SEG_MEM, at);
}

static void one(const uint8_t *data, size_t len, const char *arguments)
{
	static const struct pod_fs_ops ops = {.name = "fuzz", .extents = extents};
	struct fuzz_env e;
	fuzz_init(&e, data, len, 512, 0, 0);
	struct pod_extent x = {.length_bytes = e.dev.size_bytes};
	struct pod_plan_request rq = {.disk = &e.dev,
				      .extent = &x,
				      .extent_count = 1,
				      .image_bytes = e.dev.size_bytes,
				      .path = "/x",
				      .shim = shim,
				      .ukis = &pod_plan_ukis,
				      .arguments = arguments};
	struct pod_plan *plan = calloc(1, sizeof *plan);
	struct pod_found f = {.path = "x.efi", .node = {.size_bytes = e.dev.size_bytes, .valid_bytes = e.dev.size_bytes}};
	struct pod_fs fs = {.ops = &ops, .dev = &e.dev};
	struct pod_scan scan = {.alloc = &e.alloc, .fs = &fs, .efi = &f, .efi_count = 1};
	struct pod_handover h = {.rq = &rq, .plan = plan};
	struct ctx c = {&e, plan, arguments, &scan};
	FUZZ_REQUIRE(plan);
	plan->alloc = &e.alloc;
	plan->image.size_bytes = e.dev.size_bytes;
	if (e.dev.size_bytes && make_map(&e, &plan->map) == POD_OK)
		(void)!pod_plan_ukis.each(&h, &scan, 0, look, &c);
	pod_handover_fini(&h);
	pod_plan_free(plan);
	free(plan);
	fuzz_done(&e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	one(data, len, NULL);
	if (!holds_word(data, len)) /* what is served is known by it */
		one(data, len, WORD " -quiet x=\"a b\"");
	return 0;
}
