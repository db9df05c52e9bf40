/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VDI, little-endian. Source: the header as VirtualBox's and QEMU's sources describe it.
 *
 *   0 64 text   64 4 7Fh 10h DAh BEh   68 4 version, 10001h   76 4 type: 1 dynamic, 2 fixed, 3 undo, 4 differencing
 *   340 4 where the block map is   344 4 where the first block is   360 4 sector size   368 8 size of the disk
 *   376 4 block size   380 4 bytes in front of each block   384 4 blocks   424 16, 440 16 what it stands on
 *
 * An entry of the map is a block's number in the file; FFFFFFFFh: none, FFFFFFFEh: given back. Both show zeros. A differencing file
 * names its parent by an identifier alone, which only VirtualBox's own list of disks can resolve: it is not read.
 */
#include "core/base/bytes.h"
#include "core/vhd/foreign_int.h"

#define NONE UINT32_C(0xfffffffe)
enum { HEADER = 512, FIXED = 2 };

static enum pod_status lookup(struct pod_foreign_part *p, uint64_t unit, struct pod_cell *c)
{
	const uint8_t *e;
	POD_TRY(foreign_entry(p, p->top_bytes + unit * 4, 4, &e));
	uint32_t no = pod_get_le32(e);
	c->kind = no >= NONE ? POD_RUN_ZERO : POD_RUN_DATA;
	c->off = p->data_bytes + (uint64_t)no * p->stride_bytes;
	return POD_OK;
}

static enum pod_status refuse(const uint8_t *h, struct pod_diag *diag)
{
	uint32_t type = pod_get_le32(h + 76);
	if (pod_get_le32(h + 68) != 0x10001)
		return pod_fail(diag, POD_E_UNSUPPORTED, "version", 68, 0x10001, pod_get_le32(h + 68));
	if (type == 3 || type == 4 || !pod_all_zero(h + 440, 16))
		return pod_fail(diag, POD_E_UNSUPPORTED, "differencing image", 76, 1, type);
	if (type != 1 && type != FIXED)
		return pod_fail(diag, POD_E_UNSUPPORTED, "type", 76, 1, type);
	if (pod_get_le32(h + 360) != 512)
		return pod_fail(diag, POD_E_UNSUPPORTED, "sector size", 360, 512, pod_get_le32(h + 360));
	return POD_OK;
}

enum pod_status foreign_open_vdi(struct pod_foreign *x, struct pod_diag *diag)
{
	uint8_t h[HEADER];
	if (x->file->dev->size_bytes < HEADER)
		return pod_fail(diag, POD_E_CORRUPT, "file is cut short", 0, HEADER, x->file->dev->size_bytes);
	POD_TRY(pod_dev_read(x->file->dev, 0, h, HEADER));
	if (pod_get_le32(h + 64) != 0xbeda107f)
		return POD_E_FORMAT;
	POD_TRY(refuse(h, diag));
	uint32_t block = pod_get_le32(h + 376), extra = pod_get_le32(h + 380), blocks = pod_get_le32(h + 384);
	struct pod_foreign_part p = {.file = x->file,
				     .length_bytes = pod_get_le64(h + 368),
				     .lookup = lookup,
				     .top_bytes = pod_get_le32(h + 340),
				     .top_entries = blocks,
				     .data_bytes = (uint64_t)pod_get_le32(h + 344) + extra,
				     .stride_bytes = (uint64_t)block + extra};
	if (block < 512 || block > 1u << 28 || block & (block - 1))
		return pod_fail(diag, POD_E_CORRUPT, "block size", 376, 1u << 20, block);
	while (1u << p.unit_shift != block)
		p.unit_shift++;
	p.cluster_shift = p.unit_shift;
	if (!p.length_bytes || p.length_bytes > (uint64_t)blocks << p.unit_shift)
		return pod_fail(diag, POD_E_CORRUPT, "disk size", 368, (uint64_t)blocks << p.unit_shift, p.length_bytes);
	if (p.top_bytes & 3 || !foreign_table_fits(x->file, p.top_bytes, blocks, 4))
		return pod_fail(diag, POD_E_CORRUPT, "block map", 340, x->file->dev->size_bytes, p.top_bytes);
	x->fixed = pod_get_le32(h + 76) == FIXED;
	return foreign_add_part(x, &p);
}
