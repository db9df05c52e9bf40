/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes a FAT volume (Microsoft FAT 1.03; the fields are listed in fat.c).
 *
 * The ESP of a stick is FAT16 with 2 KiB clusters: UEFI 2.10 clause 13.3 has firmware read FAT12 and FAT16 on removable media and
 * FAT32 anywhere; FAT32 at 64 MiB is possible only with 512-byte clusters, whose chains are eight times as long to read. Two
 * FATs, 512 root entries, data aligned to 4 KiB.
 */
#include "core/fs/fat_write.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/base/str.h"

#define FAT16_MAX_BYTES (256ull << 20)
#define ROOT_ENTRIES	512u
#define BACKUP_BOOT	6u
#define DATA_ALIGN	4096u
#define CHUNK		4096u

struct layout {
	uint32_t bits, ss, spc, total, reserved, fat_sectors, root_sectors, clusters;
};

/* Sectors in front of the data for a given size of the FAT; reserved sectors grow so that the data are aligned. */
static uint32_t place(struct layout *l, uint32_t fat_sectors)
{
	uint32_t align = DATA_ALIGN / l->ss;
	l->fat_sectors = fat_sectors;
	l->reserved = l->bits == 32 ? 32 : 1;
	uint32_t front = l->reserved + 2 * fat_sectors + l->root_sectors;
	uint32_t pad = (align - (front & (align - 1))) & (align - 1);
	l->reserved += pad;
	return front + pad;
}

static enum pod_status lay_out(const struct pod_dev *dev, const struct pod_fat_params *pp, struct layout *l,
			       struct pod_diag *diag)
{
	uint32_t ss = pp->sector_size, sshift = 9;
	if (ss < 512 || ss > 4096 || (ss & (ss - 1)))
		return pod_fail(diag, POD_E_INVALID, "sector size", 0, 512, ss);
	while (1u << sshift != ss)
		sshift++;
	uint64_t total = dev->size_bytes >> sshift;
	l->ss = ss;
	l->bits = pp->bits ? pp->bits : dev->size_bytes <= FAT16_MAX_BYTES ? 16 : 32;
	uint32_t cs = pp->cluster_size;
	if (!cs) {
		/* At most 2^15 clusters of FAT16, 2^21 of FAT32; small volumes get clusters small enough to be FAT16 at all. */
		cs = l->bits == 16 ? 2048 : 512;
		while (cs < 32768 && dev->size_bytes > (uint64_t)cs << (l->bits == 16 ? 15 : 21))
			cs *= 2;
		while (l->bits == 16 && cs > 512 && dev->size_bytes < (uint64_t)cs * 5000)
			cs /= 2;
	}
	if (cs < ss)
		cs = ss;
	if ((cs & (cs - 1)) || cs > 32768 || total > UINT32_MAX)
		return pod_fail(diag, POD_E_INVALID, "cluster size", 0, 2048, cs);
	l->spc = cs >> sshift;
	l->total = (uint32_t)total;
	l->root_sectors = l->bits == 32 ? 0 : ROOT_ENTRIES * 32 / ss;
	uint32_t entry = l->bits / 8, spc_shift = 0;
	while (1u << spc_shift != l->spc)
		spc_shift++;
	/* A FAT for all sectors is too large by what itself takes: that is harmless, and needs no iteration. */
	uint64_t need = (((uint64_t)l->total >> spc_shift) + 2) * entry;
	uint32_t front = place(l, (uint32_t)((need + ss - 1) >> sshift));
	if (front >= l->total)
		return pod_fail(diag, POD_E_NOSPACE, "volume size", 0, front, l->total);
	l->clusters = (l->total - front) >> spc_shift;
	/* Keep away from the limits where readers differ, as the specification advises. */
	bool fits = l->bits == 16 ? l->clusters >= 4085 + 16 && l->clusters < 65525 - 16
				  : l->bits == 32 && l->clusters >= 65525 + 16 && l->clusters < 0x0FFFFFF0;
	return fits ? POD_OK : pod_fail(diag, POD_E_INVALID, "CountofClusters", 0, l->bits, l->clusters);
}

static void put_label(uint8_t out[11], const char *label)
{
	size_t n = label ? pod_strlen(label) : 0;
	for (size_t i = 0; i < 11; i++)
		out[i] = i < n ? (uint8_t)label[i] : ' ';
}

static void make_boot_sector(uint8_t *b, const struct layout *l, const struct pod_fat_params *pp)
{
	static const uint8_t halt[] = {0xF4, 0xEB, 0xFD}; /* hlt; jmp back: this volume is not what a BIOS starts */
	bool fat32 = l->bits == 32;
	uint8_t *ext = b + (fat32 ? 64 : 36);
	b[0] = 0xEB;
	b[1] = fat32 ? 0x58 : 0x3C;
	b[2] = 0x90;
	memcpy(b + 3, "ISOPOD  ", 8);
	pod_put_le16(b + 11, (uint16_t)l->ss);
	b[13] = (uint8_t)l->spc;
	pod_put_le16(b + 14, (uint16_t)l->reserved);
	b[16] = 2;
	pod_put_le16(b + 17, fat32 ? 0 : ROOT_ENTRIES);
	pod_put_le16(b + 19, !fat32 && l->total < 65536 ? (uint16_t)l->total : 0);
	b[21] = 0xF8;
	pod_put_le16(b + 22, fat32 ? 0 : (uint16_t)l->fat_sectors);
	pod_put_le16(b + 24, 63);
	pod_put_le16(b + 26, 255);
	pod_put_le32(b + 28, pp->hidden_sectors);
	pod_put_le32(b + 32, !fat32 && l->total < 65536 ? 0 : l->total);
	if (fat32) {
		pod_put_le32(b + 36, l->fat_sectors);
		pod_put_le32(b + 44, 2);
		pod_put_le16(b + 48, 1);
		pod_put_le16(b + 50, BACKUP_BOOT);
	}
	ext[0] = 0x80;
	ext[2] = 0x29;
	pod_put_le32(ext + 3, pp->serial);
	put_label(ext + 7, pp->label ? pp->label : "NO NAME");
	memcpy(ext + 18, fat32 ? "FAT32   " : "FAT16   ", 8);
	memcpy(ext + 26, halt, sizeof halt);
	pod_put_le16(b + 510, 0xAA55);
}

static enum pod_status write_zeros(struct pod_dev *dev, uint64_t at, uint64_t len, const uint8_t *zeros)
{
	while (len) {
		size_t n = (size_t)pod_min_u64(len, CHUNK);
		POD_TRY(pod_dev_write(dev, at, zeros, n));
		at += n, len -= n;
	}
	return POD_OK;
}

/* `b` is a zeroed buffer of CHUNK bytes and is left zeroed. */
static enum pod_status write_sector(struct pod_dev *dev, const struct layout *l, uint64_t sector, uint8_t *b)
{
	enum pod_status st = pod_dev_write(dev, sector * l->ss, b, l->ss);
	memset(b, 0, CHUNK);
	return st;
}

static enum pod_status write_fats(struct pod_dev *dev, const struct layout *l, uint8_t *b)
{
	for (uint32_t copy = 0; copy < 2; copy++) {
		if (l->bits == 16) {
			pod_put_le16(b, 0xFFF8);
			pod_put_le16(b + 2, 0xFFFF);
		} else {
			pod_put_le32(b, 0x0FFFFFF8);
			pod_put_le32(b + 4, 0x0FFFFFFF);
			pod_put_le32(b + 8, 0x0FFFFFFF); /* the root directory: one cluster */
		}
		POD_TRY(write_sector(dev, l, l->reserved + (uint64_t)copy * l->fat_sectors, b));
	}
	return POD_OK;
}

static enum pod_status write_info(struct pod_dev *dev, const struct layout *l, uint64_t sector, uint8_t *b)
{
	pod_put_le32(b, 0x41615252);
	pod_put_le32(b + 484, 0x61417272);
	pod_put_le32(b + 488, l->clusters - 1);
	pod_put_le32(b + 492, 3);
	pod_put_le32(b + 508, 0xAA550000);
	return write_sector(dev, l, sector, b);
}

static enum pod_status write_volume(struct pod_dev *dev, const struct layout *l, const struct pod_fat_params *pp, uint8_t *b)
{
	uint64_t root = l->reserved + 2ull * l->fat_sectors;
	uint64_t root_sectors = l->bits == 32 ? l->spc : l->root_sectors;
	/* First of all the old boot sector goes, so that a half-made volume is none. */
	POD_TRY(write_sector(dev, l, 0, b));
	POD_TRY(pod_dev_flush(dev));
	POD_TRY(write_zeros(dev, l->ss, (root + root_sectors - 1) * l->ss, b));
	POD_TRY(write_fats(dev, l, b));
	if (pp->label && pp->label[0]) {
		put_label(b, pp->label);
		b[11] = 0x08;
		pod_put_le16(b + 22, pp->time);
		pod_put_le16(b + 24, pp->date);
		POD_TRY(write_sector(dev, l, root, b));
	}
	if (l->bits == 32) {
		POD_TRY(write_info(dev, l, 1, b));
		POD_TRY(write_info(dev, l, BACKUP_BOOT + 1, b));
		make_boot_sector(b, l, pp);
		POD_TRY(write_sector(dev, l, BACKUP_BOOT, b));
	}
	POD_TRY(pod_dev_flush(dev));
	make_boot_sector(b, l, pp);
	POD_TRY(write_sector(dev, l, 0, b));
	return pod_dev_flush(dev);
}

enum pod_status pod_fat_format(struct pod_dev *dev, struct pod_alloc *a, const struct pod_fat_params *params,
			       struct pod_diag *diag)
{
	struct layout l = {0};
	POD_TRY(lay_out(dev, params, &l, diag));
	uint8_t *b = pod_zalloc(a, 1, CHUNK);
	if (!b)
		return POD_E_NOMEM;
	enum pod_status st = write_volume(dev, &l, params, b);
	pod_free(a, b);
	return st;
}
