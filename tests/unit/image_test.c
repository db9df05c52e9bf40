/* SPDX-License-Identifier: BSD-2-Clause */
/* The probe on boot catalogues that sloppy writers leave, and on every failing read and allocation. */
#include "core/base/bytes.h"
#include "core/fs/fat_write.h"
#include "core/image/image.h"
#include "core/plan/starts.h"
#include "tests/unit/test.h"

#define ISO_SECTORS 64u
#define FAT_SECTOR  64u
#define FAT_SIZE    (4u << 20)
#define SIZE	    (FAT_SECTOR * 2048 + FAT_SIZE + (64u << 10)) /* something follows the FAT */

static uint8_t *img;
static struct pod_memdev mem;
static struct pod_image im;

static void both32(uint8_t *p, uint32_t v)
{
	pod_put_le32(p, v);
	pod_put_be32(p + 4, v);
}

/* A volume with an empty root, a catalogue at sector 30 and, at sector 64, an EFI System Partition with one loader. */
static uint8_t *volume(const char *loader)
{
	static uint8_t program[600];
	struct pod_fat_params pp = {.bits = 16, .sector_size = 512};
	struct pod_fatw_file f = {loader, program, sizeof program};
	struct pod_window win;
	struct pod_fatw w;
	free(img);
	img = calloc(1, SIZE);
	pod_memdev_init(&mem, img, SIZE, 2048, false);
	CHECK_EQ(pod_window_init(&win, &mem.dev, FAT_SECTOR * 2048, FAT_SIZE), POD_OK);
	CHECK_EQ(pod_fat_format(&win.dev, &test_alloc, &pp, NULL), POD_OK);
	CHECK_EQ(pod_fatw_open(&w, &win.dev, &test_alloc, 0, 0, NULL), POD_OK);
	CHECK_EQ(pod_fatw_mkdir(&w, "EFI"), POD_OK);
	CHECK_EQ(pod_fatw_mkdir(&w, "EFI/BOOT"), POD_OK);
	CHECK_EQ(pod_fatw_put(&w, "EFI/BOOT", &f, 1), POD_OK);
	pod_fatw_close(&w);
	uint8_t *d = img + 16 * 2048, *r = d + 156;
	memcpy(d, "\1CD001\1", 7);
	both32(d + 80, SIZE / 2048);
	d[129] = d[130] = 8;
	r[0] = 34, r[25] = 2, r[32] = 1;
	both32(r + 2, 20);
	both32(r + 10, 2048);
	memcpy(img + 20 * 2048, r, 34);
	memcpy(img + 17 * 2048, "\0CD001\1EL TORITO SPECIFICATION", 30);
	pod_put_le32(img + 17 * 2048 + 71, 30);
	memcpy(img + 18 * 2048, "\377CD001\1", 7);
	uint8_t *cat = img + 30 * 2048;
	cat[0] = 1;
	cat[30] = 0x55, cat[31] = 0xAA;
	return cat;
}

static void entry(uint8_t *e, uint8_t indicator, uint8_t media, uint16_t count, uint32_t lba)
{
	memset(e, 0, 32);
	e[0] = indicator;
	e[1] = media;
	pod_put_le16(e + 6, count);
	pod_put_le32(e + 8, lba);
}

static void header(uint8_t *e, uint8_t indicator, uint8_t platform, uint16_t count)
{
	memset(e, 0, 32);
	e[0] = indicator;
	e[1] = platform;
	pod_put_le16(e + 2, count);
}

static enum pod_status probe(void)
{
	struct pod_diag diag;
	return pod_image_probe(&mem.dev, "x.iso", &test_alloc, &im, &diag);
}

TEST(image_platform_only_in_the_validation_entry)
{
	uint8_t *cat = volume("BOOTAA64.EFI");
	cat[1] = 0xEF;
	entry(cat + 32, 0x88, 0, 0, FAT_SECTOR);
	CHECK_EQ(probe(), POD_OK);
	CHECK_EQ(im.boot_count, 1);
	CHECK_EQ(im.firmware, POD_FW_AA64);
	CHECK_EQ(im.boot[0].length_bytes, FAT_SIZE);
	CHECK_EQ(im.boot[0].entry_bytes, 30 * 2048 + 32);
	CHECK_EQ(test_alloc_live, 0);
}

TEST(image_sections_extensions_and_missing_headers)
{
	uint8_t *cat = volume("BOOTX64.EFI");
	entry(cat + 32, 0x88, 0, 4, 40);
	img[40 * 2048] = 0xFA; /* code: a boot image of zeros starts nothing */
	header(cat + 64, 0x90, 0xEF, 1);
	entry(cat + 96, 0x88, 0x20, 1, FAT_SECTOR);
	cat[128] = 0x44, cat[129] = 0x20; /* two extension entries */
	cat[160] = 0x44;
	header(cat + 192, 0x91, 0, 1);
	entry(cat + 224, 0x00, 2, 1, 41);
	entry(cat + 256, 0x88, 2, 1, 42); /* more than its section announced */
	CHECK_EQ(probe(), POD_OK);
	REQUIRE(im.boot_count == 4);
	CHECK_EQ(im.boot[0].length_bytes, 2048);
	CHECK_EQ(im.boot[1].platform, 0xEF);
	CHECK_EQ(im.boot[1].firmware, POD_FW_X64);
	CHECK_EQ(im.boot[2].bootable, 0);
	CHECK_EQ(im.boot[2].firmware, 0);
	CHECK_EQ(im.boot[3].length_bytes, 1440 * 1024);
	CHECK_EQ(im.firmware, POD_FW_BIOS | POD_FW_X64);
	/* A section that claims more entries than there are; an entry outside the file. */
	header(cat + 64, 0x91, 0xEF, 60000);
	entry(cat + 96, 0x88, 0, 1, 0x7FFFFFFF);
	memset(cat + 128, 0, 2048 - 128);
	CHECK_EQ(probe(), POD_OK);
	CHECK_EQ(im.boot_count, 2);
	CHECK_EQ(im.boot[1].firmware, 0);
	CHECK_EQ(im.boot[1].length_bytes, 0);
	/* More than we keep. */
	for (uint32_t i = 4; i < 64; i++)
		entry(cat + i * 32, 0x88, 0, 1, 40);
	CHECK_EQ(probe(), POD_OK);
	CHECK_EQ(im.boot_count, POD_ELTORITO_MAX);
}

TEST(image_catalogue_that_is_none)
{
	uint8_t *cat = volume("BOOTX64.EFI");
	entry(cat + 32, 0x88, 0, 4, 40);
	img[40 * 2048] = 0xFA; /* code: a boot image of zeros starts nothing */
	cat[31] = 0;
	CHECK_EQ(probe(), POD_OK);
	CHECK_EQ(im.kind, POD_IMAGE_ISO);
	CHECK_EQ(im.catalog_bytes, 0);
	CHECK_EQ(im.firmware, 0);
	cat[31] = 0xAA;
	pod_put_le32(img + 17 * 2048 + 71, 0xFFFFFFFF);
	CHECK_EQ(probe(), POD_OK);
	CHECK_EQ(im.catalog_bytes, 0);
	/* A volume that cannot be used. */
	both32(img + 16 * 2048 + 158, 0x7FFFFFFF);
	CHECK_EQ(probe(), POD_E_CORRUPT);
}

TEST(image_boot_sectors_that_start_nothing)
{
	uint8_t *cat = volume("BOOTX64.EFI");
	entry(cat + 32, 0x88, 0, 4, 40);
	CHECK_EQ(probe(), POD_OK);
	CHECK_EQ(im.firmware, 0);
	img[40 * 2048] = 0xEB;
	CHECK_EQ(probe(), POD_OK);
	CHECK_EQ(im.firmware, POD_FW_BIOS);
	memcpy(img + 40 * 2048 + 119, "This is not a bootable disk.", 28);
	CHECK_EQ(probe(), POD_OK);
	CHECK_EQ(im.firmware, 0);
}

static long fail_read_at, reads;
static enum pod_status (*plain_read)(struct pod_dev *, uint64_t, void *, size_t);

static enum pod_status failing_read(struct pod_dev *d, uint64_t off, void *buf, size_t len)
{
	return ++reads == fail_read_at ? POD_E_IO : plain_read(d, off, buf, len);
}

TEST(image_every_read_and_allocation_fails_cleanly)
{
	uint8_t *cat = volume("BOOTX64.EFI");
	entry(cat + 32, 0x88, 0, 4, 40);
	img[40 * 2048] = 0xFA; /* code: a boot image of zeros starts nothing */
	header(cat + 64, 0x91, 0xEF, 1);
	entry(cat + 96, 0x88, 0, 1, FAT_SECTOR);
	plain_read = mem.dev.read;
	mem.dev.read = failing_read;
	for (int what = 0; what < 2; what++) {
		enum pod_status st = POD_E_IO;
		long k = 1;
		for (; st != POD_OK && k < 100; k++) {
			reads = test_alloc_count = 0;
			fail_read_at = what ? 0 : k;
			test_alloc_fail_at = what ? k : 0;
			st = probe();
			CHECK(st == POD_OK || st == (what ? POD_E_NOMEM : POD_E_IO));
			CHECK_EQ(test_alloc_live, 0);
		}
		CHECK(k > 3 && st == POD_OK);
		CHECK_EQ(im.firmware, POD_FW_BIOS | POD_FW_X64);
	}
	free(img);
	img = NULL;
}

/* A boot sector alone; its code may look like a partition. That of a disk which was cut off is no floppy. */
TEST(image_boot_sector_alone)
{
	static const struct {
		uint32_t bytes, sectors; /* of the file, and of a partition at sector 1; 0: none */
		enum pod_image_kind kind;
		bool truncated;
	} t[] = {{512, 0, POD_IMAGE_FLOPPY, false},
		 {1536, 0, POD_IMAGE_FLOPPY, false},
		 {512, 1, POD_IMAGE_FLOPPY, false},
		 {512, 319, POD_IMAGE_DISK, true},
		 {(160 << 10) - 512, 2048, POD_IMAGE_DISK, true},
		 {160 << 10, 1, POD_IMAGE_DISK, false},
		 {640 << 10, 0, POD_IMAGE_FLOPPY, false}};
	static uint8_t file[640 << 10];
	for (size_t i = 0; i < POD_ARRAY_LEN(t); i++) {
		memset(file, 0, sizeof file);
		memcpy(file, "\xfa\x31\xc0", 3);
		file[510] = 0x55, file[511] = 0xaa;
		if (t[i].sectors) {
			file[446 + 4] = 0x83;
			pod_put_le32(file + 446 + 8, 1);
			pod_put_le32(file + 446 + 12, t[i].sectors);
		}
		struct pod_diag diag;
		struct pod_memdev m;
		pod_memdev_init(&m, file, t[i].bytes, 512, true);
		CHECK_EQ(pod_image_probe(&m.dev, "x.img", &test_alloc, &im, &diag), POD_OK);
		CHECK_EQ(im.kind, t[i].kind);
		CHECK_EQ(im.truncated, t[i].truncated);
		CHECK_EQ(im.firmware, POD_FW_BIOS);
	}
	CHECK_EQ(test_alloc_live, 0);
}

TEST(image_kinds_by_name)
{
	CHECK_EQ(pod_image_kind_of_name("a.ISO"), POD_IMAGE_ISO);
	CHECK_EQ(pod_image_kind_of_name("a.vhdx"), POD_IMAGE_VHDX);
	CHECK_EQ(pod_image_kind_of_name("a.vhd"), POD_IMAGE_VHD);
	CHECK_EQ(pod_image_kind_of_name("iso"), POD_IMAGE_UNKNOWN);
	CHECK_EQ(pod_image_kind_of_name(""), POD_IMAGE_UNKNOWN);
	for (unsigned k = 0; k <= POD_IMAGE_KIND_COUNT; k++)
		CHECK(pod_image_kind_text((enum pod_image_kind)k) != NULL);
	CHECK_STR(pod_efi_loader_path(POD_FW_IA32), "EFI/BOOT/BOOTIA32.EFI");
	CHECK(pod_efi_loader_path(POD_FW_BIOS) == NULL);
}

/* What the catalogue promises and the image does not hold. */
TEST(image_boot_images_that_cannot_be_used)
{
	uint8_t *cat = volume("BOOTX64.EFI"), *fat = img + FAT_SECTOR * 2048;
	cat[1] = 0xEF;
	entry(cat + 32, 0x88, 0, 0, FAT_SECTOR);
	CHECK_EQ(probe(), POD_OK);
	CHECK_EQ(im.boot[0].fault, POD_BOOT_FAULT_NONE);
	fat[11] = 0xFF; /* bytes per sector */
	CHECK_EQ(probe(), POD_OK);
	CHECK_EQ(im.boot[0].fault, POD_BOOT_FAULT_NO_FAT);
	memset(fat, 0, 512);
	CHECK_EQ(probe(), POD_OK);
	CHECK_EQ(im.boot[0].fault, POD_BOOT_FAULT_ZEROS);
	entry(cat + 32, 0x88, 0, 0, SIZE / 2048);
	CHECK_EQ(probe(), POD_OK);
	CHECK_EQ(im.boot[0].fault, POD_BOOT_FAULT_OUTSIDE);
	entry(cat + 32, 0x00, 0, 0, SIZE / 2048); /* not to be started */
	CHECK_EQ(probe(), POD_OK);
	CHECK_EQ(im.boot[0].fault, POD_BOOT_FAULT_NONE);
	cat = volume("OTHER.EFI");
	cat[1] = 0xEF;
	entry(cat + 32, 0x88, 0, 0, FAT_SECTOR);
	CHECK_EQ(probe(), POD_OK);
	CHECK_EQ(im.boot[0].fault, POD_BOOT_FAULT_NO_LOADER);
	struct pod_start s;
	pod_start_of_image(&im, POD_FW_X64, &s);
	CHECK_EQ(s.why, POD_WHY_BOOT_IMAGE);
	CHECK_STR(s.arg[0], "UEFI");
	/* a BIOS is promised something, too; on UEFI it is the other that counts */
	header(cat + 64, 0x91, 0, 1);
	entry(cat + 96, 0x88, 0, 4, 40);
	CHECK_EQ(probe(), POD_OK);
	CHECK_EQ(im.boot[1].fault, POD_BOOT_FAULT_ZEROS);
	pod_start_of_image(&im, POD_FW_BIOS, &s);
	CHECK_STR(s.arg[0], "BIOS");
	CHECK_STR(s.arg[1], "it is empty");
	img[40 * 2048] = 0xFA;
	CHECK_EQ(probe(), POD_OK);
	pod_start_of_image(&im, POD_FW_X64, &s);
	CHECK_EQ(s.why, POD_WHY_BOOT_IMAGE);
	pod_start_of_image(&im, POD_FW_BIOS, &s);
	CHECK_EQ(s.why, POD_WHY_NONE);
}
