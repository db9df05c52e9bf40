/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VHDX files ([MS-VHDX], Virtual Hard Disk v2): one file, as a member that answers for each range "here", "zeros", or "ask the
 * parent". core/vhd/chain.h puts members on top of each other; use that to read a disk.
 */
#ifndef POD_VHD_VHDX_H
#define POD_VHD_VHDX_H

#include "core/vhd/vfile.h"

#define POD_VHDX_SIZE_MAX      (64ull << 40)
#define POD_VHDX_BLOCK_MIN     (1u << 20)
#define POD_VHDX_BLOCK_MAX     (256u << 20)
#define POD_VHDX_BLOCK_DEFAULT (32u << 20)
#define POD_VHDX_LOG_MAX       (64u << 20)    /* a larger log is refused (POD_E_LIMIT) */
#define POD_VHDX_FILE_MAX      (128ull << 40) /* so is a larger file */
#define POD_VHDX_REPLAY_MAX    16384u	      /* and a log with more descriptors to replay */

enum pod_vhdx_block {
	POD_VHDX_NOT_PRESENT = 0,
	POD_VHDX_UNDEFINED = 1,
	POD_VHDX_ZERO = 2,
	POD_VHDX_UNMAPPED = 3,
	POD_VHDX_FULL = 6,
	POD_VHDX_PARTIAL = 7,
};

struct pod_vhdx_parent {
	uint8_t linkage[16], linkage2[16]; /* linkage2: zeros if absent */
	char *path[POD_PARENT_PATHS];	   /* UTF-8 as stored; NULL: absent */
};

struct pod_vhdx {
	struct pod_vfile *file;
	struct pod_alloc *alloc;
	struct pod_dev *dev; /* the file as it reads with its log replayed */
	/* headers */
	uint8_t file_write_guid[16], data_write_guid[16], log_guid[16];
	uint64_t sequence;
	uint32_t header; /* which of the two is current: 0 or 1 */
	bool header_ok[2];
	uint32_t region; /* which copy of the region table counts: the first sound one */
	uint64_t log_off, bat_off, meta_off;
	uint32_t log_len, bat_len, meta_len;
	/* metadata */
	uint64_t size_bytes;
	uint8_t disk_id[16];
	uint32_t block_shift, sector_shift, physical_sector_size;
	uint32_t chunk_shift; /* payload blocks per sector bitmap block, as a power of two */
	bool leave_allocated; /* a fixed disk */
	bool merging;	      /* a child is being merged into it: what it shows is neither old nor new (pod_vhdx_mark) */
	bool has_parent;
	struct pod_vhdx_parent parent;
	char creator[64];
	struct pod_pages pages;
	/* A log that had to be replayed in memory. */
	bool log_replayed;
	struct pod_map overlay;
	struct pod_mapdev overlay_dev;
	/* Writing (pod_vhdx_make_writable). */
	const struct pod_vhd_env *env;
	bool writable, data_armed, file_armed, logging;
	bool failed;		    /* a flush failed: what is on the disk is not known any more */
	bool header_stale;	    /* the older header still names a log that is out of date */
	uint8_t next_data_guid[16]; /* what DataWriteGuid becomes at the first write */
	uint8_t *used;		    /* one bit per MiB of the file */
	uint8_t *freed;		    /* given up, but not before the next commit */
	uint64_t used_bits, hint, freed_low, freed_high;
	uint8_t *log_buf;
	uint64_t log_sequence;
	uint32_t log_at;
	uint8_t next_log_guid[16];
};

struct pod_vhdx_options {
	/* For writing: replays a dirty log on disk, refuses a BAT whose entries overlap. `env` must be set then. */
	bool writable;
	const struct pod_vhd_env *env;
	uint32_t cache_pages; /* 4 KiB each; a power of two; 0: what the disk needs, at most 2048 */
};

/* Opens a file; reads headers, regions, metadata and log, not the BAT. POD_E_FORMAT: no VHDX; POD_E_CORRUPT, POD_E_UNSUPPORTED,
 * POD_E_LIMIT with `diag`; POD_E_IO, POD_E_NOMEM. On failure nothing is left open. */
enum pod_status POD_MUST_USE pod_vhdx_open(struct pod_vhdx *x, struct pod_vfile *file, struct pod_alloc *a,
					   const struct pod_vhdx_options *opt, struct pod_diag *diag);
/* Writes what is pending and marks the log empty (the status tells of that), and releases all memory in any case. */
enum pod_status pod_vhdx_close(struct pod_vhdx *x);

/* What the member shows at `off`, for at most `len` bytes (off + len <= size_bytes, len > 0). run->len > 0. */
enum pod_status POD_MUST_USE pod_vhdx_run(struct pod_vhdx *x, uint64_t off, uint64_t len, struct pod_run *run);

/* The number of payload blocks, and a BAT entry as it stands (state in bits 0 to 2, offset in bits 20 up). */
uint64_t pod_vhdx_blocks(const struct pod_vhdx *x);
enum pod_status POD_MUST_USE pod_vhdx_block_entry(struct pod_vhdx *x, uint64_t block, uint64_t *entry);
/* BAT entries the disk needs, sector bitmap blocks included. */
uint64_t pod_vhdx_bat_entries(uint64_t size_bytes, uint32_t block_shift, uint32_t chunk_shift, bool has_parent);
uint64_t pod_vhdx_bat_index(const struct pod_vhdx *x, uint64_t block);
uint64_t pod_vhdx_bitmap_index(const struct pod_vhdx *x, uint64_t chunk);
/* Raw entry by index in the table. */
enum pod_status POD_MUST_USE pod_vhdx_bat_get(struct pod_vhdx *x, uint64_t index, uint64_t *entry);

/* --- writing ---------------------------------------------------------------------------------------------- */

struct pod_vhdx_create {
	uint64_t size_bytes;
	uint32_t block_size;	       /* 0: 32 MiB, less for small disks, 2 MiB for a child */
	uint32_t logical_sector_size;  /* 512 or 4096; 0: 512 */
	uint32_t physical_sector_size; /* 0: 4096 */
	bool fixed;		       /* all blocks allocated (as a hole where the file can have holes) */
	const struct pod_parent_spec *parent;
};
/* Makes an empty disk in `file`, which must be empty (length 0) and able to grow. A few dozen KiB are written whatever the size;
 * the identifier that a child needs is in the result of pod_vhdx_open. Not flushed. */
enum pod_status POD_MUST_USE pod_vhdx_format(struct pod_vfile *file, struct pod_alloc *a, const struct pod_vhdx_create *c,
					     const struct pod_vhd_env *env, struct pod_diag *diag);

/* Whole logical sectors; `buf` NULL: zeros. Data reach the file at once, metadata at the next pod_vhdx_flush (or earlier). */
enum pod_status POD_MUST_USE pod_vhdx_write(struct pod_vhdx *x, uint64_t off, const void *buf, size_t len);
/* The range reads as zeros afterwards, parent or not; whole blocks are given back. Whole logical sectors. */
enum pod_status POD_MUST_USE pod_vhdx_trim(struct pod_vhdx *x, uint64_t off, uint64_t len);
/* Everything written so far survives a power cut after this. */
enum pod_status POD_MUST_USE pod_vhdx_flush(struct pod_vhdx *x);
/* A larger disk; the new part reads as zeros (in a child too, as long as the parent is not longer). */
enum pod_status POD_MUST_USE pod_vhdx_grow(struct pod_vhdx *x, uint64_t size_bytes);
/* A smaller disk: what is behind the new end is gone, and its space given back. Of a child the same; the parent may go on being longer. */
enum pod_status POD_MUST_USE pod_vhdx_shrink(struct pod_vhdx *x, uint64_t size_bytes);
/* The mark "a merge into it is under way", or no mark. Other readers pass over it. Atomic, and on disk afterwards. */
enum pod_status POD_MUST_USE pod_vhdx_mark(struct pod_vhdx *x, bool merging);
/* Another parent, or another path to it. Atomic. */
enum pod_status POD_MUST_USE pod_vhdx_set_parent(struct pod_vhdx *x, const struct pod_parent_spec *p);
/* The child becomes a disk of its own: only right when no block needs the parent any more (POD_E_INVALID if one does). */
enum pod_status POD_MUST_USE pod_vhdx_drop_parent(struct pod_vhdx *x);
/* The next write gives the disk this DataWriteGuid instead of a random one (in-place merge). */
void pod_vhdx_next_data_guid(struct pod_vhdx *x, const uint8_t guid[16]);
/* Announces a change of data before it is made: DataWriteGuid is new and on disk afterwards. The first write does it by itself.
 */
enum pod_status POD_MUST_USE pod_vhdx_begin_data(struct pod_vhdx *x);
/* What is written until the file is closed changes nothing of what the disk shows: DataWriteGuid stays ([MS-VHDX] 2.2.2), and
 * children are still right. Only before the first write. */
enum pod_status POD_MUST_USE pod_vhdx_same_data(struct pod_vhdx *x);
/* Blocks that hold only zeros are given back, those at the end moved to the front, the file cut. `progress` may be NULL. Returns
 * POD_E_INVALID for a fixed disk. */
enum pod_status POD_MUST_USE pod_vhdx_compact(struct pod_vhdx *x, void (*progress)(void *ctx, uint64_t done, uint64_t total),
					      void *ctx);

/* A child shows again what its parent shows, as when it was made; then its DataWriteGuid was `data_guid`, and is so again. One that has it
 * already was never written to, and is left as it is. In place, and as a whole whatever moment power fails in: what was written before
 * may be dropped, so nobody may have the file open. POD_E_INVALID: it has no parent. Flushed. */
enum pod_status POD_MUST_USE pod_vhdx_empty(struct pod_vfile *file, struct pod_alloc *a, const uint8_t data_guid[16],
					    struct pod_diag *diag);

/* The same, and it is a child of another one from then on: of the disk of `size_bytes` that `parent` describes. *made: the DataWriteGuid that
 * it has then, which nobody had before. One step as well. POD_E_NOSPACE, before anything is written: its table is too small for that
 * disk, or there is no room for the parent's name. */
enum pod_status POD_MUST_USE pod_vhdx_empty_onto(struct pod_vfile *file, struct pod_alloc *a,
						 const struct pod_parent_spec *parent, uint64_t size_bytes, uint8_t made[16],
						 struct pod_diag *diag);

/* What its log holds is carried out, and the log is empty: a child can name it by its DataWriteGuid. In place; POD_E_NOSPACE where the file
 * would have to get longer. *data_guid: that. Flushed. */
enum pod_status POD_MUST_USE pod_vhdx_settle(struct pod_vfile *file, struct pod_alloc *a, uint8_t data_guid[16],
					     struct pod_diag *diag);

/* --- check ------------------------------------------------------------------------------------------------ */

/* One finding: `what` is a static string, the numbers say where (file offset) and which block. */
typedef void pod_vhd_finding(void *ctx, const char *what, uint64_t offset_bytes, uint64_t block, bool repairable);
struct pod_vhd_check {
	uint32_t errors, repaired;
	uint64_t blocks_present, blocks_partial, blocks_zero, file_used_bytes, file_unused_bytes;
};
/* Looks at everything but the data. With `repair` (an image opened for writing) it mends what needs no guess: a bad copy of a
 * header or region table. Findings go to `found`. */
enum pod_status POD_MUST_USE pod_vhdx_check(struct pod_vhdx *x, bool repair, pod_vhd_finding *found, void *ctx,
					    struct pod_vhd_check *out);

#endif
