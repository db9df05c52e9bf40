/* SPDX-License-Identifier: BSD-2-Clause */
/* The serialised map: whatever parses must read back without leaving its bounds. The checksum is repaired so that the fuzzer
 * gets past it. */
#include "tests/fuzz/fuzz.h"
#include "core/base/hash.h"
#include "core/map/map.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t stick_bytes[65536], buf[8192];
	struct fuzz_env e;
	struct pod_memdev stick;
	struct pod_map m;
	fuzz_init(&e, data, size, 512, 0, 0);
	if (e.len < 32)
		return 0;
	uint8_t *copy = malloc(e.len);
	memcpy(copy, data, e.len);
	memset(copy + 8, 0, 4);
	pod_put_le32(copy + 8, pod_crc32(0, copy, e.len));
	pod_memdev_init(&stick, stick_bytes, sizeof stick_bytes, 512, true);
	if (pod_map_parse(&m, &e.alloc, copy, e.len, sizeof stick_bytes, NULL) == POD_OK) {
		uint64_t n = pod_min_u64(m.size_bytes, sizeof buf);
		FUZZ_REQUIRE(pod_map_read(&m, &stick.dev, 0, buf, (size_t)n) == POD_OK);
		FUZZ_REQUIRE(pod_map_read(&m, &stick.dev, m.size_bytes - n, buf, (size_t)n) == POD_OK);
		if (m.size_bytes >= 2) {
			enum pod_status st = pod_map_patch(&m, &stick.dev, m.size_bytes / 2, "x", 1, 2048);
			FUZZ_REQUIRE(st == POD_OK || st == POD_E_NOMEM);
		}
		size_t len = pod_map_serial_size(&m);
		uint8_t *out = malloc(len);
		FUZZ_REQUIRE(pod_map_serialise(&m, out, len) == POD_OK);
		free(out);
		pod_map_fini(&m);
	}
	free(copy);
	fuzz_done(&e);
	return 0;
}
