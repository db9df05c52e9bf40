/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the UDF reader's files only. */
#ifndef POD_FS_UDF_INT_H
#define POD_FS_UDF_INT_H

#include "core/fs/udf.h"

enum {
	UDF_TAG = 16, /* length of a descriptor tag */
	UDF_PARTITION_MAX = 4,
	UDF_SLOT = 2048, /* a descriptor of the volume recognition sequence */
	UDF_WINDOW = 4096,
};

enum udf_tag_id {
	UDF_PRIMARY_VOLUME = 1,
	UDF_ANCHOR = 2,
	UDF_VOLUME_POINTER = 3,
	UDF_PARTITION = 5,
	UDF_LOGICAL_VOLUME = 6,
	UDF_TERMINATING = 8,
	UDF_FILE_SET = 256,
	UDF_FILE_IDENTIFIER = 257,
	UDF_ALLOCATION_EXTENT = 258,
	UDF_FILE_ENTRY = 261,
	UDF_EXTENDED_FILE_ENTRY = 266,
};

/* pod_node.priv[] */
enum {
	UDF_N_ENTRY, /* first byte of the File Entry, as entry_bytes */
};

struct udf_partition {
	uint16_t number;
	uint64_t start_bytes, length_bytes;
};

/* A run of sectors as the anchor gives it. */
struct udf_run {
	uint32_t first, count;
};

/* pod_fs.priv_mem */
struct udf_mem {
	uint32_t shift; /* log2 of the block size */
	uint16_t revision;
	struct udf_run sequence[2]; /* main and reserve volume descriptor sequence */
	uint32_t sequence_bytes[2]; /* as the anchor says */
	uint32_t partitions;	    /* as the logical volume's partition maps number them */
	struct udf_partition partition[UDF_PARTITION_MAX];
	struct pod_node root;
	/* What `node` holds: the block of a File Entry. */
	uint64_t node_at;
	bool node_valid;
	uint8_t node[POD_UDF_BLOCK_MAX];
	uint8_t block[POD_UDF_BLOCK_MAX]; /* an Allocation Extent Descriptor; while opening, the Logical Volume Descriptor */
	/* Bytes [window_off, + window_len) of the directory whose entry lies at window_dir. */
	uint64_t window_dir, window_off;
	uint32_t window_len;
	uint8_t window[UDF_WINDOW];
};

/* A File Entry, as it lies in udf_mem.node. */
struct udf_entry {
	uint32_t partition; /* index in udf_mem.partition: the one it lies in */
	uint64_t size_bytes;
	uint8_t file_type; /* ICB tag, 4/14.6.6 */
	uint8_t ad_kind;
	bool extended;
	uint32_t ads, ads_len; /* offset in the block, bytes */
	int64_t mtime;
};

/* Is the descriptor at `d` (a block of `size` bytes) of this kind, its tag's checksum right? */
bool udf_tag_is(const uint8_t *d, uint16_t id);
/* And its CRC, and does it say that it lies in this block? */
bool udf_descriptor_is(const uint8_t *d, uint32_t size, uint16_t id, uint32_t location);
/* Makes CRC and checksum of a tag anew; its other fields stay. */
void udf_tag_seal(uint8_t *d);
/* Reads the File Entry at `entry_bytes` into udf_mem.node. */
enum pod_status udf_load_entry(struct pod_fs *fs, uint64_t entry_bytes, struct udf_entry *e);
/* The same, and what is in it goes into the node. POD_E_UNSUPPORTED: neither file, directory nor symbolic link. */
enum pod_status udf_complete(struct pod_fs *fs, struct pod_node *n);
/* Turns a long_ad (4/14.14.2) that names an ICB into a node of which only priv and entry_bytes are known. POD_E_CORRUPT if it lies
 * outside. */
enum pod_status udf_icb_node(const struct pod_fs *fs, const uint8_t *long_ad, struct pod_node *n);
/* Characters as OSTA CS0 has them (UDF 2.1.1) to UTF-8. False: none, or not to be represented. */
bool udf_name(const uint8_t *cs0, size_t len, char *out, size_t size);

/* Volume structures: udf_volume.c. */
enum pod_status udf_volume_open(struct pod_fs *fs, struct pod_diag *diag);
/* Where the descriptor of partition `number` lies in the main (0) or the reserve (1) sequence; 0: nowhere. */
enum pod_status udf_partition_descriptor(struct pod_fs *fs, uint32_t which, uint16_t number, uint64_t *at);

#endif
