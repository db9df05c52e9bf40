/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tree of an image: entries, names, walking. Metadata: +0 4 length of the security data, which are padded to 8; then the root's
 * entry, whose name is empty. The children of a directory lie one after another, up to 8 zero bytes; entries begin at multiples of 8.
 */
#include "core/base/bytes.h"
#include "core/base/str.h"
#include "core/wim/wim_int.h"

#define PATH_MAX_BYTES	 4096u
#define DEPTH_MAX	 512u
#define STREAMS_PER_STEP 16u

static enum pod_status get_streams(const struct pod_wim *w, struct wim_entry *e)
{
	uint32_t count = pod_get_le16(w->meta + e->at + WIM_DE_STREAMS);
	/* Files have a few. Entries that overlap could have the same ones, again and again. */
	if (count >= STREAMS_PER_STEP)
		POD_TRY(pod_budget_spend(w->dev->budget, count / STREAMS_PER_STEP, 0));
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *p = w->meta + e->next;
		if (!pod_in_range(e->next, WIM_STREAM, w->meta_len))
			return POD_E_CORRUPT;
		uint64_t len = pod_get_le64(p);
		size_t name = pod_get_le16(p + WIM_ST_NAME_LEN);
		if (len < WIM_STREAM + name || !pod_in_range(e->next, len, w->meta_len))
			return POD_E_CORRUPT;
		if (!name && (!e->unnamed || pod_all_zero(w->meta + e->unnamed, 20)))
			e->unnamed = e->next + WIM_ST_SHA1;
		e->next = (size_t)pod_align_up(e->next + len, 8);
	}
	return POD_OK;
}

enum pod_status wim_entry_get(const struct pod_wim *w, size_t at, struct wim_entry *e)
{
	*e = (struct wim_entry){.at = at};
	if (at & 7 || !pod_in_range(at, 8, w->meta_len))
		return POD_E_CORRUPT;
	const uint8_t *p = w->meta + at;
	uint64_t len = pod_get_le64(p);
	if (len <= 8)
		return POD_END;
	if (len < WIM_DENTRY || !pod_in_range(at, len, w->meta_len))
		return POD_E_CORRUPT;
	e->name = at + WIM_DENTRY;
	e->name_len = pod_get_le16(p + WIM_DE_NAME_LEN);
	if (e->name_len & 1 || WIM_DENTRY + e->name_len > len)
		return POD_E_CORRUPT;
	e->next = (size_t)pod_align_up(at + len, 8);
	return get_streams(w, e);
}

size_t wim_entry_sha1(const struct pod_wim *w, const struct wim_entry *e)
{
	size_t own = e->at + WIM_DE_SHA1;
	return e->unnamed && pod_all_zero(w->meta + own, 20) ? e->unnamed : own;
}

enum pod_status wim_node_get(struct pod_wim *w, const struct wim_entry *e, struct pod_wim_node *out)
{
	const uint8_t *p = w->meta + e->at;
	const uint8_t *blob;
	uint32_t no;
	*out = (struct pod_wim_node){.entry = e->at};
	out->attributes = pod_get_le32(p + WIM_DE_ATTRIBUTES);
	out->is_dir = out->attributes & POD_WIM_ATTR_DIRECTORY;
	out->mtime = pod_get_le64(p + WIM_DE_WRITTEN);
	/* What a reparse point has instead of a group is its tag; its blob is the tag's data. */
	if (out->attributes & POD_WIM_ATTR_REPARSE)
		return POD_OK;
	out->link_group = pod_get_le64(p + WIM_DE_LINK_GROUP);
	if (out->is_dir)
		return POD_OK;
	memcpy(out->sha1, w->meta + wim_entry_sha1(w, e), 20);
	if (pod_all_zero(out->sha1, 20))
		return POD_OK;
	enum pod_status st = wim_table_find(w, out->sha1, &no);
	if (st != POD_OK)
		return st == POD_E_NOT_FOUND ? POD_OK : st;
	POD_TRY(wim_table_entry(w, no, &blob));
	wim_get_res(blob, &out->res);
	out->has_res = true;
	out->size_bytes = out->res.size_bytes;
	return POD_OK;
}

/* --- directories ------------------------------------------------------------------------------------------ */

/* Where the children of the directory at `entry` begin; 0: it has none. */
static enum pod_status children(const struct pod_wim *w, size_t entry, size_t *out)
{
	const uint8_t *p = w->meta + entry;
	uint64_t at = pod_get_le64(p + WIM_DE_CHILDREN);
	if (!(pod_get_le32(p + WIM_DE_ATTRIBUTES) & POD_WIM_ATTR_DIRECTORY))
		return POD_E_INVALID;
	if (at >= w->meta_len)
		return POD_E_CORRUPT;
	*out = (size_t)at;
	return POD_OK;
}

enum pod_status pod_wim_dir_open(struct pod_wim_dir *d, struct pod_wim *w, const struct pod_wim_node *node)
{
	*d = (struct pod_wim_dir){.w = w};
	POD_TRY(children(w, node->entry, &d->pos));
	d->empty = !d->pos;
	return POD_OK;
}

static enum pod_status next_entry(struct pod_wim_dir *d, struct wim_entry *e)
{
	if (d->empty)
		return POD_END;
	POD_TRY(wim_tick(d->w));
	POD_TRY(wim_entry_get(d->w, d->pos, e));
	d->pos = e->next;
	return POD_OK;
}

static bool good_name(const char *s)
{
	if (!s[0] || pod_streq(s, ".") || pod_streq(s, ".."))
		return false;
	for (; *s; s++)
		if (*s == '/')
			return false;
	return true;
}

/* False: no name that could be told. */
static bool get_name(const struct pod_wim *w, const struct wim_entry *e, char *name)
{
	if (e->name_len > 2 * WIM_NAME_UNITS)
		return false;
	for (size_t i = 0; i < e->name_len; i += 2)
		if (!pod_get_le16(w->meta + e->name + i))
			return false;
	return pod_utf16le_to_utf8(w->meta + e->name, e->name_len / 2, name, POD_WIM_NAME_MAX) == POD_OK && good_name(name);
}

enum pod_status pod_wim_next(struct pod_wim_dir *d, struct pod_wim_dirent *out)
{
	struct wim_entry e;
	do
		POD_TRY(next_entry(d, &e));
	while (!get_name(d->w, &e, out->name));
	return wim_node_get(d->w, &e, &out->node);
}

/* --- paths ------------------------------------------------------------------------------------------------ */

enum pod_status wim_component(const char **path, uint8_t name[2 * WIM_NAME_UNITS], size_t *len)
{
	const char *p = *path;
	size_t n = 0, left;
	while (*p == '/')
		p++;
	for (left = 0; p[left] && p[left] != '/';)
		left++;
	const char *end = p + left;
	while (p < end) {
		const char *before = p;
		uint32_t cp = pod_utf8_next(&p, (size_t)(end - p));
		if (cp == 0xfffd && p - before == 1)
			return POD_E_INVALID;
		uint16_t unit[2];
		unsigned units = pod_utf16_put(unit, cp);
		if (n + units > WIM_NAME_UNITS)
			return POD_E_LIMIT;
		for (unsigned i = 0; i < units; i++)
			pod_put_le16(name + 2 * n++, unit[i]);
	}
	*path = end;
	*len = 2 * n;
	return POD_OK;
}

bool wim_same_name(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
	if (a_len != b_len)
		return false;
	for (size_t i = 0; i < a_len; i += 2)
		if (a[i + 1] != b[i + 1] || (a[i] != b[i] && (a[i + 1] || pod_tolower((char)a[i]) != pod_tolower((char)b[i]))))
			return false;
	return true;
}

enum pod_status wim_find(struct pod_wim *w, size_t dir, const uint8_t *name, size_t len, struct wim_entry *out)
{
	struct pod_wim_dir d = {.w = w};
	struct wim_entry e;
	bool folded = false;
	enum pod_status st = children(w, dir, &d.pos);
	if (st != POD_OK)
		return st == POD_E_INVALID ? POD_E_NOT_FOUND : st;
	d.empty = !d.pos;
	while ((st = next_entry(&d, &e)) == POD_OK) {
		if (!wim_same_name(w->meta + e.name, e.name_len, name, len))
			continue;
		bool exact = memcmp(w->meta + e.name, name, len) == 0;
		if (exact || !folded)
			*out = e;
		if (exact)
			return POD_OK;
		folded = true;
	}
	if (st != POD_END)
		return st;
	return folded ? POD_OK : POD_E_NOT_FOUND;
}

enum pod_status pod_wim_lookup(struct pod_wim *w, const char *path, struct pod_wim_node *out)
{
	uint8_t name[2 * WIM_NAME_UNITS];
	struct wim_entry e;
	size_t len;
	if (!w->image)
		return POD_E_INVALID;
	POD_TRY(wim_entry_get(w, w->root, &e));
	for (;;) {
		POD_TRY(wim_component(&path, name, &len));
		if (!len)
			return wim_node_get(w, &e, out);
		POD_TRY(wim_find(w, e.at, name, len, &e));
	}
}

/* --- the whole tree --------------------------------------------------------------------------------------- */

struct level {
	struct pod_wim_dir dir;
	size_t path_len;
};

struct walk {
	struct pod_wim *w;
	pod_wim_visit *visit;
	void *ctx;
	struct pod_diag *diag;
	uint8_t *seen; /* a bit for each place where an entry can begin */
	struct level *level;
	size_t depth;
	struct pod_wim_dirent entry;
	char path[PATH_MAX_BYTES];
};

/* Each entry once: then the walk ends, whatever the directories say. */
static enum pod_status mark(struct walk *k, size_t at)
{
	uint8_t bit = (uint8_t)(1u << (at >> 3 & 7));
	if (k->seen[at >> 6] & bit)
		return pod_fail(k->diag, POD_E_LOOP, "directory", at, 0, 0);
	k->seen[at >> 6] |= bit;
	return POD_OK;
}

static enum pod_status enter(struct walk *k, const struct pod_wim_node *node, size_t path_len)
{
	if (k->depth == DEPTH_MAX)
		return pod_fail(k->diag, POD_E_LIMIT, "depth", node->entry, DEPTH_MAX, k->depth);
	enum pod_status st = pod_wim_dir_open(&k->level[k->depth].dir, k->w, node);
	if (st != POD_OK)
		return pod_fail(k->diag, st, "directory", node->entry, 0, 0);
	k->level[k->depth++].path_len = path_len;
	return POD_OK;
}

static enum pod_status visit_entry(struct walk *k, size_t path_len)
{
	size_t n = pod_strlen(k->entry.name), at = path_len + (path_len != 0);
	POD_TRY(mark(k, k->entry.node.entry));
	if (at + n >= sizeof k->path)
		return pod_fail(k->diag, POD_E_LIMIT, "path", k->entry.node.entry, sizeof k->path, at + n);
	if (path_len)
		k->path[path_len] = '/';
	memcpy(k->path + at, k->entry.name, n + 1);
	POD_TRY(k->visit(k->ctx, k->path, &k->entry.node));
	return k->entry.node.is_dir ? enter(k, &k->entry.node, at + n) : POD_OK;
}

static enum pod_status run(struct walk *k)
{
	struct pod_wim_node root;
	POD_TRY(pod_wim_lookup(k->w, "", &root));
	POD_TRY(mark(k, root.entry));
	POD_TRY(enter(k, &root, 0));
	while (k->depth) {
		struct level *l = &k->level[k->depth - 1];
		size_t at = l->dir.pos;
		enum pod_status st = pod_wim_next(&l->dir, &k->entry);
		if (st == POD_END)
			k->depth--;
		else if (st != POD_OK)
			return st == POD_E_CORRUPT ? pod_fail(k->diag, st, "directory entry", at, 0, 0) : st;
		else
			POD_TRY(visit_entry(k, l->path_len));
	}
	return POD_OK;
}

enum pod_status pod_wim_walk(struct pod_wim *w, pod_wim_visit *visit, void *ctx, struct pod_diag *diag)
{
	struct walk *k = pod_zalloc(w->alloc, 1, sizeof *k);
	if (!k)
		return POD_E_NOMEM;
	k->w = w;
	k->visit = visit;
	k->ctx = ctx;
	k->diag = diag;
	k->seen = pod_zalloc(w->alloc, (w->meta_len >> 6) + 1, 1);
	k->level = pod_zalloc(w->alloc, DEPTH_MAX, sizeof *k->level);
	enum pod_status st = k->seen && k->level ? run(k) : POD_E_NOMEM;
	pod_free(w->alloc, k->seen);
	pod_free(w->alloc, k->level);
	pod_free(w->alloc, k);
	return st;
}
