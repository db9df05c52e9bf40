/* SPDX-License-Identifier: BSD-2-Clause */
/* isopod disk rebase: the same parent elsewhere, another parent, or none. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include "cli/disk/kin.h"
#include "core/base/str.h"

#define ROOM_TO_SPARE (1u << 20)

/* --- the same parent, or none --------------------------------------------------------------------------- */

/* The parent must not stand on the image itself. */
static int no_loop(const char *path, const char *parent, struct fault *fault)
{
	struct disk *p = cli_xzalloc(sizeof *p);
	struct fault why = {0}; /* its warnings are those of whoever opens it again */
	int rc = disk_open(p, parent, POD_DISKFILE_NONE, false, &why);
	struct disk_file f = {0};

	if (rc != CLI_OK)
		fault_move(fault, &why);
	fault_free(&why);
	if (rc == CLI_OK) {
		if (!disk_file_open(&f, path, false, fault))
			rc = CLI_FAILED;
		for (unsigned i = 0; rc == CLI_OK && i < p->chain.depth; i++) {
			const struct pod_vfile *below = p->chain.member[i]->file;

			if (below->id[0] == f.vf.id[0] && below->id[1] == f.vf.id[1])
				rc = fault_set(fault, _("%s: is based on %s"), parent, path);
		}
		disk_file_close(&f);
		if (disk_close(p, fault) != CLI_OK)
			rc = CLI_FAILED;
	}
	free(p);
	return rc;
}

/* Another path for the same parent. Its identifiers must fit, unless the user knows better: the path alone changes, never the
 * data. */
static int relink(const char *path, const char *parent, bool any_identity, struct fault *fault)
{
	char *relative = disk_relative(path, parent, fault);
	struct disk_relink how = {.relative = relative, .any_identity = any_identity};
	int rc = relative ? CLI_OK : CLI_FAILED;

	if (rc == CLI_OK && any_identity)
		rc = no_loop(path, parent, fault);
	if (rc == CLI_OK)
		rc = disk_relink_path(path, parent, &how, fault);
	free(relative);
	return rc;
}

static int flatten(struct disk *d, const char *path, struct fault *fault)
{
	struct cli_progress bar;
	enum pod_status st;

	cli_progress_start(&bar, path, 1);
	st = pod_chain_flatten(&d->chain, disk_progress, &bar);
	cli_progress_end(&bar);
	return st == POD_OK ? CLI_OK : disk_fail(path, _("cannot copy what its parents hold"), st, NULL, NULL, fault);
}

/* --- another parent ------------------------------------------------------------------------------------- */

int disk_rebase_plan(struct pod_chain_rebase *r, struct pod_chain *c, struct pod_chain *onto, const char *file,
		     const char *parent, struct fault *fault)
{
	const struct pod_member *top = c->member[0], *to = onto->member[0];
	struct cli_progress bar;
	struct pod_diag diag = {0};
	enum pod_status st;

	if (!top->has_parent)
		return fault_set(fault, _("%s: cannot rebase: it has no parent; only a differencing image has one"), file);
	if (to->kind == POD_MEMBER_RAW)
		return fault_set(fault, _("%s: a raw image cannot be a parent; convert it to VHDX first"), parent);
	if (pod_member_is_foreign(to->kind))
		return disk_cannot_be_parent(parent, to, fault);
	if (to->kind == POD_MEMBER_VHDX && to->u.vhdx.log_replayed)
		return fault_set(fault,
				 _("%s: its log is not empty, so it would change when it is next opened for writing; run 'isopod "
				   "disk check --repair' on it first"),
				 parent);
	cli_progress_start(&bar, file, 1);
	st = pod_chain_rebase_plan(r, c, onto, disk_progress, &bar, &diag);
	cli_progress_end(&bar);
	if (st == POD_OK)
		return CLI_OK;
	if (st == POD_END)
		return fault_set(fault, _("%s: interrupted; nothing was changed"), file);
	if (st == POD_E_INVALID)
		return fault_set(fault, _("%s: is based on %s"), parent, file);
	if (st == POD_E_UNSUPPORTED && top->kind == to->kind && top->sector_size == to->sector_size)
		return fault_set(fault, _("%s: is smaller than %s; make it as large first ('isopod disk grow')"), file, parent);
	return disk_fail(file, _("cannot give it this parent"), st, &diag, parent, fault);
}

int disk_rebase_run(struct pod_chain_rebase *r, struct pod_parent_spec *spec, const char *file, struct fault *fault)
{
	struct cli_progress bar;
	enum pod_status st;

	cli_progress_start(&bar, file, r->copy_bytes);
	st = pod_chain_rebase_run(r, spec, disk_progress, &bar);
	cli_progress_end(&bar);
	if (st == POD_OK)
		return CLI_OK;
	if (st == POD_END)
		return fault_set(fault, _("%s: interrupted; its parent and its content are unchanged"), file);
	return disk_fail(file, _("cannot copy what its parents hold"), st, NULL, NULL, fault);
}

uint64_t disk_rebase_bytes(struct disk_file *f, const struct pod_chain_rebase *r)
{
	/* Where a file can have holes (behind its end there is nothing to lose), the rest of a new block takes no space; a sector
	 * by itself takes 4 KiB. */
	if (cli_dev_punch(&f->dev, f->vf.dev->size_bytes, 4096) != POD_OK)
		return r->grow_bytes;
	return pod_min_u64(r->grow_bytes, 8 * r->copy_bytes);
}

bool disk_room(const struct disk_file *f, uint64_t need, struct fault *fault)
{
	char want[16], have[16];
	struct statvfs v;
	uint64_t there;

	if (f->dev.is_block || fstatvfs(f->dev.fd, &v) != 0)
		return true;
	there = (uint64_t)v.f_bavail * v.f_frsize;
	if (there >= ROOM_TO_SPARE && there - ROOM_TO_SPARE >= need)
		return true;
	fault_set(fault, _("%s: not enough space: %s are needed, %s are free; nothing was changed"), f->dev.path,
		  pod_format_size(want, need + ROOM_TO_SPARE), pod_format_size(have, there));
	return false;
}

static int move_onto(const char *path, const char *parent, struct fault *fault)
{
	struct disk *d = cli_xzalloc(sizeof *d), *p = cli_xzalloc(sizeof *p);
	struct pod_chain_rebase r = {.stop = &cli_interrupted};
	char *relative = disk_relative(path, parent, fault);
	struct pod_parent_spec spec = {.path = {relative}};
	int rc = relative ? disk_open(d, path, POD_DISKFILE_NONE, true, fault) : CLI_FAILED;

	cli_catch_signals();
	if (rc == CLI_OK) {
		rc = disk_open(p, parent, POD_DISKFILE_NONE, false, fault);
		if (rc == CLI_OK) {
			rc = disk_rebase_plan(&r, &d->chain, &p->chain, path, parent, fault);
			if (rc == CLI_OK && !disk_room(&d->file, disk_rebase_bytes(&d->file, &r), fault))
				rc = CLI_FAILED;
			if (rc == CLI_OK)
				rc = disk_rebase_run(&r, &spec, path, fault);
			pod_chain_rebase_end(&r);
			if (disk_close(p, fault) != CLI_OK)
				rc = CLI_FAILED;
		}
		if (disk_close(d, fault) != CLI_OK)
			rc = CLI_FAILED;
	}
	free(relative);
	free(p);
	free(d);
	return rc;
}

/* --- the command ---------------------------------------------------------------------------------------- */

int disk_cmd_rebase(const struct cli_command *cmd, int argc, char **argv, struct fault *fault)
{
	static const struct option options[] = {{"parent", required_argument, NULL, 'p'},
						{"onto", required_argument, NULL, 'o'},
						{"flatten", no_argument, NULL, 'f'},
						{"ignore-identity", no_argument, NULL, 'i'},
						{NULL, 0, NULL, 0}};
	const char *parent = NULL, *onto = NULL;
	bool whole = false, any_identity = false;
	struct disk *d;
	int c, rc;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'p')
			parent = optarg;
		else if (c == 'o')
			onto = optarg;
		else if (c == 'f')
			whole = true;
		else if (c == 'i')
			any_identity = true;
		else
			return cli_bad_option(fault, cmd, argv);
	}
	if (any_identity && !parent)
		return cli_usage(fault, cmd, "%s", _("--ignore-identity goes with --parent"));
	if (argc - optind != 1 || whole + (parent != NULL) + (onto != NULL) != 1)
		return cli_usage(fault, cmd, "%s", _("name one FILE, and --parent FILE, --onto FILE or --flatten"));
	if (parent)
		return relink(argv[optind], parent, any_identity, fault);
	if (disk_kin_guard_place(argv[optind], fault) != CLI_OK)
		return CLI_FAILED;
	if (onto)
		return no_loop(argv[optind], onto, fault) == CLI_OK ? move_onto(argv[optind], onto, fault) : CLI_FAILED;
	d = cli_xzalloc(sizeof *d);
	rc = disk_open(d, argv[optind], POD_DISKFILE_NONE, true, fault);
	if (rc == CLI_OK) {
		rc = flatten(d, argv[optind], fault);
		if (disk_close(d, fault) != CLI_OK)
			rc = CLI_FAILED;
	}
	free(d);
	return rc;
}
