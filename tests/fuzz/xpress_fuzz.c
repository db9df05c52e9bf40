/* SPDX-License-Identifier: BSD-2-Clause */
/* XPRESS chunks: see fuzz_codec.h. */
#include "tests/fuzz/fuzz_codec.h"

static bool decode(const uint8_t *in, size_t in_len, uint8_t *out, size_t out_len, uint32_t order)
{
	static struct pod_xpress z;
	(void)order;
	return pod_xpress_decode(&z, in, in_len, out, out_len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct fuzz_codec codec = {WIMLIB_COMPRESSION_TYPE_XPRESS, POD_XPRESS_WINDOW_MIN, POD_XPRESS_WINDOW_MAX,
						decode};
	return fuzz_codec(&codec, data, len);
}
