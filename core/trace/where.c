/* SPDX-License-Identifier: BSD-2-Clause */
/* The walk behind pod_where_find; see where.h. Volume descriptors: ECMA-119 (ISO 9660), clauses 8 and 9. */
#include "core/trace/where.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/base/str.h"

enum {
	DIRS_MAX = 2048,
	DIR_BYTES_MAX = 1 << 20,  /* of one folder; what is longer is read so far */
	TREE_BYTES_MAX = 4 << 20, /* of all folders walked */
	CACHE_LINES = 16,
	CACHE_LINE_BYTES = 8192,
	BLOCK = 2048,
	FIRST_DESCRIPTOR = 16,
	DESCRIPTORS_MAX = 32,
};

struct pending {
	struct pod_node node;
	char path[256];
};

struct walk {
	struct pod_alloc *alloc;
	struct pod_dev *dev; /* the virtual disk */
	struct pod_where *out;
	/* of the tree being walked */
	struct pod_fs fs;
	struct pod_dirent entry;
	struct pending *dir;
	size_t count, cap;
	uint64_t bytes;
	uint64_t want;	   /* the offset on the tree's device */
	uint64_t udf_root; /* File Entry of the root: what a volume begins with lies in front of it */
	bool found;
	/* of the file whose runs are looked at */
	uint64_t at;
	bool hit;
};

const char *pod_where_text(enum pod_where_kind k)
{
	static const char *const text[POD_WHERE_COUNT] = {
		[POD_WHERE_NOWHERE] = "nowhere",       [POD_WHERE_FILE] = "file",
		[POD_WHERE_INITRD] = "initrd",	       [POD_WHERE_DESCRIPTORS] = "descriptors",
		[POD_WHERE_DIRECTORY] = "directory",   [POD_WHERE_CATALOG] = "boot catalogue",
		[POD_WHERE_BOOT_IMAGE] = "boot image", [POD_WHERE_IMAGE] = "image",
		[POD_WHERE_PAST_END] = "past the end"};
	return (unsigned)k < POD_WHERE_COUNT ? text[k] : "nowhere";
}

uint32_t pod_where_percent(uint64_t offset, uint64_t length)
{
	if (offset >= length)
		return 100;
	while (length >> 24) { /* a product of 32 bits */
		length >>= 1;
		offset >>= 1;
	}
	uint32_t percent = (uint32_t)offset * 100u / (uint32_t)length;
	return percent < 99 ? percent : 99;
}

static void answer(struct pod_where *w, enum pod_where_kind kind, const char *path, uint64_t offset, uint64_t length)
{
	w->kind = kind;
	(void)pod_strlcpy(w->path, path, sizeof w->path);
	w->offset_bytes = offset;
	w->length_bytes = length;
	w->percent = length ? pod_where_percent(offset, length) : 0;
}

/* "dir/name"; what does not fit has no name. */
static void join(char out[256], const char *dir, const char *name)
{
	if (pod_snprintf(out, 256, "%s%s%s", dir, *dir ? "/" : "", name) >= 256)
		out[0] = 0;
}

static enum pod_status look_at_run(void *ctx, const struct pod_extent *e)
{
	struct walk *w = ctx;
	if (e->hole || w->want < e->dev_bytes || w->want - e->dev_bytes >= e->length_bytes)
		return POD_OK;
	w->at = e->file_bytes + (w->want - e->dev_bytes);
	w->hit = true;
	return POD_END;
}

static bool holds(struct walk *w, const struct pod_node *node)
{
	w->hit = false;
	if (!node->size_bytes && !node->is_dir)
		return false;
	enum pod_status st = w->fs.ops->extents(&w->fs, node, look_at_run, w);
	if (st != POD_OK && st != POD_END)
		w->out->cut_short = true;
	return w->hit;
}

/* In UDF what a folder says of a file stands in a block of its own. */
static bool in_file_entry(const struct walk *w, const struct pod_node *node)
{
	return w->fs.ops == &pod_fs_udf && w->want >= node->entry_bytes && w->want - node->entry_bytes < w->fs.cluster_size;
}

static enum pod_status push(struct walk *w, const char *dir)
{
	void *p = w->dir;
	if (w->count == DIRS_MAX) {
		w->out->cut_short = true;
		return POD_OK;
	}
	enum pod_status st = pod_grow(w->alloc, &p, w->count, &w->cap, w->count + 1, sizeof *w->dir, DIRS_MAX);
	w->dir = p;
	if (st != POD_OK)
		return st;
	w->dir[w->count].node = w->entry.node;
	join(w->dir[w->count].path, dir, w->entry.name);
	w->count++;
	return POD_OK;
}

static enum pod_status walk_dir(struct walk *w, size_t i)
{
	struct pod_dir dir;
	char path[256];
	enum pod_status st = pod_dir_open(&dir, &w->fs, &w->dir[i].node);
	while (st == POD_OK && !w->found) {
		st = pod_dir_next(&dir, &w->entry);
		if (st != POD_OK)
			break;
		if (w->entry.node.is_dir && (st = push(w, w->dir[i].path)) != POD_OK)
			break;
		if (in_file_entry(w, &w->entry.node)) {
			w->found = true;
			answer(w->out, POD_WHERE_DIRECTORY, w->dir[i].path, 0, 0);
			break;
		}
		if (!holds(w, &w->entry.node))
			continue;
		w->found = true;
		join(path, w->dir[i].path, w->entry.name);
		answer(w->out, w->entry.node.is_dir ? POD_WHERE_DIRECTORY : POD_WHERE_FILE, path, w->at,
		       w->entry.node.size_bytes);
	}
	if (st == POD_END)
		w->out->cut_short |= dir.damaged != 0;
	return st == POD_END ? POD_OK : st;
}

/* Breadth first: loaders, kernels and initrds lie near the root. */
static enum pod_status walk_tree(struct walk *w)
{
	w->cap = 32;
	w->count = 0;
	w->bytes = 0;
	w->dir = pod_zalloc(w->alloc, w->cap, sizeof *w->dir);
	if (!w->dir)
		return POD_E_NOMEM;
	enum pod_status st = w->fs.ops->root(&w->fs, &w->dir[0].node);
	if (st == POD_OK) {
		w->count = 1;
		if (w->fs.ops == &pod_fs_udf)
			w->udf_root = w->dir[0].node.entry_bytes;
		if (w->dir[0].node.size_bytes && holds(w, &w->dir[0].node)) {
			w->found = true;
			answer(w->out, POD_WHERE_DIRECTORY, "", w->at, w->dir[0].node.size_bytes);
		}
	}
	for (size_t i = 0; st == POD_OK && !w->found && i < w->count; i++) {
		w->bytes += w->dir[i].node.size_bytes;
		if (w->bytes > TREE_BYTES_MAX || w->dir[i].node.size_bytes > DIR_BYTES_MAX) {
			w->out->cut_short = true;
			continue;
		}
		st = walk_dir(w, i);
		if (st != POD_OK && st != POD_E_NOMEM) { /* this folder hides its files */
			w->out->cut_short = true;
			st = POD_OK;
		}
	}
	pod_free(w->alloc, w->dir);
	w->dir = NULL;
	return st == POD_E_NOMEM ? st : POD_OK;
}

/* Looks for the offset `want` of `dev` in the tree that `ops` knows. */
static enum pod_status look_in(struct walk *w, const struct pod_fs_ops *ops, struct pod_dev *dev, uint64_t want)
{
	memset(&w->fs, 0, sizeof w->fs);
	w->want = want;
	w->found = false;
	enum pod_status st = pod_fs_open_as(&w->fs, ops, dev, w->alloc, NULL);
	if (st == POD_E_NOMEM)
		return st;
	if (st != POD_OK)
		return POD_OK;
	st = walk_tree(w);
	pod_fs_close(&w->fs);
	return st;
}

/* The file system of a floppy, or inside a boot image that lies at `start`; `outer` is its file in the tree, or "". */
static enum pod_status look_in_fat(struct walk *w, uint64_t off, uint64_t start, uint64_t length, const char *outer)
{
	struct pod_window win;
	char path[256], folder[256];
	struct pod_where before = *w->out;
	length = pod_min_u64(length, w->dev->size_bytes - start);
	if (pod_window_init(&win, w->dev, start, length) != POD_OK)
		return POD_OK;
	POD_TRY(look_in(w, &pod_fs_fat, &win.dev, off - start));
	if (!w->found) {
		*w->out = before;
		return POD_OK;
	}
	(void)pod_strlcpy(folder, outer, sizeof folder);
	if (pod_snprintf(path, sizeof path, "%s:%s", folder, w->out->path) < (int)sizeof path)
		(void)pod_strlcpy(w->out->path, path, sizeof w->out->path);
	return POD_OK;
}

static const struct pod_overlay *overlay_at(const struct pod_plan *p, uint64_t off)
{
	for (size_t i = 0; i < p->overlay_count; i++)
		if (off >= p->overlay[i].start_bytes && off - p->overlay[i].start_bytes < p->overlay[i].length_bytes &&
		    (p->overlay[i].kind == POD_OVERLAY_INITRD || p->overlay[i].kind == POD_OVERLAY_FAT))
			return &p->overlay[i];
	return NULL;
}

static const struct pod_eltorito_entry *boot_image_at(const struct pod_plan *p, uint64_t off)
{
	for (uint32_t i = 0; i < p->image.boot_count; i++) {
		uint64_t start = (uint64_t)p->image.boot[i].lba * BLOCK;
		uint64_t len = p->image.boot[i].length_bytes ? p->image.boot[i].length_bytes : BLOCK;
		if (off >= start && off - start < len)
			return &p->image.boot[i];
	}
	return NULL;
}

static bool in_range_of(uint64_t off, uint64_t start, uint64_t len)
{
	return start && off >= start && off - start < len;
}

/* The system area and the descriptors up to the terminator (8.1, type 255), and the path tables each of them names (8.4.13 to
 * 8.4.16: size at 132, little-endian places at 140 and 144, big-endian ones at 148 and 152). */
static bool in_descriptors(struct walk *w, uint64_t off)
{
	uint8_t d[160];
	uint64_t end = (uint64_t)FIRST_DESCRIPTOR * BLOCK;
	for (unsigned i = 0; i < DESCRIPTORS_MAX; i++) {
		if (pod_dev_read(w->dev, end, d, sizeof d) != POD_OK || memcmp(d + 1, "CD001", 5) != 0)
			break;
		end += BLOCK;
		if (d[0] == 255)
			break;
		if (d[0] != 1 && d[0] != 2)
			continue;
		uint32_t size = pod_get_le32(d + 132);
		if (in_range_of(off, (uint64_t)pod_get_le32(d + 140) * BLOCK, size) ||
		    in_range_of(off, (uint64_t)pod_get_le32(d + 144) * BLOCK, size) ||
		    in_range_of(off, (uint64_t)pod_get_be32(d + 148) * BLOCK, size) ||
		    in_range_of(off, (uint64_t)pod_get_be32(d + 152) * BLOCK, size))
			return true;
	}
	return off < end;
}

/* What is known without a name: boot images, the places where initrds lay before they were served anew, descriptors. */
static void name_the_rest(struct walk *w, const struct pod_plan *p, uint64_t off)
{
	const struct pod_eltorito_entry *e = boot_image_at(p, off);
	for (size_t i = 0; i < p->initrd_count; i++) {
		const struct pod_initrd *r = &p->initrd[i];
		if (off >= r->start_bytes && off - r->start_bytes < r->length_bytes) {
			answer(w->out, POD_WHERE_FILE, r->path, off - r->start_bytes, r->length_bytes);
			return;
		}
	}
	if (e)
		answer(w->out, POD_WHERE_BOOT_IMAGE, "", off - (uint64_t)e->lba * BLOCK, e->length_bytes);
	else if (in_range_of(off, p->image.catalog_bytes, BLOCK))
		answer(w->out, POD_WHERE_CATALOG, "", off - p->image.catalog_bytes, BLOCK);
	else if (in_descriptors(w, off) || (w->udf_root && off < w->udf_root + BLOCK))
		answer(w->out, POD_WHERE_DESCRIPTORS, "", off, 0);
	else
		answer(w->out, POD_WHERE_NOWHERE, "", 0, 0);
}

static enum pod_status look_in_iso(struct walk *w, const struct pod_plan *p, uint64_t off)
{
	POD_TRY(look_in(w, &pod_fs_iso9660, w->dev, off));
	if (!w->found && p->image.joliet)
		POD_TRY(look_in(w, &pod_fs_joliet, w->dev, off));
	if (!w->found && p->image.udf)
		POD_TRY(look_in(w, &pod_fs_udf, w->dev, off));
	if (!w->found)
		name_the_rest(w, p, off);
	const struct pod_eltorito_entry *e = boot_image_at(p, off);
	if (!e || (w->out->kind != POD_WHERE_FILE && w->out->kind != POD_WHERE_BOOT_IMAGE))
		return POD_OK;
	uint64_t start = (uint64_t)e->lba * BLOCK;
	if (w->out->kind == POD_WHERE_FILE && off - start != w->out->offset_bytes)
		return POD_OK; /* another file: this one's estimated length reached too far */
	uint64_t len = w->out->length_bytes ? w->out->length_bytes : e->length_bytes;
	char outer[256];
	(void)pod_strlcpy(outer, w->out->path, sizeof outer);
	return look_in_fat(w, off, start, len, outer);
}

static enum pod_status look_in_overlay(struct walk *w, const struct pod_overlay *o, uint64_t off)
{
	if (o->kind == POD_OVERLAY_INITRD) {
		answer(w->out, POD_WHERE_INITRD, o->path, off - o->start_bytes, o->length_bytes);
		return POD_OK;
	}
	answer(w->out, POD_WHERE_BOOT_IMAGE, "", off - o->start_bytes, o->length_bytes);
	return look_in_fat(w, off, o->start_bytes, o->length_bytes, "");
}

/* The plan knows the files; the rest is the partition's own. */
static void look_on_windows_disk(struct walk *w, const struct pod_plan *p, uint64_t off)
{
	for (size_t i = 0; i < p->windows.count; i++) {
		const struct pod_disk_file *f = &p->windows.file[i];
		if (off >= f->start_bytes && off - f->start_bytes < f->length_bytes) {
			answer(w->out, POD_WHERE_FILE, f->path + 1, off - f->start_bytes, f->length_bytes);
			return;
		}
	}
	answer(w->out, POD_WHERE_DESCRIPTORS, "", off, 0);
}

static enum pod_status find(struct walk *w, const struct pod_plan *p, uint64_t off)
{
	const struct pod_overlay *o = overlay_at(p, off);
	if (off >= p->map.size_bytes) {
		answer(w->out, POD_WHERE_PAST_END, "", off - p->map.size_bytes, 0);
		return POD_OK;
	}
	if (o)
		return look_in_overlay(w, o, off);
	if (p->windows.count) {
		look_on_windows_disk(w, p, off);
		return POD_OK;
	}
	if (p->image.kind == POD_IMAGE_ISO)
		return look_in_iso(w, p, off);
	answer(w->out, POD_WHERE_IMAGE, "", off, p->map.size_bytes);
	return p->image.kind == POD_IMAGE_FLOPPY ? look_in_fat(w, off, 0, p->map.size_bytes, "") : POD_OK;
}

enum pod_status pod_where_find(const struct pod_plan *p, struct pod_dev *disk, uint64_t off_bytes, struct pod_alloc *a,
			       struct pod_where *out)
{
	struct pod_mapdev md;
	struct pod_cache cache;
	memset(out, 0, sizeof *out);
	struct walk *w = pod_zalloc(a, 1, sizeof *w);
	if (!w)
		return POD_E_NOMEM;
	pod_mapdev_init(&md, &p->map, disk, p->sector_size);
	enum pod_status st = pod_cache_init(&cache, &md.dev, a, CACHE_LINES, CACHE_LINE_BYTES);
	if (st == POD_OK) {
		w->alloc = a;
		w->dev = &cache.dev;
		w->out = out;
		st = find(w, p, off_bytes);
		pod_cache_fini(&cache, a);
	}
	pod_free(a, w);
	return st;
}
