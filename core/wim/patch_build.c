/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The changed WIM. Of the metadata nothing moves: the list of a directory that gets new children is copied to the end, the children
 * are appended, and the directory's entry leads to the copy. What was in the old list and is changed, is changed in the copy.
 *
 * The blob table shows the original's bytes once more, where that is stored uncompressed, so that it need not be read: only sectors with
 * an entry that changes are in memory.
 */
#include "core/wim/patch_int.h"
#include "core/base/bytes.h"
#include "core/base/sha1.h"

enum { SECTOR = 2048, PART_ONE = 1 };
/* 1 January 2020, for an image whose root has no time: zero is none. */
#define SOME_TIME UINT64_C(132223104000000000)

struct build {
	struct wim_patch *p;
	size_t blobs_len, meta_len; /* in bytes; the two follow one another in memory */
	uint64_t mem;		    /* where they lie in the map's blob */
	uint64_t file;		    /* where they begin in the file */
	uint64_t table_file;	    /* where the blob table begins there */
	uint32_t entries;	    /* of the blob table */
	uint8_t *meta;
	uint64_t time;
};

static size_t entry_size(const struct wim_new *f)
{
	return (WIM_DENTRY + f->name_len + 2 + 7) & ~(size_t)7;
}

/* --- how large it gets ------------------------------------------------------------------------------------ */

static enum pod_status measure_list(struct wim_patch *p, size_t dir, struct wim_list *l)
{
	struct wim_entry e;
	enum pod_status st = POD_OK;
	*l = (struct wim_list){.dir = dir};
	uint64_t start = pod_get_le64(p->w->meta + dir + WIM_DE_CHILDREN);
	if (!start)
		return POD_OK;
	if (start >= p->w->meta_len)
		return POD_E_CORRUPT;
	l->start = (size_t)start;
	for (size_t at = l->start; (st = wim_entry_get(p->w, at, &e)) == POD_OK; at = e.next) {
		POD_TRY(wim_tick(p->w));
		l->len = e.next - l->start;
	}
	return st == POD_END ? POD_OK : st;
}

static enum pod_status add_list(struct wim_patch *p, size_t dir)
{
	struct pod_alloc *a = p->w->alloc;
	for (size_t i = 0; i < p->list_count; i++)
		if (p->list[i].dir == dir)
			return POD_OK;
	void *v = p->list;
	enum pod_status st = pod_grow(a, &v, p->list_count, &p->list_cap, p->list_count + 1, sizeof *p->list, p->fresh_count);
	p->list = v;
	return st == POD_OK ? measure_list(p, dir, &p->list[p->list_count++]) : st;
}

static enum pod_status measure_meta(struct build *b)
{
	struct wim_patch *p = b->p;
	uint64_t len = pod_align_up(p->w->meta_len, 8);
	for (size_t i = 0; i < p->fresh_count; i++) {
		const struct wim_new *f = &p->fresh[i];
		if (!f->parent.is_new)
			POD_TRY(add_list(p, f->parent.at));
		len += entry_size(f) + (f->is_dir ? 8 : 0);
	}
	for (size_t i = 0; i < p->list_count; i++)
		len += p->list[i].len + 8;
	if (len > POD_WIM_METADATA_MAX)
		return pod_fail(p->diag, POD_E_LIMIT, "metadata", 0, POD_WIM_METADATA_MAX, len);
	b->meta_len = (size_t)len;
	return POD_OK;
}

static bool in_memory(const struct wim_blob *l)
{
	return l->references > 0 && l->source->data;
}

static enum pod_status measure(struct build *b)
{
	struct wim_patch *p = b->p;
	uint64_t blobs = 0;
	for (size_t i = 0; i < p->blob_count; i++) {
		if (in_memory(&p->blob[i]))
			blobs += pod_align_up(p->blob[i].source->len, 8);
	}
	if (blobs > POD_MAP_MEM_LIMIT)
		return POD_E_LIMIT;
	b->blobs_len = (size_t)blobs;
	return measure_meta(b);
}

/* --- metadata --------------------------------------------------------------------------------------------- */

/* Changes bytes of the original, and of every list that was written anew and has them. In a sound tree that is one place that counts;
 * directories that contain themselves, or share a list, have more. */
static void change(const struct build *b, size_t at, const void *data, size_t len)
{
	memcpy(b->meta + at, data, len);
	for (size_t i = 0; i < b->p->list_count; i++) {
		const struct wim_list *l = &b->p->list[i];
		if (at >= l->start && pod_in_range(at - l->start, len, l->len))
			memcpy(b->meta + l->at + (at - l->start), data, len);
	}
}

static void put_entry(const struct build *b, struct wim_new *f, size_t at)
{
	uint8_t *p = b->meta + at;
	f->at = at;
	pod_put_le64(p, entry_size(f));
	pod_put_le32(p + WIM_DE_ATTRIBUTES, f->is_dir ? POD_WIM_ATTR_DIRECTORY : 0x20);
	pod_put_le32(p + WIM_DE_SECURITY, UINT32_MAX);
	for (size_t t = WIM_DE_CREATED; t <= WIM_DE_WRITTEN; t += 8)
		pod_put_le64(p + t, b->time);
	memcpy(p + WIM_DE_SHA1, f->sha1, 20);
	pod_put_le16(p + WIM_DE_NAME_LEN, (uint16_t)f->name_len);
	memcpy(p + WIM_DENTRY, f->name, f->name_len);
}

/* The new children of a directory, and the end of its list. Returns what comes behind. */
static size_t put_children(const struct build *b, struct wim_spot dir, size_t at)
{
	struct wim_patch *p = b->p;
	for (size_t i = 0; i < p->fresh_count; i++) {
		struct wim_new *f = &p->fresh[i];
		if (f->parent.is_new == dir.is_new && f->parent.at == dir.at) {
			put_entry(b, f, at);
			at += entry_size(f);
		}
	}
	return at + 8;
}

static enum pod_status put_redirect(const struct build *b, const struct wim_redirect *r)
{
	struct wim_patch *p = b->p;
	struct wim_entry e;
	POD_TRY(wim_entry_get(p->w, r->entry, &e));
	static const uint8_t no_group[8];
	size_t own = r->entry + WIM_DE_SHA1;
	/* A file with named streams has its hash in the entry of the unnamed one; then its own may be zeros. */
	if (!e.unnamed || !pod_all_zero(p->w->meta + own, 20))
		change(b, own, r->sha1, 20);
	if (e.unnamed)
		change(b, e.unnamed, r->sha1, 20);
	change(b, r->entry + WIM_DE_LINK_GROUP, no_group, sizeof no_group);
	return POD_OK;
}

static enum pod_status put_meta(const struct build *b)
{
	struct wim_patch *p = b->p;
	const struct pod_wim *w = p->w;
	size_t at = (size_t)pod_align_up(w->meta_len, 8);
	memcpy(b->meta, w->meta, w->meta_len);
	for (size_t i = 0; i < p->list_count; i++) {
		struct wim_list *l = &p->list[i];
		l->at = at;
		memcpy(b->meta + at, w->meta + l->start, l->len);
		at = put_children(b, (struct wim_spot){false, l->dir}, at + l->len);
	}
	/* Only now it is known where everything is. */
	for (size_t i = 0; i < p->list_count; i++) {
		uint8_t to[8];
		pod_put_le64(to, p->list[i].at);
		change(b, p->list[i].dir + WIM_DE_CHILDREN, to, sizeof to);
	}
	/* A directory comes before what is in it. */
	for (size_t i = 0; i < p->fresh_count; i++)
		if (p->fresh[i].is_dir) {
			pod_put_le64(b->meta + p->fresh[i].at + WIM_DE_CHILDREN, at);
			at = put_children(b, (struct wim_spot){true, i}, at);
		}
	for (size_t i = 0; i < p->redirect_count; i++)
		POD_TRY(put_redirect(b, &p->redirect[i]));
	return POD_OK;
}

/* --- the file --------------------------------------------------------------------------------------------- */

/* Bytes [start, start + len) of `from`, the last, partial sector of which is read now and filled up with zeros. */
static enum pod_status put_slice(struct wim_patch *p, const struct pod_map *from, uint64_t start, uint64_t len)
{
	uint64_t tail = len & (SECTOR - 1), at;
	POD_TRY(pod_map_append_from(p->out, from, start, len - tail));
	if (!tail)
		return POD_OK;
	POD_TRY(pod_map_mem(p->out, NULL, SECTOR, &at));
	POD_TRY(pod_map_append(p->out, POD_SEG_MEM, at, SECTOR));
	return pod_map_read(from, p->stick, start + len - tail, p->out->mem + (size_t)at, (size_t)tail);
}

static enum pod_status put_original(struct wim_patch *p)
{
	POD_TRY(put_slice(p, p->original, 0, p->original->size_bytes));
	for (size_t i = 0; i < p->blob_count; i++) {
		struct wim_blob *l = &p->blob[i];
		if (l->references <= 0 || l->source->data)
			continue;
		l->offset_bytes = p->out->size_bytes;
		POD_TRY(put_slice(p, l->source->content, l->source->at_bytes, l->source->len));
	}
	return POD_OK;
}

static void put_blobs(const struct build *b)
{
	const struct wim_patch *p = b->p;
	uint8_t *to = p->out->mem + (size_t)b->mem;
	uint64_t at = 0;
	for (size_t i = 0; i < p->blob_count; i++) {
		struct wim_blob *l = &p->blob[i];
		if (!in_memory(l))
			continue;
		l->offset_bytes = b->file + at;
		memcpy(to + (size_t)at, l->source->data, (size_t)l->source->len);
		at += pod_align_up(l->source->len, 8);
	}
}

static struct pod_wim_res meta_res(const struct build *b)
{
	return (struct pod_wim_res){b->file + b->blobs_len, b->meta_len, b->meta_len, POD_WIM_RES_METADATA};
}

/* --- the blob table --------------------------------------------------------------------------------------- */

/* The original's, with room for `more` entries behind it; in sectors, of which the first and the last are not all the table's. */
static enum pod_status put_old_table(struct build *b, uint32_t more)
{
	struct wim_patch *p = b->p;
	const struct pod_wim_table *t = p->w->table;
	uint64_t len = (uint64_t)t->count * WIM_BLOB, start = t->whole ? 0 : p->w->blob_table.offset_bytes,
		 before = start & (SECTOR - 1), at;
	b->table_file = p->out->size_bytes + before;
	if (t->whole) {
		POD_TRY(pod_map_mem(p->out, t->raw, (size_t)len, &at));
		POD_TRY(pod_map_append(p->out, POD_SEG_MEM, at, len));
	} else {
		POD_TRY(put_slice(p, p->original, start - before, before + len));
	}
	uint64_t end = b->table_file + len + (uint64_t)more * WIM_BLOB;
	if (end <= p->out->size_bytes)
		return POD_OK;
	size_t room = (size_t)(pod_align_up(end, SECTOR) - p->out->size_bytes);
	POD_TRY(pod_map_mem(p->out, NULL, room, &at));
	return pod_map_append(p->out, POD_SEG_MEM, at, room);
}

static enum pod_status put_blob_entry(const struct build *b, uint32_t entry, const uint8_t raw[WIM_BLOB])
{
	return pod_map_patch(b->p->out, b->p->stick, b->table_file + (uint64_t)entry * WIM_BLOB, raw, WIM_BLOB, SECTOR);
}

static struct wim_edit *find_gap(const struct wim_patch *p)
{
	struct wim_edit *first = NULL;
	for (size_t i = 0; i < p->edit_count; i++)
		if (p->edit[i].dropped && (!first || p->edit[i].entry < first->entry))
			first = &p->edit[i];
	return first;
}

/* New blobs: in the place of what was dropped, else at the end. */
static enum pod_status put_new_entries(struct build *b)
{
	const struct wim_patch *p = b->p;
	for (size_t i = 0; i < p->blob_count; i++) {
		const struct wim_blob *l = &p->blob[i];
		if (l->references <= 0)
			continue;
		struct pod_wim_res res = {l->offset_bytes, l->source->len, l->source->len, 0};
		struct wim_edit *gap = find_gap(p);
		uint8_t raw[WIM_BLOB];
		wim_put_res(raw, &res);
		pod_put_le16(raw + 24, PART_ONE);
		pod_put_le32(raw + 26, (uint32_t)l->references);
		memcpy(raw + 30, l->sha1, 20);
		if (!gap) {
			POD_TRY(put_blob_entry(b, b->entries++, raw));
			continue;
		}
		memcpy(gap->raw, raw, WIM_BLOB);
		gap->dropped = false;
	}
	return POD_OK;
}

static const struct wim_edit *edit_at(const struct wim_patch *p, uint32_t entry)
{
	for (size_t i = 0; i < p->edit_count; i++)
		if (p->edit[i].entry == entry)
			return &p->edit[i];
	return NULL;
}

/* More was dropped than came: all behind the first gap moves up, for the order of the images' metadata counts. */
static enum pod_status close_gaps(struct build *b)
{
	struct wim_patch *p = b->p;
	const struct wim_edit *gap = find_gap(p);
	if (!gap)
		return POD_OK;
	uint32_t to = gap->entry;
	for (uint32_t from = to + 1; from < p->w->table->count; from++) {
		const struct wim_edit *e = edit_at(p, from);
		const uint8_t *raw = e ? e->raw : NULL;
		if (e && e->dropped)
			continue;
		if (!e)
			POD_TRY(wim_table_entry(p->w, from, &raw));
		POD_TRY(wim_tick(p->w));
		POD_TRY(put_blob_entry(b, to++, raw));
	}
	b->entries = to;
	return POD_OK;
}

static enum pod_status edit_meta_entry(const struct build *b)
{
	struct wim_patch *p = b->p;
	struct pod_wim_res res = meta_res(b);
	struct wim_edit *e;
	struct pod_sha1 s;
	uint32_t no;
	POD_TRY(wim_table_metadata(p->w, p->w->image, &no));
	POD_TRY(wim_edit_of(p, no, &e));
	wim_put_res(e->raw, &res);
	pod_sha1_init(&s);
	pod_sha1_update(&s, b->meta, b->meta_len);
	pod_sha1_final(&s, e->raw + 30);
	return POD_OK;
}

static enum pod_status put_table(struct build *b)
{
	const struct wim_patch *p = b->p;
	POD_TRY(edit_meta_entry(b));
	b->entries = p->w->table->count;
	POD_TRY(put_old_table(b, (uint32_t)p->blob_count));
	POD_TRY(put_new_entries(b));
	for (size_t i = 0; i < p->edit_count; i++)
		POD_TRY(put_blob_entry(b, p->edit[i].entry, p->edit[i].raw));
	return close_gaps(b);
}

static enum pod_status put_header(const struct build *b, uint32_t boot_index)
{
	const struct wim_patch *p = b->p;
	struct pod_wim *w = p->w;
	uint8_t h[POD_WIM_HEADER];
	uint64_t table_len = (uint64_t)b->entries * WIM_BLOB;
	struct pod_wim_res res = {b->table_file, table_len, table_len, w->blob_table.flags & (uint8_t)~POD_WIM_RES_COMPRESSED};
	const uint8_t *e;
	uint32_t no, boot = boot_index ? boot_index : w->boot_index;
	POD_TRY(pod_map_read(p->out, p->stick, 0, h, sizeof h));
	wim_put_res(h + WIM_AT_TABLE, &res);
	memset(h + WIM_AT_INTEGRITY, 0, WIM_RES_HEADER);
	if (boot == w->image) {
		res = meta_res(b);
		wim_put_res(h + WIM_AT_BOOT, &res);
	} else if (boot_index) {
		POD_TRY(wim_table_metadata(w, boot, &no));
		POD_TRY(wim_table_entry(w, no, &e));
		memcpy(h + WIM_AT_BOOT, e, WIM_RES_HEADER);
	}
	pod_put_le32(h + WIM_AT_BOOT_INDEX, boot);
	return pod_map_patch(p->out, p->stick, 0, h, sizeof h, SECTOR);
}

enum pod_status wim_patch_build(struct wim_patch *p, uint32_t boot_index)
{
	struct build b = {.p = p, .time = pod_get_le64(p->w->meta + p->w->root + WIM_DE_WRITTEN)};
	if (!b.time)
		b.time = SOME_TIME;
	POD_TRY(measure(&b));
	POD_TRY(put_original(p));
	size_t all = (size_t)pod_align_up(b.blobs_len + b.meta_len, SECTOR);
	b.file = p->out->size_bytes;
	POD_TRY(pod_map_mem(p->out, NULL, all, &b.mem));
	POD_TRY(pod_map_append(p->out, POD_SEG_MEM, b.mem, all));
	b.meta = p->out->mem + (size_t)b.mem + b.blobs_len;
	POD_TRY(pod_budget_spend(p->w->dev->budget, all >> 12, 0));
	put_blobs(&b);
	POD_TRY(put_meta(&b));
	POD_TRY(put_table(&b));
	return put_header(&b, boot_index);
}
