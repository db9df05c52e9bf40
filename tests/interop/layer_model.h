/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of layer_model share: the model, those who read layers meanwhile, and guests on the current one. */
#ifndef POD_TESTS_LAYER_MODEL_H
#define POD_TESTS_LAYER_MODEL_H

#include <pthread.h>
#include "cli/layer/ops.h"

#define SIZE (5u << 20)

struct model {
	uint32_t id, parent;
	uint8_t *bytes;
};

/* Whoever holds it knows that nothing is being done to the tree of layers, and that the model says how it is. */
extern pthread_mutex_t model_lock;
struct model *model_find(uint32_t id);
uint32_t model_rnd(uint64_t *seed);
/* Says what is wrong, and why; frees `why`. From any thread. */
bool model_check(bool ok, const char *what, struct fault *why);

/* --- readers: threads that open frozen layers whenever they like, and hold and compare them ------------------- */

void readers_start(const char *store);
void readers_end(void);
/* Each may read something, or open another layer. Without model_lock. */
void readers_turn(void);
/* All these with model_lock. Something is begun or over: what a reader has found meanwhile need not be so. */
void readers_step(void);
/* They let go of their layers, and stay away until they may come back. */
void readers_away(void);
void readers_back(void);
bool readers_are_in(void);
long readers_layers(void); /* opened so far */

/* --- guests: NBD clients of the current layer, of which snapshots are taken meanwhile ---------------------------- */

struct guests_run {
	const char *store;
	uint32_t current;
	unsigned requests, snapshots; /* of each guest; at most */
	uint64_t seed;
	/* A snapshot was taken: `now` is current, `bytes` what `old` shows. With model_lock. */
	void (*taken)(uint32_t old, uint32_t now, const uint8_t *bytes);
};
/* `bytes`: what the current layer shows, before and after. With model_lock, which others may have in between. */
void guests_run(const struct guests_run *g, uint8_t *bytes);

#endif
