/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files of this room only. */
#ifndef POD_WIM_WIM_INT_H
#define POD_WIM_WIM_INT_H

#include "core/wim/wim.h"

/* A resource header: 7 bytes size in the file, 1 flags, 8 offset, 8 size of the content. */
#define WIM_RES_HEADER 24u
void wim_get_res(const uint8_t *p, struct pod_wim_res *out);
void wim_put_res(uint8_t *p, const struct pod_wim_res *res);

/* Where the header has what. */
enum {
	WIM_AT_FLAGS = 16,
	WIM_AT_TABLE = 48,
	WIM_AT_XML = 72,
	WIM_AT_BOOT = 96,
	WIM_AT_BOOT_INDEX = 120,
	WIM_AT_INTEGRITY = 124,
};

/* --- chunks.c --------------------------------------------------------------------------------------------- */

void wim_chunks_free(struct pod_wim *w);
/* Of a resource that is stored as it is: that it lies in the file, and has no more than `max` bytes. */
enum pod_status wim_check_plain(const struct pod_wim *w, const struct pod_wim_res *res, size_t max, const char *what,
				struct pod_diag *diag);
/* All of a resource in fresh memory; POD_E_LIMIT, diag->what = `what`, if it is larger than `max`. */
enum pod_status wim_load(struct pod_wim *w, const struct pod_wim_res *res, size_t max, const char *what, uint8_t **out,
			 struct pod_diag *diag);

/* --- table.c: the blob table ------------------------------------------------------------------------------ */

/* +0 resource header, +24 2 part, +26 4 references, +30 20 SHA-1 */
#define WIM_BLOB 50u
struct pod_wim_table {
	uint8_t *raw; /* filled as far as `have` says; see wim_table_entry */
	uint32_t count;
	bool whole; /* it was stored compressed, and is all there */
	uint8_t *have;
	/* The first four bytes of a SHA-1 and the number of the entry, sorted; made when many are asked for. */
	uint64_t *index;
	uint32_t asked;
};
/* Makes ready to look into it. */
enum pod_status wim_table_load(struct pod_wim *w, struct pod_diag *diag);
void wim_table_free(struct pod_wim *w);
/* Its bytes, read now unless they are there already; `entry` < count. */
enum pod_status wim_table_entry(struct pod_wim *w, uint32_t entry, const uint8_t **out);
/* The number of a file's entry; POD_E_NOT_FOUND. */
enum pod_status wim_table_find(struct pod_wim *w, const uint8_t *sha1, uint32_t *entry);
/* The entry of an image's metadata. */
enum pod_status wim_table_metadata(struct pod_wim *w, uint32_t image, uint32_t *entry);

/* --- tree.c: directory entries ---------------------------------------------------------------------------- */

/*
 * +0 8 length (8 or less: the list ends)  +8 4 attributes  +12 4 security id  +16 8 where its children's list begins
 * +40 8 created, +48 8 accessed, +56 8 written (100 ns since 1601)  +64 20 SHA-1
 * +88 8 group of hard links, or +88 4 reparse tag  +96 2 further streams  +98 2 bytes of the short name, +100 2 of the name  +102 the
 * name, the short name, both with a NUL behind them unless empty; padded to 8. Then the streams:
 * +0 8 length  +16 20 SHA-1  +36 2 bytes of the name  +38 the name; padded to 8.
 */
enum {
	WIM_DENTRY = 102,
	WIM_DE_ATTRIBUTES = 8,
	WIM_DE_SECURITY = 12,
	WIM_DE_CHILDREN = 16,
	WIM_DE_CREATED = 40,
	WIM_DE_WRITTEN = 56,
	WIM_DE_SHA1 = 64,
	WIM_DE_LINK_GROUP = 88,
	WIM_DE_STREAMS = 96,
	WIM_DE_SHORT_LEN = 98,
	WIM_DE_NAME_LEN = 100,
	WIM_STREAM = 38,
	WIM_ST_SHA1 = 16,
	WIM_ST_NAME_LEN = 36,
};

struct wim_entry {
	size_t at, next;       /* in the metadata; `next`: behind its streams */
	size_t name, name_len; /* bytes of UTF-16 */
	size_t unnamed;	       /* SHA-1 of the stream entry without a name that counts; 0: there is none */
};
/* POD_END at the end of a list. */
enum pod_status wim_entry_get(const struct pod_wim *w, size_t at, struct wim_entry *e);
/* The SHA-1 of the unnamed stream: where it lies in the metadata. */
size_t wim_entry_sha1(const struct pod_wim *w, const struct wim_entry *e);
enum pod_status wim_node_get(struct pod_wim *w, const struct wim_entry *e, struct pod_wim_node *out);
/* Like pod_wim_lookup for one name in the directory whose entry lies at `dir`: UTF-16LE, `len` bytes. */
enum pod_status wim_find(struct pod_wim *w, size_t dir, const uint8_t *name, size_t len, struct wim_entry *out);
/* Equal but for ASCII case. */
bool wim_same_name(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len);
/* The next component of a path as UTF-16LE, *path behind it; *len 0: no more. POD_E_INVALID: not UTF-8. POD_E_LIMIT: longer than a
 * name can be. */
#define WIM_NAME_UNITS 255u
enum pod_status wim_component(const char **path, uint8_t name[2 * WIM_NAME_UNITS], size_t *len);

/* Sixteen calls are a step of the budget. */
static inline enum pod_status wim_tick(struct pod_wim *w)
{
	return ++w->ticks & 15 ? POD_OK : pod_budget_spend(w->dev->budget, 1, 0);
}

#endif
