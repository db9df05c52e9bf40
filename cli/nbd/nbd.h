/* SPDX-License-Identifier: BSD-2-Clause */
/* The NBD server: one connection, and a socket for many. */
#ifndef POD_CLI_NBD_H
#define POD_CLI_NBD_H

#include <pthread.h>
#include "core/disk/dev.h"

struct cli_nbd_export {
	struct pod_dev *dev; /* with `lock` NULL its read function must stand concurrent calls */
	const char *name;    /* what the list option shows */
	const char *description;
	pthread_mutex_t *lock; /* held around each call */
	/* Makes a range read as zeros. NULL: the export is read-only. */
	enum pod_status (*zero)(void *ctx, uint64_t off_bytes, uint64_t len_bytes);
	/* A change or a flush failed, and the client is told; called within `lock`. NULL: nobody else need know. */
	void (*failed)(void *ctx, enum pod_status st);
	void *ctx; /* of both */
};

/* Speaks the protocol on a connected socket until the client leaves or breaks a rule. */
void cli_nbd_serve(int fd, const struct cli_nbd_export *ex);

/* Listens on the Unix socket `path` (only its owner may connect), says so once a client can come ("Serving `shown` ..."), and
 * serves until a signal or, with `once`, until the last client has left. Returns an exit status, errors said. */
int cli_nbd_run(const struct cli_nbd_export *ex, const char *shown, const char *path, bool once, struct fault *fault);

#endif
