/* SPDX-License-Identifier: BSD-2-Clause */
/* Files that the menu passes over, and somebody may miss. */
#include <stdlib.h>
#include <string.h>
#include "cli/doctor/images.h"
#include "cli/stick/stray.h"
#include "core/rules/conf.h"

const struct doctor_check doctor_check_unlisted = {
	.id = "image.unlisted",
	.hazard = POD_HAZARD_IMAGE,
	.title = N_("not listed"),
	.explain = N_(
		"The menu lists files by the end of their names. A download that is not finished has another ending, and so has an "
		"image that is packed; neither starts. Beside a download that is not finished aria2 keeps a file of its own: "
		"the image has its full length and its name from the beginning, and holes inside. Let the download come to its end, "
		"or unpack the image."),
};

static bool has_conf(struct doctor *d)
{
	struct pod_node node;

	return pod_fs_lookup(&d->target->data, POD_CONF_FILE, &node, &d->target->scratch) == POD_OK && !node.is_dir;
}

void doctor_stray(void *ctx, const char *path)
{
	struct doctor *d = ctx;
	enum cli_stray s = cli_stray_of(path);

	if (s == CLI_STRAY_NONE)
		return;
	if (s == CLI_STRAY_CONF)
		doctor_report(d, &doctor_check_rules, has_conf(d) ? DOCTOR_NOTE : DOCTOR_WARN, path, cli_stray_text(s),
			      cli_stray_fix(s));
	else
		doctor_report(d, &doctor_check_unlisted, s == CLI_STRAY_PACKED ? DOCTOR_NOTE : DOCTOR_WARN, path,
			      cli_stray_text(s), cli_stray_fix(s));
}
