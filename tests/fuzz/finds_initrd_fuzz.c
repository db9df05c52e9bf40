/* SPDX-License-Identifier: BSD-2-Clause */
/* An initrd that is unpacked in memory, for how its system finds its medium: never beyond the memory that was given. +0 2 room behind it; the
 * rest: the initrd. */
#include "core/base/bytes.h"
#include "core/plan/finds.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_env env;
	struct pod_finds f;
	if (size < 2)
		return 0;
	size_t room = pod_get_le16(data);
	fuzz_init(&env, data + 2, size - 2, 512, 0, 0);
	/* A block of its exact size, so that the sanitizer sees a byte too far. */
	uint8_t *mem = malloc(env.len + room + 1);
	FUZZ_REQUIRE(mem);
	memcpy(mem, data + 2, env.len);
	const struct pod_finds_request rq = {.budget = &env.budget};
	enum pod_status st = pod_finds_in_initrd(mem, env.len, env.len + room, &rq, &env.alloc, &f);
	FUZZ_REQUIRE(st == POD_OK || st == POD_E_NOMEM || st == POD_E_BUDGET || st == POD_E_LIMIT || st == POD_E_CORRUPT ||
		     st == POD_E_UNSUPPORTED);
	FUZZ_REQUIRE(st == POD_OK || (f.how == POD_FINDS_UNKNOWN && !f.clue.file[0]));
	FUZZ_REQUIRE(f.how < POD_FINDS_COUNT && env.live == 0);
	free(mem);
	return 0;
}
