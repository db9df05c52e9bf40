/* SPDX-License-Identifier: BSD-2-Clause */
/* ext2, ext3 and ext4, through libext2fs. Build with EXT=no to leave it out. */
#include "cli/layer/diff_call.h"
#include "cli/layer/diff_export.h"
#include "cli/host/ext_device.h"
#include "cli/host/lazy.h"
#include "cli/host/sandbox.h"

#ifdef ISOPOD_WITH_EXT
#include <ext2fs/ext2fs.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
#define FUNCTIONS(X) \
	X(ext2fs_block_iterate3) X(ext2fs_bmap2) X(ext2fs_close_free) X(ext2fs_close_inode_scan) X(ext2fs_dir_iterate2) \
	X(ext2fs_get_next_inode) X(ext2fs_inode_has_valid_blocks2) X(ext2fs_inode_table_loc) X(ext2fs_open) \
	X(ext2fs_file_close) X(ext2fs_file_open) X(ext2fs_file_read) X(ext2fs_namei) \
	X(ext2fs_open_inode_scan) X(ext2fs_read_inode)
/* clang-format on */
LAZY_LIBRARY(lib, ext2fs, FUNCTIONS);

#define DEPTH_MAX 128u
enum { RECORD = 1, DATA = 2, NAMED = 4 };

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
	e.mtime = (int32_t)in.i_mtime; /* signed: before 1970, too */
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

	/* An inode table as large as the volume says must fit into it. */
	if (lib.ext2fs_open("layer", EXT_DEVICE_FLAGS, 0, 0, ext_device(volume), &s.fs) != 0)
		return POD_E_CORRUPT;
	if ((uint64_t)s.fs->super->s_inodes_count * EXT2_INODE_SIZE(s.fs->super) <= volume->size_bytes)
		st = list_volume(&s);
	lib.ext2fs_close_free(&s.fs);
	return st;
}

static enum pod_status list(struct pod_dev *volume, const struct diff_map *changed, struct diff_list *out)
{
	if (!ext_device_is(volume))
		return POD_E_FORMAT;
	if (lazy_load(&lib_library))
		return POD_E_UNSUPPORTED;
	return diff_call("libext2fs", list_inside, volume, changed, out);
}

static const char *missing(void)
{
	return lazy_load(&lib_library);
}

/* --- contents ------------------------------------------------------------------------------------------- */

/* Records of the child, each with the number of a file: its size and kind; bytes, behind their place; the end, with a status. */
enum { FILE_BEGINS = 1, FILE_DATA, FILE_LINK, FILE_ENDS };
struct head {
	uint64_t file, value;
};
#define SECONDS_MAX 7200u
#define BLOCK_MAX   65536u

struct sender {
	struct sandbox_child *child;
	ext2_filsys fs;
	struct pod_dev *volume;
	uint64_t file;
	struct {
		struct head head;
		uint8_t data[BLOCK_MAX];
	} record;
};

static void send_record(struct sender *s, unsigned kind, uint64_t value, size_t len)
{
	s->record.head = (struct head){s->file, value};
	sandbox_send(s->child, kind, &s->record, sizeof s->record.head + len);
}

/* Block by block, without those that are not there or were never written. */
static enum pod_status send_blocks(struct sender *s, ext2_ino_t ino, struct ext2_inode *in, uint64_t size)
{
	unsigned bs = s->fs->blocksize;

	for (uint64_t at = 0; at < size; at += bs) {
		int flags = 0;
		blk64_t where = 0;

		if (lib.ext2fs_bmap2(s->fs, ino, in, NULL, 0, at / bs, &flags, &where) != 0)
			return POD_E_CORRUPT;
		if (!where || (flags & BMAP_RET_UNINIT))
			continue;
		if (where > s->volume->size_bytes / bs || pod_dev_read(s->volume, where * bs, s->record.data, bs) != POD_OK)
			return POD_E_IO;
		send_record(s, FILE_DATA, at, (size_t)pod_min_u64(bs, size - at));
	}
	return POD_OK;
}

/* What lies in the inode itself, or a link's target. */
static enum pod_status send_whole(struct sender *s, ext2_ino_t ino, uint64_t size, unsigned kind)
{
	ext2_file_t f;
	unsigned got = 0;
	errcode_t err = size < BLOCK_MAX ? lib.ext2fs_file_open(s->fs, ino, 0, &f) : EXT2_ET_FILE_TOO_BIG;

	if (err)
		return POD_E_CORRUPT;
	err = lib.ext2fs_file_read(f, s->record.data, (unsigned)size, &got);
	lib.ext2fs_file_close(f);
	if (err || got != size)
		return POD_E_CORRUPT;
	send_record(s, kind, 0, got);
	return POD_OK;
}

static enum pod_status send_link(struct sender *s, ext2_ino_t ino, struct ext2_inode *in, uint64_t size)
{
	/* a short one lies where else the blocks are named */
	if (lib.ext2fs_inode_has_valid_blocks2(s->fs, in) || (in->i_flags & EXT4_INLINE_DATA_FL))
		return send_whole(s, ino, size, FILE_LINK);
	if (size >= sizeof in->i_block)
		return POD_E_CORRUPT;
	memcpy(s->record.data, in->i_block, (size_t)size);
	send_record(s, FILE_LINK, 0, (size_t)size);
	return POD_OK;
}

static enum pod_status send_file(struct sender *s, const char *path)
{
	struct ext2_inode in;
	ext2_ino_t ino;
	uint64_t size;

	if (lib.ext2fs_namei(s->fs, EXT2_ROOT_INO, EXT2_ROOT_INO, path, &ino) != 0 || lib.ext2fs_read_inode(s->fs, ino, &in) != 0)
		return POD_E_NOT_FOUND;
	size = EXT2_I_SIZE(&in);
	if (LINUX_S_ISLNK(in.i_mode) && !(in.i_flags & EXT4_ENCRYPT_FL))
		return send_link(s, ino, &in, size);
	if (!LINUX_S_ISREG(in.i_mode) || (in.i_flags & EXT4_ENCRYPT_FL))
		return POD_E_UNSUPPORTED;
	send_record(s, FILE_BEGINS, size, 0);
	return (in.i_flags & EXT4_INLINE_DATA_FL) ? send_whole(s, ino, size, FILE_DATA) : send_blocks(s, ino, &in, size);
}

struct fetch {
	struct diff_export *x;
	struct pod_dev *volume;
	const struct diff_want *want;
	size_t n, next; /* `next`: the one that comes, or is under way */
	bool open;
};

static void send_files(struct sandbox_child *c, void *ctx)
{
	const struct fetch *f = ctx;
	struct sender *s = cli_xzalloc(sizeof *s);

	s->child = c;
	s->volume = f->volume;
	if (lib.ext2fs_open("layer", EXT_DEVICE_FLAGS, 0, 0, ext_device(f->volume), &s->fs) != 0 || s->fs->blocksize > BLOCK_MAX)
		return;
	for (; s->file < f->n; s->file++) {
		enum pod_status st = f->want[s->file].is_dir ? POD_OK : send_file(s, f->want[s->file].path);

		send_record(s, FILE_ENDS, (uint64_t)st, 0);
	}
	lib.ext2fs_close_free(&s->fs);
	free(s);
}

static void end_file(struct fetch *f, enum pod_status st, const char *why)
{
	if (f->open)
		diff_export_close(f->x, f->next, st);
	else if (st != POD_OK)
		diff_export_miss(f->x, f->next, why);
	f->open = false;
	f->next++;
}

static bool take(void *ctx, unsigned kind, const uint8_t *data, size_t len)
{
	struct fetch *f = ctx;
	struct head h;
	bool link = kind == FILE_LINK;

	if (len < sizeof h || f->next >= f->n)
		return false;
	memcpy(&h, data, sizeof h);
	len -= sizeof h;
	if (h.file != f->next || (f->want[f->next].is_dir && kind != FILE_ENDS))
		return false;
	if (kind == FILE_ENDS && h.value < POD_STATUS_COUNT && !len) {
		end_file(f, (enum pod_status)h.value, cli_status_text((enum pod_status)h.value));
	} else if (kind == FILE_BEGINS && !f->open && !len) {
		f->open = diff_export_open(f->x, f->next, h.value);
	} else if (kind == FILE_DATA && f->open) {
		return diff_export_data(f->x, h.value, data + sizeof h, len) == POD_OK;
	} else if (link && !f->open && len && len < 4096 && !memchr(data + sizeof h, 0, len)) {
		char *target = cli_xzalloc(len + 1);

		memcpy(target, data + sizeof h, len);
		diff_export_link(f->x, f->next, target);
		free(target);
	} else {
		return kind == FILE_DATA; /* of a file that could not be made */
	}
	return true;
}

static void contents(struct diff_export *x, struct pod_dev *volume)
{
	struct fetch f = {.x = x, .volume = volume};
	struct sandbox s = {.who = "libext2fs",
			    .about = _("the volume"),
			    .seconds = SECONDS_MAX,
			    .answer_bytes = UINT64_MAX,
			    .work = send_files,
			    .ctx = &f,
			    .take = take,
			    .take_ctx = &f};
	struct fault why = {0};

	f.want = diff_export_wanted(x, &f.n);
	(void)sandbox_run(&s, &why);
	while (f.next < f.n)
		end_file(&f, f.want[f.next].is_dir ? POD_OK : POD_E_CORRUPT,
			 fault_is_set(&why) ? fault_text(&why) : cli_status_text(POD_E_CORRUPT));
	fault_free(&why);
}

#else

static void contents(struct diff_export *x, struct pod_dev *volume)
{
	size_t n;

	(void)volume;
	(void)diff_export_wanted(x, &n);
	for (size_t i = 0; i < n; i++)
		diff_export_miss(x, i, cli_status_text(POD_E_UNSUPPORTED));
}

static enum pod_status list(struct pod_dev *volume, const struct diff_map *changed, struct diff_list *out)
{
	(void)changed;
	(void)out;
	return ext_device_is(volume) ? POD_E_UNSUPPORTED : POD_E_FORMAT;
}

static const char *missing(void)
{
	return _("this isopod was built without the library that reads it");
}
#endif

const struct diff_reader diff_ext = {.name = "ext4", .list = list, .missing = missing, .contents = contents};
