/* SPDX-License-Identifier: BSD-2-Clause */
/* VHDX files: whatever opens can be walked, checked, and written to, within its bounds. See fuzz_disk.h for the input. */
#include "tests/fuzz/fuzz_disk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* a disk, one that crashed, a child */
	static struct disk_mem file[3];
	struct fuzz_env e;
	if (!file[0].data) {
		dm_init(&file[0], "base");
		dm_init(&file[1], "crashed");
		dm_init(&file[2], "child");
		dm_make(&file[0], POD_MEMBER_VHDX, 3u << 20, NULL, false);
		dm_make(&file[1], POD_MEMBER_VHDX, 3u << 20, NULL, true);
		dm_make(&file[2], POD_MEMBER_VHDX, 3u << 20, &file[0], false);
	}
	fuzz_init(&e, data, size, 512, 0, 0);
	if (e.len < 2)
		return 0;
	struct disk_mem *m = &file[data[1] % 3];
	dm_use(m, &e);
	dm_patch(m, 1, data + 1, e.len - 1);
	if (data[0] & OPT_CUT)
		m->dev.size_bytes -= pod_min_u64(4096u * data[1], m->dev.size_bytes - 4096);
	if (data[0] & OPT_SEAL)
		seal_vhdx(m);
	dm_exercise(m, &e, data[0]);
	dm_use(m, NULL);
	dm_restore(m);
	fuzz_done(&e);
	return 0;
}
