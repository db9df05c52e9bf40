/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UDF (OSTA Universal Disk Format 1.02 to 2.60 on partitions of type 1; ECMA-167, 3rd edition, 1997: "part/clause"), read only:
 * what is in a partition. The way to its root directory is in udf_volume.c. All numbers are little-endian.
 *
 * File Identifier Descriptor (4/14.4): what a directory consists of; may cross blocks
 *   +0   16  tag, 257                        +20  16  long_ad of the File Entry
 *   +18  1   1 hidden, 2 directory,          +36  2   length of the implementation use, which follows
 *            4 deleted, 8 parent             +38      implementation use, then the name: CS0, first byte 8 or 16 bits
 *   +19  1   length of the name                       then zeros up to a multiple of 4
 *
 * File Entry (4/14.9, tag 261) and Extended File Entry (4/14.17, tag 266), one block each
 *   +20  2   strategy; 4 is what media have  +84   12  modification time (extended: +92)
 *   +27  1   file type: 4 directory, 5 file  +168  4   length of the extended attributes (extended: +208)
 *   +34  2   bits 0..2: allocation           +172  4   length of the allocation descriptors (extended: +212)
 *            descriptors, see below          +176      extended attributes, then allocation descriptors (extended: +216)
 *   +56  8   length of the file
 *
 * Allocation descriptors (4/14.14), kind 0 short, 1 long, 3: their place holds the data itself
 *   +0   4   length in bytes; its upper bits: 0 data, 1 and 2 reads as zeros, 3 more descriptors are there
 *   +4   4   block in the partition          +8  2  long: partition map
 * More of them: Allocation Extent Descriptor (4/14.5, tag 258): +20 4 their length, +24 the descriptors.
 *
 * Real writers deviate: CRCs of File Entries that are wrong (Windows' boot manager does not look, neither do we; checksums of
 * tags are checked), UTF-16 instead of UCS-2, lengths of all pieces but the last that are no multiple of a block (the pieces are
 * simply concatenated).
 */
#include "core/fs/udf_int.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/fs/time.h"

enum {
	FID_HEADER = 38,
	FID_DELETED = 0x04,
	FID_PARENT = 0x08,
	TYPE_UNSPECIFIED = 0,
	TYPE_DIRECTORY = 4,
	TYPE_BYTES = 5,
	TYPE_SYMLINK = 12,
	TYPE_REAL_TIME = 249, /* UDF 2.3.5.2.1: a file of a video recorder */
	ENTRY_HEADER = 176,
	EXTENDED_HEADER = 216,
	AED_HEADER = 24,
	/* A directory of a million files is some 100 MiB; one that claims more is searched no further. */
	DIR_BYTES_MAX = 256 << 20,
	AEDS_MAX = 1 << 16,
};

/* --- descriptors ------------------------------------------------------------------------------------------------------------ */

/* 4/7.2.3: the sum of the tag's bytes without the one that holds it. */
static uint8_t tag_sum(const uint8_t *d)
{
	uint32_t sum = 0;
	for (uint32_t i = 0; i < UDF_TAG; i++)
		sum += i == 4 ? 0 : d[i];
	return (uint8_t)sum;
}

/* 4/7.2.6: x^16 + x^12 + x^5 + 1, from zero. */
static uint16_t crc16(const uint8_t *p, size_t len)
{
	uint32_t crc = 0;
	for (size_t i = 0; i < len; i++) {
		crc ^= (uint32_t)p[i] << 8;
		for (int bit = 0; bit < 8; bit++)
			crc = crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1;
	}
	return (uint16_t)crc;
}

bool udf_tag_is(const uint8_t *d, uint16_t id)
{
	return pod_get_le16(d) == id && d[4] == tag_sum(d);
}

bool udf_descriptor_is(const uint8_t *d, uint32_t size, uint16_t id, uint32_t location)
{
	uint32_t len = pod_get_le16(d + 10);
	return udf_tag_is(d, id) && pod_get_le32(d + 12) == location && len <= size - UDF_TAG &&
	       pod_get_le16(d + 8) == crc16(d + UDF_TAG, len);
}

void udf_tag_seal(uint8_t *d)
{
	pod_put_le16(d + 8, crc16(d + UDF_TAG, pod_get_le16(d + 10)));
	d[4] = tag_sum(d);
}

bool udf_name(const uint8_t *cs0, size_t len, char *out, size_t size)
{
	size_t n = 0;
	if (len < 2)
		return false;
	if (cs0[0] == 8) {
		for (size_t i = 1; i < len; i++) {
			if (!cs0[i] || n + 5 > size)
				return false;
			n += pod_utf8_put(out + n, cs0[i]);
		}
		out[n] = 0;
		return true;
	}
	if (cs0[0] != 16)
		return false;
	for (size_t i = 1; i + 1 < len; i += 2)
		if (!cs0[i] && !cs0[i + 1])
			return false; /* it would end the name too early */
	return pod_utf16be_to_utf8(cs0 + 1, (len - 1) / 2, out, size) == POD_OK;
}

/* Device offset of `len` bytes at a block of a partition. */
static enum pod_status place(const struct pod_fs *fs, uint32_t partition, uint32_t block, uint64_t len, uint64_t *at)
{
	const struct udf_mem *m = fs->priv_mem;
	if (partition >= m->partitions)
		return POD_E_CORRUPT;
	const struct udf_partition *p = &m->partition[partition];
	uint64_t off = (uint64_t)block << m->shift;
	if (!pod_in_range(off, len, p->length_bytes) || !pod_in_range(p->start_bytes + off, len, fs->dev->size_bytes))
		return POD_E_CORRUPT;
	*at = p->start_bytes + off;
	return POD_OK;
}

enum pod_status udf_icb_node(const struct pod_fs *fs, const uint8_t *ad, struct pod_node *n)
{
	const struct udf_mem *m = fs->priv_mem;
	uint64_t at;
	memset(n, 0, sizeof *n);
	if (!pod_get_le32(ad) || pod_get_le32(ad) >> 30)
		return POD_E_CORRUPT;
	POD_TRY(place(fs, pod_get_le16(ad + 8), pod_get_le32(ad + 4), 1u << m->shift, &at));
	n->priv[UDF_N_ENTRY] = n->entry_bytes = at;
	return POD_OK;
}

/* 1/7.3: +0 2 kind and minutes east of Greenwich (12 bits, signed), +2 2 year, then a byte each. */
static int64_t timestamp(const uint8_t *p)
{
	int64_t t = pod_civil_seconds(pod_get_le16(p + 2), p[4], p[5], p[6], p[7], p[8]);
	int zone = pod_get_le16(p) & 0xFFF;
	zone = zone < 0x800 ? zone : zone - 0x1000;
	return t && zone >= -1440 && zone <= 1440 ? t - zone * 60 : t;
}

/* Short descriptors count in the partition in which their File Entry lies. */
static enum pod_status partition_at(const struct pod_fs *fs, uint64_t at, uint32_t *index)
{
	const struct udf_mem *m = fs->priv_mem;
	for (*index = 0; *index < m->partitions; ++*index) {
		const struct udf_partition *p = &m->partition[*index];
		if (at >= p->start_bytes && pod_in_range(at - p->start_bytes, 1u << m->shift, p->length_bytes))
			return POD_OK;
	}
	return POD_E_INVALID;
}

enum pod_status udf_load_entry(struct pod_fs *fs, uint64_t at, struct udf_entry *e)
{
	struct udf_mem *m = fs->priv_mem;
	uint32_t size = 1u << m->shift;
	POD_TRY(partition_at(fs, at, &e->partition));
	if (!m->node_valid || m->node_at != at) {
		m->node_valid = false;
		POD_TRY(pod_dev_read(fs->dev, at, m->node, size));
		m->node_at = at;
		m->node_valid = true;
	}
	const uint8_t *d = m->node;
	e->extended = udf_tag_is(d, UDF_EXTENDED_FILE_ENTRY);
	if (!e->extended && !udf_tag_is(d, UDF_FILE_ENTRY))
		return POD_E_CORRUPT;
	if (pod_get_le16(d + 20) != 4)
		return POD_E_UNSUPPORTED; /* 4/A.4: chains of entries, for media that are written once */
	uint32_t header = e->extended ? EXTENDED_HEADER : ENTRY_HEADER;
	uint32_t attributes = pod_get_le32(d + header - 8);
	e->ads_len = pod_get_le32(d + header - 4);
	if (attributes > size - header || e->ads_len > size - header - attributes)
		return POD_E_CORRUPT;
	e->ads = header + attributes;
	e->ad_kind = d[34] & 7;
	e->file_type = d[27];
	e->size_bytes = pod_get_le64(d + 56);
	e->mtime = timestamp(d + (e->extended ? 92 : 84));
	return POD_OK;
}

enum pod_status udf_complete(struct pod_fs *fs, struct pod_node *n)
{
	struct udf_entry e;
	POD_TRY(udf_load_entry(fs, n->priv[UDF_N_ENTRY], &e));
	switch (e.file_type) {
	case TYPE_DIRECTORY:
		n->is_dir = true;
		break;
	case TYPE_SYMLINK:
		n->is_link = true;
		break;
	case TYPE_UNSPECIFIED:
	case TYPE_BYTES:
	case TYPE_REAL_TIME:
		break;
	default:
		return POD_E_UNSUPPORTED; /* devices, pipes, what belongs to the volume */
	}
	n->size_bytes = n->valid_bytes = e.size_bytes;
	n->entry_len = e.ads + e.ads_len;
	n->mtime = e.mtime;
	return POD_OK;
}

/* --- extents ---------------------------------------------------------------------------------------------------------------- */

/* A walk over allocation descriptors. */
struct ads {
	struct pod_fs *fs;
	const uint8_t *p;
	uint32_t left, kind, partition, seen;
	/* Brent: a chain of Allocation Extent Descriptors that comes back to one of them has no end. */
	uint64_t mark;
	uint32_t aeds, next_mark;
};

/* The descriptors go on in an Allocation Extent Descriptor. */
static enum pod_status follow(struct ads *a, uint32_t partition, uint32_t block)
{
	struct udf_mem *m = a->fs->priv_mem;
	uint32_t size = 1u << m->shift;
	uint64_t at;
	POD_TRY(place(a->fs, partition, block, size, &at));
	if (at == a->mark)
		return POD_E_LOOP;
	if (++a->aeds > AEDS_MAX)
		return POD_E_LIMIT;
	if (a->aeds == a->next_mark) {
		a->mark = at;
		a->next_mark *= 2;
	}
	POD_TRY(pod_dev_read(a->fs->dev, at, m->block, size));
	if (!udf_tag_is(m->block, UDF_ALLOCATION_EXTENT))
		return POD_E_CORRUPT;
	a->left = pod_get_le32(m->block + 20);
	if (a->left > size - AED_HEADER)
		return POD_E_CORRUPT;
	a->p = m->block + AED_HEADER;
	a->partition = partition;
	return POD_OK;
}

/* The next run as it is written down: its length, and its type in the upper bits; POD_END behind the last. */
static enum pod_status next_ad(struct ads *a, uint32_t *length, uint32_t *block, uint32_t *partition)
{
	uint32_t size = a->kind == POD_UDF_AD_LONG ? 16 : 8;
	for (;;) {
		if (++a->seen % POD_FS_LINKS_PER_STEP == 0)
			POD_TRY(pod_budget_spend(a->fs->dev->budget, 1, 0));
		if (a->left < size || !(pod_get_le32(a->p) & 0x3FFFFFFF))
			return POD_END;
		*length = pod_get_le32(a->p);
		*block = pod_get_le32(a->p + 4);
		*partition = a->kind == POD_UDF_AD_LONG ? pod_get_le16(a->p + 8) : a->partition;
		a->p += size;
		a->left -= size;
		if (*length >> 30 != 3)
			return POD_OK;
		POD_TRY(follow(a, *partition, *block));
	}
}

static enum pod_status udf_extents(struct pod_fs *fs, const struct pod_node *file, pod_extent_fn *cb, void *ctx)
{
	struct udf_mem *m = fs->priv_mem;
	struct udf_entry e;
	struct pod_extents runs = {.cb = cb, .ctx = ctx};
	uint64_t left = file->size_bytes, at;
	if (!left)
		return POD_OK;
	POD_TRY(udf_load_entry(fs, file->priv[UDF_N_ENTRY], &e));
	if (e.ad_kind == POD_UDF_AD_EMBEDDED) {
		if (left > e.ads_len)
			return POD_E_CORRUPT;
		POD_TRY(pod_extents_add(&runs, m->node_at + e.ads, left, false));
		return pod_extents_end(&runs);
	}
	if (e.ad_kind > POD_UDF_AD_LONG)
		return POD_E_UNSUPPORTED; /* extended descriptors: UDF 2.3.10 has no use for them */
	struct ads a = {.fs = fs,
			.p = m->node + e.ads,
			.left = e.ads_len,
			.kind = e.ad_kind,
			.partition = e.partition,
			.mark = UINT64_MAX,
			.next_mark = 1};
	while (left) {
		uint32_t length, block, partition;
		enum pod_status st = next_ad(&a, &length, &block, &partition);
		if (st != POD_OK)
			return st == POD_END ? POD_E_CORRUPT : st;
		uint64_t n = pod_min_u64(length & 0x3FFFFFFF, left);
		bool hole = length >> 30;
		at = 0;
		if (!hole)
			POD_TRY(place(fs, partition, block, n, &at));
		POD_TRY(pod_extents_add(&runs, at, n, hole));
		left -= n;
	}
	return pod_extents_end(&runs);
}

/* --- directories ------------------------------------------------------------------------------------------------------------ */

/* `n` bytes (at most half a window) of the directory, until the next call. */
static enum pod_status dir_bytes(struct pod_dir *dir, uint64_t off, uint32_t n, const uint8_t **out)
{
	struct udf_mem *m = dir->fs->priv_mem;
	struct pod_node data = dir->node;
	if (!pod_in_range(off, n, data.size_bytes))
		return POD_E_CORRUPT;
	bool here = m->window_len && m->window_dir == data.priv[UDF_N_ENTRY] && off >= m->window_off &&
		    pod_in_range(off - m->window_off, n, m->window_len);
	if (!here) {
		uint64_t from = off & ~(uint64_t)(UDF_WINDOW / 2 - 1);
		uint32_t len = (uint32_t)pod_min_u64(UDF_WINDOW, data.size_bytes - from);
		data.is_dir = false;
		m->window_len = 0;
		POD_TRY(pod_fs_read(dir->fs, &data, from, m->window, len));
		m->window_dir = data.priv[UDF_N_ENTRY];
		m->window_off = from;
		m->window_len = len;
	}
	*out = m->window + (size_t)(off - m->window_off);
	return POD_OK;
}

/* One descriptor as an entry; *skip if it is none that anybody should see. */
static enum pod_status take_fid(struct pod_dir *dir, struct pod_dirent *out, bool *skip)
{
	const uint8_t *p;
	uint8_t h[FID_HEADER];
	POD_TRY(dir_bytes(dir, dir->pos, FID_HEADER, &p));
	memcpy(h, p, sizeof h);
	if (!udf_tag_is(h, UDF_FILE_IDENTIFIER))
		return POD_E_CORRUPT;
	uint32_t use = pod_get_le16(h + 36), name_len = h[19];
	uint64_t name_at = dir->pos + FID_HEADER + use;
	*skip = h[18] & (FID_DELETED | FID_PARENT);
	if (!*skip) {
		POD_TRY(dir_bytes(dir, name_at, name_len, &p));
		*skip = !udf_name(p, name_len, out->name, sizeof out->name);
	}
	dir->pos = pod_align_up(name_at + name_len, 4);
	if (!*skip && udf_icb_node(dir->fs, h + 20, &out->node) != POD_OK) {
		*skip = true; /* one bad entry hides one file, not its neighbours */
		dir->damaged++;
	}
	return POD_OK;
}

static enum pod_status udf_readdir(struct pod_dir *dir, struct pod_dirent *out)
{
	bool skip = true;
	while (skip) {
		if (dir->pos >= dir->node.size_bytes)
			return POD_END;
		if (dir->pos >= DIR_BYTES_MAX)
			return POD_E_LIMIT;
		POD_TRY(pod_budget_spend(dir->fs->dev->budget, 1, 0));
		POD_TRY(take_fid(dir, out, &skip));
	}
	return POD_OK;
}

static enum pod_status udf_root(struct pod_fs *fs, struct pod_node *out)
{
	const struct udf_mem *m = fs->priv_mem;
	*out = m->root;
	return POD_OK;
}

/* --- opening ---------------------------------------------------------------------------------------------------------------- */

static void udf_close(struct pod_fs *fs)
{
	pod_free(fs->alloc, fs->priv_mem);
	fs->priv_mem = NULL;
}

static enum pod_status udf_open(struct pod_fs *fs, struct pod_diag *diag)
{
	fs->priv_mem = pod_zalloc(fs->alloc, 1, sizeof(struct udf_mem));
	if (!fs->priv_mem)
		return POD_E_NOMEM;
	enum pod_status st = udf_volume_open(fs, diag);
	if (st != POD_OK)
		udf_close(fs);
	return st;
}

const struct pod_fs_ops pod_fs_udf = {
	.name = "udf",
	.open = udf_open,
	.close = udf_close,
	.root = udf_root,
	.readdir = udf_readdir,
	.complete = udf_complete,
	.extents = udf_extents,
	.case_sensitive = true,
};
