/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include "cli/host/tempfile.h"
#include "cli/host/temporary.h"
#include "cli/layer/diff_export.h"
#include "cli/mount/list.h"
#include "core/fs/fs.h"

#define PIECE	  (1u << 20)
#define SMALL_MAX (4u << 20) /* of a file that the filesystem reads by itself (in its record, packed) */
#define NAMES_MAX 255u	     /* bytes of a file's name on the host */
#define REMOVED	  "removed.txt"
#define MISSING	  "missing.txt"

struct diff_export {
	char *path, *temporary; /* what it will be called, and is called yet */
	int fd;			/* of the folder */
	FILE *removed, *missing;
	uint64_t missed;
	struct diff_want *want; /* of one volume */
	size_t n, cap;
	char **gone;
	size_t n_gone, cap_gone;
	char *volume; /* "p2" */
	int file;     /* that is being written; -1 */
	uint64_t size_bytes;
	int error; /* writing failed: all of it */
};

/* --- the folder ----------------------------------------------------------------------------------------- */

static FILE *text_file(struct diff_export *x, const char *name)
{
	int fd = openat(x->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

	return fd >= 0 ? fdopen(fd, "w") : NULL;
}

struct diff_export *diff_export_begin(const char *dir, struct fault *fault)
{
	struct diff_export *x = cli_xzalloc(sizeof *x);
	struct stat st;

	x->fd = x->file = -1;
	x->path = cli_xstrdup(dir);
	while (strlen(x->path) > 1 && x->path[strlen(x->path) - 1] == '/')
		x->path[strlen(x->path) - 1] = '\0';
	if (lstat(x->path, &st) == 0) {
		fault_set(fault, _("%s: exists already; name another folder, or remove it first"), dir);
	} else {
		x->temporary = tempfile_name(x->path);
		if (mkdir(x->temporary, 0777) == 0)
			x->fd = open(x->temporary, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (x->fd >= 0)
			x->removed = text_file(x, REMOVED);
		if (!x->removed)
			fault_set(fault, _("%s: cannot make a folder there: %s"), dir, strerror(errno));
	}
	if (x->removed)
		return x;
	(void)diff_export_end(x, false, NULL);
	return NULL;
}

static void forget(struct diff_export *x)
{
	for (size_t i = 0; i < x->n; i++)
		free(x->want[i].path);
	for (size_t i = 0; i < x->n_gone; i++)
		free(x->gone[i]);
	x->n = x->n_gone = 0;
}

int diff_export_end(struct diff_export *x, bool ok, struct fault *fault)
{
	int rc = CLI_OK;

	if (x->removed && fclose(x->removed) != 0 && !x->error)
		x->error = errno;
	if (x->missing && fclose(x->missing) != 0 && !x->error)
		x->error = errno;
	if (ok && x->error)
		rc = fault_set(fault, _("%s: cannot write it to the disk: %s"), x->path, strerror(x->error));
	if (ok && rc == CLI_OK && !tempfile_commit(x->temporary, x->path, false, fault))
		rc = CLI_FAILED;
	if (ok && rc == CLI_OK && x->missed)
		rc = fault_set(fault, _("%s: %llu files could not be written; %s names them"), x->path,
			       (unsigned long long)x->missed, MISSING);
	else if ((!ok || rc != CLI_OK) && x->temporary)
		temporary_remove(cli_xstrdup(x->temporary));
	forget(x);
	if (x->fd >= 0)
		close(x->fd);
	free(x->want);
	free(x->gone);
	free(x->volume);
	free(x->temporary);
	free(x->path);
	free(x);
	return rc;
}

/* --- what is noted -------------------------------------------------------------------------------------- */

void diff_export_note(struct diff_export *x, const struct diff_entry *before, const struct diff_entry *after)
{
	if (before && (!after || strcmp(before->path, after->path) != 0)) {
		if (x->n_gone == x->cap_gone) {
			x->cap_gone = x->cap_gone ? 2 * x->cap_gone : 64;
			x->gone = cli_xrealloc(x->gone, x->cap_gone, sizeof *x->gone);
		}
		x->gone[x->n_gone++] = cli_xstrdup(before->path);
	}
	if (!after)
		return;
	if (x->n == x->cap) {
		x->cap = x->cap ? 2 * x->cap : 64;
		x->want = cli_xrealloc(x->want, x->cap, sizeof *x->want);
	}
	x->want[x->n++] = (struct diff_want){cli_xstrdup(after->path), after->is_dir, after->mtime};
}

/* --- writing -------------------------------------------------------------------------------------------- */

/* A path as a line: what is in it must not make two. */
static void put_path(FILE *f, const char *volume, const char *path)
{
	size_t size = 3 * strlen(path) + 1;
	char *shown = cli_xmalloc(size);

	if (list_show_name(path, shown, size))
		fprintf(f, "%s%s", volume, shown);
	free(shown);
}

static void miss(struct diff_export *x, const char *path, const char *why)
{
	if (!x->missing)
		x->missing = text_file(x, MISSING);
	if (!x->missing) {
		x->error = errno;
		return;
	}
	x->missed++;
	put_path(x->missing, x->volume, path);
	fprintf(x->missing, ": %s\n", why);
}

void diff_export_miss(struct diff_export *x, size_t i, const char *why)
{
	miss(x, x->want[i].path, why);
}

const struct diff_want *diff_export_wanted(const struct diff_export *x, size_t *n)
{
	*n = x->n;
	return x->want;
}

/* The next name of a path as it may be on the host; false: none that may. */
static bool next_name(const char **path, char name[NAMES_MAX + 1])
{
	size_t n;
	char *part;
	bool ok;

	*path += strspn(*path, "/");
	n = strcspn(*path, "/");
	part = cli_xzalloc(n + 1);
	memcpy(part, *path, n);
	*path += n;
	ok = n && strcmp(part, ".") != 0 && strcmp(part, "..") != 0 && list_show_name(part, name, NAMES_MAX + 1);
	free(part);
	return ok;
}

/* The folder of that name in `fd`, which is closed; -1 and errno. Nothing that is there already is followed. */
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
static int parent_of(struct diff_export *x, const char *path, char name[NAMES_MAX + 1])
{
	int fd = enter(fcntl(x->fd, F_DUPFD_CLOEXEC, 3), x->volume);

	while (fd >= 0) {
		if (!next_name(&path, name)) {
			close(fd);
			errno = EINVAL;
			return -1;
		}
		if (!*path)
			return fd;
		fd = enter(fd, name);
	}
	return -1;
}

/* The drive is what is wrong, not the name. */
static bool is_fatal(int err)
{
	return err == ENOSPC || err == EDQUOT || err == EIO || err == EROFS;
}

static void failed(struct diff_export *x, const char *path)
{
	if (is_fatal(errno))
		x->error = errno;
	else
		miss(x, path, strerror(errno));
}

bool diff_export_open(struct diff_export *x, size_t i, uint64_t size_bytes)
{
	char name[NAMES_MAX + 1];
	int fd = parent_of(x, x->want[i].path, name);

	x->file = -1;
	x->size_bytes = size_bytes;
	if (fd >= 0)
		x->file = openat(fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (x->file >= 0 && ftruncate(x->file, (off_t)x->size_bytes) != 0) {
		close(x->file);
		x->file = -1;
	}
	if (x->file < 0)
		failed(x, x->want[i].path);
	if (fd >= 0)
		close(fd);
	return x->file >= 0;
}

enum pod_status diff_export_data(struct diff_export *x, uint64_t off, const void *data, size_t len)
{
	const uint8_t *p = data;

	if (!pod_in_range(off, len, x->size_bytes))
		return POD_E_RANGE;
	while (len) {
		ssize_t n = pwrite(x->file, p, len, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			x->error = n < 0 ? errno : EIO;
			return POD_E_NOSPACE;
		}
		p += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	return POD_OK;
}

void diff_export_close(struct diff_export *x, size_t i, enum pod_status st)
{
	struct timespec t[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = x->want[i].mtime}};
	char name[NAMES_MAX + 1];
	int fd;

	(void)futimens(x->file, t);
	close(x->file);
	x->file = -1;
	if (st == POD_OK)
		return;
	/* half a file looks like one */
	fd = parent_of(x, x->want[i].path, name);
	if (fd >= 0) {
		(void)unlinkat(fd, name, 0);
		close(fd);
	}
	miss(x, x->want[i].path, cli_status_text(st));
}

void diff_export_link(struct diff_export *x, size_t i, const char *target)
{
	char name[NAMES_MAX + 1];
	int fd = parent_of(x, x->want[i].path, name);

	if (fd < 0 || symlinkat(target, fd, name) != 0)
		failed(x, x->want[i].path);
	if (fd >= 0)
		close(fd);
}

static void make_folder(struct diff_export *x, const struct diff_want *w)
{
	char name[NAMES_MAX + 1];
	int fd = parent_of(x, w->path, name);

	if (fd >= 0)
		fd = enter(fd, name);
	if (fd < 0)
		failed(x, w->path);
	else
		close(fd);
}

/* --- contents, by the core ------------------------------------------------------------------------------ */

struct copying {
	struct diff_export *x;
	struct pod_fs *fs;
	const struct pod_node *node;
	uint64_t left; /* as many bytes as the volume has: a file is not longer but for its holes */
	uint8_t *piece;
};

static enum pod_status copy_run(void *ctx, const struct pod_extent *e)
{
	struct copying *c = ctx;
	uint64_t end =
		e->file_bytes < c->node->valid_bytes ? pod_min_u64(e->length_bytes, c->node->valid_bytes - e->file_bytes) : 0;

	if (e->hole)
		return POD_OK;
	if (end > c->left)
		return POD_E_CORRUPT;
	c->left -= end;
	for (uint64_t at = 0, n; at < end; at += n) {
		n = pod_min_u64(end - at, PIECE);
		if (cli_interrupted)
			return POD_E_CANCELLED;
		POD_TRY(pod_dev_read(c->fs->dev, e->dev_bytes + at, c->piece, (size_t)n));
		POD_TRY(diff_export_data(c->x, e->file_bytes + at, c->piece, (size_t)n));
	}
	return POD_OK;
}

static enum pod_status copy_small(struct copying *c)
{
	size_t len = (size_t)c->node->size_bytes;
	uint8_t *all;
	enum pod_status st;

	if (c->node->size_bytes > SMALL_MAX)
		return POD_E_UNSUPPORTED;
	all = cli_xmalloc(len + 1);
	st = pod_fs_read(c->fs, c->node, 0, all, len);
	if (st == POD_OK)
		st = diff_export_data(c->x, 0, all, len);
	free(all);
	return st;
}

static enum pod_status copy_file(struct copying *c)
{
	enum pod_status st = c->node->size_bytes ? c->fs->ops->extents(c->fs, c->node, copy_run, c) : POD_OK;

	return st == POD_E_UNSUPPORTED ? copy_small(c) : st;
}

static void copy_files(struct diff_export *x, struct pod_fs *fs)
{
	struct pod_dirent *scratch = cli_xmalloc(sizeof *scratch);
	struct pod_node node;
	struct copying c = {.x = x, .fs = fs, .node = &node, .piece = cli_xmalloc(PIECE)};

	for (size_t i = 0; i < x->n && !x->error && !cli_interrupted; i++) {
		enum pod_status st;

		if (x->want[i].is_dir)
			continue;
		st = pod_fs_lookup(fs, x->want[i].path, &node, scratch);
		if (st == POD_OK && node.is_dir)
			st = POD_E_CORRUPT;
		if (st != POD_OK) {
			miss(x, x->want[i].path, cli_status_text(st));
			continue;
		}
		c.left = fs->dev->size_bytes;
		if (diff_export_open(x, i, node.size_bytes))
			diff_export_close(x, i, copy_file(&c));
	}
	free(c.piece);
	free(scratch);
}

void diff_export_contents(struct diff_export *x, struct pod_dev *volume)
{
	struct pod_fs fs;
	enum pod_status st = pod_fs_open(&fs, volume, &cli_alloc, NULL);

	if (st == POD_OK) {
		copy_files(x, &fs);
		pod_fs_close(&fs);
	}
	for (size_t i = 0; st != POD_OK && i < x->n; i++)
		miss(x, x->want[i].path, cli_status_text(st));
}

/* --- a volume ------------------------------------------------------------------------------------------- */

static void enter_volume(struct diff_export *x, uint32_t number)
{
	free(x->volume);
	x->volume = number ? cli_xasprintf("p%u", (unsigned)number) : cli_xstrdup("disk");
}

void diff_export_unread(struct diff_export *x, uint32_t number, const char *why)
{
	enter_volume(x, number);
	miss(x, "/", why);
}

void diff_export_volume(struct diff_export *x, uint32_t number, struct pod_dev *volume, const struct diff_reader *reader)
{
	enter_volume(x, number);
	for (size_t i = 0; i < x->n_gone; i++) {
		put_path(x->removed, x->volume, x->gone[i]);
		fputc('\n', x->removed);
	}
	for (size_t i = 0; i < x->n && !x->error; i++)
		if (x->want[i].is_dir)
			make_folder(x, &x->want[i]);
	if (reader && x->n)
		reader->contents(x, volume);
	forget(x);
}
