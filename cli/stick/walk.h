/* SPDX-License-Identifier: BSD-2-Clause */
/* Every image on the data partition, wherever in the tree it lies, by path. */
#ifndef POD_CLI_WALK_H
#define POD_CLI_WALK_H

#include "cli/stick/target.h"

#define CLI_WALK_MAX (1u << 20) /* images; more means a directory that loops */

struct cli_entry {
	char *path; /* "/images/x.iso" */
	struct pod_node node;
};

struct cli_walk {
	struct cli_target *t;
	/* A folder ("" is the root) that cannot be read, or POD_E_LIMIT: more than CLI_WALK_MAX images. False: stop. */
	bool (*problem)(void *ctx, const char *folder, enum pod_status st);
	void *ctx;
	struct cli_entry *entry;
	size_t count, cap;
	bool stop;
};

/* Fills entry[] and count, sorted; `t`, `problem` and `ctx` are the caller's. */
void cli_walk_images(struct cli_walk *w);
void cli_walk_free(struct cli_walk *w);

#endif
