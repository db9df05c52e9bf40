/* SPDX-License-Identifier: BSD-2-Clause */
/* The beginning of something packed: less room, or less of the input, gives less of the same, and all of it begins so. +0 2 how much less; the rest: the file. */
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

/* All of it, if it is sound and fits. */
static void whole(const uint8_t *data, size_t size, const uint8_t *first, size_t first_len)
{
	uint8_t *in = malloc(size ? size : 1), *room = malloc(MAX);
	struct fuzz_env e = {.alloc = {fuzz_alloc, fuzz_release, &e}};
	struct pod_budget b = {0};
	size_t len, used;
	FUZZ_REQUIRE(in && room);
	memcpy(in, data, size);
	pod_budget_start(&b, UINT64_C(1) << 20, POD_BUDGET_UNLIMITED, 0);
	enum pod_status st = pod_unpack_all(&e.alloc, in, size, room, MAX, &b, &len, &used);
	FUZZ_REQUIRE(!e.live && st != POD_E_BUDGET);
	/* a second LZ4 file behind an empty one is looked into here alone */
	bool empty_first = size >= 8 && pod_get_le32(in) == 0x184c2102 && pod_get_le32(in + 4) == 0x184c2102;
	if (st == POD_OK)
		FUZZ_REQUIRE(used <= size && len <= MAX &&
			     (empty_first || (len >= first_len && memcmp(room, first, first_len) == 0)));
	free(in);
	free(room);
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
	whole(data, size, all, len);
	less = unpack(data, size, cut % MAX, some);
	FUZZ_REQUIRE(less <= len && memcmp(all, some, less) == 0);
	less = unpack(data, size - (size ? cut % size : 0), MAX, some);
	FUZZ_REQUIRE(less <= len && memcmp(all, some, less) == 0);
	FUZZ_REQUIRE(pod_unpack_needs(data, size) >= (size < POD_PACKING_BYTES ? POD_PACKING_BYTES : 1));
	return 0;
}
