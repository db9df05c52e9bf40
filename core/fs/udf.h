/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the UDF reader knows beyond the generic interface: for who serves a volume with some files elsewhere. A File Entry is told by
 * its place, the node's entry_bytes; all that is given back are bytes to be served instead of those on the device, with checksum and
 * CRC made anew.
 */
#ifndef POD_FS_UDF_H
#define POD_FS_UDF_H

#include "core/fs/fs.h"

/* Logical blocks, and so descriptors, are at most so long. */
#define POD_UDF_BLOCK_MAX 4096u

enum pod_udf_ad { POD_UDF_AD_SHORT, POD_UDF_AD_LONG, POD_UDF_AD_EXTENDED, POD_UDF_AD_EMBEDDED };

struct pod_udf_entry {
	uint64_t entry_bytes; /* on the device; one block, fs->cluster_size */
	bool extended;	      /* an Extended File Entry (266), not a File Entry (261) */
	uint8_t ad_kind;      /* enum pod_udf_ad */
	uint64_t ads_bytes;   /* on the device: the first allocation descriptor, or the data if they are embedded */
	uint32_t ads_len;     /* bytes in use */
	uint32_t ads_max;     /* bytes up to the end of the block */
	/* The partition it lies in; positions in its allocation descriptors count from there. */
	uint16_t partition_number;
	uint64_t partition_start_bytes, partition_length_bytes;
};
enum pod_status POD_MUST_USE pod_udf_entry(struct pod_fs *fs, uint64_t entry_bytes, struct pod_udf_entry *out);

/*
 * The File Entry as if the file's data were [start, start + len) of the device. They begin with a block, behind the partition's
 * beginning; past its end if pod_udf_patch_partition makes it longer. `block` has room for fs->cluster_size bytes. POD_E_LIMIT: so
 * many allocation descriptors do not fit into the block, or so many blocks into a partition.
 */
enum pod_status POD_MUST_USE pod_udf_patch_entry(struct pod_fs *fs, const struct pod_udf_entry *e, uint64_t start_bytes,
						 uint64_t len_bytes, uint8_t *block);
/* The descriptor of the entry's partition in the main (0) or the reserve (1) sequence, as if the partition reached to end_bytes of
 * the device at least; *at is where it lies. POD_END: this sequence has none that is sound. */
enum pod_status POD_MUST_USE pod_udf_patch_partition(struct pod_fs *fs, const struct pod_udf_entry *e, uint32_t which,
						     uint64_t end_bytes, uint8_t *block, uint64_t *at);
/* The volume's anchor for the sector that starts at `at_bytes`, the last one of a volume that became longer: readers look there too. */
enum pod_status POD_MUST_USE pod_udf_patch_anchor(struct pod_fs *fs, uint64_t at_bytes, uint8_t *block);

#endif
