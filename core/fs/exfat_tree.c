/* SPDX-License-Identifier: BSD-2-Clause */
/* exFAT write side: folders grow, are made, removed and renamed. Protocol: doc/FORMATS/exfat.md. */
#include "core/fs/exfat_int.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"

/* Names are large: what holds one keeps to its own frame. */
#define OWN_FRAME __attribute__((noinline))

static size_t length(const char *s)
{
	size_t n = 0;
	while (s[n])
		n++;
	return n;
}

/* How many entries the last name of a path takes. */
static OWN_FRAME enum pod_status entries_of(const char *path, size_t len, uint32_t *out)
{
	struct wname name;
	size_t dir_len;
	POD_TRY(pod_exfat_split(path, len, &dir_len, &name));
	*out = 2 + (name.units + POD_EXFAT_UNITS_PER_ENTRY - 1) / POD_EXFAT_UNITS_PER_ENTRY;
	return POD_OK;
}

/* --- growth ------------------------------------------------------------------------------------------- */

/* Zeroes and allocates one cluster; nothing refers to it yet. */
static enum pod_status fresh_cluster(struct pod_exfat_vol *v, uint32_t cluster)
{
	POD_TRY(pod_exfat_zero_clusters(v, cluster, 1));
	pod_exfat_mark(v, cluster, 1, true);
	return pod_exfat_write_bitmap(v);
}

/* The root has no size field: linking a cluster to its chain is one write. */
static enum pod_status grow_root(struct pod_exfat_vol *v, const struct wdir *d)
{
	uint32_t cluster = pod_exfat_find_run(v, 1);
	if (!cluster)
		return POD_E_NOSPACE;
	POD_TRY(fresh_cluster(v, cluster));
	POD_TRY(pod_exfat_fat_set(v, cluster, POD_EXFAT_FAT_END));
	POD_TRY(pod_exfat_fat_write(v));
	POD_TRY(pod_exfat_barrier(v));
	POD_TRY(pod_exfat_fat_set(v, d->cluster[d->clusters - 1], cluster));
	POD_TRY(pod_exfat_fat_write(v));
	return pod_exfat_barrier(v);
}

static bool is_free(const struct pod_exfat_vol *v, uint32_t cluster)
{
	return pod_exfat_cluster_ok(&v->g, cluster) && !pod_exfat_bit(v->bitmap, cluster);
}

/* Points the folder's own set at its new allocation: one write. */
static enum pod_status repoint(struct pod_exfat_vol *v, struct wdir *d, struct wset *s, uint32_t cluster, uint32_t clusters)
{
	s->cluster = cluster;
	s->size = s->valid = (uint64_t)clusters << v->g.cluster_shift;
	s->flags = POD_EXFAT_ALLOCATED | POD_EXFAT_NO_FAT_CHAIN;
	POD_TRY(pod_exfat_barrier(v));
	POD_TRY(pod_exfat_restream(v, d->parent, s, false));
	return pod_exfat_barrier(v);
}

/* A contiguous folder takes the cluster behind it if that is free; else the folder is copied to a larger run: a chain cannot grow
 * in one write, because its length is in the entry and its links are in the FAT. */
static OWN_FRAME enum pod_status grow_folder(struct pod_exfat_vol *v, struct wdir *d)
{
	struct wset s;
	uint32_t n = d->clusters;
	if (!pod_exfat_set_at(v, d->parent, d->set_index, &s))
		return POD_E_CORRUPT;
	if (s.index % PER_BLOCK == PER_BLOCK - 1)
		return POD_E_UNSUPPORTED;
	if ((uint64_t)(n + 1) << v->g.cluster_shift > POD_EXFAT_DIR_MAX)
		return POD_E_LIMIT;
	if (n && d->contiguous && is_free(v, d->cluster[n - 1] + 1)) {
		POD_TRY(fresh_cluster(v, d->cluster[n - 1] + 1));
		return repoint(v, d, &s, d->cluster[0], n + 1);
	}
	uint32_t run = pod_exfat_find_run(v, n + 1), old = s.cluster;
	uint64_t old_size = s.size;
	bool old_contiguous = wset_contiguous(&s);
	if (!run)
		return POD_E_NOSPACE;
	if (n)
		POD_TRY(pod_exfat_put(v, pod_exfat_cluster_bytes(&v->g, run), d->data, (size_t)n << v->g.cluster_shift));
	POD_TRY(pod_exfat_zero_clusters(v, run + n, 1));
	pod_exfat_mark(v, run, n + 1, true);
	POD_TRY(pod_exfat_write_bitmap(v));
	POD_TRY(repoint(v, d, &s, run, n + 1));
	POD_TRY(pod_exfat_free(v, old, old_size, old_contiguous));
	return pod_exfat_write_bitmap(v);
}

/* NOLINTNEXTLINE(misc-no-recursion): each call is for the folder above */
enum pod_status pod_exfat_ensure_room(struct pod_exfat_vol *v, const char *path, size_t len, uint32_t n, uint32_t head)
{
	/* Twice: growth by one cluster of 512 bytes may not be enough for the longest set; then once more behind a set that had
	 * to move. */
	for (int turn = 0; turn < 4; turn++) {
		struct wdir *d;
		uint32_t at;
		POD_TRY(pod_exfat_resolve(v, path, len, &d));
		enum pod_status st = POD_OK;
		bool room = pod_exfat_gap(d, n, head, &at);
		if (!room)
			st = d->parent ? grow_folder(v, d) : grow_root(v, d);
		pod_exfat_wdir_free(v, d);
		if (room)
			return POD_OK;
		/* The folder's own set was laid across two blocks by somebody else: give it a better place first. */
		if (st == POD_E_UNSUPPORTED)
			st = pod_exfat_move_set(v, path, len, path, len);
		if (st != POD_OK)
			return st;
	}
	return POD_E_NOSPACE;
}

/* --- folders ------------------------------------------------------------------------------------------ */

static OWN_FRAME enum pod_status make_folder(struct pod_exfat_vol *v, const char *path, size_t dir_len, const struct wname *name,
					     int64_t mtime)
{
	uint8_t set[SET_ENTRIES_MAX * POD_EXFAT_ENTRY_SIZE];
	struct wdir *d;
	uint32_t index, n = pod_exfat_build(v, name, POD_EXFAT_ATTR_DIR, mtime, set);
	POD_TRY(pod_exfat_touch(v, false));
	POD_TRY(pod_exfat_ensure_room(v, path, dir_len, n, 0));
	uint32_t cluster = pod_exfat_find_run(v, 1);
	if (!cluster)
		return POD_E_NOSPACE;
	POD_TRY(pod_exfat_resolve(v, path, dir_len, &d));
	uint64_t size = 1ull << v->g.cluster_shift;
	pod_exfat_set_stream(set, POD_EXFAT_ALLOCATED | POD_EXFAT_NO_FAT_CHAIN, cluster, size, size);
	pod_exfat_set_seal(set);
	enum pod_status st = pod_exfat_gap(d, n, 0, &index) ? fresh_cluster(v, cluster) : POD_E_NOSPACE;
	if (st == POD_OK)
		st = pod_exfat_barrier(v);
	if (st == POD_OK)
		st = pod_exfat_insert(v, d, index, set, n);
	if (st == POD_OK)
		st = pod_exfat_barrier(v);
	pod_exfat_wdir_free(v, d);
	return st;
}

OWN_FRAME enum pod_status pod_exfat_look(struct pod_exfat_vol *v, const char *path, size_t len, struct wdir **d, struct wset *s)
{
	struct wname name;
	size_t dir_len;
	POD_TRY(pod_exfat_split(path, len, &dir_len, &name));
	POD_TRY(pod_exfat_resolve(v, path, dir_len, d));
	enum pod_status st = pod_exfat_find(v, *d, &name, s);
	if (st != POD_OK)
		pod_exfat_wdir_free(v, *d);
	return st;
}

enum pod_status pod_exfat_mkdir(struct pod_exfat_vol *v, const char *path, int64_t mtime, struct pod_diag *diag)
{
	size_t len = length(path), i = 0;
	while (i < len) {
		while (i < len && path[i] == '/')
			i++;
		while (i < len && path[i] != '/')
			i++;
		struct wname name;
		struct wset s;
		struct wdir *d;
		size_t dir_len;
		if (i && path[i - 1] == '/')
			break; /* only slashes were left */
		enum pod_status st = pod_exfat_look(v, path, i, &d, &s);
		if (st == POD_OK) {
			pod_exfat_wdir_free(v, d);
			if (!(s.attributes & POD_EXFAT_ATTR_DIR))
				return pod_fail(diag, POD_E_EXISTS, "a file has the folder's name", 0, 0, 0);
			continue;
		}
		if (st == POD_E_NOT_FOUND)
			st = pod_exfat_split(path, i, &dir_len, &name);
		if (st == POD_OK)
			st = make_folder(v, path, dir_len, &name, mtime);
		if (st != POD_OK)
			return pod_fail(diag, st, "making a folder", 0, 0, 0);
	}
	return POD_OK;
}

/* Does the folder hold any set, sound or not? */
static enum pod_status is_empty(struct pod_exfat_vol *v, const struct wset *s, bool *empty)
{
	struct wdir *d;
	*empty = true;
	POD_TRY(pod_exfat_wdir_load(v, s->cluster, s->size, wset_contiguous(s), false, &d));
	for (uint32_t i = 0; i < d->end; i++)
		if (wdir_entry(d, i)[0] & POD_EXFAT_IN_USE)
			*empty = false;
	pod_exfat_wdir_free(v, d);
	return POD_OK;
}

enum pod_status pod_exfat_remove(struct pod_exfat_vol *v, const char *path, struct pod_diag *diag)
{
	struct wset s;
	struct wdir *d;
	bool empty = true;
	enum pod_status st = pod_exfat_look(v, path, length(path), &d, &s);
	if (st != POD_OK)
		return pod_fail(diag, st, "name", 0, 0, 0);
	if (s.attributes & POD_EXFAT_ATTR_DIR)
		st = is_empty(v, &s, &empty);
	if (st == POD_OK && !empty)
		st = pod_fail(diag, POD_E_EXISTS, "the folder is not empty", 0, 0, 0);
	if (st == POD_OK)
		st = pod_exfat_touch(v, false);
	if (st == POD_OK)
		st = pod_exfat_erase(v, d, &s);
	if (st == POD_OK)
		st = pod_exfat_barrier(v); /* the clusters are free only when nothing refers to them any more */
	pod_exfat_wdir_free(v, d);
	if (st != POD_OK)
		return st;
	if (pod_exfat_free(v, s.cluster, s.size, wset_contiguous(&s)) != POD_OK)
		return v->failed ? POD_E_IO : POD_OK; /* a bad chain stays allocated */
	return pod_exfat_write_bitmap(v);
}

/* --- attributes --------------------------------------------------------------------------------------- */

/* Attributes and the set's checksum are in the file entry: wherever the rest of the set lies, one block changes. */
enum pod_status pod_exfat_set_attributes(struct pod_exfat_vol *v, const char *path, uint16_t attributes, uint16_t mask,
					 struct pod_diag *diag)
{
	const uint16_t known = POD_ATTR_READ_ONLY | POD_ATTR_HIDDEN | POD_ATTR_SYSTEM | POD_ATTR_ARCHIVE;
	struct wset s;
	struct wdir *d;
	if (mask & ~known)
		return pod_fail(diag, POD_E_INVALID, "attributes", 0, known, mask);
	enum pod_status st = pod_exfat_look(v, path, length(path), &d, &s);
	if (st != POD_OK)
		return pod_fail(diag, st, "name", 0, 0, 0);
	attributes = (uint16_t)((s.attributes & ~mask) | (attributes & mask));
	if (attributes != s.attributes) {
		st = pod_exfat_touch(v, false);
		if (st == POD_OK) {
			memcpy(v->scratch, wdir_entry(d, s.index), (size_t)s.count * POD_EXFAT_ENTRY_SIZE);
			pod_put_le16(v->scratch + 4, attributes);
			pod_exfat_set_seal(v->scratch);
			st = pod_exfat_edit(v, d, s.index, v->scratch, 1, LOWEST_LAST);
		}
		if (st == POD_OK)
			st = pod_exfat_barrier(v);
	}
	pod_exfat_wdir_free(v, d);
	return st;
}

/* --- rename ------------------------------------------------------------------------------------------- */

/* The new set of a move: the old one's file entry and stream fields under another name. */
static uint32_t renamed(const struct pod_exfat_vol *v, const struct wdir *d, const struct wset *s, const struct wname *name,
			uint8_t *out)
{
	uint32_t n = pod_exfat_build(v, name, s->attributes, 0, out);
	memcpy(out + 4, wdir_entry(d, s->index) + 4, POD_EXFAT_ENTRY_SIZE - 4);
	pod_exfat_set_stream(out, s->flags, s->cluster, s->size, s->valid);
	pod_exfat_set_seal(out);
	return n;
}

/* Within one folder, if the old set lies in one block and the new one fits beside or over it: a single write. */
static bool fits_in_place(const struct wdir *d, const struct wset *s, uint32_t n, uint32_t *index)
{
	uint32_t block = s->index / PER_BLOCK * PER_BLOCK, run = 0;
	if ((s->index + s->count - 1) / PER_BLOCK * PER_BLOCK != block || n > PER_BLOCK)
		return false;
	for (uint32_t i = block; i < block + PER_BLOCK && i < d->end; i++) {
		bool own = i >= s->index && i < s->index + s->count;
		run = own || !(wdir_entry(d, i)[0] & POD_EXFAT_IN_USE) ? run + 1 : 0;
		if (run == n) {
			*index = i + 1 - n;
			return true;
		}
	}
	return false;
}

static enum pod_status rename_in_place(struct pod_exfat_vol *v, struct wdir *d, const struct wset *s, const uint8_t *set,
				       uint32_t n, uint32_t index)
{
	uint32_t block = s->index / PER_BLOCK * PER_BLOCK;
	uint8_t *b = v->scratch;
	memcpy(b, wdir_entry(d, block), BLOCK);
	for (uint32_t i = 0; i < s->count; i++)
		b[(size_t)(s->index - block + i) * POD_EXFAT_ENTRY_SIZE] &= (uint8_t)~POD_EXFAT_IN_USE;
	memcpy(b + (size_t)(index - block) * POD_EXFAT_ENTRY_SIZE, set, (size_t)n * POD_EXFAT_ENTRY_SIZE);
	return pod_exfat_edit(v, d, block, b, PER_BLOCK, LOWEST_LAST);
}

/* Step 1 of a move: the new name, empty, behind an entry that says what it will hold. The gap's index comes out. */
static OWN_FRAME enum pod_status announce(struct pod_exfat_vol *v, const char *to, size_t to_len, const struct wdir *from_dir,
					  const struct wset *s, uint32_t *set_index)
{
	uint8_t *bytes = v->alloc->alloc(v->alloc, (SET_ENTRIES_MAX + 1) * POD_EXFAT_ENTRY_SIZE);
	struct wname name;
	struct wset empty;
	struct wdir *d;
	size_t dir_len;
	uint32_t index;
	if (!bytes)
		return POD_E_NOMEM;
	empty = *s;
	empty.size = empty.valid = empty.cluster = 0;
	empty.flags = POD_EXFAT_ALLOCATED;
	empty.attributes &= (uint16_t)~POD_EXFAT_ATTR_DIR; /* a folder without clusters would be new to some readers */
	enum pod_status st = pod_exfat_split(to, to_len, &dir_len, &name);
	if (st == POD_OK)
		st = pod_exfat_resolve(v, to, dir_len, &d);
	if (st != POD_OK) {
		pod_free(v->alloc, bytes);
		return st;
	}
	pod_exfat_intent_put(bytes, s);
	uint32_t n = renamed(v, from_dir, &empty, &name, bytes + POD_EXFAT_ENTRY_SIZE);
	pod_put_le16(bytes + POD_EXFAT_ENTRY_SIZE + 4, empty.attributes);
	pod_exfat_set_seal(bytes + POD_EXFAT_ENTRY_SIZE);
	st = pod_exfat_gap(d, n + 1, 1, &index) ? pod_exfat_insert(v, d, index, bytes, n + 1) : POD_E_NOSPACE;
	if (st == POD_OK)
		st = pod_exfat_barrier(v);
	*set_index = index + 1;
	pod_exfat_wdir_free(v, d);
	pod_free(v->alloc, bytes);
	return st;
}

/* Step 2: the old name goes. Found by its place, because from and to may be the same name (in a move to a better place). */
static OWN_FRAME enum pod_status retire(struct pod_exfat_vol *v, const char *from, size_t from_len, uint32_t index)
{
	struct wset s;
	struct wdir *d;
	POD_TRY(pod_exfat_resolve(v, from, pod_exfat_dir_len(from, from_len), &d));
	enum pod_status st = pod_exfat_set_at(v, d, index, &s) ? pod_exfat_erase(v, d, &s) : POD_E_CORRUPT;
	if (st == POD_OK)
		st = pod_exfat_barrier(v);
	pod_exfat_wdir_free(v, d);
	return st;
}

/* Step 3: the new name takes over. */
static OWN_FRAME enum pod_status take_over(struct pod_exfat_vol *v, const char *to, size_t to_len, uint32_t index,
					   const struct wset *s)
{
	struct wset now;
	struct wdir *d;
	POD_TRY(pod_exfat_resolve(v, to, pod_exfat_dir_len(to, to_len), &d));
	enum pod_status st = pod_exfat_set_at(v, d, index, &now) ? POD_OK : POD_E_CORRUPT;
	if (st == POD_OK) {
		now.attributes = s->attributes;
		now.flags = s->flags;
		now.cluster = s->cluster;
		now.size = s->size;
		now.valid = s->valid;
		st = pod_exfat_restream(v, d, &now, true);
	}
	if (st == POD_OK)
		st = pod_exfat_barrier(v);
	pod_exfat_wdir_free(v, d);
	return st;
}

/* Directories are loaded anew for each step: source and target may be the same one, or one above the other. */
/* NOLINTNEXTLINE(misc-no-recursion): see pod_exfat_ensure_room */
OWN_FRAME enum pod_status pod_exfat_move_set(struct pod_exfat_vol *v, const char *from, size_t from_len, const char *to,
					     size_t to_len)
{
	struct wset s;
	struct wdir *d;
	uint32_t index = 0, n;
	POD_TRY(entries_of(to, to_len, &n));
	POD_TRY(pod_exfat_ensure_room(v, to, pod_exfat_dir_len(to, to_len), n + 1, 1));
	POD_TRY(pod_exfat_look(v, from, from_len, &d, &s));
	enum pod_status st = announce(v, to, to_len, d, &s, &index);
	pod_exfat_wdir_free(v, d);
	if (st == POD_OK)
		st = retire(v, from, from_len, s.index);
	if (st == POD_OK)
		st = take_over(v, to, to_len, index, &s);
	return st;
}

/* Whether the folder that path[0..len) names is the folder `s` or lies below it. */
static OWN_FRAME enum pod_status lies_below(struct pod_exfat_vol *v, const char *path, size_t len, const struct wset *s,
					    bool *below)
{
	struct wdir *d;
	*below = false;
	POD_TRY(pod_exfat_resolve(v, path, len, &d));
	for (const struct wdir *p = d; p; p = p->parent)
		if (s->size && p->clusters && p->cluster[0] == s->cluster)
			*below = true;
	pod_exfat_wdir_free(v, d);
	return POD_OK;
}

/* Tries the single write. *done stays false if it takes a move. */
static OWN_FRAME enum pod_status try_in_place(struct pod_exfat_vol *v, struct wdir *d, const struct wset *s,
					      const struct wname *name, bool *done)
{
	uint8_t set[SET_ENTRIES_MAX * POD_EXFAT_ENTRY_SIZE];
	uint32_t n = renamed(v, d, s, name, set), index;
	*done = fits_in_place(d, s, n, &index);
	if (!*done)
		return POD_OK;
	POD_TRY(pod_exfat_touch(v, false));
	POD_TRY(rename_in_place(v, d, s, set, n, index));
	return pod_exfat_barrier(v);
}

enum pod_status pod_exfat_rename(struct pod_exfat_vol *v, const char *from, const char *to, uint32_t flags, struct pod_diag *diag)
{
	struct wname name;
	struct wset s, there;
	struct wdir *d, *t;
	size_t dir_len;
	bool below = false, done = false, same_dir = false;
	POD_TRY(pod_exfat_split(to, length(to), &dir_len, &name));
	enum pod_status st = pod_exfat_look(v, from, length(from), &d, &s);
	if (st != POD_OK)
		return pod_fail(diag, st, "old name", 0, 0, 0);
	st = pod_exfat_resolve(v, to, dir_len, &t);
	if (st == POD_OK) {
		/* Of two folders without clusters only the entry could tell; a folder that holds a file has one. */
		same_dir = d->clusters && t->clusters && d->cluster[0] == t->cluster[0];
		enum pod_status found = pod_exfat_find(v, t, &name, &there);
		bool self = found == POD_OK && same_dir && there.index == s.index;
		if (found == POD_OK && !self &&
		    (!(flags & POD_EXFAT_REPLACE) || ((there.attributes | s.attributes) & POD_EXFAT_ATTR_DIR)))
			st = pod_fail(diag, POD_E_EXISTS, "new name", 0, 0, 0);
		pod_exfat_wdir_free(v, t);
		if (st == POD_OK && found == POD_OK && !self)
			st = pod_exfat_remove(v, to, diag);
	}
	if (st == POD_OK && (s.attributes & POD_EXFAT_ATTR_DIR))
		st = lies_below(v, to, dir_len, &s, &below);
	if (st == POD_OK && below)
		st = pod_fail(diag, POD_E_INVALID, "a folder cannot move below itself", 0, 0, 0);
	if (st == POD_OK && same_dir) {
		pod_exfat_wdir_free(v, d); /* the removal may have changed it */
		POD_TRY(pod_exfat_look(v, from, length(from), &d, &s));
		st = try_in_place(v, d, &s, &name, &done);
	}
	pod_exfat_wdir_free(v, d);
	if (st == POD_OK && !done)
		st = pod_exfat_touch(v, false);
	if (st == POD_OK && !done)
		st = pod_exfat_move_set(v, from, length(from), to, length(to));
	return st;
}
