/* SPDX-License-Identifier: BSD-2-Clause */
/* What plan says that the planner does not know. */
#ifndef POD_CLI_CMD_PLAN_H
#define POD_CLI_CMD_PLAN_H

#include "cli/ui/fault.h"

/* One warning if FILE or TARGET:PATH is a layer of a store that is not the current one. */
void plan_warn_of_layer(const char *arg, struct fault *fault);

#endif
