/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared by vhdx*.c: where things lie in a file. Clause numbers are those of [MS-VHDX]. */
#ifndef POD_VHD_VHDX_INT_H
#define POD_VHD_VHDX_INT_H

#include "core/base/bytes.h"
#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/vhd/vhdx.h"

#define VHDX_MIB	   (1ull << 20)
#define VHDX_HEADER_OFF(i) ((uint64_t)((i) + 1u) << 16)
#define VHDX_REGION_OFF(i) ((uint64_t)((i) + 3u) << 16)
#define VHDX_REGION_LEN	   65536u
#define VHDX_HEADER_LEN	   4096u
#define VHDX_PAGE	   4096u
#define VHDX_PAGE_SHIFT	   12u
#define VHDX_REGIONS_MAX   2047u
#define VHDX_ITEMS_MAX	   2047u
#define VHDX_ITEM_MAX	   (1u << 20)
#define VHDX_STATE(e)	   ((uint32_t)((e)&7))
#define VHDX_PLACE(e)	   ((e) & ~(VHDX_MIB - 1))

extern const uint8_t vhdx_region_bat[16], vhdx_region_metadata[16];
/* Metadata items, and where their flags must stand. */
enum vhdx_item {
	VHDX_FILE_PARAMETERS,
	VHDX_DISK_SIZE,
	VHDX_DISK_ID,
	VHDX_LOGICAL_SECTOR,
	VHDX_PHYSICAL_SECTOR,
	VHDX_PARENT_LOCATOR,
	VHDX_MERGING, /* our own (doc/FORMATS/vhdx.md), and a user's, not the system's */
	VHDX_ITEMS
};
extern const uint8_t vhdx_item_guid[VHDX_ITEMS][16];
extern const uint8_t vhdx_locator_type[16];

/* Checksum of a structure of `len` bytes that holds it at +4. */
uint32_t vhdx_checksum(const uint8_t *p, size_t len);
/* A whole copy of the region table, VHDX_REGION_LEN bytes. */
bool vhdx_region_sound(const uint8_t *table);
void vhdx_region_build(uint8_t *table, uint64_t bat_off, uint32_t bat_len, uint64_t meta_off, uint32_t meta_len);
/* Finds a metadata item: its entry's index in the table, offset in the region, length. POD_E_NOT_FOUND. */
enum pod_status vhdx_item_find(struct pod_vhdx *x, enum vhdx_item item, uint32_t *index, uint32_t *off, uint32_t *len);
/* Another parent, another size of the disk: in x->pages; the caller commits. POD_E_NOSPACE: no room in the metadata region. */
enum pod_status vhdx_locator_put(struct pod_vhdx *x, const struct pod_parent_spec *p);
enum pod_status vhdx_size_put(struct pod_vhdx *x, uint64_t size);
/* Bytes of a parent locator item; POD_E_LIMIT if `size` does not suffice. */
enum pod_status vhdx_locator_build(const struct pod_parent_spec *p, uint8_t *out, size_t size, size_t *len);
void vhdx_parent_free(struct pod_vhdx *x);
enum pod_status vhdx_parent_read(struct pod_vhdx *x, struct pod_diag *diag);

/* The log: sets x->overlay if there is something to replay. */
enum pod_status vhdx_log_load(struct pod_vhdx *x, struct pod_diag *diag);
/* Carries out on disk what vhdx_log_load found, and marks the log empty. */
enum pod_status vhdx_log_replay(struct pod_vhdx *x);
/* An entry that stands alone, with the changed pages of x->pages: `out` has a page more than these. Returns its bytes. */
struct vhdx_log_head {
	const uint8_t *guid; /* LogGuid */
	uint64_t sequence;
	uint32_t at;	    /* where in the log it will lie */
	bool empties_table; /* first of all the BAT region reads as zeros */
};
uint32_t vhdx_log_build(const struct pod_vhdx *x, const struct vhdx_log_head *head, uint8_t *out);
/* One entry with the changed pages of x->pages, written and flushed. */
enum pod_status vhdx_log_write(struct pod_vhdx *x);

/* Flushes the file. When that fails nobody knows what of the writes before it is on the disk, nor will the system say so again:
 * nothing is written to the image any more. A write that fails can be done again. */
enum pod_status vhdx_file_flush(struct pod_vhdx *x);
/* Writes the header that is not current, with the next sequence number, and flushes. */
enum pod_status vhdx_header_write(struct pod_vhdx *x);
enum pod_status vhdx_make_writable(struct pod_vhdx *x, const struct pod_vhdx_options *opt, struct pod_diag *diag);
void vhdx_write_fini(struct pod_vhdx *x);
/* Announces a change of the file (FileWriteGuid) if that was not done yet. */
enum pod_status vhdx_begin_file(struct pod_vhdx *x);
enum pod_status vhdx_commit(struct pod_vhdx *x);
/* Commits, and says in the headers that the log is empty. */
enum pod_status vhdx_log_end(struct pod_vhdx *x);
/* A changed page; commits first if there are too many. */
enum pod_status vhdx_change(struct pod_vhdx *x, uint64_t off, uint8_t **page);
/* Room for `bits` MiB in the bitmaps of what is used. */
enum pod_status vhdx_space_room(struct pod_vhdx *x, uint64_t size_bytes);
uint64_t vhdx_space_find(struct pod_vhdx *x, uint64_t mib);
enum pod_status vhdx_entry_set(struct pod_vhdx *x, uint64_t index, uint64_t entry);
enum pod_status vhdx_space_take(struct pod_vhdx *x, uint64_t len, bool clean, uint64_t *off);
void vhdx_space_give(struct pod_vhdx *x, uint64_t off, uint64_t len);
/* Ends the file behind what is used of it. */
enum pod_status vhdx_cut(struct pod_vhdx *x);
bool vhdx_space_used(const struct pod_vhdx *x, uint64_t mib);
void vhdx_space_mark(struct pod_vhdx *x, uint64_t off, uint64_t len, bool used);

#endif
