/* SPDX-License-Identifier: BSD-2-Clause */
/* The index of a layer store: whatever lies in a slot, what is accepted is a tree, and is the same after writing and reading it
 * again. The checksum is repaired unless the last byte says not to. */
#include "tests/fuzz/fuzz.h"
#include "core/base/hash.h"
#include "core/layer/index.h"

static void mend(uint8_t *p, size_t len)
{
	uint32_t used = len >= 64 ? pod_get_le32(p + 12) : 0;
	if (used < 64 || used > len)
		return;
	memset(p + 8, 0, 4);
	pod_put_le32(p + 8, pod_crc32c(0, p, used));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t buf[POD_STORE_SLOT], out[POD_STORE_SLOT];
	struct pod_store s, t;
	struct fuzz_env e;
	size_t len;
	fuzz_init(&e, data, size, 512, 0, 0);
	if (e.len > sizeof buf)
		return 0;
	memcpy(buf, data, e.len);
	if (!e.len || !(buf[e.len - 1] & 1))
		mend(buf, e.len);
	pod_store_init(&s, &e.alloc);
	pod_store_init(&t, &e.alloc);
	enum pod_status st = pod_store_decode(&s, buf, e.len, NULL);
	if (st == POD_OK) {
		for (size_t i = 0; i < s.count; i++) {
			uint32_t steps = 0;
			for (uint32_t at = s.layer[i].id; at; at = pod_store_find(&s, at)->parent)
				FUZZ_REQUIRE(++steps <= s.count);
			FUZZ_REQUIRE(pod_store_name_ok(s.layer[i].name));
		}
		if (pod_store_encode(&s, out, &len) == POD_OK) {
			e.fail_alloc = 0;
			FUZZ_REQUIRE(pod_store_decode(&t, out, len, NULL) == POD_OK && t.count == s.count);
			FUZZ_REQUIRE(t.spares == s.spares && t.spares_wanted == s.spares_wanted);
			FUZZ_REQUIRE(!s.count || memcmp(s.layer, t.layer, s.count * sizeof *s.layer) == 0);
			FUZZ_REQUIRE(pod_store_sort(&t) == POD_OK);
		}
	}
	pod_store_fini(&s);
	pod_store_fini(&t);
	fuzz_done(&e);
	return 0;
}
