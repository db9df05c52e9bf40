/* SPDX-License-Identifier: BSD-2-Clause */
/* Between patch.c, which finds out what is to be written, and patch_build.c, which writes it. */
#ifndef POD_WIM_PATCH_INT_H
#define POD_WIM_PATCH_INT_H

#include "core/wim/patch.h"
#include "core/wim/wim_int.h"

/* A file or directory: an entry of the original (where it lies in the metadata), or a new one (its index). */
struct wim_spot {
	bool is_new;
	size_t at;
};

struct wim_new {
	struct wim_spot parent;
	bool is_dir;
	uint8_t sha1[20];
	uint8_t name[2 * WIM_NAME_UNITS];
	size_t name_len;
	size_t at; /* where it comes to lie */
};

/* An entry of the original that gets other content. */
struct wim_redirect {
	size_t entry;
	uint8_t sha1[20];
};

/* Content that is not in the table. */
struct wim_blob {
	const struct pod_wim_change *source;
	uint8_t sha1[20];
	int64_t references;
	uint64_t offset_bytes; /* in the new file */
};

/* An entry of the blob table, as it will be. */
struct wim_edit {
	uint32_t entry;
	uint8_t raw[WIM_BLOB];
	bool dropped; /* nobody refers to it any more */
};

/* A directory of the original that gets further children: its list is written anew. */
struct wim_list {
	size_t dir;	   /* its entry */
	size_t start, len; /* of the old list, without its end */
	size_t at;	   /* of the new one */
};

struct wim_patch {
	struct pod_wim *w;
	const struct pod_map *original;
	struct pod_dev *stick;
	struct pod_map *out;
	struct pod_diag *diag;
	struct wim_new *fresh;
	size_t fresh_count, fresh_cap;
	struct wim_redirect *redirect;
	size_t redirect_count, redirect_cap;
	struct wim_blob *blob;
	size_t blob_count, blob_cap;
	struct wim_list *list;
	size_t list_count, list_cap;
	struct wim_edit *edit;
	size_t edit_count, edit_cap;
};

/* The edited form of an entry, which is the original's until it is changed; valid until the next call. */
enum pod_status wim_edit_of(struct wim_patch *p, uint32_t entry, struct wim_edit **out);
/* Writes p->out. */
enum pod_status wim_patch_build(struct wim_patch *p, uint32_t boot_index);

#endif
