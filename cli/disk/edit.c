/* SPDX-License-Identifier: BSD-2-Clause */
/* isopod disk merge, compact, grow: images that change in place. */
#include <errno.h>
#include <getopt.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/disk/disk.h"

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
	cli_progress_start(&bar, child, 1);
	cli_dev_direct(&c.dev);
	cli_dev_direct(&p.dev);
	st = pod_chain_merge(&c.vf, &p.vf, &cli_alloc, &disk_env, disk_progress, &bar, &diag);
	cli_progress_end(&bar);
	disk_file_close(&p);
	disk_file_close(&c);
	return st == POD_OK ? CLI_OK : disk_fail(child, _("cannot merge"), st, &diag, st == POD_E_CHANGED ? parent : NULL, fault);
}

/* The true path of `path` if that is in the folder of `child` or in one below it; else NULL. */
static char *inside(const char *child, const char *path)
{
	char *copy = cli_xstrdup(child), *dir = realpath(dirname(copy), NULL), *real = realpath(path, NULL);
	size_t n = dir ? strlen(dir) : 0;

	if (!dir || !real || strncmp(real, dir, n) != 0 || (real[n] != '/' && dir[n - 1] != '/')) {
		free(real);
		real = NULL;
	}
	free(dir);
	free(copy);
	return real;
}

/* The parent that the child names. It is written to, so a path out of the child's folder is not enough: whoever made the child
 * could have any image of this computer changed. */
static char *own_parent(const char *child, struct fault *fault)
{
	struct disk *d = cli_xzalloc(sizeof *d);
	char *parent = NULL;

	if (disk_open(d, child, POD_DISKFILE_NONE, false, fault) == CLI_OK) {
		const char *path = disk_parent_path(d);

		if (!path)
			fault_set(fault, _("%s: cannot merge: it has no parent"), child);
		else if (!(parent = inside(child, path)))
			fault_set(fault,
				  _("%s: its parent is not in its folder: %s; to have that file changed, name it with --into"),
				  child, path);
		if (disk_close(d, fault) != CLI_OK) {
			free(parent);
			parent = NULL;
		}
	}
	free(d);
	return parent;
}

int disk_cmd_merge(const struct cli_command *cmd, int argc, char **argv, struct fault *fault)
{
	static const struct option options[] = {
		{"into", required_argument, NULL, 'i'}, {"keep", no_argument, NULL, 'k'}, {NULL, 0, NULL, 0}};
	const char *into = NULL;
	bool keep = false;
	char *parent;
	int c, rc;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'i')
			into = optarg;
		else if (c == 'k')
			keep = true;
		else
			return cli_bad_option(fault, cmd, argv);
	}
	if (argc - optind != 1)
		return cli_usage(fault, cmd, "%s", _("name one FILE"));
	parent = into ? cli_xstrdup(into) : own_parent(argv[optind], fault);
	rc = parent ? merge(argv[optind], parent, fault) : CLI_FAILED;
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
	rc = disk_open(d, argv[optind], POD_DISKFILE_NONE, true, fault);
	if (rc == CLI_OK) {
		struct pod_member *l = d->chain.member[0];
		struct cli_progress bar;
		enum pod_status st;

		cli_progress_start(&bar, argv[optind], 1);
		st = pod_member_compact(l, disk_progress, &bar);
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
	static const struct option options[] = {{"size", required_argument, NULL, 's'}, DISK_INPUT_OPTION, {NULL, 0, NULL, 0}};
	enum pod_diskfile said = POD_DISKFILE_NONE;
	uint64_t size = 0;
	struct disk *d;
	int c, rc;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 's' && c != 'F')
			return cli_bad_option(fault, cmd, argv);
		if (c == 's' ? !cli_parse_size(optarg, &size) : !disk_parse_input(optarg, &said))
			return cli_usage(fault, cmd, _("'%s' is not valid here"), optarg);
	}
	if (argc - optind != 1 || !size)
		return cli_usage(fault, cmd, "%s", _("name one FILE, and --size N"));
	d = cli_xzalloc(sizeof *d);
	rc = disk_open(d, argv[optind], said, true, fault);
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
