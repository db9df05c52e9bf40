/* SPDX-License-Identifier: BSD-2-Clause */
/* A FAT32 disk made of pieces, read back by the partition table's and FAT's readers; names; limits; every failing allocation. */
#include "tests/unit/test.h"
#include "core/base/bytes.h"
#include "core/base/str.h"
#include "core/disk/parttab.h"
#include "core/fs/fat.h"
#include "core/map/fatdisk.h"

enum { STICK = 1 << 20 };

static uint8_t stick_bytes[STICK];
static struct pod_memdev stick;
static const struct pod_fatdisk_params params = {.signature = 0x1234abcd, .serial = 0x55667788, .label = "ISOPOD"};

static void set_up(void)
{
	uint32_t v = 7;
	for (int i = 0; i < STICK; i++) {
		v = v * 1664525u + 1013904223u;
		stick_bytes[i] = (uint8_t)(v >> 24);
	}
	pod_memdev_init(&stick, stick_bytes, STICK, 512, true);
}

/* The volume of a finished disk, opened. */
struct opened {
	struct pod_map map;
	struct pod_mapdev md;
	struct pod_window win;
	struct pod_fs fs;
	struct pod_dirent scratch;
};

static struct opened *open_disk(struct pod_fatdisk *d)
{
	static struct opened o;
	memset(&o, 0, sizeof o);
	if (pod_fatdisk_finish(d, &params, &o.map, NULL) != POD_OK)
		return NULL;
	pod_mapdev_init(&o.md, &o.map, &stick.dev, 512);
	uint64_t start = POD_FATDISK_PART_LBA * 512;
	if (pod_window_init(&o.win, &o.md.dev, start, o.map.size_bytes - start) != POD_OK ||
	    pod_fs_open_as(&o.fs, &pod_fs_fat, &o.win.dev, &test_alloc, NULL) != POD_OK)
		return NULL;
	return &o;
}

static void close_disk(struct opened *o)
{
	pod_fs_close(&o->fs);
	pod_map_fini(&o->map);
}

static bool holds(struct opened *o, const char *path, const void *want, size_t len)
{
	struct pod_node node;
	uint8_t *got = malloc(len + 1);
	bool same = pod_fs_lookup(&o->fs, path, &node, &o->scratch) == POD_OK && !node.is_dir && node.size_bytes == len &&
		    pod_fs_read(&o->fs, &node, 0, got, len) == POD_OK && memcmp(got, want, len) == 0;
	free(got);
	return same;
}

/* [0, len) of the stick as a map, in pieces that lie backwards. */
static void scattered(struct pod_map *m, uint64_t len)
{
	pod_map_init(m, &test_alloc);
	for (uint64_t at = 0; at < len; at += 4096)
		CHECK_EQ(pod_map_append(m, POD_SEG_DEV, STICK - 4096 - at, pod_min_u64(4096, len - at)), POD_OK);
}

TEST(read_back)
{
	struct pod_fatdisk d;
	struct pod_map from;
	uint8_t want[70000], pieces[1024 + 300];
	set_up();
	scattered(&from, sizeof want + 100);
	CHECK_EQ(pod_map_read(&from, &stick.dev, 0, want, sizeof want), POD_OK);
	memset(pieces, 0xA5, 512);
	memcpy(pieces + 512, want + 2048, 512);
	memset(pieces + 1024, 0x5A, 300);
	CHECK_EQ(pod_fatdisk_init(&d, &stick.dev, &test_alloc), POD_OK);
	CHECK_EQ(pod_fatdisk_file(&d, "/sources/boot.wim"), POD_OK);
	CHECK_EQ(pod_fatdisk_slice(&d, &from, 0, sizeof want), POD_OK);
	CHECK_EQ(pod_fatdisk_file(&d, "/EFI/Microsoft/Boot/BCD"), POD_OK);
	CHECK_EQ(pod_fatdisk_bytes(&d, pieces, 512), POD_OK);
	CHECK_EQ(pod_fatdisk_slice(&d, &from, 2048, 512), POD_OK);
	CHECK_EQ(pod_fatdisk_bytes(&d, pieces + 1024, 300), POD_OK);
	CHECK_EQ(pod_fatdisk_file(&d, "/boot/bcd"), POD_OK);
	CHECK_EQ(pod_fatdisk_again(&d, "/efi/microsoft/boot/BCD"), POD_OK);
	CHECK_EQ(pod_fatdisk_again(&d, "/sources/boot.wim"), POD_E_INVALID); /* it has something in it */
	CHECK_EQ(pod_fatdisk_file(&d, "/empty"), POD_OK);
	CHECK_EQ(pod_fatdisk_again(&d, "/efi"), POD_E_INVALID);
	CHECK_EQ(pod_fatdisk_again(&d, "/none"), POD_E_INVALID);
	CHECK_EQ(pod_fatdisk_file(&d, "/EFI/end"), POD_OK);
	/* Up to the source's very end: the rest of the sector is zeros. */
	CHECK_EQ(pod_fatdisk_slice(&d, &from, sizeof want - 1000, 1100), POD_OK);
	struct opened *o = open_disk(&d);
	REQUIRE(o);
	CHECK_STR(o->fs.ops->name, "fat");
	CHECK_STR(o->fs.label, "ISOPOD");
	CHECK_EQ(o->fs.serial, 0x55667788);
	CHECK_EQ(pod_fat_geometry(&o->fs)->bits, 32);
	CHECK(holds(o, "/sources/boot.wim", want, sizeof want));
	CHECK(holds(o, "/efi/microsoft/boot/bcd", pieces, sizeof pieces));
	CHECK(holds(o, "/boot/bcd", pieces, sizeof pieces));
	CHECK(holds(o, "/empty", "", 0));
	uint64_t at, len;
	uint8_t tail[512];
	CHECK_EQ(pod_fatdisk_place(&d, "/efi/END", &at, &len), POD_OK);
	CHECK_EQ(len, 1100);
	CHECK_EQ(pod_map_read(&o->map, &stick.dev, at + 1024, tail, sizeof tail), POD_OK);
	uint8_t source_end[76];
	CHECK_EQ(pod_map_read(&from, &stick.dev, from.size_bytes - sizeof source_end, source_end, sizeof source_end), POD_OK);
	CHECK(memcmp(tail, source_end, sizeof source_end) == 0 && pod_all_zero(tail + 76, sizeof tail - 76));
	CHECK_EQ(pod_fatdisk_place(&d, "/efi", &at, &len), POD_E_NOT_FOUND);
	CHECK_EQ(pod_fatdisk_place(&d, "/no", &at, &len), POD_E_NOT_FOUND);
	close_disk(o);
	pod_map_fini(&from);
	pod_fatdisk_fini(&d);
	CHECK_EQ(test_alloc_live, 0);
}

TEST(partition_table)
{
	struct pod_fatdisk d;
	static struct pod_parttab t;
	set_up();
	CHECK_EQ(pod_fatdisk_init(&d, &stick.dev, &test_alloc), POD_OK);
	CHECK_EQ(pod_fatdisk_file(&d, "/x"), POD_OK);
	struct opened *o = open_disk(&d);
	REQUIRE(o);
	uint8_t mbr[512];
	CHECK_EQ(pod_map_read(&o->map, &stick.dev, 0, mbr, sizeof mbr), POD_OK);
	CHECK_EQ(pod_get_le32(mbr + 440), 0x1234abcd);
	CHECK_EQ(mbr[446 + 4], 0xEF);
	CHECK_EQ(pod_get_le32(mbr + 454), 2048);
	CHECK_EQ((uint64_t)pod_get_le32(mbr + 458) * 512 + (1 << 20), o->map.size_bytes);
	CHECK_EQ(pod_parttab_read(&o->md.dev, &test_alloc, &t, NULL), POD_OK);
	CHECK_EQ(t.count, 1);
	/* Every boundary is a sector's. */
	for (size_t i = 0; i < o->map.count; i++)
		CHECK_EQ((o->map.seg[i].start_bytes | o->map.seg[i].length_bytes) & 511, 0);
	close_disk(o);
	pod_fatdisk_fini(&d);
}

TEST(names)
{
	static const char *const path[] = {
		"/boot/fonts/segoen_slboot.ttf",
		"/boot/fonts/segoen_slboot2.ttf",
		"/boot/fonts/segoen~1.ttf",
		"/boot/fonts/wgl4_boot.ttf",
		"/BOOT/BCD",
		"/boot/boot.sdi",
		"/a folder with spaces/.hidden",
		"/a folder with spaces/a.b.c.d",
		"/\xe4\xb8\xad\xe6\x96\x87.wim",
		"/thirteen.unit",
		"/thirteen.units",
		"/lower",
	};
	struct pod_fatdisk d;
	set_up();
	CHECK_EQ(pod_fatdisk_init(&d, &stick.dev, &test_alloc), POD_OK);
	for (uint32_t i = 0; i < POD_ARRAY_LEN(path); i++) {
		CHECK_EQ(pod_fatdisk_file(&d, path[i]), POD_OK);
		CHECK_EQ(pod_fatdisk_bytes(&d, &i, sizeof i), POD_OK);
	}
	CHECK_EQ(pod_fatdisk_file(&d, "/Boot/bcd"), POD_E_EXISTS);
	CHECK_EQ(pod_fatdisk_file(&d, "/boot"), POD_E_EXISTS);
	CHECK_EQ(pod_fatdisk_file(&d, "/boot/bcd/below"), POD_E_EXISTS);
	CHECK_EQ(pod_fatdisk_file(&d, "/"), POD_E_INVALID);
	static const char *const bad[] = {"/a:b", "/dot.", "/space ", "/star*", "/tab\t", "/.", "/..", "/\xff", "/\x7f"};
	for (size_t i = 0; i < POD_ARRAY_LEN(bad); i++)
		CHECK_EQ(pod_fatdisk_file(&d, bad[i]), POD_E_INVALID);
	CHECK(pod_fatdisk_has(&d, "/BOOT/fonts"));
	CHECK(!pod_fatdisk_has(&d, "/a"));
	struct opened *o = open_disk(&d);
	REQUIRE(o);
	for (uint32_t i = 0; i < POD_ARRAY_LEN(path); i++)
		CHECK(holds(o, path[i], &i, sizeof i));
	/* Aliases in one folder are all different, and capitals. */
	for (size_t i = 1; i < d.count; i++) {
		for (size_t k = 0; k < sizeof d.node[i].alias; k++)
			CHECK(d.node[i].alias[k] >= ' ' && !(d.node[i].alias[k] >= 'a' && d.node[i].alias[k] <= 'z'));
		for (size_t j = 1; j < i; j++)
			CHECK(d.node[i].parent != d.node[j].parent || memcmp(d.node[i].alias, d.node[j].alias, 11) != 0);
	}
	close_disk(o);
	pod_fatdisk_fini(&d);
}

/* A map of `len` bytes of zeros. */
static void hollow(struct pod_map *m, uint64_t len)
{
	pod_map_init(m, &test_alloc);
	CHECK_EQ(pod_map_append(m, POD_SEG_ZERO, 0, len), POD_OK);
}

TEST(sizes)
{
	static const struct {
		uint64_t len;
		uint32_t cluster;
	} at[] = {{1, 4096},	      {200 << 20, 4096}, {300 << 20, 8192}, {1000u << 20, 16384}, {UINT64_C(2) << 30, 32768},
		  {UINT32_MAX, 32768}};
	for (size_t i = 0; i < POD_ARRAY_LEN(at); i++) {
		struct pod_fatdisk d;
		struct pod_map from;
		struct pod_node node;
		uint8_t end[3];
		set_up();
		hollow(&from, at[i].len);
		if (at[i].len > 2)
			CHECK_EQ(pod_map_patch(&from, &stick.dev, at[i].len - 3, "end", 3, 512), POD_OK);
		CHECK_EQ(pod_fatdisk_init(&d, &stick.dev, &test_alloc), POD_OK);
		CHECK_EQ(pod_fatdisk_file(&d, "/sources/boot.wim"), POD_OK);
		CHECK_EQ(pod_fatdisk_slice(&d, &from, 0, at[i].len), POD_OK);
		struct opened *o = open_disk(&d);
		REQUIRE(o);
		CHECK_EQ(o->fs.cluster_size, at[i].cluster);
		CHECK(pod_fat_geometry(&o->fs)->cluster_count >= 65525);
		CHECK(o->map.mem_len < 1 << 20);
		CHECK_EQ(pod_fs_lookup(&o->fs, "sources/boot.wim", &node, &o->scratch), POD_OK);
		CHECK_EQ(node.size_bytes, at[i].len);
		if (at[i].len > 2) {
			CHECK_EQ(pod_fs_read(&o->fs, &node, at[i].len - 3, end, 3), POD_OK);
			CHECK(memcmp(end, "end", 3) == 0);
		}
		close_disk(o);
		pod_fatdisk_fini(&d);
		pod_map_fini(&from);
	}
}

TEST(limits)
{
	struct pod_fatdisk d;
	struct pod_map from, out;
	char name[POD_FATDISK_PATH_MAX + 8];
	set_up();
	hollow(&from, UINT64_C(5) << 30);
	CHECK_EQ(pod_fatdisk_init(&d, &stick.dev, &test_alloc), POD_OK);
	CHECK_EQ(pod_fatdisk_bytes(&d, "x", 1), POD_E_INVALID); /* no file yet */
	CHECK_EQ(pod_fatdisk_file(&d, "/large"), POD_OK);
	CHECK_EQ(pod_fatdisk_slice(&d, &from, 0, UINT64_C(1) << 32), POD_E_LIMIT);
	CHECK_EQ(pod_fatdisk_slice(&d, &from, UINT64_C(5) << 30, 1), POD_E_RANGE);
	CHECK_EQ(pod_fatdisk_bytes(&d, "abc", 3), POD_OK);
	CHECK_EQ(pod_fatdisk_bytes(&d, "d", 1), POD_E_INVALID); /* behind half a sector */
	memset(name, 'n', sizeof name);
	name[0] = '/';
	name[sizeof name - 1] = 0;
	CHECK_EQ(pod_fatdisk_file(&d, name), POD_E_LIMIT);
	enum pod_status st = POD_OK;
	uint32_t n = 0;
	for (; st == POD_OK && n < 2 * POD_FATDISK_NODES_MAX; n++) {
		snprintf(name, sizeof name, "/many with one alias/file number %u", n);
		st = pod_fatdisk_file(&d, name);
	}
	CHECK_EQ(st, POD_E_LIMIT);
	CHECK_EQ(d.count, POD_FATDISK_NODES_MAX);
	struct pod_fatdisk_params none = params;
	none.signature = 0;
	CHECK_EQ(pod_fatdisk_finish(&d, &none, &out, NULL), POD_E_INVALID);
	struct opened *o = open_disk(&d);
	REQUIRE(o);
	CHECK(holds(o, "/many with one alias/file number 1000", "", 0));
	close_disk(o);
	pod_fatdisk_fini(&d);
	pod_map_fini(&from);
}

static enum pod_status build(struct pod_map *from)
{
	struct pod_fatdisk d = {0};
	struct pod_map out = {0};
	enum pod_status st = pod_fatdisk_init(&d, &stick.dev, &test_alloc);
	if (st == POD_OK)
		st = pod_fatdisk_file(&d, "/a/b/c/long name.text");
	if (st == POD_OK)
		st = pod_fatdisk_slice(&d, from, 0, 10000);
	if (st == POD_OK)
		st = pod_fatdisk_file(&d, "/d");
	if (st == POD_OK)
		st = pod_fatdisk_bytes(&d, "bytes", 5);
	if (st == POD_OK)
		st = pod_fatdisk_finish(&d, &params, &out, NULL);
	pod_map_fini(&out);
	pod_fatdisk_fini(&d);
	return st;
}

TEST(allocations_fail)
{
	struct pod_map from;
	set_up();
	scattered(&from, 10000);
	long live = test_alloc_live;
	test_alloc_count = 0;
	CHECK_EQ(build(&from), POD_OK);
	long n = test_alloc_count;
	CHECK(n > 5);
	for (long i = 1; i <= n; i++) {
		test_alloc_count = 0;
		test_alloc_fail_at = i;
		CHECK_EQ(build(&from), POD_E_NOMEM);
		test_alloc_fail_at = 0;
		CHECK_EQ(test_alloc_live, live);
	}
	pod_map_fini(&from);
}
