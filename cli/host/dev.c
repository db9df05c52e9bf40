/* SPDX-License-Identifier: BSD-2-Clause */
/* pread and pwrite until everything is there; the kernel's errors mapped once, here. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/uio.h>
#include <unistd.h>
#include "cli/ui/ui.h"
#include "cli/host/dev.h"
#include "cli/host/lock.h"
#include "cli/host/safety.h"

enum pod_status cli_errno_status(int err)
{
	switch (err) {
	case ENODEV:
	case ENXIO:
	case ENOMEDIUM:
		return POD_E_CHANGED;
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return POD_E_NOSPACE;
	case EROFS:
	case EPERM:
	case EBADF:
		return POD_E_READONLY;
	case ENOMEM:
		return POD_E_NOMEM;
	case EBUSY:
		return POD_E_BUSY;
	default:
		return POD_E_IO;
	}
}

static enum pod_status failed(struct cli_dev *d, int err)
{
	struct stat st;

	d->last_errno = err;
	/* The kernel says EIO also for a drive that was pulled out; its node is gone then. */
	if (err == EIO && d->is_block && stat(d->path, &st) != 0)
		return POD_E_CHANGED;
	return cli_errno_status(err);
}

static bool fits_direct(const struct cli_dev *d, uint64_t at, const void *buf, size_t len)
{
	return d->direct_fd >= 0 && len >= CLI_DIRECT_LEN && ((at | (uintptr_t)buf | len) & (CLI_DIRECT_ALIGN - 1)) == 0;
}

static void stop_direct(struct cli_dev *d)
{
	close(d->direct_fd);
	d->direct_fd = -1;
}

void cli_dev_direct(struct cli_dev *d)
{
	char path[40];

	snprintf(path, sizeof path, "/proc/self/fd/%d", d->fd);
	if (d->direct_fd < 0)
		d->direct_fd = open(path, (d->dev.read_only ? O_RDONLY : O_RDWR) | O_DIRECT | O_CLOEXEC);
}

void cli_dev_buffered(struct cli_dev *d)
{
	if (d->direct_fd >= 0)
		stop_direct(d);
}

/* What the page cache holds is taken from there; the rest is not put into it. */
static ssize_t read_direct(struct cli_dev *d, void *buf, size_t len, off_t at)
{
	struct iovec v = {.iov_base = buf, .iov_len = len};
	ssize_t n = preadv2(d->fd, &v, 1, at, RWF_NOWAIT);

	if (n > 0 && (n & (CLI_DIRECT_ALIGN - 1)) != 0)
		n &= ~(ssize_t)(CLI_DIRECT_ALIGN - 1);
	if (n > 0)
		return n;
	if (n == 0 || errno == EAGAIN)
		n = pread(d->direct_fd, buf, len, at);
	if (n <= 0)
		stop_direct(d);
	return n > 0 ? n : pread(d->fd, buf, len, at);
}

static ssize_t host_read(struct cli_dev *d, void *buf, size_t len, uint64_t at)
{
	return fits_direct(d, at, buf, len) ? read_direct(d, buf, len, (off_t)at) : pread(d->fd, buf, len, (off_t)at);
}

static ssize_t host_write(struct cli_dev *d, const void *buf, size_t len, uint64_t at)
{
	ssize_t n;

	if (!fits_direct(d, at, buf, len))
		return pwrite(d->fd, buf, len, (off_t)at);
	n = pwrite(d->direct_fd, buf, len, (off_t)at);
	if (n >= 0 || errno != EINVAL)
		return n;
	stop_direct(d);
	return pwrite(d->fd, buf, len, (off_t)at);
}

static int host_flush(struct cli_dev *d)
{
	return fdatasync(d->fd);
}

static int host_resize(struct cli_dev *d, uint64_t size_bytes)
{
	return ftruncate(d->fd, (off_t)size_bytes);
}

static int host_punch(struct cli_dev *d, uint64_t off_bytes, uint64_t len_bytes)
{
	return fallocate(d->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)off_bytes, (off_t)len_bytes);
}

static int host_reserve(struct cli_dev *d, uint64_t off_bytes, uint64_t len_bytes)
{
	return fallocate(d->fd, FALLOC_FL_KEEP_SIZE, (off_t)off_bytes, (off_t)len_bytes);
}

static const struct cli_dev_ops host_ops = {.read = host_read,
					    .write = host_write,
					    .flush = host_flush,
					    .resize = host_resize,
					    .punch = host_punch,
					    .reserve = host_reserve};

/* --- as the core's device ------------------------------------------------------------------------------- */

static enum pod_status dev_read(struct pod_dev *pd, uint64_t off_bytes, void *buf, size_t len)
{
	struct cli_dev *d = (struct cli_dev *)pd;
	char *p = buf;

	while (len) {
		ssize_t n = d->ops->read(d, p, len, off_bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return failed(d, errno);
		if (n == 0) /* the file shrank under us */
			return POD_E_CHANGED;
		p += n;
		off_bytes += (uint64_t)n;
		len -= (size_t)n;
	}
	return POD_OK;
}

static enum pod_status dev_write(struct pod_dev *pd, uint64_t off_bytes, const void *buf, size_t len)
{
	struct cli_dev *d = (struct cli_dev *)pd;
	const char *p = buf;

	while (len) {
		ssize_t n = d->ops->write(d, p, len, off_bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return failed(d, n < 0 ? errno : EIO);
		p += n;
		off_bytes += (uint64_t)n;
		len -= (size_t)n;
	}
	return POD_OK;
}

static enum pod_status dev_flush(struct pod_dev *pd)
{
	struct cli_dev *d = (struct cli_dev *)pd;

	/* The kernel tells of a write that was lost once only: what it answers after that is no evidence. */
	if (d->lost_errno)
		return failed(d, d->lost_errno);
	if (d->ops->flush(d) == 0)
		return POD_OK;
	d->lost_errno = errno;
	return failed(d, errno);
}

enum pod_status cli_dev_truncate(struct cli_dev *d, uint64_t size_bytes)
{
	if (d->ops->resize(d, size_bytes) != 0)
		return failed(d, errno);
	d->dev.size_bytes = size_bytes;
	return POD_OK;
}

enum pod_status cli_dev_punch(struct cli_dev *d, uint64_t off_bytes, uint64_t len_bytes)
{
	return d->fd >= 0 && d->ops->punch(d, off_bytes, len_bytes) == 0 ? POD_OK : POD_E_UNSUPPORTED;
}

enum pod_status cli_dev_reserve(struct cli_dev *d, uint64_t off_bytes, uint64_t len_bytes)
{
	if (d->fd < 0)
		return POD_E_UNSUPPORTED;
	if (d->ops->reserve(d, off_bytes, len_bytes) == 0)
		return POD_OK;
	return errno == ENOSPC || errno == EDQUOT ? failed(d, errno) : POD_E_UNSUPPORTED;
}

/* --- opening -------------------------------------------------------------------------------------------- */

/* A stick in a file can be reached under two names: the file's, and that of a loop device over it. Whoever comes by the second
 * holds the file's lock as well. */
static bool lock_device(struct cli_dev *d, struct fault *fault)
{
	char *file = cli_safety_backing_file(d->rdev);

	if (file)
		d->lock_fd = open(file, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	free(file);
	return cli_lock_take(d->fd, true, d->path, fault) && (d->lock_fd < 0 || cli_lock_take(d->lock_fd, true, d->path, fault));
}

static bool describe(struct cli_dev *d, bool writable, struct fault *fault)
{
	struct stat st;
	uint64_t size = 0;
	int sector = 512, read_only = 0;

	if (fstat(d->fd, &st) != 0) {
		fault_set(fault, "%s: %s", d->path, strerror(errno));
		return false;
	}
	d->dev.sector_size = 512;
	if (S_ISREG(st.st_mode)) {
		d->dev.size_bytes = (uint64_t)st.st_size;
		d->file_dev = st.st_dev;
		d->file_ino = st.st_ino;
		d->changed_unix = st.st_mtime;
		return !writable || cli_lock_take(d->fd, true, d->path, fault);
	}
	if (!S_ISBLK(st.st_mode)) {
		fault_set(fault, _("%s: neither a file nor a block device; name a drive like /dev/sdX or an image file"),
			  d->path);
		return false;
	}
	d->is_block = true;
	d->rdev = st.st_rdev;
	if (ioctl(d->fd, BLKGETSIZE64, &size) != 0 || ioctl(d->fd, BLKSSZGET, &sector) != 0) {
		fault_set(fault, _("%s: cannot ask for the drive's size: %s"), d->path, strerror(errno));
		return false;
	}
	if (size == 0) {
		fault_set(fault, _("%s: no medium in the drive; insert one"), d->path);
		return false;
	}
	if (writable && ioctl(d->fd, BLKROGET, &read_only) == 0 && read_only) {
		fault_set(fault, _("%s: the drive is write-protected; move its switch"), d->path);
		return false;
	}
	d->dev.size_bytes = size;
	d->dev.sector_size = (uint32_t)sector;
	return !writable || lock_device(d, fault);
}

static bool open_with(struct cli_dev *d, const char *path, int flags, bool writable, struct fault *fault)
{
	struct stat st;

	memset(d, 0, sizeof *d);
	d->path = cli_xstrdup(path);
	d->ops = cli_dev_stack(&host_ops);
	d->lock_fd = d->direct_fd = -1;
	/* Exclusive means for a block device: nobody has it or a part of it mounted. */
	if (writable && stat(path, &st) == 0 && S_ISBLK(st.st_mode))
		flags |= O_EXCL;
	/* Non-blocking, so that a FIFO given by mistake does not make us wait. */
	d->fd = open(path, flags | O_CLOEXEC | O_NONBLOCK, 0666);
	if (d->fd < 0) {
		int err = errno;

		if (err == EEXIST)
			fault_set(fault, _("%s: exists already; name another file, or remove it first"), path);
		else if (err == EBUSY)
			fault_set(fault, _("%s: the drive or a part of it is in use; unmount it first"), path);
		else if (writable && (err == EACCES || err == EROFS))
			fault_set(fault, _("%s: cannot open for writing: %s; check permissions, or run as root"), path,
				  strerror(err));
		else
			fault_set(fault, _("%s: cannot open: %s"), path, strerror(err));
		cli_dev_close(d);
		return false;
	}
	d->dev.read = dev_read;
	d->dev.budget = &d->budget;
	pod_budget_unlimited(&d->budget);
	d->dev.read_only = !writable;
	if (writable) {
		d->dev.write = dev_write;
		d->dev.flush = dev_flush;
	}
	if (!describe(d, writable, fault)) {
		cli_dev_close(d);
		return false;
	}
	return true;
}

bool cli_dev_open(struct cli_dev *d, const char *path, bool writable, struct fault *fault)
{
	return open_with(d, path, writable ? O_RDWR : O_RDONLY, writable, fault);
}

bool cli_dev_create(struct cli_dev *d, const char *path, struct fault *fault)
{
	return open_with(d, path, O_RDWR | O_CREAT, true, fault);
}

bool cli_dev_create_new(struct cli_dev *d, const char *path, struct fault *fault)
{
	return open_with(d, path, O_RDWR | O_CREAT | O_EXCL, true, fault);
}

static uint64_t budget_now(struct pod_budget *b)
{
	(void)b;
	return cli_millis();
}

static bool budget_cancelled(struct pod_budget *b)
{
	(void)b;
	return cli_interrupted != 0;
}

void cli_dev_limit(struct cli_dev *d, uint64_t steps, uint64_t ms)
{
	d->budget.now_ms = budget_now;
	d->budget.cancelled = budget_cancelled;
	pod_budget_start(&d->budget, steps, POD_BUDGET_UNLIMITED, ms);
}

void cli_dev_unlimited(struct cli_dev *d)
{
	cli_dev_limit(d, POD_BUDGET_UNLIMITED, 0);
}

void cli_dev_close(struct cli_dev *d)
{
	if (!d->path)
		return;
	if (d->fd >= 0)
		close(d->fd);
	if (d->lock_fd >= 0)
		close(d->lock_fd);
	if (d->direct_fd >= 0)
		stop_direct(d);
	free(d->path);
	memset(d, 0, sizeof *d);
}

/* statfs(2): NTFS_SB_MAGIC, ntfs3's own, and FUSE, by which ntfs-3g shows it. */
static bool counts_short_names(const struct statfs *fs)
{
	return (uint32_t)fs->f_type == 0x5346544e || (uint32_t)fs->f_type == 0x7366746e || (uint32_t)fs->f_type == 0x65735546;
}

bool cli_dev_has_other_name(const char *path)
{
	struct statfs fs;
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink > 1 && statfs(path, &fs) == 0 &&
	       !counts_short_names(&fs);
}
