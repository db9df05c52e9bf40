/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The FAT writer on a device that forgets: power fails after every single sector write, and between two flushes any
 * subset of the sectors may have reached the medium. Afterwards each file is whole, old or new, and all files of one call are the
 * same generation.
 */
#include "core/base/bytes.h"
#include "core/base/str.h"
#include "core/fs/fat_write.h"
#include "tests/unit/test.h"

#define SIZE	  (4u << 20)
#define STATE_LEN 20000u

/* A device that records its writes by sector, in epochs ended by flushes. */
struct sector_write {
	uint64_t at;
	uint32_t epoch;
	uint8_t data[512];
};

struct recorder {
	struct pod_dev dev;
	uint8_t *data;
	struct sector_write *log;
	size_t n, cap;
	uint32_t epoch;
	long fail_write; /* this write (from 1) and all later ones fail */
	long writes;
};

static enum pod_status rec_read(struct pod_dev *d, uint64_t off, void *buf, size_t len)
{
	memcpy(buf, ((struct recorder *)d->ctx)->data + off, len);
	return POD_OK;
}

static enum pod_status rec_write(struct pod_dev *d, uint64_t off, const void *buf, size_t len)
{
	struct recorder *r = d->ctx;
	CHECK(off % 512 == 0 && len % 512 == 0);
	r->writes++;
	if (r->fail_write && r->writes >= r->fail_write)
		return POD_E_IO;
	memcpy(r->data + off, buf, len);
	for (size_t i = 0; i < len && r->log; i += 512) {
		if (r->n == r->cap)
			r->log = realloc(r->log, (r->cap *= 2) * sizeof *r->log);
		r->log[r->n].at = off + i;
		r->log[r->n].epoch = r->epoch;
		memcpy(r->log[r->n++].data, (const uint8_t *)buf + i, 512);
	}
	return POD_OK;
}

static enum pod_status rec_flush(struct pod_dev *d)
{
	((struct recorder *)d->ctx)->epoch++;
	return POD_OK;
}

static void rec_init(struct recorder *r, uint8_t *data, uint32_t size)
{
	memset(r, 0, sizeof *r);
	r->data = data;
	r->dev = (struct pod_dev){
		.size_bytes = size, .sector_size = 512, .read = rec_read, .write = rec_write, .flush = rec_flush, .ctx = r};
}

static void rec_start(struct recorder *r)
{
	r->cap = 1024;
	r->n = 0;
	r->log = malloc(r->cap * sizeof *r->log);
}

static uint8_t pattern(uint32_t generation, uint32_t file, uint32_t i)
{
	return (uint8_t)(generation * 131 + file * 31 + i * 7 + (i >> 8));
}

static const char *const names[3] = {"BOOTX64.EFI", "BOOTIA32.EFI", "BOOTAA64.EFI"};

static uint32_t length_of(uint32_t generation, uint32_t file)
{
	return 5000 + generation * 3000 + file * 777;
}

static enum pod_status put_generation(struct pod_fatw *w, uint32_t generation)
{
	static uint8_t data[3][40000];
	struct pod_fatw_file f[3];
	for (uint32_t k = 0; k < 3; k++) {
		for (uint32_t i = 0; i < length_of(generation, k); i++)
			data[k][i] = pattern(generation, k, i);
		f[k] = (struct pod_fatw_file){names[k], data[k], length_of(generation, k)};
	}
	return pod_fatw_put(w, "EFI/BOOT", f, 3);
}

static struct pod_dirent scratch;

/* Which generation the three files are; -1 if they are not whole or differ. */
static int generation_of(struct pod_fs *fs, uint32_t newest)
{
	static uint8_t buf[40000];
	int found = -1;
	for (uint32_t k = 0; k < 3; k++) {
		char path[64];
		struct pod_node n;
		snprintf(path, sizeof path, "EFI/BOOT/%s", names[k]);
		if (pod_fs_lookup(fs, path, &n, &scratch) != POD_OK || n.size_bytes > sizeof buf)
			return -1;
		if (pod_fs_read(fs, &n, 0, buf, (size_t)n.size_bytes) != POD_OK)
			return -1;
		int mine = -1;
		for (uint32_t g = 0; g <= newest && mine < 0; g++) {
			bool same = n.size_bytes == length_of(g, k);
			for (uint32_t i = 0; same && i < n.size_bytes; i++)
				same = buf[i] == pattern(g, k, i);
			if (same)
				mine = (int)g;
		}
		if (mine < 0 || (found >= 0 && found != mine))
			return -1;
		found = mine;
	}
	return found;
}

static uint64_t state_place(struct pod_fs *fs)
{
	struct pod_node n;
	struct pod_extent *v = NULL;
	size_t count = 0;
	uint64_t at = 0;
	if (pod_fs_lookup(fs, "ISOPOD/STATE.BIN", &n, &scratch) == POD_OK && n.size_bytes == STATE_LEN &&
	    pod_fs_extents(fs, &n, &test_alloc, &v, &count) == POD_OK && count == 1)
		at = v[0].dev_bytes;
	pod_free(&test_alloc, v);
	return at;
}

static void make_volume(struct recorder *r, uint8_t *data, uint32_t size, uint32_t bits)
{
	struct pod_fat_params pp = {.bits = bits,
				    .sector_size = 512,
				    .serial = 0x12345678,
				    .label = "ISOPOD",
				    .date = 0x5800,
				    .hidden_sectors = 2048};
	struct pod_fatw w;
	struct pod_fatw_file state = {"STATE.BIN", NULL, STATE_LEN};
	memset(data, 0xA5, size);
	rec_init(r, data, size);
	CHECK_EQ(pod_fat_format(&r->dev, &test_alloc, &pp, NULL), POD_OK);
	CHECK_EQ(pod_fatw_open(&w, &r->dev, &test_alloc, 0x5801, 0x1234, NULL), POD_OK);
	CHECK_EQ(w.reclaimed, 0);
	CHECK_EQ(pod_fatw_mkdir(&w, "EFI"), POD_OK);
	CHECK_EQ(pod_fatw_mkdir(&w, "/EFI/BOOT"), POD_OK);
	CHECK_EQ(pod_fatw_mkdir(&w, "ISOPOD"), POD_OK);
	CHECK_EQ(pod_fatw_mkdir(&w, "ISOPOD"), POD_OK);
	CHECK_EQ(pod_fatw_put(&w, "ISOPOD", &state, 1), POD_OK);
	CHECK_EQ(put_generation(&w, 0), POD_OK);
	CHECK_EQ(generation_of(&w.fs, 0), 0);
	CHECK(state_place(&w.fs) != 0);
	pod_fatw_close(&w);
}

TEST(fat_write_makes_what_the_reader_reads)
{
	uint8_t *data = malloc(SIZE);
	struct recorder r;
	struct pod_fs fs;
	struct pod_node n;
	make_volume(&r, data, SIZE, 16);
	REQUIRE(pod_fs_open_as(&fs, &pod_fs_fat, &r.dev, &test_alloc, NULL) == POD_OK);
	CHECK_STR(fs.label, "ISOPOD");
	CHECK_EQ(fs.serial, 0x12345678);
	CHECK_EQ(fs.total_bytes, SIZE);
	CHECK_EQ(pod_fat_geometry(&fs)->bits, 16);
	CHECK_EQ(pod_fat_geometry(&fs)->data_bytes % 4096, 0);
	CHECK_EQ(pod_get_le32(data + 28), 2048);
	CHECK_EQ(pod_fs_lookup(&fs, "efi/boot/bootx64.efi", &n, &scratch), POD_OK);
	CHECK_EQ(n.entry_len, 32);
	CHECK(memcmp(data + n.entry_bytes, "BOOTX64 EFI", 11) == 0);
	pod_fs_close(&fs);
	CHECK_EQ(test_alloc_live, 0);
	free(data);
}

/* How many of the first `upto` sector writes belong to the epoch under way: any subset of them may have arrived. */
static size_t under_way(const struct recorder *r, size_t upto)
{
	size_t n = 0;
	while (n < upto && r->log[upto - 1 - n].epoch == r->log[upto - 1].epoch)
		n++;
	return n;
}

/* The device with the first `upto` sector writes: all of the earlier epochs; of the one under way all (variant 0), all subsets in
 * turn if there are few, else a random half. */
static void replay(uint8_t *data, const uint8_t *before, uint32_t size, const struct recorder *r, size_t upto, uint32_t variant)
{
	size_t open = under_way(r, upto);
	memcpy(data, before, size);
	for (size_t i = 0; i < upto; i++) {
		bool lost = false;
		if (i >= upto - open)
			lost = open <= 6 ? variant >> (i - (upto - open)) & 1 : variant && random() % 2;
		if (!lost)
			memcpy(data + r->log[i].at, r->log[i].data, 512);
	}
}

static void crash_everywhere(uint32_t bits, uint32_t size, size_t step)
{
	uint8_t *data = malloc(size), *before = malloc(size), *crashed = malloc(size);
	struct recorder r, c;
	struct pod_fatw w;
	bool saw_old = false, saw_new = false;
	make_volume(&r, data, size, bits);
	memcpy(before, data, size);
	rec_start(&r);
	REQUIRE(pod_fatw_open(&w, &r.dev, &test_alloc, 0x5802, 0, NULL) == POD_OK);
	uint64_t state = state_place(&w.fs);
	CHECK_EQ(put_generation(&w, 1), POD_OK);
	pod_fatw_close(&w);
	CHECK(r.n > 50);
	for (size_t upto = 0; upto <= r.n; upto += upto + step < r.n || upto == r.n ? step : r.n - upto) {
		size_t open = under_way(&r, upto);
		for (uint32_t variant = 0; variant < (open <= 6 ? 1u << open : 6u); variant++) {
			replay(crashed, before, size, &r, upto, variant);
			rec_init(&c, crashed, size);
			struct pod_fs fs;
			REQUIRE(pod_fs_open_as(&fs, &pod_fs_fat, &c.dev, &test_alloc, NULL) == POD_OK);
			int g = generation_of(&fs, 1);
			CHECK(g == 0 || g == 1);
			CHECK_EQ(state_place(&fs), state);
			pod_fs_close(&fs);
			saw_old |= g == 0;
			saw_new |= g == 1;
			/* The next update finds the volume in order, and room as if nothing had happened. */
			REQUIRE(pod_fatw_open(&w, &c.dev, &test_alloc, 0x5803, 0, NULL) == POD_OK);
			CHECK_EQ(put_generation(&w, 2), POD_OK);
			CHECK_EQ(generation_of(&w.fs, 2), 2);
			CHECK_EQ(state_place(&w.fs), state);
			pod_fatw_close(&w);
			REQUIRE(pod_fatw_open(&w, &c.dev, &test_alloc, 0x5803, 0, NULL) == POD_OK);
			CHECK_EQ(w.reclaimed, 0);
			const struct pod_fat_geometry *geo = pod_fat_geometry(&w.fs);
			size_t fat_len = (size_t)geo->fat_sectors * 512;
			CHECK(memcmp(crashed + geo->fat_bytes, crashed + geo->fat_bytes + fat_len, fat_len) == 0);
			pod_fatw_close(&w);
		}
		if (upto == r.n)
			break;
	}
	CHECK(saw_old && saw_new);
	CHECK_EQ(test_alloc_live, 0);
	free(r.log);
	free(data);
	free(before);
	free(crashed);
}

TEST(fat16_update_survives_power_loss_at_every_write)
{
	crash_everywhere(16, SIZE, 1);
}

TEST(fat32_update_survives_power_loss)
{
	crash_everywhere(32, 40u << 20, 23);
}

TEST(fat_write_reports_every_failing_write_and_allocation)
{
	uint8_t *data = malloc(SIZE), *before = malloc(SIZE);
	struct recorder r;
	struct pod_fatw w;
	struct pod_fs fs;
	make_volume(&r, before, SIZE, 16);
	enum pod_status st = POD_E_IO;
	for (long k = 1; st != POD_OK && k < 1000; k++) {
		memcpy(data, before, SIZE);
		rec_init(&r, data, SIZE);
		r.fail_write = k;
		REQUIRE(pod_fatw_open(&w, &r.dev, &test_alloc, 0, 0, NULL) == POD_OK);
		st = put_generation(&w, 1);
		CHECK(st == POD_OK || st == POD_E_IO);
		pod_fatw_close(&w);
		REQUIRE(pod_fs_open_as(&fs, &pod_fs_fat, &r.dev, &test_alloc, NULL) == POD_OK);
		int g = generation_of(&fs, 1);
		CHECK(st == POD_OK ? g == 1 : g >= 0);
		pod_fs_close(&fs);
	}
	CHECK_EQ(st, POD_OK);
	st = POD_E_NOMEM;
	for (long k = 1; st != POD_OK && k < 1000; k++) {
		memcpy(data, before, SIZE);
		rec_init(&r, data, SIZE);
		test_alloc_count = 0;
		test_alloc_fail_at = k;
		st = pod_fatw_open(&w, &r.dev, &test_alloc, 0, 0, NULL);
		if (st == POD_OK) {
			st = put_generation(&w, 1);
			test_alloc_fail_at = 0;
			CHECK(generation_of(&w.fs, 1) >= 0);
			pod_fatw_close(&w);
		}
		test_alloc_fail_at = 0;
		CHECK(st == POD_OK || st == POD_E_NOMEM);
		CHECK_EQ(test_alloc_live, 0);
	}
	CHECK_EQ(st, POD_OK);
	free(data);
	free(before);
}

TEST(fat_write_refuses)
{
	uint8_t *data = malloc(SIZE);
	struct recorder r;
	struct pod_fatw w;
	struct pod_fatw_file f = {"X", NULL, 100};
	make_volume(&r, data, SIZE, 16);
	REQUIRE(pod_fatw_open(&w, &r.dev, &test_alloc, 0, 0, NULL) == POD_OK);
	static const char *const bad[] = {"", ".", "A.", "A ", "A/B", "A:B", "a\tb", "\xff", "what?"};
	for (size_t i = 0; i < POD_ARRAY_LEN(bad); i++) {
		f.name = bad[i];
		CHECK_EQ(pod_fatw_put(&w, "ISOPOD", &f, 1), POD_E_INVALID);
	}
	f.name = "BOOT";
	CHECK_EQ(pod_fatw_put(&w, "EFI", &f, 1), POD_E_EXISTS);
	f.name = "X";
	CHECK_EQ(pod_fatw_put(&w, "NOWHERE", &f, 1), POD_E_NOT_FOUND);
	CHECK_EQ(pod_fatw_put(&w, "ISOPOD/STATE.BIN", &f, 1), POD_E_INVALID);
	CHECK_EQ(pod_fatw_mkdir(&w, "ISOPOD/STATE.BIN"), POD_E_EXISTS);
	CHECK_EQ(pod_fatw_mkdir(&w, "NO/WHERE"), POD_E_NOT_FOUND);
	f.len = SIZE;
	CHECK_EQ(pod_fatw_put(&w, "ISOPOD", &f, 1), POD_E_NOSPACE);
	f.len = 0;
	CHECK_EQ(pod_fatw_put(&w, "ISOPOD", &f, 1), POD_OK);
	CHECK_EQ(generation_of(&w.fs, 0), 0);
	pod_fatw_close(&w);
	/* A loop in a chain is not ours to repair. */
	REQUIRE(pod_fs_open_as(&w.fs, &pod_fs_fat, &r.dev, &test_alloc, NULL) == POD_OK);
	uint64_t fat = pod_fat_geometry(&w.fs)->fat_bytes;
	struct pod_node n;
	REQUIRE(pod_fs_lookup(&w.fs, "EFI/BOOT/BOOTX64.EFI", &n, &scratch) == POD_OK);
	uint32_t first = pod_fat_cluster(&n);
	pod_put_le16(data + fat + 2 * (size_t)(first + 1), (uint16_t)first);
	pod_fs_close(&w.fs);
	memset(&w, 0, sizeof w);
	rec_start(&r);
	CHECK_EQ(pod_fatw_open(&w, &r.dev, &test_alloc, 0, 0, NULL), POD_E_CORRUPT);
	CHECK_EQ(r.n, 0);
	free(r.log);
	free(data);
	CHECK_EQ(test_alloc_live, 0);
}

/* Cluster numbers, 2 to count + 1, in a chain and as a file's first. */
TEST(fat_write_looks_at_every_cluster_number)
{
	uint8_t *data = malloc(SIZE), *before = malloc(SIZE);
	struct recorder r;
	struct pod_fatw w;
	struct pod_node n;
	make_volume(&r, before, SIZE, 16);
	REQUIRE(pod_fs_open_as(&w.fs, &pod_fs_fat, &r.dev, &test_alloc, NULL) == POD_OK);
	REQUIRE(pod_fs_lookup(&w.fs, "EFI/BOOT/BOOTX64.EFI", &n, &scratch) == POD_OK);
	uint64_t fat = pod_fat_geometry(&w.fs)->fat_bytes;
	uint32_t first = pod_fat_cluster(&n), last = pod_fat_geometry(&w.fs)->cluster_count + 1;
	pod_fs_close(&w.fs);
	const struct {
		uint32_t cluster;
		enum pod_status want;
	} is[] = {{0, POD_E_CORRUPT},	     {1, POD_E_CORRUPT},      {last, POD_OK},
		  {last + 1, POD_E_CORRUPT}, {0xFFF6, POD_E_CORRUPT}, {0xFFF8, POD_OK}};
	for (size_t i = 0; i < 2 * POD_ARRAY_LEN(is); i++) {
		uint16_t cluster = (uint16_t)is[i / 2].cluster;
		enum pod_status want = is[i / 2].want;
		memcpy(data, before, SIZE);
		rec_init(&r, data, SIZE);
		pod_put_le16(data + fat + 2 * (size_t)last, 0xFFFF);
		pod_put_le16(data + fat + 2 * (size_t)(last + 1), 0xFFFF); /* of no cluster */
		if (i % 2) {
			pod_put_le16(data + n.entry_bytes + 26, cluster);
			want = !cluster		   ? POD_OK
			       : cluster >= 0xFFF8 ? POD_E_CORRUPT
						   : want; /* an empty file; no mark is a place */
		} else {
			pod_put_le16(data + fat + 2 * (size_t)first, cluster);
		}
		rec_start(&r);
		CHECK_EQ(pod_fatw_open(&w, &r.dev, &test_alloc, 0, 0, NULL), want);
		if (want == POD_OK)
			pod_fatw_close(&w);
		else
			CHECK_EQ(r.n, 0);
		free(r.log);
	}
	free(data);
	free(before);
	CHECK_EQ(test_alloc_live, 0);
}

static enum pod_status put_long(struct pod_fatw *w, const char *name, const char *data)
{
	struct pod_fatw_file f = {name, data, (uint32_t)strlen(data)};
	return pod_fatw_put(w, "long names", &f, 1);
}

TEST(fat_write_long_names)
{
	static const char *const name[] = {"bootmgfw.efi.mui", "bootmgr.efi.mui", "a.txt",
					   "thirteen char",    "fourteen chars",  "\xE4\xB8\xAD\xE6\x96\x87\xE5\xAD\x97.ttf",
					   "PLAIN.TXT",	       "A.LONG"};
	/* 64 entries in a directory, four sectors */
	const struct pod_fat_params pp = {.bits = 16, .sector_size = 512, .cluster_size = 2048};
	uint8_t *data = calloc(1, 4 * SIZE);
	struct recorder r;
	struct pod_fatw w;
	struct pod_node n;
	char back[32], too_long[POD_FATW_LONG_MAX + 2];
	rec_init(&r, data, 4 * SIZE);
	REQUIRE(pod_fat_format(&r.dev, &test_alloc, &pp, NULL) == POD_OK);
	REQUIRE(pod_fatw_open(&w, &r.dev, &test_alloc, 0, 0, NULL) == POD_OK);
	CHECK_EQ(pod_fatw_mkdir(&w, "long names"), POD_OK);
	CHECK_EQ(pod_fatw_mkdir(&w, "long names/sr-Latn-RS"), POD_OK);
	CHECK_EQ(pod_fatw_mkdir(&w, "LONG NAMES"), POD_OK);
	for (size_t i = 0; i < POD_ARRAY_LEN(name); i++)
		CHECK_EQ(put_long(&w, name[i], name[i]), POD_OK);
	CHECK_EQ(put_long(&w, "BOOTMGR.efi.mui", "again"), POD_E_EXISTS);
	CHECK_EQ(put_long(&w, "PLAIN.TXT", "plain.txt"), POD_OK);
	memset(too_long, 'x', sizeof too_long - 1);
	too_long[sizeof too_long - 1] = 0;
	CHECK_EQ(put_long(&w, too_long, ""), POD_E_LIMIT);
	too_long[sizeof too_long - 2] = 0;
	CHECK_EQ(put_long(&w, too_long, ""), POD_OK);
	/* a directory does not grow: it says so, and what is in it stays */
	enum pod_status st = POD_OK;
	for (unsigned i = 0; st == POD_OK && i < 300; i++) {
		snprintf(back, sizeof back, "same beginning %u", i);
		st = put_long(&w, back, back);
	}
	CHECK_EQ(st, POD_E_NOSPACE);
	pod_fatw_close(&w);
	REQUIRE(pod_fatw_open(&w, &r.dev, &test_alloc, 0, 0, NULL) == POD_OK);
	CHECK_EQ(w.reclaimed, 0);
	for (size_t i = 0; i < POD_ARRAY_LEN(name); i++) {
		char path[64];
		snprintf(path, sizeof path, "long names/%s", name[i]);
		REQUIRE(pod_fs_lookup(&w.fs, path, &n, &scratch) == POD_OK);
		REQUIRE(n.size_bytes == strlen(name[i]));
		CHECK_EQ(pod_fs_read(&w.fs, &n, 0, back, strlen(name[i])), POD_OK);
		CHECK(pod_strncasecmp(back, name[i], strlen(name[i])) == 0);
	}
	CHECK(pod_fs_lookup(&w.fs, "long names/SR-LATN-RS", &n, &scratch) == POD_OK && n.is_dir);
	pod_fatw_close(&w);
	free(data);
	CHECK_EQ(test_alloc_live, 0);
}
