/* SPDX-License-Identifier: BSD-2-Clause */
/* FAT12, FAT16, FAT32: the input is the volume. */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_fs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_env env;
	struct pod_fs fs;
	struct pod_diag diag;
	fuzz_init(&env, data, len, 512, 0, 0);
	if (pod_fs_open_as(&fs, &pod_fs_fat, &env.dev, &env.alloc, &diag) == POD_OK) {
		fuzz_fs(&env, &fs);
		pod_fs_close(&fs);
	}
	fuzz_done(&env);
	return 0;
}
