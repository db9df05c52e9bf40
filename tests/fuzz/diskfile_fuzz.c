/* SPDX-License-Identifier: BSD-2-Clause */
/* Containers of other programs: what they are, and whether they name other files. The input is the file without bytes 16 to 48
 * KiB; its last two bytes before the faults are what was said and what the name says. */
#include "core/disk/diskfile.h"
#include "tests/fuzz/fuzz.h"

/* Nothing that passes shows these to whoever reads it next. */
static void is_alone(struct fuzz_env *e, enum pod_diskfile f, uint64_t size)
{
	uint8_t h[512] = {0};
	FUZZ_REQUIRE(size && e->dev.size_bytes >= 512);
	e->fail_read = 0;
	FUZZ_REQUIRE(pod_dev_read(&e->dev, 0, h, sizeof h) == POD_OK);
	if (f == POD_DISKFILE_QCOW)
		FUZZ_REQUIRE(pod_get_be64(h + 8) == 0);
	if (f == POD_DISKFILE_QED)
		FUZZ_REQUIRE(!(h[16] & 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_env env;
	struct pod_diag diag = {0};
	enum pod_diskfile f, said = POD_DISKFILE_NONE, named = POD_DISKFILE_NONE;
	uint64_t size = 0;
	if (len >= 6) {
		said = (enum pod_diskfile)(data[len - 6] % POD_DISKFILE_COUNT);
		named = (enum pod_diskfile)(data[len - 5] % POD_DISKFILE_COUNT);
	}
	fuzz_init(&env, data, len, 512, 16384, 32768);
	if (pod_diskfile_decide(&env.dev, said, named, &f, &diag) == POD_OK) {
		FUZZ_REQUIRE(f > POD_DISKFILE_NONE && f < POD_DISKFILE_COUNT && (!said || f == said));
		if (pod_diskfile_is_foreign(f) && pod_diskfile_alone(&env.dev, f, &size, &diag) == POD_OK)
			is_alone(&env, f, size);
	}
	fuzz_done(&env);
	return 0;
}
