/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A change to an NTFS volume happens as a whole: its blocks are written to a file on the ESP first (core/fs/ntfs_journal.h), with what was there
 * before, then to the volume, then the file is emptied. If power fails in between, the next command that writes brings the change to its
 * end; until then the commands and the boot manager see the volume as it will be. If anything else has written to these places meanwhile,
 * the file is void.
 */
#ifndef POD_CLI_NTFS_JOURNAL_H
#define POD_CLI_NTFS_JOURNAL_H

#include "cli/stick/ntfs_call.h"
#include "core/fs/ntfs_journal.h"

/* From when this has returned POD_OK the change will happen. */
enum pod_status ntfs_journal_save(struct pod_dev *esp, const struct pod_ntfs_volume_id *id, const struct ntfs_blocks *b);
/* Writes the blocks to the volume, phase by phase. */
enum pod_status ntfs_journal_apply(struct pod_dev *volume, const struct ntfs_blocks *b);
/* The same of what an interrupted change left. */
enum pod_status ntfs_journal_resume(const struct pod_ntfs_journal *j);
enum pod_status ntfs_journal_clear(struct pod_dev *esp);

#endif
