/* SPDX-License-Identifier: BSD-2-Clause */
#ifdef ISOPOD_WITH_NTFS
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include "cli/host/ntfs_device.h"

static int dev_open(struct ntfs_device *d, int flags)
{
	const struct ntfs_source *s = d->d_private;

	d->d_state |= 1ul << ND_Open;
	if ((flags & O_ACCMODE) == O_RDONLY || s->dev->read_only)
		d->d_state |= 1ul << ND_ReadOnly;
	return 0;
}

static int dev_close(struct ntfs_device *d)
{
	d->d_state &= ~(1ul << ND_Open);
	return 0;
}

static s64 dev_seek(struct ntfs_device *d, s64 off, int whence)
{
	struct ntfs_source *s = d->d_private;

	s->at = whence == SEEK_SET ? off : whence == SEEK_CUR ? s->at + off : (s64)s->dev->size_bytes + off;
	return s->at;
}

/* How much of what is asked for lies on the device. */
static s64 clip(const struct ntfs_source *s, s64 count, s64 off)
{
	if (off < 0 || count < 0 || (uint64_t)off >= s->dev->size_bytes)
		return 0;
	return (s64)pod_min_u64((uint64_t)count, s->dev->size_bytes - (uint64_t)off);
}

static s64 done(struct ntfs_source *s, enum pod_status st, s64 count)
{
	if (st == POD_OK)
		return count;
	s->failed = st;
	errno = st == POD_E_NOSPACE ? ENOSPC : st == POD_E_READONLY ? EROFS : EIO;
	return -1;
}

static s64 dev_pread(struct ntfs_device *d, void *buf, s64 count, s64 off)
{
	struct ntfs_source *s = d->d_private;

	count = clip(s, count, off);
	return done(s, pod_dev_read(s->dev, (uint64_t)off, buf, (size_t)count), count);
}

static s64 dev_pwrite(struct ntfs_device *d, const void *buf, s64 count, s64 off)
{
	struct ntfs_source *s = d->d_private;

	if (NDevReadOnly(d))
		return done(s, POD_E_READONLY, 0);
	count = clip(s, count, off);
	NDevSetDirty(d);
	return done(s, pod_dev_write(s->dev, (uint64_t)off, buf, (size_t)count), count);
}

static s64 dev_read(struct ntfs_device *d, void *buf, s64 count)
{
	struct ntfs_source *s = d->d_private;
	s64 n = dev_pread(d, buf, count, s->at);

	s->at += n > 0 ? n : 0;
	return n;
}

static s64 dev_write(struct ntfs_device *d, const void *buf, s64 count)
{
	struct ntfs_source *s = d->d_private;
	s64 n = dev_pwrite(d, buf, count, s->at);

	s->at += n > 0 ? n : 0;
	return n;
}

/* Whoever owns the device flushes it, once, when all is done. */
static int dev_sync(struct ntfs_device *d)
{
	d->d_state &= ~(1ul << ND_Dirty);
	return 0;
}

static int dev_stat(struct ntfs_device *d, struct stat *st)
{
	struct ntfs_source *s = d->d_private;

	memset(st, 0, sizeof *st);
	st->st_mode = S_IFREG | 0644;
	st->st_size = (off_t)s->dev->size_bytes;
	return 0;
}

static int dev_ioctl(struct ntfs_device *d, unsigned long request, void *arg)
{
	(void)d;
	(void)request;
	(void)arg;
	errno = EOPNOTSUPP;
	return -1;
}

struct ntfs_device_operations ntfs_source_ops = {
	.open = dev_open,
	.close = dev_close,
	.seek = dev_seek,
	.read = dev_read,
	.write = dev_write,
	.pread = dev_pread,
	.pwrite = dev_pwrite,
	.sync = dev_sync,
	.stat = dev_stat,
	.ioctl = dev_ioctl,
};
#else
typedef int ntfs_device_is_left_out; /* a file is never empty */
#endif
