/* SPDX-License-Identifier: BSD-2-Clause */
/* Layers as their files tell of them, without the index. */
#ifndef POD_CLI_LAYER_PIECES_H
#define POD_CLI_LAYER_PIECES_H

#include "cli/layer/tree.h"

struct layer_piece {
	struct pod_stored e; /* what the file says; its parent is for the caller to find */
	uint8_t linkage[2][16];
	char parent_file[POD_STORE_FILE_MAX]; /* "": none */
	bool child, read_only, placed,
		merging;      /* placed: its parent is known; merging: another one was being committed into it */
	bool spare;	      /* made ahead for the boot manager, and not used */
	bool opened, silent;  /* it could be read; it says nothing about the disk, so that it shows what its parent shows */
	bool unknown, needed; /* of a stranger: the index should know it; it holds something, or is below what does */
	bool followed;	      /* what it stands on is marked as needed */
	unsigned turn;	      /* in which it was placed: behind what it stands on */
};
struct layer_pieces {
	struct layer_store *ls;
	struct layer_piece *v;
	size_t n, cap;
	bool too_many;
};

/* The names of all layers' files of the folder. The caller frees `v`. */
bool layer_pieces_list(struct layer_pieces *ps, struct fault *fault);
/* What the file says. False: left out, and said. */
bool layer_piece_read(struct layer_store *ls, struct layer_piece *p, struct fault *fault);
/* What a file stands on, among those that are placed: the one that it names, if several fit. NULL: none. */
const struct layer_piece *layer_piece_parent(const struct layer_pieces *ps, const struct layer_piece *p);
/* A child that says nothing about the disk. */
bool layer_is_silent(struct pod_member *l);

/*
 * Layers that the index does not know though they hold something, of themselves or in layers based on them, and though they stand on
 * layers of this store: the index is older than they are, from a backup or another copy. Parents come first. A layer that is just
 * arriving is none. The caller frees `v`.
 */
bool layer_strangers_find(struct layer_store *ls, struct layer_pieces *out, struct fault *fault);
/* The index gets to know them. */
int layer_strangers_adopt(struct layer_store *ls, struct layer_pieces *strangers, struct fault *fault);

#endif
