/* SPDX-License-Identifier: BSD-2-Clause */
/* isopod disk merge, compact, grow: images that change in place. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/disk/disk.h"
#include "cli/host/identity.h"

void disk_progress(void *ctx, uint64_t done, uint64_t total)
{
	struct cli_progress *p = ctx;

	p->total = total;
	cli_progress_update(p, done);
}

/* --- merge ---------------------------------------------------------------------------------------------- */

static int merge(const char *child, const char *parent, struct fault *fault)
{
	struct disk_file c, p;
	struct cli_progress bar;
	struct pod_diag diag = {0};
	enum pod_status st;

	if (!disk_file_open(&c, child, true, fault))
		return CLI_FAILED;
	if (!disk_file_open(&p, parent, true, fault)) {
		disk_file_close(&c);
		return CLI_FAILED;
	}
	disk_env.now_unix = (uint64_t)cli_identity_time();
	cli_progress_start(&bar, child, 1);
	cli_dev_direct(&c.dev);
	cli_dev_direct(&p.dev);
	st = pod_chain_merge(&c.vf, &p.vf, &cli_alloc, &disk_env, disk_progress, &bar, &diag);
	cli_progress_end(&bar);
	disk_file_close(&p);
	disk_file_close(&c);
	return st == POD_OK ? CLI_OK : disk_fail(child, _("cannot merge"), st, &diag, NULL, fault);
}

int disk_cmd_merge(const struct cli_command *cmd, int argc, char **argv, struct fault *fault)
{
	static const struct option options[] = {{"keep", no_argument, NULL, 'k'}, {NULL, 0, NULL, 0}};
	struct disk *d;
	char *parent = NULL;
	bool keep = false;
	int c, rc;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'k')
			return cli_bad_option(fault, cmd, argv);
		keep = true;
	}
	if (argc - optind != 1)
		return cli_usage(fault, cmd, "%s", _("name one FILE"));
	d = cli_xzalloc(sizeof *d);
	rc = disk_open(d, argv[optind], false, fault);
	if (rc == CLI_OK) {
		if (disk_parent_path(d))
			parent = cli_xstrdup(disk_parent_path(d));
		rc = disk_close(d, fault);
	}
	free(d);
	if (rc == CLI_OK && !parent)
		rc = fault_set(fault, _("%s: has no parent to be merged into"), argv[optind]);
	if (rc == CLI_OK)
		rc = merge(argv[optind], parent, fault);
	if (rc == CLI_OK && !keep && unlink(argv[optind]) != 0)
		rc = fault_set(fault, _("%s: merged, but cannot be removed: %s"), argv[optind], strerror(errno));
	free(parent);
	return rc;
}

/* --- compact, grow -------------------------------------------------------------------------------------- */

int disk_cmd_compact(const struct cli_command *cmd, int argc, char **argv, struct fault *fault)
{
	static const struct option options[] = {{NULL, 0, NULL, 0}};
	struct disk *d;
	int rc;

	if (getopt_long(argc, argv, "", options, NULL) != -1)
		return cli_bad_option(fault, cmd, argv);
	if (argc - optind != 1)
		return cli_usage(fault, cmd, "%s", _("name one FILE"));
	d = cli_xzalloc(sizeof *d);
	rc = disk_open(d, argv[optind], true, fault);
	if (rc == CLI_OK) {
		struct pod_layer *l = d->chain.layer[0];
		struct cli_progress bar;
		enum pod_status st;

		cli_progress_start(&bar, argv[optind], 1);
		st = pod_layer_compact(l, disk_progress, &bar);
		cli_progress_end(&bar);
		if (st == POD_E_UNSUPPORTED || st == POD_E_INVALID)
			rc = fault_set(
				fault,
				_("%s: only a dynamic or differencing VHD or VHDX can be compacted; 'isopod disk convert' makes "
				  "one"),
				argv[optind]);
		else if (st != POD_OK)
			rc = disk_fail(argv[optind], _("cannot compact"), st, NULL, NULL, fault);
		if (disk_close(d, fault) != CLI_OK)
			rc = CLI_FAILED;
	}
	free(d);
	return rc;
}

int disk_cmd_grow(const struct cli_command *cmd, int argc, char **argv, struct fault *fault)
{
	static const struct option options[] = {{"size", required_argument, NULL, 's'}, {NULL, 0, NULL, 0}};
	uint64_t size = 0;
	struct disk *d;
	int c, rc;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 's')
			return cli_bad_option(fault, cmd, argv);
		if (!cli_parse_size(optarg, &size))
			return cli_usage(fault, cmd, _("'%s' makes no sense here"), optarg);
	}
	if (argc - optind != 1 || !size)
		return cli_usage(fault, cmd, "%s", _("name one FILE, and --size N"));
	d = cli_xzalloc(sizeof *d);
	rc = disk_open(d, argv[optind], true, fault);
	if (rc == CLI_OK) {
		if (size < d->chain.dev.size_bytes) {
			rc = fault_set(fault, _("%s: has %llu bytes already; a disk cannot be made smaller"), argv[optind],
				       (unsigned long long)d->chain.dev.size_bytes);
		} else {
			enum pod_status st = pod_chain_grow(&d->chain, size);

			if (st != POD_OK)
				rc = disk_fail(argv[optind], _("cannot grow"), st, NULL, NULL, fault);
		}
		if (disk_close(d, fault) != CLI_OK)
			rc = CLI_FAILED;
	}
	free(d);
	return rc;
}
