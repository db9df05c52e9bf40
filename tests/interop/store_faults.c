/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Linked into the fault build (-Wl,--wrap=store_host_open): a layer store in a folder, stacked on the real one.
 *
 *   ISOPOD_TEST_STORE=FILE    appends what happens to names, one write each, among the writes to files that cli_faults.c logs:
 *                             "C path\n" create, "M from\nto\n" rename, "U path\n" unlink, "S path\n" sync of the folder
 *   ISOPOD_TEST_NO_SYNC=NAME  flushes of the file NAME, opened for writing, fail after they were done: the caller cannot know
 *   ISOPOD_TEST_KEEP=TEXT     files whose names hold TEXT cannot be removed
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/layer/dir.h"

bool __real_store_host_open(struct store_dir *d, bool make, struct fault *fault);
bool __wrap_store_host_open(struct store_dir *d, bool make, struct fault *fault);

static const struct store_ops *below;
static struct store_ops stacked;
static int log_fd = -1;

/* Two threads may log at once: each event is one write behind all others. */
static void log_event(char what, const char *a, const char *b)
{
	char *text = b ? cli_xasprintf("%c %s\n%s\n", what, a, b) : cli_xasprintf("%c %s\n", what, a);
	size_t len = strlen(text);

	if (log_fd >= 0 && write(log_fd, text, len) != (ssize_t)len)
		abort();
	free(text);
}

static enum pod_status done_but_failed(struct pod_dev *d)
{
	struct cli_dev *dev = (struct cli_dev *)d;

	if (fdatasync(dev->fd) != 0)
		abort();
	return POD_E_IO;
}

static struct disk_file *faulty_open(struct store_dir *d, const char *name, bool writable, struct fault *fault)
{
	struct disk_file *f = below->open(d, name, writable, fault);
	const char *no_sync = getenv("ISOPOD_TEST_NO_SYNC");

	if (f && writable && no_sync && strcmp(no_sync, name) == 0)
		f->dev.dev.flush = done_but_failed;
	return f;
}

static struct disk_file *faulty_create(struct store_dir *d, const char *name, uint64_t capacity, struct fault *fault)
{
	char *path = store_dir_name(d, name);

	log_event('C', path, NULL);
	free(path);
	return below->create(d, name, capacity, fault);
}

static bool faulty_rename(struct store_dir *d, const char *from, const char *to, struct fault *fault)
{
	char *a = store_dir_name(d, from), *b = store_dir_name(d, to);

	log_event('M', a, b);
	free(a);
	free(b);
	return below->rename(d, from, to, fault);
}

static bool faulty_remove(struct store_dir *d, const char *name, struct fault *fault)
{
	char *path = store_dir_name(d, name);
	const char *keep = getenv("ISOPOD_TEST_KEEP");
	bool kept = keep && strstr(name, keep);

	if (kept)
		fault_set(fault, "%s: kept", path);
	else
		log_event('U', path, NULL);
	free(path);
	return !kept && below->remove(d, name, fault);
}

static bool faulty_sync(struct store_dir *d, struct fault *fault)
{
	log_event('S', d->path, NULL);
	return below->sync(d, fault);
}

bool __wrap_store_host_open(struct store_dir *d, bool make, struct fault *fault)
{
	const char *path = getenv("ISOPOD_TEST_STORE");
	bool ok = __real_store_host_open(d, make, fault);

	if (path && log_fd < 0)
		log_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	below = d->ops;
	stacked = *below;
	stacked.open = faulty_open;
	stacked.create = faulty_create;
	stacked.rename = faulty_rename;
	stacked.remove = faulty_remove;
	stacked.sync = faulty_sync;
	d->ops = &stacked;
	return ok;
}
