/* SPDX-License-Identifier: BSD-2-Clause */
/* ext2, ext3 and ext4 as one of the core's filesystems, by libext2fs: for a process behind walls. */
#ifndef POD_CLI_MOUNT_EXT_H
#define POD_CLI_MOUNT_EXT_H

#include "core/fs/fs.h"

/* POD_E_UNSUPPORTED from its open: the library is not there. */
extern const struct pod_fs_ops mount_ext;
/* Loads the library, if there is one, while files can be opened. */
void mount_ext_prepare(void);

#endif
