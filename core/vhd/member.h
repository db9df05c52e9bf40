/* SPDX-License-Identifier: BSD-2-Clause */
/* One file of a chain, whatever its format. */
#ifndef POD_VHD_MEMBER_H
#define POD_VHD_MEMBER_H

#include "core/disk/diskfile.h"
#include "core/vhd/foreign.h"
#include "core/vhd/vhd.h"
#include "core/vhd/vhdx.h"

enum pod_member_kind {
	POD_MEMBER_RAW = 0,
	POD_MEMBER_VHD = 1,
	POD_MEMBER_VHDX = 2,
	/* Only read, from here on. */
	POD_MEMBER_QCOW2 = 3,
	POD_MEMBER_VMDK = 4,
	POD_MEMBER_VDI = 5,
	POD_MEMBER_QCOW = 6,
	POD_MEMBER_QED = 7,
	POD_MEMBER_PARALLELS = 8,
};
static inline bool pod_member_is_foreign(enum pod_member_kind k)
{
	return k >= POD_MEMBER_QCOW2;
}
/* Containers of other programs that can be opened as a member. */
static inline bool pod_member_reads(enum pod_diskfile f)
{
	return f >= POD_DISKFILE_QCOW && f <= POD_DISKFILE_PARALLELS;
}

struct pod_member {
	enum pod_member_kind kind;
	struct pod_vfile *file;
	struct pod_dev *dev; /* what run offsets are offsets in */
	uint64_t size_bytes;
	uint32_t sector_size; /* writes are multiples of it */
	bool has_parent, fixed, writable;
	union {
		struct pod_vhd vhd;
		struct pod_vhdx vhdx;
		struct pod_foreign foreign;
	} u;
	struct pod_chain_opener *opener; /* closes what a foreign image has opened */
};

struct pod_member_options {
	bool writable;
	enum pod_diskfile format; /* as pod_diskfile_decide had it; POD_DISKFILE_NONE: the bytes tell, and it is not raw */
	const struct pod_vhd_env *env;
	uint32_t cache_pages; /* 0: chosen by the format */
	bool follow;	      /* may open the files that a foreign image names: backing file, extents */
	/* Filled in by pod_chain_open: */
	struct pod_chain_opener *opener;
	char *failed_path;
	size_t failed_path_size;
};

enum pod_status POD_MUST_USE pod_member_open(struct pod_member *l, struct pod_vfile *file, struct pod_alloc *a,
					     const struct pod_member_options *opt, struct pod_diag *diag);
enum pod_status POD_MUST_USE pod_member_close(struct pod_member *l);
enum pod_status POD_MUST_USE pod_member_run(struct pod_member *l, uint64_t off, uint64_t len, struct pod_run *run);
/* Whole sectors; `buf` NULL: zeros. */
enum pod_status POD_MUST_USE pod_member_write(struct pod_member *l, uint64_t off, const void *buf, size_t len);
enum pod_status POD_MUST_USE pod_member_trim(struct pod_member *l, uint64_t off, uint64_t len);
enum pod_status POD_MUST_USE pod_member_flush(struct pod_member *l);
enum pod_status POD_MUST_USE pod_member_grow(struct pod_member *l, uint64_t size_bytes);
/* A smaller disk. POD_E_INVALID: it has a parent, or is not that long. */
enum pod_status POD_MUST_USE pod_member_shrink(struct pod_member *l, uint64_t size_bytes);
/* Gives back what shows nothing, closes gaps, cuts the file. POD_E_INVALID for a fixed disk, POD_E_UNSUPPORTED for a raw one. */
enum pod_status POD_MUST_USE pod_member_compact(struct pod_member *l, void (*progress)(void *ctx, uint64_t done, uint64_t total),
						void *ctx);
enum pod_status POD_MUST_USE pod_member_set_parent(struct pod_member *l, const struct pod_parent_spec *p);
/* A child says that `parent`, as it is now, is its parent, by the paths that it has. `next`: an identifier that the parent is about
 * to get and that is right as well ([MS-VHDX] 2.6.2.6.3, parent_linkage2; VHDX only), or NULL. */
enum pod_status POD_MUST_USE pod_member_relink(struct pod_member *child, const struct pod_member *parent, const uint8_t next[16]);
/* Where the member says its parent is; NULL if it does not. */
const char *pod_member_parent_path(const struct pod_member *l, enum pod_parent_path which);
/* Fills in what a child of this member must say of it (paths are left alone). */
void pod_member_describe(const struct pod_member *parent, struct pod_parent_spec *spec);
/* POD_OK if `parent` is of a kind that `child` can stand on; else POD_E_UNSUPPORTED (another format or sector size), with `diag`.
 */
enum pod_status POD_MUST_USE pod_member_can_stand_on(const struct pod_member *child, const struct pod_member *parent,
						     struct pod_diag *diag);
/* POD_OK if `parent` is the one that `child` was made for; else POD_E_CHANGED (it was written to since, or is another disk) or
 * POD_E_UNSUPPORTED (another format or sector size), with `diag`. */
enum pod_status POD_MUST_USE pod_member_linked(const struct pod_member *child, const struct pod_member *parent,
					       struct pod_diag *diag);
/* A VHD's identifier stays when it is written to; what tells is the time that its child holds (Parent Time Stamp: when the parent's file
 * was last written to). True: the parent's file has another one, so it was written to since the child was made, or only copied. False:
 * it has not, or that is not known. */
bool pod_member_time_differs(const struct pod_member *child, const struct pod_member *parent);
/* "raw", "vhd", "vhdx", "qcow2", "vmdk" ... as pod_diskfile_text has them. */
const char *pod_member_kind_name(enum pod_member_kind kind);

#endif
