/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Btrfs' trees: blocks, and searches in them. Layout: btrfs_int.h.
 *
 * Of a block that is there twice the other one is read if the first is damaged. Sums other than CRC-32C are not looked at (neither are any by
 * boot loaders): what else a block says of itself must be right.
 */
#include "core/base/bytes.h"
#include "core/base/hash.h"
#include "core/fs/btrfs_int.h"

enum { SEARCHES_PER_STEP = 16, KEY = 17, ROOT_ITEM_LEN = 239 };

int btrfs_compare(const struct btrfs_key *a, const struct btrfs_key *b)
{
	if (a->object != b->object)
		return a->object < b->object ? -1 : 1;
	if (a->type != b->type)
		return a->type < b->type ? -1 : 1;
	return a->offset < b->offset ? -1 : a->offset > b->offset;
}

bool btrfs_next_key(struct btrfs_key *key)
{
	if (++key->offset)
		return true;
	if (++key->type)
		return true;
	return ++key->object != 0;
}

struct btrfs_key btrfs_key_at(const uint8_t *p)
{
	return (struct btrfs_key){pod_get_le64(p), pod_get_le64(p + 9), p[8]};
}

/* --- blocks ----------------------------------------------------------------------------------------------- */

struct wanted {
	uint64_t logical, generation;
	uint32_t level;
};

static bool is_it(const struct pod_btrfs *v, const uint8_t *b, const struct wanted *w)
{
	uint32_t items = pod_get_le32(b + 96), room = v->block_size - BTRFS_HEADER;
	if (pod_get_le64(b + 48) != w->logical || pod_get_le64(b + 80) != w->generation || b[100] != w->level)
		return false;
	return w->level ? items && items <= room / BTRFS_POINTER : items <= room / BTRFS_ITEM;
}

static bool is_sound(const struct pod_btrfs *v, const uint8_t *b)
{
	return memcmp(b + 32, v->uuid, sizeof v->uuid) == 0 &&
	       (v->sum_type || pod_get_le32(b) == pod_crc32c(0, b + BTRFS_SUM, v->block_size - BTRFS_SUM));
}

static struct btrfs_block *oldest(struct pod_btrfs *v)
{
	struct btrfs_block *b = v->cache;
	for (size_t i = 1; i < BTRFS_CACHE; i++)
		if (v->cache[i].used < b->used)
			b = &v->cache[i];
	return b;
}

static enum pod_status read_block(struct pod_fs *fs, uint64_t at, uint8_t *b)
{
	const struct pod_btrfs *v = btrfs_of(fs);
	if (!v->view)
		return pod_dev_read(fs->dev, at, b, v->block_size);
	POD_TRY(pod_budget_spend(fs->dev->budget, 1, v->block_size));
	return v->view->shown(v->view, at, b, v->block_size);
}

static enum pod_status load(struct pod_fs *fs, const struct wanted *w, struct btrfs_block *b)
{
	const struct pod_btrfs *v = btrfs_of(fs);
	const struct btrfs_chunk *c;
	enum pod_status st = POD_E_CORRUPT;
	POD_TRY(btrfs_place(fs, w->logical, v->block_size, &c));
	if (!b->data)
		b->data = fs->alloc->alloc(fs->alloc, v->block_size);
	if (!b->data)
		return POD_E_NOMEM;
	b->logical = 0;
	for (uint32_t i = 0; i < c->copies; i++) {
		b->at = btrfs_at(c, w->logical, i);
		enum pod_status here = read_block(fs, b->at, b->data);
		if (here == POD_E_BUDGET || here == POD_E_CANCELLED)
			return here;
		if (here == POD_OK && is_sound(v, b->data) && is_it(v, b->data, w)) {
			b->logical = w->logical;
			return POD_OK;
		}
		if (here != POD_OK)
			st = here == POD_E_RANGE ? POD_E_CORRUPT : here;
	}
	return st;
}

static enum pod_status get_block(struct pod_fs *fs, const struct wanted *w, const struct btrfs_block **out)
{
	struct pod_btrfs *v = btrfs_of(fs);
	struct btrfs_block *b = NULL;
	if (!w->logical)
		return POD_E_CORRUPT;
	for (size_t i = 0; i < BTRFS_CACHE && !b; i++)
		if (v->cache[i].logical == w->logical)
			b = &v->cache[i];
	if (!b) {
		b = oldest(v);
		POD_TRY(load(fs, w, b));
	} else if (!is_it(v, b->data, w)) {
		return POD_E_CORRUPT;
	}
	b->used = ++v->clock;
	*out = b;
	return POD_OK;
}

enum pod_status btrfs_block(struct pod_fs *fs, uint64_t logical, uint64_t generation, uint32_t level,
			    const struct btrfs_block **out)
{
	return get_block(fs, &(struct wanted){logical, generation, level}, out);
}

void btrfs_forget(struct pod_btrfs *v)
{
	for (size_t i = 0; i < BTRFS_CACHE; i++)
		v->cache[i].logical = 0;
	for (size_t i = 0; i < BTRFS_TREES; i++)
		v->tree[i].block = 0;
}

/* --- searches --------------------------------------------------------------------------------------------- */

uint32_t btrfs_keys_before(const uint8_t *b, const struct btrfs_key *key, bool with)
{
	uint32_t low = 0, high = pod_get_le32(b + 96), stride = b[100] ? BTRFS_POINTER : BTRFS_ITEM;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		struct btrfs_key k = btrfs_key_at(b + BTRFS_HEADER + (size_t)stride * middle);
		int cmp = btrfs_compare(&k, key);
		if (cmp < 0 || (with && !cmp))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* A leaf, and the least key that the leaves to the right of it may have. */
struct leaf {
	const struct btrfs_block *block;
	bool has_next;
	struct btrfs_key next;
};

static enum pod_status descend(struct pod_fs *fs, const struct btrfs_tree *t, const struct btrfs_key *key, struct leaf *out)
{
	struct wanted w = {.logical = t->block, .generation = t->generation, .level = t->level};
	*out = (struct leaf){0};
	for (;; w.level--) {
		POD_TRY(get_block(fs, &w, &out->block));
		if (!w.level)
			return POD_OK;
		const uint8_t *b = out->block->data, *p = b + BTRFS_HEADER;
		uint32_t before = btrfs_keys_before(b, key, true), slot = before ? before - 1 : 0;
		p += (size_t)BTRFS_POINTER * slot;
		if (slot + 1 < pod_get_le32(b + 96)) {
			out->has_next = true;
			out->next = btrfs_key_at(p + BTRFS_POINTER);
			if (btrfs_compare(&out->next, key) <= 0)
				return POD_E_CORRUPT; /* each step to the right leads on, so that walks end */
		}
		w.logical = pod_get_le64(p + KEY);
		w.generation = pod_get_le64(p + KEY + 8);
	}
}

enum pod_status btrfs_item_at(const struct pod_btrfs *v, const struct btrfs_block *b, uint32_t slot, struct btrfs_item *out)
{
	const uint8_t *p = b->data + BTRFS_HEADER + (size_t)BTRFS_ITEM * slot;
	uint32_t at = pod_get_le32(p + KEY), len = pod_get_le32(p + KEY + 4);
	if (!pod_in_range(at, len, v->block_size - BTRFS_HEADER))
		return POD_E_CORRUPT;
	*out = (struct btrfs_item){.key = btrfs_key_at(p),
				   .data = b->data + BTRFS_HEADER + at,
				   .len = len,
				   .at = b->at + BTRFS_HEADER + at,
				   .block = b};
	return POD_OK;
}

enum pod_status btrfs_find(struct pod_fs *fs, const struct btrfs_tree *t, const struct btrfs_key *key, bool behind,
			   struct btrfs_item *out)
{
	struct pod_btrfs *v = btrfs_of(fs);
	struct btrfs_key from = *key;
	if (++v->searches % SEARCHES_PER_STEP == 0)
		POD_TRY(pod_budget_spend(fs->dev->budget, 1, 0));
	for (int leaves = 0; leaves < 2; leaves++) {
		struct leaf l;
		POD_TRY(descend(fs, t, &from, &l));
		uint32_t n = btrfs_keys_before(l.block->data, &from, !behind);
		if (!behind)
			return n ? btrfs_item_at(v, l.block, n - 1, out) : POD_END;
		if (n < pod_get_le32(l.block->data + 96))
			return btrfs_item_at(v, l.block, n, out);
		if (!l.has_next)
			return POD_END;
		from = l.next;
	}
	return POD_E_CORRUPT;
}

enum pod_status btrfs_find_exactly(struct pod_fs *fs, const struct btrfs_tree *t, const struct btrfs_key *key, uint32_t len,
				   struct btrfs_item *out)
{
	enum pod_status st = btrfs_find(fs, t, key, true, out);
	if (st == POD_END || (st == POD_OK && btrfs_compare(&out->key, key) != 0))
		return POD_E_NOT_FOUND;
	POD_TRY(st);
	return out->len < len ? POD_E_CORRUPT : POD_OK;
}

enum pod_status btrfs_open_tree(struct pod_fs *fs, uint64_t id, struct btrfs_tree *out)
{
	struct pod_btrfs *v = btrfs_of(fs);
	struct btrfs_key key = {.object = id, .type = BTRFS_ROOT_ITEM};
	struct btrfs_item item;
	for (size_t i = 0; i < BTRFS_TREES; i++) {
		if (v->tree[i].block && v->tree[i].id == id) {
			*out = v->tree[i];
			return POD_OK;
		}
	}
	/* The offset of its key is the generation in which it was made, if it is a snapshot. */
	enum pod_status st = btrfs_find(fs, &v->roots, &key, true, &item);
	if (st == POD_END || (st == POD_OK && (item.key.object != id || item.key.type != BTRFS_ROOT_ITEM)))
		return POD_E_NOT_FOUND;
	POD_TRY(st);
	if (item.len < ROOT_ITEM_LEN || item.data[238] >= BTRFS_LEVELS || !pod_get_le64(item.data + 176))
		return POD_E_CORRUPT;
	*out = (struct btrfs_tree){.id = id,
				   .block = pod_get_le64(item.data + 176),
				   .generation = pod_get_le64(item.data + 160),
				   .level = item.data[238]};
	v->tree[v->tree_next++ % BTRFS_TREES] = *out;
	return POD_OK;
}
