/* SPDX-License-Identifier: BSD-2-Clause */
/* What is on a drive or in a file, and would be lost if it were written over? */
#ifndef POD_CLI_CONTENT_H
#define POD_CLI_CONTENT_H

#include "cli/host/dev.h"

struct cli_content {
	char *what;	   /* a translated list: "partition table (GPT), ext4 filesystem 'root' in partition 2"; NULL: nothing */
	bool unreadable;   /* the search came upon a place that cannot be read; what lies there is not known */
	uint64_t at_bytes; /* where */
};

/*
 * Looks for filesystems, RAID members and the like on the whole drive and in each partition that a table names, be it the MBR, a
 * GPT or the backup of one, counted in sectors of 512 or of 4096 bytes; failing these, for any data. Of a file every byte counts;
 * of a drive both ends, the places where copies of superblocks lie, and an even spread: at most 256 reads of 64 KiB.
 */
void cli_content_look(struct cli_dev *d, struct cli_content *out);
void cli_content_free(struct cli_content *c);
/* Why libblkid cannot name what there is, in a sentence; NULL: it can. */
const char *cli_content_cannot_name(void);

#endif
