/* SPDX-License-Identifier: BSD-2-Clause */
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "cli/ui/ui.h"
#include "cli/host/files.h"
#include "cli/host/lock.h"
#include "core/vhd/chain.h"

#define FOLDER	"/images/"
#define SPACING (1u << 20) /* between two files, and what their places are multiples of */

struct cli_files {
	struct pod_dev dev; /* first */
	struct cli_dev *first;
	struct cli_dev *more[POD_CHAIN_DEPTH_MAX];
	uint64_t start[POD_CHAIN_DEPTH_MAX + 1]; /* [0]: of the first file, 0 */
	size_t count;				 /* in `more` */
	bool unsafe;
};

static struct cli_dev *file_at(struct cli_files *f, size_t i)
{
	return i ? f->more[i - 1] : f->first;
}

static enum pod_status files_read(struct pod_dev *pd, uint64_t off_bytes, void *buf, size_t len)
{
	struct cli_files *f = (struct cli_files *)pd;
	size_t i = f->count;

	while (off_bytes < f->start[i])
		i--;
	return pod_dev_read(&file_at(f, i)->dev, off_bytes - f->start[i], buf, len);
}

struct cli_files *cli_files_open(struct cli_dev *first, bool unsafe)
{
	struct cli_files *f = cli_xzalloc(sizeof *f);

	f->first = first;
	f->unsafe = unsafe;
	f->dev = first->dev;
	f->dev.read = files_read;
	f->dev.write = NULL;
	f->dev.flush = NULL;
	f->dev.read_only = true;
	return f;
}

void cli_files_close(struct cli_files *f)
{
	for (size_t i = 0; f && i < f->count; i++) {
		cli_dev_close(f->more[i]);
		free(f->more[i]);
	}
	free(f);
}

struct pod_dev *cli_files_dev(struct cli_files *f)
{
	return &f->dev;
}

/* Where the host has it: relative to the folder of the first file, which stands for /images. */
static char *host_path(const struct cli_files *f, const char *path)
{
	char *copy = cli_xstrdup(f->first->path), *dir = dirname(copy), *out;

	if (strncmp(path, FOLDER, strlen(FOLDER)) == 0)
		out = cli_xasprintf("%s/%s", dir, path + strlen(FOLDER));
	else
		out = cli_xasprintf("%s/..%s", dir, path);
	free(copy);
	return out;
}

static bool same_file(const struct cli_dev *d, const struct stat *st)
{
	return d->file_dev == st->st_dev && d->file_ino == st->st_ino;
}

/* Its number; a new one is opened. SIZE_MAX: cannot be opened, which has been said. */
static size_t number_of(struct cli_files *f, const char *path, const struct stat *st, struct fault *fault)
{
	const struct cli_dev *last = file_at(f, f->count);
	uint64_t end = f->start[f->count] + last->dev.size_bytes;
	struct cli_dev *d;

	for (size_t i = 0; i <= f->count; i++)
		if (same_file(file_at(f, i), st))
			return i;
	d = cli_xzalloc(sizeof *d);
	if (!cli_dev_open(d, path, false, fault)) {
		free(d);
		return SIZE_MAX;
	}
	if (!f->unsafe && !cli_lock_take(d->fd, false, path, fault)) {
		cli_dev_close(d);
		free(d);
		return SIZE_MAX;
	}
	f->more[f->count++] = d;
	f->start[f->count] = pod_align_up(end, SPACING) + SPACING;
	f->dev.size_bytes = f->start[f->count] + d->dev.size_bytes;
	return f->count;
}

enum pod_status cli_files_find(struct cli_files *f, const char *path, struct pod_plan_file *out, struct fault *fault)
{
	char *host = host_path(f, path);
	enum pod_status st = POD_E_NOT_FOUND;
	struct stat info;
	size_t i;

	if (f->count == POD_CHAIN_DEPTH_MAX) {
		st = POD_E_LIMIT;
	} else if (stat(host, &info) == 0 && S_ISREG(info.st_mode)) {
		i = number_of(f, host, &info, fault);
		st = i == SIZE_MAX ? POD_E_IO : POD_OK;
		if (st == POD_OK) {
			out->size_bytes = file_at(f, i)->dev.size_bytes;
			out->extent = cli_alloc.alloc(&cli_alloc, sizeof *out->extent);
			st = out->extent ? POD_OK : POD_E_NOMEM;
		}
		if (st == POD_OK) {
			*out->extent = (struct pod_extent){.dev_bytes = f->start[i], .length_bytes = out->size_bytes};
			out->extent_count = out->size_bytes ? 1 : 0;
		}
	}
	free(host);
	return st;
}
