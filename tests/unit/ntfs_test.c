/* SPDX-License-Identifier: BSD-2-Clause */
/* NTFS on a volume made by hand (ntfs_volume.h): each kind of file, each refusal, damage. */
#include "core/base/text.h"
#include "core/fs/ntfs.h"
#include "core/fs/ntfs_int.h"
#include "tests/unit/ntfs_volume.h"
#include "tests/unit/fs_names.h"
#include "tests/unit/test.h"

static uint8_t img[NTFS_SIZE];
static struct pod_memdev mem;
static struct pod_fs fs;
static struct pod_dirent ent;

static void make(void)
{
	ntfs_make(img);
	pod_memdev_init(&mem, img, sizeof img, 512, true);
}

static enum pod_status open_sealed(void)
{
	ntfs_seal(img);
	return pod_fs_open(&fs, &mem.dev, &test_alloc, NULL);
}

static enum pod_status look_up(const char *path, struct pod_node *n)
{
	return pod_fs_lookup(&fs, path, n, &ent);
}

TEST(volume)
{
	struct pod_ntfs_state s;
	make();
	REQUIRE(open_sealed() == POD_OK);
	CHECK_STR(fs.ops->name, "ntfs");
	CHECK_STR(fs.label, "Label");
	CHECK_EQ(fs.serial, 0x55667788);
	CHECK_EQ(fs.cluster_size, 512);
	CHECK_EQ(fs.total_bytes, NTFS_SIZE - 512);
	CHECK(pod_ntfs_state(&fs, &s) == POD_OK && !s.dirty && !s.log_open);
	pod_fs_close(&fs);
	CHECK_EQ(test_alloc_live, 0);
}

TEST(names_in_order)
{
	char list[400];
	make();
	REQUIRE(open_sealed() == POD_OK);
	CHECK_EQ(fs_names(&fs, "", &ent, list), POD_END);
	/* "." and the short name are not shown, nor the junction. */
	CHECK_STR(list, "cloud.bin empty folder packed.bin partial.img pieces.img plain.iso plain2.iso resident.txt secret.bin "
			"sparse.img ");
	CHECK_EQ(fs_names(&fs, "/folder", &ent, list), POD_END);
	CHECK_STR(list, "inner ");
	struct pod_node n;
	CHECK_EQ(look_up("/FOLDER/Inner", &n), POD_OK);
	CHECK_EQ(look_up("/junction/x", &n), POD_E_UNSUPPORTED);
	CHECK_EQ(look_up("/none", &n), POD_E_NOT_FOUND);
	pod_fs_close(&fs);
}

TEST(files)
{
	struct pod_node n;
	struct pod_extent *e;
	uint8_t buf[5000];
	size_t count;
	make();
	REQUIRE(open_sealed() == POD_OK);
	CHECK_EQ(look_up("plain2.iso", &n), POD_OK);
	CHECK_EQ(n.size_bytes, 3000);
	CHECK_EQ(n.mtime, 1705526400);
	CHECK_EQ(n.attributes, POD_ATTR_READ_ONLY | POD_ATTR_ARCHIVE);
	CHECK(pod_fs_extents(&fs, &n, &test_alloc, &e, &count) == POD_OK && count == 1 && e[0].dev_bytes == 300 * 512);
	pod_free(&test_alloc, e);
	CHECK(look_up("sparse.img", &n) == POD_OK && pod_fs_extents(&fs, &n, &test_alloc, &e, &count) == POD_OK);
	/* The two last runs touch. */
	CHECK(count == 3 && e[1].hole && e[2].dev_bytes == 310 * 512 && e[2].length_bytes == 3 * 512 - 12);
	pod_free(&test_alloc, e);
	CHECK(pod_fs_read(&fs, &n, 1000, buf, 3000) == POD_OK && buf[0] == 31 && buf[24] == 0 && buf[2072] == 20);
	CHECK(look_up("pieces.img", &n) == POD_OK && pod_fs_read(&fs, &n, 0, buf, 2000) == POD_OK);
	CHECK(buf[0] == 44 && buf[1024] == 40 && buf[1999] == 41);
	CHECK(look_up("partial.img", &n) == POD_OK && pod_fs_extents(&fs, &n, &test_alloc, &e, &count) == POD_OK);
	CHECK(count == 2 && !e[0].hole && e[0].length_bytes == 700 && e[1].hole && e[1].length_bytes == 1100);
	pod_free(&test_alloc, e);
	CHECK(look_up("empty", &n) == POD_OK && n.size_bytes == 0);
	pod_fs_close(&fs);
}

TEST(what_is_not_served)
{
	static const struct {
		const char *name, *why;
	} c[] = {{"packed.bin", "compressed file"},
		 {"secret.bin", "encrypted file (EFS)"},
		 {"cloud.bin", "file with a reparse point"},
		 {"resident.txt", "file so small that it lies in its file record"}};
	struct pod_extent *e;
	struct pod_node n;
	char buf[30];
	size_t count;
	make();
	REQUIRE(open_sealed() == POD_OK);
	for (size_t i = 0; i < POD_ARRAY_LEN(c); i++) {
		fs.diag.what = "";
		CHECK_EQ(look_up(c[i].name, &n), POD_OK);
		CHECK_EQ(pod_fs_extents(&fs, &n, &test_alloc, &e, &count), POD_E_UNSUPPORTED);
		CHECK_STR(fs.diag.what, c[i].why);
		CHECK_EQ(pod_fs_read(&fs, &n, 1, buf, 21), i == 3 ? POD_OK : POD_E_UNSUPPORTED);
	}
	CHECK(memcmp(buf, "t lies in its record.", 21) == 0);
	pod_fs_close(&fs);
}

TEST(left_open)
{
	struct pod_ntfs_state s;
	for (unsigned i = 0; i < 6; i++) {
		uint8_t *page = img + (i & 1 ? 208 : 200) * 512;
		make();
		memcpy(page, "RSTR", 4);
		pod_put_le16(page + 4, 30);
		pod_put_le16(page + 6, 9);
		for (uint32_t k = 1; k <= 8; k++)
			memset(page + k * 512 - 2, 0, 2);
		memset(page + 30, 0, 18);
		pod_put_le16(page + 24, 48);
		pod_put_le64(page + 48, 5);
		/* 0, 1: no client; 2, 3: one; 4, 5: one, marked clean */
		pod_put_le16(page + 48 + 12, i < 2 ? 0xFFFF : 0);
		pod_put_le16(page + 48 + 14, i < 4 ? 0 : 2);
		uint8_t *info = ntfs_record(img, 3) + 56 + 40 + 24;
		info[10] = i & 1;
		REQUIRE(open_sealed() == POD_OK);
		CHECK_EQ(pod_ntfs_state(&fs, &s), POD_OK);
		CHECK_EQ(s.log_open, i == 2 || i == 3);
		CHECK_EQ(s.dirty, i & 1);
		pod_fs_close(&fs);
	}
	make();
	memcpy(img + 200 * 512, "none of these", 13);
	REQUIRE(open_sealed() == POD_OK);
	CHECK(pod_ntfs_state(&fs, &s) == POD_OK && s.log_open);
	pod_fs_close(&fs);
}

TEST(damage)
{
	struct pod_node n;
	char list[400];
	/* Record 0 torn: the mirror; both torn: nothing. */
	make();
	ntfs_seal(img);
	img[16 * 512 + 510] ^= 1;
	REQUIRE(pod_fs_open(&fs, &mem.dev, &test_alloc, NULL) == POD_OK);
	pod_fs_close(&fs);
	img[10 * 512 + 510] ^= 1;
	CHECK_EQ(pod_fs_open(&fs, &mem.dev, &test_alloc, NULL), POD_E_CORRUPT);
	/* A record torn: its names are gone, the others stay. */
	make();
	ntfs_seal(img);
	ntfs_record(img, 24)[1022] ^= 1;
	REQUIRE(pod_fs_open(&fs, &mem.dev, &test_alloc, NULL) == POD_OK);
	CHECK_EQ(look_up("plain.iso", &n), POD_E_CORRUPT);
	CHECK(fs_names(&fs, "", &ent, list) == POD_END && strstr(list, "pieces.img") && !strstr(list, "plain"));
	pod_fs_close(&fs);
	/* A record without what every file has; a volume whose end is missing. */
	make();
	ntfs_record(img, 24)[56] = 0x18;
	REQUIRE(open_sealed() == POD_OK);
	CHECK(fs_names(&fs, "", &ent, list) == POD_END && strstr(list, "pieces.img") && !strstr(list, "plain"));
	pod_fs_close(&fs);
	make();
	pod_memdev_init(&mem, img, 417 * 512, 512, true);
	REQUIRE(open_sealed() == POD_OK);
	CHECK_EQ(fs_names(&fs, "", &ent, list), POD_E_CORRUPT);
	pod_fs_close(&fs);
	/* A record in use for something else by now. */
	make();
	ntfs_record(img, 24)[16] = 2;
	REQUIRE(open_sealed() == POD_OK);
	CHECK_EQ(look_up("plain.iso", &n), POD_E_CORRUPT);
	pod_fs_close(&fs);
	/* A block of the index below itself. */
	make();
	uint8_t *block = img + 400 * 512;
	block[64 + 12] |= 1;
	pod_put_le64(block + 64 + pod_get_le16(block + 64 + 8) - 8, 0);
	REQUIRE(open_sealed() == POD_OK);
	CHECK_EQ(fs_names(&fs, "", &ent, list), POD_E_CORRUPT);
	pod_fs_close(&fs);
	CHECK_EQ(test_alloc_live, 0);
}

TEST(nothing_left_behind)
{
	make();
	ntfs_seal(img);
	for (long i = 1; i < 40; i++) {
		char list[400];
		test_alloc_count = 0;
		test_alloc_fail_at = i;
		if (pod_fs_open(&fs, &mem.dev, &test_alloc, NULL) == POD_OK) {
			enum pod_status st = fs_names(&fs, "", &ent, list);
			CHECK(st == POD_END || st == POD_E_NOMEM);
			pod_fs_close(&fs);
		}
		CHECK_EQ(test_alloc_live, 0);
	}
	test_alloc_fail_at = 0;
}

TEST(times)
{
	CHECK_EQ(pod_ntfs_to_unix(116444736000000000ull), 0);
	CHECK_EQ(pod_ntfs_to_unix(116444736010000000ull), 1);
	CHECK_EQ(pod_ntfs_to_unix(NTFS_TIME), 1705526400);
	CHECK_EQ(pod_ntfs_to_unix(UINT64_MAX), 1833029933770ull);
	CHECK_EQ(pod_ntfs_to_unix(0), 0);
}
