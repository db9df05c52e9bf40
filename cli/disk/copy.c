/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The content of one virtual disk into another that is empty yet.
 *
 * Two threads: one reads pieces of the source into a ring of buffers, the other leaves out zeros and writes. Large writes go past
 * the page cache (cli_dev_direct): filling the cache costs more than the disk does, and the flush at the end has nothing left to
 * wait for.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/disk/disk.h"
#include "core/base/bytes.h"

#define PIECE	   (4u << 20)
#define RING	   4u
#define WRITE_BACK (64u << 20)
#define GRAIN	   4096u /* zeros are left out in units of this; buffers are aligned to it */

struct piece {
	uint64_t off;
	size_t len; /* 0: there are no more pieces */
	uint8_t *buf;
};

struct copying {
	struct pod_chain *from;
	uint64_t base; /* where the source begins in what is written */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct piece ring[RING];
	unsigned read, written; /* pieces, so far; read - written <= RING */
	bool stop;		/* the writer has given up */
	enum pod_status st;	/* of reading; settled before the last piece is there */
};

/* --- reading -------------------------------------------------------------------------------------------- */

/* A raw file's holes are not worth reading. */
static uint64_t skip_hole(const struct pod_chain *c, const struct pod_chain_run *r)
{
	const struct pod_member *l = c->member[r->member];
	const struct disk_file *f = (const struct disk_file *)l->file;
	off_t data;

	if (l->dev != l->file->dev || f->dev.is_block)
		return 0;
	data = lseek(f->dev.fd, (off_t)r->file_off, SEEK_DATA);
	if (data < 0)
		return 0;
	return pod_min_u64((uint64_t)data - r->file_off, r->len);
}

/* The next piece that may hold something else than zeros; p->len is 0 behind the last one. */
static enum pod_status read_piece(struct pod_chain *from, uint64_t *off, struct piece *p)
{
	uint64_t size = from->dev.size_bytes;

	p->len = 0;
	while (*off < size) {
		struct pod_chain_run r;
		uint64_t n;

		POD_TRY(pod_chain_run(from, *off, size - *off, &r));
		n = r.kind == POD_RUN_ZERO ? r.len : skip_hole(from, &r);
		if (!n) {
			p->off = *off;
			p->len = (size_t)pod_min_u64(r.len, PIECE);
			*off += p->len;
			return pod_dev_read(from->member[r.member]->dev, r.file_off, p->buf, p->len);
		}
		*off += n;
	}
	return POD_OK;
}

static void *read_all(void *arg)
{
	struct copying *c = arg;
	enum pod_status st = POD_OK;
	uint64_t off = 0;
	bool more = true;

	while (more) {
		struct piece *p = &c->ring[c->read % RING];

		pthread_mutex_lock(&c->lock);
		while (c->read - c->written == RING && !c->stop)
			pthread_cond_wait(&c->changed, &c->lock);
		more = !c->stop;
		pthread_mutex_unlock(&c->lock);
		if (!more)
			break;
		st = read_piece(c->from, &off, p);
		if (st != POD_OK)
			p->len = 0;
		more = p->len != 0;
		pthread_mutex_lock(&c->lock);
		c->st = st;
		c->read++;
		pthread_cond_signal(&c->changed);
		pthread_mutex_unlock(&c->lock);
	}
	return NULL;
}

/* --- writing -------------------------------------------------------------------------------------------- */

/* Writes a piece but for grains of zeros. */
static enum pod_status write_sparse(struct pod_dev *to, uint64_t off, const uint8_t *p, size_t len)
{
	for (size_t at = 0; at < len;) {
		size_t n = len - at < GRAIN ? len - at : GRAIN, from = at;
		bool zero = pod_all_zero(p + at, n);

		for (at += n; at < len; at += n) {
			n = len - at < GRAIN ? len - at : GRAIN;
			if (pod_all_zero(p + at, n) != zero)
				break;
		}
		if (!zero)
			POD_TRY(pod_dev_write(to, off + from, p + from, at - from));
	}
	return POD_OK;
}

/* Begins to write back what went through the page cache after all. */
static void write_back(const struct disk_file *f)
{
	(void)!sync_file_range(f->dev.fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}

static enum pod_status write_all(struct copying *c, struct pod_dev *to, const struct disk_file *f, struct cli_progress *bar)
{
	enum pod_status st = POD_OK;
	uint64_t pending = 0;

	for (;;) {
		struct piece *p = &c->ring[c->written % RING];

		pthread_mutex_lock(&c->lock);
		while (c->read == c->written)
			pthread_cond_wait(&c->changed, &c->lock);
		pthread_mutex_unlock(&c->lock);
		if (!p->len || cli_interrupted)
			break;
		st = write_sparse(to, c->base + p->off, p->buf, p->len);
		if (st != POD_OK)
			break;
		pending += p->len;
		if (pending >= WRITE_BACK) {
			write_back(f);
			pending = 0;
		}
		cli_progress_update(bar, p->off + p->len);
		pthread_mutex_lock(&c->lock);
		c->written++;
		pthread_cond_signal(&c->changed);
		pthread_mutex_unlock(&c->lock);
	}
	pthread_mutex_lock(&c->lock);
	c->stop = true;
	pthread_cond_signal(&c->changed);
	pthread_mutex_unlock(&c->lock);
	return st;
}

enum pod_status disk_copy_to(struct pod_chain *from, struct pod_dev *to, struct disk_file *f, uint64_t base, const char *label)
{
	struct copying c = {.from = from, .base = base, .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
	enum pod_status st = POD_E_NOMEM;
	struct cli_progress bar;
	pthread_t reader;
	uint8_t *memory = aligned_alloc(GRAIN, (size_t)PIECE * RING);

	cli_dev_direct(&f->dev);
	for (unsigned i = 0; i < from->depth; i++)
		cli_dev_direct(&((struct disk_file *)from->member[i]->file)->dev);
	for (unsigned i = 0; memory && i < RING; i++)
		c.ring[i].buf = memory + (size_t)i * PIECE;
	if (memory && pthread_create(&reader, NULL, read_all, &c) == 0) {
		cli_progress_start(&bar, label, from->dev.size_bytes);
		st = write_all(&c, to, f, &bar);
		pthread_join(reader, NULL);
		cli_progress_end(&bar);
		if (st == POD_OK && !cli_interrupted)
			st = c.st;
	}
	free(memory);
	return st;
}

enum pod_status disk_copy(struct pod_chain *from, struct pod_chain *to, uint64_t base, const char *label)
{
	return disk_copy_to(from, &to->dev, (struct disk_file *)to->member[0]->file, base, label);
}
