/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The blob table: one entry for each file's content, and for each image's metadata, the images in order.
 *
 * Of a large WIM it has most of a MiB, and a start looks up a handful of files: it is read in parts, as far as a search comes. Files are
 * searched from the front. The metadata of the image that the header calls bootable is known by its place, and searched at the front, where
 * wimlib puts it, then from the end, where it comes by appending. Only where nothing is found all is read.
 */
#include "core/base/bytes.h"
#include "core/base/sort.h"
#include "core/wim/wim_int.h"

/* So many searches through the whole table cost less than sorting it. */
#define SEARCHES 32u
/* Entries that are read at once, 50 KiB. */
#define PART 1024u

void wim_get_res(const uint8_t *p, struct pod_wim_res *out)
{
	out->stored_bytes = pod_get_le64(p) & 0x00FFFFFFFFFFFFFF;
	out->flags = p[7];
	out->offset_bytes = pod_get_le64(p + 8);
	out->size_bytes = pod_get_le64(p + 16);
}

void wim_put_res(uint8_t *p, const struct pod_wim_res *res)
{
	pod_put_le64(p, res->stored_bytes);
	p[7] = res->flags;
	pod_put_le64(p + 8, res->offset_bytes);
	pod_put_le64(p + 16, res->size_bytes);
}

void wim_table_free(struct pod_wim *w)
{
	if (w->table) {
		pod_free(w->alloc, w->table->raw);
		pod_free(w->alloc, w->table->have);
		pod_free(w->alloc, w->table->index);
	}
	pod_free(w->alloc, w->table);
	w->table = NULL;
}

static uint32_t part_count(const struct pod_wim_table *t)
{
	return (t->count + PART - 1) / PART;
}

/* Nothing is read yet, except of a compressed one. */
static enum pod_status begin(struct pod_wim *w, struct pod_wim_table *t, struct pod_diag *diag)
{
	const struct pod_wim_res *res = &w->blob_table;
	if (res->flags & (POD_WIM_RES_COMPRESSED | POD_WIM_RES_SOLID)) {
		POD_TRY(wim_load(w, res, POD_WIM_TABLE_MAX, "blob table", &t->raw, diag));
		t->whole = true;
	} else {
		POD_TRY(wim_check_plain(w, res, POD_WIM_TABLE_MAX, "blob table", diag));
		t->raw = w->alloc->alloc(w->alloc, (size_t)res->size_bytes + 1);
		if (!t->raw)
			return POD_E_NOMEM;
	}
	t->count = (uint32_t)res->size_bytes / WIM_BLOB;
	t->have = pod_zalloc(w->alloc, part_count(t) + 1u, 1);
	return t->have ? POD_OK : POD_E_NOMEM;
}

enum pod_status wim_table_load(struct pod_wim *w, struct pod_diag *diag)
{
	if (w->table)
		return POD_OK;
	w->table = pod_zalloc(w->alloc, 1, sizeof *w->table);
	if (!w->table)
		return POD_E_NOMEM;
	enum pod_status st = begin(w, w->table, diag);
	if (st != POD_OK)
		wim_table_free(w);
	return st;
}

enum pod_status wim_table_entry(struct pod_wim *w, uint32_t entry, const uint8_t **out)
{
	struct pod_wim_table *t = w->table;
	uint32_t part = entry / PART, first = part * PART;
	if (!t->whole && !t->have[part]) {
		size_t at = (size_t)first * WIM_BLOB, n = t->count - first < PART ? t->count - first : PART;
		POD_TRY(pod_wim_read_res(w, &w->blob_table, at, t->raw + at, n * WIM_BLOB, NULL));
		t->have[part] = 1;
	}
	*out = t->raw + (size_t)entry * WIM_BLOB;
	return POD_OK;
}

static enum pod_status make_index(struct pod_wim *w)
{
	struct pod_wim_table *t = w->table;
	const uint8_t *e;
	t->index = w->alloc->alloc(w->alloc, (size_t)t->count * sizeof *t->index);
	if (!t->index)
		return POD_E_NOMEM;
	for (uint32_t i = 0; i < t->count; i++) {
		enum pod_status st = wim_table_entry(w, i, &e);
		if (st != POD_OK) {
			pod_free(w->alloc, t->index);
			t->index = NULL;
			return st;
		}
		t->index[i] = (uint64_t)pod_get_be32(e + 30) << 32 | i;
	}
	pod_sort_u64(t->index, t->count);
	return POD_OK;
}

static bool is_file(const uint8_t *e, const uint8_t *sha1)
{
	return memcmp(e + 30, sha1, 20) == 0 && !(e[7] & POD_WIM_RES_METADATA);
}

/* The first in the sorted index that may have it. */
static uint32_t first_of(const struct pod_wim_table *t, const uint8_t *sha1)
{
	uint64_t key = (uint64_t)pod_get_be32(sha1) << 32;
	uint32_t lo = 0, hi = t->count;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (t->index[mid] < key)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

enum pod_status wim_table_find(struct pod_wim *w, const uint8_t *sha1, uint32_t *entry)
{
	struct pod_wim_table *t = w->table;
	const uint8_t *e;
	if (!t->index && t->asked >= SEARCHES)
		POD_TRY(make_index(w));
	t->asked += t->asked < SEARCHES;
	for (uint32_t i = t->index ? first_of(t, sha1) : 0; i < t->count; i++) {
		uint32_t no = t->index ? (uint32_t)t->index[i] : i;
		POD_TRY(wim_table_entry(w, no, &e));
		if (t->index && memcmp(e + 30, sha1, 4) != 0)
			break;
		if (!(i & 255))
			POD_TRY(pod_budget_spend(w->dev->budget, 1, 0));
		if (is_file(e, sha1)) {
			*entry = no;
			return POD_OK;
		}
	}
	return POD_E_NOT_FOUND;
}

/* Where the header says that the bootable image's metadata lie. */
static bool is_boot_metadata(const struct pod_wim *w, const uint8_t *e)
{
	struct pod_wim_res res;
	wim_get_res(e, &res);
	return res.flags & POD_WIM_RES_METADATA && res.offset_bytes == w->boot_metadata.offset_bytes &&
	       res.stored_bytes == w->boot_metadata.stored_bytes;
}

static enum pod_status find_boot_metadata(struct pod_wim *w, uint32_t *entry)
{
	const uint8_t *e;
	uint32_t parts = part_count(w->table);
	for (uint32_t n = 0; n < parts; n++) {
		uint32_t first = (n ? parts - n : 0) * PART,
			 end = w->table->count - first < PART ? w->table->count : first + PART;
		POD_TRY(pod_budget_spend(w->dev->budget, PART / 256, 0));
		for (uint32_t i = first; i < end; i++) {
			POD_TRY(wim_table_entry(w, i, &e));
			if (is_boot_metadata(w, e)) {
				*entry = i;
				return POD_OK;
			}
		}
	}
	return POD_E_NOT_FOUND;
}

enum pod_status wim_table_metadata(struct pod_wim *w, uint32_t image, uint32_t *entry)
{
	const uint8_t *e;
	if (image == w->boot_index && w->boot_metadata.stored_bytes) {
		enum pod_status st = find_boot_metadata(w, entry);
		if (st != POD_E_NOT_FOUND)
			return st;
	}
	for (uint32_t i = 0; i < w->table->count; i++) {
		POD_TRY(wim_table_entry(w, i, &e));
		if (e[7] & POD_WIM_RES_METADATA && --image == 0) {
			*entry = i;
			return POD_OK;
		}
	}
	return POD_E_NOT_FOUND;
}
