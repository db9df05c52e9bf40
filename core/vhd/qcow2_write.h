/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A qcow2 file that is written once, from the beginning: for `disk convert`, and the overlay of a virtual machine. To be read: foreign.h.
 *
 *   pod_qcow2_begin(&q, &file, &alloc, &how, &diag);
 *   pod_dev_write(&q.dev, ...)     in any order; what is not written reads as zeros, or as the backing file
 *   pod_qcow2_finish(&q);          only now it is a qcow2
 *   pod_qcow2_end(&q);
 */
#ifndef POD_VHD_QCOW2_WRITE_H
#define POD_VHD_QCOW2_WRITE_H

#include "core/vhd/vfile.h"

#define POD_QCOW2_SIZE_MAX (UINT64_C(1) << 51)

struct pod_qcow2_how {
	uint64_t size_bytes;
	/* Its path as QEMU is to open it, and what it shows: a cluster that is written in part is filled from it. NULL: none. */
	const char *backing_path;
	struct pod_dev *backing; /* raw */
};

struct pod_qcow2 {
	struct pod_dev dev; /* the disk, only to be written */
	struct pod_vfile *file;
	struct pod_alloc *alloc;
	struct pod_dev *backing;
	const char *backing_path;
	uint64_t **second; /* tables of the second level: where each cluster is; NULL: nothing of it was written */
	uint32_t tables;   /* that many may be */
	uint64_t next;	   /* the next free cluster of the file */
	uint8_t *cluster;
};

/* `file` is empty; it stays the caller's, as do path and backing. POD_E_LIMIT: too large, or a path too long. */
enum pod_status POD_MUST_USE pod_qcow2_begin(struct pod_qcow2 *q, struct pod_vfile *file, struct pod_alloc *a,
					     const struct pod_qcow2_how *how, struct pod_diag *diag);
/* The tables, the header last; not flushed. */
enum pod_status POD_MUST_USE pod_qcow2_finish(struct pod_qcow2 *q);
/* Frees what the writer holds, finished or not. */
void pod_qcow2_end(struct pod_qcow2 *q);

#endif
