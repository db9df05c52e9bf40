/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Changes to NTFS volumes by libntfs-3g. That library is under the GPL: a binary with this file in it is, as a whole, under the GPL as
 * well. Build with NTFS=no to leave it out.
 *
 * The library sees a device whose writes stay in memory; they are handed over at the end, by phases (ntfs_call.h).
 */
#include "cli/host/lazy.h"
#include "cli/stick/ntfs_lib.h"
#include "cli/stick/overlay.h"

#ifdef ISOPOD_WITH_NTFS
#include <errno.h>
#include "cli/host/ntfs_device.h"
#include <ntfs-3g/attrib.h>
#include <ntfs-3g/bitmap.h>
#include <ntfs-3g/device.h>
#include <ntfs-3g/dir.h>
#include <ntfs-3g/inode.h>
#include <ntfs-3g/logging.h>
#include <ntfs-3g/runlist.h>
#include <ntfs-3g/unistr.h>
#include <ntfs-3g/volume.h>
#include <stdlib.h>
#include <string.h>
#include "core/base/bytes.h"

/* clang-format off */
#define FUNCTIONS(X) \
	X(ntfs_attr_close) X(ntfs_attr_get_search_ctx) X(ntfs_attr_lookup) X(ntfs_attr_map_whole_runlist) X(ntfs_attr_open) \
	X(ntfs_attr_put_search_ctx) X(ntfs_attr_rm) X(ntfs_attr_update_mapping_pairs) X(ntfs_bitmap_clear_run) \
	X(ntfs_bitmap_set_run) X(ntfs_create) X(ntfs_delete) X(ntfs_device_alloc) X(ntfs_device_free) X(ntfs_device_mount) X(ntfs_inode_close) X(ntfs_inode_close_in_dir) \
	X(ntfs_inode_mark_dirty) X(ntfs_link) X(ntfs_log_handler_null) X(ntfs_log_set_handler) X(ntfs_mbstoucs) \
	X(ntfs_non_resident_attr_record_add) X(ntfs_pathname_to_inode) X(ntfs_set_char_encoding) X(ntfs_set_ignore_case) X(ntfs_umount)
/* clang-format on */
LAZY_LIBRARY(lib, ntfs_3g, FUNCTIONS);

/* --- the change ----------------------------------------------------------------------------------------- */

static enum pod_status failed(void)
{
	switch (errno) {
	case EEXIST:
	case ENOTEMPTY:
		return POD_E_EXISTS;
	case ENOENT:
	case ENOTDIR:
		return POD_E_NOT_FOUND;
	case ENOSPC:
		return POD_E_NOSPACE;
	case EINVAL:
	case ENAMETOOLONG:
		return POD_E_INVALID;
	case ENOMEM:
		return POD_E_NOMEM;
	case EIO:
		return POD_E_CORRUPT;
	default:
		return POD_E_UNSUPPORTED;
	}
}

/* A path taken apart: the folder, opened, and the name. */
struct entry {
	ntfs_inode *dir;
	ntfschar *name;
	u8 units;
};

static enum pod_status entry_open(ntfs_volume *vol, const char *path, struct entry *e)
{
	char *copy = cli_xstrdup(path), *slash = strrchr(copy, '/');
	int units;

	memset(e, 0, sizeof *e);
	units = lib.ntfs_mbstoucs(slash + 1, &e->name);
	if (units < 1 || units > 255) {
		free(copy);
		return POD_E_INVALID;
	}
	e->units = (u8)units;
	*slash = 0;
	e->dir = lib.ntfs_pathname_to_inode(vol, NULL, *copy ? copy : "/");
	free(copy);
	if (!e->dir)
		return failed();
	return e->dir->mrec->flags & MFT_RECORD_IS_DIRECTORY ? POD_OK : POD_E_NOT_FOUND;
}

static enum pod_status entry_close(struct entry *e)
{
	enum pod_status st = e->dir && lib.ntfs_inode_close(e->dir) != 0 ? failed() : POD_OK;

	free(e->name);
	return st;
}

static ntfs_time to_ntfs(int64_t unix_time)
{
	return cpu_to_le64((uint64_t)(unix_time + 11644473600) * 10000000);
}

/* A name for what is on the way from one to the other that differs in case only. */
#define BETWEEN "isopod-renaming.tmp"

static ntfs_inode *open_path(ntfs_volume *vol, const char *path)
{
	return lib.ntfs_pathname_to_inode(vol, NULL, path);
}

/* POD_E_NOT_FOUND, or what is there. */
static enum pod_status look_up(ntfs_volume *vol, const char *path, uint64_t *no, bool *is_dir)
{
	ntfs_inode *ni = open_path(vol, path);

	*no = 0;
	*is_dir = false;
	if (!ni)
		return failed();
	*no = ni->mft_no;
	*is_dir = ni->mrec->flags & MFT_RECORD_IS_DIRECTORY;
	return lib.ntfs_inode_close(ni) == 0 ? POD_OK : failed();
}

static enum pod_status remove_name(ntfs_volume *vol, const char *path)
{
	struct entry e;
	ntfs_inode *ni;
	enum pod_status st = entry_open(vol, path, &e);

	if (st == POD_OK) {
		ni = open_path(vol, path);
		st = ni ? POD_OK : failed();
		/* closes both, whatever comes of it */
		if (ni && lib.ntfs_delete(vol, path, ni, e.dir, e.name, e.units) != 0)
			st = failed();
		if (ni)
			e.dir = NULL;
	}
	(void)entry_close(&e);
	return st;
}

static enum pod_status add_name(ntfs_volume *vol, const char *from, const char *to)
{
	struct entry e;
	ntfs_inode *ni;
	enum pod_status st = entry_open(vol, to, &e), closed;

	if (st == POD_OK) {
		ni = open_path(vol, from);
		if (!ni || lib.ntfs_link(ni, e.dir, e.name, e.units) != 0)
			st = failed();
		if (ni && lib.ntfs_inode_close_in_dir(ni, e.dir) != 0 && st == POD_OK)
			st = failed();
	}
	closed = entry_close(&e);
	return st == POD_OK ? closed : st;
}

static s64 clusters_of(const ntfs_volume *vol, uint64_t bytes)
{
	return (s64)((bytes + vol->cluster_size - 1) >> vol->cluster_size_bits);
}

/* The runs where the data lie already. */
static runlist_element *runs_of(const ntfs_volume *vol, const struct ntfs_change *c)
{
	runlist_element *rl = cli_xzalloc((c->extents + 1) * sizeof *rl);
	VCN vcn = 0;

	for (size_t i = 0; i < c->extents; i++) {
		rl[i].vcn = vcn;
		rl[i].lcn = c->extent[i].hole ? LCN_HOLE : (LCN)(c->extent[i].dev_bytes >> vol->cluster_size_bits);
		rl[i].length = clusters_of(vol, c->extent[i].length_bytes);
		vcn += rl[i].length;
	}
	rl[c->extents].vcn = vcn;
	rl[c->extents].lcn = LCN_ENOENT;
	return rl;
}

static enum pod_status set_sizes(ntfs_inode *ni, uint64_t size, uint64_t valid)
{
	ntfs_attr_search_ctx *ctx = lib.ntfs_attr_get_search_ctx(ni, NULL);
	enum pod_status st = POD_E_NOMEM;

	if (!ctx)
		return st;
	st = lib.ntfs_attr_lookup(AT_DATA, NULL, 0, CASE_SENSITIVE, 0, NULL, 0, ctx) == 0 ? POD_OK : failed();
	if (st == POD_OK) {
		ctx->attr->data_size = cpu_to_le64(size);
		ctx->attr->initialized_size = cpu_to_le64(valid);
		lib.ntfs_inode_mark_dirty(ctx->ntfs_ino);
	}
	lib.ntfs_attr_put_search_ctx(ctx);
	return st;
}

/* The file's data are where the change says. */
static enum pod_status set_runs(ntfs_inode *ni, ntfs_attr *na, const struct ntfs_change *c, uint64_t valid)
{
	free(na->rl);
	na->rl = runs_of(ni->vol, c);
	na->allocated_size = na->rl[c->extents].vcn << ni->vol->cluster_size_bits;
	na->data_size = (s64)c->size_bytes;
	na->initialized_size = (s64)valid;
	NAttrSetFullyMapped(na);
	NAttrSetRunlistDirty(na);
	if (lib.ntfs_attr_update_mapping_pairs(na, 0) != 0)
		return failed();
	ni->data_size = na->data_size;
	ni->allocated_size = na->allocated_size;
	return POD_OK;
}

/* The empty $DATA of a new file gives way to one whose runs are given. */
static enum pod_status set_data(ntfs_inode *ni, const struct ntfs_change *c)
{
	ntfs_attr *na = lib.ntfs_attr_open(ni, AT_DATA, NULL, 0);
	enum pod_status st = POD_OK;

	if (!na)
		return failed();
	if (lib.ntfs_attr_rm(na) != 0 ||
	    lib.ntfs_non_resident_attr_record_add(ni, AT_DATA, NULL, 0, 0, 8, const_cpu_to_le16(0)) < 0)
		st = failed();
	lib.ntfs_attr_close(na);
	na = st == POD_OK ? lib.ntfs_attr_open(ni, AT_DATA, NULL, 0) : NULL;
	if (st == POD_OK && !na)
		st = failed();
	if (na) {
		st = set_runs(ni, na, c, c->size_bytes);
		lib.ntfs_attr_close(na);
	}
	return st == POD_OK ? set_sizes(ni, c->size_bytes, c->size_bytes) : st;
}

/* The library brings the folder's copy of this up to date, and not the record's own. */
static void set_name(ntfs_inode *ni)
{
	ntfs_attr_search_ctx *ctx = lib.ntfs_attr_get_search_ctx(ni, NULL);

	if (!ctx)
		return;
	if (lib.ntfs_attr_lookup(AT_FILE_NAME, NULL, 0, CASE_SENSITIVE, 0, NULL, 0, ctx) == 0) {
		FILE_NAME_ATTR *fn = (FILE_NAME_ATTR *)(void *)((uint8_t *)ctx->attr + le16_to_cpu(ctx->attr->value_offset));

		fn->creation_time = fn->last_data_change_time = fn->last_mft_change_time = fn->last_access_time =
			ni->creation_time;
		fn->data_size = cpu_to_le64((uint64_t)ni->data_size);
		lib.ntfs_inode_mark_dirty(ctx->ntfs_ino);
	}
	lib.ntfs_attr_put_search_ctx(ctx);
}

static enum pod_status make(ntfs_volume *vol, const char *path, const struct ntfs_change *c, mode_t kind)
{
	struct entry e;
	ntfs_inode *ni = NULL;
	enum pod_status st = entry_open(vol, path, &e), closed;

	if (st == POD_OK) {
		ni = lib.ntfs_create(e.dir, const_cpu_to_le32(0), e.name, e.units, kind);
		if (!ni)
			st = failed();
	}
	if (ni) {
		if (kind == S_IFREG && c->extents)
			st = set_data(ni, c);
		ni->creation_time = ni->last_data_change_time = ni->last_mft_change_time = ni->last_access_time =
			to_ntfs(c->mtime);
		if (kind == S_IFREG)
			ni->flags |= FILE_ATTR_ARCHIVE;
		set_name(ni);
		NInoFileNameSetDirty(ni);
		lib.ntfs_inode_mark_dirty(ni);
		if (lib.ntfs_inode_close_in_dir(ni, e.dir) != 0 && st == POD_OK)
			st = failed();
	}
	closed = entry_close(&e);
	return st == POD_OK ? closed : st;
}

/* The folder and those above it. */
static enum pod_status make_folders(ntfs_volume *vol, const struct ntfs_change *c)
{
	char *path = cli_xstrdup(c->path);
	enum pod_status st = POD_OK;

	for (char *p = path; p && st == POD_OK; *p = '/') {
		uint64_t no;
		bool is_dir;

		p = strchr(p + 1, '/');
		if (p)
			*p = 0;
		st = look_up(vol, path, &no, &is_dir);
		if (st == POD_E_NOT_FOUND)
			st = make(vol, path, c, S_IFDIR);
		else if (st == POD_OK && !is_dir)
			st = POD_E_EXISTS;
		if (!p)
			break;
	}
	free(path);
	return st;
}

/* With a given time the same volume comes out each time. */
static enum pod_status set_times(ntfs_volume *vol, const char *path, int64_t mtime)
{
	ntfs_inode *ni = open_path(vol, path);

	if (!ni)
		return failed();
	ni->creation_time = ni->last_data_change_time = ni->last_mft_change_time = ni->last_access_time = to_ntfs(mtime);
	NInoFileNameSetDirty(ni);
	lib.ntfs_inode_mark_dirty(ni);
	return lib.ntfs_inode_close(ni) == 0 ? POD_OK : failed();
}

/* $MFT grows with a file, and keeps its length when the file goes. Each time it grows, record 0 and its mirror change, one after the
 * other; who looks in between (ntfs-3g does) takes the volume for damaged. So a new volume has records to spare. */
static enum pod_status make_first_folder(ntfs_volume *vol, const struct ntfs_change *c)
{
	const struct ntfs_change empty = {.kind = NTFS_ADD, .mtime = c->mtime};
	enum pod_status st = make_folders(vol, c);

	for (unsigned pass = 0; pass < 2; pass++)
		for (unsigned i = 0; i < c->spare && st == POD_OK; i++) {
			char *path = cli_xasprintf("%s/%u", c->path, i);

			st = pass ? remove_name(vol, path) : make(vol, path, &empty, S_IFREG);
			free(path);
		}
	if (st == POD_OK)
		st = set_times(vol, c->path, c->mtime);
	return st == POD_OK ? set_times(vol, "/", c->mtime) : st;
}

static enum pod_status take_clusters(ntfs_volume *vol, const struct pod_extent *e, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		s64 n = clusters_of(vol, e[i].length_bytes);

		if (e[i].hole)
			continue;
		if (lib.ntfs_bitmap_set_run(vol->lcnbmp_na, (s64)(e[i].dev_bytes >> vol->cluster_size_bits), n) != 0)
			return failed();
		vol->free_clusters -= n;
	}
	return POD_OK;
}

static enum pod_status leave_clusters(ntfs_volume *vol, LCN at, s64 n)
{
	if (lib.ntfs_bitmap_clear_run(vol->lcnbmp_na, at, n) != 0)
		return failed();
	vol->free_clusters += n;
	return POD_OK;
}

/* Takes the clusters first, so that nothing else gets them. */
static enum pod_status add_file(ntfs_volume *vol, const struct ntfs_change *c)
{
	uint64_t no;
	bool is_dir;
	enum pod_status st = look_up(vol, c->path, &no, &is_dir);

	if (st == POD_OK && (is_dir || !c->replace))
		return POD_E_EXISTS;
	if (st != POD_OK && st != POD_E_NOT_FOUND)
		return st;
	POD_TRY(take_clusters(vol, c->extent, c->extents));
	if (st == POD_OK)
		POD_TRY(remove_name(vol, c->path));
	return make(vol, c->path, c, S_IFREG);
}

/* --- a file that is there ------------------------------------------------------------------------------- */

static enum pod_status move_data(ntfs_inode *ni, ntfs_attr *na, const struct ntfs_change *c)
{
	if (!NAttrNonResident(na) || (na->data_flags & (ATTR_COMPRESSION_MASK | ATTR_IS_ENCRYPTED)))
		return POD_E_UNSUPPORTED;
	if (lib.ntfs_attr_map_whole_runlist(na) != 0)
		return failed();
	for (const runlist_element *e = na->rl; e->length; e++) {
		if (e->lcn >= 0)
			POD_TRY(leave_clusters(ni->vol, e->lcn, e->length));
	}
	POD_TRY(take_clusters(ni->vol, c->extent, c->extents));
	return set_runs(ni, na, c, c->valid_bytes);
}

static enum pod_status set_extents(ntfs_volume *vol, const struct ntfs_change *c)
{
	ntfs_inode *ni = open_path(vol, c->path);
	ntfs_attr *na;
	enum pod_status st;

	if (!ni)
		return failed();
	na = lib.ntfs_attr_open(ni, AT_DATA, NULL, 0);
	st = na ? move_data(ni, na, c) : failed();
	if (na)
		lib.ntfs_attr_close(na);
	if (st == POD_OK)
		st = set_sizes(ni, c->size_bytes, c->valid_bytes);
	if (st == POD_OK) {
		NInoFileNameSetDirty(ni);
		lib.ntfs_inode_mark_dirty(ni);
	}
	return lib.ntfs_inode_close(ni) != 0 && st == POD_OK ? failed() : st;
}

static enum pod_status set_attributes(ntfs_volume *vol, const struct ntfs_change *c)
{
	ntfs_inode *ni = open_path(vol, c->path);

	if (!ni)
		return failed();
	ni->flags = (ni->flags & ~cpu_to_le32(c->mask)) | cpu_to_le32(c->attributes & c->mask);
	NInoFileNameSetDirty(ni);
	lib.ntfs_inode_mark_dirty(ni);
	return lib.ntfs_inode_close(ni) == 0 ? POD_OK : failed();
}

/* Is the record one of the folders on the way to `path`? */
static enum pod_status leads_through(ntfs_volume *vol, const char *path, uint64_t no, bool *out)
{
	char *copy = cli_xstrdup(path);
	enum pod_status st = POD_OK;

	*out = false;
	for (char *p = strchr(copy + 1, '/'); p && st == POD_OK && !*out; p = strchr(p + 1, '/')) {
		uint64_t here;
		bool is_dir;

		*p = 0;
		st = look_up(vol, copy, &here, &is_dir);
		*out = st == POD_OK && here == no;
		*p = '/';
	}
	free(copy);
	return st;
}

static enum pod_status rename_path(ntfs_volume *vol, const struct ntfs_change *c)
{
	uint64_t from, to;
	bool from_dir, to_dir, inside;
	enum pod_status st;

	POD_TRY(look_up(vol, c->path, &from, &from_dir));
	POD_TRY(leads_through(vol, c->to, from, &inside));
	if (inside)
		return POD_E_INVALID;
	st = look_up(vol, c->to, &to, &to_dir);
	if (st == POD_OK && to == from) {
		char *between = cli_xasprintf("%.*s/%s", (int)(strrchr(c->path, '/') - c->path), c->path, BETWEEN);

		st = add_name(vol, c->path, between);
		if (st == POD_OK)
			st = remove_name(vol, c->path);
		if (st == POD_OK)
			st = add_name(vol, between, c->to);
		if (st == POD_OK)
			st = remove_name(vol, between);
		free(between);
		return st;
	}
	if (st == POD_OK && (to_dir || from_dir || !c->replace))
		return POD_E_EXISTS;
	if (st == POD_OK)
		POD_TRY(remove_name(vol, c->to));
	else if (st != POD_E_NOT_FOUND)
		return st;
	POD_TRY(add_name(vol, c->path, c->to));
	return remove_name(vol, c->path);
}

static enum pod_status change_as_asked(ntfs_volume *vol, const struct ntfs_change *c)
{
	switch (c->kind) {
	case NTFS_MKDIR:
		return c->spare ? make_first_folder(vol, c) : make_folders(vol, c);
	case NTFS_ADD:
		return add_file(vol, c);
	case NTFS_REMOVE:
		return remove_name(vol, c->path);
	case NTFS_RENAME:
		return rename_path(vol, c);
	case NTFS_EXTENTS:
		return set_extents(vol, c);
	case NTFS_ATTRIBUTES:
		return set_attributes(vol, c);
	}
	return POD_E_INVALID;
}

static enum pod_status change(ntfs_volume *vol, const struct ntfs_change *c)
{
	POD_TRY(take_clusters(vol, c->held, c->helds));
	POD_TRY(change_as_asked(vol, c));
	for (size_t i = 0; i < c->helds; i++)
		POD_TRY(leave_clusters(vol, (LCN)(c->held[i].dev_bytes >> vol->cluster_size_bits),
				       clusters_of(vol, c->held[i].length_bytes)));
	return POD_OK;
}

/* --- what it would have written ------------------------------------------------------------------------- */

struct range {
	uint64_t from, to;
};
struct ranges {
	struct range v[64];
	size_t n;
};

/* Where an attribute of the system's lies; of one in very many pieces, the first. */
static void take_ranges(struct ranges *r, ntfs_attr *na)
{
	if (lib.ntfs_attr_map_whole_runlist(na) != 0)
		return;
	for (const runlist_element *e = na->rl; e->length && r->n < POD_ARRAY_LEN(r->v); e++)
		if (e->lcn >= 0)
			r->v[r->n++] = (struct range){(uint64_t)e->lcn << na->ni->vol->cluster_size_bits,
						      (uint64_t)(e->lcn + e->length) << na->ni->vol->cluster_size_bits};
}

static const struct range *range_of(const struct ranges *r, uint64_t off)
{
	for (size_t i = 0; i < r->n; i++)
		if (off >= r->v[i].from && off < r->v[i].to)
			return &r->v[i];
	return NULL;
}

struct layout {
	struct ranges bitmaps, records;
	uint32_t record_size;
};

/* Header of a block of either kind at `off`, before and after. */
static enum pod_status two_heads(struct overlay *o, uint64_t off, uint8_t before[OVERLAY_UNIT], uint8_t after[OVERLAY_UNIT])
{
	POD_TRY(pod_dev_read(o->base, off, before, OVERLAY_UNIT));
	return pod_dev_read(&o->dev, off, after, OVERLAY_UNIT);
}

static bool in_use(const uint8_t *record)
{
	return memcmp(record, "FILE", 4) == 0 && (record[22] & 1);
}

static enum pod_status phase_of_record(struct overlay *o, uint64_t off, uint32_t *phase)
{
	uint8_t before[OVERLAY_UNIT], after[OVERLAY_UNIT];

	POD_TRY(two_heads(o, off, before, after));
	if (!in_use(before))
		*phase = NTFS_FRESH;
	else if (!in_use(after))
		*phase = NTFS_FREED;
	else
		*phase = pod_get_le32(after + 24) < pod_get_le32(before + 24) ? NTFS_RECORDS_SHRUNK : NTFS_RECORDS;
	return POD_OK;
}

/* An index block begins where its magic stands; its sectors change together, since the number in all of them does. */
static uint32_t phase_of_block(const uint8_t *before, const uint8_t *after)
{
	if (memcmp(after, "INDX", 4) != 0)
		return NTFS_RECORDS;
	if (memcmp(before, "INDX", 4) != 0)
		return NTFS_FRESH;
	return pod_get_le32(after + 28) < pod_get_le32(before + 28) ? NTFS_INDEX_SHRUNK : NTFS_INDEX_GROWN;
}

/* Adds a sector to the block that ends where it begins, if they belong together. */
static void add_sector(struct ntfs_blocks *out, uint64_t off, uint32_t phase, const uint8_t *before, const uint8_t *after)
{
	struct ntfs_block *last = out->n ? &out->v[out->n - 1] : NULL;

	if (!last || last->phase != phase || last->off_bytes + last->len != off || last->len >= 65536) {
		ntfs_blocks_add(out, off, OVERLAY_UNIT, phase, before, after);
		return;
	}
	last->before = cli_xrealloc(last->before, last->len + OVERLAY_UNIT, 1);
	last->after = cli_xrealloc(last->after, last->len + OVERLAY_UNIT, 1);
	memcpy(last->before + last->len, before, OVERLAY_UNIT);
	memcpy(last->after + last->len, after, OVERLAY_UNIT);
	last->len += OVERLAY_UNIT;
}

/* Bits are set before and cleared after all else. */
static void add_bits(struct ntfs_blocks *out, uint64_t off, const uint8_t *before, const uint8_t *after)
{
	uint8_t both[OVERLAY_UNIT];

	for (size_t i = 0; i < OVERLAY_UNIT; i++)
		both[i] = before[i] | after[i];
	if (memcmp(both, before, OVERLAY_UNIT) != 0)
		add_sector(out, off, NTFS_FRESH, before, both);
	if (memcmp(both, after, OVERLAY_UNIT) != 0)
		add_sector(out, off, NTFS_FREED, both, after);
}

static enum pod_status hand_over(struct overlay *o, const struct layout *l, struct ntfs_blocks *out)
{
	uint64_t block_end = 0; /* of the last sector, if it was one of an index block */
	uint32_t phase = NTFS_RECORDS;

	for (size_t i = 0; i < o->n; i++) {
		uint64_t off = o->v[i]->no * OVERLAY_UNIT;
		const uint8_t *after = o->v[i]->data;
		const struct range *r;
		uint8_t before[OVERLAY_UNIT];

		POD_TRY(pod_dev_read(o->base, off, before, OVERLAY_UNIT));
		if (memcmp(before, after, OVERLAY_UNIT) == 0)
			continue;
		if (range_of(&l->bitmaps, off)) {
			add_bits(out, off, before, after);
			continue;
		}
		r = range_of(&l->records, off);
		if (r)
			POD_TRY(phase_of_record(o, off - (off - r->from) % l->record_size, &phase));
		else if (off != block_end || memcmp(after, "INDX", 4) == 0)
			phase = phase_of_block(before, after);
		block_end = r ? 0 : off + OVERLAY_UNIT;
		add_sector(out, off, phase, before, after);
	}
	return POD_OK;
}

/* --- the whole ------------------------------------------------------------------------------------------ */

static enum pod_status on_volume(ntfs_volume *vol, const struct ntfs_change *c, struct layout *l)
{
	enum pod_status st;

	/* Names that differ in case only are the same to Windows. */
	if (lib.ntfs_set_ignore_case(vol) != 0)
		return POD_E_UNSUPPORTED;
	st = change(vol, c);
	l->record_size = vol->mft_record_size;
	take_ranges(&l->bitmaps, vol->lcnbmp_na);
	take_ranges(&l->bitmaps, vol->mftbmp_na);
	take_ranges(&l->records, vol->mft_na);
	return st;
}

enum pod_status ntfs_lib_change(struct pod_dev *volume, const struct ntfs_change *c, struct ntfs_blocks *out)
{
	struct overlay o;
	struct ntfs_source source = {.dev = &o.dev};
	struct layout *l;
	struct ntfs_device *d;
	ntfs_volume *vol;
	enum pod_status st;

	overlay_init(&o, volume);
	lib.ntfs_log_set_handler(lib.ntfs_log_handler_null);
	lib.ntfs_set_char_encoding("UTF-8");
	d = lib.ntfs_device_alloc("stick", 0, &ntfs_source_ops, &source);
	if (!d)
		return POD_E_NOMEM;
	/* How it was left has been looked at: nothing is to be written for the mount itself. */
	vol = lib.ntfs_device_mount(d, NTFS_MNT_FORENSIC | NTFS_MNT_IGNORE_HIBERFILE);
	if (!vol) {
		lib.ntfs_device_free(d);
		return POD_E_CORRUPT;
	}
	l = cli_xzalloc(sizeof *l);
	st = on_volume(vol, c, l);
	if (lib.ntfs_umount(vol, FALSE) != 0 && st == POD_OK)
		st = POD_E_CORRUPT;
	if (st == POD_OK)
		st = hand_over(&o, l, out);
	free(l);
	return st;
}

const char *ntfs_lib_missing(void)
{
	return lazy_load(&lib_library);
}

#else

const char *ntfs_lib_missing(void)
{
	return _("this isopod was built without the library that writes NTFS");
}

enum pod_status ntfs_lib_change(struct pod_dev *volume, const struct ntfs_change *c, struct ntfs_blocks *out)
{
	(void)volume;
	(void)c;
	(void)out;
	return POD_E_UNSUPPORTED;
}
#endif
