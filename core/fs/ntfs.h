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

/* All clusters of a file, those without content included, in file order; for whoever writes to it. A hole has none. */
enum pod_status POD_MUST_USE pod_ntfs_room(struct pod_fs *fs, const struct pod_node *n, pod_extent_fn *cb, void *ctx);

/* Hands over the free space, run by run, until `cb` returns not POD_OK: places on the device, in whole clusters. */
enum pod_status POD_MUST_USE pod_ntfs_free_runs(struct pod_fs *fs,
						enum pod_status (*cb)(void *ctx, uint64_t dev_bytes, uint64_t length_bytes),
						void *ctx);
/* Where $MFT begins: what lies behind is best left to it. */
uint64_t pod_ntfs_mft_bytes(struct pod_fs *fs);

/* A time of NTFS, in 100 ns since 1601, in seconds since 1970; 0 for what lies before. */
int64_t pod_ntfs_to_unix(uint64_t time);

#endif
