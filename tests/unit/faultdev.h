/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A device in memory that fails on demand and remembers what was written, so that every state a power cut could leave can be
 * made afterwards.
 *
 *   struct fault_dev f;
 *   fault_init(&f, bytes, len, 512);         bytes: the caller's, changed by writes
 *   f.fail_read_at = 3;                      the third read, write or flush from now fails (and with `dead`, all after it)
 *   fault_record(&f);                        from here on writes and flushes are logged; the present content is the base
 *   ... run the operation on &f.dev ...
 *   fault_states(&f, out, SEED, check, ctx); calls check(ctx, cut) with each state in `out` (len bytes):
 *       for every number of writes done: what was flushed, plus of the writes since: all; none; each one alone missing; the last
 * one torn after each of its sectors (up to four places); and random subsets of sectors fault_fini(&f);
 *
 * Between two flushes writes may reach the medium in any order and by sectors of 512 bytes; what was flushed is there.
 */
#ifndef POD_TESTS_FAULTDEV_H
#define POD_TESTS_FAULTDEV_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/disk/dev.h"

struct fault_write {
	uint64_t off;
	size_t len; /* 0: a flush */
	uint8_t *bytes;
};

struct fault_dev {
	struct pod_dev dev;
	uint8_t *data;
	uint8_t *base; /* content when recording began; NULL: not recording */
	struct fault_write *log;
	size_t n, cap;
	long fail_read_at, fail_write_at, fail_flush_at; /* counted down; 1 = the next one */
	bool dead;					 /* a failure is for ever */
	bool died;
	long reads, writes, flushes;
};

static inline bool fault_due(struct fault_dev *f, long *at)
{
	if (f->died && f->dead)
		return true;
	if (*at > 0 && --*at == 0) {
		f->died = true;
		return true;
	}
	return false;
}

static inline enum pod_status fault_read(struct pod_dev *d, uint64_t off, void *buf, size_t len)
{
	struct fault_dev *f = d->ctx;
	f->reads++;
	if (fault_due(f, &f->fail_read_at))
		return POD_E_IO;
	memcpy(buf, f->data + off, len);
	return POD_OK;
}

static inline void fault_log(struct fault_dev *f, uint64_t off, const void *buf, size_t len)
{
	if (!f->base)
		return;
	if (f->n == f->cap) {
		f->cap = f->cap ? f->cap * 2 : 64;
		f->log = realloc(f->log, f->cap * sizeof *f->log);
	}
	struct fault_write *w = &f->log[f->n++];
	w->off = off;
	w->len = len;
	w->bytes = len ? malloc(len) : NULL;
	if (len)
		memcpy(w->bytes, buf, len);
}

static inline enum pod_status fault_write_fn(struct pod_dev *d, uint64_t off, const void *buf, size_t len)
{
	struct fault_dev *f = d->ctx;
	f->writes++;
	if (fault_due(f, &f->fail_write_at))
		return POD_E_IO;
	fault_log(f, off, buf, len);
	memcpy(f->data + off, buf, len);
	return POD_OK;
}

static inline enum pod_status fault_flush(struct pod_dev *d)
{
	struct fault_dev *f = d->ctx;
	f->flushes++;
	if (fault_due(f, &f->fail_flush_at))
		return POD_E_IO;
	fault_log(f, 0, NULL, 0);
	return POD_OK;
}

static inline void fault_init(struct fault_dev *f, uint8_t *data, size_t len, uint32_t sector_size)
{
	memset(f, 0, sizeof *f);
	f->data = data;
	f->dev = (struct pod_dev){.size_bytes = len,
				  .sector_size = sector_size,
				  .read = fault_read,
				  .write = fault_write_fn,
				  .flush = fault_flush,
				  .ctx = f};
}

static inline void fault_record(struct fault_dev *f)
{
	f->base = malloc((size_t)f->dev.size_bytes);
	memcpy(f->base, f->data, (size_t)f->dev.size_bytes);
	f->n = 0;
}

static inline void fault_fini(struct fault_dev *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->log[i].bytes);
	free(f->log);
	free(f->base);
	f->base = NULL;
	f->log = NULL;
	f->n = f->cap = 0;
}

static inline uint32_t fault_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(*seed >> 33);
}

/* Applies sectors of one write for which keep(...) holds: mode 0 all, 1 none, 2 a random half of its sectors, 3 the first `arg`
 * bytes. */
static inline void fault_apply(uint8_t *out, const struct fault_write *w, int mode, size_t arg, uint64_t *seed)
{
	for (size_t i = 0; i < w->len;) {
		size_t n = 512 - (size_t)((w->off + i) & 511);
		if (n > w->len - i)
			n = w->len - i;
		bool keep = mode == 0 || (mode == 2 && (fault_random(seed) & 1)) || (mode == 3 && i + n <= arg);
		if (keep)
			memcpy(out + w->off + i, w->bytes + i, n);
		i += n;
	}
}

static inline long fault_states(struct fault_dev *f, uint8_t *out, uint64_t seed, void (*check)(void *ctx, size_t cut), void *ctx)
{
	size_t len = (size_t)f->dev.size_bytes;
	uint8_t *flushed = malloc(len); /* base plus everything before the current epoch */
	size_t epoch = 0;
	long states = 0;
	memcpy(flushed, f->base, len);
	for (size_t cut = 0; cut <= f->n; cut++) {
		/* States in which the writes [epoch, cut) are under way. */
		size_t under_way = cut - epoch;
		long variants = under_way ? 2 + (long)under_way + 4 + 4 : 1;
		for (long k = 0; k < variants; k++) {
			memcpy(out, flushed, len);
			for (size_t i = epoch; i < cut; i++) {
				int mode = 0;
				size_t arg = 0;
				if (k == 1)
					mode = 1;
				else if (k >= 2 && k < 2 + (long)under_way)
					mode = i - epoch == (size_t)(k - 2) ? 1 : 0;
				else if (k >= 2 + (long)under_way && k < 6 + (long)under_way && i == cut - 1) {
					mode = 3;
					arg = f->log[i].len / 5 * (size_t)(k - 1 - (long)under_way);
				} else if (k >= 6 + (long)under_way)
					mode = 2;
				fault_apply(out, &f->log[i], mode, arg, &seed);
			}
			check(ctx, cut);
			states++;
		}
		if (cut < f->n && f->log[cut].len == 0) {
			for (size_t i = epoch; i < cut; i++)
				fault_apply(flushed, &f->log[i], 0, 0, &seed);
			epoch = cut + 1;
		}
	}
	free(flushed);
	return states;
}

#endif
