/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A struct pod_dev as the device that libntfs-3g reads and writes a volume through. Who includes this is, as a whole, under that
 * library's GPL (see README).
 */
#ifndef POD_CLI_HOST_NTFS_DEVICE_H
#define POD_CLI_HOST_NTFS_DEVICE_H

#include <stdarg.h> /* these three its own headers take for granted */
#include <sys/stat.h>
#include <time.h>
#include <ntfs-3g/types.h>
#include <ntfs-3g/device.h>
#include "core/disk/dev.h"

struct ntfs_source {
	struct pod_dev *dev;
	s64 at;
	enum pod_status failed; /* of the last read or write that did not succeed: errno tells less */
};

/* Give it to ntfs_device_alloc, with a struct ntfs_source as the private data. */
extern struct ntfs_device_operations ntfs_source_ops;

#endif
