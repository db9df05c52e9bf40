/* SPDX-License-Identifier: BSD-2-Clause */
/* What the FAT reader knows beyond the generic interface; for core/image, core/plan and the FAT writer. */
#ifndef POD_FS_FAT_H
#define POD_FS_FAT_H

#include "core/fs/fs.h"

/* The BIOS parameter block, checked (fat.c tells its layout). Offsets are bytes from the volume's start. */
struct pod_fat_geometry {
	uint32_t bits; /* 12, 16 or 32 */
	uint32_t sector_size, sector_shift;
	uint32_t cluster_shift; /* log2 of bytes in a cluster */
	uint32_t fat_count;
	uint32_t fat_sectors;	/* of one FAT */
	uint32_t cluster_count; /* data clusters are numbered 2 .. cluster_count + 1 */
	uint32_t root_cluster;	/* FAT32 */
	uint32_t root_entries;	/* FAT12/16 */
	uint32_t info_sector;	/* FAT32 FSInfo, 0 or 0xFFFF: none */
	uint32_t serial;
	uint8_t media;
	bool single_fat;      /* FAT32: mirroring is off */
	uint64_t fat_bytes;   /* first FAT */
	uint64_t root_bytes;  /* FAT12/16 root directory */
	uint64_t data_bytes;  /* cluster 2 */
	uint64_t total_bytes; /* what the volume claims to span */
};

/* Reads a boot sector (512 bytes). POD_E_FORMAT if it is not FAT's. Does not look at any device. */
enum pod_status POD_MUST_USE pod_fat_parse_bpb(const uint8_t *boot_sector, struct pod_fat_geometry *g, struct pod_diag *diag);
/* Of an open volume. */
const struct pod_fat_geometry *pod_fat_geometry(const struct pod_fs *fs);
/* The FAT entry of a cluster, end-of-chain marks normalised to POD_FAT_END; out-of-range links are POD_E_CORRUPT. */
#define POD_FAT_END 0xFFFFFFFFu
#define POD_FAT_BAD 0xFFFFFFFEu
enum pod_status POD_MUST_USE pod_fat_next(struct pod_fs *fs, uint32_t cluster, uint32_t *next);
/* First byte of a data cluster on the device. */
static inline uint64_t pod_fat_cluster_bytes(const struct pod_fat_geometry *g, uint32_t cluster)
{
	return g->data_bytes + ((uint64_t)(cluster - 2) << g->cluster_shift);
}
/* First cluster of a file or directory; 0: none, or the root of FAT12/16. */
static inline uint32_t pod_fat_cluster(const struct pod_node *n)
{
	return (uint32_t)n->priv[0];
}

#endif
