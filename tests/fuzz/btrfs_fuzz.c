/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Btrfs. The input is damage done to the volume of tests/unit/btrfs_volume.h, whose sums are made right afterwards:
 *   +0 1: bit 0 from the default subvolume on, bit 1 sums are not looked at and stay wrong; then patches (fuzz.h)
 *   last 4 bytes: the nth device read and the nth allocation that fail (fuzz.h)
 */
#include "core/fs/btrfs.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_fs.h"
#include "tests/unit/btrfs_volume.h"
#include "tests/unit/place_image.h"

static uint8_t base[BTRFSV_SIZE], image[BTRFSV_SIZE];

/* What is shown of a file then is as long as was said, unless what it is made of was damaged. */
static void place(struct pod_place *p, const char *path, uint32_t sectors, struct pod_dirent *scratch)
{
	struct pod_fs *fs = p->fs;
	struct pod_place_runs runs = {0};
	struct pod_node n, now;
	if (pod_fs_lookup(fs, path, &n, scratch) != POD_OK || n.is_dir)
		return;
	enum pod_status st = POD_OK;
	for (uint32_t i = 0; st == POD_OK && i < sectors; i++)
		st = pod_place_room(p, fs->cluster_size, &runs);
	if (st == POD_OK && pod_place_kept(p, &n, &runs) == POD_OK && pod_place_room(p, fs->cluster_size, &runs) == POD_OK) {
		uint64_t size = ((uint64_t)sectors + 1) * fs->cluster_size + (n.size_bytes & ~(uint64_t)(fs->cluster_size - 1));
		for (size_t i = 0; i < runs.count; i++)
			FUZZ_REQUIRE(runs.run[i].kept ||
				     pod_in_range(runs.run[i].dev_bytes, runs.run[i].length_bytes, fs->dev->size_bytes));
		if (p->ops->point(p, &n, &runs, size) == POD_OK && pod_fs_lookup(fs, path, &now, scratch) == POD_OK)
			(void)!pod_fs_read(fs, &now, 0, scratch->name, (size_t)pod_min_u64(now.size_bytes, sizeof scratch->name));
	}
	pod_place_runs_free(p, &runs);
}

static void places(struct pod_fs *fs, const struct pod_place_ops *ops)
{
	struct pod_place p;
	struct pod_dirent *scratch = calloc(1, sizeof *scratch);
	FUZZ_REQUIRE(scratch);
	place_image_begin(&p, ops, fs, image);
	place(&p, "one", 1, scratch);
	place(&p, "many", 1, scratch);
	place(&p, "zlib", 12, scratch);
	place(&p, "file", 1, scratch);
	pod_place_fini(&p);
	free(scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_env env;
	struct pod_fs fs;
	struct pod_diag diag;
	struct btrfsv v = {.img = base};
	if (len < 5)
		return 0;
	fuzz_init(&env, data, len, 512, 0, 0);
	if (!base[BTRFSV_SUPER])
		btrfsv_make(&v);
	memcpy(image, base, sizeof image);
	fuzz_patch(image, sizeof image, data + 1, env.len - 1);
	if (data[0] & 2)
		image[BTRFSV_SUPER + 196] = 1;
	else
		btrfsv_sum(image);
	env.data = image;
	env.gap_at = env.dev.size_bytes = BTRFSV_SIZE;
	const struct pod_place_ops *ops = data[0] & 1 ? &pod_place_btrfs_default : &pod_place_btrfs;
	if (pod_fs_open_as(&fs, ops->fs, &env.dev, &env.alloc, &diag) == POD_OK) {
		(void)!pod_btrfs_is_dirty(&fs);
		fuzz_fs(&env, &fs);
		places(&fs, ops);
		pod_fs_close(&fs);
	}
	fuzz_done(&env);
	return 0;
}
