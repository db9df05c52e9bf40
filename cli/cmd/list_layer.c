/* SPDX-License-Identifier: BSD-2-Clause */
/* As the menu sees it (boot/menu/store.c): of a store whose current layer is there, that one is shown and the others are not. */
#include <stdlib.h>
#include <string.h>
#include "cli/cmd/list.h"
#include "cli/stick/image.h"

static enum pod_status load_index(struct pod_store *s, struct cli_target *t, const char *path)
{
	struct cli_image im;
	struct pod_map map;
	struct pod_mapdev dev;
	struct pod_node node;
	unsigned slot;
	enum pod_status st;

	POD_TRY(pod_fs_lookup(&t->data, path, &node, &t->scratch));
	if (node.is_dir)
		return POD_E_NOT_FOUND;
	POD_TRY(cli_image_on_target(&im, t, path, &node));
	st = cli_image_bytes(&im, &map, &dev, NULL) ? pod_store_load(s, &dev.dev, &slot, NULL) : POD_E_NOMEM;
	pod_map_fini(&map);
	cli_image_close(&im);
	return st;
}

static bool is_there(struct cli_target *t, const char *folder, const char *file)
{
	struct pod_node node;
	char *path = cli_xasprintf("%s/%s", folder, file);
	bool there = pod_fs_lookup(&t->data, path, &node, &t->scratch) == POD_OK && !node.is_dir;

	free(path);
	return there;
}

void list_store_free(struct list_store *l)
{
	free(l->folder);
	pod_store_fini(&l->s);
	memset(l, 0, sizeof *l);
}

/* Also remembers that a folder has no store. */
static void enter(struct list_store *l, struct cli_target *t, const char *folder, size_t len)
{
	char *index;

	if (l->folder && strlen(l->folder) == len && memcmp(l->folder, folder, len) == 0)
		return;
	list_store_free(l);
	pod_store_init(&l->s, &cli_alloc);
	l->folder = cli_xasprintf("%.*s", (int)len, folder);
	index = cli_xasprintf("%s/%s", l->folder, POD_STORE_INDEX);
	if (load_index(&l->s, t, index) == POD_OK)
		l->current = pod_store_find(&l->s, l->s.current);
	if (l->current && !is_there(t, l->folder, l->current->file))
		l->current = NULL;
	free(index);
}

const struct pod_stored *list_layer(struct list_store *l, struct cli_target *t, const char *path)
{
	const char *name = strrchr(path, '/');
	uint32_t id;

	if (!name || !pod_store_parse_file(name + 1, NULL, &id))
		return NULL;
	enter(l, t, path, (size_t)(name - path));
	if (!l->current)
		return NULL;
	return pod_store_find(&l->s, id) ? pod_store_find(&l->s, id) : pod_store_spare(&l->s, id);
}
