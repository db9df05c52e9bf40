/* SPDX-License-Identifier: BSD-2-Clause */
/* A layer store: VHDX files on top of each other in one folder, and their index. On top of dir.h. */
#ifndef POD_CLI_LAYER_STORE_H
#define POD_CLI_LAYER_STORE_H

#include "cli/layer/dir.h"

/* A file beside the layers, "0123abcd.hashes": the hashes of what a layer shows (hash.h). */
#define LAYER_HASHES ".hashes"

struct layer_store {
	struct store_dir dir;
	struct disk_file *index; /* held open, and locked, while the store is open for writing */
	struct pod_store s;
	unsigned slot;
	uint32_t *gone; /* layers that the index on disk says are gone; their files may still be there */
	size_t n_gone;
	bool unsynced; /* files went whose entries are not in memory any more: the folder first, then the index */
	struct pod_chain_opener opener; /* parents are files of the store, wherever a child says they are */
	struct fault *fault;		/* where it says why, while a chain is opened */
};

/* Readies the structure without a store: to make one. */
void layer_store_begin(struct layer_store *ls);
/* Reads the index; for writing, takes the lock. What was interrupted still is: layer_store_open (ops.h) is for the commands.
 * CLI_OK, or CLI_FAILED and has said why. */
int layer_store_load(struct layer_store *ls, const char *arg, bool writable, struct fault *fault);
/* CLI_OK, or CLI_FAILED and has said why. */
int layer_store_close(struct layer_store *ls, struct fault *fault);
/* The index as it is in memory becomes true, in one step. */
int layer_store_save(struct layer_store *ls, struct fault *fault);
/* There are layers, but no index: says so, and that one can be made of them. CLI_FAILED. */
int layer_store_no_index(const struct layer_store *ls, struct fault *fault);
/* Makes the two slots of a store that has no index file yet, or only ruins of one. */
int layer_store_save_new(struct layer_store *ls, struct fault *fault);

/* The name of a file of layer `id` that is none of its own: "0123abcd.hashes". */
void layer_store_aside(uint32_t id, const char *ending, char out[POD_STORE_FILE_MAX]);
/* A layer by name or id; NULL, and has said so. */
struct pod_stored *layer_store_get(struct layer_store *ls, const char *name, struct fault *fault);
struct pod_stored *layer_store_current(struct layer_store *ls, struct fault *fault);
/* CLI_FAILED: there is none. */
int layer_store_no_current(const struct layer_store *ls, struct fault *fault);
/* The name of a layer's file as it is in the folder now. NULL: it is missing, and has said so. The caller frees. */
char *layer_store_file(struct layer_store *ls, const struct pod_stored *e, struct fault *fault);
/* The layer whose commit into its parent was interrupted, or is under way; NULL: none. */
const struct pod_stored *layer_store_merging(const struct pod_store *s);
/* A layer and those below it, as a disk; one that is being committed into shows the new content. layer_store_close_disk in any case. */
int layer_store_open_disk(struct layer_store *ls, const struct pod_stored *e, struct disk *d, struct fault *fault);
/* The same for writing to the layer's file. */
int layer_store_edit_disk(struct layer_store *ls, const struct pod_stored *e, struct disk *d, struct fault *fault);
int layer_store_close_disk(struct layer_store *ls, struct disk *d, struct fault *fault);
/* Sees that a layer's log is empty and that nobody writes to it; fills in its identifier and sizes. */
int layer_store_settle(struct layer_store *ls, struct pod_stored *e, struct fault *fault);
/* Removes a file that the index on disk does not hold. False, and has said why, if it is still there. */
bool layer_store_remove_file(struct layer_store *ls, const char *file, struct fault *fault);
/* The same where nothing depends on it: what cannot be removed is a warning. */
void layer_store_leave_file(struct layer_store *ls, const char *file, struct fault *fault);
/* Its file must be there under the name the entry says: the entry is brought up to date first. */
void layer_store_mark_gone(struct layer_store *ls, struct pod_stored *e);
/* The file of a layer that the index on disk says is gone goes, and its entry in memory. */
void layer_store_sweep(struct layer_store *ls, struct fault *fault);

#endif
