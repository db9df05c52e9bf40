/* SPDX-License-Identifier: BSD-2-Clause */
/* ext2, ext3, ext4 beyond what every filesystem has. */
#ifndef POD_FS_EXT_H
#define POD_FS_EXT_H

#include "core/fs/place.h"

extern const struct pod_place_ops pod_place_ext;

#endif
