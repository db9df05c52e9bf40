/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does what an ISO 9660 volume says twice agree? (ECMA-119, 4th edition.) Descriptors from sector 16 on (clause 8):
 *
 *   +0 1 type (1, 2: volumes; 255: terminator)  +1 5 "CD001"
 *   both-endian: +80 8 volume space size  +120 4 set size  +124 4 sequence number  +128 4 block size  +132 8 path table size
 *   +140 4 path table, little-endian   +148 4 path table, big-endian   +156 34 root's directory record: +2 8 extent, +10 8 length
 *
 * Path table record (9.4): +0 1 length of the identifier  +2 4 extent  +6 2 parent's number  +8 identifier, padded to even. Linux and
 * loaders read one byte order and no path table; others do, so that a medium with two truths starts here and not there.
 */
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/fs/iso9660.h"

enum {
	SECTOR = 2048,
	DESCRIPTORS_MAX = 64,
	TABLE_MAX = 256 << 10,
	FOLDERS_MAX = 256, /* whose own record is looked at */
};

struct check {
	struct pod_dev *dev;
	struct pod_alloc *alloc;
	struct pod_diag *diag;
	uint8_t d[SECTOR];
	uint64_t at; /* of the descriptor */
};

static enum pod_status both(struct check *c, uint32_t off, uint32_t width, const char *what)
{
	const uint8_t *p = c->d + off;
	uint32_t le = width == 2 ? pod_get_le16(p) : pod_get_le32(p), be = width == 2 ? pod_get_be16(p + 2) : pod_get_be32(p + 4);
	return le == be ? POD_OK : pod_fail(c->diag, POD_E_CORRUPT, what, c->at + off, le, be);
}

/* The record of a folder about itself, at its beginning. */
static enum pod_status check_folder(struct check *c, uint32_t extent, uint64_t entry_at)
{
	uint8_t r[34];
	if (!pod_in_range((uint64_t)extent * SECTOR, sizeof r, c->dev->size_bytes))
		return pod_fail(c->diag, POD_E_CORRUPT, "path table: place of a folder", entry_at, c->dev->size_bytes / SECTOR,
				extent);
	POD_TRY(pod_dev_read(c->dev, (uint64_t)extent * SECTOR, r, sizeof r));
	/* With an extended attribute record in front it begins later. */
	if (r[0] < 34 || r[32] != 1 || r[33] != 0 || (pod_get_le32(r + 2) != extent && !r[1]))
		return pod_fail(c->diag, POD_E_CORRUPT, "path table: a folder is not where it says", entry_at, extent,
				pod_get_le32(r + 2));
	return POD_OK;
}

/* Record by record: `l` little-endian, `m` big-endian, of `size` bytes both. */
static enum pod_status compare_tables(struct check *c, const uint8_t *l, const uint8_t *m, uint32_t size)
{
	uint64_t at = (uint64_t)pod_get_le32(c->d + 140) * SECTOR;
	uint32_t number = 0;
	for (uint32_t i = 0; i + 8 < size && l[i];) {
		uint32_t len = 8u + l[i] + (l[i] & 1), extent = pod_get_le32(l + i + 2);
		number++;
		if (!pod_in_range(i, len, size))
			return pod_fail(c->diag, POD_E_CORRUPT, "path table: length of a record", at + i, size, len);
		if (pod_get_le16(l + i + 6) > number || !pod_get_le16(l + i + 6))
			return pod_fail(c->diag, POD_E_CORRUPT, "path table: number of the folder above", at + i + 6, number,
					pod_get_le16(l + i + 6));
		if (m && (m[i] != l[i] || pod_get_be32(m + i + 2) != extent ||
			  pod_get_be16(m + i + 6) != pod_get_le16(l + i + 6) || memcmp(m + i + 8, l + i + 8, l[i]) != 0))
			return pod_fail(c->diag, POD_E_CORRUPT, "the two path tables disagree", at + i, extent,
					pod_get_be32(m + i + 2));
		if (!i && extent != pod_get_le32(c->d + 156 + 2))
			return pod_fail(c->diag, POD_E_CORRUPT, "path table: place of the root", at + 2, pod_get_le32(c->d + 158),
					extent);
		if (number <= FOLDERS_MAX && !l[i + 1])
			POD_TRY(check_folder(c, extent, at + i));
		i += len;
	}
	return POD_OK;
}

static enum pod_status check_tables(struct check *c)
{
	uint32_t size = pod_get_le32(c->d + 132);
	uint64_t l_at = (uint64_t)pod_get_le32(c->d + 140) * SECTOR, m_at = (uint64_t)pod_get_be32(c->d + 148) * SECTOR;
	if (!size || !l_at || size > TABLE_MAX)
		return POD_OK;
	if (!pod_in_range(l_at, size, c->dev->size_bytes) || (m_at && !pod_in_range(m_at, size, c->dev->size_bytes)))
		return pod_fail(c->diag, POD_E_CORRUPT, "place of the path table", c->at + 140, c->dev->size_bytes, l_at);
	uint8_t *mem = c->alloc->alloc(c->alloc, 2 * (size_t)size);
	if (!mem)
		return POD_E_NOMEM;
	enum pod_status st = pod_dev_read(c->dev, l_at, mem, size);
	if (st == POD_OK && m_at)
		st = pod_dev_read(c->dev, m_at, mem + size, size);
	if (st == POD_OK)
		st = compare_tables(c, mem, m_at ? mem + size : NULL, size);
	pod_free(c->alloc, mem);
	return st;
}

static enum pod_status check_descriptor(struct check *c)
{
	POD_TRY(both(c, 80, 4, "volume space size"));
	POD_TRY(both(c, 120, 2, "volume set size"));
	POD_TRY(both(c, 124, 2, "volume sequence number"));
	POD_TRY(both(c, 128, 2, "logical block size"));
	POD_TRY(both(c, 132, 4, "path table size"));
	POD_TRY(both(c, 156 + 2, 4, "place of the root folder"));
	POD_TRY(both(c, 156 + 10, 4, "length of the root folder"));
	return pod_get_le16(c->d + 128) == SECTOR ? check_tables(c) : POD_OK;
}

static enum pod_status check_all(struct check *c)
{
	for (uint32_t i = 0; i < DESCRIPTORS_MAX; i++) {
		c->at = (16 + (uint64_t)i) * SECTOR;
		if (!pod_in_range(c->at, SECTOR, c->dev->size_bytes))
			break;
		POD_TRY(pod_dev_read(c->dev, c->at, c->d, SECTOR));
		if (memcmp(c->d + 1, "CD001", 5) != 0)
			return i ? pod_fail(c->diag, POD_E_CORRUPT, "end of the volume descriptors", c->at, 255, c->d[0])
				 : POD_E_FORMAT;
		if (c->d[0] == 255)
			return POD_OK;
		if (c->d[0] == 1 || c->d[0] == 2)
			POD_TRY(check_descriptor(c));
	}
	return pod_fail(c->diag, POD_E_CORRUPT, "end of the volume descriptors", c->at, 255, c->d[0]);
}

enum pod_status pod_iso9660_check(struct pod_dev *dev, struct pod_alloc *a, struct pod_diag *diag)
{
	struct check *c = pod_zalloc(a, 1, sizeof *c);
	if (!c)
		return POD_E_NOMEM;
	c->dev = dev;
	c->alloc = a;
	c->diag = diag;
	enum pod_status st = check_all(c);
	pod_free(a, c);
	return st;
}
