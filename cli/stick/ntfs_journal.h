/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A change to an NTFS volume happens as a whole: its blocks are written to a file on the ESP first (ISOPOD/NTFS.JNL), with what was there
 * before, then to the volume, then the file is emptied. If power fails in between, the next command that writes brings the change to its
 * end; until then the commands see the volume as it will be. If anything else has written to these places meanwhile, the file is void.
 *
 *   +0 8 "ISOPODNJ"  +8 4 version 1  +12 4 number of blocks  +16 8 first byte of the partition, +24 8 its length
 *   +32 4 volume serial number  +36 4 CRC-32 of the blocks  +40 8 length of the blocks
 *   then, for each block: 8 offset on the volume, 4 length, 4 phase (ntfs_call.h), contents before, contents after
 */
#ifndef POD_CLI_NTFS_JOURNAL_H
#define POD_CLI_NTFS_JOURNAL_H

#include "cli/stick/ntfs_call.h"

struct ntfs_volume_id {
	uint64_t start_bytes, length_bytes;
	uint32_t serial;
};

/* What an interrupted change left on the ESP for this volume; POD_E_NOT_FOUND: nothing. POD_E_CHANGED: it is void. */
enum pod_status ntfs_journal_load(struct pod_fs *esp, struct pod_dev *volume, const struct ntfs_volume_id *id,
				  struct ntfs_blocks *out);
/* The same of the file's contents. */
enum pod_status ntfs_journal_parse(const uint8_t *p, size_t len, struct pod_dev *volume, const struct ntfs_volume_id *id,
				   struct ntfs_blocks *out);
/* From when this has returned POD_OK the change will happen. */
enum pod_status ntfs_journal_save(struct pod_dev *esp, const struct ntfs_volume_id *id, const struct ntfs_blocks *b);
/* Writes the blocks to the volume, phase by phase. */
enum pod_status ntfs_journal_apply(struct pod_dev *volume, const struct ntfs_blocks *b);
enum pod_status ntfs_journal_clear(struct pod_dev *esp);

/* A volume, read as it will be once the blocks are written. */
struct ntfs_ahead {
	struct pod_dev dev, *volume;
	struct ntfs_blocks blocks;
};
void ntfs_ahead_init(struct ntfs_ahead *a, struct pod_dev *volume);

#endif
