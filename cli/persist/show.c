/* SPDX-License-Identifier: BSD-2-Clause */
/* What is told of persistence files, here and in the reports of other commands. */
#include <stdlib.h>
#include <string.h>
#include "cli/persist/show.h"
#include "cli/stick/image.h"
#include "core/base/str.h"

bool persist_names_take(struct persist_names *n, const char *path)
{
	size_t len = strlen(path), tail = strlen(POD_PERSIST_SUFFIX);
	void *v = n->image;

	if (len <= tail || !pod_ends_with_nocase(path, POD_PERSIST_SUFFIX))
		return false;
	if (pod_grow(&cli_alloc, &v, n->count, &n->cap, n->count + 1, sizeof *n->image, PERSIST_NAMES_MAX) != POD_OK)
		return true;
	n->image = v;
	n->image[n->count] = cli_xstrdup(path);
	n->image[n->count++][len - tail] = '\0';
	return true;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void persist_names_sort(struct persist_names *n)
{
	if (n->count)
		qsort(n->image, n->count, sizeof *n->image, by_name);
}

bool persist_names_have(const struct persist_names *n, const char *image)
{
	return n->count && bsearch(&image, n->image, n->count, sizeof *n->image, by_name);
}

void persist_names_free(struct persist_names *n)
{
	for (size_t i = 0; i < n->count; i++)
		free(n->image[i]);
	pod_free(&cli_alloc, n->image);
	*n = (struct persist_names){0};
}

static enum pod_status used_by(const struct pod_persist *planned)
{
	return planned->kind == POD_PERSIST_DISK ? POD_OK : POD_E_CHANGED;
}

/* An overlay is of one disk: the plan says whether it is used. Where the image is gone, nobody knows. */
static enum pod_status used_for(struct cli_target *t, const char *image)
{
	struct pod_plan *plan = cli_xzalloc(sizeof *plan);
	struct fault unsaid = {0};
	struct cli_image im;
	struct pod_node node;
	enum pod_status st = POD_OK;

	if (pod_fs_lookup(&t->data, image, &node, &t->scratch) == POD_OK && cli_image_on_target(&im, t, image, &node) == POD_OK) {
		st = cli_image_plan(&im, plan, NULL, &unsaid);
		if (st == POD_OK) {
			st = used_by(&plan->persist);
			pod_plan_free(plan);
		}
		cli_image_close(&im);
		fault_free(&unsaid);
	}
	free(plan);
	return st;
}

enum pod_status persist_state_planned(struct cli_target *t, const char *image, const struct pod_persist *planned,
				      struct pod_persist *out)
{
	char *path = cli_xasprintf("%s" POD_PERSIST_SUFFIX, image);
	struct pod_extent *e = NULL;
	struct pod_node node;
	size_t n = 0;
	enum pod_status st = pod_fs_lookup(&t->data, path, &node, &t->scratch);

	memset(out, 0, sizeof *out);
	free(path);
	if (st == POD_OK)
		st = node.is_dir ? POD_E_NOT_FOUND : pod_fs_extents(&t->data, &node, &cli_alloc, &e, &n);
	if (st == POD_OK)
		out->length_bytes = node.size_bytes;
	if (st == POD_OK && (n != 1 || e[0].hole))
		st = POD_E_RANGE;
	if (st == POD_OK)
		st = pod_persist_look(&t->data_win.dev, e[0].dev_bytes, node.size_bytes, out);
	pod_free(&cli_alloc, e);
	if (st == POD_OK && out->kind == POD_PERSIST_DISK)
		st = planned ? used_by(planned) : used_for(t, image);
	return st;
}

enum pod_status persist_state(struct cli_target *t, const char *image, struct pod_persist *out)
{
	return persist_state_planned(t, image, NULL, out);
}

const char *persist_problem(enum pod_status st, const struct pod_persist *p)
{
	if (st == POD_E_RANGE)
		return _("not in one piece: not used; copy what is in it, and create it again");
	if (st == POD_E_CHANGED)
		return _("of another disk, or of this one before it was written to: not used");
	if (st != POD_OK)
		return _("holds no filesystem for persistence: not used");
	return p->full ? _("full: what the system writes may be lost") : NULL;
}

void persist_text(enum pod_status st, const struct pod_persist *p)
{
	char size[16], left[16];

	cli_print("%s", pod_format_size(size, p->length_bytes));
	if (st == POD_OK && p->kind == POD_PERSIST_DISK)
		cli_print(_(", for what is written to the disk, %s free"), pod_format_size(left, p->free_bytes));
	else if (st == POD_OK)
		cli_print(_(", for %s, %s free"), pod_persist_kind_text(p->kind), pod_format_size(left, p->free_bytes));
	if (persist_problem(st, p))
		cli_print(", %s", persist_problem(st, p));
}

void persist_json(struct cli_json *j, enum pod_status st, const struct pod_persist *p)
{
	cli_json_u64(j, "size", p->length_bytes);
	if (st == POD_OK) {
		cli_json_str(j, "kind", pod_persist_kind_text(p->kind));
		if (*p->label)
			cli_json_str(j, "label", p->label);
		cli_json_u64(j, "free", p->free_bytes);
		cli_json_bool(j, "full", p->full);
	}
	if (persist_problem(st, p))
		cli_json_str(j, "problem", persist_problem(st, p));
}
