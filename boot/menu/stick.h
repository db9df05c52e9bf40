/* SPDX-License-Identifier: BSD-2-Clause */
/* What is on the stick: the partitions and files of ours (stick.c), the images (scan.c). */
#ifndef POD_MENU_STICK_H
#define POD_MENU_STICK_H

#include "boot/boot.h"
#include "core/base/mem.h"
#include "core/fs/ntfs_journal.h"
#include "core/layer/index.h"

struct menu;

#define SCAN_IMAGE_LIMIT  20000u
#define SCAN_FOLDER_LIMIT 20000u
#define SCAN_STORE_LIMIT  64u

struct menu_image {
	const char *name;
	uint32_t folder;
	bool hidden; /* a layer of a store that is not the current one: not listed */
	/* Found out by the way (probe.c): */
	bool seen, not_here; /* was looked at; nothing in it starts on this firmware */
	enum pod_image_kind kind;
	const char *label; /* of its volume, or NULL */
	struct pod_node node;
};

/* A layer store (store.c). */
struct menu_store {
	uint32_t folder;
	struct pod_node index;
	size_t image; /* its current layer, or SIZE_MAX */
	bool anew;    /* locked: that one is made empty before each start */
	/* It can be made empty, and shows this layer again; "": it cannot. What its DataWriteGuid was when it was made. */
	char parent[POD_STORE_NAME_MAX];
	uint8_t made[16];
};

struct menu_folder {
	const char *name; /* "" for the root */
	uint32_t parent;
	uint32_t depth;
	uint32_t images; /* below it, at any depth */
	struct pod_node node;
};

struct menu_chunk {
	struct menu_chunk *next;
	size_t used, size;
};

struct menu_stick {
	struct pod_window data_window, esp_window;
	struct pod_cache data_cache, esp_cache, plan_cache;
	struct pod_ntfs_journal journal; /* of NTFS: between window and cache, if a change to the volume was interrupted */
	struct pod_fs data, esp;
	bool has_data, has_esp;
	enum pod_status table_status, data_status, esp_status;
	struct pod_stick_id id;

	struct menu_image *image;
	size_t image_count, image_cap;
	struct menu_folder *folder;
	size_t folder_count, folder_cap;
	struct menu_store *store;
	size_t store_count, store_cap;
	size_t hidden; /* images that are not listed */
	struct menu_chunk *names;
	bool limited;		    /* more than the limits: not all are shown */
	uint32_t unreadable;	    /* folders that could not be read */
	uint32_t loops;		    /* folders that contain themselves */
	enum pod_budget_limit left; /* what ended the scan before all folders were read */
	bool may_persist;	    /* a persistence file was seen, or not all names were */
	bool has_conf;
	const char *misnamed_conf; /* a file that was meant to be it, or NULL */
	struct pod_node conf_node;

	enum pod_status partmode; /* POD_OK: the table was put back, or named no image; else why it still does */
	bool was_partmode;	  /* it named one */
	bool has_state;
	uint64_t state_start; /* of the state file on the stick */
	struct pod_window state;
	struct pod_map font_map;
	struct pod_mapdev font_dev;
	struct pod_cache font_cache;
	enum pod_status shim_status;
	const char *shim_missing;
};

/* Opens partitions and filesystems; what is absent is noted, not an error. */
void stick_open(struct menu *m);
void stick_close(struct menu *m);
void stick_font(struct menu *m);
enum pod_status stick_shim(void *menu, enum pod_machine machine, struct pod_shim *out);
/* The helper for Windows PE, read from the ESP. */
enum pod_status stick_helper(void *menu, enum pod_machine machine, struct pod_alloc *a, uint8_t **data, size_t *len);
/* A copy that lives as long as the stick, or NULL. */
const char *stick_keep(struct menu *m, const char *name);
/* A table that names an image as a partition is as it was before, from now on (core/disk/partmode.h). POD_E_NOT_FOUND,
 * POD_E_CHANGED: it is not ours to change. */
enum pod_status POD_MUST_USE stick_end_partmode(struct menu *m);
/* After a change to the exFAT volume of the data partition: what was read of it before is not looked at any more. */
enum pod_status POD_MUST_USE stick_reread(struct menu *m);
/* Walks the data partition. */
enum pod_status POD_MUST_USE scan_run(struct menu *m);
/* Full path of an image or folder; cut if `size` does not suffice. */
void scan_image_path(const struct menu_stick *s, size_t image, char *buf, size_t size);
void scan_folder_path(const struct menu_stick *s, uint32_t folder, char *buf, size_t size);
/* Index of the image with this path, or SIZE_MAX. */
size_t scan_find(const struct menu_stick *s, const char *path, char *scratch, size_t size);
/* Of each layer store that was found, the current layer alone stays in the list. */
void store_mark(struct menu *m);
/* The store whose current layer this image is, or NULL. */
struct menu_store *store_of(struct menu *m, size_t image);
/* What was written to that layer is discarded. On failure `text` holds the sentence. */
enum pod_status POD_MUST_USE store_empty(struct menu *m, size_t image, char *text, size_t size);
/* Reads its index. pod_store_fini, whatever comes of it. */
enum pod_status POD_MUST_USE store_load(struct menu *m, const struct menu_store *t, struct pod_store *s);
/* May files of the data partition be written where they lie? On failure `text` may hold the sentence about `name`. */
enum pod_status POD_MUST_USE store_writable(struct menu *m, const char *name, char *text, size_t size);
/* Can one go back to this layer? */
bool rollback_offers(const struct pod_store *s, const struct pod_stored *e);
/* The current layer of the store in `image`, made empty, is based on this layer from then on. On failure `text` holds the sentence. */
enum pod_status POD_MUST_USE rollback_to(struct menu *m, size_t image, uint32_t id, char *text, size_t size);
/* Why that cannot be, whatever the layer; false: it can. `text` holds the sentence. */
bool rollback_refused(struct menu *m, size_t image, const struct pod_store *s, char *text, size_t size);
/* The current layer of the store in *image becomes a snapshot, and a spare file the current layer: *image from then on (spare.c). */
enum store_kept {
	KEPT,	     /* `text` says as what */
	KEPT_BEFORE, /* nothing was written since the last snapshot; `text` says so */
	KEEPS_NONE,  /* it is no such image, or the store is locked: `text` has the reason, or "" */
	NOT_KEPT,    /* `text` says why not, and what to do */
	KEPT_UNKNOWN /* the index could not be read any more: which layer is current is not known */
};
enum store_kept POD_MUST_USE store_keep(struct menu *m, size_t *image, char *text, size_t size);
/* Is layer `id` the current one, or below it? */
bool store_stands_on(const struct pod_store *s, uint32_t id);
/* Where the snapshot of an image's persistence file lies, or would; the snapshot. POD_E_NOT_FOUND. */
enum pod_status POD_MUST_USE persist_snapshot_path(struct menu *m, size_t image, char out[POD_PATH_MAX]);
enum pod_status POD_MUST_USE persist_snapshot(struct menu *m, size_t image, struct pod_node *out);
/* Gives it the file's place. On failure `text` holds the sentence. */
enum pod_status POD_MUST_USE persist_go_back(struct menu *m, size_t image, char *text, size_t size);
/* Natural order: digits by value, ASCII case folded. */
int scan_natural_compare(const char *a, const char *b);

#endif
