/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * isopod layer send: what changed from one layer to another, to standard output.
 *
 * One thread reads and hashes the blocks of which a file above the base says something; those that show what they showed are left
 * out. The other one writes.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/layer/layer.h"
#include "cli/layer/stream.h"
#include "core/base/bytes.h"
#include "core/base/hash.h"

#define RING	   8u
#define PIPE_BYTES (1 << 20)
#define GRAIN	   4096u /* zeros are left out in units of this */

/* --- where one got to ----------------------------------------------------------------------------------- */

void layer_token_print(const struct layer_token *t, char out[LAYER_TOKEN_MAX])
{
	uint8_t bytes[28];
	size_t n = 0;

	memcpy(bytes, t->store, 16);
	pod_put_le32(bytes + 16, t->base);
	pod_put_le32(bytes + 20, t->layer);
	pod_put_le32(bytes + 24, t->block);
	n = (size_t)snprintf(out, LAYER_TOKEN_MAX, "1-");
	for (size_t i = 0; i < sizeof bytes; i++)
		n += (size_t)snprintf(out + n, LAYER_TOKEN_MAX - n, "%02x", bytes[i]);
	snprintf(out + n, LAYER_TOKEN_MAX - n, "-%08x", (unsigned)pod_crc32c(0, bytes, sizeof bytes));
}

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool layer_token_parse(const char *text, struct layer_token *t)
{
	char again[LAYER_TOKEN_MAX];
	uint8_t bytes[28];

	if (strncmp(text, "1-", 2) != 0 || strlen(text) < 2 + 2 * sizeof bytes)
		return false;
	for (size_t i = 0; i < sizeof bytes; i++) {
		int high = digit(text[2 + 2 * i]), low = digit(text[3 + 2 * i]);

		if (high < 0 || low < 0)
			return false;
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	memcpy(t->store, bytes, 16);
	t->base = pod_get_le32(bytes + 16);
	t->layer = pod_get_le32(bytes + 20);
	t->block = pod_get_le32(bytes + 24);
	layer_token_print(t, again);
	return strcmp(text, again) == 0;
}

/* --- reading -------------------------------------------------------------------------------------------- */

/* A block that goes out. */
struct slot {
	struct pod_stream_record r;
	uint8_t *block;
	bool full;
};

struct sending {
	struct layer_store *ls;
	const struct pod_stored *layer, *base; /* base NULL: none */
	struct disk *disk;
	unsigned since;
	struct pod_hashes below, now, known; /* of the base; of the layer; the same as it was kept, if it was */
	bool is_known;
	uint32_t odd;
	struct pod_stream_head head;
	struct pod_hasher hasher, running;
	uint32_t records;
	uint8_t bytes[POD_STREAM_RECORD_MAX]; /* of a record that goes out */
	struct slot slot[RING];
	/* What follows is looked at and changed with the lock. */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned read, written; /* slots, so far */
	bool ended, stop;	/* there are no more; nobody wants more */
	enum pod_status st;	/* of reading */
	uint32_t damaged;	/* a block that is not what it was, plus one */
};

/* Waits until a slot is free; NULL: nobody wants more. */
static struct slot *free_slot(struct sending *s)
{
	struct slot *t = &s->slot[s->read % RING];

	pthread_mutex_lock(&s->lock);
	while (t->full && !s->stop)
		pthread_cond_wait(&s->changed, &s->lock);
	if (s->stop)
		t = NULL;
	pthread_mutex_unlock(&s->lock);
	return t;
}

static void hand_over(struct sending *s, struct slot *t)
{
	pthread_mutex_lock(&s->lock);
	t->full = true;
	s->read++;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

/* Adds [off, off + len) of the block to what is sent of it. */
static void add_extent(struct pod_stream_record *r, uint32_t off, uint32_t len, bool zero)
{
	struct pod_stream_extent *last = r->extents ? &r->extent[r->extents - 1] : NULL;

	if (last && last->zero == zero && last->off + last->len == off)
		last->len += len;
	else if (r->extents < POD_STREAM_EXTENTS)
		r->extent[r->extents++] = (struct pod_stream_extent){off, len, zero};
	else
		r->count = 0; /* in too many pieces */
}

static void add_range(struct slot *t, uint32_t off, uint32_t end)
{
	for (uint32_t n; off < end; off += n) {
		n = GRAIN - (off & (GRAIN - 1));
		if (n > end - off)
			n = end - off;
		add_extent(&t->r, off, n, pod_all_zero(t->block + off, n));
	}
}

/* The ranges of one block that changed, from (off, len) on; leaves the first one behind it there. */
static enum pod_status take_block(struct sending *s, struct layer_walk *w, struct slot *t, uint64_t *off, uint64_t *len,
				  bool *found)
{
	uint32_t block = (uint32_t)(*off >> w->shift), bytes = pod_hashes_len(&s->now, block);
	uint64_t start = (uint64_t)block << w->shift;

	t->r = (struct pod_stream_record){.kind = POD_STREAM_DATA, .block = block, .count = 1};
	POD_TRY(pod_dev_read(&s->disk->chain.dev, start, t->block, bytes));
	while (*found && *off >> w->shift == block) {
		add_range(t, (uint32_t)(*off - start), (uint32_t)(*off + *len - start));
		POD_TRY(layer_walk_next(w, found, off, len));
	}
	if (!t->r.count) {
		t->r.extents = 1;
		t->r.count = 1;
		t->r.extent[0] = (struct pod_stream_extent){0, bytes, false};
	}
	pod_hashes_hash(&s->hasher, t->block, bytes, t->r.hash);
	return POD_OK;
}

static bool is_wanted(const struct sending *s, const struct pod_stream_record *r)
{
	static const uint8_t zeros[POD_HASH_LEN];
	const uint8_t *before = zeros;

	if (r->block < s->head.first)
		return false;
	/* The end of a smaller disk: what the base shows of the block is not all of it. */
	if (s->base && r->block == s->odd)
		return true;
	if (s->base && r->block < s->below.blocks)
		before = s->below.block[r->block];
	return memcmp(before, r->hash, POD_HASH_LEN) != 0;
}

static enum pod_status read_blocks(struct sending *s)
{
	struct layer_walk w = {.chain = &s->disk->chain, .since = s->since, .shift = s->now.shift};
	uint64_t off, len;
	struct slot *t;
	bool found;

	POD_TRY(layer_walk_next(&w, &found, &off, &len));
	while (found && (t = free_slot(s))) {
		uint32_t block;

		if (cli_interrupted)
			return POD_E_CANCELLED;
		/* What went out earlier is only looked at if nobody knows its hash. */
		if (s->is_known && off >> w.shift < s->head.first) {
			POD_TRY(layer_walk_next(&w, &found, &off, &len));
			continue;
		}
		POD_TRY(take_block(s, &w, t, &off, &len, &found));
		block = t->r.block;
		if (s->is_known && memcmp(s->known.block[block], t->r.hash, POD_HASH_LEN) != 0) {
			s->damaged = block + 1;
			return POD_E_CORRUPT;
		}
		memcpy(s->now.block[block], t->r.hash, POD_HASH_LEN);
		if (is_wanted(s, &t->r))
			hand_over(s, t);
	}
	return POD_OK;
}

static void *read_all(void *arg)
{
	struct sending *s = arg;
	enum pod_status st = read_blocks(s);

	pthread_mutex_lock(&s->lock);
	s->st = st;
	s->ended = true;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

/* --- writing -------------------------------------------------------------------------------------------- */

static bool put(const void *p, size_t len)
{
	return fwrite(p, 1, len, stdout) == len;
}

static bool put_record(struct sending *s, const struct pod_stream_record *r, const uint8_t *block)
{
	size_t n = pod_stream_put_record(r, s->bytes);
	bool ok = put(s->bytes, n);

	s->running.update(&s->running, s->bytes, n);
	for (uint32_t i = 0; i < r->extents && ok; i++)
		if (!r->extent[i].zero)
			ok = put(block + r->extent[i].off, r->extent[i].len);
	s->records++;
	return ok;
}

static bool put_zeros(struct sending *s, struct pod_stream_record *zeros)
{
	bool ok = !zeros->count || put_record(s, zeros, NULL);

	zeros->count = 0;
	return ok;
}

/* Blocks of zeros are gathered: a hole of many blocks is one record. */
static bool put_slot(struct sending *s, const struct slot *t, struct pod_stream_record *zeros)
{
	if (!pod_all_zero(t->r.hash, POD_HASH_LEN))
		return put_zeros(s, zeros) && put_record(s, &t->r, t->block);
	if (zeros->count && zeros->block + zeros->count == t->r.block) {
		zeros->count++;
		return true;
	}
	if (!put_zeros(s, zeros))
		return false;
	*zeros = (struct pod_stream_record){.kind = POD_STREAM_ZERO, .block = t->r.block, .count = 1};
	return true;
}

/* The next slot, or NULL when there are no more. */
static struct slot *next_slot(struct sending *s)
{
	struct slot *t = &s->slot[s->written % RING];

	pthread_mutex_lock(&s->lock);
	while (!t->full && !s->ended)
		pthread_cond_wait(&s->changed, &s->lock);
	if (!t->full)
		t = NULL;
	pthread_mutex_unlock(&s->lock);
	return t;
}

static bool write_all(struct sending *s)
{
	struct pod_stream_record *zeros = cli_xzalloc(sizeof *zeros);
	struct cli_progress bar;
	struct slot *t;
	bool ok = true;

	cli_progress_start(&bar, s->layer->name, s->head.size_bytes);
	while (ok && (t = next_slot(s))) {
		ok = put_slot(s, t, zeros);
		cli_progress_update(&bar, (uint64_t)t->r.block << s->now.shift);
		pthread_mutex_lock(&s->lock);
		t->full = false;
		s->written++;
		s->stop = !ok;
		pthread_cond_broadcast(&s->changed);
		pthread_mutex_unlock(&s->lock);
	}
	ok = ok && put_zeros(s, zeros);
	cli_progress_end(&bar);
	free(zeros);
	return ok;
}

static bool write_head(struct sending *s)
{
	uint8_t head[POD_STREAM_HEAD];

	pod_stream_put_head(&s->head, head);
	s->running.start(&s->running);
	s->running.update(&s->running, head, sizeof head);
	return put(head, sizeof head);
}

static bool write_end(struct sending *s)
{
	struct pod_stream_record *end = cli_xzalloc(sizeof *end);
	uint8_t hash[POD_HASH_LEN];
	bool ok;

	end->kind = POD_STREAM_END;
	end->count = s->records;
	pod_hashes_tree(&s->now, &s->hasher, end->hash);
	ok = put_record(s, end, NULL);
	s->running.finish(&s->running, hash);
	free(end);
	return ok && put(hash, sizeof hash) && fflush(stdout) == 0;
}

/* --- all of it ------------------------------------------------------------------------------------------ */

/* The last block of a base that is shorter or longer; and what is known of the layer, which is what it must be. */
static enum pod_status ready_hashes(struct sending *s)
{
	uint8_t *buf;
	enum pod_status st;

	POD_TRY(pod_hashes_init(&s->now, &cli_alloc, s->disk->chain.dev.size_bytes));
	s->odd = UINT32_MAX;
	if (s->base && !pod_hashes_adopt(&s->now, &s->below, &s->odd))
		return POD_E_UNSUPPORTED;
	s->is_known = layer_hashes_load(s->ls, s->layer, &s->known);
	if (s->is_known)
		memcpy(s->now.block, s->known.block, (size_t)s->now.blocks * POD_HASH_LEN);
	if (s->odd == UINT32_MAX || s->is_known)
		return POD_OK;
	buf = cli_xmalloc((size_t)1 << s->now.shift);
	st = pod_dev_read(&s->disk->chain.dev, (uint64_t)s->odd << s->now.shift, buf, pod_hashes_len(&s->now, s->odd));
	if (st == POD_OK)
		pod_hashes_hash(&s->hasher, buf, pod_hashes_len(&s->now, s->odd), s->now.block[s->odd]);
	free(buf);
	return st;
}

static enum pod_status fill_head(struct sending *s)
{
	struct layer_walk w = {.chain = &s->disk->chain, .since = s->since, .shift = s->now.shift};
	const struct pod_stored *e = s->layer;
	uint64_t off, len;
	bool found;

	memcpy(s->head.store, s->ls->s.id, sizeof s->head.store);
	s->head.layer.id = e->id;
	memcpy(s->head.layer.data_guid, e->data_guid, 16);
	snprintf(s->head.layer.name, sizeof s->head.layer.name, "%s", e->name);
	if (s->base) {
		s->head.base.id = s->base->id;
		memcpy(s->head.base.data_guid, s->base->data_guid, 16);
		snprintf(s->head.base.name, sizeof s->head.base.name, "%s", s->base->name);
		pod_hashes_tree(&s->below, &s->hasher, s->head.base_tree);
	}
	s->head.size_bytes = s->disk->chain.dev.size_bytes;
	s->head.sector_size = s->disk->chain.member[0]->sector_size;
	s->head.created = e->created;
	s->head.frozen = e->frozen;
	for (;;) {
		POD_TRY(layer_walk_next(&w, &found, &off, &len));
		if (!found)
			return POD_OK;
		s->head.changed_bytes += len;
	}
}

static int unreadable(const struct sending *s, enum pod_status st, struct fault *fault)
{
	if (s->damaged)
		return fault_set(fault,
				 _("%s: layer %s is not what it was when its hashes were taken: block at offset %llu; 'isopod "
				   "layer check --hash' shows all that changed"),
				 s->ls->dir.shown, s->layer->name, (unsigned long long)(s->damaged - 1) << s->now.shift);
	if (st == POD_E_UNSUPPORTED)
		return fault_set(fault,
				 _("%s: cannot send %s from %s on: their disks are of too different sizes; send all of it"),
				 s->ls->dir.shown, s->layer->name, s->base->name);
	if (st == POD_E_CANCELLED)
		return fault_set(fault, _("%s: interrupted: not all was sent"), s->ls->dir.shown);
	return disk_fail(s->layer->name, _("cannot read the layer"), st, NULL, NULL, fault);
}

static int transfer(struct sending *s, struct fault *fault)
{
	pthread_t thread;
	bool ok = write_head(s);
	int err = errno;

	if (ok && pthread_create(&thread, NULL, read_all, s) != 0)
		return fault_set(fault, "%s: %s", s->ls->dir.shown, strerror(EAGAIN));
	if (ok) {
		ok = write_all(s);
		err = errno;
		pthread_join(thread, NULL);
		if (ok && s->st != POD_OK)
			return unreadable(s, s->st, fault);
	}
	if (ok) {
		ok = write_end(s);
		err = errno;
	}
	if (cli_interrupted)
		return unreadable(s, POD_E_CANCELLED, fault);
	if (!ok)
		return fault_set(
			fault,
			_("standard output: cannot write to it: %s; 'isopod layer receive --status' there says from where "
			  "to go on"),
			strerror(err));
	return CLI_OK;
}

static int send_open(struct sending *s, struct fault *fault)
{
	enum pod_status st =
		layer_hasher_begin(&s->hasher, fault) && layer_hasher_begin(&s->running, fault) ? POD_OK : POD_E_UNSUPPORTED;
	int rc;

	if (st != POD_OK)
		return CLI_FAILED;
	st = ready_hashes(s);
	if (st == POD_OK)
		st = fill_head(s);
	if (st != POD_OK)
		return unreadable(s, st, fault);
	for (size_t i = 0; i < RING; i++)
		s->slot[i].block = cli_xmalloc((size_t)1 << s->now.shift);
	rc = transfer(s, fault);
	if (rc == CLI_OK && !s->is_known)
		layer_hashes_keep(s->ls, s->layer, &s->now, fault);
	return rc;
}

/* How many layers above `base` the layer stands. False: it does not stand on it. */
static bool distance(const struct pod_store *s, const struct pod_stored *layer, const struct pod_stored *base, unsigned *out)
{
	*out = 1;
	for (const struct pod_stored *p = pod_store_find(s, layer->parent); p; p = pod_store_find(s, p->parent), (*out)++)
		if (p == base)
			return true;
	return false;
}

static bool can_be_sent(const struct layer_store *ls, const struct pod_stored *e, struct fault *fault)
{
	if (e->flags & POD_STORED_FROZEN)
		return true;
	fault_set(fault, _("%s: cannot send %s: it may still be written to; take a snapshot first, and name that one"),
		  ls->dir.shown, e->name);
	return false;
}

static int send(struct layer_store *ls, const struct pod_stored *base, const struct pod_stored *layer, uint32_t first,
		struct fault *fault)
{
	struct sending *s = cli_xzalloc(sizeof *s);
	int rc = CLI_OK;

	*s = (struct sending){.ls = ls, .layer = layer, .base = base, .head = {.first = first}};
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->changed, NULL);
	s->disk = cli_xzalloc(sizeof *s->disk);
	if (layer_store_merging(&ls->s))
		rc = layer_store_refuse_commit(ls, layer_store_merging(&ls->s), fault);
	else if (!can_be_sent(ls, layer, fault) || (base && !can_be_sent(ls, base, fault)))
		rc = CLI_FAILED;
	else if (base && !distance(&ls->s, layer, base, &s->since))
		rc = fault_set(fault, _("%s: cannot send %s from %s on: it is not based on it"), ls->dir.shown, layer->name,
			       base->name);
	if (rc == CLI_OK && base)
		rc = layer_hashes_get(ls, base, &s->below, fault);
	if (rc == CLI_OK)
		rc = layer_store_open_disk(ls, layer, s->disk, fault);
	if (rc == CLI_OK) {
		if (!base)
			s->since = s->disk->chain.depth;
		else if (!layer_hashes_is_member(&s->disk->chain, s->since, base))
			rc = fault_set(
				fault,
				_("%s: cannot send %s: its files stand in another order than the index says; 'isopod layer "
				  "check --repair' finishes what was interrupted"),
				ls->dir.shown, layer->name);
		if (rc == CLI_OK)
			rc = send_open(s, fault);
		if (layer_store_close_disk(ls, s->disk, fault) != CLI_OK)
			rc = CLI_FAILED;
	}
	for (size_t i = 0; i < RING; i++)
		free(s->slot[i].block);
	layer_hasher_end(&s->hasher);
	layer_hasher_end(&s->running);
	pod_hashes_fini(&s->below);
	pod_hashes_fini(&s->now);
	pod_hashes_fini(&s->known);
	free(s->disk);
	free(s);
	return rc;
}

/* "A..B", or "B" alone. A name may have ".." in it itself. */
static int find_layers(struct layer_store *ls, const char *arg, const struct pod_stored **base, const struct pod_stored **layer,
		       struct fault *fault)
{
	*base = NULL;
	*layer = pod_store_named(&ls->s, arg);
	for (const char *dots = strstr(arg, ".."); dots && !*layer; dots = strstr(dots + 1, "..")) {
		char *name = cli_xasprintf("%.*s", (int)(dots - arg), arg);

		*base = pod_store_named(&ls->s, name);
		*layer = *base ? pod_store_named(&ls->s, dots + 2) : NULL;
		free(name);
	}
	if (*layer)
		return CLI_OK;
	return fault_set(fault, _("%s: there is no layer '%s'; 'isopod layer list' shows what there is"), ls->dir.shown, arg);
}

static int find_token(struct layer_store *ls, const char *text, const struct pod_stored **base, const struct pod_stored **layer,
		      uint32_t *first, struct fault *fault)
{
	struct layer_token t;

	if (!layer_token_parse(text, &t))
		return fault_set(fault, _("%s: is none that 'isopod layer receive --status' prints"), text);
	*base = pod_store_find(&ls->s, t.base);
	*layer = pod_store_find(&ls->s, t.layer);
	*first = t.block;
	if (memcmp(t.store, ls->s.id, sizeof t.store) != 0 || !*layer || !*base != !t.base)
		return fault_set(fault, _("%s: what is to go on does not come from this store, or its layers are gone"),
				 ls->dir.shown);
	return CLI_OK;
}

int layer_cmd_send(const struct cli_command *cmd, int argc, char **argv, struct fault *fault)
{
	static const struct option options[] = {{"resume", required_argument, NULL, 'r'}, {NULL, 0, NULL, 0}};
	const struct pod_stored *base = NULL, *layer = NULL;
	const char *token = NULL;
	struct layer_store *ls;
	uint32_t first = 0;
	int c, rc;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == '?')
			return cli_bad_option(fault, cmd, argv);
		token = optarg;
	}
	if (argc - optind != (token ? 1 : 2))
		return cli_usage(fault, cmd, "%s",
				 token ? _("name one STORE") : _("name one STORE, and A..B, or one layer to send all of it"));
	if (isatty(STDOUT_FILENO))
		return cli_usage(fault, cmd, "%s",
				 _("standard output is a terminal: send it to 'isopod layer receive' or to a file"));
	cli_catch_signals();
	(void)fcntl(STDOUT_FILENO, F_SETPIPE_SZ, PIPE_BYTES); /* fewer changes from one process to the other */
	ls = cli_xzalloc(sizeof *ls);
	rc = layer_store_open(ls, argv[optind], false, fault);
	if (rc == CLI_OK) {
		rc = token ? find_token(ls, token, &base, &layer, &first, fault)
			   : find_layers(ls, argv[optind + 1], &base, &layer, fault);
		if (rc == CLI_OK && layer)
			rc = send(ls, base, layer, first, fault);
		if (layer_store_close(ls, fault) != CLI_OK)
			rc = CLI_FAILED;
	}
	free(ls);
	return rc;
}
