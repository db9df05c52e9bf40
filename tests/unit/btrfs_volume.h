/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A Btrfs volume of 256 KiB, made by hand: what mkfs.btrfs and small trees leave out, in one place. The structures are those of
 * core/fs/btrfs_int.h. Sectors of 1024 bytes, blocks of 4096; a chunk for metadata that is there twice, one for data, one in stripes, one on
 * another device.
 *
 * Root: one (two extents), pieces (hole, not written, behind another extent's end), zlib, lzo, zstd, packed (zlib, in the tree), inline, link, loop,
 * device, striped, gone (on the other device), damaged (no inode), secret (encrypted), empty, @ (subvolume 256), lost (a subvolume that another
 * tree names), many (a file of 38 pieces in two leaves). @: old (its snapshot 257, which is the default), file.
 */
#ifndef POD_TESTS_BTRFS_VOLUME_H
#define POD_TESTS_BTRFS_VOLUME_H

#include <string.h>
#include "core/base/bytes.h"
#include "core/base/hash.h"

enum {
	BTRFSV_SIZE = 256 << 10,
	BTRFSV_SECTOR = 1024,
	BTRFSV_BLOCK = 4096,
	BTRFSV_SUPER = 64 << 10,
	BTRFSV_META = 72 << 10, /* on the device */
	BTRFSV_META_COPY = 112 << 10,
	BTRFSV_META_LEN = 40 << 10,
	BTRFSV_DATA = 160 << 10,
	BTRFSV_DATA_LEN = 80 << 10,
	BTRFSV_META_AT = 0x100000, /* logical */
	BTRFSV_DATA_AT = 0x200000,
	BTRFSV_STRIPED_AT = 0x300000,
	BTRFSV_GONE_AT = 0x400000,
	BTRFSV_GENERATION = 7,
	BTRFSV_MANY = 38,
};
/* Blocks by their places. */
enum {
	BTRFSV_CHUNKS,
	BTRFSV_ROOTS,
	BTRFSV_EXTENTS,
	BTRFSV_TOP, /* a node, and its leaves */
	BTRFSV_TOP_DIR,
	BTRFSV_TOP_FILES,
	BTRFSV_TOP_MANY,
	BTRFSV_TOP_REST,
	BTRFSV_SUB,
	BTRFSV_SNAP,
};
enum {
	BTRFSV_ONE = 257,
	BTRFSV_PIECES,
	BTRFSV_ZLIB,
	BTRFSV_LZO,
	BTRFSV_ZSTD,
	BTRFSV_PACKED,
	BTRFSV_INLINE,
	BTRFSV_LINK,
	BTRFSV_LOOP,
	BTRFSV_DEVICE,
	BTRFSV_STRIPED,
	BTRFSV_GONE,
	BTRFSV_DAMAGED,
	BTRFSV_SECRET,
	BTRFSV_EMPTY,
	BTRFSV_MANY_FILE,
};

struct btrfsv {
	uint8_t *img, *block;
	uint32_t end; /* of the room for data in a leaf */
};

static inline uint8_t *btrfsv_at(const struct btrfsv *v, uint32_t block)
{
	return v->img + BTRFSV_META + (size_t)block * BTRFSV_BLOCK;
}

static inline void btrfsv_key(uint8_t *p, uint64_t object, uint8_t type, uint64_t offset)
{
	pod_put_le64(p, object);
	p[8] = type;
	pod_put_le64(p + 9, offset);
}

static inline void btrfsv_block(struct btrfsv *v, uint32_t block, uint64_t tree, uint8_t level)
{
	uint8_t *b = v->block = btrfsv_at(v, block);
	memcpy(b + 32, "0123456789abcdef", 16);
	pod_put_le64(b + 48, BTRFSV_META_AT + (uint64_t)block * BTRFSV_BLOCK);
	pod_put_le64(b + 80, BTRFSV_GENERATION);
	pod_put_le64(b + 88, tree);
	b[100] = level;
	v->end = BTRFSV_BLOCK - 101;
}

/* The next item of the leaf; its data are zeros. */
static inline uint8_t *btrfsv_item(struct btrfsv *v, uint64_t object, uint8_t type, uint64_t offset, uint32_t len)
{
	uint32_t n = pod_get_le32(v->block + 96);
	uint8_t *p = v->block + 101 + (size_t)n * 25;
	v->end -= len;
	btrfsv_key(p, object, type, offset);
	pod_put_le32(p + 17, v->end);
	pod_put_le32(p + 21, len);
	pod_put_le32(v->block + 96, n + 1);
	return v->block + 101 + v->end;
}

static inline void btrfsv_child(struct btrfsv *v, uint64_t object, uint8_t type, uint64_t offset, uint32_t block)
{
	uint32_t n = pod_get_le32(v->block + 96);
	uint8_t *p = v->block + 101 + (size_t)n * 33;
	btrfsv_key(p, object, type, offset);
	pod_put_le64(p + 17, BTRFSV_META_AT + (uint64_t)block * BTRFSV_BLOCK);
	pod_put_le64(p + 25, BTRFSV_GENERATION);
	pod_put_le32(v->block + 96, n + 1);
}

/* The item of a block with this key, which is there. */
static inline uint8_t *btrfsv_find(const struct btrfsv *v, uint32_t block, uint64_t object, uint8_t type)
{
	uint8_t *b = btrfsv_at(v, block), *p = b + 101;
	while (pod_get_le64(p) != object || p[8] != type)
		p += 25;
	return b + 101 + pod_get_le32(p + 17);
}

/* Sums of all blocks and of the superblock. */
static inline void btrfsv_sum(uint8_t *img)
{
	for (uint32_t at = BTRFSV_META; at < BTRFSV_META_COPY + BTRFSV_META_LEN; at += BTRFSV_BLOCK)
		pod_put_le32(img + at, pod_crc32c(0, img + at + 32, BTRFSV_BLOCK - 32));
	pod_put_le32(img + BTRFSV_SUPER, pod_crc32c(0, img + BTRFSV_SUPER + 32, 4096 - 32));
}

/* The second copies are what the first are. */
static inline void btrfsv_finish(const struct btrfsv *v)
{
	memcpy(v->img + BTRFSV_META_COPY, v->img + BTRFSV_META, BTRFSV_META_LEN);
	btrfsv_sum(v->img);
}

static inline void btrfsv_chunk(uint8_t *p, uint64_t len, uint64_t type, uint64_t first_device, uint64_t first, uint64_t second)
{
	pod_put_le64(p, len);
	pod_put_le64(p + 24, type);
	pod_put_le16(p + 44, second ? 2 : 1);
	pod_put_le64(p + 48, first_device);
	pod_put_le64(p + 56, first);
	pod_put_le64(p + 80, 1);
	pod_put_le64(p + 88, second);
}

static inline void btrfsv_super(const struct btrfsv *v)
{
	uint8_t *p = v->img + BTRFSV_SUPER;
	memcpy(p + 32, "0123456789abcdef", 16);
	pod_put_le64(p + 48, BTRFSV_SUPER);
	memcpy(p + 64, "_BHRfS_M", 8);
	pod_put_le64(p + 72, BTRFSV_GENERATION);
	pod_put_le64(p + 80, BTRFSV_META_AT + BTRFSV_ROOTS * BTRFSV_BLOCK);
	pod_put_le64(p + 88, BTRFSV_META_AT + BTRFSV_CHUNKS * BTRFSV_BLOCK);
	pod_put_le64(p + 112, BTRFSV_SIZE);
	pod_put_le64(p + 128, 6);
	pod_put_le64(p + 136, 2);
	pod_put_le32(p + 144, BTRFSV_SECTOR);
	pod_put_le32(p + 148, BTRFSV_BLOCK);
	pod_put_le32(p + 160, 17 + 112);
	pod_put_le64(p + 164, BTRFSV_GENERATION);
	pod_put_le64(p + 188, 0x341);
	pod_put_le64(p + 201, 1);
	memcpy(p + 299, "label", 5);
	btrfsv_key(p + 811, 256, 228, BTRFSV_META_AT);
	btrfsv_chunk(p + 811 + 17, BTRFSV_META_LEN, 2 | 4 | 0x20, 1, BTRFSV_META, BTRFSV_META_COPY);
}

static inline void btrfsv_chunks(struct btrfsv *v)
{
	btrfsv_block(v, BTRFSV_CHUNKS, 3, 0);
	btrfsv_chunk(btrfsv_item(v, 256, 228, BTRFSV_META_AT, 112), BTRFSV_META_LEN, 2 | 4 | 0x20, 1, BTRFSV_META,
		     BTRFSV_META_COPY);
	btrfsv_chunk(btrfsv_item(v, 256, 228, BTRFSV_DATA_AT, 112), BTRFSV_DATA_LEN, 1, 1, BTRFSV_DATA, 0);
	btrfsv_chunk(btrfsv_item(v, 256, 228, BTRFSV_STRIPED_AT, 112), 32 << 10, 1 | 8, 2, 0, 224 << 10);
	btrfsv_chunk(btrfsv_item(v, 256, 228, BTRFSV_GONE_AT, 112), 32 << 10, 1, 2, 32 << 10, 0);
}

static inline void btrfsv_root(struct btrfsv *v, uint64_t tree, uint32_t block, uint8_t level)
{
	uint8_t *p = btrfsv_item(v, tree, 132, 0, 239);
	pod_put_le64(p + 160, BTRFSV_GENERATION);
	pod_put_le64(p + 168, 256);
	pod_put_le64(p + 176, BTRFSV_META_AT + (uint64_t)block * BTRFSV_BLOCK);
	p[238] = level;
}

static inline void btrfsv_roots(struct btrfsv *v)
{
	btrfsv_block(v, BTRFSV_ROOTS, 1, 0);
	btrfsv_root(v, 2, BTRFSV_EXTENTS, 0);
	btrfsv_root(v, 5, BTRFSV_TOP, 1);
	pod_put_le64(btrfsv_item(v, 5, 156, 256, 19), 256);
	uint8_t *p = btrfsv_item(v, 6, 84, 2378154706, 37); /* the hash of "default" as dump-tree shows it */
	btrfsv_key(p, 257, 132, UINT64_MAX);
	btrfsv_root(v, 256, BTRFSV_SUB, 0);
	pod_put_le64(btrfsv_item(v, 256, 156, 257, 21), 256);
	btrfsv_root(v, 257, BTRFSV_SNAP, 0);
}

/* In use of the data: the first 40 sectors, a block of a tree behind them, sectors 48 to 55. */
static inline void btrfsv_extents(struct btrfsv *v)
{
	btrfsv_block(v, BTRFSV_EXTENTS, 2, 0);
	for (uint32_t i = 0; i < 4; i++) {
		btrfsv_item(v, BTRFSV_DATA_AT + i * 10240, 168, 10240, 24);
		if (!i)
			pod_put_le64(btrfsv_item(v, BTRFSV_DATA_AT, 192, BTRFSV_DATA_LEN, 24), 50 * BTRFSV_SECTOR);
	}
	btrfsv_item(v, BTRFSV_DATA_AT + 40 * BTRFSV_SECTOR, 169, 0, 24);
	btrfsv_item(v, BTRFSV_DATA_AT + 48 * BTRFSV_SECTOR, 168, 8 * BTRFSV_SECTOR, 24);
	btrfsv_item(v, BTRFSV_DATA_AT + 48 * BTRFSV_SECTOR, 178, 12345, 28);
}

static inline void btrfsv_inode(struct btrfsv *v, uint64_t number, uint32_t mode, uint64_t size)
{
	uint8_t *p = btrfsv_item(v, number, 1, 0, 160);
	pod_put_le64(p + 16, size);
	pod_put_le32(p + 52, mode);
	pod_put_le64(p + 136, 1700000000);
}

static inline void btrfsv_entry(struct btrfsv *v, uint64_t dir, uint64_t place, const char *name, uint64_t number, uint8_t type)
{
	size_t n = strlen(name);
	uint8_t *p = btrfsv_item(v, dir, 96, place, 30 + (uint32_t)n);
	btrfsv_key(p, number, type, 0);
	pod_put_le16(p + 27, (uint16_t)n);
	memcpy(p + 30, name, n);
}

/* A piece in the chunks: `at` 0 is a hole. */
static inline uint8_t *btrfsv_piece(struct btrfsv *v, uint64_t number, uint64_t from, uint64_t at, uint64_t len)
{
	uint8_t *p = btrfsv_item(v, number, 108, from, 53);
	pod_put_le64(p + 8, len);
	p[20] = 1;
	pod_put_le64(p + 21, at);
	pod_put_le64(p + 29, at ? len : 0);
	pod_put_le64(p + 45, len);
	return p;
}

/* Bytes in the tree. */
static inline uint8_t *btrfsv_inline(struct btrfsv *v, uint64_t number, uint32_t unpacked, uint8_t packing, const void *data,
				     uint32_t len)
{
	uint8_t *p = btrfsv_item(v, number, 108, 0, 21 + len);
	pod_put_le64(p + 8, unpacked);
	p[16] = packing;
	memcpy(p + 21, data, len);
	return p;
}

static inline uint8_t *btrfsv_data(const struct btrfsv *v, uint32_t sector)
{
	return v->img + BTRFSV_DATA + (size_t)sector * BTRFSV_SECTOR;
}

/* 300 times 'z' by zlib, without any packing; returns how many bytes that takes. */
static inline uint32_t btrfsv_zlib(uint8_t *p)
{
	uint32_t a = 1, b = 0;
	memcpy(p, "\x78\x01\x01", 3);
	pod_put_le16(p + 3, 300);
	pod_put_le16(p + 5, (uint16_t)~300u);
	memset(p + 7, 'z', 300);
	for (uint32_t i = 0; i < 300; i++) {
		a = (a + 'z') % 65521;
		b = (b + a) % 65521;
	}
	pod_put_be32(p + 307, b << 16 | a);
	return 311;
}

/* Two segments of 200 letters; the length of the second would cross the end of a sector if there were no gap. */
static inline uint32_t btrfsv_lzo(uint8_t *p)
{
	enum { FIRST = BTRFSV_SECTOR - 2 - 8, SECOND = 1 + 200 + 3 };
	pod_put_le32(p, BTRFSV_SECTOR + 4 + SECOND);
	pod_put_le32(p + 4, FIRST);
	for (uint32_t i = 0; i < 2; i++) {
		uint8_t *s = i ? p + BTRFSV_SECTOR + 4 : p + 8;
		s[0] = 17 + 200;
		memset(s + 1, i ? 'M' : 'L', 200);
		s[201] = 17;
	}
	pod_put_le32(p + BTRFSV_SECTOR, SECOND);
	return BTRFSV_SECTOR + 4 + SECOND;
}

/* A frame of 1500 times 'Z'. */
static inline uint32_t btrfsv_zstd(uint8_t *p)
{
	memcpy(p, "\x28\xb5\x2f\xfd\x60", 5);
	pod_put_le16(p + 5, 1500 - 256);
	pod_put_le16(p + 7, (uint16_t)(1500 << 3 | 1 << 1 | 1));
	p[9] = 1500 >> 13;
	p[10] = 'Z';
	return 11;
}

static inline void btrfsv_packed(struct btrfsv *v, uint64_t number, uint32_t sector, uint32_t sectors, uint8_t packing,
				 uint32_t size)
{
	uint8_t *p;
	btrfsv_inode(v, number, 0x81A4, size);
	p = btrfsv_piece(v, number, 0, BTRFSV_DATA_AT + (uint64_t)sector * BTRFSV_SECTOR, 2048);
	pod_put_le64(p + 29, (uint64_t)sectors * BTRFSV_SECTOR);
	p[16] = packing;
}

static inline void btrfsv_files(struct btrfsv *v)
{
	uint8_t *p, packed[400];
	btrfsv_block(v, BTRFSV_TOP_FILES, 5, 0);
	btrfsv_inode(v, BTRFSV_ONE, 0x81A4, 3 * BTRFSV_SECTOR - 24);
	btrfsv_piece(v, BTRFSV_ONE, 0, BTRFSV_DATA_AT, 2 * BTRFSV_SECTOR);
	btrfsv_piece(v, BTRFSV_ONE, 2 * BTRFSV_SECTOR, BTRFSV_DATA_AT + 4 * BTRFSV_SECTOR, BTRFSV_SECTOR);
	memset(btrfsv_data(v, 0), 'o', 2 * BTRFSV_SECTOR);
	memset(btrfsv_data(v, 4), 'p', BTRFSV_SECTOR);
	/* Sector 0 is the second of an extent; nothing; 2 a hole that is told; 3 not written; nothing up to 4 and a half. */
	btrfsv_inode(v, BTRFSV_PIECES, 0x81A4, 4 * BTRFSV_SECTOR + 512);
	p = btrfsv_piece(v, BTRFSV_PIECES, 0, BTRFSV_DATA_AT + 5 * BTRFSV_SECTOR, BTRFSV_SECTOR);
	pod_put_le64(p + 29, 2 * BTRFSV_SECTOR);
	pod_put_le64(p + 37, BTRFSV_SECTOR);
	btrfsv_piece(v, BTRFSV_PIECES, 2 * BTRFSV_SECTOR, 0, BTRFSV_SECTOR);
	btrfsv_piece(v, BTRFSV_PIECES, 3 * BTRFSV_SECTOR, BTRFSV_DATA_AT + 7 * BTRFSV_SECTOR, BTRFSV_SECTOR)[20] = 2;
	memset(btrfsv_data(v, 5), 'x', BTRFSV_SECTOR);
	memset(btrfsv_data(v, 6), 'q', BTRFSV_SECTOR);
	memset(btrfsv_data(v, 7), 'x', BTRFSV_SECTOR);
	btrfsv_packed(v, BTRFSV_ZLIB, 10, 1, 1, 310);
	btrfsv_zlib(btrfsv_data(v, 10));
	btrfsv_packed(v, BTRFSV_LZO, 11, 2, 2, 400);
	btrfsv_lzo(btrfsv_data(v, 11));
	btrfsv_packed(v, BTRFSV_ZSTD, 13, 1, 3, 1500);
	btrfsv_zstd(btrfsv_data(v, 13));
	btrfsv_inode(v, BTRFSV_PACKED, 0x81A4, 300);
	btrfsv_inline(v, BTRFSV_PACKED, 300, 1, packed, btrfsv_zlib(packed));
	/* The other leaves: the file of many pieces, and what is small. */
	btrfsv_block(v, BTRFSV_TOP_REST, 5, 0);
	btrfsv_inode(v, BTRFSV_INLINE, 0x81A4, 11);
	btrfsv_inline(v, BTRFSV_INLINE, 11, 0, "iiiiiiiiiii", 11);
	btrfsv_inode(v, BTRFSV_LINK, 0xA1FF, 5);
	btrfsv_inline(v, BTRFSV_LINK, 5, 0, "./one", 5);
	btrfsv_inode(v, BTRFSV_LOOP, 0xA1FF, 4);
	btrfsv_inline(v, BTRFSV_LOOP, 4, 0, "loop", 4);
	btrfsv_inode(v, BTRFSV_DEVICE, 0x2180, 0);
	btrfsv_inode(v, BTRFSV_STRIPED, 0x81A4, 100);
	btrfsv_piece(v, BTRFSV_STRIPED, 0, BTRFSV_STRIPED_AT, BTRFSV_SECTOR);
	btrfsv_inode(v, BTRFSV_GONE, 0x81A4, 100);
	btrfsv_piece(v, BTRFSV_GONE, 0, BTRFSV_GONE_AT, BTRFSV_SECTOR);
	btrfsv_inode(v, BTRFSV_SECRET, 0x81A4, 100);
	btrfsv_piece(v, BTRFSV_SECRET, 0, BTRFSV_DATA_AT, BTRFSV_SECTOR)[17] = 1;
	btrfsv_inode(v, BTRFSV_EMPTY, 0x81A4, 0);
	btrfsv_inode(v, BTRFSV_MANY_FILE, 0x81A4, BTRFSV_MANY * BTRFSV_SECTOR - 100);
	btrfsv_piece(v, BTRFSV_MANY_FILE, 0, BTRFSV_DATA_AT, BTRFSV_SECTOR);
	btrfsv_block(v, BTRFSV_TOP_MANY, 5, 0);
	/* Each sector before the one in front of it on the device. */
	for (uint32_t i = 1; i < BTRFSV_MANY; i++)
		btrfsv_piece(v, BTRFSV_MANY_FILE, i * BTRFSV_SECTOR, BTRFSV_DATA_AT + (39 - i) * BTRFSV_SECTOR, BTRFSV_SECTOR);
	for (uint32_t i = 15; i < 39; i++)
		memset(btrfsv_data(v, i), (int)('A' + i), BTRFSV_SECTOR);
}

static inline void btrfsv_dirs(struct btrfsv *v)
{
	static const char *const names[] = {"one",  "pieces", "zlib",	 "lzo",	 "zstd",    "packed", "inline", "link",
					    "loop", "device", "striped", "gone", "damaged", "secret", "empty",	"many"};
	btrfsv_block(v, BTRFSV_TOP, 5, 1);
	btrfsv_child(v, 256, 1, 0, BTRFSV_TOP_DIR);
	btrfsv_child(v, BTRFSV_ONE, 1, 0, BTRFSV_TOP_FILES);
	btrfsv_child(v, BTRFSV_INLINE, 1, 0, BTRFSV_TOP_REST);
	btrfsv_child(v, BTRFSV_MANY_FILE, 108, BTRFSV_SECTOR, BTRFSV_TOP_MANY);
	btrfsv_block(v, BTRFSV_TOP_DIR, 5, 0);
	btrfsv_inode(v, 256, 0x41ED, 0);
	for (uint32_t i = 0; i < sizeof names / sizeof *names; i++)
		btrfsv_entry(v, 256, 2 + 3 * i, names[i], BTRFSV_ONE + i, 1);
	btrfsv_entry(v, 256, 100, "@", 256, 132);
	btrfsv_entry(v, 256, 101, "lost", 257, 132);
	btrfsv_entry(v, 256, UINT64_MAX, "a/b", BTRFSV_ONE, 1);
	btrfsv_block(v, BTRFSV_SUB, 256, 0);
	btrfsv_inode(v, 256, 0x41ED, 0);
	btrfsv_entry(v, 256, 2, "file", 257, 1);
	btrfsv_entry(v, 256, 3, "old", 257, 132);
	btrfsv_inode(v, 257, 0x81A4, 3);
	btrfsv_inline(v, 257, 3, 0, "new", 3);
	/* The snapshot was made when itself was there already. */
	btrfsv_block(v, BTRFSV_SNAP, 257, 0);
	btrfsv_inode(v, 256, 0x41ED, 0);
	btrfsv_entry(v, 256, 2, "file", 257, 1);
	btrfsv_entry(v, 256, 3, "old", 257, 132);
	btrfsv_inode(v, 257, 0x81A4, 4);
	btrfsv_inline(v, 257, 4, 0, "past", 4);
}

static inline void btrfsv_make(struct btrfsv *v)
{
	memset(v->img, 0, BTRFSV_SIZE);
	btrfsv_super(v);
	btrfsv_chunks(v);
	btrfsv_roots(v);
	btrfsv_extents(v);
	btrfsv_files(v);
	btrfsv_dirs(v);
	btrfsv_finish(v);
}

#endif
