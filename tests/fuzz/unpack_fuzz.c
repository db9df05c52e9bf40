/* SPDX-License-Identifier: BSD-2-Clause */
/* The beginning of something packed: less room, or less of the input, gives less of the same. +0 2 how much less; the rest: the file. */
#include "core/base/bytes.h"
#include "core/base/unpack.h"
#include "tests/fuzz/fuzz.h"

enum { MAX = 8192, IN = 1 << 17 };

/* From blocks of their exact size, so that the sanitizer sees a byte too far. */
static size_t unpack(const uint8_t *data, size_t size, size_t max, uint8_t *out)
{
	uint8_t *in = malloc(size ? size : 1), *room = malloc(max ? max : 1);
	struct fuzz_env e = {.alloc = {fuzz_alloc, fuzz_release, &e}};
	size_t len;
	FUZZ_REQUIRE(in && room);
	memcpy(in, data, size);
	enum pod_status st = pod_unpack_first(&e.alloc, in, size, room, max, &len);
	FUZZ_REQUIRE(len <= max && !e.live && (st == POD_OK || !len));
	memcpy(out, room, len);
	free(in);
	free(room);
	return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t all[MAX], some[MAX];
	if (size < 2 || size > IN)
		return 0;
	size_t cut = pod_get_le16(data);
	data += 2;
	size -= 2;
	size_t len = unpack(data, size, MAX, all), less;
	less = unpack(data, size, cut % MAX, some);
	FUZZ_REQUIRE(less <= len && memcmp(all, some, less) == 0);
	less = unpack(data, size - (size ? cut % size : 0), MAX, some);
	FUZZ_REQUIRE(less <= len && memcmp(all, some, less) == 0);
	FUZZ_REQUIRE(pod_unpack_needs(data, size) >= (size < POD_PACKING_BYTES ? POD_PACKING_BYTES : 1));
	return 0;
}
