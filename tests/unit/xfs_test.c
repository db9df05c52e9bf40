/* SPDX-License-Identifier: BSD-2-Clause */
/* XFS on a volume made by hand (xfs_volume.h), of version 5 and of version 4: each kind of file, each refusal, damage, the log. */
#include "core/base/hash.h"
#include "core/fs/xfs.h"
#include "core/fs/xfs_int.h"
#include "tests/unit/xfs_volume.h"
#include "tests/unit/place_image.h"
#include "tests/unit/fs_names.h"
#include "tests/unit/test.h"

static uint8_t img[XFSV_SIZE];
static struct xfsv v = {img, true};
static struct pod_memdev mem;
static struct pod_fs fs;
static struct pod_dirent ent;

static void make(bool v5)
{
	v.v5 = v5;
	xfsv_make(&v);
	pod_memdev_init(&mem, img, sizeof img, 512, true);
}

static enum pod_status open_it(struct pod_diag *diag)
{
	return pod_fs_open_as(&fs, &pod_fs_xfs, &mem.dev, &test_alloc, diag);
}

static enum pod_status look_up(const char *path, struct pod_node *n)
{
	return pod_fs_lookup(&fs, path, n, &ent);
}

#define BOTH_VERSIONS for (int version = 4; version <= 5; version++)

TEST(volume)
{
	BOTH_VERSIONS
	{
		make(version == 5);
		REQUIRE(open_it(NULL) == POD_OK);
		CHECK_STR(fs.ops->name, "xfs");
		CHECK_STR(fs.label, "label");
		CHECK_EQ(fs.cluster_size, 1024);
		CHECK_EQ(fs.total_bytes, XFSV_SIZE);
		pod_fs_close(&fs);
		CHECK_EQ(test_alloc_live, 0);
	}
	/* No stick has it: the list of those that are tried leaves it out. */
	CHECK_EQ(pod_fs_open(&fs, &mem.dev, &test_alloc, NULL), POD_E_FORMAT);
}

TEST(directories)
{
	char out[512];
	BOTH_VERSIONS
	{
		make(version == 5);
		REQUIRE(open_it(NULL) == POD_OK);
		/* Links, the device, and the one whose inode is none, are not told. */
		CHECK_EQ(fs_names(&fs, "", &ent, out), POD_END);
		CHECK_STR(out, "one.txt pieces tree block leaf short rt empty ");
		CHECK_EQ(fs_names(&fs, "block", &ent, out), POD_END);
		CHECK_STR(out, "first a\nb ");
		CHECK_EQ(fs_names(&fs, "leaf", &ent, out), POD_END);
		CHECK_STR(out, "one two ");
		CHECK_EQ(fs_names(&fs, "short/up/short/leaf", &ent, out), POD_END);
		CHECK_STR(out, "one two ");
		pod_fs_close(&fs);
	}
}

TEST(files)
{
	static uint8_t buf[8192];
	struct pod_node n;
	struct pod_extent *x;
	size_t count;
	BOTH_VERSIONS
	{
		make(version == 5);
		REQUIRE(open_it(NULL) == POD_OK);
		REQUIRE(look_up("one.txt", &n) == POD_OK);
		CHECK_EQ(n.size_bytes, 1500);
		CHECK_EQ(n.mtime, version == 5 ? 16000000000 : 1700000000);
		CHECK_EQ(n.entry_bytes, XFSV_ONE * 1024 + 512);
		CHECK_EQ(n.entry_len, version == 5 ? 512 : 256);
		REQUIRE(pod_fs_extents(&fs, &n, &test_alloc, &x, &count) == POD_OK);
		CHECK(count == 1 && x[0].dev_bytes == (XFSV_AG + 30) * 1024 && x[0].length_bytes == 1500);
		pod_free(&test_alloc, x);
		REQUIRE(look_up("pieces", &n) == POD_OK);
		REQUIRE(pod_fs_extents(&fs, &n, &test_alloc, &x, &count) == POD_OK);
		CHECK(count == 4 && !x[0].hole && x[1].hole && !x[2].hole && x[3].hole);
		CHECK(x[1].length_bytes == 3 * 1024 && x[3].length_bytes == 1024 + 512);
		pod_free(&test_alloc, x);
		REQUIRE(pod_fs_read(&fs, &n, 0, buf, (size_t)n.size_bytes) == POD_OK);
		CHECK(buf[1023] == 'p' && pod_all_zero(buf + 1024, 3072) && buf[4096] == 'q' && pod_all_zero(buf + 5120, 1536));
		REQUIRE(look_up("tree", &n) == POD_OK);
		REQUIRE(pod_fs_read(&fs, &n, 0, buf, (size_t)n.size_bytes) == POD_OK);
		for (size_t i = 0; i < 4096; i++)
			REQUIRE(buf[i] == 'a' + i / 1024);
		REQUIRE(look_up("empty", &n) == POD_OK);
		CHECK_EQ(pod_fs_extents(&fs, &n, &test_alloc, &x, &count), POD_OK);
		CHECK_EQ(count, 0);
		REQUIRE(look_up("rt", &n) == POD_OK);
		CHECK_EQ(pod_fs_extents(&fs, &n, &test_alloc, &x, &count), POD_E_UNSUPPORTED);
		CHECK_STR(fs.diag.what, "file on the realtime device");
		CHECK_EQ(look_up("dev", &n), POD_E_UNSUPPORTED);
		CHECK_EQ(look_up("bad", &n), POD_E_CORRUPT);
		pod_fs_close(&fs);
		CHECK_EQ(test_alloc_live, 0);
	}
}

TEST(links)
{
	struct pod_node n;
	BOTH_VERSIONS
	{
		make(version == 5);
		REQUIRE(open_it(NULL) == POD_OK);
		CHECK(look_up("link", &n) == POD_OK && n.size_bytes == 1500);
		CHECK(look_up("far", &n) == POD_OK && n.size_bytes == 1500);
		CHECK_EQ(look_up("loop", &n), POD_E_LIMIT);
		CHECK_EQ(look_up("block/last", &n), POD_E_NOT_FOUND); /* "one.txt" is not there */
		/* A target as long as a name may be does not fit. */
		pod_put_be64(xfsv_inode(&v, XFSV_FAR) + 56, 1024);
		CHECK_EQ(look_up("far", &n), POD_E_LIMIT);
		/* Longer than its blocks; in its inode, longer than that. */
		pod_put_be64(xfsv_inode(&v, XFSV_FAR) + 56, 1023);
		xfsv_extent(xfsv_fork(&v, XFSV_FAR), 0, 45, 1, false);
		CHECK_EQ(look_up("far", &n), version == 5 ? POD_E_CORRUPT : POD_OK); /* without headers one is enough */
		pod_put_be64(xfsv_inode(&v, XFSV_LINK) + 56, 400);
		CHECK_EQ(look_up("link", &n), POD_E_CORRUPT);
		pod_fs_close(&fs);
	}
}

/* Sets `len` bytes at `p` to `value` and says what opening makes of it; then puts back what was there. */
static enum pod_status opened_with(uint8_t *p, size_t len, uint64_t value, struct pod_diag *diag)
{
	uint8_t old[8], new[8];
	memcpy(old, p, len);
	pod_put_be64(new, value);
	memcpy(p, new + 8 - len, len);
	enum pod_status st = open_it(diag);
	if (st == POD_OK)
		pod_fs_close(&fs);
	memcpy(p, old, len);
	return st;
}

TEST(superblocks)
{
	static const struct {
		uint32_t at, len;
		uint64_t value;
		enum pod_status st;
	} bad[] = {
		{0, 1, 'x', POD_E_FORMAT},	     {4, 4, 2048, POD_E_CORRUPT},      {8, 8, 100, POD_E_CORRUPT},
		{8, 8, 201, POD_E_CORRUPT},	     {56, 8, 22, POD_E_CORRUPT},       {56, 8, UINT64_MAX, POD_E_CORRUPT},
		{84, 4, 0, POD_E_CORRUPT},	     {84, 4, 129, POD_E_CORRUPT},      {88, 4, 0, POD_E_CORRUPT},
		{100, 2, 0xB4A3, POD_E_UNSUPPORTED}, {102, 2, 0, POD_E_CORRUPT},       {102, 2, 2048, POD_E_CORRUPT},
		{104, 2, 1024, POD_E_CORRUPT},	     {120, 1, 8, POD_E_CORRUPT},       {120, 1, 200, POD_E_CORRUPT},
		{122, 1, 11, POD_E_CORRUPT},	     {123, 1, 3, POD_E_CORRUPT},       {124, 1, 32, POD_E_CORRUPT},
		{192, 1, 7, POD_E_CORRUPT},	     {216, 4, 513, POD_E_UNSUPPORTED},
	};
	struct pod_diag diag;
	make(true);
	CHECK_EQ(opened_with(img, 0, 0, &diag), POD_OK);
	for (size_t i = 0; i < POD_ARRAY_LEN(bad); i++) {
		enum pod_status st = opened_with(img + bad[i].at, bad[i].len, bad[i].value, &diag);
		if (st != bad[i].st)
			printf("+%u := %llu\n", bad[i].at, (unsigned long long)bad[i].value);
		CHECK_EQ(st, bad[i].st);
	}
	make(false);
	CHECK_EQ(opened_with(img + 100, 2, 0x94A4, &diag), POD_E_UNSUPPORTED);
	CHECK_STR(diag.what, "XFS directories of version 1");
	CHECK_EQ(test_alloc_live, 0);
}

static enum pod_status extents_with(const char *path, uint8_t *p, size_t len, uint64_t value)
{
	struct pod_node n;
	struct pod_extent *x;
	size_t count;
	uint8_t old[8], new[8];
	memcpy(old, p, len);
	pod_put_be64(new, value);
	memcpy(p, new + 8 - len, len);
	enum pod_status st = open_it(NULL);
	if (st == POD_OK) {
		st = look_up(path, &n);
		if (st == POD_OK)
			st = pod_fs_extents(&fs, &n, &test_alloc, &x, &count);
		if (st == POD_OK)
			pod_free(&test_alloc, x);
		pod_fs_close(&fs);
	}
	memcpy(p, old, len);
	return st;
}

TEST(damaged_extents)
{
	BOTH_VERSIONS
	{
		make(version == 5);
		uint8_t *pieces = xfsv_fork(&v, XFSV_PIECES), *tree = xfsv_fork(&v, XFSV_TREE);
		uint8_t *inode = xfsv_inode(&v, XFSV_PIECES), *node = xfsv_block(&v, xfsv_at(1, 40));
		uint8_t *leaf = xfsv_block(&v, xfsv_at(1, 41)), *other = xfsv_block(&v, xfsv_at(1, 42));
		CHECK_EQ(extents_with("pieces", img, 0, 0), POD_OK);
		CHECK_EQ(extents_with("tree", img, 0, 0), POD_OK);
		/* None, out of order, behind the AG, in no AG; more than fit in the inode; an unknown format. */
		CHECK_EQ(extents_with("pieces", pieces + 8, 8, xfsv_at(0, 40) << 21), POD_E_CORRUPT);
		CHECK_EQ(extents_with("pieces", pieces + 16, 8, UINT64_C(1) << 63), POD_E_CORRUPT);
		CHECK_EQ(extents_with("pieces", pieces + 8, 8, xfsv_at(0, 99) << 21 | 2), POD_E_CORRUPT);
		CHECK_EQ(extents_with("pieces", pieces + 8, 8, xfsv_at(2, 1) << 21 | 1), POD_E_CORRUPT);
		CHECK_EQ(extents_with("pieces", inode + 76, 4, 22), POD_E_CORRUPT);
		CHECK_EQ(extents_with("pieces", inode + 5, 1, 4), POD_E_CORRUPT);
		CHECK_EQ(extents_with("pieces", inode + 5, 1, 1), POD_E_CORRUPT);
		CHECK_EQ(extents_with("pieces", inode + 82, 1, 255), POD_E_CORRUPT);
		CHECK_EQ(extents_with("pieces", inode + 56, 8, UINT64_MAX), POD_E_CORRUPT);
		/* Root, node and leaf: level, count, magic; a chain that comes back. */
		CHECK_EQ(extents_with("tree", tree, 2, 0), POD_E_CORRUPT);
		CHECK_EQ(extents_with("tree", tree, 2, 1), POD_E_CORRUPT);
		CHECK_EQ(extents_with("tree", tree, 2, 10), POD_E_CORRUPT);
		CHECK_EQ(extents_with("tree", tree + 2, 2, 0), POD_E_CORRUPT);
		CHECK_EQ(extents_with("tree", tree + 2, 2, 22), POD_E_CORRUPT);
		CHECK_EQ(extents_with("tree", node, 1, 'X'), POD_E_CORRUPT);
		CHECK_EQ(extents_with("tree", node + 4, 2, 2), POD_E_CORRUPT);
		CHECK_EQ(extents_with("tree", leaf + 6, 2, 0), POD_E_CORRUPT);
		CHECK_EQ(extents_with("tree", leaf + 6, 2, 64), POD_E_CORRUPT);
		CHECK_EQ(extents_with("tree", other + 16, 8, xfsv_at(1, 41)), POD_E_CORRUPT);
		CHECK_EQ(extents_with("tree", leaf + 16, 8, xfsv_at(1, 41)), POD_E_CORRUPT);
		if (version == 5)
			CHECK_EQ(extents_with("pieces", inode + 152, 8, 1), POD_E_CORRUPT);
	}
	CHECK_EQ(test_alloc_live, 0);
}

static enum pod_status listed_with(const char *path, uint8_t *p, size_t len, uint64_t value)
{
	uint8_t old[8], new[8];
	char out[512];
	memcpy(old, p, len);
	pod_put_be64(new, value);
	memcpy(p, new + 8 - len, len);
	enum pod_status st = open_it(NULL);
	if (st == POD_OK) {
		st = fs_names(&fs, path, &ent, out);
		pod_fs_close(&fs);
	}
	memcpy(p, old, len);
	return st;
}

TEST(damaged_directories)
{
	BOTH_VERSIONS
	{
		make(version == 5);
		uint32_t header = version == 5 ? 64 : 16;
		uint8_t *root = xfsv_fork(&v, XFSV_ROOT), *size = xfsv_inode(&v, XFSV_ROOT) + 56;
		uint8_t *block = xfsv_block(&v, 50), *end = xfsv_block(&v, xfsv_at(1, 60)) + 1024;
		uint8_t *two = xfsv_block(&v, xfsv_at(1, 70));
		CHECK_EQ(listed_with("", root, 1, 14), POD_E_CORRUPT);
		CHECK_EQ(listed_with("", root + 6, 1, 255), POD_E_CORRUPT);
		CHECK_EQ(listed_with("", size, 8, 1), POD_E_CORRUPT);
		CHECK_EQ(listed_with("", size, 8, 20), POD_E_CORRUPT);
		CHECK_EQ(listed_with("block", block, 1, 'Y'), POD_E_CORRUPT);
		CHECK_EQ(listed_with("block", end - 8, 4, 300), POD_E_CORRUPT);
		CHECK_EQ(listed_with("block", block + header + 32 + 2, 2, 0), POD_E_CORRUPT);
		CHECK_EQ(listed_with("block", block + header + 32 + 2, 2, 804), POD_E_CORRUPT);
		CHECK_EQ(listed_with("block", block + header + 32 + 2, 2, 0xFFF8), POD_E_CORRUPT);
		/* A name that goes on behind the end; free space that leaves room for none. */
		CHECK_EQ(listed_with("leaf", two + header + 16 + 2, 2, 2048 - header - 16 - 8), POD_E_CORRUPT);
		/* Half of a block is missing; the hashes' place is no part of the names. */
		CHECK_EQ(listed_with("leaf", xfsv_fork(&v, XFSV_LEAFDIR) + 24, 8, xfsv_at(1, 70) << 21 | 1), POD_E_CORRUPT);
		CHECK_EQ(listed_with("leaf", xfsv_inode(&v, XFSV_LEAFDIR) + 56, 8, UINT64_MAX >> 1), POD_END);
	}
	CHECK_EQ(test_alloc_live, 0);
}

TEST(a_log_that_was_not_emptied)
{
	static const struct {
		uint32_t rounds, header;
		uint8_t flags;
		bool dirty;
	} log[] = {
		{20, 1, 0x20, false}, {20, 1, 0x01, true},  {1, 1, 0x20, false}, {2, 1, 0x20, false},
		{32, 1, 0x20, false}, {20, 4, 0x20, false}, {2, 4, 0x20, false}, {20, 4, 0x02, true},
	};
	bool dirty;
	make(true);
	for (size_t i = 0; i < POD_ARRAY_LEN(log); i++) {
		xfsv_log(&v, log[i].rounds, log[i].header, log[i].flags);
		REQUIRE(open_it(NULL) == POD_OK);
		REQUIRE(pod_xfs_log_is_dirty(&fs, &dirty) == POD_OK);
		if (dirty != log[i].dirty)
			printf("log %zu\n", i);
		CHECK_EQ(dirty, log[i].dirty);
		pod_fs_close(&fs);
	}
	/* Something behind the record; two operations; no record at all. */
	uint8_t *bytes = xfsv_block(&v, XFSV_LOG);
	xfsv_log(&v, 20, 1, 0x20);
	pod_put_be32(bytes + 20 * 512, 2);
	REQUIRE(open_it(NULL) == POD_OK);
	CHECK(pod_xfs_log_is_dirty(&fs, &dirty) == POD_OK && dirty);
	pod_put_be32(bytes + 20 * 512, 1);
	CHECK(pod_xfs_log_is_dirty(&fs, &dirty) == POD_OK && !dirty);
	pod_put_be32(bytes + 18 * 512 + 40, 2);
	CHECK(pod_xfs_log_is_dirty(&fs, &dirty) == POD_OK && dirty);
	memset(bytes, 0, XFSV_LOG_BLOCKS * 1024);
	CHECK(pod_xfs_log_is_dirty(&fs, &dirty) == POD_OK && dirty);
	pod_fs_close(&fs);
	/* On another device: nothing can be said. */
	pod_put_be64(img + 48, 0);
	REQUIRE(open_it(NULL) == POD_OK);
	CHECK(pod_xfs_log_is_dirty(&fs, &dirty) == POD_OK && !dirty);
	pod_fs_close(&fs);
	pod_put_be64(img + 48, 90);
	REQUIRE(open_it(NULL) == POD_OK);
	CHECK_EQ(pod_xfs_log_is_dirty(&fs, &dirty), POD_E_CORRUPT);
	pod_fs_close(&fs);
}

static void start(struct pod_place *p)
{
	place_image_begin(p, &pod_place_xfs, &fs, img);
}

TEST(free_room)
{
	static const uint32_t want[][2] = {{24, 6}, {76, 4}, {84, 16}, {173, 27}};
	struct pod_place p;
	struct pod_place_run r;
	BOTH_VERSIONS
	{
		make(version == 5);
		REQUIRE(open_it(NULL) == POD_OK);
		start(&p);
		uint64_t from = 0;
		for (size_t i = 0; i < POD_ARRAY_LEN(want); i++) {
			REQUIRE(p.ops->next_free(&p, from, &r) == POD_OK);
			CHECK_EQ(r.dev_bytes, want[i][0] * 1024);
			CHECK_EQ(r.length_bytes, want[i][1] * 1024);
			from = r.dev_bytes + r.length_bytes;
		}
		CHECK_EQ(p.ops->next_free(&p, from, &r), POD_END);
		/* In the middle of one, and of a block. */
		CHECK(p.ops->next_free(&p, 77 * 1024 + 1, &r) == POD_OK && r.dev_bytes == 78 * 1024 && r.length_bytes == 2048);
		CHECK(p.ops->next_free(&p, 120 * 1024, &r) == POD_OK && r.dev_bytes == 173 * 1024 && r.length_bytes == 27 * 1024);
		/* A record behind the AG's end: the next AG has room, too. */
		pod_put_be32(xfsv_block(&v, 4) + (v.v5 ? 60 : 20), 77);
		CHECK(p.ops->next_free(&p, 0, &r) == POD_OK && r.dev_bytes == 173 * 1024);
		pod_place_fini(&p);
		pod_fs_close(&fs);
	}
}

/* A file of `n` blocks that lie apart: in its inode, or in a tree. */
static void point(size_t n, uint32_t format)
{
	struct pod_place_run run[120];
	struct pod_place p;
	struct pod_node node;
	struct pod_extent *x;
	size_t count;
	REQUIRE(open_it(NULL) == POD_OK);
	REQUIRE(look_up("one.txt", &node) == POD_OK);
	start(&p);
	for (size_t i = 0; i < n; i++)
		run[i] = (struct pod_place_run){.dev_bytes = (i * 2 + (i > 40)) % 200 * 1024, .length_bytes = 1024};
	struct pod_place_runs runs = {.run = run, .count = n};
	REQUIRE(p.ops->point(&p, &node, &runs, n * 1024 - 7) == POD_OK);
	pod_place_fini(&p);
	pod_fs_close(&fs);
	uint8_t *inode = xfsv_inode(&v, XFSV_ONE), old[4];
	CHECK_EQ(inode[5], format);
	if (v.v5) { /* the sum of the whole, zeros in its place */
		memcpy(old, inode + 100, 4);
		memset(inode + 100, 0, 4);
		CHECK_EQ(pod_get_le32(old), pod_crc32c(0, inode, 512));
		memcpy(inode + 100, old, 4);
	}
	REQUIRE(open_it(NULL) == POD_OK);
	REQUIRE(look_up("one.txt", &node) == POD_OK);
	CHECK_EQ(node.size_bytes, n * 1024 - 7);
	REQUIRE(pod_fs_extents(&fs, &node, &test_alloc, &x, &count) == POD_OK);
	REQUIRE(count == n);
	for (size_t i = 0; i < n; i++)
		CHECK(x[i].dev_bytes == run[i].dev_bytes && !x[i].hole);
	pod_free(&test_alloc, x);
	pod_fs_close(&fs);
	CHECK_EQ(test_alloc_live, 0);
}

TEST(files_shown_longer)
{
	BOTH_VERSIONS
	{
		make(version == 5);
		point(3, 2);
		point(version == 5 ? 21 : 9, 2);
		point(version == 5 ? 22 : 10, 3);
		point(100, 3); /* two leaves */
		/* The volume is full: no room for leaves. */
		memset(xfsv_block(&v, xfsv_at(0, 3)), 0, 4);
		memset(xfsv_block(&v, xfsv_at(1, 3)), 0, 4);
		struct pod_place_run run[30];
		struct pod_place_runs runs = {.run = run, .count = 30};
		struct pod_place p;
		struct pod_node node;
		for (size_t i = 0; i < 30; i++)
			run[i] = (struct pod_place_run){.dev_bytes = i * 2048, .length_bytes = 1024};
		REQUIRE(open_it(NULL) == POD_OK);
		REQUIRE(look_up("one.txt", &node) == POD_OK);
		start(&p);
		CHECK_EQ(p.ops->point(&p, &node, &runs, 30000), POD_E_NOSPACE);
		pod_place_fini(&p);
		pod_fs_close(&fs);
		CHECK_EQ(test_alloc_live, 0);
	}
}

TEST(every_allocation_fails_cleanly)
{
	make(true);
	for (long k = 1; k <= 4; k++) {
		test_alloc_count = 0;
		test_alloc_fail_at = k;
		CHECK_EQ(open_it(NULL), POD_E_NOMEM);
		CHECK_EQ(test_alloc_live, 0);
	}
	test_alloc_count = test_alloc_fail_at = 0;
}
