/* SPDX-License-Identifier: BSD-2-Clause */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/doctor/modules_root.h"
#include "cli/host/tool.h"
#include "core/base/str.h"

#define ROOT_MAX    8u	  /* squashfs files looked into: layered live systems have several */
#define SCAN_MAX    4096u /* directory entries looked at */
#define SCAN_DEPTH  4u
#define SQUASH_MIN  (1u << 20) /* smaller ones hold no kernel modules */
#define SECONDS_MAX 60u

/* A squashfs file: where it lies in the file or device that unsquashfs shall open. */
struct squash {
	uint64_t start_bytes;
	bool contiguous;
};

struct search {
	const struct doctor_image *im;
	struct pod_fs fs;
	struct squash found[ROOT_MAX];
	unsigned count, seen;
};

/* The image's byte `at` on what holds it, if `len` bytes lie there in one piece. */
static bool on_disk(const struct cli_image *f, uint64_t at, uint64_t len, uint64_t *out)
{
	for (size_t i = 0; i < f->extent_count; i++) {
		const struct pod_extent *e = &f->extent[i];

		if (at < e->file_bytes || at - e->file_bytes >= e->length_bytes)
			continue;
		if (e->hole || len > e->length_bytes - (at - e->file_bytes))
			return false;
		*out = e->dev_bytes + (at - e->file_bytes);
		return true;
	}
	return false;
}

static void consider(struct search *s, const struct pod_node *node)
{
	struct pod_extent *e = NULL;
	size_t n = 0;
	char magic[4];

	if (node->size_bytes < SQUASH_MIN || s->count >= ROOT_MAX ||
	    pod_fs_read(&s->fs, node, 0, magic, sizeof magic) != POD_OK || memcmp(magic, "hsqs", sizeof magic) != 0)
		return;
	if (pod_fs_extents(&s->fs, node, &cli_alloc, &e, &n) == POD_OK) {
		struct squash *q = &s->found[s->count++];

		/* A file of several extents (ISO level 3) is in one piece if they follow each other; runs are merged. */
		q->contiguous = n == 1 && !e->hole && on_disk(s->im->file, e->dev_bytes, e->length_bytes, &q->start_bytes);
	}
	pod_free(&cli_alloc, e);
}

static void scan(struct search *s, const struct pod_node *folder, unsigned depth) // NOLINT(misc-no-recursion)
{
	struct pod_dir *dir = cli_xzalloc(sizeof *dir);
	struct pod_dirent *e = cli_xzalloc(sizeof *e);

	if (pod_dir_open(dir, &s->fs, folder) == POD_OK)
		while (s->seen++ < SCAN_MAX && pod_dir_next(dir, e) == POD_OK) {
			if (e->node.is_dir && depth < SCAN_DEPTH)
				scan(s, &e->node, depth + 1);
			else if (!e->node.is_dir)
				consider(s, &e->node);
		}
	free(e);
	free(dir);
}

static char *slurp_at(int dir, const char *name, size_t *len)
{
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat sb;
	char *data = NULL;

	if (fd >= 0 && fstat(fd, &sb) == 0 && S_ISREG(sb.st_mode) && sb.st_size > 0 && sb.st_size <= (off_t)MODULES_TEXT_MAX) {
		data = cli_xmalloc((size_t)sb.st_size + 1);
		*len = (size_t)sb.st_size;
		if (read(fd, data, *len) != (ssize_t)*len) {
			free(data);
			data = NULL;
		} else {
			data[*len] = 0;
		}
	}
	if (fd >= 0)
		close(fd);
	return data;
}

/* One kernel's folder. */
static void take_version(struct modules_root *r, int parent, const char *version)
{
	static const char *const file[] = {"modules.alias", "modules.builtin", "modules.builtin.modinfo", "modules.dep"};
	int dir = openat(parent, version, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char *folder;

	if (dir < 0)
		return;
	folder = cli_xasprintf("lib/modules/%s", version);
	for (size_t i = 0; i < POD_ARRAY_LEN(file); i++) {
		size_t len;
		char *data = slurp_at(dir, file[i], &len), *path;

		if (!data)
			continue;
		r->read = true;
		path = cli_xasprintf("%s/%s", folder, file[i]);
		if (modules_wants_content(path)) {
			modules_add(&r->modules, path, data, len);
		} else {
			modules_add_dep(&r->modules, folder, data);
			free(data);
		}
		free(path);
	}
	free(folder);
	close(dir);
}

static void take_tree(struct modules_root *r, const char *top, const char *below)
{
	char *path = cli_xasprintf("%s/%s/modules", top, below);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;
	unsigned n = 0;

	free(path);
	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((e = readdir(dir)) != NULL && n < 8)
		if (e->d_name[0] != '.') {
			take_version(r, dirfd(dir), e->d_name);
			n++;
		}
	closedir(dir);
}

static int unpack(const char *disk, const struct squash *q, const char *folder, const char *out)
{
	static const char *const want[] = {"alias", "builtin", "builtin.modinfo", "dep"};
	struct cli_args a = {0};
	int status;

	cli_args_add(&a, "unsquashfs");
	cli_args_addf(&a, "-o");
	cli_args_addf(&a, "%llu", (unsigned long long)q->start_bytes);
	cli_args_add(&a, "-no-progress");
	cli_args_add(&a, "-no-xattrs");
	cli_args_add(&a, "-d");
	cli_args_addf(&a, "%s", out);
	cli_args_addf(&a, "%s", disk);
	for (size_t i = 0; i < POD_ARRAY_LEN(want); i++) {
		cli_args_addf(&a, "lib/modules/*/modules.%s", want[i]);
		cli_args_addf(&a, "usr/lib/modules/*/modules.%s", want[i]);
	}
	status = tool_run(&a, folder, SECONDS_MAX, MODULES_TEXT_MAX);
	cli_args_free(&a);
	return status;
}

static void take_squash(struct modules_root *r, const char *disk, const struct squash *q, const char *folder, unsigned number)
{
	char *out = cli_xasprintf("%s/%u", folder, number);
	/* Its status says little: a pattern without a match is no error, an owner that cannot be set is one. */
	int status = unpack(disk, q, folder, out);

	take_tree(r, out, "lib");
	take_tree(r, out, "usr/lib");
	if (!r->read && status != 0 && !r->problem)
		r->problem = cli_xstrdup(_("unsquashfs could not read the root image"));
	free(out);
}

void modules_root_read(struct modules_root *out, const struct doctor *d, const struct doctor_image *im)
{
	struct search *s = cli_xzalloc(sizeof *s);
	struct pod_node root;
	char *disk, *folder = NULL;

	memset(out, 0, sizeof *out);
	s->im = im;
	if (pod_fs_open(&s->fs, im->bytes, &cli_alloc, NULL) == POD_OK && s->fs.ops->root(&s->fs, &root) == POD_OK)
		scan(s, &root, 0);
	pod_fs_close(&s->fs);
	out->images = s->count;
	disk = realpath(d->target ? d->target->file.path : im->host_path, NULL);
	if (s->count && !cli_proc_on_path("unsquashfs"))
		out->problem =
			cli_xstrdup(_("the root image is read by unsquashfs, which is not installed (package squashfs-tools)"));
	else if (s->count && (!disk || !(folder = tool_folder())))
		out->problem = cli_xstrdup(_("no folder for temporary files"));
	for (unsigned i = 0; folder && i < s->count; i++) {
		if (s->found[i].contiguous)
			take_squash(out, disk, &s->found[i], folder, i);
		else if (!out->problem)
			out->problem = cli_xstrdup(_("the root image does not lie in one piece"));
	}
	if (s->count && !out->read && !out->problem)
		out->problem = cli_xstrdup(_("there are no kernel modules in the root image"));
	if (out->read) {
		free(out->problem);
		out->problem = NULL;
	}
	tool_remove(folder);
	free(disk);
	free(s);
}

void modules_root_free(struct modules_root *r)
{
	modules_free(&r->modules);
	free(r->problem);
	memset(r, 0, sizeof *r);
}
