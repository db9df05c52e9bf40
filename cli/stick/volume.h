/* SPDX-License-Identifier: BSD-2-Clause */
/* The data partition of a stick, exFAT or NTFS, opened for writing, with its list of hashes. */
#ifndef POD_CLI_VOLUME_H
#define POD_CLI_VOLUME_H

#include "cli/stick/hashlist.h"
#include "cli/stick/ntfs.h"
#include "core/fs/exfat_write.h"

struct cli_volume {
	struct cli_target *t;
	bool is_ntfs;
	struct pod_exfat_vol vol;
	struct cli_ntfs ntfs;
	struct fault why; /* of the last change to NTFS that failed, if it can be told */
	struct cli_hashlist hashes;
	bool mounted;
};

/* Says what is wrong and returns false; `v` is then closed. */
bool cli_volume_open(struct cli_volume *v, const char *target, struct fault *fault);
/* Leaves the volume clean. False, and has said so, if that failed. NULL target is legal. */
bool cli_volume_close(struct cli_volume *v, struct fault *fault);
/* Looks a path up as the volume is now. (The reader opened with the target keeps what it has read.) */
enum pod_status POD_MUST_USE cli_volume_lookup(struct cli_volume *v, const char *path, struct pod_node *out);
/* What exfat_write.h says of these, on either filesystem. */
enum pod_status POD_MUST_USE cli_volume_mkdir(struct cli_volume *v, const char *path, int64_t mtime, struct pod_diag *diag);
enum pod_status POD_MUST_USE cli_volume_begin(struct cli_volume *v, const char *path, uint64_t size_bytes, uint32_t flags,
					      struct pod_exfat_new *out, struct pod_diag *diag);
enum pod_status POD_MUST_USE cli_volume_commit(struct cli_volume *v, const char *path, struct pod_exfat_new *n, int64_t mtime,
					       struct pod_diag *diag);
void cli_volume_abort(struct cli_volume *v, struct pod_exfat_new *n);
enum pod_status POD_MUST_USE cli_volume_remove(struct cli_volume *v, const char *path, struct pod_diag *diag);
enum pod_status POD_MUST_USE cli_volume_rename(struct cli_volume *v, const char *from, const char *to, uint32_t flags,
					       struct pod_diag *diag);
enum pod_status POD_MUST_USE cli_volume_set_attributes(struct cli_volume *v, const char *path, uint16_t attributes,
						       uint16_t mask);
enum pod_status POD_MUST_USE cli_volume_file_open(struct cli_volume *v, const char *path, struct pod_exfat_file *f);
enum pod_status POD_MUST_USE cli_volume_file_reserve(struct cli_volume *v, struct pod_exfat_file *f, uint64_t size_bytes);
enum pod_status POD_MUST_USE cli_volume_file_extend(struct cli_volume *v, const char *path, struct pod_exfat_file *f,
						    uint64_t size_bytes, uint64_t valid_bytes);
enum pod_status POD_MUST_USE cli_volume_file_truncate(struct cli_volume *v, const char *path, struct pod_exfat_file *f,
						      uint64_t size_bytes);
/* Of a file with holes, which exFAT has not got: cli_ntfs_file_fill. */
enum pod_status POD_MUST_USE cli_volume_file_fill(struct cli_volume *v, struct pod_exfat_file *f, uint64_t off_bytes,
						  uint64_t len_bytes);
void cli_volume_file_close(struct cli_volume *v, struct pod_exfat_file *f);
void cli_volume_space(struct cli_volume *v, struct pod_exfat_space *out);
/* The drive failed: nothing more is written. */
bool cli_volume_failed(const struct cli_volume *v);
/* Writes the list of hashes back. Without room for it, a warning; false, and has said so, if the drive failed. */
bool cli_volume_save_hashes(struct cli_volume *v, struct fault *fault);
/* One line for a failed change; returns CLI_FAILED. */
int cli_volume_fail(struct cli_volume *v, const char *path, const char *what, enum pod_status st, const struct pod_diag *diag,
		    struct fault *fault);

#endif
