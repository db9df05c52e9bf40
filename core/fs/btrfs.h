/* SPDX-License-Identifier: BSD-2-Clause */
/* Btrfs beyond what every filesystem has. */
#ifndef POD_FS_BTRFS_H
#define POD_FS_BTRFS_H

#include "core/fs/place.h"

/* Was the volume left with changes in its log tree, which is not played back? What fsync() wrote last is not seen then. */
bool pod_btrfs_is_dirty(struct pod_fs *fs);

/* Of pod_fs_btrfs and of pod_fs_btrfs_default. */
extern const struct pod_place_ops pod_place_btrfs, pod_place_btrfs_default;

#endif
