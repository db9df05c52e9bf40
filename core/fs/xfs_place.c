/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * XFS: room that no file uses, and files that are shown longer (place.h).
 *
 * The inode is shown with another length, another count of blocks and other extents: in the inode, else in one level of B+tree blocks below
 * it, which are shown in further free room. Sums (CRC-32C) are right in version 5.
 *
 * Free room: AGF, the second sector of each AG: +0 4 "XAGF", +12 4 blocks of the AG, +16 4 root of the tree of free extents by place, +28 4
 * its levels. Block of that tree: +0 4 "ABTB" | "AB3B", +4 2 level, +6 2 records; from +16, in version 5 from +56 on: records or keys (+0 4
 * first block in the AG, +4 4 count), behind room for as many keys as there could be, pointers (4 bytes).
 */
#include "core/base/bytes.h"
#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/fs/xfs.h"
#include "core/fs/xfs_int.h"

enum { FREE_HEADER = 16, FREE_HEADER_V5 = 56, RECORD = 8, AGF = 32, INODE_SUM = 100, TREE_SUM = 64 };
#define NO_BLOCK UINT64_MAX

/* --- room ------------------------------------------------------------------------------------------------- */

/* The AG of a block of the device, and its place there; without 64-bit division. */
static uint32_t ag_of(const struct pod_xfs *v, uint64_t block, uint32_t *in)
{
	uint32_t ag = 0;
	for (int bit = 31; bit >= 0; bit--) {
		if (block >> bit >= v->ag_blocks) {
			block -= (uint64_t)v->ag_blocks << bit;
			ag |= 1u << bit;
		}
	}
	*in = (uint32_t)block;
	return ag;
}

static enum pod_status load_free(struct pod_fs *fs, uint32_t ag, uint32_t block, uint32_t level, const uint8_t **records,
				 uint32_t *count)
{
	const struct pod_xfs *v = xfs_of(fs);
	uint32_t header = v->v5 ? FREE_HEADER_V5 : FREE_HEADER, entry = level ? RECORD + 4 : RECORD;
	uint64_t at;
	if (block >= v->ag_blocks)
		return POD_E_CORRUPT;
	POD_TRY(xfs_place(fs, (uint64_t)ag << v->ag_shift | block, 1, &at));
	POD_TRY(pod_dev_read(fs->dev, at, v->block, 1u << v->block_shift));
	*records = v->block + header;
	*count = pod_get_be16(v->block + 6);
	if (memcmp(v->block, v->v5 ? "AB3B" : "ABTB", 4) != 0 || pod_get_be16(v->block + 4) != level ||
	    *count > ((1u << v->block_shift) - header) / entry || (level && !*count))
		return POD_E_CORRUPT;
	return POD_OK;
}

/* The last pointer of a node whose key is not behind `from`, or the first. */
static uint32_t pointer_for(const struct pod_xfs *v, const uint8_t *keys, uint32_t count, uint32_t from)
{
	uint32_t room = ((1u << v->block_shift) - (v->v5 ? FREE_HEADER_V5 : FREE_HEADER)) / (RECORD + 4), i = 0;
	while (i + 1 < count && pod_get_be32(keys + RECORD * (size_t)(i + 1)) <= from)
		i++;
	return pod_get_be32(keys + RECORD * (size_t)room + 4 * (size_t)i);
}

/* The first free run in an AG that ends behind `from`. Runs are looked for leaf by leaf: at most one step to the right. */
static enum pod_status free_in_ag(struct pod_fs *fs, uint32_t ag, uint32_t from, uint32_t *start, uint32_t *length)
{
	const struct pod_xfs *v = xfs_of(fs);
	uint8_t agf[AGF];
	const uint8_t *p;
	uint64_t at;
	uint32_t count;
	POD_TRY(xfs_place(fs, (uint64_t)ag << v->ag_shift, 1, &at));
	POD_TRY(pod_dev_read(fs->dev, at + v->sector_size, agf, sizeof agf));
	uint32_t block = pod_get_be32(agf + 16), level = pod_get_be32(agf + 28);
	if (memcmp(agf, "XAGF", 4) != 0 || !level || level > XFS_LEVELS_MAX)
		return POD_E_CORRUPT;
	while (--level) {
		POD_TRY(load_free(fs, ag, block, level, &p, &count));
		block = pointer_for(v, p, count, from);
	}
	for (uint32_t leaves = 0; leaves < 2; leaves++) {
		POD_TRY(load_free(fs, ag, block, 0, &p, &count));
		for (uint32_t i = 0; i < count; i++, p += RECORD) {
			*start = pod_get_be32(p);
			*length = pod_get_be32(p + 4);
			if (!pod_in_range(*start, *length, v->ag_blocks))
				return POD_E_CORRUPT;
			if (*length && *start + *length > from)
				return POD_OK;
		}
		block = pod_get_be32(v->block + 12);
		if (block == UINT32_MAX)
			break;
	}
	return POD_END;
}

static enum pod_status xfs_next_free(struct pod_place *p, uint64_t from_bytes, struct pod_place_run *out)
{
	const struct pod_xfs *v = xfs_of(p->fs);
	uint64_t first = (from_bytes >> v->block_shift) + ((from_bytes & ((1u << v->block_shift) - 1)) != 0);
	uint32_t from, start = 0, length = 0;
	if (first >= v->blocks)
		return POD_END;
	for (uint32_t ag = ag_of(v, first, &from); ag < v->ag_count; ag++, from = 0) {
		POD_TRY(pod_budget_spend(p->fs->dev->budget, 1, 0));
		enum pod_status st = free_in_ag(p->fs, ag, from, &start, &length);
		if (st == POD_END)
			continue;
		if (st == POD_OK && start < from) {
			length -= from - start;
			start = from;
		}
		uint64_t at;
		if (st == POD_OK)
			st = xfs_place(p->fs, (uint64_t)ag << v->ag_shift | start, length, &at);
		if (st == POD_E_CORRUPT || st == POD_E_RANGE)
			continue; /* its neighbours have room, too */
		POD_TRY(st);
		*out = (struct pod_place_run){.dev_bytes = at, .length_bytes = (uint64_t)length << v->block_shift};
		return POD_OK;
	}
	return POD_END;
}

/* --- the inode -------------------------------------------------------------------------------------------- */

struct job {
	struct pod_place *p;
	const struct pod_xfs *v;
	const struct pod_place_runs *runs;
	size_t at; /* the run that comes next, and how many blocks of it are done */
	uint64_t done, in_file;
	uint8_t *inode;
	struct xfs_fork fork;
	struct pod_place_runs room; /* for blocks of the tree */
};

static uint64_t extents_needed(const struct job *j)
{
	uint64_t n = 0;
	for (size_t i = 0; i < j->runs->count; i++)
		for (uint64_t left = j->runs->run[i].length_bytes >> j->v->block_shift; left;
		     left -= pod_min_u64(left, XFS_EXTENT_BLOCKS_MAX))
			n++;
	return n;
}

static uint64_t block_of(const struct pod_xfs *v, uint64_t dev_bytes)
{
	uint32_t in, ag = ag_of(v, dev_bytes >> v->block_shift, &in);
	return (uint64_t)ag << v->ag_shift | in;
}

/* The next extent; false: no more. */
static bool put_extent(struct job *j, uint8_t *e)
{
	if (j->at == j->runs->count)
		return false;
	const struct pod_place_run *r = &j->runs->run[j->at];
	uint64_t block = block_of(j->v, r->dev_bytes + (j->done << j->v->block_shift));
	uint64_t left = (r->length_bytes >> j->v->block_shift) - j->done, n = pod_min_u64(left, XFS_EXTENT_BLOCKS_MAX);
	pod_put_be64(e, j->in_file << 9 | block >> 43);
	pod_put_be64(e + 8, block << 21 | n);
	j->in_file += n;
	j->done += n;
	if (left == n)
		j->at++, j->done = 0;
	return true;
}

static uint32_t put_extents(struct job *j, uint8_t *e, uint32_t room)
{
	uint32_t n = 0;
	while (n < room && put_extent(j, e + XFS_EXTENT * (size_t)n))
		n++;
	return n;
}

/* Place of a block of the room; UINT64_MAX: it has no more. */
static uint64_t room_at(const struct job *j, uint32_t no)
{
	uint64_t skip = (uint64_t)no << j->v->block_shift;
	for (size_t i = 0; i < j->room.count; i++) {
		if (skip < j->room.run[i].length_bytes)
			return j->room.run[i].dev_bytes + skip;
		skip -= j->room.run[i].length_bytes;
	}
	return UINT64_MAX;
}

static uint64_t neighbour(const struct job *j, uint32_t no, uint32_t leaves)
{
	return no < leaves ? block_of(j->v, room_at(j, no)) : NO_BLOCK;
}

static enum pod_status show_leaf(struct job *j, uint32_t no, uint32_t leaves)
{
	const struct pod_xfs *v = j->v;
	uint32_t header = v->v5 ? XFS_TREE_HEADER_V5 : XFS_TREE_HEADER, size = 1u << v->block_shift;
	uint64_t at = room_at(j, no);
	uint8_t *b = v->block;
	memset(b, 0, size);
	memcpy(b, v->v5 ? "BMA3" : "BMAP", 4);
	pod_put_be16(b + 6, (uint16_t)put_extents(j, b + header, (size - header) / XFS_EXTENT));
	pod_put_be64(b + 8, neighbour(j, no - 1, leaves));
	pod_put_be64(b + 16, neighbour(j, no + 1, leaves));
	if (v->v5) {
		pod_put_be64(b + 24, at >> 9);
		memcpy(b + 40, v->uuid, sizeof v->uuid);
		pod_put_be64(b + 56, pod_get_be64(j->inode + 152));
		pod_put_le32(b + TREE_SUM, pod_crc32c(0, b, size));
	}
	return j->p->show(j->p, at, b, size);
}

/* The extents into the fork, or below it. */
static enum pod_status make_fork(struct job *j, uint64_t extents, uint32_t *leaves)
{
	const struct pod_xfs *v = j->v;
	uint32_t header = v->v5 ? XFS_TREE_HEADER_V5 : XFS_TREE_HEADER;
	uint32_t per_leaf = ((1u << v->block_shift) - header) / XFS_EXTENT, keys = (j->fork.len - 4) / 16;
	uint8_t *fork = j->inode + j->fork.at;
	*leaves = 0;
	memset(fork, 0, j->fork.len);
	if (extents <= j->fork.len / XFS_EXTENT) {
		j->inode[5] = XFS_FORMAT_EXTENTS;
		(void)put_extents(j, fork, (uint32_t)extents);
		return POD_OK;
	}
	if (extents > (uint64_t)per_leaf * keys)
		return POD_E_LIMIT;
	*leaves = ((uint32_t)extents - 1) / per_leaf + 1;
	POD_TRY(pod_place_room(j->p, (uint64_t)*leaves << v->block_shift, &j->room));
	j->inode[5] = XFS_FORMAT_BTREE;
	pod_put_be16(fork, 1);
	pod_put_be16(fork + 2, (uint16_t)*leaves);
	for (uint32_t i = 0; i < *leaves; i++) {
		pod_put_be64(fork + 4 + 8 * (size_t)i, j->in_file);
		pod_put_be64(fork + 4 + 8 * (size_t)(keys + i), neighbour(j, i, *leaves));
		POD_TRY(show_leaf(j, i, *leaves));
	}
	return POD_OK;
}

static enum pod_status make_inode(struct job *j, const struct pod_node *file, uint64_t size)
{
	uint64_t extents = extents_needed(j);
	uint32_t leaves;
	POD_TRY(xfs_data_fork(j->v, j->inode, &j->fork));
	if (extents > INT32_MAX || (j->fork.format != XFS_FORMAT_EXTENTS && j->fork.format != XFS_FORMAT_BTREE))
		return POD_E_LIMIT;
	uint32_t attributes = j->fork.large_counts ? pod_get_be32(j->inode + 76) : pod_get_be16(j->inode + 80);
	POD_TRY(make_fork(j, extents, &leaves));
	pod_put_be64(j->inode + 56, size);
	pod_put_be64(j->inode + 64, j->in_file + leaves + attributes);
	if (j->fork.large_counts)
		pod_put_be64(j->inode + 24, extents);
	else
		pod_put_be32(j->inode + 76, (uint32_t)extents);
	if (j->v->v5) {
		pod_put_le32(j->inode + INODE_SUM, 0);
		pod_put_le32(j->inode + INODE_SUM, pod_crc32c(0, j->inode, 1u << j->v->inode_shift));
	}
	return j->p->show(j->p, file->entry_bytes, j->inode, 1u << j->v->inode_shift);
}

static enum pod_status xfs_point(struct pod_place *p, const struct pod_node *file, const struct pod_place_runs *runs,
				 uint64_t size)
{
	struct job j = {.p = p, .v = xfs_of(p->fs), .runs = runs};
	uint32_t len = 1u << j.v->inode_shift;
	j.inode = p->fs->alloc->alloc(p->fs->alloc, len);
	enum pod_status st = j.inode ? p->shown(p, file->entry_bytes, j.inode, len) : POD_E_NOMEM;
	if (st == POD_OK)
		st = make_inode(&j, file, size);
	pod_place_runs_free(p, &j.room);
	pod_free(p->fs->alloc, j.inode);
	return st;
}

/* A log that cannot be read is none that is known to be empty. */
static bool xfs_dirty(struct pod_fs *fs)
{
	bool dirty;
	return pod_xfs_log_is_dirty(fs, &dirty) != POD_OK || dirty;
}

const struct pod_place_ops pod_place_xfs = {
	.fs = &pod_fs_xfs, .next_free = xfs_next_free, .dirty = xfs_dirty, .point = xfs_point};
