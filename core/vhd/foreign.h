/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Disk images of other programs, as members that are only read: qcow2, qcow and QED (QEMU), VMDK (VMware), VDI (VirtualBox), Parallels.
 * Use core/vhd/chain.h to read a disk.
 *
 * What they have in common is a table of clusters, one or two levels deep; each format has a file of its own that finds a cluster
 * (qcow2.c, qcow.c, qed.c, vmdk.c, vdi.c, parallels.c), and foreign.c makes runs of them. A VMDK may lie in several files, each with tables of its own: parts.
 */
#ifndef POD_VHD_FOREIGN_H
#define POD_VHD_FOREIGN_H

#include "core/base/inflate.h"
#include "core/base/zstd.h"
#include "core/disk/diskfile.h"
#include "core/vhd/vfile.h"
#include "core/vhd/vhdx.h"

/* Where a file names others, a reader who was not asked to must not open them. The words of `diag->what`. */
#define POD_FOREIGN_BACKING "backing file"
#define POD_FOREIGN_EXTENTS "extent files"
#define POD_FOREIGN_MISSING "extent file is missing"
/* Why there is no map of a disk. */
#define POD_FOREIGN_COMPRESSED "compressed clusters"

/* From here on, offsets in pod_foreign.dev are those of the disk: what is there is compressed in its file. */
#define POD_FOREIGN_PACKED (UINT64_C(1) << 62)
#define POD_FOREIGN_NO_CID UINT32_MAX
#define POD_FOREIGN_PARTS  1024u
#define POD_FOREIGN_SIZE   (UINT64_C(1) << 59)

/* How a cluster, or a part of one, is kept. */
struct pod_cell {
	enum pod_run_kind kind;
	bool packed;
	uint64_t off;	/* in its file */
	uint64_t len;	/* packed: so many bytes of the file at most hold it */
	uint64_t units; /* so many units from the one that was asked for on are not kept at all; else 1 */
};

/* A file, or a piece of one, that shows [start, start + length) of the disk. */
struct pod_foreign_part {
	struct pod_vfile *file;
	bool opened; /* by us */
	uint64_t start_bytes, length_bytes;
	uint64_t base_bytes; /* where the file begins in pod_foreign.dev */
	/* NULL: the bytes are the disk's, from `flat_bytes` on; without a file they are zeros. */
	enum pod_status (*lookup)(struct pod_foreign_part *p, uint64_t unit, struct pod_cell *cell);
	uint64_t flat_bytes;
	struct pod_pages pages;
	uint32_t unit_shift, cluster_shift; /* a unit is what is looked up: a cluster, or a part of one */
	uint64_t top_bytes, top_entries;    /* the first table */
	uint32_t second_shift;		    /* entries of a table of the second level */
	uint64_t table_mask, table_align;   /* where in an entry of the first table it is; its alignment */
	bool little_endian;		    /* so are these entries */
	uint64_t data_bytes,
		stride_bytes; /* VDI: the first block, and from one to the next; Parallels: what an entry counts, a cluster */
	bool zero_cells, packed, markers; /* VMDK: flags of the header; qcow2: zero clusters exist */
	const char *bad;		  /* what was wrong when `lookup` said POD_E_CORRUPT */
	uint64_t bad_bytes;
};

struct pod_foreign {
	struct pod_vfile *file;
	struct pod_alloc *alloc;
	enum pod_diskfile format;
	uint64_t size_bytes;
	struct pod_dev dev; /* what run offsets are offsets in */
	bool fixed;
	bool zstd; /* what is compressed is so; else by deflate */
	/* The parent: its path as the file has it, NULL for none; its format if the file says so; VMDK: its content identifier. */
	char *parent_path;
	enum pod_diskfile parent_format;
	uint32_t cid, parent_cid; /* POD_FOREIGN_NO_CID: none */
	/* To be told: */
	uint32_t snapshots;
	bool dirty, damaged; /* not closed cleanly; marked as damaged by its writer */
	struct pod_foreign_part *part;
	size_t parts, parts_cap;
	uint32_t page_slots;
	/* The cluster that was unpacked last, allocated when the first one is needed. */
	struct pod_inflate *inflate;
	struct pod_zstd *unzstd;
	uint8_t *packed, *plain;
	uint64_t plain_at; /* of the disk, + 1; 0: none */
};

struct pod_chain_opener;
struct pod_foreign_options {
	bool follow; /* may open the files that this one names */
	struct pod_chain_opener *opener;
	char *failed_path; /* which file it was that could not be opened; NULL: don't */
	size_t failed_path_size;
	uint32_t cache_pages;
};

/* POD_E_UNSUPPORTED with POD_FOREIGN_BACKING or POD_FOREIGN_EXTENTS: it names other files, and `follow` is false. POD_E_NOT_FOUND with
 * POD_FOREIGN_MISSING and `failed_path`: one that is a part of it is not there. */
enum pod_status POD_MUST_USE pod_foreign_open(struct pod_foreign *x, struct pod_vfile *file, struct pod_alloc *a,
					      enum pod_diskfile format, const struct pod_foreign_options *opt,
					      struct pod_diag *diag);
void pod_foreign_close(struct pod_foreign *x, struct pod_chain_opener *opener);
enum pod_status POD_MUST_USE pod_foreign_run(struct pod_foreign *x, uint64_t off, uint64_t len, struct pod_run *run);
/* Which file holds what a run says to be at `off` of x->dev, and where; *len is cut to what is there. POD_E_UNSUPPORTED: it is compressed. */
enum pod_status POD_MUST_USE pod_foreign_place(const struct pod_foreign *x, uint64_t off, uint64_t *len, struct pod_vfile **file,
					       uint64_t *file_off);
/* Looks at every cluster: is it in its file, and does no other one lie there? */
enum pod_status POD_MUST_USE pod_foreign_check(struct pod_foreign *x, pod_vhd_finding *found, void *ctx,
					       struct pod_vhd_check *out);
/* Is a path absolute, here or on Windows? It says how an opener is to take it. */
enum pod_parent_path pod_foreign_path_kind(const char *path);

#endif
