/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>
#include "cli/ui/ui.h"
#include "cli/stick/walk.h"
#include "core/base/str.h"

static void add_entry(struct cli_walk *w, char *path, const struct pod_node *node)
{
	void *v = w->entry;

	if (pod_grow(&cli_alloc, &v, w->count, &w->cap, w->count + 1, sizeof *w->entry, CLI_WALK_MAX) != POD_OK) {
		w->problem(w->ctx, "", POD_E_LIMIT);
		w->stop = true;
		free(path);
		return;
	}
	w->entry = v;
	w->entry[w->count].path = path;
	w->entry[w->count++].node = *node;
}

/* What Windows and other systems keep for themselves is no place for images. */
static bool is_system_folder(const char *name)
{
	return pod_strcasecmp(name, "System Volume Information") == 0 || pod_strcasecmp(name, "$RECYCLE.BIN") == 0;
}

static void walk(struct cli_walk *w, const char *folder, const struct pod_node *node, unsigned depth)
{
	struct pod_dirent *e = cli_xmalloc(sizeof *e);
	struct pod_dir *dir = cli_xzalloc(sizeof *dir);
	enum pod_status st = pod_dir_open(dir, &w->t->data, node);

	while (st == POD_OK && !w->stop && (st = pod_dir_next(dir, e)) == POD_OK) {
		char *path = cli_xasprintf("%s/%s", folder, e->name);

		if (e->node.is_dir) {
			if (depth + 1 < POD_DEPTH_MAX && !is_system_folder(e->name))
				walk(w, path, &e->node, depth + 1);
			free(path);
		} else if (pod_image_kind_of_name(e->name) != POD_IMAGE_UNKNOWN) {
			add_entry(w, path, &e->node);
		} else {
			free(path);
		}
	}
	if (st != POD_OK && st != POD_END && !w->problem(w->ctx, folder, st))
		w->stop = true;
	free(dir);
	free(e);
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct cli_entry *)a)->path, ((const struct cli_entry *)b)->path);
}

void cli_walk_images(struct cli_walk *w)
{
	struct pod_node root;
	enum pod_status st = w->t->data.ops->root(&w->t->data, &root);

	if (st == POD_OK)
		walk(w, "", &root, 0);
	else if (!w->problem(w->ctx, "", st))
		w->stop = true;
	if (w->count)
		qsort(w->entry, w->count, sizeof *w->entry, by_path);
}

void cli_walk_free(struct cli_walk *w)
{
	for (size_t i = 0; i < w->count; i++)
		free(w->entry[i].path);
	pod_free(&cli_alloc, w->entry);
	w->entry = NULL;
	w->count = w->cap = 0;
}
