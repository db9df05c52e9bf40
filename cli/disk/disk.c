/* SPDX-License-Identifier: BSD-2-Clause */
/* isopod disk: finds the subcommand. */
#include <stdlib.h>
#include <string.h>
#include "cli/disk/disk.h"
#include "cli/mount/mount.h"

static const struct {
	const char *name;
	int (*run)(const struct cli_command *cmd, int argc, char **argv, struct fault *fault);
} verbs[] = {
	{"info", disk_cmd_info},	 {"create", disk_cmd_create},	{"convert", disk_cmd_convert},
	{"check", disk_cmd_check},	 {"map", disk_cmd_map},		{"merge", disk_cmd_merge},
	{"rebase", disk_cmd_rebase},	 {"compact", disk_cmd_compact}, {"grow", disk_cmd_grow},
	{"shrink", disk_cmd_shrink},	 {"serve", disk_cmd_serve},	{"mount", disk_cmd_mount},
	{"unmount", cli_mount_cmd_undo},
};

static int run(const struct cli_command *cmd, int argc, char **argv, struct fault *fault)
{
	char *name, *verb;
	int rc;

	if (argc < 2)
		return cli_usage(
			fault, cmd, "%s",
			_("say what to do: info, create, convert, check, map, merge, rebase, compact, grow, shrink, serve, mount, unmount"));
	for (size_t i = 0; i < POD_ARRAY_LEN(verbs); i++)
		if (strcmp(verbs[i].name, argv[1]) == 0) {
			verb = argv[1];
			argv[1] = name = cli_xasprintf("isopod disk %s", verbs[i].name); /* getopt's messages begin with it */
			rc = verbs[i].run(cmd, argc - 1, argv + 1, fault);
			argv[1] = verb;
			free(name);
			return rc;
		}
	return cli_usage(fault, cmd, _("unknown command 'disk %s'"), argv[1]);
}

const struct cli_command cli_disk = {
	.name = "disk",
	.arguments = "info|create|convert|check|map|merge|rebase|compact|grow|shrink|serve|mount|unmount FILE ...",
	.summary = N_("make, read, check and change virtual disks (VHD, VHDX, raw), chains of them included"),
	.help = N_(
		"  info FILE [--json]              what it is, and what it is made of\n"
		"  create FILE --size N | --parent FILE [--format vhdx|vhd|raw] [--fixed]\n"
		"         [--block-size N] [--sector-size 512|4096]\n"
		"  convert FROM TO [--format raw|vhd|vhdx|qcow2] [--fixed] [--block-size N] [--sector-size N] [--replace [--yes]]\n"
		"         [--resume]               with --resume it can be interrupted, and goes on where it was\n"
		"  check FILE [--repair] [--json]  look at everything but the data\n"
		"  map FILE [--json]               which file of the chain holds which part\n"
		"  merge FILE [--into PARENT] [--keep] [--orphan-children]\n"
		"                                  write a child's changes into its parent; remove the child\n"
		"  merge FILE --abandon            open FILE although a merge into it was interrupted that nobody can finish\n"
		"  rebase FILE --parent FILE       the same parent under another name; with --ignore-identity, whatever it is\n"
		"  rebase FILE --onto FILE         another parent; it shows what it showed\n"
		"  rebase FILE --flatten           take in what the parents hold, and need none\n"
		"  compact FILE                    give back blocks of zeros, cut the file\n"
		"  grow FILE --size N [--orphan-children]   a larger disk\n"
		"  shrink FILE --size N [--dry-run] [--orphan-children]\n"
		"                                  a smaller disk, if no partition is in the way\n"
		"  serve FILE --nbd SOCKET [--write [--orphan-children]] [--once]   to any NBD client\n"
		"  mount FILE DIR [--foreground] [--allow-other]\n"
		"                                  the disk, its partitions and their files in an empty folder, read-only\n"
		"  unmount DIR\n"
		"A file is taken for what is in it, else for what its name says; --input-format raw|vhd|vhdx|... says it.\n"
		"Files that a qcow2 or VMDK names (backing file, extents) are opened with --follow; files that another\n"
		"program writes to, with --unsafe-read.\n"),
	.run = run,
};
