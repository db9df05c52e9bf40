/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * XFS, read only: the volume, inodes, files as runs, symbolic links. Layout: xfs_int.h.
 *
 * The log is not replayed: what was changed last may be seen as it was (pod_xfs_log_is_dirty). Not served, and said so in fs->diag: files
 * on the realtime device. Extents that several files share (reflink) are read as any.
 *
 * A symbolic link's target stands in the data fork, or in blocks of its own; these have in version 5 a header: +0 4 "XSLM", 56 bytes.
 *
 * pod_node.priv: [0] number of the inode.
 */
#include "core/fs/xfs.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/fs/time.h"
#include "core/fs/xfs_int.h"

enum {
	SUPERBLOCK = 512,
	VERSION_DIRV2 = 0x2000,
	FEATURES2_FTYPE = 0x200,
	INCOMPAT_FTYPE = 1,
	INCOMPAT_KNOWN = 0x1FF,
	MODE_TYPE = 0xF000,
	MODE_DIR = 0x4000,
	MODE_FILE = 0x8000,
	MODE_LINK = 0xA000,
	FLAG_REALTIME = 1,
	FLAG2_BIGTIME = 8,
	LINK_HEADER = 56,
	INCOMPAT_META_UUID = 4,
};
#define NO_BLOCK UINT64_MAX
#define NS_SHIFT 9
#define NS_REST	 1953125u /* 10^9 >> 9 */

/* --- volume ------------------------------------------------------------------------------------------- */

static enum pod_status read_features(struct pod_xfs *v, const uint8_t *sb, struct pod_diag *diag)
{
	uint32_t version = pod_get_be16(sb + 100), incompat = pod_get_be32(sb + 216);
	if ((version & 15) != 4 && (version & 15) != 5)
		return pod_fail(diag, POD_E_UNSUPPORTED, "XFS version", 100, 5, version & 15);
	v->v5 = (version & 15) == 5;
	if (!v->v5 && !(version & VERSION_DIRV2))
		return pod_fail(diag, POD_E_UNSUPPORTED, "XFS directories of version 1", 100, VERSION_DIRV2, version);
	if (v->v5 && (incompat & ~(uint32_t)INCOMPAT_KNOWN))
		return pod_fail(diag, POD_E_UNSUPPORTED, "XFS incompatible features", 216, INCOMPAT_KNOWN, incompat);
	memcpy(v->uuid, sb + (incompat & INCOMPAT_META_UUID ? 248 : 32), sizeof v->uuid);
	v->ftype = v->v5 ? (incompat & INCOMPAT_FTYPE) != 0 : (pod_get_be32(sb + 200) & FEATURES2_FTYPE) != 0;
	return POD_OK;
}

static enum pod_status read_geometry(struct pod_xfs *v, const uint8_t *sb, struct pod_diag *diag)
{
	v->block_shift = sb[120];
	v->inode_shift = sb[122];
	v->ag_shift = sb[124];
	v->dir_shift = v->block_shift + sb[192];
	v->ag_blocks = pod_get_be32(sb + 84);
	v->ag_count = pod_get_be32(sb + 88);
	v->blocks = pod_get_be64(sb + 8);
	v->root = pod_get_be64(sb + 56);
	v->log_block = pod_get_be64(sb + 48);
	v->log_blocks = pod_get_be32(sb + 96);
	v->sector_size = pod_get_be16(sb + 102);
	if (v->block_shift < 9 || v->block_shift > 16 || pod_get_be32(sb + 4) != 1u << v->block_shift)
		return pod_fail(diag, POD_E_CORRUPT, "XFS block size", 4, 4096, pod_get_be32(sb + 4));
	if (v->inode_shift < 8 || v->inode_shift > 11 || v->inode_shift > v->block_shift ||
	    pod_get_be16(sb + 104) != 1u << v->inode_shift || sb[123] != v->block_shift - v->inode_shift)
		return pod_fail(diag, POD_E_CORRUPT, "XFS inode size", 104, 512, pod_get_be16(sb + 104));
	if (v->dir_shift > 16)
		return pod_fail(diag, POD_E_CORRUPT, "XFS directory block size", 192, 0, sb[192]);
	if (v->sector_size < 512 || (v->sector_size & (v->sector_size - 1)) || v->sector_size > 1u << v->block_shift)
		return pod_fail(diag, POD_E_CORRUPT, "XFS sector size", 102, 512, v->sector_size);
	uint64_t all = (uint64_t)v->ag_blocks * v->ag_count;
	if (!v->ag_blocks || !v->ag_count || v->ag_shift > 31 || v->ag_blocks > 1u << v->ag_shift || v->blocks > all ||
	    v->blocks <= all - v->ag_blocks || v->blocks >> (63 - v->block_shift))
		return pod_fail(diag, POD_E_CORRUPT, "XFS blocks of the volume", 8, all, v->blocks);
	return POD_OK;
}

static void xfs_close(struct pod_fs *fs)
{
	struct pod_xfs *v = xfs_of(fs);
	pod_free(fs->alloc, v->inode);
	pod_free(fs->alloc, v->block);
	pod_free(fs->alloc, v->dir);
	pod_free(fs->alloc, v);
	fs->priv_mem = NULL;
}

static enum pod_status open_volume(struct pod_fs *fs, const uint8_t *sb, struct pod_diag *diag)
{
	struct pod_xfs *v = xfs_of(fs);
	POD_TRY(read_features(v, sb, diag));
	POD_TRY(read_geometry(v, sb, diag));
	v->number = v->dir_number = XFS_NO_INODE;
	v->inode = fs->alloc->alloc(fs->alloc, 1u << v->inode_shift);
	v->block = fs->alloc->alloc(fs->alloc, 1u << v->block_shift);
	v->dir = fs->alloc->alloc(fs->alloc, 1u << v->dir_shift);
	if (!v->inode || !v->block || !v->dir)
		return POD_E_NOMEM;
	enum pod_status st = xfs_load(fs, v->root);
	if (st == POD_OK && (pod_get_be16(v->inode + 2) & MODE_TYPE) != MODE_DIR)
		st = POD_E_CORRUPT;
	return st == POD_E_CORRUPT ? pod_fail(diag, st, "XFS root inode", 56, 0, v->root) : st;
}

static enum pod_status xfs_open(struct pod_fs *fs, struct pod_diag *diag)
{
	uint8_t sb[SUPERBLOCK];
	if (fs->dev->size_bytes < sizeof sb)
		return POD_E_FORMAT;
	POD_TRY(pod_dev_read(fs->dev, 0, sb, sizeof sb));
	if (memcmp(sb, "XFSB", 4) != 0)
		return pod_fail(diag, POD_E_FORMAT, "XFS magic number", 0, 0, 0);
	fs->priv_mem = pod_zalloc(fs->alloc, 1, sizeof(struct pod_xfs));
	if (!fs->priv_mem)
		return POD_E_NOMEM;
	enum pod_status st = open_volume(fs, sb, diag);
	if (st != POD_OK) {
		xfs_close(fs);
		return st;
	}
	const struct pod_xfs *v = xfs_of(fs);
	fs->cluster_size = 1u << v->block_shift;
	fs->total_bytes = v->blocks << v->block_shift;
	memcpy(fs->label, sb + 108, 12);
	return POD_OK;
}

enum pod_status xfs_place(struct pod_fs *fs, uint64_t block, uint64_t count, uint64_t *at)
{
	const struct pod_xfs *v = xfs_of(fs);
	uint64_t ag = block >> v->ag_shift, in = block & ((UINT64_C(1) << v->ag_shift) - 1);
	if (ag >= v->ag_count || !pod_in_range(in, count, v->ag_blocks))
		return POD_E_CORRUPT;
	uint64_t first = ag * v->ag_blocks + in;
	if (!pod_in_range(first, count, v->blocks) ||
	    !pod_in_range(first << v->block_shift, count << v->block_shift, fs->dev->size_bytes))
		return POD_E_CORRUPT;
	*at = first << v->block_shift;
	return POD_OK;
}

/* --- inodes ------------------------------------------------------------------------------------------- */

enum pod_status xfs_load(struct pod_fs *fs, uint64_t number)
{
	struct pod_xfs *v = xfs_of(fs);
	uint32_t per_block = v->block_shift - v->inode_shift, size = 1u << v->inode_shift;
	uint64_t at;
	if (number == XFS_NO_INODE)
		return POD_E_CORRUPT;
	if (v->number == number)
		return POD_OK;
	POD_TRY(xfs_place(fs, number >> per_block, 1, &at));
	at += (number & ((1u << per_block) - 1)) << v->inode_shift;
	v->number = XFS_NO_INODE;
	POD_TRY(pod_dev_read(fs->dev, at, v->inode, size));
	bool v3 = v->inode[4] == 3;
	if (memcmp(v->inode, "IN", 2) != 0 || v->inode[4] < 1 || v->inode[4] > 3 || v3 != v->v5 ||
	    (v3 && pod_get_be64(v->inode + 152) != number))
		return POD_E_CORRUPT;
	v->number = number;
	v->inode_at = at;
	return POD_OK;
}

static uint64_t flags2(const struct pod_xfs *v, const uint8_t *inode)
{
	return v->v5 ? pod_get_be64(inode + 120) : 0;
}

enum pod_status xfs_data_fork(const struct pod_xfs *v, const uint8_t *inode, struct xfs_fork *f)
{
	uint32_t size = 1u << v->inode_shift, attributes = inode[82] * 8u;
	f->at = v->v5 ? XFS_INODE_CORE_V3 : XFS_INODE_CORE;
	if (attributes >= size - f->at)
		return POD_E_CORRUPT;
	f->len = attributes ? attributes : size - f->at;
	f->format = inode[5];
	f->large_counts = flags2(v, inode) & XFS_FLAG2_LARGE_COUNTS;
	f->extents = f->large_counts ? pod_get_be64(inode + 24) : pod_get_be32(inode + 76);
	return POD_OK;
}

static int64_t mtime(const struct pod_xfs *v)
{
	const uint8_t *p = v->inode + 40;
	if (flags2(v, v->inode) & FLAG2_BIGTIME)
		return (int64_t)pod_time_divide(pod_get_be64(p) >> NS_SHIFT, NS_REST) - (INT64_C(1) << 31);
	return (int32_t)pod_get_be32(p);
}

static enum pod_status xfs_root(struct pod_fs *fs, struct pod_node *out)
{
	memset(out, 0, sizeof *out);
	out->is_dir = true;
	out->priv[0] = xfs_of(fs)->root;
	return POD_OK;
}

static enum pod_status xfs_complete(struct pod_fs *fs, struct pod_node *n)
{
	const struct pod_xfs *v = xfs_of(fs);
	POD_TRY(xfs_load(fs, n->priv[0]));
	uint32_t type = pod_get_be16(v->inode + 2) & MODE_TYPE;
	if (type != MODE_DIR && type != MODE_FILE && type != MODE_LINK)
		return POD_E_UNSUPPORTED; /* devices, pipes, sockets */
	uint64_t size = pod_get_be64(v->inode + 56);
	if (size >> 63)
		return POD_E_CORRUPT;
	n->is_dir = type == MODE_DIR;
	n->is_link = type == MODE_LINK;
	n->size_bytes = n->valid_bytes = size;
	n->entry_bytes = v->inode_at;
	n->entry_len = 1u << v->inode_shift;
	n->mtime = mtime(v);
	return POD_OK;
}

/* --- runs --------------------------------------------------------------------------------------------- */

struct walk {
	struct pod_fs *fs;
	xfs_run_fn *cb;
	void *ctx;
	uint64_t next; /* block of the file behind what was handed over */
};

/* `n` extents as they stand on disk; in the order of the file, which is what keeps a chain of them from having no end. */
static enum pod_status hand_over(struct walk *w, const uint8_t *p, uint64_t n)
{
	for (; n; n--, p += XFS_EXTENT) {
		uint64_t high = pod_get_be64(p), low = pod_get_be64(p + 8);
		struct xfs_run r = {.file_block = high << 1 >> 10,
				    .block = (high & 0x1FF) << 43 | low >> 21,
				    .count = low & XFS_EXTENT_BLOCKS_MAX,
				    .unwritten = high >> 63};
		if (!r.count || r.file_block < w->next)
			return POD_E_CORRUPT;
		w->next = r.file_block + r.count;
		POD_TRY(w->cb(w->ctx, &r));
	}
	return POD_OK;
}

/* Loads a block of the B+tree; *records are where they begin in it. */
static enum pod_status load_tree(struct pod_fs *fs, uint64_t block, uint32_t level, const uint8_t **records, uint32_t *count)
{
	const struct pod_xfs *v = xfs_of(fs);
	uint32_t header = v->v5 ? XFS_TREE_HEADER_V5 : XFS_TREE_HEADER;
	uint64_t at;
	POD_TRY(xfs_place(fs, block, 1, &at));
	POD_TRY(pod_dev_read(fs->dev, at, v->block, 1u << v->block_shift));
	*records = v->block + header;
	*count = pod_get_be16(v->block + 6);
	/* An extent takes as much room as a key and a pointer. */
	if (memcmp(v->block, v->v5 ? "BMA3" : "BMAP", 4) != 0 || pod_get_be16(v->block + 4) != level || !*count ||
	    *count > ((1u << v->block_shift) - header) / XFS_EXTENT)
		return POD_E_CORRUPT;
	return POD_OK;
}

/* The first pointer behind room for so many keys that they fill `len` bytes together. */
static uint64_t first_pointer(const uint8_t *keys, uint32_t len)
{
	return pod_get_be64(keys + (size_t)len / 16 * 8);
}

static enum pod_status tree_runs(struct walk *w, const struct xfs_fork *f)
{
	const struct pod_xfs *v = xfs_of(w->fs);
	const uint8_t *p = v->inode + f->at;
	uint32_t level = pod_get_be16(p), count = pod_get_be16(p + 2), header = v->v5 ? XFS_TREE_HEADER_V5 : XFS_TREE_HEADER;
	if (f->len < 4 + 16 || !level || level > XFS_LEVELS_MAX || !count || count > (f->len - 4) / 16)
		return POD_E_CORRUPT;
	uint64_t block = first_pointer(p + 4, f->len - 4);
	while (--level) {
		POD_TRY(load_tree(w->fs, block, level, &p, &count));
		block = first_pointer(p, (1u << v->block_shift) - header);
	}
	do {
		POD_TRY(load_tree(w->fs, block, 0, &p, &count));
		block = pod_get_be64(v->block + 16);
		POD_TRY(hand_over(w, p, count));
	} while (block != NO_BLOCK);
	return POD_OK;
}

enum pod_status xfs_runs(struct pod_fs *fs, xfs_run_fn *cb, void *ctx)
{
	const struct pod_xfs *v = xfs_of(fs);
	struct walk w = {.fs = fs, .cb = cb, .ctx = ctx};
	struct xfs_fork f;
	POD_TRY(xfs_data_fork(v, v->inode, &f));
	if (f.format == XFS_FORMAT_BTREE)
		return tree_runs(&w, &f);
	if (f.format != XFS_FORMAT_EXTENTS || f.extents > f.len / XFS_EXTENT)
		return POD_E_CORRUPT;
	return hand_over(&w, v->inode + f.at, f.extents);
}

struct emitting {
	struct pod_extents x;
	struct pod_fs *fs;
	uint64_t done, size; /* bytes */
	bool behind;	     /* an extent begins behind the end */
};

static enum pod_status emit(struct emitting *m, uint64_t at, uint64_t len, bool hole)
{
	m->done += len;
	return pod_extents_add(&m->x, at, len, hole);
}

static enum pod_status take_run(void *ctx, const struct xfs_run *r)
{
	struct emitting *m = ctx;
	uint32_t shift = xfs_of(m->fs)->block_shift;
	uint64_t at;
	m->behind = r->file_block >= (m->size + (UINT64_C(1) << shift) - 1) >> shift;
	if (m->behind)
		return POD_END;
	POD_TRY(emit(m, 0, (r->file_block << shift) - m->done, true));
	POD_TRY(xfs_place(m->fs, r->block, r->count, &at));
	return emit(m, at, pod_min_u64(r->count << shift, m->size - m->done), r->unwritten);
}

static enum pod_status xfs_extents(struct pod_fs *fs, const struct pod_node *file, pod_extent_fn *cb, void *ctx)
{
	struct emitting m = {.x = {.cb = cb, .ctx = ctx}, .fs = fs, .size = file->size_bytes};
	if (!m.size)
		return POD_OK;
	POD_TRY(xfs_load(fs, file->priv[0]));
	if (pod_get_be16(xfs_of(fs)->inode + 90) & FLAG_REALTIME)
		return pod_fail(&fs->diag, POD_E_UNSUPPORTED, "file on the realtime device", file->entry_bytes, 0, file->priv[0]);
	enum pod_status st = xfs_runs(fs, take_run, &m);
	if (st != POD_OK && !m.behind)
		return st;
	POD_TRY(emit(&m, 0, m.size - m.done, true));
	return pod_extents_end(&m.x);
}

/* --- symbolic links ----------------------------------------------------------------------------------- */

struct link {
	struct pod_fs *fs;
	char *out;
	uint32_t left;
};

static enum pod_status take_link(void *ctx, const struct xfs_run *r)
{
	struct link *l = ctx;
	const struct pod_xfs *v = xfs_of(l->fs);
	uint32_t header = v->v5 ? LINK_HEADER : 0, size = 1u << v->block_shift;
	uint64_t at;
	for (uint64_t i = 0; i < r->count && l->left; i++) {
		uint32_t n = (uint32_t)pod_min_u64(l->left, size - header);
		POD_TRY(xfs_place(l->fs, r->block + i, 1, &at));
		POD_TRY(pod_dev_read(l->fs->dev, at, v->block, size));
		if (v->v5 && memcmp(v->block, "XSLM", 4) != 0)
			return POD_E_CORRUPT;
		memcpy(l->out, v->block + header, n);
		l->out += n, l->left -= n;
	}
	return l->left ? POD_OK : POD_END;
}

static enum pod_status xfs_readlink(struct pod_fs *fs, const struct pod_node *n, char *buf, size_t size)
{
	const struct pod_xfs *v = xfs_of(fs);
	struct xfs_fork f;
	POD_TRY(xfs_load(fs, n->priv[0]));
	if (n->size_bytes >= size)
		return POD_E_LIMIT;
	POD_TRY(xfs_data_fork(v, v->inode, &f));
	struct link l = {.fs = fs, .out = buf, .left = (uint32_t)n->size_bytes};
	buf[l.left] = 0;
	if (f.format == XFS_FORMAT_LOCAL) {
		if (l.left > f.len)
			return POD_E_CORRUPT;
		memcpy(buf, v->inode + f.at, l.left);
		return POD_OK;
	}
	if (f.format != XFS_FORMAT_EXTENTS)
		return POD_E_CORRUPT;
	enum pod_status st = xfs_runs(fs, take_link, &l);
	return st == POD_OK ? POD_E_CORRUPT : st == POD_END ? POD_OK : st;
}

const struct pod_fs_ops pod_fs_xfs = {
	.name = "xfs",
	.open = xfs_open,
	.close = xfs_close,
	.root = xfs_root,
	.readdir = xfs_readdir,
	.complete = xfs_complete,
	.extents = xfs_extents,
	.readlink = xfs_readlink,
	.shares_data = true,
	.case_sensitive = true,
};
