/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * XFS. The input is damage done to the volume of tests/unit/xfs_volume.h:
 *   +0 1: bit 0 version 4; then patches (fuzz.h)
 *   last 4 bytes: the nth device read and the nth allocation that fail (fuzz.h)
 */
#include "core/fs/xfs.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_fs.h"
#include "tests/unit/xfs_volume.h"
#include "tests/unit/place_image.h"

static uint8_t base[2][XFSV_SIZE], image[XFSV_SIZE];

static void make(unsigned version)
{
	struct xfsv v = {base[version], !version};
	if (base[version][0])
		return;
	xfsv_make(&v);
	xfsv_log(&v, 20, 2, 0x20);
}

/* Room for `blocks` before and behind each of two files; what is shown then is as long as was said. */
static void place(struct pod_fs *fs, const char *path, uint32_t blocks, struct pod_dirent *scratch)
{
	struct pod_place p;
	struct pod_place_runs runs = {0};
	struct pod_node n;
	if (pod_fs_lookup(fs, path, &n, scratch) != POD_OK || n.is_dir)
		return;
	place_image_begin(&p, &pod_place_xfs, fs, image);
	if (pod_place_room(&p, (uint64_t)blocks * fs->cluster_size, &runs) == POD_OK && pod_place_kept(&p, &n, &runs) == POD_OK &&
	    pod_place_room(&p, fs->cluster_size, &runs) == POD_OK) {
		for (size_t i = 0; i < runs.count; i++)
			FUZZ_REQUIRE(pod_in_range(runs.run[i].dev_bytes, runs.run[i].length_bytes, fs->dev->size_bytes));
		(void)!p.ops->point(&p, &n, &runs, n.size_bytes + (uint64_t)blocks * fs->cluster_size);
	}
	pod_place_runs_free(&p, &runs);
	pod_place_fini(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_env env;
	struct pod_fs fs;
	struct pod_diag diag;
	bool dirty;
	if (len < 5)
		return 0;
	fuzz_init(&env, data, len, 512, 0, 0);
	make(data[0] & 1);
	memcpy(image, base[data[0] & 1], sizeof image);
	fuzz_patch(image, sizeof image, data + 1, env.len - 1);
	env.data = image;
	env.gap_at = env.dev.size_bytes = XFSV_SIZE;
	if (pod_fs_open_as(&fs, &pod_fs_xfs, &env.dev, &env.alloc, &diag) == POD_OK) {
		(void)!pod_xfs_log_is_dirty(&fs, &dirty);
		fuzz_fs(&env, &fs);
		struct pod_dirent *scratch = calloc(1, sizeof *scratch);
		FUZZ_REQUIRE(scratch);
		place(&fs, "one.txt", 2, scratch);
		place(&fs, "tree", 20, scratch);
		free(scratch);
		pod_fs_close(&fs);
	}
	fuzz_done(&env);
	return 0;
}
