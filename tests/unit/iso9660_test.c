/* SPDX-License-Identifier: BSD-2-Clause */
/* ISO 9660 volumes built by hand: what third-party writers do not write, and every failing read and allocation. */
#include "core/base/bytes.h"
#include "core/fs/iso9660.h"
#include "tests/unit/test.h"

#define SECTORS 64u
static uint8_t img[SECTORS * 2048];
static struct pod_memdev mem;
static struct pod_dirent ent;

static void both32(uint8_t *p, uint32_t v)
{
	pod_put_le32(p, v);
	pod_put_be32(p + 4, v);
}

/* Writes a record at `at`; returns the offset behind it. `su` is its System Use area. */
static size_t record(size_t at, const char *id, size_t id_len, uint32_t lba, uint32_t len, uint8_t flags, const void *su,
		     size_t su_len)
{
	uint8_t *r = img + at;
	size_t n = 33 + id_len + !(id_len & 1);
	memset(r, 0, n + su_len);
	both32(r + 2, lba);
	both32(r + 10, len);
	memcpy(r + 18, "\x7e\x01\x02\x03\x04\x05\x00", 7); /* 2026-01-02 03:04:05 UTC */
	r[25] = flags;
	r[28] = r[31] = 1;
	r[32] = (uint8_t)id_len;
	memcpy(r + 33, id, id_len);
	if (su_len)
		memcpy(r + n, su, su_len);
	n += su_len + (su_len & 1);
	r[0] = (uint8_t)n;
	return at + n;
}

#define ROOT (20u * 2048)

/* Descriptors at 16, a root directory at sector 20 that holds "." and ".."; returns where the next record goes. */
static size_t volume(bool rock_ridge)
{
	static const uint8_t sp[] = {'S', 'P', 7, 1, 0xBE, 0xEF, 0};
	memset(img, 0, sizeof img);
	uint8_t *d = img + 16 * 2048;
	memcpy(d, "\1CD001\1", 7);
	memset(d + 40, ' ', 32);
	memcpy(d + 40, "HAND_MADE", 9);
	both32(d + 80, SECTORS);
	d[129] = d[130] = 8; /* 2048, both-endian */
	size_t at = 16 * 2048 + 156;
	record(at, "", 1, 20, 2048, 2, NULL, 0);
	memcpy(img + 17 * 2048, "\377CD001\1", 7);
	at = record(ROOT, "", 1, 20, 2048, 2, sp, rock_ridge ? sizeof sp : 0);
	at = record(at, "\1", 1, 20, 2048, 2, NULL, 0);
	pod_memdev_init(&mem, img, sizeof img, 2048, true);
	return at;
}

static enum pod_status open_it(struct pod_fs *fs)
{
	return pod_fs_open_as(fs, &pod_fs_iso9660, &mem.dev, &test_alloc, NULL);
}

/* Names of a directory, joined by '|', and the status that ended the listing. */
static enum pod_status names(struct pod_fs *fs, const char *path, char *out, size_t size)
{
	struct pod_node n;
	struct pod_dir dir;
	*out = 0;
	enum pod_status st = pod_fs_lookup(fs, path, &n, &ent);
	if (st == POD_OK)
		st = pod_dir_open(&dir, fs, &n);
	while (st == POD_OK && (st = pod_dir_next(&dir, &ent)) == POD_OK)
		snprintf(out + strlen(out), size - strlen(out), "%s%s", *out ? "|" : "", ent.name);
	return st;
}

TEST(iso_names_versions_and_places)
{
	struct pod_fs fs;
	struct pod_node n;
	char list[200], buf[8];
	size_t at = volume(false), first = at;
	memcpy(img + 30 * 2048, "content", 7);
	at = record(at, "FILE.TXT;1", 10, 30, 7, 0, NULL, 0);
	at = record(at, "NODOT.;12", 9, 30, 7, 0, NULL, 0);
	at = record(at, "lower;x", 7, 30, 7, 0, NULL, 0);
	at = record(at, "FORK;1", 6, 30, 7, 4, NULL, 0);
	at = record(at, "A/B", 3, 30, 7, 0, NULL, 0);
	at = record(at, "..", 2, 30, 7, 0, NULL, 0);
	record(at, "\xE9", 1, 30, 7, 0, NULL, 0);
	REQUIRE(open_it(&fs) == POD_OK);
	CHECK_STR(fs.label, "HAND_MADE");
	CHECK_EQ(fs.total_bytes, sizeof img);
	CHECK_EQ(pod_iso9660_flags(&fs), 0);
	CHECK_EQ(names(&fs, "", list, sizeof list), POD_END);
	CHECK_STR(list, "FILE.TXT|NODOT|lower;x|\xEF\xBF\xBD");
	REQUIRE(pod_fs_lookup(&fs, "/file.txt", &n, &ent) == POD_OK);
	CHECK_EQ(n.entry_bytes, first);
	CHECK_EQ(n.entry_len, 44);
	CHECK_EQ(n.mtime, 1767323045);
	CHECK_EQ(pod_iso9660_data(&n), 30 * 2048);
	CHECK_EQ(pod_fs_read(&fs, &n, 3, buf, 4), POD_OK);
	CHECK(memcmp(buf, "tent", 4) == 0);
	CHECK_EQ(pod_fs_read(&fs, &n, 3, buf, 5), POD_E_RANGE);
	CHECK_EQ(pod_fs_lookup(&fs, "file.txt/x", &n, &ent), POD_E_NOT_FOUND);
	pod_fs_close(&fs);
	CHECK_EQ(test_alloc_live, 0);
}

TEST(iso_deviations_are_read)
{
	struct pod_fs fs;
	struct pod_node n;
	char buf[8];
	size_t at = volume(false);
	memcpy(img + 31 * 2048, "shifted", 7);
	/* Only the big-endian half, and an extended attribute record of one block in front of the data. */
	record(at, "X;1", 3, 30, 7, 0, NULL, 0);
	memset(img + at + 2, 0, 4);
	memset(img + at + 10, 0, 4);
	img[at + 1] = 1;
	/* The root directory's record too. */
	memset(img + 16 * 2048 + 158, 0, 4);
	REQUIRE(open_it(&fs) == POD_OK);
	REQUIRE(pod_fs_lookup(&fs, "X", &n, &ent) == POD_OK);
	CHECK_EQ(n.size_bytes, 7);
	CHECK_EQ(pod_fs_read(&fs, &n, 0, buf, 7), POD_OK);
	CHECK(memcmp(buf, "shifted", 7) == 0);
	pod_fs_close(&fs);
}

TEST(iso_multi_extent_runs)
{
	struct pod_fs fs;
	struct pod_node n;
	struct pod_extent *v;
	size_t count, at = volume(false), last;
	uint8_t byte;
	/* Two adjacent pieces, one elsewhere, a short one that ends the file; the records fill a sector and go on in the next. */
	both32(img + 16 * 2048 + 166, 4096);
	img[32 * 2048] = 'c';
	at = record(at, "BIG;1", 5, 28, 2048, 0x80, NULL, 0);
	at = record(at, "BIG;1", 5, 29, 2048, 0x80, NULL, 0);
	last = at;
	at = record(ROOT + 2048, "BIG;1", 5, 32, 2048, 0x80, NULL, 0);
	at = record(at, "BIG;1", 5, 33, 5, 0, NULL, 0);
	at = record(at, "END;1", 5, 33, 5, 0, NULL, 0);
	(void)last;
	REQUIRE(open_it(&fs) == POD_OK);
	REQUIRE(pod_fs_lookup(&fs, "BIG", &n, &ent) == POD_OK);
	CHECK_EQ(n.size_bytes, 3 * 2048 + 5);
	CHECK_EQ(pod_iso9660_records(&n), 4);
	REQUIRE(pod_fs_extents(&fs, &n, &test_alloc, &v, &count) == POD_OK);
	REQUIRE(count == 2);
	CHECK_EQ(v[0].dev_bytes, 28 * 2048);
	CHECK_EQ(v[0].length_bytes, 4096);
	CHECK_EQ(v[1].file_bytes, 4096);
	CHECK_EQ(v[1].dev_bytes, 32 * 2048);
	CHECK_EQ(v[1].length_bytes, 2053);
	pod_free(&test_alloc, v);
	CHECK_EQ(pod_fs_read(&fs, &n, 4096, &byte, 1), POD_OK);
	CHECK_EQ(byte, 'c');
	CHECK_EQ(pod_fs_lookup(&fs, "END", &n, &ent), POD_OK);
	/* Interleaved files have no plain extents. */
	img[ROOT + 2048 + 26] = 1;
	pod_fs_close(&fs);
	REQUIRE(open_it(&fs) == POD_OK);
	REQUIRE(pod_fs_lookup(&fs, "BIG", &n, &ent) == POD_OK);
	CHECK_EQ(pod_fs_read(&fs, &n, 0, &byte, 1), POD_E_UNSUPPORTED);
	pod_fs_close(&fs);
	/* "More follows" without more. */
	volume(false);
	record(ROOT + 2 * 34, "BIG;1", 5, 28, 2048, 0x80, NULL, 0);
	REQUIRE(open_it(&fs) == POD_OK);
	CHECK_EQ(pod_fs_lookup(&fs, "BIG", &n, &ent), POD_E_CORRUPT);
	pod_fs_close(&fs);
	CHECK_EQ(test_alloc_live, 0);
}

static size_t ce(uint8_t *p, uint32_t block, uint32_t off, uint32_t len)
{
	memcpy(p, "CE\x1c\1", 4);
	both32(p + 4, block);
	both32(p + 12, off);
	both32(p + 20, len);
	return 28;
}

TEST(iso_rock_ridge_entries)
{
	struct pod_fs fs;
	struct pod_node n;
	char list[400];
	uint8_t su[64];
	size_t at = volume(true), k;
	/* A name in three pieces, one of them in a continuation area, cut inside a UTF-8 sequence. */
	k = 0;
	memcpy(su + k, "NM\x07\1\1ab", 7), k += 7;
	memcpy(su + k, "NM\x06\1\1\xC3", 6), k += 6;
	k += ce(su + k, 40, 100, 7);
	memcpy(img + 40 * 2048 + 100, "NM\x07\1\0\xA4z", 7);
	at = record(at, "AB;1", 4, 30, 0, 0, su, k);
	/* A continuation that goes in circles, with a name in it. */
	k = ce(su, 41, 0, 35);
	ce(img + 41 * 2048, 41, 0, 35);
	memcpy(img + 41 * 2048 + 28, "NM\x07\1\0cc", 7);
	at = record(at, "CC;1", 4, 30, 0, 0, su, k);
	/* A continuation outside the device; a device node; a relocated directory's hiding place. */
	k = ce(su, 4000000, 0, 35);
	at = record(at, "OUT;1", 5, 30, 0, 0, su, k);
	at = record(at, "DEV;1", 5, 30, 0, 0, "PX\x0c\1\0\x20\0\0\0\0\x20\0", 12);
	at = record(at, "REL;1", 5, 30, 2048, 2, "RE\4\1", 4);
	/* A child link to the root: a directory that contains itself; one to nowhere. */
	memcpy(su, "CL\x0c\1", 4), both32(su + 4, 20);
	at = record(at, "LOOP;1", 6, 30, 0, 0, su, 12);
	both32(su + 4, 5000000);
	at = record(at, "LOST;1", 6, 30, 0, 0, su, 12);
	/* Links: in two components, one of them split; without a target. */
	at = record(at, "L1;1", 4, 30, 0, 0, "SL\x0c\1\0\1\1l\0\1oX", 11);
	at = record(at, "L2;1", 4, 30, 0, 0, "PX\x0c\1\xff\xa1\0\0\0\0\xa1\xff", 12);
	at = record(at, "LO", 2, 30, 0, 0, "NM\x07\1\0lo", 7);
	/* An entry whose length runs past the record ends the walk. */
	record(at, "END;1", 5, 30, 0, 0, "NM\x30\1\0xyz", 8);
	REQUIRE(open_it(&fs) == POD_OK);
	CHECK_EQ(pod_iso9660_flags(&fs), POD_ISO_ROCK_RIDGE);
	CHECK_EQ(names(&fs, "/", list, sizeof list), POD_END);
	CHECK(strncmp(list, "ab\xC3\xA4z|cccc", 10) == 0);
	const char *rest = strchr(list + 8, '|');
	REQUIRE(rest);
	CHECK_STR(rest, "|OUT|LOOP|lo|END");
	CHECK_EQ(pod_fs_lookup(&fs, "LOOP/LOOP/LOOP/OUT", &n, &ent), POD_OK);
	CHECK_EQ(pod_fs_lookup(&fs, "L1", &n, &ent), POD_OK);
	CHECK(!n.is_link);
	CHECK_EQ(pod_fs_lookup(&fs, "L2", &n, &ent), POD_E_CORRUPT);
	pod_fs_close(&fs);
	CHECK_EQ(test_alloc_live, 0);
}

TEST(iso_damage_is_told)
{
	struct pod_fs fs;
	struct pod_diag diag;
	char list[100];
	size_t at = volume(false);
	record(at, "A;1", 3, 30, 7, 0, NULL, 0);
	img[at] = 20; /* shorter than a record can be */
	REQUIRE(open_it(&fs) == POD_OK);
	CHECK_EQ(names(&fs, "", list, sizeof list), POD_E_CORRUPT);
	pod_fs_close(&fs);
	volume(false);
	record(at, "A;1", 3, 30, 7, 0, NULL, 0);
	img[at + 32] = 200; /* the identifier runs past the record */
	REQUIRE(open_it(&fs) == POD_OK);
	CHECK_EQ(names(&fs, "", list, sizeof list), POD_E_CORRUPT);
	pod_fs_close(&fs);
	volume(false);
	both32(img + 16 * 2048 + 158, 1000000);
	CHECK_EQ(pod_fs_open_as(&fs, &pod_fs_iso9660, &mem.dev, &test_alloc, &diag), POD_E_CORRUPT);
	CHECK_EQ(diag.offset_bytes, 16 * 2048 + 158);
	volume(false);
	both32(img + 16 * 2048 + 166, 0x7FFFFFFF); /* a directory larger than the device */
	record(ROOT + 2 * 34, "A;1", 3, 30, 7, 0, NULL, 0);
	REQUIRE(open_it(&fs) == POD_OK);
	CHECK_EQ(names(&fs, "", list, sizeof list), POD_E_CORRUPT);
	pod_fs_close(&fs);
	volume(false);
	img[16 * 2048 + 129] = 3;
	CHECK_EQ(open_it(&fs), POD_E_CORRUPT);
	volume(false);
	img[16 * 2048 + 1] = 'X';
	CHECK_EQ(open_it(&fs), POD_E_FORMAT);
	CHECK_EQ(pod_fs_open_as(&fs, &pod_fs_joliet, &mem.dev, &test_alloc, NULL), POD_E_FORMAT);
	pod_memdev_init(&mem, img, 1000, 2048, true);
	CHECK_EQ(open_it(&fs), POD_E_FORMAT);
	pod_fs_close(&fs);
	pod_fs_close(NULL);
	CHECK_EQ(test_alloc_live, 0);
}

static long fail_read_at, reads;
static enum pod_status (*plain_read)(struct pod_dev *, uint64_t, void *, size_t);

static enum pod_status failing_read(struct pod_dev *d, uint64_t off, void *buf, size_t len)
{
	return ++reads == fail_read_at ? POD_E_IO : plain_read(d, off, buf, len);
}

/* Every read, then every allocation, fails once; the status is that failure's, and nothing stays allocated. */
TEST(iso_every_read_and_allocation_fails_cleanly)
{
	enum pod_status st = POD_E_IO;
	for (int what = 0; what < 2; what++, st = POD_E_IO) {
		long k = 1;
		for (; st != POD_OK && k < 100; k++) {
			struct pod_fs fs;
			struct pod_node n;
			uint8_t su[64], byte;
			size_t at = volume(true), len = ce(su, 40, 0, 9);
			memcpy(img + 40 * 2048, "NM\x09\1\0long", 9);
			at = record(at, "D", 1, 21, 2048, 2, su, len);
			record(at, "L;1", 3, 30, 0, 0, "SL\x0b\1\0\0\4long", 11);
			record(21 * 2048, "F;1", 3, 30, 7, 0, NULL, 0);
			plain_read = mem.dev.read;
			mem.dev.read = failing_read;
			reads = test_alloc_count = 0;
			fail_read_at = what ? 0 : k;
			test_alloc_fail_at = what ? k : 0;
			st = open_it(&fs);
			if (st == POD_OK) {
				st = pod_fs_lookup(&fs, "l/../L/f", &n, &ent);
				if (st == POD_OK)
					st = pod_fs_read(&fs, &n, 0, &byte, 1);
				pod_fs_close(&fs);
			}
			CHECK(st == POD_OK || st == (what ? POD_E_NOMEM : POD_E_IO));
			CHECK_EQ(test_alloc_live, 0);
		}
		CHECK(k > 2 && st == POD_OK);
	}
}
