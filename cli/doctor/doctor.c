/* SPDX-License-Identifier: BSD-2-Clause */
/* isopod doctor: what will go wrong, before it does. Opens what is examined and lets every module look at it. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/disk/disk.h"
#include "cli/doctor/images.h"
#include "cli/doctor/report.h"
#include "cli/doctor/sticks.h"
#include "cli/stick/hashlist.h"
#include "cli/stick/walk.h"
#include "core/layer/index.h"
#include "core/vhd/vhdx.h"

/* --- the stick itself, as far as it can be opened --------------------------------------------------------------------------- */

static const struct doctor_check open_check = {
	.id = "drive.open",
	.hazard = POD_HAZARD_DRIVE,
	.title = N_("the stick can be opened"),
	.explain = N_("The partition table, the data partition and the ESP (where the boot manager lies) have to be found and "
		      "read. If the table or a filesystem is damaged, nothing on the stick starts. Save what can still be read, "
		      "then let fsck.exfat or fsck.fat look at the partition; 'isopod update' rewrites the ESP and keeps all "
		      "images; 'isopod create' makes a new, empty stick."),
};
static const struct doctor_check folder_check = {
	.id = "drive.folders",
	.hazard = POD_HAZARD_DRIVE,
	.title = N_("the folders can be read"),
	.explain =
		N_("Every folder of the data partition is read to find the images. A folder that cannot be read hides what is in "
		   "it, from the boot menu as well. Check the volume with fsck.exfat or fsck.fat (Windows: chkdsk); copy what is "
		   "still there to another drive first."),
};
static const struct doctor_check *const own_checks[] = {&open_check, &folder_check};
static const struct doctor_module own_module = {.check = own_checks, .count = POD_ARRAY_LEN(own_checks)};

const struct doctor_module *const doctor_modules[] = {
	&own_module,
	&doctor_mod_image,
	&doctor_mod_menus,
	&doctor_mod_drivers,
	&doctor_mod_rules,
	&doctor_mod_memory,
	&doctor_mod_firmware,
	&doctor_mod_drive,
	&doctor_mod_stick,
	&doctor_mod_kernel,
	NULL,
};

static bool wants_module(const struct doctor *d, const struct doctor_module *m)
{
	for (size_t i = 0; i < m->count; i++)
		if (doctor_wants(d, m->check[i]))
			return true;
	return false;
}

/* --- images ---------------------------------------------------------------------------------------------------------------- */

/* Unpacking initrds and adding up kernels takes a fraction of a second for each image: on a stick with many, some have to do without. */
#define COSTLY_MS 3000u

static bool is_costly(const struct doctor_module *m)
{
	return m == &doctor_mod_drivers || m == &doctor_mod_menus;
}

static bool has_time(const struct doctor *d)
{
	return d->full || !d->state->whole_stick || cli_millis() - d->state->started_ms < COSTLY_MS;
}

/* One module; without --full within the allowance, but in its own time: unpacking an initrd takes some. */
static void run_image_hook(struct doctor *d, const struct doctor_module *m, struct doctor_image *im)
{
	struct cli_dev *file = cli_image_file(im->file);

	if (d->full)
		cli_dev_unlimited(file);
	else
		cli_allowance_begin(&d->state->allowance, file, 0);
	m->run_image(d, im);
	if (!d->full && !cli_allowance_end(&d->state->allowance, file))
		doctor_report(d, m->check[0], DOCTOR_SKIPPED, im->subject,
			      _("not everything in it was looked at: it would take too long"), _("say --full"));
	cli_dev_unlimited(file);
	if (m->run_content && !cli_interrupted)
		m->run_content(d, im);
}

static void run_image_hooks(struct doctor *d, struct doctor_image *im)
{
	for (const struct doctor_module *const *m = doctor_modules; *m && !cli_interrupted; m++) {
		if (!(*m)->run_image || !wants_module(d, *m))
			continue;
		if (!is_costly(*m) || has_time(d))
			run_image_hook(d, *m, im);
		else
			doctor_report(d, (*m)->check[0], DOCTOR_SKIPPED, im->subject,
				      _("it would take too long for every image of a stick"),
				      _("name the image (TARGET:PATH), or say --full"));
	}
}

/* `file` is open; plans it and calls the hooks. */
static void examine_image(struct doctor *d, struct cli_image *file, const char *subject, const char *host_path,
			  const struct pod_node *node, struct fault *fault)
{
	struct pod_plan *plan = cli_xzalloc(sizeof *plan);
	struct pod_diag diag = {0};
	struct pod_mapdev bytes, inside;
	struct pod_image probed;
	struct pod_map map;
	struct doctor_image im = {.subject = subject,
				  .path = file->path,
				  .host_path = host_path,
				  .node = node,
				  .file = file,
				  .size_bytes = file->size_bytes,
				  .plan_diag = &diag,
				  .parent = plan->parent};

	d->state->images++;
	if (cli_image_bytes(file, &map, &bytes, fault)) {
		im.bytes = im.disk = &bytes.dev;
		/* The plan's own copy speaks of the virtual disk: entries that were re-pointed. */
		cli_allowance_begin(&d->state->allowance, cli_image_file(file), CLI_IMAGE_MS);
		if (pod_image_probe(im.bytes, file->path, &cli_alloc, &probed, NULL) == POD_OK)
			im.image = &probed;
		(void)cli_allowance_end(&d->state->allowance, cli_image_file(file));
		cli_allowance_begin(&d->state->allowance, cli_image_file(file), CLI_IMAGE_MS);
		im.plan_status = cli_image_plan(file, plan, &diag, NULL);
		cli_start_of(file, plan, im.plan_status, &diag, POD_START_ALL, &im.start);
		(void)cli_allowance_end(&d->state->allowance, cli_image_file(file)); /* the plan's warnings say what is lacking */
		if (im.plan_status == POD_OK &&
		    !im.image) { /* the probe had no time, the plan just so: without the one no other */
			pod_plan_free(plan);
			im.plan_status = POD_E_BUDGET;
		}
		im.plan = im.plan_status == POD_OK ? plan : NULL;
		if (im.plan && plan->container) {
			pod_mapdev_init(&inside, &plan->map, file->disk, 512);
			im.disk = &inside.dev;
		}
		run_image_hooks(d, &im);
		if (im.plan)
			pod_plan_free(plan);
		pod_map_fini(&map);
	}
	free(plan);
}

static bool folder_problem(void *ctx, const char *folder, enum pod_status st)
{
	struct doctor *d = ctx;

	if (st == POD_E_LIMIT && !*folder)
		doctor_reportf(d, &folder_check, DOCTOR_WARN, d->arg, _("name the image (TARGET:PATH)"),
			       _("more than %u images; the rest was left out"), CLI_WALK_MAX);
	else if (st == POD_E_LIMIT)
		doctor_report(d, &folder_check, DOCTOR_WARN, folder, _("folders are nested too deep; this one was left out"),
			      _("the menu does not show what is in it: move it up"));
	else if (st == POD_E_BUDGET)
		doctor_report(d, &folder_check, DOCTOR_WARN, d->arg,
			      _("too many folders and files; those not read so far were left out"),
			      _("if there are not so many on the stick, check the volume with fsck (fsck.exfat, fsck.fat)"));
	else if (st == POD_E_LOOP)
		doctor_report(d, &folder_check, DOCTOR_BAD, folder, _("the folder contains itself: the volume is damaged"),
			      _("save what can be read, then check the volume with fsck (fsck.exfat, fsck.fat)"));
	else
		doctor_reportf(d, &folder_check, DOCTOR_BAD, *folder ? folder : "/",
			       _("save what can be read, then check the volume with fsck (fsck.exfat, fsck.fat)"),
			       _("the folder cannot be read: %s"), cli_status_text(st));
	return true;
}

static void folder_damaged(void *ctx, const char *folder, uint32_t count)
{
	doctor_reportf(ctx, &folder_check, DOCTOR_BAD, *folder ? folder : "/",
		       _("save what can be read, then check the volume with fsck (fsck.exfat, fsck.fat)"),
		       _("%u files in it are not listed: their entries are damaged, or lead out of the volume"), count);
}

/* A file that `isopod layer spare` has made ahead: nothing is in it yet, and it stands on nothing. */
static bool is_spare(struct doctor *d, struct cli_image *im)
{
	const struct pod_vhdx_options opt = {.cache_pages = 1};
	const char *slash = strrchr(im->path, '/');
	struct pod_vfile vf = {0};
	struct pod_mapdev bytes;
	struct pod_map map;
	struct pod_vhdx *x;
	uint32_t id;
	bool spare = false;

	if (!pod_store_parse_file(slash ? slash + 1 : im->path, NULL, &id))
		return false;
	x = cli_xzalloc(sizeof *x);
	if (cli_image_bytes(im, &map, &bytes, NULL)) {
		vf.dev = &bytes.dev;
		cli_allowance_begin(&d->state->allowance, cli_image_file(im), CLI_IMAGE_MS);
		if (pod_vhdx_open(x, &vf, &cli_alloc, &opt, NULL) == POD_OK) {
			spare = x->has_parent && memcmp(x->parent.linkage, pod_store_spare_linkage, 16) == 0;
			spare &= pod_vhdx_close(x) == POD_OK;
		}
		(void)cli_allowance_end(&d->state->allowance, cli_image_file(im)); /* used up: it is looked at as others are */
	}
	pod_map_fini(&map);
	free(x);
	return spare;
}

static void examine_images(struct doctor *d, struct fault *fault)
{
	struct cli_walk w = {
		.t = d->target, .problem = folder_problem, .other = doctor_stray, .damaged = folder_damaged, .ctx = d};
	size_t before = d->state->count;

	if (d->target->data.ops == &pod_fs_iso9660)
		return; /* an image written over the stick, as is told: nothing in it is an image for the menu */
	cli_walk_images(&w);
	if (d->state->count == before)
		doctor_reportf(d, &folder_check, DOCTOR_GOOD, NULL, NULL, _("%zu images found"), w.count);
	for (size_t i = 0; i < w.count && !cli_interrupted; i++) {
		const struct cli_entry *e = &w.entry[i];
		struct cli_image file;
		enum pod_status st = cli_image_on_target(&file, d->target, e->path, &e->node);

		if (w.count > 1 && !d->full)
			doctor_progress(d, _("images"), i, i ? 0 : w.count);
		if (st != POD_OK) {
			doctor_reportf(d, &folder_check, DOCTOR_BAD, e->path,
				       _("copy the image to the stick again; if that fails too, check the volume with fsck"),
				       _("where the file lies cannot be read: %s"), cli_status_text(st));
			continue;
		}
		if (!is_spare(d, &file))
			examine_image(d, &file, e->path, NULL, &e->node, fault);
		cli_image_close(&file);
	}
	doctor_progress_end(d);
	cli_walk_free(&w);
}

/* --- what the argument means ----------------------------------------------------------------------------------------------- */

static void run_stick_hooks(struct doctor *d)
{
	if (!d->target->esp.ops)
		doctor_no_esp(d, &open_check);
	else
		doctor_reportf(d, &open_check, DOCTOR_GOOD, d->arg, NULL, _("%s, data partition %u (%s), ESP"),
			       d->target->id.gpt ? "GPT" : "MBR", d->target->data_part->number, d->target->data.ops->name);
	for (const struct doctor_module *const *m = doctor_modules; *m && !cli_interrupted; m++)
		if ((*m)->run_stick && wants_module(d, *m))
			(*m)->run_stick(d);
}

static struct cli_target *open_target(struct doctor *d, const char *path)
{
	struct fault why = {0};
	struct cli_target *t = cli_target_open(path, false, &why);

	if (!t && !doctor_unopened(d, &open_check, path))
		doctor_report(d, &open_check, DOCTOR_BAD, path, fault_text(&why), _("see 'isopod doctor --explain drive.open'"));
	fault_free(&why);
	return t;
}

static void examine_stick(struct doctor *d, struct fault *fault)
{
	struct cli_hashlist hashes;

	d->target = open_target(d, d->arg);
	if (!d->target)
		return;
	cli_hashlist_load(&hashes, d->target);
	d->hashes = &hashes;
	d->state->whole_stick = true;
	run_stick_hooks(d);
	d->state->started_ms = cli_millis();
	examine_images(d, fault);
	cli_hashlist_free(&hashes);
	cli_target_close(d->target);
	d->target = NULL;
	d->hashes = NULL;
}

static int examine_path(struct doctor *d, const char *target, const char *path, struct fault *fault)
{
	char *normal = cli_normal_path(path);
	struct cli_hashlist hashes;
	struct cli_image file;
	struct pod_node node;
	int rc = CLI_FAILED;

	if (!normal)
		return fault_set(fault, _("%s: a path on a stick cannot hold '.' or '..'"), path);
	d->target = cli_target_open(target, false, fault);
	if (d->target && cli_target_find(d->target, normal, &node, fault)) {
		enum pod_status st = cli_image_on_target(&file, d->target, normal, &node);

		cli_hashlist_load(&hashes, d->target);
		d->hashes = &hashes;
		rc = CLI_OK;
		if (st != POD_OK) {
			rc = fault_status(fault, d->arg, _("cannot read where the file lies"), st, NULL);
		} else {
			examine_image(d, &file, normal, NULL, &node, fault);
			cli_image_close(&file);
		}
		cli_hashlist_free(&hashes);
		d->hashes = NULL;
	}
	cli_target_close(d->target);
	d->target = NULL;
	free(normal);
	return rc;
}

static int examine_file(struct doctor *d, struct fault *fault)
{
	struct cli_image file;

	if (!cli_image_open(&file, d->arg, d->unsafe, fault))
		return CLI_FAILED;
	examine_image(d, &file, d->arg, d->arg, NULL, fault);
	cli_image_close(&file);
	return CLI_OK;
}

static int examine(struct doctor *d, struct fault *fault)
{
	const char *path = NULL;
	char *target = d->arg ? cli_target_split(d->arg, &path) : NULL;
	int rc = CLI_OK, stick;

	if (target) {
		rc = examine_path(d, target, path, fault);
	} else if (d->arg) {
		stick = cli_target_is_stick(d->arg, fault);
		if (stick < 0)
			rc = CLI_FAILED;
		else if (stick)
			examine_stick(d, fault);
		else
			rc = examine_file(d, fault);
	}
	free(target);
	if (rc == CLI_OK && d->machine)
		for (const struct doctor_module *const *m = doctor_modules; *m && !cli_interrupted; m++)
			if ((*m)->run_machine && wants_module(d, *m))
				(*m)->run_machine(d);
	doctor_progress_end(d);
	return rc;
}

/* --- the command line ------------------------------------------------------------------------------------------------------ */

struct words {
	const char **v;
	size_t n;
};

static bool is_check(const char *word)
{
	for (const struct doctor_module *const *m = doctor_modules; *m; m++)
		for (size_t i = 0; i < (*m)->count; i++)
			if (doctor_word_matches(word, (*m)->check[i]))
				return true;
	return strlen(word) == 1 && *word >= '1' && *word <= '0' + POD_HAZARD_COUNT;
}

/* "image.md5,3": cut into words in place. NULL, or the word that means nothing. */
static const char *add_words(struct words *w, char *list)
{
	for (char *save = NULL, *word = strtok_r(list, ", ", &save); word; word = strtok_r(NULL, ", ", &save)) {
		const char **v = cli_xzalloc((w->n + 2) * sizeof *v);

		if (!is_check(word)) {
			free(v);
			return word;
		}
		for (size_t i = 0; i < w->n; i++)
			v[i] = w->v[i];
		v[w->n++] = word;
		free(w->v);
		w->v = v;
	}
	return NULL;
}

struct request {
	struct doctor d;
	struct doctor_state state;
	struct words only, skip;
	bool json, verbose, no_machine, explain;
	const char *explain_id, *inventory, *save;
};

enum {
	OPT_ONLY = 256,
	OPT_SKIP,
	OPT_EXPLAIN,
	OPT_PROBE,
	OPT_INVENTORY,
	OPT_ACPI,
	OPT_LOG,
	OPT_SAVE,
	OPT_NO_MACHINE,
	OPT_DRIVERS
};

static const struct option options[] = {{"json", no_argument, NULL, 'j'},
					{"full", no_argument, NULL, 'f'},
					{"benchmark", no_argument, NULL, 'b'},
					{"verbose", no_argument, NULL, 'v'},
					{"probe", optional_argument, NULL, OPT_PROBE},
					{"only", required_argument, NULL, OPT_ONLY},
					{"skip", required_argument, NULL, OPT_SKIP},
					{"explain", optional_argument, NULL, OPT_EXPLAIN},
					{"acpi", required_argument, NULL, OPT_ACPI},
					{"drivers", required_argument, NULL, OPT_DRIVERS},
					{"log", required_argument, NULL, OPT_LOG},
					{"inventory", required_argument, NULL, OPT_INVENTORY},
					{"save-inventory", required_argument, NULL, OPT_SAVE},
					{"no-machine", no_argument, NULL, OPT_NO_MACHINE},
					DISK_UNSAFE_OPTION,
					{NULL, 0, NULL, 0}};

/* CLI_OK, or the exit status. */
static int take_option(const struct cli_command *cmd, struct request *r, int c, char **argv, struct fault *fault)
{
	const char *wrong = NULL;

	switch (c) {
	case 'j':
		r->json = true;
		break;
	case 'f':
		r->d.full = true;
		break;
	case 'b':
		r->d.benchmark = true;
		break;
	case 'v':
		r->verbose = true;
		break;
	case OPT_PROBE:
		if (optarg && strcmp(optarg, "full") != 0)
			return cli_usage(fault, cmd, _("--probe or --probe=full, not --probe=%s"), optarg);
		r->d.probe = optarg ? DOCTOR_PROBE_FULL : DOCTOR_PROBE_SAMPLE;
		break;
	case OPT_ONLY:
		wrong = add_words(&r->only, optarg);
		break;
	case OPT_SKIP:
		wrong = add_words(&r->skip, optarg);
		break;
	case OPT_EXPLAIN:
		r->explain = true;
		r->explain_id = optarg;
		break;
	case OPT_INVENTORY:
		r->inventory = optarg;
		break;
	case OPT_ACPI:
		r->d.acpi = optarg;
		break;
	case OPT_DRIVERS:
		r->d.drivers = optarg;
		return 0;
	case OPT_LOG:
		r->d.log = optarg;
		break;
	case OPT_SAVE:
		r->save = optarg;
		break;
	case OPT_NO_MACHINE:
		r->no_machine = true;
		break;
	case 'U':
		r->d.unsafe = true;
		break;
	default:
		return cli_bad_option(fault, cmd, argv);
	}
	return wrong ? cli_usage(fault, cmd, _("unknown check '%s'; '--explain' without a name lists the checks"), wrong)
		     : CLI_OK;
}

static int examine_and_print(struct request *r, struct fault *fault)
{
	struct doctor *d = &r->d;
	struct doctor_machine *machine = NULL;
	int rc;

	if (!r->no_machine) {
		machine = doctor_machine_open(r->inventory, fault);
		if (!machine)
			return CLI_FAILED;
	}
	d->machine = machine;
	d->state = &r->state;
	r->state.allowance.steps = CLI_ALLOWANCE;
	r->state.only = r->only.v;
	r->state.skip = r->skip.v;
	cli_catch_signals();
	rc = examine(d, fault);
	if (rc == CLI_OK && cli_interrupted)
		rc = fault_set(fault, "%s", _("interrupted"));
	if (rc == CLI_OK)
		rc = r->json ? doctor_print_json(d, fault) : doctor_print_text(d, r->verbose, fault);
	if (rc == CLI_OK && r->state.levels[DOCTOR_BAD])
		rc = CLI_CHECK;
	doctor_machine_close(machine);
	doctor_state_free(&r->state);
	return rc;
}

static int check_usage(const struct cli_command *cmd, const struct request *r, int left, struct fault *fault)
{
	if (left > 1)
		return cli_usage(fault, cmd, "%s", _("name one TARGET, FILE or TARGET:PATH, or none for this machine alone"));
	if (r->no_machine && (left == 0 || r->inventory))
		return cli_usage(fault, cmd, "%s", _("--no-machine needs a TARGET or FILE, and cannot be used with --inventory"));
	if (r->no_machine && r->d.acpi)
		return cli_usage(fault, cmd, "%s", _("--acpi cannot be used with --no-machine"));
	if (r->no_machine && r->d.log)
		return cli_usage(fault, cmd, "%s", _("--log cannot be used with --no-machine"));
	if (r->d.log && access(r->d.log, R_OK) != 0)
		return fault_set(fault, "%s: %s", r->d.log, strerror(errno));
	if (r->d.acpi && access(r->d.acpi, R_OK) != 0)
		return fault_set(fault, "%s: %s", r->d.acpi, strerror(errno));
	if (r->d.drivers && access(r->d.drivers, R_OK | X_OK) != 0)
		return fault_set(fault, "%s: %s", r->d.drivers, strerror(errno));
	if ((r->d.probe || r->d.benchmark) && left == 0)
		return cli_usage(fault, cmd, "%s", _("--probe and --benchmark need a TARGET"));
	return CLI_OK;
}

static int run(const struct cli_command *cmd, int argc, char **argv, struct fault *fault)
{
	struct request r = {0};
	int c, rc = CLI_OK;

	while (rc == CLI_OK && (c = getopt_long(argc, argv, "v", options, NULL)) != -1)
		rc = take_option(cmd, &r, c, argv, fault);
	if (rc == CLI_OK && r.explain)
		rc = doctor_explain(cmd, r.explain_id ? r.explain_id : argv[optind], r.json, fault);
	else if (rc == CLI_OK && r.save)
		rc = argc == optind ? doctor_machine_save(r.save, fault)
				    : cli_usage(fault, cmd, "%s",
						_("--save-inventory describes this machine: it takes no TARGET or FILE"));
	else if (rc == CLI_OK && (rc = check_usage(cmd, &r, argc - optind, fault)) == CLI_OK) {
		r.d.arg = argv[optind];
		rc = examine_and_print(&r, fault);
	}
	free(r.only.v);
	free(r.skip.v);
	return rc;
}

const struct cli_command cli_doctor = {
	.name = "doctor",
	.arguments = "[TARGET | FILE | TARGET:PATH] [--full] [--benchmark] [--probe[=full]] [--inventory FILE] [--json]",
	.summary = N_("say what will go wrong before it does: image, drivers, rules, memory, firmware, drive"),
	.help = N_("  --full              read all of each image: hashes, implanted MD5, read errors\n"
		   "  --benchmark         measure how fast the drive reads\n"
		   "  --probe[=full]      write to free space and read it back: is the capacity real? (=full: all of it)\n"
		   "  --inventory FILE    check for the machine described there, not for this one\n"
		   "  --acpi PATH         ACPI tables saved with acpidump (a file, or a folder of tables), instead of the "
		   "machine's\n"
		   "  --drivers DIR       drivers for Windows (INF files): name the folder that a medium lacks\n"
		   "  --log FILE          a kernel's log (dmesg >FILE), instead of the machine's\n"
		   "  --save-inventory FILE  write the description of this machine\n"
		   "  --no-machine        leave the machine out\n"
		   "  --unsafe-read       read a FILE that another program is writing to\n"
		   "  --only LIST, --skip LIST  checks or hazards (1..6) to run or to leave out\n"
		   "  --explain [CHECK]   what a check means and what to do; without CHECK: the list\n"
		   "  -v, --verbose       a line for every check, also for those that passed\n"
		   "  --json              report as JSON\n"
		   "Exit status 1: a problem was found.\n"),
	.run = run,
};
