/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>
#include "cli/ui/ui.h"
#include "cli/stick/walk.h"
#include "core/base/str.h"
#include "core/image/image.h"

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

/* Folders still to be read, each with the one it lies in: those near the root come first, so that one full of other things hides
 * little. */
struct folders {
	struct folder {
		char *path;
		struct pod_node node;
		size_t parent; /* of the root: itself */
		unsigned depth;
	} * v;
	size_t count, cap;
};

static bool contains_itself(const struct folders *f, size_t in, const struct pod_node *node)
{
	while (in && !pod_node_same_dir(&f->v[in].node, node))
		in = f->v[in].parent;
	return pod_node_same_dir(&f->v[in].node, node);
}

/* Takes `path`. */
static void add_folder(struct cli_walk *w, struct folders *f, size_t in, char *path, const struct pod_node *node)
{
	unsigned depth = f->count ? f->v[in].depth + 1 : 0;
	enum pod_status st = POD_OK;
	void *v = f->v;

	if (f->count && contains_itself(f, in, node))
		st = POD_E_LOOP;
	else if (depth >= POD_DEPTH_MAX)
		st = POD_E_LIMIT;
	else
		st = pod_grow(&cli_alloc, &v, f->count, &f->cap, f->count + 1, sizeof *f->v, SIZE_MAX / sizeof *f->v);
	f->v = v;
	if (st == POD_OK) {
		f->v[f->count++] = (struct folder){path, *node, in, depth};
		return;
	}
	w->stop |= !w->problem(w->ctx, path, st);
	free(path);
}

static void tell_other(struct cli_walk *w, const char *folder, const char *name)
{
	char *path = cli_xasprintf("%s/%s", folder, name);

	w->other(w->ctx, path);
	free(path);
}

static enum pod_status read_folder(struct cli_walk *w, struct folders *f, size_t i, struct pod_dir *dir, struct pod_dirent *e)
{
	const char *folder = f->v[i].path;
	enum pod_status st = pod_dir_open(dir, &w->t->data, &f->v[i].node);

	while (st == POD_OK && !w->stop && (st = pod_dir_next(dir, e)) == POD_OK) {
		bool image = pod_image_kind_of_name(e->name) != POD_IMAGE_UNKNOWN;

		if (!e->node.is_dir && !image && w->other)
			tell_other(w, folder, e->name);
		if (e->node.is_dir ? is_system_folder(e->name) : !image)
			continue;
		if (e->node.is_dir)
			add_folder(w, f, i, cli_xasprintf("%s/%s", folder, e->name), &e->node);
		else
			add_entry(w, cli_xasprintf("%s/%s", folder, e->name), &e->node);
	}
	if (st == POD_END && dir->damaged && w->damaged)
		w->damaged(w->ctx, folder, dir->damaged);
	return st == POD_END ? POD_OK : st;
}

static void walk(struct cli_walk *w, const struct pod_node *root)
{
	struct pod_dirent *e = cli_xmalloc(sizeof *e);
	struct pod_dir *dir = cli_xzalloc(sizeof *dir);
	struct folders f = {0};

	add_folder(w, &f, 0, cli_xstrdup(""), root);
	for (size_t i = 0; i < f.count && !w->stop; i++) {
		enum pod_status st = read_folder(w, &f, i, dir, e);
		bool ended = st == POD_E_BUDGET || st == POD_E_CANCELLED;

		if (st != POD_OK && st != POD_E_CANCELLED)
			w->stop |= !w->problem(w->ctx, ended ? "" : f.v[i].path, st);
		w->stop |= ended;
	}
	for (size_t i = 0; i < f.count; i++)
		free(f.v[i].path);
	pod_free(&cli_alloc, f.v);
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
		walk(w, &root);
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

bool cli_menu_lists(const char *path)
{
	static const char *const systems[] = {"System Volume Information", "$RECYCLE.BIN"};
	const char *name = path;

	while (*name == '/') {
		size_t len = strcspn(++name, "/");

		if (name[0] == '.')
			return false;
		for (size_t i = 0; i < POD_ARRAY_LEN(systems); i++)
			if (len == strlen(systems[i]) && name[len] && pod_strncasecmp(name, systems[i], len) == 0)
				return false;
		name += len;
	}
	return pod_image_kind_of_name(path) != POD_IMAGE_UNKNOWN;
}
