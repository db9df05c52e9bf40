/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "cli/ui/ui.h"
#include "cli/stick/volume.h"

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

bool cli_volume_open(struct cli_volume *v, const char *target, struct fault *fault)
{
	struct pod_diag diag = {0};
	enum pod_status st;

	memset(v, 0, sizeof *v);
	v->t = cli_target_open(target, true, fault);
	if (!v->t)
		return false;
	if (strcmp(v->t->data.ops->name, "exfat") != 0) {
		fault_set(fault, _("%s: the data partition is %s, and isopod writes exFAT; mount it and use any file manager"),
			  target, v->t->data.ops->name);
		cli_volume_close(v, fault);
		return false;
	}
	st = pod_exfat_mount(&v->vol, &v->t->data_win.dev, &cli_alloc, &diag);
	if (st != POD_OK) {
		fault_status(fault, target, _("cannot open the data partition for writing"), st, &diag);
		cli_volume_close(v, fault);
		return false;
	}
	v->mounted = true;
	report_repair(v, fault);
	cli_hashlist_load(&v->hashes, v->t);
	return true;
}

bool cli_volume_close(struct cli_volume *v, struct fault *fault)
{
	enum pod_status st = POD_OK;

	if (!v->t)
		return true;
	if (v->mounted) {
		bool told = v->vol.failed; /* when it happened */

		st = pod_exfat_unmount(&v->vol);
		if (st != POD_OK && !told)
			fault_status(fault, v->t->file.path, _("cannot finish writing"), st, NULL);
	}
	cli_hashlist_free(&v->hashes);
	cli_target_close(v->t);
	v->t = NULL;
	return st == POD_OK;
}

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

	POD_TRY(pod_exfat_begin(&v->vol, CLI_HASHLIST_PATH, len, POD_EXFAT_REPLACE | POD_EXFAT_FRAGMENTS, &n, NULL));
	for (size_t i = 0; i < n.extents && st == POD_OK; i++)
		st = pod_dev_write(&v->t->data_win.dev, n.extent[i].dev_bytes, text + n.extent[i].file_bytes,
				   (size_t)pod_min_u64(n.extent[i].length_bytes, len - n.extent[i].file_bytes));
	if (st != POD_OK) {
		pod_exfat_abort(&v->vol, &n);
		return st;
	}
	return pod_exfat_commit(&v->vol, CLI_HASHLIST_PATH, &n, (int64_t)time(NULL), NULL);
}

bool cli_volume_save_hashes(struct cli_volume *v, struct fault *fault)
{
	size_t len;
	char *text = cli_hashlist_text(&v->hashes, &len);
	enum pod_status st;

	if (len) {
		st = write_hashes(v, text, len);
	} else {
		st = pod_exfat_remove(&v->vol, CLI_HASHLIST_PATH, NULL);
		if (st == POD_E_NOT_FOUND)
			st = POD_OK;
	}
	free(text);
	if (st != POD_OK && v->vol.failed) {
		fault_status(fault, v->t->file.path, _("cannot write the hashes to /isopod.sha256"), st, NULL);
		return false;
	}
	if (st != POD_OK)
		fault_warn(fault, "%s: %s: %s", v->t->file.path, _("cannot write the hashes to /isopod.sha256"),
			   cli_status_text(st));
	return true;
}

int cli_volume_fail(const struct cli_volume *v, const char *path, const char *what, enum pod_status st,
		    const struct pod_diag *diag, struct fault *fault)
{
	char *where = cli_xasprintf("%s:%s", v->t->file.path, path);
	int rc = CLI_FAILED;

	if (st == POD_E_INVALID)
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
