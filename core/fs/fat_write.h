/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing our own EFI System Partition: format, make directories, put files; FAT16 and FAT32. Names are 8.3 in capitals, or long:
 * a long name is written once, with a file or folder that is not there yet.
 *
 * Power may fail at any write. Files are contiguous and never changed in place: new contents go to free clusters, are flushed,
 * entered in both FATs, flushed, and then become current, all files of one call together, through one write of one directory
 * sector; only then are the old clusters freed. What an interrupted call leaves behind are lost clusters and two FATs that
 * differ; pod_fatw_open puts both right. Nothing depends on the clock: the caller gives the time stamps.
 */
#ifndef POD_FS_FAT_WRITE_H
#define POD_FS_FAT_WRITE_H

#include "core/fs/fat.h"

struct pod_fat_params {
	uint32_t bits;		 /* 16, 32, or 0: FAT16 up to 256 MiB, else FAT32 */
	uint32_t sector_size;	 /* the drive's logical sector: 512 to 4096 */
	uint32_t cluster_size;	 /* bytes; 0: chosen by size */
	uint32_t hidden_sectors; /* sectors of the drive in front of this volume */
	uint32_t serial;
	const char *label;   /* at most 11 ASCII capitals; NULL: none */
	uint16_t date, time; /* FAT time stamp of the label entry */
};

/* Makes an empty volume over the whole device. The boot sector is written last. */
enum pod_status POD_MUST_USE pod_fat_format(struct pod_dev *dev, struct pod_alloc *a, const struct pod_fat_params *params,
					    struct pod_diag *diag);

struct pod_fatw {
	struct pod_fs fs; /* may be read through at any time */
	struct pod_alloc *alloc;
	uint16_t date, time;
	uint8_t *fat; /* the first FAT */
	uint32_t fat_len;
	uint32_t dirty_from, dirty_to; /* sectors of the FAT not yet written */
	uint32_t reclaimed;	       /* lost clusters that pod_fatw_open freed */
};

#define POD_FATW_LONG_MAX 64u /* UTF-16 units of a long name */

struct pod_fatw_file {
	const char *name; /* 8.3, capitals: "BOOTX64.EFI"; or UTF-8, at most POD_FATW_LONG_MAX units */
	const void *data; /* NULL: zeros */
	uint32_t len;
};

/* Opens for writing; repairs what an interrupted call left. POD_E_CORRUPT, and nothing written, if directories or chains are
 * damaged in any other way. `date` and `time` are the FAT time stamps of everything written through this handle. */
enum pod_status POD_MUST_USE pod_fatw_open(struct pod_fatw *w, struct pod_dev *dev, struct pod_alloc *a, uint16_t date,
					   uint16_t time, struct pod_diag *diag);
void pod_fatw_close(struct pod_fatw *w); /* NULL is legal */
/* Makes one directory; its parent must exist. An existing directory is POD_OK. */
enum pod_status POD_MUST_USE pod_fatw_mkdir(struct pod_fatw *w, const char *path);
/* Creates or replaces several files of one directory at once. POD_E_NOSPACE without a free contiguous run for each, or without
 * room in the directory, which never grows; POD_E_UNSUPPORTED if their entries do not fit one sector; POD_E_EXISTS for a long name
 * that is there already. */
enum pod_status POD_MUST_USE pod_fatw_put(struct pod_fatw *w, const char *dir, const struct pod_fatw_file *files, uint32_t count);

#endif
