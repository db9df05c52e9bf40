/* SPDX-License-Identifier: BSD-2-Clause */
/* XFS beyond what every filesystem has. */
#ifndef POD_FS_XFS_H
#define POD_FS_XFS_H

#include "core/fs/place.h"

/* *dirty: the log holds changes that are not in their places yet. A log on another device counts as clean. */
enum pod_status POD_MUST_USE pod_xfs_log_is_dirty(struct pod_fs *fs, bool *dirty);

extern const struct pod_place_ops pod_place_xfs;

#endif
