/* SPDX-License-Identifier: BSD-2-Clause */
/* CDs with WIMs that start, built by hand: which names are re-pointed, what is told of the others, every failing read and allocation. */
#include "core/plan/plan.h"
#include "tests/unit/wim_make.h"

enum { SECTOR = 2048, SECTORS = 64, ROOT = 20, WIM_AT = 24, OTHER_AT = 40, NAMES_MAX = 8 };
enum { X64 = 0x8664, MULTI_EXTENT = 0x80, PROGRAM = 3 * SECTOR, META = 208 + PROGRAM };

static uint8_t img[SECTORS * SECTOR];
static struct pod_dirent ent;
static struct wim_make wim;
static struct pod_memdev mem;
static uint32_t failing; /* reads of this sector of the image fail; 0: none */

static void both32(uint8_t *p, uint32_t v)
{
	pod_put_le32(p, v);
	pod_put_be32(p + 4, v);
}

static size_t record(size_t at, const char *id, size_t id_len, uint32_t lba, uint32_t len, uint8_t flags)
{
	uint8_t *r = img + at;
	size_t n = 33 + id_len + !(id_len & 1);
	memset(r, 0, n);
	r[0] = (uint8_t)n;
	both32(r + 2, lba);
	both32(r + 10, len);
	r[25] = flags;
	r[28] = r[31] = 1;
	r[32] = (uint8_t)id_len;
	memcpy(r + 33, id, id_len);
	return at + n;
}

static size_t file(size_t at, const char *name, uint32_t lba, uint32_t len)
{
	return record(at, name, strlen(name), lba, len, 0);
}

/* An empty volume; returns where the first file's record goes. */
static size_t volume(void)
{
	memset(img, 0, sizeof img);
	uint8_t *d = img + 16 * SECTOR;
	memcpy(d, "\1CD001\1", 7);
	both32(d + 80, SECTORS);
	d[129] = d[130] = 8;
	record(16 * SECTOR + 156, "", 1, ROOT, SECTOR, 2);
	memcpy(img + 17 * SECTOR, "\377CD001\1", 7);
	return record(record(ROOT * SECTOR, "", 1, ROOT, SECTOR, 2), "\1", 1, ROOT, SECTOR, 2);
}

/* \Windows\System32\PROGRAM, for a machine, in an image that the header calls bootable if `boots`. */
static uint32_t put_wim(uint32_t lba, const char *program, uint16_t machine, bool boots)
{
	static uint8_t pe[PROGRAM];
	uint8_t sha1[20];
	memset(pe, 0, sizeof pe);
	memcpy(pe, "MZ", 2);
	pe[0x3c] = 0x80;
	memcpy(pe + 0x80, "PE\0\0", 4);
	pod_put_le16(pe + 0x84, machine);
	wm_init(&wim);
	wm_blob(&wim, pe, sizeof pe, sha1);
	size_t root = wm_root(&wim);
	wm_children(&wim, root);
	size_t windows = wm_dentry(&wim, 0x10, "Windows", NULL, 0);
	wm_end(&wim);
	wm_children(&wim, windows);
	size_t system = wm_dentry(&wim, 0x10, "System32", NULL, 0);
	wm_end(&wim);
	wm_children(&wim, system);
	wm_dentry(&wim, 0x20, program, sha1, 0);
	wm_end(&wim);
	CHECK_EQ(wim.len, META);
	wm_image(&wim);
	wm_header(&wim, "");
	if (boots) {
		wm_res(wim.file + 96, META, wim.meta_len, wim.meta_len, 2);
		wim.file[120] = 1;
	}
	memcpy(img + lba * SECTOR, wim.file, wim.len);
	return (uint32_t)wim.len;
}

/* A volume with one WIM. */
static void alone(const char *program, uint16_t machine)
{
	size_t at = volume();
	file(at, "A.WIM;1", WIM_AT, put_wim(WIM_AT, program, machine, true));
}

static enum pod_status helper(void *ctx, enum pod_machine m, struct pod_alloc *a, uint8_t **data, size_t *len)
{
	(void)ctx;
	if (m != POD_MACHINE_X64)
		return POD_E_NOT_FOUND;
	*len = 3000;
	*data = pod_zalloc(a, 1, *len);
	return *data ? POD_OK : POD_E_NOMEM;
}

static enum pod_status image_read(struct pod_dev *d, uint64_t off, void *buf, size_t len)
{
	(void)d;
	if (failing && off < (failing + 1) * SECTOR && off + len > failing * SECTOR)
		return POD_E_IO;
	memcpy(buf, img + off, len);
	return POD_OK;
}

static enum pod_status plan(struct pod_plan *p)
{
	pod_memdev_init(&mem, img, sizeof img, 512, true);
	mem.dev.read = image_read;
	struct pod_extent x = {.length_bytes = sizeof img};
	struct pod_plan_request rq = {.disk = &mem.dev,
				      .extent = &x,
				      .extent_count = 1,
				      .image_bytes = sizeof img,
				      .path = "/images/multi.iso",
				      .helper = helper};
	return pod_plan_make(&rq, &test_alloc, p, NULL);
}

/* Where a name's record points on the virtual CD, and how long the file is. */
static uint64_t place(struct pod_plan *p, const char *name, uint64_t *len)
{
	struct pod_mapdev md;
	struct pod_fs fs;
	struct pod_node n = {0};
	pod_mapdev_init(&md, &p->map, &mem.dev, SECTOR);
	CHECK_EQ(pod_fs_open_as(&fs, &pod_fs_iso9660, &md.dev, &test_alloc, NULL), POD_OK);
	CHECK_EQ(pod_fs_lookup(&fs, name, &n, &ent), POD_OK);
	pod_fs_close(&fs);
	*len = n.size_bytes;
	return n.priv[0];
}

/* The WIM there has the helper in it, and the program under its second name. */
static void has_helper(struct pod_plan *p, uint64_t at, uint64_t len)
{
	struct pod_mapdev md;
	struct pod_window win;
	struct pod_wim w;
	struct pod_wim_node n;
	uint8_t head[2];
	pod_mapdev_init(&md, &p->map, &mem.dev, SECTOR);
	REQUIRE(pod_window_init(&win, &md.dev, at, len) == POD_OK);
	REQUIRE(pod_wim_open(&w, &win.dev, &test_alloc, NULL) == POD_OK);
	CHECK_EQ(pod_wim_select(&w, w.boot_index, NULL), POD_OK);
	CHECK_EQ(pod_wim_lookup(&w, "Windows/System32/winpeshl.exe", &n), POD_OK);
	CHECK_EQ(n.size_bytes, 3000);
	CHECK_EQ(pod_wim_lookup(&w, "Windows/System32/isopod/handover.bin", &n), POD_OK);
	CHECK_EQ(pod_wim_lookup(&w, "Windows/System32/isopod/winpeshl.exe", &n), POD_OK);
	CHECK_EQ(pod_wim_read(&w, &n, 0, head, 2), POD_OK);
	CHECK(memcmp(head, "MZ", 2) == 0);
	pod_wim_close(&w);
}

TEST(all_names_of_the_same_data_are_re_pointed)
{
	struct pod_plan p;
	uint64_t len, served;
	size_t at = volume();
	uint32_t n = put_wim(WIM_AT, "winpeshl.exe", X64, true);
	at = file(at, "A.WIM;1", WIM_AT, n);
	at = file(at, "B.WIM;1", WIM_AT, n);
	at = file(at, "C.DAT;1", WIM_AT, n);
	at = file(at, "HEAD.DAT;1", WIM_AT, 208);
	file(at, "OTHER.DAT;1", OTHER_AT, 9);
	REQUIRE(plan(&p) == POD_OK);
	REQUIRE(p.wim_count == 1);
	CHECK_STR(p.wim[0].path, "A.WIM");
	CHECK_STR(p.wim[0].replaced, "Windows/System32/winpeshl.exe");
	CHECK_EQ(p.wim[0].names, 3);
	CHECK_EQ(p.warning_count, 1); /* that nothing starts */
	served = place(&p, "A.WIM", &len);
	CHECK_EQ(served, sizeof img);
	CHECK_EQ(served, p.wim[0].served_bytes);
	CHECK_EQ(len, p.wim[0].served_length);
	has_helper(&p, served, len);
	CHECK_EQ(place(&p, "B.WIM", &len), served);
	CHECK_EQ(place(&p, "C.DAT", &len), served);
	CHECK_EQ(place(&p, "HEAD.DAT", &len), WIM_AT * SECTOR);
	CHECK_EQ(len, 208);
	CHECK_EQ(place(&p, "OTHER.DAT", &len), OTHER_AT * SECTOR);
	uint8_t size[8], want[8];
	both32(want, (uint32_t)(p.map.size_bytes / SECTOR));
	CHECK_EQ(pod_map_read(&p.map, &mem.dev, 16 * SECTOR + 80, size, 8), POD_OK);
	CHECK(memcmp(size, want, 8) == 0);
	for (size_t i = 0; i < p.map.count; i++)
		CHECK_EQ(p.map.seg[i].start_bytes % SECTOR, 0);
	pod_plan_free(&p);
	CHECK_EQ(test_alloc_live, 0);
}

static void unchanged(const char *name, const char *why)
{
	struct pod_plan p;
	uint64_t len;
	REQUIRE(plan(&p) == POD_OK);
	REQUIRE(p.wim_count == 1);
	CHECK_STR(p.wim[0].why, why);
	CHECK_EQ(p.wim[0].served_length, 0);
	CHECK_EQ(place(&p, name, &len), WIM_AT * SECTOR);
	CHECK_EQ(p.map.size_bytes, sizeof img);
	bool told = false;
	for (uint32_t i = 0; i < p.warning_count; i++)
		told |= strstr(p.warning[i], name) && strstr(p.warning[i], why);
	CHECK(told);
	pod_plan_free(&p);
	CHECK_EQ(test_alloc_live, 0);
}

TEST(what_cannot_be_done_is_told)
{
	alone("winpeshl.exe", 0xaa64);
	unchanged("A.WIM", "the stick lacks the helper for it");
	alone("notepad.exe", X64);
	unchanged("A.WIM", "it has no winpeshl.exe");
	alone("winpeshl.exe", X64);
	img[WIM_AT * SECTOR + 16] |= POD_WIM_SPANNED;
	unchanged("A.WIM", "split WIM");
}

TEST(a_file_of_several_records_is_left_alone)
{
	size_t at = volume();
	uint32_t n = put_wim(WIM_AT, "winpeshl.exe", X64, true);
	at = record(at, "A.WIM;1", 7, WIM_AT, 2 * SECTOR, MULTI_EXTENT);
	file(at, "A.WIM;1", WIM_AT + 2, n - 2 * SECTOR);
	unchanged("A.WIM", "it has 4 GiB or more");
}

TEST(a_wim_that_cannot_be_read_is_no_reason_to_refuse_the_medium)
{
	alone("winpeshl.exe", X64);
	memset(img + WIM_AT * SECTOR + META + 8, 0xff, 8); /* the root's length */
	unchanged("A.WIM", pod_status_text(POD_E_CORRUPT));
	alone("winpeshl.exe", X64);
	failing = WIM_AT + META / SECTOR;
	unchanged("A.WIM", pod_status_text(POD_E_IO));
	failing = 0;
}

TEST(what_does_not_start_is_none)
{
	struct pod_plan p;
	size_t at = volume();
	at = file(at, "A.WIM;1", WIM_AT, put_wim(WIM_AT, "winpeshl.exe", X64, false));
	at = file(at, "B.WIM;1", OTHER_AT, 100);
	file(at, "C.WIM;1", 0, 0);
	REQUIRE(plan(&p) == POD_OK);
	CHECK_EQ(p.wim_count, 0);
	CHECK_EQ(p.map.size_bytes, sizeof img);
	pod_plan_free(&p);
}

/* Without memory for a change the medium is served as it is, and where it has to be told not at all. */
TEST(every_allocation_fails_once)
{
	unsigned served = 0;
	alone("winpeshl.exe", X64);
	for (long n = 1;; n++) {
		struct pod_plan p;
		test_alloc_count = 0;
		test_alloc_fail_at = n;
		enum pod_status st = plan(&p);
		bool reached = test_alloc_count >= n;
		test_alloc_fail_at = 0;
		CHECK(st == POD_OK || st == POD_E_NOMEM);
		if (st == POD_OK) {
			uint64_t len;
			bool moved = place(&p, "A.WIM", &len) != WIM_AT * SECTOR;
			REQUIRE(p.wim_count == 1);
			CHECK(moved == (p.wim[0].served_length != 0) && moved == !p.wim[0].why[0]);
			served += !moved;
			pod_plan_free(&p);
		}
		CHECK_EQ(test_alloc_live, 0);
		if (!reached)
			break;
	}
	CHECK(served > 3);
}
