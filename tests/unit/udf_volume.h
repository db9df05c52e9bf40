/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A writer of small UDF volumes, from ECMA-167 and UDF 1.02, for tests: what no program at hand writes. It shares nothing with the
 * reader, so that both would have to be wrong in the same way.
 *
 *   byte 32768      BEA01, NSR02, TEA01
 *   byte 49152      main sequence, 4 sectors: partition, logical volume, terminator
 *   behind it       reserve sequence, the same
 *   behind it       the partition: block 0 file set, block 1 the root directory's File Entry, then what the test adds
 *   last sector     anchor; sector 256 too if there is one
 */
#ifndef POD_TESTS_UDF_VOLUME_H
#define POD_TESTS_UDF_VOLUME_H

#include <string.h>
#include "core/base/bytes.h"

struct udfw {
	uint8_t *img;
	size_t size;
	uint32_t block; /* bytes of a block and a sector */
	uint32_t main, reserve, part;
	uint32_t next;	/* first free block of the partition */
	uint32_t parts; /* sectors of the partition */
	uint8_t dir[4096];
	uint32_t dir_len;
};

enum { UDFW_ROOT = 1 };

static inline uint16_t udfw_crc(const uint8_t *p, size_t n)
{
	uint16_t crc = 0;
	while (n--) {
		crc = (uint16_t)(crc >> 8 | crc << 8);
		crc ^= *p++;
		crc ^= (crc & 0xff) >> 4;
		crc = (uint16_t)(crc ^ crc << 12);
		crc = (uint16_t)(crc ^ (crc & 0xff) << 5);
	}
	return crc;
}

/* A tag in front of `len` bytes in all. */
static inline void udfw_tag(uint8_t *d, uint16_t id, uint32_t location, uint32_t len)
{
	uint8_t sum = 0;
	memset(d, 0, 16);
	pod_put_le16(d, id);
	pod_put_le16(d + 2, 2);
	pod_put_le16(d + 8, udfw_crc(d + 16, len - 16));
	pod_put_le16(d + 10, (uint16_t)(len - 16));
	pod_put_le32(d + 12, location);
	for (int i = 0; i < 16; i++)
		sum = (uint8_t)(sum + d[i]);
	d[4] = sum;
}

static inline uint8_t *udfw_sector(struct udfw *w, uint32_t sector)
{
	return w->img + (size_t)sector * w->block;
}

static inline uint8_t *udfw_block(struct udfw *w, uint32_t block)
{
	return udfw_sector(w, w->part + block);
}

static inline void udfw_short(uint8_t *p, uint32_t len, uint32_t type, uint32_t block)
{
	pod_put_le32(p, len | type << 30);
	pod_put_le32(p + 4, block);
}

static inline void udfw_long(uint8_t *p, uint32_t len, uint32_t type, uint32_t block, uint16_t partition)
{
	memset(p, 0, 16);
	udfw_short(p, len, type, block);
	pod_put_le16(p + 8, partition);
}

static inline void udfw_anchor(struct udfw *w, uint32_t sector)
{
	uint8_t *d = udfw_sector(w, sector);
	memset(d, 0, 512);
	pod_put_le32(d + 16, 4 * w->block);
	pod_put_le32(d + 20, w->main);
	pod_put_le32(d + 24, 4 * w->block);
	pod_put_le32(d + 28, w->reserve);
	udfw_tag(d, 2, sector, 512);
}

static inline void udfw_partition(struct udfw *w, uint32_t sector, uint32_t sequence, uint32_t first, uint32_t count)
{
	uint8_t *d = udfw_sector(w, sector);
	memset(d, 0, w->block);
	pod_put_le32(d + 16, sequence);
	pod_put_le16(d + 20, 1);
	pod_put_le16(d + 22, 7); /* its number */
	memcpy(d + 25, "+NSR02", 6);
	pod_put_le32(d + 184, 1);
	pod_put_le32(d + 188, first);
	pod_put_le32(d + 192, count);
	udfw_tag(d, 5, sector, 512);
}

/* `map` of `len` bytes: the partition maps; NULL: one of type 1. */
static inline void udfw_logical(struct udfw *w, uint32_t sector, uint32_t sequence, const char *label, const uint8_t *map,
				uint32_t len)
{
	static const uint8_t plain[6] = {1, 6, 1, 0, 7, 0};
	uint8_t *d = udfw_sector(w, sector);
	memset(d, 0, w->block);
	pod_put_le32(d + 16, sequence);
	d[84] = 8;
	memcpy(d + 85, label, strlen(label));
	d[84 + 127] = (uint8_t)(strlen(label) + 1);
	pod_put_le32(d + 212, w->block);
	memcpy(d + 217, "*OSTA UDF Compliant", 19);
	pod_put_le16(d + 240, 0x0102);
	udfw_long(d + 248, w->block, 0, 0, 0);
	if (!map)
		map = plain, len = sizeof plain;
	pod_put_le32(d + 264, len);
	pod_put_le32(d + 268, 1);
	memcpy(d + 440, map, len);
	udfw_tag(d, 6, sector, 440 + len);
}

/* A File Entry at `block`; its allocation descriptors, or the data, are `ads`. kind 0 short, 1 long, 3 embedded. */
static inline void udfw_entry(struct udfw *w, uint32_t block, bool extended, uint8_t type, uint8_t kind, uint64_t size,
			      const uint8_t *ads, uint32_t ads_len)
{
	static const uint8_t date[12] = {0x3c, 0x10, 0xea, 0x07, 1, 2, 4, 4, 5}; /* 2026-01-02 04:04:05, UTC+1 */
	uint8_t *d = udfw_block(w, block);
	uint32_t header = extended ? 216 : 176;
	memset(d, 0, w->block);
	pod_put_le16(d + 20, 4);
	pod_put_le16(d + 24, 1);
	d[27] = type;
	pod_put_le16(d + 34, kind);
	pod_put_le16(d + 48, 1);
	pod_put_le64(d + 56, size);
	if (extended)
		pod_put_le64(d + 64, size);
	memcpy(d + (extended ? 92 : 84), date, sizeof date);
	pod_put_le32(d + header - 4, ads_len);
	memcpy(d + header, ads, ads_len);
	udfw_tag(d, extended ? 266 : 261, block, header + ads_len);
}

/* Adds a File Identifier Descriptor to the directory being built: `cs0` is the name as on disk. */
static inline void udfw_fid_raw(struct udfw *w, const void *cs0, uint8_t len, uint8_t flags, uint32_t icb, uint16_t use)
{
	uint8_t *d = w->dir + w->dir_len;
	uint32_t n = (38u + use + len + 3) & ~3u;
	memset(d, 0, n);
	pod_put_le16(d + 16, 1);
	d[18] = flags;
	d[19] = len;
	udfw_long(d + 20, w->block, 0, icb, 0);
	pod_put_le16(d + 36, use);
	memcpy(d + 38 + use, cs0, len);
	udfw_tag(d, 257, 0, n);
	w->dir_len += n;
}

static inline void udfw_fid(struct udfw *w, const char *name, uint8_t flags, uint32_t icb)
{
	uint8_t cs0[255] = {8};
	memcpy(cs0 + 1, name, strlen(name));
	udfw_fid_raw(w, cs0, (uint8_t)(strlen(name) + 1), flags, icb, 0);
}

static inline uint32_t udfw_alloc(struct udfw *w, uint32_t blocks)
{
	w->next += blocks;
	return w->next - blocks;
}

/* Begins a directory: its parent entry. */
static inline void udfw_dir_begin(struct udfw *w, uint32_t parent)
{
	w->dir_len = 0;
	udfw_fid_raw(w, "", 0, 0x0a, parent, 0);
}

/* Writes what was added as the content of the directory whose entry lies at `block`. */
static inline void udfw_dir_end(struct udfw *w, uint32_t block)
{
	uint8_t ad[8];
	uint32_t n = (w->dir_len + w->block - 1) / w->block, at = udfw_alloc(w, n);
	memcpy(udfw_block(w, at), w->dir, w->dir_len);
	udfw_short(ad, w->dir_len, 0, at);
	udfw_entry(w, block, false, 4, 0, w->dir_len, ad, sizeof ad);
}

/* Everything but the root directory's content, for which udfw_dir_begin was called. */
static inline void udfw_begin(struct udfw *w, uint8_t *img, size_t size, uint32_t block)
{
	static const char id[3][6] = {"BEA01", "NSR02", "TEA01"};
	*w = (struct udfw){.img = img, .size = size, .block = block, .main = 49152 / block, .next = 2};
	uint32_t last = (uint32_t)(size / block) - 1;
	memset(img, 0, size);
	w->reserve = w->main + 4;
	w->part = w->main + 8;
	w->parts = last - w->part;
	for (int i = 0; i < 3; i++) {
		memcpy(img + 32768 + 2048 * i + 1, id[i], 5);
		img[32768 + 2048 * i + 6] = 1;
	}
	for (uint32_t i = 0; i < 2; i++) {
		uint32_t at = i ? w->reserve : w->main;
		udfw_partition(w, at, 1, w->part, w->parts);
		udfw_logical(w, at + 1, 2, i ? "RESERVE" : "MAIN", NULL, 0);
		udfw_tag(udfw_sector(w, at + 2), 8, at + 2, 512);
	}
	udfw_anchor(w, last);
	uint8_t *d = udfw_block(w, 0);
	udfw_long(d + 400, block, 0, UDFW_ROOT, 0);
	udfw_tag(d, 256, 0, 512);
	udfw_dir_begin(w, UDFW_ROOT);
}

/* A file of one run with a name in the directory being built; returns the block of its entry. */
static inline uint32_t udfw_file(struct udfw *w, const char *name, const void *data, uint32_t len)
{
	uint8_t ad[8];
	uint32_t entry = udfw_alloc(w, 1), at = udfw_alloc(w, (len + w->block - 1) / w->block);
	memcpy(udfw_block(w, at), data, len);
	udfw_short(ad, len, 0, at);
	udfw_entry(w, entry, false, 5, 0, len, ad, len ? 8 : 0);
	udfw_fid(w, name, 0, entry);
	return entry;
}

#endif
