/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The trees of an ISO (ISO 9660, Joliet, UDF), and files in them that are served from elsewhere.
 *
 * What is served lies past the end of the image; every directory record that names the original's data (ECMA-119 clause 9.1: extended
 * attribute record length at BP 2, location of extent at BP 3, data length at BP 11, the last two in both byte orders) is re-pointed
 * there, in the primary tree and in the Joliet tree. Rock Ridge adds to the primary records and needs nothing of its own. In UDF it
 * is the File Entry; its allocation descriptors count in blocks from the partition's beginning and may not leave it, so the partition
 * is made to reach the end of the virtual disk.
 */
#include "core/plan/internal.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/fs/iso9660.h"
#include "core/fs/udf.h"

enum {
	SECTOR = POD_ISO_TREES_SECTOR,
	DESCRIPTORS_AT = 16, /* ECMA-119 clause 6.3: sector of the first volume descriptor */
	DESCRIPTORS_MAX = 32,
	PRIMARY = 1,
	SUPPLEMENTARY = 2,
	TERMINATOR = 255,
	SPACE_SIZE = 80, /* clause 8.4.8: BP 81, in both byte orders */
};

bool pod_iso_tree_is_udf(const struct pod_iso_tree *t)
{
	return t->fs.ops == &pod_fs_udf;
}

/* --- opening ---------------------------------------------------------------------------------------------- */

/* What is served lies in whole sectors: trees that count in other blocks than a disc's cannot show it. */
static bool has_whole_sectors(const struct pod_iso_tree *t)
{
	return t->fs.cluster_size == SECTOR;
}

enum pod_status pod_iso_trees_open(struct pod_iso_trees *x, struct pod_diag *diag)
{
	struct pod_iso_tree *t = &x->tree[0];
	struct pod_budget_part part;
	if (x->opened)
		return POD_OK;
	POD_TRY(pod_image_open_tree(&t->fs, x->image, x->plan->alloc, diag));
	x->opened = true;
	x->count = 1;
	if (!has_whole_sectors(t))
		return POD_OK;
	/* Half of the budget: what is found must be served with the other half. */
	pod_budget_split(x->image->budget, &part);
	enum pod_status st = pod_scan_tree(&t->scan, &t->fs, x->plan->alloc);
	if (st == POD_OK)
		st = pod_scan_configs(&t->scan);
	(void)pod_budget_join(x->image->budget, &part);
	if (st == POD_OK)
		pod_scan_warn(x->plan, &t->scan);
	return st;
}

/* Another tree of the same files; it is left alone if that fails. */
static enum pod_status open_more(struct pod_iso_trees *x, const struct pod_fs_ops *ops, const char *failed)
{
	struct pod_plan *p = x->plan;
	struct pod_iso_tree *t = &x->tree[x->count];
	struct pod_budget_part part;
	pod_budget_split(x->image->budget, &part);
	enum pod_status st = pod_fs_open_as(&t->fs, ops, x->image, p->alloc, NULL);
	if (st == POD_OK && !has_whole_sectors(t))
		st = POD_E_UNSUPPORTED;
	if (st == POD_OK)
		st = pod_scan_tree(&t->scan, &t->fs, p->alloc);
	(void)pod_budget_join(x->image->budget, &part);
	if (st == POD_OK) {
		x->count++;
		pod_scan_warn(p, &t->scan);
		return POD_OK;
	}
	pod_fs_close(&t->fs);
	memset(&t->fs, 0, sizeof t->fs);
	/* A broken tree only matters to loaders that read it. */
	if (st != POD_E_CORRUPT && st != POD_E_FORMAT && st != POD_E_UNSUPPORTED)
		return st;
	pod_plan_warn(p, "%s", failed);
	return POD_OK;
}

enum pod_status pod_iso_trees_open_all(struct pod_iso_trees *x)
{
	const struct pod_image *im = &x->plan->image;
	if (x->all || pod_iso_tree_is_udf(&x->tree[0]))
		return POD_OK;
	x->all = true;
	if (im->joliet)
		POD_TRY(open_more(x, &pod_fs_joliet, "The Joliet tree is damaged and left alone."));
	if (im->udf)
		POD_TRY(open_more(x, &pod_fs_udf, "The UDF tree is damaged or of an unknown form, and left alone."));
	return POD_OK;
}

void pod_iso_trees_close(struct pod_iso_trees *x)
{
	for (size_t i = 0; i < x->count; i++) {
		pod_scan_free(&x->tree[i].scan);
		pod_fs_close(&x->tree[i].fs);
	}
	x->count = 0;
}

/* --- re-pointing ------------------------------------------------------------------------------------------ */

/* Other data may begin at the same place: an empty file, or a part of these under a name of its own. */
static bool names(const struct pod_record *r, const struct pod_found *f)
{
	return r->start_bytes == f->start_bytes && r->size_bytes == f->node.size_bytes;
}

size_t pod_iso_trees_names(const struct pod_iso_trees *x, const struct pod_found *f, bool *split)
{
	size_t n = 0;
	*split = false;
	for (size_t i = 0; i < x->count; i++) {
		const struct pod_scan *s = &x->tree[i].scan;
		for (size_t k = 0; k < s->record_count; k++) {
			if (!names(&s->record[k], f))
				continue;
			n++;
			*split |= s->record[k].split;
		}
	}
	return n;
}

static enum pod_status patch_record(struct pod_iso_trees *x, const struct pod_record *r, uint64_t start, uint64_t len)
{
	uint8_t b[17];
	uint32_t lba = (uint32_t)(start >> 11), len32 = (uint32_t)len;
	if (start >> 11 > UINT32_MAX || len > UINT32_MAX)
		return POD_E_LIMIT;
	b[0] = 0; /* no extended attribute record in front of the data */
	pod_put_le32(b + 1, lba);
	pod_put_be32(b + 5, lba);
	pod_put_le32(b + 9, len32);
	pod_put_be32(b + 13, len32);
	return pod_map_patch(&x->plan->map, x->rq->disk, r->entry_bytes + 1, b, sizeof b, SECTOR);
}

static enum pod_status patch_file_entry(struct pod_iso_trees *x, struct pod_iso_tree *t, const struct pod_record *r,
					uint64_t start, uint64_t len)
{
	struct pod_udf_entry e;
	POD_TRY(pod_udf_entry(&t->fs, r->entry_bytes, &e));
	POD_TRY(pod_udf_patch_entry(&t->fs, &e, start, len, x->block));
	x->udf_moved = true;
	return pod_map_patch(&x->plan->map, x->rq->disk, r->entry_bytes, x->block, SECTOR, SECTOR);
}

/* A File Entry with two names is one record to change. */
static bool was_there(const struct pod_scan *s, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (s->record[k].entry_bytes == s->record[i].entry_bytes)
			return true;
	return false;
}

static enum pod_status move_in(struct pod_iso_trees *x, struct pod_iso_tree *t, const struct pod_found *f, uint64_t start,
			       uint64_t len, const char *what)
{
	struct pod_plan *p = x->plan;
	bool udf = pod_iso_tree_is_udf(t);
	char reason[128];
	pod_snprintf(reason, sizeof reason, "%s points at the served %s",
		     udf			   ? "UDF File Entry"
		     : t->fs.ops == &pod_fs_joliet ? "Joliet directory record"
						   : "directory record",
		     what);
	for (size_t i = 0; i < t->scan.record_count; i++) {
		const struct pod_record *r = &t->scan.record[i];
		if (!names(r, f) || was_there(&t->scan, i))
			continue;
		enum pod_status st = udf ? patch_file_entry(x, t, r, start, len) : patch_record(x, r, start, len);
		if (udf && st == POD_E_LIMIT) {
			pod_plan_warn(p, "%.80s: the UDF File Entry has no room; it is left unchanged.", f->path);
			continue;
		}
		POD_TRY(st);
		POD_TRY(pod_plan_note(p, POD_OVERLAY_DIRENT, r->entry_bytes, r->entry_len, f->path, reason));
	}
	return POD_OK;
}

enum pod_status pod_iso_trees_move(struct pod_iso_trees *x, const struct pod_found *f, uint64_t start, uint64_t len,
				   const char *what)
{
	for (size_t i = 0; i < x->count; i++)
		POD_TRY(move_in(x, &x->tree[i], f, start, len, what));
	return POD_OK;
}

/* --- the volume ------------------------------------------------------------------------------------------- */

/* Whoever reads a File Entry that points past the partition takes it for damaged. */
static enum pod_status grow_partition(struct pod_iso_trees *x, struct pod_iso_tree *t)
{
	struct pod_plan *p = x->plan;
	struct pod_udf_entry root;
	struct pod_node node;
	uint64_t at, mem;
	POD_TRY(t->fs.ops->root(&t->fs, &node));
	POD_TRY(pod_udf_entry(&t->fs, node.entry_bytes, &root));
	for (uint32_t which = 0; which < 2; which++) {
		enum pod_status st = pod_udf_patch_partition(&t->fs, &root, which, p->map.size_bytes, x->block, &at);
		if (st == POD_END)
			continue;
		POD_TRY(st);
		POD_TRY(pod_map_patch(&p->map, x->rq->disk, at, x->block, SECTOR, SECTOR));
		POD_TRY(pod_plan_note(p, POD_OVERLAY_VOLUME, at, SECTOR, "",
				      "UDF Partition Descriptor reaches the end of the virtual disk"));
	}
	at = p->map.size_bytes;
	POD_TRY(pod_udf_patch_anchor(&t->fs, at, x->block));
	POD_TRY(pod_map_mem(&p->map, x->block, SECTOR, &mem));
	POD_TRY(pod_map_append(&p->map, POD_SEG_MEM, mem, SECTOR));
	return pod_plan_note(p, POD_OVERLAY_VOLUME, at, SECTOR, "", "UDF anchor at the end of the virtual disk");
}

/* The volume descriptors of ISO 9660 and Joliet say how many blocks the volume has. */
static enum pod_status grow_space(struct pod_iso_trees *x)
{
	struct pod_plan *p = x->plan;
	uint64_t blocks = p->map.size_bytes >> 11;
	uint8_t size[8];
	for (uint64_t at = DESCRIPTORS_AT * SECTOR; at < (DESCRIPTORS_AT + DESCRIPTORS_MAX) * SECTOR; at += SECTOR) {
		if (blocks > UINT32_MAX || !pod_in_range(at, SECTOR, x->image->size_bytes))
			break;
		POD_TRY(pod_dev_read(x->image, at, x->block, SECTOR));
		if (memcmp(x->block + 1, "CD001", 5) != 0 || x->block[0] == TERMINATOR)
			break;
		if ((x->block[0] != PRIMARY && x->block[0] != SUPPLEMENTARY) || pod_get_le32(x->block + SPACE_SIZE) >= blocks)
			continue;
		pod_put_le32(size, (uint32_t)blocks);
		pod_put_be32(size + 4, (uint32_t)blocks);
		POD_TRY(pod_map_patch(&p->map, x->rq->disk, at + SPACE_SIZE, size, sizeof size, SECTOR));
		POD_TRY(pod_plan_note(p, POD_OVERLAY_VOLUME, at + SPACE_SIZE, sizeof size, "",
				      x->block[0] == PRIMARY ? "primary volume reaches the end of the virtual disk"
							     : "Joliet volume reaches the end of the virtual disk"));
	}
	return POD_OK;
}

enum pod_status pod_iso_trees_grow(struct pod_iso_trees *x)
{
	if (x->udf_moved || x->space_grows)
		POD_TRY(pod_map_pad(&x->plan->map, SECTOR));
	if (x->space_grows)
		POD_TRY(grow_space(x));
	for (size_t i = 0; x->udf_moved && i < x->count; i++)
		if (pod_iso_tree_is_udf(&x->tree[i]))
			POD_TRY(grow_partition(x, &x->tree[i]));
	return POD_OK;
}
