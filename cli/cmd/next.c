/* SPDX-License-Identifier: BSD-2-Clause */
/* isopod next: what the next boot starts without a key press. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include "cli/ui/ui.h"
#include "cli/stick/target.h"
#include "cli/stick/walk.h"
#include "core/base/str.h"
#include "core/image/image.h"
#include "core/trace/state.h"

static int show(struct cli_target *t, struct pod_window *state, bool json, struct fault *fault)
{
	char *path = cli_xzalloc(POD_STATE_NEXT_MAX + 1);
	enum pod_status st = pod_state_next_get(&state->dev, &cli_alloc, path, POD_STATE_NEXT_MAX + 1);
	int rc = CLI_OK;

	if (st != POD_OK) {
		rc = fault_status(fault, t->file.path, _("cannot read the state file"), st, NULL);
	} else if (json) {
		struct cli_json j;

		cli_json_init(&j, stdout);
		cli_json_open(&j, NULL, '{');
		cli_json_str(&j, "next", *path ? path : NULL);
		cli_json_close(&j, '}');
		rc = cli_json_end(&j, fault);
	} else {
		if (*path)
			cli_print(_("The next boot starts %s.\n"), path);
		else
			cli_print("%s\n", _("Nothing is chosen: the next boot shows the menu."));
		rc = cli_flush(fault);
	}
	free(path);
	return rc;
}

static int choose(struct cli_target *t, struct pod_window *state, const char *arg, struct fault *fault)
{
	char *path = NULL;
	struct pod_node node;
	enum pod_status st;

	if (arg) {
		path = cli_target_path(arg, fault);
		if (!path)
			return CLI_FAILED;
		if (!cli_target_find(t, path, &node, fault)) {
			free(path);
			return CLI_FAILED;
		}
		if (!cli_menu_lists(path)) {
			int rc = fault_set(
				fault,
				_("%s: the menu does not list it: it lists files named .iso, .img, .efi, .wim, .vhd, .vhdx and the "
				  "like, none whose name or folder begins with a dot; rename or move it"),
				path);

			free(path);
			return rc;
		}
		if (strlen(path) > POD_STATE_NEXT_MAX) {
			free(path);
			return fault_set(fault, _("%s: the path is longer than %u bytes; move the image to a folder higher up"),
					 arg, POD_STATE_NEXT_MAX);
		}
	}
	st = pod_state_next_set(&state->dev, &cli_alloc, path);
	free(path);
	if (st != POD_OK)
		return fault_status(fault, t->file.path, _("cannot write the state file"), st, NULL);
	return CLI_OK;
}

static int run(const struct cli_command *cmd, int argc, char **argv, struct fault *fault)
{
	static const struct option options[] = {
		{"clear", no_argument, NULL, 'c'}, {"json", no_argument, NULL, 'j'}, {NULL, 0, NULL, 0}};
	bool clear = false, json = false;
	struct cli_target *t;
	struct pod_window state;
	int c, rc;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'c')
			clear = true;
		else if (c == 'j')
			json = true;
		else
			return cli_bad_option(fault, cmd, argv);
	}
	if (argc - optind < 1 || argc - optind > 2)
		return cli_usage(fault, cmd, "%s", _("name a TARGET, and a PATH on it to choose"));
	if (clear && argc - optind == 2)
		return cli_usage(fault, cmd, "%s", _("--clear takes no PATH"));

	t = cli_target_open(argv[optind], clear || argc - optind == 2, fault);
	if (!t)
		return CLI_FAILED;
	if (!cli_target_state(t, &state, NULL, fault))
		rc = CLI_FAILED;
	else if (clear || argc - optind == 2)
		rc = choose(t, &state, clear ? NULL : argv[optind + 1], fault);
	else
		rc = CLI_OK;
	if (rc == CLI_OK && (json || (!clear && argc - optind == 1)))
		rc = show(t, &state, json, fault);
	cli_target_close(t);
	return rc;
}

const struct cli_command cli_next = {
	.name = "next",
	.arguments = "TARGET [PATH | --clear] [--json]",
	.summary = N_("choose once what the next boot starts without a key press"),
	.help = N_("  --clear   undo the choice: the next boot shows the menu\n"
		   "  --json    report as JSON\n"
		   "Without PATH: show what is chosen.\n"),
	.run = run,
};
