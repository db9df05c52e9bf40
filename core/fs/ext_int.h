/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ext2, ext3, ext4, between its files: ext.c (volume, inodes, directories), ext_map.c (where a file lies), ext_place.c (a file that is
 * shown longer), ext_used.c (which blocks are in use).
 *
 * Layout by Documentation/filesystems/ext4 of the Linux kernel (6.1) and, for what came before, "The Second Extended File System" (Dave
 * Poirier, 2011). Everything is little-endian. Checksums (CRC-32C) are not looked at, as by boot loaders; they are written.
 *
 * Superblock, 1024 bytes from the volume's first:
 *   +0x00 4 inodes                       +0x5C 4 features that readers may ignore (compat): 200h sparse_super2
 *   +0x04 4 blocks, +0x150 4 upper half  +0x60 4 features that they must know (incompat)
 *   +0x14 4 first data block             +0x64 4 features that writers must know (ro_compat)
 *   +0x18 4 log2(block bytes) - 10       +0x68 16 UUID, +0x78 16 label
 *   +0x1C 4 log2(cluster bytes) - 10     +0xCE 2 blocks kept behind the group descriptors
 *   +0x20 4 blocks in a group            +0xFE 2 bytes of a group descriptor (64bit)
 *   +0x24 4 clusters in a group          +0x104 4 first block of descriptors laid out by meta_bg
 *   +0x28 4 inodes in a group            +0x24C 2 * 4 groups with a copy of the superblock (sparse_super2)
 *   +0x38 2 EF53h                        +0x270 4 seed of checksums (csum_seed)
 *   +0x4C 4 revision: 0 has inodes of 128 bytes and no features
 *   +0x58 2 bytes of an inode
 *
 * Group descriptor, 32 bytes or as +0xFE says: +0 4 block bitmap, +4 4 inode bitmap, +8 4 inode table, +12 2 free blocks, +18 2 flags (2: the block bitmap was never
 * written); from 64 bytes on their upper halves: +32, +36, +40 4, +44 2.
 *
 * Inode: +0 2 mode, +4 4 size, +16 4 mtime, +28 4 sectors of 512 bytes, +32 4 flags, +40 60 block map, +100 4 generation, +104 4 block of attributes,
 * +108 4 size, upper half, +116 2 sectors, upper half, +118 2 attributes, +124 2 checksum, +128 2 bytes behind the first 128 that are in use, +130 2 checksum, upper half.
 *
 * Node of an extent tree (the first is the block map, 60 bytes): +0 2 F30Ah, +2 2 entries, +4 2 room for entries, +6 2 depth (0: leaf); entries of 12 bytes from +12
 * on: leaf +0 4 block in the file, +4 2 count (from 32769 on: less 32768, never written), +6 2 upper, +8 4 lower half of the block; index +0 4
 * block in the file, +4 4 lower, +8 2 upper half of the node's block. Behind the entries there is room for a checksum.
 */
#ifndef POD_FS_EXT_INT_H
#define POD_FS_EXT_INT_H

#include "core/fs/ext.h"

enum {
	EXT_INCOMPAT_COMPRESSION = 0x1,
	EXT_INCOMPAT_FILETYPE = 0x2,
	EXT_INCOMPAT_RECOVER = 0x4,
	EXT_INCOMPAT_META_BG = 0x10,
	EXT_INCOMPAT_EXTENTS = 0x40,
	EXT_INCOMPAT_64BIT = 0x80,
	EXT_INCOMPAT_MMP = 0x100,
	EXT_INCOMPAT_FLEX_BG = 0x200,
	EXT_INCOMPAT_EA_INODE = 0x400,
	EXT_INCOMPAT_DIRDATA = 0x1000,
	EXT_INCOMPAT_CSUM_SEED = 0x2000,
	EXT_INCOMPAT_LARGEDIR = 0x4000,
	EXT_INCOMPAT_INLINE_DATA = 0x8000,
	EXT_INCOMPAT_ENCRYPT = 0x10000,
	EXT_INCOMPAT_CASEFOLD = 0x20000,
	EXT_COMPAT_HAS_JOURNAL = 0x4,
	EXT_COMPAT_SPARSE_SUPER2 = 0x200,
	EXT_RO_SPARSE_SUPER = 0x1,
	EXT_RO_HUGE_FILE = 0x8,
	EXT_RO_GDT_CSUM = 0x10,
	EXT_RO_BIGALLOC = 0x200,
	EXT_RO_METADATA_CSUM = 0x400,

	EXT_FL_COMPRESSED_BLOCKS = 0x200,
	EXT_FL_ENCRYPT = 0x800,
	EXT_FL_HUGE_FILE = 0x40000,
	EXT_FL_EXTENTS = 0x80000,
	EXT_FL_INLINE_DATA = 0x10000000,

	EXT_GROUP_BLOCK_UNINIT = 2,

	EXT_INODE_BASE = 128,
	EXT_MAP_AT = 40, /* the block map in the inode, */
	EXT_MAP_LEN = 60,
	EXT_DIRECT = 12, /* its pointers to data; behind them one each of the first, second, third degree */
	EXT_NODE_MAGIC = 0xF30A,
	EXT_ENTRY = 12, /* bytes of the header of a node, and of each entry */
	EXT_DEPTH_MAX = 5,
	EXT_RUN_MAX = 32768, /* blocks of one entry */
};

/* pod_fs.priv_mem */
struct ext_volume {
	uint64_t blocks;	/* that the volume says it has, and the device holds */
	uint32_t shift;		/* log2 of a block's bytes */
	uint32_t cluster_shift; /* log2 of a cluster's blocks */
	uint32_t first_block, group_blocks, groups;
	uint32_t inodes, group_inodes, inode_size, desc_size, first_meta_bg, reserved_desc;
	uint32_t compat, incompat, ro_compat;
	uint32_t backup_group[2];
	uint32_t seed; /* of checksums */
};

struct ext_group {
	uint64_t block_bitmap, inode_bitmap, inode_table;
	uint32_t free_blocks, flags;
};

static inline const struct ext_volume *ext_volume(const struct pod_fs *fs)
{
	return fs->priv_mem;
}

/* Blocks that a file may lie in. */
static inline bool ext_blocks_ok(const struct ext_volume *v, uint64_t block, uint64_t count)
{
	return block > v->first_block && pod_in_range(block, count, v->blocks);
}

/* First block of a group. */
static inline uint64_t ext_group_start(const struct ext_volume *v, uint32_t group)
{
	return v->first_block + (uint64_t)group * v->group_blocks;
}

enum pod_status ext_read_group(struct pod_fs *fs, uint32_t group, struct ext_group *out);
/* Where its descriptor lies on the device, and what the bytes of one say. */
uint64_t ext_descriptor_at(const struct ext_volume *v, uint32_t group);
void ext_parse_group(const struct ext_volume *v, const uint8_t *descriptor, struct ext_group *out);
/* Of the group from block `start` on whose bitmap was never written, is this what it may hold of the volume's own: copies of the superblock
 * and of the descriptors in front, its bitmaps, its inode table? */
bool ext_is_own(const struct ext_volume *v, const struct ext_group *g, uint64_t start, uint64_t block);
/* Has the group a copy of the superblock, and of the descriptors? */
bool ext_group_has_super(const struct ext_volume *v, uint32_t group);
/* Says in fs->diag why a file cannot be read. */
enum pod_status ext_unsupported(struct pod_fs *fs, const char *what, const struct pod_node *n);
/* ops->extents */
enum pod_status ext_extents(struct pod_fs *fs, const struct pod_node *file, pod_extent_fn *cb, void *ctx);

#endif
