/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kernels on an ISO that are started without an initrd, because theirs is built in, on a BIOS: our two archives stand behind the end of the
 * virtual disk, a further record of the root directory names them (core/fs/iso9660_add.c), and the boot menu loads that file (lone.c). The kernel
 * unpacks it behind the built-in one.
 */
#include "core/plan/internal.h"
#include "core/fs/iso9660.h"

enum { SECTOR = POD_ISO_TREES_SECTOR, NOTES = 4 };

static const char name[] = "isopod.cpi";

/* Where the file's record comes in one tree. */
struct place {
	uint64_t at;
	size_t len;
	uint8_t record[POD_ISO_RECORD_MAX];
};

static enum pod_status append(struct pod_handover *h, struct pod_initrd *lone)
{
	struct pod_map *map = &h->plan->map;
	POD_TRY(pod_handover_alone(h, lone->machine, map, SECTOR, &lone->start_bytes));
	lone->length_bytes = map->size_bytes - lone->start_bytes;
	return pod_plan_note(h->plan, POD_OVERLAY_INITRD, lone->start_bytes, lone->length_bytes, name,
			     "an initrd of the shim alone, for a kernel that is started without one");
}

/* In all trees, of which a loader reads one. POD_END: not everywhere. */
static enum pod_status find_places(struct pod_iso_trees *x, const struct pod_initrd *lone, struct place *place)
{
	if (x->plan->image.udf || x->plan->overlay_count + NOTES > POD_PLAN_OVERLAY_MAX)
		return POD_END;
	POD_TRY(pod_iso_trees_open_all(x));
	if (x->count != 1u + x->plan->image.joliet)
		return POD_END;
	for (size_t i = 0; i < x->count; i++)
		POD_TRY(pod_iso9660_add(&x->tree[i].fs, name, lone->start_bytes, lone->length_bytes, place[i].record,
					&place[i].len, &place[i].at));
	return POD_OK;
}

static enum pod_status show(struct pod_iso_trees *x, const struct place *place)
{
	for (size_t i = 0; i < x->count; i++) {
		POD_TRY(pod_map_patch(&x->plan->map, x->rq->disk, place[i].at, place[i].record, place[i].len, SECTOR));
		POD_TRY(pod_plan_note(x->plan, POD_OVERLAY_DIRENT, place[i].at, place[i].len, name,
				      i ? "the record of that file, in the Joliet tree" : "the record of that file"));
	}
	return POD_OK;
}

static enum pod_status give(struct pod_handover *h, struct pod_iso_trees *x, struct pod_initrd *lone)
{
	struct place *place = pod_zalloc(h->plan->alloc, POD_ARRAY_LEN(x->tree), sizeof *place);
	if (!place)
		return POD_E_NOMEM;
	/* Whether there is room does not depend on where the data lie. */
	enum pod_status st = find_places(x, lone, place);
	if (st == POD_OK)
		st = append(h, lone);
	if (st == POD_OK)
		st = find_places(x, lone, place);
	if (st == POD_OK)
		st = show(x, place);
	pod_free(h->plan->alloc, place);
	return st;
}

enum pod_status pod_iso_lone(struct pod_handover *h, struct pod_iso_trees *x)
{
	struct pod_scan *s = &x->tree[0].scan;
	struct pod_plan *p = h->plan;
	struct pod_initrd lone = {.path = ""};
	if (!h->rq->bios || p->bios_entry == POD_ENTRY_NONE || !s->config_count)
		return POD_OK;
	POD_TRY(pod_lone_built_in(h, s, &s->built_in));
	if (!s->built_in)
		return POD_OK;
	POD_TRY(pod_lone_look(s, &lone));
	if (!lone.path[0])
		return POD_OK;
	POD_TRY(pod_handover_prepare(h));
	enum pod_status st = give(h, x, &lone);
	if (st == POD_END) {
		pod_plan_warn(
			p,
			"%.60s is started without an initrd, and one more has no room in the ISO: on a BIOS it does not find its medium.",
			lone.path);
		return POD_OK;
	}
	POD_TRY(st);
	x->space_grows = true;
	s->lone = name;
	p->lone = lone;
	return POD_OK;
}
