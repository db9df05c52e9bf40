/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Serving the initrds of an ISO with the shim: past the end of the image the virtual disk shows, for each initrd,
 * [pre][the original's sectors][its last, partial sector with zeros behind][post], and iso_trees.c re-points its names.
 */
#include "core/plan/internal.h"

enum { SECTOR = POD_ISO_TREES_SECTOR, VOLUME_NOTES = 3 /* a partition's two descriptors, and an anchor */ };

struct job {
	struct pod_handover *h;
	struct pod_iso_trees *trees;
};

/* Appends a patched copy of data [start, start + len); *new_start and *new_len say where it lies. */
static enum pod_status append_initrd(struct pod_handover *h, enum pod_machine m, uint64_t start, uint64_t len,
				     uint64_t *new_start, uint64_t *new_len)
{
	struct pod_map *map = &h->plan->map;
	const struct pod_map *post;
	uint64_t pre, tail_off, whole = len & ~(uint64_t)(SECTOR - 1);
	size_t tail = (size_t)(len - whole);
	POD_TRY(pod_handover_pre(h, &pre));
	POD_TRY(pod_handover_post(h, m, &post));
	POD_TRY(pod_map_pad(map, SECTOR));
	*new_start = map->size_bytes;
	POD_TRY(pod_map_append(map, POD_SEG_MEM, pre, POD_PRE_LEN));
	POD_TRY(pod_map_append_slice(map, start, whole));
	if (tail) {
		POD_TRY(pod_map_mem(map, NULL, SECTOR, &tail_off));
		POD_TRY(pod_map_read(map, h->rq->disk, start + whole, map->mem + (size_t)tail_off, tail));
		POD_TRY(pod_map_append(map, POD_SEG_MEM, tail_off, SECTOR));
	}
	POD_TRY(pod_plan_append(map, post));
	*new_len = map->size_bytes - *new_start;
	return POD_OK;
}

static enum pod_status count_runs(void *ctx, const struct pod_extent *e)
{
	unsigned *n = ctx;
	(void)e;
	++*n;
	return POD_OK;
}

/* In one piece, with one record for each of its names? */
static enum pod_status in_one_piece(struct job *j, const struct pod_found *f, size_t *names, bool *yes)
{
	struct pod_iso_tree *first = &j->trees->tree[0];
	unsigned runs = 0;
	bool split;
	*names = pod_iso_trees_names(j->trees, f, &split) + VOLUME_NOTES;
	POD_TRY(first->fs.ops->extents(&first->fs, &f->node, count_runs, &runs));
	*yes = runs == 1 && !split && f->start_bytes % SECTOR == 0 &&
	       pod_in_range(f->start_bytes, f->node.size_bytes, j->h->rq->image_bytes);
	return POD_OK;
}

/* Can the file, with this many initrds in it, be served from elsewhere? If not, says why. */
static enum pod_status movable(struct job *j, const struct pod_found *f, uint32_t initrds, bool *yes)
{
	struct pod_handover *h = j->h;
	size_t names;
	POD_TRY(in_one_piece(j, f, &names, yes));
	if (!*yes) {
		pod_plan_warn(h->plan, "%.80s: the initrd is split or cut off; it is served unchanged.", f->path);
		return POD_OK;
	}
	*yes = false;
	if (h->plan->initrd_count + initrds > POD_PLAN_INITRD_MAX) {
		pod_plan_warn(h->plan, "More than %d initrds: the rest is served unchanged.", POD_PLAN_INITRD_MAX);
		return POD_OK;
	}
	if (h->plan->overlay_count + names >= POD_PLAN_OVERLAY_MAX) {
		pod_plan_warn(h->plan, "%.80s: the initrd has too many names; it is served unchanged.", f->path);
		return POD_OK;
	}
	*yes = true;
	return POD_OK;
}

static enum pod_status serve_one(void *ctx, const struct pod_found *f, const char *found_by)
{
	struct job *j = ctx;
	struct pod_handover *h = j->h;
	struct pod_iso_tree *first = &j->trees->tree[0];
	uint64_t new_start, new_len, len = f->node.size_bytes;
	bool yes;
	POD_TRY(movable(j, f, 1, &yes));
	if (!yes)
		return POD_OK;
	enum pod_machine m = pod_kernel_machine(&first->scan, f->path, h->plan->image.firmware & ~(uint32_t)POD_FW_BIOS);
	POD_TRY(append_initrd(h, m, f->start_bytes, len, &new_start, &new_len));
	POD_TRY(pod_plan_add_initrd(h->plan, f->path, f->start_bytes, len, m, found_by));
	POD_TRY(pod_plan_note(h->plan, POD_OVERLAY_INITRD, new_start, new_len, f->path,
			      "initrd served with the shim around it, so that the system finds its medium"));
	return pod_iso_trees_move(j->trees, f, new_start, new_len, "initrd");
}

static enum pod_status serve_uki(void *ctx, const struct pod_found *f, struct pod_uki *uki)
{
	struct job *j = ctx;
	struct pod_map *map = &j->h->plan->map;
	bool yes;
	POD_TRY(movable(j, f, uki->initrd_count, &yes));
	if (!yes) {
		pod_arguments_lost(j->h->plan, f, uki);
		return POD_OK;
	}
	POD_TRY(pod_map_pad(map, SECTOR));
	uint64_t start = map->size_bytes;
	POD_TRY(pod_plan_append(map, &uki->served));
	POD_TRY(j->h->rq->ukis->note(j->h->plan, f, uki, start));
	return pod_iso_trees_move(j->trees, f, start, uki->served.size_bytes, "unified kernel image");
}

static enum pod_status serve_menu(void *ctx, const struct pod_found *f, struct pod_menu_served *menu)
{
	struct job *j = ctx;
	struct pod_plan *p = j->h->plan;
	size_t names;
	bool yes;
	POD_TRY(in_one_piece(j, f, &names, &yes));
	if (!yes || p->overlay_count + names >= POD_PLAN_OVERLAY_MAX) {
		pod_arguments_refuse(j->h, &j->trees->tree[0].scan, f);
		return POD_OK;
	}
	POD_TRY(pod_map_pad(&p->map, SECTOR));
	uint64_t start = p->map.size_bytes;
	POD_TRY(pod_plan_append(&p->map, &menu->map));
	POD_TRY(pod_arguments_note(j->h, f, menu, start));
	return pod_iso_trees_move(j->trees, f, start, menu->size_bytes, "boot menu");
}

enum pod_status pod_plan_iso_initrds(struct pod_handover *h, struct pod_iso_trees *x, struct pod_diag *diag)
{
	struct job j = {h, x};
	POD_TRY(pod_iso_trees_open(x, diag));
	bool ukis = x->rq->ukis && x->tree[0].scan.efi_count;
	if (x->tree[0].scan.initrd_count)
		POD_TRY(pod_handover_prepare(h));
	if (x->tree[0].scan.initrd_count || ukis || pod_arguments_wanted(h))
		POD_TRY(pod_iso_trees_open_all(x));
	POD_TRY(pod_scan_initrds(&x->tree[0].scan, h->plan, serve_one, &j));
	if (ukis)
		POD_TRY(x->rq->ukis->each(h, &x->tree[0].scan, 0, serve_uki, &j));
	POD_TRY(pod_iso_lone(h, x));
	if (pod_menus_change(h, &x->tree[0].scan)) /* a persistence file may have been found meanwhile */
		POD_TRY(pod_arguments_each(h, &x->tree[0].scan, serve_menu, &j));
	return x->rq->ukis ? x->rq->ukis->offer_look(h, &x->tree[0].scan) : POD_OK;
}
