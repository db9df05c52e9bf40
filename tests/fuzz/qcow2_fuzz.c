/* SPDX-License-Identifier: BSD-2-Clause */
/* qcow2 files; see fuzz_foreign.h. */
#include "tests/fuzz/fuzz_foreign.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return foreign_one(POD_DISKFILE_QCOW2, data, size);
}
