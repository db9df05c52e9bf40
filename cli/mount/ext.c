/* SPDX-License-Identifier: BSD-2-Clause */
/* A node's priv[0] is the number of its inode. Files are read through the library, not by their extents. */
#include "cli/mount/ext.h"
#include "cli/host/ext_device.h"
#include "cli/host/lazy.h"

#ifdef ISOPOD_WITH_EXT
#include <stdlib.h>
#include <string.h>
#include "core/base/str.h"

/* clang-format off */
#define FUNCTIONS(X) \
	X(ext2fs_close_free) X(ext2fs_dir_iterate2) X(ext2fs_file_close) X(ext2fs_file_llseek) X(ext2fs_file_open) X(ext2fs_file_read) \
	X(ext2fs_inode_has_valid_blocks2) X(ext2fs_open) X(ext2fs_read_inode)
/* clang-format on */
LAZY_LIBRARY(lib, ext2fs, FUNCTIONS);

#define ENTRIES_MAX (1u << 20)

struct entry {
	ext2_ino_t ino;
	uint8_t type;
	char name[EXT2_NAME_LEN + 1];
};
struct ext {
	ext2_filsys fs;
	ext2_ino_t folder; /* whose entries these are; 0: none's */
	struct entry *entry;
	size_t n, cap;
};

void mount_ext_prepare(void)
{
	(void)lazy_load(&lib_library);
}

static enum pod_status ext_open(struct pod_fs *fs, struct pod_diag *diag)
{
	struct ext *x;

	(void)diag;
	if (!ext_device_is(fs->dev))
		return POD_E_FORMAT;
	if (lazy_load(&lib_library))
		return POD_E_UNSUPPORTED;
	x = cli_xzalloc(sizeof *x);
	if (lib.ext2fs_open("isopod", EXT_DEVICE_FLAGS, 0, 0, ext_device(fs->dev), &x->fs) != 0) {
		free(x);
		return POD_E_CORRUPT;
	}
	fs->priv_mem = x;
	fs->cluster_size = x->fs->blocksize;
	fs->total_bytes = fs->dev->size_bytes;
	memcpy(fs->label, x->fs->super->s_volume_name, sizeof x->fs->super->s_volume_name);
	return POD_OK;
}

static void ext_close(struct pod_fs *fs)
{
	struct ext *x = fs->priv_mem;

	lib.ext2fs_close_free(&x->fs);
	free(x->entry);
	free(x);
}

static enum pod_status ext_root(struct pod_fs *fs, struct pod_node *out)
{
	(void)fs;
	*out = (struct pod_node){.is_dir = true, .priv = {EXT2_ROOT_INO}};
	return POD_OK;
}

static int found(ext2_ino_t dir, int place, struct ext2_dir_entry *d, int off, int size, char *buf, void *ctx)
{
	struct ext *x = ctx;
	size_t len = (size_t)ext2fs_dirent_name_len(d);

	(void)dir;
	(void)off;
	(void)size;
	(void)buf;
	if (place == DIRENT_DOT_FILE || place == DIRENT_DOT_DOT_FILE || !d->inode || d->inode > x->fs->super->s_inodes_count)
		return 0;
	/* devices, pipes and sockets: nothing to look into */
	if (ext2fs_dirent_file_type(d) >= EXT2_FT_CHRDEV && ext2fs_dirent_file_type(d) <= EXT2_FT_SOCK)
		return 0;
	if (x->n == x->cap) {
		x->cap = x->cap ? 2 * x->cap : 64;
		x->entry = cli_xrealloc(x->entry, x->cap, sizeof *x->entry);
	}
	x->entry[x->n] = (struct entry){.ino = d->inode, .type = (uint8_t)ext2fs_dirent_file_type(d)};
	memcpy(x->entry[x->n++].name, d->name, len);
	return x->n == ENTRIES_MAX ? DIRENT_ABORT : 0;
}

static enum pod_status ext_readdir(struct pod_dir *dir, struct pod_dirent *out)
{
	struct ext *x = dir->fs->priv_mem;
	ext2_ino_t ino = (ext2_ino_t)dir->node.priv[0];
	const struct entry *e;

	if (!dir->pos || x->folder != ino) {
		x->n = 0;
		x->folder = ino;
		if (lib.ext2fs_dir_iterate2(x->fs, ino, 0, NULL, found, x) != 0) {
			x->folder = 0;
			return POD_E_CORRUPT;
		}
	}
	if (x->n == ENTRIES_MAX)
		return POD_E_LIMIT;
	if (dir->pos >= x->n)
		return POD_END;
	e = &x->entry[dir->pos++];
	pod_strlcpy(out->name, e->name, sizeof out->name);
	out->node.priv[0] = e->ino;
	out->node.is_dir = e->type == EXT2_FT_DIR;
	out->node.is_link = e->type == EXT2_FT_SYMLINK;
	return POD_OK;
}

static enum pod_status ext_complete(struct pod_fs *fs, struct pod_node *n)
{
	struct ext *x = fs->priv_mem;
	struct ext2_inode in;

	if (lib.ext2fs_read_inode(x->fs, (ext2_ino_t)n->priv[0], &in) != 0)
		return POD_E_CORRUPT;
	n->is_dir = LINUX_S_ISDIR(in.i_mode);
	n->is_link = LINUX_S_ISLNK(in.i_mode);
	n->mtime = (int32_t)in.i_mtime; /* signed: before 1970, too */
	if (n->is_dir)
		return POD_OK;
	n->size_bytes = n->valid_bytes = EXT2_I_SIZE(&in);
	/* what it is its folder need not say */
	return n->is_link || LINUX_S_ISREG(in.i_mode) ? POD_OK : POD_E_UNSUPPORTED;
}

static enum pod_status ext_extents(struct pod_fs *fs, const struct pod_node *file, pod_extent_fn *cb, void *ctx)
{
	(void)fs;
	(void)file;
	(void)cb;
	(void)ctx;
	return POD_E_UNSUPPORTED;
}

static enum pod_status read_at(struct ext *x, ext2_ino_t ino, uint64_t off, void *buf, size_t len)
{
	ext2_file_t f;
	uint8_t *p = buf;
	unsigned got = 1;
	errcode_t err = lib.ext2fs_file_open(x->fs, ino, 0, &f);

	if (err)
		return POD_E_CORRUPT;
	err = lib.ext2fs_file_llseek(f, off, EXT2_SEEK_SET, NULL);
	while (!err && len && got) {
		err = lib.ext2fs_file_read(f, p, (unsigned)pod_min_u64(len, 1u << 20), &got);
		p += got;
		len -= got;
	}
	lib.ext2fs_file_close(f);
	return err || len ? POD_E_CORRUPT : POD_OK;
}

static enum pod_status ext_read(struct pod_fs *fs, const struct pod_node *file, uint64_t off, void *buf, size_t len)
{
	struct ext *x = fs->priv_mem;
	struct ext2_inode in;
	enum pod_status st;

	if (lib.ext2fs_read_inode(x->fs, (ext2_ino_t)file->priv[0], &in) != 0)
		return POD_E_CORRUPT;
	if (in.i_flags & EXT4_ENCRYPT_FL)
		return POD_E_UNSUPPORTED;
	st = read_at(x, (ext2_ino_t)file->priv[0], off, buf, len);
	return st != POD_OK && pod_budget_status(fs->dev->budget) != POD_OK ? pod_budget_status(fs->dev->budget) : st;
}

static enum pod_status ext_readlink(struct pod_fs *fs, const struct pod_node *link, char *buf, size_t size)
{
	struct ext *x = fs->priv_mem;
	struct ext2_inode in;
	size_t len = (size_t)link->size_bytes;

	if (link->size_bytes >= size)
		return POD_E_LIMIT;
	if (lib.ext2fs_read_inode(x->fs, (ext2_ino_t)link->priv[0], &in) != 0)
		return POD_E_CORRUPT;
	if (in.i_flags & EXT4_ENCRYPT_FL)
		return POD_E_UNSUPPORTED;
	buf[len] = '\0';
	/* a short one lies where else the blocks are named */
	if (lib.ext2fs_inode_has_valid_blocks2(x->fs, &in) || (in.i_flags & EXT4_INLINE_DATA_FL))
		return read_at(x, (ext2_ino_t)link->priv[0], 0, buf, len);
	if (len >= sizeof in.i_block)
		return POD_E_CORRUPT;
	memcpy(buf, in.i_block, len);
	return POD_OK;
}

const struct pod_fs_ops mount_ext = {.name = "ext4",
				     .open = ext_open,
				     .close = ext_close,
				     .root = ext_root,
				     .readdir = ext_readdir,
				     .complete = ext_complete,
				     .extents = ext_extents,
				     .read = ext_read,
				     .case_sensitive = true,
				     .readlink = ext_readlink};

#else

void mount_ext_prepare(void)
{
}

static enum pod_status ext_open(struct pod_fs *fs, struct pod_diag *diag)
{
	(void)diag;
	return ext_device_is(fs->dev) ? POD_E_UNSUPPORTED : POD_E_FORMAT;
}

const struct pod_fs_ops mount_ext = {.name = "ext4", .open = ext_open};
#endif
