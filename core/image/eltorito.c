/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The boot catalogue ("El Torito" Bootable CD-ROM Format Specification 1.0, 1995, clauses 2.0 to 2.5; UEFI 2.10 clause
 * 13.3.2.1). 32-byte entries from the catalogue's first byte, little-endian:
 *
 *   validation entry   +0 1 01h, +1 1 platform (00h 80x86, EFh EFI), +28 2 checksum (all words sum to 0), +30 55h AAh
 *   initial entry      +0 1 88h bootable / 00h, +1 1 media (bits 0..3), +2 2 load segment, +4 1 system type,
 *                      +6 2 sector count (512 bytes each), +8 4 first block (2048 bytes each)
 *   section header     +0 1 90h (more follow) / 91h (last), +1 1 platform, +2 2 entries in this section
 *   section entry      as the initial entry; media bit 5: extension entries (44h, +1 bit 5: another follows) come next
 *
 * What real writers do: the platform only in the validation entry (an EFI-only medium), 90h in the last header, a count of
 * entries that is too large, an entry (88h) with no header in front, a wrong checksum (read: BIOSes do not look), a sector count
 * of 0 or 1 for EFI images (UEFI defines that as "to the end of the medium"), or one cut to 16 bits for images of 32 MiB and
 * above. So the length of an EFI image comes from its FAT's own boot sector where it has one.
 */
#include "core/image/internal.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/fs/fat.h"

#define CD_SECTOR    2048u
#define ENTRY	     32u
#define PLATFORM_EFI 0xEFu

static uint64_t floppy_bytes(uint8_t media)
{
	switch (media) {
	case POD_ET_FLOPPY_1200:
		return 80u * 2 * 15 * 512;
	case POD_ET_FLOPPY_1440:
		return 80u * 2 * 18 * 512;
	default:
		return 80u * 2 * 36 * 512;
	}
}

/* How long the boot image is; `room` is what the file holds from its first byte on. p->buf has its first sector. */
static uint64_t image_length(const struct probe *p, const struct pod_eltorito_entry *e, uint64_t room)
{
	uint64_t counted = (uint64_t)e->sector_count * 512, end;
	struct pod_fat_geometry g;
	if (e->media >= POD_ET_FLOPPY_1200 && e->media <= POD_ET_FLOPPY_2880)
		return pod_min_u64(floppy_bytes(e->media), room);
	if (e->media == POD_ET_HARDDISK)
		return pod_min_u64(image_mbr_plausible(p->buf, &end) && end > counted ? end : counted, room);
	bool fat = pod_fat_parse_bpb(p->buf, &g, NULL) == POD_OK;
	if (e->platform == PLATFORM_EFI || fat) {
		if (fat && g.total_bytes > counted)
			return pod_min_u64(g.total_bytes, room);
		return e->sector_count > 1 ? pod_min_u64(counted, room) : room;
	}
	return pod_min_u64(counted ? counted : CD_SECTOR, room);
}

static enum pod_status examine_efi(struct probe *p, struct pod_eltorito_entry *e, uint64_t start)
{
	bool fat;
	POD_TRY(image_efi_in_fat(p, start, e->length_bytes, &e->firmware, &fat));
	if (!e->firmware)
		e->fault = fat ? POD_BOOT_FAULT_NO_LOADER : POD_BOOT_FAULT_NO_FAT;
	return POD_OK;
}

/* Looks at the image an entry points to. */
static enum pod_status examine(struct probe *p, struct pod_eltorito_entry *e)
{
	uint64_t start = (uint64_t)e->lba * CD_SECTOR;
	if (!e->lba || start >= p->dev->size_bytes) {
		e->fault = e->bootable ? POD_BOOT_FAULT_OUTSIDE : POD_BOOT_FAULT_NONE;
		return POD_OK;
	}
	uint64_t room = p->dev->size_bytes - start;
	size_t have = (size_t)pod_min_u64(512, room);
	memset(p->buf, 0, 512);
	POD_TRY(pod_dev_read(p->dev, start, p->buf, have));
	e->length_bytes = image_length(p, e, room);
	if (!e->bootable)
		return POD_OK;
	if (pod_all_zero(p->buf, 512))
		e->fault = POD_BOOT_FAULT_ZEROS;
	else if (e->platform == PLATFORM_EFI)
		return examine_efi(p, e, start);
	else if (e->platform == 0 && !image_is_stub(p->buf))
		e->firmware = POD_FW_BIOS;
	return POD_OK;
}

static bool is_boot_entry(const uint8_t *b)
{
	/* The media nibble and a place; an entry of zeros is none. */
	return (b[0] == 0x88 || b[0] == 0x00) && (b[1] & 0x0F) <= POD_ET_HARDDISK && pod_get_le32(b + 8);
}

static void add_entry(struct pod_image *im, const uint8_t *b, uint64_t at, uint8_t platform)
{
	if (im->boot_count == POD_ELTORITO_MAX || !is_boot_entry(b))
		return;
	im->boot[im->boot_count++] = (struct pod_eltorito_entry){
		.platform = platform,
		.bootable = b[0] == 0x88,
		.media = b[1] & 0x0F,
		.load_segment = pod_get_le16(b + 2),
		.system_type = b[4],
		.sector_count = pod_get_le16(b + 6),
		.lba = pod_get_le32(b + 8),
		.entry_bytes = at,
	};
}

/* `cat` holds `len` bytes of the catalogue, a multiple of 32. */
static void parse(struct pod_image *im, const uint8_t *cat, uint32_t len)
{
	uint8_t platform = cat[1];
	uint32_t left = 0;
	bool last = false;
	add_entry(im, cat + ENTRY, im->catalog_bytes + ENTRY, platform);
	for (uint32_t i = 2 * ENTRY; i + ENTRY <= len; i += ENTRY) {
		const uint8_t *b = cat + i;
		if (b[0] == 0x44)
			continue;
		if (b[0] == 0x90 || b[0] == 0x91) {
			if (last)
				return;
			platform = b[1];
			left = pod_get_le16(b + 2);
			last = b[0] == 0x91;
		} else if (left || b[0] == 0x88) {
			add_entry(im, b, im->catalog_bytes + i, platform);
			left -= left > 0;
		} else {
			return;
		}
	}
}

enum pod_status image_read_catalog(struct probe *p)
{
	struct pod_image *im = p->out;
	const uint8_t *b = p->buf;
	if (!pod_in_range(im->catalog_bytes, 2 * ENTRY, p->dev->size_bytes)) {
		im->catalog_bytes = 0;
		return POD_OK;
	}
	uint32_t len = (uint32_t)pod_min_u64(sizeof p->buf, p->dev->size_bytes - im->catalog_bytes) & ~(ENTRY - 1);
	POD_TRY(pod_dev_read(p->dev, im->catalog_bytes, p->buf, len));
	if (b[0] != 1 || b[30] != 0x55 || b[31] != 0xAA) {
		im->catalog_bytes = 0;
		return POD_OK;
	}
	parse(im, b, len);
	for (uint32_t i = 0; i < im->boot_count; i++)
		POD_TRY(examine(p, &im->boot[i]));
	return POD_OK;
}
