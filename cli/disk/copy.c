/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The content of one virtual disk into another that is empty yet.
 *
 * One thread reads pieces of the source into a ring of buffers, others leave out zeros and write: several of them if the target is a raw
 * file, as then what is written where does not depend on what was written before, and drives do more at a time; else one. Large writes
 * go past the page cache (cli_dev_direct): filling the cache costs more than the disk does, and the flush at the end has nothing left
 * to wait for.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/disk/disk.h"
#include "core/base/bytes.h"

#define PIECE	   (4u << 20)
#define RING	   8u
#define WRITERS	   4u
#define WRITE_BACK (64u << 20)
#define HOLE	   (256u << 20)
#define GRAIN	   4096u /* zeros are left out in units of this; buffers are aligned to it */

struct piece {
	uint64_t off;
	size_t len;
	bool full; /* read, and not written yet */
	bool zero; /* nothing was read: it is a hole, of up to HOLE bytes */
	uint8_t *buf;
};

struct copying {
	const struct disk_copy_job *job;
	/* What follows is looked at and changed with the lock. */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct piece ring[RING];
	unsigned read, taken; /* pieces, so far */
	uint64_t pending;     /* bytes since writing back was begun */
	bool ended;	      /* there are no more pieces */
	enum pod_status st;   /* the first failure: nobody goes on */
};

/* --- reading -------------------------------------------------------------------------------------------- */

/* A file's holes are not worth reading. In a raw one they may go on behind the run, as the bytes of the disk do, if no other file has a say. */
static uint64_t skip_hole(const struct pod_chain *c, const struct pod_chain_run *r)
{
	const struct pod_member *l = c->member[r->member];
	const struct disk_file *f = (const struct disk_file *)l->file;
	off_t data;

	if (l->dev != l->file->dev || f->dev.is_block)
		return 0;
	data = lseek(f->dev.fd, (off_t)r->file_off, SEEK_DATA);
	if (data < 0 && errno != ENXIO)
		return 0;
	if (l->kind != POD_MEMBER_RAW || c->depth > 1)
		return data < 0 ? r->len : pod_min_u64((uint64_t)data - r->file_off, r->len);
	/* ENXIO: nothing but a hole up to the file's end */
	return (data < 0 ? l->size_bytes : (uint64_t)data) - r->file_off;
}

/* The next piece, with `zeros` also one that is a hole; p->len is 0 behind the last one. */
static enum pod_status read_piece(struct pod_chain *from, uint64_t *off, uint64_t end, bool zeros, struct piece *p)
{
	p->len = 0;
	while (*off < end) {
		struct pod_chain_run r;
		uint64_t n;

		POD_TRY(pod_chain_run(from, *off, end - *off, &r));
		n = pod_min_u64(r.kind == POD_RUN_ZERO ? r.len : skip_hole(from, &r), end - *off);
		p->zero = n && zeros;
		if (p->zero) {
			p->off = *off;
			p->len = (size_t)pod_min_u64(n, HOLE);
			*off += p->len;
			return POD_OK;
		}
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

static void fail(struct copying *c, enum pod_status st)
{
	if (c->st == POD_OK)
		c->st = st;
	pthread_cond_broadcast(&c->changed);
}

static void *read_all(void *arg)
{
	struct copying *c = arg;
	uint64_t off = c->job->start;

	pthread_mutex_lock(&c->lock);
	while (!c->ended && c->st == POD_OK) {
		struct piece *p = &c->ring[c->read % RING];
		enum pod_status st;

		if (p->full) {
			pthread_cond_wait(&c->changed, &c->lock);
			continue;
		}
		pthread_mutex_unlock(&c->lock);
		p->len = 0;
		st = cli_interrupted ? POD_OK : read_piece(c->job->from, &off, c->job->end, c->job->zeros, p);
		pthread_mutex_lock(&c->lock);
		if (st != POD_OK)
			fail(c, st);
		c->ended = !p->len;
		p->full = p->len != 0;
		c->read += p->full;
		pthread_cond_broadcast(&c->changed);
	}
	pthread_mutex_unlock(&c->lock);
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

/* A drive can often do that by itself. */
static enum pod_status write_hole(const struct disk_copy_job *job, uint64_t off, size_t len)
{
	enum pod_status st = cli_dev_punch(&job->file->dev, off, len);
	uint8_t *zeros;

	if (st == POD_OK)
		return st;
	st = POD_OK;
	zeros = cli_xzalloc(PIECE);
	for (size_t at = 0, n; at < len && st == POD_OK && !cli_interrupted; at += n) {
		n = len - at < PIECE ? len - at : PIECE;
		st = pod_dev_write(job->to, off + at, zeros, n);
	}
	free(zeros);
	return st;
}

static enum pod_status write_piece(const struct disk_copy_job *job, const struct piece *p)
{
	if (p->zero)
		return write_hole(job, job->base + p->off, p->len);
	return job->zeros ? pod_dev_write(job->to, job->base + p->off, p->buf, p->len)
			  : write_sparse(job->to, job->base + p->off, p->buf, p->len);
}

/* Begins to write back what went through the page cache after all. */
static void write_back(const struct disk_file *f)
{
	(void)!sync_file_range(f->dev.fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}

/* The next piece, or NULL. With the lock. */
static struct piece *take_piece(struct copying *c)
{
	while (c->taken == c->read && !c->ended && c->st == POD_OK)
		pthread_cond_wait(&c->changed, &c->lock);
	return c->st == POD_OK && c->taken != c->read ? &c->ring[c->taken++ % RING] : NULL;
}

static void *write_all(void *arg)
{
	struct copying *c = arg;
	struct piece *p;

	pthread_mutex_lock(&c->lock);
	while ((p = take_piece(c))) {
		enum pod_status st;
		bool back;

		c->pending += p->len;
		back = c->pending >= WRITE_BACK;
		if (back)
			c->pending = 0;
		pthread_mutex_unlock(&c->lock);
		st = write_piece(c->job, p);
		if (back)
			write_back(c->job->file);
		pthread_mutex_lock(&c->lock);
		if (st != POD_OK)
			fail(c, st);
		cli_progress_update(c->job->bar, p->off + p->len);
		p->full = false;
		pthread_cond_broadcast(&c->changed);
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

/* `writers` of them, one of which we are. */
static enum pod_status run(struct copying *c, unsigned writers)
{
	pthread_t thread[WRITERS];
	unsigned n = 0;

	if (pthread_create(&thread[n], NULL, read_all, c) != 0)
		return POD_E_NOMEM;
	for (n = 1; n < writers && pthread_create(&thread[n], NULL, write_all, c) == 0;)
		n++;
	write_all(c);
	while (n)
		pthread_join(thread[--n], NULL);
	return c->st;
}

enum pod_status disk_copy_range(const struct disk_copy_job *job)
{
	struct copying c = {.job = job, .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
	enum pod_status st = POD_E_NOMEM;
	uint8_t *memory = aligned_alloc(GRAIN, (size_t)PIECE * RING);

	cli_dev_direct(&job->file->dev);
	for (unsigned i = 0; i < job->from->depth; i++)
		cli_dev_direct(&((struct disk_file *)job->from->member[i]->file)->dev);
	for (unsigned i = 0; memory && i < RING; i++)
		c.ring[i].buf = memory + (size_t)i * PIECE;
	if (memory)
		st = run(&c, job->to == &job->file->dev.dev ? WRITERS : 1);
	free(memory);
	return st;
}

struct pod_dev *disk_copy_target(struct pod_chain *to)
{
	struct disk_file *f = (struct disk_file *)to->member[0]->file;

	return to->member[0]->kind == POD_MEMBER_RAW ? &f->dev.dev : &to->dev;
}

enum pod_status disk_copy(struct pod_chain *from, struct pod_chain *to, uint64_t base, const char *label)
{
	struct cli_progress bar;
	const struct disk_copy_job job = {.from = from,
					  .to = disk_copy_target(to),
					  .file = (struct disk_file *)to->member[0]->file,
					  .base = base,
					  .end = from->dev.size_bytes,
					  .bar = &bar};
	enum pod_status st;

	cli_progress_start(&bar, label, from->dev.size_bytes);
	st = disk_copy_range(&job);
	cli_progress_end(&bar);
	return st;
}
