/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of foreign images share. */
#ifndef POD_VHD_FOREIGN_INT_H
#define POD_VHD_FOREIGN_INT_H

#include "core/vhd/foreign.h"

/* Each fills in size, parts and parent. */
enum pod_status POD_MUST_USE foreign_open_qcow2(struct pod_foreign *x, const struct pod_foreign_options *opt,
						struct pod_diag *diag);
enum pod_status POD_MUST_USE foreign_open_vmdk(struct pod_foreign *x, const struct pod_foreign_options *opt,
					       struct pod_diag *diag);
enum pod_status POD_MUST_USE foreign_open_vdi(struct pod_foreign *x, struct pod_diag *diag);

/* The text of a VMDK that lies in several files, or names its parent (vmdk_text.c). */
enum pod_status POD_MUST_USE foreign_vmdk_text(struct pod_foreign *x, char *text, bool own_file,
					       const struct pod_foreign_options *opt, struct pod_diag *diag);
/* A sparse extent as the next part. `h`: its first sector. `length`: of the disk; 0: all that it has. */
enum pod_status POD_MUST_USE foreign_vmdk_sparse(struct pod_foreign *x, struct pod_vfile *file, bool opened, uint64_t length,
						 struct pod_diag *diag);

/* The next part of the disk; it is in the list, and `file` the list's to close, only on success. */
enum pod_status POD_MUST_USE foreign_add_part(struct pod_foreign *x, const struct pod_foreign_part *p);
/* Is there a table of `entries` of `entry_bytes` at `off`, in the file? */
bool foreign_table_fits(const struct pod_vfile *f, uint64_t off, uint64_t entries, uint32_t entry_bytes);
/* `bytes` of a table of the part. */
enum pod_status POD_MUST_USE foreign_entry(struct pod_foreign_part *p, uint64_t off, unsigned bytes, const uint8_t **e);
/* POD_E_CORRUPT, and keeps the reason. */
enum pod_status POD_MUST_USE foreign_bad(struct pod_foreign_part *p, const char *what, uint64_t off);

#endif
