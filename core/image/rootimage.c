/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Superblocks and tables of the images that hold a live system's root, without unpacking anything.
 *
 * squashfs 4.0 (Documentation/filesystems/squashfs.rst, fs/squashfs/squashfs_fs.h), little-endian:
 *
 *   +0 4 "hsqs"   +4 4 inodes   +12 4 block size   +16 4 fragments   +20 2 compression   +22 2 log2(block size)   +26 2 ids
 *   +28 2 major 4 +30 2 minor 0 +32 8 root inode (block << 16 | offset)       +40 8 bytes used
 *   +48 8 id table   +56 8 xattr table   +64 8 inode table   +72 8 directory table   +80 8 fragment table   +88 8 export table
 *
 * Inode and directory tables are metadata blocks in a row: 2 bytes of length (bit 15: stored as it is), then that many, at most 8192.
 * The others are lists of 64-bit places of such blocks, behind the blocks. FFFFFFFFFFFFFFFFh: there is no such table.
 *
 * erofs (fs/erofs/erofs_fs.h), at +1024, little-endian:
 *
 *   +0 4 E0F5E1E2h   +4 4 CRC-32C of the rest of the block, the field taken as 0   +8 4 compatible features (bit 0: has that sum)
 *   +12 1 log2(block size)   +14 2 root's number   +36 4 blocks   +40 4 first block of inodes   +80 4 incompatible features
 *   +84 2 compressions, if bit 1 of these is set; else only LZ4
 *
 * An inode lies at its number * 32 behind the first block of inodes: +0 2 format, +4 2 mode.
 */
#include "core/base/bytes.h"
#include "core/base/hash.h"
#include "core/image/bootfile.h"

#define NO_TABLE	UINT64_MAX
#define META_MAX	8192u
#define BLOCKS_MAX	65536u /* metadata blocks that are followed */
#define EROFS_AT	1024u
#define EROFS_BLOCK_MAX 4096u /* of larger ones the sum is not looked at */

static enum pod_status bad(struct pod_diag *diag, const char *what, uint64_t at, uint64_t expected, uint64_t got)
{
	return pod_fail(diag, POD_E_CORRUPT, what, at, expected, got);
}

/* From block to block, from `at`; they have to end at `end` to the byte. */
static enum pod_status follow(struct pod_dev *file, uint64_t at, uint64_t end, const char *what, struct pod_diag *diag)
{
	for (uint32_t i = 0; at < end && i < BLOCKS_MAX; i++) {
		uint8_t b[2];
		if (!pod_in_range(at, sizeof b, end))
			return bad(diag, what, at, end, at + 2);
		POD_TRY(pod_dev_read(file, at, b, sizeof b));
		uint32_t len = pod_get_le16(b) & 0x7fffu;
		if (!len || len > META_MAX || !pod_in_range(at + 2, len, end))
			return bad(diag, what, at, META_MAX, len);
		at += 2 + len;
	}
	return POD_OK;
}

/* A list of `count` places, 512 to 16-byte entries a block (`per_block`); *first: the lowest place, where the table before ends. */
static enum pod_status read_list(struct pod_dev *file, uint64_t list, uint32_t count, uint32_t per_block, uint64_t used,
				 const char *what, uint64_t *first, struct pod_diag *diag)
{
	uint64_t blocks = count / per_block + (count % per_block != 0), last = 0;
	*first = list;
	if (!pod_in_range(list, blocks * 8, used))
		return bad(diag, what, list, used, list + blocks * 8);
	for (uint64_t i = 0; i < blocks && i < BLOCKS_MAX; i++) {
		uint8_t b[8];
		POD_TRY(pod_dev_read(file, list + i * 8, b, sizeof b));
		uint64_t at = pod_get_le64(b);
		if (at <= last || at >= list)
			return bad(diag, what, list + i * 8, list, at);
		if (!i)
			*first = at;
		last = at;
	}
	return POD_OK;
}

enum pod_status pod_squashfs_check(struct pod_dev *file, struct pod_diag *diag)
{
	uint8_t s[96];
	if (file->size_bytes < sizeof s)
		return POD_E_FORMAT;
	POD_TRY(pod_dev_read(file, 0, s, sizeof s));
	if (memcmp(s, "hsqs", 4) != 0)
		return POD_E_FORMAT;
	uint32_t block = pod_get_le32(s + 12), log = pod_get_le16(s + 22), fragments = pod_get_le32(s + 16);
	uint64_t used = pod_get_le64(s + 40), ids = pod_get_le64(s + 48), inodes = pod_get_le64(s + 64);
	uint64_t dirs = pod_get_le64(s + 72), frags = pod_get_le64(s + 80), exported = pod_get_le64(s + 88);
	uint64_t root = pod_get_le64(s + 32) >> 16, end, id_blocks;
	if (pod_get_le16(s + 28) != 4 || pod_get_le16(s + 30) != 0)
		return bad(diag, "version", 28, 4, pod_get_le16(s + 28));
	if (log < 12 || log > 20 || block != 1u << log)
		return bad(diag, "block size", 12, log < 32 ? 1ull << log : 0, block);
	if (!pod_get_le16(s + 20) || pod_get_le16(s + 20) > 6)
		return bad(diag, "compression", 20, 6, pod_get_le16(s + 20));
	if (used > file->size_bytes)
		return pod_fail(diag, POD_E_RANGE, "bytes used", 40, used, file->size_bytes);
	if (!pod_get_le32(s + 4) || !pod_get_le16(s + 26))
		return bad(diag, "number of inodes or ids", 4, 1, 0);
	if (inodes < sizeof s || inodes >= dirs || dirs >= used)
		return bad(diag, "place of the inode or directory table", 64, used, inodes);
	POD_TRY(read_list(file, ids, pod_get_le16(s + 26), META_MAX / 4, used, "table of ids", &id_blocks, diag));
	/* What follows the directories: fragments, then the export table, then the ids. */
	end = id_blocks;
	if (exported != NO_TABLE)
		POD_TRY(read_list(file, exported, pod_get_le32(s + 4), META_MAX / 8, used, "export table", &end, diag));
	if (fragments && frags != NO_TABLE)
		POD_TRY(read_list(file, frags, fragments, META_MAX / 16, used, "table of fragments", &end, diag));
	if (dirs >= end)
		return bad(diag, "place of the directory table", 72, end, dirs);
	if (root >= dirs - inodes)
		return bad(diag, "root inode", 32, dirs - inodes, root);
	POD_TRY(follow(file, inodes, dirs, "inode table", diag));
	return follow(file, dirs, end, "directory table", diag);
}

/* The sum over the superblock's block, where it begins behind the first 1024 bytes. */
static enum pod_status check_sum(struct pod_dev *file, const uint8_t *s, uint32_t block, struct pod_diag *diag)
{
	uint8_t b[512];
	uint32_t crc = 0;
	uint64_t at = EROFS_AT % block, left = block - at;
	if (!pod_in_range(EROFS_AT, left, file->size_bytes))
		return pod_fail(diag, POD_E_RANGE, "superblock", EROFS_AT, EROFS_AT + left, file->size_bytes);
	for (uint64_t done = 0; done < left;) {
		size_t n = (size_t)pod_min_u64(sizeof b, left - done);
		POD_TRY(pod_dev_read(file, EROFS_AT + done, b, n));
		if (!done)
			memset(b + 4, 0, 4);
		crc = pod_crc32c(crc, b, n);
		done += n;
	}
	crc = ~crc; /* the kernel does not invert in the end */
	return crc == pod_get_le32(s + 4) ? POD_OK
					  : bad(diag, "checksum of the superblock", EROFS_AT + 4, crc, pod_get_le32(s + 4));
}

enum pod_status pod_erofs_check(struct pod_dev *file, struct pod_diag *diag)
{
	uint8_t s[128], inode[32];
	if (file->size_bytes < EROFS_AT + sizeof s)
		return POD_E_FORMAT;
	POD_TRY(pod_dev_read(file, EROFS_AT, s, sizeof s));
	if (pod_get_le32(s) != 0xe0f5e1e2)
		return POD_E_FORMAT;
	uint32_t log = s[12];
	if (log < 9 || log > 16)
		return bad(diag, "block size", EROFS_AT + 12, 12, log);
	uint64_t used = (uint64_t)pod_get_le32(s + 36) << log;
	uint64_t root = ((uint64_t)pod_get_le32(s + 40) << log) + (uint64_t)pod_get_le16(s + 14) * 32;
	if (used > file->size_bytes)
		return pod_fail(diag, POD_E_RANGE, "number of blocks", EROFS_AT + 36, used, file->size_bytes);
	if ((pod_get_le32(s + 8) & 1) && (1u << log) <= EROFS_BLOCK_MAX)
		POD_TRY(check_sum(file, s, 1u << log, diag));
	if (!pod_in_range(root, sizeof inode, file->size_bytes))
		return bad(diag, "root inode", EROFS_AT + 14, file->size_bytes, root);
	POD_TRY(pod_dev_read(file, root, inode, sizeof inode));
	if ((pod_get_le16(inode + 4) & 0xf000) != 0x4000)
		return bad(diag, "mode of the root inode", root + 4, 0x4000, pod_get_le16(inode + 4));
	return POD_OK;
}

enum pod_status pod_erofs_needs(struct pod_dev *file, uint32_t *features, uint32_t *compressions)
{
	uint8_t s[128];
	POD_TRY(pod_dev_read(file, EROFS_AT, s, sizeof s));
	*features = pod_get_le32(s + 80);
	*compressions = *features & 2 ? pod_get_le16(s + 84) : 1;
	return POD_OK;
}
