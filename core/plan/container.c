/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VHD, VHDX, qcow2, VMDK, VDI: the map becomes that of the disk inside, the files it stands on, or consists of, included. What is
 * compressed cannot be in a map: such a disk is refused.
 *
 * Where a child says its parent is ([MS-VHDX] 2.6.2.6, VHD 1.0 "Parent Locator"): a path relative to itself, one with the name of
 * a Windows volume, one with a drive letter. Here all three are paths on the stick's data volume. A drive letter or a volume is
 * taken off; a file of that name next to the child is tried behind that, since files are copied from one folder into another.
 */
#include "core/base/mem.h"
#include "core/plan/internal.h"
#include "core/vhd/chain.h"

enum { CACHE_LINES = 16, CACHE_LINE = 4096, CACHE_PAGES = 16 };

/* A file of the chain. */
struct part {
	struct pod_vfile vf; /* first */
	struct pod_alloc *alloc;
	struct pod_map map; /* of the file */
	struct pod_mapdev md;
	struct pod_cache cache;
	char path[sizeof((struct pod_plan *)0)->parent];
};

struct pod_container {
	const struct pod_plan_request *rq;
	struct pod_plan *plan;
	struct pod_chain_opener opener;
	struct pod_chain chain;
};

/* --- paths ---------------------------------------------------------------------------------------------- */

/* Behind "\\?\", "C:" and "Volume{...}". */
static const char *without_volume(const char *p)
{
	while (pod_is_slash(*p) || *p == '?' || *p == '.')
		p++;
	if (pod_tolower(*p) >= 'a' && pod_tolower(*p) <= 'z' && p[1] == ':')
		return p + 2;
	if (pod_starts_with(p, "Volume{"))
		while (*p && !pod_is_slash(*p))
			p++;
	return p;
}

/* `path` seen from folder `out[0..at)`: an absolute path without "." and "..". False: it leaves the volume, or is too long. */
static bool walk_path(char *out, size_t size, size_t at, const char *path)
{
	while (*path) {
		size_t n = 0;
		while (path[n] && !pod_is_slash(path[n]))
			n++;
		if (n == 2 && path[0] == '.' && path[1] == '.') {
			if (!at)
				return false;
			while (out[--at] != '/')
				;
		} else if (n && !(n == 1 && path[0] == '.')) {
			if (at + n + 2 > size)
				return false;
			out[at++] = '/';
			memcpy(out + at, path, n);
			at += n;
		}
		path += n;
		while (pod_is_slash(*path))
			path++;
	}
	out[at] = '\0';
	return at != 0;
}

bool pod_plan_parent_path(const char *child, enum pod_parent_path kind, const char *path, bool beside, char *out, size_t size)
{
	size_t dir = (size_t)(pod_windows_last_name(child) - child);
	bool relative = kind == POD_PARENT_RELATIVE;
	if (dir + 1 > size)
		return false;
	if (beside && relative)
		return false;
	memcpy(out, child, dir);
	if (beside)
		return walk_path(out, size, dir ? dir - 1 : 0, pod_windows_last_name(path));
	return walk_path(out, size, relative && dir ? dir - 1 : 0, relative ? path : without_volume(path));
}

/* --- files ---------------------------------------------------------------------------------------------- */

static void part_close(struct part *f)
{
	if (f->cache.line)
		pod_cache_fini(&f->cache, f->alloc);
	pod_map_fini(&f->map);
	pod_free(f->alloc, f);
}

/* Takes over `map`, also on failure. */
static enum pod_status part_open(struct pod_container *c, struct pod_map *map, const char *path, struct part **out)
{
	struct pod_alloc *a = c->plan->alloc;
	struct part *f = pod_zalloc(a, 1, sizeof *f);
	if (!f) {
		pod_map_fini(map);
		return POD_E_NOMEM;
	}
	f->alloc = a;
	f->map = *map;
	pod_map_init(map, a);
	pod_strlcpy(f->path, path, sizeof f->path);
	uint32_t line = c->rq->disk->sector_size > CACHE_LINE ? c->rq->disk->sector_size : CACHE_LINE;
	pod_mapdev_init(&f->md, &f->map, c->rq->disk, 512);
	enum pod_status st = pod_cache_init(&f->cache, &f->md.dev, a, CACHE_LINES, line);
	if (st != POD_OK) {
		part_close(f);
		return st;
	}
	f->vf.dev = &f->cache.dev;
	f->vf.extents = &f->map;
	/* Two files that begin at the same place are one. */
	f->vf.id[0] = f->map.count ? f->map.seg[0].source : 0;
	f->vf.id[1] = f->map.count ? f->map.seg[0].kind : 0;
	*out = f;
	return POD_OK;
}

static enum pod_status find_part(struct pod_container *c, const char *path, struct part **out)
{
	struct pod_alloc *a = c->plan->alloc;
	struct pod_plan_file found = {0};
	struct pod_map map;
	POD_TRY(c->rq->find(c->rq->find_ctx, path, a, &found));
	pod_map_init(&map, a);
	enum pod_status st = pod_plan_file_map(c->rq->disk, found.extent, found.extent_count, found.size_bytes, &map);
	pod_free(a, found.extent);
	if (st == POD_OK)
		return part_open(c, &map, path, out);
	pod_map_fini(&map);
	return st;
}

static enum pod_status open_parent(struct pod_chain_opener *o, struct pod_vfile *child, enum pod_parent_path kind,
				   const char *path, struct pod_vfile **out)
{
	struct pod_container *c = o->ctx;
	const struct part *from = (const struct part *)child;
	char at[sizeof from->path];
	enum pod_status st = POD_E_NOT_FOUND;
	for (int beside = 0; beside < 2 && st == POD_E_NOT_FOUND && c->rq->find; beside++) {
		struct part *f;
		if (!pod_plan_parent_path(from->path, kind, path, beside, at, sizeof at))
			continue;
		st = find_part(c, at, &f);
		if (st == POD_OK)
			*out = &f->vf;
	}
	return st;
}

static void close_parent(struct pod_chain_opener *o, struct pod_vfile *vf)
{
	(void)o;
	part_close((struct part *)vf);
}

/* --- the disk inside ------------------------------------------------------------------------------------ */

/* What the disk inside is. Nothing but a disk with 512-byte sectors starts. */
static enum pod_status probe_inside(struct pod_container *c, uint32_t sector_size, struct pod_diag *diag)
{
	struct pod_plan *p = c->plan;
	struct pod_image *inside = pod_zalloc(p->alloc, 1, sizeof *inside);
	struct pod_mapdev md;
	if (!inside)
		return POD_E_NOMEM;
	p->container = p->image.kind;
	pod_mapdev_init(&md, &p->map, c->rq->disk, 512);
	enum pod_status st = pod_plan_probe(p, &md.dev, NULL, inside, diag);
	if (st == POD_OK && sector_size != 512) {
		pod_plan_because(p, POD_WHY_SECTORS_4096, "", "");
		p->image.firmware = 0;
	} else if (st == POD_OK && (inside->kind == POD_IMAGE_DISK || inside->kind == POD_IMAGE_FLOPPY)) {
		p->image = *inside;
	}
	pod_free(p->alloc, inside);
	return st;
}

static bool has_hole(const struct pod_map *m)
{
	for (size_t i = 0; i < m->count; i++)
		if (m->seg[i].kind == POD_SEG_ZERO)
			return true;
	return false;
}

/* Is a part of the run one of the file that was never written? Cuts a run that goes on in another file. */
static bool shows_hole(struct pod_member *l, struct pod_chain_run *r)
{
	struct pod_vfile *f = l->file;
	uint64_t off = r->file_off;
	if (pod_member_is_foreign(l->kind) && pod_foreign_place(&l->u.foreign, r->file_off, &r->len, &f, &off) != POD_OK)
		return false;
	const struct pod_map *m = f->extents;
	if (!pod_in_range(off, r->len, m->size_bytes))
		return false;
	for (size_t i = pod_map_find(m, off); i < m->count && m->seg[i].start_bytes < off + r->len; i++)
		if (m->seg[i].kind == POD_SEG_ZERO)
			return true;
	return false;
}

/* Does the disk show bytes of a file that were never written? A copy that was cut off leaves such a file on exFAT. */
static enum pod_status find_unwritten(struct pod_container *c)
{
	uint64_t size = c->chain.dev.size_bytes;
	struct pod_budget_part part;
	enum pod_status st = POD_OK;
	bool any = false;
	for (unsigned i = 0; i < c->chain.depth; i++)
		any |= pod_member_is_foreign(c->chain.member[i]->kind) || has_hole(c->chain.member[i]->file->extents);
	pod_budget_split(c->rq->disk->budget, &part);
	for (uint64_t off = 0; any && off < size && !c->plan->unwritten;) {
		struct pod_chain_run r;
		st = pod_chain_run(&c->chain, off, size - off, &r);
		if (st != POD_OK)
			break;
		if (r.kind == POD_RUN_DATA)
			c->plan->unwritten |= shows_hole(c->chain.member[r.member], &r);
		off += r.len;
	}
	(void)pod_budget_join(c->rq->disk->budget, &part);
	if (st != POD_E_BUDGET)
		return st;
	pod_plan_warn(c->plan, "The virtual disk has more blocks than are searched for parts that were never written.");
	return POD_OK;
}

static bool same_folder(const char *a, const char *b)
{
	size_t len = (size_t)(pod_windows_last_name(a) - a);
	return len == (size_t)(pod_windows_last_name(b) - b) && pod_strncasecmp(a, b, len) == 0;
}

/* What matters to a Windows that opens the files by itself. */
static void look_at_files(struct pod_container *c)
{
	const struct part *top = (const struct part *)c->chain.member[0]->file;
	uint64_t full = c->chain.dev.size_bytes, now = top->map.size_bytes;
	c->plan->layers = c->chain.depth;
	bool grows = !c->chain.member[0]->fixed && pod_image_is_vhd(c->plan->image.kind);
	c->plan->one_fixed = c->chain.depth == 1 && c->chain.member[0]->fixed && c->plan->image.kind == POD_IMAGE_VHD;
	c->plan->expand_bytes = !grows || full < now ? 0 : full - now;
	for (unsigned i = 1; i < c->chain.depth; i++)
		if (!same_folder(top->path, ((const struct part *)c->chain.member[i]->file)->path))
			c->plan->parents_elsewhere = true;
}

enum pod_status pod_plan_container(const struct pod_plan_request *rq, struct pod_plan *p, struct pod_diag *diag)
{
	struct pod_container *c = pod_zalloc(p->alloc, 1, sizeof *c);
	struct pod_chain_options opt = {.top = {.cache_pages = CACHE_PAGES, .follow = true},
					.failed_path = p->parent,
					.failed_path_size = sizeof p->parent};
	struct part *top = NULL;
	struct pod_map disk;
	if (!c)
		return POD_E_NOMEM;
	c->rq = rq;
	c->plan = p;
	c->opener = (struct pod_chain_opener){.open = open_parent, .close = close_parent, .ctx = c};
	pod_map_init(&disk, p->alloc);
	enum pod_status st = part_open(c, &p->map, rq->path, &top), closed;
	if (st == POD_OK)
		st = pod_chain_open(&c->chain, &top->vf, p->alloc, &c->opener, &opt, diag);
	if (st == POD_OK) {
		uint32_t sector_size = c->chain.member[0]->sector_size;
		st = pod_chain_map(&c->chain, &disk);
		if (st == POD_E_UNSUPPORTED)
			(void)pod_fail(diag, st, POD_FOREIGN_COMPRESSED, disk.size_bytes, 0, 1);
		if (st == POD_E_CORRUPT || st == POD_E_LIMIT || st == POD_E_BUDGET)
			(void)pod_fail(diag, st, "blocks of the virtual disk", disk.size_bytes, POD_MAP_SEG_LIMIT, disk.count);
		if (st == POD_OK)
			st = find_unwritten(c);
		look_at_files(c);
		closed = pod_chain_close(&c->chain);
		st = st == POD_OK ? closed : st;
		p->map = disk;
		pod_map_init(&disk, p->alloc);
		if (st == POD_OK)
			st = probe_inside(c, sector_size == 4096 ? 4096 : 512, diag);
	}
	if (st != POD_OK && pod_starts_with(p->parent, ".\\"))
		memmove(p->parent, p->parent + 2, sizeof p->parent - 2);
	if (top)
		part_close(top);
	pod_free(p->alloc, c);
	return st;
}
