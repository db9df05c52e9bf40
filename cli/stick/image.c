/* SPDX-License-Identifier: BSD-2-Clause */
/* FILE or TARGET:PATH, as plan and export take them. */
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include "cli/ui/ui.h"
#include "cli/disk/disk.h"
#include "cli/host/files.h"
#include "cli/host/lock.h"
#include "cli/stick/image.h"
#include "cli/stick/starts.h"
#include "cli/stick/ntfs.h"
#include "cli/stick/rules.h"
#include "cli/stick/stickfiles.h"
#include "core/plan/arguments.h"
#include "core/rules/match.h"
#include "core/wim/wim.h"

static bool open_host_file(struct cli_image *im, const char *arg, bool unsafe, struct fault *fault)
{
	char *copy;

	if (!cli_dev_open(&im->file, arg, false, fault))
		return false;
	if (!unsafe && !cli_lock_take(im->file.fd, false, arg, fault))
		return false;
	im->files = cli_files_open(&im->file, unsafe);
	im->disk = cli_files_dev(im->files);
	im->size_bytes = im->file.dev.size_bytes;
	im->extent = cli_xzalloc(sizeof *im->extent);
	im->extent->length_bytes = im->size_bytes;
	im->extent_count = im->size_bytes ? 1 : 0;
	copy = cli_xstrdup(arg);
	/* The name it gets when it is added: the plan is then the same on the stick. */
	im->path = cli_xasprintf("/images/%s", basename(copy));
	free(copy);
	return true;
}

/* Where a file of a stick lies, counted from the start of the drive. */
static enum pod_status runs_of(struct cli_target *t, const struct pod_node *node, struct pod_extent **extent, size_t *count)
{
	POD_TRY(pod_fs_extents(&t->data, node, &cli_alloc, extent, count));
	for (size_t i = 0; i < *count; i++)
		if (!(*extent)[i].hole)
			(*extent)[i].dev_bytes += t->data_part->start_bytes;
	return POD_OK;
}

static enum pod_status find_runs(struct cli_image *im, const struct pod_node *node)
{
	POD_TRY(runs_of(im->target, node, &im->extent, &im->extent_count));
	im->disk = &im->target->file.dev;
	im->size_bytes = node->size_bytes;
	im->mtime = node->mtime;
	return POD_OK;
}

enum pod_status cli_image_on_target(struct cli_image *im, struct cli_target *t, const char *path, const struct pod_node *node)
{
	enum pod_status st;

	memset(im, 0, sizeof *im);
	im->target = t;
	im->borrowed = true;
	im->path = cli_xstrdup(path);
	st = find_runs(im, node);
	if (st != POD_OK)
		cli_image_close(im);
	return st;
}

static bool open_on_stick(struct cli_image *im, const char *target, const char *path, struct fault *fault)
{
	struct pod_node node;
	enum pod_status st;

	im->path = cli_target_path(path, fault);
	im->target = im->path ? cli_target_open(target, false, fault) : NULL;
	if (!im->target || !cli_target_find(im->target, im->path, &node, fault))
		return false;
	st = find_runs(im, &node);
	if (st != POD_OK)
		fault_status(fault, path, _("cannot read where the file lies"), st,
			     st == POD_E_UNSUPPORTED ? &im->target->data.diag : NULL);
	return st == POD_OK;
}

bool cli_image_open(struct cli_image *im, const char *arg, bool unsafe, struct fault *fault)
{
	const char *path = NULL;
	char *target = cli_target_split(arg, &path);
	bool ok;

	memset(im, 0, sizeof *im);
	ok = target ? open_on_stick(im, target, path, fault) : open_host_file(im, arg, unsafe, fault);
	free(target);
	if (!ok)
		cli_image_close(im);
	return ok;
}

void cli_image_close(struct cli_image *im)
{
	if (!im->borrowed)
		cli_target_close(im->target);
	cli_files_close(im->files);
	if (!im->target)
		cli_dev_close(&im->file);
	pod_free(&cli_alloc, im->extent);
	free(im->path);
	for (size_t i = 0; i < POD_MACHINE_COUNT; i++)
		free(im->shim[i]);
	memset(im, 0, sizeof *im);
}

bool cli_image_bytes(struct cli_image *im, struct pod_map *map, struct pod_mapdev *out, struct fault *fault)
{
	pod_map_init(map, &cli_alloc);
	for (size_t i = 0; i < im->extent_count; i++) {
		const struct pod_extent *e = &im->extent[i];

		if (pod_map_append(map, e->hole ? POD_SEG_ZERO : POD_SEG_DEV, e->hole ? 0 : e->dev_bytes, e->length_bytes) !=
		    POD_OK) {
			pod_map_fini(map);
			fault_set(fault, "%s: %s", im->path, cli_status_text(POD_E_NOMEM));
			return false;
		}
	}
	pod_mapdev_init(out, map, im->disk, 512);
	return true;
}

bool cli_image_has_windows(struct pod_dev *bytes, const struct pod_image *image)
{
	static const char *const mark[] = {"sources/boot.wim", "efi/microsoft/boot/bcd", "boot/bcd"};
	struct pod_dirent *scratch;
	struct pod_node n;
	struct pod_fs fs = {0};
	bool found = false;

	if (image->kind == POD_IMAGE_WIM)
		return true;
	/* UDF is what Windows reads where both are there. */
	if (image->kind != POD_IMAGE_ISO ||
	    ((!image->udf || pod_fs_open_as(&fs, &pod_fs_udf, bytes, &cli_alloc, NULL) != POD_OK) &&
	     pod_image_open_tree(&fs, bytes, &cli_alloc, NULL) != POD_OK))
		return false;
	scratch = cli_xzalloc(sizeof *scratch);
	for (size_t i = 0; i < POD_ARRAY_LEN(mark) && !found; i++)
		found = pod_fs_lookup(&fs, mark[i], &n, scratch) == POD_OK && !n.is_dir;
	free(scratch);
	pod_fs_close(&fs);
	return found;
}

static enum pod_status shim_on_esp(struct cli_target *t, const char *path, struct pod_shim *out)
{
	struct pod_node node;

	if (!t->esp.ops)
		return POD_E_NOT_FOUND;
	POD_TRY(pod_fs_lookup(&t->esp, path, &node, &t->scratch));
	return pod_shim_by_reference(&t->esp, t->esp_win.start_bytes, &node, out);
}

const char *cli_target_bad_shim(struct cli_target *t)
{
	struct pod_shim shim;

	for (size_t m = 0; m < POD_MACHINE_COUNT; m++)
		if (shim_on_esp(t, pod_shim_path[m], &shim) != POD_OK)
			return pod_shim_path[m];
	return NULL;
}

/* The shim from where the boot manager would take it: the stick's own ESP, or for a host file the installed one. */
static enum pod_status load_shim(void *ctx, enum pod_machine m, struct pod_shim *out)
{
	struct cli_image *im = ctx;
	struct cli_target *t = im->target;

	if (m >= POD_MACHINE_COUNT)
		return POD_E_NOT_FOUND;
	if (t)
		return shim_on_esp(t, pod_shim_path[m], out);
	if (!im->shim[m])
		im->shim[m] = cli_stickfile_read(strrchr(pod_shim_path[m], '/') + 1, &im->shim_len[m], NULL);
	if (!im->shim[m])
		return POD_E_NOT_FOUND;
	out->data = im->shim[m];
	out->len = im->shim_len[m];
	return POD_OK;
}

/* The same for the helper in Windows PE. */
static enum pod_status load_helper(void *ctx, enum pod_machine m, struct pod_alloc *a, uint8_t **data, size_t *len)
{
	struct cli_image *im = ctx;
	struct cli_target *t = im->target;

	if (m >= POD_MACHINE_COUNT)
		return POD_E_NOT_FOUND;
	if (t)
		return t->esp.ops ? pod_helper_read(&t->esp, m, &t->scratch, a, data, len) : POD_E_NOT_FOUND;
	*data = cli_stickfile_read(strrchr(pod_helper_path[m], '/') + 1, len, NULL); /* from malloc, as cli_alloc's */
	return *data ? POD_OK : POD_E_NOT_FOUND;
}

/* For the planner: another file of the stick, or of the host as it would lie on the stick beside this one. */
static enum pod_status find_file(void *ctx, const char *path, struct pod_alloc *a, struct pod_plan_file *out)
{
	struct cli_image *im = ctx;
	struct pod_node node;

	(void)a; /* is cli_alloc */
	if (!im->target)
		return cli_files_find(im->files, path, out, im->fault);
	POD_TRY(pod_fs_lookup(&im->target->data, path, &node, &im->target->scratch));
	out->size_bytes = node.size_bytes;
	return node.is_dir ? POD_E_NOT_FOUND : runs_of(im->target, &node, &out->extent, &out->extent_count);
}

/* The stick's configuration, or NULL for a file of the host. What cannot be read has its default, as in the menu. It is read once for all
 * images of the stick, in whose root there may be thousands. */
static const struct pod_conf *conf_of(struct cli_target *t)
{
	struct cli_rules rules;

	if (!t || t->conf)
		return t ? t->conf : NULL;
	t->conf = cli_xzalloc(sizeof *t->conf);
	if (cli_rules_read_target(&rules, t) == POD_OK) {
		if (rules.text)
			pod_conf_parse(t->conf, rules.text, rules.len);
		cli_rules_free(&rules);
	}
	return t->conf;
}

bool cli_image_from_memory(struct cli_image *im)
{
	const struct pod_conf *conf = conf_of(im->target);

	return conf && pod_rules_match(conf->memory, im->path);
}

bool cli_image_as_partition(struct cli_image *im, const struct pod_plan *plan)
{
	const struct pod_conf *conf = conf_of(im->target);

	return conf && pod_plan_may_be_partition(plan) && !cli_image_from_memory(im) &&
	       pod_rules_match(conf->partition, im->path);
}

const char *cli_image_snapshot_rule(struct cli_image *im)
{
	const struct pod_conf *conf = conf_of(im->target);

	return conf ? conf->snapshot : "";
}

bool cli_image_keeps(struct cli_image *im, const struct pod_plan *plan)
{
	const struct pod_conf *conf = conf_of(im->target);

	return conf && plan->persist.kind != POD_PERSIST_NONE && pod_rules_match(conf->snapshot, im->path);
}

/* Asked for on NTFS alone: from other volumes Windows' kernel starts no virtual disk, however much is free. */
static enum pod_status free_space(void *ctx, uint64_t *bytes)
{
	struct cli_image *im = ctx;
	struct pod_exfat_space space;

	cli_ntfs_space(im->target, &space);
	*bytes = space.free_bytes;
	return POD_OK;
}

enum pod_status cli_image_plan(struct cli_image *im, struct pod_plan *out, struct pod_diag *diag, struct fault *fault)
{
	const struct pod_conf *conf = conf_of(im->target);
	struct pod_plan_request rq = {
		.disk = im->disk,
		.extent = im->extent,
		.extent_count = im->extent_count,
		.image_bytes = im->size_bytes,
		.path = im->path,
		.id = im->target ? &im->target->id : NULL,
		.shim = load_shim,
		.shim_ctx = im,
		.find = find_file,
		.find_ctx = im,
		.helper = load_helper,
		.helper_ctx = im,
		.ukis = &pod_plan_ukis,
		.bios = true,
		.arguments = im->arguments,
		.windows_cd = conf && conf->windows_cd,
		.answer = conf ? conf->answer_path : NULL,
		.labconfig = conf ? conf->labconfig : NULL,
		.mtime = im->mtime,
		.disk_id = im->disk_id,
		.write = conf && conf->write,
		.wim_image = im->wim_image ? im->wim_image
			     : conf	   ? conf->windows_image
					   : 0,
		.wim_images = im->wim_images,
		.volume_fs = im->target ? im->target->data.ops->name : im->fs,
		.volume_free = im->target && im->target->data.ops == &pod_fs_ntfs ? free_space : NULL,
		.volume_free_ctx = im,
	};

	enum pod_status st;

	im->fault = fault;
	st = pod_plan_make(&rq, &cli_alloc, out, diag);
	im->fault = NULL;
	return st;
}

struct cli_dev *cli_image_file(struct cli_image *im)
{
	return im->target ? &im->target->file : &im->file;
}

/* Past the steps that a sound image needs. */
enum { PLAN_MS = 1000 };

const char *cli_wim_start_text(enum pod_wim_start start)
{
	switch (start) {
	case POD_WIM_STARTS:
		return NULL;
	case POD_WIM_NO_PE:
		return _("no Windows PE");
	case POD_WIM_NO_WINLOAD:
		return _("no winload in it");
	case POD_WIM_UNREADABLE:
		break;
	}
	return _("cannot be read");
}

bool cli_image_number(const struct cli_command *cmd, const char *arg, uint32_t *out, struct fault *fault)
{
	uint64_t v;

	if (!cli_parse_uint(arg, POD_WIM_IMAGES_MAX, &v) || !v) {
		(void)cli_usage(fault, cmd, _("'%s' is not the number of an image"), arg);
		return false;
	}
	*out = (uint32_t)v;
	return true;
}

/* Who names an image gets that one, or nothing. */
static bool has_image(const struct pod_plan *plan, const char *arg, uint32_t want, struct fault *fault)
{
	const struct pod_plan_windows *w = &plan->windows;
	const char *why = NULL;

	if (!want || w->wim_image == want)
		return true;
	if (!w->wim_image)
		fault_set(fault, _("%s: image %u cannot be chosen: it is not started as Windows from a WIM"), arg, want);
	else if (want <= w->choices && (why = cli_wim_start_text(w->choice[want - 1].start)))
		fault_set(fault, _("%s: image %u of the WIM does not start: %s; 'isopod plan' lists those that do"), arg, want,
			  why);
	else
		fault_set(fault, _("%s: the WIM has no image %u that starts; 'isopod plan' lists those that do"), arg, want);
	return false;
}

bool cli_image_arguments(const struct cli_command *cmd, const char *arg, struct fault *fault)
{
	if (pod_arguments_valid(arg))
		return true;
	(void)cli_usage(fault, cmd, _("'%s': kernel arguments are at most %u printable ASCII characters without ' and \\"), arg,
			POD_ARGUMENTS_MAX - 1);
	return false;
}

/* Who names arguments gets them, or nothing. */
static bool has_arguments(const struct pod_plan *plan, const char *arg, const char *words, struct fault *fault)
{
	if (!words || !*words || plan->argument_lines)
		return true;
	if (plan->arguments_refused)
		fault_set(fault, _("%s: kernel arguments cannot be given. %s"), arg, plan->warning[plan->arguments_refused - 1]);
	else
		fault_set(
			fault,
			_("%s: kernel arguments cannot be given: no boot menu with a Linux that can be changed was found in it"),
			arg);
	return false;
}

/* In the words of the menu; where it may be another time, in those of the status. */
static int cannot_plan(struct cli_image *im, const char *arg, const struct pod_plan *plan, enum pod_status st,
		       const struct pod_diag *diag, struct fault *fault)
{
	struct pod_start start;
	char *text;

	cli_start_of(im, plan, st, diag, POD_START_ALL, &start);
	if (start.starts != POD_STARTS_NOT || !fault)
		return fault_status(fault, arg, _("cannot plan"), st, diag);
	text = cli_start_text(&start);
	fault_set(fault, "%s: %s", arg, text);
	fault->last->status = st;
	free(text);
	return CLI_FAILED;
}

struct pod_plan *cli_image_open_plan(struct cli_image *im, const char *arg, const struct cli_image_wish *wish, int *rc,
				     struct fault *fault)
{
	struct pod_plan *plan;
	struct pod_diag diag = {0};
	enum pod_status st;

	*rc = CLI_FAILED;
	if (!cli_image_open(im, arg, wish->unsafe, fault))
		return NULL;
	im->wim_image = wish->wim_image;
	im->arguments = wish->arguments;
	im->wim_images = true;
	plan = cli_xzalloc(sizeof *plan);
	cli_dev_limit(cli_image_file(im), POD_PLAN_STEPS, PLAN_MS);
	st = cli_image_plan(im, plan, &diag, fault);
	cli_dev_unlimited(cli_image_file(im));
	if (st == POD_OK && has_image(plan, arg, wish->wim_image, fault) && has_arguments(plan, arg, wish->arguments, fault))
		return plan;
	if (st == POD_OK)
		pod_plan_free(plan);
	else if (fault_is_set(fault))
		*rc = CLI_FAILED; /* another file that it needs cannot be opened */
	else
		*rc = cannot_plan(im, arg, plan, st, &diag, fault);
	free(plan);
	cli_image_close(im);
	return NULL;
}

void cli_image_close_plan(struct cli_image *im, struct pod_plan *plan)
{
	pod_plan_free(plan);
	free(plan);
	cli_image_close(im);
}
