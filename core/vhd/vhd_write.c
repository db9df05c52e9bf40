/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing VHD. There is no log; what may tear is bounded by order instead: data, flush, bitmaps, flush, table sectors (512 bytes,
 * written whole). Headers are never changed in place: a new one is put behind the data, and the footer, one sector, switches
 * over. While the file grows, the copy of the footer in front counts.
 */
#include "core/vhd/vhd_int.h"

/* --- table and bitmaps in memory ------------------------------------------------------------------------ */

static bool in_table(const struct pod_vhd *v, uint64_t off)
{
	return off >= v->bat_off && off < v->bat_off + (((uint64_t)v->entries * 4 + 511) & ~511ull);
}

static enum pod_status write_dirty(struct pod_vhd *v, bool table)
{
	struct pod_pages *p = &v->pages;
	for (uint32_t i = 0; i < p->dirty; i++) {
		uint64_t off = p->dirty_no[i] << 9;
		if (in_table(v, off) == table)
			POD_TRY(pod_dev_write(v->file->dev, off, p->dirty_data + ((size_t)i << 9), 512));
	}
	return POD_OK;
}

enum pod_status vhd_file_flush(struct pod_vhd *v)
{
	enum pod_status st = pod_dev_flush(v->file->dev);
	if (st != POD_OK)
		v->failed = true;
	return st;
}

static enum pod_status commit(struct pod_vhd *v)
{
	if (v->failed)
		return POD_E_IO;
	POD_TRY(vhd_file_flush(v));
	if (v->type == POD_VHD_FIXED || !v->pages.dirty)
		return POD_OK;
	/* What cannot be written stays in memory, and all of it is written by the next commit. */
	POD_TRY(write_dirty(v, false));
	POD_TRY(vhd_file_flush(v));
	POD_TRY(write_dirty(v, true));
	POD_TRY(vhd_file_flush(v));
	pod_pages_clean(&v->pages);
	return POD_OK;
}

enum pod_status pod_vhd_flush(struct pod_vhd *v)
{
	return v->writable ? commit(v) : POD_E_READONLY;
}

static enum pod_status change(struct pod_vhd *v, uint64_t off, uint8_t **page)
{
	enum pod_status st = pod_pages_change(&v->pages, off, page);
	if (st == POD_E_LIMIT) {
		POD_TRY(commit(v));
		st = pod_pages_change(&v->pages, off, page);
	}
	return st;
}

enum pod_status vhd_entry_set(struct pod_vhd *v, uint64_t block, uint32_t sector)
{
	uint64_t off = v->bat_off + block * 4;
	uint8_t *page;
	POD_TRY(change(v, off, &page));
	pod_put_be32(page + (off & 511), sector);
	return POD_OK;
}

static enum pod_status set_bits(struct pod_vhd *v, uint64_t bitmap, uint32_t from, uint32_t to)
{
	while (from < to) {
		uint8_t *page;
		uint32_t end = (from & ~4095u) + 4096 < to ? (from & ~4095u) + 4096 : to;
		POD_TRY(change(v, bitmap + ((uint64_t)from >> 12 << 9), &page));
		for (; from < end; from++)
			page[(from & 4095) >> 3] |= (uint8_t)(0x80u >> (from & 7));
	}
	return POD_OK;
}

/* --- data ----------------------------------------------------------------------------------------------- */

enum pod_status vhd_footer_at(struct pod_vhd *v, uint64_t off)
{
	pod_put_be32(v->footer + 64, pod_vhd_checksum(v->footer, 512, 64));
	return pod_dev_write(v->file->dev, off, v->footer, 512);
}

/* `len` bytes behind the data that read as zeros, and the footer behind them. */
enum pod_status vhd_extend(struct pod_vhd *v, uint64_t len, uint64_t *place)
{
	if (v->data_end + len > 1ull << 41)
		return POD_E_NOSPACE;
	if (!v->tail_clean) {
		/* What lies behind the last block belongs to nobody: an operation that was cut off. The copy in front must stand
		 * before the footer at the end goes. */
		if (!v->copy_ok) {
			POD_TRY(vhd_footer_at(v, 0));
			v->copy_ok = true;
		}
		POD_TRY(vhd_file_flush(v));
		POD_TRY(pod_vfile_resize(v->file, v->data_end));
		v->tail_clean = true;
	}
	uint64_t old = v->file->dev->size_bytes;
	POD_TRY(pod_vfile_resize(v->file, v->data_end + len + 512));
	if (old > v->data_end) /* the old footer */
		POD_TRY(pod_vfile_zero(v->file, v->data_end, old - v->data_end));
	POD_TRY(vhd_footer_at(v, v->data_end + len));
	for (uint64_t i = 0; i < v->bitmap_bytes; i += 512)
		pod_pages_forget(&v->pages, v->data_end + i);
	*place = v->data_end;
	v->data_end += len;
	return POD_OK;
}

static enum pod_status put(struct pod_vhd *v, uint64_t at, const void *buf, uint64_t len)
{
	return buf ? pod_dev_write(v->file->dev, at, buf, (size_t)len) : pod_vfile_zero(v->file, at, len);
}

/* The bitmap of a new block of a dynamic disk says "all here". */
static enum pod_status fill_bitmap(struct pod_vhd *v, uint64_t place)
{
	uint8_t ones[512];
	memset(ones, 0xff, sizeof ones);
	for (uint32_t i = 0; i < v->bitmap_bytes; i += 512)
		POD_TRY(pod_dev_write(v->file->dev, place + i, ones, 512));
	return POD_OK;
}

/* `len` bytes at `in` of the block at `place`. */
static enum pod_status fill_block(struct pod_vhd *v, uint64_t place, uint64_t in, const void *buf, uint64_t len)
{
	POD_TRY(put(v, place + v->bitmap_bytes + in, buf, len));
	return v->type == POD_VHD_DIFFERENCING ? set_bits(v, place, (uint32_t)(in >> 9), (uint32_t)((in + len) >> 9)) : POD_OK;
}

static enum pod_status write_in_block(struct pod_vhd *v, uint64_t off, const void *buf, uint64_t len)
{
	uint64_t block = off >> v->block_shift, size = 1ull << v->block_shift, in = off & (size - 1), place;
	uint32_t sector;
	POD_TRY(pod_vhd_bat_get(v, block, &sector));
	if (sector == 0xffffffffu) {
		POD_TRY(vhd_extend(v, v->bitmap_bytes + size, &place));
		enum pod_status st = v->type == POD_VHD_DYNAMIC ? fill_bitmap(v, place) : POD_OK;
		if (st == POD_OK)
			st = fill_block(v, place, in, buf, len);
		if (st == POD_OK)
			st = vhd_entry_set(v, block, (uint32_t)(place >> 9));
		if (st != POD_OK) { /* it is no block: the next one goes there */
			v->data_end = place;
			v->tail_clean = false;
		}
		return st;
	}
	place = (uint64_t)sector << 9;
	if (!place || !pod_in_range(place + v->bitmap_bytes, in + len, v->file->dev->size_bytes))
		return POD_E_CORRUPT;
	return fill_block(v, place, in, buf, len);
}

static enum pod_status check_range(const struct pod_vhd *v, uint64_t off, uint64_t len)
{
	if (!v->writable)
		return POD_E_READONLY;
	if (v->failed)
		return POD_E_IO;
	if (!pod_in_range(off, len, v->size_bytes))
		return POD_E_RANGE;
	return (off | len) & 511 ? POD_E_INVALID : POD_OK;
}

enum pod_status pod_vhd_write(struct pod_vhd *v, uint64_t off, const void *buf, size_t len)
{
	const uint8_t *p = buf;
	POD_TRY(check_range(v, off, len));
	if (v->type == POD_VHD_FIXED)
		return len ? put(v, off, buf, len) : POD_OK;
	while (len) {
		uint64_t size = 1ull << v->block_shift;
		size_t n = (size_t)pod_min_u64(len, size - (off & (size - 1)));
		POD_TRY(write_in_block(v, off, p, n));
		off += n, len -= n;
		p = p ? p + n : NULL;
	}
	return POD_OK;
}

enum pod_status pod_vhd_trim(struct pod_vhd *v, uint64_t off, uint64_t len)
{
	POD_TRY(check_range(v, off, len));
	if (v->type == POD_VHD_FIXED)
		return len ? pod_vfile_zero(v->file, off, len) : POD_OK;
	while (len) {
		uint64_t size = 1ull << v->block_shift, n = pod_min_u64(len, size - (off & (size - 1)));
		uint32_t sector;
		POD_TRY(pod_vhd_bat_get(v, off >> v->block_shift, &sector));
		bool whole = n == pod_min_u64(size, v->size_bytes - (off & ~(size - 1)));
		if (v->type == POD_VHD_DIFFERENCING)
			POD_TRY(write_in_block(v, off, NULL, n)); /* the format knows no zero block: only data hide the parent */
		else if (sector != 0xffffffffu && whole)
			POD_TRY(vhd_entry_set(v, off >> v->block_shift, 0xffffffffu));
		else if (sector != 0xffffffffu)
			POD_TRY(write_in_block(v, off, NULL, n));
		off += n, len -= n;
	}
	return POD_OK;
}
