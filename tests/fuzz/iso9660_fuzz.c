/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ISO 9660 and Joliet trees: walk, read, look up. The input is the volume from byte 32768 on. Whatever is in it, the calls end,
 * with a status, runs in order and inside the device, and nothing left allocated.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_fs.h"
#include "core/fs/iso9660.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct pod_fs_ops *const trees[] = {&pod_fs_iso9660, &pod_fs_joliet};
	struct fuzz_env env;
	fuzz_init(&env, data, len, 2048, 0, 32768);
	for (size_t i = 0; i < 2; i++) {
		struct pod_fs fs;
		struct pod_diag diag;
		if (pod_fs_open_as(&fs, trees[i], &env.dev, &env.alloc, &diag) != POD_OK)
			continue;
		(void)pod_iso9660_flags(&fs);
		(void)pod_iso9660_catalog(&fs);
		fuzz_fs(&env, &fs);
		pod_fs_close(&fs);
	}
	(void)pod_iso9660_check(&env.dev, &env.alloc, NULL);
	fuzz_done(&env);
	return 0;
}
