/* SPDX-License-Identifier: BSD-2-Clause */
/* isopod disk mount: an image or a chain as files. */
#include <getopt.h>
#include <stdlib.h>
#include "cli/disk/disk.h"
#include "cli/mount/mount.h"

int disk_cmd_mount(const struct cli_command *cmd, int argc, char **argv, struct fault *fault)
{
	static const struct option options[] = {
		MOUNT_OPTIONS, DISK_INPUT_OPTION, DISK_UNSAFE_OPTION, DISK_FOLLOW_OPTION, {NULL, 0, NULL, 0}};
	struct mount_how how = {.still = true};
	enum pod_diskfile said = POD_DISKFILE_NONE;
	enum disk_use use = DISK_READ;
	struct disk *d;
	int c, rc;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'f')
			how.foreground = true;
		else if (c == 'a')
			how.others = true;
		else if (c == 'U')
			use |= DISK_READ_UNSAFE;
		else if (c == 'L')
			use |= DISK_FOLLOW;
		else if (c == 'F' && !disk_parse_input(optarg, &said))
			return cli_usage(fault, cmd, _("'%s' is not valid here"), optarg);
		else if (c != 'F')
			return cli_bad_option(fault, cmd, argv);
	}
	if (argc - optind != 2)
		return cli_usage(fault, cmd, "%s", _("name one FILE, and the folder DIR"));
	how.shown = argv[optind];
	how.still = (use & DISK_USE) != DISK_READ_UNSAFE;
	d = cli_xzalloc(sizeof *d);
	rc = disk_open(d, how.shown, said, use, fault);
	if (rc == CLI_OK) {
		rc = cli_mount_run(&d->chain.dev, argv[optind + 1], &how, fault);
		if (disk_close(d, fault) != CLI_OK)
			rc = CLI_FAILED;
	}
	free(d);
	return rc;
}
