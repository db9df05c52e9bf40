/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A decompressor of WIM chunks against libwim's: +0 1 log2 of the chunk size less the smallest, +1 1 what to do, +2 2 the size of the
 * content (modulo that of a chunk), then bytes. As compressed data: what we accept, libwim accepts, with the same content. As content:
 * what libwim makes of it, we turn back.
 */
#ifndef POD_TESTS_FUZZ_CODEC_H
#define POD_TESTS_FUZZ_CODEC_H

#include <stdlib.h>
#include <wimlib.h>
#include "core/wim/decode.h"
#include "tests/fuzz/fuzz.h"

struct fuzz_codec {
	enum wimlib_compression_type type;
	unsigned order_min, order_max;
	bool (*decode)(const uint8_t *in, size_t in_len, uint8_t *out, size_t out_len, uint32_t order);
};

/* Blocks of their exact size, so that the sanitizer sees a byte too far. */
static inline uint8_t *fuzz_copy(const uint8_t *data, size_t len)
{
	uint8_t *p = malloc(len ? len : 1);
	FUZZ_REQUIRE(p);
	memcpy(p, data, len);
	return p;
}

static inline void fuzz_compressed(const struct fuzz_codec *c, const uint8_t *data, size_t len, size_t size, unsigned order)
{
	struct wimlib_decompressor *theirs;
	uint8_t *in = fuzz_copy(data, len), *ours = malloc(size), *other = malloc(size);
	FUZZ_REQUIRE(ours && other && wimlib_create_decompressor(c->type, (size_t)1 << order, &theirs) == 0);
	if (c->decode(in, len, ours, size, order)) {
		FUZZ_REQUIRE(wimlib_decompress(in, len, other, size, theirs) == 0);
		FUZZ_REQUIRE(memcmp(ours, other, size) == 0);
	}
	wimlib_free_decompressor(theirs);
	free(in);
	free(ours);
	free(other);
}

static inline void fuzz_content(const struct fuzz_codec *c, const uint8_t *data, size_t len, unsigned order)
{
	struct wimlib_compressor *theirs;
	uint8_t *packed = malloc(len);
	FUZZ_REQUIRE(packed && wimlib_create_compressor(c->type, (size_t)1 << order, 20, &theirs) == 0);
	size_t n = wimlib_compress(data, len, packed, len - 1, theirs);
	if (n) {
		uint8_t *in = fuzz_copy(packed, n), *out = malloc(len);
		FUZZ_REQUIRE(out && c->decode(in, n, out, len, order) && memcmp(out, data, len) == 0);
		free(in);
		free(out);
	}
	wimlib_free_compressor(theirs);
	free(packed);
}

static inline int fuzz_codec(const struct fuzz_codec *c, const uint8_t *data, size_t len)
{
	if (len < 5)
		return 0;
	unsigned order = c->order_min + data[0] % (c->order_max - c->order_min + 1);
	size_t size = 1 + pod_get_le16(data + 2) % ((size_t)1 << order);
	if (data[1] & 1)
		fuzz_compressed(c, data + 4, len - 4, size, order);
	else if (len - 4 <= (size_t)1 << order)
		fuzz_content(c, data + 4, len - 4, order);
	return 0;
}

#endif
