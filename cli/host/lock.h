/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Locks on image files, as QEMU takes them, so that either program respects the other: what somebody does with a file, and what
 * nobody else may do meanwhile, are shared OFD locks on single bytes (lock.c).
 */
#ifndef POD_CLI_LOCK_H
#define POD_CLI_LOCK_H

#include "cli/ui/ui.h"

#define CLI_LOCK_NAME 32u

/* Kept until `fd` is closed. A reader: others may read. A writer: nobody may. Others that are only passing are waited for. False,
 * and has said who has it; a filesystem without locks is no reason to refuse. */
bool cli_lock_take(int fd, bool writable, const char *path, struct fault *fault);
/* The folder's lock (flock), for which others are waited for some seconds. */
bool cli_lock_folder(int fd, const char *path, struct fault *fault);

/* Another process that holds a lock on the open file: its number, and its name without controls. False: none that we may see. */
bool cli_lock_holder(int fd, long *pid, char name[CLI_LOCK_NAME]);

/* From a writer's lock to a reader's, without a moment between. */
void cli_lock_share(int fd);
/* The file stays open, and who held it no longer forbids anything. */
void cli_lock_release(int fd);

#endif
