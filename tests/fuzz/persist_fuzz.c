/* SPDX-License-Identifier: BSD-2-Clause */
/* Persistence files: what their superblock and groups say is free can be, and the label ends. */
#include "core/plan/persist.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_env env;
	struct pod_persist p;
	fuzz_init(&env, data, len, 512, 0, 0);
	enum pod_status st = pod_persist_look(&env.dev, 0, env.dev.size_bytes, &p);
	FUZZ_REQUIRE(memchr(p.label, 0, sizeof p.label));
	if (st == POD_OK) {
		FUZZ_REQUIRE(p.kind > POD_PERSIST_NONE && p.kind < POD_PERSIST_KINDS && *p.label);
		FUZZ_REQUIRE(p.fs_bytes <= env.dev.size_bytes && p.free_bytes <= p.fs_bytes);
	}
	fuzz_done(&env);
	return 0;
}
