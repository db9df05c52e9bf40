/* SPDX-License-Identifier: BSD-2-Clause */
/* What btrfs_room.c and btrfs_place.c share. */
#ifndef POD_FS_BTRFS_PLACE_H
#define POD_FS_BTRFS_PLACE_H

#include "core/fs/btrfs_int.h"

/* From now on the trees are read as they are shown: a tree that was changed is whole there alone. */
static inline void btrfs_view(struct pod_place *p)
{
	struct pod_btrfs *v = btrfs_of(p->fs);
	if (v->view != p)
		btrfs_forget(v);
	v->view = p;
}

/* The logical place of bytes of the device, which lie in a chunk for data. */
enum pod_status POD_MUST_USE btrfs_logical(const struct pod_btrfs *v, uint64_t at, uint64_t len, uint64_t *logical);
enum pod_status btrfs_next_free(struct pod_place *p, uint64_t from_bytes, struct pod_place_run *out);

#endif
