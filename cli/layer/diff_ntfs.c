/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NTFS, through libntfs-3g. That library is under the GPL: a binary with this file in it is, as a whole, under the GPL as well.
 * Build with NTFS=no to leave it out.
 */
#include "cli/layer/diff_call.h"
#include "cli/layer/diff_export.h"
#include "cli/host/lazy.h"

#ifdef ISOPOD_WITH_NTFS
#include "cli/host/ntfs_device.h"
#include <time.h>
#include <ntfs-3g/attrib.h>
#include <ntfs-3g/inode.h>
#include <ntfs-3g/logging.h>
#include <ntfs-3g/mft.h>
#include <ntfs-3g/mst.h>
#include <ntfs-3g/runlist.h>
#include <ntfs-3g/unistr.h>
#include <ntfs-3g/volume.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
#define FUNCTIONS(X) \
	X(ntfs_attr_get_search_ctx) X(ntfs_attr_lookup) X(ntfs_attr_map_whole_runlist) X(ntfs_attr_put_search_ctx) \
	X(ntfs_device_alloc) X(ntfs_device_free) X(ntfs_device_mount) X(ntfs_inode_close) X(ntfs_inode_open) \
	X(ntfs_log_handler_null) X(ntfs_log_set_handler) X(ntfs_mapping_pairs_decompress) X(ntfs_mst_post_read_fixup) \
	X(ntfs_set_char_encoding) X(ntfs_ucstombs) X(ntfs_umount)
/* clang-format on */
LAZY_LIBRARY(lib, ntfs_3g, FUNCTIONS);

#define DEPTH_MAX 128u
#define RECORDS	  1024u /* read at a time */
enum { RECORD = 1, DATA = 2 };

/* --- which records are concerned ------------------------------------------------------------------------ */

struct scan {
	ntfs_volume *vol;
	struct pod_dev *dev;
	const struct diff_map *changed;
	struct diff_list *out;
	uint8_t *mark; /* by number of the base record */
	uint64_t records;
	struct {
		uint64_t no;
		char *path;
	} dir[256]; /* paths of folders, by number */
};

static bool runs_touched(struct scan *s, const ATTR_RECORD *a)
{
	runlist_element *rl = lib.ntfs_mapping_pairs_decompress(s->vol, a, NULL);
	bool touched = false;

	for (const runlist_element *r = rl; r && r->length && !touched; r++)
		if (r->lcn >= 0)
			touched = diff_map_touches(s->changed, (uint64_t)r->lcn << s->vol->cluster_size_bits,
						   (uint64_t)r->length << s->vol->cluster_size_bits);
	free(rl);
	return touched;
}

/* The attributes of one record, in use and with its fix-ups applied, that hold data outside of it. */
static bool data_touched(struct scan *s, MFT_RECORD *m)
{
	ntfs_attr_search_ctx *ctx = lib.ntfs_attr_get_search_ctx(NULL, m);
	bool touched = false;

	while (ctx && !touched && lib.ntfs_attr_lookup(AT_DATA, NULL, 0, CASE_SENSITIVE, 0, NULL, 0, ctx) == 0)
		if (ctx->attr->non_resident)
			touched = runs_touched(s, ctx->attr);
	if (ctx)
		lib.ntfs_attr_put_search_ctx(ctx);
	return touched;
}

static void scan_record(struct scan *s, uint64_t no, MFT_RECORD *m, bool changed)
{
	uint64_t base = no;
	uint8_t found = changed ? RECORD : 0;

	if (!ntfs_is_file_record(m->magic) || lib.ntfs_mst_post_read_fixup((NTFS_RECORD *)m, s->vol->mft_record_size) != 0) {
		return;
	}
	if (!(m->flags & MFT_RECORD_IN_USE) && !changed)
		return;
	if (m->base_mft_record)
		base = MREF(le64_to_cpu(m->base_mft_record));
	if (le32_to_cpu(m->bytes_in_use) <= s->vol->mft_record_size && le16_to_cpu(m->attrs_offset) < s->vol->mft_record_size &&
	    data_touched(s, m))
		found |= DATA;
	if (base < s->records)
		s->mark[base] |= found;
}

static enum pod_status scan_run(struct scan *s, const runlist_element *r, uint8_t *buf)
{
	const uint32_t size = s->vol->mft_record_size;
	uint64_t no = ((uint64_t)r->vcn << s->vol->cluster_size_bits) / size;
	uint64_t n = ((uint64_t)r->length << s->vol->cluster_size_bits) / size,
		 at = (uint64_t)r->lcn << s->vol->cluster_size_bits;

	while (n && no < s->records) {
		uint64_t k = n < RECORDS ? n : RECORDS;

		POD_TRY(pod_dev_read(s->dev, at, buf, (size_t)k * size));
		for (uint64_t i = 0; i < k && no + i < s->records; i++)
			scan_record(s, no + i, (MFT_RECORD *)(void *)(buf + i * size),
				    diff_map_touches(s->changed, at + i * size, size));
		no += k;
		n -= k;
		at += k * size;
	}
	return POD_OK;
}

static enum pod_status scan_mft(struct scan *s)
{
	uint8_t *buf;
	enum pod_status st = POD_OK;

	if (lib.ntfs_attr_map_whole_runlist(s->vol->mft_na) != 0)
		return POD_E_CORRUPT;
	buf = cli_xmalloc((size_t)RECORDS * s->vol->mft_record_size);
	for (const runlist_element *r = s->vol->mft_na->rl; r->length && st == POD_OK; r++)
		if (r->lcn >= 0)
			st = scan_run(s, r, buf);
	free(buf);
	return st;
}

/* --- what they are -------------------------------------------------------------------------------------- */

static char *name_of(const FILE_NAME_ATTR *fn)
{
	ntfschar name[256];
	char *out = NULL;

	memcpy(name, (const uint8_t *)fn + offsetof(FILE_NAME_ATTR, file_name), fn->file_name_length * sizeof *name);
	if (lib.ntfs_ucstombs(name, fn->file_name_length, &out, 0) < 0) {
		free(out);
		return cli_xstrdup("?");
	}
	return out;
}

static const FILE_NAME_ATTR *next_name(ntfs_attr_search_ctx *ctx)
{
	while (lib.ntfs_attr_lookup(AT_FILE_NAME, NULL, 0, CASE_SENSITIVE, 0, NULL, 0, ctx) == 0) {
		const FILE_NAME_ATTR *fn = (const void *)((const uint8_t *)ctx->attr + le16_to_cpu(ctx->attr->value_offset));

		if (fn->file_name_type != FILE_NAME_DOS)
			return fn;
	}
	return NULL;
}

/* NOLINTNEXTLINE(misc-no-recursion): DEPTH_MAX deep */
static char *path_of(struct scan *s, MFT_REF dir, unsigned depth)
{
	uint64_t no = MREF(dir);
	ntfs_attr_search_ctx *ctx = NULL;
	const FILE_NAME_ATTR *fn = NULL;
	char *parent, *name, *path = NULL;
	ntfs_inode *ni;
	size_t slot = no % POD_ARRAY_LEN(s->dir);

	if (no == FILE_root)
		return cli_xstrdup("");
	if (depth > DEPTH_MAX)
		return cli_xstrdup("/?");
	if (s->dir[slot].path && s->dir[slot].no == no)
		return cli_xstrdup(s->dir[slot].path);
	ni = lib.ntfs_inode_open(s->vol, dir);
	if (ni)
		ctx = lib.ntfs_attr_get_search_ctx(ni, NULL);
	if (ctx)
		fn = next_name(ctx);
	if (fn) {
		parent = path_of(s, le64_to_cpu(fn->parent_directory), depth + 1);
		name = name_of(fn);
		path = cli_xasprintf("%s/%s", parent, name);
		free(parent);
		free(name);
	}
	if (ctx)
		lib.ntfs_attr_put_search_ctx(ctx);
	if (ni)
		lib.ntfs_inode_close(ni);
	if (!path)
		return cli_xstrdup("/?");
	free(s->dir[slot].path);
	s->dir[slot].no = no;
	s->dir[slot].path = cli_xstrdup(path);
	return path;
}

/* 100 ns since 1601. */
static int64_t unix_time(ntfs_time t)
{
	return (int64_t)(le64_to_cpu(t) / 10000000) - 11644473600;
}

/* Where the data lie, so that a file that was written anew elsewhere differs. */
static uint64_t where(struct scan *s, ntfs_inode *ni)
{
	ntfs_attr_search_ctx *ctx = lib.ntfs_attr_get_search_ctx(ni, NULL);
	uint64_t h = 0;

	while (ctx && lib.ntfs_attr_lookup(AT_DATA, NULL, 0, CASE_SENSITIVE, 0, NULL, 0, ctx) == 0) {
		const ATTR_RECORD *a = ctx->attr;
		runlist_element *rl;

		if (!a->non_resident) {
			const uint8_t *p = (const uint8_t *)a + le16_to_cpu(a->value_offset);

			for (uint32_t i = 0; i < le32_to_cpu(a->value_length); i++)
				h = diff_fold(h, p[i]);
			continue;
		}
		rl = lib.ntfs_mapping_pairs_decompress(s->vol, a, NULL);
		for (const runlist_element *r = rl; r && r->length; r++)
			h = diff_fold(diff_fold(h, (uint64_t)r->lcn), (uint64_t)r->length);
		free(rl);
	}
	if (ctx)
		lib.ntfs_attr_put_search_ctx(ctx);
	return h;
}

static void report(struct scan *s, uint64_t no)
{
	ntfs_inode *ni = lib.ntfs_inode_open(s->vol, no);
	ntfs_attr_search_ctx *ctx;
	const FILE_NAME_ATTR *fn;
	struct diff_entry e = {.touched = s->mark[no] & DATA};

	if (!ni)
		return;
	e.is_dir = ni->mrec->flags & MFT_RECORD_IS_DIRECTORY;
	e.size_bytes = e.is_dir ? 0 : (uint64_t)ni->data_size;
	e.mtime = unix_time(ni->last_data_change_time);
	e.attributes = le32_to_cpu(ni->flags);
	e.security = le32_to_cpu(ni->security_id);
	e.id = no | (uint64_t)le16_to_cpu(ni->mrec->sequence_number) << 48;
	e.where = e.is_dir ? 0 : where(s, ni);
	ctx = lib.ntfs_attr_get_search_ctx(ni, NULL);
	while (ctx && (fn = next_name(ctx))) {
		char *parent = path_of(s, le64_to_cpu(fn->parent_directory), 0), *name = name_of(fn);
		struct diff_entry one = e;

		one.path = cli_xasprintf("%s/%s", parent, name);
		diff_list_add(s->out, &one);
		free(parent);
		free(name);
	}
	if (ctx)
		lib.ntfs_attr_put_search_ctx(ctx);
	lib.ntfs_inode_close(ni);
}

static enum pod_status list_volume(struct scan *s)
{
	enum pod_status st;

	s->records = (uint64_t)s->vol->mft_na->initialized_size >> s->vol->mft_record_size_bits;
	/* A table as large as it says must fit into the volume. */
	if (s->records > s->dev->size_bytes >> s->vol->mft_record_size_bits)
		return POD_E_CORRUPT;
	s->mark = cli_xzalloc(s->records + 1);
	st = scan_mft(s);
	/* The first 16 are the filesystem's own, the next 8 are kept for it. */
	for (uint64_t no = FILE_first_user; no < s->records && st == POD_OK && !cli_interrupted; no++)
		if (s->mark[no])
			report(s, no);
	free(s->mark);
	for (size_t i = 0; i < POD_ARRAY_LEN(s->dir); i++)
		free(s->dir[i].path);
	return st;
}

static enum pod_status list_inside(struct pod_dev *volume, const struct diff_map *changed, struct diff_list *out)
{
	struct ntfs_source src = {.dev = volume};
	struct scan *s;
	struct ntfs_device *d;
	enum pod_status st = POD_E_CORRUPT;

	lib.ntfs_log_set_handler(lib.ntfs_log_handler_null);
	lib.ntfs_set_char_encoding("UTF-8");
	d = lib.ntfs_device_alloc("layer", 0, &ntfs_source_ops, &src);
	if (!d)
		return POD_E_NOMEM;
	s = cli_xzalloc(sizeof *s);
	s->dev = volume;
	s->changed = changed;
	s->out = out;
	s->vol = lib.ntfs_device_mount(d, NTFS_MNT_RDONLY | NTFS_MNT_FORENSIC | NTFS_MNT_IGNORE_HIBERFILE);
	if (s->vol) {
		st = list_volume(s);
		lib.ntfs_umount(s->vol, TRUE);
	} else {
		lib.ntfs_device_free(d);
	}
	free(s);
	return st;
}

static enum pod_status list(struct pod_dev *volume, const struct diff_map *changed, struct diff_list *out)
{
	uint8_t boot[16];

	if (volume->size_bytes < 512 || pod_dev_read(volume, 0, boot, sizeof boot) != POD_OK ||
	    memcmp(boot + 3, "NTFS    ", 8) != 0)
		return POD_E_FORMAT;
	if (lazy_load(&lib_library))
		return POD_E_UNSUPPORTED;
	return diff_call("libntfs-3g", list_inside, volume, changed, out);
}

static const char *missing(void)
{
	return lazy_load(&lib_library);
}

#else

static enum pod_status list(struct pod_dev *volume, const struct diff_map *changed, struct diff_list *out)
{
	uint8_t boot[16];

	(void)changed;
	(void)out;
	if (volume->size_bytes < 512 || pod_dev_read(volume, 0, boot, sizeof boot) != POD_OK || boot[3] != 'N' || boot[4] != 'T')
		return POD_E_FORMAT;
	return POD_E_UNSUPPORTED;
}

static const char *missing(void)
{
	return _("this isopod was built without the library that reads it");
}
#endif

const struct diff_reader diff_ntfs = {.name = "ntfs", .list = list, .missing = missing, .contents = diff_export_contents};
