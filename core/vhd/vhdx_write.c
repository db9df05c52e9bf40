/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing into a VHDX file. Data go straight to their place; BAT and sector bitmaps change in memory (struct pod_pages) and reach
 * the file through the log: flush (data are there) -> log entry, flush -> pages in place. Each step of an operation leaves
 * metadata that are right by themselves, so a commit may come between any two.
 */
#include "core/vhd/vhdx_int.h"

/* A log that lies behind the end of the file is none that can be written to. */
static enum pod_status log_reserve(struct pod_vhdx *x)
{
	bool there = pod_in_range(x->log_off, x->log_len, x->file->dev->size_bytes);
	return there ? pod_vfile_reserve(x->file, x->log_off, x->log_len) : POD_OK;
}

static void build_header(const struct pod_vhdx *x, uint8_t *h)
{
	memset(h, 0, VHDX_HEADER_LEN);
	memcpy(h, "head", 4);
	pod_put_le64(h + 8, x->sequence);
	memcpy(h + 16, x->file_write_guid, 16);
	memcpy(h + 32, x->data_write_guid, 16);
	memcpy(h + 48, x->log_guid, 16);
	pod_put_le16(h + 66, 1);
	pod_put_le32(h + 68, x->log_len);
	pod_put_le64(h + 72, x->log_off);
	pod_put_le32(h + 4, vhdx_checksum(h, VHDX_HEADER_LEN));
}

enum pod_status vhdx_file_flush(struct pod_vhdx *x)
{
	enum pod_status st = pod_dev_flush(x->file->dev);
	if (st != POD_OK)
		x->failed = true;
	return st;
}

enum pod_status vhdx_header_write(struct pod_vhdx *x)
{
	uint8_t *h = x->log_buf ? x->log_buf : x->alloc->alloc(x->alloc, VHDX_HEADER_LEN);
	if (!h)
		return POD_E_NOMEM;
	x->sequence++;
	build_header(x, h);
	enum pod_status st = pod_dev_write(x->file->dev, VHDX_HEADER_OFF(x->header ^ 1), h, VHDX_HEADER_LEN);
	if (st == POD_OK)
		st = vhdx_file_flush(x);
	if (st == POD_OK) {
		x->header ^= 1;
		x->header_ok[x->header] = true;
	}
	if (h != x->log_buf)
		pod_free(x->alloc, h);
	return st;
}

enum pod_status vhdx_begin_file(struct pod_vhdx *x)
{
	if (!x->writable)
		return POD_E_READONLY;
	if (x->file_armed)
		return POD_OK;
	POD_TRY(log_reserve(x));
	x->env->random(x->env, x->file_write_guid, 16);
	POD_TRY(vhdx_header_write(x));
	x->file_armed = true;
	return POD_OK;
}

enum pod_status pod_vhdx_begin_data(struct pod_vhdx *x)
{
	if (!x->writable)
		return POD_E_READONLY;
	if (x->data_armed)
		return POD_OK;
	if (!x->file_armed) {
		POD_TRY(log_reserve(x));
		x->env->random(x->env, x->file_write_guid, 16);
	}
	memcpy(x->data_write_guid, x->next_data_guid, 16);
	POD_TRY(vhdx_header_write(x));
	x->file_armed = x->data_armed = true;
	return POD_OK;
}

enum pod_status pod_vhdx_same_data(struct pod_vhdx *x)
{
	POD_TRY(vhdx_begin_file(x));
	x->data_armed = true;
	return POD_OK;
}

void pod_vhdx_next_data_guid(struct pod_vhdx *x, const uint8_t guid[16])
{
	memcpy(x->next_data_guid, guid, 16);
}

/* --- metadata in memory --------------------------------------------------------------------------------- */

enum pod_status vhdx_change(struct pod_vhdx *x, uint64_t off, uint8_t **page)
{
	enum pod_status st = pod_pages_change(&x->pages, off, page);
	if (st == POD_E_LIMIT) {
		POD_TRY(vhdx_commit(x));
		st = pod_pages_change(&x->pages, off, page);
	}
	return st;
}

enum pod_status vhdx_entry_set(struct pod_vhdx *x, uint64_t index, uint64_t entry)
{
	uint64_t off = x->bat_off + index * 8;
	uint8_t *page;
	POD_TRY(vhdx_change(x, off, &page));
	pod_put_le64(page + (off & (VHDX_PAGE - 1)), entry);
	return POD_OK;
}

static void fill_bits(uint8_t *page, uint32_t from, uint32_t to, bool set)
{
	while (from < to) {
		if (!(from & 7) && to - from >= 8) {
			uint32_t bytes = (to - from) >> 3;
			memset(page + (from >> 3), set ? 0xff : 0, bytes);
			from += bytes * 8;
			continue;
		}
		uint8_t bit = (uint8_t)(1u << (from & 7));
		page[from >> 3] = set ? page[from >> 3] | bit : page[from >> 3] & (uint8_t)~bit;
		from++;
	}
}

/* Sets or clears the bits of [off, off + len) in the chunk's bitmap block at `bitmap`. */
static enum pod_status set_bits(struct pod_vhdx *x, uint64_t bitmap, uint64_t off, uint64_t len, bool set)
{
	uint64_t in_chunk = off & ((1ull << (x->block_shift + x->chunk_shift)) - 1);
	uint64_t bit = in_chunk >> x->sector_shift, end = bit + ((len + (1u << x->sector_shift) - 1) >> x->sector_shift);
	while (bit < end) {
		uint32_t in = (uint32_t)bit & (VHDX_PAGE * 8 - 1), n = (uint32_t)pod_min_u64(end - bit, VHDX_PAGE * 8 - in);
		uint8_t *page;
		POD_TRY(vhdx_change(x, bitmap + (bit >> 3), &page));
		fill_bits(page, in, in + n, set);
		bit += n;
	}
	return POD_OK;
}

/* Where the bitmap block of the chunk that holds `off` lies; made if need be. */
static enum pod_status bitmap_block(struct pod_vhdx *x, uint64_t off, uint64_t *place)
{
	uint64_t index = pod_vhdx_bitmap_index(x, off >> (x->block_shift + x->chunk_shift)), entry;
	POD_TRY(pod_vhdx_bat_get(x, index, &entry));
	*place = VHDX_PLACE(entry);
	if (VHDX_STATE(entry) == POD_VHDX_FULL)
		return *place >= VHDX_MIB && pod_in_range(*place, VHDX_MIB, x->dev->size_bytes) ? POD_OK : POD_E_CORRUPT;
	POD_TRY(vhdx_space_take(x, VHDX_MIB, true, place));
	enum pod_status st = vhdx_entry_set(x, index, *place | POD_VHDX_FULL);
	if (st != POD_OK)
		vhdx_space_mark(x, *place, VHDX_MIB, false);
	return st;
}

/* --- data ----------------------------------------------------------------------------------------------- */

static enum pod_status put(struct pod_vhdx *x, uint64_t place, const void *buf, size_t len)
{
	return buf ? pod_dev_write(x->file->dev, place, buf, len) : pod_vfile_zero(x->file, place, len);
}

/* Into a block that has its place. */
static enum pod_status write_present(struct pod_vhdx *x, uint64_t off, const void *buf, size_t len, uint64_t entry)
{
	uint64_t size = 1ull << x->block_shift, in = off & (size - 1), place = VHDX_PLACE(entry), bitmap;
	if (place < VHDX_MIB)
		return POD_E_CORRUPT;
	if (place + size > x->file->dev->size_bytes) /* a short last block */
		POD_TRY(pod_vfile_resize(x->file, place + size));
	POD_TRY(put(x, place + in, buf, len));
	if (VHDX_STATE(entry) == POD_VHDX_FULL)
		return POD_OK;
	if (!x->has_parent)
		return POD_E_CORRUPT;
	if (len == pod_min_u64(size, x->size_bytes - (off - in)))
		return vhdx_entry_set(x, pod_vhdx_bat_index(x, off >> x->block_shift), place | POD_VHDX_FULL);
	POD_TRY(bitmap_block(x, off, &bitmap));
	return set_bits(x, bitmap, off, len, true);
}

/* Into a block that has none yet. */
static enum pod_status write_new(struct pod_vhdx *x, uint64_t off, const void *buf, size_t len, bool transparent)
{
	uint64_t size = 1ull << x->block_shift, in = off & (size - 1), start = off - in, place, bitmap = 0;
	uint64_t whole = pod_min_u64(size, x->size_bytes - start);
	bool partial = transparent && len < whole;
	if (partial)
		POD_TRY(bitmap_block(x, off, &bitmap));
	POD_TRY(vhdx_space_take(x, size, !partial && len < size, &place));
	enum pod_status st = put(x, place + in, buf, len);
	if (st == POD_OK && partial) {
		/* Bits of an earlier life of the block may still be set. */
		st = set_bits(x, bitmap, start, whole, false);
		if (st == POD_OK)
			st = set_bits(x, bitmap, off, len, true);
	}
	if (st == POD_OK)
		st = vhdx_entry_set(x, pod_vhdx_bat_index(x, off >> x->block_shift),
				    place | (partial ? POD_VHDX_PARTIAL : POD_VHDX_FULL));
	if (st != POD_OK)
		vhdx_space_mark(x, place, size, false);
	return st;
}

static enum pod_status check_range(const struct pod_vhdx *x, uint64_t off, uint64_t len)
{
	if (!x->writable)
		return POD_E_READONLY;
	if (x->failed)
		return POD_E_IO;
	if (!pod_in_range(off, len, x->size_bytes))
		return POD_E_RANGE;
	return (off | len) & ((1u << x->sector_shift) - 1) ? POD_E_INVALID : POD_OK;
}

static enum pod_status write_in_block(struct pod_vhdx *x, uint64_t off, const void *buf, size_t len)
{
	uint64_t entry;
	POD_TRY(pod_vhdx_block_entry(x, off >> x->block_shift, &entry));
	switch (VHDX_STATE(entry)) {
	case POD_VHDX_FULL:
	case POD_VHDX_PARTIAL:
		return write_present(x, off, buf, len, entry);
	case POD_VHDX_NOT_PRESENT:
		return write_new(x, off, buf, len, x->has_parent);
	case POD_VHDX_UNDEFINED:
	case POD_VHDX_ZERO:
	case POD_VHDX_UNMAPPED:
		return write_new(x, off, buf, len, false);
	default:
		return POD_E_CORRUPT;
	}
}

enum pod_status pod_vhdx_write(struct pod_vhdx *x, uint64_t off, const void *buf, size_t len)
{
	const uint8_t *p = buf;
	POD_TRY(check_range(x, off, len));
	if (!len)
		return POD_OK;
	POD_TRY(pod_vhdx_begin_data(x));
	while (len) {
		uint64_t size = 1ull << x->block_shift;
		size_t n = (size_t)pod_min_u64(len, size - (off & (size - 1)));
		POD_TRY(write_in_block(x, off, p, n));
		off += n, len -= n;
		p = p ? p + n : NULL;
	}
	return POD_OK;
}

static enum pod_status trim_in_block(struct pod_vhdx *x, uint64_t off, uint64_t len)
{
	uint64_t entry, size = 1ull << x->block_shift, start = off & ~(size - 1),
			index = pod_vhdx_bat_index(x, off >> x->block_shift);
	bool whole = len == pod_min_u64(size, x->size_bytes - start);
	POD_TRY(pod_vhdx_bat_get(x, index, &entry));
	bool present = VHDX_STATE(entry) >= POD_VHDX_FULL;
	if (!present && (VHDX_STATE(entry) != POD_VHDX_NOT_PRESENT || !x->has_parent))
		return POD_OK; /* zeros already */
	if (!whole || x->leave_allocated)
		return write_in_block(x, off, NULL, (size_t)len);
	POD_TRY(vhdx_entry_set(x, index, POD_VHDX_ZERO));
	if (present)
		vhdx_space_give(x, VHDX_PLACE(entry), size);
	return POD_OK;
}

enum pod_status pod_vhdx_trim(struct pod_vhdx *x, uint64_t off, uint64_t len)
{
	POD_TRY(check_range(x, off, len));
	if (!len)
		return POD_OK;
	POD_TRY(pod_vhdx_begin_data(x));
	while (len) {
		uint64_t size = 1ull << x->block_shift, n = pod_min_u64(len, size - (off & (size - 1)));
		POD_TRY(trim_in_block(x, off, n));
		off += n, len -= n;
	}
	return POD_OK;
}

enum pod_status pod_vhdx_flush(struct pod_vhdx *x)
{
	return vhdx_commit(x);
}
