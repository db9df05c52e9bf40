/* SPDX-License-Identifier: BSD-2-Clause */
/* What plan says that the planner does not know. */
#ifndef POD_CLI_CMD_PLAN_H
#define POD_CLI_CMD_PLAN_H

#include "cli/stick/image.h"

/* One warning if FILE or TARGET:PATH is a layer of a store that is not the current one. */
void plan_warn_of_layer(const char *arg, struct fault *fault);

/* Of the current layer of a store, where isopod.conf asks for snapshots before its starts: whether the menu will take one, or why not. NULL:
 * nobody asks. *taken: it can. The caller frees. */
char *plan_snapshot(struct cli_image *im, const char *arg, bool *taken);

#endif
