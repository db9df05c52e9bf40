/* SPDX-License-Identifier: BSD-2-Clause */
/* The NBD server: one connection, and a socket for many. */
#ifndef POD_CLI_NBD_H
#define POD_CLI_NBD_H

#include <pthread.h>
#include "core/disk/dev.h"

/* How a range of a disk is; `flags` as the context has them. */
struct cli_nbd_extent {
	uint64_t len;
	uint32_t flags;
};
enum { CLI_NBD_DATA = 0, CLI_NBD_HOLE = 1, CLI_NBD_ZERO = 2 }; /* base:allocation */
enum { CLI_NBD_DIRTY = 1 };				       /* what changed since a layer */

/* A part of the disk, as it lies in a device whose read function stands concurrent calls; `dev` NULL: zeros. */
struct cli_nbd_piece {
	struct pod_dev *dev;
	uint64_t off_bytes;
	size_t len;
};

struct cli_nbd_export {
	struct pod_dev *dev; /* with `lock` NULL its read function must stand concurrent calls */
	const char *name;    /* what the list option shows */
	const char *description;
	/* Held shared by what only reads, alone by what changes something: whoever exchanges the disk behind `dev` holds it. NULL: none. */
	pthread_rwlock_t *gate;
	pthread_mutex_t *lock; /* held around each call */
	/* Where a range lies, its beginning at least: how many pieces at `out`, which are good for as long as `gate` is held; they are read
	 * without `lock`, so that several connections read at a time. 0: only `dev` knows. NULL: always so. */
	unsigned (*locate)(void *ctx, uint64_t off_bytes, size_t len, struct cli_nbd_piece *out, unsigned max);
	/* Makes a range read as zeros. NULL: the export is read-only. */
	enum pod_status (*zero)(void *ctx, uint64_t off_bytes, uint64_t len_bytes);
	bool zero_is_fast; /* no slower than a write would be that nobody had to send */
	/* A change or a flush failed, and the client is told; called within `lock`. NULL: nobody else need know. */
	void (*failed)(void *ctx, enum pod_status st);
	/* What is at the beginning of a range in context `context`: 0 is base:allocation, N what changed since the layer that
	 * since(ctx, N) names. out->len: from 1 to `len`. NULL: clients are not told. */
	enum pod_status (*extent)(void *ctx, unsigned context, uint64_t off_bytes, uint64_t len_bytes,
				  struct cli_nbd_extent *out);
	/* N from 1 on; NULL behind the last one. A number means the same layer for as long as the export is open. NULL: there are none. */
	const char *(*since)(void *ctx, unsigned n);
	void *ctx; /* of all of them */
};

/* Which exports there are. Called from any connection's thread. */
struct cli_nbd_source {
	/* Shows each to `cb`, until that returns false. */
	void (*list)(void *ctx, bool (*cb)(void *arg, const char *name), void *arg);
	/* NULL: there is none of that name, or it cannot be opened. "" is the default. */
	const struct cli_nbd_export *(*open)(void *ctx, const char *name);
	void (*close)(void *ctx, const struct cli_nbd_export *ex);
	void *ctx;
};

/* Speaks the protocol on a connected socket until the client leaves or breaks a rule. */
void cli_nbd_serve(int fd, const struct cli_nbd_source *source);
/* A source with one export, to which every name leads. */
struct cli_nbd_source cli_nbd_one(struct cli_nbd_export *ex);

/* Listens on the Unix socket `path` (only its owner may connect), says so once a client can come ("Serving `shown` ..."), and
 * serves until a signal or, with `once`, until the last client has left. Returns an exit status, errors said. */
int cli_nbd_run(const struct cli_nbd_export *ex, const char *shown, const char *path, bool once, struct fault *fault);

/* The same of many exports. */
struct cli_nbd_run {
	const struct cli_nbd_source *source;
	const char *shown, *path;
	uint64_t size_bytes; /* of the default export, to be told */
	bool once;
	/* A further socket that is listened on, or -1: whoever connects is handed to `also`, which closes it. False: the server ends. */
	int also_fd;
	bool (*also)(void *ctx, int fd);
	void *ctx;
};

int cli_nbd_run_all(const struct cli_nbd_run *r, struct fault *fault);
#endif
