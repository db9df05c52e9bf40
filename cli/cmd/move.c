/* SPDX-License-Identifier: BSD-2-Clause */
/* isopod move: renames a file or folder, or moves it into another folder. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "cli/ui/ui.h"
#include "cli/stick/name.h"
#include "cli/persist/persist.h"
#include "cli/stick/volume.h"

/* NEWPATH as it is, or with the old name behind it if it is an existing folder (and not the one that is renamed). */
static char *destination(struct cli_volume *v, const char *from, const char *arg, struct fault *fault)
{
	char *to = cli_target_path(arg, fault), *full;
	struct pod_node node, old;

	if (!to)
		return NULL;
	if (cli_volume_lookup(v, to, &node) != POD_OK || !node.is_dir)
		return to;
	if (cli_volume_lookup(v, from, &old) == POD_OK && old.entry_bytes == node.entry_bytes && strcmp(to, "/") != 0)
		return to; /* a change of case */
	full = cli_xasprintf("%s%s", strcmp(to, "/") == 0 ? "" : to, strrchr(from, '/'));
	free(to);
	return full;
}

static int move(struct cli_volume *v, const char *from_arg, const char *to_arg, struct fault *fault)
{
	char *from = cli_target_path(from_arg, fault), *to = from ? destination(v, from, to_arg, fault) : NULL, *slash;
	struct pod_diag diag = {0};
	struct pod_node node;
	enum pod_status st;
	int rc = CLI_OK;

	if (!to) {
		free(from);
		return CLI_FAILED;
	}
	st = cli_volume_lookup(v, from, &node);
	slash = strrchr(to, '/');
	if (st == POD_OK && slash != to) {
		*slash = '\0';
		st = cli_volume_mkdir(v, to, (int64_t)time(NULL), &diag);
		if (st != POD_OK) {
			rc = cli_volume_fail(v, to, _("cannot make the folder"), st, &diag, fault);
			goto out;
		}
		*slash = '/';
	}
	if (st == POD_OK)
		st = cli_volume_rename(v, from, to, 0, &diag);
	if (st == POD_E_NOT_FOUND)
		rc = cli_volume_fail(v, from, _("cannot move"), st, &diag, fault);
	else if (st == POD_E_INVALID && node.is_dir && strncmp(to, from, strlen(from)) == 0)
		rc = fault_set(fault, _("%s:%s: a folder cannot be moved into itself"), v->t->file.path, from);
	else if (st != POD_OK)
		rc = cli_volume_fail(v, to, _("cannot move"), st, &diag, fault);
	else if (cli_hashlist_rename(&v->hashes, from, to) && !cli_volume_save_hashes(v, fault))
		rc = CLI_FAILED;
	if (rc == CLI_OK && !node.is_dir && !persist_move(v, from, to, fault))
		rc = CLI_FAILED;
	if (rc == CLI_OK)
		cli_name_warn(to, fault);
out:
	free(from);
	free(to);
	return rc;
}

static int run(const struct cli_command *cmd, int argc, char **argv, struct fault *fault)
{
	static const struct option options[] = {{NULL, 0, NULL, 0}};
	struct cli_volume *v;
	int rc;

	if (getopt_long(argc, argv, "", options, NULL) != -1)
		return cli_bad_option(fault, cmd, argv);
	if (argc - optind != 3)
		return cli_usage(fault, cmd, "%s", _("name a TARGET, a PATH on it, and its NEWPATH"));
	v = cli_xzalloc(sizeof *v);
	cli_catch_signals();
	if (!cli_volume_open(v, argv[optind], fault)) {
		free(v);
		return CLI_FAILED;
	}
	rc = move(v, argv[optind + 1], argv[optind + 2], fault);
	if (!cli_volume_close(v, fault))
		rc = CLI_FAILED;
	free(v);
	return rc;
}

const struct cli_command cli_move = {
	.name = "move",
	.arguments = "TARGET PATH NEWPATH",
	.summary = N_("rename an image or folder on a stick, or move it into another folder"),
	.run = run,
};
