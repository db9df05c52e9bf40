/* SPDX-License-Identifier: BSD-2-Clause */
/* The block hashes of layers: made once, kept beside the layer's file as "0123abcd.hashes", good as long as the layer was not written to. */
#ifndef POD_CLI_LAYER_HASH_H
#define POD_CLI_LAYER_HASH_H

#include "cli/layer/tree.h"
#include "core/layer/hashes.h"

/* SHA-256. Not for two threads. False, and has said why; layer_hasher_end in any case. */
bool layer_hasher_begin(struct pod_hasher *h, struct fault *fault);
void layer_hasher_end(struct pod_hasher *h);

/* Goes over the blocks of an open layer that may not be as they are in another one that it stands on. */
struct layer_walk {
	struct pod_chain *chain;
	unsigned since;	  /* which member that is; the depth of the chain: none, and a disk of zeros is meant */
	uint32_t shift;	  /* of blocks */
	uint64_t at, end; /* the next run that changed; both are 0 at first */
};
/* *found: there is one, *off and *len tell where: within one block. */
enum pod_status POD_MUST_USE layer_walk_next(struct layer_walk *w, bool *found, uint64_t *off, uint64_t *len);

/* The list that is kept of a layer. False: there is none, or it is of another state. */
bool layer_hashes_load(struct layer_store *ls, const struct pod_stored *e, struct pod_hashes *out);
/* Reads what no list of a layer below tells. CLI_OK, or CLI_FAILED, and has said why. */
int layer_hashes_make(struct layer_store *ls, const struct pod_stored *e, struct pod_hashes *out, struct fault *fault);
bool layer_hashes_save(struct layer_store *ls, const struct pod_stored *e, const struct pod_hashes *h, struct fault *fault);
/* The same where that can be done; else it is a warning at most. */
void layer_hashes_keep(struct layer_store *ls, const struct pod_stored *e, const struct pod_hashes *h, struct fault *fault);
/* The list that is kept, or a new one, which is kept then. */
int layer_hashes_get(struct layer_store *ls, const struct pod_stored *e, struct pod_hashes *out, struct fault *fault);
/* Is member `i` of the chain that layer, by its file's own word? */
bool layer_hashes_is_member(const struct pod_chain *c, unsigned i, const struct pod_stored *e);
/* Brings `h`, which holds what stands below `since`, up to what the chain shows; `odd`: a block besides, or UINT32_MAX
 * (pod_hashes_adopt). POD_E_CANCELLED: interrupted. */
enum pod_status POD_MUST_USE layer_hashes_update(struct pod_hashes *h, struct pod_chain *c, unsigned since, uint32_t odd,
						 struct pod_hasher *s, struct cli_progress *bar);

#endif
