/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * QED, little-endian. Source: QEMU's docs/interop/qed_spec.txt.
 *
 *   0 "QED" 0   4 4 cluster size   8 4 clusters of a table   12 4 clusters of the header   16 8 features (0 has a backing file,
 *   1 not closed cleanly, 2 the backing file is raw)   40 8 where the L1 table is   48 8 size
 *   56 4, 60 4 where the backing file's name is, its length
 *
 *   L1 entry: where an L2 table is; 0: none.   L2 entry: where a cluster is; 0: none, 1: zeros
 */
#include "core/base/bytes.h"
#include "core/vhd/foreign_int.h"

enum { HEADER = 64, BACKING = 1, DIRTY = 2, RAW = 4, ZEROS = 1 };

static enum pod_status lookup(struct pod_foreign_part *p, uint64_t unit, struct pod_cell *c)
{
	const uint8_t *e;
	POD_TRY(foreign_second(p, unit, 8, &e, c));
	uint64_t cluster = e ? pod_get_le64(e) : 0;
	c->kind = cluster > ZEROS ? POD_RUN_DATA : cluster == ZEROS ? POD_RUN_ZERO : POD_RUN_PARENT;
	c->off = cluster;
	if (cluster > ZEROS && cluster & ((1ull << p->cluster_shift) - 1))
		return foreign_bad(p, "cluster is not at a cluster's beginning", cluster);
	return POD_OK;
}

static uint32_t log2_of(uint32_t power)
{
	uint32_t n = 0;
	while (power >>= 1)
		n++;
	return n;
}

static bool is_power(uint32_t v, uint32_t min, uint32_t max)
{
	return v >= min && v <= max && !(v & (v - 1));
}

enum pod_status foreign_open_qed(struct pod_foreign *x, struct pod_diag *diag)
{
	uint8_t h[HEADER];
	uint64_t file = x->file->dev->size_bytes;
	struct pod_foreign_part p = {
		.file = x->file, .lookup = lookup, .table_mask = UINT64_MAX, .little_endian = true, .zero_cells = true};
	if (file < HEADER)
		return pod_fail(diag, POD_E_CORRUPT, "file is cut short", 0, HEADER, file);
	POD_TRY(pod_dev_read(x->file->dev, 0, h, HEADER));
	if (pod_get_le32(h) != 0x444551)
		return POD_E_FORMAT;
	uint32_t cluster = pod_get_le32(h + 4), table = pod_get_le32(h + 8);
	uint64_t features = pod_get_le64(h + 16);
	if (features & ~(uint64_t)(BACKING | DIRTY | RAW))
		return pod_fail(diag, POD_E_UNSUPPORTED, "incompatible features", 16, BACKING | DIRTY | RAW, features);
	if (!is_power(cluster, 1u << 12, 1u << 26))
		return pod_fail(diag, POD_E_CORRUPT, "cluster size", 4, 1u << 16, cluster);
	if (!is_power(table, 1, 16))
		return pod_fail(diag, POD_E_CORRUPT, "table size", 8, 4, table);
	x->dirty = features & DIRTY;
	p.length_bytes = pod_get_le64(h + 48);
	p.top_bytes = pod_get_le64(h + 40);
	p.table_align = cluster;
	p.cluster_shift = p.unit_shift = log2_of(cluster);
	p.top_entries = cluster / 8 * table;
	p.second_shift = log2_of(cluster / 8 * table);
	uint32_t covered = p.cluster_shift + 2 * p.second_shift;
	uint64_t most = covered < 59 ? 1ull << covered : POD_FOREIGN_SIZE;
	if (!p.length_bytes || p.length_bytes > most)
		return pod_fail(diag, POD_E_CORRUPT, "disk size", 48, most, p.length_bytes);
	if (p.top_bytes & (cluster - 1) || !foreign_table_fits(x->file, p.top_bytes, p.top_entries, 8))
		return pod_fail(diag, POD_E_CORRUPT, "L1 table", 40, file, p.top_bytes);
	if (features & BACKING)
		POD_TRY(foreign_backing(x, pod_get_le32(h + 56), pod_get_le32(h + 60), file, diag));
	if (x->parent_path && features & RAW)
		x->parent_format = POD_DISKFILE_RAW;
	return foreign_add_part(x, &p);
}
