/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Btrfs, read only: superblock, chunks, opening. Layout: btrfs_int.h.
 *
 * Read as GRUB reads it: the volume's root directory is that of the top-level subvolume, and subvolumes are folders; pod_fs_btrfs_default
 * begins at the default subvolume, where another one was made that (openSUSE). Of a filesystem on several devices what lies whole on this one is
 * read: copies of RAID 1, single chunks. Refused, by name: stripes (RAID 0, 10, 5, 6), zones, features that are not known.
 */
#include "core/fs/btrfs.h"
#include "core/base/bytes.h"
#include "core/base/hash.h"
#include "core/fs/btrfs_int.h"

enum {
	SUPER_LEN = 4096,
	CHUNK_ARRAY = 811,
	CHUNK_ARRAY_LEN = 2048,
	CHUNK_HEAD = 48,
	STRIPE = 32,
	STRIPES_MAX = 1024,
	CHUNKS_MAX = 65536,
	KEY = 17,
	INCOMPAT_KNOWN = 0x10FFF,
	INCOMPAT_METADATA_UUID = 0x400,
	IN_STRIPES = 0x8 | 0x40 | 0x80 | 0x100,
};
#define SUPER_MIRRORS 3

struct superblock {
	uint8_t b[SUPER_LEN];
};

/* --- superblock ------------------------------------------------------------------------------------------- */

static enum pod_status read_super(struct pod_fs *fs, uint64_t at, uint8_t *sb)
{
	if (!pod_in_range(at, SUPER_LEN, fs->dev->size_bytes))
		return POD_E_FORMAT;
	POD_TRY(pod_dev_read(fs->dev, at, sb, SUPER_LEN));
	if (memcmp(sb + 64, "_BHRfS_M", 8) != 0)
		return POD_E_FORMAT;
	if (pod_get_le64(sb + 48) != at ||
	    (!pod_get_le16(sb + 196) && pod_get_le32(sb) != pod_crc32c(0, sb + BTRFS_SUM, SUPER_LEN - BTRFS_SUM)))
		return POD_E_CORRUPT;
	return POD_OK;
}

/* The newest of the sound ones into `sb`; `other` is scratch. One whose first superblock has no magic number is none: others may be left
 * over from what was there before. */
static enum pod_status newest_super(struct pod_fs *fs, uint8_t *sb, uint8_t *other, struct pod_diag *diag)
{
	static const uint64_t mirror[SUPER_MIRRORS - 1] = {UINT64_C(64) << 20, UINT64_C(256) << 30};
	enum pod_status st = read_super(fs, 64 << 10, sb);
	if (st != POD_OK && st != POD_E_CORRUPT)
		return st == POD_E_FORMAT ? pod_fail(diag, st, "Btrfs magic number", (64 << 10) + 64, 0, 0) : st;
	for (size_t i = 0; i < POD_ARRAY_LEN(mirror); i++) {
		enum pod_status here = read_super(fs, mirror[i], other);
		if (here == POD_E_BUDGET || here == POD_E_CANCELLED)
			return here;
		if (here != POD_OK ||
		    (st == POD_OK && (pod_get_le64(other + 72) <= pod_get_le64(sb + 72) || memcmp(other + 32, sb + 32, 16) != 0)))
			continue;
		memcpy(sb, other, SUPER_LEN);
		st = POD_OK;
	}
	return st == POD_OK ? st : pod_fail(diag, st, "Btrfs superblock", 64 << 10, 0, 0);
}

static bool is_size(uint32_t v, uint32_t least)
{
	return v >= least && v <= 65536 && !(v & (v - 1));
}

static enum pod_status read_geometry(struct pod_btrfs *v, const uint8_t *sb, struct pod_diag *diag)
{
	uint64_t incompat = pod_get_le64(sb + 188);
	if (incompat & ~(uint64_t)INCOMPAT_KNOWN)
		return pod_fail(diag, POD_E_UNSUPPORTED, "Btrfs with unknown features", 188, INCOMPAT_KNOWN, incompat);
	memcpy(v->uuid, sb + (incompat & INCOMPAT_METADATA_UUID ? 571 : 32), sizeof v->uuid);
	v->sum_type = pod_get_le16(sb + 196);
	v->sector_size = pod_get_le32(sb + 144);
	v->block_size = pod_get_le32(sb + 148);
	v->device = pod_get_le64(sb + 201);
	v->devices = pod_get_le64(sb + 136);
	v->root_dir = pod_get_le64(sb + 128);
	v->log = pod_get_le64(sb + 96);
	v->roots = (struct btrfs_tree){BTRFS_ROOT_TREE, pod_get_le64(sb + 80), pod_get_le64(sb + 72), sb[198]};
	v->chunks = (struct btrfs_tree){BTRFS_CHUNK_TREE, pod_get_le64(sb + 88), pod_get_le64(sb + 164), sb[199]};
	if (v->sum_type > 3)
		return pod_fail(diag, POD_E_UNSUPPORTED, "Btrfs with unknown sums", 196, 0, v->sum_type);
	if (!is_size(v->sector_size, 512))
		return pod_fail(diag, POD_E_CORRUPT, "Btrfs sector size", 144, 4096, v->sector_size);
	if (!is_size(v->block_size, v->sector_size) || v->block_size < 1024)
		return pod_fail(diag, POD_E_CORRUPT, "Btrfs block size", 148, 16384, v->block_size);
	if (v->roots.level >= BTRFS_LEVELS || v->chunks.level >= BTRFS_LEVELS)
		return pod_fail(diag, POD_E_CORRUPT, "Btrfs levels of a tree", 198, BTRFS_LEVELS, sb[198]);
	return POD_OK;
}

/* --- chunks ----------------------------------------------------------------------------------------------- */

/* The first chunk that ends behind a place. */
static size_t chunk_behind(const struct pod_btrfs *v, uint64_t logical)
{
	size_t low = 0, high = v->chunk_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct btrfs_chunk *c = &v->chunk[middle];
		if (c->logical + c->length <= logical)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void take_stripes(struct pod_fs *fs, const uint8_t *p, uint32_t stripes, struct btrfs_chunk *c)
{
	const struct pod_btrfs *v = btrfs_of(fs);
	bool whole = !(c->type & IN_STRIPES) || (stripes == 1 && (c->type & IN_STRIPES) == 8);
	for (uint32_t i = 0; whole && i < stripes && c->copies < POD_ARRAY_LEN(c->at); i++, p += STRIPE) {
		uint64_t at = pod_get_le64(p + 8);
		if (pod_get_le64(p) == v->device && pod_in_range(at, c->length, fs->dev->size_bytes))
			c->at[c->copies++] = at;
	}
}

/* The chunk whose item is `p`; one that is known already is passed over. */
static enum pod_status add_chunk(struct pod_fs *fs, uint64_t logical, const uint8_t *p, uint32_t len)
{
	struct pod_btrfs *v = btrfs_of(fs);
	struct btrfs_chunk c = {.logical = logical, .length = pod_get_le64(p), .type = pod_get_le64(p + 24)};
	uint32_t stripes = pod_get_le16(p + 44);
	if (!c.length || c.length > (uint64_t)INT64_MAX - pod_min_u64(logical, INT64_MAX) || !stripes || stripes > STRIPES_MAX ||
	    len < CHUNK_HEAD + stripes * STRIPE || (logical | c.length) & (v->sector_size - 1))
		return POD_E_CORRUPT;
	size_t i = chunk_behind(v, logical);
	if (i < v->chunk_count && v->chunk[i].logical < logical + c.length)
		return v->chunk[i].logical == logical && v->chunk[i].length == c.length ? POD_OK : POD_E_CORRUPT;
	take_stripes(fs, p + CHUNK_HEAD, stripes, &c);
	void *grown = v->chunk;
	enum pod_status st =
		pod_grow(fs->alloc, &grown, v->chunk_count, &v->chunk_cap, v->chunk_count + 1, sizeof *v->chunk, CHUNKS_MAX);
	v->chunk = grown;
	POD_TRY(st);
	memmove(v->chunk + i + 1, v->chunk + i, (v->chunk_count - i) * sizeof *v->chunk);
	v->chunk[i] = c;
	v->chunk_count++;
	return POD_OK;
}

/* Those that the superblock has, which are enough to read the chunk tree by. */
static enum pod_status first_chunks(struct pod_fs *fs, const uint8_t *sb)
{
	const uint8_t *p = sb + CHUNK_ARRAY;
	uint32_t left = pod_get_le32(sb + 160);
	if (left > CHUNK_ARRAY_LEN)
		return POD_E_CORRUPT;
	while (left) {
		if (left < KEY + CHUNK_HEAD)
			return POD_E_CORRUPT;
		uint32_t len = CHUNK_HEAD + STRIPE * (uint32_t)pod_get_le16(p + KEY + 44);
		if (p[8] != BTRFS_CHUNK_ITEM || left - KEY < len)
			return POD_E_CORRUPT;
		POD_TRY(add_chunk(fs, pod_get_le64(p + 9), p + KEY, len));
		p += KEY + len;
		left -= KEY + len;
	}
	return POD_OK;
}

static enum pod_status all_chunks(struct pod_fs *fs)
{
	struct pod_btrfs *v = btrfs_of(fs);
	struct btrfs_key key = {.object = BTRFS_CHUNKS, .type = BTRFS_CHUNK_ITEM};
	for (;;) {
		struct btrfs_item item;
		enum pod_status st = btrfs_find(fs, &v->chunks, &key, true, &item);
		if (st == POD_END || (st == POD_OK && (item.key.object != BTRFS_CHUNKS || item.key.type != BTRFS_CHUNK_ITEM)))
			return POD_OK;
		POD_TRY(st);
		if (item.len < CHUNK_HEAD + STRIPE)
			return POD_E_CORRUPT;
		key = item.key;
		POD_TRY(add_chunk(fs, item.key.offset, item.data, item.len));
		if (!btrfs_next_key(&key))
			return POD_OK;
	}
}

enum pod_status btrfs_place(struct pod_fs *fs, uint64_t logical, uint64_t len, const struct btrfs_chunk **chunk)
{
	const struct pod_btrfs *v = btrfs_of(fs);
	size_t i = chunk_behind(v, logical);
	if (i == v->chunk_count)
		return POD_E_CORRUPT;
	const struct btrfs_chunk *c = &v->chunk[i];
	if (logical < c->logical || !pod_in_range(logical - c->logical, len, c->length))
		return POD_E_CORRUPT;
	if (!c->copies) {
		const char *what = c->type & IN_STRIPES ? "Btrfs RAID 0, 10, 5 or 6" : "Btrfs without one of its devices";
		if (v->devices < 2 && !(c->type & IN_STRIPES))
			return POD_E_CORRUPT;
		return pod_fail(&fs->diag, POD_E_UNSUPPORTED, what, logical, 0, c->type);
	}
	*chunk = c;
	return POD_OK;
}

/* --- opening ---------------------------------------------------------------------------------------------- */

static void btrfs_close(struct pod_fs *fs)
{
	struct pod_btrfs *v = btrfs_of(fs);
	for (size_t i = 0; i < BTRFS_CACHE; i++)
		pod_free(fs->alloc, v->cache[i].data);
	pod_free(fs->alloc, v->unpacking);
	pod_free(fs->alloc, v->chunk);
	pod_free(fs->alloc, v);
	fs->priv_mem = NULL;
}

/* The subvolume that is mounted where none is named: the entry "default" of the root tree's directory. */
static enum pod_status default_subvolume(struct pod_fs *fs, uint64_t *out)
{
	static const char name[] = "default";
	struct pod_btrfs *v = btrfs_of(fs);
	/* The hash is a CRC-32C that begins at ~1 and is not inverted. */
	struct btrfs_key key = {v->root_dir, ~pod_crc32c(1, name, sizeof name - 1), BTRFS_DIR_ITEM};
	struct btrfs_item item;
	enum pod_status st = btrfs_find_exactly(fs, &v->roots, &key, KEY, &item);
	*out = st == POD_OK && item.data[8] == BTRFS_ROOT_ITEM ? pod_get_le64(item.data) : BTRFS_TOP_LEVEL;
	return st == POD_E_NOT_FOUND ? POD_OK : st;
}

static enum pod_status open_volume(struct pod_fs *fs, const uint8_t *sb, bool top, struct pod_diag *diag)
{
	struct pod_btrfs *v = btrfs_of(fs);
	struct pod_node root;
	POD_TRY(read_geometry(v, sb, diag));
	v->top = BTRFS_TOP_LEVEL;
	enum pod_status st = first_chunks(fs, sb);
	if (st == POD_OK)
		st = all_chunks(fs);
	if (st == POD_E_CORRUPT)
		return pod_fail(diag, st, "Btrfs chunks", CHUNK_ARRAY, 0, 0);
	if (st == POD_OK && !top)
		st = default_subvolume(fs, &v->top);
	if (st == POD_OK && !top && v->top == BTRFS_TOP_LEVEL)
		return pod_fail(diag, POD_E_FORMAT, "Btrfs default subvolume", 128, 0, 0);
	if (st == POD_OK)
		st = btrfs_root(fs, &root);
	if (st == POD_OK)
		st = btrfs_complete(fs, &root);
	if (st == POD_OK && !root.is_dir)
		st = POD_E_CORRUPT;
	if (st == POD_E_UNSUPPORTED && diag && fs->diag.what)
		*diag = fs->diag;
	return st == POD_E_CORRUPT || st == POD_E_NOT_FOUND
		       ? pod_fail(diag, POD_E_CORRUPT, "Btrfs root directory", 80, 0, v->roots.block)
		       : st;
}

static enum pod_status open_at(struct pod_fs *fs, bool top, struct pod_diag *diag)
{
	struct superblock *sb = fs->alloc->alloc(fs->alloc, 2 * sizeof *sb);
	enum pod_status st = sb ? newest_super(fs, sb[0].b, sb[1].b, diag) : POD_E_NOMEM;
	if (st == POD_OK) {
		fs->priv_mem = pod_zalloc(fs->alloc, 1, sizeof(struct pod_btrfs));
		st = fs->priv_mem ? open_volume(fs, sb[0].b, top, diag) : POD_E_NOMEM;
		if (st != POD_OK && fs->priv_mem)
			btrfs_close(fs);
	}
	if (st == POD_OK) {
		fs->cluster_size = btrfs_of(fs)->sector_size;
		fs->total_bytes = pod_get_le64(sb[0].b + 112);
		memcpy(fs->label, sb[0].b + 299, sizeof fs->label - 1); /* the longest are cut */
	}
	pod_free(fs->alloc, sb);
	return st;
}

static enum pod_status btrfs_open(struct pod_fs *fs, struct pod_diag *diag)
{
	return open_at(fs, true, diag);
}

static enum pod_status btrfs_open_default(struct pod_fs *fs, struct pod_diag *diag)
{
	return open_at(fs, false, diag);
}

bool pod_btrfs_is_dirty(struct pod_fs *fs)
{
	return btrfs_of(fs)->log != 0;
}

/* They differ in where they begin. */
#define BTRFS_OPS(NAME, OPEN)                                                                                                    \
	{                                                                                                                        \
		.name = (NAME), .open = (OPEN), .close = btrfs_close, .root = btrfs_root, .readdir = btrfs_readdir,              \
		.complete = btrfs_complete, .extents = btrfs_extents, .read = btrfs_read, .readlink = btrfs_readlink,            \
		.shares_data = true, .subvolumes = true, .case_sensitive = true,                                                 \
	}
const struct pod_fs_ops pod_fs_btrfs = BTRFS_OPS("btrfs", btrfs_open);
const struct pod_fs_ops pod_fs_btrfs_default = BTRFS_OPS("btrfs-default", btrfs_open_default);
