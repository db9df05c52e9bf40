/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * XFS, between its files: xfs.c (volume, inodes, files), xfs_dir.c (directories), xfs_log.c (was it left in order), xfs_place.c (files shown
 * longer).
 *
 * Layout by "XFS Algorithms & Data Structures", 3rd edition (SGI, Red Hat), with the fields of newer kernels from xfs_format.h (sparse
 * inodes, big time stamps, large extent counts). Numbers are big-endian; sums (CRC-32C, version 5) are little-endian, and not looked at
 * here: neither do boot loaders.
 *
 * Superblock, first sector:
 *   +0    4  "XFSB"                          +124  1  log2 of blocks in an allocation group (AG), rounded up
 *   +4    4  bytes in a block                +192  1  log2 of blocks in a directory block
 *   +8    8  blocks of the volume            +200  4  features2, of version 4: 200h types in directory entries
 *   +48   8  first block of the log, 0: on   +216  4  features of version 5 that a reader must know:
 *            another device                           1 types in directory entries, 2 sparse inodes, 4 another UUID, 8 big time
 *   +56   8  inode of the root directory              stamps, 16 needs repair, 32 large extent counts, 64 exchanged ranges,
 *   +84   4  blocks in an AG                          128 parent pointers, 256 a directory of metadata, 512 zones
 *   +88   4  AGs; the last may be shorter
 *   +96   4  blocks of the log
 *   +100  2  lower 4 bits: version 4 or 5; 2000h: directories of version 2
 *   +102  2  bytes in a sector, +104 2 in an inode
 *   +108  12 label
 *   +120  1  log2 of bytes in a block, +122 1 in an inode, +123 1 of inodes in a block
 *
 *   +32   16 UUID, +248 16 the one in the blocks, where they have another
 *
 * A block is named by AG << (+124) | block in it; an inode by AG, block in it, and place in the block (+123 bits).
 *
 * Inode:
 *   +0    2  "IN", +2 2 mode, +4 1 version (3 with +100 ff.), +5 1 format of the data fork: 1 local, 2 extents, 3 B+tree
 *   +24   8  extents of the data fork, where they are counted large; else +76 4; +76 4, else +80 2 those of the attribute fork
 *   +40   8  modification time: seconds and nanoseconds, or big: nanoseconds since 2^31 seconds before 1970
 *   +56   8  length in bytes, +64 8 blocks in use
 *   +82   1  where the attribute fork begins, in 8 bytes behind the data fork's beginning; 0: there is none
 *   +90   2  flags: 1 its data are on the realtime device
 *   +100  4  sum over the inode
 *   +120  8  flags2: 8 big time, 16 large extent counts
 *   +152  8  its own number
 *   data fork: from +100 on, in version 3 from +176 on
 *
 * Extent, 16 bytes, from the top: 1 bit unwritten, 54 bits block in the file, 52 bits block, 21 bits count.
 *
 * B+tree of extents. Root in the fork: +0 2 level, +2 2 records; keys (8 bytes each) from +4 on, then, behind room for as many keys as there
 * could be, pointers (8 bytes). Blocks: +0 4 "BMAP" | "BMA3", +4 2 level, +6 2 records, +16 8 right neighbour (all ones: none); from
 * +24, in version 5 from +72 on: extents, or keys and pointers as above.
 */
#ifndef POD_FS_XFS_INT_H
#define POD_FS_XFS_INT_H

#include "core/fs/fs.h"

enum { XFS_FORMAT_LOCAL = 1, XFS_FORMAT_EXTENTS = 2, XFS_FORMAT_BTREE = 3 };
enum {
	XFS_LEVELS_MAX = 9,
	XFS_EXTENT = 16,
	XFS_EXTENT_BLOCKS_MAX = (1 << 21) - 1,
	XFS_INODE_CORE = 100,
	XFS_INODE_CORE_V3 = 176,
	XFS_TREE_HEADER = 24,
	XFS_TREE_HEADER_V5 = 72,
	XFS_FLAG2_LARGE_COUNTS = 16,
};
#define XFS_NO_INODE UINT64_MAX

struct xfs_run {
	uint64_t file_block, block, count;
	bool unwritten;
};
/* POD_OK: the next one; all else ends the walk. */
typedef enum pod_status xfs_run_fn(void *ctx, const struct xfs_run *r);

struct pod_xfs {
	bool v5;						/* version 5: blocks have sums */
	bool ftype;						/* directory entries have types */
	uint8_t uuid[16];					/* in the blocks of version 5 */
	uint32_t block_shift, inode_shift, ag_shift, dir_shift; /* dir_shift: bytes of a directory block */
	uint32_t ag_blocks, ag_count, sector_size;
	uint64_t blocks, root, log_block, log_blocks;
	uint8_t *inode;	 /* the one that was loaded last */
	uint8_t *block;	 /* of the B+tree, or of a symbolic link */
	uint8_t *dir;	 /* a directory block */
	uint64_t number; /* of `inode`; XFS_NO_INODE: none */
	uint64_t inode_at;
	uint64_t dir_number, dir_block; /* whose `dir` is: directory and place in it */
};

static inline struct pod_xfs *xfs_of(struct pod_fs *fs)
{
	return fs->priv_mem;
}

struct xfs_fork {
	uint32_t at, len; /* in the inode */
	uint32_t format;
	bool large_counts;
	uint64_t extents;
};

/* Device offset of `count` blocks from `block` on, which must be in one AG. */
enum pod_status POD_MUST_USE xfs_place(struct pod_fs *fs, uint64_t block, uint64_t count, uint64_t *at);
/* Loads an inode into v->inode. */
enum pod_status POD_MUST_USE xfs_load(struct pod_fs *fs, uint64_t number);
/* The data fork of an inode of the volume. */
enum pod_status POD_MUST_USE xfs_data_fork(const struct pod_xfs *v, const uint8_t *inode, struct xfs_fork *f);
/* The extents of the inode in v->inode, in order, until `cb` returns not POD_OK. */
enum pod_status POD_MUST_USE xfs_runs(struct pod_fs *fs, xfs_run_fn *cb, void *ctx);

/* --- xfs_dir.c --- */
enum pod_status xfs_readdir(struct pod_dir *dir, struct pod_dirent *out);

#endif
