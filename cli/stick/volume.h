/* SPDX-License-Identifier: BSD-2-Clause */
/* The data partition of a stick, opened for writing, with its list of hashes. */
#ifndef POD_CLI_VOLUME_H
#define POD_CLI_VOLUME_H

#include "cli/stick/hashlist.h"
#include "core/fs/exfat_write.h"

struct cli_volume {
	struct cli_target *t;
	struct pod_exfat_vol vol;
	struct cli_hashlist hashes;
	bool mounted;
};

/* Says what is wrong and returns false; `v` is then closed. */
bool cli_volume_open(struct cli_volume *v, const char *target, struct fault *fault);
/* Leaves the volume clean. False, and has said so, if that failed. NULL target is legal. */
bool cli_volume_close(struct cli_volume *v, struct fault *fault);
/* Looks a path up as the volume is now. (The reader opened with the target keeps what it has read.) */
enum pod_status POD_MUST_USE cli_volume_lookup(struct cli_volume *v, const char *path, struct pod_node *out);
/* Writes the list of hashes back. Without room for it, a warning; false, and has said so, if the drive failed. */
bool cli_volume_save_hashes(struct cli_volume *v, struct fault *fault);
/* One line for a failed change; returns CLI_FAILED. */
int cli_volume_fail(const struct cli_volume *v, const char *path, const char *what, enum pod_status st,
		    const struct pod_diag *diag, struct fault *fault);

#endif
