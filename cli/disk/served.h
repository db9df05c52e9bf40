/* SPDX-License-Identifier: BSD-2-Clause */
/* An open chain as an NBD export, with what clients may ask about it: where it has data, what changed since a layer. */
#ifndef POD_CLI_DISK_SERVED_H
#define POD_CLI_DISK_SERVED_H

#include "cli/disk/disk.h"
#include "cli/nbd/nbd.h"

struct disk_served {
	struct cli_nbd_export ex;
	pthread_rwlock_t gate;
	pthread_mutex_t lock;
	struct pod_chain *chain;
	const char *shown; /* in messages */
	/* What a layer is called; its number in the chain stays, as layers come on top only: 0 is the lowest one. */
	const char *(*name)(const struct disk_served *s, unsigned height);
	void *ctx;
	uint64_t failures;
};

/* `chain` is open, or will be when clients come, and stays where it is. Nothing is moved afterwards. */
void disk_served_begin(struct disk_served *s, struct pod_chain *chain, bool writable, const char *shown);
void disk_served_end(struct disk_served *s);
/* How many writes failed, as a warning. */
void disk_served_warn(const struct disk_served *s, struct fault *fault);

#endif
