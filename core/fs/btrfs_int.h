/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Btrfs, between its files: btrfs.c (superblock, chunks, opening), btrfs_tree.c (blocks and searches in trees), btrfs_file.c (inodes,
 * directories, links, what a file consists of), btrfs_read.c (its bytes, unpacked where they are packed), btrfs_room.c (what is free),
 * btrfs_place.c (files shown longer).
 *
 * Layout by the kernel's include/uapi/linux/btrfs_tree.h and the wiki's "On-disk Format". Numbers are little-endian.
 *
 * Superblock, 4096 bytes at 64 KiB, copies at 64 MiB and 256 GiB of the device:
 *   +0    32 sum over the rest                    +196  2  how sums are made: 0 CRC-32C, 1 xxHash64, 2 SHA-256, 3 BLAKE2b
 *   +32   16 UUID of the filesystem               +198  1  level of the root tree's root, +199 of the chunk tree's
 *   +48   8  its own place                        +201  8  number of this device, +209 8 its bytes
 *   +64   8  "_BHRfS_M"                           +299  256 label
 *   +72   8  generation                           +571  16 UUID in the blocks, where they have another
 *   +80   8  root tree, +88 chunk tree, +96 log   +811  2048 the chunks that hold the chunk tree: keys and chunk items
 *   +112  8  bytes of the filesystem
 *   +128  8  directory in the root tree           incompatible features, +188 8: 1 references of two kinds, 2 another default
 *   +136  8  devices                              subvolume, 4 data and metadata in the same chunks, 8 LZO, 10h Zstandard, 20h
 *   +144  4  bytes in a sector, +148 in a block   blocks larger than a page, 40h many links, 80h RAID 5 and 6, 100h short
 *   +160  4  bytes used of +811                   references, 200h no items for holes, 400h another UUID, 800h RAID 1 of 3 and 4,
 *   +164  8  generation of the chunk tree         1000h zones, 2000h, 4000h other trees, 10000h simple quotas
 *
 * Places are logical; chunks say where on which device they are. Chunk item, key (256, 228, logical place):
 *   +0 8 length, +24 8 type: 1 data, 2 system, 4 metadata, 8 RAID 0, 10h RAID 1, 20h twice on one device, 40h RAID 10, 80h RAID 5,
 *   100h RAID 6, 200h, 400h RAID 1 of 3 and 4; +44 2 stripes; from +48 on of each stripe: +0 8 device, +8 8 place there, 32 bytes
 *
 * Block of a tree: +0 32 sum over the rest, +32 16 UUID, +48 8 its own logical place, +80 8 generation, +88 8 tree, +96 4 items, +100 1 level;
 * from +101 on, in the order of their keys,
 *   in leaves: key, +17 4 place of the data, from +101 on, +21 4 their length; 25 bytes
 *   in nodes:  key, +17 8 block, +25 8 its generation; 33 bytes
 * Key: +0 8 object, +8 1 type, +9 8 offset.
 *
 * Extent (logical place, 168, length), or block of a tree (logical place, 169, level)
 * Block group (logical place, 192, length) for each chunk: +0 8 bytes in use; may be in a tree of its own
 * Root item (tree, 132, any):     +168 8 root directory, +176 8 block, +160 8 generation, +238 1 level
 * Reference (tree above, 156, subvolume): +0 8 directory that names it
 * Inode (number, 1, 0):           +16 8 length, +24 8 bytes in use, +52 4 mode, +64 8 flags: 1 no sums; +136 8 modification time
 * Entry of a directory (number, 96, in order | 84, hash): +0 key of what it names, +27 2 length of the name, +30 name
 * Piece of a file (number, 108, offset): +8 8 length unpacked, +16 1 packed: 1 zlib, 2 LZO, 3 Zstandard; +17 1 encrypted, +18 2 otherwise
 *   coded, +20 1 kind: 0 the bytes are here, from +21 on; 1 elsewhere, 2 asked for but not written:
 *   +21 8 logical place (0: a hole), +29 8 length there, +37 8 offset in what is unpacked, +45 8 length in the file
 */
#ifndef POD_FS_BTRFS_INT_H
#define POD_FS_BTRFS_INT_H

#include "core/fs/place.h"

enum {
	BTRFS_HEADER = 101,
	BTRFS_ITEM = 25,
	BTRFS_POINTER = 33,
	BTRFS_SUM = 32,
	BTRFS_LEVELS = 8,
	BTRFS_CACHE = 12, /* blocks kept: two ways from a root to a leaf, and the trees above */
	BTRFS_TREES = 4,  /* subvolumes whose roots are kept */
};
enum {
	BTRFS_INODE_ITEM = 1,
	BTRFS_DIR_ITEM = 84,
	BTRFS_DIR_INDEX = 96,
	BTRFS_EXTENT_DATA = 108,
	BTRFS_ROOT_ITEM = 132,
	BTRFS_ROOT_REF = 156,
	BTRFS_EXTENT_ITEM = 168,
	BTRFS_METADATA_ITEM = 169,
	BTRFS_BLOCK_GROUP_ITEM = 192,
	BTRFS_CHUNK_ITEM = 228,
};
enum { BTRFS_ROOT_TREE = 1, BTRFS_EXTENT_TREE, BTRFS_CHUNK_TREE = 3, BTRFS_TOP_LEVEL = 5, BTRFS_CHUNKS = 256 };
enum { BTRFS_INODE_LEN = 160, BTRFS_PIECE_HEAD = 21, BTRFS_PIECE_LEN = 53 };
enum { BTRFS_INLINE, BTRFS_REGULAR, BTRFS_PREALLOC };
/* What is packed at once, at most, before and after. */
#define BTRFS_PACKED_MAX (128u << 10)

struct btrfs_key {
	uint64_t object, offset;
	uint8_t type;
};

/* A stretch of logical addresses, and where it is on this device. */
struct btrfs_chunk {
	uint64_t logical, length, type;
	uint64_t at[2];	 /* of each copy */
	uint32_t copies; /* on this device; 0: on others, or in stripes */
};

struct btrfs_tree {
	uint64_t id, block, generation;
	uint32_t level;
};

/* Valid until the next search. */
struct btrfs_block;
struct btrfs_item {
	struct btrfs_key key;
	const uint8_t *data;
	uint32_t len;
	uint64_t at; /* on the device */
	const struct btrfs_block *block;
};

struct btrfs_block {
	uint64_t logical; /* 0: none */
	uint64_t at;	  /* where it was read */
	uint32_t used;
	uint8_t *data;
};

struct btrfs_unpacking;

/* A stretch of a chunk in which no extent lies: what was found last. */
struct btrfs_gap {
	uint64_t chunk, start, end; /* logical; end 0: none was */
};

struct pod_btrfs {
	uint8_t uuid[16]; /* in the blocks */
	uint64_t device, root_dir, devices, log;
	uint32_t sector_size, block_size, sum_type;
	struct btrfs_tree roots, chunks; /* the trees of trees and of chunks */
	struct btrfs_chunk *chunk;	 /* in the order of their logical addresses */
	size_t chunk_count, chunk_cap;
	struct btrfs_block cache[BTRFS_CACHE];
	uint32_t clock, searches;
	struct btrfs_tree tree[BTRFS_TREES];
	uint32_t tree_next;
	uint64_t top;			   /* the subvolume whose root directory is that of the volume */
	struct btrfs_unpacking *unpacking; /* made when something packed is read */
	struct pod_place *view;		   /* blocks are read as it shows them; NULL: as they are */
	struct btrfs_gap gap;
};

static inline struct pod_btrfs *btrfs_of(struct pod_fs *fs)
{
	return fs->priv_mem;
}

/* What a node's priv hold. [0] names a directory among all, [1] its inode, [2] its tree; [3] until it is complete, of a subvolume: the
 * tree that names it, else 0. */
enum { BTRFS_SELF, BTRFS_INODE, BTRFS_TREE, BTRFS_PARENT };

/* --- btrfs.c --- */
/* Where `len` bytes from `logical` on are. POD_E_CORRUPT: nowhere; POD_E_UNSUPPORTED: on other devices, or in stripes (fs->diag says so). */
enum pod_status POD_MUST_USE btrfs_place(struct pod_fs *fs, uint64_t logical, uint64_t len, const struct btrfs_chunk **chunk);
static inline uint64_t btrfs_at(const struct btrfs_chunk *c, uint64_t logical, uint32_t copy)
{
	return c->at[copy] + (logical - c->logical);
}

/* --- btrfs_tree.c --- */
int btrfs_compare(const struct btrfs_key *a, const struct btrfs_key *b);
/* The item with this key, or the first behind it (the last before it, where not `behind`). POD_END: none. */
enum pod_status POD_MUST_USE btrfs_find(struct pod_fs *fs, const struct btrfs_tree *t, const struct btrfs_key *key, bool behind,
					struct btrfs_item *out);
/* The item with this key, of at least `len` bytes. POD_E_NOT_FOUND. */
enum pod_status POD_MUST_USE btrfs_find_exactly(struct pod_fs *fs, const struct btrfs_tree *t, const struct btrfs_key *key,
						uint32_t len, struct btrfs_item *out);
enum pod_status POD_MUST_USE btrfs_open_tree(struct pod_fs *fs, uint64_t id, struct btrfs_tree *out);
/* The next key; false: there is none. */
bool btrfs_next_key(struct btrfs_key *key);
/* A block of a tree, valid until the next one. */
enum pod_status POD_MUST_USE btrfs_block(struct pod_fs *fs, uint64_t logical, uint64_t generation, uint32_t level,
					 const struct btrfs_block **out);
/* How many keys of a block come before `key`, or are it, too, where `with`. */
uint32_t btrfs_keys_before(const uint8_t *block, const struct btrfs_key *key, bool with);
struct btrfs_key btrfs_key_at(const uint8_t *p);
/* The item in a place of a leaf. */
enum pod_status POD_MUST_USE btrfs_item_at(const struct pod_btrfs *v, const struct btrfs_block *b, uint32_t slot,
					   struct btrfs_item *out);
/* Nothing that was read of the trees counts any more. */
void btrfs_forget(struct pod_btrfs *v);

/* --- btrfs_file.c --- */
struct btrfs_piece {
	uint64_t from, len; /* in the file */
	uint64_t logical;   /* 0: a hole, or not written */
	uint64_t packed_len, offset, unpacked_len;
	uint32_t packing, kind;
	const uint8_t *data; /* of BTRFS_INLINE, packed_len bytes; valid until the next search */
};
/* The piece that holds `from`, or the first behind it. POD_END: none. */
enum pod_status POD_MUST_USE btrfs_piece(struct pod_fs *fs, const struct pod_node *file, uint64_t from, struct btrfs_piece *out);
enum pod_status btrfs_root(struct pod_fs *fs, struct pod_node *out);
enum pod_status btrfs_readdir(struct pod_dir *dir, struct pod_dirent *out);
enum pod_status btrfs_complete(struct pod_fs *fs, struct pod_node *n);
enum pod_status btrfs_extents(struct pod_fs *fs, const struct pod_node *file, pod_extent_fn *cb, void *ctx);

/* --- btrfs_read.c --- */
enum pod_status btrfs_read(struct pod_fs *fs, const struct pod_node *file, uint64_t off, void *buf, size_t len);
enum pod_status btrfs_readlink(struct pod_fs *fs, const struct pod_node *n, char *buf, size_t size);

#endif
