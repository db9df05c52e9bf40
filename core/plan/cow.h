/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An overlay: what was written to a disk whose own bytes stay as they are. It lies in the persistence file of a disk image (persist.h):
 *
 *   +0x000  8  magic "ISOPODOV"              +0x18  8  first byte of the store in the file: POD_COW_STORE
 *   +0x008  4  version: 1                    +0x20  8  its length in bytes, a multiple of POD_COW_CHUNK
 *   +0x00C  4  CRC-32 of these 512 bytes     +0x28 20  SHA-1 of what tells the disk (pod_cow_identify)
 *              with this field zero          +0x3C     zeros to 512
 *   +0x010  8  size of the disk in bytes
 *
 * The store is what the Linux kernel's device-mapper keeps a persistent snapshot in (drivers/md/dm-snap-persistent.c; numbers are
 * little-endian), in chunks of 4096 bytes:
 *
 *   chunk 0     +0 u32 "SnAp" 70416E53h   +4 u32 valid   +8 u32 version: 1   +12 u32 sectors of a chunk: 8
 *   chunk 1     the first area: 256 entries, u64 chunk of the disk, u64 chunk of the store, in the order of the writes. One of which the
 *               second number is zero ends them.
 *   and so on   256 chunks of data, and then the next area
 */
#ifndef POD_PLAN_COW_H
#define POD_PLAN_COW_H

#include "core/map/map.h"

#define POD_COW_MAGIC "ISOPODOV"
#define POD_COW_HEAD  512u
#define POD_COW_STORE 4096u
#define POD_COW_CHUNK 4096u
#define POD_COW_AREA  257u /* chunks from one area to the next */
#define POD_COW_ID    20u

struct pod_cow {
	uint64_t disk_bytes, store_bytes; /* lengths */
	uint8_t id[POD_COW_ID];
	uint32_t used; /* changed chunks */
};

/* The file that begins at `start_bytes` of a disk. POD_E_FORMAT: not an overlay; POD_E_UNSUPPORTED: of another version, or with chunks of
 * another size; POD_E_CORRUPT: its numbers cannot be, or the kernel gave it up. */
enum pod_status POD_MUST_USE pod_cow_read(struct pod_dev *disk, uint64_t start_bytes, uint64_t length_bytes, struct pod_cow *out);
/* What the store has left, and whether that is next to nothing. The last eighth of it, 64 MiB at most, is held back and does not count: a
 * filesystem whose journal cannot be replayed cannot be mounted, so that what is in a full store could not even be read. */
uint64_t pod_cow_free(const struct pod_cow *c);
bool pod_cow_full(const struct pod_cow *c);
/* How much of the store the system is given: all of it once it is full, or if it has a place for every chunk of the disk. */
uint64_t pod_cow_given(const struct pod_cow *c);
/* The beginning of a file, and of the store in it: all else that has to be written is the areas, as zeros. */
void pod_cow_make(const struct pod_cow *c, uint8_t head[POD_COW_HEAD], uint8_t store[POD_COW_HEAD]);

/* A disk is told by its size, the time its file was last written, its partitions, and the first bytes of each, where filesystems keep
 * their superblocks: ext4, XFS, FAT and LVM in the first 4 KiB, Btrfs at 64 KiB. ext4 and Btrfs write to theirs at each mount, whatever way
 * leads to the bytes. */
enum pod_status POD_MUST_USE pod_cow_identify(struct pod_dev *disk, int64_t mtime, struct pod_alloc *a, uint8_t id[POD_COW_ID]);

/* What changed, ascending by the disk's chunk, each (chunk of the disk << 32 | chunk of the store); in memory of `a`. POD_E_CORRUPT: an
 * entry that cannot be. */
enum pod_status POD_MUST_USE pod_cow_changes(struct pod_dev *disk, uint64_t start_bytes, const struct pod_cow *c,
					     struct pod_alloc *a, uint64_t **out);
/* The disk as it was written to: `base` with these changes, appended to an empty map. */
enum pod_status POD_MUST_USE pod_cow_map(const struct pod_map *base, uint64_t start_bytes, const struct pod_cow *c,
					 const uint64_t *change, struct pod_map *out);

#endif
