/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a disk may have filesystems: its partitions, or the whole of it, and its logical volumes. Each is a map of the disk's bytes. */
#include "core/plan/internal.h"

enum {
	CACHE_LINES = 64,
	CACHE_LINE = 4096,
	SECTOR = 512,
};

static enum pod_status visit(struct pod_volumes *x, struct pod_volume *v, const struct pod_lvm_run *run, size_t runs,
			     pod_volume_fn *cb, void *ctx)
{
	enum pod_status st = POD_OK;
	pod_map_init(&v->runs, x->alloc);
	for (size_t i = 0; st == POD_OK && i < runs; i++)
		st = pod_map_append(&v->runs, POD_SEG_DEV, run[i].start_bytes, run[i].length_bytes);
	pod_mapdev_init(&v->dev, &v->runs, &x->cache.dev, SECTOR);
	if (st == POD_OK)
		st = cb(ctx, v);
	pod_map_fini(&v->runs);
	return pod_is_fatal(st) ? st : POD_OK;
}

static enum pod_status each_partition(struct pod_volumes *x, pod_volume_fn *cb, void *ctx)
{
	struct pod_volume v = {.name = ""};
	struct pod_lvm_run run = {0, x->disk.dev.size_bytes};
	if (x->table.kind == POD_PARTTAB_NONE)
		return visit(x, &v, &run, 1, cb, ctx);
	for (uint32_t i = 0; i < x->table.count; i++) {
		v.number = x->table.part[i].number;
		run = (struct pod_lvm_run){x->table.part[i].start_bytes, x->table.part[i].length_bytes};
		POD_TRY(visit(x, &v, &run, 1, cb, ctx));
	}
	return POD_OK;
}

enum pod_status pod_volumes_each(struct pod_volumes *x, pod_volume_fn *cb, void *ctx)
{
	struct pod_volume unread = {.number = x->lvm.unread, .name = "", .why = ""};
	POD_TRY(each_partition(x, cb, ctx));
	if (unread.number != UINT32_MAX)
		POD_TRY(visit(x, &unread, NULL, 0, cb, ctx));
	for (size_t i = 0; i < x->lvm.volumes; i++) {
		const struct pod_lvm_volume *l = &x->lvm.volume[i];
		struct pod_volume v = {.number = l->partition, .name = l->name, .why = l->why[0] ? l->why : NULL};
		POD_TRY(visit(x, &v, l->run, l->runs, cb, ctx));
	}
	return POD_OK;
}

enum pod_status pod_volumes_open(struct pod_volumes *x, const struct pod_map *map, struct pod_dev *disk, struct pod_alloc *a)
{
	x->alloc = a;
	pod_mapdev_init(&x->disk, map, disk, SECTOR);
	POD_TRY(pod_cache_init(&x->cache, &x->disk.dev, a, CACHE_LINES, CACHE_LINE));
	POD_TRY(pod_parttab_read(&x->cache.dev, a, &x->table, NULL));
	return pod_lvm_read(&x->cache.dev, &x->table, a, &x->lvm);
}

void pod_volumes_close(struct pod_volumes *x)
{
	if (!x->alloc)
		return;
	pod_lvm_free(&x->lvm, x->alloc);
	if (x->cache.line)
		pod_cache_fini(&x->cache, x->alloc);
}
