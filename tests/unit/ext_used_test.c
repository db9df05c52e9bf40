/* SPDX-License-Identifier: BSD-2-Clause */
/* What is in use of an ext4, by its bitmap and by what its journal says of it, made by hand: a log that begins again, a bitmap that looks like a
 * block of the journal, and what proves nothing. */
#include "core/base/bytes.h"
#include "core/fs/ext_used.h"
#include "tests/unit/test.h"

enum { BLOCK = 1024, BLOCKS = 64, BITMAP = 3, INODE_BITMAP = 4, TABLE = 5, LOG = 20, LOG_BLOCKS = 12, JOURNAL_INODE = 8 };

static uint8_t img[BLOCK * (BLOCKS + 2)]; /* two more behind the volume */
static struct pod_memdev mem;

static uint8_t *block(uint32_t n)
{
	return img + (size_t)n * BLOCK;
}

static void journal_block(uint32_t at, uint32_t type, uint32_t sequence)
{
	uint8_t *b = block(LOG + at);
	memset(b, 0, BLOCK);
	pod_put_be32(b, 0xC03B3998);
	pod_put_be32(b + 4, type);
	pod_put_be32(b + 8, sequence);
}

/* Blocks 1 to 9 and the journal are in use; the bitmap says so from its first bit, block 1, on. */
static uint8_t *make(void)
{
	uint8_t *sb = block(1), *gd = block(2), *inode = block(TABLE) + (JOURNAL_INODE - 1) * 128;
	memset(img, 0, sizeof img);
	pod_put_le32(sb, 16);
	pod_put_le32(sb + 4, BLOCKS);
	pod_put_le32(sb + 0x14, 1);
	pod_put_le32(sb + 0x20, 8192);
	pod_put_le32(sb + 0x24, 8192);
	pod_put_le32(sb + 0x28, 16);
	pod_put_le16(sb + 0x38, 0xEF53);
	pod_put_le32(sb + 0x4C, 1);
	pod_put_le16(sb + 0x58, 128);
	pod_put_le32(sb + 0x5C, 4);
	pod_put_le32(sb + 0x60, 2 | 4);
	pod_put_le32(sb + 0xE0, JOURNAL_INODE);
	pod_put_le32(gd, BITMAP);
	pod_put_le32(gd + 4, INODE_BITMAP);
	pod_put_le32(gd + 8, TABLE);
	pod_put_le16(inode, 0x8180);
	pod_put_le32(inode + 4, LOG_BLOCKS * BLOCK);
	for (uint32_t i = 0; i < LOG_BLOCKS; i++)
		pod_put_le32(inode + 40 + 4 * (size_t)i, LOG + i);
	block(BITMAP)[0] = 0xFF;
	block(BITMAP)[1] = 0x01;
	for (uint32_t i = LOG; i < LOG + LOG_BLOCKS; i++)
		block(BITMAP)[(i - 1) / 8] |= (uint8_t)(1u << ((i - 1) % 8));
	journal_block(0, 4, 0);
	pod_put_be32(block(LOG) + 0x0C, BLOCK);
	pod_put_be32(block(LOG) + 0x10, LOG_BLOCKS);
	pod_put_be32(block(LOG) + 0x14, 1);
	pod_put_be32(block(LOG) + 0x18, 7);
	pod_put_be32(block(LOG) + 0x1C, 10);
	pod_memdev_init(&mem, img, sizeof img, 512, true);
	return sb;
}

/* A transaction of one block, from this block of the log on. */
static void log_one(uint32_t at, uint32_t sequence, uint32_t what, uint32_t flags, const uint8_t data[BLOCK])
{
	uint32_t data_at = at + 1 < LOG_BLOCKS ? at + 1 : 1, commit_at = data_at + 1 < LOG_BLOCKS ? data_at + 1 : 1;
	journal_block(at, 1, sequence);
	pod_put_be32(block(LOG + at) + 12, what);
	pod_put_be16(block(LOG + at) + 18, (uint16_t)flags);
	memcpy(block(LOG + data_at), data, BLOCK);
	journal_block(commit_at, 2, sequence);
}

/* The blocks in use, of 1 to 63 a bit each; ~0: it says that all are. */
static uint64_t used(void)
{
	struct pod_ext_used u;
	struct pod_place_run r;
	uint64_t bits = 0, from = 0;
	if (pod_ext_used_open(&u, &mem.dev, &test_alloc) != POD_OK)
		return ~(uint64_t)0;
	CHECK_EQ(pod_ext_used_next(&u, 0, &r), POD_OK);
	CHECK_EQ(r.dev_bytes, 0); /* what is in front of the volume's first block */
	while (pod_ext_used_next(&u, from, &r) == POD_OK) {
		for (uint64_t b = r.dev_bytes / BLOCK; b < (r.dev_bytes + r.length_bytes) / BLOCK && b < BLOCKS; b++)
			bits |= (uint64_t)1 << b;
		from = r.dev_bytes + r.length_bytes;
	}
	CHECK_EQ(from, sizeof img); /* and what is behind it */
	pod_ext_used_close(&u);
	return bits;
}

static uint64_t from_to(uint32_t first, uint32_t last)
{
	return (((uint64_t)1 << (last - first + 1)) - 1) << first;
}

static uint64_t at_rest(void)
{
	return from_to(0, 9) | from_to(LOG, LOG + LOG_BLOCKS - 1);
}

TEST(ext_used_by_the_bitmap_alone)
{
	make();
	CHECK_EQ(used(), at_rest());
}

TEST(ext_used_by_bitmaps_in_a_log_that_begins_again)
{
	uint8_t bitmap[BLOCK] = {0};
	make();
	bitmap[5] = 0x0F; /* blocks 41 to 44 */
	log_one(10, 7, BITMAP, 2 | 8, bitmap);
	memset(bitmap, 0, sizeof bitmap);
	bitmap[6] = 0x01; /* block 49, in a transaction that was not finished */
	log_one(2, 8, BITMAP, 2 | 8, bitmap);
	memset(block(LOG + 4), 0, BLOCK);
	CHECK_EQ(used(), at_rest() | from_to(41, 44) | from_to(49, 49));
	/* one of another time is not of this log */
	pod_put_be32(block(LOG + 2) + 8, 6);
	CHECK_EQ(used(), at_rest() | from_to(41, 44));
}

TEST(ext_used_by_a_bitmap_that_looks_like_the_journal)
{
	uint8_t bitmap[BLOCK] = {0};
	make();
	log_one(10, 7, BITMAP, 1 | 2 | 8, bitmap);
	/* C0 3B 39 98 */
	CHECK_EQ(used(), at_rest() | from_to(7, 8) | from_to(9, 10) | from_to(12, 14) | from_to(17, 17) | from_to(20, 22) |
				 from_to(28, 29) | from_to(32, 32));
}

TEST(ext_used_where_nothing_is_proved_is_all)
{
	static const struct {
		uint32_t at, value;
	} odd[] = {{0x5C, 4 | 0x400}, {0x5C, 4 | 0x80}, {0x60, 2 | 4 | 1}, {0x64, 0x4000}, {0x60, 2},
		   {0x3A, 2},	      {0xE0, 0},	{0xE0, 16},	   {0xE4, 1},	   {0x5C, 0}};
	uint8_t super[BLOCK];
	make();
	log_one(10, 7, 1, 2 | 8, block(1));
	CHECK_EQ(used(), at_rest());
	for (size_t i = 0; i < POD_ARRAY_LEN(odd); i++) {
		pod_put_le32(make() + odd[i].at, odd[i].value);
		log_one(10, 7, 1, 2 | 8, block(1));
		CHECK_EQ(used(), ~(uint64_t)0);
	}
	/* nor where the log would make another volume of it */
	make();
	memcpy(super, block(1), BLOCK);
	pod_put_le32(super + 4, BLOCKS + 1);
	log_one(10, 7, 1, 2 | 8, super);
	CHECK_EQ(used(), ~(uint64_t)0);
	make();
	pod_put_be32(block(LOG) + 0x28, 0x20); /* fast commits */
	log_one(10, 7, 1, 2 | 8, block(1));
	CHECK_EQ(used(), ~(uint64_t)0);
}

TEST(ext_used_of_a_group_whose_bitmap_was_never_written)
{
	uint8_t groups[BLOCK], *sb = make();
	pod_put_le32(sb + 0x64, 0x10);
	pod_put_le16(block(2) + 18, 2);
	memset(block(BITMAP), 0xFF, 6);
	/* superblock, descriptors, bitmaps, inode table */
	CHECK_EQ(used(), from_to(0, 6));
	/* in the log it was */
	memcpy(groups, block(2), BLOCK);
	pod_put_le16(groups + 18, 0);
	log_one(10, 7, 2, 2 | 8, groups);
	CHECK_EQ(used(), from_to(0, 48));
	/* without checksums the mark means nothing */
	sb = make();
	pod_put_le16(block(2) + 18, 2);
	CHECK_EQ(used(), at_rest());
}
