/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What can be done to a store. Each is one step to the index: before it the old state is true, after it the new one. On top of
 * tree.h; an operation knows no other one.
 */
#ifndef POD_CLI_LAYER_OPS_H
#define POD_CLI_LAYER_OPS_H

#include "cli/layer/tree.h"

/* What a new store begins with: a copy of an image, or a disk of that size, which `fill` may fill. */
struct layer_base {
	const char *name; /* of the base layer */
	const char *from;
	enum pod_diskfile input; /* what `from` is, if that was said */
	enum disk_use use;	 /* and how it is opened */
	uint64_t size_bytes;
	bool fixed;
	/* Gets the base's file, a VHDX of zeros, and takes at most so much room on its volume. On a stick the file is none of the
	 * host. */
	int (*fill)(void *ctx, struct disk_file *f, struct fault *fault);
	void *fill_ctx;
	uint64_t fill_bytes;
};
/* CLI_OK, or CLI_FAILED and has said why. */
int layer_store_create(const char *store, const struct layer_base *b, struct fault *fault);

/* Opens a store; for writing, takes the lock and finishes what was interrupted, but for a commit: that is for the user to decide, and
 * refused (layer_store_load opens it). CLI_OK, or CLI_FAILED and has said why. */
int layer_store_open(struct layer_store *ls, const char *arg, bool writable, struct fault *fault);

/* The same, although the index may be older than its layers (pieces.h), which is refused else. */
int layer_store_open_older(struct layer_store *ls, const char *arg, bool writable, struct fault *fault);

/* Says that the commit of layer `e` was interrupted, and what to do. CLI_FAILED. */
int layer_store_refuse_commit(const struct layer_store *ls, const struct pod_stored *e, struct fault *fault);

int layer_store_snapshot(struct layer_store *ls, const char *name, struct fault *fault);
int layer_store_rollback(struct layer_store *ls, const char *name, bool discard, struct fault *fault);
int layer_store_delete(struct layer_store *ls, const char *name, struct fault *fault);
int layer_store_rename(struct layer_store *ls, const char *name, const char *to, struct fault *fault);
/* `name` NULL: the current state. */
int layer_store_lock(struct layer_store *ls, const char *name, struct fault *fault);
int layer_store_unlock(struct layer_store *ls, struct fault *fault);
/* How many spare files there are from now on, made ahead for the boot manager (spare.c). Makes what is missing, removes the others. */
int layer_store_set_spares(struct layer_store *ls, uint32_t want, struct fault *fault);
/* Makes up what the boot manager has used; what cannot be made is a warning. Snapshots that it took become read-only. */
void layer_store_refill(struct layer_store *ls, struct fault *fault);
/* A boot of a locked store begins: a fresh delta becomes current, the last one goes. */
int layer_store_fresh(struct layer_store *ls, struct fault *fault);
int layer_store_commit(struct layer_store *ls, const char *name, struct fault *fault);
/* The rest of a commit that was interrupted, or back to before it. */
int layer_store_resume_commit(struct layer_store *ls, struct fault *fault);
int layer_store_undo_commit(struct layer_store *ls, struct fault *fault);
int layer_store_flatten(struct layer_store *ls, const char *name, struct fault *fault);
/* `onto` is the parent of `name` afterwards, which shows what it showed. */
int layer_store_rebase(struct layer_store *ls, const char *name, const char *onto, struct fault *fault);

/* The rest of an operation on layer `id` that power has interrupted. */
int layer_store_finish_flatten(struct layer_store *ls, uint32_t id, struct fault *fault);
int layer_store_finish_rebase(struct layer_store *ls, uint32_t id, struct fault *fault);

/* Reads every VHDX file of the folder and makes the tree anew; layers that cannot be placed are left out, and said. */
int layer_store_rebuild(struct layer_store *ls, struct fault *fault);

#endif
