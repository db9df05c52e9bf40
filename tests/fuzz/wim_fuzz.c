/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * WIM files: the header, every image's tree, some content, the XML data. Then the last image is patched, whatever it is, and what was
 * changed must be found in the result, by the same reader.
 */
#include "core/base/sha1.h"
#include "core/base/str.h"
#include "core/wim/patch.h"
#include "tests/fuzz/fuzz.h"

enum { FILES = 200, ABOUT = 3 };

struct walking {
	struct pod_wim *w;
	unsigned files;
};

static enum pod_status visit(void *ctx, const char *path, const struct pod_wim_node *n)
{
	struct walking *k = ctx;
	struct pod_wim_file f;
	uint8_t buf[700];
	FUZZ_REQUIRE(path[0] && path[0] != '/' && pod_strlen(path) < 4096);
	FUZZ_REQUIRE(n->has_res || !n->size_bytes);
	if (n->is_dir || ++k->files > FILES)
		return POD_OK;
	(void)!pod_wim_read(k->w, n, 0, buf, (size_t)pod_min_u64(sizeof buf, n->size_bytes));
	FUZZ_REQUIRE(pod_wim_read(k->w, n, n->size_bytes, buf, 1) != POD_OK);
	if (pod_wim_dev(k->w, n, &f) == POD_OK && n->size_bytes > 3)
		(void)!pod_dev_read(&f.dev, n->size_bytes - 3, buf, 3);
	return POD_OK;
}

static bool has_content(struct pod_wim *w, const char *path, const char *text)
{
	struct pod_wim_node n;
	char buf[64];
	size_t len = pod_strlen(text);
	return pod_wim_lookup(w, path, &n) == POD_OK && n.size_bytes == len && pod_wim_read(w, &n, 0, buf, len) == POD_OK &&
	       memcmp(buf, text, len) == 0;
}

/* What was changed must be there unless a read or an allocation was made to fail. */
static void check_patched(struct fuzz_env *env, struct pod_map *out, uint32_t image, bool redirected, bool known)
{
	struct pod_mapdev md;
	struct pod_wim w;
	uint8_t tail;
	pod_mapdev_init(&md, out, &env->dev, 512);
	FUZZ_REQUIRE(pod_dev_read(&md.dev, md.dev.size_bytes - 1, &tail, 1) == POD_OK);
	for (size_t i = 1; i < out->count; i++)
		FUZZ_REQUIRE(out->seg[i].start_bytes % 2048 == 0);
	enum pod_status st = pod_wim_open(&w, &md.dev, &env->alloc, NULL);
	if (st == POD_OK)
		st = pod_wim_select(&w, image, NULL);
	if (!env->fail_read && !env->fail_alloc) {
		FUZZ_REQUIRE(st == POD_OK && w.boot_index == image && w.boot_metadata.offset_bytes == w.meta_res.offset_bytes);
	}
	if (!env->fail_read && !env->fail_alloc && !known) {
		FUZZ_REQUIRE(has_content(&w, "isopod.new/deep/file", "not in it"));
		FUZZ_REQUIRE(has_content(&w, "Autounattend.xml", "<xml/>"));
		FUZZ_REQUIRE(!redirected || has_content(&w, "Windows/System32/winpeshl.exe", "helper"));
	}
	pod_wim_close(&w);
}

/* Has the WIM, or does it pretend to have, content of ours? Which of the two is found then is no matter. */
static bool knows_ours(const uint8_t *data, size_t len)
{
	static const char *const ours[] = {"not in it", "<xml/>", "helper"};
	for (size_t i = 0; i < POD_ARRAY_LEN(ours); i++) {
		uint8_t sum[20];
		struct pod_sha1 s;
		pod_sha1_init(&s);
		pod_sha1_update(&s, ours[i], pod_strlen(ours[i]));
		pod_sha1_final(&s, sum);
		for (size_t at = 0; at + sizeof sum <= len; at++)
			if (memcmp(data + at, sum, sizeof sum) == 0)
				return true;
	}
	return false;
}

static void patch(struct fuzz_env *env, struct pod_wim *w, bool known)
{
	static const char exe[] = "Windows/System32/winpeshl.exe";
	struct pod_wim_change c[] = {
		{.kind = POD_WIM_ADD, .path = "isopod.new/deep/file", .data = "not in it", .len = 9},
		{.kind = POD_WIM_ADD, .path = "Autounattend.xml", .data = "<xml/>", .len = 6},
		{.kind = POD_WIM_REDIRECT, .path = exe, .data = "helper", .len = 6},
		{.kind = POD_WIM_ALIAS, .path = "Windows/System32/isopod/winpeshl.exe", .from = exe},
	};
	struct pod_map original, out;
	struct pod_wim_node n;
	pod_map_init(&original, &env->alloc);
	bool exe_there = pod_wim_lookup(w, exe, &n) == POD_OK && !n.is_dir && (n.has_res || pod_all_zero(n.sha1, 20));
	if (pod_map_append(&original, POD_SEG_DEV, 0, env->dev.size_bytes) == POD_OK &&
	    pod_wim_patch(w, &original, &env->dev, c, exe_there ? 4 : 2, w->image, &out, NULL) == POD_OK) {
		check_patched(env, &out, w->image, exe_there, known);
		pod_map_fini(&out);
	}
	pod_map_fini(&original);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct pod_wim_about about[ABOUT];
	struct fuzz_env env;
	struct pod_wim w;
	struct pod_diag diag;
	bool known = knows_ours(data, len);
	fuzz_init(&env, data, len, 512, 0, 0);
	if (pod_wim_open(&w, &env.dev, &env.alloc, &diag) == POD_OK) {
		(void)pod_wim_not_bootable(&w);
		(void)!pod_wim_about(&w, about, ABOUT, &diag);
		for (size_t i = 0; i < ABOUT; i++) {
			FUZZ_REQUIRE(memchr(about[i].name, 0, sizeof about[i].name));
			(void)pod_wim_arch_text(&about[i]);
		}
		for (uint32_t i = 1; i <= 3; i++) {
			struct walking k = {.w = &w};
			if (pod_wim_select(&w, i, &diag) == POD_OK) {
				(void)!pod_wim_walk(&w, visit, &k, &diag);
				patch(&env, &w, known);
			}
		}
		pod_wim_close(&w);
	}
	fuzz_done(&env);
	return 0;
}
