/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether an image starts, as the menu says it (core/plan/starts.h): for the commands. */
#ifndef POD_CLI_STARTS_H
#define POD_CLI_STARTS_H

#include "cli/stick/image.h"
#include "core/plan/starts.h"

/* "WHAT; FIX", or each for itself, translated; the caller frees. */
char *cli_start_text(const struct pod_start *s);
char *cli_start_what(const struct pod_start *s);
/* {"starts": "yes", "no" or "unknown", "code": ..., "reason": ...} under `key`. */
void cli_start_json(struct cli_json *j, const char *key, const struct pod_start *s);
/* Does it take a plan to tell? `bytes`: the image's own. */
bool cli_start_needs_plan(struct pod_dev *bytes, const struct pod_image *image);
/* Of an open image, with its plan made or why it was not. `firmware`: POD_FW_*. */
void cli_start_of(struct cli_image *im, const struct pod_plan *plan, enum pod_status st, const struct pod_diag *diag,
		  uint32_t firmware, struct pod_start *out);

#endif
