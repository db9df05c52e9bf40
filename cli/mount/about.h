/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POD_CLI_MOUNT_ABOUT_H
#define POD_CLI_MOUNT_ABOUT_H

#include "cli/mount/tree.h"

/* A line for the disk and each partition, in the user's language: what it is, where its files are or why not. The caller frees. */
char *about_text(const struct tree *t);

#endif
