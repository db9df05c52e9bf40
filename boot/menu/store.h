/* SPDX-License-Identifier: BSD-2-Clause */
/* What store.c has for rollback.c and spare.c, and these for each other. */
#ifndef POD_MENU_STORE_H
#define POD_MENU_STORE_H

#include "boot/menu/menu.h"
#include "core/layer/index.h"
#include "core/vhd/vhdx.h"

/* A file of the data partition, read and written where it lies. */
struct store_file {
	struct pod_dev dev;
	struct pod_vfile vf;
	struct pod_dev *disk;
	uint64_t start_bytes; /* of the partition */
	struct pod_extent *extent;
	size_t extents;
};

/* The caller frees f->extent. */
enum pod_status POD_MUST_USE store_file_open(struct menu *m, const struct pod_node *node, struct store_file *f);
/* The index of a store that is to be changed. */
struct store_index {
	struct store_file file;
	struct pod_store store;
	unsigned slot; /* which counts */
};
/* `name` is whom `text` speaks of if the stick cannot be written to; closed in either case. */
enum pod_status POD_MUST_USE store_index_open(struct menu *m, const struct menu_store *t, const char *name, struct store_index *i,
					      char *text, size_t size);
void store_index_close(struct menu *m, struct store_index *i);
/* The file of a layer, or NULL. */
const struct menu_image *store_layer(const struct menu *m, const struct menu_store *t, uint32_t id);
/* What the list and the details say of it. */
void store_describe(struct menu_store *t, const struct pod_store *s);

/* What a layer's file says. */
struct store_facts {
	uint8_t guid[16], linkage[16], linkage2[16];
	uint64_t size_bytes;
	uint32_t sector_shift, block_shift, chunk_shift, entries; /* entries: of its table of blocks */
	bool has_parent, merging;
};
/* Does it name a file of this DataWriteGuid as its parent? */
bool store_names(const struct store_facts *l, const uint8_t guid[16]);
enum pod_status POD_MUST_USE store_look(struct menu *m, const struct menu_store *t, uint32_t id, struct store_facts *l);
/* Can the file of `l` become a child of what `top` is? */
enum pod_status POD_MUST_USE store_fits(const struct store_facts *l, const struct store_facts *top);
/* The file `im` becomes an empty child of layer `to`, which `top` tells of. *made: its DataWriteGuid then. */
enum pod_status POD_MUST_USE store_empty_onto(struct menu *m, const struct menu_store *t, const struct menu_image *im,
					      uint32_t to, const struct store_facts *top, uint8_t made[16]);
/* `e`: a layer that an operation was interrupted at, or NULL. True: there is one, and `text` says so. */
bool store_say_interrupted(struct menu *m, const char *name, const struct pod_stored *e, char *text, size_t size);

#endif
