/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Serving the initrds of an ISO with the shim.
 *
 * Past the end of the image the virtual disk shows, for each initrd, [pre][the original's sectors][its last, partial sector with
 * zeros behind][post]; every directory record that names the original's data (ECMA-119 clause 9.1: extended attribute record
 * length at BP 2, location of extent at BP 3, data length at BP 11, the last two in both byte orders) is re-pointed there, in the
 * primary tree and in the Joliet tree. Rock Ridge adds to the primary records and needs nothing of its own.
 */
#include "core/plan/internal.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"

enum { SECTOR = 2048 };

struct job {
	struct pod_handover *h;
	struct pod_scan primary, joliet;
	bool have_joliet;
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

static enum pod_status patch_record(struct pod_handover *h, const struct pod_record *r, uint64_t new_start, uint64_t new_len)
{
	uint8_t b[17];
	uint32_t lba = (uint32_t)(new_start >> 11), len = (uint32_t)new_len;
	if (new_start >> 11 > UINT32_MAX || new_len > UINT32_MAX)
		return POD_E_LIMIT;
	b[0] = 0; /* no extended attribute record in front of the data */
	pod_put_le32(b + 1, lba);
	pod_put_be32(b + 5, lba);
	pod_put_le32(b + 9, len);
	pod_put_be32(b + 13, len);
	return pod_map_patch(&h->plan->map, h->rq->disk, r->entry_bytes + 1, b, sizeof b, SECTOR);
}

static size_t count_records(const struct pod_scan *s, const struct pod_found *f)
{
	size_t n = 0;
	for (size_t i = 0; i < s->record_count; i++)
		n += s->record[i].start_bytes == f->start_bytes;
	return n;
}

static enum pod_status patch_records(struct pod_handover *h, const struct pod_scan *s, const struct pod_found *f,
				     uint64_t new_start, uint64_t new_len, const char *reason)
{
	for (size_t i = 0; i < s->record_count; i++) {
		const struct pod_record *r = &s->record[i];
		if (r->start_bytes != f->start_bytes)
			continue;
		POD_TRY(patch_record(h, r, new_start, new_len));
		POD_TRY(pod_plan_note(h->plan, POD_OVERLAY_DIRENT, r->entry_bytes, r->entry_len, f->path, reason));
	}
	return POD_OK;
}

static enum pod_status count_runs(void *ctx, const struct pod_extent *e)
{
	unsigned *n = ctx;
	(void)e;
	++*n;
	return POD_OK;
}

static enum pod_status serve_one(void *ctx, const struct pod_found *f, const char *found_by)
{
	struct job *j = ctx;
	struct pod_handover *h = j->h;
	uint64_t new_start, new_len, len = f->node.size_bytes;
	unsigned runs = 0;
	POD_TRY(j->primary.fs->ops->extents(j->primary.fs, &f->node, count_runs, &runs));
	if (runs != 1 || !pod_in_range(f->start_bytes, len, h->rq->image_bytes)) {
		pod_plan_warn(h->plan, "%.80s: the initrd is split or cut off; it is served unchanged.", f->path);
		return POD_OK;
	}
	if (h->plan->initrd_count == POD_PLAN_INITRD_MAX) {
		pod_plan_warn(h->plan, "More than %d initrds: the rest is served unchanged.", POD_PLAN_INITRD_MAX);
		return POD_OK;
	}
	size_t names = count_records(&j->primary, f) + (j->have_joliet ? count_records(&j->joliet, f) : 0);
	if (h->plan->overlay_count + names >= POD_PLAN_OVERLAY_MAX) {
		pod_plan_warn(h->plan, "%.80s: the initrd has too many names; it is served unchanged.", f->path);
		return POD_OK;
	}
	enum pod_machine m = pod_kernel_machine(&j->primary, f->path, h->plan->image.firmware & ~(uint32_t)POD_FW_BIOS);
	POD_TRY(append_initrd(h, m, f->start_bytes, len, &new_start, &new_len));
	POD_TRY(pod_plan_add_initrd(h->plan, f->path, f->start_bytes, len, m, found_by));
	POD_TRY(pod_plan_note(h->plan, POD_OVERLAY_INITRD, new_start, new_len, f->path,
			      "initrd served with the shim around it, so that the system finds its medium"));
	POD_TRY(patch_records(h, &j->primary, f, new_start, new_len, "directory record points at the served initrd"));
	if (j->have_joliet)
		POD_TRY(patch_records(h, &j->joliet, f, new_start, new_len,
				      "Joliet directory record points at the served initrd"));
	return POD_OK;
}

/* Looks through both trees, with half of the budget: what is found must be served with the other half. */
static enum pod_status search(struct job *j, struct pod_fs *primary, struct pod_fs *joliet, struct pod_dev *image,
			      struct pod_diag *diag)
{
	struct pod_plan *p = j->h->plan;
	struct pod_budget_part part;
	POD_TRY(pod_fs_open_as(primary, &pod_fs_iso9660, image, p->alloc, diag));
	pod_budget_split(image->budget, &part);
	enum pod_status st = pod_scan_tree(&j->primary, primary, p->alloc);
	if (st == POD_OK)
		st = pod_scan_configs(&j->primary);
	(void)pod_budget_join(image->budget, &part);
	if (st != POD_OK)
		return st;
	pod_scan_warn(p, &j->primary);
	if (!p->image.joliet || !j->primary.initrd_count)
		return POD_OK;
	pod_budget_split(image->budget, &part);
	st = pod_fs_open_as(joliet, &pod_fs_joliet, image, p->alloc, diag);
	if (st == POD_OK)
		st = pod_scan_tree(&j->joliet, joliet, p->alloc);
	(void)pod_budget_join(image->budget, &part);
	j->have_joliet = st == POD_OK;
	if (st == POD_OK)
		pod_scan_warn(p, &j->joliet);
	/* A broken Joliet tree only matters to loaders that read it. */
	if (st != POD_E_CORRUPT && st != POD_E_FORMAT)
		return st;
	pod_plan_warn(p, "The Joliet tree is damaged and left alone.");
	return POD_OK;
}

enum pod_status pod_plan_iso_initrds(struct pod_handover *h, struct pod_dev *image, struct pod_diag *diag)
{
	struct pod_fs primary = {0}, joliet = {0};
	struct job j = {.h = h};
	enum pod_status st = search(&j, &primary, &joliet, image, diag);
	if (st == POD_OK)
		st = pod_scan_initrds(&j.primary, serve_one, &j);
	pod_scan_free(&j.primary);
	pod_scan_free(&j.joliet);
	pod_fs_close(&primary);
	pod_fs_close(&joliet);
	return st;
}
