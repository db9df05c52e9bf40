/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A snapshot of a persistence file (persist.h) without what is not in use: of ext4 the blocks that its bitmaps and its journal
 * leave free (core/fs/ext_used.h), of an overlay what lies behind the last chunk that was written, but for the store's areas. Of
 * what is in use that is written which is not there yet: both sides are read and compared, so nothing has to be known of what
 * lies in the copy's place. Where it cannot be proved what is in use, all is.
 */
#ifndef POD_PLAN_PERSIST_COPY_H
#define POD_PLAN_PERSIST_COPY_H

#include "core/plan/persist.h"

struct pod_persist_copy {
	struct pod_dev *disk;
	const struct pod_persist *file; /* what pod_persist_look said of it */
	uint64_t to_bytes;		/* of the disk: room for file->length_bytes; the two do not overlap */
	/* Asked when there is something new to tell; NULL is legal. */
	void (*progress)(struct pod_persist_copy *c);
	void *ctx;
	/* Told: what is in use, how much of that has been compared, how much of it was written. */
	uint64_t need_bytes, done_bytes, written_bytes;
	bool whole; /* all counted as in use */
};

/* The copy is on the medium when this is POD_OK. Where it ends earlier (the budget of `disk` is cancelled, an error), there is none. */
enum pod_status POD_MUST_USE pod_persist_copy(struct pod_persist_copy *c, struct pod_alloc *a);

/* Is nothing in the file but what a whole copy at `copy_bytes` has? Said where it can be proved with little reading, of filesystems with a
 * journal: whoever mounts one to write counts that in its superblock at once. */
enum pod_status POD_MUST_USE pod_persist_unchanged(struct pod_dev *disk, const struct pod_persist *file, uint64_t copy_bytes,
						   struct pod_alloc *a, bool *unchanged);

#endif
