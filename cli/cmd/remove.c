/* SPDX-License-Identifier: BSD-2-Clause */
/* isopod remove: takes files and empty folders off the stick. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include "cli/persist/persist.h"
#include "cli/ui/ui.h"
#include "cli/stick/volume.h"

#define NOT_REMOVED _("%s: not removed: %s")

static int remove_one(struct cli_volume *v, const char *arg, bool *hashes_changed, struct fault *fault)
{
	char *path = cli_target_path(arg, fault);
	struct pod_diag diag = {0};
	struct pod_node node;
	enum pod_status st;
	int rc = CLI_OK;

	if (!path)
		return CLI_FAILED;
	st = cli_volume_lookup(v, path, &node);
	if (st == POD_OK)
		st = strcmp(path, "/") == 0 ? POD_E_INVALID : cli_volume_remove(v, path, &diag);
	if (st == POD_E_EXISTS)
		rc = fault_set(fault, _("%s:%s: the folder is not empty; remove what is in it first"), v->t->file.path, path);
	else if (st == POD_E_INVALID)
		rc = fault_set(fault, _("%s:%s: not a file or folder that can be removed"), v->t->file.path, path);
	else if (st != POD_OK)
		rc = cli_volume_fail(v, path, _("cannot remove"), st, &diag, fault);
	else
		*hashes_changed |= cli_hashlist_drop(&v->hashes, path);
	if (st == POD_OK && !node.is_dir)
		persist_warn_left(v, path, fault);
	free(path);
	return rc;
}

static int run(const struct cli_command *cmd, int argc, char **argv, struct fault *fault)
{
	static const struct option options[] = {{NULL, 0, NULL, 0}};
	struct cli_volume *v;
	bool hashes_changed = false;
	int rc = CLI_OK;

	if (getopt_long(argc, argv, "", options, NULL) != -1)
		return cli_bad_option(fault, cmd, argv);
	if (argc - optind < 2)
		return cli_usage(fault, cmd, "%s", _("name a TARGET and at least one PATH on it"));
	v = cli_xzalloc(sizeof *v);
	cli_catch_signals();
	if (!cli_volume_open(v, argv[optind], fault)) {
		free(v);
		return CLI_FAILED;
	}
	for (int i = optind + 1; i < argc; i++) {
		int one;

		if (cli_volume_failed(v))
			one = fault_set(fault, NOT_REMOVED, argv[i], _("the drive failed before"));
		else if (cli_interrupted)
			one = fault_set(fault, NOT_REMOVED, argv[i], _("interrupted"));
		else
			one = remove_one(v, argv[i], &hashes_changed, fault);
		if (one != CLI_OK)
			rc = one;
	}
	if (hashes_changed && !cli_volume_failed(v) && !cli_volume_save_hashes(v, fault))
		rc = CLI_FAILED;
	if (!cli_volume_close(v, fault))
		rc = CLI_FAILED;
	free(v);
	return rc;
}

const struct cli_command cli_remove = {
	.name = "remove",
	.arguments = "TARGET PATH...",
	.summary = N_("remove images, or empty folders, from a stick"),
	.run = run,
};
