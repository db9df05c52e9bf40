/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VHD files (Microsoft "Virtual Hard Disk Image Format Specification" 1.0, 2006): fixed, dynamic, differencing, as a member. Use
 * core/vhd/chain.h to read a disk.
 */
#ifndef POD_VHD_VHD_H
#define POD_VHD_VHD_H

#include "core/vhd/vfile.h"

#define POD_VHD_SIZE_MAX      (2040ull << 30)
#define POD_VHD_BLOCK_DEFAULT (2u << 20)
#define POD_VHD_BLOCK_MAX     (256u << 20)
#define POD_VHD_BLOCKS_MAX    (1u << 22)
#define POD_VHD_EPOCH	      946684800u /* 2000-01-01 in seconds since 1970 */

enum pod_vhd_type { POD_VHD_FIXED = 2, POD_VHD_DYNAMIC = 3, POD_VHD_DIFFERENCING = 4 };

struct pod_vhd {
	struct pod_vfile *file;
	struct pod_alloc *alloc;
	enum pod_vhd_type type;
	uint64_t size_bytes;
	uint8_t id[16];	    /* as on disk: big-endian fields */
	uint32_t timestamp; /* seconds since 2000-01-01 UTC */
	char creator[5];
	bool footer_ok, copy_ok; /* at the end, in front */
	uint8_t footer[512];
	/* dynamic and differencing */
	uint64_t header_off, bat_off;
	uint32_t entries, block_shift, bitmap_bytes;
	uint8_t parent_id[16];
	uint32_t parent_timestamp;
	char *parent_path[POD_PARENT_PATHS];
	struct pod_pages pages; /* 512 bytes each */
	/* writing */
	const struct pod_vhd_env *env;
	bool writable, failed;
	bool tail_clean;       /* nothing but the footer lies behind data_end */
	uint64_t locators_end; /* behind the parent's paths */
	uint64_t data_end;     /* behind the last block: where the next one goes */
};

struct pod_vhd_options {
	bool writable; /* refuses a table whose entries overlap */
	const struct pod_vhd_env *env;
	uint32_t cache_pages; /* 512 bytes each; a power of two; 0: what the disk needs, at most 2048 */
};

enum pod_status POD_MUST_USE pod_vhd_open(struct pod_vhd *v, struct pod_vfile *file, struct pod_alloc *a,
					  const struct pod_vhd_options *opt, struct pod_diag *diag);
enum pod_status POD_MUST_USE pod_vhd_close(struct pod_vhd *v);
/* What the member shows at `off` (off + len <= size_bytes, len > 0). */
enum pod_status POD_MUST_USE pod_vhd_run(struct pod_vhd *v, uint64_t off, uint64_t len, struct pod_run *run);
/* Sector number of a block's bitmap, 0xFFFFFFFF if it has none. */
enum pod_status POD_MUST_USE pod_vhd_bat_get(struct pod_vhd *v, uint64_t block, uint32_t *sector);

struct pod_vhd_create {
	uint64_t size_bytes; /* a multiple of 512, at most 2040 GiB */
	uint32_t block_size; /* 0: 2 MiB */
	bool fixed;
	const struct pod_parent_spec *parent;
};
enum pod_status POD_MUST_USE pod_vhd_format(struct pod_vfile *file, struct pod_alloc *a, const struct pod_vhd_create *c,
					    const struct pod_vhd_env *env, struct pod_diag *diag);
/* Whole sectors of 512 bytes; `buf` NULL: zeros. */
enum pod_status POD_MUST_USE pod_vhd_write(struct pod_vhd *v, uint64_t off, const void *buf, size_t len);
/* The range reads as zeros afterwards. Whole blocks of a dynamic disk are given up (compacting gains their space). */
enum pod_status POD_MUST_USE pod_vhd_trim(struct pod_vhd *v, uint64_t off, uint64_t len);
enum pod_status POD_MUST_USE pod_vhd_flush(struct pod_vhd *v);
enum pod_status POD_MUST_USE pod_vhd_grow(struct pod_vhd *v, uint64_t size_bytes);
/* A smaller disk: what is behind the new end is gone (compacting gains its space). POD_E_INVALID: it has a parent. */
enum pod_status POD_MUST_USE pod_vhd_shrink(struct pod_vhd *v, uint64_t size_bytes);
/* Blocks that show nothing (dynamic: only zeros; differencing: no sector of their own) are given back, those at the end moved to
 * the front, the file cut. POD_E_INVALID for a fixed disk. */
enum pod_status POD_MUST_USE pod_vhd_compact(struct pod_vhd *v, void (*progress)(void *ctx, uint64_t done, uint64_t total),
					     void *ctx);
enum pod_status POD_MUST_USE pod_vhd_set_parent(struct pod_vhd *v, const struct pod_parent_spec *p);

typedef void pod_vhd_found(void *ctx, const char *what, uint64_t offset_bytes, uint64_t block, bool repairable);
struct pod_vhd_report {
	uint32_t errors, repaired;
	uint64_t blocks_present, file_used_bytes, file_unused_bytes;
};
enum pod_status POD_MUST_USE pod_vhd_check(struct pod_vhd *v, bool repair, pod_vhd_found *found, void *ctx,
					   struct pod_vhd_report *out);

/* Cylinders, heads and sectors per track of a disk (appendix of the specification). */
void pod_vhd_geometry(uint64_t size_bytes, uint16_t *cylinders, uint8_t *heads, uint8_t *sectors);
/* The ones' complement of the sum of all bytes but the checksum's own four at `field`. */
uint32_t pod_vhd_checksum(const uint8_t *p, size_t len, size_t field);

#endif
