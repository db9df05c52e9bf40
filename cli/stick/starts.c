/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>
#include "cli/stick/starts.h"

static const char *translate(void *ctx, const char *text)
{
	(void)ctx;
	return *text ? _(text) : text;
}

char *cli_start_text(const struct pod_start *s)
{
	char text[POD_START_TEXT];

	pod_start_say(s, translate, NULL, text, sizeof text);
	return cli_xstrdup(text);
}

char *cli_start_what(const struct pod_start *s)
{
	struct pod_start what = *s;

	what.fix = "";
	return cli_start_text(&what);
}

void cli_start_json(struct cli_json *j, const char *key, const struct pod_start *s)
{
	static const char *const word[] = {[POD_STARTS] = "yes", [POD_STARTS_NOT] = "no", [POD_STARTS_UNKNOWN] = "unknown"};
	char text[POD_START_TEXT];

	pod_start_say(s, NULL, NULL, text, sizeof text);
	cli_json_open(j, key, '{');
	cli_json_str(j, "starts", word[s->starts]);
	cli_json_str(j, "code", pod_start_code(s->why));
	cli_json_str(j, "reason", *text ? text : NULL);
	cli_json_close(j, '}');
}

bool cli_start_needs_plan(struct pod_dev *bytes, const struct pod_image *image)
{
	return pod_start_needs_plan(image, POD_START_ALL) || cli_image_has_windows(bytes, image);
}

void cli_start_of(struct cli_image *im, const struct pod_plan *plan, enum pod_status st, const struct pod_diag *diag,
		  uint32_t firmware, struct pod_start *out)
{
	/* Of a virtual disk the plan knows which parts must have been written. */
	bool disk = plan && plan->container != POD_IMAGE_UNKNOWN;

	if (im->target && pod_start_of_extents(im->extent, disk ? 0 : im->extent_count, im->size_bytes, out))
		return;
	if (st == POD_OK)
		pod_start_of_plan(plan, firmware, out);
	else
		pod_start_of_failure(st, diag, plan->parent, im->target ? cli_target_bad_shim(im->target) : NULL, out);
}
