/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POD_FS_FAT_PLACE_H
#define POD_FS_FAT_PLACE_H

#include "core/fs/place.h"

extern const struct pod_place_ops pod_place_fat;

#endif
