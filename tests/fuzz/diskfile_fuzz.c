/* SPDX-License-Identifier: BSD-2-Clause */
/* Containers of other programs: what they are. The input is the file without bytes 16 to 48
 * KiB; its last two bytes before the faults are what was said and what the name says. */
#include "core/disk/diskfile.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_env env;
	struct pod_diag diag = {0};
	enum pod_diskfile f, said = POD_DISKFILE_NONE, named = POD_DISKFILE_NONE;
	if (len >= 6) {
		said = (enum pod_diskfile)(data[len - 6] % POD_DISKFILE_COUNT);
		named = (enum pod_diskfile)(data[len - 5] % POD_DISKFILE_COUNT);
	}
	fuzz_init(&env, data, len, 512, 16384, 32768);
	enum pod_status st = pod_diskfile_decide(&env.dev, said, named, &f, &diag);
	if (st == POD_OK)
		FUZZ_REQUIRE(f > POD_DISKFILE_NONE && f < POD_DISKFILE_COUNT && (!said || f == said));
	else /* nothing is looked for where the file has ended */
		FUZZ_REQUIRE(st == POD_E_FORMAT || (st == POD_E_UNSUPPORTED && diag.what) ||
			     (st == POD_E_IO && env.fail_read && env.reads >= env.fail_read));
	fuzz_done(&env);
	return 0;
}
