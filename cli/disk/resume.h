/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A conversion that can be interrupted and resumed. Until it is done its file is "TO.isopod-part", and "TO.isopod-resume" beside it tells
 * what it is made from, and how much of it is on the drive for sure. If that is not so any more,
 * it is started again.
 */
#ifndef POD_CLI_DISK_RESUME_H
#define POD_CLI_DISK_RESUME_H

#include "cli/disk/disk.h"

#define DISK_RESUME_PART ".isopod-part"

struct disk_resume {
	char *part, *journal; /* names */
	char *id;	      /* the files that are read, and what is made of them */
	int fd;		      /* the journal; -1: not open */
	uint64_t done;	      /* so many bytes of the disk are in the part */
};

/* The part, open for writing: made, or found with r->done bytes. CLI_OK, or CLI_FAILED, and has said why. */
int disk_resume_begin(struct disk_resume *r, const struct disk *from, const char *dst, const struct disk_create *c,
		      struct disk_file *f, struct fault *fault);
/* All below `done` is on the drive. */
bool disk_resume_note(struct disk_resume *r, uint64_t done, struct fault *fault);
/* `finished`: the part has its name, the journal goes. */
void disk_resume_end(struct disk_resume *r, bool finished);

#endif
