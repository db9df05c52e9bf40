/* SPDX-License-Identifier: BSD-2-Clause */
/* Zstandard. First byte even: the rest is a frame, and what we unpack is what libzstd unpacks (which takes some that we refuse). Odd: the
 * rest is packed by libzstd, at a level that the byte says, and we unpack it. */
#include <zstd.h>
#include <zstd_errors.h>
#include "core/base/zstd.h"
#include "tests/fuzz/fuzz.h"

enum { MAX = 1 << 20, IN = 1 << 18 };

static void packed(unsigned how, const uint8_t *data, size_t size)
{
	static uint8_t frame[IN + 4096], ours[IN];
	static struct pod_zstd z;
	size_t len = 0, n = ZSTD_compress(frame, sizeof frame, data, size, (int)(how % 12) - 3);
	FUZZ_REQUIRE(!ZSTD_isError(n));
	FUZZ_REQUIRE(pod_zstd_unpack(&z, frame, n, ours, size, &len) == POD_OK);
	FUZZ_REQUIRE(len == size && memcmp(ours, data, size) == 0);
	size_t end;
	uint8_t first;
	if (pod_zstd_literals(&z, frame, n < 1024 ? n : 1024, &end) == POD_OK && end >= 8) {
		FUZZ_REQUIRE(end <= n && pod_zstd_first_literals(&z, frame + end - 8, 8, &first, 1) == POD_OK);
		FUZZ_REQUIRE(first == data[0]);
	}
}

static void frame(const uint8_t *data, size_t size)
{
	static uint8_t in[IN], ours[MAX], theirs[MAX];
	static struct pod_zstd z;
	size_t len = 0;
	memcpy(in, data, size);
	in[4] &= (uint8_t)~4u; /* sums are for libzstd alone */
	size_t end;
	uint8_t first[8];
	if (pod_zstd_literals(&z, in, size, &end) == POD_OK && size >= 8)
		(void)!pod_zstd_first_literals(&z, in + (end >= 8 && end <= size ? end - 8 : 0), 8, first, sizeof first);
	enum pod_status st = pod_zstd_unpack(&z, in, size, ours, MAX, &len);
	size_t whole = ZSTD_findFrameCompressedSize(in, size);
	size_t r = ZSTD_isError(whole) ? whole : ZSTD_decompress(theirs, MAX, in, whole);
	/* A window that libzstd finds too large is none of our business: we keep all that was unpacked. */
	if (ZSTD_isError(r) && ZSTD_getErrorCode(r) == ZSTD_error_frameParameter_windowTooLarge)
		return;
	FUZZ_REQUIRE(st != POD_OK || (r == len && memcmp(ours, theirs, len) == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 6 || size > IN)
		return 0;
	if (data[0] & 1)
		packed(data[0] >> 1, data + 1, size - 1);
	else
		frame(data + 1, size - 1);
	return 0;
}
