/* SPDX-License-Identifier: BSD-2-Clause */
/* A new folder, which gets its name when it is whole. Nothing that is in it already is followed or written over. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/host/tempfile.h"
#include "cli/host/temporary.h"
#include "cli/layer/diff_sink.h"

#define NAME_SIZE 256u

struct folder {
	struct diff_sink sink; /* first */
	char *temporary;       /* what it is called yet */
	int fd, file;	       /* of the folder; of the file that is being written, or -1 */
	FILE *text[2];
};

/* The folder of that name in `fd`, which is closed; -1 and errno. */
static int enter(int fd, const char *name)
{
	int next = -1, err;

	if (mkdirat(fd, name, 0777) == 0 || errno == EEXIST)
		next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	err = errno;
	close(fd);
	errno = err;
	return next;
}

/* The folder that a path lies in, made if need be, and its last name. -1 and errno. */
static int parent_of(const struct folder *f, const char *path, char name[NAME_SIZE])
{
	int fd = fcntl(f->fd, F_DUPFD_CLOEXEC, 3);

	while (fd >= 0) {
		size_t n = strcspn(path, "/");

		snprintf(name, NAME_SIZE, "%.*s", (int)n, path);
		path += n;
		if (!*path++)
			return fd;
		fd = enter(fd, name);
	}
	return -1;
}

static void close_keeping_errno(int fd)
{
	int err = errno;

	if (fd >= 0)
		close(fd);
	errno = err;
}

static bool folder(struct diff_sink *s, const char *path, const struct diff_want *w)
{
	char name[NAME_SIZE];
	int fd = parent_of((struct folder *)s, path, name);

	(void)w;
	if (fd >= 0)
		fd = enter(fd, name);
	close_keeping_errno(fd);
	return fd >= 0;
}

static int begin(struct diff_sink *s, const char *path, uint64_t size_bytes)
{
	struct folder *f = (struct folder *)s;
	char name[NAME_SIZE];
	int fd = parent_of(f, path, name);

	f->file = -1;
	if (fd >= 0)
		f->file = openat(fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (f->file >= 0 && ftruncate(f->file, (off_t)size_bytes) != 0) {
		close_keeping_errno(f->file);
		f->file = -1;
	}
	close_keeping_errno(fd);
	return f->file;
}

static bool end(struct diff_sink *s, const char *path, const struct diff_want *w, bool whole)
{
	struct folder *f = (struct folder *)s;
	struct timespec t[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = w->mtime}};
	char name[NAME_SIZE];
	int fd;

	(void)futimens(f->file, t);
	close(f->file);
	f->file = -1;
	if (whole)
		return true;
	/* half a file looks like one */
	fd = parent_of(f, path, name);
	if (fd >= 0) {
		(void)unlinkat(fd, name, 0);
		close(fd);
	}
	return true;
}

static bool put_link(struct diff_sink *s, const char *path, const struct diff_want *w, const char *target)
{
	char name[NAME_SIZE];
	int fd = parent_of((struct folder *)s, path, name);
	bool ok = fd >= 0 && symlinkat(target, fd, name) == 0;

	(void)w;
	close_keeping_errno(fd);
	return ok;
}

static FILE *text(struct diff_sink *s, const char *name)
{
	struct folder *f = (struct folder *)s;
	FILE **t = &f->text[f->text[0] != NULL];
	int fd = openat(f->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

	*t = fd >= 0 ? fdopen(fd, "w") : NULL;
	return *t;
}

static int close_folder(struct diff_sink *s, bool ok, struct fault *fault)
{
	struct folder *f = (struct folder *)s;
	int rc = CLI_OK;

	for (size_t i = 0; i < POD_ARRAY_LEN(f->text); i++)
		if (f->text[i] && fclose(f->text[i]) != 0 && !s->error)
			s->error = errno;
	if (ok && s->error)
		rc = fault_set(fault, _("%s: cannot write it to the disk: %s"), s->path, strerror(s->error));
	if (ok && rc == CLI_OK && !tempfile_commit(f->temporary, s->path, false, fault))
		rc = CLI_FAILED;
	if ((!ok || rc != CLI_OK) && f->temporary)
		temporary_remove(cli_xstrdup(f->temporary));
	if (f->fd >= 0)
		close(f->fd);
	free(f->temporary);
	free(s->path);
	free(f);
	return rc;
}

static const struct diff_sink_ops ops = {
	.folder = folder, .begin = begin, .end = end, .link = put_link, .text = text, .close = close_folder};

struct diff_sink *diff_folder_begin(const char *dir, struct fault *fault)
{
	struct folder *f = cli_xzalloc(sizeof *f);
	char *path = cli_xstrdup(dir);
	struct stat st;

	while (strlen(path) > 1 && path[strlen(path) - 1] == '/')
		path[strlen(path) - 1] = '\0';
	*f = (struct folder){.sink = {.ops = &ops, .path = path}, .fd = -1, .file = -1};
	if (lstat(path, &st) == 0) {
		fault_set(fault, _("%s: exists already; name another folder, or remove it first"), dir);
	} else {
		f->temporary = tempfile_name(path);
		if (mkdir(f->temporary, 0777) == 0)
			f->fd = open(f->temporary, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (f->fd < 0)
			fault_set(fault, _("%s: cannot make a folder there: %s"), dir, strerror(errno));
	}
	if (f->fd >= 0)
		return &f->sink;
	(void)close_folder(&f->sink, false, NULL);
	return NULL;
}
