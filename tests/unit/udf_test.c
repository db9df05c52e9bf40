/* SPDX-License-Identifier: BSD-2-Clause */
/* UDF volumes built by hand: what third-party writers do not write, damage, patches, every failing read and allocation. */
#include "core/fs/udf.h"
#include "tests/unit/test.h"
#include "tests/unit/udf_volume.h"

#define SIZE (1u << 20)
static uint8_t img[SIZE];
static struct pod_memdev mem;
static struct pod_dirent ent;
static struct udfw w;

static void begin(uint32_t block)
{
	udfw_begin(&w, img, SIZE, block);
	pod_memdev_init(&mem, img, SIZE, block, true);
}

static enum pod_status open_it(struct pod_fs *fs)
{
	return pod_fs_open_as(fs, &pod_fs_udf, &mem.dev, &test_alloc, NULL);
}

/* Opens what begin() began, with the root directory as it is by now; true. */
static bool finish(struct pod_fs *fs)
{
	udfw_dir_end(&w, UDFW_ROOT);
	return open_it(fs) == POD_OK;
}

/* Names of the root directory, joined by '|'; how many were left out in *damaged, and the status that ended the listing. */
static enum pod_status names(struct pod_fs *fs, char *out, size_t size, uint32_t *damaged)
{
	struct pod_node n;
	struct pod_dir dir;
	*out = 0;
	enum pod_status st = fs->ops->root(fs, &n);
	if (st == POD_OK)
		st = pod_dir_open(&dir, fs, &n);
	while (st == POD_OK && (st = pod_dir_next(&dir, &ent)) == POD_OK)
		snprintf(out + strlen(out), size - strlen(out), "%s%s", *out ? "|" : "", ent.name);
	*damaged = dir.damaged;
	return st;
}

static uint64_t byte_of(uint32_t block)
{
	return (uint64_t)(w.part + block) * w.block;
}

TEST(udf_names_and_entries)
{
	struct pod_fs fs;
	struct pod_node n;
	char list[400], buf[8];
	uint32_t damaged, e;
	begin(2048);
	e = udfw_file(&w, "readme.txt", "content", 7);
	udfw_fid(&w, "hidden", 1, e);
	udfw_fid(&w, "deleted", 4, e);
	udfw_fid(&w, "a/b", 0, e);
	udfw_fid(&w, "..", 0, e);
	udfw_fid(&w, "\xe4", 0, e);					      /* 8 bits are Latin-1 */
	udfw_fid_raw(&w, "\x10\x65\xe5\x67\x2c\xd8\x3d\xde\x00", 9, 0, e, 0); /* two of UCS-2, a surrogate pair */
	udfw_fid_raw(&w, "\x10\xd8\x3d\0A", 5, 0, e, 0);		      /* a lonely surrogate */
	udfw_fid_raw(&w, "\x10\0A\0\0", 5, 0, e, 0);			      /* a NUL in it */
	udfw_fid_raw(&w,
		     "\x08"
		     "A\0B",
		     4, 0, e, 0);
	udfw_fid_raw(&w, "\x07x", 2, 0, e, 0); /* an unknown compression */
	udfw_fid_raw(&w, "\x08", 1, 0, e, 0);
	udfw_fid_raw(&w, "\x08used", 5, 0, e, 333); /* implementation use in front of the name */
	REQUIRE(finish(&fs));
	CHECK_STR(fs.label, "MAIN");
	CHECK_EQ(fs.cluster_size, 2048);
	CHECK_EQ(fs.total_bytes, SIZE - 2048);
	CHECK_EQ(names(&fs, list, sizeof list, &damaged), POD_END);
	CHECK_STR(list, "readme.txt|hidden|\xc3\xa4|\xe6\x97\xa5\xe6\x9c\xac\xf0\x9f\x98\x80|\xef\xbf\xbd"
			"A|used");
	CHECK_EQ(damaged, 0);
	REQUIRE(pod_fs_lookup(&fs, "/README.txt", &n, &ent) == POD_OK);
	CHECK_EQ(n.size_bytes, 7);
	CHECK_EQ(n.entry_bytes, byte_of(e));
	CHECK_EQ(n.entry_len, 184);
	CHECK_EQ(n.mtime, 1767323045);
	CHECK_EQ(pod_fs_read(&fs, &n, 3, buf, 4), POD_OK);
	CHECK(memcmp(buf, "tent", 4) == 0);
	CHECK_EQ(pod_fs_lookup(&fs, "deleted", &n, &ent), POD_E_NOT_FOUND);
	CHECK_EQ(pod_fs_lookup(&fs, "readme.txt/x", &n, &ent), POD_E_NOT_FOUND);
	pod_fs_close(&fs);
	CHECK_EQ(test_alloc_live, 0);
}

/* A file of `ads`; its runs are in v. */
static enum pod_status runs_of(uint8_t kind, uint64_t size, const uint8_t *ads, uint32_t len, struct pod_extent **v, size_t *n)
{
	struct pod_fs fs;
	struct pod_node node;
	uint32_t entry = udfw_alloc(&w, 1);
	udfw_entry(&w, entry, kind & 4, 5, kind & 3, size, ads, len);
	udfw_dir_begin(&w, UDFW_ROOT);
	udfw_fid(&w, "f", 0, entry);
	if (!finish(&fs))
		return POD_E_FORMAT;
	enum pod_status st = pod_fs_lookup(&fs, "f", &node, &ent);
	CHECK_EQ(node.size_bytes, size);
	if (st == POD_OK)
		st = pod_fs_extents(&fs, &node, &test_alloc, v, n);
	pod_fs_close(&fs);
	return st;
}

TEST(udf_allocation_descriptors)
{
	struct pod_extent *v;
	uint8_t ads[64] = {0};
	size_t n;
	begin(2048);
	/* Two that touch, a hole of each sort, data again, and what is allocated behind the end. */
	udfw_short(ads, 2048, 0, 20), udfw_short(ads + 8, 4096, 0, 21);
	udfw_short(ads + 16, 2048, 1, 30), udfw_short(ads + 24, 4096, 2, 0);
	udfw_short(ads + 32, 2048, 0, 40), udfw_short(ads + 40, 2048, 1, 41);
	REQUIRE(runs_of(0, 6 * 2048 + 5, ads, 48, &v, &n) == POD_OK);
	REQUIRE(n == 3);
	CHECK(v[0].dev_bytes == byte_of(20) && v[0].length_bytes == 6144 && !v[0].hole);
	CHECK(v[1].hole && v[1].file_bytes == 6144 && v[1].length_bytes == 6144);
	CHECK(v[2].dev_bytes == byte_of(40) && v[2].file_bytes == 12288 && v[2].length_bytes == 5);
	pod_free(&test_alloc, v);
	/* Long ones, in an Extended File Entry. */
	udfw_long(ads, 2048, 0, 20, 0), udfw_long(ads + 16, 100, 0, 40, 0);
	REQUIRE(runs_of(5, 2148, ads, 32, &v, &n) == POD_OK);
	CHECK(n == 2 && v[1].dev_bytes == byte_of(40) && v[1].length_bytes == 100);
	pod_free(&test_alloc, v);
	/* Embedded: the bytes lie in the entry. */
	REQUIRE(runs_of(7, 5, (const uint8_t *)"embed", 5, &v, &n) == POD_OK);
	CHECK(n == 1 && v[0].length_bytes == 5 && memcmp(img + v[0].dev_bytes, "embed", 5) == 0);
	pod_free(&test_alloc, v);
	/* More than 4 GiB: five times the longest run. */
	for (uint32_t i = 0; i < 5; i++)
		udfw_short(ads + 8 * i, 0x3FFFF800, 2, 0);
	REQUIRE(runs_of(0, 5 * UINT64_C(0x3FFFF800), ads, 40, &v, &n) == POD_OK);
	CHECK(n == 1 && v[0].hole && v[0].length_bytes == 5 * UINT64_C(0x3FFFF800));
	pod_free(&test_alloc, v);
	/* Shorter than the file; outside the partition; of another partition; embedded more than there is; of the third kind. */
	CHECK_EQ(runs_of(0, 5 * UINT64_C(0x3FFFF800) + 1, ads, 40, &v, &n), POD_E_CORRUPT);
	udfw_short(ads, 4096, 0, w.parts - 1);
	CHECK_EQ(runs_of(0, 4096, ads, 8, &v, &n), POD_E_CORRUPT);
	udfw_long(ads, 2048, 0, 20, 1);
	CHECK_EQ(runs_of(1, 2048, ads, 16, &v, &n), POD_E_CORRUPT);
	CHECK_EQ(runs_of(3, 6, (const uint8_t *)"embed", 5, &v, &n), POD_E_CORRUPT);
	CHECK_EQ(runs_of(2, 2048, ads, 20, &v, &n), POD_E_UNSUPPORTED);
	CHECK_EQ(test_alloc_live, 0);
}

/* An Allocation Extent Descriptor with short descriptors. */
static void put_aed(uint32_t block, const uint8_t *ads, uint32_t len)
{
	uint8_t *d = udfw_block(&w, block);
	pod_put_le32(d + 20, len);
	memcpy(d + 24, ads, len);
	udfw_tag(d, 258, block, 24 + len);
}

TEST(udf_descriptors_go_on_elsewhere)
{
	struct pod_extent *v;
	uint8_t first[16], more[16];
	size_t n;
	begin(2048);
	udfw_short(first, 2048, 0, 20), udfw_short(first + 8, 2048, 3, 50);
	udfw_short(more, 2048, 0, 21), udfw_short(more + 8, 2048, 3, 51);
	put_aed(50, more, 16);
	udfw_short(more, 2048, 0, 40);
	put_aed(51, more, 8);
	REQUIRE(runs_of(0, 6144, first, 16, &v, &n) == POD_OK);
	CHECK(n == 2 && v[0].length_bytes == 4096 && v[1].dev_bytes == byte_of(40));
	pod_free(&test_alloc, v);
	CHECK_EQ(runs_of(0, 6145, first, 16, &v, &n), POD_E_CORRUPT);
	/* Nothing but a way to itself, and round about. */
	udfw_short(more, 2048, 3, 51);
	put_aed(51, more, 8);
	CHECK_EQ(runs_of(0, 6144, first, 16, &v, &n), POD_E_LOOP);
	udfw_short(more, 2048, 3, 50);
	put_aed(51, more, 8);
	CHECK_EQ(runs_of(0, UINT64_C(1) << 50, first, 16, &v, &n), POD_E_LOOP);
	/* None, and one that claims more than its block. */
	memset(udfw_block(&w, 50), 0, 2048);
	CHECK_EQ(runs_of(0, 6144, first, 16, &v, &n), POD_E_CORRUPT);
	put_aed(50, more, 8);
	pod_put_le32(udfw_block(&w, 50) + 20, 2048);
	CHECK_EQ(runs_of(0, 6144, first, 16, &v, &n), POD_E_CORRUPT);
	CHECK_EQ(test_alloc_live, 0);
}

TEST(udf_a_damaged_file_hides_itself_only)
{
	struct pod_fs fs;
	struct pod_node n;
	char list[200];
	uint32_t damaged, bad, link, device, outside = 400000;
	begin(2048);
	udfw_file(&w, "first", "1", 1);
	bad = udfw_file(&w, "bad", "2", 1);
	link = udfw_file(&w, "link", "3", 1);
	udfw_block(&w, link)[27] = 12;
	udfw_tag(udfw_block(&w, link), 261, link, 184);
	device = udfw_file(&w, "device", "4", 1);
	udfw_block(&w, device)[27] = 6;
	udfw_tag(udfw_block(&w, device), 261, device, 184);
	udfw_fid(&w, "outside", 0, outside);
	udfw_file(&w, "last", "5", 1);
	udfw_block(&w, bad)[60]++; /* a wrong CRC is read, as Windows does */
	REQUIRE(finish(&fs));
	CHECK_EQ(names(&fs, list, sizeof list, &damaged), POD_END);
	CHECK_STR(list, "first|bad|last");
	CHECK_EQ(damaged, 1);
	pod_fs_close(&fs);
	udfw_block(&w, bad)[4]++; /* a wrong checksum is not */
	REQUIRE(open_it(&fs) == POD_OK);
	CHECK_EQ(names(&fs, list, sizeof list, &damaged), POD_END);
	CHECK_STR(list, "first|last");
	CHECK_EQ(damaged, 2);
	/* Who looks for a neighbour does not read it. */
	CHECK_EQ(pod_fs_lookup(&fs, "last", &n, &ent), POD_OK);
	CHECK_EQ(pod_fs_lookup(&fs, "bad", &n, &ent), POD_E_CORRUPT);
	CHECK_EQ(pod_fs_lookup(&fs, "link", &n, &ent), POD_E_UNSUPPORTED);
	pod_fs_close(&fs);
	/* A damaged directory entry leaves no way to the next. */
	img[byte_of(w.next - 1) + 44]++;
	REQUIRE(open_it(&fs) == POD_OK);
	CHECK_EQ(names(&fs, list, sizeof list, &damaged), POD_E_CORRUPT);
	pod_fs_close(&fs);
	CHECK_EQ(test_alloc_live, 0);
}

TEST(udf_directories_in_their_entries_and_in_circles)
{
	struct pod_fs fs;
	struct pod_node n, again;
	begin(2048);
	uint32_t sub = udfw_alloc(&w, 1), file = udfw_file(&w, "f", "x", 1);
	udfw_fid(&w, "sub", 2, sub);
	udfw_dir_end(&w, UDFW_ROOT);
	udfw_dir_begin(&w, UDFW_ROOT);
	udfw_fid(&w, "self", 2, sub);
	udfw_fid(&w, "f", 0, file);
	udfw_entry(&w, sub, true, 4, 3, w.dir_len, w.dir, w.dir_len);
	REQUIRE(open_it(&fs) == POD_OK);
	CHECK_EQ(pod_fs_lookup(&fs, "sub/self/self/f", &n, &ent), POD_OK);
	CHECK_EQ(pod_fs_lookup(&fs, "sub", &n, &ent), POD_OK);
	CHECK_EQ(pod_fs_lookup(&fs, "sub/self", &again, &ent), POD_OK);
	CHECK(pod_node_same_dir(&n, &again));
	pod_fs_close(&fs);
}

TEST(udf_many_entries_over_many_runs)
{
	struct pod_fs fs;
	struct pod_node n;
	uint8_t ads[64], byte;
	char name[64];
	begin(512);
	uint32_t e = udfw_file(&w, "f", "x", 1);
	udfw_dir_begin(&w, UDFW_ROOT);
	for (int i = 0; w.dir_len < 3900; i++) {
		snprintf(name, sizeof name, "name of many bytes %03d", i);
		udfw_fid(&w, name, 0, e);
	}
	uint32_t count = (w.dir_len + 511) / 512;
	REQUIRE(count <= 8);
	for (uint32_t i = 0; i < count; i++) { /* backwards, so that no two touch */
		uint32_t left = w.dir_len - 512 * i, at = 100 - 2 * i;
		memcpy(udfw_block(&w, at), w.dir + 512 * i, left < 512 ? left : 512);
		udfw_short(ads + 8 * i, left < 512 ? left : 512, 0, at);
	}
	udfw_entry(&w, UDFW_ROOT, false, 4, 0, w.dir_len, ads, 8 * count);
	REQUIRE(open_it(&fs) == POD_OK);
	CHECK_EQ(fs.cluster_size, 512);
	CHECK_EQ(pod_fs_lookup(&fs, name, &n, &ent), POD_OK);
	CHECK(pod_fs_read(&fs, &n, 0, &byte, 1) == POD_OK && byte == 'x');
	pod_fs_close(&fs);
}

TEST(udf_anchors_and_sequences)
{
	struct pod_fs fs;
	struct pod_diag diag;
	uint32_t last = SIZE / 2048 - 1;
	begin(2048);
	udfw_dir_end(&w, UDFW_ROOT);
	/* 256 before the end, then in sector 256; with none of them nothing is found. */
	memset(udfw_sector(&w, last), 0, 2048);
	CHECK_EQ(pod_fs_open_as(&fs, &pod_fs_udf, &mem.dev, &test_alloc, &diag), POD_E_CORRUPT);
	CHECK_STR(diag.what, "Anchor Volume Descriptor Pointer");
	udfw_anchor(&w, last - 256);
	REQUIRE(open_it(&fs) == POD_OK);
	pod_fs_close(&fs);
	memset(udfw_sector(&w, last - 256), 0, 2048);
	udfw_anchor(&w, 256);
	REQUIRE(open_it(&fs) == POD_OK);
	CHECK_STR(fs.label, "MAIN");
	pod_fs_close(&fs);
	/* The one with the highest number prevails, wherever it stands. */
	udfw_logical(&w, w.main + 2, 9, "NEWER", NULL, 0);
	udfw_tag(udfw_sector(&w, w.main + 3), 8, w.main + 3, 512);
	REQUIRE(open_it(&fs) == POD_OK);
	CHECK_STR(fs.label, "NEWER");
	pod_fs_close(&fs);
	/* Damage in what is needed: the reserve. By CRC, by the place it says it is for, by its absence. */
	for (int how = 0; how < 3; how++) {
		begin(2048);
		udfw_dir_end(&w, UDFW_ROOT);
		if (how == 0)
			udfw_sector(&w, w.main + 1)[100] ^= 1;
		else if (how == 1)
			udfw_tag(udfw_sector(&w, w.main), 5, w.main + 1, 512);
		else
			udfw_tag(udfw_sector(&w, w.main), 8, w.main, 512);
		REQUIRE(open_it(&fs) == POD_OK);
		CHECK_STR(fs.label, "RESERVE");
		pod_fs_close(&fs);
		udfw_sector(&w, w.reserve)[200] ^= 1;
		CHECK_EQ(pod_fs_open_as(&fs, &pod_fs_udf, &mem.dev, &test_alloc, &diag), POD_E_CORRUPT);
		CHECK_STR(diag.what, how == 1 ? "Partition Descriptor" : "Logical Volume Descriptor");
	}
	/* A sequence that goes on elsewhere. */
	begin(2048);
	udfw_dir_end(&w, UDFW_ROOT);
	uint8_t *d = udfw_sector(&w, w.main + 1);
	memset(d, 0, 2048);
	pod_put_le32(d + 20, 2 * 2048), pod_put_le32(d + 24, last - 4);
	udfw_tag(d, 3, w.main + 1, 512);
	udfw_logical(&w, last - 4, 1, "ELSEWHERE", NULL, 0);
	REQUIRE(open_it(&fs) == POD_OK);
	CHECK_STR(fs.label, "ELSEWHERE");
	pod_fs_close(&fs);
	/* Round and round. */
	pod_put_le32(d + 24, w.main);
	udfw_tag(d, 3, w.main + 1, 512);
	REQUIRE(open_it(&fs) == POD_OK);
	CHECK_STR(fs.label, "RESERVE");
	pod_fs_close(&fs);
	CHECK_EQ(test_alloc_live, 0);
}

TEST(udf_what_it_cannot_read_has_a_name)
{
	static const struct {
		const char *id, *what;
	} special[] = {
		{"*UDF Virtual Partition", "Virtual Partition Map (VAT)"},
		{"*UDF Sparable Partition", "Sparable Partition Map"},
		{"*UDF Metadata Partition", "Metadata Partition Map"},
		{"*Somebody's Partition", "Partition Map Type"},
	};
	struct pod_fs fs;
	struct pod_diag diag;
	for (size_t i = 0; i < POD_ARRAY_LEN(special); i++) {
		uint8_t map[64] = {2, 64};
		begin(2048);
		udfw_dir_end(&w, UDFW_ROOT);
		memcpy(map + 5, special[i].id, strlen(special[i].id));
		udfw_logical(&w, w.main + 1, 1, "X", map, sizeof map);
		CHECK_EQ(pod_fs_open_as(&fs, &pod_fs_udf, &mem.dev, &test_alloc, &diag), POD_E_UNSUPPORTED);
		CHECK_STR(diag.what, special[i].what);
		/* pod_fs_open says so too, since nobody else knows it. */
		CHECK_EQ(pod_fs_open(&fs, &mem.dev, &test_alloc, &diag), POD_E_UNSUPPORTED);
	}
	begin(2048);
	memcpy(img + 32768 + 2048 + 1, "NSR09", 5);
	CHECK_EQ(open_it(&fs), POD_E_FORMAT);
	begin(2048);
	pod_put_le32(udfw_block(&w, 0) + 404, UDFW_ROOT + 1); /* the file set's CRC does not fit any more */
	udfw_dir_end(&w, UDFW_ROOT);
	CHECK_EQ(pod_fs_open_as(&fs, &pod_fs_udf, &mem.dev, &test_alloc, &diag), POD_E_CORRUPT);
	CHECK_STR(diag.what, "File Set Descriptor");
	begin(2048);
	udfw_entry(&w, UDFW_ROOT, false, 5, 0, 0, img, 0);
	CHECK_EQ(pod_fs_open_as(&fs, &pod_fs_udf, &mem.dev, &test_alloc, &diag), POD_E_CORRUPT);
	CHECK_STR(diag.what, "File Entry of the root directory");
	CHECK_EQ(test_alloc_live, 0);
}

/* A file moved past the end of the partition, which is made longer: read back by opening the patched bytes. */
static void move_file(bool extended, uint8_t kind, uint64_t len)
{
	struct pod_fs fs;
	struct pod_node n;
	struct pod_udf_entry e;
	struct pod_extent *v;
	uint8_t ad[16], block[POD_UDF_BLOCK_MAX];
	uint64_t at, to = SIZE - 64 * 2048, end = to + ((len + 2047) & ~UINT64_C(2047));
	size_t count;
	begin(2048);
	for (uint32_t i = 0; i < 2; i++)
		udfw_partition(&w, i ? w.reserve : w.main, 1, w.part, 100);
	uint32_t entry = udfw_alloc(&w, 1);
	if (kind == 1)
		udfw_long(ad, 5, 0, 50, 0);
	else
		udfw_short(ad, 5, 0, 50);
	udfw_entry(&w, entry, extended, 5, kind, 5, ad, kind == 0 ? 8 : kind == 1 ? 16 : 5);
	udfw_fid(&w, "f", 0, entry);
	REQUIRE(finish(&fs));
	REQUIRE(pod_fs_lookup(&fs, "f", &n, &ent) == POD_OK);
	REQUIRE(pod_udf_entry(&fs, n.entry_bytes, &e) == POD_OK);
	CHECK_EQ(e.extended, extended);
	CHECK_EQ(e.ad_kind, kind);
	CHECK_EQ(e.ads_bytes, n.entry_bytes + (extended ? 216u : 176u));
	CHECK_EQ(e.partition_start_bytes, byte_of(0));
	CHECK_EQ(e.partition_length_bytes, 100 * 2048);
	CHECK_EQ(pod_udf_patch_entry(&fs, &e, to + 1, len, block), POD_E_INVALID);
	REQUIRE(pod_udf_patch_entry(&fs, &e, to, len, block) == POD_OK);
	/* The tag as an independent CRC makes it, and nothing of the old descriptors left. */
	uint16_t crc = pod_get_le16(block + 8), covered = pod_get_le16(block + 10);
	CHECK_EQ(crc, udfw_crc(block + 16, covered));
	CHECK(pod_all_zero(block + 16 + covered, 2048 - 16u - covered));
	memcpy(img + n.entry_bytes, block, 2048);
	for (uint32_t i = 0; i < 2; i++) {
		REQUIRE(pod_udf_patch_partition(&fs, &e, i, end, block, &at) == POD_OK);
		CHECK_EQ(at, (uint64_t)(i ? w.reserve : w.main) * 2048);
		CHECK_EQ(pod_get_le32(block + 192), (end - byte_of(0)) / 2048);
		CHECK_EQ(pod_get_le16(block + 8), udfw_crc(block + 16, pod_get_le16(block + 10)));
		memcpy(img + at, block, 2048);
	}
	/* An anchor that alone finds the volume. */
	REQUIRE(pod_udf_patch_anchor(&fs, SIZE - 2048, block) == POD_OK);
	CHECK_EQ(pod_udf_patch_anchor(&fs, SIZE - 1, block), POD_E_LIMIT);
	memcpy(img + SIZE - 2048, block, 2048);
	pod_fs_close(&fs);
	REQUIRE(open_it(&fs) == POD_OK);
	REQUIRE(pod_fs_lookup(&fs, "f", &n, &ent) == POD_OK);
	CHECK_EQ(n.size_bytes, len);
	if (end <= SIZE) {
		REQUIRE(pod_fs_extents(&fs, &n, &test_alloc, &v, &count) == POD_OK);
		CHECK(count == 1 && v[0].dev_bytes == to && v[0].length_bytes == len);
		pod_free(&test_alloc, v);
	} else {
		/* Of so much there is no device here; what stands there is right all the same. */
		REQUIRE(pod_udf_entry(&fs, n.entry_bytes, &e) == POD_OK);
		CHECK_EQ(e.ads_len, 24);
		CHECK_EQ(pod_get_le32(img + e.ads_bytes), 0x3FFFF800);
		CHECK_EQ(pod_get_le32(img + e.ads_bytes + 12), pod_get_le32(img + e.ads_bytes + 4) + 0x3FFFF800 / 2048);
		CHECK_EQ(pod_get_le32(img + e.ads_bytes + 16), len - 2 * UINT64_C(0x3FFFF800));
	}
	pod_fs_close(&fs);
	CHECK_EQ(test_alloc_live, 0);
}

TEST(udf_files_are_moved)
{
	move_file(false, 0, 2048 * 3 + 1);
	move_file(true, 0, 2048 * 3);
	move_file(false, 1, 1);
	move_file(true, 3, 5000);
	move_file(false, 0, (UINT64_C(2) << 30) + 7);
}

TEST(udf_no_room_for_descriptors)
{
	struct pod_fs fs;
	struct pod_node n;
	struct pod_udf_entry e;
	uint8_t block[POD_UDF_BLOCK_MAX];
	begin(2048);
	uint32_t entry = udfw_file(&w, "f", "x", 1);
	/* Extended attributes up to the last but one place. */
	uint8_t *d = udfw_block(&w, entry);
	pod_put_le32(d + 168, 2048 - 176 - 8);
	memmove(d + 2040, d + 176, 8);
	udfw_tag(d, 261, entry, 2048);
	REQUIRE(finish(&fs));
	REQUIRE(pod_fs_lookup(&fs, "f", &n, &ent) == POD_OK);
	REQUIRE(pod_udf_entry(&fs, n.entry_bytes, &e) == POD_OK);
	CHECK_EQ(e.ads_max, 8);
	CHECK_EQ(pod_udf_patch_entry(&fs, &e, byte_of(60), 2048, block), POD_OK);
	CHECK_EQ(pod_udf_patch_entry(&fs, &e, byte_of(60), UINT64_C(1) << 30, block), POD_E_LIMIT);
	CHECK_EQ(pod_udf_patch_entry(&fs, &e, byte_of(60), UINT64_C(1) << 43, block), POD_E_LIMIT);
	pod_fs_close(&fs);
}

static long fail_read_at, reads;
static enum pod_status (*plain_read)(struct pod_dev *, uint64_t, void *, size_t);

static enum pod_status failing_read(struct pod_dev *d, uint64_t off, void *buf, size_t len)
{
	return ++reads == fail_read_at ? POD_E_IO : plain_read(d, off, buf, len);
}

/* Every read, then every allocation, fails once; the status is that failure's, unless there was a second place to look at, and
 * nothing stays allocated. */
TEST(udf_every_read_and_allocation_fails_cleanly)
{
	for (int what = 0; what < 2; what++) {
		long last = 0, failed = 0;
		for (long k = 0; k <= last; k++) { /* 0: none */
			struct pod_fs fs;
			struct pod_node n;
			uint8_t byte;
			begin(2048);
			udfw_file(&w, "f", "x", 1);
			udfw_dir_end(&w, UDFW_ROOT);
			udfw_anchor(&w, 256);
			plain_read = mem.dev.read;
			mem.dev.read = failing_read;
			reads = test_alloc_count = 0;
			fail_read_at = what ? 0 : k;
			test_alloc_fail_at = what ? k : 0;
			enum pod_status st = open_it(&fs);
			if (st == POD_OK) {
				st = pod_fs_lookup(&fs, "f", &n, &ent);
				if (st == POD_OK)
					st = pod_fs_read(&fs, &n, 0, &byte, 1);
				pod_fs_close(&fs);
			}
			CHECK(st == POD_OK || st == (what ? POD_E_NOMEM : POD_E_IO));
			CHECK_EQ(test_alloc_live, 0);
			failed += st != POD_OK;
			if (k == 0)
				last = what ? test_alloc_count : reads;
			mem.dev.read = plain_read;
		}
		test_alloc_fail_at = 0;
		CHECK(failed >= (what ? 1 : 5));
	}
}
