/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Three threads around a ring of buffers: the reader fills, the hasher and the writer each take every buffer in order, and a
 * buffer is free again when both are through with it. Writing to the medium is started at once (sync_file_range), so that the
 * flush at the end finds little left to do.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/stick/copy.h"
#include "cli/host/digest.h"

#define BUFFER_SIZE (2u << 20)
#define BUFFERS	    8u
#define ALIGNMENT   4096u

struct ring {
	struct cli_copy *copy;
	uint8_t *data;
	size_t len[BUFFERS];
	uint64_t filled, hashed, written; /* buffers so far */
	bool end;			  /* the reader has filled the last one */
	bool stop;			  /* somebody failed */
	int read_errno;
	bool source_short;
	uint64_t stop_bytes; /* where */
	enum pod_status write_status;
	struct cli_digest *sha;
	pthread_mutex_t lock;
	pthread_cond_t changed;
};

static void fail(struct ring *r, uint64_t at)
{
	pthread_mutex_lock(&r->lock);
	if (!r->stop)
		r->stop_bytes = at;
	r->stop = true;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
}

/* Waits for a free buffer; false when it is time to stop. */
static bool wait_free(struct ring *r)
{
	bool go;

	pthread_mutex_lock(&r->lock);
	while (!r->stop && (r->filled - r->hashed == BUFFERS || r->filled - r->written == BUFFERS))
		pthread_cond_wait(&r->changed, &r->lock);
	go = !r->stop;
	pthread_mutex_unlock(&r->lock);
	return go;
}

/* Waits for buffer number `n`; false when there is none any more. */
static bool wait_filled(struct ring *r, uint64_t n)
{
	bool go;

	pthread_mutex_lock(&r->lock);
	while (!r->stop && !r->end && r->filled <= n)
		pthread_cond_wait(&r->changed, &r->lock);
	go = !r->stop && r->filled > n;
	pthread_mutex_unlock(&r->lock);
	return go;
}

static void advance(struct ring *r, uint64_t *counter)
{
	pthread_mutex_lock(&r->lock);
	++*counter;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
}

static void *reader_main(void *arg)
{
	struct ring *r = arg;
	uint64_t off = 0, size = r->copy->size_bytes;

	while (off < size && wait_free(r)) {
		uint64_t slot = r->filled % BUFFERS;
		size_t want = size - off < BUFFER_SIZE ? (size_t)(size - off) : BUFFER_SIZE, got = 0;

		while (got < want) {
			ssize_t n = pread(r->copy->source_fd, r->data + slot * BUFFER_SIZE + got, want - got, (off_t)(off + got));

			if (n < 0 && errno == EINTR)
				continue;
			if (n <= 0) {
				r->read_errno = n < 0 ? errno : 0;
				r->source_short = n == 0;
				fail(r, off + got);
				return NULL;
			}
			got += (size_t)n;
		}
		r->len[slot] = want;
		off += want;
		advance(r, &r->filled);
	}
	pthread_mutex_lock(&r->lock);
	r->end = true;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

static void *hasher_main(void *arg)
{
	struct ring *r = arg;

	for (uint64_t n = 0; wait_filled(r, n); n++) {
		cli_digest_update(r->sha, r->data + n % BUFFERS * BUFFER_SIZE, r->len[n % BUFFERS]);
		advance(r, &r->hashed);
	}
	return NULL;
}

/* Writes or reads [off, off + len) of the file where its extents lie. */
static enum pod_status each_extent(struct cli_copy *c, uint64_t off, uint8_t *buf, size_t len, bool write, int direct_fd)
{
	for (size_t i = 0; i < c->extent_count && len; i++) {
		const struct pod_extent *e = &c->extent[i];
		uint64_t at, in;
		size_t n;

		if (off >= e->file_bytes + e->length_bytes)
			continue;
		in = off - e->file_bytes;
		n = e->length_bytes - in < len ? (size_t)(e->length_bytes - in) : len;
		at = e->dev_bytes + in;
		if (write) {
			POD_TRY(pod_dev_write(&c->dev->dev, at, buf, n));
			sync_file_range(c->dev->fd, (off_t)at, (off_t)n, SYNC_FILE_RANGE_WRITE);
		} else if (direct_fd >= 0) {
			/* whole sectors: the tail of the last cluster is ours as well */
			size_t whole = (n + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
			ssize_t got = pread(direct_fd, buf, whole, (off_t)at);

			if (got < (ssize_t)n)
				return got < 0 ? cli_errno_status(errno) : POD_E_IO;
		} else {
			posix_fadvise(c->dev->fd, (off_t)at, (off_t)n, POSIX_FADV_DONTNEED);
			POD_TRY(pod_dev_read(&c->dev->dev, at, buf, n));
		}
		buf += n;
		off += n;
		len -= n;
	}
	return len ? POD_E_RANGE : POD_OK;
}

/* The writer runs in the calling thread, which also draws the progress bar. */
static void write_all(struct ring *r)
{
	struct cli_copy *c = r->copy;
	struct cli_progress p;
	uint64_t off = 0;

	cli_progress_start(&p, c->source, c->size_bytes);
	for (uint64_t n = 0; wait_filled(r, n); n++) {
		size_t len = r->len[n % BUFFERS];
		enum pod_status st = each_extent(c, off, r->data + n % BUFFERS * BUFFER_SIZE, len, true, -1);

		if (st != POD_OK || cli_interrupted) {
			r->write_status = st;
			fail(r, off);
			break;
		}
		off += len;
		cli_progress_update(&p, off);
		advance(r, &r->written);
	}
	cli_progress_end(&p);
}

static bool explain(const struct ring *r, struct fault *fault)
{
	const struct cli_copy *c = r->copy;

	if (!r->stop)
		return true;
	if (cli_interrupted)
		return false;
	if (r->write_status != POD_OK) {
		char *what = cli_xasprintf(_("cannot write byte %llu of %s"), (unsigned long long)r->stop_bytes, c->source);

		fault_status(fault, c->dev->path, what, r->write_status, NULL);
		free(what);
	} else if (r->source_short) {
		fault_set(fault,
			  _("%s: the file became shorter while it was copied (it ends at byte %llu of %llu); nothing was added"),
			  c->source, (unsigned long long)r->stop_bytes, (unsigned long long)c->size_bytes);
	} else {
		fault_set(fault, _("%s: cannot read at byte %llu: %s; nothing was added, check the source medium"), c->source,
			  (unsigned long long)r->stop_bytes, strerror(r->read_errno));
	}
	return false;
}

/* What was hashed is the file only if nobody wrote to it meanwhile. Files of /proc say that they are empty, and hold something.
 */
static bool is_whole(const struct cli_copy *c, const struct stat *before, struct fault *fault)
{
	struct stat after;
	ssize_t more;
	char byte;

	do
		more = pread(c->source_fd, &byte, 1, (off_t)c->size_bytes);
	while (more < 0 && errno == EINTR);
	if (fstat(c->source_fd, &after) == 0 && more == 0 && after.st_size == before->st_size &&
	    after.st_mtim.tv_sec == before->st_mtim.tv_sec && after.st_mtim.tv_nsec == before->st_mtim.tv_nsec)
		return true;
	if (more != 0 && after.st_size == before->st_size)
		fault_set(fault,
			  _("%s: it holds more than its size of %llu bytes says, as files of /proc do; nothing was added, "
			    "copy it to a plain file first"),
			  c->source, (unsigned long long)c->size_bytes);
	else
		fault_set(fault, _("%s: the file was written to while it was copied; nothing was added"), c->source);
	return false;
}

static void take_hex(struct cli_digest *sha, char hex[65])
{
	char all[2 * CLI_DIGEST_MAX + 1];

	cli_digest_hex(sha, all);
	memcpy(hex, all, 64);
	hex[64] = '\0';
}

bool cli_copy_run(struct cli_copy *c, struct fault *fault)
{
	struct ring *r = cli_xzalloc(sizeof *r);
	pthread_t reader, hasher;
	bool ok = false, have_reader, have_hasher = false;
	struct stat before = {0};

	r->copy = c;
	r->sha = cli_digest_need("sha256", fault);
	if (!r->sha)
		goto out;
	r->data = cli_xmalloc((size_t)BUFFERS * BUFFER_SIZE);
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->changed, NULL);
	(void)fstat(c->source_fd, &before);
	posix_fadvise(c->source_fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	have_reader = pthread_create(&reader, NULL, reader_main, r) == 0;
	if (have_reader)
		have_hasher = pthread_create(&hasher, NULL, hasher_main, r) == 0;
	if (have_hasher) {
		write_all(r);
	} else {
		fault_set(fault, "%s", _("cannot start a thread"));
		fail(r, 0);
	}
	if (have_reader)
		pthread_join(reader, NULL);
	if (have_hasher)
		pthread_join(hasher, NULL);
	ok = have_hasher && explain(r, fault) && is_whole(c, &before, fault);
	if (ok)
		take_hex(r->sha, c->hex);
	pthread_cond_destroy(&r->changed);
	pthread_mutex_destroy(&r->lock);
out:
	free(r->data);
	cli_digest_free(r->sha);
	free(r);
	return ok;
}

/* A second descriptor that bypasses the cache; -1 where the filesystem has no such thing. */
static int open_direct(const struct cli_copy *c)
{
	struct stat a, b;
	int fd = open(c->dev->path, O_RDONLY | O_DIRECT | O_CLOEXEC);

	if (fd < 0)
		return -1;
	/* the path must still lead to the same file, and the place must be aligned */
	if (fstat(fd, &a) != 0 || fstat(c->dev->fd, &b) != 0 || a.st_dev != b.st_dev || a.st_ino != b.st_ino) {
		close(fd);
		return -1;
	}
	for (size_t i = 0; i < c->extent_count; i++)
		if (c->extent[i].dev_bytes % ALIGNMENT || (i + 1 < c->extent_count && c->extent[i].length_bytes % ALIGNMENT)) {
			close(fd);
			return -1;
		}
	return fd;
}

bool cli_copy_verify(struct cli_copy *c, bool *same, struct fault *fault)
{
	struct cli_digest *sha = cli_digest_need("sha256", fault);
	int direct = open_direct(c);
	enum pod_status st = POD_OK;
	struct cli_progress p;
	char hex[65];
	uint8_t *buf;
	uint64_t off = 0;

	if (!sha)
		return false;
	buf = cli_xmalloc(BUFFER_SIZE);
	cli_progress_start(&p, _("reading back"), c->size_bytes);
	while (off < c->size_bytes && st == POD_OK && !cli_interrupted) {
		size_t n = c->size_bytes - off < BUFFER_SIZE ? (size_t)(c->size_bytes - off) : BUFFER_SIZE;

		st = each_extent(c, off, buf, n, false, direct);
		if (st != POD_OK && direct >= 0) {
			close(direct);
			direct = -1;
			st = each_extent(c, off, buf, n, false, direct);
		}
		if (st == POD_OK)
			cli_digest_update(sha, buf, n);
		off += n;
		cli_progress_update(&p, off);
	}
	cli_progress_end(&p);
	take_hex(sha, hex);
	*same = strcmp(hex, c->hex) == 0;
	if (st != POD_OK)
		fault_status(fault, c->dev->path, _("cannot read the copy back"), st, NULL);
	if (direct >= 0)
		close(direct);
	free(buf);
	cli_digest_free(sha);
	return st == POD_OK && !cli_interrupted;
}

enum pod_status cli_copy_data(struct cli_dev *from, struct pod_dev *to, uint64_t start_bytes)
{
	uint8_t *buf = cli_xmalloc(BUFFER_SIZE);
	enum pod_status st = POD_OK;
	off_t at = 0, end;

	while (st == POD_OK && (at = lseek(from->fd, at, SEEK_DATA)) >= 0) {
		end = lseek(from->fd, at, SEEK_HOLE);
		for (; at < end && st == POD_OK && !cli_interrupted;
		     at += (off_t)pod_min_u64((uint64_t)(end - at), BUFFER_SIZE)) {
			size_t n = (size_t)pod_min_u64((uint64_t)(end - at), BUFFER_SIZE);

			st = pod_dev_read(&from->dev, (uint64_t)at, buf, n);
			if (st == POD_OK)
				st = pod_dev_write(to, start_bytes + (uint64_t)at, buf, n);
		}
		if (cli_interrupted)
			st = POD_E_CANCELLED;
	}
	free(buf);
	return st;
}
