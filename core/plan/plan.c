/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/plan/internal.h"
#include "core/base/mem.h"

/* A line of one ISO sector: the structures lie far apart, and on a slow stick every byte read beside them is waited for. */
enum { CACHE_LINES = 64, CACHE_LINE = 2048, ISO_SECTOR = 2048 };

void pod_plan_warn(struct pod_plan *p, const char *fmt, ...)
{
	if (p->warning_count == POD_PLAN_WARNING_MAX)
		return;
	char *text = p->warning[p->warning_count];
	va_list ap;
	va_start(ap, fmt);
	(void)pod_vsnprintf(text, sizeof p->warning[0], fmt, ap);
	va_end(ap);
	for (uint32_t i = 0; i < p->warning_count; i++)
		if (pod_streq(p->warning[i], text))
			return;
	p->warning_count++;
}

enum pod_status pod_plan_note(struct pod_plan *p, enum pod_overlay_kind kind, uint64_t start, uint64_t len, const char *path,
			      const char *reason)
{
	void *v = p->overlay;
	enum pod_status st = pod_grow(p->alloc, &v, p->overlay_count, &p->overlay_cap, p->overlay_count + 1, sizeof *p->overlay,
				      POD_PLAN_OVERLAY_MAX);
	p->overlay = v;
	if (st != POD_OK)
		return st;
	struct pod_overlay *o = &p->overlay[p->overlay_count++];
	o->kind = kind;
	o->start_bytes = start;
	o->length_bytes = len;
	pod_strlcpy(o->path, path, sizeof o->path);
	pod_strlcpy(o->reason, reason, sizeof o->reason);
	return POD_OK;
}

enum pod_status pod_plan_add_initrd(struct pod_plan *p, const char *path, uint64_t start, uint64_t len, enum pod_machine machine,
				    const char *found_by)
{
	void *v = p->initrd;
	enum pod_status st = pod_grow(p->alloc, &v, p->initrd_count, &p->initrd_cap, p->initrd_count + 1, sizeof *p->initrd,
				      POD_PLAN_INITRD_MAX);
	p->initrd = v;
	if (st != POD_OK)
		return st;
	struct pod_initrd *i = &p->initrd[p->initrd_count++];
	pod_strlcpy(i->path, path, sizeof i->path);
	i->start_bytes = start;
	i->length_bytes = len;
	i->machine = machine;
	i->partition = 0;
	i->volume[0] = 0;
	pod_strlcpy(i->found_by, found_by, sizeof i->found_by);
	return POD_OK;
}

enum pod_status pod_plan_file_map(const struct pod_dev *disk, const struct pod_extent *extent, size_t count, uint64_t size_bytes,
				  struct pod_map *m)
{
	for (size_t i = 0; i < count; i++) {
		const struct pod_extent *e = &extent[i];
		if (e->file_bytes != m->size_bytes ||
		    (!e->hole && !pod_in_range(e->dev_bytes, e->length_bytes, disk->size_bytes)))
			return POD_E_RANGE;
		POD_TRY(pod_map_append(m, e->hole ? POD_SEG_ZERO : POD_SEG_DEV, e->dev_bytes, e->length_bytes));
	}
	return m->size_bytes == size_bytes ? POD_OK : POD_E_RANGE;
}

/* Which boot entry starts the image, per firmware. */
static void choose_entries(struct pod_plan *p)
{
	const struct pod_image *im = &p->image;
	bool disk_like = im->kind == POD_IMAGE_DISK || im->kind == POD_IMAGE_FLOPPY;
	if (p->windows.count) {
		for (int bit = 1; bit < 4; bit++)
			p->efi_entry[bit] = im->firmware & 1u << bit ? POD_ENTRY_OWN : POD_ENTRY_NONE;
		p->efi_entry[0] = POD_ENTRY_NONE;
		p->bios_entry = im->firmware & POD_FW_BIOS ? POD_ENTRY_OWN : POD_ENTRY_NONE;
		return;
	}
	p->bios_entry = disk_like && (im->firmware & POD_FW_BIOS) ? POD_ENTRY_OWN : POD_ENTRY_NONE;
	for (uint32_t i = 0; i < im->boot_count && p->bios_entry == POD_ENTRY_NONE; i++)
		if (im->boot[i].platform == 0 && im->boot[i].bootable && (im->boot[i].firmware & POD_FW_BIOS))
			p->bios_entry = (int)i;
	for (int bit = 0; bit < 4; bit++) {
		uint32_t fw = 1u << bit;
		p->efi_entry[bit] = POD_ENTRY_NONE;
		if (fw == POD_FW_BIOS)
			continue;
		for (uint32_t i = 0; i < im->boot_count && p->efi_entry[bit] == POD_ENTRY_NONE; i++)
			if (im->boot[i].platform == 0xef && (im->boot[i].firmware & fw))
				p->efi_entry[bit] = (int)i;
		if (p->efi_entry[bit] == POD_ENTRY_NONE && im->kind == POD_IMAGE_ISO ? (im->tree_efi & fw) != 0
										     : (im->firmware & fw) != 0)
			p->efi_entry[bit] = p->efi_entry[bit] == POD_ENTRY_NONE ? POD_ENTRY_OWN : p->efi_entry[bit];
	}
}

int pod_plan_entry(const struct pod_plan *p, uint32_t firmware)
{
	unsigned bit = 0;
	while (bit < 3 && !(firmware >> bit & 1))
		bit++;
	return bit ? p->efi_entry[bit] : p->bios_entry;
}

/* Of an image that starts, but not on both kinds of firmware that its catalogue promises. */
static void warn_about_boot_images(struct pod_plan *p)
{
	struct pod_start s;
	for (int uefi = 0; uefi < 2; uefi++)
		if (pod_start_of_boot_images(&p->image, uefi, &s))
			pod_plan_warn_start(p, &s);
}

static void warn_about_image(struct pod_plan *p)
{
	const struct pod_image *im = &p->image;
	struct pod_start s;
	p->about_image.first = p->warning_count;
	pod_start_of_plan(p, POD_START_ALL, &s);
	if (s.starts == POD_STARTS_NOT && s.why != p->why.why)
		pod_plan_warn_start(p, &s);
	else if (s.starts != POD_STARTS_NOT)
		warn_about_boot_images(p);
	if (im->instead && im->kind != POD_IMAGE_UNKNOWN && s.why != POD_WHY_NOT_AN_IMAGE)
		pod_plan_warn(p, "This is %s: %s.", pod_instead_text(im->instead), pod_instead_fix(im->instead));
	p->about_image.end = p->warning_count;
}

static enum pod_status patch_initrds(struct pod_iso_trees *x, struct pod_diag *diag)
{
	const struct pod_plan_request *rq = x->rq;
	struct pod_plan *p = x->plan;
	struct pod_handover h = {.rq = rq, .plan = p};
	bool disk = p->image.kind == POD_IMAGE_DISK;
	if ((p->image.kind != POD_IMAGE_ISO && !disk) || p->windows.count || !rq->shim)
		return POD_OK;
	for (size_t i = 0; i < rq->extent_count; i++) {
		if (rq->extent[i].hole) { /* the running system could only be shown what is on the stick */
			pod_plan_warn(p, "The file has parts that were never written: a live system in it cannot be served.");
			return POD_OK;
		}
	}
	enum pod_status st = disk ? pod_plan_disk_initrds(&h) : pod_plan_iso_initrds(&h, x, diag);
	for (uint32_t i = 0; st == POD_OK && i < p->image.boot_count; i++)
		if (p->image.boot[i].platform == 0xef)
			st = pod_plan_fat_initrds(&h, x->image, i, diag);
	if (st == POD_OK && rq->ukis)
		st = rq->ukis->offer_make(&h);
	if (st == POD_OK)
		pod_arguments_missed(&h);
	pod_handover_fini(&h);
	return st;
}

enum pod_status pod_plan_probe(struct pod_plan *p, struct pod_dev *image, const char *name, struct pod_image *out,
			       struct pod_diag *diag)
{
	struct pod_budget_part part;
	pod_budget_split(image->budget, &part);
	enum pod_status st = pod_image_probe(image, name, p->alloc, out, diag);
	enum pod_budget_limit hit = pod_budget_join(image->budget, &part);
	if (st == POD_E_BUDGET)
		return pod_fail(diag, st, "structure of the image", 0, 0, 0);
	if (st != POD_OK || hit == POD_BUDGET_NONE)
		return st;
	pod_plan_warn(p, "The image has more files or partitions than are searched: a boot loader may not have been found.");
	return pod_budget_status(image->budget);
}

/* What is served otherwise than it lies in the image. */
static enum pod_status patch(const struct pod_plan_request *rq, struct pod_plan *p, struct pod_dev *image, struct pod_diag *diag)
{
	struct pod_iso_trees *x = pod_zalloc(p->alloc, 1, sizeof *x);
	if (!x)
		return POD_E_NOMEM;
	x->rq = rq;
	x->plan = p;
	x->image = image;
	enum pod_status st = pod_plan_windows(x, diag);
	if (st == POD_OK) {
		p->sector_size = p->image.kind == POD_IMAGE_ISO && !p->windows.count ? ISO_SECTOR : 512;
		choose_entries(p);
		warn_about_image(p);
		if (p->image.kind == POD_IMAGE_ISO && !p->windows.count)
			st = pod_plan_windows_cd(x, diag);
	}
	if (st == POD_OK)
		st = patch_initrds(x, diag);
	if (st == POD_OK)
		st = pod_iso_trees_grow(x);
	pod_iso_trees_close(x);
	pod_free(p->alloc, x);
	return st;
}

enum pod_status pod_plan_make(const struct pod_plan_request *rq, struct pod_alloc *a, struct pod_plan *p, struct pod_diag *diag)
{
	memset(p, 0, sizeof *p);
	p->alloc = a;
	pod_map_init(&p->map, a);
	struct pod_mapdev md;
	struct pod_cache cache = {0};
	enum pod_status st = pod_plan_file_map(rq->disk, rq->extent, rq->extent_count, rq->image_bytes, &p->map);
	if (st != POD_OK)
		(void)pod_fail(diag, st, "file extents", 0, rq->image_bytes, p->map.size_bytes);
	p->in_one_piece = st == POD_OK && p->map.count == 1 && p->map.seg->kind == POD_SEG_DEV;
	p->piece_start_bytes = p->in_one_piece ? p->map.seg->source : 0;
	pod_mapdev_init(&md, &p->map, rq->disk, ISO_SECTOR);
	if (st == POD_OK)
		st = pod_cache_init(&cache, &md.dev, a, CACHE_LINES,
				    md.dev.sector_size > CACHE_LINE ? md.dev.sector_size : CACHE_LINE);
	if (st == POD_OK)
		st = pod_plan_probe(p, &cache.dev, rq->path, &p->image, diag);
	if (st == POD_OK && pod_image_is_disk_file(p->image.kind))
		st = pod_plan_container(rq, p, diag);
	if (st == POD_OK)
		st = patch(rq, p, &cache.dev, diag);
	/* Firmware and BIOS services count in whole sectors. */
	if (st == POD_OK)
		st = pod_map_pad(&p->map, p->sector_size);
	if (cache.line)
		pod_cache_fini(&cache, a);
	if (st != POD_OK)
		pod_plan_free(p);
	return st;
}

void pod_plan_free(struct pod_plan *p)
{
	if (!p || !p->alloc)
		return;
	pod_map_fini(&p->map);
	pod_free(p->alloc, p->overlay);
	pod_free(p->alloc, p->initrd);
	pod_free(p->alloc, p->windows.file);
	pod_free(p->alloc, p->windows.choice);
	pod_free(p->alloc, p->wim);
	p->wim = NULL;
	p->overlay = NULL;
	p->windows = (struct pod_plan_windows){0};
	p->initrd = NULL;
	p->alloc = NULL;
}
