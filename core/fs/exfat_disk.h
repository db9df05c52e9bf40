/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exFAT on disk: what the reader (exfat.c) and the writer (exfat_write.c and its neighbours) share.
 *
 * Source: Microsoft, "exFAT file system specification", revision 1.00; clause numbers below are its own. All
 * numbers are little-endian; sectors are 1 << BytesPerSectorShift bytes, clusters 1 << SectorsPerClusterShift
 * sectors, the first cluster of the heap is number 2.
 *
 * Boot sector (3.1; sector 0, its copy in sector 12):
 *   +0x00  3  JumpBoot EB 76 90            +0x64  4  VolumeSerialNumber
 *   +0x03  8  FileSystemName "EXFAT   "    +0x68  2  FileSystemRevision (major << 8 | minor)
 *   +0x0B 53  MustBeZero                   +0x6A  2  VolumeFlags (ActiveFat, VolumeDirty, MediaFailure, ClearToZero)
 *   +0x40  8  PartitionOffset, sectors     +0x6C  1  BytesPerSectorShift, 9 to 12
 *   +0x48  8  VolumeLength, sectors        +0x6D  1  SectorsPerClusterShift, 0 to 25 - BytesPerSectorShift
 *   +0x50  4  FatOffset, sectors           +0x6E  1  NumberOfFats, 1 or 2
 *   +0x54  4  FatLength, sectors           +0x6F  1  DriveSelect
 *   +0x58  4  ClusterHeapOffset, sectors   +0x70  1  PercentInUse
 *   +0x5C  4  ClusterCount                 +0x78 390 BootCode
 *   +0x60  4  FirstClusterOfRootDirectory  +0x1FE 2  BootSignature AA55h
 * Sectors 1 to 8: extended boot sectors, AA550000h in the last four bytes; 9: OEM parameters; 10: reserved;
 * 11: the boot checksum of sectors 0 to 10, repeated (3.4). Sectors 12 to 23 repeat all of it.
 *
 * Directory entries (6; 32 bytes; +0 EntryType: 80h in use, 40h secondary, 20h benign):
 *   81h bitmap    +1 flags (bit 0: second)                               +20 4 first cluster  +24 8 length
 *   82h up-case   +4 4 checksum                                          +20 4 first cluster  +24 8 length
 *   83h label     +1 characters, 0 to 11  +2 UTF-16
 *   85h file      +1 secondaries  +2 2 set checksum  +4 2 attributes  +8 4 created  +12 4 modified  +16 4 accessed
 *                 +20, +21 10 ms of created, modified  +22, +23, +24 UTC offsets of the three
 *   C0h stream    +1 flags (1: allocation possible, 2: no FAT chain)  +3 name length  +4 2 name hash
 *                 +8 8 valid data length                                 +20 4 first cluster  +24 8 length
 *   C1h name      +1 flags  +2 15 UTF-16 units
 */
#ifndef POD_FS_EXFAT_DISK_H
#define POD_FS_EXFAT_DISK_H

#include "core/disk/dev.h"

enum {
	POD_EXFAT_BOOT_SECTORS = 12, /* of one boot region */
	POD_EXFAT_ENTRY_SIZE = 32,
	POD_EXFAT_NAME_UNITS = 255,
	POD_EXFAT_UNITS_PER_ENTRY = 15,
	POD_EXFAT_SET_MAX = 256, /* entries in a set: the file entry and up to 255 secondaries */

	POD_EXFAT_END = 0x00,
	POD_EXFAT_BITMAP = 0x81,
	POD_EXFAT_UPCASE = 0x82,
	POD_EXFAT_LABEL = 0x83,
	POD_EXFAT_FILE = 0x85,
	POD_EXFAT_STREAM = 0xC0,
	POD_EXFAT_NAME = 0xC1,
	POD_EXFAT_IN_USE = 0x80,
	POD_EXFAT_SECONDARY = 0x40,
	POD_EXFAT_BENIGN = 0x20,

	POD_EXFAT_ATTR_DIR = 0x10,
	POD_EXFAT_ATTR_ARCHIVE = 0x20,
	POD_EXFAT_ALLOCATED = 0x01, /* GeneralSecondaryFlags */
	POD_EXFAT_NO_FAT_CHAIN = 0x02,

	POD_EXFAT_VOLUME_DIRTY = 0x02, /* VolumeFlags */
};

#define POD_EXFAT_FAT_BAD     0xFFFFFFF7u
#define POD_EXFAT_FAT_END     0xFFFFFFFFu
#define POD_EXFAT_CLUSTER_MAX 0xFFFFFFF5u    /* most clusters a volume can have */
#define POD_EXFAT_DIR_MAX     (256ull << 20) /* bytes of one directory (7.4) */

/* A volume's layout, checked: every range below lies inside the volume, and the volume inside the device. */
struct pod_exfat_geom {
	uint32_t sector_shift, cluster_shift; /* log2 of bytes */
	uint32_t cluster_count;
	uint32_t root_cluster;
	uint64_t fat_bytes; /* the active FAT's device offset */
	uint64_t fat_len_bytes;
	uint64_t heap_bytes; /* device offset of cluster 2 */
	uint64_t volume_bytes;
	uint32_t serial;
	uint16_t flags; /* VolumeFlags of the region that was read */
	uint32_t fats;
	bool from_backup; /* the main boot region was bad */
};

/* Reads and checks a boot region: the main one, else, if that names exFAT or cannot be read, the backup.
 * POD_E_FORMAT: not exFAT. POD_E_CORRUPT: both regions break the rules (`diag` speaks of the main one).
 * POD_E_UNSUPPORTED: another major revision. `scratch` is working space: a multiple of 512 bytes. */
enum pod_status POD_MUST_USE pod_exfat_read_boot(struct pod_dev *dev, uint8_t *scratch, size_t scratch_len,
						 struct pod_exfat_geom *g, struct pod_diag *diag);

static inline bool pod_exfat_cluster_ok(const struct pod_exfat_geom *g, uint32_t cluster)
{
	return cluster >= 2 && cluster - 2 < g->cluster_count;
}

/* The device offset of a cluster that pod_exfat_cluster_ok has accepted. */
static inline uint64_t pod_exfat_cluster_bytes(const struct pod_exfat_geom *g, uint32_t cluster)
{
	return g->heap_bytes + ((uint64_t)(cluster - 2) << g->cluster_shift);
}

static inline uint64_t pod_exfat_clusters_of(const struct pod_exfat_geom *g, uint64_t bytes)
{
	return (bytes >> g->cluster_shift) + ((bytes & ((1ull << g->cluster_shift) - 1)) != 0);
}

/* The boot checksum over whole sectors (3.4): start with 0; `first` skips VolumeFlags and PercentInUse. */
uint32_t pod_exfat_boot_sum(uint32_t sum, const uint8_t *p, size_t len, bool first);
/* The set checksum (6.3.3) over one 32-byte entry; `first` skips the checksum field itself. */
uint16_t pod_exfat_set_sum(uint16_t sum, const uint8_t *entry, bool first);
/* The name hash (7.6.4) over up-cased UTF-16 units. */
uint16_t pod_exfat_name_hash(const uint16_t *upcased, size_t n);
/* The checksum of the up-case table (7.2.2). Chainable. */
uint32_t pod_exfat_table_sum(uint32_t sum, const uint8_t *p, size_t len);

/* A DOS-style timestamp (7.4.8) with its 10 ms and UTC-offset bytes, to and from seconds since 1970. 0 if it is not a date. */
int64_t pod_exfat_to_unix(uint32_t stamp, uint8_t ms10, uint8_t utc_offset);
/* Times outside 1980 to 2107 are clamped. The result is in UTC: store UtcOffset 80h beside it. */
uint32_t pod_exfat_from_unix(int64_t t, uint8_t *ms10);

#endif
