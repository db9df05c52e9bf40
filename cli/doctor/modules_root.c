/* SPDX-License-Identifier: BSD-2-Clause */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/doctor/modules_root.h"
#include "cli/host/sandbox.h"
#include "core/base/str.h"

#define ROOT_MAX     8u	   /* squashfs files looked into: layered live systems have several */
#define SCAN_MAX     4096u /* directory entries looked at */
#define SCAN_DEPTH   4u
#define SQUASH_MIN   (1u << 20) /* smaller ones hold no kernel modules */
#define SECONDS_MAX  60u
#define KERNELS_MAX  8u
#define UNPACKED_MAX (128u << 20) /* what is wanted of it, and a bomb can fill */

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

bool modules_root_place(const struct cli_image *f, uint64_t at, uint64_t len, uint64_t *out)
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
		q->contiguous =
			n == 1 && !e->hole && modules_root_place(s->im->file, e->dev_bytes, e->length_bytes, &q->start_bytes);
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

/* --- the child: unsquashfs, and what it unpacked --------------------------------------------------------------------------- */

struct request {
	uint64_t start_bytes;
};

static const char *const wanted[] = {"modules.alias", "modules.builtin", "modules.builtin.modinfo", "modules.dep"};

/* One record: a path with its NUL, and the file's content. */
static void send_file(struct sandbox_child *c, int dir, const char *name, const char *path)
{
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	size_t n = strlen(path) + 1, len;
	struct stat sb;
	char *both;

	if (fd >= 0 && fstat(fd, &sb) == 0 && S_ISREG(sb.st_mode) && sb.st_size > 0 && sb.st_size <= (off_t)MODULES_TEXT_MAX) {
		len = (size_t)sb.st_size;
		both = cli_xmalloc(n + len);
		memcpy(both, path, n);
		if (read(fd, both + n, len) == (ssize_t)len)
			sandbox_send(c, 1, both, n + len);
		free(both);
	}
	if (fd >= 0)
		close(fd);
}

/* One kernel's folder. */
static void send_version(struct sandbox_child *c, int parent, const char *version)
{
	int dir = openat(parent, version, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (dir < 0)
		return;
	for (size_t i = 0; i < POD_ARRAY_LEN(wanted); i++) {
		char *path = cli_xasprintf("lib/modules/%s/%s", version, wanted[i]);

		send_file(c, dir, wanted[i], path);
		free(path);
	}
	close(dir);
}

static void send_tree(struct sandbox_child *c, const char *below)
{
	char *path = cli_xasprintf("root/%s/modules", below);
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
	while ((e = readdir(dir)) != NULL && n < KERNELS_MAX)
		if (e->d_name[0] != '.') {
			send_version(c, dirfd(dir), e->d_name);
			n++;
		}
	closedir(dir);
}

static void work(struct sandbox_child *c, void *ctx)
{
	const struct request *q = ctx;
	struct cli_args a = {0};
	uint8_t status;

	cli_args_add(&a, "unsquashfs");
	cli_args_add(&a, "-o");
	cli_args_addf(&a, "%llu", (unsigned long long)q->start_bytes);
	cli_args_add(&a, "-no-progress");
	cli_args_add(&a, "-no-xattrs");
	/* a thread for each processor, each with memory of its own, is more than it may have on large machines */
	cli_args_add(&a, "-processors");
	cli_args_add(&a, "2");
	cli_args_add(&a, "-d");
	cli_args_add(&a, "root");
	cli_args_add(&a, "in0");
	for (size_t i = 0; i < POD_ARRAY_LEN(wanted); i++) {
		cli_args_addf(&a, "lib/modules/*/%s", wanted[i]);
		cli_args_addf(&a, "usr/lib/modules/*/%s", wanted[i]);
	}
	/* Its status says little: a pattern without a match is no error, an owner that cannot be set is one. */
	status = (uint8_t)sandbox_exec(c, &a);
	send_tree(c, "lib");
	send_tree(c, "usr/lib");
	sandbox_send(c, 2, &status, 1);
}

/* --- our side -------------------------------------------------------------------------------------------------------------- */

struct answer {
	struct modules_root *r;
	unsigned files;
	uint8_t status;
};

static bool take_file(struct answer *a, const uint8_t *data, size_t len)
{
	const char *path = (const char *)data, *slash;
	const uint8_t *end = memchr(data, 0, len < PATH_MAX ? len : PATH_MAX);
	char *copy, *folder;
	size_t n;

	if (!end || ++a->files > 2 * KERNELS_MAX * POD_ARRAY_LEN(wanted) || !modules_wants(path) || !(slash = strrchr(path, '/')))
		return false;
	n = len - (size_t)(end + 1 - data);
	copy = cli_xmalloc(n + 1);
	memcpy(copy, end + 1, n);
	copy[n] = 0;
	a->r->read = true;
	if (modules_wants_content(path)) {
		modules_add(&a->r->modules, path, copy, n);
	} else {
		folder = cli_xasprintf("%.*s", (int)(slash - path), path);
		modules_add_dep(&a->r->modules, folder, copy);
		free(folder);
		free(copy);
	}
	return true;
}

static bool take(void *ctx, unsigned kind, const uint8_t *data, size_t len)
{
	struct answer *a = ctx;

	if (kind == 1)
		return take_file(a, data, len);
	if (kind != 2 || len != 1)
		return false;
	a->status = data[0];
	return true;
}

static void take_squash(struct modules_root *r, int disk, const char *about, const char *program, const struct squash *q)
{
	struct request request = {.start_bytes = q->start_bytes};
	struct answer a = {.r = r};
	struct sandbox s = {.who = "unsquashfs",
			    .about = about,
			    .program = program,
			    .seconds = SECONDS_MAX,
			    .disk_bytes = UNPACKED_MAX,
			    .answer_bytes = UNPACKED_MAX + (1u << 20),
			    .input = {disk},
			    .inputs = 1,
			    .work = work,
			    .ctx = &request,
			    .take = take,
			    .take_ctx = &a};
	struct fault why = {0};
	enum sandbox_result result = sandbox_run(&s, &why);

	r->hostile |= result == SANDBOX_BAD;
	if (result != SANDBOX_DONE && !r->problem)
		r->problem = cli_xstrdup(fault_text(&why));
	else if (!r->read && a.status && !r->problem)
		r->problem = cli_xstrdup(_("unsquashfs could not read the root image"));
	fault_free(&why);
}

static void take_all(struct modules_root *out, const struct search *s, int disk, const char *about)
{
	char *program = cli_proc_find("unsquashfs");

	if (!program)
		out->problem =
			cli_xstrdup(_("the root image is read by unsquashfs, which is not installed (package squashfs-tools)"));
	else if (!sandbox_can_open(disk))
		out->problem = cli_xstrdup(_("unsquashfs runs without root's rights, and other users may not read the file"));
	for (unsigned i = 0; program && sandbox_can_open(disk) && i < s->count; i++) {
		if (s->found[i].contiguous)
			take_squash(out, disk, about, program, &s->found[i]);
		else if (!out->problem)
			out->problem = cli_xstrdup(_("the root image does not lie in one piece"));
	}
	free(program);
}

void modules_root_read(struct modules_root *out, const struct doctor *d, const struct doctor_image *im)
{
	struct search *s = cli_xzalloc(sizeof *s);
	struct pod_node root;

	memset(out, 0, sizeof *out);
	s->im = im;
	if (pod_image_open_tree(&s->fs, im->bytes, &cli_alloc, NULL) == POD_OK && s->fs.ops->root(&s->fs, &root) == POD_OK)
		scan(s, &root, 0);
	pod_fs_close(&s->fs);
	out->images = s->count;
	if (s->count)
		take_all(out, s, d->target ? d->target->file.fd : im->file->file.fd, im->subject);
	if (s->count && !out->read && !out->problem)
		out->problem = cli_xstrdup(_("there are no kernel modules in the root image"));
	if (out->read && !out->hostile) {
		free(out->problem);
		out->problem = NULL;
	}
	free(s);
}

void modules_root_free(struct modules_root *r)
{
	modules_free(&r->modules);
	free(r->problem);
	memset(r, 0, sizeof *r);
}
