/* SPDX-License-Identifier: BSD-2-Clause */
/* NTFS beyond what every filesystem has. */
#ifndef POD_FS_NTFS_H
#define POD_FS_NTFS_H

#include "core/fs/fs.h"

struct pod_ntfs_state {
	bool dirty;    /* the volume is marked for chkdsk */
	bool log_open; /* $LogFile holds changes that are not in their places yet, or is damaged */
};
/* How an open NTFS volume was left. */
enum pod_status POD_MUST_USE pod_ntfs_state(struct pod_fs *fs, struct pod_ntfs_state *out);

/* A time of NTFS, in 100 ns since 1601, in seconds since 1970; 0 for what lies before. */
int64_t pod_ntfs_to_unix(uint64_t time);

#endif
