/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs of others that a check runs on what it found: bounded in time and in what they write, silent, in a folder of their
 * own. */
#ifndef POD_CLI_DOCTOR_TOOL_H
#define POD_CLI_DOCTOR_TOOL_H

#include "cli/ui/ui.h"
#include "cli/host/proc.h"

/* A new folder for files of one's own; NULL if there is none to be had. Give it to tool_remove, which removes all of it. */
char *tool_folder(void);
void tool_remove(char *folder);
/* Runs a program to its end in `folder` with nothing to read and nowhere to talk to. Its exit status; -1 if it could not be
 * started, was killed by a signal or took longer than `seconds` (of real and of CPU time), or a file over `file_max` bytes. */
int tool_run(const struct cli_args *a, const char *folder, unsigned seconds, uint64_t file_max);

#endif
