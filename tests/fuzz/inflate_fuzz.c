/* SPDX-License-Identifier: BSD-2-Clause */
/* Deflate: what we unpack is what zlib unpacks, and what zlib refuses we refuse. First byte: bit 0 a zlib frame; the rest: the stream. */
#include <zlib.h>
#include "core/base/inflate.h"
#include "tests/fuzz/fuzz.h"

enum { MAX = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t ours[MAX], theirs[MAX];
	static struct pod_inflate z;
	size_t len = 0;
	if (size < 1)
		return 0;
	bool frame = data[0] & 1;
	enum pod_status st = (frame ? pod_inflate_zlib : pod_inflate_raw)(&z, data + 1, size - 1, ours, MAX, &len);
	z_stream s = {.next_in = (Bytef *)(data + 1), .avail_in = (uInt)(size - 1), .next_out = theirs, .avail_out = MAX};
	if (inflateInit2(&s, frame ? 15 : -15) != Z_OK)
		abort();
	int r = inflate(&s, Z_FINISH);
	inflateEnd(&s);
	/* A header may say a window that is smaller than what the stream uses: only zlib minds. */
	if ((st == POD_OK) != (r == Z_STREAM_END) && !(frame && r == Z_DATA_ERROR && st == POD_OK && data[1] >> 4 < 7))
		abort();
	if (r == Z_STREAM_END && (len != s.total_out || memcmp(ours, theirs, len) != 0))
		abort();
	return 0;
}
