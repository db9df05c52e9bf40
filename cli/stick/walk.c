/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>
#include "cli/ui/ui.h"
#include "cli/stick/walk.h"
#include "core/base/str.h"

static void add_entry(struct cli_walk *w, char *path, const struct pod_node *node)
{
	void *v = w->entry;

	if (w->count == CLI_WALK_MAX ||
	    pod_grow(&cli_alloc, &v, w->count, &w->cap, w->count + 1, sizeof *w->entry, CLI_WALK_MAX) != POD_OK) {
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

/* The folders above the one that is read. */
struct above {
	const struct above *next;
	const struct pod_node *node;
};

static bool contains_itself(const struct above *a, const struct pod_node *node)
{
	while (a && !pod_node_same_dir(a->node, node))
		a = a->next;
	return a != NULL;
}

static void walk(struct cli_walk *w, const char *folder, const struct pod_node *node, const struct above *above);

static void enter(struct cli_walk *w, const char *path, const struct pod_node *node, const struct above *above)
{
	unsigned depth = 0;

	for (const struct above *a = above; a; a = a->next)
		depth++;
	if (contains_itself(above, node))
		w->stop |= !w->problem(w->ctx, path, POD_E_LOOP);
	else if (depth >= POD_DEPTH_MAX)
		w->stop |= !w->problem(w->ctx, path, POD_E_LIMIT);
	else
		walk(w, path, node, above);
}

static void walk(struct cli_walk *w, const char *folder, const struct pod_node *node,
		 const struct above *above) // NOLINT(misc-no-recursion)
{
	struct above here = {.next = above, .node = node};
	struct pod_dirent *e = cli_xmalloc(sizeof *e);
	struct pod_dir *dir = cli_xzalloc(sizeof *dir);
	enum pod_status st = pod_dir_open(dir, &w->t->data, node);

	while (st == POD_OK && !w->stop && (st = pod_dir_next(dir, e)) == POD_OK) {
		char *path = cli_xasprintf("%s/%s", folder, e->name);

		if (e->node.is_dir) {
			struct pod_node below = e->node;

			if (!is_system_folder(e->name))
				enter(w, path, &below, &here);
			free(path);
		} else if (pod_image_kind_of_name(e->name) != POD_IMAGE_UNKNOWN) {
			add_entry(w, path, &e->node);
		} else {
			free(path);
		}
	}
	if (st == POD_E_BUDGET || st == POD_E_CANCELLED) {
		if (!w->stop && st == POD_E_BUDGET)
			(void)w->problem(w->ctx, "", st);
		w->stop = true;
	} else if (st != POD_OK && st != POD_END && !w->problem(w->ctx, folder, st)) {
		w->stop = true;
	}
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

	cli_dev_limit(&w->t->file, CLI_WALK_STEPS, CLI_WALK_MS);
	if (st == POD_OK)
		walk(w, "", &root, NULL);
	else if (!w->problem(w->ctx, "", st))
		w->stop = true;
	cli_dev_unlimited(&w->t->file);
	if (w->count)
		qsort(w->entry, w->count, sizeof *w->entry, by_path);
}

void cli_allowance_begin(const struct cli_allowance *a, struct cli_dev *d, uint64_t ms)
{
	cli_dev_limit(d, CLI_IMAGE_STEPS + a->steps, ms);
}

bool cli_allowance_end(struct cli_allowance *a, struct cli_dev *d)
{
	bool whole = d->budget.hit == POD_BUDGET_NONE;
	uint64_t spent = d->budget.steps_spent;

	if (spent > CLI_IMAGE_STEPS)
		a->steps -= pod_min_u64(a->steps, spent - CLI_IMAGE_STEPS);
	cli_dev_unlimited(d);
	return whole;
}

void cli_walk_free(struct cli_walk *w)
{
	for (size_t i = 0; i < w->count; i++)
		free(w->entry[i].path);
	pod_free(&cli_alloc, w->entry);
	w->entry = NULL;
	w->count = w->cap = 0;
}
