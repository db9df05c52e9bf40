/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The log ([MS-VHDX] 2.3): a ring of 4 KiB sectors that holds entries.
 *
 *   entry header   +0 4 "loge"  +4 4 CRC-32C of the entry with this field zero  +8 4 EntryLength  +12 4 Tail: where in the log
 * the oldest entry lies that must be replayed with this one  +16 8 SequenceNumber  +24 4 DescriptorCount +32 16 LogGuid  +48 8
 * FlushedFileOffset: the file is at least so long  +56 8 LastFileOffset: and so long after it descriptors    32 bytes each from
 * +64:  "zero"  +8 8 ZeroLength  +16 8 FileOffset  +24 8 SequenceNumber "desc"  +4 4 TrailingBytes  +8 8 LeadingBytes  +16 8
 * FileOffset  +24 8 SequenceNumber data sectors   "data"  +4 4 high half of SequenceNumber  +8 4084 bytes  +4092 4 low half; one
 * per "desc", in order
 *
 * What is replayed is the valid sequence of entries with the largest sequence numbers whose newest entry's Tail lies in it. An
 * entry counts only with the LogGuid of the header.
 */
#include "core/vhd/vhdx_int.h"

/* Segments are moved so fast that many of them are a step of the budget. */
enum { MOVES_PER_STEP = 64 };

struct entry {
	uint64_t sequence, flushed_end, last_end;
	uint32_t at, len, tail, descriptors;
	uint32_t depth; /* how many entries before it belong to the same sequence */
};

struct log {
	struct pod_vhdx *x;
	uint8_t *sector; /* one sector, for headers and descriptors */
	uint8_t *data;	 /* another one */
	struct entry *entry;
	uint32_t count;
	bool trace; /* something bears our LogGuid, valid or not */
};

static enum pod_status read_sector(const struct log *l, uint32_t at, uint8_t *buf)
{
	at = at >= l->x->log_len ? at - l->x->log_len : at;
	return pod_dev_read(l->x->file->dev, l->x->log_off + at, buf, VHDX_PAGE);
}

/* Sectors that hold the header and `n` descriptors: 126 fit behind the header, 128 into each further one. */
static uint32_t descriptor_sectors(uint32_t n)
{
	return n <= 126 ? 1 : 1 + ((n - 126 + 127) >> 7);
}

/* A descriptor sector's descriptors; counts those with data. False if one is malformed. */
static bool descriptors_sound(const uint8_t *p, uint32_t n, uint64_t sequence, uint32_t *with_data)
{
	for (uint32_t i = 0; i < n; i++, p += 32) {
		uint64_t off = pod_get_le64(p + 16);
		if (pod_get_le64(p + 24) != sequence || off & (VHDX_PAGE - 1) || off >= POD_VHDX_FILE_MAX)
			return false;
		if (memcmp(p, "desc", 4) == 0) {
			++*with_data;
		} else if (memcmp(p, "zero", 4) != 0 || pod_get_le64(p + 8) & (VHDX_PAGE - 1) ||
			   !pod_in_range(off, pod_get_le64(p + 8), POD_VHDX_FILE_MAX)) {
			return false;
		}
	}
	return true;
}

/* The sectors behind the first: signatures and sequence numbers first (no sector of a valid entry looks like the header of
 * another, so the checksums read each sector of the log at most once), then the checksum. */
static enum pod_status body_valid(struct log *l, struct entry *e, uint32_t crc_want, bool *valid)
{
	static const uint8_t zero[4];
	uint32_t dsec = descriptor_sectors(e->descriptors), sectors = e->len >> VHDX_PAGE_SHIFT, with_data = 0, crc;
	*valid = false;
	if (dsec > sectors ||
	    !descriptors_sound(l->sector + 64, e->descriptors < 126 ? e->descriptors : 126, e->sequence, &with_data))
		return POD_OK;
	crc = pod_crc32c(pod_crc32c(pod_crc32c(0, l->sector, 4), zero, 4), l->sector + 8, VHDX_PAGE - 8);
	for (uint32_t s = 1; s < sectors; s++) {
		POD_TRY(read_sector(l, e->at + (s << VHDX_PAGE_SHIFT), l->data));
		if (s < dsec) {
			uint32_t left = e->descriptors - 126 - ((s - 1) << 7);
			if (!descriptors_sound(l->data, left < 128 ? left : 128, e->sequence, &with_data))
				return POD_OK;
		} else if (memcmp(l->data, "data", 4) != 0 || pod_get_le32(l->data + 4) != (uint32_t)(e->sequence >> 32) ||
			   pod_get_le32(l->data + 4092) != (uint32_t)e->sequence) {
			return POD_OK;
		}
		crc = pod_crc32c(crc, l->data, VHDX_PAGE);
	}
	*valid = with_data == sectors - dsec && crc == crc_want;
	return POD_OK;
}

/* Is there a valid entry at `at`? */
static enum pod_status entry_at(struct log *l, uint32_t at, bool *valid)
{
	struct entry *e = &l->entry[l->count];
	const uint8_t *h = l->sector;
	*valid = false;
	POD_TRY(read_sector(l, at, l->sector));
	if (memcmp(h, "loge", 4) != 0 || memcmp(h + 32, l->x->log_guid, 16) != 0)
		return POD_OK;
	l->trace = true;
	*e = (struct entry){.at = at,
			    .len = pod_get_le32(h + 8),
			    .tail = pod_get_le32(h + 12),
			    .sequence = pod_get_le64(h + 16),
			    .descriptors = pod_get_le32(h + 24),
			    .flushed_end = pod_get_le64(h + 48),
			    .last_end = pod_get_le64(h + 56)};
	if (!e->len || e->len & (VHDX_PAGE - 1) || e->len > l->x->log_len || e->tail & (VHDX_PAGE - 1) ||
	    e->tail >= l->x->log_len || !e->sequence || e->descriptors > e->len / 32 || e->last_end > POD_VHDX_FILE_MAX ||
	    e->flushed_end > POD_VHDX_FILE_MAX)
		return POD_OK;
	return body_valid(l, e, pod_get_le32(h + 4), valid);
}

static enum pod_status scan(struct log *l)
{
	for (uint32_t at = 0; at < l->x->log_len;) {
		bool valid;
		POD_TRY(entry_at(l, at, &valid));
		at += valid ? l->entry[l->count].len : VHDX_PAGE;
		l->count += valid;
	}
	return POD_OK;
}

static uint32_t before(const struct log *l, uint32_t i)
{
	return i ? i - 1 : l->count - 1;
}

static bool follows(const struct log *l, uint32_t i)
{
	const struct entry *e = &l->entry[i], *p = &l->entry[before(l, i)];
	uint32_t end = p->at + p->len;
	return l->count > 1 && e->at == (end >= l->x->log_len ? end - l->x->log_len : end) && e->sequence == p->sequence + 1;
}

/* The entry at `at`, or l->count. They lie in the order they were found in. */
static uint32_t find_entry(const struct log *l, uint32_t at)
{
	uint32_t low = 0, high = l->count;
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		if (l->entry[mid].at < at)
			low = mid + 1;
		else
			high = mid;
	}
	return low < l->count && l->entry[low].at == at ? low : l->count;
}

/* The newest entry of the sequence to replay; its depth becomes the number of entries before it. UINT32_MAX: none. */
static uint32_t find_head(struct log *l)
{
	uint32_t best = UINT32_MAX;
	/* Two rounds, as a sequence may go over the end of the ring; it cannot go round for ever, as the numbers grow. */
	for (uint32_t k = 0; k < 2 * l->count; k++) {
		uint32_t i = k % l->count;
		l->entry[i].depth = follows(l, i) ? l->entry[before(l, i)].depth + 1 : 0;
	}
	for (uint32_t i = 0; i < l->count; i++) {
		uint32_t tail = find_entry(l, l->entry[i].tail), steps;
		if (tail == l->count || (best != UINT32_MAX && l->entry[i].sequence <= l->entry[best].sequence))
			continue;
		steps = i >= tail ? i - tail : i + l->count - tail;
		if (steps <= l->entry[i].depth) {
			l->entry[i].depth = steps;
			best = i;
		}
	}
	return best;
}

/* One descriptor into the overlay. */
static enum pod_status apply(struct log *l, const uint8_t *d, uint32_t data_at)
{
	struct pod_map *m = &l->x->overlay;
	uint64_t off = pod_get_le64(d + 16), at;
	bool data = memcmp(d, "desc", 4) == 0;
	uint64_t len = data ? VHDX_PAGE : pod_get_le64(d + 8);
	if (!len)
		return POD_OK;
	/* A segment in front of others moves them all. */
	POD_TRY(pod_budget_spend(l->x->file->dev->budget, 1 + m->count / MOVES_PER_STEP, 0));
	if (off < VHDX_MIB) /* the header section is not the log's business */
		return POD_E_CORRUPT;
	if (off + len > m->size_bytes)
		POD_TRY(pod_map_append(m, POD_SEG_ZERO, 0, off + len - m->size_bytes));
	if (!data)
		return pod_map_replace(m, off, len, POD_SEG_ZERO, 0);
	POD_TRY(read_sector(l, data_at, l->data));
	memcpy(l->data, d + 8, 8);
	memcpy(l->data + 4092, d + 4, 4);
	POD_TRY(pod_map_mem(m, l->data, VHDX_PAGE, &at));
	return pod_map_replace(m, off, len, POD_SEG_MEM, at);
}

static enum pod_status apply_entry(struct log *l, const struct entry *e)
{
	uint32_t data_at = e->at + (descriptor_sectors(e->descriptors) << VHDX_PAGE_SHIFT), loaded = UINT32_MAX;
	for (uint32_t i = 0; i < e->descriptors; i++) {
		uint32_t sector = i < 126 ? 0 : 1 + ((i - 126) >> 7);
		if (sector != loaded) {
			uint32_t at = e->at + (sector << VHDX_PAGE_SHIFT);
			POD_TRY(read_sector(l, at, l->sector));
			loaded = sector;
		}
		const uint8_t *d = l->sector + (sector ? (size_t)((i - 126) & 127) * 32 : 64 + (size_t)i * 32);
		POD_TRY(apply(l, d, data_at));
		if (memcmp(d, "desc", 4) == 0)
			data_at += VHDX_PAGE;
	}
	if (e->last_end > l->x->overlay.size_bytes)
		POD_TRY(pod_map_append(&l->x->overlay, POD_SEG_ZERO, 0, e->last_end - l->x->overlay.size_bytes));
	return POD_OK;
}

static enum pod_status replay_in_memory(struct log *l, uint32_t head, struct pod_diag *diag)
{
	struct pod_vhdx *x = l->x;
	const struct entry *h = &l->entry[head];
	uint64_t total = 0;
	uint32_t i = head;
	for (uint32_t k = 0; k < h->depth; k++, i = before(l, i))
		total += l->entry[i].descriptors;
	total += l->entry[i].descriptors;
	if (total > POD_VHDX_REPLAY_MAX)
		return pod_fail(diag, POD_E_LIMIT, "log descriptors to replay", x->log_off, POD_VHDX_REPLAY_MAX, total);
	if (h->flushed_end > x->file->dev->size_bytes)
		return pod_fail(diag, POD_E_CORRUPT, "log FlushedFileOffset: the file is cut short", x->log_off + h->at + 48,
				h->flushed_end, x->file->dev->size_bytes);
	POD_TRY(pod_map_append(&x->overlay, POD_SEG_DEV, 0, x->file->dev->size_bytes));
	for (uint32_t k = 0; k <= h->depth; k++) {
		enum pod_status st = apply_entry(l, &l->entry[i]);
		if (st != POD_OK)
			return pod_fail(diag, st, "log descriptor", x->log_off + l->entry[i].at, 0, l->entry[i].sequence);
		i = i + 1 == l->count ? 0 : i + 1;
	}
	pod_mapdev_init(&x->overlay_dev, &x->overlay, x->file->dev, x->file->dev->sector_size);
	x->dev = &x->overlay_dev.dev;
	x->log_replayed = true;
	return POD_OK;
}

enum pod_status vhdx_log_load(struct pod_vhdx *x, struct pod_diag *diag)
{
	struct log l = {.x = x};
	struct pod_alloc *a = x->alloc;
	if (pod_guid_is_zero(x->log_guid))
		return POD_OK;
	enum pod_status st = POD_E_NOMEM;
	l.sector = a->alloc(a, 2 * VHDX_PAGE);
	l.entry = pod_zalloc(a, (x->log_len >> VHDX_PAGE_SHIFT) + 1, sizeof *l.entry);
	if (l.sector && l.entry) {
		l.data = l.sector + VHDX_PAGE;
		st = scan(&l);
		uint32_t head = st == POD_OK && l.count ? find_head(&l) : UINT32_MAX;
		if (st == POD_OK && head != UINT32_MAX)
			st = replay_in_memory(&l, head, diag);
		else if (st == POD_OK && l.trace)
			st = pod_fail(diag, POD_E_CORRUPT, "log: no valid sequence of entries", x->log_off, 1, 0);
	}
	pod_free(a, l.sector);
	pod_free(a, l.entry);
	return st;
}

enum pod_status vhdx_log_replay(struct pod_vhdx *x)
{
	struct pod_map *m = &x->overlay;
	struct pod_dev *dev = x->file->dev;
	uint64_t old = dev->size_bytes; /* what lies behind it reads as zeros once the file is longer */
	if (m->size_bytes > dev->size_bytes)
		POD_TRY(pod_vfile_resize(x->file, m->size_bytes));
	for (size_t i = 0; i < m->count; i++) {
		const struct pod_seg *s = &m->seg[i];
		if (s->kind == POD_SEG_MEM)
			POD_TRY(pod_dev_write(dev, s->start_bytes, m->mem + (size_t)s->source, (size_t)s->length_bytes));
		else if (s->kind == POD_SEG_ZERO && s->start_bytes < old)
			POD_TRY(pod_vfile_zero(x->file, s->start_bytes, pod_min_u64(s->length_bytes, old - s->start_bytes)));
	}
	POD_TRY(pod_dev_flush(dev));
	memset(x->log_guid, 0, 16);
	for (int i = 0; i < 2; i++)
		POD_TRY(vhdx_header_write(x));
	pod_map_fini(m);
	x->dev = dev;
	x->log_replayed = false;
	return POD_OK;
}

/* --- writing -------------------------------------------------------------------------------------------- */

/* The descriptor (32 bytes) and the data sector of an entry for one page; `page` may lie in the sector. */
static void put_page(uint8_t *d, uint8_t *sector, const uint8_t *page, uint64_t off, uint64_t sequence)
{
	memcpy(d, "desc", 4);
	memcpy(d + 4, page + 4092, 4);
	memcpy(d + 8, page, 8);
	pod_put_le64(d + 16, off);
	pod_put_le64(d + 24, sequence);
	memcpy(sector, "data", 4);
	pod_put_le32(sector + 4, (uint32_t)(sequence >> 32));
	memmove(sector + 8, page + 8, 4084);
	pod_put_le32(sector + 4092, (uint32_t)sequence);
}

static void put_zeros(uint8_t *d, uint64_t off, uint64_t len, uint64_t sequence)
{
	memcpy(d, "zero", 4);
	pod_put_le64(d + 8, len);
	pod_put_le64(d + 16, off);
	pod_put_le64(d + 24, sequence);
}

uint32_t vhdx_log_build(const struct pod_vhdx *x, const struct vhdx_log_head *e, uint8_t *h)
{
	const struct pod_pages *p = &x->pages;
	uint32_t len = (1 + p->dirty) << VHDX_PAGE_SHIFT;
	uint8_t *d = h + 64;
	memset(h, 0, VHDX_PAGE);
	memcpy(h, "loge", 4);
	pod_put_le32(h + 8, len);
	pod_put_le32(h + 12, e->at); /* the pages of the entry before are in place, and flushed: it stands alone */
	pod_put_le64(h + 16, e->sequence);
	pod_put_le32(h + 24, p->dirty + e->empties_table);
	memcpy(h + 32, e->guid, 16);
	pod_put_le64(h + 48, x->file->dev->size_bytes);
	pod_put_le64(h + 56, x->file->dev->size_bytes);
	if (e->empties_table) {
		put_zeros(d, x->bat_off, x->bat_len, e->sequence);
		d += 32;
	}
	for (uint32_t i = 0; i < p->dirty; i++, d += 32)
		put_page(d, h + ((size_t)(1 + i) << VHDX_PAGE_SHIFT), p->dirty_data + ((size_t)i << VHDX_PAGE_SHIFT),
			 p->dirty_no[i] << VHDX_PAGE_SHIFT, e->sequence);
	pod_put_le32(h + 4, vhdx_checksum(h, len));
	return len;
}

enum pod_status vhdx_log_write(struct pod_vhdx *x)
{
	uint32_t len = (1 + x->pages.dirty) << VHDX_PAGE_SHIFT;
	/* Three entries of the largest size fit into the smallest log: this one never overwrites the one before. */
	if (x->log_at + len > x->log_len)
		x->log_at = 0;
	const struct vhdx_log_head head = {
		.guid = x->logging ? x->log_guid : x->next_log_guid, .sequence = x->log_sequence, .at = x->log_at};
	vhdx_log_build(x, &head, x->log_buf);
	POD_TRY(pod_dev_write(x->file->dev, x->log_off + x->log_at, x->log_buf, len));
	POD_TRY(vhdx_file_flush(x));
	x->log_at += len;
	x->log_sequence++;
	return POD_OK;
}
