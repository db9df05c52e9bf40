/* SPDX-License-Identifier: BSD-2-Clause */
/* Changes of a VHDX's metadata: size, parent. Each becomes true by one log entry. */
#include "core/vhd/vhdx_int.h"

static enum pod_status meta_write(struct pod_vhdx *x, uint32_t off, const void *buf, size_t len)
{
	const uint8_t *p = buf;
	uint64_t at = x->meta_off + off;
	while (len) {
		uint8_t *page;
		size_t in = (size_t)(at & (VHDX_PAGE - 1)), n = (size_t)pod_min_u64(len, VHDX_PAGE - in);
		POD_TRY(vhdx_change(x, at, &page));
		memcpy(page + in, p, n);
		at += n, p += n, len -= n;
	}
	return POD_OK;
}

static enum pod_status meta_get(struct pod_vhdx *x, uint32_t off, uint8_t *buf, size_t len)
{
	while (len) {
		const uint8_t *page;
		uint64_t at = x->meta_off + off;
		size_t in = (size_t)(at & (VHDX_PAGE - 1)), n = (size_t)pod_min_u64(len, VHDX_PAGE - in);
		POD_TRY(pod_pages_get(&x->pages, at, &page));
		memcpy(buf, page + in, n);
		off += (uint32_t)n, buf += n, len -= n;
	}
	return POD_OK;
}

enum pod_status vhdx_size_put(struct pod_vhdx *x, uint64_t size)
{
	uint32_t index, off, len;
	uint8_t b[8];
	POD_TRY(vhdx_item_find(x, VHDX_DISK_SIZE, &index, &off, &len));
	pod_put_le64(b, size);
	return meta_write(x, off, b, 8);
}

/* --- growing -------------------------------------------------------------------------------------------- */

/* Rewrites both region tables with the BAT at its new place; the rest of them stays. */
static enum pod_status point_at_table(struct pod_vhdx *x, uint64_t off, uint32_t len)
{
	uint8_t *t = x->log_buf;
	POD_TRY(pod_dev_read(x->file->dev, VHDX_REGION_OFF(x->region), t, VHDX_REGION_LEN));
	if (!vhdx_region_sound(t)) /* it was taken with zeros behind its first page (vhdx.c) */
		memset(t + VHDX_PAGE, 0, VHDX_REGION_LEN - VHDX_PAGE);
	for (uint32_t i = 0; i < pod_get_le32(t + 8) && i < VHDX_REGIONS_MAX; i++) {
		uint8_t *e = t + 16 + 32 * (size_t)i;
		if (memcmp(e, vhdx_region_bat, 16) != 0)
			continue;
		pod_put_le64(e + 16, off);
		pod_put_le32(e + 24, len);
	}
	pod_put_le32(t + 4, vhdx_checksum(t, VHDX_REGION_LEN));
	for (uint32_t i = 0; i < 2; i++) {
		POD_TRY(pod_dev_write(x->file->dev, VHDX_REGION_OFF(i), t, VHDX_REGION_LEN));
		POD_TRY(vhdx_file_flush(x));
	}
	return POD_OK;
}

/* The BAT region is full: a larger one elsewhere. */
static enum pod_status move_table(struct pod_vhdx *x, uint64_t entries)
{
	uint64_t len = pod_align_up(entries * 8 + (entries << 1), VHDX_MIB), old = x->bat_off, place, page_off;
	uint32_t old_len = x->bat_len;
	if (len > UINT32_MAX)
		len = pod_align_up(entries * 8, VHDX_MIB);
	POD_TRY(vhdx_commit(x));
	POD_TRY(vhdx_begin_file(x));
	POD_TRY(vhdx_space_take(x, len, true, &place));
	for (page_off = 0; page_off < old_len; page_off += VHDX_PAGE) {
		const uint8_t *page;
		POD_TRY(pod_pages_get(&x->pages, old + page_off, &page));
		POD_TRY(pod_dev_write(x->file->dev, place + page_off, page, VHDX_PAGE));
	}
	POD_TRY(vhdx_file_flush(x));
	POD_TRY(point_at_table(x, place, (uint32_t)len));
	for (page_off = 0; page_off < old_len; page_off += VHDX_PAGE)
		pod_pages_forget(&x->pages, old + page_off);
	for (page_off = 0; page_off < len; page_off += VHDX_PAGE)
		pod_pages_forget(&x->pages, place + page_off);
	x->bat_off = place;
	x->bat_len = (uint32_t)len;
	/* Free after the next commit: until then the log may hold pages of the old table, and a replay would write them there. */
	vhdx_space_give(x, old, old_len);
	return POD_OK;
}

/* Entries that come into use must say "not present"; those of a fixed disk get their block. */
static enum pod_status prepare_entries(struct pod_vhdx *x, uint64_t old_blocks, uint64_t blocks)
{
	for (uint64_t b = old_blocks; b < blocks; b++) {
		uint64_t e, want = 0, index = pod_vhdx_bat_index(x, b);
		POD_TRY(pod_vhdx_bat_get(x, index, &e));
		if (x->leave_allocated) {
			POD_TRY(vhdx_space_take(x, 1ull << x->block_shift, true, &want));
			want |= POD_VHDX_FULL;
		}
		if (e != want)
			POD_TRY(vhdx_entry_set(x, index, want));
	}
	uint64_t chunk_round = (1ull << x->chunk_shift) - 1;
	uint64_t from = (old_blocks + chunk_round) >> x->chunk_shift, to = (blocks + chunk_round) >> x->chunk_shift;
	for (uint64_t c = from; c < to; c++) {
		uint64_t e, index = pod_vhdx_bitmap_index(x, c);
		if (index >= x->bat_len / 8)
			break;
		POD_TRY(pod_vhdx_bat_get(x, index, &e));
		if (e)
			POD_TRY(vhdx_entry_set(x, index, 0));
	}
	return POD_OK;
}

/* What a block holds behind the end of the disk is nobody's business yet: it will be read. */
static enum pod_status clean_last_block(struct pod_vhdx *x)
{
	uint64_t size = 1ull << x->block_shift, in = x->size_bytes & (size - 1), e;
	if (!in)
		return POD_OK;
	POD_TRY(pod_vhdx_block_entry(x, x->size_bytes >> x->block_shift, &e));
	if (VHDX_STATE(e) < POD_VHDX_FULL)
		return POD_OK;
	if (VHDX_PLACE(e) + size > x->file->dev->size_bytes)
		POD_TRY(pod_vfile_resize(x->file, VHDX_PLACE(e) + size));
	return pod_vfile_zero(x->file, VHDX_PLACE(e) + in, size - in);
}

enum pod_status pod_vhdx_grow(struct pod_vhdx *x, uint64_t size)
{
	if (!x->writable)
		return POD_E_READONLY;
	if (size < x->size_bytes || size > POD_VHDX_SIZE_MAX || size & ((1u << x->sector_shift) - 1))
		return POD_E_INVALID;
	if (size == x->size_bytes)
		return POD_OK;
	uint64_t old_blocks = pod_vhdx_blocks(x), blocks = (size + ((1ull << x->block_shift) - 1)) >> x->block_shift;
	uint64_t entries = pod_vhdx_bat_entries(size, x->block_shift, x->chunk_shift, x->has_parent);
	POD_TRY(vhdx_space_room(x, size));
	POD_TRY(pod_vhdx_begin_data(x));
	if (entries > x->bat_len / 8)
		POD_TRY(move_table(x, entries));
	POD_TRY(clean_last_block(x));
	POD_TRY(prepare_entries(x, old_blocks, blocks));
	POD_TRY(vhdx_commit(x));
	POD_TRY(vhdx_size_put(x, size));
	POD_TRY(vhdx_commit(x));
	x->size_bytes = size;
	return POD_OK;
}

/* --- shrinking ------------------------------------------------------------------------------------------ */

/* What is behind the end goes after the size has changed, if not at once with it: nobody looks at entries there. Blocks, and the
 * bitmaps of chunks that have none left. */
static enum pod_status drop_entries(struct pod_vhdx *x, uint64_t blocks, uint64_t old_blocks)
{
	uint64_t e, round = (1ull << x->chunk_shift) - 1;
	for (uint64_t b = blocks; b < old_blocks; b++) {
		uint64_t index = pod_vhdx_bat_index(x, b);
		POD_TRY(pod_vhdx_bat_get(x, index, &e));
		if (e)
			POD_TRY(vhdx_entry_set(x, index, 0));
		if (VHDX_STATE(e) >= POD_VHDX_FULL)
			vhdx_space_give(x, VHDX_PLACE(e), 1ull << x->block_shift);
	}
	for (uint64_t c = (blocks + round) >> x->chunk_shift; x->has_parent && c < (old_blocks + round) >> x->chunk_shift; c++) {
		uint64_t index = pod_vhdx_bitmap_index(x, c);
		POD_TRY(pod_vhdx_bat_get(x, index, &e));
		if (e)
			POD_TRY(vhdx_entry_set(x, index, 0));
		if (VHDX_STATE(e) == POD_VHDX_FULL)
			vhdx_space_give(x, VHDX_PLACE(e), VHDX_MIB);
	}
	return POD_OK;
}

enum pod_status pod_vhdx_shrink(struct pod_vhdx *x, uint64_t size)
{
	if (!x->writable)
		return POD_E_READONLY;
	if (!size || size > x->size_bytes || size & ((1u << x->sector_shift) - 1))
		return POD_E_INVALID;
	if (size == x->size_bytes)
		return POD_OK;
	uint64_t old_blocks = pod_vhdx_blocks(x), blocks = (size + ((1ull << x->block_shift) - 1)) >> x->block_shift;
	POD_TRY(pod_vhdx_begin_data(x));
	POD_TRY(vhdx_commit(x));
	POD_TRY(vhdx_size_put(x, size));
	POD_TRY(drop_entries(x, blocks, old_blocks));
	POD_TRY(vhdx_commit(x));
	x->size_bytes = size;
	return vhdx_cut(x);
}

/* --- the parent ----------------------------------------------------------------------------------------- */

/* Where in the metadata region an item of `len` bytes can lie: where the old one is, else behind everything. */
static enum pod_status item_room(struct pod_vhdx *x, uint32_t old_off, uint32_t old_len, uint32_t len, uint32_t *off)
{
	uint8_t e[32];
	uint32_t end = 65536, count;
	if (len <= old_len) {
		*off = old_off;
		return POD_OK;
	}
	POD_TRY(meta_get(x, 0, e, 32));
	count = pod_get_le16(e + 10);
	for (uint32_t i = 0; i < count; i++) {
		POD_TRY(meta_get(x, 32 + 32 * i, e, 32));
		uint64_t item_end = (uint64_t)pod_get_le32(e + 16) + pod_get_le32(e + 20);
		if (item_end > x->meta_len)
			return POD_E_CORRUPT;
		if (item_end > end)
			end = (uint32_t)item_end;
	}
	*off = (end + 7) & ~7u;
	return *off + len <= x->meta_len ? POD_OK : POD_E_NOSPACE;
}

/* Into x->pages; the caller commits. */
static enum pod_status put_locator(struct pod_vhdx *x, const struct pod_parent_spec *p, uint8_t *buf, size_t size)
{
	uint32_t index, old_off, old_len, off;
	uint8_t e[8];
	size_t len;
	POD_TRY(vhdx_item_find(x, VHDX_PARENT_LOCATOR, &index, &old_off, &old_len));
	POD_TRY(vhdx_locator_build(p, buf, size, &len));
	POD_TRY(item_room(x, old_off, old_len, (uint32_t)len, &off));
	POD_TRY(meta_write(x, off, buf, len));
	pod_put_le32(e, off);
	pod_put_le32(e + 4, off == old_off ? old_len : (uint32_t)len);
	return meta_write(x, 32 + 32 * index + 16, e, 8);
}

enum pod_status vhdx_locator_put(struct pod_vhdx *x, const struct pod_parent_spec *p)
{
	const size_t size = 32768;
	uint8_t *buf = x->alloc->alloc(x->alloc, size);
	enum pod_status st = buf ? put_locator(x, p, buf, size) : POD_E_NOMEM;
	pod_free(x->alloc, buf);
	return st;
}

enum pod_status pod_vhdx_set_parent(struct pod_vhdx *x, const struct pod_parent_spec *p)
{
	if (!x->writable)
		return POD_E_READONLY;
	if (!x->has_parent)
		return POD_E_INVALID;
	POD_TRY(vhdx_commit(x));
	POD_TRY(vhdx_locator_put(x, p));
	POD_TRY(vhdx_commit(x));
	vhdx_parent_free(x);
	memset(&x->parent, 0, sizeof x->parent);
	return vhdx_parent_read(x, NULL);
}

static enum pod_status needs_no_parent(struct pod_vhdx *x)
{
	uint64_t blocks = pod_vhdx_blocks(x);
	for (uint64_t b = 0; b < blocks; b++) {
		uint64_t e;
		POD_TRY(pod_vhdx_block_entry(x, b, &e));
		if (VHDX_STATE(e) == POD_VHDX_NOT_PRESENT || VHDX_STATE(e) == POD_VHDX_PARTIAL)
			return POD_E_INVALID;
	}
	return POD_OK;
}

/* Takes an entry out of the metadata table: the last one moves to its place. */
static enum pod_status drop_item(struct pod_vhdx *x, uint32_t index)
{
	uint8_t head[32], e[32];
	POD_TRY(meta_get(x, 0, head, 32));
	uint32_t count = pod_get_le16(head + 10);
	POD_TRY(meta_get(x, 32 + 32 * (count - 1), e, 32));
	POD_TRY(meta_write(x, 32 + 32 * index, e, 32));
	memset(e, 0, 32);
	POD_TRY(meta_write(x, 32 + 32 * (count - 1), e, 32));
	pod_put_le16(head + 10, (uint16_t)(count - 1));
	return meta_write(x, 0, head, 32);
}

enum pod_status pod_vhdx_drop_parent(struct pod_vhdx *x)
{
	uint32_t index, off, len;
	uint8_t flags[4];
	if (!x->writable)
		return POD_E_READONLY;
	if (!x->has_parent)
		return POD_OK;
	POD_TRY(needs_no_parent(x));
	/* Nobody looks at the bitmaps any more; without a parent they must not be there (2.5.1.2). */
	uint64_t chunks = (pod_vhdx_blocks(x) + ((1ull << x->chunk_shift) - 1)) >> x->chunk_shift;
	for (uint64_t c = 0; c < chunks; c++) {
		uint64_t e, at = pod_vhdx_bitmap_index(x, c);
		POD_TRY(pod_vhdx_bat_get(x, at, &e));
		if (!e)
			continue;
		POD_TRY(vhdx_commit(x));
		POD_TRY(vhdx_entry_set(x, at, 0));
		if (VHDX_STATE(e) == POD_VHDX_FULL)
			vhdx_space_give(x, VHDX_PLACE(e), VHDX_MIB);
	}
	POD_TRY(vhdx_commit(x));
	POD_TRY(vhdx_item_find(x, VHDX_PARENT_LOCATOR, &index, &off, &len));
	POD_TRY(drop_item(x, index));
	POD_TRY(vhdx_item_find(x, VHDX_FILE_PARAMETERS, &index, &off, &len));
	pod_put_le32(flags, x->leave_allocated ? 1 : 0);
	POD_TRY(meta_write(x, off + 4, flags, 4));
	POD_TRY(vhdx_commit(x));
	x->has_parent = false;
	vhdx_parent_free(x);
	return POD_OK;
}

/* --- the mark of a merge -------------------------------------------------------------------------------- */

static enum pod_status add_mark(struct pod_vhdx *x)
{
	uint8_t head[32], e[32] = {0}, version[8] = {1};
	uint32_t off;
	POD_TRY(meta_get(x, 0, head, 32));
	uint32_t count = pod_get_le16(head + 10);
	if (count >= VHDX_ITEMS_MAX)
		return POD_E_LIMIT;
	POD_TRY(item_room(x, 0, 0, sizeof version, &off));
	memcpy(e, vhdx_item_guid[VHDX_MERGING], 16);
	pod_put_le32(e + 16, off);
	pod_put_le32(e + 20, sizeof version);
	pod_put_le32(e + 24, 1); /* IsUser; not IsRequired: the child must be readable by everybody */
	POD_TRY(meta_write(x, off, version, sizeof version));
	POD_TRY(meta_write(x, 32 + 32 * count, e, 32));
	pod_put_le16(head + 10, (uint16_t)(count + 1));
	return meta_write(x, 0, head, 32);
}

enum pod_status pod_vhdx_mark(struct pod_vhdx *x, bool merging)
{
	uint32_t index, off, len;
	if (!x->writable)
		return POD_E_READONLY;
	if (x->merging == merging)
		return POD_OK;
	POD_TRY(vhdx_commit(x));
	POD_TRY(vhdx_begin_file(x));
	if (merging) {
		POD_TRY(add_mark(x));
	} else {
		POD_TRY(vhdx_item_find(x, VHDX_MERGING, &index, &off, &len));
		POD_TRY(drop_item(x, index));
	}
	POD_TRY(vhdx_commit(x));
	x->merging = merging;
	return POD_OK;
}
