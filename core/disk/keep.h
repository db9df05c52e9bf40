/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A device that keeps what was read first, up to a size, and reads it once: firmware reads a boot manager to load it, and Windows' reads
 * itself again, and its fonts several times. Nothing is read ahead, and what is kept stays; when the memory is full, the rest goes
 * through. For devices that nobody writes to meanwhile.
 */
#ifndef POD_DISK_KEEP_H
#define POD_DISK_KEEP_H

#include "core/disk/dev.h"

#define POD_KEEP_BLOCK 512u

struct pod_keep {
	struct pod_dev dev;
	struct pod_dev *parent;
	struct pod_alloc *alloc;
	uint32_t blocks, used;
	uint64_t *number; /* of each block that is kept */
	uint32_t *table;  /* which of them lies here, plus 1; 0: none; twice as many as `blocks`, a power of two */
	uint8_t *data;
};

/* Room for `bytes`, a power of two. On failure nothing is left allocated. `parent` outlives it. */
enum pod_status POD_MUST_USE pod_keep_init(struct pod_keep *k, struct pod_dev *parent, struct pod_alloc *a, uint32_t bytes);
void pod_keep_fini(struct pod_keep *k); /* zeroed is legal */

#endif
