/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * XFS' directories. Those that are hashed (leaf, node) have the same data blocks as those that are not; they are read one after another,
 * and what lies behind 32 GiB of the directory (its hash tables) is left alone.
 *
 * Short form, in the inode: +0 1 entries, +1 1 inode numbers of 8 bytes if not 0, else of 4; inode number of the parent; entries:
 *   +0  1  length of the name, +1 2 cookie, +3 name, then the type (1 byte, where there are types), then the inode number
 * Data block: "XD2B" | "XDB3" where it is the only one, "XD2D" | "XDD3"; entries from +16, in version 5 from +64 on, each a multiple of 8:
 *   +0  8  inode number, +8 1 length of the name, +9 name, then the type, padding, and a tag of 2 bytes
 *   +0  2  FFFFh: free, +2 2 so many bytes
 * The only one has at its end: 8 bytes for each entry of its hash table, whose number stands in the last but one 4 bytes.
 *
 * pod_dir.pos: of the short form the place in the fork, else in the directory's data. priv: [0] form, [1] entries seen, [2]..[4] the extent
 * that holds the current block: block of the directory, block, count; [5] length of the directory.
 */
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/fs/xfs_int.h"

enum { UNKNOWN, SHORT, BLOCKS };
enum { HEADER = 16, HEADER_V5 = 64, TAIL = 8, LEAF_ENTRY = 8, NAME_AT = 9, SHORT_NAME_AT = 3, TAG = 2, FREE = 0xFFFF };
/* The hash tables' part of a directory, in bytes. */
#define LEAF_OFFSET (UINT64_C(1) << 35)

static enum pod_status begin(struct pod_dir *dir)
{
	const struct pod_xfs *v = xfs_of(dir->fs);
	struct xfs_fork f;
	POD_TRY(xfs_load(dir->fs, dir->node.priv[0]));
	POD_TRY(xfs_data_fork(v, v->inode, &f));
	dir->priv[5] = pod_min_u64(pod_get_be64(v->inode + 56), LEAF_OFFSET);
	dir->priv[0] = f.format == XFS_FORMAT_LOCAL ? SHORT : BLOCKS;
	return POD_OK;
}

static void take_name(struct pod_dirent *out, const uint8_t *name, uint32_t len, uint64_t number)
{
	memcpy(out->name, name, len);
	out->name[len] = 0;
	out->node.priv[0] = number;
	for (uint32_t i = 0; i < len; i++)
		if (!name[i])
			out->name[0] = 0; /* no name: it is passed over */
}

static uint64_t short_number(const uint8_t *p, uint32_t len)
{
	return len == 8 ? pod_get_be64(p) : pod_get_be32(p);
}

static enum pod_status next_short(struct pod_dir *dir, struct pod_dirent *out)
{
	const struct pod_xfs *v = xfs_of(dir->fs);
	struct xfs_fork f;
	POD_TRY(xfs_load(dir->fs, dir->node.priv[0]));
	POD_TRY(xfs_data_fork(v, v->inode, &f));
	const uint8_t *p = v->inode + f.at;
	uint32_t len = (uint32_t)pod_min_u64(f.len, dir->priv[5]), number = p[1] ? 8 : 4, ftype = v->ftype;
	uint32_t at = dir->pos ? (uint32_t)dir->pos : 2 + number;
	if (len < 2 || f.format != XFS_FORMAT_LOCAL)
		return POD_E_CORRUPT;
	if (dir->priv[1] >= p[0])
		return POD_END;
	if (!pod_in_range(at, SHORT_NAME_AT, len) || !pod_in_range(at, SHORT_NAME_AT + p[at] + ftype + number, len))
		return POD_E_CORRUPT;
	uint32_t name = p[at];
	take_name(out, p + at + SHORT_NAME_AT, name, short_number(p + at + SHORT_NAME_AT + name + ftype, number));
	dir->pos = at + SHORT_NAME_AT + name + ftype + number;
	dir->priv[1]++;
	return POD_OK;
}

struct finding {
	uint64_t wanted; /* block of the directory */
	struct xfs_run run;
};

static enum pod_status find_run(void *ctx, const struct xfs_run *r)
{
	struct finding *f = ctx;
	if (r->file_block + r->count <= f->wanted)
		return POD_OK;
	f->run = *r;
	return POD_END;
}

/* Of the directory's block at `*wanted`, or of the first one behind it that there is. */
static enum pod_status place_of(struct pod_dir *dir, uint64_t *wanted, uint64_t *at)
{
	if (*wanted < dir->priv[2] || *wanted - dir->priv[2] >= dir->priv[4]) {
		struct finding f = {.wanted = *wanted};
		POD_TRY(xfs_load(dir->fs, dir->node.priv[0]));
		enum pod_status st = xfs_runs(dir->fs, find_run, &f);
		if (st != POD_END)
			return st == POD_OK ? POD_END : st;
		dir->priv[2] = f.run.file_block;
		dir->priv[3] = f.run.block;
		dir->priv[4] = f.run.count;
	}
	if (*wanted < dir->priv[2])
		*wanted = dir->priv[2];
	return xfs_place(dir->fs, dir->priv[3] + (*wanted - dir->priv[2]), 1, at);
}

/* The directory block that dir->pos is in, into v->dir; where there is none, dir->pos moves to the next. */
static enum pod_status load_block(struct pod_dir *dir)
{
	struct pod_xfs *v = xfs_of(dir->fs);
	uint32_t size = 1u << v->block_shift, per = 1u << (v->dir_shift - v->block_shift);
	uint64_t first = dir->pos >> v->dir_shift << (v->dir_shift - v->block_shift), want = first, at;
	if (v->dir_number == dir->node.priv[0] && v->dir_block == first)
		return POD_OK;
	POD_TRY(place_of(dir, &want, &at));
	if (want >= first + per) {
		first = want & ~(uint64_t)(per - 1);
		dir->pos = first << v->block_shift;
		if (dir->pos >= dir->priv[5])
			return POD_END;
	}
	v->dir_number = XFS_NO_INODE;
	for (uint32_t i = 0; i < per; i++) {
		want = first + i;
		enum pod_status st = place_of(dir, &want, &at);
		if (st == POD_END || (st == POD_OK && want != first + i))
			return POD_E_CORRUPT;
		POD_TRY(st);
		POD_TRY(pod_dev_read(dir->fs->dev, at, v->dir + (size_t)i * size, size));
	}
	v->dir_number = dir->node.priv[0];
	v->dir_block = first;
	return POD_OK;
}

/* Where the entries of the block in v->dir end. */
static enum pod_status entries_end(const struct pod_xfs *v, uint32_t *end)
{
	uint32_t size = 1u << v->dir_shift;
	*end = size;
	if (memcmp(v->dir, v->v5 ? "XDD3" : "XD2D", 4) == 0)
		return POD_OK;
	uint32_t hashes = pod_get_be32(v->dir + size - TAIL);
	if (memcmp(v->dir, v->v5 ? "XDB3" : "XD2B", 4) != 0 || hashes > (size - TAIL - HEADER_V5) / LEAF_ENTRY)
		return POD_E_CORRUPT;
	*end = size - TAIL - hashes * LEAF_ENTRY;
	return POD_OK;
}

static enum pod_status next_in_block(struct pod_dir *dir, struct pod_dirent *out, bool *found)
{
	const struct pod_xfs *v = xfs_of(dir->fs);
	uint32_t mask = (1u << v->dir_shift) - 1, end;
	POD_TRY(load_block(dir));
	POD_TRY(entries_end(v, &end));
	uint32_t at = (uint32_t)dir->pos & mask;
	if (!at)
		at = v->v5 ? HEADER_V5 : HEADER;
	const uint8_t *p = v->dir + at;
	uint32_t len = mask + 1 - at; /* behind the last: on to the next block */
	if (at < end) {
		bool unused = pod_get_be16(p) == FREE;
		if (!unused && end - at < NAME_AT + TAG)
			return POD_E_CORRUPT;
		len = unused ? pod_get_be16(p + 2) : (uint32_t)pod_align_up(NAME_AT + p[8] + (uint32_t)v->ftype + TAG, 8);
		if (!len || len % 8 || len > end - at)
			return POD_E_CORRUPT;
		*found = !unused;
		if (!unused)
			take_name(out, p + NAME_AT, p[8], pod_get_be64(p));
	}
	dir->pos = (dir->pos & ~(uint64_t)mask) + at + len;
	return POD_OK;
}

enum pod_status xfs_readdir(struct pod_dir *dir, struct pod_dirent *out)
{
	bool found = false;
	if (dir->priv[0] == UNKNOWN)
		POD_TRY(begin(dir));
	while (!found) {
		POD_TRY(pod_budget_spend(dir->fs->dev->budget, 1, 0));
		if (dir->priv[0] == SHORT)
			return next_short(dir, out);
		if (dir->pos >= dir->priv[5])
			return POD_END;
		POD_TRY(next_in_block(dir, out, &found));
	}
	return POD_OK;
}
