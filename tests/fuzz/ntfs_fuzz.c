/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NTFS. The input is damage done to the volume of tests/unit/ntfs_volume.h, whose update sequences are closed afterwards so that the
 * damage is looked at:
 *   +0 1: leave the update sequences open; then patches (fuzz.h)
 *   last 4 bytes: the nth device read and the nth allocation that fail (fuzz.h)
 */
#include "core/fs/ntfs.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_fs.h"
#include "tests/unit/ntfs_volume.h"

static uint8_t base[NTFS_SIZE], image[NTFS_SIZE];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_env env;
	struct pod_fs fs;
	struct pod_diag diag;
	struct pod_ntfs_state state;
	if (!base[3])
		ntfs_make(base);
	if (len < 5)
		return 0;
	fuzz_init(&env, data, len, 512, 0, 0);
	memcpy(image, base, sizeof image);
	fuzz_patch(image, sizeof image, data + 1, env.len - 1);
	if (!(data[0] & 1))
		ntfs_seal(image);
	env.data = image;
	env.gap_at = env.dev.size_bytes = NTFS_SIZE;
	if (pod_fs_open_as(&fs, &pod_fs_ntfs, &env.dev, &env.alloc, &diag) == POD_OK) {
		(void)!pod_ntfs_state(&fs, &state);
		fuzz_fs(&env, &fs);
		pod_fs_close(&fs);
	}
	fuzz_done(&env);
	return 0;
}
