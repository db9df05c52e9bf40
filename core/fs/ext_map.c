/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a file lies: extent trees and block maps. ext_int.h has the layout. */
#include "core/fs/ext_int.h"
#include "core/base/bytes.h"

/* Pointers that are read, and a step of the budget, at a time. */
enum { CHUNK = 64, DEGREES = 3 };

struct walk {
	struct pod_fs *fs;
	const struct ext_volume *v;
	struct pod_extents runs;
	uint64_t size, blocks; /* of the file */
	uint64_t next;	       /* block in the file that comes next */
	uint64_t owned;	       /* blocks of the volume that it led to: not more than there are, so that a map in circles ends */
};

static enum pod_status own(struct walk *w, uint64_t block, uint64_t count)
{
	if (!ext_blocks_ok(w->v, block, count) || count > w->v->blocks - w->owned)
		return POD_E_CORRUPT;
	w->owned += count;
	return POD_OK;
}

/* `count` blocks more of the file; what is behind its end is not given on. */
static enum pod_status add(struct walk *w, uint64_t block, uint64_t count, bool hole)
{
	uint64_t at = w->next, n = at < w->blocks ? pod_min_u64(count, w->blocks - at) : 0;
	w->next += count;
	if (!n)
		return POD_OK;
	return pod_extents_add(&w->runs, block << w->v->shift, pod_min_u64(n << w->v->shift, w->size - (at << w->v->shift)),
			       hole);
}

/* --- extent trees ----------------------------------------------------------------------------------------- */

struct level {
	uint64_t at; /* on the device */
	uint32_t entries, done, depth;
};

static enum pod_status open_level(struct walk *w, struct level *l, uint64_t at, uint32_t room_bytes)
{
	uint8_t h[EXT_ENTRY];
	POD_TRY(pod_dev_read(w->fs->dev, at, h, sizeof h));
	uint32_t room = pod_get_le16(h + 4);
	*l = (struct level){.at = at, .entries = pod_get_le16(h + 2), .depth = pod_get_le16(h + 6)};
	if (pod_get_le16(h) != EXT_NODE_MAGIC || l->entries > room || room > room_bytes / EXT_ENTRY - 1)
		return POD_E_CORRUPT;
	return POD_OK;
}

static enum pod_status leaf_entry(struct walk *w, const uint8_t *e)
{
	uint64_t in_file = pod_get_le32(e), block = (uint64_t)pod_get_le16(e + 6) << 32 | pod_get_le32(e + 8);
	uint32_t count = pod_get_le16(e + 4);
	bool unwritten = count > EXT_RUN_MAX;
	count -= unwritten ? EXT_RUN_MAX : 0;
	if (!count || in_file < w->next)
		return POD_E_CORRUPT; /* each leaf leads on, so that the walk ends */
	POD_TRY(add(w, 0, in_file - w->next, true));
	POD_TRY(own(w, block, count));
	return add(w, block, count, unwritten);
}

static enum pod_status walk_tree(struct walk *w, uint64_t root)
{
	struct level level[EXT_DEPTH_MAX + 1];
	POD_TRY(open_level(w, &level[0], root, EXT_MAP_LEN));
	if (level[0].depth > EXT_DEPTH_MAX)
		return POD_E_CORRUPT;
	for (uint32_t top = 0;;) {
		struct level *l = &level[top];
		uint8_t e[EXT_ENTRY];
		if (l->done == l->entries) {
			if (!top)
				return POD_OK;
			top--;
			continue;
		}
		POD_TRY(pod_dev_read(w->fs->dev, l->at + EXT_ENTRY * (uint64_t)++l->done, e, sizeof e));
		if (!l->depth) {
			POD_TRY(leaf_entry(w, e));
			continue;
		}
		uint64_t block = (uint64_t)pod_get_le16(e + 8) << 32 | pod_get_le32(e + 4);
		if (!ext_blocks_ok(w->v, block, 1))
			return POD_E_CORRUPT;
		POD_TRY(open_level(w, &level[top + 1], block << w->v->shift, 1u << w->v->shift));
		if (level[top + 1].depth != l->depth - 1 || !level[top + 1].entries)
			return POD_E_CORRUPT;
		top++;
	}
}

/* --- block maps ------------------------------------------------------------------------------------------- */

struct pointers {
	uint64_t at;	  /* on the device */
	uint32_t n, done; /* pointers */
	uint8_t chunk[CHUNK * 4];
};

static enum pod_status next_pointer(struct walk *w, struct pointers *p, uint32_t *block)
{
	uint32_t in = p->done % CHUNK;
	if (!in)
		POD_TRY(pod_dev_read(w->fs->dev, p->at + (uint64_t)p->done * 4, p->chunk,
				     (size_t)pod_min_u64(CHUNK, p->n - p->done) * 4));
	*block = pod_get_le32(p->chunk + (size_t)in * 4);
	p->done++;
	return POD_OK;
}

/* One pointer of the inode: the blocks that it leads to by `degree` blocks of pointers. */
static enum pod_status walk_pointer(struct walk *w, struct pointers *level, uint32_t first, uint32_t degree)
{
	uint32_t per_block = w->v->shift - 2, block = first, top = 0;
	for (;;) {
		uint32_t below = degree - top;
		if (!block) {
			POD_TRY(add(w, 0, (uint64_t)1 << per_block * below, true));
		} else {
			POD_TRY(own(w, block, 1));
			if (below) {
				level[top].at = (uint64_t)block << w->v->shift;
				level[top].n = 1u << per_block;
				level[top++].done = 0;
			} else {
				POD_TRY(add(w, block, 1, false));
			}
		}
		while (top && level[top - 1].done == level[top - 1].n)
			top--;
		if (!top || w->next >= w->blocks)
			return POD_OK;
		POD_TRY(next_pointer(w, &level[top - 1], &block));
	}
}

static enum pod_status walk_map(struct walk *w, const uint8_t *map)
{
	struct pointers level[DEGREES];
	for (uint32_t i = 0; i < EXT_DIRECT + DEGREES && w->next < w->blocks; i++)
		POD_TRY(walk_pointer(w, level, pod_get_le32(map + 4 * (size_t)i), i < EXT_DIRECT ? 0 : i - EXT_DIRECT + 1));
	return w->next < w->blocks ? POD_E_CORRUPT : POD_OK; /* longer than a map can be */
}

/* --- both ------------------------------------------------------------------------------------------------- */

enum pod_status ext_extents(struct pod_fs *fs, const struct pod_node *file, pod_extent_fn *cb, void *ctx)
{
	uint8_t inode[EXT_INODE_BASE];
	struct walk w = {.fs = fs, .v = ext_volume(fs), .runs = {.cb = cb, .ctx = ctx}, .size = file->size_bytes};
	POD_TRY(pod_dev_read(fs->dev, file->entry_bytes, inode, sizeof inode));
	uint32_t flags = pod_get_le32(inode + 32);
	if (flags & EXT_FL_INLINE_DATA)
		return ext_unsupported(fs, "file kept in its inode", file);
	if (flags & EXT_FL_ENCRYPT)
		return ext_unsupported(fs, "encrypted file", file);
	if (flags & EXT_FL_COMPRESSED_BLOCKS)
		return ext_unsupported(fs, "compressed file", file);
	w.blocks = (w.size + (1u << w.v->shift) - 1) >> w.v->shift;
	if (flags & EXT_FL_EXTENTS) {
		POD_TRY(walk_tree(&w, file->entry_bytes + EXT_MAP_AT));
		if (w.next < w.blocks)
			POD_TRY(add(&w, 0, w.blocks - w.next, true));
	} else {
		POD_TRY(walk_map(&w, inode + EXT_MAP_AT));
	}
	return pod_extents_end(&w.runs);
}
