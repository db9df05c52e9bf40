/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guests: clients of the NBD server for the current layer, each with a part of the disk of its own, which write, zero, read and flush while
 * snapshots are taken. In a snapshot is all that was confirmed to a guest before it was asked for, and of what came after that the
 * beginning: each guest keeps a list of what it sent, in order.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "cli/layer/live.h"
#include "core/base/bytes.h"
#include "tests/interop/layer_model.h"

#define GUESTS	2u
#define PART	(SIZE / GUESTS)
#define LONGEST 70000u

enum { READ = 0, WRITE = 1, LEAVE = 2, FLUSH = 3, ZEROES = 6, FUA = 1 };

/* A change. */
struct change {
	uint32_t off, len; /* in its part */
	uint8_t value;
	bool zero;
};

struct guest {
	pthread_t thread, server;
	int fd, server_fd;
	const struct cli_nbd_source *source;
	uint64_t seed;
	uint32_t start; /* of its part */
	unsigned requests;
	uint8_t *bytes, *buf; /* what it has written so far; a request */
	bool ok;
	/* What follows with `lock`. */
	struct change *list;
	unsigned sent, confirmed, done; /* changes; requests */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t went_on = PTHREAD_COND_INITIALIZER;

static void apply(const struct change *c, uint8_t *bytes)
{
	for (uint32_t i = 0; i < c->len; i++)
		bytes[c->off + i] = c->zero ? 0 : (uint8_t)(c->value + i * 5 + (i >> 8));
}

/* --- the wire ------------------------------------------------------------------------------------------- */

static bool give(int fd, const uint8_t *p, size_t len)
{
	while (len) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

static bool take(int fd, uint8_t *p, size_t len)
{
	while (len) {
		ssize_t n = recv(fd, p, len, 0);

		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

/* The default export, the old way in. */
static bool enter(int fd)
{
	uint8_t h[20];

	if (!take(fd, h, 18))
		return false;
	memset(h, 0, sizeof h);
	h[3] = 3;
	memcpy(h + 4, "IHAVEOPT\0\0\0\1\0\0\0\0", 16);
	return give(fd, h, 20) && take(fd, h, 10) && pod_get_be64(h) == SIZE;
}

/* `data`: what a write sends, or a read gets. */
static bool request(struct guest *g, uint16_t type, uint16_t flags, uint32_t off, uint32_t len)
{
	uint8_t h[28] = {0};

	pod_put_be32(h, 0x25609513);
	h[5] = (uint8_t)flags;
	h[7] = (uint8_t)type;
	pod_put_be64(h + 16, g->start + off);
	pod_put_be32(h + 24, len);
	return give(g->fd, h, sizeof h) && (type != WRITE || give(g->fd, g->buf, len)) && take(g->fd, h, 16) &&
	       pod_get_be32(h) == 0x67446698 && !pod_get_be32(h + 4) && (type != READ || take(g->fd, g->buf, len));
}

/* --- a guest --------------------------------------------------------------------------------------------- */

static bool change(struct guest *g, bool zero, uint32_t off, uint32_t len)
{
	struct change c = {.off = off, .len = len, .value = (uint8_t)model_rnd(&g->seed), .zero = zero};
	uint16_t flags = model_rnd(&g->seed) % 8 == 0 ? FUA : 0;

	apply(&c, g->bytes);
	memcpy(g->buf, g->bytes + off, len);
	pthread_mutex_lock(&lock);
	g->list[g->sent++] = c;
	pthread_mutex_unlock(&lock);
	if (!request(g, zero ? ZEROES : WRITE, flags, off, len))
		return false;
	pthread_mutex_lock(&lock);
	g->confirmed++;
	pthread_mutex_unlock(&lock);
	return true;
}

static bool one(struct guest *g)
{
	uint32_t off = model_rnd(&g->seed) % PART, len = 1 + model_rnd(&g->seed) % (model_rnd(&g->seed) % 4 ? 5000 : LONGEST);
	uint32_t what = model_rnd(&g->seed) % 100;

	if (model_rnd(&g->seed) % 3) {
		off &= ~511u;
		len = (len + 511) & ~511u;
	}
	if (len > PART - off)
		len = PART - off;
	if (what < 70)
		return change(g, what >= 50, off, len);
	if (what < 95)
		return request(g, READ, 0, off, len) && memcmp(g->buf, g->bytes + off, len) == 0;
	return request(g, FLUSH, 0, 0, 0);
}

static void *guest_main(void *arg)
{
	struct guest *g = arg;

	g->ok = enter(g->fd);
	for (unsigned i = 0; i < g->requests && g->ok; i++) {
		g->ok = one(g);
		pthread_mutex_lock(&lock);
		g->done++;
		pthread_cond_broadcast(&went_on);
		pthread_mutex_unlock(&lock);
	}
	pthread_mutex_lock(&lock);
	g->done = g->requests; /* nobody waits for more */
	pthread_cond_broadcast(&went_on);
	pthread_mutex_unlock(&lock);
	shutdown(g->fd, SHUT_RDWR);
	return NULL;
}

static void *server_main(void *arg)
{
	struct guest *g = arg;

	cli_nbd_serve(g->server_fd, g->source);
	return NULL;
}

static void begin(struct guest *g, const uint8_t *bytes)
{
	int pair[2];

	g->bytes = malloc(PART);
	g->buf = malloc(LONGEST + 512);
	g->list = calloc(g->requests, sizeof *g->list);
	memcpy(g->bytes, bytes + g->start, PART);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		abort();
	g->fd = pair[0];
	g->server_fd = pair[1];
	if (pthread_create(&g->server, NULL, server_main, g) != 0 || pthread_create(&g->thread, NULL, guest_main, g) != 0)
		abort();
}

static void end(struct guest *g)
{
	pthread_join(g->thread, NULL);
	pthread_join(g->server, NULL);
	close(g->fd);
	close(g->server_fd);
	model_check(g->ok, "a guest is served, and reads what it wrote", NULL);
	model_check(g->sent == g->confirmed, "all that a guest wrote is confirmed", NULL);
	free(g->bytes);
	free(g->buf);
	free(g->list);
}

/* --- snapshots of what they are at --------------------------------------------------------------------------- */

/* What the snapshot shows of a guest's part is what it had after some number of changes, at least `low`. `now` gets there. */
static bool agree(struct guest *g, const uint8_t *shown, uint8_t *now, unsigned *at, unsigned low)
{
	unsigned high;

	pthread_mutex_lock(&lock);
	high = g->sent;
	pthread_mutex_unlock(&lock);
	while (*at < low)
		apply(&g->list[(*at)++], now);
	while (memcmp(shown, now, PART) != 0) {
		if (*at == high)
			return false;
		apply(&g->list[(*at)++], now);
	}
	return true;
}

static bool read_layer(struct layer_store *ls, uint32_t id, uint8_t *buf, struct fault *why)
{
	const struct pod_stored *e = pod_store_find(&ls->s, id);
	struct disk *d = calloc(1, sizeof *d);
	bool ok = e && layer_store_open_disk(ls, e, d, why) == CLI_OK;

	if (ok) {
		ok = pod_dev_read(&d->chain.dev, 0, buf, SIZE) == POD_OK;
		ok = layer_store_close_disk(ls, d, why) == CLI_OK && ok;
	}
	free(d);
	return ok;
}

/* False: no more of them. */
static bool snapshot(const struct guests_run *run, struct live *lv, struct guest *guest, unsigned at[GUESTS], uint8_t *now,
		     uint32_t *current)
{
	uint8_t *shown = malloc(SIZE);
	struct layer_store ls = {0};
	struct fault why = {0};
	unsigned low[GUESTS];
	bool lost = false, ok;

	pthread_mutex_lock(&lock);
	for (unsigned i = 0; i < GUESTS; i++)
		low[i] = guest[i].confirmed;
	pthread_mutex_unlock(&lock);
	ok = model_check(live_snapshot(lv, NULL, &lost, &why) == CLI_OK && !lost, "a snapshot of what guests are at", &why) &&
	     model_check(layer_store_open(&ls, run->store, false, &why) == CLI_OK, "the store beside its server", &why) &&
	     model_check(ls.s.current && ls.s.current != *current, "the guests are in a new layer", NULL) &&
	     model_check(read_layer(&ls, *current, shown, &why), "a snapshot can be read while guests go on", &why);
	for (unsigned i = 0; i < GUESTS && ok; i++)
		ok = model_check(agree(&guest[i], shown + guest[i].start, now + guest[i].start, &at[i], low[i]),
				 "in a snapshot is what was confirmed, and of the rest the beginning", NULL);
	if (ls.s.current && ls.s.current != *current) {
		run->taken(*current, ls.s.current, shown);
		*current = ls.s.current;
	}
	layer_store_close(&ls, &why);
	fault_free(&why);
	free(shown);
	return ok;
}

/* Until they have gone on some way. */
static void let_them(struct guest *guest, unsigned requests)
{
	pthread_mutex_lock(&lock);
	for (unsigned i = 0; i < GUESTS; i++)
		while (guest[i].done < requests && guest[i].done < guest[i].requests)
			pthread_cond_wait(&went_on, &lock);
	pthread_mutex_unlock(&lock);
}

static const struct cli_nbd_export *open_export(void *ctx, const char *name)
{
	return live_use(ctx, name);
}

static void close_export(void *ctx, const struct cli_nbd_export *ex)
{
	live_leave(ctx, ex);
}

void guests_run(const struct guests_run *run, uint8_t *bytes)
{
	struct live *lv = calloc(1, sizeof *lv);
	const struct cli_nbd_source source = {.open = open_export, .close = close_export, .ctx = lv};
	struct guest guest[GUESTS] = {0};
	unsigned at[GUESTS] = {0};
	struct fault why = {0};
	uint32_t current = run->current;
	bool ok;

	if (!model_check(live_open(lv, run->store, true, &why) == CLI_OK, "the store is served", &why)) {
		free(lv);
		return;
	}
	for (unsigned i = 0; i < GUESTS; i++) {
		guest[i] = (struct guest){.source = &source, .seed = run->seed + i, .start = i * PART, .requests = run->requests};
		begin(&guest[i], bytes);
	}
	ok = true;
	for (unsigned i = 0; i < run->snapshots && ok; i++) {
		pthread_mutex_unlock(&model_lock);
		let_them(guest, (i + 1) * run->requests / (run->snapshots + 1));
		pthread_mutex_lock(&model_lock);
		readers_step();
		ok = snapshot(run, lv, guest, at, bytes, &current);
		readers_step();
	}
	pthread_mutex_unlock(&model_lock);
	let_them(guest, run->requests);
	pthread_mutex_lock(&model_lock);
	for (unsigned i = 0; i < GUESTS; i++) {
		while (at[i] < guest[i].confirmed)
			apply(&guest[i].list[at[i]++], bytes + guest[i].start);
		end(&guest[i]);
	}
	model_check(live_close(lv, &why) == CLI_OK, "the server ends", &why);
	free(lv);
}
