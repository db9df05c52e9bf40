/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the hand-over record says of an image that is a disk, or has one in it (POD_HO_CHUNK_DISK in core/map/handover.h): the plan's map as
 * it is before anything in it is served otherwise. The running system reads the stick itself, so it can be shown what lies there and
 * zeros, and not what was made in memory.
 */
#include "core/plan/internal.h"
#include "core/base/bytes.h"
#include "core/map/handover.h"

enum { UNIT = 512, SEG = 16 };

/* Is all of the disk on the stick, so that what is written to it has a place? */
static bool has_places(const struct pod_map *m)
{
	for (size_t i = 0; i < m->count; i++)
		if (m->seg[i].kind != POD_SEG_DEV)
			return false;
	return true;
}

/* May the system write into the file? Whatever changes its tables when it is written to cannot be written to from outside. */
static uint32_t wanted_flags(const struct pod_handover *h)
{
	struct pod_plan *p = h->plan;
	if (!h->rq->write || p->persist.kind == POD_PERSIST_DISK)
		return 0;
	if ((!p->container || p->one_fixed) && has_places(&p->map))
		return POD_HO_DISK_WRITE;
	pod_plan_warn(
		p,
		"What is written is not kept: only a raw image or a VHD of fixed size, whole on the stick, can be written to.");
	return 0;
}

/* Why the map cannot be given. */
static enum pod_start_why reason_against(const struct pod_map *m)
{
	if (m->count > POD_HO_DISK_SEG_MAX)
		return POD_WHY_LINUX_PIECES;
	for (size_t i = 0; i < m->count; i++) {
		const struct pod_seg *s = &m->seg[i];
		if (s->kind == POD_SEG_MEM)
			return POD_WHY_LINUX_LOG;
		if (s->source % UNIT || (s->length_bytes % UNIT && i + 1 < m->count))
			return POD_WHY_LINUX_BLOCKS;
	}
	return POD_WHY_NONE;
}

enum pod_status pod_handover_disk(struct pod_handover *h)
{
	const struct pod_map *m = &h->plan->map;
	if (h->disk_told)
		return POD_OK;
	enum pod_start_why against = reason_against(m);
	uint64_t size = m->size_bytes & ~(uint64_t)(UNIT - 1);
	uint32_t count = (uint32_t)m->count;
	if (against || !size) {
		if (against)
			pod_plan_because(h->plan, against, "", "");
		return POD_E_UNSUPPORTED;
	}
	size_t len = POD_HO_DISK_HEAD + (size_t)count * SEG;
	uint8_t *c = pod_zalloc(h->plan->alloc, len, 1);
	if (!c)
		return POD_E_NOMEM;
	pod_put_le64(c, size);
	pod_put_le32(c + 0x08, UNIT);
	pod_put_le32(c + 0x0c, wanted_flags(h));
	/* What of the file is less than a sector at its end, no disk shows. */
	uint64_t left = size;
	uint32_t n = 0;
	for (uint8_t *at = c + POD_HO_DISK_HEAD; n < count && left; n++, at += SEG) {
		const struct pod_seg *s = &m->seg[n];
		uint64_t length = pod_min_u64(s->length_bytes, left);
		pod_put_le64(at, s->kind == POD_SEG_DEV ? s->source : 0);
		pod_put_le64(at + 8, length);
		left -= length;
	}
	pod_put_le32(c + 0x10, n);
	enum pod_status st = pod_handover_chunk(h, POD_HO_CHUNK_DISK, c, POD_HO_DISK_HEAD + (size_t)n * SEG);
	pod_free(h->plan->alloc, c);
	h->disk_told = st == POD_OK;
	return st;
}
