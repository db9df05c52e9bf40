/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NTFS, between its files: ntfs.c (volume, files), ntfs_attr.c (file records, attributes, runs), ntfs_dir.c (indexes).
 *
 * Microsoft has published no layout. The fields are those of the Linux-NTFS project's "NTFS Documentation" and of the public header
 * layout.h of libntfs-3g, checked against volumes made by mkntfs; numbers are little-endian.
 *
 * Boot sector:
 *   +3    8  "NTFS    "
 *   +11   2  bytes per sector
 *   +13   1  sectors per cluster; above 128: 2^(256 - n)
 *   +40   8  sectors of the volume (the copy of the boot sector lies behind them)
 *   +48   8  first cluster of $MFT, +56 8 of $MFTMirr
 *   +64   1  clusters per file record; from 128 on: 2^(256 - n) bytes
 *   +72   8  serial number
 *
 * File record ("FILE"), and index block ("INDX"), guarded by an update sequence: the last two bytes of each 512 (or of each sector)
 * hold a number that must be the same in all, and what belongs there stands in an array.
 *   +0    4  "FILE" | "INDX"
 *   +4    2  where the update sequence lies, +6 2 its length in words: the number, then a word for each sector
 *   +16   2  sequence number: counts how often the record was used anew
 *   +20   2  first attribute, +22 2 flags: 1 in use, 2 directory
 *   +24   4  bytes in use
 *   +32   8  the base record, if this is an extension of another; a reference: 48 bits number, 16 bits sequence number
 *
 * Attribute:
 *   +0    4  type, FFFFFFFFh ends; +4 4 length, +8 1 not resident, +9 1 units of the name, +10 2 where the name lies
 *   +12   2  flags: 00FFh compressed, 4000h encrypted, 8000h sparse; +14 2 its number in the record
 *   resident:     +16 4 length of the value, +20 2 where it lies
 *   not resident: +16 8 first VCN, +24 8 last VCN, +32 2 where the mapping pairs lie, +40 8 allocated, +48 8 size, +56 8 initialized
 * A mapping pair: low nibble: bytes of the count of clusters, high nibble: bytes of the distance from the last LCN (0: a hole).
 *
 * Attribute list entry: +0 4 type, +4 2 length, +6 1 units of the name, +7 1 where it lies, +8 8 first VCN, +16 8 record, +24 2 number
 */
#ifndef POD_FS_NTFS_INT_H
#define POD_FS_NTFS_INT_H

#include "core/fs/fs.h"

enum {
	POD_NTFS_STANDARD_INFORMATION = 0x10,
	POD_NTFS_ATTRIBUTE_LIST = 0x20,
	POD_NTFS_FILE_NAME = 0x30,
	POD_NTFS_VOLUME_NAME = 0x60,
	POD_NTFS_VOLUME_INFORMATION = 0x70,
	POD_NTFS_DATA = 0x80,
	POD_NTFS_INDEX_ROOT = 0x90,
	POD_NTFS_INDEX_ALLOCATION = 0xA0,
	POD_NTFS_REPARSE_POINT = 0xC0,
};
enum { POD_NTFS_ATTR_COMPRESSED = 0x00FF, POD_NTFS_ATTR_ENCRYPTED = 0x4000 };
/* File records of the system's own, and of the root. */
enum { POD_NTFS_LOGFILE = 2, POD_NTFS_VOLUME = 3, POD_NTFS_ROOT = 5, POD_NTFS_BITMAP = 6, POD_NTFS_FIRST_USER = 24 };
enum { POD_NTFS_IN_USE = 1, POD_NTFS_IS_DIR = 2 };

#define POD_NTFS_HOLE	    UINT64_MAX
#define POD_NTFS_NO_RECORD  UINT64_MAX
#define POD_NTFS_RECORD_MAX (64u << 10)

/* A run of clusters, in the order of the file. `lcn` is POD_NTFS_HOLE for a hole. */
struct pod_ntfs_run {
	uint64_t vcn, lcn, count;
};
struct pod_ntfs_runs {
	struct pod_ntfs_run *v;
	size_t n, cap;
};

/* A file record in memory, its update sequence undone. */
struct pod_ntfs_record {
	uint8_t *data;
	uint64_t no; /* POD_NTFS_NO_RECORD: none */
	uint32_t used;
};

/* Attribute of a file; `value` stays until the next record is loaded. */
struct pod_ntfs_stream {
	uint64_t file;
	uint32_t type;
	bool index; /* named $I30, else without a name */
	bool resident;
	uint16_t flags;
	uint64_t size, valid;
	const uint8_t *value;
};

/* The directory that is being read, and one block of its index. */
struct pod_ntfs_dir {
	uint64_t no;
	uint8_t *root; /* value of $INDEX_ROOT */
	uint32_t root_len;
	uint32_t block_size, unit_shift; /* VCNs count clusters, or 512 bytes where blocks are smaller than clusters */
	uint64_t blocks;		 /* of $INDEX_ALLOCATION */
	struct pod_ntfs_runs runs;
	uint8_t *block;
	uint64_t block_vcn; /* which one; POD_NTFS_NO_RECORD: none */
	uint32_t block_cap;
};

struct pod_ntfs {
	uint32_t sector_size, cluster_shift, record_size, record_shift;
	uint64_t clusters, mft_lcn, mirror_lcn;
	uint64_t mft_bytes;
	struct pod_ntfs_runs mft;
	struct pod_ntfs_record base, ext;
	struct pod_ntfs_dir dir;
};

static inline struct pod_ntfs *pod_ntfs_of(struct pod_fs *fs)
{
	return fs->priv_mem;
}

/* --- ntfs_attr.c --- */
/* Undoes the update sequence of a block with that magic, in place. */
enum pod_status POD_MUST_USE pod_ntfs_unfix(const struct pod_ntfs *v, uint8_t *block, uint32_t size, const char magic[4]);
/* Takes a record that was read raw into r->data. */
enum pod_status POD_MUST_USE pod_ntfs_record_take(const struct pod_ntfs *v, struct pod_ntfs_record *r, uint64_t no);
/* Loads the record of a reference (number and sequence number; sequence number 0: any). */
enum pod_status POD_MUST_USE pod_ntfs_record_load(struct pod_fs *fs, struct pod_ntfs_record *r, uint64_t reference);
/* Where a record lies on the device; 0: nowhere. */
uint64_t pod_ntfs_record_place(struct pod_fs *fs, uint64_t no);
/* Opens an attribute of the file whose base record is in v->base. POD_E_NOT_FOUND: it has none of that type. */
enum pod_status POD_MUST_USE pod_ntfs_stream_open(struct pod_fs *fs, uint32_t type, bool index, struct pod_ntfs_stream *out);
/* Hands over the runs of an attribute that is not resident, in order, until `cb` returns not POD_OK. v->base must hold the file. */
enum pod_status POD_MUST_USE pod_ntfs_stream_runs(struct pod_fs *fs, const struct pod_ntfs_stream *s,
						  enum pod_status (*cb)(void *ctx, const struct pod_ntfs_run *r), void *ctx);
/* The same into an array, in the place of what it held. */
enum pod_status POD_MUST_USE pod_ntfs_runs_load(struct pod_fs *fs, const struct pod_ntfs_stream *s, struct pod_ntfs_runs *out);
/* Reads through runs; POD_E_CORRUPT where there are none. Holes are zeros. */
enum pod_status POD_MUST_USE pod_ntfs_runs_read(struct pod_fs *fs, const struct pod_ntfs_runs *r, uint64_t off, void *buf,
						size_t len);
/* Opens $MFT's own runs: v->base holds record 0, and what of $MFT is known at any time is enough to read the next part. */
enum pod_status POD_MUST_USE pod_ntfs_mft_load(struct pod_fs *fs);

/* --- ntfs_dir.c --- */
enum pod_status pod_ntfs_readdir(struct pod_dir *dir, struct pod_dirent *out);
void pod_ntfs_dir_free(struct pod_fs *fs);

#endif
