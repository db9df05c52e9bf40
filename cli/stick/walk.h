/* SPDX-License-Identifier: BSD-2-Clause */
/* Every image on the data partition, wherever in the tree it lies, by path. */
#ifndef POD_CLI_WALK_H
#define POD_CLI_WALK_H

#include "cli/stick/target.h"

#define CLI_WALK_MAX 20000u /* images: as many as the menu holds */
/* What the walk may cost: folders of a hundred thousand files, or a second. */
#define CLI_WALK_STEPS (2u << 20)
#define CLI_WALK_MS    1000u

/* What looking at the images of one stick may cost. Each has what a sound one needs many times over; what is left of a common
 * store goes to those that need more, so that a stick full of hostile images ends as soon as one of them. */
#define CLI_IMAGE_STEPS POD_BUDGET_UNTIMED
#define CLI_IMAGE_MS	500u
struct cli_allowance {
	uint64_t steps; /* the store; begin with CLI_ALLOWANCE */
};
#define CLI_ALLOWANCE (POD_PLAN_STEPS - CLI_IMAGE_STEPS)
/* Around the looking at one image; `ms` as in cli_dev_limit. `end` tells whether it came to its end, not cut off by the limit. */
void cli_allowance_begin(const struct cli_allowance *a, struct cli_dev *d, uint64_t ms);
bool cli_allowance_end(struct cli_allowance *a, struct cli_dev *d);

struct cli_entry {
	char *path; /* "/images/x.iso" */
	struct pod_node node;
};

struct cli_walk {
	struct cli_target *t;
	/* A folder ("" is the root) that cannot be read; POD_E_LOOP: that contains itself. With POD_E_LIMIT or POD_E_BUDGET and
	 * "" the walk ends: more than CLI_WALK_MAX images, more folders and files than can be read in reasonable time. False:
	 * stop. */
	bool (*problem)(void *ctx, const char *folder, enum pod_status st);
	/* A file that is no image by its name; may be NULL. */
	void (*other)(void *ctx, const char *path);
	/* So many entries of a folder are damaged, and left out; may be NULL. */
	void (*damaged)(void *ctx, const char *folder, uint32_t count);
	void *ctx;
	struct cli_entry *entry;
	size_t count, cap;
	bool stop;
};

/* Fills entry[] and count, sorted; `t`, `problem` and `ctx` are the caller's. */
void cli_walk_images(struct cli_walk *w);
void cli_walk_free(struct cli_walk *w);

/* As boot/menu/scan.c has it: nothing hidden, no other system's folders, and a name that it knows images by. The boot manager finds its
 * choice among what it lists. */
bool cli_menu_lists(const char *path);

#endif
