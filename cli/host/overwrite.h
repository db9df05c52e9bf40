/* SPDX-License-Identifier: BSD-2-Clause */
/* May what is on a drive or in a file be written over? */
#ifndef POD_CLI_OVERWRITE_H
#define POD_CLI_OVERWRITE_H

#include "cli/host/dev.h"

/* Of one that is open, and idle (safety.h): what would be lost is told, and so is why it may not be, unless `yes`: the user knows. */
bool cli_may_overwrite(struct cli_dev *d, bool yes, struct fault *fault);

#endif
