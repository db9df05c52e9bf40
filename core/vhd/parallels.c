/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parallels, little-endian. Source: QEMU's docs/interop/parallels.txt.
 *
 *   0 16 "WithoutFreeSpace" or "WithouFreSpacExt"   16 4 version, 2   28 4 sectors of a cluster   32 4 entries of the BAT
 *   36 8 sectors of the disk (the older form: 4)   44 4 "Ynot": in use   64 the BAT: 4 each
 *
 *   An entry says where a cluster is, in sectors; in the newer form in clusters. 0: zeros.
 *
 * Old files have clusters of, say, 504 sectors: what is looked up is then the largest power of two that a cluster is a multiple of.
 */
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/vhd/foreign_int.h"

enum { HEADER = 64, SECTOR_SHIFT = 9 };

static enum pod_status lookup(struct pod_foreign_part *p, uint64_t unit, struct pod_cell *c)
{
	uint32_t per_cluster = (uint32_t)(p->stride_bytes >> p->unit_shift), index = (uint32_t)unit / per_cluster;
	const uint8_t *e;
	c->kind = POD_RUN_ZERO;
	if (index >= p->top_entries)
		return POD_OK;
	POD_TRY(foreign_entry(p, p->top_bytes + (uint64_t)index * 4, 4, &e));
	uint32_t entry = pod_get_le32(e);
	if (!entry)
		return POD_OK;
	c->kind = POD_RUN_DATA;
	c->off = entry * p->data_bytes + ((uint64_t)((uint32_t)unit % per_cluster) << p->unit_shift);
	return POD_OK;
}

enum pod_status foreign_open_parallels(struct pod_foreign *x, struct pod_diag *diag)
{
	uint8_t h[HEADER];
	uint64_t file = x->file->dev->size_bytes;
	if (file < HEADER)
		return pod_fail(diag, POD_E_CORRUPT, "file is cut short", 0, HEADER, file);
	POD_TRY(pod_dev_read(x->file->dev, 0, h, HEADER));
	bool newer = memcmp(h, "WithouFreSpacExt", 16) == 0;
	if (!newer && memcmp(h, "WithoutFreeSpace", 16) != 0)
		return POD_E_FORMAT;
	if (pod_get_le32(h + 16) != 2)
		return pod_fail(diag, POD_E_UNSUPPORTED, "version", 16, 2, pod_get_le32(h + 16));
	uint32_t sectors = pod_get_le32(h + 28);
	uint64_t size = newer ? pod_get_le64(h + 36) : pod_get_le32(h + 36);
	if (!sectors || sectors > 1u << 19)
		return pod_fail(diag, POD_E_CORRUPT, "cluster size", 28, 2048, sectors);
	struct pod_foreign_part p = {.file = x->file,
				     .lookup = lookup,
				     .top_bytes = HEADER,
				     .top_entries = pod_get_le32(h + 32),
				     .unit_shift = SECTOR_SHIFT,
				     .data_bytes = (uint64_t)(newer ? sectors : 1) << SECTOR_SHIFT,
				     .stride_bytes = (uint64_t)sectors << SECTOR_SHIFT};
	while (!(p.stride_bytes & ((2ull << p.unit_shift) - 1)))
		p.unit_shift++;
	p.cluster_shift = p.unit_shift;
	/* Units are counted in 32 bits. */
	uint64_t most = (UINT64_C(0xffffffff) << p.unit_shift) >> SECTOR_SHIFT;
	if (!size || size > most)
		return pod_fail(diag, POD_E_CORRUPT, "number of sectors", 36, most, size);
	p.length_bytes = size << SECTOR_SHIFT;
	if (!foreign_table_fits(x->file, HEADER, p.top_entries, 4))
		return pod_fail(diag, POD_E_CORRUPT, "table of clusters", 32, file, p.top_entries);
	x->dirty = pod_get_le32(h + 44) == 0x746f6e59;
	return foreign_add_part(x, &p);
}
