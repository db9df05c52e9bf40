/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Raw hard disks (MBR, GPT, or one volume without a table) and floppies. A floppy is told by its size and its boot sector,
 * as drives and BIOSes do it; a raw disk by a table that somebody could have written, or by a FAT in its first sector.
 */
#include "core/image/internal.h"
#include "core/image/instead.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/fs/fat.h"

enum { FLOPPY_LEAST_KIB = 160 };

static bool is_floppy_size(uint64_t bytes)
{
	static const uint16_t kib[] = {FLOPPY_LEAST_KIB, 180, 320, 360, 640, 720, 1200, 1440, 1680, 1720, 1722, 1760, 2880};
	for (size_t i = 0; i < POD_ARRAY_LEN(kib); i++)
		if (bytes == (uint64_t)kib[i] * 1024)
			return true;
	return false;
}

static bool has_boot_signature(const uint8_t *sector)
{
	return pod_get_le16(sector + 510) == 0xAA55;
}

bool image_is_stub(const uint8_t *sector)
{
	static const char says[] = "This is not a bootable disk";
	if (pod_all_zero(sector, 446))
		return true;
	for (size_t i = 62; i + sizeof says - 1 <= 510; i++)
		if (memcmp(sector + i, says, sizeof says - 1) == 0)
			return true;
	return false;
}

bool image_mbr_plausible(const uint8_t *sector, uint64_t *end_bytes)
{
	uint32_t used = 0;
	*end_bytes = 0;
	if (!has_boot_signature(sector))
		return false;
	for (uint32_t i = 0; i < 4; i++) {
		const uint8_t *e = sector + 446 + 16 * i;
		if (e[0] & 0x7F)
			return false;
		uint64_t start = pod_get_le32(e + 8), len = pod_get_le32(e + 12);
		if (!len)
			continue;
		/* isohybrid writes type 00h for "the whole image". */
		used++;
		if (start + len > *end_bytes >> 9)
			*end_bytes = (start + len) << 9;
	}
	return used != 0;
}

/* EFI loaders in what may be an EFI System Partition: by type, or any FAT (firmware starts removable media from those too). */
static enum pod_status scan_partitions(struct probe *p, struct pod_dev *dev, struct pod_parttab *t)
{
	struct pod_image *im = p->out;
	enum pod_status st = pod_parttab_read(dev, p->alloc, t, NULL);
	if (st != POD_OK)
		return st == POD_E_IO || st == POD_E_NOMEM ? st : POD_OK;
	uint64_t end = 0;
	for (uint32_t i = 0; i < t->count; i++) {
		const struct pod_part *part = &t->part[i];
		uint32_t fw = 0;
		if (part->start_bytes + part->length_bytes > end)
			end = part->start_bytes + part->length_bytes;
		bool esp = t->kind == POD_PARTTAB_GPT
				   ? memcmp(part->type_guid, pod_guid_esp, 16) == 0 ||
					     memcmp(part->type_guid, pod_guid_basic_data, 16) == 0
				   : part->mbr_type == 0xEF || part->mbr_type == 0x0B || part->mbr_type == 0x0C ||
					     part->mbr_type == 0x0E || part->mbr_type == 0x06 || part->mbr_type == 0x04 ||
					     part->mbr_type == 0x01;
		if (esp)
			POD_TRY(image_efi_in_fat(p, part->start_bytes, part->length_bytes, &fw, NULL));
		im->firmware |= fw;
	}
	im->volume_bytes = end;
	return POD_OK;
}

static enum pod_status probe_table(struct probe *p)
{
	struct pod_image *im = p->out;
	struct pod_window w;
	im->kind = POD_IMAGE_DISK;
	POD_TRY(pod_window_init(&w, p->dev, 0, p->dev->size_bytes));
	w.dev.sector_size = 512;
	struct pod_parttab *t = pod_zalloc(p->alloc, 1, sizeof *t);
	if (!t)
		return POD_E_NOMEM;
	enum pod_status st = scan_partitions(p, &w.dev, t);
	pod_free(p->alloc, t);
	/* An MBR that a BIOS can start has code; partitioners leave zeros. */
	for (uint32_t i = 0; i < 16; i++)
		if (p->head[i])
			im->firmware |= POD_FW_BIOS;
	return st;
}

/* One FAT volume over the whole file. */
static enum pod_status probe_volume(struct probe *p, const struct pod_fat_geometry *g)
{
	struct pod_image *im = p->out;
	struct pod_fs fs;
	im->volume_bytes = g->total_bytes;
	im->truncated = im->volume_bytes > im->size_bytes;
	enum pod_status st = pod_fs_open_as(&fs, &pod_fs_fat, p->dev, p->alloc, NULL);
	if (st == POD_OK) {
		pod_strlcpy(im->label, fs.label, sizeof im->label);
		st = image_efi_loaders(p, &fs, &im->firmware);
		pod_fs_close(&fs);
	}
	return st == POD_E_IO || st == POD_E_NOMEM ? st : POD_OK;
}

enum pod_status image_probe_disk(struct probe *p)
{
	struct pod_image *im = p->out;
	struct pod_fat_geometry g;
	uint64_t end;
	if (im->size_bytes < 512)
		return POD_E_FORMAT;
	bool fat = pod_fat_parse_bpb(p->head, &g, NULL) == POD_OK;
	bool bootable = has_boot_signature(p->head);
	bool table = image_mbr_plausible(p->head, &end);
	/* A boot sector, with or without a little behind it: what looks like partitions of no more than that is its code. A small
	 * kernel of Linux' has the mark of one, too. */
	bool alone = im->size_bytes < FLOPPY_LEAST_KIB << 10 && !fat && bootable && !pod_instead_is_kernel(p->head) &&
		     (!table || end < FLOPPY_LEAST_KIB << 10);
	bool floppy = alone || (is_floppy_size(im->size_bytes) && (fat || (bootable && !table)));
	if (!fat && table && !alone) {
		im->volume_bytes = end;
		enum pod_status st = probe_table(p);
		/* A protective MBR may span more than the disk, so that only real partitions count; the reader of the table
		 * refuses those outside the file, which leaves volume_bytes at what the MBR says. */
		im->truncated = p->head[446 + 4] != 0xEE && im->volume_bytes > im->size_bytes;
		return st;
	}
	if (!fat && !floppy)
		return POD_E_FORMAT;
	im->kind = floppy ? POD_IMAGE_FLOPPY : POD_IMAGE_DISK;
	enum pod_status st = fat ? probe_volume(p, &g) : POD_OK;
	if (bootable && !image_is_stub(p->head))
		im->firmware |= POD_FW_BIOS;
	return st;
}
