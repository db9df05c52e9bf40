/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The overlay of a disk image (cow.h) in the plan: the boot loader gets the disk as it was written to, so that a kernel which the system
 * in it has installed is the one that starts; the shim is told of both, the disk as it lies in the image, and the store.
 */
#include "core/plan/internal.h"
#include "core/base/bytes.h"
#include "core/map/handover.h"

enum pod_status pod_handover_disk_id(struct pod_handover *h)
{
	enum { LINES = 16, LINE = 4096, SECTOR = 512 };
	struct pod_plan *p = h->plan;
	struct pod_mapdev disk;
	struct pod_cache cache;
	if (p->has_disk_id)
		return POD_OK;
	pod_mapdev_init(&disk, &p->map, h->rq->disk, SECTOR);
	POD_TRY(pod_cache_init(&cache, &disk.dev, p->alloc, LINES, LINE));
	enum pod_status st = pod_cow_identify(&cache.dev, h->rq->mtime, p->alloc, p->disk_id);
	pod_cache_fini(&cache, p->alloc);
	p->has_disk_id = st == POD_OK;
	return st;
}

static enum pod_status tell_shim(struct pod_handover *h)
{
	const struct pod_persist *f = &h->plan->persist;
	uint8_t chunk[POD_HO_COW_SIZE] = {0};
	pod_put_le64(chunk, f->start_bytes + POD_COW_STORE);
	pod_put_le64(chunk + 8, pod_cow_given(&f->cow));
	pod_put_le32(chunk + 0x10, POD_COW_CHUNK / 512);
	return pod_handover_chunk(h, POD_HO_CHUNK_COW, chunk, sizeof chunk);
}

/* The map becomes that of the disk with the changes. */
static enum pod_status show_changes(struct pod_handover *h, const uint64_t *change)
{
	struct pod_plan *p = h->plan;
	struct pod_map shown;
	pod_map_init(&shown, p->alloc);
	enum pod_status st = pod_cow_map(&p->map, p->persist.start_bytes, &p->persist.cow, change, &shown);
	if (st != POD_OK) {
		pod_map_fini(&shown);
		return st;
	}
	pod_map_fini(&p->map);
	p->map = shown;
	return POD_OK;
}

/* The disk can be told to the shim, and what is in the overlay is sound. */
static enum pod_status use_overlay(struct pod_handover *h)
{
	struct pod_plan *p = h->plan;
	const struct pod_persist *f = &p->persist;
	uint64_t *change = NULL;
	POD_TRY(pod_handover_disk(h)); /* as it lies in the image */
	enum pod_status st = pod_cow_changes(h->rq->disk, f->start_bytes, &f->cow, p->alloc, &change);
	if (st == POD_OK)
		st = show_changes(h, change);
	pod_free(p->alloc, change);
	if (st == POD_E_LIMIT || st == POD_E_NOMEM) {
		pod_plan_warn(p,
			      "The overlay holds more than can be shown to the boot loader: it starts the kernel of the image.");
		st = POD_OK;
	}
	return st == POD_OK ? tell_shim(h) : st;
}

enum pod_status pod_handover_overlay(struct pod_handover *h)
{
	struct pod_plan *p = h->plan;
	if (h->rq->disk_id)
		POD_TRY(pod_handover_disk_id(h));
	POD_TRY(pod_handover_persist(h));
	if (p->persist.kind != POD_PERSIST_DISK)
		return POD_OK;
	enum pod_status st = use_overlay(h);
	if (st == POD_E_CORRUPT)
		pod_plan_warn(p, "The overlay beside the image is damaged: the system starts without it.");
	if (st != POD_E_CORRUPT && st != POD_E_UNSUPPORTED && st != POD_E_LIMIT)
		return st;
	p->persist = (struct pod_persist){.kind = POD_PERSIST_NONE};
	return POD_OK;
}
