/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VMDK: sparse extents, little-endian, in sectors. Source: VMware "Virtual Disk Format 5.0", "Hosted Sparse Extents" and
 * "Stream-Optimized Compressed Sparse Extents".
 *
 *   0 4 "KDMV"   4 4 version   8 4 flags: 2 zeroed grains, 16 compressed, 17 markers   12 8 capacity   20 8 grain size
 *   28 8, 36 8 where the embedded text is, its length   44 4 entries of a grain table   56 8 grain directory, all ones: see the footer
 *   72 1 not closed cleanly   73 4 0Ah 20h 0Dh 0Ah   77 2 compression, 1 deflate
 *   the footer, at the end of the file less 1024 bytes, is a header again
 *
 * Directory and tables hold sector numbers of 32 bits; 0: nothing there; 1, with flag 2: zeros. A compressed grain is its first
 * sector (8), a length (4), a zlib stream. ESXi's extents ("COWD", seSparse, vmfs) are not read.
 */
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/vhd/foreign_int.h"

enum { HEADER = 512, FOOTER_BACK = 1024, TEXT_MAX = 64 << 10, TABLE_MAX = 4096, GRAIN_MAX = 1 << 15 };
enum { ZERO_GRAINS = 1 << 2, COMPRESSED = 1 << 16, MARKERS = 1 << 17 };

static enum pod_status lookup(struct pod_foreign_part *p, uint64_t unit, struct pod_cell *c)
{
	uint64_t index = unit & ((1ull << p->second_shift) - 1);
	const uint8_t *e;
	c->kind = POD_RUN_PARENT;
	POD_TRY(foreign_entry(p, p->top_bytes + (unit >> p->second_shift) * 4, 4, &e));
	uint64_t table = (uint64_t)pod_get_le32(e) << 9;
	if (!table) {
		c->units = (1ull << p->second_shift) - index;
		return POD_OK;
	}
	POD_TRY(foreign_entry(p, table + index * 4, 4, &e));
	uint32_t sector = pod_get_le32(e);
	if (!sector)
		return POD_OK;
	if (sector == 1 && p->zero_cells) {
		c->kind = POD_RUN_ZERO;
		return POD_OK;
	}
	c->kind = POD_RUN_DATA;
	c->packed = p->packed;
	c->off = (uint64_t)sector << 9;
	c->len = 2ull << p->cluster_shift;
	return POD_OK;
}

static bool sound_power(uint64_t v, uint64_t max)
{
	return v && v <= max && !(v & (v - 1));
}

static enum pod_status read_header(struct pod_vfile *f, uint8_t *h, struct pod_diag *diag)
{
	if (f->dev->size_bytes < HEADER)
		return pod_fail(diag, POD_E_CORRUPT, "file is cut short", 0, HEADER, f->dev->size_bytes);
	POD_TRY(pod_dev_read(f->dev, 0, h, HEADER));
	if (memcmp(h, "COWD", 4) == 0)
		return pod_fail(diag, POD_E_UNSUPPORTED, "extent type of ESXi", 0, 0, 0);
	if (memcmp(h, "KDMV", 4) != 0)
		return POD_E_FORMAT;
	if (pod_get_le64(h + 56) != UINT64_MAX)
		return POD_OK;
	if (f->dev->size_bytes < HEADER + FOOTER_BACK)
		return pod_fail(diag, POD_E_CORRUPT, "file is cut short", 56, HEADER + FOOTER_BACK, f->dev->size_bytes);
	POD_TRY(pod_dev_read(f->dev, f->dev->size_bytes - FOOTER_BACK, h, HEADER));
	if (memcmp(h, "KDMV", 4) != 0 || pod_get_le64(h + 56) == UINT64_MAX)
		return pod_fail(diag, POD_E_CORRUPT, "footer at the end is missing or damaged", f->dev->size_bytes - FOOTER_BACK,
				0, 0);
	return POD_OK;
}

static enum pod_status add_sparse(struct pod_foreign *x, struct pod_vfile *file, bool opened, uint64_t length, const uint8_t *h,
				  struct pod_diag *diag)
{
	uint32_t flags = pod_get_le32(h + 8), gtes = pod_get_le32(h + 44), version = pod_get_le32(h + 4);
	uint64_t capacity = pod_get_le64(h + 12), grain = pod_get_le64(h + 20), directory = pod_get_le64(h + 56);
	struct pod_foreign_part p = {.file = file, .opened = opened, .lookup = lookup};
	if (version < 1 || version > 3)
		return pod_fail(diag, POD_E_UNSUPPORTED, "version", 4, 1, version);
	if (!(flags & COMPRESSED) != !pod_get_le16(h + 77) || pod_get_le16(h + 77) > 1)
		return pod_fail(diag, POD_E_UNSUPPORTED, "compression type", 77, flags & COMPRESSED ? 1 : 0,
				pod_get_le16(h + 77));
	if (!capacity || capacity > POD_FOREIGN_SIZE >> 9 || length > capacity << 9)
		return pod_fail(diag, POD_E_CORRUPT, "capacity", 12, length >> 9, capacity);
	if (!sound_power(grain, GRAIN_MAX))
		return pod_fail(diag, POD_E_CORRUPT, "grain size", 20, 128, grain);
	if (!sound_power(gtes, TABLE_MAX))
		return pod_fail(diag, POD_E_CORRUPT, "entries of a grain table", 44, 512, gtes);
	for (p.unit_shift = 9; grain != 1ull << (p.unit_shift - 9);)
		p.unit_shift++;
	while (1u << p.second_shift != gtes)
		p.second_shift++;
	p.cluster_shift = p.unit_shift;
	p.length_bytes = length ? length : capacity << 9;
	p.top_entries = ((p.length_bytes - 1) >> (p.unit_shift + p.second_shift)) + 1;
	p.top_bytes = directory << 9;
	if (!directory || directory > UINT64_MAX >> 9 || !foreign_table_fits(file, p.top_bytes, p.top_entries, 4))
		return pod_fail(diag, POD_E_CORRUPT, "grain directory", 56, file->dev->size_bytes >> 9, directory);
	p.zero_cells = flags & ZERO_GRAINS;
	p.packed = flags & COMPRESSED;
	p.markers = flags & MARKERS;
	x->dirty |= h[72] != 0;
	return foreign_add_part(x, &p);
}

enum pod_status foreign_vmdk_sparse(struct pod_foreign *x, struct pod_vfile *file, bool opened, uint64_t length,
				    struct pod_diag *diag)
{
	uint8_t h[HEADER];
	enum pod_status st = read_header(file, h, diag);
	if (st == POD_E_FORMAT)
		return pod_fail(diag, POD_E_CORRUPT, "signature of an extent", 0, 0, 0);
	return st == POD_OK ? add_sparse(x, file, opened, length, h, diag) : st;
}

static enum pod_status open_text(struct pod_foreign *x, uint64_t at, uint64_t len, bool own_file,
				 const struct pod_foreign_options *opt, struct pod_diag *diag)
{
	uint64_t file = x->file->dev->size_bytes;
	if (at >= file)
		return pod_fail(diag, POD_E_CORRUPT, "descriptor", 28, file, at);
	size_t n = (size_t)pod_min_u64(pod_min_u64(len, file - at), TEXT_MAX);
	char *text = pod_zalloc(x->alloc, n + 1, 1);
	enum pod_status st = text ? pod_dev_read(x->file->dev, at, text, n) : POD_E_NOMEM;
	if (st == POD_OK && !own_file && pod_strncasecmp(text, "# disk descriptorfile", 21) != 0)
		st = POD_E_FORMAT;
	if (st == POD_OK && !own_file && file > TEXT_MAX)
		st = pod_fail(diag, POD_E_LIMIT, "descriptor", 0, TEXT_MAX, file);
	if (st == POD_OK)
		st = foreign_vmdk_text(x, text, own_file, opt, diag);
	pod_free(x->alloc, text);
	return st;
}

enum pod_status foreign_open_vmdk(struct pod_foreign *x, const struct pod_foreign_options *opt, struct pod_diag *diag)
{
	uint8_t h[HEADER];
	enum pod_status st = x->file->dev->size_bytes < HEADER ? POD_E_FORMAT : read_header(x->file, h, diag);
	x->parent_cid = x->cid = POD_FOREIGN_NO_CID;
	if (st == POD_E_FORMAT)
		return open_text(x, 0, UINT64_MAX, false, opt, diag);
	if (st != POD_OK)
		return st;
	uint64_t text = pod_get_le64(h + 28), sectors = pod_get_le64(h + 36);
	/* What is inside may be no more than the text of a disk that lies elsewhere. */
	if (!pod_get_le64(h + 12))
		return pod_fail(diag, POD_E_UNSUPPORTED, POD_FOREIGN_EXTENTS, 12, 1, 0);
	POD_TRY(add_sparse(x, x->file, false, 0, h, diag));
	if (!text)
		return POD_OK;
	if (text > UINT64_MAX >> 9)
		return pod_fail(diag, POD_E_CORRUPT, "descriptor", 28, x->file->dev->size_bytes >> 9, text);
	return open_text(x, text << 9, sectors > TEXT_MAX >> 9 ? TEXT_MAX : sectors << 9, true, opt, diag);
}
