/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exFAT, write side: format, and a mounted volume to which files are added, in which they are removed and renamed.
 *
 * Every operation is an ordered list of writes with flushes between, so that a volume whose power fails at any moment is
 * consistent to fsck.exfat and holds every other file unchanged; what an interrupted operation leaves (lost clusters, a pending
 * move) the next mount takes back. The protocol is in doc/FORMATS/exfat.md. 512 bytes are taken to be written whole or not at
 * all.
 *
 * `path` is UTF-8 with '/' between names, leading slash optional. Names are compared with the volume's up-case table.
 * After POD_E_IO from a write the volume takes no further writes (POD_E_IO): close it and mount again.
 */
#ifndef POD_FS_EXFAT_WRITE_H
#define POD_FS_EXFAT_WRITE_H

#include "core/fs/exfat_disk.h"
#include "core/fs/fs.h"

/* --- format ------------------------------------------------------------------------------------------- */

struct pod_exfat_format {
	const char *label;     /* UTF-8, at most 11 UTF-16 units; NULL or "" = none */
	uint32_t cluster_size; /* power of two, a sector to 32 MiB; 0 = by size, as Windows chooses */
	uint32_t serial;
	uint64_t partition_offset_bytes; /* where the volume begins on its disk; the heap is aligned to 1 MiB of the disk */
};

/* Makes an empty volume that spans `dev`. The sector size is the device's (512 or 4096). What was there is invalid from the first
 * write on, and the new volume valid with the last. POD_E_INVALID: parameters; POD_E_NOSPACE: device too small; POD_E_LIMIT: too
 * large for the cluster size. */
enum pod_status POD_MUST_USE pod_exfat_format(struct pod_dev *dev, struct pod_alloc *a, const struct pod_exfat_format *params,
					      struct pod_diag *diag);

/* Would pod_exfat_format() take these parameters? Looks only at the device's size and sector size, and neither reads nor writes.
 */
enum pod_status POD_MUST_USE pod_exfat_format_check(const struct pod_dev *dev, const struct pod_exfat_format *params,
						    struct pod_diag *diag);

/* --- mounted volume ----------------------------------------------------------------------------------- */

struct pod_exfat_repair {
	bool was_dirty;		   /* VolumeDirty was set: the tree was walked */
	uint32_t freed_clusters;   /* allocated but used by nothing */
	uint32_t claimed_clusters; /* used but not allocated */
	uint32_t finished_moves, undone_moves;
	uint32_t dropped_entries; /* secondary entries without a file entry */
	uint32_t cut_chains;	  /* that went on behind their file's end */
};

struct pod_exfat_vol {
	struct pod_dev *dev;
	struct pod_alloc *alloc;
	struct pod_exfat_geom g;
	uint8_t *bitmap; /* one bit per cluster, as on disk or about to be */
	size_t bitmap_len;
	uint64_t bitmap_bytes;	      /* device offset */
	size_t stale_low, stale_high; /* bytes of `bitmap` that differ from the disk: [low, high) */
	uint16_t *upcase;	      /* POD_EXFAT_UPCASE_UNITS */
	uint8_t *fat;		      /* write-back cache of one piece of the FAT */
	uint64_t fat_at;	      /* its offset in the FAT, ~0: none */
	bool fat_stale;
	uint8_t *scratch; /* POD_EXFAT_SCRATCH bytes for composing directory entries */
	uint32_t free_clusters;
	bool marked_dirty, failed, pending;
	struct pod_exfat_repair repair; /* what the mount did */
};

/* Opens a volume for writing. If it was left dirty, by us or by others, the tree is walked: leftovers of interrupted operations
 * are repaired, real damage is POD_E_CORRUPT with `diag` naming what fsck.exfat or chkdsk should look at. A read-only device can
 * be mounted if it is clean. pod_exfat_unmount in every case where this returned POD_OK. */
enum pod_status POD_MUST_USE pod_exfat_mount(struct pod_exfat_vol *v, struct pod_dev *dev, struct pod_alloc *a,
					     struct pod_diag *diag);
/* Writes what is due, clears VolumeDirty, flushes; frees the memory whatever comes of it. */
enum pod_status POD_MUST_USE pod_exfat_unmount(struct pod_exfat_vol *v);
/* As unmount, but stays mounted: everything done so far is on the medium and the volume is marked clean. */
enum pod_status POD_MUST_USE pod_exfat_sync(struct pod_exfat_vol *v);

struct pod_exfat_space {
	uint64_t total_bytes, free_bytes, largest_run_bytes;
};
void pod_exfat_space(const struct pod_exfat_vol *v, struct pod_exfat_space *out);

/* --- adding a file ------------------------------------------------------------------------------------ */

enum { POD_EXFAT_SCRATCH = 64 * 1024 };

enum {
	POD_EXFAT_REPLACE = 1,	 /* take the place of a file of that name */
	POD_EXFAT_FRAGMENTS = 2, /* accept several runs if no free run is large enough */
};

struct pod_exfat_new {
	uint64_t size_bytes;
	struct pod_extent *extent; /* where the data goes, in file order: dev_bytes on the volume's device */
	size_t extents;
	uint32_t flags;
};

/* Reserves room for a file of `size_bytes` (in memory; on disk at most the folder grows). The folder must exist. One at a time:
 * until commit or abort, other changing calls are POD_E_BUSY. POD_E_NOSPACE: `diag` says the largest free run (expected = bytes
 * wanted, got = largest run, offset_bytes = total free bytes). The caller then writes the data to the extents, in any order, and
 * commits. */
enum pod_status POD_MUST_USE pod_exfat_begin(struct pod_exfat_vol *v, const char *path, uint64_t size_bytes, uint32_t flags,
					     struct pod_exfat_new *out, struct pod_diag *diag);
/* Makes the file appear: data, allocation and name are on the medium when this returns. Frees `n`, whatever comes of it. A file
 * that is replaced is there with its old content until the moment the new one is. `mtime`: seconds since 1970. */
enum pod_status POD_MUST_USE pod_exfat_commit(struct pod_exfat_vol *v, const char *path, struct pod_exfat_new *n, int64_t mtime,
					      struct pod_diag *diag);
void pod_exfat_abort(struct pod_exfat_vol *v, struct pod_exfat_new *n);

/* --- a file that is there gets longer or shorter ------------------------------------------------------ */

struct pod_exfat_file {
	uint64_t size_bytes, valid_bytes; /* on the medium: how long it is, and up to where it has content; zeros behind */
	uint64_t room_bytes;		  /* what the extents hold: whole clusters, reserved ones included */
	struct pod_extent *extent;	  /* where it lies, in file order: dev_bytes on the volume's device */
	size_t extents, cap;
	uint32_t first_cluster; /* 0: none */
	bool contiguous;	/* without a FAT chain */
};

/* Finds a file whose length is to change. pod_exfat_file_close where this returned POD_OK. One opener at a time; what renames,
 * moves, replaces or removes the file meanwhile makes the calls below POD_E_NOT_FOUND or POD_E_CHANGED. */
enum pod_status POD_MUST_USE pod_exfat_file_open(struct pod_exfat_vol *v, const char *path, struct pod_exfat_file *f,
						 struct pod_diag *diag);
/* Room for `size_bytes`, in memory: directly behind its end as far as that is free, and with POD_EXFAT_FRAGMENTS wherever there
 * is any. The caller may write to the extents; nothing refers to the new ones before pod_exfat_extend. POD_E_NOSPACE: as in
 * pod_exfat_begin, and nothing is reserved. */
enum pod_status POD_MUST_USE pod_exfat_reserve(struct pod_exfat_vol *v, struct pod_exfat_file *f, uint64_t size_bytes,
					       uint32_t flags, struct pod_diag *diag);
/* The file is `size_bytes` long from now on, for which it has room, and its content counts up to `valid_bytes`: all up to there
 * was written. Neither gets less. Data, allocation and length are on the medium when this returns; if power goes before, the
 * file has its old length and content. A file that was chained already and gets more clusters has, for the moment between two
 * flushes, a chain longer than its size: readers go by the size, the next mount and fsck.exfat cut it. */
enum pod_status POD_MUST_USE pod_exfat_extend(struct pod_exfat_vol *v, const char *path, struct pod_exfat_file *f,
					      uint64_t size_bytes, uint64_t valid_bytes, struct pod_diag *diag);
/* The file ends at `size_bytes`; what lay behind is free, and so is what was reserved. The same holds for a chain. */
enum pod_status POD_MUST_USE pod_exfat_truncate(struct pod_exfat_vol *v, const char *path, struct pod_exfat_file *f,
						uint64_t size_bytes, struct pod_diag *diag);
/* Gives back what was reserved and is not part of the file. */
void pod_exfat_file_close(struct pod_exfat_vol *v, struct pod_exfat_file *f);

/* --- the tree ----------------------------------------------------------------------------------------- */

/* Makes the folder and those above it. An existing folder is POD_OK, an existing file POD_E_EXISTS. */
enum pod_status POD_MUST_USE pod_exfat_mkdir(struct pod_exfat_vol *v, const char *path, int64_t mtime, struct pod_diag *diag);
/* Removes a file, or an empty folder (else POD_E_EXISTS). */
enum pod_status POD_MUST_USE pod_exfat_remove(struct pod_exfat_vol *v, const char *path, struct pod_diag *diag);
/* Of the attributes of a file or folder, those in `mask` (of POD_ATTR_*, else POD_E_INVALID) become as in `attributes`. What is
 * so already is not written again; else it is on the medium when this returns, in one step. */
enum pod_status POD_MUST_USE pod_exfat_set_attributes(struct pod_exfat_vol *v, const char *path, uint16_t attributes,
						      uint16_t mask, struct pod_diag *diag);
/* Renames or moves a file or folder; the target's folder must exist. POD_E_EXISTS if the target exists, unless it is a file and
 * `flags` has POD_EXFAT_REPLACE, or it is the same file (a change of case). Moving a folder below itself is POD_E_INVALID. */
enum pod_status POD_MUST_USE pod_exfat_rename(struct pod_exfat_vol *v, const char *from, const char *to, uint32_t flags,
					      struct pod_diag *diag);

#endif
