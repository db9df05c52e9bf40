/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files that are none of the host's: TARGET:/path, on a stick that nobody has mounted. They are only read. What a stick is, a room
 * above this one knows, and defines these (cli/layer/elsewhere.c).
 */
#ifndef POD_CLI_DISK_ELSEWHERE_H
#define POD_CLI_DISK_ELSEWHERE_H

#include "cli/disk/disk.h"

/* Is it such a name? TARGET is a file or a drive, and the whole is no file. */
bool disk_elsewhere_is(const char *path);
/* POD_OK: *file is open. POD_E_NOT_FOUND: there is no such file, and if there is no such folder or stick, that has been said; any other:
 * what is wrong has been said. `lock`: nobody may write to the stick meanwhile. */
enum pod_status disk_elsewhere_open(const char *path, bool lock, struct disk_elsewhere **out, struct disk_file **file,
				    struct fault *fault);
void disk_elsewhere_close(struct disk_elsewhere *e);

#endif
