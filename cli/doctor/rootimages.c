/* SPDX-License-Identifier: BSD-2-Clause */
/* The images that a live system has its root in, squashfs and erofs, as far as their superblocks and tables say. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/doctor/infile.h"
#include "cli/doctor/menus.h"
#include "cli/doctor/modules_root.h"
#include "cli/doctor/rootimages.h"
#include "cli/host/sandbox.h"
#include "core/base/bytes.h"
#include "core/base/str.h"
#include "core/image/bootfile.h"

const struct doctor_check doctor_check_roots = {
	.id = "image.roots",
	.hazard = POD_HAZARD_IMAGE,
	.title = N_("root images"),
	.explain = N_(
		"A live system has its files in an image of its own, squashfs or erofs. Its superblock says how long it is and "
		"where its tables lie; these are followed without unpacking anything. If that fails, the kernel cannot "
		"mount it, and the start ends with a medium that is not found or a shell. With --full each is unpacked to "
		"its end. Download the image again and compare its hash."),
};

#define AGAIN	       ROOTIMAGES_AGAIN
#define ENTRIES_MAX    4096u
#define DEPTH_MAX      4u
#define SIZE_MIN       4096u
#define UNPACK_SECONDS ROOTIMAGES_SECONDS
#define PROGRAM_MAX    (4u << 20)

struct roots {
	struct menus *m;
	unsigned seen, images, wrong;
};

static bool is_named_squashfs(const char *name)
{
	static const char *const ending[] = {".squashfs", ".sfs", "squashfs.img", ".sqfs"};

	for (size_t i = 0; i < POD_ARRAY_LEN(ending); i++)
		if (pod_ends_with_nocase(name, ending[i]))
			return true;
	return false;
}

static void report(struct roots *r, const char *path, enum pod_status st, const struct pod_diag *g)
{
	r->wrong++;
	if (st == POD_E_FORMAT)
		doctor_reportf(r->m->d, &doctor_check_roots, DOCTOR_BAD, r->m->im->subject, AGAIN,
			       _("%s has the name of a squashfs, but is none: its beginning is damaged"), path);
	else if (st == POD_E_RANGE)
		doctor_reportf(r->m->d, &doctor_check_roots, DOCTOR_BAD, r->m->im->subject, AGAIN,
			       _("%s is cut off: %llu of %llu bytes are there"), path, (unsigned long long)g->got,
			       (unsigned long long)g->expected);
	else
		doctor_reportf(r->m->d, &doctor_check_roots, DOCTOR_BAD, r->m->im->subject, AGAIN,
			       _("%s is damaged: %s at its offset %llu: expected %llu, found %llu"), path,
			       g->what ? g->what : "-", (unsigned long long)g->offset_bytes, (unsigned long long)g->expected,
			       (unsigned long long)g->got);
}

uint32_t rootimages_program_knows(const char *program, const char *const *word, size_t count)
{
	int fd = open(program, O_RDONLY | O_CLOEXEC);
	char *buf = cli_xmalloc(PROGRAM_MAX);
	ssize_t n = fd < 0 ? -1 : pread(fd, buf, PROGRAM_MAX, 0);
	uint32_t knows = 0;

	for (size_t i = 0; n > 0 && i < count; i++)
		if (memmem(buf, (size_t)n, word[i], strlen(word[i])))
			knows |= 1u << i;
	if (fd >= 0)
		close(fd);
	free(buf);
	return knows;
}

/* --full: unsquashfs reads all of it, behind walls; what it writes is thrown away. */
static void unpack(struct roots *r, const char *path, const struct pod_node *node)
{
	/* from 4.5 on it can describe a filesystem with all of its data; older ones would take the option for a mistake */
	static const char *const word[] = {"pseudo-file"};
	const struct doctor_image *im = r->m->im;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int disk = r->m->d->target ? r->m->d->target->file.fd : im->file->file.fd;
	struct sandbox s = {.who = "unsquashfs", .about = path, .seconds = UNPACK_SECONDS, .input = {disk, null}, .inputs = 2};
	struct pod_extent *e = NULL;
	struct cli_args a = {0};
	struct fault why = {0};
	char *program = cli_proc_find("unsquashfs");
	uint64_t at = 0;
	size_t n = 0;
	int status;

	if (!program || !rootimages_program_knows(program, word, POD_ARRAY_LEN(word)) || null < 0 || !sandbox_can_open(disk) ||
	    pod_fs_extents(&r->m->volume[0].fs, node, &cli_alloc, &e, &n) != POD_OK || n != 1 || e->hole ||
	    !modules_root_place(im->file, e->dev_bytes, e->length_bytes, &at)) {
		doctor_reportf(r->m->d, &doctor_check_roots, DOCTOR_SKIPPED, im->subject, NULL,
			       _("%s was not unpacked: unsquashfs is not there, or may not read it where it lies"), path);
	} else {
		s.program = program;
		cli_args_add(&a, "unsquashfs");
		cli_args_add(&a, "-o");
		cli_args_addf(&a, "%llu", (unsigned long long)at);
		cli_args_add(&a, "-no-progress");
		cli_args_add(&a, "-no-xattrs");
		cli_args_add(&a, "-processors");
		cli_args_add(&a, "2");
		/* the description of all files, with their data: nothing is stored */
		cli_args_add(&a, "-pf");
		cli_args_add(&a, "in1");
		cli_args_add(&a, "in0");
		status = sandbox_program(&s, &a, &why);
		r->wrong += status != 0;
		if (status > 0)
			doctor_reportf(r->m->d, &doctor_check_roots, DOCTOR_BAD, im->subject, AGAIN,
				       _("%s (at offset %llu of the image) cannot be unpacked to its end: it is damaged"), path,
				       (unsigned long long)e->dev_bytes);
		else if (status < 0)
			doctor_reportf(r->m->d, &doctor_check_roots, DOCTOR_WARN, im->subject, AGAIN,
				       _("%s was not unpacked: %s"), path, fault_text(&why));
	}
	if (null >= 0)
		close(null);
	cli_args_free(&a);
	fault_free(&why);
	pod_free(&cli_alloc, e);
	free(program);
}

static void consider(struct roots *r, const char *path, const struct pod_node *node)
{
	struct doctor_infile f;
	struct pod_diag g = {0};
	enum pod_status st;
	bool is_squashfs;

	if (node->size_bytes < SIZE_MIN && is_named_squashfs(path))
		report(r, path, POD_E_FORMAT, &g);
	if (node->size_bytes < SIZE_MIN || doctor_infile_open(&f, &r->m->volume[0].fs, node) != POD_OK)
		return; /* image.files tells of what lies outside */
	st = pod_squashfs_check(&f.file.dev, &g);
	is_squashfs = st != POD_E_FORMAT;
	if (st == POD_E_FORMAT && !is_named_squashfs(path))
		st = pod_erofs_check(&f.file.dev, &g);
	r->images += st == POD_OK;
	if (st == POD_OK && r->m->d->full && is_squashfs)
		unpack(r, path, node);
	else if (st == POD_OK && r->m->d->full && !is_squashfs)
		r->wrong += !rootimages_erofs(r->m, path, node, &f.file.dev);
	if (st == POD_E_CORRUPT || st == POD_E_RANGE || (st == POD_E_FORMAT && is_named_squashfs(path)))
		report(r, path, st, &g);
	doctor_infile_close(&f);
}

static void scan(struct roots *r, const struct pod_node *folder, const char *path, unsigned depth) // NOLINT(misc-no-recursion)
{
	struct pod_dir *dir = cli_xzalloc(sizeof *dir);
	struct pod_dirent *e = cli_xzalloc(sizeof *e);

	if (pod_dir_open(dir, &r->m->volume[0].fs, folder) == POD_OK)
		while (r->seen++ < ENTRIES_MAX && pod_dir_next(dir, e) == POD_OK) {
			char *full = cli_xasprintf("%s%s%s", path, *path ? "/" : "", e->name);

			if (e->node.is_dir && depth < DEPTH_MAX)
				scan(r, &e->node, full, depth + 1);
			else if (!e->node.is_dir)
				consider(r, full, &e->node);
			free(full);
		}
	free(e);
	free(dir);
}

void menus_rootimages(struct menus *m)
{
	struct roots r = {.m = m};
	struct pod_node root;

	if (m->im->image->kind != POD_IMAGE_ISO || !m->volumes || m->volume[0].fs.ops->root(&m->volume[0].fs, &root) != POD_OK)
		return;
	scan(&r, &root, "", 0);
	if (r.images && !r.wrong)
		doctor_reportf(m->d, &doctor_check_roots, DOCTOR_GOOD, m->im->subject, NULL,
			       _("%u, superblocks and tables are in order"), r.images);
}
