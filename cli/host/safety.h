/* SPDX-License-Identifier: BSD-2-Clause */
/* May this drive be written to? */
#ifndef POD_CLI_SAFETY_H
#define POD_CLI_SAFETY_H

#include <stdbool.h>
#include <sys/types.h>

/* Where /proc and /sys are looked for; "" but in tests. */
extern const char *cli_safety_root;

/* Refuses (false, and has said why) a block device that is mounted, holds swap, or is held by another device (RAID, LVM,
 * encryption), in whole or in part, and a partition where a whole drive is meant; and a file behind a loop device that is in use.
 */
bool cli_safety_check_idle(const char *path, struct fault *fault);
/* Is a device the drive, or a partition of it? */
bool cli_safety_is_of_drive(dev_t device, dev_t drive);
/* The path of the file that a loop device is made of, freshly allocated; NULL: it is none. */
char *cli_safety_backing_file(dev_t loop);
/* True for a block device that is neither removable nor on USB. */
bool cli_safety_is_fixed(const char *path);

#endif
