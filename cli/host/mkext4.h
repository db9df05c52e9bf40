/* SPDX-License-Identifier: BSD-2-Clause */
/* Making an ext4 volume: mke2fs and debugfs, behind walls. */
#ifndef POD_CLI_HOST_MKEXT4_H
#define POD_CLI_HOST_MKEXT4_H

#include "cli/ui/ui.h"

struct mkext4 {
	const char *label;
	unsigned journal_mib;
	const char *const *folder; /* names of folders at its top, of root; ends with NULL */
	const char *file;	   /* of a file there; NULL: none */
	const void *data;	   /* what is in it */
	size_t data_len;
};

/* Can it be made here? False: it has said what is missing. */
bool cli_mkext4_ready(struct fault *fault);
/* A volume over the whole of a file of ours that is open for reading and writing; of a sparse one little is used. Tables of inodes are
 * left as they are where nothing needs them: the kernel clears them. Kernels from 2.6.30 on take it. False: it has said why. */
bool cli_mkext4(int fd, const struct mkext4 *m, struct fault *fault);

#endif
