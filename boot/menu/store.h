/* SPDX-License-Identifier: BSD-2-Clause */
/* What store.c has for rollback.c. */
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
/* The file of a layer, or NULL. */
const struct menu_image *store_layer(const struct menu *m, const struct menu_store *t, uint32_t id);
/* What the list and the details say of it. */
void store_describe(struct menu_store *t, const struct pod_store *s);

#endif
