/* SPDX-License-Identifier: BSD-2-Clause */
/* A device on top of another one: what is written to it stays in memory, by sectors. */
#ifndef POD_CLI_OVERLAY_H
#define POD_CLI_OVERLAY_H

#include "core/disk/dev.h"

#define OVERLAY_UNIT 512u

struct overlay_sector {
	uint64_t no;
	uint8_t data[OVERLAY_UNIT];
};

struct overlay {
	struct pod_dev dev; /* first */
	struct pod_dev *base;
	struct overlay_sector **v; /* those that were written to, sorted */
	size_t n, cap;
};

/* POD_E_LIMIT from a write: too much was written. Its memory goes with the process. */
void overlay_init(struct overlay *o, struct pod_dev *base);

#endif
