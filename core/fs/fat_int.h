/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the FAT reader and the FAT writer only. */
#ifndef POD_FS_FAT_INT_H
#define POD_FS_FAT_INT_H

#include "core/fs/fat.h"

/* Forgets what the reader holds of FAT and directories: the writer is about to change them. */
void pod_fat_forget(struct pod_fs *fs);

#endif
