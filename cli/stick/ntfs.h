/* SPDX-License-Identifier: BSD-2-Clause */
/* The data partition of a stick, if it is NTFS: made, and changed. */
#ifndef POD_CLI_NTFS_H
#define POD_CLI_NTFS_H

#include "cli/stick/ntfs_call.h"
#include "cli/stick/target.h"
#include "core/fs/exfat_write.h"

#define CLI_NTFS_LABEL_MAX 32u /* UTF-16 units: what Windows takes */

struct cli_ntfs_format {
	uint64_t start_bytes, length_bytes;
	const char *label;
	uint32_t serial;
	int64_t time; /* of the folder /images */
	bool fixed_time;
};
/* Makes an NTFS volume with a folder /images, by mkntfs. Says why on false. */
bool cli_ntfs_format(struct cli_dev *disk, const struct cli_ntfs_format *f, struct fault *fault);

struct cli_ntfs {
	struct cli_target *t;
	int fd;	     /* the same file or drive, for reading only */
	bool failed; /* a write: nothing more is written */
	/* A file with clusters of which the volume does not know yet, and these. */
	const struct pod_exfat_file *growing;
	struct pod_extent *held;
	size_t helds;
};
/* Brings an interrupted change to its end. Says why it cannot be written to, and returns false. */
bool cli_ntfs_open(struct cli_ntfs *n, struct cli_target *t, struct fault *fault);
void cli_ntfs_close(struct cli_ntfs *n);
/* On the medium when this returns POD_OK; else it did not happen, or with `failed` set may have. The fault says more, if it can. */
enum pod_status POD_MUST_USE cli_ntfs_change(struct cli_ntfs *n, const struct ntfs_change *c, struct fault *fault);
/* Where a file of that size can go, in one piece or, with POD_EXFAT_FRAGMENTS, in several; nothing is written. */
enum pod_status POD_MUST_USE cli_ntfs_reserve(struct cli_ntfs *n, uint64_t size_bytes, uint32_t flags, struct pod_exfat_new *out);
/* The same, beginning at that place on the volume as far as it is free. */
enum pod_status POD_MUST_USE cli_ntfs_reserve_behind(struct cli_ntfs *n, uint64_t dev_bytes, uint64_t size_bytes, uint32_t flags,
						     struct pod_exfat_new *out);
/* What exfat_write.h says of these. One file at a time has clusters set aside: POD_E_BUSY. */
enum pod_status POD_MUST_USE cli_ntfs_file_open(struct cli_ntfs *n, const struct pod_node *node, struct pod_exfat_file *f);
enum pod_status POD_MUST_USE cli_ntfs_file_reserve(struct cli_ntfs *n, struct pod_exfat_file *f, uint64_t size_bytes);
enum pod_status POD_MUST_USE cli_ntfs_file_extend(struct cli_ntfs *n, const char *path, struct pod_exfat_file *f,
						  uint64_t size_bytes, uint64_t valid_bytes, struct fault *fault);
enum pod_status POD_MUST_USE cli_ntfs_file_truncate(struct cli_ntfs *n, const char *path, struct pod_exfat_file *f,
						    uint64_t size_bytes, struct fault *fault);
/* Where there is a hole in the range, there are zeros: on the medium as soon as the file is extended, were it by nothing. */
enum pod_status POD_MUST_USE cli_ntfs_file_fill(struct cli_ntfs *n, struct pod_exfat_file *f, uint64_t off_bytes,
						uint64_t len_bytes);
void cli_ntfs_file_close(struct cli_ntfs *n, struct pod_exfat_file *f);
void cli_ntfs_space(struct cli_target *t, struct pod_exfat_space *out);
/* One warning if the volume was not left in order. */
void cli_ntfs_warn(struct cli_target *t, struct fault *fault);

#endif
