/* SPDX-License-Identifier: BSD-2-Clause */
/* isopod disk compact, grow: images that change in place. */
#include <getopt.h>
#include <stdlib.h>
#include "cli/disk/kin.h"
#include "cli/host/identity.h"

void disk_progress(void *ctx, uint64_t done, uint64_t total)
{
	struct cli_progress *p = ctx;

	p->total = total;
	cli_progress_update(p, done);
}

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

/* --- grow ----------------------------------------------------------------------------------------------- */

/* Each child gets to know the identifier that the parent bears now, and the one that it is about to get (NULL: none). */
static int tell(const struct disk_kin *k, const char *path, const uint8_t next[16], struct fault *fault)
{
	const struct disk_relink how = {.next = next};
	int rc = CLI_OK;

	for (size_t i = 0; i < k->count && rc == CLI_OK; i++)
		rc = disk_relink_path(k->child[i], path, &how, fault);
	return rc;
}

static int size_of(const char *path, enum pod_diskfile said, uint64_t *size, struct fault *fault)
{
	struct disk *d = cli_xzalloc(sizeof *d);
	int rc = disk_open(d, path, said, false, fault);

	if (rc == CLI_OK) {
		*size = d->chain.dev.size_bytes;
		rc = disk_close(d, fault);
	}
	free(d);
	return rc;
}

static int grow_file(const char *path, enum pod_diskfile said, uint64_t size, const uint8_t next[16], struct fault *fault)
{
	struct disk *d = cli_xzalloc(sizeof *d);
	int rc = disk_open(d, path, said, true, fault);

	if (rc == CLI_OK) {
		enum pod_status st;

		if (d->chain.member[0]->kind == POD_MEMBER_VHDX)
			pod_vhdx_next_data_guid(&d->chain.member[0]->u.vhdx, next);
		st = pod_chain_grow(&d->chain, size);
		if (st != POD_OK)
			rc = disk_fail(path, _("cannot grow"), st, NULL, NULL, fault);
		if (disk_close(d, fault) != CLI_OK)
			rc = CLI_FAILED;
	}
	free(d);
	return rc;
}

/* Children show what they showed, so they are linked again: before the change they learn the identifier that will be right after
 * it, and afterwards that it is the only one. Whenever power goes, one of the two fits. */
static int grow(const char *path, enum pod_diskfile said, uint64_t size, bool orphan, struct fault *fault)
{
	struct disk_kin k;
	uint8_t next[16];
	uint64_t old = 0;
	int rc = size_of(path, said, &old, fault);

	if (rc != CLI_OK || size == old)
		return rc;
	if (size < old)
		return fault_set(fault, _("%s: has %llu bytes already; 'isopod disk shrink' makes a disk smaller"), path,
				 (unsigned long long)old);
	cli_identity_bytes(NULL, next, sizeof next);
	disk_kin_find(&k, path);
	if (((k.store && !k.current) || k.linked) && !orphan)
		rc = disk_kin_refuse(&k, path, fault);
	if (rc == CLI_OK)
		rc = tell(&k, path, next, fault);
	if (rc == CLI_OK)
		rc = grow_file(path, said, size, next, fault);
	if (rc == CLI_OK)
		rc = tell(&k, path, NULL, fault);
	disk_kin_free(&k);
	return rc;
}

int disk_cmd_grow(const struct cli_command *cmd, int argc, char **argv, struct fault *fault)
{
	static const struct option options[] = {
		{"size", required_argument, NULL, 's'}, DISK_ORPHAN_OPTION, DISK_INPUT_OPTION, {NULL, 0, NULL, 0}};
	enum pod_diskfile said = POD_DISKFILE_NONE;
	bool orphan = false;
	uint64_t size = 0;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'O')
			orphan = true;
		else if (c != 's' && c != 'F')
			return cli_bad_option(fault, cmd, argv);
		else if (c == 's' ? !cli_parse_size(optarg, &size) : !disk_parse_input(optarg, &said))
			return cli_usage(fault, cmd, _("'%s' is not valid here"), optarg);
	}
	if (argc - optind != 1 || !size)
		return cli_usage(fault, cmd, "%s", _("name one FILE, and --size N"));
	return grow(argv[optind], said, size, orphan, fault);
}
