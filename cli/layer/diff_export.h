/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * isopod layer diff --export DIR, --tar FILE: the files that came or changed, as files in a new folder or in an archive:
 *
 *     DIR/p2/Users/me/letter.txt    of partition 2; "disk" in the place of "p2" without partitions
 *     DIR/removed.txt               what is gone, a path on each line: "p2/Users/me/old.txt"
 *     DIR/missing.txt               what could not be written, and why; only if there is any
 *
 * Paths and contents are a stranger's: nothing is written outside of the folder, through a link, or over what was written already.
 * It has another name until it is whole.
 */
#ifndef POD_CLI_LAYER_DIFF_EXPORT_H
#define POD_CLI_LAYER_DIFF_EXPORT_H

#include "cli/layer/diff.h"

struct diff_export;
/* Takes up the options' DIR, or with `tar` FILE, which must not exist. NULL, and has said why. */
struct diff_export *diff_export_begin(const char *to, bool tar, struct fault *fault);
/* A line of the report: `after` is to be written, NULL or another path: `before` is gone. `posix`: their attributes are modes. */
void diff_export_note(struct diff_export *x, const struct diff_entry *before, const struct diff_entry *after, bool posix);
/* Writes what was noted since the last volume. `format` is its reader's word. */
void diff_export_volume(struct diff_export *x, uint32_t number, struct pod_dev *volume, const struct diff_reader *reader);
/* A volume that could not be compared. */
void diff_export_unread(struct diff_export *x, uint32_t number, const char *why);
/* `ok`: the report is whole, and the folder gets its name; else all of it goes. CLI_OK, or CLI_FAILED and has said why: then
 * either there is no folder, or some files are missing in it. */
int diff_export_end(struct diff_export *x, bool ok, struct fault *fault);

/* For readers of contents: file `i` of those wanted, from its beginning to its end, whose status tells whether it is whole. */
struct diff_want {
	char *path; /* on the volume */
	bool is_dir;
	int64_t mtime;
	uint32_t mode, uid, gid; /* permissions, and whose; those of a filesystem without are made up */
};
bool diff_export_open(struct diff_export *x, size_t i, uint64_t size_bytes);
/* POD_E_RANGE: more than it was to be. */
enum pod_status POD_MUST_USE diff_export_data(struct diff_export *x, uint64_t off, const void *data, size_t len);
void diff_export_link(struct diff_export *x, size_t i, const char *target);
void diff_export_close(struct diff_export *x, size_t i, enum pod_status st);
/* It is not there, and why. */
void diff_export_miss(struct diff_export *x, size_t i, const char *why);
const struct diff_want *diff_export_wanted(const struct diff_export *x, size_t *n);
/* The reader of contents for all filesystems that the core reads. */
void diff_export_contents(struct diff_export *x, struct pod_dev *volume);

#endif
