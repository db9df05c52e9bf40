/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Layers that are served: the current one, of which a snapshot can be taken meanwhile, and any other one to be read. On top of
 * ops.h.
 */
#ifndef POD_CLI_LAYER_LIVE_H
#define POD_CLI_LAYER_LIVE_H

#include "cli/disk/served.h"
#include "cli/layer/ops.h"

/* A store, one of whose files its owner has open already: that one is handed out instead of being opened again, which our own lock
 * on it would forbid. Not to be moved. */
struct live_store {
	struct layer_store ls; /* first */
	const struct store_ops *under;
	struct store_ops ops;
	struct disk_file *held; /* NULL: none */
};

struct live_layer {
	struct disk d;
	struct disk_served served;
	uint32_t id;
	char (*name)[POD_STORE_NAME_MAX]; /* of the chain's layers, the top one first */
	unsigned users;
	struct live_layer *next;
};

struct live {
	const char *arg;
	bool writable;
	char *name; /* the store's: of the current layer's export */
	struct live_store files;
	pthread_mutex_t lock; /* on `files` and the list; before an export's own locks */
	struct live_layer current;
	struct live_layer *others;
};

/* Opens the store and its current layer. CLI_OK, or CLI_FAILED and has said why. */
int live_open(struct live *lv, const char *arg, bool writable, struct fault *fault);
/* CLI_OK, or CLI_FAILED and has said why: what was pending could not be written. */
int live_close(struct live *lv, struct fault *fault);

/* Names of exports: the store's, then the layers'. What is being written to is no layer yet. */
void live_list(struct live *lv, bool (*cb)(void *arg, const char *name), void *arg);
/* "" and the store's name: the current layer. NULL: there is no such layer, or it cannot be opened, and has said so. */
const struct cli_nbd_export *live_use(struct live *lv, const char *name);
void live_leave(struct live *lv, const struct cli_nbd_export *ex);

/* Between two requests of the clients, who go on in a new layer and notice nothing. CLI_OK, or CLI_FAILED and has said why: then
 * they go on as before. *lost: that could not be done, and all that they ask for fails. */
int live_snapshot(struct live *lv, const char *name, bool *lost, struct fault *fault);

/* --- from another process: a socket in the store's folder --------------------------------------------------- */

#define LIVE_SOCKET "isopod-layers.sock"

/* Listens in the folder. -1, and has said why: it cannot. */
int live_control_open(int folder, struct fault *fault);
void live_control_close(int folder, int fd);
/* What `fd`, just accepted, asks for is done, answered and closed. False: everything is lost (live_snapshot). */
bool live_control_answer(struct live *lv, int fd, struct fault *fault);
/* Asks the server that has the store, if there is one, for a snapshot. False: there is none. *rc: as live_snapshot's. */
bool live_control_snapshot(const char *store, const char *name, int *rc, struct fault *fault);

#endif
