/* SPDX-License-Identifier: BSD-2-Clause */
/* isopod list: every image on the data partition, wherever in the tree it lies. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "cli/cmd/list.h"
#include "cli/doctor/finds.h"
#include "cli/persist/show.h"
#include "cli/ui/bootmode.h"
#include "cli/stick/hashlist.h"
#include "cli/stick/image.h"
#include "cli/stick/name.h"
#include "cli/stick/rules.h"
#include "cli/stick/starts.h"
#include "cli/stick/stray.h"
#include "cli/stick/walk.h"
#include "cli/stick/ntfs.h"
#include "core/base/str.h"

struct listing {
	struct fault *fault;
	struct cli_walk walk;
	struct cli_allowance allowance;
	struct list_store store;
	struct persist_names persist;
	bool long_; /* look into the initrds */
	bool failed;
};

static bool unreadable(void *ctx, const char *folder, enum pod_status st)
{
	struct listing *l = ctx;
	char *where = cli_xasprintf("%s:%s", l->walk.t->file.path, *folder ? folder : "/");

	if (st == POD_E_LIMIT && !*folder)
		fault_set(l->fault, _("%s: more than %u images; the rest is left out"), l->walk.t->file.path, CLI_WALK_MAX);
	else if (st == POD_E_BUDGET)
		fault_set(l->fault, _("%s: too many folders and files; those not read so far are left out"),
			  l->walk.t->file.path);
	else if (st == POD_E_LOOP)
		fault_set(l->fault, _("%s: this folder contains itself and is left out; check the volume with fsck.exfat"),
			  where);
	else if (st == POD_E_LIMIT)
		fault_set(l->fault, _("%s: folders are nested too deep; this one is left out"), where);
	else
		fault_status(l->fault, where, _("cannot read the folder"), st, NULL);
	free(where);
	l->failed = true;
	return true;
}

static void other(void *ctx, const char *path)
{
	struct listing *l = ctx;
	enum cli_stray s = cli_stray_of(path);

	if (!persist_names_take(&l->persist, path) && s != CLI_STRAY_NONE)
		fault_warn(l->fault, "%s: %s; %s", path, cli_stray_text(s), cli_stray_fix(s));
}

/* Lines that the menu cannot read: what they should do, it does not. */
static void warn_of_conf(struct cli_target *t, struct fault *fault)
{
	struct cli_rules r;
	const char *encoding;

	if (cli_rules_read_target(&r, t) != POD_OK)
		return;
	encoding = r.text ? pod_conf_encoding(r.text, r.len) : NULL;
	if (encoding)
		fault_warn(fault, "/%s: %s", POD_CONF_FILE, _(encoding));
	cli_rules_free(&r);
}

struct probed {
	struct pod_image image;
	size_t extents;
	struct pod_start start;
	bool unfinished; /* not all of it was looked at */
	bool planned;	 /* completely; then: */
	struct pod_persist persist;
	uint32_t wim_image; /* that starts; 0: none, or not known */
	char wim_name[128];
	/* The plan's, of what Windows is started from. */
	uint32_t warnings;
	char warning[POD_PLAN_WARNING_MAX][sizeof((struct pod_plan *)0)->warning[0]];
};

/* What the plan warns of, but for what the answer says. */
static void keep_warnings(const struct pod_plan *plan, struct probed *out)
{
	for (uint32_t i = 0; i < plan->warning_count; i++)
		if (!pod_start_is_warning(&out->start, plan, i))
			pod_strlcpy(out->warning[out->warnings++], plan->warning[i], sizeof out->warning[0]);
}

/* What the disk in a VHD or VHDX starts, whose parents may be missing, a disk image, or Windows from a WIM. */
static void look_inside(struct cli_target *t, const struct cli_entry *e, struct probed *out)
{
	struct pod_plan *plan = cli_xzalloc(sizeof *plan);
	struct pod_diag diag = {0};
	struct cli_image im;
	enum pod_status st = cli_image_on_target(&im, t, e->path, &e->node);

	if (st != POD_OK) {
		pod_start_of_failure(st, NULL, NULL, NULL, &out->start);
		free(plan);
		return;
	}
	st = cli_image_plan(&im, plan, &diag, NULL);
	cli_start_of(&im, plan, st, &diag, POD_START_ALL, &out->start);
	if (st == POD_OK) {
		out->image.firmware = plan->image.firmware;
		pod_strlcpy(out->image.label, plan->image.label, sizeof out->image.label);
		out->wim_image = plan->windows.count ? plan->windows.wim_image : 0;
		pod_strlcpy(out->wim_name, plan->windows.wim_name, sizeof out->wim_name);
		keep_warnings(plan, out);
		out->planned = true;
		out->persist = plan->persist;
		pod_plan_free(plan);
	}
	cli_image_close(&im);
	free(plan);
}

static void probe(struct listing *l, const struct cli_entry *e, struct probed *out)
{
	struct cli_target *t = l->walk.t;
	struct pod_extent *ext = NULL;
	struct pod_map map;
	struct pod_mapdev md;
	struct pod_diag diag = {0};
	size_t n = 0;
	enum pod_status st;

	memset(out, 0, sizeof *out);
	out->image.kind = pod_image_kind_of_name(e->path);
	pod_map_init(&map, &cli_alloc);
	cli_allowance_begin(&l->allowance, &t->file, CLI_IMAGE_MS);
	st = pod_fs_extents(&t->data, &e->node, &cli_alloc, &ext, &n);
	if (st == POD_E_UNSUPPORTED)
		diag = t->data.diag;
	for (size_t i = 0; st == POD_OK && i < n; i++) {
		out->extents += !ext[i].hole;
		st = pod_map_append(&map, ext[i].hole ? POD_SEG_ZERO : POD_SEG_DEV, ext[i].hole ? 0 : ext[i].dev_bytes,
				    ext[i].length_bytes);
	}
	if (st == POD_OK) {
		pod_mapdev_init(&md, &map, &t->data_win.dev, 512);
		st = pod_image_probe(&md.dev, e->path, &cli_alloc, &out->image, &diag);
	}
	if (st != POD_OK)
		pod_start_of_failure(st, &diag, NULL, NULL, &out->start);
	else if (cli_start_needs_plan(&md.dev, &out->image))
		look_inside(t, e, out);
	else if (!pod_start_of_extents(ext, n, e->node.size_bytes, &out->start))
		pod_start_of_image(&out->image, POD_START_ALL, &out->start);
	out->unfinished = !cli_allowance_end(&l->allowance, &t->file);
	out->planned &= !out->unfinished;
	pod_map_fini(&map);
	pod_free(&cli_alloc, ext);
}

/* A layer, and whether the menu shows it. */
static void layer_json(struct listing *l, struct cli_json *j, const char *path)
{
	const struct pod_stored *layer = list_layer(&l->store, l->walk.t, path);

	if (!layer)
		return;
	cli_json_open(j, "layer", '{');
	cli_json_str(j, "name", layer->name);
	cli_json_bool(j, "current", layer == l->store.current);
	cli_json_bool(j, "in_menu", layer == l->store.current);
	cli_json_close(j, '}');
}

static void told_of_persistence(struct listing *l, struct cli_json *j, const char *path, const struct probed *probed)
{
	struct pod_persist p;
	enum pod_status st;

	if (!persist_names_have(&l->persist, path))
		return;
	st = persist_state_planned(l->walk.t, path, probed->planned ? &probed->persist : NULL, &p);
	if (j) {
		cli_json_open(j, "persistence", '{');
		persist_json(j, st, &p);
		cli_json_close(j, '}');
		return;
	}
	cli_print("    %s ", _("with persistence:"));
	persist_text(st, &p);
	cli_print("\n");
}

/* How the system in an image finds its medium: a line, or with `j` an array. */
static void tell_finds(struct cli_json *j, const struct finds *f)
{
	if (j)
		finds_json(j, f);
	for (size_t i = 0; !j && i < f->count; i++) {
		char *text = finds_text(&f->one[i]), *warning = finds_warning(&f->one[i]);

		cli_print("    %s: %s\n", f->one[i].initrd->path, text);
		if (warning) {
			cli_print("    ");
			cli_print(_("Warning: %s\n"), warning);
		}
		free(warning);
		free(text);
	}
}

static void told_of_search(struct listing *l, struct cli_json *j, const struct cli_entry *e, const struct probed *p)
{
	struct pod_plan *plan;
	struct pod_diag diag = {0};
	struct fault why = {0};
	struct cli_image im;
	struct finds f;

	if (!l->long_ || p->image.kind != POD_IMAGE_ISO || cli_image_on_target(&im, l->walk.t, e->path, &e->node) != POD_OK)
		return;
	plan = cli_xzalloc(sizeof *plan);
	if (cli_image_plan(&im, plan, &diag, NULL) == POD_OK) {
		if (finds_read(&im, plan, &f, &why)) {
			tell_finds(j, &f);
			finds_free(&f);
		}
		pod_plan_free(plan);
	}
	fault_free(&why);
	cli_image_close(&im);
	free(plan);
}

static void name_json(struct cli_json *j, unsigned problems)
{
	if (!problems)
		return;
	cli_json_open(j, "name_problems", '[');
	if (problems & CLI_NAME_WINDOWS)
		cli_json_str(j, NULL, "windows");
	if (problems & CLI_NAME_ALIKE)
		cli_json_str(j, NULL, "looks-alike");
	cli_json_close(j, ']');
}

/* Why it does not or may not start; NULL: nothing is known. The caller frees. */
static char *problem_of(const struct probed *p)
{
	if (p->unfinished)
		return cli_xstrdup(_("not looked at completely: it would take too long"));
	return p->start.starts == POD_STARTS ? NULL : cli_start_text(&p->start);
}

static int report_json(struct listing *l, const struct cli_hashlist *hashes, struct fault *fault)
{
	struct probed *p = cli_xmalloc(sizeof *p);
	char *problem;
	struct cli_json j;

	cli_json_init(&j, stdout);
	cli_json_open(&j, NULL, '[');
	for (size_t i = 0; i < l->walk.count; i++) {
		const struct cli_entry *e = &l->walk.entry[i];
		const struct cli_hash *h = cli_hashlist_get(hashes, e->path, &e->node);

		probe(l, e, p);
		cli_json_open(&j, NULL, '{');
		cli_json_str(&j, "path", e->path);
		cli_json_u64(&j, "size", e->node.size_bytes);
		cli_json_str(&j, "kind", pod_image_kind_text(p->image.kind));
		cli_json_str(&j, "label", p->image.label);
		cli_bootmode_json(&j, "firmware", p->image.firmware);
		if (p->image.kind == POD_IMAGE_WIM && p->image.wim.images) {
			cli_json_open(&j, "wim", '{');
			cli_json_str(&j, "compression", pod_wim_compression_text(p->image.wim.compression));
			cli_json_u64(&j, "images", p->image.wim.images);
			cli_json_u64(&j, "boot_index", p->image.wim.boot_index);
			cli_json_bool(&j, "bootmgr_reads", !p->image.wim.refused);
			if (p->wim_image)
				cli_json_u64(&j, "starts", p->wim_image);
			cli_json_close(&j, '}');
		}
		cli_json_u64(&j, "extents", p->extents);
		cli_json_i64(&j, "mtime", e->node.mtime);
		if (h) {
			cli_json_str(&j, "sha256_recorded", h->hex);
			cli_json_i64(&j, "sha256_recorded_on", h->recorded);
		}
		cli_start_json(&j, "start", &p->start);
		problem = problem_of(p);
		if (problem)
			cli_json_str(&j, "problem", problem);
		free(problem);
		if (p->warnings) {
			cli_json_open(&j, "warnings", '[');
			for (uint32_t k = 0; k < p->warnings; k++)
				cli_json_str(&j, NULL, p->warning[k]);
			cli_json_close(&j, ']');
		}
		layer_json(l, &j, e->path);
		if (!cli_menu_lists(e->path))
			cli_json_bool(&j, "hidden", true);
		told_of_persistence(l, &j, e->path, p);
		told_of_search(l, &j, e, p);
		name_json(&j, cli_name_problems(e->path));
		cli_json_close(&j, '}');
	}
	cli_json_close(&j, ']');
	free(p);
	return cli_json_end(&j, fault);
}

#define DATE_SIZE 16

static const char *date_of(int64_t seconds, char out[DATE_SIZE])
{
	time_t at = (time_t)seconds;
	struct tm tm;

	if (!gmtime_r(&at, &tm) || !strftime(out, DATE_SIZE, "%Y-%m-%d", &tm))
		pod_strlcpy(out, "?", DATE_SIZE);
	return out;
}

static int report_text(struct listing *l, const struct cli_hashlist *hashes, struct fault *fault)
{
	struct probed *p = cli_xmalloc(sizeof *p);
	char size[16], firmware[48], date[DATE_SIZE];

	if (l->walk.count == 0)
		cli_print("%s\n", _("No images yet; 'isopod add' copies some, or any file manager does."));
	for (size_t i = 0; i < l->walk.count; i++) {
		const struct cli_entry *e = &l->walk.entry[i];
		const struct cli_hash *h = cli_hashlist_get(hashes, e->path, &e->node);
		const struct pod_stored *layer = list_layer(&l->store, l->walk.t, e->path);
		unsigned odd = cli_name_problems(e->path);
		char *problem;

		probe(l, e, p);
		problem = problem_of(p);
		cli_print("%s\n", e->path);
		cli_print("    %s, %s, %s", pod_format_size(size, e->node.size_bytes), pod_image_kind_text(p->image.kind),
			  p->image.firmware ? cli_bootmode_list(p->image.firmware, firmware) : _("nothing that boots"));
		if (*p->image.label)
			cli_print(", \"%s\"", p->image.label);
		if (p->image.wim.images)
			cli_print(p->image.wim.images == 1 ? _(", %u image") : _(", %u images"), p->image.wim.images);
		if (p->image.wim.images > 1 && p->wim_image)
			cli_print(_(", of which %u starts%s%s"), p->wim_image, *p->wim_name ? ": " : "", p->wim_name);
		if (p->extents > 1)
			cli_print(_(", in %zu pieces"), p->extents);
		if (odd & CLI_NAME_WINDOWS)
			cli_print("%s", _(", Windows cannot open this name"));
		if (odd & CLI_NAME_ALIKE)
			cli_print("%s", _(", the name can be taken for another"));
		cli_print("\n");
		if (problem && !(layer && layer->flags & POD_STORED_SPARE))
			cli_print(p->start.starts == POD_STARTS_NOT && !p->unfinished ? _("    does not start: %s\n")
										      : "    %s\n",
				  problem);
		free(problem);
		if (layer && layer == l->store.current)
			cli_print(_("    the current layer of its store: in the menu it stands for all of them\n"));
		else if (layer && layer->flags & POD_STORED_SPARE)
			cli_print(_("    a spare file of its store, for a snapshot before a start: not in the menu\n"));
		else if (layer)
			cli_print(_("    a layer below or beside the current one of its store: not in the menu\n"));
		if (!cli_menu_lists(e->path))
			cli_print(_("    its name, or that of a folder it is in, begins with a dot: not in the menu\n"));
		told_of_persistence(l, NULL, e->path, p);
		told_of_search(l, NULL, e, p);
		if (h)
			cli_print(_("    sha256 %s, recorded on %s\n"), h->hex, date_of(h->recorded, date));
		for (uint32_t k = 0; k < p->warnings; k++) {
			cli_print("    ");
			cli_print(_("Warning: %s\n"), p->warning[k]);
		}
	}
	free(p);
	return cli_flush(fault);
}

static int run(const struct cli_command *cmd, int argc, char **argv, struct fault *fault)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'}, {"long", no_argument, NULL, 'l'}, {NULL, 0, NULL, 0}};
	struct listing l = {.allowance = {CLI_ALLOWANCE}};
	struct cli_hashlist hashes;
	bool json = false;
	int c, rc;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'j' && c != 'l')
			return cli_bad_option(fault, cmd, argv);
		json |= c == 'j';
		l.long_ |= c == 'l';
	}
	if (argc - optind != 1)
		return cli_usage(fault, cmd, "%s", _("name one TARGET"));
	l.fault = fault;
	l.walk = (struct cli_walk){
		.t = cli_target_open(argv[optind], false, fault), .problem = unreadable, .other = other, .ctx = &l};
	if (!l.walk.t)
		return CLI_FAILED;

	cli_ntfs_warn(l.walk.t, fault);
	warn_of_conf(l.walk.t, fault);
	cli_walk_images(&l.walk);
	persist_names_sort(&l.persist);
	cli_hashlist_load(&hashes, l.walk.t);
	rc = json ? report_json(&l, &hashes, fault) : report_text(&l, &hashes, fault);
	if (l.failed)
		rc = CLI_FAILED;

	list_store_free(&l.store);
	persist_names_free(&l.persist);
	cli_hashlist_free(&hashes);
	cli_walk_free(&l.walk);
	cli_target_close(l.walk.t);
	return rc;
}

const struct cli_command cli_list = {
	.name = "list",
	.arguments = "TARGET [--long] [--json]",
	.summary = N_("list the images on a stick and what can start them"),
	.help = N_("  --long    read the initrds, and say how each system finds its medium: some seconds an image\n"
		   "  --json    report as JSON\n"),
	.run = run,
};
