/* SPDX-License-Identifier: BSD-2-Clause */
/* Hazard 3: the configuration, through the same code as `isopod rules lint`. */
#include "cli/doctor/images.h"
#include "cli/stick/rules.h"
#include "cli/stick/stray.h"

const struct doctor_check doctor_check_rules = {
	.id = "rules.conf",
	.hazard = POD_HAZARD_RULES,
	.title = N_("isopod.conf"),
	.explain = N_("The file /isopod.conf on the data partition holds 'key = value' lines. A line that makes no sense is "
		      "skipped; of two valid lines for one key the later one applies; a default that names no image on the stick "
		      "starts nothing; a timeout without a default has no effect. 'isopod rules show' prints which value applies "
		      "and which line it comes from."),
};
static const struct doctor_check *const checks[] = {&doctor_check_rules};

static void on_finding(void *ctx, const struct cli_rules_finding *f)
{
	enum doctor_level level = f->problem == POD_CONF_DEAD || f->problem == POD_CONF_ENCODING ? DOCTOR_BAD
				  : f->problem == POD_CONF_NO_EFFECT				 ? DOCTOR_NOTE
												 : DOCTOR_WARN;
	char place[32];

	snprintf(place, sizeof place, "%s:%u", POD_CONF_FILE, f->line);
	doctor_reportf(ctx, &doctor_check_rules, level, place,
		       _("edit the line, or remove it; 'isopod rules show' tells which value applies"), "%s%s%s", f->key,
		       f->key[0] ? ": " : "", f->what);
}

/* A folder of this name, or the file on the ESP, where nobody reads it. */
static bool is_misplaced(struct doctor *d)
{
	struct cli_target *t = d->target;
	struct pod_node node;

	if (pod_fs_lookup(&t->data, POD_CONF_FILE, &node, &t->scratch) == POD_OK && node.is_dir) {
		doctor_report(d, &doctor_check_rules, DOCTOR_WARN, POD_CONF_FILE, _("it is a folder; the defaults apply"),
			      _("remove it, and make a text file of this name"));
		return true;
	}
	for (size_t i = 0; t->esp.ops && i < 2; i++) {
		const char *path = i ? "ISOPOD/" POD_CONF_FILE : POD_CONF_FILE;

		if (pod_fs_lookup(&t->esp, path, &node, &t->scratch) != POD_OK)
			continue;
		doctor_reportf(d, &doctor_check_rules, DOCTOR_WARN, path, cli_stray_fix(CLI_STRAY_CONF), _("on the ESP: %s"),
			       cli_stray_text(CLI_STRAY_CONF));
		return true;
	}
	return false;
}

static void run_stick(struct doctor *d)
{
	struct cli_rules r;
	enum pod_status st = cli_rules_read_target(&r, d->target);

	if (st != POD_OK)
		doctor_reportf(d, &doctor_check_rules, DOCTOR_BAD, POD_CONF_FILE,
			       _("check the volume with fsck (fsck.exfat, fsck.fat)"), _("it cannot be read: %s"),
			       cli_status_text(st));
	else if (!r.text && is_misplaced(d))
		; /* told */
	else if (!r.text)
		doctor_report(d, &doctor_check_rules, DOCTOR_GOOD, POD_CONF_FILE, _("does not exist; the defaults apply"), NULL);
	else if (!cli_rules_lint(&r, on_finding, d))
		doctor_report(d, &doctor_check_rules, DOCTOR_GOOD, POD_CONF_FILE, _("nothing wrong"), NULL);
	cli_rules_free(&r);
}

const struct doctor_module doctor_mod_rules = {.check = checks, .count = POD_ARRAY_LEN(checks), .run_stick = run_stick};
