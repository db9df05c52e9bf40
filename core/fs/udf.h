/* SPDX-License-Identifier: BSD-2-Clause */
/* What the UDF reader knows beyond the generic interface; for core/image and core/plan. */
#ifndef POD_FS_UDF_H
#define POD_FS_UDF_H

#include "core/fs/fs.h"

/* Logical blocks, and so descriptors, are at most so long; buffers for one are of this size. */
#define POD_UDF_BLOCK_MAX 4096u

/* What a patcher must know of a volume that was opened with pod_fs_udf. */
struct pod_udf_layout {
	uint32_t block_bytes;
	uint16_t revision; /* 0x0102: as the logical volume's domain says */
	/* The partition in which the tree begins; positions in allocation descriptors count from its first byte. */
	uint64_t partition_start_bytes, partition_length_bytes;
	/* Its Partition Descriptor in the main and in the reserve sequence; 0: there is none that is sound. */
	uint64_t descriptor_bytes[2];
};
enum pod_status POD_MUST_USE pod_udf_layout(struct pod_fs *fs, struct pod_udf_layout *out);

/* Where the File Entry of a node lies and what is in it; positions are the device's. */
struct pod_udf_entry {
	uint64_t entry_bytes; /* one block */
	bool extended;	      /* 266, not 261 */
	uint8_t ad_kind;      /* enum pod_udf_ad */
	uint64_t ads_bytes;   /* first allocation descriptor, or the data if they are embedded */
	uint32_t ads_len;     /* bytes in use */
	uint32_t ads_max;     /* bytes up to the end of the block */
	uint64_t partition_start_bytes, partition_length_bytes;
};
enum pod_udf_ad { POD_UDF_AD_SHORT, POD_UDF_AD_LONG, POD_UDF_AD_EXTENDED, POD_UDF_AD_EMBEDDED };
enum pod_status POD_MUST_USE pod_udf_entry(struct pod_fs *fs, const struct pod_node *node, struct pod_udf_entry *out);

/* --- patches: the bytes to be served instead of those on the device, with checksum and CRC made anew ----------------------- */

/*
 * The node's File Entry, to be served at entry_bytes, as if its data were [start, start + len) of the device: whole blocks in the
 * node's partition, or past its end if pod_udf_patch_partition makes that longer. `block` has room for layout.block_bytes.
 * POD_E_LIMIT: so many allocation descriptors do not fit behind the entry's extended attributes.
 */
enum pod_status POD_MUST_USE pod_udf_patch_entry(struct pod_fs *fs, const struct pod_node *node, uint64_t start_bytes,
						 uint64_t len_bytes, uint8_t *block);
/* The Partition Descriptor at descriptor_bytes[which], reaching to `end_bytes` of the device at least. */
enum pod_status POD_MUST_USE pod_udf_patch_partition(struct pod_fs *fs, const struct pod_udf_layout *l, unsigned which,
						     uint64_t end_bytes, uint8_t *block);

#endif
