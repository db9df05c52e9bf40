/* SPDX-License-Identifier: BSD-2-Clause */
/* The reader of /isopod/map (layout: core/map/handover.h, doc/FORMATS/handover.md). Portable: the shim, the unit tests and the
 * fuzzer compile the same file. */
#ifndef POD_LINUX_HANDOVER_H
#define POD_LINUX_HANDOVER_H

#include "core/base/status.h"
#include "core/map/handover.h"

/* A record never gets longer than this: header, extents, a path of at most 4096 bytes, chunks. */
#define POD_HO_PATH_MAX	  4096u
#define POD_HO_RECORD_MAX (POD_HO_HEADER_SIZE + POD_HO_EXTENT_MAX * POD_HO_EXTENT_SIZE + POD_HO_PATH_MAX + 8u + POD_HO_CHUNKS_MAX)

/* A run of bytes on the disk. */
struct pod_ho_run {
	uint64_t start_bytes, length_bytes;
};
static inline bool pod_ho_meet(struct pod_ho_run a, struct pod_ho_run b)
{
	return a.start_bytes < b.start_bytes + b.length_bytes && b.start_bytes < a.start_bytes + a.length_bytes;
}

/* Points into the bytes it was parsed from. */
struct pod_ho_record {
	uint32_t flags;
	uint32_t disk_signature;
	const uint8_t *disk_guid; /* 16 bytes */
	uint64_t part_start_bytes, part_length_bytes;
	uint32_t part_number;
	uint32_t volume_serial;
	uint32_t sector_size;
	uint32_t image_crc; /* of 2048 bytes at image offset 32768 */
	uint64_t image_bytes;
	uint32_t extent_count;
	const uint8_t *extent;
	const char *path; /* not terminated */
	uint32_t path_len;
	uint64_t state_start_bytes; /* the flight recorder's state file on the disk; 0: nothing is recorded */
	uint32_t state_length_bytes, boot_number;
	const uint8_t *chunk;	   /* the first one */
	uint32_t chunk_bytes;	   /* of all of them */
	struct pod_ho_run persist; /* the persistence file; 0 bytes long: there is none */
	struct pod_ho_run cow;	   /* the store of an overlay, likewise */
	uint32_t cow_sectors;	   /* of a chunk in it */
};

/* POD_E_FORMAT: not a record. POD_E_CORRUPT: checksum, or a number that breaks the rules; `diag` names the field. The record may
 * be followed by other bytes. */
enum pod_status POD_MUST_USE pod_ho_parse(struct pod_ho_record *r, const uint8_t *buf, size_t size, struct pod_diag *diag);

/* The bytes of the chunk of a type, `*len` of them; NULL: there is none. */
const uint8_t *pod_ho_chunk(const struct pod_ho_record *r, uint32_t type, uint32_t *len);

/* The disk that is shown instead of the image (POD_HO_CHUNK_DISK). */
struct pod_ho_disk {
	uint64_t size_bytes;
	uint32_t sector_size, flags;
	uint32_t seg_count;
	const uint8_t *seg;
};
/* POD_E_NOT_FOUND: the image is shown as it is. POD_E_CORRUPT: a number breaks the rules; `diag` names the field. */
enum pod_status POD_MUST_USE pod_ho_disk(const struct pod_ho_record *r, struct pod_ho_disk *d, struct pod_diag *diag);
/* Segment `i`; start_bytes 0: zeros. */
void pod_ho_disk_seg(const struct pod_ho_disk *d, uint32_t i, struct pod_ho_run *seg);

struct pod_ho_cursor {
	uint32_t at;	       /* next extent */
	uint64_t before_bytes; /* what the extents before it hold */
};

/* Walks the image in runs that are as long as possible: neighbouring extents are one run, and what the extents hold past the
 * image's end is cut off, but for the rest of the last sector of `align` bytes (a power of two). Start with a zeroed cursor;
 * false: no more. */
bool pod_ho_next_run(const struct pod_ho_record *r, uint32_t align, struct pod_ho_cursor *c, struct pod_ho_run *run);
/* How many runs pod_ho_next_run will give. */
uint32_t pod_ho_run_count(const struct pod_ho_record *r, uint32_t align);

#endif
