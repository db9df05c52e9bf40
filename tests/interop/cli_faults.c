/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Linked into a second copy of the command for the fault tests, in the place of cli/host/dev_stack.c: a device on top of the
 * host's that records or cuts what passes through it, or bends it to what a bad drive does. A layer store's names: store_faults.c.
 *
 *   ISOPOD_TEST_LOG=FILE   appends each write to TARGET: le64 offset, le64 length, data; a flush is offset 2^64-1, length 0
 *   ISOPOD_TEST_CUT=N      the process kills itself before the Nth write (1-based); writes before it are done
 *   ISOPOD_TEST_SIGNAL=N   the process gets SIGINT before the Nth write, once
 *   ISOPOD_TEST_FAIL=N     the Nth write and all later ones go to a closed file: the command sees errors
 *   ISOPOD_TEST_FULL=N     no space from the Nth write on: nothing more is written, no file gets longer
 *   ISOPOD_TEST_EIO=N      the Nth write fails, and it alone
 *   ISOPOD_TEST_NO_FLUSH=N the Nth flush fails, and it alone: whether what was written is there, the command cannot know
 *   ISOPOD_TEST_SLOW=MS     sleeps before each write of 1 MiB and more
 *   ISOPOD_TEST_WRAP=N      TARGET really has N bytes: what lies behind lands on it again, a counterfeit drive
 *   ISOPOD_TEST_LOSE=N      TARGET really has N bytes: what is written behind is gone, zeros are read there
 *   ISOPOD_TEST_BADREAD=N   reads of byte N of TARGET fail
 *   ISOPOD_TEST_FLIP=N       before each flush, byte N of TARGET is turned over if it was not yet: a drive that does not keep
 * what it is given ISOPOD_TEST_ROOT=DIR   /proc and /sys are looked for below DIR
 *   ISOPOD_TEST_STORE=FILE  appends what happens to the files of a layer store, by name: "W path\noffset length\n" and the data,
 *                           "Z path\noffset length\n" a hole, "F path\n" flush, "T path\nsize\n"; names: store_faults.c
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/host/dev.h"
#include "cli/host/safety.h"
#include "core/base/bytes.h"

static unsigned long long wrap_at, lose_at, bad_read;
static long cut_at, fail_at, signal_at, slow_ms, flip_at, full_at, eio_at, no_flush_at, count, flushes;
static int log_fd = -1;
static bool flipped;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void put(const void *p, size_t len)
{
	while (len) {
		ssize_t n = write(log_fd, p, len);

		if (n <= 0)
			abort();
		p = (const char *)p + n;
		len -= (size_t)n;
	}
}

static FILE *store_log;

/* --- the device ----------------------------------------------------------------------------------------- */

static const struct cli_dev_ops *host;

/* A drive that does not keep what it is given, once there is something. */
static void flip(const struct cli_dev *d)
{
	uint8_t byte;

	if (!flipped && pread(d->fd, &byte, 1, flip_at) == 1 && byte != 0) {
		byte ^= 0xff;
		flipped = pwrite(d->fd, &byte, 1, flip_at) == 1;
	}
}

/* What a stick that was pulled out looks like: every call fails from now on. */
static void pull_out(const struct cli_dev *d)
{
	int bad = open("/dev/null", O_RDONLY);

	if (bad >= 0 && bad != d->fd) {
		dup2(bad, d->fd);
		if (d->direct_fd >= 0)
			dup2(bad, d->direct_fd);
		close(bad);
	}
}

/* Before each change. Under the lock. */
static void change(const struct cli_dev *d)
{
	count++;
	if (cut_at && count >= cut_at)
		raise(SIGKILL);
	if (signal_at && count == signal_at)
		raise(SIGINT);
	if (fail_at && count >= fail_at)
		pull_out(d);
}

/* After change(): why this one fails; 0: it does not. */
static int refusal(void)
{
	return full_at && count >= full_at ? ENOSPC : eio_at && count == eio_at ? EIO : 0;
}

static int fails(int why)
{
	errno = why;
	return -1;
}

static void put_record(uint64_t off_bytes, const void *buf, size_t len)
{
	uint8_t head[16];

	if (log_fd < 0)
		return;
	pod_put_le64(head, off_bytes);
	pod_put_le64(head + 8, len);
	put(head, sizeof head);
	put(buf, len);
}

/* Where a read or write of a counterfeit drive really lands. */
static uint64_t place(const struct cli_dev *d, uint64_t off_bytes, size_t *len)
{
	uint64_t size = wrap_at ? wrap_at : lose_at, in;

	/* pread refuses a negative place */
	if (bad_read)
		return bad_read >= off_bytes && bad_read - off_bytes < *len ? UINT64_MAX : off_bytes;
	if (!size)
		return off_bytes;
	in = off_bytes % size;
	if (off_bytes / size == 0 || wrap_at) {
		if (*len > size - in)
			*len = (size_t)(size - in);
		return off_bytes < d->dev.size_bytes ? in : off_bytes;
	}
	/* the file has a hole there, and keeps it */
	if (!d->dev.read_only && fallocate(d->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)lose_at,
					   (off_t)(d->dev.size_bytes - lose_at)) != 0)
		abort();
	return off_bytes;
}

static ssize_t fault_read(struct cli_dev *d, void *buf, size_t len, uint64_t off_bytes)
{
	uint64_t at = place(d, off_bytes, &len);

	return host->read(d, buf, len, at);
}

static ssize_t fault_write(struct cli_dev *d, const void *buf, size_t len, uint64_t off_bytes)
{
	uint64_t at = place(d, off_bytes, &len);

	if (slow_ms && len >= 1u << 20)
		usleep((useconds_t)slow_ms * 1000);
	pthread_mutex_lock(&lock);
	change(d);
	if (refusal()) {
		pthread_mutex_unlock(&lock);
		return fails(refusal());
	}
	put_record(off_bytes, buf, len);
	if (store_log) {
		fprintf(store_log, "W %s\n%llu %zu\n", d->path, (unsigned long long)off_bytes, len);
		fwrite(buf, 1, len, store_log);
		fflush(store_log);
	}
	pthread_mutex_unlock(&lock);
	return host->write(d, buf, len, at);
}

static int fault_flush(struct cli_dev *d)
{
	pthread_mutex_lock(&lock);
	if (flip_at)
		flip(d);
	if (fail_at && count >= fail_at)
		pull_out(d);
	put_record(UINT64_MAX, NULL, 0);
	if (store_log) {
		fprintf(store_log, "F %s\n", d->path);
		fflush(store_log);
	}
	if (++flushes == no_flush_at) {
		pthread_mutex_unlock(&lock);
		return fails(EIO);
	}
	pthread_mutex_unlock(&lock);
	return host->flush(d);
}

static int fault_resize(struct cli_dev *d, uint64_t size_bytes)
{
	pthread_mutex_lock(&lock);
	if (full_at && count + 1 >= full_at && size_bytes > d->dev.size_bytes) {
		pthread_mutex_unlock(&lock);
		return fails(ENOSPC);
	}
	if (store_log) {
		fprintf(store_log, "T %s\n%llu\n", d->path, (unsigned long long)size_bytes);
		fflush(store_log);
	}
	pthread_mutex_unlock(&lock);
	return host->resize(d, size_bytes);
}

/* Recorded if it could be done: else zeros are written in its place. */
static int fault_punch(struct cli_dev *d, uint64_t off_bytes, uint64_t len_bytes)
{
	int r;

	pthread_mutex_lock(&lock);
	change(d);
	r = host->punch(d, off_bytes, len_bytes);
	if (r == 0 && store_log) {
		fprintf(store_log, "Z %s\n%llu %llu\n", d->path, (unsigned long long)off_bytes, (unsigned long long)len_bytes);
		fflush(store_log);
	}
	pthread_mutex_unlock(&lock);
	return r;
}

/* Changes nothing that a reader sees, so there is nothing to record. */
static int fault_reserve(struct cli_dev *d, uint64_t off_bytes, uint64_t len_bytes)
{
	return full_at && count + 1 >= full_at ? fails(ENOSPC) : host->reserve(d, off_bytes, len_bytes);
}

const struct cli_dev_ops *cli_dev_stack(const struct cli_dev_ops *below)
{
	static const struct cli_dev_ops ops = {.read = fault_read,
					       .write = fault_write,
					       .flush = fault_flush,
					       .resize = fault_resize,
					       .punch = fault_punch,
					       .reserve = fault_reserve};

	host = below;
	return &ops;
}

/* --- what is wanted ------------------------------------------------------------------------------------- */

__attribute__((constructor)) static void arm(void)
{
	const char *s;

	if ((s = getenv("ISOPOD_TEST_CUT")))
		cut_at = atol(s);
	if ((s = getenv("ISOPOD_TEST_FAIL")))
		fail_at = atol(s);
	if ((s = getenv("ISOPOD_TEST_FULL")))
		full_at = atol(s);
	if ((s = getenv("ISOPOD_TEST_EIO")))
		eio_at = atol(s);
	if ((s = getenv("ISOPOD_TEST_NO_FLUSH")))
		no_flush_at = atol(s);
	if ((s = getenv("ISOPOD_TEST_LOG")))
		log_fd = open(s, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if ((s = getenv("ISOPOD_TEST_ROOT")))
		cli_safety_root = strdup(s);
	if ((s = getenv("ISOPOD_TEST_SLOW")))
		slow_ms = atol(s);
	if ((s = getenv("ISOPOD_TEST_FLIP")))
		flip_at = atol(s);
	if ((s = getenv("ISOPOD_TEST_WRAP")))
		wrap_at = strtoull(s, NULL, 10);
	if ((s = getenv("ISOPOD_TEST_LOSE")))
		lose_at = strtoull(s, NULL, 10);
	if ((s = getenv("ISOPOD_TEST_BADREAD")))
		bad_read = strtoull(s, NULL, 10);
	if ((s = getenv("ISOPOD_TEST_SIGNAL")))
		signal_at = atol(s);
	if ((s = getenv("ISOPOD_TEST_STORE")))
		store_log = fopen(s, "ab");
}
