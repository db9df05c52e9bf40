/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kernel has mounted and swaps to, read by libmount. */
#ifndef POD_CLI_HOST_MOUNTS_H
#define POD_CLI_HOST_MOUNTS_H

#include <stdbool.h>
#include <sys/types.h>

struct cli_mount {
	dev_t device; /* a btrfs has an anonymous one: its source tells more */
	const char *source, *point, *type;
	const char *options; /* of this mount: "rw,relatime" */
	bool sync, noatime;  /* of this mount or of the filesystem */
};

/* Calls `visit` for each mount until it returns true. NULL, or in a sentence (translated, not to be freed) why they are unknown.
 */
const char *cli_mounts_each(bool (*visit)(void *ctx, const struct cli_mount *m), void *ctx);
/* The same for the devices and files of the swap space; only `source` is set. */
const char *cli_swaps_each(bool (*visit)(void *ctx, const struct cli_mount *m), void *ctx);

#endif
