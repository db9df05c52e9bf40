/* SPDX-License-Identifier: BSD-2-Clause */
/* What is odd about the name of a file on a stick. It works here; a warning, not a refusal. */
#ifndef POD_CLI_NAME_H
#define POD_CLI_NAME_H

#include "cli/ui/ui.h"

enum {
	CLI_NAME_WINDOWS = 1, /* Windows cannot open it, or opens something else */
	CLI_NAME_ALIKE = 2,   /* a reader could take it for another name */
};

/* Of a path, any of its parts counted. */
unsigned cli_name_problems(const char *path);
/* One warning for each. */
void cli_name_warn(const char *path, struct fault *fault);

#endif
