/* SPDX-License-Identifier: BSD-2-Clause */
/* isopod update: boot code only. */
#include <getopt.h>
#include <stdlib.h>
#include "cli/stick/bootcode.h"
#include "cli/ui/ui.h"
#include "cli/stick/esp.h"
#include "cli/host/identity.h"
#include "cli/stick/target.h"
#include "core/trace/state.h"

/* A filesystem that cannot be opened in the ESP of a stick whose boot code is ours. A drive that only fails to answer, or a
 * foreign one, is left alone. */
static bool esp_is_lost(struct cli_target *t)
{
	struct pod_fs fs = {0};
	enum pod_status st;

	if (!t->esp_win.dev.read || !cli_bootcode_present(&t->file.dev))
		return false;
	st = pod_fs_open_as(&fs, &pod_fs_fat, &t->esp_win.dev, &cli_alloc, NULL);
	pod_fs_close(&fs);
	return st == POD_E_FORMAT || st == POD_E_CORRUPT;
}

/* Its state file is there, or its boot code is ours. */
static bool is_ours(struct cli_target *t)
{
	struct pod_node node;

	return cli_bootcode_present(&t->file.dev) || pod_fs_lookup(&t->esp, POD_STATE_FILE, &node, &t->scratch) == POD_OK;
}

/* Makes it anew: what was on it beside our files is gone. */
static enum pod_status remake_esp(struct cli_target *t, const struct cli_esp_files *files, struct fault *fault,
				  struct pod_diag *diag)
{
	fault_warn(fault, _("%s: the ESP was damaged; it is rewritten, the images are not touched"), t->file.path);
	return cli_esp_create(&t->esp_win.dev, files, cli_identity_u32(NULL), t->esp_part->start_bytes, diag);
}

static enum pod_status update_esp(struct cli_target *t, const struct cli_esp_files *files, bool *changed, struct fault *fault,
				  struct pod_diag *diag)
{
	enum pod_status st = POD_E_CORRUPT;

	if (t->esp.ops)
		st = cli_esp_update(&t->esp_win.dev, files, changed, diag);
	/* Folders or chains that lead nowhere: nothing but a new volume helps. One that holds an interrupted change of the NTFS
	 * volume is kept. */
	if (st == POD_E_CORRUPT && (!t->esp.ops || (is_ours(t) && t->journal == POD_E_NOT_FOUND))) {
		*changed = true;
		st = remake_esp(t, files, fault, diag);
	}
	return st;
}

/* The ESP first: the stick boots with new files and old boot code, each reads only its own. */
static int update(struct cli_target *t, const struct cli_bootcode *boot, const struct cli_esp_files *files, struct fault *fault)
{
	struct pod_diag diag = {0};
	bool esp_changed = false, boot_changed = false;
	enum pod_status st;

	if (!t->esp_part || (!t->esp.ops && !esp_is_lost(t)))
		return fault_set(fault, _("%s: no readable ESP, so not an Isopod stick; 'isopod create' makes one"),
				 t->file.path);
	st = update_esp(t, files, &esp_changed, fault, &diag);
	if (st != POD_OK)
		return fault_status(fault, t->file.path, _("cannot update the ESP"), st, &diag);
	if (cli_bootcode_fits(&t->file.dev)) {
		st = cli_bootcode_update(&t->file.dev, boot, &boot_changed);
		if (st != POD_OK)
			return fault_status(fault, t->file.path, _("cannot update the boot code"), st, NULL);
	}
	if (t->partmode)
		cli_print(_("%s: the partition table no longer names an image\n"), t->file.path);
	cli_print("%s: %s\n", t->file.path, esp_changed || boot_changed ? _("boot code updated") : _("already up to date"));
	return cli_flush(fault);
}

static int run(const struct cli_command *cmd, int argc, char **argv, struct fault *fault)
{
	static const struct option options[] = {{NULL, 0, NULL, 0}};
	struct cli_bootcode boot;
	struct cli_esp_files files;
	struct cli_target *t;
	int rc = CLI_FAILED;

	if (getopt_long(argc, argv, "", options, NULL) != -1)
		return cli_bad_option(fault, cmd, argv);
	if (argc - optind != 1)
		return cli_usage(fault, cmd, "%s", _("name one TARGET"));
	if (!cli_bootcode_load(&boot, fault))
		return CLI_FAILED;
	if (cli_esp_load(&files, cli_identity_time(NULL), fault)) {
		t = cli_target_open(argv[optind], true, fault);
		if (t)
			rc = update(t, &boot, &files, fault);
		cli_target_close(t);
	}
	cli_esp_free(&files);
	cli_bootcode_free(&boot);
	return rc;
}

const struct cli_command cli_update = {
	.name = "update",
	.arguments = "TARGET",
	.summary = N_("replace the boot code on a stick, and nothing else"),
	.run = run,
};
