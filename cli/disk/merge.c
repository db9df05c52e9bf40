/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * isopod disk merge: a child into its parent, in place.
 *
 * By steps: the parent takes the content (pod_chain_merge: the child reads the same all the while) -> images based on the child
 * are linked to the parent, each in one step -> the child's file goes. When power goes in between, the same command does the
 * rest: the parent that holds all of the child already does not change, so whoever was linked to it is still right.
 */
#include <errno.h>
#include <getopt.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/disk/kin.h"

struct merge {
	const char *child;
	char *parent;
	bool keep, orphan;
};

/* Both open for writing, or only for reading. */
static int open_both(const struct merge *m, bool writable, struct disk_file *c, struct disk_file *p, struct fault *fault)
{
	if (!disk_file_open(c, m->child, writable, fault))
		return CLI_FAILED;
	if (disk_file_open(p, m->parent, writable, fault)) {
		if (disk_is_ours(c, fault) == CLI_OK && disk_is_ours(p, fault) == CLI_OK)
			return CLI_OK;
		disk_file_close(p);
	}
	disk_file_close(c);
	return CLI_FAILED;
}

static int fail(const struct merge *m, enum pod_status st, const struct pod_diag *diag, struct fault *fault)
{
	return disk_fail(m->child, _("cannot merge"), st, diag, st == POD_E_CHANGED ? m->parent : NULL, fault);
}

/* What the parent's file takes in must fit onto its volume: before anything changes. */
static int room(const struct merge *m, struct fault *fault)
{
	struct disk_file c, p;
	struct pod_diag diag = {0};
	uint64_t need = 0;
	enum pod_status st;
	int rc;

	if (open_both(m, false, &c, &p, fault) != CLI_OK)
		return CLI_FAILED;
	st = pod_chain_merge_bytes(&c.vf, &p.vf, &cli_alloc, &need, &diag);
	if (st != POD_OK)
		rc = fail(m, st, &diag, fault);
	else
		rc = disk_room(&p, need, fault) ? CLI_OK : CLI_FAILED;
	disk_file_close(&p);
	disk_file_close(&c);
	return rc;
}

/* Was a merge into it begun? */
static bool is_marked(const char *path)
{
	struct disk_look how = {.partial = true, .steps = POD_BUDGET_UNLIMITED};
	struct disk *d = cli_xzalloc(sizeof *d);
	bool marked = false;

	if (disk_look(d, path, &how, NULL) == CLI_OK) {
		marked = d->chain.member[0]->kind == POD_MEMBER_VHDX && d->chain.member[0]->u.vhdx.merging;
		(void)disk_close(d, NULL);
	}
	free(d);
	return marked;
}

static int merge_files(const struct merge *m, struct fault *fault)
{
	struct disk_file c, p;
	struct cli_progress bar;
	struct pod_diag diag = {0};
	enum pod_status st;

	if (open_both(m, true, &c, &p, fault) != CLI_OK)
		return CLI_FAILED;
	cli_progress_start(&bar, m->child, 1);
	cli_dev_direct(&c.dev);
	cli_dev_direct(&p.dev);
	st = pod_chain_merge(&c.vf, &p.vf, &cli_alloc, &disk_env, disk_progress, &bar, &diag);
	cli_progress_end(&bar);
	disk_file_close(&p);
	disk_file_close(&c);
	if (st == POD_OK)
		return CLI_OK;
	fail(m, st, &diag, fault);
	if (is_marked(m->parent))
		fault_warn(fault, _("%s: the merge was begun; the same command finishes it; until then read it through %s"),
			   m->parent, m->child);
	return CLI_FAILED;
}

/* Is anybody else based on the parent, and would see it change? */
static int guard(const struct merge *m, struct fault *fault)
{
	struct fault why = {0};
	struct disk_file c, p;
	struct pod_diag diag = {0};
	enum pod_status st;
	bool held = false;
	int rc = disk_kin_guard(m->parent, m->child, &why);

	if (rc != CLI_OK && open_both(m, false, &c, &p, fault) == CLI_OK) {
		st = pod_chain_merged(&c.vf, &p.vf, &cli_alloc, &held, &diag);
		disk_file_close(&p);
		disk_file_close(&c);
		if (st != POD_OK)
			rc = fail(m, st, &diag, fault);
		else if (held)
			rc = CLI_OK;
		else
			fault_move(fault, &why);
	}
	fault_free(&why);
	return rc;
}

/* Who is based on the child must be told of another parent: that it can be is seen to before anything changes. */
static int can_tell(const struct disk_kin *k, struct fault *fault)
{
	struct disk_file f = {0};
	int rc = CLI_OK;

	for (size_t i = 0; i < k->count && rc == CLI_OK; i++) {
		rc = disk_file_open(&f, k->child[i], true, fault) ? CLI_OK : CLI_FAILED;
		disk_file_close(&f);
	}
	return rc;
}

static int tell(const struct disk_kin *k, const char *parent, struct fault *fault)
{
	int rc = CLI_OK;

	for (size_t i = 0; i < k->count && rc == CLI_OK; i++) {
		char *relative = disk_relative(k->child[i], parent, fault);
		struct disk_relink how = {.relative = relative, .any_identity = true};

		rc = relative ? disk_relink_path(k->child[i], parent, &how, fault) : CLI_FAILED;
		free(relative);
	}
	return rc;
}

static int merge(const struct merge *m, struct fault *fault)
{
	struct disk_kin above = {0};
	int rc = CLI_OK;

	if (!m->keep) /* a child that stays reads as before, and whoever is based on it */
		disk_kin_find(&above, m->child);
	if (!m->orphan)
		rc = guard(m, fault);
	if (rc == CLI_OK && above.others && !m->orphan) /* their parent would be gone */
		rc = disk_kin_refuse(&above, m->child, fault);
	if (rc == CLI_OK)
		rc = can_tell(&above, fault);
	if (rc == CLI_OK)
		rc = room(m, fault);
	if (rc == CLI_OK)
		rc = merge_files(m, fault);
	if (rc == CLI_OK)
		rc = tell(&above, m->parent, fault);
	if (rc == CLI_OK && !m->keep && unlink(m->child) != 0)
		rc = fault_set(fault, _("%s: merged, but cannot be removed: %s"), m->child, strerror(errno));
	disk_kin_free(&above);
	return rc;
}

/* --- an interrupted one that nobody can finish ----------------------------------------------------------- */

/* The mark goes, and with it all that was based on the image. */
static enum pod_status unmark(struct disk_file *f, bool *marked, struct pod_diag *diag)
{
	struct pod_member_options opt = {.writable = true, .env = &disk_env};
	struct pod_member *l = cli_xzalloc(sizeof *l);
	enum pod_status st = pod_member_open(l, &f->vf, &cli_alloc, &opt, diag), closed;

	*marked = st == POD_OK && l->kind == POD_MEMBER_VHDX && l->u.vhdx.merging;
	if (*marked)
		st = pod_vhdx_begin_data(&l->u.vhdx);
	if (*marked && st == POD_OK)
		st = pod_vhdx_mark(&l->u.vhdx, false);
	closed = pod_member_close(l);
	free(l);
	return st == POD_OK ? closed : st;
}

/* The image that was being merged into `path` is lost: what there is, old here and new there, is better than nothing. */
static int abandon(const char *path, bool orphan, struct fault *fault)
{
	struct disk_file f = {0};
	struct pod_diag diag = {0};
	enum pod_status st;
	bool marked = false;

	if (!orphan && disk_kin_guard(path, NULL, fault) != CLI_OK)
		return CLI_FAILED;
	if (!disk_file_open(&f, path, DISK_WRITE, fault))
		return CLI_FAILED;
	st = unmark(&f, &marked, &diag);
	disk_file_close(&f);
	if (st != POD_OK)
		return disk_fail(path, _("cannot open the image"), st, &diag, NULL, fault);
	if (!marked)
		return fault_set(fault, _("%s: no merge into it was interrupted"), path);
	fault_warn(fault, _("%s: some of it is from before the merge, some from after; check its filesystems"), path);
	return CLI_OK;
}

/* --- the command ---------------------------------------------------------------------------------------- */

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
	static const struct option options[] = {{"into", required_argument, NULL, 'i'},
						{"keep", no_argument, NULL, 'k'},
						{"abandon", no_argument, NULL, 'a'},
						DISK_ORPHAN_OPTION,
						{NULL, 0, NULL, 0}};
	const char *into = NULL;
	bool give_up = false;
	struct merge m = {0};
	int c, rc;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'i')
			into = optarg;
		else if (c == 'k')
			m.keep = true;
		else if (c == 'a')
			give_up = true;
		else if (c == 'O')
			m.orphan = true;
		else
			return cli_bad_option(fault, cmd, argv);
	}
	if (argc - optind != 1)
		return cli_usage(fault, cmd, "%s", _("name one FILE"));
	if (give_up && (into || m.keep))
		return cli_usage(fault, cmd, "%s", _("--abandon goes neither with --into nor with --keep"));
	if (give_up)
		return abandon(argv[optind], m.orphan, fault);
	m.child = argv[optind];
	m.parent = into ? cli_xstrdup(into) : own_parent(argv[optind], fault);
	rc = m.parent ? merge(&m, fault) : CLI_FAILED;
	free(m.parent);
	return rc;
}
