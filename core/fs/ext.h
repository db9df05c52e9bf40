/* SPDX-License-Identifier: BSD-2-Clause */
/* ext2, ext3, ext4 beyond what every filesystem has. */
#ifndef POD_FS_EXT_H
#define POD_FS_EXT_H

#include "core/fs/place.h"

/* The journal holds changes that are not in their places yet: what is read is what lay there before. */
bool pod_ext_needs_recovery(const struct pod_fs *fs);

extern const struct pod_place_ops pod_place_ext;

#endif
