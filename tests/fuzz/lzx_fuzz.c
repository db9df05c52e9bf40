/* SPDX-License-Identifier: BSD-2-Clause */
/* LZX chunks: see fuzz_codec.h. */
#include "tests/fuzz/fuzz_codec.h"

static bool decode(const uint8_t *in, size_t in_len, uint8_t *out, size_t out_len, uint32_t order)
{
	static struct pod_lzx z;
	return pod_lzx_decode(&z, in, in_len, out, out_len, order);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct fuzz_codec codec = {WIMLIB_COMPRESSION_TYPE_LZX, POD_LZX_WINDOW_MIN, POD_LZX_WINDOW_MIN + 2, decode};
	return fuzz_codec(&codec, data, len);
}
