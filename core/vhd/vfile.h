/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the virtual-disk formats ask of the file they live in, and what they have in common: runs, identifiers, randomness.
 *
 * All lengths and offsets are in bytes. Nothing here is thread-safe: one image is used from one thread at a time.
 */
#ifndef POD_VHD_VFILE_H
#define POD_VHD_VFILE_H

#include "core/base/guid.h"
#include "core/map/map.h"

/* A file. The caller owns it and keeps it open for as long as the image is. */
struct pod_vfile {
	struct pod_dev *dev; /* `size_bytes` follows `resize` */
	/* Changes the file's length; new bytes read as zeros. NULL: the file cannot grow. */
	enum pod_status (*resize)(struct pod_vfile *f, uint64_t size_bytes);
	/* Makes a range read as zeros without writing it, and gives its space back. NULL, or a failure: zeros are written. */
	enum pod_status (*zero)(struct pod_vfile *f, uint64_t off_bytes, uint64_t len_bytes);
	uint64_t changed_unix; /* when it was last written to, seconds since 1970; 0: not known */
	/* Gives a range of the file its space, so that no write into it fails for want of it; what it holds stays. NULL where files
	 * have no holes. POD_E_UNSUPPORTED: cannot be done there. */
	enum pod_status (*reserve)(struct pod_vfile *f, uint64_t off_bytes, uint64_t len_bytes);
	uint64_t id[2];		       /* which file it is (device and inode, volume and cluster): equal means the same one */
	const struct pod_map *extents; /* where the file lies on the stick, for pod_chain_map; NULL: not known */
	void *ctx;
};

/* What the formats need from their surroundings to write. */
struct pod_vhd_env {
	void (*random)(const struct pod_vhd_env *env, void *buf, size_t len); /* identifiers are made from it */
	uint64_t (*now_unix)(const struct pod_vhd_env *env); /* seconds since 1970-01-01 UTC, for VHD time stamps */
	void *ctx;
};

/* How a member shows a piece of the virtual disk. */
enum pod_run_kind {
	POD_RUN_PARENT = 0, /* the member says nothing: look one member below (zeros if there is none) */
	POD_RUN_ZERO = 1,
	POD_RUN_DATA = 2,
};

struct pod_run {
	enum pod_run_kind kind;
	uint64_t file_off; /* DATA: where it lies in the member's file */
	uint64_t len;
};

/* Where a differencing image says its parent is, in the order in which the places are tried. */
enum pod_parent_path { POD_PARENT_RELATIVE = 0, POD_PARENT_VOLUME = 1, POD_PARENT_ABSOLUTE = 2, POD_PARENT_PATHS = 3 };

/* The locator of a child that is to be made or re-linked. Paths are UTF-8 in the Windows manner (".\\base.vhdx"); NULL: none. */
struct pod_parent_spec {
	uint8_t linkage[16];	/* VHDX: the parent's DataWriteGuid; VHD: its unique identifier */
	uint8_t linkage2[16];	/* VHDX: a second identifier that is right as well; zeros: none */
	uint32_t vhd_timestamp; /* VHD: when the parent's file was last written to, seconds since 2000-01-01 UTC */
	const char *path[POD_PARENT_PATHS];
};

#define POD_VHD_PATH_MAX 4096u /* bytes of a parent's path in UTF-8, terminator included */

/* Grows or shrinks; POD_E_NOSPACE for a file that cannot grow. */
enum pod_status POD_MUST_USE pod_vfile_resize(struct pod_vfile *f, uint64_t size_bytes);
/* The range reads as zeros afterwards; by `zero` if the file has it. */
enum pod_status POD_MUST_USE pod_vfile_zero(struct pod_vfile *f, uint64_t off_bytes, uint64_t len_bytes);
/* POD_E_NOSPACE, or POD_OK: by `reserve` where the file has it, and as far as its filesystem can. */
enum pod_status POD_MUST_USE pod_vfile_reserve(struct pod_vfile *f, uint64_t off_bytes, uint64_t len_bytes);

/*
 * Pages of a file's metadata: a direct-mapped cache of clean ones, and a bounded set of changed ones that stay in memory until
 * the format writes them (with its log, or in its order). Nothing is allocated after pod_pages_init and pod_pages_make_writable.
 */
#define POD_PAGES_DIRTY_MAX 84u /* three VHDX log entries of so many pages fit into a log of 1 MiB */
#define POD_PAGES_HASH	    256u
struct pod_pages {
	struct pod_dev *dev;
	struct pod_alloc *alloc;
	uint32_t shift, slots; /* slots: a power of two */
	uint64_t *tag;	       /* page number + 1; 0 = empty */
	uint8_t *data;
	uint64_t dirty_no[POD_PAGES_DIRTY_MAX];
	uint8_t *dirty_data; /* NULL: read-only */
	uint32_t dirty;
	uint8_t hash[POD_PAGES_HASH]; /* index in dirty_no + 1 */
};
enum pod_status POD_MUST_USE pod_pages_init(struct pod_pages *p, struct pod_alloc *a, struct pod_dev *dev, uint32_t shift,
					    uint32_t slots);
enum pod_status POD_MUST_USE pod_pages_make_writable(struct pod_pages *p);
void pod_pages_fini(struct pod_pages *p);
/* The page that holds `off_bytes`. Valid until the next call. */
enum pod_status POD_MUST_USE pod_pages_get(struct pod_pages *p, uint64_t off_bytes, const uint8_t **page);
/* The same, to be changed. POD_E_LIMIT when the set is full: write it and try again. Valid until pod_pages_clean. */
enum pod_status POD_MUST_USE pod_pages_change(struct pod_pages *p, uint64_t off_bytes, uint8_t **page);
/* Forgets a page (its place in the file was given to something else). */
void pod_pages_forget(struct pod_pages *p, uint64_t off_bytes);
/* The changed pages are in the file now. */
void pod_pages_clean(struct pod_pages *p);

#endif
