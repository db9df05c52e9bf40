/* SPDX-License-Identifier: BSD-2-Clause */
/* VHDX files: whatever opens can be walked, checked, and written to, within its bounds. See fuzz_disk.h for the input. */
#include "tests/fuzz/fuzz_disk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return dm_one_file(POD_MEMBER_VHDX, seal_vhdx, data, size);
}
