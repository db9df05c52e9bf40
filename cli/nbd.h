/* SPDX-License-Identifier: BSD-2-Clause */
/* One NBD connection, read-only. */
#ifndef POD_CLI_NBD_H
#define POD_CLI_NBD_H

#include "core/disk/dev.h"

struct cli_nbd_export {
	struct pod_dev *dev; /* its read function must stand concurrent calls */
	const char *name;    /* what the list option shows */
	const char *description;
};

/* Speaks the protocol on a connected socket until the client leaves or breaks a rule. */
void cli_nbd_serve(int fd, const struct cli_nbd_export *ex);

#endif
