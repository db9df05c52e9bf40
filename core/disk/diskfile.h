/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In what form does a file hold a disk?
 *
 * Everything that opens a file as a disk asks pod_diskfile_decide, so that all give the same answer. A container that is taken
 * for the disk's own bytes gives wrong data without an error; so a file is a raw disk only if somebody said so, or if its name
 * does and nothing in it speaks against that.
 */
#ifndef POD_DISK_DISKFILE_H
#define POD_DISK_DISKFILE_H

#include "core/disk/dev.h"

enum pod_diskfile {
	POD_DISKFILE_NONE, /* not known */
	POD_DISKFILE_RAW,
	POD_DISKFILE_VHD,
	POD_DISKFILE_VHDX,
	/* Other programs' from here on. */
	POD_DISKFILE_QCOW,
	POD_DISKFILE_QCOW2,
	POD_DISKFILE_QED,
	POD_DISKFILE_VMDK,
	POD_DISKFILE_VDI,
	POD_DISKFILE_PARALLELS,
	POD_DISKFILE_BOCHS,
	POD_DISKFILE_CLOOP,
	POD_DISKFILE_DMG,
	POD_DISKFILE_EWF,
	POD_DISKFILE_COUNT
};

/* "raw", "vhd", "vhdx", "qcow2" ... as QEMU has them, but for "vhd"; "unknown". */
const char *pod_diskfile_text(enum pod_diskfile f);
/* The other way round; POD_DISKFILE_NONE if it is none of them. */
enum pod_diskfile pod_diskfile_parse(const char *text);
static inline bool pod_diskfile_is_foreign(enum pod_diskfile f)
{
	return f > POD_DISKFILE_VHDX;
}

/* What the end of a file's name says (NULL: no name). */
enum pod_diskfile pod_diskfile_of_name(const char *name);
/* What the bytes say, wherever a format has a signature; `named`, what the name says, decides if two formats have theirs in it.
 * POD_DISKFILE_NONE: no signature. POD_E_UNSUPPORTED: two, and the name is of neither. */
enum pod_status POD_MUST_USE pod_diskfile_probe(struct pod_dev *d, enum pod_diskfile named, enum pod_diskfile *out,
						struct pod_diag *diag);
/* What the user said (POD_DISKFILE_NONE: nothing), else what the bytes say, else what the name says. POD_E_FORMAT if none of them
 * says anything. */
enum pod_status POD_MUST_USE pod_diskfile_decide(struct pod_dev *d, enum pod_diskfile said, enum pod_diskfile named,
						 enum pod_diskfile *out, struct pod_diag *diag);

#endif
