/* SPDX-License-Identifier: BSD-2-Clause */
/* What the operations on a store share: children, files that name other parents, space. On top of store.h; knows no operation. */
#ifndef POD_CLI_LAYER_TREE_H
#define POD_CLI_LAYER_TREE_H

#include "cli/layer/store.h"

/* A name that no layer has, and an identifier. */
uint32_t layer_store_new_id(const struct layer_store *ls);
/* "layer-N", the first that is free. */
void layer_store_number(struct layer_store *ls, char name[POD_STORE_NAME_MAX]);
/* Makes an empty child of `parent` and enters it in the index in memory. *id: the new layer. */
int layer_store_child(struct layer_store *ls, uint32_t parent, uint32_t flags, uint32_t *id, struct fault *fault);
/* Only its file, under the name that the entry says; as long as the entry says, if it does. Fills in its identifier and sizes. A spare file
 * (its flag) is nobody's child: only sector size and length are those of `parent`, and it has no holes, as nobody fills them in firmware. */
int layer_store_make_child(struct layer_store *ls, const struct pod_stored *parent, struct pod_stored *e, struct fault *fault);
/* What a fresh child takes. */
uint64_t layer_store_child_bytes(uint64_t disk_size);
/* False, and has said so, if a chain of `depth` layers could not be opened. */
bool layer_store_depth_ok(struct layer_store *ls, unsigned depth, struct fault *fault);

/* From now on the layer does not change: in the index in memory. */
void layer_store_freeze(struct pod_stored *e);
/* The read-only attribute of a layer's file as the index has it. */
void layer_store_protect(struct layer_store *ls, uint32_t id, struct fault *fault);
/* The index could not be written: the file of layer `id`, made for the change, goes, unless the index knows of it all the same (a
 * flush that failed says nothing about what is on the medium). CLI_FAILED. */
int layer_store_take_back(struct layer_store *ls, uint32_t id, struct fault *fault);
/* Sees that nobody writes to the current layer now, and brings its entry up to date. *untouched: nobody ever did, so that it
 * shows what its parent shows. */
int layer_store_at_rest(struct layer_store *ls, struct pod_stored *cur, bool *untouched, struct fault *fault);
/* A fresh child of `target` becomes current, in one step; the old current goes, or stays as it is now. */
int layer_store_switch(struct layer_store *ls, uint32_t target, uint32_t flags, bool discard, struct fault *fault);

/* A layer's file alone, for writing. NULL, and has said why. */
struct disk_file *layer_store_edit_file(struct layer_store *ls, const struct pod_stored *e, struct fault *fault);
/* Is the file of a layer what the index says that it is? */
bool layer_store_as_recorded(struct layer_store *ls, const struct pod_stored *e, struct fault *fault);
/* The parent that an open file names; 0: no layer of this store. */
uint32_t layer_store_named_parent(const struct pod_store *s, const struct pod_member *l);
/* The children of layer `from` become children of `to`, which reads the same. Their files only. */
int layer_store_relink_children(struct layer_store *ls, uint32_t from, const struct pod_stored *to, struct fault *fault);

/* The file that takes back the commit of layer `id`: "0123abcd.undo". */
#define LAYER_UNDO ".undo"
void layer_store_undo_name(uint32_t id, char out[POD_STORE_FILE_MAX]);

/* False, and has said so, if the volume has not `need` bytes and a little. */
bool layer_store_room(struct layer_store *ls, uint64_t need, struct fault *fault);
/* How much of the disk the files of a layer and of those below it say something about. */
int layer_store_own_bytes(struct layer_store *ls, const struct pod_stored *e, uint64_t *out, struct fault *fault);
/* By how much its parent's file grows at most when it takes in a layer; where files have holes, by what is written. *undo: the length
 * of a file that takes that back. */
int layer_store_growth(struct layer_store *ls, const struct pod_stored *e, uint64_t *out, uint64_t *undo, struct fault *fault);

#endif
