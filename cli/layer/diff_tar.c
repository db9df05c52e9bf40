/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A tar archive, which gets its name when it is whole; on standard output it just ends.
 *
 * Each file is written as a nameless file first: what turns out to be damaged in its middle is never in the archive. Whoever
 * extracts it must stay inside of a folder, whatever the names say, on a filesystem that knows no capital letters, too: symbolic
 * links come last, so that nothing is ever written through one, and no name comes twice or below something that is no folder.
 */
#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/host/tempfile.h"
#include "cli/layer/diff_sink.h"
#include "cli/layer/tar.h"

#define PATH_LEN_MAX 4095u /* what can be extracted at all */

/* A name that the archive has. */
struct taken {
	bool is_folder;
	char path[];
};
struct link_entry {
	struct tar_entry e;
	char *path, *target;
};
struct archive {
	struct diff_sink sink; /* first */
	struct tar tar;
	char *temporary; /* NULL: standard output */
	int file;	 /* the nameless one */
	FILE *text[2];
	const char *text_name[2];
	void *names; /* of struct taken, for tsearch() */
	struct link_entry *link;
	size_t links, cap_links;
};

/* --- names ---------------------------------------------------------------------------------------------- */

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct taken *)a)->path, ((const struct taken *)b)->path);
}

/* False and errno: the archive has something else of that name. */
static bool take_one(struct archive *a, const char *path, size_t len, bool is_folder)
{
	struct taken *mine = cli_xzalloc(sizeof *mine + len + 1), **found;

	memcpy(mine->path, path, len);
	mine->is_folder = is_folder;
	found = (struct taken **)tsearch(mine, &a->names, by_path);
	if (found && *found == mine)
		return true;
	free(mine);
	errno = !found ? ENOMEM : is_folder ? ENOTDIR : EEXIST;
	return found && is_folder && (*found)->is_folder;
}

/* The same, and the folders that it lies in. */
static bool take(struct archive *a, const char *path, bool is_folder)
{
	if (strlen(path) > PATH_LEN_MAX) {
		errno = ENAMETOOLONG;
		return false;
	}
	for (const char *s = strchr(path, '/'); s; s = strchr(s + 1, '/'))
		if (!take_one(a, path, (size_t)(s - path), true))
			return false;
	return take_one(a, path, strlen(path), is_folder);
}

static struct tar_entry entry_of(const char *path, const struct diff_want *w)
{
	return (struct tar_entry){.path = path, .mode = w->mode, .uid = w->uid, .gid = w->gid, .mtime = w->mtime};
}

/* --- what comes in -------------------------------------------------------------------------------------- */

/* What failed while the archive was written is about all of it. */
static bool written(struct archive *a, bool ok)
{
	if (!ok)
		a->sink.error = errno = a->tar.error;
	return ok;
}

static bool folder(struct diff_sink *s, const char *path, const struct diff_want *w)
{
	struct archive *a = (struct archive *)s;
	struct tar_entry e = entry_of(path, w);

	return take(a, path, true) && written(a, tar_folder(&a->tar, &e));
}

static int begin(struct diff_sink *s, const char *path, uint64_t size_bytes)
{
	struct archive *a = (struct archive *)s;

	if (!take(a, path, false) || ftruncate(a->file, 0) != 0 || ftruncate(a->file, (off_t)size_bytes) != 0)
		return -1;
	return a->file;
}

static bool end(struct diff_sink *s, const char *path, const struct diff_want *w, bool whole)
{
	struct archive *a = (struct archive *)s;
	struct tar_entry e = entry_of(path, w);

	return !whole || written(a, tar_file(&a->tar, &e, a->file));
}

static bool put_link(struct diff_sink *s, const char *path, const struct diff_want *w, const char *target)
{
	struct archive *a = (struct archive *)s;
	struct link_entry *l;

	if (!take(a, path, false))
		return false;
	if (a->links == a->cap_links) {
		a->cap_links = a->cap_links ? 2 * a->cap_links : 64;
		a->link = cli_xrealloc(a->link, a->cap_links, sizeof *a->link);
	}
	l = &a->link[a->links++];
	*l = (struct link_entry){.e = entry_of(NULL, w), .path = cli_xstrdup(path), .target = cli_xstrdup(target)};
	l->e.path = l->path;
	l->e.mode = 0777;
	return true;
}

static FILE *text(struct diff_sink *s, const char *name)
{
	struct archive *a = (struct archive *)s;
	size_t i = a->text[0] != NULL;

	a->text_name[i] = name;
	a->text[i] = tmpfile();
	return a->text[i];
}

/* --- the archive ---------------------------------------------------------------------------------------- */

static bool finish(struct archive *a)
{
	for (size_t i = 0; i < POD_ARRAY_LEN(a->text); i++) {
		const struct tar_entry e = {.path = a->text_name[i], .mode = 0644};

		if (a->text[i] && fflush(a->text[i]) != 0)
			a->tar.error = errno;
		if (a->text[i] && !a->tar.error)
			(void)tar_file(&a->tar, &e, fileno(a->text[i]));
	}
	for (size_t i = 0; i < a->links && !a->tar.error; i++)
		(void)tar_link(&a->tar, &a->link[i].e, a->link[i].target);
	if (!a->tar.error)
		(void)tar_end(&a->tar);
	if (!a->tar.error && a->temporary && fsync(a->tar.fd) != 0)
		a->tar.error = errno;
	return written(a, !a->tar.error);
}

static int close_archive(struct diff_sink *s, bool ok, struct fault *fault)
{
	struct archive *a = (struct archive *)s;
	int rc = CLI_OK;

	if (ok && (s->error || !finish(a)))
		rc = fault_set(fault, _("%s: cannot write it to the disk: %s"), s->path, strerror(s->error));
	for (size_t i = 0; i < POD_ARRAY_LEN(a->text); i++)
		if (a->text[i])
			fclose(a->text[i]);
	if (a->tar.fd >= 0)
		close(a->tar.fd);
	if (a->file >= 0)
		close(a->file);
	if (ok && rc == CLI_OK && a->temporary && !tempfile_commit(a->temporary, s->path, false, fault))
		rc = CLI_FAILED;
	if (a->temporary && (!ok || rc != CLI_OK))
		unlink(a->temporary);
	for (size_t i = 0; i < a->links; i++) {
		free(a->link[i].path);
		free(a->link[i].target);
	}
	free(a->link);
	tdestroy(a->names, free);
	free(a->temporary);
	free(s->path);
	free(a);
	return rc;
}

static const struct diff_sink_ops ops = {
	.folder = folder, .begin = begin, .end = end, .link = put_link, .text = text, .close = close_archive};

/* Where there is space for the largest file once more: beside the archive, or for temporary files. -1, and has said why. */
static int nameless(const char *beside, struct fault *fault)
{
	const char *tmp = getenv("TMPDIR");
	char *path = beside ? cli_xstrdup(beside) : cli_xasprintf("%s/isopod", tmp && *tmp ? tmp : "/tmp");
	char *name = tempfile_make(path, fault);
	int fd = name ? open(name, O_RDWR | O_CLOEXEC | O_NOFOLLOW) : -1;

	if (name && fd < 0)
		fault_set(fault, _("%s: cannot make a file: %s"), name, strerror(errno));
	if (name)
		unlink(name);
	free(name);
	free(path);
	return fd;
}

struct diff_sink *diff_tar_begin(const char *file, struct fault *fault)
{
	struct archive *a = cli_xzalloc(sizeof *a);
	bool out = strcmp(file, "-") == 0;
	struct stat st;

	*a = (struct archive){.sink = {.ops = &ops, .path = cli_xstrdup(out ? _("standard output") : file)}, .tar = {.fd = -1}};
	a->file = -1;
	if (!out && lstat(file, &st) == 0)
		fault_set(fault, _("%s: exists already; name another file, or remove it first"), file);
	else if (out)
		a->tar.fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	else if ((a->temporary = tempfile_make(file, fault)) != NULL)
		a->tar.fd = open(a->temporary, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (a->tar.fd < 0 && (out || a->temporary))
		fault_set(fault, _("%s: cannot write it to the disk: %s"), a->sink.path, strerror(errno));
	if (a->tar.fd >= 0)
		a->file = nameless(out ? NULL : file, fault);
	if (a->file >= 0)
		return &a->sink;
	(void)close_archive(&a->sink, false, NULL);
	return NULL;
}
