/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UDF: walk, read, look up, and make descriptors for a file that lies elsewhere. The input is the volume from byte 32768 on. Whatever
 * is in it, the calls end, with a status, runs in order and inside the device, and nothing left allocated; and what is made is a
 * descriptor by the rules.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_fs.h"
#include "tests/unit/udf_volume.h"
#include "core/fs/udf.h"

static void require_sealed(const uint8_t *d, uint32_t size)
{
	uint8_t sum = 0;
	uint32_t len = pod_get_le16(d + 10);
	for (int i = 0; i < 16; i++)
		sum = (uint8_t)(sum + (i == 4 ? 0 : d[i]));
	FUZZ_REQUIRE(sum == d[4] && len <= size - 16 && pod_get_le16(d + 8) == udfw_crc(d + 16, len));
}

static void move(struct pod_fs *fs, uint64_t entry_bytes)
{
	static uint8_t block[POD_UDF_BLOCK_MAX];
	struct pod_udf_entry e;
	uint64_t at, start = fs->dev->size_bytes & ~(uint64_t)(fs->cluster_size - 1);
	if (pod_udf_entry(fs, entry_bytes, &e) != POD_OK)
		return;
	FUZZ_REQUIRE(pod_in_range(e.ads_bytes, e.ads_max, entry_bytes + fs->cluster_size));
	FUZZ_REQUIRE(e.ads_len <= e.ads_max);
	if (pod_udf_patch_entry(fs, &e, start, UINT64_C(5) << 30, block) == POD_OK)
		require_sealed(block, fs->cluster_size);
	for (uint32_t which = 0; which < 2; which++)
		if (pod_udf_patch_partition(fs, &e, which, fs->dev->size_bytes + (UINT64_C(5) << 30), block, &at) == POD_OK)
			require_sealed(block, fs->cluster_size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_env env;
	struct pod_fs fs;
	struct pod_diag diag;
	struct pod_node root;
	fuzz_init(&env, data, len, 512, 0, 32768);
	if (pod_fs_open_as(&fs, &pod_fs_udf, &env.dev, &env.alloc, &diag) == POD_OK) {
		struct pod_dir dir;
		struct pod_dirent *e = calloc(1, sizeof *e);
		unsigned left = 20;
		FUZZ_REQUIRE(e);
		fuzz_fs(&env, &fs);
		if (fs.ops->root(&fs, &root) == POD_OK && pod_dir_open(&dir, &fs, &root) == POD_OK)
			while (left-- && pod_dir_next(&dir, e) == POD_OK)
				move(&fs, e->node.entry_bytes);
		free(e);
		pod_fs_close(&fs);
	}
	fuzz_done(&env);
	return 0;
}
