/* SPDX-License-Identifier: BSD-2-Clause */
/* Plans of media with an ISO 9660 or UDF tree: their first 32 KiB are not in the input. */
#include "tests/fuzz/fuzz_plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	fuzz_plan(data, len, 32768);
	return 0;
}
