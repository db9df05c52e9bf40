/* SPDX-License-Identifier: BSD-2-Clause */
/* Making an NTFS volume: mkntfs, behind walls. */
#ifndef POD_CLI_HOST_MKNTFS_H
#define POD_CLI_HOST_MKNTFS_H

#include "cli/ui/ui.h"

struct mkntfs {
	const char *label; /* "": none */
	uint32_t sector_size;
	uint64_t start_bytes; /* of the partition on its disk */
	bool fixed_time;      /* not the clock's */
};

/* An empty volume over the whole of a file of ours that is open for reading and writing; of a sparse one little is used. False: it
 * has said why. */
bool cli_mkntfs(int fd, const struct mkntfs *m, struct fault *fault);

#endif
