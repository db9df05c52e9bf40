/* SPDX-License-Identifier: BSD-2-Clause */
/* A disk in a folder, through FUSE. */
#ifndef POD_CLI_MOUNT_H
#define POD_CLI_MOUNT_H

#include "cli/ui/ui.h"
#include "core/disk/dev.h"

struct mount_how {
	const char *shown; /* what the disk is called, here and in the list of mounts */
	bool foreground;   /* until it is unmounted or a signal ends it; else a process in the background does that */
	bool others;	   /* other users may look into it, too */
	bool still;	   /* nobody writes to the disk meanwhile */
};
/* The usual options. */
#define MOUNT_OPTIONS                                                                                                            \
	{"foreground", no_argument, NULL, 'f'},                                                                                  \
	{                                                                                                                        \
		"allow-other", no_argument, NULL, 'a'                                                                            \
	}

/* Shows an open disk, which is read only, in the empty folder `dir`, says what it shows, and returns once it can be looked at. What
 * the disk reads from must be open for reading. CLI_OK, or CLI_FAILED and has said why. */
int cli_mount_run(struct pod_dev *disk, const char *dir, const struct mount_how *how, struct fault *fault);
int cli_mount_undo(const char *dir, struct fault *fault);
/* isopod disk unmount DIR, isopod layer unmount DIR. */
int cli_mount_cmd_undo(const struct cli_command *cmd, int argc, char **argv, struct fault *fault);

#endif
