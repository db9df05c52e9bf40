/* SPDX-License-Identifier: BSD-2-Clause */
/* Hazard 3: the configuration, through the same code as `isopod rules lint`. */
#include "cli/doctor/doctor.h"
#include "cli/stick/rules.h"

static const struct doctor_check rules_check = {
	.id = "rules.conf",
	.hazard = POD_HAZARD_RULES,
	.title = N_("isopod.conf"),
	.explain = N_("The file /isopod.conf on the data partition holds 'key = value' lines. A line that makes no sense is "
		      "skipped; of two valid lines for one key the later one applies; a default that names no image on the stick "
		      "starts nothing; a timeout without a default has no effect. 'isopod rules show' prints which value applies "
		      "and which line it comes from."),
};
static const struct doctor_check *const checks[] = {&rules_check};

static void on_finding(void *ctx, const struct cli_rules_finding *f)
{
	enum doctor_level level = f->problem == POD_CONF_DEAD	     ? DOCTOR_BAD
				  : f->problem == POD_CONF_NO_EFFECT ? DOCTOR_NOTE
								     : DOCTOR_WARN;
	char place[32];

	snprintf(place, sizeof place, "%s:%u", POD_CONF_FILE, f->line);
	doctor_reportf(ctx, &rules_check, level, place,
		       _("edit the line, or remove it; 'isopod rules show' tells which value applies"), "%s%s%s", f->key,
		       f->key[0] ? ": " : "", f->what);
}

static void run_stick(struct doctor *d)
{
	struct cli_rules r;
	enum pod_status st = cli_rules_read_target(&r, d->target);

	if (st != POD_OK)
		doctor_reportf(d, &rules_check, DOCTOR_BAD, POD_CONF_FILE, _("check the volume with fsck (fsck.exfat, fsck.fat)"),
			       _("it cannot be read: %s"), cli_status_text(st));
	else if (!r.text)
		doctor_report(d, &rules_check, DOCTOR_GOOD, POD_CONF_FILE, _("does not exist; the defaults apply"), NULL);
	else if (!cli_rules_lint(&r, on_finding, d))
		doctor_report(d, &rules_check, DOCTOR_GOOD, POD_CONF_FILE, _("nothing wrong"), NULL);
	cli_rules_free(&r);
}

const struct doctor_module doctor_mod_rules = {.check = checks, .count = POD_ARRAY_LEN(checks), .run_stick = run_stick};
