/* SPDX-License-Identifier: BSD-2-Clause */
/* Between ntfs_call.c (the walls around it) and ntfs_lib.c (the file that uses libntfs-3g). */
#ifndef POD_CLI_NTFS_LIB_H
#define POD_CLI_NTFS_LIB_H

#include "cli/stick/ntfs_call.h"

/* NULL, or in a sentence why it cannot be loaded. */
const char *ntfs_lib_missing(void);
/* In the child. `volume` can only be read. */
enum pod_status ntfs_lib_change(struct pod_dev *volume, const struct ntfs_change *c, struct ntfs_blocks *out);

#endif
