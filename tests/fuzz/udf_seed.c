/* SPDX-License-Identifier: BSD-2-Clause */
/* udf-seed FOLDER: small UDF volumes as inputs of the fuzz targets that read media: from byte 32768 on, and no injected failure. */
#include <stdio.h>
#include <stdlib.h>
#include "tests/unit/udf_volume.h"

enum { HEAD = 32768, CONTROL = 4, SIZE_MAX_BYTES = 160 << 10 };
static uint8_t img[SIZE_MAX_BYTES + CONTROL];
static struct udfw w;

static void save(const char *folder, const char *name)
{
	char path[512];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *f = fopen(path, "wb");
	memset(img + w.size, 0, CONTROL);
	if (!f || fwrite(img + HEAD, 1, w.size - HEAD + CONTROL, f) != w.size - HEAD + CONTROL || fclose(f)) {
		perror(path);
		exit(1);
	}
}

/* A folder's entry block and a name for it in the directory being built. */
static uint32_t folder(const char *name)
{
	uint32_t block = udfw_alloc(&w, 1);
	udfw_fid(&w, name, 2, block);
	return block;
}

/* An initrd and a kernel beside each other, as a live medium has them. */
static void live(void)
{
	static const uint8_t initrd[] = "070701 an archive, or so it begins";
	static uint8_t kernel[0x240];
	memcpy(kernel + 0x202, "HdrS", 4);
	pod_put_le16(kernel + 0x206, 0x20c);
	kernel[0x236] = 1;
	udfw_file(&w, "initrd.img", initrd, sizeof initrd);
	udfw_file(&w, "vmlinuz", kernel, sizeof kernel);
}

/* Every form of names, of allocation and of entries. */
static void forms(void)
{
	uint8_t ads[48];
	uint32_t e = udfw_alloc(&w, 1), more = udfw_alloc(&w, 1), data = udfw_alloc(&w, 3);
	udfw_short(ads, w.block, 0, data), udfw_short(ads + 8, w.block, 1, data + 1), udfw_short(ads + 16, w.block, 3, more);
	udfw_entry(&w, e, false, 5, 0, 3 * w.block, ads, 24);
	udfw_fid(&w, "continued", 0, e);
	uint8_t *d = udfw_block(&w, more);
	pod_put_le32(d + 20, 8);
	udfw_short(d + 24, w.block, 0, data + 2);
	udfw_tag(d, 258, more, 32);
	e = udfw_alloc(&w, 1);
	udfw_long(ads, w.block, 0, data, 0), udfw_long(ads + 16, w.block, 2, 0, 0), udfw_long(ads + 32, 9, 0, data + 2, 0);
	udfw_entry(&w, e, true, 5, 1, 2 * w.block + 9, ads, 48);
	udfw_fid_raw(&w, "\x10\x65\xe5\xd8\x3d\xde\x00", 7, 0, e, 20);
	e = udfw_alloc(&w, 1);
	udfw_entry(&w, e, true, 5, 3, 8, (const uint8_t *)"embedded", 8);
	udfw_fid(&w, "embedded", 1, e);
	e = udfw_alloc(&w, 1);
	for (uint32_t i = 0; i < 5; i++)
		udfw_short(ads + 8 * i, 0x3FFFF800, 2, 0);
	udfw_entry(&w, e, false, 5, 0, 5 * UINT64_C(0x3FFFF800), ads, 40);
	udfw_fid(&w, "huge", 0, e);
	e = udfw_alloc(&w, 1);
	udfw_entry(&w, e, false, 12, 3, 8, (const uint8_t *)"\5\4\0\0\10abc", 8);
	udfw_fid(&w, "link", 0, e);
	udfw_fid(&w, "deleted", 4, e);
	udfw_file(&w, "empty", "", 0);
}

static void volume(uint32_t size, uint32_t block)
{
	static const char grub[] = "linux /live/vmlinuz\ninitrd /live/initrd.img\n";
	udfw_begin(&w, img, size, block);
	uint32_t live_at = folder("live"), efi = folder("EFI"), boot;
	udfw_file(&w, "grub.cfg", grub, sizeof grub - 1);
	forms();
	udfw_dir_end(&w, UDFW_ROOT);
	udfw_dir_begin(&w, UDFW_ROOT);
	live();
	udfw_fid(&w, "up", 2, UDFW_ROOT);
	udfw_dir_end(&w, live_at);
	udfw_dir_begin(&w, UDFW_ROOT);
	boot = folder("BOOT");
	udfw_dir_end(&w, efi);
	udfw_dir_begin(&w, efi);
	udfw_file(&w, "BOOTX64.EFI", "MZ", 2);
	udfw_dir_end(&w, boot);
}

static size_t iso_record(uint8_t *r, const char *id, size_t len, uint32_t block, uint32_t size, uint8_t flags)
{
	memset(r, 0, 34 + len);
	r[0] = (uint8_t)(33 + len + !(len & 1));
	pod_put_le32(r + 2, block), pod_put_be32(r + 6, block);
	pod_put_le32(r + 10, size), pod_put_be32(r + 14, size);
	r[25] = flags;
	r[32] = (uint8_t)len;
	memcpy(r + 33, id, len);
	return r[0];
}

/* ISO 9660 in front, with a README only. */
static void bridge(void)
{
	uint8_t *d = img + HEAD, *r;
	uint32_t root = w.part + udfw_alloc(&w, 1);
	memmove(d + 2 * 2048, d, 3 * 2048);
	memset(d, 0, 2 * 2048);
	memcpy(d, "\1CD001\1", 7);
	memcpy(d + 40, "BRIDGE", 6);
	pod_put_le32(d + 80, (uint32_t)(w.size / 2048));
	pod_put_le16(d + 128, 2048);
	iso_record(d + 156, "", 1, root, 2048, 2);
	memcpy(d + 2048, "\377CD001\1", 7);
	r = udfw_sector(&w, root);
	r += iso_record(r, "", 1, root, 2048, 2);
	r += iso_record(r, "\1", 1, root, 2048, 2);
	iso_record(r, "README.TXT;1", 12, root, 7, 0);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	volume(SIZE_MAX_BYTES, 2048);
	save(argv[1], "udf-2048");
	bridge();
	save(argv[1], "udf-bridge");
	udfw_sector(&w, w.main)[30] ^= 1;
	save(argv[1], "udf-reserve");
	volume(96 << 10, 512);
	save(argv[1], "udf-512");
	uint8_t vat[64] = {2, 64};
	memcpy(vat + 5, "*UDF Virtual Partition", 22);
	udfw_logical(&w, w.main + 1, 1, "VAT", vat, sizeof vat);
	save(argv[1], "udf-vat");
	return 0;
}
