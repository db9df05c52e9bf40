/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * qcow2, versions 2 and 3, big-endian. Source: QEMU's docs/interop/qcow2.txt.
 *
 *   0 4 "QFI" FBh   4 4 version   8 8, 16 4 where the backing file's name is, its length   20 4 cluster bits   24 8 size
 *   32 4 encryption   36 4, 40 8 entries and place of the L1 table   60 4 snapshots   from version 3 on: 72 8 incompatible features
 *   (0 dirty, 1 corrupt, 2 data file, 3 compression type, 4 extended L2)   100 4 header length
 *   104 1 compression type (0 deflate, 1 zstd)
 *   behind the header: extensions (type 4, length 4, data in eights); E2792ACAh is the format of the backing file
 *
 *   L1 entry: bits 9 to 55 an L2 table; 0: none.   L2 entry: bit 62 compressed, bits 9 to 55 a cluster, bit 0 zeros (version 3)
 *   compressed: the low 62 - (cluster bits - 8) bits where, above them the number of further sectors of 512 bytes
 *   extended L2 entries have 16 bytes: bits 0 to 31 of the second half say which 32nd parts are there, 32 to 63 which are zeros
 *
 * What snapshots keep is not shown; refcounts are not needed to read. A table is at most 32 MiB, as in QEMU.
 */
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/vhd/foreign_int.h"

#define OFFSET_MASK UINT64_C(0x00fffffffffffe00)
enum { HEADER = 112, EXTENSIONS_MAX = 64, SUBCLUSTER_BITS = 5 };
enum { DIRTY = 1, CORRUPT = 2, DATA_FILE = 4, COMPRESSION = 8, EXTENDED_L2 = 16 };

static void packed_cell(const struct pod_foreign_part *p, uint64_t entry, struct pod_cell *c)
{
	unsigned bits = 62 - (p->cluster_shift - 8);
	c->kind = POD_RUN_DATA;
	c->packed = true;
	c->off = entry & ((1ull << bits) - 1);
	c->len = (((entry & ((1ull << 62) - 1)) >> bits) + 1) * 512 - (c->off & 511);
}

static enum pod_status lookup(struct pod_foreign_part *p, uint64_t unit, struct pod_cell *c)
{
	bool extended = p->unit_shift != p->cluster_shift;
	unsigned sub = extended ? (unsigned)unit & 31 : 0, bytes = extended ? 16 : 8;
	const uint8_t *e;
	POD_TRY(foreign_second(p, extended ? unit >> SUBCLUSTER_BITS : unit, bytes, &e, c));
	c->kind = POD_RUN_PARENT;
	if (!e) {
		c->units -= sub;
		return POD_OK;
	}
	uint64_t entry = pod_get_be64(e), map = extended ? pod_get_be64(e + 8) : 0, cluster = entry & OFFSET_MASK;
	if (entry >> 62 & 1) {
		packed_cell(p, entry, c);
		return POD_OK;
	}
	bool zero = extended ? map >> (32 + sub) & 1 : p->zero_cells && entry & 1;
	bool there = extended ? map >> sub & 1 : cluster != 0;
	if (extended && zero && there)
		return foreign_bad(p, "part of a cluster that is there and zeros", cluster);
	if (zero)
		c->kind = POD_RUN_ZERO;
	if (zero || !there)
		return POD_OK;
	if (!cluster || cluster & ((1ull << p->cluster_shift) - 1))
		return foreign_bad(p, "cluster is not at a cluster's beginning", cluster);
	c->kind = POD_RUN_DATA;
	c->off = cluster + ((uint64_t)sub << p->unit_shift);
	return POD_OK;
}

static enum pod_status read_features(struct pod_foreign *x, const uint8_t *h, bool *extended, struct pod_diag *diag)
{
	uint64_t features = pod_get_be64(h + 72), known = DIRTY | CORRUPT | DATA_FILE | COMPRESSION | EXTENDED_L2;
	x->dirty = features & DIRTY;
	x->damaged = features & CORRUPT;
	*extended = features & EXTENDED_L2;
	if (features & DATA_FILE)
		return pod_fail(diag, POD_E_UNSUPPORTED, "external data file", 72, 0, features);
	if (features & ~known)
		return pod_fail(diag, POD_E_UNSUPPORTED, "incompatible features", 72, known, features);
	if (features & COMPRESSION && pod_get_be32(h + 100) > 104) {
		if (h[104] > 1)
			return pod_fail(diag, POD_E_UNSUPPORTED, "compression type", 104, 1, h[104]);
		x->zstd = h[104];
	}
	return POD_OK;
}

/* Only what the backing file is. QEMU's word for VHD is "vpc". */
static enum pod_status read_extensions(struct pod_foreign *x, uint64_t at, uint64_t end)
{
	uint8_t e[24] = {0};
	for (unsigned i = 0; i < EXTENSIONS_MAX && pod_in_range(at, 8, end); i++) {
		POD_TRY(pod_dev_read(x->file->dev, at, e, 8));
		uint32_t type = pod_get_be32(e), len = pod_get_be32(e + 4);
		at += 8;
		if (!type || !pod_in_range(at, len, end))
			return POD_OK;
		if (type == 0xe2792aca && len < sizeof e) {
			POD_TRY(pod_dev_read(x->file->dev, at, e, len));
			e[len] = '\0';
			x->parent_format =
				pod_streq((const char *)e, "vpc") ? POD_DISKFILE_VHD : pod_diskfile_parse((const char *)e);
		}
		at += pod_align_up(len, 8);
	}
	return POD_OK;
}

enum pod_status foreign_open_qcow2(struct pod_foreign *x, const struct pod_foreign_options *opt, struct pod_diag *diag)
{
	uint8_t h[HEADER] = {0};
	struct pod_foreign_part p = {.file = x->file, .lookup = lookup, .table_mask = OFFSET_MASK};
	uint64_t file = x->file->dev->size_bytes;
	bool extended = false;
	(void)opt;
	if (file < 72)
		return pod_fail(diag, POD_E_CORRUPT, "file is cut short", 0, 72, file);
	POD_TRY(pod_dev_read(x->file->dev, 0, h, (size_t)pod_min_u64(HEADER, file)));
	uint32_t version = pod_get_be32(h + 4), bits = pod_get_be32(h + 20);
	if (memcmp(h, "QFI\xfb", 4) != 0)
		return POD_E_FORMAT;
	if (version != 2 && version != 3)
		return pod_fail(diag, version < 2 ? POD_E_CORRUPT : POD_E_UNSUPPORTED, "version", 4, 3, version);
	if (pod_get_be32(h + 32))
		return pod_fail(diag, POD_E_UNSUPPORTED, "encryption", 32, 0, pod_get_be32(h + 32));
	if (version == 3)
		POD_TRY(read_features(x, h, &extended, diag));
	if (bits < (extended ? 14 : 9) || bits > 21)
		return pod_fail(diag, POD_E_CORRUPT, "cluster bits", 20, 16, bits);
	p.length_bytes = pod_get_be64(h + 24);
	p.top_bytes = pod_get_be64(h + 40);
	p.top_entries = pod_get_be32(h + 36);
	p.cluster_shift = bits;
	p.table_align = 1ull << bits;
	p.unit_shift = extended ? bits - SUBCLUSTER_BITS : bits;
	p.second_shift = bits - (extended ? 4 : 3);
	p.zero_cells = version == 3;
	uint32_t covered = bits + p.second_shift;
	if (!p.length_bytes || p.length_bytes > POD_FOREIGN_SIZE)
		return pod_fail(diag, POD_E_CORRUPT, "disk size", 24, POD_FOREIGN_SIZE, p.length_bytes);
	if (p.top_entries > 1u << 22 || p.top_entries < (p.length_bytes + (1ull << covered) - 1) >> covered)
		return pod_fail(diag, POD_E_CORRUPT, "entries of the L1 table", 36, (p.length_bytes >> covered) + 1,
				p.top_entries);
	if (p.top_bytes & ((1ull << bits) - 1) || !foreign_table_fits(x->file, p.top_bytes, p.top_entries, 8))
		return pod_fail(diag, POD_E_CORRUPT, "L1 table", 40, file, p.top_bytes);
	x->snapshots = pod_get_be32(h + 60);
	POD_TRY(foreign_backing(x, pod_get_be64(h + 8), pod_get_be32(h + 16), pod_min_u64(file, 1u << bits), diag));
	uint32_t header = version == 3 ? pod_get_be32(h + 100) : 72;
	if (x->parent_path)
		POD_TRY(read_extensions(x, header, pod_min_u64(pod_get_be64(h + 8), file)));
	return foreign_add_part(x, &p);
}
