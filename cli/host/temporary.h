/* SPDX-License-Identifier: BSD-2-Clause */
/* A folder for temporary files. */
#ifndef POD_CLI_HOST_TEMPORARY_H
#define POD_CLI_HOST_TEMPORARY_H

#include "cli/ui/ui.h"

/* A new folder for files of one's own; NULL if there is none to be had. Give it to temporary_remove, which removes all of it. */
char *temporary_folder(void);
void temporary_remove(char *folder);

#endif
