/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "cli/ui/ui.h"
#include "cli/stick/volume.h"
#include "core/base/str.h"

static void report_repair(const struct cli_volume *v, struct fault *fault)
{
	const struct pod_exfat_repair *r = &v->vol.repair;

	if (!r->was_dirty)
		return;
	if (r->freed_clusters || r->finished_moves || r->undone_moves || r->dropped_entries || r->cut_chains)
		fault_warn(fault,
			   _("%s: an earlier operation was interrupted; its leftovers were removed (%u clusters are free "
			     "again)"),
			   v->t->file.path, r->freed_clusters);
	if (r->claimed_clusters)
		fault_warn(fault, _("%s: %u clusters of files were marked as free; this was repaired"), v->t->file.path,
			   r->claimed_clusters);
}

static bool mount_exfat(struct cli_volume *v, struct fault *fault)
{
	struct pod_diag diag = {0};
	enum pod_status st = pod_exfat_mount(&v->vol, &v->t->data_win.dev, &cli_alloc, &diag);

	if (st != POD_OK)
		return fault_status(fault, v->t->file.path, _("cannot open the data partition for writing"), st, &diag) == CLI_OK;
	report_repair(v, fault);
	return true;
}

bool cli_volume_open(struct cli_volume *v, const char *target, struct fault *fault)
{
	memset(v, 0, sizeof *v);
	v->t = cli_target_open(target, true, fault);
	if (!v->t)
		return false;
	v->is_ntfs = v->t->data.ops == &pod_fs_ntfs;
	if (!v->is_ntfs && v->t->data.ops != &pod_fs_exfat)
		fault_set(fault,
			  _("%s: the data partition is %s, and isopod writes exFAT and NTFS; mount it and use any file manager"),
			  target, v->t->data.ops->name);
	else
		v->mounted = v->is_ntfs ? cli_ntfs_open(&v->ntfs, v->t, fault) : mount_exfat(v, fault);
	if (v->mounted)
		cli_hashlist_load(&v->hashes, v->t);
	else
		cli_volume_close(v, fault);
	return v->mounted;
}

bool cli_volume_close(struct cli_volume *v, struct fault *fault)
{
	enum pod_status st = POD_OK;

	if (!v->t)
		return true;
	if (v->is_ntfs)
		cli_ntfs_close(&v->ntfs);
	else if (v->mounted) {
		bool told = v->vol.failed; /* when it happened */

		st = pod_exfat_unmount(&v->vol);
		if (st != POD_OK && !told)
			fault_status(fault, v->t->file.path, _("cannot finish writing"), st, NULL);
	}
	fault_free(&v->why);
	cli_hashlist_free(&v->hashes);
	cli_target_close(v->t);
	v->t = NULL;
	return st == POD_OK;
}

/* --- changes -------------------------------------------------------------------------------------------- */

/* Names that Windows opens as well; exFAT has the same rule built in. */
static bool may_be_name(const char *path)
{
	uint16_t units[256];
	size_t n;

	for (const char *p = path; *p; p += *p == '/') {
		char name[POD_NAME_MAX];
		size_t len = strcspn(p, "/");

		if (len >= sizeof name)
			return false;
		memcpy(name, p, len);
		name[len] = 0;
		if (pod_utf8_to_utf16(name, units, 255, &n) != POD_OK || strpbrk(name, "\"*:<>?\\|"))
			return false;
		for (size_t i = 0; i < n; i++)
			if (units[i] < 0x20)
				return false;
		p += len;
	}
	return true;
}

static void forget_why(struct cli_volume *v)
{
	fault_free(&v->why);
	memset(&v->why, 0, sizeof v->why);
}

static enum pod_status change(struct cli_volume *v, const struct ntfs_change *c)
{
	forget_why(v);
	if (c->kind != NTFS_REMOVE && !may_be_name(c->to ? c->to : c->path))
		return POD_E_INVALID;
	return cli_ntfs_change(&v->ntfs, c, &v->why);
}

enum pod_status cli_volume_mkdir(struct cli_volume *v, const char *path, int64_t mtime, struct pod_diag *diag)
{
	const struct ntfs_change c = {.kind = NTFS_MKDIR, .path = path, .mtime = mtime};

	return v->is_ntfs ? change(v, &c) : pod_exfat_mkdir(&v->vol, path, mtime, diag);
}

enum pod_status cli_volume_begin(struct cli_volume *v, const char *path, uint64_t size_bytes, uint32_t flags,
				 struct pod_exfat_new *out, struct pod_diag *diag)
{
	struct pod_node node;
	enum pod_status st;

	if (!v->is_ntfs)
		return pod_exfat_begin(&v->vol, path, size_bytes, flags, out, diag);
	if (v->ntfs.failed)
		return POD_E_IO;
	if (!may_be_name(path))
		return POD_E_INVALID;
	st = pod_fs_lookup(&v->t->data, path, &node, &v->t->scratch);
	if (st == POD_OK && (node.is_dir || !(flags & POD_EXFAT_REPLACE)))
		return POD_E_EXISTS;
	if (st != POD_OK && st != POD_E_NOT_FOUND)
		return st;
	return cli_ntfs_reserve(&v->ntfs, size_bytes, flags, out);
}

enum pod_status cli_volume_commit(struct cli_volume *v, const char *path, struct pod_exfat_new *n, int64_t mtime,
				  struct pod_diag *diag)
{
	const struct ntfs_change c = {.kind = NTFS_ADD,
				      .path = path,
				      .replace = n->flags & POD_EXFAT_REPLACE,
				      .mtime = mtime,
				      .size_bytes = n->size_bytes,
				      .extent = n->extent,
				      .extents = n->extents};
	enum pod_status st;

	if (!v->is_ntfs)
		return pod_exfat_commit(&v->vol, path, n, mtime, diag);
	st = change(v, &c);
	cli_volume_abort(v, n);
	return st;
}

void cli_volume_abort(struct cli_volume *v, struct pod_exfat_new *n)
{
	if (!v->is_ntfs) {
		pod_exfat_abort(&v->vol, n);
		return;
	}
	free(n->extent);
	memset(n, 0, sizeof *n);
}

enum pod_status cli_volume_remove(struct cli_volume *v, const char *path, struct pod_diag *diag)
{
	const struct ntfs_change c = {.kind = NTFS_REMOVE, .path = path};

	return v->is_ntfs ? change(v, &c) : pod_exfat_remove(&v->vol, path, diag);
}

enum pod_status cli_volume_rename(struct cli_volume *v, const char *from, const char *to, uint32_t flags, struct pod_diag *diag)
{
	const struct ntfs_change c = {.kind = NTFS_RENAME, .path = from, .to = to, .replace = flags & POD_EXFAT_REPLACE};

	return v->is_ntfs ? change(v, &c) : pod_exfat_rename(&v->vol, from, to, flags, diag);
}

enum pod_status cli_volume_set_attributes(struct cli_volume *v, const char *path, uint16_t attributes, uint16_t mask)
{
	const struct ntfs_change c = {.kind = NTFS_ATTRIBUTES, .path = path, .attributes = attributes, .mask = mask};
	struct pod_node node;

	if (!v->is_ntfs)
		return pod_exfat_set_attributes(&v->vol, path, attributes, mask, NULL);
	POD_TRY(pod_fs_lookup(&v->t->data, path, &node, &v->t->scratch));
	return ((node.attributes ^ attributes) & mask) ? change(v, &c) : POD_OK;
}

/* --- a file that is there ------------------------------------------------------------------------------- */

enum pod_status cli_volume_file_open(struct cli_volume *v, const char *path, struct pod_exfat_file *f)
{
	struct pod_node node;

	if (!v->is_ntfs)
		return pod_exfat_file_open(&v->vol, path, f, NULL);
	POD_TRY(pod_fs_lookup(&v->t->data, path, &node, &v->t->scratch));
	return cli_ntfs_file_open(&v->ntfs, &node, f);
}

enum pod_status cli_volume_file_reserve(struct cli_volume *v, struct pod_exfat_file *f, uint64_t size_bytes)
{
	return v->is_ntfs ? cli_ntfs_file_reserve(&v->ntfs, f, size_bytes)
			  : pod_exfat_reserve(&v->vol, f, size_bytes, POD_EXFAT_FRAGMENTS, NULL);
}

enum pod_status cli_volume_file_extend(struct cli_volume *v, const char *path, struct pod_exfat_file *f, uint64_t size_bytes,
				       uint64_t valid_bytes)
{
	if (!v->is_ntfs)
		return pod_exfat_extend(&v->vol, path, f, size_bytes, valid_bytes, NULL);
	forget_why(v);
	return cli_ntfs_file_extend(&v->ntfs, path, f, size_bytes, valid_bytes, &v->why);
}

enum pod_status cli_volume_file_truncate(struct cli_volume *v, const char *path, struct pod_exfat_file *f, uint64_t size_bytes)
{
	if (!v->is_ntfs)
		return pod_exfat_truncate(&v->vol, path, f, size_bytes, NULL);
	forget_why(v);
	return cli_ntfs_file_truncate(&v->ntfs, path, f, size_bytes, &v->why);
}

enum pod_status cli_volume_file_fill(struct cli_volume *v, struct pod_exfat_file *f, uint64_t off_bytes, uint64_t len_bytes)
{
	return v->is_ntfs ? cli_ntfs_file_fill(&v->ntfs, f, off_bytes, len_bytes) : POD_E_UNSUPPORTED;
}

void cli_volume_file_close(struct cli_volume *v, struct pod_exfat_file *f)
{
	if (v->is_ntfs)
		cli_ntfs_file_close(&v->ntfs, f);
	else
		pod_exfat_file_close(&v->vol, f);
}

void cli_volume_space(struct cli_volume *v, struct pod_exfat_space *out)
{
	if (v->is_ntfs)
		cli_ntfs_space(v->t, out);
	else
		pod_exfat_space(&v->vol, out);
}

bool cli_volume_failed(const struct cli_volume *v)
{
	return v->is_ntfs ? v->ntfs.failed : v->vol.failed;
}

/* --- the list of hashes --------------------------------------------------------------------------------- */

enum pod_status cli_volume_lookup(struct cli_volume *v, const char *path, struct pod_node *out)
{
	struct cli_target *t = v->t;

	pod_fs_close(&t->data);
	POD_TRY(pod_fs_open(&t->data, &t->data_win.dev, &cli_alloc, NULL));
	return pod_fs_lookup(&t->data, path, out, &t->scratch);
}

static enum pod_status write_hashes(struct cli_volume *v, const char *text, size_t len)
{
	struct pod_exfat_new n;
	enum pod_status st = POD_OK;

	POD_TRY(cli_volume_begin(v, CLI_HASHLIST_PATH, len, POD_EXFAT_REPLACE | POD_EXFAT_FRAGMENTS, &n, NULL));
	for (size_t i = 0; i < n.extents && st == POD_OK; i++)
		st = pod_dev_write(&v->t->data_win.dev, n.extent[i].dev_bytes, text + n.extent[i].file_bytes,
				   (size_t)pod_min_u64(n.extent[i].length_bytes, len - n.extent[i].file_bytes));
	if (st != POD_OK) {
		cli_volume_abort(v, &n);
		v->ntfs.failed = v->is_ntfs;
		return st;
	}
	return cli_volume_commit(v, CLI_HASHLIST_PATH, &n, (int64_t)time(NULL), NULL);
}

bool cli_volume_save_hashes(struct cli_volume *v, struct fault *fault)
{
	size_t len;
	char *text = cli_hashlist_text(&v->hashes, &len);
	enum pod_status st;

	if (len) {
		st = write_hashes(v, text, len);
	} else {
		st = cli_volume_remove(v, CLI_HASHLIST_PATH, NULL);
		if (st == POD_E_NOT_FOUND)
			st = POD_OK;
	}
	free(text);
	if (st != POD_OK && cli_volume_failed(v)) {
		fault_status(fault, v->t->file.path, _("cannot write the hashes to /isopod.sha256"), st, NULL);
		return false;
	}
	if (st != POD_OK)
		fault_warn(fault, "%s: %s: %s", v->t->file.path, _("cannot write the hashes to /isopod.sha256"),
			   cli_status_text(st));
	return true;
}

int cli_volume_fail(struct cli_volume *v, const char *path, const char *what, enum pod_status st, const struct pod_diag *diag,
		    struct fault *fault)
{
	char *where = cli_xasprintf("%s:%s", v->t->file.path, path);
	int rc = CLI_FAILED;

	if (fault_is_set(&v->why))
		fault_set(fault, "%s: %s: %s", where, what, fault_text(&v->why));
	else if (st == POD_E_INVALID && v->is_ntfs)
		fault_set(fault, _("%s: Windows does not allow this name; use at most 255 characters without \" * : < > ? \\ |"),
			  where);
	else if (st == POD_E_INVALID)
		fault_set(fault, _("%s: exFAT does not allow this name; use at most 255 characters without \" * : < > ? \\ |"),
			  where);
	else if (st == POD_E_EXISTS)
		fault_set(fault, _("%s: %s: the name is taken"), where, what);
	else if (st == POD_E_NOT_FOUND)
		fault_set(fault, _("%s: %s: not found; 'isopod list' shows what there is"), where, what);
	else
		rc = fault_status(fault, where, what, st, diag);
	free(where);
	return rc;
}
