/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Serving the initrds of an ISO with the shim.
 *
 * Past the end of the image the virtual disk shows, for each initrd, [pre][the original's sectors][its last, partial sector with
 * zeros behind][post]; every directory record that names the original's data (ECMA-119 clause 9.1: extended attribute record
 * length at BP 2, location of extent at BP 3, data length at BP 11, the last two in both byte orders) is re-pointed there, in the
 * primary tree and in the Joliet tree. Rock Ridge adds to the primary records and needs nothing of its own. In UDF it is the File
 * Entry, and the partition is made to reach the end of the virtual disk.
 */
#include "core/plan/internal.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/fs/udf.h"

enum { SECTOR = 2048, TREES_MAX = 3 };

struct tree {
	struct pod_fs fs;
	struct pod_scan scan;
	const char *reason; /* why its records are patched */
};

struct job {
	struct pod_handover *h;
	/* The first one is where initrds are looked for; the others show the same files. */
	struct tree tree[TREES_MAX];
	size_t trees;
	uint8_t block[SECTOR];
};

static bool is_udf(const struct tree *t)
{
	return t->fs.ops == &pod_fs_udf;
}

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

/* What is served lies in whole sectors; UDF with other blocks than a disc's cannot be shown so. */
static bool has_whole_sectors(const struct tree *t)
{
	return !is_udf(t) || t->fs.cluster_size == SECTOR;
}

static enum pod_status patch_file_entry(struct job *j, struct tree *t, const struct pod_record *r, uint64_t new_start,
					uint64_t new_len)
{
	struct pod_handover *h = j->h;
	struct pod_udf_entry e;
	POD_TRY(pod_udf_entry(&t->fs, r->entry_bytes, &e));
	POD_TRY(pod_udf_patch_entry(&t->fs, &e, new_start, new_len, j->block));
	return pod_map_patch(&h->plan->map, h->rq->disk, r->entry_bytes, j->block, SECTOR, SECTOR);
}

static size_t count_records(const struct pod_scan *s, const struct pod_found *f)
{
	size_t n = 0;
	for (size_t i = 0; i < s->record_count; i++)
		n += s->record[i].start_bytes == f->start_bytes;
	return n;
}

static enum pod_status patch_records(struct job *j, struct tree *t, const struct pod_found *f, uint64_t new_start,
				     uint64_t new_len)
{
	struct pod_plan *p = j->h->plan;
	for (size_t i = 0; i < t->scan.record_count; i++) {
		const struct pod_record *r = &t->scan.record[i];
		if (r->start_bytes != f->start_bytes)
			continue;
		enum pod_status st =
			is_udf(t) ? patch_file_entry(j, t, r, new_start, new_len) : patch_record(j->h, r, new_start, new_len);
		if (is_udf(t) && st == POD_E_LIMIT) {
			pod_plan_warn(p, "%.80s: the UDF File Entry has no room; it is left unchanged.", f->path);
			continue;
		}
		POD_TRY(st);
		POD_TRY(pod_plan_note(p, POD_OVERLAY_DIRENT, r->entry_bytes, r->entry_len, f->path, t->reason));
	}
	return POD_OK;
}

/* Whoever reads a File Entry that points past the partition takes it for damaged. */
static enum pod_status grow_partition(struct job *j, struct tree *t)
{
	struct pod_plan *p = j->h->plan;
	struct pod_udf_entry root;
	struct pod_node node;
	uint64_t at, mem;
	POD_TRY(pod_map_pad(&p->map, SECTOR));
	POD_TRY(t->fs.ops->root(&t->fs, &node));
	POD_TRY(pod_udf_entry(&t->fs, node.entry_bytes, &root));
	for (uint32_t which = 0; which < 2; which++) {
		enum pod_status st = pod_udf_patch_partition(&t->fs, &root, which, p->map.size_bytes, j->block, &at);
		if (st == POD_END)
			continue;
		POD_TRY(st);
		POD_TRY(pod_map_patch(&p->map, j->h->rq->disk, at, j->block, SECTOR, SECTOR));
		POD_TRY(pod_plan_note(p, POD_OVERLAY_VOLUME, at, SECTOR, "",
				      "UDF Partition Descriptor reaches the end of the virtual disk"));
	}
	at = p->map.size_bytes;
	POD_TRY(pod_udf_patch_anchor(&t->fs, at, j->block));
	POD_TRY(pod_map_mem(&p->map, j->block, SECTOR, &mem));
	POD_TRY(pod_map_append(&p->map, POD_SEG_MEM, mem, SECTOR));
	return pod_plan_note(p, POD_OVERLAY_VOLUME, at, SECTOR, "", "UDF anchor at the end of the virtual disk");
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
	struct tree *first = &j->tree[0];
	uint64_t new_start, new_len, len = f->node.size_bytes;
	unsigned runs = 0;
	size_t names = 3; /* a partition's two descriptors, and an anchor */
	POD_TRY(first->fs.ops->extents(&first->fs, &f->node, count_runs, &runs));
	if (runs != 1 || f->start_bytes % SECTOR || !pod_in_range(f->start_bytes, len, h->rq->image_bytes)) {
		pod_plan_warn(h->plan, "%.80s: the initrd is split or cut off; it is served unchanged.", f->path);
		return POD_OK;
	}
	if (h->plan->initrd_count == POD_PLAN_INITRD_MAX) {
		pod_plan_warn(h->plan, "More than %d initrds: the rest is served unchanged.", POD_PLAN_INITRD_MAX);
		return POD_OK;
	}
	for (size_t i = 0; i < j->trees; i++)
		names += count_records(&j->tree[i].scan, f);
	if (h->plan->overlay_count + names >= POD_PLAN_OVERLAY_MAX) {
		pod_plan_warn(h->plan, "%.80s: the initrd has too many names; it is served unchanged.", f->path);
		return POD_OK;
	}
	enum pod_machine m = pod_kernel_machine(&first->scan, f->path, h->plan->image.firmware & ~(uint32_t)POD_FW_BIOS);
	POD_TRY(append_initrd(h, m, f->start_bytes, len, &new_start, &new_len));
	POD_TRY(pod_plan_add_initrd(h->plan, f->path, f->start_bytes, len, m, found_by));
	POD_TRY(pod_plan_note(h->plan, POD_OVERLAY_INITRD, new_start, new_len, f->path,
			      "initrd served with the shim around it, so that the system finds its medium"));
	for (size_t i = 0; i < j->trees; i++)
		POD_TRY(patch_records(j, &j->tree[i], f, new_start, new_len));
	return POD_OK;
}

/* Looks through the tree that shows the content. Half of the budget: what is found must be served with the other half. */
static enum pod_status search_first(struct job *j, struct pod_dev *image, struct pod_diag *diag)
{
	struct pod_plan *p = j->h->plan;
	struct tree *t = &j->tree[0];
	struct pod_budget_part part;
	POD_TRY(pod_image_open_tree(&t->fs, image, p->alloc, diag));
	j->trees = 1;
	if (!has_whole_sectors(t))
		return POD_OK;
	t->reason = is_udf(t) ? "UDF File Entry points at the served initrd" : "directory record points at the served initrd";
	pod_budget_split(image->budget, &part);
	enum pod_status st = pod_scan_tree(&t->scan, &t->fs, p->alloc);
	if (st == POD_OK)
		st = pod_scan_configs(&t->scan);
	(void)pod_budget_join(image->budget, &part);
	if (st == POD_OK)
		pod_scan_warn(p, &t->scan);
	return st;
}

/* Another tree of the same files; it is left alone if that fails. */
static enum pod_status search_more(struct job *j, const struct pod_fs_ops *ops, const char *reason, const char *failed,
				   struct pod_dev *image)
{
	struct pod_plan *p = j->h->plan;
	struct tree *t = &j->tree[j->trees];
	struct pod_budget_part part;
	pod_budget_split(image->budget, &part);
	enum pod_status st = pod_fs_open_as(&t->fs, ops, image, p->alloc, NULL);
	if (st == POD_OK && !has_whole_sectors(t))
		st = POD_E_UNSUPPORTED;
	if (st == POD_OK)
		st = pod_scan_tree(&t->scan, &t->fs, p->alloc);
	(void)pod_budget_join(image->budget, &part);
	if (st == POD_OK) {
		t->reason = reason;
		j->trees++;
		pod_scan_warn(p, &t->scan);
		return POD_OK;
	}
	pod_fs_close(&t->fs);
	/* A broken tree only matters to loaders that read it. */
	if (st != POD_E_CORRUPT && st != POD_E_FORMAT && st != POD_E_UNSUPPORTED)
		return st;
	pod_plan_warn(p, "%s", failed);
	return POD_OK;
}

static enum pod_status search(struct job *j, struct pod_dev *image, struct pod_diag *diag)
{
	const struct pod_image *im = &j->h->plan->image;
	POD_TRY(search_first(j, image, diag));
	if (!j->tree[0].scan.initrd_count || is_udf(&j->tree[0]))
		return POD_OK;
	if (im->joliet)
		POD_TRY(search_more(j, &pod_fs_joliet, "Joliet directory record points at the served initrd",
				    "The Joliet tree is damaged and left alone.", image));
	if (im->udf)
		POD_TRY(search_more(j, &pod_fs_udf, "UDF File Entry points at the served initrd",
				    "The UDF tree is damaged or of an unknown form, and left alone.", image));
	return POD_OK;
}

static void free_job(struct job *j, struct pod_alloc *a)
{
	for (size_t i = 0; i < j->trees; i++) {
		pod_scan_free(&j->tree[i].scan);
		pod_fs_close(&j->tree[i].fs);
	}
	pod_free(a, j);
}

enum pod_status pod_plan_iso_initrds(struct pod_handover *h, struct pod_dev *image, struct pod_diag *diag)
{
	struct pod_alloc *a = h->plan->alloc;
	struct job *j = pod_zalloc(a, 1, sizeof *j);
	if (!j)
		return POD_E_NOMEM;
	j->h = h;
	enum pod_status st = search(j, image, diag);
	if (st == POD_OK)
		st = pod_scan_initrds(&j->tree[0].scan, serve_one, j);
	for (size_t i = 0; st == POD_OK && h->plan->initrd_count && i < j->trees; i++)
		if (is_udf(&j->tree[i]))
			st = grow_partition(j, &j->tree[i]);
	free_job(j, a);
	return st;
}
