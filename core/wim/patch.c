/* SPDX-License-Identifier: BSD-2-Clause */
/* What changes: new entries, entries with other content, references of blobs. */
#include "core/wim/patch_int.h"
#include "core/base/bytes.h"
#include "core/base/sha1.h"
#include "core/base/str.h"

#define CHANGES_MAX 4096u

/* Makes room for one element more; *out is the array then. */
static enum pod_status grow(struct wim_patch *p, void *array, size_t n, size_t *cap, size_t elem, void **out)
{
	*out = array;
	return pod_grow(p->w->alloc, out, n, cap, n + 1, elem, (size_t)CHANGES_MAX * 4);
}

enum pod_status wim_edit_of(struct wim_patch *p, uint32_t entry, struct wim_edit **out)
{
	const uint8_t *raw;
	void *array;
	for (size_t i = 0; i < p->edit_count; i++)
		if (p->edit[i].entry == entry) {
			*out = &p->edit[i];
			return POD_OK;
		}
	POD_TRY(wim_table_entry(p->w, entry, &raw));
	POD_TRY(grow(p, p->edit, p->edit_count, &p->edit_cap, sizeof *p->edit, &array));
	p->edit = array;
	*out = &p->edit[p->edit_count++];
	(*out)->entry = entry;
	(*out)->dropped = false;
	memcpy((*out)->raw, raw, WIM_BLOB);
	return POD_OK;
}

/* --- blobs ------------------------------------------------------------------------------------------------ */

static struct wim_blob *find_blob(const struct wim_patch *p, const uint8_t *sha1)
{
	for (size_t i = 0; i < p->blob_count; i++)
		if (memcmp(p->blob[i].sha1, sha1, 20) == 0)
			return &p->blob[i];
	return NULL;
}

static enum pod_status reference_entry(struct wim_patch *p, uint32_t entry)
{
	struct wim_edit *e;
	POD_TRY(wim_edit_of(p, entry, &e));
	uint32_t n = pod_get_le32(e->raw + 26);
	pod_put_le32(e->raw + 26, n + (n != UINT32_MAX));
	e->dropped = false;
	return POD_OK;
}

/* One more name has this content. `source`: where it comes from; NULL: it is there. What comes is not searched in the table, all of which
 * would have to be read to know that it is new: a second entry of the same content does no harm. */
static enum pod_status add_reference(struct wim_patch *p, const uint8_t *sha1, const struct pod_wim_change *source)
{
	uint32_t no;
	void *array;
	if (pod_all_zero(sha1, 20))
		return POD_OK;
	struct wim_blob *b = find_blob(p, sha1);
	if (!b && !source) {
		POD_TRY(wim_table_find(p->w, sha1, &no));
		return reference_entry(p, no);
	}
	if (!b) {
		POD_TRY(grow(p, p->blob, p->blob_count, &p->blob_cap, sizeof *p->blob, &array));
		p->blob = array;
		b = &p->blob[p->blob_count++];
		*b = (struct wim_blob){.source = source};
		memcpy(b->sha1, sha1, 20);
	}
	b->references++;
	return POD_OK;
}

/* One name less. What nobody refers to leaves the table; not so with hard links, which some writers count once and some by name. */
static enum pod_status drop_reference(struct wim_patch *p, const uint8_t *sha1, bool linked)
{
	uint32_t no;
	if (pod_all_zero(sha1, 20))
		return POD_OK;
	struct wim_blob *b = find_blob(p, sha1);
	if (b) {
		b->references--;
		return POD_OK;
	}
	enum pod_status st = wim_table_find(p->w, sha1, &no);
	if (st != POD_OK)
		return st == POD_E_NOT_FOUND ? POD_OK : st;
	struct wim_edit *e;
	POD_TRY(wim_edit_of(p, no, &e));
	uint32_t n = pod_get_le32(e->raw + 26);
	if (n > 1 || (n && !linked))
		pod_put_le32(e->raw + 26, n - 1);
	e->dropped = n == 1 && !linked;
	return POD_OK;
}

static enum pod_status content_sha1(const struct pod_wim_change *c, uint8_t sha1[20])
{
	memset(sha1, 0, 20);
	if (!c->len)
		return POD_OK;
	if (!c->data && !c->content)
		return POD_E_INVALID;
	if (!c->data) {
		memcpy(sha1, c->sha1, 20);
		return pod_in_range(c->at_bytes, c->len, c->content->size_bytes) ? POD_OK : POD_E_RANGE;
	}
	if (c->len > POD_MAP_MEM_LIMIT)
		return POD_E_LIMIT;
	struct pod_sha1 s;
	pod_sha1_init(&s);
	pod_sha1_update(&s, c->data, (size_t)c->len);
	pod_sha1_final(&s, sha1);
	return POD_OK;
}

/* --- names ------------------------------------------------------------------------------------------------ */

static uint32_t attributes_of(const struct wim_patch *p, struct wim_spot s)
{
	if (s.is_new)
		return p->fresh[s.at].is_dir ? POD_WIM_ATTR_DIRECTORY : 0;
	return pod_get_le32(p->w->meta + s.at + WIM_DE_ATTRIBUTES);
}

static bool is_dir(const struct wim_patch *p, struct wim_spot s)
{
	return attributes_of(p, s) & POD_WIM_ATTR_DIRECTORY;
}

static enum pod_status find_child(struct wim_patch *p, struct wim_spot dir, const uint8_t *name, size_t len, struct wim_spot *out)
{
	struct wim_entry e;
	if (!dir.is_new) {
		enum pod_status st = wim_find(p->w, dir.at, name, len, &e);
		*out = (struct wim_spot){false, e.at};
		if (st != POD_E_NOT_FOUND)
			return st;
	}
	for (size_t i = 0; i < p->fresh_count; i++) {
		const struct wim_new *f = &p->fresh[i];
		if (f->parent.is_new == dir.is_new && f->parent.at == dir.at && wim_same_name(f->name, f->name_len, name, len)) {
			*out = (struct wim_spot){true, i};
			return POD_OK;
		}
	}
	return POD_E_NOT_FOUND;
}

static enum pod_status add_entry(struct wim_patch *p, struct wim_spot parent, const uint8_t *name, size_t len, bool directory,
				 struct wim_spot *out)
{
	void *array;
	POD_TRY(grow(p, p->fresh, p->fresh_count, &p->fresh_cap, sizeof *p->fresh, &array));
	p->fresh = array;
	struct wim_new *f = &p->fresh[p->fresh_count];
	*f = (struct wim_new){.parent = parent, .is_dir = directory, .name_len = len};
	memcpy(f->name, name, len);
	*out = (struct wim_spot){true, p->fresh_count++};
	return POD_OK;
}

struct target {
	struct wim_spot dir, file;
	bool found; /* `file` is there */
	uint8_t name[2 * WIM_NAME_UNITS];
	size_t len;
};

/* Where a path leads; with `make`, directories that are not there are made. */
static enum pod_status find_target(struct wim_patch *p, const char *path, bool make, struct target *t)
{
	size_t len;
	t->dir = (struct wim_spot){false, p->w->root};
	POD_TRY(wim_component(&path, t->name, &t->len));
	if (!t->len)
		return POD_E_INVALID;
	for (;;) {
		uint8_t next[2 * WIM_NAME_UNITS];
		enum pod_status st = find_child(p, t->dir, t->name, t->len, &t->file);
		if (st != POD_OK && st != POD_E_NOT_FOUND)
			return st;
		t->found = st == POD_OK;
		POD_TRY(wim_component(&path, next, &len));
		if (!len)
			return t->found && is_dir(p, t->file) ? POD_E_EXISTS : POD_OK;
		if (!t->found && !make)
			return POD_E_NOT_FOUND;
		if (!t->found)
			POD_TRY(add_entry(p, t->dir, t->name, t->len, true, &t->file));
		if (!is_dir(p, t->file))
			return POD_E_EXISTS;
		if (attributes_of(p, t->file) & POD_WIM_ATTR_REPARSE)
			return POD_E_UNSUPPORTED;
		t->dir = t->file;
		memcpy(t->name, next, len);
		t->len = len;
	}
}

/* --- changes ---------------------------------------------------------------------------------------------- */

static enum pod_status redirect_entry(struct wim_patch *p, size_t at, const uint8_t *sha1)
{
	struct wim_entry e;
	void *array;
	POD_TRY(wim_entry_get(p->w, at, &e));
	if (pod_get_le32(p->w->meta + at + WIM_DE_ATTRIBUTES) & POD_WIM_ATTR_REPARSE)
		return POD_E_UNSUPPORTED;
	for (size_t i = 0; i < p->redirect_count; i++)
		if (p->redirect[i].entry == at) {
			POD_TRY(drop_reference(p, p->redirect[i].sha1, false));
			memcpy(p->redirect[i].sha1, sha1, 20);
			return POD_OK;
		}
	POD_TRY(grow(p, p->redirect, p->redirect_count, &p->redirect_cap, sizeof *p->redirect, &array));
	p->redirect = array;
	struct wim_redirect *r = &p->redirect[p->redirect_count++];
	r->entry = at;
	memcpy(r->sha1, sha1, 20);
	return drop_reference(p, p->w->meta + wim_entry_sha1(p->w, &e), pod_get_le64(p->w->meta + at + WIM_DE_LINK_GROUP) != 0);
}

/* The new name comes first, so that a blob stays in the table if it only changes its name. */
static enum pod_status set_content(struct wim_patch *p, const struct target *t, const struct pod_wim_change *c,
				   const uint8_t *sha1)
{
	struct wim_spot s = t->file;
	POD_TRY(add_reference(p, sha1, c->kind == POD_WIM_ALIAS ? NULL : c));
	if (!t->found)
		POD_TRY(add_entry(p, t->dir, t->name, t->len, false, &s));
	else if (!s.is_new)
		return redirect_entry(p, s.at, sha1);
	else
		POD_TRY(drop_reference(p, p->fresh[s.at].sha1, false));
	memcpy(p->fresh[s.at].sha1, sha1, 20);
	return POD_OK;
}

static enum pod_status do_change(struct wim_patch *p, const struct pod_wim_change *c)
{
	struct target t;
	struct pod_wim_node from;
	uint8_t sha1[20];
	POD_TRY(find_target(p, c->path, c->kind != POD_WIM_REDIRECT, &t));
	if (c->kind == POD_WIM_ALIAS) {
		if (t.found)
			return POD_E_EXISTS;
		POD_TRY(pod_wim_lookup(p->w, c->from, &from));
		if (from.is_dir)
			return POD_E_EXISTS;
		if (from.attributes & POD_WIM_ATTR_REPARSE)
			return POD_E_UNSUPPORTED;
		return set_content(p, &t, c, from.sha1);
	}
	if (c->kind == POD_WIM_REDIRECT && !t.found)
		return POD_E_NOT_FOUND;
	POD_TRY(content_sha1(c, sha1));
	return set_content(p, &t, c, sha1);
}

static enum pod_status collect(struct wim_patch *p, const struct pod_wim_change *change, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		enum pod_status st = do_change(p, &change[i]);
		if (st != POD_OK)
			return pod_fail(p->diag, st, "change", 0, n, i);
	}
	return POD_OK;
}

enum pod_status pod_wim_patch(struct pod_wim *w, const struct pod_map *original, struct pod_dev *stick,
			      const struct pod_wim_change *change, size_t n, uint32_t boot_index, struct pod_map *out,
			      struct pod_diag *diag)
{
	struct wim_patch p = {.w = w, .original = original, .stick = stick, .out = out, .diag = diag};
	pod_map_init(out, w->alloc);
	if (!w->image || w->dev->size_bytes != original->size_bytes)
		return POD_E_INVALID;
	if (boot_index > w->image_count)
		return POD_E_NOT_FOUND;
	if (n > CHANGES_MAX)
		return POD_E_LIMIT;
	enum pod_status st = collect(&p, change, n);
	if (st == POD_OK)
		st = wim_patch_build(&p, boot_index);
	pod_free(w->alloc, p.fresh);
	pod_free(w->alloc, p.redirect);
	pod_free(w->alloc, p.blob);
	pod_free(w->alloc, p.list);
	pod_free(w->alloc, p.edit);
	if (st != POD_OK)
		pod_map_fini(out);
	return st;
}
