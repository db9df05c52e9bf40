/* SPDX-License-Identifier: BSD-2-Clause */
/* ext2, ext3 and ext4, through libext2fs. Build with EXT=no to leave it out. */
#include "cli/layer/diff_call.h"
#include "cli/host/lazy.h"
#include "core/base/bytes.h"

#ifdef ISOPOD_WITH_EXT
#include <ext2fs/ext2fs.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
#define FUNCTIONS(X) \
	X(ext2fs_block_iterate3) X(ext2fs_close_free) X(ext2fs_close_inode_scan) X(ext2fs_dir_iterate2) \
	X(ext2fs_get_next_inode) X(ext2fs_inode_has_valid_blocks2) X(ext2fs_inode_table_loc) X(ext2fs_open) \
	X(ext2fs_open_inode_scan) X(ext2fs_read_inode)
/* clang-format on */
LAZY_LIBRARY(lib, ext2fs, FUNCTIONS);

#define DEPTH_MAX 128u
enum { RECORD = 1, DATA = 2, NAMED = 4 };

/* --- the volume as libext2fs sees a device -------------------------------------------------------------- */

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
	.name = "isopod layer",
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

/* --- which inodes are concerned ------------------------------------------------------------------------- */

struct link {
	ext2_ino_t ino, parent;
	char *name;
};

struct scan {
	ext2_filsys fs;
	const struct diff_map *changed;
	struct diff_list *out;
	uint8_t *mark;	    /* by inode */
	uint64_t *where;    /* of marked ones */
	ext2_ino_t *parent; /* of folders */
	char **name;	    /* of folders */
	struct link *link;
	size_t links, cap;
	ext2_ino_t dir; /* that is being read */
	bool touched;
	uint64_t fold;
};

static uint64_t inode_offset(ext2_filsys fs, ext2_ino_t ino)
{
	dgrp_t group = (ino - 1) / EXT2_INODES_PER_GROUP(fs->super);
	uint64_t index = (ino - 1) % EXT2_INODES_PER_GROUP(fs->super);

	return lib.ext2fs_inode_table_loc(fs, group) * fs->blocksize + index * EXT2_INODE_SIZE(fs->super);
}

static int block(ext2_filsys fs, blk64_t *nr, e2_blkcnt_t count, blk64_t ref, int off, void *ctx)
{
	struct scan *s = ctx;

	(void)ref;
	(void)off;
	s->fold = diff_fold(diff_fold(s->fold, *nr), (uint64_t)count);
	s->touched = s->touched || diff_map_touches(s->changed, *nr * fs->blocksize, fs->blocksize);
	return 0;
}

static void scan_inode(struct scan *s, ext2_ino_t ino, struct ext2_inode *in)
{
	if (!in->i_links_count || (ino < EXT2_FIRST_INODE(s->fs->super) && ino != EXT2_ROOT_INO))
		return;
	if (diff_map_touches(s->changed, inode_offset(s->fs, ino), EXT2_INODE_SIZE(s->fs->super)))
		s->mark[ino] |= RECORD;
	s->touched = false;
	s->fold = 0;
	if (LINUX_S_ISREG(in->i_mode) && lib.ext2fs_inode_has_valid_blocks2(s->fs, in))
		lib.ext2fs_block_iterate3(s->fs, ino, BLOCK_FLAG_READ_ONLY | BLOCK_FLAG_DATA_ONLY, NULL, block, s);
	if (s->touched)
		s->mark[ino] |= DATA;
	s->where[ino] = s->fold;
}

static int name_found(ext2_ino_t dir, int entry, struct ext2_dir_entry *d, int off, int size, char *buf, void *ctx)
{
	struct scan *s = ctx;
	int len = ext2fs_dirent_name_len(d);
	char *name;
	bool folder = ext2fs_dirent_file_type(d) == EXT2_FT_DIR;

	(void)entry;
	(void)off;
	(void)size;
	(void)buf;
	if (!d->inode || d->inode > s->fs->super->s_inodes_count || (len == 1 && d->name[0] == '.') ||
	    (len == 2 && d->name[0] == '.' && d->name[1] == '.'))
		return 0;
	if (!folder && !s->mark[d->inode])
		return 0;
	name = cli_xmalloc((size_t)len + 1);
	memcpy(name, d->name, (size_t)len);
	name[len] = '\0';
	if (folder && !s->name[d->inode]) {
		s->parent[d->inode] = dir;
		s->name[d->inode] = cli_xstrdup(name);
	}
	if (s->links == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 256;
		s->link = cli_xrealloc(s->link, s->cap, sizeof *s->link);
	}
	if (s->mark[d->inode])
		s->link[s->links++] = (struct link){d->inode, dir, name};
	else
		free(name);
	return 0;
}

static enum pod_status scan_inodes(struct scan *s, bool names)
{
	ext2_inode_scan scan;
	struct ext2_inode in;
	ext2_ino_t ino;
	enum pod_status st = POD_OK;

	if (lib.ext2fs_open_inode_scan(s->fs, 8, &scan) != 0)
		return POD_E_CORRUPT;
	for (;;) {
		errcode_t err = lib.ext2fs_get_next_inode(scan, &ino, &in);

		if (err == EXT2_ET_BAD_BLOCK_IN_INODE_TABLE)
			continue;
		if (err)
			st = POD_E_CORRUPT;
		if (err || !ino || cli_interrupted)
			break;
		if (!names)
			scan_inode(s, ino, &in);
		else if (in.i_links_count && LINUX_S_ISDIR(in.i_mode))
			lib.ext2fs_dir_iterate2(s->fs, ino, 0, NULL, name_found, s);
	}
	lib.ext2fs_close_inode_scan(scan);
	return st;
}

/* NOLINTNEXTLINE(misc-no-recursion): DEPTH_MAX deep */
static char *path_of(struct scan *s, ext2_ino_t dir, unsigned depth)
{
	char *parent, *path;

	if (dir == EXT2_ROOT_INO)
		return cli_xstrdup("");
	if (depth > DEPTH_MAX || !s->name[dir])
		return cli_xstrdup("/?");
	parent = path_of(s, s->parent[dir], depth + 1);
	path = cli_xasprintf("%s/%s", parent, s->name[dir]);
	free(parent);
	return path;
}

static void report(struct scan *s, const struct link *l)
{
	struct ext2_inode in;
	struct diff_entry e = {.touched = s->mark[l->ino] & DATA, .where = s->where[l->ino]};
	char *parent;

	if (lib.ext2fs_read_inode(s->fs, l->ino, &in) != 0)
		return;
	parent = path_of(s, l->parent, 0);
	e.path = cli_xasprintf("%s/%s", parent, l->name);
	free(parent);
	e.is_dir = LINUX_S_ISDIR(in.i_mode);
	e.size_bytes = e.is_dir ? 0 : EXT2_I_SIZE(&in);
	e.mtime = in.i_mtime;
	e.attributes = in.i_mode;
	e.uid = inode_uid(in);
	e.gid = inode_gid(in);
	e.id = l->ino | (uint64_t)in.i_generation << 32;
	/* A short symbolic link lies in the inode itself. */
	for (unsigned i = 0; LINUX_S_ISLNK(in.i_mode) && i < EXT2_N_BLOCKS; i++)
		e.where = diff_fold(e.where, in.i_block[i]);
	diff_list_add(s->out, &e);
}

static enum pod_status list_volume(struct scan *s)
{
	size_t n = (size_t)s->fs->super->s_inodes_count + 1;
	enum pod_status st;

	s->mark = cli_xzalloc(n);
	s->where = cli_xzalloc(n * sizeof *s->where);
	s->parent = cli_xzalloc(n * sizeof *s->parent);
	s->name = cli_xzalloc(n * sizeof *s->name);
	st = scan_inodes(s, false);
	if (st == POD_OK)
		st = scan_inodes(s, true);
	for (size_t i = 0; i < s->links; i++) {
		if (st == POD_OK)
			report(s, &s->link[i]);
		free(s->link[i].name);
	}
	for (size_t i = 0; i < n; i++)
		free(s->name[i]);
	free(s->link);
	free(s->name);
	free(s->parent);
	free(s->where);
	free(s->mark);
	return st;
}

static enum pod_status list_inside(struct pod_dev *volume, const struct diff_map *changed, struct diff_list *out)
{
	struct scan s = {.changed = changed, .out = out};
	enum pod_status st = POD_E_CORRUPT;

	opening = volume;
	/* An inode table as large as the volume says must fit into it. */
	if (lib.ext2fs_open("layer", EXT2_FLAG_64BITS | EXT2_FLAG_IGNORE_CSUM_ERRORS, 0, 0, &manager, &s.fs) != 0)
		return POD_E_CORRUPT;
	if ((uint64_t)s.fs->super->s_inodes_count * EXT2_INODE_SIZE(s.fs->super) <= volume->size_bytes)
		st = list_volume(&s);
	lib.ext2fs_close_free(&s.fs);
	return st;
}

static enum pod_status list(struct pod_dev *volume, const struct diff_map *changed, struct diff_list *out)
{
	uint8_t magic[2];

	/* s_magic in the superblock at 1024. */
	if (volume->size_bytes < 2048 || pod_dev_read(volume, 1024 + 56, magic, 2) != POD_OK || pod_get_le16(magic) != 0xef53)
		return POD_E_FORMAT;
	if (lazy_load(&lib_library))
		return POD_E_UNSUPPORTED;
	return diff_call("libext2fs", list_inside, volume, changed, out);
}

static const char *missing(void)
{
	return lazy_load(&lib_library);
}

#else

static enum pod_status list(struct pod_dev *volume, const struct diff_map *changed, struct diff_list *out)
{
	uint8_t magic[2];

	(void)changed;
	(void)out;
	if (volume->size_bytes < 2048 || pod_dev_read(volume, 1024 + 56, magic, 2) != POD_OK || pod_get_le16(magic) != 0xef53)
		return POD_E_FORMAT;
	return POD_E_UNSUPPORTED;
}

static const char *missing(void)
{
	return _("this isopod was built without the library that reads it");
}
#endif

const struct diff_reader diff_ext = {.name = "ext4", .list = list, .missing = missing};
