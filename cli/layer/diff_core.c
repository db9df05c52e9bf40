/* SPDX-License-Identifier: BSD-2-Clause */
/* FAT and exFAT, by the core's readers: the whole tree. */
#include <stdlib.h>
#include <string.h>
#include "cli/layer/diff_export.h"
#include "core/fs/fs.h"

/* Folders that lead to each other make a tree without end, of long names: what the list may take in memory. */
#define BYTES_MAX (128u << 20)

struct walk {
	struct pod_fs *fs;
	const struct diff_map *changed;
	struct diff_list *out;
	size_t bytes_left;
	enum pod_status damage; /* of a file; the others are listed all the same */
};

/* False: there is no room for one more entry. */
static bool take_room(struct walk *w, const char *path)
{
	size_t n = sizeof(struct diff_entry) + strlen(path) + 1;

	if (n > w->bytes_left)
		return false;
	w->bytes_left -= n;
	return true;
}

static enum pod_status look(void *ctx, const struct pod_extent *x)
{
	struct diff_entry *e = ((void **)ctx)[0];
	const struct diff_map *changed = ((void **)ctx)[1];

	if (x->hole)
		return POD_OK;
	e->touched = e->touched || diff_map_touches(changed, x->dev_bytes, x->length_bytes);
	e->where = diff_fold(diff_fold(e->where, x->dev_bytes), x->length_bytes);
	return POD_OK;
}

/* NOLINTNEXTLINE(misc-no-recursion): POD_DEPTH_MAX deep */
static enum pod_status walk(struct walk *w, const struct pod_node *dir, const char *path, unsigned depth)
{
	struct pod_dirent *d;
	struct pod_dir it;
	enum pod_status st = depth < POD_DEPTH_MAX ? pod_dir_open(&it, w->fs, dir) : POD_E_LIMIT;

	if (st != POD_OK)
		return st;
	d = cli_xzalloc(sizeof *d);
	while ((st = pod_dir_next(&it, d)) == POD_OK) {
		struct diff_entry e = {.is_dir = d->node.is_dir, .mtime = d->node.mtime};
		void *ctx[2] = {&e, (void *)(uintptr_t)w->changed};
		struct pod_node node = d->node;
		char *sub;

		e.path = cli_xasprintf("%s/%s", path, d->name);
		e.attributes = node.attributes;
		e.size_bytes = e.is_dir ? 0 : node.size_bytes;
		if (!take_room(w, e.path))
			st = POD_E_LIMIT;
		else if (!e.is_dir)
			st = w->fs->ops->extents(w->fs, &node, look, ctx);
		if (!e.is_dir && st == POD_E_CORRUPT) {
			w->damage = st;
			st = POD_OK;
		}
		sub = cli_xstrdup(e.path);
		diff_list_add(w->out, &e);
		if (st == POD_OK && node.is_dir)
			st = walk(w, &node, sub, depth + 1);
		free(sub);
		if (st != POD_OK)
			break;
	}
	free(d);
	return st == POD_END ? POD_OK : st;
}

static enum pod_status list(struct pod_dev *volume, const struct diff_map *changed, struct diff_list *out)
{
	struct pod_fs fs;
	struct walk w = {.fs = &fs, .changed = changed, .out = out, .bytes_left = BYTES_MAX};
	struct pod_node root;
	enum pod_status st = pod_fs_open(&fs, volume, &cli_alloc, NULL);

	if (st != POD_OK)
		return st;
	st = fs.ops->root(&fs, &root);
	if (st == POD_OK)
		st = walk(&w, &root, "", 0);
	if (st == POD_OK)
		st = w.damage;
	pod_fs_close(&fs);
	return st;
}

const struct diff_reader diff_core = {.name = "fat", .list = list, .contents = diff_export_contents};
