/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A block device as the core sees it: byte-addressed, exact or failing.
 *
 * Ports supply `read` (and `write`, `flush` where they can); wrappers add a window or a cache. A device
 * is used from one thread at a time.
 */
#ifndef POD_DISK_DEV_H
#define POD_DISK_DEV_H

#include "core/base/alloc.h"
#include "core/base/budget.h"

struct pod_dev {
	uint64_t size_bytes;
	uint32_t sector_size; /* smallest unit the hardware reads and writes atomically: 512, 2048 or 4096 */
	bool read_only;
	/* Reads exactly `len` bytes at `off_bytes` or fails; any alignment is legal at this interface. */
	enum pod_status (*read)(struct pod_dev *d, uint64_t off_bytes, void *buf, size_t len);
	/* Writes exactly `len` bytes. NULL on read-only devices. Writes between two flushes may reach the
	 * medium in any order; after `flush` returns they are there. */
	enum pod_status (*write)(struct pod_dev *d, uint64_t off_bytes, const void *buf, size_t len);
	enum pod_status (*flush)(struct pod_dev *d);
	void *ctx;
	/* What reading may cost, or NULL: no limit. Windows, caches and maps take it over from the device below them when they
	 * are made. Writing is never cut off. */
	struct pod_budget *budget;
};

/* Range-checked access: POD_E_RANGE outside the device, POD_E_READONLY without a write function; a read also fails as its budget
 * says. */
enum pod_status POD_MUST_USE pod_dev_read(struct pod_dev *d, uint64_t off_bytes, void *buf, size_t len);
enum pod_status POD_MUST_USE pod_dev_write(struct pod_dev *d, uint64_t off_bytes, const void *buf, size_t len);
enum pod_status POD_MUST_USE pod_dev_flush(struct pod_dev *d);

/* A device that shows [start, start + len) of `parent`. `w` is caller-owned storage; parent must outlive it. */
struct pod_window {
	struct pod_dev dev;
	struct pod_dev *parent;
	uint64_t start_bytes;
};
enum pod_status POD_MUST_USE pod_window_init(struct pod_window *w, struct pod_dev *parent, uint64_t start_bytes,
					     uint64_t len_bytes);

/* A read cache of `lines` lines of `line_size` bytes (power of two, multiple of the sector size) in caller-owned
 * memory, for directory walks in firmware. LRU. Reads of more than one whole line bypass it. Writes go
 * through; what they touch is forgotten. Turns reads of any alignment into line-aligned parent reads. After POD_CACHE_STREAK
 * lines in order, POD_CACHE_AHEAD lines are read at once. */
#define POD_CACHE_STREAK 4u
#define POD_CACHE_AHEAD	 4u /* the slots are used in groups of so many: `lines` is a multiple */
struct pod_cache_line {
	uint64_t tag; /* line number + 1; 0 = empty */
	uint32_t used;
};
struct pod_cache {
	struct pod_dev dev;
	struct pod_dev *parent;
	struct pod_cache_line *line;
	uint8_t *data;
	uint32_t lines, line_size, line_shift, clock;
	uint64_t next_line; /* the one behind the last that was read from the parent */
	uint32_t streak;    /* how many were read in order up to there */
};
enum pod_status POD_MUST_USE pod_cache_init(struct pod_cache *c, struct pod_dev *parent, struct pod_alloc *a, uint32_t lines,
					    uint32_t line_size);
void pod_cache_fini(struct pod_cache *c, struct pod_alloc *a);

/* A device over bytes in memory (tests, fuzzers, multiboot modules). */
struct pod_memdev {
	struct pod_dev dev;
	uint8_t *data;
};
void pod_memdev_init(struct pod_memdev *m, void *data, size_t len, uint32_t sector_size, bool read_only);

#endif
