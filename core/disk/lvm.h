/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Logical volumes of Linux' LVM2 whose bytes all lie on one disk. Format: lvm.c.
 */
#ifndef POD_DISK_LVM_H
#define POD_DISK_LVM_H

#include "core/disk/parttab.h"

#define POD_LVM_PV_MAX	   32u /* physical volumes on a disk that are looked at */
#define POD_LVM_VOLUME_MAX 256u
#define POD_LVM_RUN_MAX	   4096u /* of all volumes */
#define POD_LVM_NAME_MAX   64u	 /* "group/volume"; a longer one is cut */

/* Bytes of the disk, whole sectors of 512. */
struct pod_lvm_run {
	uint64_t start_bytes, length_bytes;
};

struct pod_lvm_volume {
	char name[POD_LVM_NAME_MAX];
	uint32_t partition;	       /* with its first byte; 0: there are no partitions */
	uint64_t size_bytes;	       /* the sum of its runs */
	const struct pod_lvm_run *run; /* one behind the other they are the volume */
	size_t runs, first_run;
	uint32_t group;
	char why[24]; /* "", or why it cannot be read: its kind ("raid1", "thin"), "several disks", "damaged"; then it has no runs */
};

/* What there is on a disk. */
struct pod_lvm {
	struct pod_lvm_volume *volume;
	size_t volumes, volume_cap;
	struct pod_lvm_run *run;
	size_t runs, run_cap;
	uint32_t unread; /* a partition with a physical volume whose group cannot be read; UINT32_MAX: none */
};

/* Finds the physical volumes in the partitions of `table`, or on the whole disk where that has none, and the visible volumes in their
 * groups. What is damaged or of an unknown kind is said in `out`, not returned: errors are those of the device, of memory and of the budget.
 * `disk` as the table counts; nothing of it is used later. */
enum pod_status POD_MUST_USE pod_lvm_read(struct pod_dev *disk, const struct pod_parttab *table, struct pod_alloc *a,
					  struct pod_lvm *out);
void pod_lvm_free(struct pod_lvm *l, struct pod_alloc *a); /* zeroed is legal */

#endif
