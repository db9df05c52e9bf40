/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Readers of frozen layers beside what is done to the store. They go by the index as any other process does, so what they find may be
 * out of date when they open it; that is allowed only if something was done to the tree since. What they hold open stays as it is.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include "tests/interop/layer_model.h"

#define READERS 2u
#define ROUNDS	24u
#define PIECE	70000u

struct reader {
	pthread_t thread;
	uint64_t seed;
	bool in; /* has a layer, or is about to */
	uint8_t *want, *buf;
};

static struct reader reader[READERS];
static const char *store;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static atomic_bool away, ended;
static long generation, layers, turn;

/* Any layer that nobody writes to any more. */
static const struct pod_stored *choose(const struct layer_store *ls, uint64_t *seed)
{
	size_t n = ls->s.count, at = n ? model_rnd(seed) % n : 0;

	for (size_t i = 0; i < n; i++, at = (at + 1) % n)
		if ((ls->s.layer[at].flags & (POD_STORED_FROZEN | POD_STORED_GONE)) == POD_STORED_FROZEN)
			return &ls->s.layer[at];
	return NULL;
}

/* Readers are there all the time, but most of the time is not theirs. */
static void wait_for_turn(void)
{
	long now;

	pthread_mutex_lock(&model_lock);
	now = turn;
	while (turn == now && !away && !ended)
		pthread_cond_wait(&changed, &model_lock);
	pthread_mutex_unlock(&model_lock);
}

static void compare(struct reader *r, struct disk *d)
{
	unsigned rounds = 1 + model_rnd(&r->seed) % ROUNDS;
	bool ok = true;

	for (unsigned i = 0; i < rounds && ok && !away && !ended; i++) {
		uint32_t off = model_rnd(&r->seed) % SIZE, len = 1 + model_rnd(&r->seed) % PIECE;

		if (i == 0 && model_rnd(&r->seed) % 4 == 0)
			off = 0, len = SIZE;
		if (len > SIZE - off)
			len = SIZE - off;
		ok = pod_dev_read(&d->chain.dev, off, r->buf, len) == POD_OK && memcmp(r->buf, r->want + off, len) == 0;
		wait_for_turn();
	}
	model_check(ok, "what a reader holds stays as it is", NULL);
}

static void look(struct reader *r, long since)
{
	struct layer_store ls = {0};
	struct disk *d = calloc(1, sizeof *d);
	struct fault why = {0};
	const struct pod_stored *e = NULL;
	const struct model *m = NULL;
	int rc = layer_store_open(&ls, store, false, &why);
	bool moved;

	if (rc == CLI_OK && (e = choose(&ls, &r->seed)))
		rc = layer_store_open_disk(&ls, e, d, &why);
	pthread_mutex_lock(&model_lock);
	moved = generation != since;
	layers += rc == CLI_OK && e;
	if (rc == CLI_OK && e && (m = model_find(e->id)))
		memcpy(r->want, m->bytes, SIZE);
	pthread_mutex_unlock(&model_lock);
	model_check(rc == CLI_OK || moved, "a reader opens a layer", &why);
	if (rc == CLI_OK && e && !model_check(m || moved, "a reader finds a layer that there is", NULL))
		m = NULL;
	if (m)
		compare(r, d);
	if (d->chain.depth)
		model_check(layer_store_close_disk(&ls, d, &why) == CLI_OK, "a reader closes a layer", &why);
	layer_store_close(&ls, &why);
	fault_free(&why);
	free(d);
}

static void *reader_main(void *arg)
{
	struct reader *r = arg;

	while (!ended) {
		long since;

		pthread_mutex_lock(&model_lock);
		while (away && !ended)
			pthread_cond_wait(&changed, &model_lock);
		r->in = true;
		since = generation;
		pthread_mutex_unlock(&model_lock);
		look(r, since);
		pthread_mutex_lock(&model_lock);
		r->in = false;
		pthread_cond_broadcast(&changed);
		pthread_mutex_unlock(&model_lock);
	}
	return NULL;
}

void readers_start(const char *folder)
{
	store = folder;
	for (unsigned i = 0; i < READERS; i++) {
		reader[i] = (struct reader){.seed = i + 1, .want = malloc(SIZE), .buf = malloc(SIZE)};
		if (pthread_create(&reader[i].thread, NULL, reader_main, &reader[i]) != 0)
			abort();
	}
}

void readers_end(void)
{
	pthread_mutex_lock(&model_lock);
	ended = true;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&model_lock);
	for (unsigned i = 0; i < READERS; i++) {
		pthread_join(reader[i].thread, NULL);
		free(reader[i].want);
		free(reader[i].buf);
	}
}

void readers_step(void)
{
	generation++;
}

void readers_turn(void)
{
	pthread_mutex_lock(&model_lock);
	turn++;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&model_lock);
}

bool readers_are_in(void)
{
	return !away;
}

void readers_away(void)
{
	away = true;
	pthread_cond_broadcast(&changed);
	for (unsigned i = 0; i < READERS; i++)
		while (reader[i].in)
			pthread_cond_wait(&changed, &model_lock);
}

void readers_back(void)
{
	away = false;
	pthread_cond_broadcast(&changed);
}

long readers_layers(void)
{
	return layers;
}
