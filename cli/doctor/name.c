/* SPDX-License-Identifier: BSD-2-Clause */
/* Names that can be taken for others: "debian" with a Cyrillic letter, or with one that nobody sees. */
#include <stdlib.h>
#include <string.h>
#include "cli/doctor/images.h"
#include "core/base/str.h"
#include "core/base/text.h"

const struct doctor_check doctor_check_name = {
	.id = "image.name",
	.hazard = POD_HAZARD_IMAGE,
	.title = N_("a name like another"),
	.explain =
		N_("A name that mixes Latin letters with Cyrillic, Greek or full-width ones that look like them, or that holds "
		   "characters without width, can be taken for another name: in the menu both look the same. Such a name is "
		   "seldom an accident. If you did not give it yourself, do not start the image before its hash is known to be "
		   "its maker's; else rename the file."),
};

#define SHOWN_MAX 4u

/* "U+0456, U+200B": what is not ASCII in it. */
static char *code_points(const char *name)
{
	const char *end = name + strlen(name);
	char *list = NULL;
	unsigned n = 0;

	while (name < end && n <= SHOWN_MAX) {
		uint32_t cp = pod_utf8_next(&name, (size_t)(end - name));
		char *more;

		if (cp < 0x80 && !pod_text_hidden(cp))
			continue;
		more = n++ == SHOWN_MAX ? cli_xasprintf("%s ...", list)
					: cli_xasprintf("%s%sU+%04X", list ? list : "", list ? ", " : "", (unsigned)cp);
		free(list);
		list = more;
	}
	return list ? list : cli_xstrdup("");
}

void doctor_name(struct doctor *d, const struct doctor_image *im)
{
	char *points;

	if (!pod_text_looks_alike(im->path)) {
		doctor_report(d, &doctor_check_name, DOCTOR_GOOD, im->subject, _("no letters that look like others"), NULL);
		return;
	}
	points = code_points(im->path);
	doctor_reportf(d, &doctor_check_name, DOCTOR_WARN, im->subject,
		       _("compare the image with its maker's checksum, and rename it"),
		       _("the name can be taken for another one: among its letters are %s"), points);
	free(points);
}
