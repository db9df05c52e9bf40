/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * --full: an erofs is read to its end by fsck.erofs (erofs-utils), behind walls. It opens files only, from their first byte on, so the erofs is
 * copied out of the image for it. It walks the tree, then decompresses each file; what is stored as it is has no sums, and cannot be judged.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include "cli/doctor/rootimages.h"
#include "cli/host/sandbox.h"
#include "cli/host/temporary.h"
#include "core/image/bootfile.h"

#define COPY_BYTES  (1u << 20)
#define LEAVE_BYTES (UINT64_C(256) << 20) /* of free space */
/* What erofs-utils 1.5, the first that reads files to their end, knows: bits of incompatible features but for further devices. */
#define FEATURES_KNOWN 0x37u
/* What fsck.erofs may know: the compressions, in the order of their bits in the superblock, and how to read files to their end. */
static const char *const word[] = {"lz4", "lzma", "deflate", "zstd", "extract"};
#define COMPRESSIONS 0xfu
#define EXTRACT	     0x10u

struct copy {
	char *folder;
	int fd; /* for reading only */
};

static bool has_room(const char *folder, uint64_t size)
{
	struct statvfs v;

	return statvfs(folder, &v) == 0 && v.f_frsize && v.f_bavail > (size + LEAVE_BYTES) / v.f_frsize;
}

static bool copy_bytes(struct pod_dev *file, int fd)
{
	char *buf = cli_xmalloc(COPY_BYTES);
	bool ok = true;

	for (uint64_t at = 0; ok && at < file->size_bytes && !cli_interrupted; at += COPY_BYTES) {
		size_t n = (size_t)pod_min_u64(COPY_BYTES, file->size_bytes - at);

		ok = pod_dev_read(file, at, buf, n) == POD_OK && pwrite(fd, buf, n, (off_t)at) == (ssize_t)n;
	}
	free(buf);
	return ok && !cli_interrupted;
}

static bool make_copy(struct copy *c, struct pod_dev *file)
{
	char *path;
	int fd;
	bool ok;

	*c = (struct copy){.folder = temporary_folder(), .fd = -1};
	if (!c->folder || !has_room(c->folder, file->size_bytes))
		return false;
	path = cli_xasprintf("%s/erofs", c->folder);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	ok = fd >= 0 && copy_bytes(file, fd);
	if (ok)
		c->fd = open(path, O_RDONLY | O_CLOEXEC);
	ok = c->fd >= 0 && sandbox_lend(c->fd);
	if (fd >= 0)
		close(fd);
	free(path);
	return ok;
}

static void end_copy(struct copy *c)
{
	if (c->fd >= 0)
		close(c->fd);
	temporary_remove(c->folder);
}

/* Its exit status, -1: `why` says why there is none. */
static int check(const struct copy *c, const char *program, const char *path, const char *option, struct fault *why)
{
	struct sandbox s = {.who = "fsck.erofs",
			    .about = path,
			    .program = program,
			    .seconds = ROOTIMAGES_SECONDS,
			    .input = {c->fd},
			    .inputs = 1};
	struct cli_args a = {0};
	int status;

	cli_args_add(&a, "fsck.erofs");
	if (option)
		cli_args_add(&a, option);
	cli_args_add(&a, "in0");
	status = sandbox_program(&s, &a, why);
	cli_args_free(&a);
	return status;
}

static uint64_t place(struct menus *m, const struct pod_node *node)
{
	struct pod_extent *e = NULL;
	size_t n = 0;
	uint64_t at = pod_fs_extents(&m->volume[0].fs, node, &cli_alloc, &e, &n) == POD_OK && n ? e->dev_bytes : 0;

	pod_free(&cli_alloc, e);
	return at;
}

/* Is it one that this program can decompress? */
static bool is_known(struct pod_dev *file, uint32_t program_knows, bool *plain)
{
	uint32_t features, compressions;

	if (pod_erofs_needs(file, &features, &compressions) != POD_OK)
		return false;
	*plain = (features & ~FEATURES_KNOWN) == 0;
	return (compressions & ~(program_knows & COMPRESSIONS)) == 0;
}

static bool judge(struct menus *m, const char *path, const struct pod_node *node, const struct copy *c, const char *program,
		  bool plain)
{
	struct fault why = {0};
	int status = check(c, program, path, NULL, &why);
	bool unknown = status > 0 && !plain; /* it may only not know a feature */

	if (!status)
		status = check(c, program, path, "--extract", &why);
	if (unknown)
		doctor_reportf(m->d, &doctor_check_roots, DOCTOR_SKIPPED, m->im->subject, NULL,
			       _("%s was not unpacked: this fsck.erofs does not know what is in it"), path);
	else if (status > 0)
		doctor_reportf(m->d, &doctor_check_roots, DOCTOR_BAD, m->im->subject, ROOTIMAGES_AGAIN,
			       _("%s (at offset %llu of the image) cannot be unpacked to its end: it is damaged"), path,
			       (unsigned long long)place(m, node));
	else if (status < 0)
		doctor_reportf(m->d, &doctor_check_roots, DOCTOR_WARN, m->im->subject, ROOTIMAGES_AGAIN,
			       _("%s was not unpacked: %s"), path, fault_text(&why));
	fault_free(&why);
	return status == 0 || unknown;
}

bool rootimages_erofs(struct menus *m, const char *path, const struct pod_node *node, struct pod_dev *file)
{
	char *program = cli_proc_find("fsck.erofs");
	uint32_t knows = program ? rootimages_program_knows(program, word, POD_ARRAY_LEN(word)) : 0;
	struct copy c = {.fd = -1};
	bool sound = true, plain = false;

	if (!(knows & EXTRACT))
		doctor_reportf(m->d, &doctor_check_roots, DOCTOR_SKIPPED, m->im->subject, NULL,
			       _("%s was not unpacked: fsck.erofs is not there, or too old (package erofs-utils)"), path);
	else if (!is_known(file, knows, &plain))
		doctor_reportf(m->d, &doctor_check_roots, DOCTOR_SKIPPED, m->im->subject, NULL,
			       _("%s was not unpacked: this fsck.erofs does not know what is in it"), path);
	else if (!make_copy(&c, file))
		doctor_reportf(m->d, &doctor_check_roots, DOCTOR_SKIPPED, m->im->subject, NULL,
			       _("%s was not unpacked: it could not be copied to a temporary file"), path);
	else
		sound = judge(m, path, node, &c, program, plain);
	end_copy(&c);
	free(program);
	return sound;
}
