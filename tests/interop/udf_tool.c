/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * udf IMAGE SEED COUNT: flips one to four bytes of IMAGE at random, COUNT times, and each time lists the tree that shows its content,
 * reads the ends of each file, and makes its plan. Half of the flips hit what is no file's data. Prints how many were listed to their
 * end, how many were planned, and the steps of the costliest.
 */
#include <string.h>
#include "core/image/image.h"
#include "core/plan/plan.h"
#include "tests/interop/tool.h"

enum { ENTRIES_MAX = 5000, DEPTH_MAX = 8 };
#define STEPS_MAX (UINT64_C(1) << 18)

static uint32_t state;

static uint32_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state;
}

struct walk {
	struct pod_fs fs;
	unsigned entries;
	bool whole;
};

static void ends_of(struct walk *w, const struct pod_node *n)
{
	uint8_t b[64];
	size_t len = (size_t)pod_min_u64(sizeof b, n->size_bytes);
	if (pod_fs_read(&w->fs, n, 0, b, len) != POD_OK || pod_fs_read(&w->fs, n, n->size_bytes - len, b, len) != POD_OK)
		w->whole = false;
}

static void list(struct walk *w, const struct pod_node *folder, int depth)
{
	struct pod_dir dir;
	struct pod_dirent *e = malloc(sizeof *e);
	enum pod_status st = pod_dir_open(&dir, &w->fs, folder);
	while (st == POD_OK && (st = pod_dir_next(&dir, e)) == POD_OK && w->entries++ < ENTRIES_MAX) {
		if (e->node.is_dir && depth < DEPTH_MAX)
			list(w, &e->node, depth + 1);
		else if (!e->node.is_dir)
			ends_of(w, &e->node);
	}
	w->whole &= st == POD_END && !dir.damaged;
	free(e);
}

static bool listed(struct pod_dev *dev)
{
	struct walk w = {.whole = true};
	struct pod_node root;
	if (pod_image_open_tree(&w.fs, dev, &host, NULL) != POD_OK)
		return false;
	if (w.fs.ops->root(&w.fs, &root) == POD_OK)
		list(&w, &root, 0);
	pod_fs_close(&w.fs);
	return w.whole;
}

static enum pod_status shim(void *ctx, enum pod_machine m, struct pod_shim *out)
{
	static const uint8_t bytes[] = "shim";
	(void)ctx, (void)m;
	out->data = bytes;
	out->len = sizeof bytes;
	return POD_OK;
}

static enum pod_status helper(void *ctx, enum pod_machine m, struct pod_alloc *a, uint8_t **data, size_t *len)
{
	(void)ctx, (void)m;
	*len = 3000;
	*data = pod_zalloc(a, 1, *len);
	return *data ? POD_OK : POD_E_NOMEM;
}

static bool planned(struct pod_dev *dev)
{
	static struct pod_plan p;
	struct pod_extent x = {.length_bytes = dev->size_bytes};
	struct pod_plan_request rq = {.disk = dev,
				      .extent = &x,
				      .extent_count = 1,
				      .image_bytes = dev->size_bytes,
				      .path = "/x.iso",
				      .shim = shim,
				      .helper = helper};
	bool ok = pod_plan_make(&rq, &host, &p, NULL) == POD_OK;
	pod_plan_free(&p);
	return ok;
}

/* Marks the bytes of files: what is left describes the volume. */
static void mark_files(struct walk *w, const struct pod_node *folder, uint8_t *is_data)
{
	struct pod_dir dir;
	struct pod_dirent *e = malloc(sizeof *e);
	struct pod_extent *v;
	size_t n;
	enum pod_status st = pod_dir_open(&dir, &w->fs, folder);
	while (st == POD_OK && (st = pod_dir_next(&dir, e)) == POD_OK) {
		if (e->node.is_dir)
			mark_files(w, &e->node, is_data);
		else if (pod_fs_extents(&w->fs, &e->node, &host, &v, &n) == POD_OK) {
			for (size_t i = 0; i < n; i++)
				memset(is_data + v[i].dev_bytes, 1, (size_t)v[i].length_bytes);
			pod_free(&host, v);
		}
	}
	free(e);
}

/* Offsets worth flipping: not data, and not zeros far from anything. */
static size_t structures(struct pod_dev *dev, const uint8_t *bytes, uint32_t *out)
{
	struct walk w = {.whole = true};
	struct pod_node root;
	uint8_t *is_data = calloc(1, (size_t)dev->size_bytes);
	size_t n = 0;
	if (pod_image_open_tree(&w.fs, dev, &host, NULL) == POD_OK && w.fs.ops->root(&w.fs, &root) == POD_OK)
		mark_files(&w, &root, is_data);
	pod_fs_close(&w.fs);
	for (uint32_t i = 0; i < dev->size_bytes; i++)
		if (!is_data[i] && bytes[i])
			out[n++] = i;
	free(is_data);
	return n;
}

int main(int argc, char **argv)
{
	struct pod_memdev dev;
	struct pod_budget budget = {0};
	size_t len, places;
	unsigned good = 0, plans = 0;
	uint64_t most = 0;
	if (argc != 4)
		return 2;
	uint8_t *bytes = tool_slurp(argv[1], &len);
	uint32_t *place = calloc(len, sizeof *place);
	state = (uint32_t)strtoul(argv[2], NULL, 0);
	pod_memdev_init(&dev, bytes, len, 2048, true);
	places = structures(&dev.dev, bytes, place);
	if (!places || !listed(&dev.dev) || !planned(&dev.dev))
		return 1;
	dev.dev.budget = &budget;
	for (unsigned i = 0, count = (unsigned)strtoul(argv[3], NULL, 0); i < count; i++) {
		uint32_t at[4], n = 1 + rnd() % 4;
		uint8_t was[4];
		for (uint32_t k = 0; k < n; k++) {
			at[k] = rnd() & 1 ? place[rnd() % places] : rnd() % (uint32_t)len;
			was[k] = bytes[at[k]];
			bytes[at[k]] ^= (uint8_t)(1 + rnd() % 255);
		}
		pod_budget_start(&budget, STEPS_MAX, POD_BUDGET_UNLIMITED, 0);
		good += listed(&dev.dev);
		plans += planned(&dev.dev);
		most = budget.steps_spent > most ? budget.steps_spent : most;
		for (uint32_t k = n; k--;)
			bytes[at[k]] = was[k];
	}
	printf("listed %u planned %u steps %llu\n", good, plans, (unsigned long long)most);
	free(place);
	free(bytes);
	return 0;
}
