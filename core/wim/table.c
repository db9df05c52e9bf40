/* SPDX-License-Identifier: BSD-2-Clause */
/* The blob table: one entry for each file's content, and for each image's metadata, the images in order. */
#include "core/base/bytes.h"
#include "core/base/sort.h"
#include "core/wim/wim_int.h"

/* So many searches through the whole table cost less than sorting it. */
#define SEARCHES 32u

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
		pod_free(w->alloc, w->table->index);
	}
	pod_free(w->alloc, w->table);
	w->table = NULL;
}

enum pod_status wim_table_load(struct pod_wim *w, struct pod_diag *diag)
{
	if (w->table)
		return POD_OK;
	struct pod_wim_table *t = pod_zalloc(w->alloc, 1, sizeof *t);
	if (!t)
		return POD_E_NOMEM;
	enum pod_status st = wim_load(w, &w->blob_table, POD_WIM_TABLE_MAX, "blob table", &t->raw, diag);
	if (st != POD_OK) {
		pod_free(w->alloc, t);
		return st;
	}
	t->count = (uint32_t)w->blob_table.size_bytes / WIM_BLOB;
	w->table = t;
	return POD_OK;
}

static enum pod_status make_index(struct pod_wim *w)
{
	struct pod_wim_table *t = w->table;
	t->index = w->alloc->alloc(w->alloc, (size_t)t->count * sizeof *t->index);
	if (!t->index)
		return POD_E_NOMEM;
	for (uint32_t i = 0; i < t->count; i++)
		t->index[i] = (uint64_t)pod_get_be32(t->raw + (size_t)i * WIM_BLOB + 30) << 32 | i;
	pod_sort_u64(t->index, t->count);
	return POD_OK;
}

static bool is_file(const uint8_t *e, const uint8_t *sha1)
{
	return memcmp(e + 30, sha1, 20) == 0 && !(e[7] & POD_WIM_RES_METADATA);
}

enum pod_status wim_table_find(struct pod_wim *w, const uint8_t *sha1, uint32_t *entry)
{
	struct pod_wim_table *t = w->table;
	uint32_t lo = 0, hi = t->count;
	if (!t->index && t->asked >= SEARCHES)
		POD_TRY(make_index(w));
	if (t->index) {
		uint64_t key = (uint64_t)pod_get_be32(sha1) << 32;
		while (lo < hi) {
			uint32_t mid = lo + (hi - lo) / 2;
			if (t->index[mid] < key)
				lo = mid + 1;
			else
				hi = mid;
		}
		hi = t->count;
	}
	t->asked += t->asked < SEARCHES;
	for (uint32_t i = lo; i < hi; i++) {
		uint32_t no = t->index ? (uint32_t)t->index[i] : i;
		const uint8_t *e = t->raw + (size_t)no * WIM_BLOB;
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

enum pod_status wim_table_metadata(const struct pod_wim *w, uint32_t image, uint32_t *entry)
{
	const uint8_t *e = w->table->raw;
	for (uint32_t i = 0; i < w->table->count; i++, e += WIM_BLOB)
		if (e[7] & POD_WIM_RES_METADATA && --image == 0) {
			*entry = i;
			return POD_OK;
		}
	return POD_E_NOT_FOUND;
}
