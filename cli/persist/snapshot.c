/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A snapshot of a persistence file is a copy of it beside it, "x.iso.persist-snapshot", here of all of it, byte by byte; the boot menu, which has
 * to be quick, leaves out what is proved to be free (core/plan/persist_copy.h). Going back gives the copy the file's
 * name, in one step of the directory: at any moment there is one whole file or the other.
 */
#include <stdlib.h>
#include <time.h>
#include "cli/persist/persist.h"
#include "cli/persist/show.h"
#include "core/base/str.h"

#define PIECE (4u << 20)

char *persist_snapshot_path(const char *image)
{
	return cli_xasprintf("%s" POD_PERSIST_SNAPSHOT, image);
}

/* From one run of the data partition to another. */
static enum pod_status copy(struct cli_volume *v, const char *label, uint64_t from, uint64_t to, uint64_t size)
{
	struct pod_dev *d = &v->t->data_win.dev;
	uint8_t *buf = cli_xmalloc(PIECE);
	struct cli_progress p;
	enum pod_status st = POD_OK;

	cli_progress_start(&p, label, size);
	for (uint64_t at = 0; at < size && st == POD_OK; at += PIECE) {
		size_t n = (size_t)pod_min_u64(PIECE, size - at);

		st = pod_dev_read(d, from + at, buf, n);
		if (st == POD_OK)
			st = pod_dev_write(d, to + at, buf, n);
		if (cli_interrupted)
			st = POD_E_CANCELLED;
		cli_progress_update(&p, at + n);
	}
	cli_progress_end(&p);
	free(buf);
	return st;
}

int persist_snapshot(struct cli_volume *v, const char *image, struct fault *fault)
{
	char *from = persist_path(image), *path = persist_snapshot_path(image), size[16];
	struct pod_persist p;
	struct pod_exfat_new n;
	struct pod_diag diag = {0};
	enum pod_status st = persist_state(v->t, image, &p);
	int rc = CLI_FAILED;

	if (st == POD_E_NOT_FOUND) {
		persist_none(v, from, fault);
	} else if (st != POD_OK) {
		fault_set(fault, "%s:%s: %s", v->t->file.path, from, persist_problem(st, &p));
	} else if (persist_reserve(v, path, p.length_bytes, POD_EXFAT_REPLACE, &n, fault)) {
		st = copy(v, path, p.start_bytes, n.extent[0].dev_bytes, p.length_bytes);
		if (st == POD_OK)
			st = cli_volume_commit(v, path, &n, (int64_t)time(NULL), &diag);
		else
			cli_volume_abort(v, &n);
		if (st == POD_E_CANCELLED)
			fault_set(fault, _("%s:%s: not created: %s"), v->t->file.path, path, _("interrupted"));
		else
			rc = st == POD_OK ? CLI_OK : cli_volume_fail(v, path, _("cannot create"), st, &diag, fault);
	}
	if (rc == CLI_OK)
		cli_print(_("%s: %s, kept as it is now\n"), path, pod_format_size(size, p.length_bytes));
	free(path);
	free(from);
	return rc == CLI_OK ? cli_flush(fault) : rc;
}

int persist_rollback(struct cli_volume *v, const char *image, struct fault *fault)
{
	char *to = persist_path(image), *path = persist_snapshot_path(image);
	struct pod_diag diag = {0};
	enum pod_status st = cli_volume_rename(v, path, to, POD_EXFAT_REPLACE, &diag);
	int rc = CLI_OK;

	if (st == POD_E_NOT_FOUND)
		rc = fault_set(fault, _("%s:%s: there is no snapshot; 'isopod persist snapshot' makes one"), v->t->file.path,
			       path);
	else if (st != POD_OK)
		rc = cli_volume_fail(v, to, _("cannot go back"), st, &diag, fault);
	else
		cli_print(_("%s: as it was at the snapshot, which it is now; 'isopod persist snapshot' makes another\n"), to);
	free(path);
	free(to);
	return rc == CLI_OK ? cli_flush(fault) : rc;
}
