/* SPDX-License-Identifier: BSD-2-Clause */
/* Drivers that a Windows medium lacks, and somebody has: in the folder of --drivers, or on the stick already, where the helper in Windows PE
 * looks for them. */
#include <fcntl.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/doctor/drivers_inf.h"
#include "core/base/str.h"

/* As the helper has it (windows/drivers.c). */
#define STICK_FOLDER  "/drivers"
#define STICK_DEPTH   4u
#define STICK_FILES   2000u
#define STICK_FOLDERS 512u
#define GIVEN_FILES   20000u /* of a folder of the host, whatever they are */

static bool is_inf(const char *name, uint64_t size)
{
	return pod_ends_with_nocase(name, ".inf") && size && size <= INF_SIZE_MAX;
}

/* --- a folder of the host ------------------------------------------------------------------------------------------------ */

static void add_host_file(struct inf_set *s, const char *path, const char *shown, size_t size)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char *data = cli_xmalloc(size);

	if (fd >= 0 && read(fd, data, size) == (ssize_t)size)
		inf_add(s, shown, data, size);
	if (fd >= 0)
		close(fd);
	free(data);
}

void inf_read_folder(struct inf_set *s, const char *folder)
{
	char *top = cli_xstrdup(folder), *const paths[] = {top, NULL};
	FTS *fts = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	unsigned files = 0;

	for (FTSENT *e; fts && !cli_interrupted && (e = fts_read(fts)) != NULL && files < GIVEN_FILES;) {
		files += e->fts_info == FTS_F;
		if (e->fts_info == FTS_F && is_inf(e->fts_name, (uint64_t)e->fts_statp->st_size))
			add_host_file(s, e->fts_accpath, e->fts_path, (size_t)e->fts_statp->st_size);
	}
	if (fts)
		fts_close(fts);
	free(top);
}

/* --- the stick ------------------------------------------------------------------------------------------------------------ */

struct folder {
	struct pod_node node;
	char *path;
	unsigned depth;
};

struct folders {
	struct folder v[STICK_FOLDERS];
	size_t n;
	unsigned files;
};

static void push(struct folders *f, const struct pod_node *node, const char *parent, const char *name, unsigned depth)
{
	if (f->n < STICK_FOLDERS && depth <= STICK_DEPTH)
		f->v[f->n++] = (struct folder){*node, cli_xasprintf("%s/%s", parent, name), depth};
}

static void add_stick_file(struct inf_set *s, struct cli_target *t, const struct pod_node *node, const char *folder,
			   const char *name)
{
	char *shown = cli_xasprintf("%s/%s", folder, name), *data = cli_xmalloc((size_t)node->size_bytes);

	if (pod_fs_read(&t->data, node, 0, data, (size_t)node->size_bytes) == POD_OK)
		inf_add(s, shown, data, (size_t)node->size_bytes);
	free(data);
	free(shown);
}

/* Folders that contain themselves end with the depth. */
static void read_stick_folder(struct inf_set *s, struct cli_target *t, struct folders *all, size_t at)
{
	const struct folder f = all->v[at];
	struct pod_dirent *e = cli_xzalloc(sizeof *e);
	struct pod_dir dir;
	enum pod_status st = pod_dir_open(&dir, &t->data, &f.node);

	while (st == POD_OK && (st = pod_dir_next(&dir, e)) == POD_OK && all->files < STICK_FILES) {
		const struct pod_node node = e->node;

		all->files++;
		if (node.is_dir)
			push(all, &node, f.path, e->name, f.depth + 1);
		else if (is_inf(e->name, node.size_bytes))
			add_stick_file(s, t, &node, f.path, e->name);
	}
	free(e);
}

void inf_read_stick(struct inf_set *s, struct cli_target *t)
{
	struct folders *all = cli_xzalloc(sizeof *all);
	struct pod_node top;

	if (pod_fs_lookup(&t->data, STICK_FOLDER, &top, &t->scratch) == POD_OK && top.is_dir)
		push(all, &top, "", &STICK_FOLDER[1], 1);
	for (size_t i = 0; i < all->n; i++)
		read_stick_folder(s, t, all, i);
	for (size_t i = 0; i < all->n; i++)
		free(all->v[i].path);
	free(all);
}
