/* SPDX-License-Identifier: BSD-2-Clause */
/* A stick (TARGET) opened: its table, its data partition, its ESP. */
#ifndef POD_CLI_TARGET_H
#define POD_CLI_TARGET_H

#include "cli/host/dev.h"
#include "cli/stick/ntfs_journal.h"
#include "core/disk/partmode.h"
#include "core/fs/fs.h"
#include "core/plan/plan.h"

struct cli_target {
	struct cli_dev file;
	struct pod_parttab table;
	const struct pod_part *data_part, *esp_part; /* esp_part may be NULL */
	struct pod_window data_win, esp_win;
	struct pod_fs data, esp; /* esp.ops == NULL: no ESP, or not readable */
	struct pod_stick_id id;
	/* NTFS: POD_OK: a change was interrupted, and `data` shows the volume as it will be (ntfs_journal.h); POD_E_CHANGED:
	 * interrupted, and void; POD_E_NOT_FOUND: nothing of the kind. */
	enum pod_status journal;
	struct pod_ntfs_journal ahead;
	struct pod_partmode *partmode; /* the table names an image, and `table` is the one from before; NULL: it does not */
	struct pod_dirent scratch;
	struct pod_conf *conf; /* what isopod.conf says, once a plan asked; freed with the target */
};

/* Opens TARGET. A partition table that names an image (core/disk/partmode.h) is read as it was before, and for writing put back. Returns NULL
 * and has said why if it is no stick. Block devices opened for writing are checked by
 * cli_safety_check_idle first. */
struct cli_target *cli_target_open(const char *path, bool writable, struct fault *fault);
/* 1: a drive, or a file with our boot code or our state file on an ESP; 0: another file; -1: cannot be opened, has been said. */
int cli_target_is_stick(const char *path, struct fault *fault);
void cli_target_close(struct cli_target *t);
/* Looks up a file on the data partition; says so and returns false if it is not there, or a folder. */
bool cli_target_find(struct cli_target *t, const char *path, struct pod_node *out, struct fault *fault);
/* "images//x.iso" -> "/images/x.iso": the form paths are printed and stored in. NULL for "." or ".." in it. The caller frees. */
char *cli_normal_path(const char *path);
/* The same for a path that the user gave; has said why on NULL. */
char *cli_target_path(const char *arg, struct fault *fault);
/* TARGET of "TARGET:PATH", freshly allocated, and where PATH begins; NULL if `arg` is no such thing. */
char *cli_target_split(const char *arg, const char **path);
/* Finds /ISOPOD/STATE.BIN on the ESP and shows it as a device. Says what is missing and returns false. */
bool cli_target_state(struct cli_target *t, struct pod_window *out, uint64_t *start_bytes, struct fault *fault);

#endif
