/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Btrfs: files that are shown longer (place.h).
 *
 * The pieces of the file as it is keep what they say and move back by what is shown in front; pieces for what is new come before and behind
 * them. Its inode says the new length, and that its bytes have no sums, so that no reader looks for sums of the new ones. The leaves that hold
 * all that are made anew, with whatever else is in them. If they are as many as they were, and begin with the same keys, they are shown in
 * their places, for all snapshots that share them, too. Else they, and the nodes above them up to a new root, are shown in free room, and the
 * root item names that: snapshots share leaves, but not the nodes that lead to them. Blocks keep their generation. Sums are right (CRC-32C;
 * those of other kinds stay as they were, since boot loaders look at none), and so is the other copy. What is in use, and the sums of the
 * file's own bytes, are not told anew.
 */
#include "core/fs/btrfs_place.h"
#include "core/base/bytes.h"
#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/fs/btrfs.h"

enum {
	BLOCKS_MAX = 64, /* of a level that one file leads to */
	OUT_MAX = 2 * BLOCKS_MAX,
	ENTRIES_MAX = 1 << 18,
	FLAG_NO_SUMS = 1,
	CHILD = 16,
	KEY = 17,
};

/* Of a leaf or a node: a key and what is told of it. */
struct entry {
	struct btrfs_key key;
	const uint8_t *data;
	uint32_t len;
};

struct entries {
	struct entry *v;
	size_t count, cap;
};

/* The blocks of a level that may hold what is told of the file, in their order. */
struct level {
	uint64_t logical[BLOCKS_MAX];
	uint8_t *block[BLOCKS_MAX];
	uint32_t count;
};

struct job {
	struct pod_place *p;
	struct pod_btrfs *v;
	struct btrfs_tree tree;
	uint64_t inode;
	const struct pod_place_runs *runs;
	uint64_t size, front, kept; /* bytes */
	struct level level[BTRFS_LEVELS];
	struct entries list; /* of the level that is being made */
	uint8_t *pieces;     /* of the file, BTRFS_PIECE_LEN bytes each */
	size_t piece_count, piece_cap;
	uint64_t in_use; /* bytes of the file that are not holes */
	uint8_t *inode_item;
	/* What is to be shown. */
	uint64_t out_at[OUT_MAX];
	uint8_t *out[OUT_MAX];
	size_t out_count, out_known; /* those from `out_known` on are the level that was made last */
	uint8_t child[OUT_MAX][CHILD];
};

/* --- what there is ---------------------------------------------------------------------------------------- */

static struct btrfs_key first_key(const struct job *j)
{
	return (struct btrfs_key){j->inode, 0, BTRFS_INODE_ITEM};
}

static struct btrfs_key last_key(const struct job *j)
{
	return (struct btrfs_key){j->inode, UINT64_MAX, BTRFS_EXTENT_DATA};
}

static enum pod_status keep_block(struct job *j, uint32_t level, uint64_t logical, uint64_t generation)
{
	struct level *l = &j->level[level];
	const struct btrfs_block *b;
	if (l->count == BLOCKS_MAX)
		return POD_E_LIMIT;
	POD_TRY(btrfs_block(j->p->fs, logical, generation, level, &b));
	uint8_t *copy = j->p->fs->alloc->alloc(j->p->fs->alloc, j->v->block_size);
	if (!copy)
		return POD_E_NOMEM;
	memcpy(copy, b->data, j->v->block_size);
	l->block[l->count] = copy;
	l->logical[l->count++] = logical;
	return POD_OK;
}

/* Which pointers of a node lead to what is told of the file: [*first, *end). */
static void pointers_of(const struct job *j, uint32_t level, uint32_t i, uint32_t *first, uint32_t *end)
{
	const struct level *l = &j->level[level];
	struct btrfs_key from = first_key(j), to = last_key(j);
	uint32_t before = btrfs_keys_before(l->block[i], &from, true);
	*first = !i && before ? before - 1 : 0;
	*end = i + 1 == l->count ? btrfs_keys_before(l->block[i], &to, true) : pod_get_le32(l->block[i] + 96);
	if (*end <= *first)
		*end = *first + 1;
}

static enum pod_status read_levels(struct job *j)
{
	POD_TRY(keep_block(j, j->tree.level, j->tree.block, j->tree.generation));
	for (uint32_t level = j->tree.level; level; level--) {
		for (uint32_t i = 0; i < j->level[level].count; i++) {
			uint32_t first, end;
			pointers_of(j, level, i, &first, &end);
			for (uint32_t k = first; k < end; k++) {
				const uint8_t *p = j->level[level].block[i] + BTRFS_HEADER + (size_t)BTRFS_POINTER * k;
				POD_TRY(keep_block(j, level - 1, pod_get_le64(p + KEY), pod_get_le64(p + KEY + 8)));
			}
		}
	}
	return POD_OK;
}

/* --- what becomes of it ----------------------------------------------------------------------------------- */

static enum pod_status add_entry(struct job *j, const struct btrfs_key *key, const uint8_t *data, uint32_t len)
{
	void *v = j->list.v;
	enum pod_status st =
		pod_grow(j->p->fs->alloc, &v, j->list.count, &j->list.cap, j->list.count + 1, sizeof *j->list.v, ENTRIES_MAX);
	j->list.v = v;
	if (st == POD_OK)
		j->list.v[j->list.count++] = (struct entry){*key, data, len};
	return st;
}

static enum pod_status put_piece(struct job *j, uint64_t from, const uint8_t *piece)
{
	struct btrfs_key key = {j->inode, from, BTRFS_EXTENT_DATA};
	uint8_t *p = j->pieces + BTRFS_PIECE_LEN * j->piece_count;
	if (j->piece_count++ == j->piece_cap)
		return POD_E_LIMIT;
	memcpy(p, piece, BTRFS_PIECE_LEN);
	if (pod_get_le64(p + 21))
		j->in_use += pod_get_le64(p + 45);
	return add_entry(j, &key, p, BTRFS_PIECE_LEN);
}

/* What is new in front, or behind, from `from` on. */
static enum pod_status put_new(struct job *j, size_t first, size_t end, uint64_t from)
{
	uint8_t piece[BTRFS_PIECE_LEN] = {0};
	pod_put_le64(piece, j->tree.generation);
	piece[20] = BTRFS_REGULAR;
	for (size_t i = first; i < end; i++) {
		uint64_t logical, len = j->runs->run[i].length_bytes;
		POD_TRY(btrfs_logical(j->v, j->runs->run[i].dev_bytes, len, &logical));
		pod_put_le64(piece + 8, len);
		pod_put_le64(piece + 21, logical);
		pod_put_le64(piece + 29, len);
		pod_put_le64(piece + 45, len);
		POD_TRY(put_piece(j, from, piece));
		from += len;
	}
	return POD_OK;
}

/* One of its own pieces, moved; what is behind the last whole sector is shown anew. */
static enum pod_status put_old(struct job *j, const struct btrfs_item *item)
{
	uint8_t piece[BTRFS_PIECE_LEN];
	if (item->key.offset >= j->kept)
		return POD_OK;
	if (item->len < BTRFS_PIECE_HEAD)
		return POD_E_CORRUPT;
	if (item->data[20] == BTRFS_INLINE || item->len < BTRFS_PIECE_LEN)
		return POD_E_UNSUPPORTED;
	memcpy(piece, item->data, sizeof piece);
	pod_put_le64(piece + 45, pod_min_u64(pod_get_le64(piece + 45), j->kept - item->key.offset));
	return put_piece(j, j->front + item->key.offset, piece);
}

static bool is_own_piece(const struct job *j, const struct btrfs_key *k)
{
	return k->object == j->inode && k->type == BTRFS_EXTENT_DATA;
}

/* The first run behind those that are the file's own; where there are none, `front` runs are in front all the same. */
static size_t runs_before(const struct job *j, bool kept)
{
	size_t i = 0;
	while (i < j->runs->count && !j->runs->run[i].kept)
		i++;
	while (kept && i < j->runs->count && j->runs->run[i].kept)
		i++;
	return i;
}

/* Goes through the items of the leaves: `take` for each. */
static enum pod_status each_item(struct job *j, enum pod_status (*take)(struct job *j, const struct btrfs_item *item))
{
	for (uint32_t i = 0; i < j->level[0].count; i++) {
		struct btrfs_block b = {.data = j->level[0].block[i]};
		for (uint32_t k = 0; k < pod_get_le32(b.data + 96); k++) {
			struct btrfs_item item;
			POD_TRY(btrfs_item_at(j->v, &b, k, &item));
			POD_TRY(take(j, &item));
		}
	}
	return POD_OK;
}

static enum pod_status count_piece(struct job *j, const struct btrfs_item *item)
{
	j->piece_cap += is_own_piece(j, &item->key);
	return POD_OK;
}

static enum pod_status take_piece(struct job *j, const struct btrfs_item *item)
{
	return is_own_piece(j, &item->key) ? put_old(j, item) : POD_OK;
}

static enum pod_status take_before(struct job *j, const struct btrfs_item *item)
{
	struct btrfs_key pieces = {j->inode, 0, BTRFS_EXTENT_DATA}, inode = first_key(j);
	if (btrfs_compare(&item->key, &pieces) >= 0)
		return POD_OK;
	if (btrfs_compare(&item->key, &inode) != 0)
		return add_entry(j, &item->key, item->data, item->len);
	if (item->len < BTRFS_INODE_LEN || j->inode_item)
		return POD_E_CORRUPT;
	j->inode_item = j->p->fs->alloc->alloc(j->p->fs->alloc, item->len);
	if (!j->inode_item)
		return POD_E_NOMEM;
	memcpy(j->inode_item, item->data, item->len);
	return add_entry(j, &item->key, j->inode_item, item->len);
}

static enum pod_status take_behind(struct job *j, const struct btrfs_item *item)
{
	struct btrfs_key last = last_key(j);
	if (btrfs_compare(&item->key, &last) <= 0)
		return POD_OK;
	return add_entry(j, &item->key, item->data, item->len);
}

static enum pod_status make_items(struct job *j)
{
	size_t first = runs_before(j, false), behind = runs_before(j, true);
	for (size_t i = 0; i < first; i++)
		j->front += j->runs->run[i].length_bytes;
	for (size_t i = first; i < behind; i++)
		j->kept += j->runs->run[i].length_bytes;
	if (!j->kept)
		j->front = 0; /* all of it is new */
	j->piece_cap = j->runs->count;
	POD_TRY(each_item(j, count_piece));
	j->pieces = pod_zalloc(j->p->fs->alloc, j->piece_cap, BTRFS_PIECE_LEN);
	if (!j->pieces)
		return POD_E_NOMEM;
	POD_TRY(each_item(j, take_before));
	if (!j->inode_item)
		return POD_E_CORRUPT;
	POD_TRY(put_new(j, 0, first, 0));
	if (j->kept) {
		POD_TRY(each_item(j, take_piece));
		POD_TRY(put_new(j, behind, j->runs->count, j->front + j->kept));
	}
	POD_TRY(each_item(j, take_behind));
	pod_put_le64(j->inode_item + 16, j->size);
	pod_put_le64(j->inode_item + 24, j->in_use);
	pod_put_le64(j->inode_item + 64, pod_get_le64(j->inode_item + 64) | FLAG_NO_SUMS);
	return POD_OK;
}

/* --- blocks ----------------------------------------------------------------------------------------------- */

/* A place for a further block. */
static enum pod_status new_place(struct job *j, uint64_t *logical)
{
	struct pod_place_runs room = {0};
	enum pod_status st = pod_place_room(j->p, j->v->block_size, &room);
	if (st == POD_OK)
		st = room.count == 1 ? btrfs_logical(j->v, room.run[0].dev_bytes, room.run[0].length_bytes, logical)
				     : POD_E_NOSPACE;
	pod_place_runs_free(j->p, &room);
	return st;
}

/* A block to be shown, with the header of `like`. */
static enum pod_status new_block(struct job *j, uint64_t logical, const uint8_t *like, uint8_t **out)
{
	if (j->out_count == OUT_MAX)
		return POD_E_LIMIT;
	uint8_t *b = pod_zalloc(j->p->fs->alloc, 1, j->v->block_size);
	if (!b)
		return POD_E_NOMEM;
	memcpy(b, like, BTRFS_HEADER);
	pod_put_le64(b + 48, logical);
	pod_put_le32(b + 96, 0);
	j->out_at[j->out_count] = logical;
	j->out[j->out_count++] = b;
	*out = b;
	return POD_OK;
}

static void put_key(uint8_t *p, const struct btrfs_key *k)
{
	pod_put_le64(p, k->object);
	p[8] = k->type;
	pod_put_le64(p + 9, k->offset);
}

/* Entries from *at on, as many as there is room for. */
static void fill_block(struct job *j, uint32_t level, uint8_t *b, size_t *at)
{
	uint32_t room = j->v->block_size - BTRFS_HEADER, stride = level ? BTRFS_POINTER : BTRFS_ITEM, n = 0, end = room;
	for (; *at < j->list.count; ++*at, n++) {
		const struct entry *e = &j->list.v[*at];
		uint8_t *p = b + BTRFS_HEADER + (size_t)stride * n;
		uint32_t data = level ? 0 : e->len;
		if ((size_t)stride * (n + 1) + data > end)
			break;
		put_key(p, &e->key);
		end -= data;
		if (level) {
			memcpy(p + KEY, e->data, CHILD);
		} else {
			pod_put_le32(p + KEY, end);
			pod_put_le32(p + KEY + 4, e->len);
			memcpy(b + BTRFS_HEADER + end, e->data, e->len);
		}
	}
	pod_put_le32(b + 96, n);
}

/* Blocks of a level from j->list, `elsewhere` or in the places of those that there are. *fits: they need no other nodes above them. */
static enum pod_status make_level(struct job *j, uint32_t level, bool elsewhere, bool *fits)
{
	const struct level *l = &j->level[level];
	uint32_t made = 0;
	j->out_known = j->out_count;
	*fits = false;
	for (size_t at = 0; at < j->list.count; made++) {
		uint32_t like = made < l->count ? made : l->count - 1;
		uint64_t logical = l->logical[like];
		uint8_t *b;
		size_t before = at;
		if (!elsewhere && made == l->count)
			return POD_OK;
		if (elsewhere)
			POD_TRY(new_place(j, &logical));
		POD_TRY(new_block(j, logical, l->block[like], &b));
		fill_block(j, level, b, &at);
		if (at == before)
			return POD_E_CORRUPT; /* an item as large as no block */
		if (!elsewhere && memcmp(b + BTRFS_HEADER, l->block[like] + BTRFS_HEADER, KEY) != 0)
			return POD_OK;
	}
	*fits = made == l->count;
	return POD_OK;
}

/* The pointers to the blocks that were made last, into j->list. */
static enum pod_status add_children(struct job *j)
{
	for (size_t i = j->out_known; i < j->out_count; i++) {
		struct btrfs_key key = btrfs_key_at(j->out[i] + BTRFS_HEADER);
		pod_put_le64(j->child[i], j->out_at[i]);
		memcpy(j->child[i] + 8, j->out[i] + 80, 8);
		POD_TRY(add_entry(j, &key, j->child[i], CHILD));
	}
	return POD_OK;
}

static enum pod_status add_pointers(struct job *j, const uint8_t *node, uint32_t from, uint32_t end)
{
	for (uint32_t i = from; i < end; i++) {
		const uint8_t *p = node + BTRFS_HEADER + (size_t)BTRFS_POINTER * i;
		struct btrfs_key key = btrfs_key_at(p);
		POD_TRY(add_entry(j, &key, p + KEY, CHILD));
	}
	return POD_OK;
}

/* What the nodes of a level hold from now on, into j->list. */
static enum pod_status make_pointers(struct job *j, uint32_t level)
{
	const struct level *l = &j->level[level];
	uint32_t first, end, ignored;
	j->list.count = 0;
	pointers_of(j, level, 0, &first, &ignored);
	POD_TRY(add_pointers(j, l->block[0], 0, first));
	POD_TRY(add_children(j));
	pointers_of(j, level, l->count - 1, &ignored, &end);
	const uint8_t *last = l->block[l->count - 1];
	return add_pointers(j, last, end, pod_get_le32(last + 96));
}

/* A root above those that were made last. */
static enum pod_status make_root(struct job *j)
{
	uint64_t logical;
	uint8_t *b, *like = j->out[j->out_known];
	size_t at = 0;
	if (++j->tree.level >= BTRFS_LEVELS)
		return POD_E_LIMIT;
	j->list.count = 0;
	POD_TRY(add_children(j));
	j->out_known = j->out_count;
	POD_TRY(new_place(j, &logical));
	POD_TRY(new_block(j, logical, like, &b));
	b[100] = (uint8_t)j->tree.level;
	fill_block(j, j->tree.level, b, &at);
	return at == j->list.count ? POD_OK : POD_E_LIMIT;
}

/* The item that names the root, which was made last. */
static enum pod_status name_root(struct job *j)
{
	struct btrfs_key key = {.object = j->tree.id, .type = BTRFS_ROOT_ITEM};
	struct btrfs_item item;
	uint64_t root = j->out_at[j->out_known];
	uint8_t *b;
	POD_TRY(btrfs_find(j->p->fs, &j->v->roots, &key, true, &item));
	POD_TRY(new_block(j, item.block->logical, item.block->data, &b));
	memcpy(b, item.block->data, j->v->block_size);
	uint8_t *root_item = b + (item.data - item.block->data);
	pod_put_le64(root_item + 176, root);
	root_item[238] = (uint8_t)j->tree.level;
	return POD_OK;
}

static void drop_blocks(struct job *j)
{
	while (j->out_count)
		pod_free(j->p->fs->alloc, j->out[--j->out_count]);
}

static enum pod_status make_blocks(struct job *j)
{
	bool fits;
	POD_TRY(make_items(j));
	POD_TRY(make_level(j, 0, false, &fits));
	if (fits)
		return POD_OK;
	drop_blocks(j);
	POD_TRY(make_level(j, 0, true, &fits));
	for (uint32_t level = 1; level <= j->tree.level; level++) {
		POD_TRY(make_pointers(j, level));
		POD_TRY(make_level(j, level, true, &fits));
	}
	if (j->out_count - j->out_known > 1)
		POD_TRY(make_root(j));
	return name_root(j);
}

static enum pod_status show_blocks(struct job *j)
{
	for (size_t i = 0; i < j->out_count; i++) {
		const struct btrfs_chunk *c;
		POD_TRY(btrfs_place(j->p->fs, j->out_at[i], j->v->block_size, &c));
		if (!j->v->sum_type)
			pod_put_le32(j->out[i], pod_crc32c(0, j->out[i] + BTRFS_SUM, j->v->block_size - BTRFS_SUM));
		for (uint32_t copy = 0; copy < c->copies; copy++)
			POD_TRY(j->p->show(j->p, btrfs_at(c, j->out_at[i], copy), j->out[i], j->v->block_size));
	}
	return POD_OK;
}

static void free_job(struct job *j)
{
	struct pod_alloc *a = j->p->fs->alloc;
	for (size_t level = 0; level < BTRFS_LEVELS; level++)
		for (size_t i = 0; i < j->level[level].count; i++)
			pod_free(a, j->level[level].block[i]);
	drop_blocks(j);
	pod_free(a, j->list.v);
	pod_free(a, j->pieces);
	pod_free(a, j->inode_item);
	pod_free(a, j);
}

static enum pod_status btrfs_point(struct pod_place *p, const struct pod_node *file, const struct pod_place_runs *runs,
				   uint64_t size)
{
	struct job *j = pod_zalloc(p->fs->alloc, 1, sizeof *j);
	if (!j)
		return POD_E_NOMEM;
	j->p = p;
	j->v = btrfs_of(p->fs);
	j->inode = file->priv[BTRFS_INODE];
	j->runs = runs;
	j->size = size;
	btrfs_view(p);
	enum pod_status st = btrfs_open_tree(p->fs, file->priv[BTRFS_TREE], &j->tree);
	if (st == POD_OK)
		st = read_levels(j);
	if (st == POD_OK)
		st = make_blocks(j);
	if (st == POD_OK)
		st = show_blocks(j);
	btrfs_forget(j->v);
	free_job(j);
	return st;
}

const struct pod_place_ops pod_place_btrfs = {.fs = &pod_fs_btrfs,
					      .keeps_itself = true,
					      .next_free = btrfs_next_free,
					      .dirty = pod_btrfs_is_dirty,
					      .point = btrfs_point};

const struct pod_place_ops pod_place_btrfs_default = {.fs = &pod_fs_btrfs_default,
						      .keeps_itself = true,
						      .next_free = btrfs_next_free,
						      .dirty = pod_btrfs_is_dirty,
						      .point = btrfs_point};
