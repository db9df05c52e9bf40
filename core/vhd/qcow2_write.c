/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * qcow2, version 3, clusters of 64 KiB; the fields are told in qcow2.c. Clusters are handed out one after the other as they are first
 * written to, the tables follow behind the last one, and every cluster of the file has one reference: the refcount table (48 8 where,
 * 56 4 clusters of it) names blocks of 16-bit counts (96 4 order, 4).
 */
#include "core/vhd/qcow2_write.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/base/str.h"

enum {
	SHIFT = 16,
	CLUSTER = 1 << SHIFT,
	ENTRIES_SHIFT = SHIFT - 3, /* of a table */
	COUNTS_SHIFT = SHIFT - 1,  /* of a refcount block */
	HEADER = 104,
	NAME_AT = HEADER + 24, /* behind the extensions */
	NAME_LEN_MAX = 1023,
	AHEAD = 256, /* clusters that the file grows by */
};
#define COPIED (UINT64_C(1) << 63)

static uint64_t clusters_of(uint64_t bytes)
{
	return (bytes + CLUSTER - 1) >> SHIFT;
}

static enum pod_status take(struct pod_qcow2 *q, uint64_t *at)
{
	uint64_t end = (q->next + 1) << SHIFT;
	if (end > q->file->dev->size_bytes)
		POD_TRY(pod_vfile_resize(q->file, end + ((uint64_t)AHEAD << SHIFT)));
	*at = q->next++ << SHIFT;
	return POD_OK;
}

/* What is below a new cluster that is not written whole. */
static enum pod_status fill(struct pod_qcow2 *q, uint64_t off, uint64_t at)
{
	uint64_t have = q->backing->size_bytes > off ? pod_min_u64(q->backing->size_bytes - off, CLUSTER) : 0;
	memset(q->cluster, 0, CLUSTER);
	if (have)
		POD_TRY(pod_dev_read(q->backing, off, q->cluster, (size_t)have));
	return pod_dev_write(q->file->dev, at, q->cluster, CLUSTER);
}

/* Where the cluster that holds `off` of the disk is; `len` bytes of it are about to be written. */
static enum pod_status place(struct pod_qcow2 *q, uint64_t off, size_t len, uint64_t *at)
{
	uint64_t cluster = off >> SHIFT, **table = &q->second[cluster >> ENTRIES_SHIFT];
	if (!*table)
		*table = pod_zalloc(q->alloc, 1u << ENTRIES_SHIFT, sizeof **table);
	if (!*table)
		return POD_E_NOMEM;
	uint64_t *e = *table + (cluster & ((1u << ENTRIES_SHIFT) - 1));
	if (!*e) {
		POD_TRY(take(q, e));
		if (q->backing && len < CLUSTER)
			POD_TRY(fill(q, cluster << SHIFT, *e));
	}
	*at = *e + (off & (CLUSTER - 1));
	return POD_OK;
}

static size_t in_cluster(uint64_t off, size_t len)
{
	return (size_t)pod_min_u64(len, CLUSTER - (off & (CLUSTER - 1)));
}

static enum pod_status dev_write(struct pod_dev *d, uint64_t off, const void *buf, size_t len)
{
	struct pod_qcow2 *q = d->ctx;
	const uint8_t *from = buf;
	while (len) {
		size_t n = in_cluster(off, len);
		uint64_t at, next = 0;
		POD_TRY(place(q, off, n, &at));
		/* Clusters that follow each other in the file are one write. */
		while (n < len) {
			size_t more = in_cluster(off + n, len - n);
			POD_TRY(place(q, off + n, more, &next));
			if (next != at + n)
				break;
			n += more;
		}
		POD_TRY(pod_dev_write(q->file->dev, at, from, n));
		off += n, from += n, len -= n;
	}
	return POD_OK;
}

enum pod_status pod_qcow2_begin(struct pod_qcow2 *q, struct pod_vfile *file, struct pod_alloc *a, const struct pod_qcow2_how *how,
				struct pod_diag *diag)
{
	memset(q, 0, sizeof *q);
	if (!how->size_bytes || how->size_bytes > POD_QCOW2_SIZE_MAX)
		return pod_fail(diag, POD_E_LIMIT, "disk size", 24, POD_QCOW2_SIZE_MAX, how->size_bytes);
	if (how->backing_path && pod_strlen(how->backing_path) > NAME_LEN_MAX)
		return pod_fail(diag, POD_E_LIMIT, "name of the backing file", 16, NAME_LEN_MAX, pod_strlen(how->backing_path));
	q->file = file;
	q->alloc = a;
	q->backing = how->backing;
	q->backing_path = how->backing_path;
	q->next = 1;
	q->tables = (uint32_t)((clusters_of(how->size_bytes) + (1u << ENTRIES_SHIFT) - 1) >> ENTRIES_SHIFT);
	q->second = pod_zalloc(a, q->tables, sizeof *q->second);
	q->cluster = a->alloc(a, CLUSTER);
	if (!q->second || !q->cluster) {
		pod_qcow2_end(q);
		return POD_E_NOMEM;
	}
	q->dev = (struct pod_dev){.size_bytes = how->size_bytes, .sector_size = 512, .write = dev_write, .ctx = q};
	return POD_OK;
}

void pod_qcow2_end(struct pod_qcow2 *q)
{
	for (uint32_t i = 0; q->second && i < q->tables; i++)
		pod_free(q->alloc, q->second[i]);
	if (q->alloc) {
		pod_free(q->alloc, q->second);
		pod_free(q->alloc, q->cluster);
	}
	memset(q, 0, sizeof *q);
}

/* --- the tables ----------------------------------------------------------------------------------------- */

/* What is in q->cluster, behind all else. */
static enum pod_status append(struct pod_qcow2 *q, uint64_t *at)
{
	POD_TRY(take(q, at));
	return pod_dev_write(q->file->dev, *at, q->cluster, CLUSTER);
}

static enum pod_status write_second(struct pod_qcow2 *q)
{
	for (uint32_t i = 0; i < q->tables; i++) {
		uint64_t at, *table = q->second[i];
		if (!table)
			continue;
		for (uint32_t k = 0; k < 1u << ENTRIES_SHIFT; k++)
			pod_put_be64(q->cluster + 8 * (size_t)k, table[k] ? table[k] | COPIED : 0);
		POD_TRY(append(q, &at));
		table[0] = at; /* from here on: where the table is */
	}
	return POD_OK;
}

static enum pod_status write_first(struct pod_qcow2 *q, uint64_t *where)
{
	uint64_t clusters = clusters_of((uint64_t)q->tables * 8);
	*where = q->next << SHIFT;
	for (uint64_t c = 0; c < clusters; c++) {
		uint64_t at;
		memset(q->cluster, 0, CLUSTER);
		for (uint32_t k = 0; k < 1u << ENTRIES_SHIFT; k++) {
			uint64_t i = (c << ENTRIES_SHIFT) + k;
			if (i < q->tables && q->second[i])
				pod_put_be64(q->cluster + 8 * (size_t)k, q->second[i][0] | COPIED);
		}
		POD_TRY(append(q, &at));
	}
	return POD_OK;
}

/* Counts of every cluster, those that hold the counts included. */
static enum pod_status write_counts(struct pod_qcow2 *q, uint64_t *where, uint32_t *clusters)
{
	uint64_t blocks = 0, table = 0, total = q->next, need;
	while ((need = (total + (1u << COUNTS_SHIFT) - 1) >> COUNTS_SHIFT) > blocks) {
		blocks = need;
		table = clusters_of(blocks * 8);
		total = q->next + blocks + table;
	}
	uint64_t first = q->next;
	*where = (first + blocks) << SHIFT;
	*clusters = (uint32_t)table;
	for (uint64_t b = 0; b < blocks; b++) {
		uint64_t at, left = total - (b << COUNTS_SHIFT), n = pod_min_u64(left, 1u << COUNTS_SHIFT);
		memset(q->cluster, 0, CLUSTER);
		for (uint64_t i = 0; i < n; i++)
			q->cluster[2 * i + 1] = 1;
		POD_TRY(append(q, &at));
	}
	for (uint64_t t = 0; t < table; t++) {
		uint64_t at;
		memset(q->cluster, 0, CLUSTER);
		for (uint32_t k = 0; k < 1u << ENTRIES_SHIFT && (t << ENTRIES_SHIFT) + k < blocks; k++)
			pod_put_be64(q->cluster + 8 * (size_t)k, (first + (t << ENTRIES_SHIFT) + k) << SHIFT);
		POD_TRY(append(q, &at));
	}
	return POD_OK;
}

enum pod_status pod_qcow2_finish(struct pod_qcow2 *q)
{
	uint64_t first, counts;
	uint32_t count_clusters;
	uint8_t *h = q->cluster;
	POD_TRY(write_second(q));
	POD_TRY(write_first(q, &first));
	POD_TRY(write_counts(q, &counts, &count_clusters));
	POD_TRY(pod_vfile_resize(q->file, q->next << SHIFT));
	memset(h, 0, CLUSTER);
	memcpy(h, "QFI\xfb", 4);
	pod_put_be32(h + 4, 3);
	pod_put_be32(h + 20, SHIFT);
	pod_put_be64(h + 24, q->dev.size_bytes);
	pod_put_be32(h + 36, q->tables);
	pod_put_be64(h + 40, first);
	pod_put_be64(h + 48, counts);
	pod_put_be32(h + 56, count_clusters);
	pod_put_be32(h + 96, 4);
	pod_put_be32(h + 100, HEADER);
	if (q->backing_path) {
		pod_put_be64(h + 8, NAME_AT);
		pod_put_be32(h + 16, (uint32_t)pod_strlen(q->backing_path));
		memcpy(h + HEADER, "\xe2\x79\x2a\xca\0\0\0\3raw", 11);
		memcpy(h + NAME_AT, q->backing_path, pod_strlen(q->backing_path));
	}
	return pod_dev_write(q->file->dev, 0, h, CLUSTER);
}
