/* SPDX-License-Identifier: BSD-2-Clause */
/* What `layer send` and `layer receive` share: how one is told where the other one got to. */
#ifndef POD_CLI_LAYER_STREAM_H
#define POD_CLI_LAYER_STREAM_H

#include "cli/layer/hash.h"
#include "core/layer/stream.h"

/* Which stream, and from which block on: what `receive --status` prints, and `send --resume` takes. */
struct layer_token {
	uint8_t store[16];
	uint32_t base, layer; /* numbers; base 0: none */
	uint32_t block;
};
#define LAYER_TOKEN_MAX 80u
void layer_token_print(const struct layer_token *t, char out[LAYER_TOKEN_MAX]);
bool layer_token_parse(const char *text, struct layer_token *t);

/* A layer that is arriving: its file in the making, and a journal that says how far it is. All names are a leftover's to others. */
struct layer_part {
	struct layer_store *ls;
	struct pod_stored entry;     /* of the layer; its file is the one in the making */
	struct pod_stream_head head; /* of the stream, from its beginning */
	struct disk_file *journal;
	struct disk disk; /* open for writing */
	bool open;
	uint32_t next;	   /* all blocks before this one are on the drive */
	uint32_t sequence; /* of the journal */
};
/* False: none of that number is there. */
bool layer_part_look(struct layer_store *ls, uint32_t id, struct pod_stream_head *head, uint32_t *next);
/* Is there the journal of one whose file has its last name already? */
bool layer_part_renamed(struct layer_store *ls, uint32_t id);
/* In a folder without an index: the empty layer on top of one that arrived, made when an interrupted receive came to that, goes. */
void layer_part_clear(struct layer_store *ls, uint32_t id);
/* What was flushed is not kept in memory, so that it is read from the drive. */
void layer_part_forget(const struct layer_part *p);
/* Makes it, or goes on with it if the stream does. `base`: NULL, none. */
int layer_part_begin(struct layer_part *p, struct layer_store *ls, const struct pod_stream_head *head,
		     const struct pod_stored *base, struct fault *fault);
/* All that was written is on the drive, and is known to be. */
bool layer_part_note(struct layer_part *p, uint32_t next, struct fault *fault);
/* Closes what is open. */
int layer_part_close(struct layer_part *p, struct fault *fault);
/* It goes; what is open is closed first. */
void layer_part_drop(struct layer_part *p, struct fault *fault);
/* The numbers of those that are there. */
bool layer_part_each(struct layer_store *ls, void (*cb)(void *ctx, uint32_t id), void *ctx, struct fault *fault);

#endif
