/* SPDX-License-Identifier: BSD-2-Clause */
/* One file of a chain, whatever its format. */
#ifndef POD_VHD_LAYER_H
#define POD_VHD_LAYER_H

#include "core/disk/diskfile.h"
#include "core/vhd/vhd.h"
#include "core/vhd/vhdx.h"

enum pod_layer_kind { POD_LAYER_RAW = 0, POD_LAYER_VHD = 1, POD_LAYER_VHDX = 2 };

struct pod_layer {
	enum pod_layer_kind kind;
	struct pod_vfile *file;
	struct pod_dev *dev; /* what run offsets are offsets in */
	uint64_t size_bytes;
	uint32_t sector_size; /* writes are multiples of it */
	bool has_parent, fixed, writable;
	union {
		struct pod_vhd vhd;
		struct pod_vhdx vhdx;
	} u;
};

struct pod_layer_options {
	bool writable;
	enum pod_diskfile format; /* as pod_diskfile_decide had it; POD_DISKFILE_NONE: the bytes tell, and it is not raw */
	const struct pod_vhd_env *env;
	uint32_t cache_pages; /* 0: chosen by the format */
};

enum pod_status POD_MUST_USE pod_layer_open(struct pod_layer *l, struct pod_vfile *file, struct pod_alloc *a,
					    const struct pod_layer_options *opt, struct pod_diag *diag);
enum pod_status POD_MUST_USE pod_layer_close(struct pod_layer *l);
enum pod_status POD_MUST_USE pod_layer_run(struct pod_layer *l, uint64_t off, uint64_t len, struct pod_run *run);
/* Whole sectors; `buf` NULL: zeros. */
enum pod_status POD_MUST_USE pod_layer_write(struct pod_layer *l, uint64_t off, const void *buf, size_t len);
enum pod_status POD_MUST_USE pod_layer_trim(struct pod_layer *l, uint64_t off, uint64_t len);
enum pod_status POD_MUST_USE pod_layer_flush(struct pod_layer *l);
enum pod_status POD_MUST_USE pod_layer_grow(struct pod_layer *l, uint64_t size_bytes);
/* Gives back what shows nothing, closes gaps, cuts the file. POD_E_INVALID for a fixed disk, POD_E_UNSUPPORTED for a raw one. */
enum pod_status POD_MUST_USE pod_layer_compact(struct pod_layer *l, void (*progress)(void *ctx, uint64_t done, uint64_t total),
					       void *ctx);
enum pod_status POD_MUST_USE pod_layer_set_parent(struct pod_layer *l, const struct pod_parent_spec *p);
/* Where the layer says its parent is; NULL if it does not. */
const char *pod_layer_parent_path(const struct pod_layer *l, enum pod_parent_path which);
/* Fills in what a child of this layer must say of it (paths are left alone). */
void pod_layer_describe(const struct pod_layer *parent, struct pod_parent_spec *spec);
/* POD_OK if `parent` is of a kind that `child` can stand on; else POD_E_UNSUPPORTED (another format or sector size), with `diag`.
 */
enum pod_status POD_MUST_USE pod_layer_can_stand_on(const struct pod_layer *child, const struct pod_layer *parent,
						    struct pod_diag *diag);
/* POD_OK if `parent` is the one that `child` was made for; else POD_E_CHANGED (it was written to since, or is another disk) or
 * POD_E_UNSUPPORTED (another format or sector size), with `diag`. */
enum pod_status POD_MUST_USE pod_layer_linked(const struct pod_layer *child, const struct pod_layer *parent,
					      struct pod_diag *diag);
/* "raw", "vhd", "vhdx" */
const char *pod_layer_kind_name(enum pod_layer_kind kind);

#endif
