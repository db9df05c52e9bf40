/* SPDX-License-Identifier: BSD-2-Clause */
/* Which file lies at an offset: an ISO with folders, a FAT boot image and a served initrd; damage; failing allocations. */
#include "core/base/bytes.h"
#include "core/fs/fat_write.h"
#include "core/trace/where.h"
#include "tests/unit/test.h"
#include "tests/unit/udf_volume.h"

#define FAT_SECTOR 64u
#define FAT_SIZE   (4u << 20)
#define FILE_AT	   48u
#define FILE_LEN   10000u
#define ISO_SIZE   (FAT_SECTOR * 2048 + FAT_SIZE + (128u << 10))
#define SIZE	   (ISO_SIZE + (64u << 10))

static uint8_t *img;
static struct pod_memdev mem;
static struct pod_plan plan;
static struct pod_where where;
static uint64_t program_at; /* in the image: the first byte of the loader inside the boot image */

static void both32(uint8_t *p, uint32_t v)
{
	pod_put_le32(p, v);
	pod_put_be32(p + 4, v);
}

/* A directory record; returns the next one's place. */
static uint8_t *record(uint8_t *r, const char *name, size_t len, uint32_t lba, uint32_t size, bool dir)
{
	r[0] = (uint8_t)((33 + len + 1) & ~(size_t)1);
	both32(r + 2, lba);
	both32(r + 10, size);
	r[25] = dir ? 2 : 0;
	r[28] = r[31] = 1;
	r[32] = (uint8_t)len;
	memcpy(r + 33, name, len);
	return r + r[0];
}

static uint8_t *folder(uint32_t lba, uint32_t parent)
{
	return record(record(img + lba * 2048, "\0", 1, lba, 2048, true), "\1", 1, parent, 2048, true);
}

/* The root at 20, /LIVE at 21 with VMLINUZ at FILE_AT; a catalogue at 30; EFI.IMG at FAT_SECTOR; path table at 24. */
static void build(void)
{
	static uint8_t program[6000];
	struct pod_fat_params pp = {.bits = 16, .sector_size = 512};
	struct pod_fatw_file f = {"BOOTX64.EFI", program, sizeof program};
	struct pod_window win;
	struct pod_fatw w;
	img = calloc(1, SIZE);
	pod_memdev_init(&mem, img, SIZE, 2048, false);
	memset(program, 0xc5, sizeof program);
	CHECK_EQ(pod_window_init(&win, &mem.dev, FAT_SECTOR * 2048, FAT_SIZE), POD_OK);
	CHECK_EQ(pod_fat_format(&win.dev, &test_alloc, &pp, NULL), POD_OK);
	CHECK_EQ(pod_fatw_open(&w, &win.dev, &test_alloc, 0, 0, NULL), POD_OK);
	CHECK_EQ(pod_fatw_mkdir(&w, "EFI"), POD_OK);
	CHECK_EQ(pod_fatw_mkdir(&w, "EFI/BOOT"), POD_OK);
	CHECK_EQ(pod_fatw_put(&w, "EFI/BOOT", &f, 1), POD_OK);
	pod_fatw_close(&w);
	for (program_at = FAT_SECTOR * 2048; img[program_at] != 0xc5 || img[program_at + 511] != 0xc5;)
		program_at += 512;
	uint8_t *d = img + 16 * 2048;
	memcpy(d, "\1CD001\1", 7);
	both32(d + 80, ISO_SIZE / 2048);
	d[129] = d[130] = 8;
	both32(d + 132, 30);
	pod_put_le32(d + 140, 24);
	(void)record(d + 156, "\0", 1, 20, 2048, true);
	memcpy(img + 17 * 2048, "\0CD001\1EL TORITO SPECIFICATION", 30);
	pod_put_le32(img + 17 * 2048 + 71, 30);
	memcpy(img + 18 * 2048, "\377CD001\1", 7);
	uint8_t *r = folder(20, 20);
	r = record(r, "EFI.IMG;1", 9, FAT_SECTOR, FAT_SIZE, false);
	(void)record(r, "LIVE", 4, 21, 2048, true);
	(void)record(folder(21, 20), "VMLINUZ;1", 9, FILE_AT, FILE_LEN, false);
	uint8_t *cat = img + 30 * 2048, *e = cat + 32;
	cat[0] = 1;
	cat[1] = 0xef;
	cat[30] = 0x55, cat[31] = 0xaa;
	e[0] = 0x88;
	pod_put_le32(e + 8, FAT_SECTOR);
}

static void plan_it(void)
{
	struct pod_extent all = {.length_bytes = SIZE};
	struct pod_plan_request rq = {
		.disk = &mem.dev, .extent = &all, .extent_count = 1, .image_bytes = SIZE, .path = "/images/x.iso"};
	struct pod_diag diag;
	CHECK_EQ(pod_plan_make(&rq, &test_alloc, &plan, &diag), POD_OK);
}

static void make(void)
{
	build();
	plan_it();
}

static void end(void)
{
	pod_plan_free(&plan);
	free(img);
	CHECK_EQ(test_alloc_live, 0);
}

static struct pod_where *at(uint64_t off)
{
	CHECK_EQ(pod_where_find(&plan, &mem.dev, off, &test_alloc, &where), POD_OK);
	return &where;
}

TEST(where_files_and_folders)
{
	make();
	CHECK_EQ(at(FILE_AT * 2048)->kind, POD_WHERE_FILE);
	CHECK_STR(where.path, "LIVE/VMLINUZ");
	CHECK_EQ(where.offset_bytes, 0);
	CHECK_EQ(where.length_bytes, FILE_LEN);
	CHECK_EQ(where.percent, 0);
	CHECK_EQ(at(FILE_AT * 2048 + 5000)->percent, 50);
	CHECK_EQ(at(FILE_AT * 2048 + FILE_LEN - 1)->percent, 99);
	CHECK_EQ(at(FILE_AT * 2048 + FILE_LEN)->kind, POD_WHERE_NOWHERE);
	CHECK(!where.cut_short);
	CHECK_EQ(at(20 * 2048 + 7)->kind, POD_WHERE_DIRECTORY);
	CHECK_STR(where.path, "");
	CHECK_EQ(at(21 * 2048)->kind, POD_WHERE_DIRECTORY);
	CHECK_STR(where.path, "LIVE");
	CHECK_EQ(at(30 * 2048)->kind, POD_WHERE_CATALOG);
	CHECK_EQ(at(0)->kind, POD_WHERE_DESCRIPTORS);
	CHECK_EQ(at(18 * 2048 + 2047)->kind, POD_WHERE_DESCRIPTORS);
	CHECK_EQ(at(19 * 2048)->kind, POD_WHERE_NOWHERE);
	CHECK_EQ(at(24 * 2048 + 29)->kind, POD_WHERE_DESCRIPTORS);
	CHECK_EQ(at(24 * 2048 + 30)->kind, POD_WHERE_NOWHERE);
	CHECK_EQ(at(plan.map.size_bytes - 1)->kind, POD_WHERE_NOWHERE);
	CHECK_EQ(at(plan.map.size_bytes)->kind, POD_WHERE_PAST_END);
	CHECK_EQ(at(UINT64_MAX)->kind, POD_WHERE_PAST_END);
	end();
}

TEST(where_in_udf)
{
	static const uint8_t wim[5000] = "MSWIM";
	struct udfw w;
	img = calloc(1, SIZE);
	pod_memdev_init(&mem, img, SIZE, 2048, false);
	udfw_begin(&w, img, SIZE, 2048);
	uint32_t sources = udfw_alloc(&w, 1);
	udfw_fid(&w, "sources", 2, sources);
	udfw_dir_end(&w, UDFW_ROOT);
	uint32_t root_data = w.next - 1;
	udfw_dir_begin(&w, UDFW_ROOT);
	uint32_t entry = udfw_file(&w, "boot.wim", wim, sizeof wim), data = entry + 1;
	udfw_dir_end(&w, sources);
	plan_it();
	uint64_t part = (uint64_t)w.part * 2048;
	CHECK_EQ(at(part + data * 2048u + 2500)->kind, POD_WHERE_FILE);
	CHECK_STR(where.path, "sources/boot.wim");
	CHECK_EQ(where.percent, 50);
	/* the entry of a file is its folder's; the root's, and what lies in front of it, the volume's */
	CHECK_EQ(at(part + entry * 2048u + 100)->kind, POD_WHERE_DIRECTORY);
	CHECK_STR(where.path, "sources");
	CHECK_EQ(at(part + root_data * 2048u)->kind, POD_WHERE_DIRECTORY);
	CHECK_STR(where.path, "");
	CHECK_EQ(at(part + UDFW_ROOT * 2048u)->kind, POD_WHERE_DESCRIPTORS);
	CHECK_EQ(at(part)->kind, POD_WHERE_DESCRIPTORS);
	CHECK_EQ(at(w.main * 2048u)->kind, POD_WHERE_DESCRIPTORS);
	CHECK_EQ(at(part + (data + 3) * 2048u + 2048)->kind, POD_WHERE_NOWHERE);
	CHECK(!where.cut_short);
	img[part + entry * 2048u]++; /* damaged: its data are nobody's */
	CHECK_EQ(at(part + data * 2048u)->kind, POD_WHERE_NOWHERE);
	CHECK(where.cut_short);
	end();
}

TEST(where_inside_a_boot_image)
{
	make();
	CHECK_EQ(at(program_at + 3000)->kind, POD_WHERE_FILE);
	CHECK_STR(where.path, "EFI.IMG:EFI/BOOT/BOOTX64.EFI");
	CHECK_EQ(where.percent, 50);
	/* its own boot sector is no file in it, but the file in the tree */
	CHECK_EQ(at(FAT_SECTOR * 2048)->kind, POD_WHERE_FILE);
	CHECK_STR(where.path, "EFI.IMG");
	/* a boot image that the tree does not name */
	img[20 * 2048 + 34 + 34] = 0;
	CHECK_EQ(at(program_at)->kind, POD_WHERE_FILE);
	CHECK_STR(where.path, ":EFI/BOOT/BOOTX64.EFI");
	CHECK_EQ(at(FAT_SECTOR * 2048)->kind, POD_WHERE_BOOT_IMAGE);
	end();
}

TEST(where_served_initrds)
{
	make();
	struct pod_overlay o = {.kind = POD_OVERLAY_INITRD, .start_bytes = ISO_SIZE, .length_bytes = 4096};
	struct pod_overlay *own = plan.overlay;
	size_t count = plan.overlay_count;
	strcpy(o.path, "live/initrd.img");
	plan.overlay = &o;
	plan.overlay_count = 1;
	CHECK_EQ(at(ISO_SIZE + 1024)->kind, POD_WHERE_INITRD);
	CHECK_STR(where.path, "live/initrd.img");
	CHECK_EQ(where.percent, 25);
	plan.overlay = own;
	plan.overlay_count = count;
	end();
}

TEST(where_damaged_tree)
{
	make();
	memset(img + 21 * 2048, 0xff, 2048);
	CHECK(at(FILE_AT * 2048)->kind == POD_WHERE_NOWHERE);
	CHECK(where.cut_short);
	end();
}

TEST(where_failing_allocations)
{
	make();
	for (long n = 1;; n++) {
		long live = test_alloc_live;
		test_alloc_count = 0;
		test_alloc_fail_at = n;
		enum pod_status st = pod_where_find(&plan, &mem.dev, program_at, &test_alloc, &where);
		bool failed = test_alloc_count >= n;
		test_alloc_fail_at = 0;
		CHECK_EQ(test_alloc_live, live);
		if (!failed) {
			CHECK_EQ(st, POD_OK);
			break;
		}
		CHECK_EQ(st, POD_E_NOMEM);
	}
	end();
}

TEST(where_percent)
{
	CHECK_EQ(pod_where_percent(0, 0), 100);
	CHECK_EQ(pod_where_percent(0, 1), 0);
	CHECK_EQ(pod_where_percent(1, 3), 33);
	CHECK_EQ(pod_where_percent(UINT64_MAX - 1, UINT64_MAX), 99);
	CHECK_EQ(pod_where_percent(UINT64_MAX / 2, UINT64_MAX), 49);
	CHECK_EQ(pod_where_percent(5ull << 30, 10ull << 30), 50);
}
