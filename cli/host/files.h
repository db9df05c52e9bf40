/* SPDX-License-Identifier: BSD-2-Clause */
/* Several files of the host as one device: what a plan's map counts in when an image stands on others. */
#ifndef POD_CLI_FILES_H
#define POD_CLI_FILES_H

#include "cli/host/dev.h"
#include "core/plan/plan.h"

struct cli_files;

/* `first` stays the caller's, and open; it begins at byte 0. The others are locked as readers' files are (lock.h), unless `unsafe`. */
struct cli_files *cli_files_open(struct cli_dev *first, bool unsafe);
void cli_files_close(struct cli_files *f);
struct pod_dev *cli_files_dev(struct cli_files *f);
/* Adds the file that would be `path` on a stick if the first one lay in /images there; says where it lies on the device.
 * POD_E_NOT_FOUND; POD_E_LIMIT. */
enum pod_status POD_MUST_USE cli_files_find(struct cli_files *f, const char *path, struct pod_plan_file *out,
					    struct fault *fault);

#endif
