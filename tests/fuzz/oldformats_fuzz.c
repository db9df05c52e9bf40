/* SPDX-License-Identifier: BSD-2-Clause */
/* qcow, QED and Parallels files; the first bytes tell which. See fuzz_foreign.h. */
#include "tests/fuzz/fuzz_foreign.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum pod_diskfile f = POD_DISKFILE_PARALLELS;
	if (size > 1 && data[0] == 'Q')
		f = data[1] == 'E' ? POD_DISKFILE_QED : POD_DISKFILE_QCOW;
	return foreign_one(f, data, size);
}
