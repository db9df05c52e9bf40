/* SPDX-License-Identifier: BSD-2-Clause */
/* isopod add: copies images onto the stick, in one piece, hashed in the same pass. */
#include <errno.h>
#include <getopt.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "cli/stick/copy.h"
#include "cli/host/digest.h"
#include "cli/stick/image.h"
#include "cli/stick/name.h"
#include "cli/stick/starts.h"
#include "cli/stick/volume.h"
#include "core/base/str.h"
#include "core/image/image.h"

#define NOT_ADDED _("%s: not added: %s")

struct options {
	const char *to;
	bool replace, verify;
};

/* What the plan makes of it, and what it warns of beyond that. */
static void look_inside(const char *path, const char *name, const char *fs, struct pod_start *start, struct fault *fault)
{
	struct pod_plan *plan = cli_xzalloc(sizeof *plan);
	struct pod_diag diag = {0};
	struct cli_image im;
	enum pod_status st;

	if (cli_image_open(&im, path, false, fault)) {
		im.fs = fs;
		st = cli_image_plan(&im, plan, &diag, NULL);
		cli_start_of(&im, plan, st, &diag, POD_START_ALL, start);
		for (uint32_t i = 0; st == POD_OK && i < plan->warning_count; i++)
			if (!pod_start_is_warning(start, plan, i))
				fault_warn(fault, "%s: %s", name, plan->warning[i]);
		if (st == POD_OK)
			pod_plan_free(plan);
		cli_image_close(&im);
	}
	free(plan);
}

/* Says what is odd about an image before it is copied; odd is not wrong. */
static void warn_about(struct cli_dev *src, const char *name, const char *fs, struct fault *fault)
{
	struct pod_image *im = cli_xzalloc(sizeof *im);
	struct pod_diag diag = {0};
	struct pod_start start = {0};
	enum pod_status st = pod_image_probe(&src->dev, name, &cli_alloc, im, &diag);
	char *text;

	if (st != POD_OK)
		pod_start_of_failure(st, &diag, NULL, NULL, &start);
	else if (cli_start_needs_plan(&src->dev, im))
		look_inside(src->path, name, fs, &start, fault);
	else
		pod_start_of_image(im, POD_START_ALL, &start);
	text = cli_start_text(&start);
	if (*text)
		fault_warn(fault, "%s: %s", name, text);
	free(text);
	if (im->instead && start.why != POD_WHY_NOT_AN_IMAGE)
		fault_warn(fault, _("%s: it is %s; %s"), name, _(pod_instead_text(im->instead)), _(pod_instead_fix(im->instead)));
	if (pod_image_kind_of_name(name) == POD_IMAGE_UNKNOWN)
		fault_warn(fault,
			   _("%s: the boot menu lists images by their ending (.iso, .img, .efi ...), and this has none of "
			     "them"),
			   name);
	free(im);
}

/* Room in one piece if there is, else in several. */
static enum pod_status reserve(struct cli_volume *v, const char *path, uint64_t size, uint32_t flags, struct pod_exfat_new *n,
			       struct fault *fault)
{
	struct pod_exfat_space space;
	struct pod_diag diag = {0};
	char need[16], there[16], run[16];
	enum pod_status st = cli_volume_begin(v, path, size, flags, n, &diag);

	if (st == POD_E_NOSPACE) {
		st = cli_volume_begin(v, path, size, flags | POD_EXFAT_FRAGMENTS, n, &diag);
		if (st == POD_OK)
			fault_warn(fault,
				   _("%s: no free space in one piece: the image is stored in %zu pieces; some systems boot more "
				     "slowly from it"),
				   path, n->extents);
	}
	if (st == POD_E_NOSPACE) {
		cli_volume_space(v, &space);
		fault_set(fault,
			  _("%s: not enough space for %s: it needs %s, %s are free (largest piece %s); remove images first"),
			  v->t->file.path, path, pod_format_size(need, size), pod_format_size(there, space.free_bytes),
			  pod_format_size(run, space.largest_run_bytes));
	} else if (st != POD_OK) {
		cli_volume_fail(v, path, _("cannot add"), st, &diag, fault);
	}
	return st;
}

/* *doubtful: what is on the stick is not, or may not be, what was read. */
static int verify(struct cli_volume *v, struct cli_copy *copy, const char *path, bool *doubtful, struct fault *fault)
{
	struct fault why = {0};
	bool same = true, read = cli_copy_verify(copy, &same, &why);

	*doubtful = fault_is_set(&why) || (read && !same);
	fault_move(fault, &why);
	if (!read && !*doubtful)
		return fault_set(fault, _("%s:%s: added, but not read back to its end: interrupted"), v->t->file.path, path);
	if (read && !same) {
		fault_set(fault,
			  _("%s:%s: what was read back differs from what was written; the drive is failing or not as large "
			    "as it says"),
			  v->t->file.path, path);
		return CLI_CHECK;
	}
	return read ? CLI_OK : CLI_FAILED;
}

/* The hash of a file about to be replaced must not outlive it. */
static bool forget_hash(struct cli_volume *v, const char *path, struct fault *fault)
{
	return !cli_hashlist_drop(&v->hashes, path) || cli_volume_save_hashes(v, fault);
}

static int copy_in(struct cli_volume *v, const struct options *o, struct cli_dev *src, const char *path, int64_t mtime,
		   struct fault *fault)
{
	struct cli_copy copy = {
		.source_fd = src->fd,
		.source = src->path,
		.size_bytes = src->dev.size_bytes,
		.dev = &v->t->file,
	};
	struct pod_exfat_new n;
	struct pod_extent *absolute;
	struct pod_node node;
	struct pod_diag diag = {0};
	char size[16];
	enum pod_status st;
	bool doubtful = false;
	int rc = CLI_OK;

	if (o->replace && !forget_hash(v, path, fault))
		return CLI_FAILED;
	if (reserve(v, path, copy.size_bytes, o->replace ? POD_EXFAT_REPLACE : 0, &n, fault) != POD_OK)
		return CLI_FAILED;
	cli_name_warn(path, fault);
	fault_print(fault); /* copying takes a while */
	absolute = cli_xmalloc((n.extents + 1) * sizeof *absolute);
	for (size_t i = 0; i < n.extents; i++) {
		absolute[i] = n.extent[i];
		absolute[i].dev_bytes += v->t->data_part->start_bytes;
	}
	copy.extent = absolute;
	copy.extent_count = n.extents;
	if (!cli_copy_run(&copy, fault)) {
		cli_volume_abort(v, &n);
		free(absolute);
		if (cli_interrupted)
			fault_set(fault, NOT_ADDED, src->path, _("interrupted"));
		return CLI_FAILED;
	}
	st = cli_volume_commit(v, path, &n, mtime, &diag);
	if (st != POD_OK) {
		free(absolute);
		return cli_volume_fail(v, path, _("cannot add"), st, &diag, fault);
	}
	if (o->verify)
		rc = verify(v, &copy, path, &doubtful, fault);
	free(absolute);
	if (!doubtful && cli_volume_lookup(v, path, &node) == POD_OK) {
		cli_hashlist_set(&v->hashes, path, &node, copy.hex);
		if (!cli_volume_save_hashes(v, fault))
			rc = CLI_FAILED;
	}
	if (rc == CLI_OK)
		cli_print(_("%s: %s, sha256 %s%s\n"), path, pod_format_size(size, copy.size_bytes), copy.hex,
			  o->verify ? _(", verified") : "");
	return rc;
}

static int add_one(struct cli_volume *v, const struct options *o, const char *folder, const char *file, struct fault *fault)
{
	char *copy = cli_xstrdup(file), *path;
	struct cli_dev src;
	struct stat st;
	int rc = CLI_FAILED;

	if (!cli_dev_open(&src, file, false, fault)) {
		free(copy);
		return CLI_FAILED;
	}
	path = cli_xasprintf("%s/%s", strcmp(folder, "/") == 0 ? "" : folder, basename(copy));
	if (src.is_block)
		fault_set(fault, _("%s: a device, not a file; copy it to an image file first"), file);
	else if (src.file_dev == v->t->file.file_dev && src.file_ino == v->t->file.file_ino && !v->t->file.is_block)
		fault_set(fault, _("%s: this is the stick itself"), file);
	else if (fstat(src.fd, &st) != 0)
		fault_set(fault, _("%s: cannot open: %s"), file, strerror(errno));
	else {
		warn_about(&src, file, v->t->data.ops->name, fault);
		fault_print(fault);
		rc = copy_in(v, o, &src, path, st.st_mtime, fault);
	}
	free(path);
	free(copy);
	cli_dev_close(&src);
	return rc;
}

static int add_all(struct cli_volume *v, const struct options *o, char **files, int count, struct fault *fault)
{
	struct pod_diag diag = {0};
	char *folder = cli_target_path(o->to, fault);
	enum pod_status st;
	int rc = CLI_OK, one;

	if (!folder)
		return CLI_FAILED;
	st = strcmp(folder, "/") == 0 ? POD_OK : cli_volume_mkdir(v, folder, (int64_t)time(NULL), &diag);
	if (st != POD_OK) {
		rc = cli_volume_fail(v, folder, _("cannot make the folder"), st, &diag, fault);
		free(folder);
		return rc;
	}
	for (int i = 0; i < count; i++) {
		if (cli_volume_failed(v))
			one = fault_set(fault, NOT_ADDED, files[i], _("the drive failed before"));
		else if (cli_interrupted)
			one = fault_set(fault, NOT_ADDED, files[i], _("interrupted"));
		else
			one = add_one(v, o, folder, files[i], fault);
		if (one != CLI_OK && rc != CLI_FAILED)
			rc = one;
	}
	free(folder);
	return rc;
}

static int run(const struct cli_command *cmd, int argc, char **argv, struct fault *fault)
{
	static const struct option options[] = {{"to", required_argument, NULL, 't'},
						{"replace", no_argument, NULL, 'r'},
						{"verify", no_argument, NULL, 'v'},
						{NULL, 0, NULL, 0}};
	struct options o = {.to = "/images"};
	struct cli_volume *v;
	int c, rc;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 't')
			o.to = optarg;
		else if (c == 'r')
			o.replace = true;
		else if (c == 'v')
			o.verify = true;
		else
			return cli_bad_option(fault, cmd, argv);
	}
	if (argc - optind < 2)
		return cli_usage(fault, cmd, "%s", _("name a TARGET and at least one FILE"));

	if (!cli_digest_ready(fault))
		return CLI_FAILED;
	v = cli_xzalloc(sizeof *v);
	cli_catch_signals();
	if (!cli_volume_open(v, argv[optind], fault)) {
		free(v);
		return CLI_FAILED;
	}
	rc = add_all(v, &o, argv + optind + 1, argc - optind - 1, fault);
	if (!cli_volume_close(v, fault))
		rc = CLI_FAILED;
	free(v);
	return rc == CLI_OK ? cli_flush(fault) : rc;
}

const struct cli_command cli_add = {
	.name = "add",
	.arguments = "TARGET FILE... [--to DIR] [--replace] [--verify]",
	.summary = N_("copy images onto a stick"),
	.help = N_("  --to DIR   folder on the stick (default /images)\n"
		   "  --replace  replace a file of the same name\n"
		   "  --verify   read the copy back from the drive and compare\n"),
	.run = run,
};
