/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a merge overwrites in the parent, kept aside in a file of its own until the merge is done (doc/FORMATS/undo.md):
 *
 *   pod_undo_measure(child, parent, &bytes)          how long that file gets
 *   pod_undo_write(child, parent, &file, ...)        makes it; flushed by the caller, before the merge begins
 *   pod_undo_apply(child, &chain, &dev, ...)         takes back a merge, finished or not
 *
 * It covers what the child says something about, and no more: a child that is written to afterwards changes nothing of it.
 */
#ifndef POD_VHD_UNDO_H
#define POD_VHD_UNDO_H

#include "core/vhd/chain.h"

/* Both open, for reading or for writing; nothing is changed. */
enum pod_status POD_MUST_USE pod_undo_measure(struct pod_member *child, struct pod_member *parent, uint64_t *bytes);
/* `file` must be able to grow. What was in it is overwritten. */
enum pod_status POD_MUST_USE pod_undo_write(struct pod_member *child, struct pod_member *parent, struct pod_vfile *file,
					    struct pod_alloc *a, pod_chain_progress *progress, void *ctx);
/*
 * The top file of `parent` shows again what it showed when `undo` was written. `child` and the top file are open for writing; the
 * child shows what it shows at every moment. Can be done again, and so can the merge. POD_E_FORMAT, POD_E_CORRUPT: `undo` is no
 * such file, is damaged, or is another disk's, and nothing was changed.
 */
enum pod_status POD_MUST_USE pod_undo_apply(struct pod_member *child, struct pod_chain *parent, struct pod_dev *undo,
					    const struct pod_vhd_env *env, pod_chain_progress *progress, void *ctx,
					    struct pod_diag *diag);

#endif
