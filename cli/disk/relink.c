/* SPDX-License-Identifier: BSD-2-Clause */
/* A child says who its parent is. */
#include <stdlib.h>
#include "cli/disk/disk.h"

static enum pod_status say(struct pod_member *c, const struct pod_member *p, const struct disk_relink *how, struct pod_diag *diag)
{
	struct pod_parent_spec spec = {.path = {how->relative}};

	if (!c->has_parent)
		return pod_fail(diag, POD_E_INVALID, "no differencing image", 0, 1, 0);
	POD_TRY(how->any_identity ? pod_member_can_stand_on(c, p, diag) : pod_member_linked(c, p, diag));
	if (!how->relative)
		return pod_member_relink(c, p, how->next);
	pod_member_describe(p, &spec);
	return pod_member_set_parent(c, &spec);
}

enum pod_status disk_relink(struct disk_file *child, struct disk_file *parent, const struct disk_relink *how,
			    struct pod_diag *diag)
{
	struct pod_member_options read = {.env = &disk_env, .cache_pages = 4}, write = {.env = &disk_env, .writable = true};
	struct pod_member *c = cli_xzalloc(sizeof *c), *p = cli_xzalloc(sizeof *p);
	enum pod_status st = pod_member_open(p, &parent->vf, &cli_alloc, &read, diag), closed;

	if (st == POD_OK)
		st = pod_member_open(c, &child->vf, &cli_alloc, &write, diag);
	if (st == POD_OK)
		st = say(c, p, how, diag);
	closed = pod_member_close(c);
	st = st == POD_OK ? closed : st;
	closed = pod_member_close(p);
	free(p);
	free(c);
	return st == POD_OK ? closed : st;
}

int disk_relink_path(const char *child, const char *parent, const struct disk_relink *how, struct fault *fault)
{
	struct disk_file cf = {0}, pf = {0};
	struct pod_diag diag = {0};
	enum pod_status st;
	int rc = CLI_FAILED;

	if (disk_file_open(&pf, parent, false, fault) && disk_file_open(&cf, child, true, fault) &&
	    disk_is_ours(&pf, fault) == CLI_OK && disk_is_ours(&cf, fault) == CLI_OK) {
		st = disk_relink(&cf, &pf, how, &diag);
		rc = st == POD_OK ? CLI_OK : disk_fail(child, _("cannot give it this parent"), st, &diag, parent, fault);
	}
	disk_file_close(&cf);
	disk_file_close(&pf);
	return rc;
}
