/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * qcow, the version before qcow2, big-endian. Source: the header as QEMU's block/qcow.c describes it.
 *
 *   0 "QFI" FBh   4 4 version, 1   8 8, 16 4 where the backing file's name is, its length   24 8 size   32 1 cluster bits
 *   33 1 bits of a table of the second level   36 4 encryption   40 8 where the L1 table is
 *
 *   L1 entry: where an L2 table is; 0: none.   L2 entry: where a cluster is; 0: none. Bit 63: compressed (deflate); then the low
 *   63 - cluster bits say where, and those between how many bytes
 */
#include "core/base/bytes.h"
#include "core/vhd/foreign_int.h"

enum { HEADER = 48, L1_MAX = 1 << 22 };

static enum pod_status lookup(struct pod_foreign_part *p, uint64_t unit, struct pod_cell *c)
{
	const uint8_t *e;
	POD_TRY(foreign_second(p, unit, 8, &e, c));
	uint64_t entry = e ? pod_get_be64(e) : 0;
	c->kind = entry ? POD_RUN_DATA : POD_RUN_PARENT;
	c->off = entry;
	if (entry >> 63) {
		unsigned bits = 63 - p->cluster_shift;
		c->packed = true;
		c->off = entry & ((1ull << bits) - 1);
		c->len = entry >> bits & ((1ull << p->cluster_shift) - 1);
	}
	return POD_OK;
}

enum pod_status foreign_open_qcow(struct pod_foreign *x, struct pod_diag *diag)
{
	uint8_t h[HEADER];
	uint64_t file = x->file->dev->size_bytes;
	struct pod_foreign_part p = {.file = x->file, .lookup = lookup, .table_mask = UINT64_MAX, .table_align = 8};
	if (file < HEADER)
		return pod_fail(diag, POD_E_CORRUPT, "file is cut short", 0, HEADER, file);
	POD_TRY(pod_dev_read(x->file->dev, 0, h, HEADER));
	if (pod_get_be32(h) != 0x514649fb)
		return POD_E_FORMAT;
	if (pod_get_be32(h + 4) != 1)
		return pod_fail(diag, POD_E_CORRUPT, "version", 4, 1, pod_get_be32(h + 4));
	if (pod_get_be32(h + 36))
		return pod_fail(diag, POD_E_UNSUPPORTED, "encryption", 36, 0, pod_get_be32(h + 36));
	p.length_bytes = pod_get_be64(h + 24);
	p.cluster_shift = p.unit_shift = h[32];
	p.second_shift = h[33];
	p.top_bytes = pod_get_be64(h + 40);
	if (h[32] < 9 || h[32] > 16)
		return pod_fail(diag, POD_E_CORRUPT, "cluster bits", 32, 12, h[32]);
	if (h[33] < 6 || h[33] > 13)
		return pod_fail(diag, POD_E_CORRUPT, "bits of an L2 table", 33, 9, h[33]);
	uint32_t covered = p.cluster_shift + p.second_shift;
	if (!p.length_bytes || p.length_bytes > (uint64_t)L1_MAX << covered)
		return pod_fail(diag, POD_E_CORRUPT, "disk size", 24, (uint64_t)L1_MAX << covered, p.length_bytes);
	p.top_entries = (p.length_bytes + (1ull << covered) - 1) >> covered;
	if (p.top_bytes & 7 || !foreign_table_fits(x->file, p.top_bytes, p.top_entries, 8))
		return pod_fail(diag, POD_E_CORRUPT, "L1 table", 40, file, p.top_bytes);
	POD_TRY(foreign_backing(x, pod_get_be64(h + 8), pod_get_be32(h + 16), file, diag));
	return foreign_add_part(x, &p);
}
