/* SPDX-License-Identifier: BSD-2-Clause */
/* Btrfs on a volume made by hand (btrfs_volume.h): each kind of file, each refusal, damage, copies, room, files shown longer. */
#include "core/fs/btrfs.h"
#include "core/fs/btrfs_int.h"
#include "tests/unit/btrfs_volume.h"
#include "tests/unit/place_image.h"
#include "tests/unit/fs_names.h"
#include "tests/unit/test.h"

static uint8_t img[BTRFSV_SIZE];
static struct btrfsv v = {.img = img};
static struct pod_memdev mem;
static struct pod_fs fs;
static struct pod_dirent ent;

static void make(void)
{
	btrfsv_make(&v);
	pod_memdev_init(&mem, img, sizeof img, 512, true);
}

static enum pod_status open_it(struct pod_diag *diag)
{
	return pod_fs_open_as(&fs, &pod_fs_btrfs, &mem.dev, &test_alloc, diag);
}

static enum pod_status look_up(const char *path, struct pod_node *n)
{
	return pod_fs_lookup(&fs, path, n, &ent);
}

TEST(volume)
{
	make();
	REQUIRE(open_it(NULL) == POD_OK);
	CHECK_STR(fs.ops->name, "btrfs");
	CHECK_STR(fs.label, "label");
	CHECK_EQ(fs.cluster_size, BTRFSV_SECTOR);
	CHECK_EQ(fs.total_bytes, BTRFSV_SIZE);
	CHECK(!pod_btrfs_is_dirty(&fs));
	pod_fs_close(&fs);
	CHECK_EQ(test_alloc_live, 0);
	pod_put_le64(img + BTRFSV_SUPER + 96, 12345);
	btrfsv_sum(img);
	REQUIRE(open_it(NULL) == POD_OK);
	CHECK(pod_btrfs_is_dirty(&fs));
	pod_fs_close(&fs);
	/* No stick has it: the list of those that are tried leaves it out. */
	CHECK_EQ(pod_fs_open(&fs, &mem.dev, &test_alloc, NULL), POD_E_FORMAT);
}

TEST(directories)
{
	char out[512];
	make();
	REQUIRE(open_it(NULL) == POD_OK);
	/* Links, the device, what has no inode, and the subvolume of another tree, are not told. */
	CHECK_EQ(fs_names(&fs, "", &ent, out), POD_END);
	CHECK_STR(out, "one pieces zlib lzo zstd packed inline striped gone secret empty many @ ");
	CHECK_EQ(fs_names(&fs, "@", &ent, out), POD_END);
	CHECK_STR(out, "file old ");
	/* The snapshot has an entry for itself, which leads nowhere. */
	CHECK_EQ(fs_names(&fs, "@/old", &ent, out), POD_END);
	CHECK_STR(out, "file ");
	struct pod_node n;
	CHECK(look_up("@", &n) == POD_OK && n.is_root && look_up("@/file", &n) == POD_OK && !n.is_root);
	pod_fs_close(&fs);
	REQUIRE(pod_fs_open_as(&fs, &pod_fs_btrfs_default, &mem.dev, &test_alloc, NULL) == POD_OK);
	CHECK_EQ(fs_names(&fs, "", &ent, out), POD_END);
	CHECK_STR(out, "file ");
	CHECK(look_up("file", &n) == POD_OK && n.size_bytes == 4);
	pod_fs_close(&fs);
	/* The default is the root of the whole. */
	btrfsv_key(btrfsv_find(&v, BTRFSV_ROOTS, 6, 84), 5, 132, UINT64_MAX);
	btrfsv_finish(&v);
	CHECK_EQ(pod_fs_open_as(&fs, &pod_fs_btrfs_default, &mem.dev, &test_alloc, NULL), POD_E_FORMAT);
	CHECK_EQ(test_alloc_live, 0);
}

/* The whole of a file; "" as a name of what is expected: a byte for each run of equal ones, with their number. */
static void has(const char *path, const char *want)
{
	static uint8_t buf[65536];
	struct pod_node n;
	char out[256];
	int len = 0;
	REQUIRE(look_up(path, &n) == POD_OK);
	REQUIRE(n.size_bytes <= sizeof buf);
	REQUIRE(pod_fs_read(&fs, &n, 0, buf, (size_t)n.size_bytes) == POD_OK);
	out[0] = 0;
	for (size_t i = 0, k; i < n.size_bytes; i = k) {
		for (k = i; k < n.size_bytes && buf[k] == buf[i]; k++)
			;
		len += snprintf(out + len, sizeof out - (size_t)len, "%c%zu ", buf[i] ? buf[i] : '0', k - i);
	}
	CHECK_STR(out, want);
	/* From the middle on it is the same. */
	if (n.size_bytes > 100) {
		static uint8_t part[65536];
		size_t from = (size_t)n.size_bytes / 2 + 7;
		REQUIRE(pod_fs_read(&fs, &n, from, part, (size_t)n.size_bytes - from) == POD_OK);
		CHECK(memcmp(part, buf + from, (size_t)n.size_bytes - from) == 0);
	}
}

static enum pod_status extents_of(const char *path, struct pod_extent **x, size_t *count)
{
	struct pod_node n;
	enum pod_status st = look_up(path, &n);
	return st == POD_OK ? pod_fs_extents(&fs, &n, &test_alloc, x, count) : st;
}

TEST(files)
{
	struct pod_extent *x;
	struct pod_node n;
	size_t count;
	make();
	REQUIRE(open_it(NULL) == POD_OK);
	has("one", "o2048 p1000 ");
	has("pieces", "q1024 03584 ");
	has("zlib", "z300 010 ");
	has("lzo", "L200 M200 ");
	has("zstd", "Z1500 ");
	has("packed", "z300 ");
	has("inline", "i11 ");
	has("@/file", "n1 e1 w1 ");
	has("empty", "");
	REQUIRE(look_up("one", &n) == POD_OK);
	CHECK_EQ(n.mtime, 1700000000);
	CHECK_EQ(n.entry_len, 160);
	CHECK_EQ(pod_get_le64(img + n.entry_bytes + 16), 3048);
	REQUIRE(extents_of("one", &x, &count) == POD_OK);
	CHECK(count == 2 && x[0].dev_bytes == BTRFSV_DATA && x[1].dev_bytes == BTRFSV_DATA + 4096 && x[1].length_bytes == 1000);
	pod_free(&test_alloc, x);
	REQUIRE(extents_of("pieces", &x, &count) == POD_OK);
	CHECK(count == 2 && x[0].dev_bytes == BTRFSV_DATA + 6 * BTRFSV_SECTOR && x[1].hole && x[1].length_bytes == 3584);
	pod_free(&test_alloc, x);
	REQUIRE(extents_of("many", &x, &count) == POD_OK);
	CHECK_EQ(count, BTRFSV_MANY);
	pod_free(&test_alloc, x);
	static const char *const refused[][2] = {{"zlib", "compressed file"},
						 {"inline", "file kept in a tree"},
						 {"secret", "encrypted file"},
						 {"striped", "Btrfs RAID 0, 10, 5 or 6"},
						 {"gone", "Btrfs without one of its devices"}};
	for (size_t i = 0; i < POD_ARRAY_LEN(refused); i++) {
		CHECK_EQ(extents_of(refused[i][0], &x, &count), POD_E_UNSUPPORTED);
		CHECK_STR(fs.diag.what, refused[i][1]);
	}
	CHECK_EQ(look_up("device", &n), POD_E_UNSUPPORTED);
	CHECK_EQ(look_up("damaged", &n), POD_E_CORRUPT);
	CHECK(look_up("link", &n) == POD_OK && n.size_bytes == 3048);
	CHECK_EQ(look_up("loop", &n), POD_E_LIMIT);
	pod_fs_close(&fs);
	CHECK_EQ(test_alloc_live, 0);
}

TEST(superblocks)
{
	static const struct {
		uint32_t at, len;
		uint64_t value;
		enum pod_status st;
	} bad[] = {
		{64, 1, 'x', POD_E_FORMAT},
		{48, 8, 1, POD_E_CORRUPT},
		{80, 8, 4096, POD_E_CORRUPT},
		{88, 8, 4096, POD_E_CORRUPT},
		{88, 8, 0, POD_E_CORRUPT},
		{72, 8, 8, POD_E_CORRUPT},
		{144, 4, 1000, POD_E_CORRUPT},
		{144, 4, 131072, POD_E_CORRUPT},
		{148, 4, 512, POD_E_CORRUPT},
		{148, 4, 8192, POD_E_CORRUPT},
		{160, 4, 2049, POD_E_CORRUPT},
		{160, 4, 100, POD_E_CORRUPT},
		{160, 4, 0, POD_E_CORRUPT},
		{164, 8, 6, POD_E_CORRUPT},
		{188, 8, 0x1000, POD_E_UNSUPPORTED},
		{188, 8, 0x20000, POD_E_UNSUPPORTED},
		{196, 2, 4, POD_E_UNSUPPORTED},
		{198, 1, 8, POD_E_CORRUPT},
		{199, 1, 1, POD_E_CORRUPT},
		{201, 8, 3, POD_E_UNSUPPORTED},
		{811 + 8, 1, 1, POD_E_CORRUPT},
		{811 + 17, 8, 0, POD_E_CORRUPT},
		{811 + 17 + 44, 2, 0, POD_E_CORRUPT},
		{811 + 17 + 24, 8, 6 | 0x40, POD_E_UNSUPPORTED},
	};
	for (size_t i = 0; i < POD_ARRAY_LEN(bad); i++) {
		struct pod_diag diag = {0};
		uint8_t value[8];
		make();
		pod_put_le64(value, bad[i].value);
		memcpy(img + BTRFSV_SUPER + bad[i].at, value, bad[i].len);
		btrfsv_sum(img);
		enum pod_status st = open_it(&diag);
		if (st != bad[i].st)
			printf("+%u := %llu\n", bad[i].at, (unsigned long long)bad[i].value);
		CHECK_EQ(st, bad[i].st);
		CHECK(diag.what);
		if (st == POD_OK)
			pod_fs_close(&fs);
	}
	CHECK_EQ(test_alloc_live, 0);
	/* A sum that is wrong; one of a kind that is not looked at. */
	make();
	img[BTRFSV_SUPER + 1000] = 1;
	CHECK_EQ(open_it(NULL), POD_E_CORRUPT);
	pod_put_le16(img + BTRFSV_SUPER + 196, 1);
	REQUIRE(open_it(NULL) == POD_OK);
	pod_fs_close(&fs);
}

/* Damage to the first copy of the metadata does nothing; to both, that the file cannot be read. */
TEST(copies)
{
	make();
	memset(img + BTRFSV_META, 'x', BTRFSV_META_LEN);
	REQUIRE(open_it(NULL) == POD_OK);
	has("one", "o2048 p1000 ");
	pod_fs_close(&fs);
	uint8_t *leaf = img + BTRFSV_META_COPY + (size_t)BTRFSV_TOP_FILES * BTRFSV_BLOCK;
	static const uint32_t field[] = {0, 32, 48, 80, 96, 100, 300};
	for (size_t i = 0; i < POD_ARRAY_LEN(field); i++) {
		struct pod_node n;
		uint8_t old = leaf[field[i]];
		leaf[field[i]] ^= 0xFF;
		if (i) /* of the first the sum itself is wrong, of the last a byte that only the sum tells of */
			pod_put_le32(leaf, pod_crc32c(0, leaf + 32, BTRFSV_BLOCK - 32) + (i == POD_ARRAY_LEN(field) - 1));
		REQUIRE(open_it(NULL) == POD_OK);
		CHECK_EQ(look_up("one", &n), POD_E_CORRUPT);
		pod_fs_close(&fs);
		leaf[field[i]] = old;
		pod_put_le32(leaf, pod_crc32c(0, leaf + 32, BTRFSV_BLOCK - 32));
	}
	CHECK_EQ(test_alloc_live, 0);
}

/* What reading a file makes of a field that is set in a block. */
static enum pod_status read_with(const char *path, uint8_t *p, size_t len, uint64_t value)
{
	static uint8_t buf[65536];
	uint8_t old[8], new[8];
	struct pod_node n;
	memcpy(old, p, len);
	pod_put_le64(new, value);
	memcpy(p, new, len);
	btrfsv_finish(&v);
	enum pod_status st = open_it(NULL);
	if (st == POD_OK) {
		st = look_up(path, &n);
		if (st == POD_OK)
			st = pod_fs_read(&fs, &n, 0, buf, (size_t)pod_min_u64(n.size_bytes, sizeof buf));
		pod_fs_close(&fs);
	}
	memcpy(p, old, len);
	return st;
}

TEST(damage)
{
	make();
	uint8_t *top = btrfsv_at(&v, BTRFSV_TOP) + 101, *one = btrfsv_find(&v, BTRFSV_TOP_FILES, BTRFSV_ONE, 108);
	uint8_t *zlib = btrfsv_find(&v, BTRFSV_TOP_FILES, BTRFSV_ZLIB, 108),
		*in = btrfsv_find(&v, BTRFSV_TOP_REST, BTRFSV_INLINE, 108);
	uint8_t *item = btrfsv_at(&v, BTRFSV_TOP_FILES) + 101, *root = btrfsv_find(&v, BTRFSV_ROOTS, 5, 132);
	CHECK_EQ(read_with("one", img, 0, 0), POD_OK);
	/* Nodes: a child elsewhere, of another generation, out of order, itself. */
	CHECK_EQ(read_with("one", top + 33 + 17, 8, 0), POD_E_CORRUPT);
	CHECK_EQ(read_with("one", top + 33 + 25, 8, 6), POD_E_CORRUPT);
	CHECK_EQ(read_with("one", top + 33, 8, 0), POD_E_CORRUPT);
	CHECK_EQ(read_with("one", top + 33 + 17, 8, BTRFSV_META_AT + BTRFSV_TOP * BTRFSV_BLOCK), POD_E_CORRUPT);
	CHECK_EQ(read_with("one", root + 238, 1, 8), POD_E_CORRUPT);
	CHECK_EQ(read_with("one", root + 238, 1, 2), POD_E_CORRUPT);
	CHECK_EQ(read_with("one", root + 176, 8, 0), POD_E_CORRUPT);
	/* Items: an inode that is too short, or not in its leaf; one of another type. */
	CHECK_EQ(read_with("one", item + 21, 4, 100), POD_E_CORRUPT);
	CHECK_EQ(read_with("one", item + 17, 4, BTRFSV_BLOCK - 200), POD_E_CORRUPT);
	CHECK_EQ(read_with("one", item + 17, 4, UINT32_MAX), POD_E_CORRUPT);
	CHECK_EQ(read_with("one", item + 8, 1, 2), POD_E_CORRUPT);
	/* Pieces: longer than the extent; none; beyond all chunks; of an unknown kind; coded otherwise. */
	CHECK_EQ(read_with("one", one + 37, 8, 1), POD_E_CORRUPT);
	CHECK_EQ(read_with("one", one + 45, 8, 0), POD_E_CORRUPT);
	CHECK_EQ(read_with("one", one + 45, 8, UINT64_MAX), POD_E_CORRUPT);
	CHECK_EQ(read_with("one", one + 21, 8, UINT64_MAX - 100), POD_E_CORRUPT);
	CHECK_EQ(read_with("one", one + 21, 8, BTRFSV_DATA_AT + BTRFSV_DATA_LEN - 1024), POD_E_CORRUPT);
	CHECK_EQ(read_with("one", one + 20, 1, 3), POD_E_CORRUPT);
	CHECK_EQ(read_with("one", one + 18, 2, 1), POD_E_UNSUPPORTED);
	/* Packed: too much, in another way, damaged; a part that is not in it. */
	CHECK_EQ(read_with("zlib", zlib + 16, 1, 4), POD_E_UNSUPPORTED);
	CHECK_EQ(read_with("zlib", zlib + 8, 8, UINT64_MAX), POD_E_CORRUPT);
	CHECK_EQ(read_with("zlib", zlib + 29, 8, (128 << 10) + 1), POD_E_CORRUPT);
	CHECK_EQ(read_with("zlib", zlib + 37, 8, 1), POD_E_CORRUPT);
	CHECK_EQ(read_with("zlib", zlib + 8, 8, 299), POD_E_CORRUPT);
	CHECK_EQ(read_with("zlib", btrfsv_data(&v, 10) + 9, 1, 'y'), POD_E_CORRUPT);
	CHECK_EQ(read_with("lzo", btrfsv_data(&v, 11), 4, 4000), POD_E_CORRUPT);
	CHECK_EQ(read_with("lzo", btrfsv_data(&v, 12), 4, 4000), POD_E_CORRUPT);
	/* In the tree: more than there is; nothing. */
	CHECK_EQ(read_with("inline", in + 8, 8, 12), POD_E_CORRUPT);
	CHECK_EQ(read_with("inline", in + 8, 8, 0), POD_E_CORRUPT);
	CHECK_EQ(test_alloc_live, 0);
}

/* --- room, and files shown longer ------------------------------------------------------------------------- */

static void start(struct pod_place *p)
{
	REQUIRE(open_it(NULL) == POD_OK);
	place_image_begin(p, &pod_place_btrfs, &fs, img);
}

static void finish(struct pod_place *p)
{
	pod_place_fini(p);
	pod_fs_close(&fs);
	CHECK_EQ(test_alloc_live, 0);
}

/* The free run from a sector of the data on: its first sector, and how many. */
static void free_from(struct pod_place *p, uint64_t from, uint64_t sector, uint64_t count)
{
	struct pod_place_run r;
	REQUIRE(p->ops->next_free(p, from, &r) == POD_OK);
	CHECK_EQ(r.dev_bytes, BTRFSV_DATA + sector * BTRFSV_SECTOR);
	CHECK_EQ(r.length_bytes, count * BTRFSV_SECTOR);
}

TEST(free_room)
{
	struct pod_place p;
	struct pod_place_run r;
	make();
	start(&p);
	free_from(&p, 0, 44, 4);
	free_from(&p, BTRFSV_DATA + 46 * BTRFSV_SECTOR - 1, 46, 2);
	free_from(&p, BTRFSV_DATA + 48 * BTRFSV_SECTOR, 56, 24);
	free_from(&p, BTRFSV_DATA + 20 * BTRFSV_SECTOR, 44, 4);
	CHECK_EQ(p.ops->next_free(&p, BTRFSV_DATA + BTRFSV_DATA_LEN, &r), POD_END);
	finish(&p);
	/* Nothing of the chunk is looked at where all is in use. */
	pod_put_le64(btrfsv_find(&v, BTRFSV_EXTENTS, BTRFSV_DATA_AT, 192), BTRFSV_DATA_LEN);
	btrfsv_finish(&v);
	start(&p);
	CHECK_EQ(p.ops->next_free(&p, 0, &r), POD_END);
	finish(&p);
	/* A chunk around the superblock: the 64 KiB that it is in are no room. */
	make();
	pod_put_le64(btrfsv_find(&v, BTRFSV_CHUNKS, 256, 228) - 112 + 56, 52 << 10); /* the second one, for data */
	pod_put_le32(btrfsv_at(&v, BTRFSV_EXTENTS) + 96, 0);
	btrfsv_finish(&v);
	start(&p);
	CHECK(p.ops->next_free(&p, 0, &r) == POD_OK && r.dev_bytes == 52 << 10 && r.length_bytes == 12 << 10);
	CHECK(p.ops->next_free(&p, 64 << 10, &r) == POD_OK && r.dev_bytes == 128 << 10 && r.length_bytes == 4 << 10);
	CHECK_EQ(p.ops->next_free(&p, 132 << 10, &r), POD_END);
	finish(&p);
}

/* Shows a file with `front` sectors in front of it, each in a run of its own, and one behind it, as `want` says. */
static void longer(const char *path, uint32_t front, const char *want)
{
	struct pod_place p;
	struct pod_place_runs runs = {0};
	struct pod_node n, again;
	start(&p);
	REQUIRE(look_up(path, &n) == POD_OK);
	for (uint32_t i = 0; i < front; i++)
		REQUIRE(pod_place_room(&p, BTRFSV_SECTOR, &runs) == POD_OK);
	REQUIRE(pod_place_kept(&p, &n, &runs) == POD_OK);
	size_t behind = runs.count;
	REQUIRE(pod_place_room(&p, BTRFSV_SECTOR, &runs) == POD_OK);
	REQUIRE(p.ops->point(&p, &n, &runs, front * BTRFSV_SECTOR + (n.size_bytes & ~1023ull) + 700) == POD_OK);
	for (size_t i = 0; i < runs.count; i++)
		if (!runs.run[i].kept)
			memset(img + runs.run[i].dev_bytes, i < behind ? 'F' : 'B', BTRFSV_SECTOR);
	has(path, want);
	REQUIRE(look_up(path, &again) == POD_OK);
	CHECK(pod_get_le64(img + again.entry_bytes + 64) & 1);
	pod_place_runs_free(&p, &runs);
	finish(&p);
	/* A reader that knows nothing of it, with either copy. */
	for (int i = 0; i < 2; i++) {
		REQUIRE(open_it(NULL) == POD_OK);
		has(path, want);
		pod_fs_close(&fs);
		memset(img + BTRFSV_META, 'x', BTRFSV_META_LEN);
	}
	memcpy(img + BTRFSV_META, img + BTRFSV_META_COPY, BTRFSV_META_LEN);
}

static void in_use(const char *path, uint64_t sectors)
{
	struct pod_node n;
	REQUIRE(open_it(NULL) == POD_OK);
	REQUIRE(look_up(path, &n) == POD_OK);
	pod_fs_close(&fs);
	CHECK_EQ(pod_get_le64(img + n.entry_bytes + 24), sectors * BTRFSV_SECTOR);
}

TEST(files_shown_longer)
{
	make();
	longer("one", 2, "F2048 o2048 B700 ");
	in_use("one", 5);
	/* In its leaf's place: nothing of the root item changed. */
	CHECK_EQ(pod_get_le64(btrfsv_find(&v, BTRFSV_ROOTS, 5, 132) + 176), BTRFSV_META_AT + BTRFSV_TOP * BTRFSV_BLOCK);
	make();
	longer("pieces", 1, "F1024 q1024 03072 B700 ");
	in_use("pieces", 4);
	make();
	longer("zstd", 1, "F1024 Z1024 B700 ");
	/* All of it new; what was in the tree is not any more. */
	make();
	longer("inline", 1, "F1024 B700 ");
	/* More than the leaf has room for: another root. */
	make();
	longer("one", 20, "F20480 o2048 B700 ");
}

TEST(a_new_root)
{
	struct pod_place p;
	struct pod_place_run run[90];
	struct pod_node n;
	struct pod_extent *x;
	size_t count;
	for (size_t wanted = 60; wanted <= 90; wanted += 30) {
		make();
		start(&p);
		REQUIRE(look_up("@/file", &n) == POD_OK);
		for (size_t i = 0; i < wanted; i++)
			run[i] = (struct pod_place_run){.dev_bytes = BTRFSV_DATA + i % 40 * 2 * BTRFSV_SECTOR,
							.length_bytes = BTRFSV_SECTOR};
		struct pod_place_runs runs = {.run = run, .count = wanted};
		REQUIRE(p.ops->point(&p, &n, &runs, wanted * BTRFSV_SECTOR - 7) == POD_OK);
		finish(&p);
		CHECK_EQ(btrfsv_find(&v, BTRFSV_ROOTS, 256, 132)[238], 1);
		REQUIRE(open_it(NULL) == POD_OK);
		REQUIRE(extents_of("@/file", &x, &count) == POD_OK);
		CHECK_EQ(count, wanted);
		for (size_t i = 0; i < count; i++)
			CHECK_EQ(x[i].dev_bytes, run[i].dev_bytes);
		pod_free(&test_alloc, x);
		has("one", "o2048 p1000 ");
		pod_fs_close(&fs);
	}
	/* The volume is full: nothing is changed. */
	make();
	pod_put_le64(btrfsv_find(&v, BTRFSV_EXTENTS, BTRFSV_DATA_AT, 192), BTRFSV_DATA_LEN);
	btrfsv_finish(&v);
	start(&p);
	REQUIRE(look_up("@/file", &n) == POD_OK);
	struct pod_place_runs runs = {.run = run, .count = 60};
	CHECK_EQ(p.ops->point(&p, &n, &runs, 60000), POD_E_NOSPACE);
	has("@/file", "n1 e1 w1 ");
	finish(&p);
}

/* Both leaves of the file have to change, and the node above them. */
TEST(a_file_in_two_leaves)
{
	struct pod_place p;
	struct pod_place_runs runs = {0};
	struct pod_node n;
	struct pod_extent *x;
	size_t count;
	make();
	start(&p);
	REQUIRE(look_up("many", &n) == POD_OK);
	REQUIRE(pod_place_room(&p, BTRFSV_SECTOR, &runs) == POD_OK);
	REQUIRE(pod_place_kept(&p, &n, &runs) == POD_OK);
	REQUIRE(pod_place_room(&p, BTRFSV_SECTOR, &runs) == POD_OK);
	REQUIRE(p.ops->point(&p, &n, &runs, n.size_bytes + BTRFSV_SECTOR) == POD_OK);
	pod_place_runs_free(&p, &runs);
	finish(&p);
	REQUIRE(open_it(NULL) == POD_OK);
	REQUIRE(extents_of("many", &x, &count) == POD_OK);
	REQUIRE(count == BTRFSV_MANY + 1);
	CHECK_EQ(x[0].dev_bytes, BTRFSV_DATA + 44 * BTRFSV_SECTOR);
	CHECK_EQ(x[1].dev_bytes, BTRFSV_DATA);
	CHECK_EQ(x[2].dev_bytes, BTRFSV_DATA + 38 * BTRFSV_SECTOR);
	CHECK_EQ(x[count - 1].dev_bytes, BTRFSV_DATA + 45 * BTRFSV_SECTOR);
	pod_free(&test_alloc, x);
	has("one", "o2048 p1000 ");
	has("inline", "i11 ");
	pod_fs_close(&fs);
}

TEST(every_allocation_fails_cleanly)
{
	make();
	for (long k = 1; k <= 4; k++) {
		test_alloc_count = 0;
		test_alloc_fail_at = k;
		CHECK_EQ(open_it(NULL), POD_E_NOMEM);
		CHECK_EQ(test_alloc_live, 0);
	}
	test_alloc_count = test_alloc_fail_at = 0;
	struct pod_place p;
	for (long k = 1;; k++) {
		struct pod_node n;
		struct pod_place_run run[60] = {{.dev_bytes = BTRFSV_DATA, .length_bytes = BTRFSV_SECTOR}};
		for (size_t i = 1; i < 60; i++)
			run[i] = run[0];
		struct pod_place_runs runs = {.run = run, .count = 60};
		start(&p);
		REQUIRE(look_up("one", &n) == POD_OK);
		test_alloc_count = 0;
		test_alloc_fail_at = k;
		enum pod_status st = p.ops->point(&p, &n, &runs, 60000);
		test_alloc_count = test_alloc_fail_at = 0;
		finish(&p);
		if (st == POD_OK)
			break;
		CHECK_EQ(st, POD_E_NOMEM);
	}
}
