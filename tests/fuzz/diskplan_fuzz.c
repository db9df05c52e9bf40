/* SPDX-License-Identifier: BSD-2-Clause */
/* Plans of disk images with Linux in their partitions. */
#include "tests/fuzz/fuzz_plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	fuzz_plan(data, len, 0);
	return 0;
}
