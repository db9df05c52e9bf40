/* SPDX-License-Identifier: BSD-2-Clause */
/* A volume as libext2fs sees a device, to be read only. */
#ifndef POD_CLI_HOST_EXT_DEVICE_H
#define POD_CLI_HOST_EXT_DEVICE_H

#include "cli/ui/ui.h"
#include "core/disk/dev.h"

/* Does it say that it is ext2, ext3 or ext4? */
bool ext_device_is(struct pod_dev *volume);

#ifdef ISOPOD_WITH_EXT
#include <ext2fs/ext2fs.h>

/* A damaged checksum is no reason to show nothing. */
#define EXT_DEVICE_FLAGS (EXT2_FLAG_64BITS | EXT2_FLAG_IGNORE_CSUM_ERRORS)
/* For the ext2fs_open() that follows. */
io_manager ext_device(struct pod_dev *volume);
#endif

#endif
