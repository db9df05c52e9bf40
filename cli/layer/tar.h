/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes a tar archive: POSIX.1-2008, pax interchange format; files with holes as GNU tar's sparse format 1.0 ("Storing Sparse
 * Files" in its manual), which bsdtar and Python read, too. Nothing in it depends on who writes it, or when.
 */
#ifndef POD_CLI_LAYER_TAR_H
#define POD_CLI_LAYER_TAR_H

#include "cli/ui/ui.h"

struct tar {
	int fd;
	int error;	  /* errno of the first write that failed; nothing is written behind it */
	uint64_t written; /* bytes */
};
struct tar_entry {
	const char *path; /* UTF-8, relative */
	uint32_t mode;	  /* permissions */
	uint32_t uid, gid;
	int64_t mtime;
};
/* All return false when the archive could not be written: `error`. */
bool tar_folder(struct tar *t, const struct tar_entry *e);
bool tar_link(struct tar *t, const struct tar_entry *e, const char *target);
/* All of a file of this host, from its beginning. Reading that fails: `error` as well, since what was begun cannot be taken back. */
bool tar_file(struct tar *t, const struct tar_entry *e, int file);
bool tar_end(struct tar *t);

#endif
