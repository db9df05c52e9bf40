/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mkntfs, behind walls, formats a file with holes that is as long as the partition; what it wrote into it is copied. So it sees nothing
 * of the drive, and cannot write anywhere else.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/host/mkntfs.h"
#include "cli/host/temporary.h"
#include "cli/stick/copy.h"
#include "cli/stick/ntfs.h"
#include "cli/stick/ntfs_journal.h"
#include "core/base/bytes.h"

#define SERIAL_AT 72u
#define SPARE	  512u /* file records, 1 KiB each: for so many images $MFT need not grow */

/* mkntfs takes its serial number from the clock. It stands in the boot sector and in the copy of it at the very end. */
static enum pod_status set_serial(struct pod_dev *d, const struct cli_ntfs_format *f, uint32_t sector_size)
{
	uint8_t serial[8];

	pod_put_le32(serial, f->serial);
	pod_put_le32(serial + 4, f->serial ^ 0x4E544653);
	POD_TRY(pod_dev_write(d, SERIAL_AT, serial, sizeof serial));
	return pod_dev_write(d, f->length_bytes - sector_size + SERIAL_AT, serial, sizeof serial);
}

static enum pod_status make_folder(struct cli_dev *d, const struct cli_ntfs_format *f, struct fault *fault)
{
	const struct ntfs_change c = {.kind = NTFS_MKDIR, .path = "/images", .mtime = f->time, .spare = SPARE};
	struct ntfs_blocks b;
	int fd = open(d->path, O_RDONLY | O_CLOEXEC);
	enum pod_status st = fd < 0 ? POD_E_IO : ntfs_call(fd, 0, f->length_bytes, &c, &b, fault);

	if (fd >= 0)
		close(fd);
	if (st == POD_OK) {
		st = ntfs_journal_apply(&d->dev, &b);
		ntfs_blocks_free(&b);
	}
	return st;
}

static bool fill(const char *path, struct cli_dev *disk, const struct cli_ntfs_format *f, struct fault *fault)
{
	struct cli_dev file;
	enum pod_status st;

	if (!cli_dev_open(&file, path, true, fault))
		return false;
	st = set_serial(&file.dev, f, disk->dev.sector_size);
	if (st == POD_OK)
		st = make_folder(&file, f, fault);
	if (st == POD_OK)
		st = cli_copy_data(&file, &disk->dev, f->start_bytes);
	cli_dev_close(&file);
	if (st != POD_OK && !fault_is_set(fault))
		fault_status(fault, disk->path, _("cannot make the NTFS volume"), st, NULL);
	return st == POD_OK;
}

bool cli_ntfs_format(struct cli_dev *disk, const struct cli_ntfs_format *f, struct fault *fault)
{
	char *folder = temporary_folder(), *path = folder ? cli_xasprintf("%s/volume", folder) : NULL;
	/* not by cli_dev_create: mkntfs wants the lock */
	int fd = path ? open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
	const struct mkntfs m = {.label = f->label,
				 .sector_size = disk->dev.sector_size,
				 .start_bytes = f->start_bytes,
				 .fixed_time = f->fixed_time};
	bool ok = false;

	if (!folder)
		fault_set(fault, "%s", _("no folder for temporary files"));
	else if (fd < 0 || ftruncate(fd, (off_t)f->length_bytes) != 0)
		fault_set(fault, _("%s: cannot set the size: %s"), path, strerror(errno));
	else
		ok = cli_mkntfs(fd, &m, fault) && fill(path, disk, f, fault);
	if (fd >= 0)
		close(fd);
	free(path);
	temporary_remove(folder);
	return ok;
}
