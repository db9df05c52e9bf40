/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The map: an ordered, gap-free list of segments that says where each byte of a virtual disk comes from:
 * the stick, bytes in memory, or zeros. Everything Isopod does to an image is a map.
 *
 * Memory segments point into one blob owned by the map (`mem`), by offset, so that a map can be moved, or
 * handed to the INT 13h server as (segment table, blob).
 */
#ifndef POD_MAP_MAP_H
#define POD_MAP_MAP_H

#include "core/disk/dev.h"

enum pod_seg_kind { POD_SEG_ZERO = 0, POD_SEG_DEV = 1, POD_SEG_MEM = 2 };

struct pod_seg {
	uint64_t start_bytes;  /* virtual offset */
	uint64_t length_bytes; /* > 0 */
	uint64_t source;       /* DEV: byte offset on the stick; MEM: byte offset in the blob; ZERO: 0 */
	uint32_t kind;	       /* enum pod_seg_kind */
};

#define POD_MAP_SEG_LIMIT (1u << 20)
#define POD_MAP_MEM_LIMIT (256u << 20)

struct pod_map {
	struct pod_alloc *alloc;
	struct pod_seg *seg;
	size_t count, cap;
	uint64_t size_bytes;
	uint8_t *mem;
	size_t mem_len, mem_cap;
	bool lent; /* `mem` is somebody else's, and holds the whole disk: pod_map_lend */
};

void pod_map_init(struct pod_map *m, struct pod_alloc *a);
void pod_map_fini(struct pod_map *m);

/* Appends a segment at the end; merges with the last one where it continues it. len 0 is legal and does nothing. */
enum pod_status POD_MUST_USE pod_map_append(struct pod_map *m, enum pod_seg_kind kind, uint64_t source, uint64_t len_bytes);
/* Copies `len` bytes into the blob (zeros if data is NULL); *off is where they lie (16-aligned). */
enum pod_status POD_MUST_USE pod_map_mem(struct pod_map *m, const void *data, size_t len, uint64_t *off);
/* Re-targets [start, start+len), which must lie within the map, splitting segments as needed. */
enum pod_status POD_MUST_USE pod_map_replace(struct pod_map *m, uint64_t start_bytes, uint64_t len_bytes, enum pod_seg_kind kind,
					     uint64_t source);
/* Appends what [start, start+len) of the map itself shows now (the untouched initrd between two cpio archives). */
enum pod_status POD_MUST_USE pod_map_append_slice(struct pod_map *m, uint64_t start_bytes, uint64_t len_bytes);
/* The same of another map, whose memory segments count in the blob that those of `m` count in. */
enum pod_status POD_MUST_USE pod_map_append_part(struct pod_map *m, const struct pod_map *of, uint64_t start_bytes,
						 uint64_t len_bytes);
/* The same of another map of the same stick, whose memory is copied. */
enum pod_status POD_MUST_USE pod_map_append_from(struct pod_map *m, const struct pod_map *from, uint64_t start_bytes,
						 uint64_t len_bytes);
/* Pads with zeros to a multiple of `align` (power of two). */
enum pod_status POD_MUST_USE pod_map_pad(struct pod_map *m, uint64_t align);
/* From now on the whole disk is the `size_bytes` bytes at `mem`, which hold what it shows: nothing is read from the stick any more. They stay
 * the caller's, and outlive the map. It takes no further bytes of its own then (POD_E_READONLY). An empty map stays as it is. */
void pod_map_lend(struct pod_map *m, uint8_t *mem);
/* Index of the segment that holds `off`; off must be < size_bytes. Binary search. */
size_t pod_map_find(const struct pod_map *m, uint64_t off_bytes);
/* Reads exactly len bytes of the virtual disk; POD_E_RANGE outside it, the device's own status on a read error. */
enum pod_status POD_MUST_USE pod_map_read(const struct pod_map *m, struct pod_dev *stick, uint64_t off_bytes, void *buf,
					  size_t len);
/* Overwrites `len` bytes at `off` of the virtual disk by bytes in memory: the affected whole sectors of `sector` bytes are read
 * through the map, patched, and become MEM segments (an earlier patch of the same sector is patched in place). */
enum pod_status POD_MUST_USE pod_map_patch(struct pod_map *m, struct pod_dev *stick, uint64_t off_bytes, const void *data,
					   size_t len, uint32_t sector);

/* The virtual disk as a read-only device. */
struct pod_mapdev {
	struct pod_dev dev;
	const struct pod_map *map;
	struct pod_dev *stick;
};
void pod_mapdev_init(struct pod_mapdev *md, const struct pod_map *m, struct pod_dev *stick, uint32_t sector_size);

#endif
