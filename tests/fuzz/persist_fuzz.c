/* SPDX-License-Identifier: BSD-2-Clause */
/* Persistence files: what their superblock and groups say is free can be, and the label ends. Overlays: what they show is as long as the
 * disk, and every byte of it lies in the disk or in the store. The sum of an overlay's head is made right. */
#include "core/base/hash.h"
#include "core/plan/persist.h"
#include "tests/fuzz/fuzz.h"

enum { TAIL = 4 };

static void look_at_map(const struct pod_persist *p, const struct pod_map *map)
{
	FUZZ_REQUIRE(map->size_bytes == p->cow.disk_bytes);
	for (size_t i = 0; i < map->count; i++) {
		const struct pod_seg *s = &map->seg[i];
		FUZZ_REQUIRE(s->kind == POD_SEG_ZERO ||
			     (s->source >= POD_COW_STORE + 2 * POD_COW_CHUNK &&
			      pod_in_range(s->source, s->length_bytes, POD_COW_STORE + p->cow.store_bytes)));
	}
}

static void look_at_overlay(struct fuzz_env *env, const struct pod_persist *p)
{
	uint64_t *change = NULL;
	struct pod_map base, map;
	uint8_t id[POD_COW_ID];
	pod_map_init(&base, &env->alloc);
	pod_map_init(&map, &env->alloc);
	if (pod_cow_changes(&env->dev, 0, &p->cow, &env->alloc, &change) == POD_OK &&
	    pod_map_append(&base, POD_SEG_ZERO, 0, p->cow.disk_bytes) == POD_OK &&
	    pod_cow_map(&base, 0, &p->cow, change, &map) == POD_OK)
		look_at_map(p, &map);
	pod_free(&env->alloc, change);
	pod_map_fini(&map);
	pod_map_fini(&base);
	(void)!pod_cow_identify(&env->dev, 0, &env->alloc, id);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_env env;
	struct pod_persist p;
	uint8_t *copy = malloc(len + 1);
	memcpy(copy, data, len);
	if (len >= POD_COW_HEAD + TAIL && memcmp(copy, POD_COW_MAGIC, 8) == 0) {
		pod_put_le32(copy + 12, 0);
		pod_put_le32(copy + 12, pod_crc32(0, copy, POD_COW_HEAD));
	}
	fuzz_init(&env, copy, len, 512, 0, 0);
	enum pod_status st = pod_persist_look(&env.dev, 0, env.dev.size_bytes, &p);
	FUZZ_REQUIRE(memchr(p.label, 0, sizeof p.label));
	if (st == POD_OK) {
		FUZZ_REQUIRE(p.kind > POD_PERSIST_NONE && p.kind < POD_PERSIST_KINDS);
		FUZZ_REQUIRE((p.kind == POD_PERSIST_DISK) == !*p.label);
		FUZZ_REQUIRE(p.fs_bytes <= env.dev.size_bytes && p.free_bytes <= p.fs_bytes);
		if (p.kind == POD_PERSIST_DISK)
			look_at_overlay(&env, &p);
	}
	fuzz_done(&env);
	free(copy);
	return 0;
}
