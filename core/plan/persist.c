/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the superblock of a persistence file says (the kernel's Documentation/filesystems/ext4, "Super Block" and "Block Group
 * Descriptors"), 1024 bytes into it:
 *
 *   +0x000 u32 inodes           +0x028 u32 inodes a group         +0x0FE u16 bytes of a group descriptor, if 64-bit
 *   +0x004 u32 blocks           +0x038 u16 EF53h                  +0x150 u32 blocks, upper half, if 64-bit
 *   +0x014 u32 first block      +0x060 u32 incompatible features
 *   +0x018 u32 log2(block / 1024)   0x10 descriptors elsewhere, 0x80 64-bit
 *   +0x020 u32 blocks a group   +0x078 char[16] label
 *
 * A group descriptor: +0x0C u16 free blocks, +0x0E u16 free inodes, +0x2C and +0x2E their upper halves. They begin in the block
 * behind the superblock's. A live system hardly ever unmounts what it runs from, and the superblock's own count of free blocks is
 * written at unmounting only: so the groups' counts are added up.
 */
#include "core/plan/persist.h"
#include "core/base/bytes.h"
#include "core/base/str.h"

enum { SUPER_AT = 1024, SUPER = 1024, PIECE = 512, GROUPS_MAX = 4096 };
enum { INCOMPAT_META_BG = 0x10, INCOMPAT_64BIT = 0x80 };

struct super {
	uint32_t block_shift, first_block, blocks_per_group, desc_size, groups, incompat;
	uint64_t blocks;
};

/* In the order of their kinds. */
static const struct {
	const char *text, *label, *other_label, *words;
} known[POD_PERSIST_KINDS] = {
	[POD_PERSIST_NONE] = {"unknown", NULL, NULL, ""},
	[POD_PERSIST_LIVE_BOOT] = {"live-boot", "persistence", NULL, ""},
	[POD_PERSIST_CASPER] = {"casper", "writable", "casper-rw", ""},
	[POD_PERSIST_DRACUT] = {"dracut", POD_PERSIST_LABEL_DR, NULL, ""},
	[POD_PERSIST_ARCHISO] = {"archiso", POD_PERSIST_LABEL_AR, NULL, "cow_label=" POD_PERSIST_LABEL_AR},
	[POD_PERSIST_ALPINE] = {"alpine", POD_PERSIST_LABEL_AL, NULL, ""},
	[POD_PERSIST_PUPPY] = {"puppy", POD_PERSIST_LABEL_PU, NULL, "psave=" POD_PERSIST_LABEL_PU ":/" POD_PERSIST_FOLDER_PU},
	[POD_PERSIST_TINYCORE] = {"tinycore", POD_PERSIST_LABEL_TC, NULL,
				  "tce=LABEL=" POD_PERSIST_LABEL_TC " waitusb=15:LABEL=" POD_PERSIST_LABEL_TC},
	[POD_PERSIST_KIWI] = {"kiwi", POD_PERSIST_LABEL_KI, NULL, ""},
	[POD_PERSIST_DISK] = {"disk", NULL, NULL, ""},
};

static enum pod_persist_kind kind_of(const char *label)
{
	for (size_t i = 0; i < POD_PERSIST_KINDS; i++)
		if ((known[i].label && pod_streq(label, known[i].label)) ||
		    (known[i].other_label && pod_streq(label, known[i].other_label)))
			return (enum pod_persist_kind)i;
	return POD_PERSIST_NONE;
}

static enum pod_status read_super(const uint8_t *s, struct super *out)
{
	if (pod_get_le16(s + 0x38) != 0xef53)
		return POD_E_FORMAT;
	uint32_t log = pod_get_le32(s + 0x18);
	*out = (struct super){.block_shift = 10 + log,
			      .first_block = pod_get_le32(s + 0x14),
			      .blocks_per_group = pod_get_le32(s + 0x20),
			      .incompat = pod_get_le32(s + 0x60),
			      .desc_size = 32,
			      .blocks = pod_get_le32(s + 0x04)};
	if (log > 6 || out->first_block > 1 || out->blocks_per_group < 8)
		return POD_E_CORRUPT;
	if (out->incompat & INCOMPAT_64BIT) {
		out->blocks |= (uint64_t)pod_get_le32(s + 0x150) << 32;
		out->desc_size = pod_get_le16(s + 0xfe);
		if (out->desc_size < 64 || out->desc_size > PIECE || (out->desc_size & (out->desc_size - 1)) != 0)
			return POD_E_CORRUPT;
	}
	/* no division of 64 bits: a file of more groups than are counted is said to have room */
	for (uint64_t left = out->blocks; left > out->first_block && out->groups <= GROUPS_MAX; out->groups++)
		left = left > out->blocks_per_group ? left - out->blocks_per_group : 0;
	return POD_OK;
}

static enum pod_status count_free(struct pod_dev *d, uint64_t start, const struct super *s, struct pod_persist *out,
				  uint32_t *inodes)
{
	uint8_t piece[PIECE];
	uint64_t at = start + ((uint64_t)(s->first_block + 1) << s->block_shift), blocks = 0;
	uint32_t in_piece = PIECE / s->desc_size;
	for (uint32_t i = 0; i < s->groups; i++) {
		const uint8_t *g = piece + (size_t)(i % in_piece) * s->desc_size;
		if (i % in_piece == 0)
			POD_TRY(pod_dev_read(d, at + (uint64_t)i * s->desc_size, piece, PIECE));
		uint32_t free_blocks = pod_get_le16(g + 0x0c), free_inodes = pod_get_le16(g + 0x0e);
		if (s->desc_size >= 64) {
			free_blocks |= (uint32_t)pod_get_le16(g + 0x2c) << 16;
			free_inodes |= (uint32_t)pod_get_le16(g + 0x2e) << 16;
		}
		if (free_blocks > s->blocks_per_group)
			return POD_E_CORRUPT;
		blocks += free_blocks;
		*inodes += (uint32_t)pod_min_u64(free_inodes, UINT32_MAX - *inodes);
	}
	if (blocks > s->blocks)
		return POD_E_CORRUPT;
	out->free_bytes = blocks << s->block_shift;
	return POD_OK;
}

static enum pod_status look_overlay(struct pod_dev *d, struct pod_persist *out)
{
	POD_TRY(pod_cow_read(d, out->start_bytes, out->length_bytes, &out->cow));
	out->kind = POD_PERSIST_DISK;
	out->fs_bytes = out->cow.store_bytes;
	out->free_bytes = pod_cow_free(&out->cow);
	out->full = pod_cow_full(&out->cow);
	return POD_OK;
}

enum pod_status pod_persist_look(struct pod_dev *disk, uint64_t start_bytes, uint64_t length_bytes, struct pod_persist *out)
{
	uint8_t sb[SUPER];
	struct super s;
	uint32_t inodes = 0; /* that are free */
	*out = (struct pod_persist){.start_bytes = start_bytes, .length_bytes = length_bytes};
	if (length_bytes < SUPER_AT + SUPER)
		return POD_E_FORMAT;
	enum pod_status st = look_overlay(disk, out);
	if (st != POD_E_FORMAT)
		return st;
	POD_TRY(pod_dev_read(disk, start_bytes + SUPER_AT, sb, sizeof sb));
	POD_TRY(read_super(sb, &s));
	if (s.blocks > length_bytes >> s.block_shift || s.blocks <= s.first_block)
		return POD_E_CORRUPT;
	out->fs_bytes = s.blocks << s.block_shift;
	memcpy(out->label, sb + 0x78, POD_PERSIST_LABEL - 1);
	if (s.groups > GROUPS_MAX || (s.incompat & INCOMPAT_META_BG)) {
		out->free_bytes = out->fs_bytes;
		inodes = UINT32_MAX;
	} else {
		POD_TRY(count_free(disk, start_bytes, &s, out, &inodes));
	}
	out->full = out->free_bytes <= out->fs_bytes >> 6 || inodes < 16;
	out->kind = kind_of(out->label);
	return out->kind == POD_PERSIST_NONE ? POD_E_UNSUPPORTED : POD_OK;
}

const char *pod_persist_words(enum pod_persist_kind kind)
{
	return known[kind < POD_PERSIST_KINDS ? kind : POD_PERSIST_NONE].words;
}

const char *pod_persist_kind_text(enum pod_persist_kind kind)
{
	return known[kind < POD_PERSIST_KINDS ? kind : POD_PERSIST_NONE].text;
}
