/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ext2, ext3, ext4: room that no file uses, and files that are shown longer (place.h).
 *
 * The inode is shown with another size, another count of sectors and another map: up to four entries of an extent tree in the inode, else leaves
 * below it; or pointers to blocks of pointers. Those blocks are made here and shown in further free room. Where the volume has checksums
 * (metadata_csum), the inode's and the leaves' are right: CRC-32C, without the inversions at both ends, of the volume's seed, the inode's
 * number, its generation, and the inode with zeros for the sum, or the leaf up to the sum.
 */
#include "core/fs/ext_int.h"
#include "core/base/bytes.h"
#include "core/base/hash.h"

enum {
	CHUNK = 256, /* bytes of a bitmap that are read at a time */
	INLINE_ENTRIES = 4,
	POINTER_BLOCKS_MAX = 4096,
	DEGREES = 3,
	INODE_SECTORS = 28,
	INODE_SUM = 124,
	INODE_SUM_HIGH = 130,
};

/* --- room ------------------------------------------------------------------------------------------------- */

struct bits {
	struct pod_fs *fs;
	const struct ext_volume *v;
	struct ext_group g;
	uint64_t start;	   /* first block of the group */
	uint32_t clusters; /* whole ones of the group, on the device */
	uint32_t chunk_at; /* of the bitmap, UINT32_MAX: none was read */
	uint8_t chunk[CHUNK];
};

bool ext_is_own(const struct ext_volume *v, const struct ext_group *g, uint64_t start, uint64_t block)
{
	uint64_t table_blocks = ((uint64_t)v->group_inodes * v->inode_size + (1u << v->shift) - 1) >> v->shift;
	uint64_t descriptors = ((uint64_t)v->groups * v->desc_size + (1u << v->shift) - 1) >> v->shift;
	return block - start < 2 + descriptors + v->reserved_desc || block == g->block_bitmap || block == g->inode_bitmap ||
	       (block >= g->inode_table && block - g->inode_table < table_blocks);
}

static enum pod_status is_used(struct bits *b, uint32_t cluster, bool *used)
{
	const struct ext_volume *v = b->v;
	if (b->g.flags & EXT_GROUP_BLOCK_UNINIT) {
		*used = false;
		for (uint32_t i = 0; i < 1u << v->cluster_shift && !*used; i++)
			*used = ext_is_own(v, &b->g, b->start, b->start + ((uint64_t)cluster << v->cluster_shift) + i);
		return POD_OK;
	}
	uint32_t at = cluster / 8 & ~(uint32_t)(CHUNK - 1);
	if (b->chunk_at != at) {
		if (!ext_blocks_ok(v, b->g.block_bitmap, 1))
			return POD_E_CORRUPT;
		POD_TRY(pod_dev_read(b->fs->dev, (b->g.block_bitmap << v->shift) + at, b->chunk, sizeof b->chunk));
		b->chunk_at = at;
	}
	*used = b->chunk[cluster / 8 - at] >> (cluster & 7) & 1;
	return POD_OK;
}

/* The first run in the group from `from` (a cluster of it) on. */
static enum pod_status run_in_group(struct bits *b, uint32_t from, struct pod_place_run *out)
{
	uint32_t first = from, end;
	bool used = true;
	for (; first < b->clusters; first++) {
		POD_TRY(is_used(b, first, &used));
		if (!used)
			break;
	}
	if (first >= b->clusters)
		return POD_END;
	for (end = first + 1; end < b->clusters; end++) {
		POD_TRY(is_used(b, end, &used));
		if (used)
			break;
	}
	uint32_t shift = b->v->cluster_shift + b->v->shift;
	out->dev_bytes = (b->start << b->v->shift) + ((uint64_t)first << shift);
	out->length_bytes = (uint64_t)(end - first) << shift;
	return POD_OK;
}

static enum pod_status ext_next_free(struct pod_place *p, uint64_t from_bytes, struct pod_place_run *out)
{
	const struct ext_volume *v = ext_volume(p->fs);
	struct bits b = {.fs = p->fs, .v = v};
	uint64_t from = (from_bytes + (1u << v->shift) - 1) >> v->shift;
	from = from > v->first_block ? from - v->first_block : 0;
	if (v->blocks >> 32 || from >> 32)
		return POD_END; /* room that would have to be told with more than 32 bits is left alone */
	uint32_t group = (uint32_t)from / v->group_blocks, in = (uint32_t)from % v->group_blocks;
	in = (in + (1u << v->cluster_shift) - 1) >> v->cluster_shift;
	for (; group < v->groups && ext_group_start(v, group) < v->blocks; group++, in = 0) {
		POD_TRY(ext_read_group(p->fs, group, &b.g));
		b.start = ext_group_start(v, group);
		b.clusters = (uint32_t)pod_min_u64(v->group_blocks, v->blocks - b.start) >> v->cluster_shift;
		b.chunk_at = UINT32_MAX;
		if (!b.g.free_blocks)
			continue;
		enum pod_status st = run_in_group(&b, in, out);
		if (st != POD_END)
			return st;
	}
	return POD_END;
}

/* --- the inode -------------------------------------------------------------------------------------------- */

struct job {
	struct pod_place *p;
	const struct ext_volume *v;
	const struct pod_place_runs *runs;
	size_t at; /* the run that comes next, and how many blocks of it are done */
	uint64_t done;
	uint32_t in_file;	    /* blocks that are done in all */
	uint32_t sum;		    /* seed of this inode's checksums */
	struct pod_place_runs room; /* for blocks of the map */
	uint32_t room_used;
	uint8_t *map;	/* in the inode */
	uint8_t *block; /* buffers: one for a leaf, DEGREES for pointers */
};

static uint32_t sum_of(uint32_t sum, const void *data, size_t len)
{
	return ~pod_crc32c(~sum, data, len);
}

static uint64_t blocks_in(const struct job *j, const struct pod_place_runs *r)
{
	uint64_t n = 0;
	for (size_t i = 0; i < r->count; i++)
		n += r->run[i].length_bytes >> j->v->shift;
	return n;
}

static enum pod_status get_room(struct job *j, uint32_t blocks, uint32_t buffers)
{
	POD_TRY(pod_place_room(j->p, (uint64_t)blocks << j->v->shift, &j->room));
	j->block = pod_zalloc(j->p->fs->alloc, buffers, (size_t)1 << j->v->shift);
	return j->block ? POD_OK : POD_E_NOMEM;
}

/* The next block of the room, with its bytes. */
static enum pod_status show_block(struct job *j, const uint8_t *data, uint32_t *block)
{
	uint64_t skip = (uint64_t)j->room_used++ << j->v->shift;
	size_t i = 0;
	while (skip >= j->room.run[i].length_bytes)
		skip -= j->room.run[i++].length_bytes;
	uint64_t at = j->room.run[i].dev_bytes + skip;
	*block = (uint32_t)(at >> j->v->shift);
	return j->p->show(j->p, at, data, (size_t)1 << j->v->shift);
}

/* --- extent trees ----------------------------------------------------------------------------------------- */

static uint32_t entries_needed(const struct job *j)
{
	uint64_t n = 0;
	for (size_t i = 0; i < j->runs->count; i++)
		n += ((j->runs->run[i].length_bytes >> j->v->shift) + EXT_RUN_MAX - 1) / EXT_RUN_MAX;
	return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

static void put_header(uint8_t *node, uint32_t entries, uint32_t room, uint32_t depth)
{
	pod_put_le16(node, EXT_NODE_MAGIC);
	pod_put_le16(node + 2, (uint16_t)entries);
	pod_put_le16(node + 4, (uint16_t)room);
	pod_put_le16(node + 6, (uint16_t)depth);
	pod_put_le32(node + 8, 0);
}

static void put_entry(struct job *j, uint8_t *e)
{
	const struct pod_place_run *r = &j->runs->run[j->at];
	uint64_t block = (r->dev_bytes >> j->v->shift) + j->done, left = (r->length_bytes >> j->v->shift) - j->done;
	uint32_t n = (uint32_t)pod_min_u64(left, EXT_RUN_MAX);
	pod_put_le32(e, j->in_file);
	pod_put_le16(e + 4, (uint16_t)n);
	pod_put_le16(e + 6, (uint16_t)(block >> 32));
	pod_put_le32(e + 8, (uint32_t)block);
	j->in_file += n;
	j->done += n;
	if (left == n)
		j->at++, j->done = 0;
}

static enum pod_status make_tree(struct job *j, uint32_t *own_blocks)
{
	uint32_t block_bytes = 1u << j->v->shift, room = block_bytes / EXT_ENTRY - 1, entries = entries_needed(j), block;
	memset(j->map, 0, EXT_MAP_LEN);
	if (entries <= INLINE_ENTRIES) {
		put_header(j->map, entries, INLINE_ENTRIES, 0);
		for (uint32_t i = 0; i < entries; i++)
			put_entry(j, j->map + EXT_ENTRY * (size_t)(i + 1));
		return POD_OK;
	}
	uint32_t leaves = (entries - 1) / room + 1;
	if (leaves > INLINE_ENTRIES)
		return POD_E_LIMIT;
	POD_TRY(get_room(j, leaves, 1));
	put_header(j->map, leaves, INLINE_ENTRIES, 1);
	for (uint32_t i = 0; i < leaves; i++) {
		uint8_t *index = j->map + EXT_ENTRY * (size_t)(i + 1);
		uint32_t n = (uint32_t)pod_min_u64(room, entries), tail = EXT_ENTRY * (room + 1);
		memset(j->block, 0, block_bytes);
		pod_put_le32(index, j->in_file);
		put_header(j->block, n, room, 0);
		for (uint32_t k = 0; k < n; k++)
			put_entry(j, j->block + EXT_ENTRY * (size_t)(k + 1));
		if (j->v->ro_compat & EXT_RO_METADATA_CSUM)
			pod_put_le32(j->block + tail, sum_of(j->sum, j->block, tail));
		POD_TRY(show_block(j, j->block, &block));
		pod_put_le32(index + 4, block);
		entries -= n;
	}
	*own_blocks = leaves;
	return POD_OK;
}

/* --- block maps ------------------------------------------------------------------------------------------- */

static uint32_t next_block(struct job *j)
{
	const struct pod_place_run *r = &j->runs->run[j->at];
	uint32_t block = (uint32_t)((r->dev_bytes >> j->v->shift) + j->done++);
	if (j->done == r->length_bytes >> j->v->shift)
		j->at++, j->done = 0;
	return block;
}

/* Blocks of pointers for so many blocks of data. */
static uint64_t pointer_blocks(const struct job *j, uint64_t data)
{
	uint32_t per_shift = j->v->shift - 2;
	uint64_t n = 0;
	data -= pod_min_u64(data, EXT_DIRECT);
	for (uint32_t degree = 1; degree <= DEGREES && data; degree++) {
		uint64_t here = pod_min_u64(data, (uint64_t)1 << per_shift * degree);
		for (uint32_t k = 1; k <= degree; k++)
			n += (here + ((uint64_t)1 << per_shift * k) - 1) >> per_shift * k;
		data -= here;
	}
	return data ? UINT64_MAX : n;
}

struct pointing {
	struct job *j;
	uint32_t degree, per;
	uint32_t filled[DEGREES]; /* pointers in the buffer of each level; level 0 leads to data */
};

static uint8_t *buffer(const struct pointing *m, uint32_t level)
{
	return m->j->block + ((size_t)level << m->j->v->shift);
}

/* The block of a level is done: the level above, or the inode, points to it. */
static enum pod_status flush(struct pointing *m, uint32_t level)
{
	uint32_t block;
	POD_TRY(show_block(m->j, buffer(m, level), &block));
	memset(buffer(m, level), 0, (size_t)1 << m->j->v->shift);
	m->filled[level] = 0;
	if (level + 1 == m->degree)
		pod_put_le32(m->j->map + 4 * (size_t)(EXT_DIRECT + level), block);
	else
		pod_put_le32(buffer(m, level + 1) + 4 * (size_t)m->filled[level + 1]++, block);
	return POD_OK;
}

static enum pod_status point_through(struct job *j, uint32_t degree, uint64_t blocks)
{
	struct pointing m = {.j = j, .degree = degree, .per = 1u << (j->v->shift - 2)};
	for (uint64_t i = 0; i < blocks; i++) {
		pod_put_le32(buffer(&m, 0) + 4 * (size_t)m.filled[0]++, next_block(j));
		for (uint32_t level = 0; level < degree && m.filled[level] == m.per; level++)
			POD_TRY(flush(&m, level));
	}
	for (uint32_t level = 0; level < degree; level++)
		if (m.filled[level])
			POD_TRY(flush(&m, level));
	return POD_OK;
}

static enum pod_status make_map(struct job *j, uint32_t *own_blocks)
{
	uint64_t left = blocks_in(j, j->runs), own = pointer_blocks(j, left);
	if (own > POINTER_BLOCKS_MAX)
		return POD_E_LIMIT;
	if (own)
		POD_TRY(get_room(j, (uint32_t)own, DEGREES));
	memset(j->map, 0, EXT_MAP_LEN);
	for (uint32_t i = 0; i < EXT_DIRECT && left; i++, left--)
		pod_put_le32(j->map + 4 * (size_t)i, next_block(j));
	for (uint32_t degree = 1; degree <= DEGREES && left; degree++) {
		uint64_t here = pod_min_u64(left, (uint64_t)1 << (j->v->shift - 2) * degree);
		POD_TRY(point_through(j, degree, here));
		left -= here;
	}
	*own_blocks = (uint32_t)own;
	return POD_OK;
}

/* --- both ------------------------------------------------------------------------------------------------- */

static enum pod_status show_sum(struct job *j, const struct pod_node *file, uint8_t *inode)
{
	uint8_t rest[CHUNK];
	bool high = false;
	pod_put_le16(inode + INODE_SUM, 0);
	uint32_t sum = sum_of(j->sum, inode, EXT_INODE_BASE);
	for (uint32_t at = EXT_INODE_BASE; at < j->v->inode_size;) {
		uint32_t n = j->v->inode_size - at < sizeof rest ? j->v->inode_size - at : (uint32_t)sizeof rest;
		POD_TRY(j->p->shown(j->p, file->entry_bytes + at, rest, n));
		if (at == EXT_INODE_BASE) {
			high = pod_get_le16(rest) >= INODE_SUM_HIGH + 2 - EXT_INODE_BASE;
			if (high)
				pod_put_le16(rest + INODE_SUM_HIGH - EXT_INODE_BASE, 0);
		}
		sum = sum_of(sum, rest, n);
		at += n;
	}
	pod_put_le16(inode + INODE_SUM, (uint16_t)sum);
	pod_put_le16(rest, (uint16_t)(sum >> 16));
	return high ? j->p->show(j->p, file->entry_bytes + INODE_SUM_HIGH, rest, 2) : POD_OK;
}

static enum pod_status show_inode(struct job *j, const struct pod_node *file, uint8_t *inode, uint64_t size, uint32_t own_blocks)
{
	uint64_t blocks = blocks_in(j, j->runs) + own_blocks;
	blocks += pod_get_le32(inode + 104) || pod_get_le16(inode + 118) ? 1 : 0;
	if (!(pod_get_le32(inode + 32) & EXT_FL_HUGE_FILE))
		blocks <<= j->v->shift - 9;
	pod_put_le32(inode + 4, (uint32_t)size);
	pod_put_le32(inode + 108, (uint32_t)(size >> 32));
	pod_put_le32(inode + INODE_SECTORS, (uint32_t)blocks);
	if (blocks >> 32)
		pod_put_le16(inode + 116, (uint16_t)(blocks >> 32));
	if (j->v->ro_compat & EXT_RO_METADATA_CSUM)
		POD_TRY(show_sum(j, file, inode));
	return j->p->show(j->p, file->entry_bytes, inode, EXT_INODE_BASE);
}

static enum pod_status ext_point(struct pod_place *p, const struct pod_node *file, const struct pod_place_runs *runs,
				 uint64_t size)
{
	uint8_t inode[EXT_INODE_BASE], number[4];
	struct job j = {.p = p, .v = ext_volume(p->fs), .runs = runs, .map = inode + EXT_MAP_AT};
	uint32_t own_blocks = 0;
	if (size >> 32 || blocks_in(&j, runs) >> 32)
		return POD_E_LIMIT;
	POD_TRY(p->shown(p, file->entry_bytes, inode, sizeof inode));
	pod_put_le32(number, (uint32_t)file->priv[0]);
	j.sum = sum_of(sum_of(j.v->seed, number, sizeof number), inode + 100, 4);
	enum pod_status st = pod_get_le32(inode + 32) & EXT_FL_EXTENTS ? make_tree(&j, &own_blocks) : make_map(&j, &own_blocks);
	if (st == POD_OK)
		st = show_inode(&j, file, inode, size, own_blocks);
	pod_place_runs_free(p, &j.room);
	pod_free(p->fs->alloc, j.block);
	return st;
}

/* --- a further file ---------------------------------------------------------------------------------------- */

/*
 * The folder "lost+found", which each volume has, and which loaders have no use for: its inode is shown as that of a file. The entry in the
 * root folder tells what it is, too.
 */
static const char SPARE[] = "lost+found";

enum {
	MODE_FILE = 0100644,
	FL_INDEX = 0x1000, /* of a folder */
	ENTRY_TYPE = 7,
	TYPE_FILE = 1,
	TAIL = 12, /* what stands for an entry behind the last one and holds the block's sum */
	TAIL_TYPE = 0xDE,
	ROOT = 2,
};

struct renaming {
	struct pod_place *p;
	const struct ext_volume *v;
	const struct pod_node *root;
	uint8_t *block;
	enum pod_status st;
	bool done;
};

static enum pod_status show_tail(struct renaming *r, uint64_t at)
{
	uint8_t number[4], generation[4];
	uint32_t size = 1u << r->v->shift;
	uint8_t *tail = r->block + size - TAIL;
	if (!(r->v->ro_compat & EXT_RO_METADATA_CSUM) || pod_get_le32(tail) || pod_get_le16(tail + 4) != TAIL ||
	    tail[ENTRY_TYPE] != TAIL_TYPE)
		return POD_OK;
	pod_put_le32(number, ROOT);
	POD_TRY(r->p->shown(r->p, r->root->entry_bytes + 100, generation, sizeof generation));
	uint32_t sum = sum_of(sum_of(r->v->seed, number, sizeof number), generation, sizeof generation);
	pod_put_le32(tail + 8, sum_of(sum, r->block, size - TAIL));
	return r->p->show(r->p, at + size - TAIL, tail, TAIL);
}

/* One block of the root folder: entries of +0 4 inode, +4 2 length, +6 1 bytes of the name, +7 1 type, +8 the name. */
static enum pod_status rename_in(struct renaming *r, uint64_t at)
{
	uint32_t size = 1u << r->v->shift, len;
	POD_TRY(r->p->shown(r->p, at, r->block, size));
	for (uint32_t in = 0; in + 8 + sizeof SPARE - 1 <= size; in += len) {
		uint8_t *e = r->block + in;
		len = pod_get_le16(e + 4);
		if (len < 8 || len > size - in)
			return POD_E_CORRUPT;
		if (!pod_get_le32(e) || e[6] != sizeof SPARE - 1 || memcmp(e + 8, SPARE, sizeof SPARE - 1) != 0)
			continue;
		r->done = true;
		if (!(r->v->incompat & EXT_INCOMPAT_FILETYPE)) /* the byte belongs to the length of the name */
			return POD_OK;
		e[ENTRY_TYPE] = TYPE_FILE;
		POD_TRY(r->p->show(r->p, at + in + ENTRY_TYPE, e + ENTRY_TYPE, 1));
		return show_tail(r, at);
	}
	return POD_OK;
}

static enum pod_status rename_in_run(void *ctx, const struct pod_extent *e)
{
	struct renaming *r = ctx;
	for (uint64_t done = 0; !e->hole && !r->done && r->st == POD_OK && done < e->length_bytes; done += 1u << r->v->shift) {
		r->st = pod_budget_spend(r->p->fs->dev->budget, 1, 0);
		if (r->st == POD_OK)
			r->st = rename_in(r, e->dev_bytes + done);
	}
	return r->done || r->st != POD_OK ? POD_END : POD_OK;
}

static enum pod_status show_as_file(struct pod_place *p, const struct pod_node *root, const struct pod_node *spare)
{
	struct renaming r = {.p = p, .v = ext_volume(p->fs), .root = root};
	uint8_t inode[EXT_INODE_BASE];
	POD_TRY(p->shown(p, spare->entry_bytes, inode, sizeof inode));
	uint32_t flags = pod_get_le32(inode + 32);
	if (flags & (EXT_FL_INLINE_DATA | EXT_FL_ENCRYPT))
		return POD_E_UNSUPPORTED;
	r.block = pod_zalloc(p->fs->alloc, 1, (size_t)1 << r.v->shift);
	if (!r.block)
		return POD_E_NOMEM;
	enum pod_status st = p->fs->ops->extents(p->fs, root, rename_in_run, &r);
	pod_free(p->fs->alloc, r.block);
	if (st == POD_OK || st == POD_END)
		st = r.st != POD_OK ? r.st : r.done ? POD_OK : POD_E_NOSPACE;
	POD_TRY(st);
	pod_put_le16(inode, MODE_FILE);
	pod_put_le32(inode + 32, flags & ~(uint32_t)FL_INDEX);
	return p->show(p, spare->entry_bytes, inode, sizeof inode);
}

static enum pod_status ext_add(struct pod_place *p, const struct pod_place_runs *runs, uint64_t size, const char **path,
			       struct pod_node *file)
{
	struct pod_node root;
	struct pod_dirent *scratch = pod_zalloc(p->fs->alloc, 1, sizeof *scratch);
	if (!scratch)
		return POD_E_NOMEM;
	enum pod_status st = p->fs->ops->root(p->fs, &root);
	if (st == POD_OK)
		st = pod_fs_lookup(p->fs, SPARE, file, scratch);
	pod_free(p->fs->alloc, scratch);
	if (st == POD_E_NOT_FOUND || (st == POD_OK && !file->is_dir))
		return POD_E_NOSPACE;
	POD_TRY(st);
	POD_TRY(show_as_file(p, &root, file));
	*path = SPARE;
	return ext_point(p, file, runs, size);
}

static bool ext_dirty(struct pod_fs *fs)
{
	return ext_volume(fs)->incompat & EXT_INCOMPAT_RECOVER;
}

const struct pod_place_ops pod_place_ext = {
	.fs = &pod_fs_ext, .next_free = ext_next_free, .dirty = ext_dirty, .point = ext_point, .add = ext_add};
