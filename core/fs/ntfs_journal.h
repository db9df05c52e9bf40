/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A change to an NTFS volume that was interrupted, as the command left it on the ESP before it wrote to the volume (doc/FORMATS/ntfs.md): what
 * the volume's places held, and what they will hold. Whoever reads sees the volume as it will be; only the command writes it.
 *
 *   +0 8 "ISOPODNJ"  +8 4 version 1  +12 4 number of blocks  +16 8 first byte of the partition, +24 8 its length
 *   +32 4 volume serial number  +36 4 CRC-32 of the blocks  +40 8 length of the blocks
 *   then, for each block: 8 offset on the volume, 4 length, 4 phase, contents before, contents after
 */
#ifndef POD_FS_NTFS_JOURNAL_H
#define POD_FS_NTFS_JOURNAL_H

#include "core/fs/fs.h"

#define POD_NTFS_JOURNAL_FILE	"ISOPOD/NTFS.JNL" /* on the ESP */
#define POD_NTFS_JOURNAL_MAGIC	"ISOPODNJ"
#define POD_NTFS_JOURNAL_HEADER 48u
#define POD_NTFS_JOURNAL_BLOCK	16u	    /* in front of each block */
#define POD_NTFS_JOURNAL_MAX	(32u << 20) /* a file of some 450 GiB: most of it is the bitmap, before and after */
#define POD_NTFS_JOURNAL_BLOCKS 4096u
#define POD_NTFS_JOURNAL_PHASES 6u /* blocks of an earlier one are written, and flushed, before those of a later one */
#define POD_NTFS_JOURNAL_UNIT	512u

struct pod_ntfs_volume_id {
	uint64_t start_bytes, length_bytes;
	uint32_t serial;
};

struct pod_ntfs_block {
	uint64_t off_bytes; /* on the volume, in units */
	uint32_t len, phase;
	const uint8_t *before, *after;
};

struct pod_ntfs_journal {
	struct pod_dev dev; /* the volume as it will be, to be read */
	struct pod_dev *volume;
	struct pod_alloc *alloc;
	uint8_t *file;		  /* owned; NULL after pod_ntfs_journal_parse */
	struct pod_ntfs_block *v; /* by phase */
	size_t n;
};

/*
 * What is on the ESP for this volume, whose device is `volume`. POD_E_NOT_FOUND: nothing. POD_E_CHANGED: it is void, somebody else wrote to
 * these places since. On failure nothing is left allocated.
 */
enum pod_status POD_MUST_USE pod_ntfs_journal_load(struct pod_ntfs_journal *j, struct pod_fs *esp, struct pod_dirent *scratch,
						   struct pod_dev *volume, const struct pod_ntfs_volume_id *id,
						   struct pod_alloc *a);
/* The same of the file's contents, which stay the caller's and outlive it. */
enum pod_status POD_MUST_USE pod_ntfs_journal_parse(struct pod_ntfs_journal *j, const uint8_t *file, size_t len,
						    struct pod_dev *volume, const struct pod_ntfs_volume_id *id,
						    struct pod_alloc *a);
void pod_ntfs_journal_close(struct pod_ntfs_journal *j); /* zeroed is legal */

#endif
