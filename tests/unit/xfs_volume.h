/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An XFS volume of 200 KiB, made by hand: what mkfs.xfs and small trees leave out, in one place. The structures are those of
 * core/fs/xfs_int.h and core/fs/xfs_dir.c; sums are left out. Two AGs of 100 blocks of 1024 bytes, numbered as if they had 128; directory blocks
 * of 2048.
 *
 * Root (short form): one.txt, pieces (hole, unwritten, room behind the end), tree (B+tree of two levels), block (directory in one block, whose
 * halves lie apart), leaf (directory of two blocks, a hole between), short (directory with large inode numbers), link, far (target
 * in two blocks), loop, device, realtime, damaged, empty.
 */
#ifndef POD_TESTS_XFS_VOLUME_H
#define POD_TESTS_XFS_VOLUME_H

#include <string.h>
#include "core/base/bytes.h"

enum { XFSV_BLOCK = 1024, XFSV_AG = 100, XFSV_SIZE = 200 << 10, XFSV_DIR = 2048, XFSV_LOG = 60, XFSV_LOG_BLOCKS = 16 };
/* Inodes by their blocks: one in each. */
enum {
	XFSV_ROOT = 10,
	XFSV_ONE,
	XFSV_PIECES,
	XFSV_TREE,
	XFSV_BLOCKDIR,
	XFSV_LEAFDIR,
	XFSV_SHORTDIR,
	XFSV_LINK,
	XFSV_FAR,
	XFSV_LOOP,
	XFSV_DEVICE,
	XFSV_REALTIME,
	XFSV_DAMAGED,
	XFSV_EMPTY,
};

struct xfsv {
	uint8_t *img;
	bool v5;
};

static inline uint64_t xfsv_at(uint32_t ag, uint32_t block)
{
	return (uint64_t)ag << 7 | block;
}

static inline uint8_t *xfsv_block(const struct xfsv *v, uint64_t at)
{
	return v->img + ((at >> 7) * XFSV_AG + (at & 127)) * XFSV_BLOCK;
}

/* The second inode of a block in version 5, the third in version 4. */
static inline uint64_t xfsv_number(const struct xfsv *v, uint32_t block)
{
	return v->v5 ? (uint64_t)block << 1 | 1 : (uint64_t)block << 2 | 2;
}

static inline uint8_t *xfsv_inode(const struct xfsv *v, uint32_t block)
{
	return xfsv_block(v, block) + 512;
}

static inline uint8_t *xfsv_fork(const struct xfsv *v, uint32_t block)
{
	return xfsv_inode(v, block) + (v->v5 ? 176 : 100);
}

static inline uint8_t *xfsv_make_inode(const struct xfsv *v, uint32_t block, uint32_t mode, uint32_t format, uint64_t size)
{
	uint8_t *p = xfsv_inode(v, block);
	memcpy(p, "IN", 2);
	pod_put_be16(p + 2, (uint16_t)mode);
	p[4] = v->v5 ? 3 : 2;
	p[5] = (uint8_t)format;
	pod_put_be64(p + 56, size);
	pod_put_be32(p + 96, 0xFFFFFFFF);
	pod_put_be32(p + 40, 1700000000);
	if (v->v5)
		pod_put_be64(p + 152, xfsv_number(v, block));
	return p;
}

static inline void xfsv_extent(uint8_t *p, uint64_t file, uint64_t at, uint32_t count, bool unwritten)
{
	pod_put_be64(p, (uint64_t)unwritten << 63 | file << 9 | at >> 43);
	pod_put_be64(p + 8, at << 21 | count);
}

static inline void xfsv_extents(const struct xfsv *v, uint32_t block, uint32_t n)
{
	pod_put_be32(xfsv_inode(v, block) + 76, n);
}

/* An entry of a short form; returns what is behind it. */
static inline uint8_t *xfsv_short(const struct xfsv *v, uint8_t *p, const char *name, uint64_t number, bool large)
{
	size_t n = strlen(name);
	p[0] = (uint8_t)n;
	memcpy(p + 3, name, n);
	p += 3 + n + v->v5;
	if (large)
		pod_put_be64(p, number);
	else
		pod_put_be32(p, (uint32_t)number);
	return p + (large ? 8 : 4);
}

/* An entry of a directory block. */
static inline uint8_t *xfsv_entry(const struct xfsv *v, uint8_t *p, const char *name, uint64_t number)
{
	size_t n = strlen(name);
	pod_put_be64(p, number);
	p[8] = (uint8_t)n;
	memcpy(p + 9, name, n);
	return p + pod_align_up(9 + n + v->v5 + 2, 8);
}

/* Free up to `end`. */
static inline void xfsv_free(uint8_t *p, const uint8_t *end)
{
	if (p < end) {
		pod_put_be16(p, 0xFFFF);
		pod_put_be16(p + 2, (uint16_t)(end - p));
	}
}

static inline void xfsv_superblock(const struct xfsv *v)
{
	uint8_t *p = v->img;
	memcpy(p, "XFSB", 4);
	pod_put_be32(p + 4, XFSV_BLOCK);
	pod_put_be64(p + 8, 2 * XFSV_AG);
	pod_put_be64(p + 48, XFSV_LOG);
	pod_put_be64(p + 56, xfsv_number(v, XFSV_ROOT));
	pod_put_be32(p + 84, XFSV_AG);
	pod_put_be32(p + 88, 2);
	pod_put_be32(p + 96, XFSV_LOG_BLOCKS);
	pod_put_be16(p + 100, v->v5 ? 0xB4A5 : 0xB4A4);
	pod_put_be16(p + 102, 512);
	pod_put_be16(p + 104, v->v5 ? 512 : 256);
	memcpy(p + 108, "label", 5);
	p[120] = 10;
	p[122] = v->v5 ? 9 : 8;
	p[123] = v->v5 ? 1 : 2;
	p[124] = 7;
	p[192] = 1;
	if (v->v5)
		pod_put_be32(p + 216, 1 | 2 | 8 | 32);
}

/* A block of a B+tree. */
static inline uint8_t *xfsv_tree(const struct xfsv *v, uint64_t at, uint32_t level, uint32_t count, uint64_t right)
{
	uint8_t *p = xfsv_block(v, at);
	memcpy(p, v->v5 ? "BMA3" : "BMAP", 4);
	pod_put_be16(p + 4, (uint16_t)level);
	pod_put_be16(p + 6, (uint16_t)count);
	pod_put_be64(p + 8, UINT64_MAX);
	pod_put_be64(p + 16, right);
	return p + (v->v5 ? 72 : 24);
}

static inline void xfsv_files(const struct xfsv *v)
{
	uint32_t fork = v->v5 ? 512 - 176 : 256 - 100, keys = XFSV_BLOCK - (v->v5 ? 72 : 24);
	uint8_t *p = xfsv_fork(v, XFSV_ONE);
	xfsv_make_inode(v, XFSV_ONE, 0x81A4, 2, 1500);
	xfsv_extents(v, XFSV_ONE, 1);
	xfsv_extent(p, 0, xfsv_at(1, 30), 2, false);
	memset(xfsv_block(v, xfsv_at(1, 30)), 'o', 2 * XFSV_BLOCK);
	/* Block 0, nothing, 2 and 3 unwritten, 4, nothing up to 6 and a half, room behind. */
	xfsv_make_inode(v, XFSV_PIECES, 0x81A4, 2, 6 * XFSV_BLOCK + 512);
	p = xfsv_fork(v, XFSV_PIECES);
	xfsv_extents(v, XFSV_PIECES, 4);
	xfsv_extent(p, 0, xfsv_at(0, 40), 1, false);
	xfsv_extent(p + 16, 2, xfsv_at(1, 33), 2, true);
	xfsv_extent(p + 32, 4, xfsv_at(0, 41), 1, false);
	xfsv_extent(p + 48, 9, xfsv_at(0, 42), 3, true);
	memset(xfsv_block(v, 40), 'p', XFSV_BLOCK);
	memset(xfsv_block(v, 41), 'q', XFSV_BLOCK);
	memset(xfsv_block(v, xfsv_at(1, 33)), 'x', 2 * XFSV_BLOCK);
	/* Root, one node, two leaves of two extents each. An attribute fork takes the end of the inode. */
	xfsv_make_inode(v, XFSV_TREE, 0x81A4, 3, 4 * XFSV_BLOCK);
	xfsv_inode(v, XFSV_TREE)[82] = (uint8_t)((fork - 32) / 8);
	fork = (fork - 32) / 8 * 8;
	p = xfsv_fork(v, XFSV_TREE);
	pod_put_be16(p, 2);
	pod_put_be16(p + 2, 1);
	pod_put_be64(p + 4 + (fork - 4) / 16 * 8, xfsv_at(1, 40));
	p = xfsv_tree(v, xfsv_at(1, 40), 1, 2, UINT64_MAX);
	pod_put_be64(p + 8, 2);
	pod_put_be64(p + keys / 16 * 8, xfsv_at(1, 41));
	pod_put_be64(p + keys / 16 * 8 + 8, xfsv_at(1, 42));
	for (uint32_t i = 0; i < 4; i++) {
		if (i % 2 == 0)
			p = xfsv_tree(v, xfsv_at(1, 41 + i / 2), 0, 2, i ? UINT64_MAX : xfsv_at(1, 42));
		xfsv_extent(p + i % 2 * 16, i, xfsv_at(1, 50 - i * 2), 1, false);
		memset(xfsv_block(v, xfsv_at(1, 50 - i * 2)), (int)('a' + i), XFSV_BLOCK);
	}
	xfsv_make_inode(v, XFSV_REALTIME, 0x81A4, 2, 100);
	pod_put_be16(xfsv_inode(v, XFSV_REALTIME) + 90, 1);
	xfsv_make_inode(v, XFSV_DEVICE, 0x2180, 0, 0);
	xfsv_make_inode(v, XFSV_EMPTY, 0x81A4, 2, 0);
	if (v->v5) { /* a time of 2477, and counts in their other place */
		p = xfsv_inode(v, XFSV_ONE);
		pod_put_be64(p + 120, 8 | 16);
		pod_put_be64(p + 24, 1);
		pod_put_be32(p + 76, 0);
		pod_put_be64(p + 40, (UINT64_C(16000000000) + (UINT64_C(1) << 31)) * 1000000000 + 999999999);
	}
}

static inline void xfsv_links(const struct xfsv *v)
{
	uint32_t header = v->v5 ? 56 : 0;
	uint8_t *p;
	xfsv_make_inode(v, XFSV_LINK, 0xA1FF, 1, 7);
	memcpy(xfsv_fork(v, XFSV_LINK), "one.txt", 7);
	xfsv_make_inode(v, XFSV_LOOP, 0xA1FF, 1, 4);
	memcpy(xfsv_fork(v, XFSV_LOOP), "loop", 4);
	/* "././...one.txt": 1016 bytes in two pieces. */
	xfsv_make_inode(v, XFSV_FAR, 0xA1FF, 2, 1021);
	xfsv_extents(v, XFSV_FAR, 1);
	xfsv_extent(xfsv_fork(v, XFSV_FAR), 0, 45, 2, false);
	for (uint32_t i = 0, block = 0; i < 1021; i++) {
		if (i == XFSV_BLOCK - header)
			block++;
		p = xfsv_block(v, 45 + block);
		memcpy(p, v->v5 ? "XSLM" : "././", v->v5 ? 4 : 0);
		p += header + i - block * (XFSV_BLOCK - header);
		*p = i < 1014 ? (uint8_t) "./"[i % 2] : (uint8_t) "one.txt"[i - 1014];
	}
}

static inline void xfsv_dirs(const struct xfsv *v)
{
	uint32_t header = v->v5 ? 64 : 16;
	uint8_t whole[XFSV_DIR], *p;
	/* One block, in two halves; two hashes. */
	xfsv_make_inode(v, XFSV_BLOCKDIR, 0x41ED, 2, XFSV_DIR);
	xfsv_extents(v, XFSV_BLOCKDIR, 2);
	xfsv_extent(xfsv_fork(v, XFSV_BLOCKDIR), 0, 50, 1, false);
	xfsv_extent(xfsv_fork(v, XFSV_BLOCKDIR) + 16, 1, xfsv_at(1, 60), 1, false);
	memset(whole, 0, sizeof whole);
	memcpy(whole, v->v5 ? "XDB3" : "XD2B", 4);
	p = xfsv_entry(v, whole + header, ".", xfsv_number(v, XFSV_BLOCKDIR));
	p = xfsv_entry(v, p, "..", xfsv_number(v, XFSV_ROOT));
	xfsv_free(p, p + 800);
	p = xfsv_entry(v, p + 800, "first", xfsv_number(v, XFSV_ONE));
	p = xfsv_entry(v, p, "a\nb", xfsv_number(v, XFSV_EMPTY));
	p = xfsv_entry(v, p, "", xfsv_number(v, XFSV_EMPTY));
	xfsv_free(p, whole + XFSV_DIR - 8 - 16 - 16);
	p = xfsv_entry(v, whole + XFSV_DIR - 8 - 16 - 16, "last", xfsv_number(v, XFSV_LINK));
	pod_put_be32(whole + XFSV_DIR - 8, 2);
	memcpy(xfsv_block(v, 50), whole, XFSV_BLOCK);
	memcpy(xfsv_block(v, xfsv_at(1, 60)), whole + XFSV_BLOCK, XFSV_BLOCK);
	/* Blocks 0 and 2 of a directory, hashes behind 32 GiB. */
	xfsv_make_inode(v, XFSV_LEAFDIR, 0x41ED, 2, 3 * XFSV_DIR);
	xfsv_extents(v, XFSV_LEAFDIR, 3);
	p = xfsv_fork(v, XFSV_LEAFDIR);
	xfsv_extent(p, 0, xfsv_at(1, 62), 2, false);
	xfsv_extent(p + 16, 4, xfsv_at(1, 70), 2, false);
	xfsv_extent(p + 32, (UINT64_C(1) << 35) / XFSV_BLOCK, xfsv_at(1, 72), 1, false);
	for (int i = 0; i < 2; i++) {
		uint8_t *b = xfsv_block(v, xfsv_at(1, i ? 70 : 62));
		memcpy(b, v->v5 ? "XDD3" : "XD2D", 4);
		p = xfsv_entry(v, b + header, i ? "two" : "one", xfsv_number(v, i ? XFSV_EMPTY : XFSV_ONE));
		xfsv_free(p, b + XFSV_DIR);
	}
	xfsv_make_inode(v, XFSV_SHORTDIR, 0x41ED, 1, 6 + 8 + 2 * 16);
	p = xfsv_fork(v, XFSV_SHORTDIR);
	p[0] = 2;
	p[1] = 1;
	pod_put_be64(p + 2, xfsv_number(v, XFSV_ROOT));
	p = xfsv_short(v, p + 10, "up", xfsv_number(v, XFSV_ROOT), true);
	p = xfsv_short(v, p, "leaf", xfsv_number(v, XFSV_LEAFDIR), true);
	pod_put_be64(xfsv_inode(v, XFSV_SHORTDIR) + 56, (uint64_t)(p - xfsv_fork(v, XFSV_SHORTDIR)));
}

/* Free room: blocks 24 to 29, 76 to 79 and 84 to 99 of AG 0, by a tree of two levels, and 73 to 99 of AG 1. */
static inline void xfsv_room(const struct xfsv *v)
{
	static const struct {
		uint32_t ag, block, level, count, right;
		uint32_t record[4];
	} tree[] = {
		{0, 3, 1, 2, UINT32_MAX, {24, 6, 84, 16}},
		{0, 4, 0, 2, 5, {24, 6, 76, 4}},
		{0, 5, 0, 1, UINT32_MAX, {84, 16}},
		{1, 3, 0, 1, UINT32_MAX, {73, 27}},
	};
	for (uint32_t ag = 0; ag < 2; ag++) {
		uint8_t *agf = xfsv_block(v, xfsv_at(ag, 0)) + 512;
		memcpy(agf, "XAGF", 4);
		pod_put_be32(agf + 12, XFSV_AG);
		pod_put_be32(agf + 16, 3);
		pod_put_be32(agf + 28, 2 - ag);
	}
	for (size_t i = 0; i < sizeof tree / sizeof *tree; i++) {
		uint8_t *p = xfsv_block(v, xfsv_at(tree[i].ag, tree[i].block));
		uint32_t header = v->v5 ? 56 : 16;
		memcpy(p, v->v5 ? "AB3B" : "ABTB", 4);
		pod_put_be16(p + 4, (uint16_t)tree[i].level);
		pod_put_be16(p + 6, (uint16_t)tree[i].count);
		pod_put_be32(p + 12, tree[i].right);
		for (uint32_t k = 0; k < 4; k++)
			pod_put_be32(p + header + 4 * (size_t)k, tree[i].record[k]);
		for (uint32_t k = 0; tree[i].level && k < 2; k++)
			pod_put_be32(p + header + (XFSV_BLOCK - header) / 12 * 8 + 4 * (size_t)k, 4 + k);
	}
}

static inline void xfsv_make(const struct xfsv *v)
{
	static const struct {
		const char *name;
		uint32_t block;
	} entry[] = {
		{"one.txt", XFSV_ONE},	{"pieces", XFSV_PIECES},  {"tree", XFSV_TREE},	 {"block", XFSV_BLOCKDIR},
		{"leaf", XFSV_LEAFDIR}, {"short", XFSV_SHORTDIR}, {"link", XFSV_LINK},	 {"far", XFSV_FAR},
		{"loop", XFSV_LOOP},	{"dev", XFSV_DEVICE},	  {"rt", XFSV_REALTIME}, {"bad", XFSV_DAMAGED},
		{"empty", XFSV_EMPTY},
	};
	enum { ENTRIES = sizeof entry / sizeof *entry };
	memset(v->img, 0, XFSV_SIZE);
	xfsv_superblock(v);
	xfsv_files(v);
	xfsv_links(v);
	xfsv_dirs(v);
	xfsv_room(v);
	xfsv_make_inode(v, XFSV_ROOT, 0x41ED, 1, 0);
	uint8_t *fork = xfsv_fork(v, XFSV_ROOT), *p = fork + 6;
	fork[0] = ENTRIES;
	pod_put_be32(fork + 2, (uint32_t)xfsv_number(v, XFSV_ROOT));
	for (int i = 0; i < ENTRIES; i++)
		p = xfsv_short(v, p, entry[i].name, xfsv_number(v, entry[i].block), false);
	pod_put_be64(xfsv_inode(v, XFSV_ROOT) + 56, (uint64_t)(p - fork));
}

/* Writes the log: `rounds` sectors in round 2, the others in round 1; a record of one operation, with a header of `header` sectors, ends
 * where the round does. */
static inline void xfsv_log(const struct xfsv *v, uint32_t rounds, uint32_t header, uint8_t flags)
{
	enum { SECTORS = XFSV_LOG_BLOCKS * 2 };
	uint8_t *log = xfsv_block(v, XFSV_LOG);
	memset(log, 0, (size_t)SECTORS * 512);
	for (uint32_t i = 0; i < SECTORS; i++)
		pod_put_be32(log + (size_t)i * 512, i < rounds ? 2 : 1);
	uint32_t first = (rounds + SECTORS - header - 1) % SECTORS;
	uint8_t *p = log + (size_t)first * 512;
	pod_put_be32(p + 4, pod_get_be32(p));
	pod_put_be32(p, 0xFEEDBABE);
	pod_put_be32(p + 8, header > 1 ? 2 : 1);
	pod_put_be32(p + 12, 512);
	pod_put_be32(p + 40, 1);
	pod_put_be32(p + 320, header << 15);
	log[(size_t)((first + header) % SECTORS) * 512 + 9] = flags;
}

#endif
