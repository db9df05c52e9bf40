/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exFAT: making an empty volume. Layout and clauses: exfat_disk.h.
 *
 * Heap: allocation bitmap, up-case table, root directory (one cluster), in this order from cluster 2; each a FAT chain.
 * Order: both boot regions are wiped, everything else is written, then the backup region, then the main region, its first sector
 * last.
 */
#include "core/fs/exfat_write.h"
#include "core/fs/exfat_upcase.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/base/str.h"

enum { CHUNK = 256 * 1024 };

struct plan {
	uint32_t sector_shift, cluster_shift;
	uint64_t sectors;
	uint64_t fat, fat_len, heap; /* sectors */
	uint32_t clusters;
	size_t upcase_len;
	uint32_t bitmap_clusters, upcase_clusters, root_cluster, used;
	uint64_t bitmap_len;
};

struct maker {
	struct pod_dev *dev;
	const struct pod_exfat_format *params;
	struct plan p;
	uint16_t *map;	/* up-case mapping */
	uint8_t *table; /* the same, compressed */
	uint8_t *buf;	/* CHUNK bytes */
	uint16_t label[11];
	size_t label_units;
};

static uint32_t log2_of(uint32_t v)
{
	uint32_t n = 0;
	while (v > 1) {
		v >>= 1;
		n++;
	}
	return n;
}

static uint32_t default_cluster_size(uint64_t bytes)
{
	if (bytes <= 256ull << 20)
		return 4096;
	return bytes <= 32ull << 30 ? 32768 : 131072;
}

static uint64_t div_up(uint64_t v, uint32_t shift)
{
	return (v + (1ull << shift) - 1) >> shift;
}

/* Places FAT and heap. `align` bytes of the disk is what the heap begins on. */
static bool place(struct plan *p, uint64_t partition_offset, uint64_t align)
{
	uint32_t sc = p->cluster_shift - p->sector_shift;
	uint64_t most = p->sectors >> sc;
	p->fat = align >= 1 << 20 ? (128 * 1024) >> p->sector_shift : 2 * POD_EXFAT_BOOT_SECTORS;
	p->fat_len = div_up((most + 2) * 4, p->sector_shift);
	uint64_t heap_bytes = (p->fat + p->fat_len) << p->sector_shift;
	heap_bytes = pod_align_up(partition_offset + heap_bytes, align) - partition_offset;
	p->heap = heap_bytes >> p->sector_shift;
	if (p->heap >= p->sectors || p->heap > 0xFFFFFFFF || p->fat_len > 0xFFFFFFFF)
		return false;
	p->clusters = (uint32_t)((p->sectors - p->heap) >> sc);
	p->bitmap_len = ((uint64_t)p->clusters + 7) >> 3;
	p->bitmap_clusters = (uint32_t)div_up(p->bitmap_len, p->cluster_shift);
	p->upcase_clusters = (uint32_t)div_up(p->upcase_len, p->cluster_shift);
	p->root_cluster = 2 + p->bitmap_clusters + p->upcase_clusters;
	p->used = p->bitmap_clusters + p->upcase_clusters + 1;
	return p->clusters > p->used;
}

static enum pod_status make_plan(struct maker *m, struct pod_diag *diag)
{
	struct plan *p = &m->p;
	uint64_t bytes = m->dev->size_bytes, offset = m->params->partition_offset_bytes;
	uint32_t size = m->params->cluster_size ? m->params->cluster_size : default_cluster_size(bytes);
	p->sector_shift = m->dev->sector_size == 4096 ? 12 : 9;
	if ((size & (size - 1)) || size < 1u << p->sector_shift || size > 32u << 20)
		return pod_fail(diag, POD_E_INVALID, "cluster size", 0, 1u << p->sector_shift, size);
	if (offset & ((1u << p->sector_shift) - 1) || offset > 1ull << 62)
		return pod_fail(diag, POD_E_INVALID, "partition offset", 0, 0, offset);
	p->cluster_shift = log2_of(size);
	p->sectors = bytes >> p->sector_shift;
	if (p->sectors >> (p->cluster_shift - p->sector_shift) > POD_EXFAT_CLUSTER_MAX)
		return pod_fail(diag, POD_E_LIMIT, "number of clusters", 0, POD_EXFAT_CLUSTER_MAX, bytes >> p->cluster_shift);
	/* VolumeLength is at least 1 MiB (3.1.5). Small volumes cannot afford to align the heap as large ones do. */
	if (bytes < 1 << 20 || !place(p, offset, bytes >= 64 << 20 ? 1 << 20 : 1u << p->sector_shift))
		return pod_fail(diag, POD_E_NOSPACE, "volume too small for its cluster size", 0, 1 << 20, bytes);
	if (m->params->label && pod_utf8_to_utf16(m->params->label, m->label, POD_ARRAY_LEN(m->label), &m->label_units) != POD_OK)
		return pod_fail(diag, POD_E_INVALID, "volume label (at most 11 characters)", 0, 11, 0);
	for (size_t i = 0; i < m->label_units; i++)
		if (m->label[i] < 0x20)
			return pod_fail(diag, POD_E_INVALID, "volume label", 0, 0x20, m->label[i]);
	return POD_OK;
}

static enum pod_status zero(struct maker *m, uint64_t at, uint64_t len)
{
	memset(m->buf, 0, (size_t)pod_min_u64(len, CHUNK));
	while (len) {
		size_t n = (size_t)pod_min_u64(len, CHUNK);
		POD_TRY(pod_dev_write(m->dev, at, m->buf, n));
		at += n;
		len -= n;
	}
	return POD_OK;
}

static uint64_t cluster_at(const struct plan *p, uint32_t cluster)
{
	return (p->heap << p->sector_shift) + ((uint64_t)(cluster - 2) << p->cluster_shift);
}

/* FAT entry of `cluster` in the fresh volume. */
static uint32_t first_fat(const struct plan *p, uint32_t cluster)
{
	if (cluster == 0)
		return 0xFFFFFFF8; /* media type (4.1.1) */
	if (cluster == 1)
		return POD_EXFAT_FAT_END;
	if (cluster > p->root_cluster)
		return 0;
	bool last = cluster == 1 + p->bitmap_clusters || cluster == p->root_cluster - 1 || cluster == p->root_cluster;
	return last ? POD_EXFAT_FAT_END : cluster + 1;
}

static enum pod_status write_fat(struct maker *m)
{
	const struct plan *p = &m->p;
	uint64_t at = p->fat << p->sector_shift, len = p->fat_len << p->sector_shift;
	uint32_t cluster = 0;
	while (len && cluster <= p->root_cluster) {
		size_t n = (size_t)pod_min_u64(len, CHUNK);
		for (size_t i = 0; i < n; i += 4)
			pod_put_le32(m->buf + i, first_fat(p, cluster++));
		POD_TRY(pod_dev_write(m->dev, at, m->buf, n));
		at += n;
		len -= n;
	}
	return zero(m, at, len);
}

static enum pod_status write_bitmap(struct maker *m)
{
	const struct plan *p = &m->p;
	uint64_t at = cluster_at(p, 2), len = (uint64_t)p->bitmap_clusters << p->cluster_shift;
	uint32_t left = p->used;
	while (len) {
		size_t n = (size_t)pod_min_u64(len, CHUNK);
		memset(m->buf, 0, n);
		for (size_t i = 0; i < n && left; i++) {
			m->buf[i] = left >= 8 ? 0xFF : (uint8_t)((1u << left) - 1);
			left -= left >= 8 ? 8 : left;
		}
		POD_TRY(pod_dev_write(m->dev, at, m->buf, n));
		at += n;
		len -= n;
	}
	return POD_OK;
}

static enum pod_status write_upcase(struct maker *m)
{
	const struct plan *p = &m->p;
	uint64_t at = cluster_at(p, 2 + p->bitmap_clusters), len = (uint64_t)p->upcase_clusters << p->cluster_shift;
	POD_TRY(pod_dev_write(m->dev, at, m->table, p->upcase_len));
	return zero(m, at + p->upcase_len, len - p->upcase_len);
}

static enum pod_status write_root(struct maker *m)
{
	const struct plan *p = &m->p;
	uint64_t at = cluster_at(p, p->root_cluster);
	uint8_t *e = m->buf;
	POD_TRY(zero(m, at, 1ull << p->cluster_shift));
	memset(e, 0, 512);
	/* Without a label the entry is there all the same, unused: it keeps its place at the front. */
	e[0] = m->label_units ? POD_EXFAT_LABEL : POD_EXFAT_LABEL & ~POD_EXFAT_IN_USE;
	e[1] = (uint8_t)m->label_units;
	for (size_t i = 0; i < m->label_units; i++)
		pod_put_le16(e + 2 + 2 * i, m->label[i]);
	e[32] = POD_EXFAT_BITMAP;
	pod_put_le32(e + 32 + 20, 2);
	pod_put_le64(e + 32 + 24, p->bitmap_len);
	e[64] = POD_EXFAT_UPCASE;
	pod_put_le32(e + 64 + 4, pod_exfat_table_sum(0, m->table, p->upcase_len));
	pod_put_le32(e + 64 + 20, 2 + p->bitmap_clusters);
	pod_put_le64(e + 64 + 24, p->upcase_len);
	return pod_dev_write(m->dev, at, e, 512);
}

/* Composes the twelve sectors of a boot region in m->buf. */
static void compose_boot(struct maker *m)
{
	const struct plan *p = &m->p;
	uint8_t *b = m->buf;
	size_t ss = (size_t)1 << p->sector_shift;
	static const uint8_t head[11] = {0xEB, 0x76, 0x90, 'E', 'X', 'F', 'A', 'T', ' ', ' ', ' '};
	memset(b, 0, POD_EXFAT_BOOT_SECTORS * ss);
	memcpy(b, head, sizeof head);
	pod_put_le64(b + 64, m->params->partition_offset_bytes >> p->sector_shift);
	pod_put_le64(b + 72, p->sectors);
	pod_put_le32(b + 80, (uint32_t)p->fat);
	pod_put_le32(b + 84, (uint32_t)p->fat_len);
	pod_put_le32(b + 88, (uint32_t)p->heap);
	pod_put_le32(b + 92, p->clusters);
	pod_put_le32(b + 96, p->root_cluster);
	pod_put_le32(b + 100, m->params->serial);
	pod_put_le16(b + 104, 0x0100);
	b[108] = (uint8_t)p->sector_shift;
	b[109] = (uint8_t)(p->cluster_shift - p->sector_shift);
	b[110] = 1;
	b[111] = 0x80;
	memset(b + 120, 0xF4, 390); /* halts, as 3.1.19 suggests for a volume that does not boot */
	pod_put_le16(b + 510, 0xAA55);
	for (size_t i = 1; i <= 8; i++)
		pod_put_le32(b + (i + 1) * ss - 4, 0xAA550000);
	uint32_t sum = pod_exfat_boot_sum(0, b, 512, true);
	sum = pod_exfat_boot_sum(sum, b + 512, 11 * ss - 512, false);
	for (size_t i = 0; i < ss; i += 4)
		pod_put_le32(b + 11 * ss + i, sum);
}

static enum pod_status write_volume(struct maker *m)
{
	uint64_t ss = 1ull << m->p.sector_shift, region = POD_EXFAT_BOOT_SECTORS * ss;
	POD_TRY(zero(m, 0, 2 * region));
	POD_TRY(pod_dev_flush(m->dev));
	POD_TRY(write_fat(m));
	POD_TRY(write_bitmap(m));
	POD_TRY(write_upcase(m));
	POD_TRY(write_root(m));
	compose_boot(m);
	POD_TRY(pod_dev_write(m->dev, region, m->buf, (size_t)region));
	POD_TRY(pod_dev_write(m->dev, ss, m->buf + ss, (size_t)(region - ss)));
	POD_TRY(pod_dev_flush(m->dev));
	POD_TRY(pod_dev_write(m->dev, 0, m->buf, (size_t)ss));
	return pod_dev_flush(m->dev);
}

enum pod_status pod_exfat_format_check(const struct pod_dev *dev, const struct pod_exfat_format *params, struct pod_diag *diag)
{
	struct maker m = {.dev = (struct pod_dev *)dev, .params = params, .p.upcase_len = POD_EXFAT_UPCASE_PACKED_MAX};
	return make_plan(&m, diag);
}

enum pod_status pod_exfat_format(struct pod_dev *dev, struct pod_alloc *a, const struct pod_exfat_format *params,
				 struct pod_diag *diag)
{
	struct maker m = {.dev = dev, .params = params};
	enum pod_status st = POD_E_NOMEM;
	m.map = a->alloc(a, POD_EXFAT_UPCASE_UNITS * sizeof *m.map);
	m.table = a->alloc(a, POD_EXFAT_UPCASE_PACKED_MAX);
	m.buf = a->alloc(a, CHUNK);
	if (m.map && m.table && m.buf) {
		pod_exfat_upcase_fill(m.map);
		m.p.upcase_len = pod_exfat_upcase_pack(m.map, m.table);
		st = make_plan(&m, diag);
		if (st == POD_OK)
			st = write_volume(&m);
	}
	pod_free(a, m.buf);
	pod_free(a, m.table);
	pod_free(a, m.map);
	return st;
}
