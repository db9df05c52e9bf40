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
enum pod_status POD_MUST_USE foreign_open_qcow(struct pod_foreign *x, struct pod_diag *diag);
enum pod_status POD_MUST_USE foreign_open_qed(struct pod_foreign *x, struct pod_diag *diag);
enum pod_status POD_MUST_USE foreign_open_parallels(struct pod_foreign *x, struct pod_diag *diag);

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
/* Two levels of tables with entries of 8 bytes in the first one: the entry of `bytes` of the second one for a cluster. NULL: there is no
 * such table, and c->units says for how many units, those of the cluster's beginning on. */
enum pod_status POD_MUST_USE foreign_second(struct pod_foreign_part *p, uint64_t cluster, unsigned bytes, const uint8_t **e,
					    struct pod_cell *c);
/* The backing file's name, which must end before `end`; none if `at` is 0. */
enum pod_status POD_MUST_USE foreign_backing(struct pod_foreign *x, uint64_t at, uint32_t len, uint64_t end,
					     struct pod_diag *diag);
/* POD_E_CORRUPT, and keeps the reason. */
enum pod_status POD_MUST_USE foreign_bad(struct pod_foreign_part *p, const char *what, uint64_t off);

#endif
