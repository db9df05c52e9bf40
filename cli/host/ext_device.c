/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/host/ext_device.h"
#include "core/base/bytes.h"

bool ext_device_is(struct pod_dev *volume)
{
	uint8_t magic[2];

	/* s_magic in the superblock at 1024. */
	return volume->size_bytes >= 2048 && pod_dev_read(volume, 1024 + 56, magic, 2) == POD_OK && pod_get_le16(magic) == 0xef53;
}

#ifdef ISOPOD_WITH_EXT
#include <stdlib.h>

static struct pod_dev *opening; /* open() is given a name only */

static errcode_t io_open(const char *name, int flags, io_channel *out);

static errcode_t io_close(io_channel c)
{
	free(c->name);
	free(c);
	return 0;
}

static errcode_t io_set_blksize(io_channel c, int size)
{
	c->block_size = size;
	return 0;
}

static errcode_t io_read64(io_channel c, unsigned long long block, int count, void *data)
{
	struct pod_dev *d = c->private_data;
	uint64_t len, size = (unsigned)c->block_size;

	/* Bytes if it is negative, blocks else. */
	if (count < 0)
		len = 0u - (unsigned)count;
	else
		len = (unsigned)count * size;
	if (block > d->size_bytes / size)
		return EXT2_ET_SHORT_READ;
	return pod_dev_read(d, block * size, data, (size_t)len) == POD_OK ? 0 : EXT2_ET_SHORT_READ;
}

static errcode_t io_read(io_channel c, unsigned long block, int count, void *data)
{
	return io_read64(c, (unsigned long long)block, count, data);
}

static errcode_t io_write64(io_channel c, unsigned long long block, int count, const void *data)
{
	(void)c;
	(void)block;
	(void)count;
	(void)data;
	return EXT2_ET_RO_FILSYS;
}

static errcode_t io_write(io_channel c, unsigned long block, int count, const void *data)
{
	return io_write64(c, block, count, data);
}

static errcode_t io_flush(io_channel c)
{
	(void)c;
	return 0;
}

static struct struct_io_manager manager = {
	.magic = EXT2_ET_MAGIC_IO_MANAGER,
	.name = "isopod",
	.open = io_open,
	.close = io_close,
	.set_blksize = io_set_blksize,
	.read_blk = io_read,
	.write_blk = io_write,
	.flush = io_flush,
	.read_blk64 = io_read64,
	.write_blk64 = io_write64,
};

static errcode_t io_open(const char *name, int flags, io_channel *out)
{
	io_channel c = cli_xzalloc(sizeof *c);

	(void)flags;
	c->magic = EXT2_ET_MAGIC_IO_CHANNEL;
	c->manager = &manager;
	c->name = cli_xstrdup(name);
	c->block_size = 1024;
	c->refcount = 1;
	c->private_data = opening;
	*out = c;
	return 0;
}

io_manager ext_device(struct pod_dev *volume)
{
	opening = volume;
	return &manager;
}
#endif
