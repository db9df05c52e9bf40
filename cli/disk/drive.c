/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * isopod disk convert, layer export: the bytes of a disk onto a drive, with the rules of `isopod create`.
 *
 * What says what is on the drive goes first: its beginning and its end; the image's beginning is written last. Nothing in between
 * looks like a disk, neither the old one nor the new.
 */
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/disk/disk.h"
#include "cli/host/overwrite.h"
#include "cli/host/safety.h"
#include "core/base/str.h"

#define EDGE (1u << 20) /* of either end: what tables and superblocks need */

bool disk_drive_is(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISBLK(st.st_mode);
}

/* Is the drive, if it is a loop device, made of that file? */
static bool is_behind(const struct stat *file, dev_t drive)
{
	char *path = cli_safety_backing_file(drive);
	struct stat st;
	bool same = path && stat(path, &st) == 0 && st.st_dev == file->st_dev && st.st_ino == file->st_ino;

	free(path);
	return same;
}

/* Does a file of the chain lie on the drive? One on a stick that is not mounted has that in its name, "TARGET:/path". */
static bool lies_on(const struct cli_dev *file, dev_t drive)
{
	struct stat st;
	bool found = file->is_block && cli_safety_is_of_drive(file->rdev, drive);

	for (const char *colon = strchr(file->path, ':'); colon && !found; colon = strchr(colon + 1, ':')) {
		char *target = cli_xasprintf("%.*s", (int)(colon - file->path), file->path);

		if (stat(target, &st) == 0)
			found = S_ISBLK(st.st_mode) ? cli_safety_is_of_drive(st.st_rdev, drive) : is_behind(&st, drive);
		free(target);
	}
	return found;
}

static int fits(const struct disk *from, const struct cli_dev *to, struct fault *fault)
{
	uint64_t size = from->chain.dev.size_bytes;
	uint32_t sector = from->chain.member[0]->sector_size;
	char need[16], has[16];

	for (unsigned i = 0; i < from->chain.depth; i++) {
		const struct disk_file *f = (const struct disk_file *)from->chain.member[i]->file;

		if (lies_on(&f->dev, to->rdev))
			return fault_set(fault, _("%s: is what is to be copied, or has it on it; name another drive"), to->path);
	}
	if (size > to->dev.size_bytes)
		return fault_set(fault, _("%s: too small: it has %s (%llu bytes), and the disk has %s (%llu bytes)"), to->path,
				 pod_format_size(has, to->dev.size_bytes), (unsigned long long)to->dev.size_bytes,
				 pod_format_size(need, size), (unsigned long long)size);
	if (sector >= 512 && sector != to->dev.sector_size)
		fault_warn(fault,
			   _("%s: has sectors of %u bytes, and the disk of %u: partitions counted in these are not found there"),
			   to->path, (unsigned)to->dev.sector_size, (unsigned)sector);
	return CLI_OK;
}

/* Both ends of the drive, where the old disk's table and its backup are. */
static enum pod_status wipe(struct cli_dev *d)
{
	uint8_t *zeros = cli_xzalloc(EDGE);
	uint64_t size = d->dev.size_bytes;
	size_t n = (size_t)pod_min_u64(EDGE, size);
	enum pod_status st = pod_dev_write(&d->dev, 0, zeros, n);

	if (st == POD_OK)
		st = pod_dev_write(&d->dev, size - n, zeros, n);
	if (st == POD_OK)
		st = pod_dev_flush(&d->dev);
	free(zeros);
	return st;
}

static enum pod_status copy(struct disk *from, struct disk_file *to, struct cli_progress *bar)
{
	uint64_t size = from->chain.dev.size_bytes;
	struct disk_copy_job job = {
		.from = &from->chain, .to = &to->dev.dev, .file = to, .start = EDGE, .end = size, .bar = bar, .zeros = true};

	POD_TRY(wipe(&to->dev));
	if (size > EDGE) {
		POD_TRY(disk_copy_range(&job));
		POD_TRY(pod_dev_flush(&to->dev.dev));
	}
	if (cli_interrupted)
		return POD_E_CANCELLED;
	job.start = 0;
	job.end = pod_min_u64(EDGE, size);
	POD_TRY(disk_copy_range(&job));
	return cli_interrupted ? POD_E_CANCELLED : pod_dev_flush(&to->dev.dev);
}

/* Everything that can be said against it has been, and the drive is ours alone. */
static int write_to(struct disk *from, struct disk_file *to, struct fault *fault)
{
	const char *path = to->dev.path;
	struct cli_progress bar;
	enum pod_status st;

	cli_catch_signals();
	cli_progress_start(&bar, path, from->chain.dev.size_bytes);
	st = copy(from, to, &bar);
	cli_progress_end(&bar);
	if (st == POD_E_CANCELLED)
		return fault_set(fault, _("%s: interrupted: what was on it is lost, and nothing can be used; copy it again"),
				 path);
	if (st != POD_OK && to->dev.last_errno)
		return fault_set(fault, _("%s: cannot write all of it: %s; what was on it is lost"), path,
				 strerror(to->dev.last_errno));
	if (st != POD_OK)
		return disk_fail(path, _("cannot copy"), st, NULL, NULL, fault);
	/* The kernel shows the new partitions at once; if it cannot, it will when the drive is plugged in again. */
	(void)ioctl(to->dev.fd, BLKRRPART);
	return CLI_OK;
}

int disk_drive_write(struct disk *from, const char *dst, bool yes, struct fault *fault)
{
	struct disk_file to = {0};
	int rc = CLI_FAILED;

	if (cli_safety_check_idle(dst, fault) && disk_file_open(&to, dst, DISK_WRITE, fault)) {
		if (!to.dev.is_block)
			rc = fault_set(fault, _("%s: is no drive any more"), dst);
		else if (fits(from, &to.dev, fault) == CLI_OK && cli_may_overwrite(&to.dev, yes, fault))
			rc = write_to(from, &to, fault);
		disk_file_close(&to);
	}
	return rc;
}
