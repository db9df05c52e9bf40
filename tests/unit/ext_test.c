/* SPDX-License-Identifier: BSD-2-Clause */
/* A volume of ext2 made by hand, and damage that mke2fs does not make: maps in circles, features that nobody knows. */
#include "core/base/bytes.h"
#include "core/fs/ext.h"
#include "tests/unit/test.h"

enum { BLOCK = 1024, BLOCKS = 64, TABLE = 5, ROOT_DATA = 7, FILE_DATA = 8, POINTERS = 9, FILE_INODE = 11 };

static uint8_t img[BLOCK * BLOCKS];
static struct pod_memdev mem;
static struct pod_dirent scratch;

static uint8_t *inode(uint32_t n)
{
	return img + TABLE * BLOCK + (n - 1) * 128;
}

/* One file, "a", of 3 bytes. */
static void make(void)
{
	uint8_t *sb = img + 1024, *gd = img + 2 * BLOCK, *e = img + ROOT_DATA * BLOCK;
	memset(img, 0, sizeof img);
	pod_put_le32(sb, 16);
	pod_put_le32(sb + 4, BLOCKS);
	pod_put_le32(sb + 0x14, 1);
	pod_put_le32(sb + 0x20, 8192);
	pod_put_le32(sb + 0x28, 16);
	pod_put_le16(sb + 0x38, 0xEF53);
	pod_put_le32(sb + 0x4C, 1);
	pod_put_le16(sb + 0x58, 128);
	pod_put_le32(sb + 0x60, 2);
	pod_put_le32(gd + 8, TABLE);
	pod_put_le16(inode(2), 0x41ED);
	pod_put_le32(inode(2) + 4, BLOCK);
	pod_put_le32(inode(2) + 40, ROOT_DATA);
	pod_put_le16(inode(FILE_INODE), 0x81A4);
	pod_put_le32(inode(FILE_INODE) + 4, 3);
	pod_put_le32(inode(FILE_INODE) + 40, FILE_DATA);
	pod_put_le32(e, FILE_INODE);
	pod_put_le16(e + 4, BLOCK);
	e[6] = 1;
	e[7] = 1;
	e[8] = 'a';
	memcpy(img + FILE_DATA * BLOCK, "abc", 3);
	pod_memdev_init(&mem, img, sizeof img, 512, true);
}

static enum pod_status open_it(struct pod_fs *fs)
{
	return pod_fs_open_as(fs, &pod_fs_ext, &mem.dev, &test_alloc, NULL);
}

/* The file's runs, their number in *count. */
static enum pod_status runs(struct pod_fs *fs, size_t *count)
{
	struct pod_node n;
	struct pod_extent *v = NULL;
	enum pod_status st = pod_fs_lookup(fs, "a", &n, &scratch);
	if (st == POD_OK)
		st = pod_fs_extents(fs, &n, &test_alloc, &v, count);
	if (st == POD_OK)
		pod_free(&test_alloc, v);
	return st;
}

TEST(ext_reads_a_file)
{
	struct pod_fs fs;
	struct pod_node n;
	char buf[3];
	make();
	REQUIRE(open_it(&fs) == POD_OK);
	REQUIRE(pod_fs_lookup(&fs, "/a", &n, &scratch) == POD_OK);
	CHECK_EQ(n.size_bytes, 3);
	CHECK_EQ(pod_fs_read(&fs, &n, 0, buf, 3), POD_OK);
	CHECK(memcmp(buf, "abc", 3) == 0);
	pod_fs_close(&fs);
}

TEST(ext_maps_in_circles_end)
{
	struct pod_fs fs;
	size_t count = 0;
	uint8_t *f = inode(FILE_INODE);
	make();
	REQUIRE(open_it(&fs) == POD_OK);
	/* Twelve direct blocks that are holes, then pointers to holes, then a block of pointers to itself. */
	memset(f + 40, 0, 60);
	pod_put_le32(f + 4, 0x7FFFFFFF);
	for (uint32_t i = 0; i < BLOCK / 4; i++)
		pod_put_le32(img + POINTERS * BLOCK + (size_t)i * 4, POINTERS);
	pod_put_le32(f + 40 + 14 * 4, POINTERS);
	CHECK_EQ(runs(&fs, &count), POD_E_CORRUPT);
	/* An extent tree whose node names itself. */
	memset(f + 40, 0, 60);
	pod_put_le32(f + 32, 0x80000);
	for (size_t at = (size_t)(f + 40 - img), i = 0; i < 2; i++, at = POINTERS * BLOCK) {
		memset(img + at, 0, 24);
		pod_put_le16(img + at, 0xF30A);
		pod_put_le16(img + at + 2, 1);
		pod_put_le16(img + at + 4, 4);
		pod_put_le16(img + at + 6, 5);
		pod_put_le32(img + at + 16, POINTERS);
	}
	CHECK_EQ(runs(&fs, &count), POD_E_CORRUPT);
	pod_fs_close(&fs);
}

TEST(ext_says_what_it_does_not_read)
{
	struct pod_fs fs;
	size_t count;
	make();
	REQUIRE(open_it(&fs) == POD_OK);
	pod_put_le32(inode(FILE_INODE) + 32, 0x800);
	CHECK_EQ(runs(&fs, &count), POD_E_UNSUPPORTED);
	CHECK_STR(fs.diag.what, "encrypted file");
	pod_fs_close(&fs);
	pod_put_le32(img + 1024 + 0x60, 0x80000002);
	CHECK_EQ(open_it(&fs), POD_E_UNSUPPORTED);
	pod_put_le16(img + 1024 + 0x38, 0);
	CHECK_EQ(open_it(&fs), POD_E_FORMAT);
}
