/* SPDX-License-Identifier: BSD-2-Clause */
/* The state file: whatever lies in the two slots, a choice can be read, written and read back. Checksums are repaired if the
 * input's first control byte asks for it, so that the fuzzer gets past them. */
#include "tests/fuzz/fuzz.h"
#include "core/base/hash.h"
#include "core/base/str.h"
#include "core/trace/state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t file[2 * POD_STATE_SLOT];
	static char path[POD_STATE_NEXT_MAX + 1], again[POD_STATE_NEXT_MAX + 1];
	struct fuzz_env e;
	struct pod_memdev m;
	fuzz_init(&e, data, size, 512, 0, 0);
	memset(file, 0, sizeof file);
	memcpy(file, data, e.len < sizeof file ? e.len : sizeof file);
	for (unsigned i = 0; i < 2; i++) {
		uint8_t *s = file + i * POD_STATE_SLOT;
		if (s[POD_STATE_SLOT - 1] & 1)
			continue;
		memset(s + 8, 0, 4);
		pod_put_le32(s + 8, pod_crc32(0, s, POD_STATE_SLOT));
	}
	pod_memdev_init(&m, file, sizeof file, 512, false);
	enum pod_status st = pod_state_next_get(&m.dev, &e.alloc, path, sizeof path);
	FUZZ_REQUIRE(st == POD_OK || st == POD_E_NOMEM);
	FUZZ_REQUIRE(pod_strlen(path) <= POD_STATE_NEXT_MAX);
	if (st == POD_OK && pod_state_next_set(&m.dev, &e.alloc, path) == POD_OK) {
		st = pod_state_next_get(&m.dev, &e.alloc, again, sizeof again);
		FUZZ_REQUIRE(st == POD_E_NOMEM || (st == POD_OK && pod_streq(path, again)));
	}
	fuzz_done(&e);
	return 0;
}
