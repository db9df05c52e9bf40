/* SPDX-License-Identifier: BSD-2-Clause */
/* ext2, ext3, ext4: the input is the volume. Its free room is walked, too, and ends; so does what is in use. */
#include "core/fs/ext.h"
#include "core/fs/ext_used.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_fs.h"

static void walk_room(struct pod_fs *fs)
{
	struct pod_place p;
	struct pod_place_run r;
	uint64_t from = 0;
	pod_place_init(&p, &pod_place_ext, fs);
	while (pod_place_ext.next_free(&p, from, &r) == POD_OK) {
		FUZZ_REQUIRE(r.length_bytes && r.dev_bytes >= from &&
			     pod_in_range(r.dev_bytes, r.length_bytes, fs->dev->size_bytes));
		from = r.dev_bytes + r.length_bytes;
	}
	pod_place_fini(&p);
}

static void walk_used(struct fuzz_env *env)
{
	struct pod_ext_used u;
	struct pod_place_run r;
	uint64_t from = 0;
	enum pod_status st;
	if (pod_ext_used_open(&u, &env->dev, &env->alloc) != POD_OK)
		return;
	while ((st = pod_ext_used_next(&u, from, &r)) == POD_OK) {
		FUZZ_REQUIRE(r.length_bytes && r.dev_bytes >= from &&
			     pod_in_range(r.dev_bytes, r.length_bytes, env->dev.size_bytes));
		from = r.dev_bytes + r.length_bytes;
	}
	/* what lies behind the volume counts */
	FUZZ_REQUIRE(st != POD_END || from == env->dev.size_bytes || from <= u.fs.total_bytes);
	pod_ext_used_close(&u);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_env env;
	struct pod_fs fs;
	struct pod_diag diag;
	fuzz_init(&env, data, len, 512, 0, 0);
	if (pod_fs_open_as(&fs, &pod_fs_ext, &env.dev, &env.alloc, &diag) == POD_OK) {
		fuzz_fs(&env, &fs);
		walk_room(&fs);
		pod_fs_close(&fs);
		walk_used(&env);
	}
	fuzz_done(&env);
	return 0;
}
