/* SPDX-License-Identifier: BSD-2-Clause */
/* Which files of a stick are layers, and which of them the boot menu shows. */
#ifndef POD_CLI_CMD_LIST_H
#define POD_CLI_CMD_LIST_H

#include "cli/stick/target.h"
#include "core/layer/index.h"

/* The store of a folder, kept while its files are looked at one after another. Zeroed at first. */
struct list_store {
	char *folder; /* NULL: none yet */
	struct pod_store s;
	const struct pod_stored *current; /* that the menu shows in the place of all; NULL: there is no store, or it shows each */
};

/* The layer that the file `path` is. NULL: none, or the menu does not know either. */
const struct pod_stored *list_layer(struct list_store *l, struct cli_target *t, const char *path);
void list_store_free(struct list_store *l);

#endif
