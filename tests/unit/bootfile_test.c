/* SPDX-License-Identifier: BSD-2-Clause */
/* Files that boot menus lead to: headers, sums, and what is cut off or damaged. */
#include "tests/unit/test.h"
#include "core/base/bytes.h"
#include "core/base/hash.h"
#include "core/image/bootfile.h"

static uint8_t buf[65536], data[40000];
static size_t data_len;

static enum pod_status read_data(struct pod_dev *d, uint64_t off, void *out, size_t len)
{
	(void)d;
	memcpy(out, data + off, len);
	return POD_OK;
}

static struct pod_dev *file(size_t len)
{
	static struct pod_dev dev;
	dev = (struct pod_dev){.size_bytes = len, .sector_size = 512, .read_only = true, .read = read_data};
	data_len = len;
	return &dev;
}

static void bzimage(const char *version)
{
	memset(data, 0x5a, sizeof data);
	memset(data, 0, 0xa00);
	data[0x1f1] = 4;
	pod_put_le32(data + 0x1f4, (20480 - 0xa00) / 16);
	pod_put_le16(data + 0x1fe, 0xaa55);
	memcpy(data + 0x202, "HdrS", 4);
	pod_put_le16(data + 0x206, 0x20f);
	pod_put_le16(data + 0x20e, 0x600);
	strcpy((char *)data + 0x800, version);
	pod_put_le32(data + 0x248, 0x10);
	pod_put_le32(data + 0x24c, 0x100);
	pod_put_le32(data + 20476, pod_crc32(0, data, 20476) ^ 0xffffffff);
}

TEST(bootfile_bzimage)
{
	struct pod_kernel k;
	struct pod_diag g;
	bool good;
	bzimage("6.1.0-9-test (x)");
	CHECK_EQ(pod_kernel_read(file(20480), &k, &g), POD_OK);
	CHECK_EQ(k.kind, POD_KERNEL_BZIMAGE);
	CHECK_STR(k.version, "6.1.0-9-test");
	CHECK(k.has_crc && !k.pe);
	/* in any pieces */
	for (size_t n = 100; n < sizeof buf; n += 6000) {
		CHECK_EQ(pod_kernel_crc(file(20480), &k, buf, n, &good), POD_OK);
		CHECK(good);
	}
	data[9999] ^= 1;
	CHECK_EQ(pod_kernel_crc(file(20480), &k, buf, sizeof buf, &good), POD_OK);
	CHECK(!good);
	CHECK_EQ(pod_kernel_read(file(20000), &k, &g), POD_E_RANGE);
	CHECK_EQ(g.expected, 20480);
	pod_put_le32(data + 0x24c, 0x100000);
	CHECK_EQ(pod_kernel_read(file(20480), &k, &g), POD_E_CORRUPT);
	/* there is no sum any more */
	bzimage("6.15.0");
	CHECK_EQ(pod_kernel_read(file(20480), &k, &g), POD_OK);
	CHECK(!k.has_crc);
	bzimage("");
	CHECK_EQ(pod_kernel_read(file(20480), &k, &g), POD_OK);
	CHECK(!k.has_crc);
}

TEST(bootfile_kernels_signed)
{
	struct pod_kernel k;
	bool good;
	bzimage("6.1.0");
	memcpy(data, "MZ", 2);
	pod_put_le32(data + 0x3c, 0x40);
	memcpy(data + 0x40, "PE\0\0", 4);
	pod_put_le16(data + 0x40 + 24, 0x20b);
	pod_put_le32(data + 20476, pod_crc32(0, data, 20476) ^ 0xffffffff);
	/* what signing changes */
	pod_put_le32(data + 0x40 + 24 + 64, 0x12345);
	pod_put_le32(data + 0x40 + 24 + 112 + 32, 20480);
	CHECK_EQ(pod_kernel_read(file(20480), &k, NULL), POD_OK);
	CHECK(k.pe);
	CHECK_EQ(pod_kernel_crc(file(20480), &k, buf, 777, &good), POD_OK);
	CHECK(good);
	data[0x40 + 24 + 60] ^= 1;
	CHECK_EQ(pod_kernel_crc(file(20480), &k, buf, 777, &good), POD_OK);
	CHECK(!good);
	pod_put_le32(data + 0x3c, 0xfffffff0);
	CHECK_EQ(pod_kernel_read(file(20480), &k, NULL), POD_E_CORRUPT);
}

TEST(bootfile_other_kernels)
{
	struct pod_kernel k;
	memset(data, 0, sizeof data);
	CHECK_EQ(pod_kernel_read(file(4096), &k, NULL), POD_E_FORMAT);
	CHECK_EQ(pod_kernel_read(file(10), &k, NULL), POD_E_FORMAT);
	CHECK_EQ(pod_kernel_read(file(0), &k, NULL), POD_E_FORMAT);
	memcpy(data + 0x38, "ARM\x64", 4);
	CHECK_EQ(pod_kernel_read(file(4096), &k, NULL), POD_OK);
	CHECK_EQ(k.kind, POD_KERNEL_ARM64);
	memcpy(data, "\x1f\x8b", 2);
	memset(data + 0x38, 0, 4);
	CHECK_EQ(pod_kernel_read(file(4096), &k, NULL), POD_OK);
	CHECK_EQ(k.kind, POD_KERNEL_GZIP);
}

TEST(bootfile_multiboot)
{
	memset(data, 0, sizeof data);
	CHECK_EQ(pod_multiboot_read(file(9000), buf, NULL), POD_E_FORMAT);
	pod_put_le32(data + 4096, 0x1badb002);
	pod_put_le32(data + 4100, 3);
	pod_put_le32(data + 4104, (uint32_t) - (0x1badb002 + 3));
	CHECK_EQ(pod_multiboot_read(file(9000), buf, NULL), POD_OK);
	data[4104] ^= 1;
	CHECK_EQ(pod_multiboot_read(file(9000), buf, NULL), POD_E_FORMAT);
	pod_put_le32(data + 16000, 0xe85250d6);
	pod_put_le32(data + 16008, 24);
	pod_put_le32(data + 16012, (uint32_t) - (0xe85250d6 + 24));
	CHECK_EQ(pod_multiboot_read(file(20000), buf, NULL), POD_OK);
	memcpy(data, "\x1f\x8b\x08", 3);
	CHECK_EQ(pod_multiboot_read(file(20000), buf, NULL), POD_E_UNSUPPORTED);
}

static void com32(void)
{
	memset(data, 0, sizeof data);
	memcpy(data,
	       "\x7f"
	       "ELF\1",
	       5);
	pod_put_le16(data + 16, 3);
	pod_put_le16(data + 18, 3);
	pod_put_le32(data + 28, 52);
	pod_put_le16(data + 42, 32);
	pod_put_le16(data + 44, 2);
	uint8_t *p = data + 52;
	pod_put_le32(p, 1);
	pod_put_le32(p + 8, 0x1000);
	pod_put_le32(p + 16, 1000);
	pod_put_le32(p + 32, 2);
	pod_put_le32(p + 36, 200);
	pod_put_le32(p + 48, 32);
	pod_put_le32(data + 200, 1);
	pod_put_le32(data + 204, 1);
	pod_put_le32(data + 208, 5);
	pod_put_le32(data + 212, 0x1000 + 300);
	pod_put_le32(data + 216, 1);
	pod_put_le32(data + 220, 13);
	memcpy(data + 301, "libutil.c32\0libcom32.c32", 25);
}

TEST(bootfile_com32)
{
	struct pod_com32 c;
	struct pod_diag g;
	com32();
	CHECK_EQ(pod_com32_read(file(1000), &c, &g), POD_OK);
	CHECK(c.elf);
	CHECK_EQ(c.needed_count, 2);
	CHECK_STR(c.needed[0], "libutil.c32");
	CHECK_STR(c.needed[1], "libcom32.c32");
	CHECK_EQ(pod_com32_read(file(900), &c, &g), POD_E_RANGE);
	data[18] = 0x3e;
	CHECK_EQ(pod_com32_read(file(1000), &c, &g), POD_E_CORRUPT);
	memcpy(data, "\xb8\xff\x4c\xcd\x21", 5);
	CHECK_EQ(pod_com32_read(file(1000), &c, &g), POD_OK);
	CHECK(!c.elf);
	data[0] = 'x';
	CHECK_EQ(pod_com32_read(file(1000), &c, &g), POD_E_FORMAT);
}

TEST(bootfile_bootinfo)
{
	struct pod_bootinfo b;
	memset(data, 1, sizeof data);
	pod_put_le32(data + 2048 + 8, 16);
	pod_put_le32(data + 2048 + 12, 1);
	pod_put_le32(data + 2048 + 16, 1002);
	uint32_t sum = (1002 - 64) / 4 * 0x01010101u + 0x0101u;
	pod_put_le32(data + 2048 + 20, sum);
	CHECK_EQ(pod_bootinfo_read(file(8192), 2048, &b), POD_OK);
	CHECK_EQ(b.sum, sum);
	CHECK_EQ(b.checksum, sum);
	CHECK_EQ(b.file_lba, 1);
	CHECK_EQ(pod_bootinfo_read(file(3000), 2048, &b), POD_E_CORRUPT);
	CHECK_EQ(pod_bootinfo_read(file(2050), 2048, &b), POD_E_NOT_FOUND);
	memset(data + 2048 + 8, 0, 56);
	CHECK_EQ(pod_bootinfo_read(file(8192), 2048, &b), POD_E_NOT_FOUND);
}

static void squashfs(void)
{
	memset(data, 0, sizeof data);
	memcpy(data, "hsqs", 4);
	pod_put_le32(data + 4, 1);
	pod_put_le32(data + 12, 131072);
	pod_put_le16(data + 20, 1);
	pod_put_le16(data + 22, 17);
	pod_put_le16(data + 26, 1);
	pod_put_le16(data + 28, 4);
	pod_put_le64(data + 40, 5000);
	pod_put_le64(data + 48, 4992);
	pod_put_le64(data + 64, 3000);
	pod_put_le64(data + 72, 3202);
	pod_put_le64(data + 80, UINT64_MAX);
	pod_put_le64(data + 88, UINT64_MAX);
	pod_put_le16(data + 3000, 0x8000 | 98);
	pod_put_le16(data + 3100, 100);
	pod_put_le16(data + 3202, 98);
	pod_put_le16(data + 3302, 4);
	pod_put_le64(data + 4992, 3302);
}

TEST(bootfile_squashfs)
{
	static const struct {
		size_t at;
		uint8_t x;
		enum pod_status st;
	} bad[] = {{0, 1, POD_E_FORMAT},     {12, 1, POD_E_CORRUPT},	{13, 1, POD_E_CORRUPT},	  {20, 8, POD_E_CORRUPT},
		   {22, 1, POD_E_CORRUPT},   {28, 1, POD_E_CORRUPT},	{41, 0x80, POD_E_RANGE},  {48, 0x80, POD_E_CORRUPT},
		   {64, 1, POD_E_CORRUPT},   {65, 0x40, POD_E_CORRUPT}, {72, 2, POD_E_CORRUPT},	  {35, 1, POD_E_CORRUPT},
		   {3000, 1, POD_E_CORRUPT}, {3001, 1, POD_E_CORRUPT},	{3100, 9, POD_E_CORRUPT}, {3202, 1, POD_E_CORRUPT},
		   {4992, 1, POD_E_CORRUPT}, {4999, 1, POD_E_CORRUPT},	{4, 1, POD_E_CORRUPT},	  {26, 1, POD_E_CORRUPT}};
	struct pod_diag g;
	squashfs();
	CHECK_EQ(pod_squashfs_check(file(5000), &g), POD_OK);
	CHECK_EQ(pod_squashfs_check(file(4096), &g), POD_E_RANGE);
	for (size_t i = 0; i < POD_ARRAY_LEN(bad); i++) {
		squashfs();
		data[bad[i].at] ^= bad[i].x;
		CHECK_EQ(pod_squashfs_check(file(5000), &g), bad[i].st);
	}
}

TEST(bootfile_erofs)
{
	struct pod_diag g;
	memset(data, 0, sizeof data);
	uint8_t *s = data + 1024;
	pod_put_le32(s, 0xe0f5e1e2);
	pod_put_le32(s + 8, 1);
	s[12] = 12;
	pod_put_le16(s + 14, 36);
	pod_put_le32(s + 36, 2);
	pod_put_le16(data + 36 * 32 + 4, 0x41ed);
	pod_put_le32(s + 4, ~pod_crc32c(0, s, 3072));
	CHECK_EQ(pod_erofs_check(file(8192), &g), POD_OK);
	CHECK_EQ(pod_erofs_check(file(8191), &g), POD_E_RANGE);
	data[4000] ^= 1;
	CHECK_EQ(pod_erofs_check(file(8192), &g), POD_E_CORRUPT);
	data[4000] ^= 1;
	pod_put_le32(s + 8, 0);
	pod_put_le16(s + 14, 35);
	CHECK_EQ(pod_erofs_check(file(8192), &g), POD_E_CORRUPT);
	s[12] = 30;
	CHECK_EQ(pod_erofs_check(file(8192), &g), POD_E_CORRUPT);
	s[0] = 0;
	CHECK_EQ(pod_erofs_check(file(8192), &g), POD_E_FORMAT);
}
