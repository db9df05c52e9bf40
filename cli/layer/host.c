/* SPDX-License-Identifier: BSD-2-Clause */
/* A layer store in a folder of the host. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include "cli/host/lock.h"
#include "cli/layer/dir.h"

struct host_file {
	struct disk_file f; /* first */
	bool unfinished;
};

static struct disk_file *host_open(struct store_dir *d, const char *name, bool writable, struct fault *fault)
{
	struct host_file *h = cli_xzalloc(sizeof *h);
	char *path = store_dir_name(d, name);
	/* Readers of the index need no lock: its slots are written in turn. */
	bool unsafe = d->unsafe || strcmp(name, POD_STORE_INDEX) == 0;
	enum disk_use use = writable ? DISK_WRITE : unsafe ? DISK_READ_UNSAFE : DISK_READ;
	/* A copy of the store made of hard links, a backup, would change with it, and know nothing of that. */
	bool ok = !writable || !cli_dev_has_other_name(path);

	if (!ok)
		fault_set(
			fault,
			_("%s: has another name (a hard link), as in a copy by 'cp -l' or a backup, and that would change, too; "
			  "replace it by a copy of itself first"),
			path);
	ok = ok && disk_file_open(&h->f, path, use, fault);
	free(path);
	if (ok)
		return &h->f;
	free(h);
	return NULL;
}

static struct disk_file *host_create(struct store_dir *d, const char *name, uint64_t capacity, struct fault *fault)
{
	struct host_file *h = cli_xzalloc(sizeof *h);
	char *path = store_dir_name(d, name);
	bool ok;

	(void)capacity;
	ok = disk_file_create(&h->f, path, fault);
	free(path);
	h->unfinished = true;
	if (ok)
		return &h->f;
	free(h);
	return NULL;
}

struct syncing {
	struct store_dir *dir;
	struct fault fault; /* of this thread */
	bool ok;
};

static void *sync_main(void *arg)
{
	struct syncing *s = arg;

	s->ok = s->dir->ops->sync(s->dir, &s->fault);
	return NULL;
}

/* The file and its name at the same time: the disk is asked once for both. */
static bool host_finish(struct store_dir *d, struct disk_file *f, struct fault *fault)
{
	struct host_file *h = (struct host_file *)f;
	struct syncing s = {.dir = d};
	pthread_t thread;
	bool apart = pthread_create(&thread, NULL, sync_main, &s) == 0;
	enum pod_status st = pod_dev_flush(&f->dev.dev);

	if (apart)
		pthread_join(thread, NULL);
	else if (st == POD_OK)
		sync_main(&s);
	fault_move(fault, &s.fault);
	if (st != POD_OK) {
		fault_status(fault, f->dev.path, _("cannot write it to the disk"), st, NULL);
		return false;
	}
	h->unfinished = !s.ok;
	return s.ok;
}

static void host_close(struct store_dir *d, struct disk_file *f, struct fault *fault)
{
	struct host_file *h = (struct host_file *)f;

	(void)d;
	if (!f)
		return;
	if (h->unfinished && unlink(f->dev.path) != 0)
		fault_warn(fault, _("%s: cannot be removed: %s"), f->dev.path, strerror(errno));
	disk_file_close(f);
	free(h);
}

static bool host_exists(struct store_dir *d, const char *name)
{
	struct stat st;

	return fstatat(d->fd, name, &st, 0) == 0 && S_ISREG(st.st_mode);
}

static bool failed(const struct store_dir *d, const char *name, const char *what, struct fault *fault)
{
	fault_set(fault, "%s/%s: %s: %s", d->shown, name, what, strerror(errno));
	return false;
}

static bool host_rename(struct store_dir *d, const char *from, const char *to, struct fault *fault)
{
	if (renameat(d->fd, from, d->fd, to) != 0)
		return failed(d, from, _("cannot be renamed"), fault);
	return true;
}

static bool host_remove(struct store_dir *d, const char *name, struct fault *fault)
{
	if (unlinkat(d->fd, name, 0) != 0 && errno != ENOENT)
		return failed(d, name, _("cannot be removed"), fault);
	return true;
}

static bool host_sync(struct store_dir *d, struct fault *fault)
{
	if (fsync(d->fd) == 0 || errno == EINVAL)
		return true;
	fault_set(fault, _("%s: cannot write it to the disk: %s"), d->shown, strerror(errno));
	return false;
}

static bool host_each(struct store_dir *d, void (*cb)(void *, const char *, uint64_t, int64_t, bool), void *ctx,
		      struct fault *fault)
{
	DIR *dir = opendir(d->path);
	struct dirent *e;

	if (!dir) {
		fault_set(fault, "%s: %s", d->shown, strerror(errno));
		return false;
	}
	while ((e = readdir(dir))) {
		struct stat st;

		if (fstatat(d->fd, e->d_name, &st, 0) == 0 && S_ISREG(st.st_mode))
			cb(ctx, e->d_name, (uint64_t)st.st_size, st.st_mtime, !(st.st_mode & S_IWUSR));
	}
	closedir(dir);
	return true;
}

static bool host_space(struct store_dir *d, uint64_t *free_bytes, struct fault *fault)
{
	struct statvfs v;

	if (fstatvfs(d->fd, &v) != 0) {
		fault_set(fault, "%s: %s", d->shown, strerror(errno));
		return false;
	}
	*free_bytes = (uint64_t)v.f_bavail * v.f_frsize;
	return true;
}

static bool host_protect(struct store_dir *d, const char *name, bool read_only, struct fault *fault)
{
	struct stat st;
	mode_t mode;

	(void)fault;
	if (fstatat(d->fd, name, &st, 0) != 0)
		return false;
	mode = st.st_mode & 07777;
	/* Who may read it may write to it again, as far as the owner's bits of before can be guessed. */
	mode = read_only ? mode & ~(mode_t)0222 : mode | S_IWUSR;
	return mode == (st.st_mode & 07777) || fchmodat(d->fd, name, mode, 0) == 0;
}

static void host_shut(struct store_dir *d)
{
	if (d->fd >= 0)
		close(d->fd);
}

static const struct store_ops host_ops = {
	.sparse = true,
	.open = host_open,
	.create = host_create,
	.finish = host_finish,
	.close = host_close,
	.exists = host_exists,
	.rename = host_rename,
	.remove = host_remove,
	.sync = host_sync,
	.each = host_each,
	.space = host_space,
	.protect = host_protect,
	.shut = host_shut,
};

bool store_host_open(struct store_dir *d, bool make, struct fault *fault)
{
	d->ops = &host_ops;
	if (make && mkdir(d->path, 0777) != 0 && errno != EEXIST) {
		fault_set(fault, _("%s: cannot make a folder there: %s"), d->shown, strerror(errno));
		return false;
	}
	d->fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d->fd < 0) {
		fault_set(fault, _("%s: cannot open the folder: %s"), d->shown, strerror(errno));
		return false;
	}
	/* The index is locked as well, but not before there is one: while a store is made, or its index made anew. */
	return !d->writable || cli_lock_folder(d->fd, d->shown, fault);
}
