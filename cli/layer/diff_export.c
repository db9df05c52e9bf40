/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/layer/diff_sink.h"
#include "cli/mount/list.h"
#include "core/fs/fs.h"

#define PIECE	  (1u << 20)
#define SMALL_MAX (4u << 20) /* of a file that the filesystem reads by itself (in its record, packed) */
#define NAMES_MAX 255u	     /* bytes of a file's name on the host */

struct diff_export {
	struct diff_sink *sink;
	FILE *removed, *missing; /* the sink's */
	uint64_t missed;
	struct diff_want *want; /* of one volume */
	size_t n, cap;
	char **gone;
	size_t n_gone, cap_gone;
	char *volume; /* "p2" */
	char *path;   /* of the file that is being written */
	int file;
	uint64_t size_bytes;
};

struct diff_export *diff_export_begin(const char *to, bool tar, struct fault *fault)
{
	struct diff_sink *sink = tar ? diff_tar_begin(to, fault) : diff_folder_begin(to, fault);
	FILE *removed = sink ? sink->ops->text(sink, DIFF_REMOVED) : NULL;
	struct diff_export *x;

	if (!removed) {
		if (sink)
			fault_set(fault, _("%s: cannot write it to the disk: %s"), to, strerror(errno));
		if (sink)
			(void)sink->ops->close(sink, false, NULL);
		return NULL;
	}
	x = cli_xzalloc(sizeof *x);
	*x = (struct diff_export){.sink = sink, .removed = removed, .file = -1};
	return x;
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
	char *path = cli_xstrdup(x->sink->path);
	int rc = x->sink->ops->close(x->sink, ok, fault);

	if (ok && rc == CLI_OK && x->missed)
		rc = fault_set(fault, _("%s: %llu files could not be written; %s names them"), path,
			       (unsigned long long)x->missed, DIFF_MISSING);
	forget(x);
	free(path);
	free(x->want);
	free(x->gone);
	free(x->volume);
	free(x->path);
	free(x);
	return rc;
}

/* --- what is noted -------------------------------------------------------------------------------------- */

#define DOS_READ_ONLY 1u

void diff_export_note(struct diff_export *x, const struct diff_entry *before, const struct diff_entry *after, bool posix)
{
	struct diff_want *w;

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
	w = &x->want[x->n++];
	*w = (struct diff_want){.path = cli_xstrdup(after->path), .is_dir = after->is_dir, .mtime = after->mtime};
	w->mode = after->is_dir ? 0755 : after->attributes & DOS_READ_ONLY ? 0444 : 0644;
	if (posix) {
		w->mode = after->attributes & 07777;
		w->uid = after->uid;
		w->gid = after->gid;
	}
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
		x->missing = x->sink->ops->text(x->sink, DIFF_MISSING);
	if (!x->missing) {
		x->sink->error = errno;
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

/* Where a file of the volume goes: each of its names as it may be on the host. NULL and errno. */
static char *place_of(const struct diff_export *x, const char *path)
{
	size_t at = strlen(x->volume);
	/* each byte may become three, and each name has a stroke in front */
	char *out = cli_xmalloc(at + 3 * strlen(path) + 3), name[NAMES_MAX + 1];

	memcpy(out, x->volume, at);
	do {
		size_t n;

		if (!next_name(&path, name)) {
			free(out);
			errno = EINVAL;
			return NULL;
		}
		n = strlen(name);
		out[at] = '/';
		memcpy(out + at + 1, name, n);
		at += n + 1;
	} while (*path);
	out[at] = '\0';
	return out;
}

/* The drive is what is wrong, not the name. */
static bool is_fatal(int err)
{
	return err == ENOSPC || err == EDQUOT || err == EIO || err == EROFS;
}

static void failed(struct diff_export *x, const char *path)
{
	if (!x->sink->error && is_fatal(errno))
		x->sink->error = errno;
	if (!x->sink->error)
		miss(x, path, strerror(errno));
}

bool diff_export_open(struct diff_export *x, size_t i, uint64_t size_bytes)
{
	free(x->path);
	x->path = place_of(x, x->want[i].path);
	x->size_bytes = size_bytes;
	x->file = x->path ? x->sink->ops->begin(x->sink, x->path, size_bytes) : -1;
	if (x->file < 0)
		failed(x, x->want[i].path);
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
			x->sink->error = n < 0 ? errno : EIO;
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
	x->file = -1;
	if (!x->sink->ops->end(x->sink, x->path, &x->want[i], st == POD_OK))
		failed(x, x->want[i].path);
	else if (st != POD_OK)
		miss(x, x->want[i].path, cli_status_text(st));
}

void diff_export_link(struct diff_export *x, size_t i, const char *target)
{
	char *path = place_of(x, x->want[i].path);

	if (!path || !x->sink->ops->link(x->sink, path, &x->want[i], target))
		failed(x, x->want[i].path);
	free(path);
}

static void make_folder(struct diff_export *x, const struct diff_want *w)
{
	char *path = place_of(x, w->path);

	if (!path || !x->sink->ops->folder(x->sink, path, w))
		failed(x, w->path);
	free(path);
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

	for (size_t i = 0; i < x->n && !x->sink->error && !cli_interrupted; i++) {
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
	for (size_t i = 0; i < x->n && !x->sink->error; i++)
		if (x->want[i].is_dir)
			make_folder(x, &x->want[i]);
	if (reader && x->n)
		reader->contents(x, volume);
	forget(x);
}
