/* SPDX-License-Identifier: BSD-2-Clause */
/* isopod disk serve: an image or a chain to any NBD client. */
#include <getopt.h>
#include <stdlib.h>
#include "cli/disk/kin.h"
#include "cli/disk/served.h"

int disk_cmd_serve(const struct cli_command *cmd, int argc, char **argv, struct fault *fault)
{
	static const struct option options[] = {{"nbd", required_argument, NULL, 'n'},
						{"once", no_argument, NULL, 'o'},
						{"write", no_argument, NULL, 'w'},
						DISK_ORPHAN_OPTION,
						DISK_INPUT_OPTION,
						DISK_UNSAFE_OPTION,
						DISK_FOLLOW_OPTION,
						{NULL, 0, NULL, 0}};
	enum pod_diskfile said = POD_DISKFILE_NONE;
	const char *path = NULL;
	enum disk_use use = DISK_READ;
	bool once = false, write, orphan = false;
	struct disk_served s;
	struct disk *d;
	int c, rc;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'n')
			path = optarg;
		else if (c == 'o')
			once = true;
		else if (c == 'w')
			use |= DISK_WRITE;
		else if (c == 'U')
			use |= DISK_READ_UNSAFE;
		else if (c == 'O')
			orphan = true;
		else if (c == 'L')
			use |= DISK_FOLLOW;
		else if (c == 'F' && !disk_parse_input(optarg, &said))
			return cli_usage(fault, cmd, _("'%s' is not valid here"), optarg);
		else if (c != 'F')
			return cli_bad_option(fault, cmd, argv);
	}
	if (argc - optind != 1 || !path || (use & DISK_USE) == (DISK_WRITE | DISK_READ_UNSAFE))
		return cli_usage(fault, cmd, "%s", _("name one FILE, and --nbd SOCKET"));
	write = use & DISK_WRITE;
	if (write && !orphan && disk_kin_guard(argv[optind], NULL, fault) != CLI_OK)
		return CLI_FAILED;
	d = cli_xzalloc(sizeof *d);
	rc = disk_open(d, argv[optind], said, use, fault);
	if (rc == CLI_OK) {
		disk_served_begin(&s, &d->chain, write, argv[optind]);
		s.ex.zero_is_fast = !d->file.dev.is_block;
		rc = cli_nbd_run(&s.ex, argv[optind], path, once, fault);
		if (disk_close(d, fault) != CLI_OK)
			rc = CLI_FAILED;
		else
			disk_served_warn(&s, fault);
		disk_served_end(&s);
	}
	free(d);
	return rc;
}
