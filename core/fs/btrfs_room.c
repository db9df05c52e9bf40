/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Btrfs: room that no file uses (place.h): what lies between the extents of chunks for data. The superblock's copies and the 64 KiB that they
 * are in have no extent, and are no room.
 */
#include "core/base/bytes.h"
#include "core/fs/btrfs_place.h"

enum { DATA = 1, SUPER_ROOM = 64 << 10, CHUNKS_PER_STEP = 64 };

/* The first chunk on the device that ends behind a place of it. */
static const struct btrfs_chunk *chunk_from(const struct pod_btrfs *v, uint64_t at)
{
	const struct btrfs_chunk *best = NULL;
	for (size_t i = 0; i < v->chunk_count; i++) {
		const struct btrfs_chunk *c = &v->chunk[i];
		if ((c->type & DATA) && c->copies && at < c->at[0] + c->length && (!best || c->at[0] < best->at[0]))
			best = c;
	}
	return best;
}

enum pod_status btrfs_logical(const struct pod_btrfs *v, uint64_t at, uint64_t len, uint64_t *logical)
{
	for (size_t i = 0; i < v->chunk_count; i++) {
		const struct btrfs_chunk *c = &v->chunk[i];
		if ((c->type & DATA) && c->copies && at >= c->at[0] && pod_in_range(at - c->at[0], len, c->length)) {
			*logical = c->logical + (at - c->at[0]);
			return POD_OK;
		}
	}
	return POD_E_CORRUPT;
}

/* So that the extents of a chunk in which there is no room need not be looked at. */
static enum pod_status is_full(struct pod_fs *fs, const struct btrfs_tree *extents, const struct btrfs_chunk *c, bool *full)
{
	struct btrfs_key key = {c->logical, c->length, BTRFS_BLOCK_GROUP_ITEM};
	struct btrfs_item item;
	enum pod_status st = btrfs_find_exactly(fs, extents, &key, 8, &item);
	*full = st == POD_OK && pod_get_le64(item.data) >= c->length;
	return st == POD_E_NOT_FOUND ? POD_OK : st;
}

/* The first gap of the chunk that ends behind `from`, into v->gap; *at: up to where it is known to be in use. POD_END: none. */
static enum pod_status next_gap(struct pod_fs *fs, const struct btrfs_tree *extents, const struct btrfs_chunk *c, uint64_t at,
				uint64_t from)
{
	struct pod_btrfs *v = btrfs_of(fs);
	uint64_t end = c->logical + c->length;
	struct btrfs_key key = {.object = at};
	while (at < end) {
		struct btrfs_item item;
		uint64_t next = end, used = UINT64_MAX;
		enum pod_status st = btrfs_find(fs, extents, &key, true, &item);
		if (st != POD_OK && st != POD_END)
			return st;
		if (st == POD_OK && item.key.object < end) {
			key = item.key;
			(void)btrfs_next_key(&key);
			if (item.key.type != BTRFS_EXTENT_ITEM && item.key.type != BTRFS_METADATA_ITEM)
				continue;
			next = item.key.object;
			used = item.key.type == BTRFS_EXTENT_ITEM ? item.key.offset : v->block_size;
		}
		if (next > at && next > from) {
			v->gap = (struct btrfs_gap){c->logical, at, next};
			return POD_OK;
		}
		if (next >= end || !used || used > end - next)
			break; /* the end; or an extent that is none */
		if (next + used > at)
			at = next + used;
		if (key.object < at)
			key = (struct btrfs_key){.object = at};
	}
	return POD_END;
}

static enum pod_status gap_in(struct pod_fs *fs, const struct btrfs_chunk *c, uint64_t from)
{
	const struct btrfs_gap *g = &btrfs_of(fs)->gap;
	struct btrfs_tree extents;
	uint64_t at = c->logical;
	bool full;
	if (g->end && g->chunk == c->logical && g->start <= from && from <= g->end) {
		if (from < g->end)
			return POD_OK;
		at = g->end;
	}
	POD_TRY(btrfs_open_tree(fs, BTRFS_EXTENT_TREE, &extents));
	POD_TRY(is_full(fs, &extents, c, &full));
	return full ? POD_END : next_gap(fs, &extents, c, at, from);
}

/* [*start, *end) without the superblocks' room: what is before it, or else behind it. */
static void spare_supers(uint64_t *start, uint64_t *end)
{
	static const uint64_t super[] = {UINT64_C(64) << 10, UINT64_C(64) << 20, UINT64_C(256) << 30};
	for (size_t i = 0; i < POD_ARRAY_LEN(super); i++) {
		if (*start >= super[i] + SUPER_ROOM || *end <= super[i])
			continue;
		if (*start < super[i])
			*end = super[i];
		else
			*start = pod_min_u64(super[i] + SUPER_ROOM, *end);
	}
}

enum pod_status btrfs_next_free(struct pod_place *p, uint64_t from, struct pod_place_run *out)
{
	struct pod_btrfs *v = btrfs_of(p->fs);
	uint64_t mask = v->sector_size - 1;
	const struct btrfs_chunk *c;
	btrfs_view(p);
	while ((c = chunk_from(v, from))) {
		POD_TRY(pod_budget_spend(p->fs->dev->budget, 1 + v->chunk_count / CHUNKS_PER_STEP, 0));
		if (from < c->at[0])
			from = c->at[0];
		enum pod_status st = gap_in(p->fs, c, c->logical + (from - c->at[0]));
		if (st == POD_END || st == POD_E_CORRUPT) {
			from = c->at[0] + c->length;
			continue; /* others have room, too */
		}
		POD_TRY(st);
		uint64_t start = btrfs_at(c, v->gap.start, 0), end = btrfs_at(c, v->gap.end, 0);
		start = (start > from ? start : from) + mask;
		start &= ~mask;
		spare_supers(&start, &end);
		from = end;
		end &= ~mask;
		if (start < end) {
			*out = (struct pod_place_run){.dev_bytes = start, .length_bytes = end - start};
			return POD_OK;
		}
	}
	return POD_END;
}
