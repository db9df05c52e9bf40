/* SPDX-License-Identifier: BSD-2-Clause */
/* isopod togo: finds the subcommand. */
#include <string.h>
#include "cli/togo/togo.h"

static int run(const struct cli_command *cmd, int argc, char **argv, struct fault *fault)
{
	if (argc < 2)
		return cli_usage(fault, cmd, "%s", _("say what to do: create"));
	if (strcmp(argv[1], "create") != 0)
		return cli_usage(fault, cmd, _("unknown command 'togo %s'"), argv[1]);
	return togo_cmd_create(cmd, argc - 1, argv + 1, fault);
}

const struct cli_command cli_togo = {
	.name = "togo",
	.arguments = "create IMAGE OUT [--edition NAME|INDEX] [--size N] [--fixed] ...",
	.summary = N_("put Windows on a disk of its own: a layer store, a VHDX or a raw image, from an installer's image"),
	.help = N_("IMAGE is an install.wim, .esd or .swm, or an ISO image that holds one; FILE or TARGET:PATH.\n"
		   "OUT is a folder for a layer store, or TARGET:/folder on a stick; or a file, .vhdx or .img (a raw disk).\n"
		   "  --edition NAME|INDEX   which of the editions in IMAGE\n"
		   "  --size N               size of the disk (default 64G)\n"
		   "  --fixed, --dynamic     the VHDX takes its whole size at once, or grows (default)\n"
		   "  --name NAME            name of the computer\n"
		   "  --user NAME            a local administrator without a password\n"
		   "  --locale xx-XX         language, formats and keyboard\n"
		   "  --timezone NAME        as Windows calls it: \"China Standard Time\"\n"
		   "  --no-account-nag       do not ask for a Microsoft account at the first start\n"
		   "  --dry-run              say what would be made\n"
		   "  --json                 report as JSON\n"),
	.run = run,
};
