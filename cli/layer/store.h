/* SPDX-License-Identifier: BSD-2-Clause */
/* A layer store: VHDX files on top of each other in one folder, and their index. */
#ifndef POD_CLI_LAYER_STORE_H
#define POD_CLI_LAYER_STORE_H

#include "cli/layer/dir.h"

struct layer_store {
	struct store_dir dir;
	struct disk_file *index; /* held open, and locked, while the store is open for writing */
	struct pod_store s;
	unsigned slot;
	bool unsynced; /* files went whose entries are not in memory any more: the folder first, then the index */
	struct pod_chain_opener opener; /* parents are files of the store, wherever a child says they are */
	struct fault *fault;		/* where it says why, while a chain is opened */
};

/* Readies the structure without a store: to make one. */
void layer_store_begin(struct layer_store *ls);
/* Reads the index; for writing, takes the lock and finishes what was interrupted. CLI_OK, or CLI_FAILED and has said why. */
int layer_store_open(struct layer_store *ls, const char *arg, bool writable, struct fault *fault);
/* CLI_OK, or CLI_FAILED and has said why. */
int layer_store_close(struct layer_store *ls, struct fault *fault);
/* The index as it is in memory becomes true, in one step. */
int layer_store_save(struct layer_store *ls, struct fault *fault);
/* Makes the two slots of a store that has no index file yet, or only ruins of one. */
int layer_store_save_new(struct layer_store *ls, struct fault *fault);

/* A layer by name or id; NULL, and has said so. */
struct pod_stored *layer_store_get(struct layer_store *ls, const char *name, struct fault *fault);
struct pod_stored *layer_store_current(struct layer_store *ls, struct fault *fault);
/* The name of a layer's file as it is in the folder now. NULL: it is missing, and has said so. The caller frees. */
char *layer_store_file(struct layer_store *ls, const struct pod_stored *e, struct fault *fault);
/* A layer and what it stands on, as a disk. layer_store_close_disk in any case. */
int layer_store_open_disk(struct layer_store *ls, const struct pod_stored *e, struct disk *d, struct fault *fault);
/* The same for writing to the layer's file. */
int layer_store_edit_disk(struct layer_store *ls, const struct pod_stored *e, struct disk *d, struct fault *fault);
int layer_store_close_disk(struct layer_store *ls, struct disk *d, struct fault *fault);
/* Sees that a layer's log is empty and that nobody writes to it; fills in its identifier and sizes. */
int layer_store_settle(struct layer_store *ls, struct pod_stored *e, struct fault *fault);
/* False, and has said so, if the volume has not `need` bytes and a little. */
bool layer_store_room(struct layer_store *ls, uint64_t need, struct fault *fault);

/* Makes an empty child of `parent` and enters it in the index in memory. *id: the new layer. */
int layer_store_child(struct layer_store *ls, uint32_t parent, uint32_t flags, uint32_t *id, struct fault *fault);
/* A name that no layer has, and an identifier. */
uint32_t layer_store_new_id(const struct layer_store *ls);

/* The operations. Each is one step to the index: before it the old state is true, after it the new one. */
int layer_store_snapshot(struct layer_store *ls, const char *name, struct fault *fault);
int layer_store_rollback(struct layer_store *ls, const char *name, bool discard, struct fault *fault);
int layer_store_delete(struct layer_store *ls, const char *name, struct fault *fault);
int layer_store_rename(struct layer_store *ls, const char *name, const char *to, struct fault *fault);
/* `name` NULL: the current state. */
int layer_store_lock(struct layer_store *ls, const char *name, struct fault *fault);
int layer_store_unlock(struct layer_store *ls, struct fault *fault);
/* A boot of a locked store begins: a fresh delta becomes current, the last one goes. */
int layer_store_fresh(struct layer_store *ls, struct fault *fault);
int layer_store_commit(struct layer_store *ls, const char *name, struct fault *fault);
int layer_store_flatten(struct layer_store *ls, const char *name, struct fault *fault);
/* `name` stands on `onto` afterwards, and shows what it showed. */
int layer_store_rebase(struct layer_store *ls, const char *name, const char *onto, struct fault *fault);
/* Brings a rebase that was cut off to its end: the layer stands on the one its file says it does. */
int layer_store_finish_rebase(struct layer_store *ls, uint32_t id, struct fault *fault);
/* The layer that an open file says it stands on; 0: none of this store. */
uint32_t layer_store_stands_on(const struct pod_store *s, const struct pod_layer *l);
/* Finishes a commit that a power cut has interrupted. */
int layer_store_finish_merge(struct layer_store *ls, struct fault *fault);
/* Removes a file that the index does not hold. */
void layer_store_remove_file(struct layer_store *ls, const char *file, struct fault *fault);
/* Its file must be there under the name the entry says: the entry is brought up to date first. */
void layer_store_mark_gone(struct layer_store *ls, struct pod_stored *e, struct fault *fault);
/* The file of a layer that the index on disk says is gone goes, and its entry in memory. */
void layer_store_sweep(struct layer_store *ls, struct fault *fault);

/* Reads every VHDX file of the folder and makes the tree anew; layers that cannot be placed are left out, and said. */
int layer_store_rebuild(struct layer_store *ls, struct fault *fault);

/* The subcommands of `isopod layer`. */
int layer_cmd_create(const struct cli_command *cmd, int argc, char **argv, struct fault *fault);
int layer_cmd_list(const struct cli_command *cmd, int argc, char **argv, struct fault *fault);
int layer_cmd_check(const struct cli_command *cmd, int argc, char **argv, struct fault *fault);
int layer_cmd_export(const struct cli_command *cmd, int argc, char **argv, struct fault *fault);
int layer_cmd_diff(const struct cli_command *cmd, int argc, char **argv, struct fault *fault);

#endif
