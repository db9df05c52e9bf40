/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Serving the initrds of systems that are installed in a disk image (raw, or the disk inside a VHD, VHDX...) with the shim.
 *
 * In each partition and each logical volume (LVM) whose filesystem is known, the initrds are looked for as on other media. The
 * virtual disk then shows an initrd as
 *
 *   [pre, zeros to a cluster's end][the original's whole clusters, where they lie][its last, partial cluster, zeros behind][post]
 *
 * What is new in it is shown in clusters that no file uses, and the file's record is shown as naming all of them (core/fs/place.h). The
 * loader reads the virtual disk; the system reads the real one, of which nothing was changed.
 *
 * Of a unified kernel image, whose parts move, all clusters are shown otherwise, and so hardly more are wanted.
 */
#include "core/plan/internal.h"
#include "core/base/mem.h"
#include "core/fs/btrfs.h"
#include "core/fs/ext.h"
#include "core/fs/fat_place.h"
#include "core/fs/xfs.h"

enum { SECTOR = 512 };

/* What there is on the disk. */
struct job {
	struct pod_handover *h;
	struct pod_volumes volumes;
	size_t kernels;
	char closed
		[48]; /* "LUKS", "LVM (raid1)", "Btrfs with ...": what a partition was that cannot be looked into; "": none was such */
	uint32_t closed_number;
	uint32_t windows, bitlocker; /* the numbers of partitions with Windows, and of one that may have it; 0: there is none */
};

/* A partition, or a logical volume, with a filesystem. */
struct volume {
	struct job *j;
	struct pod_volume *at;
	struct pod_fs fs;
	struct pod_place place;
	struct pod_scan scan;
	size_t served;
	const char *closed; /* a filesystem that is known, but not in this form */
};

/* --- what the virtual disk shows -------------------------------------------------------------------------- */

/* Where the bytes from `off` on lie on the disk, and how many of `len` lie there together; 0: they are not in the volume. */
static uint64_t on_disk(const struct volume *v, uint64_t off, uint64_t len, uint64_t *at)
{
	const struct pod_map *runs = &v->at->runs;
	if (off >= runs->size_bytes)
		return 0;
	const struct pod_seg *s = &runs->seg[pod_map_find(runs, off)];
	*at = s->source + (off - s->start_bytes);
	return pod_min_u64(len, s->start_bytes + s->length_bytes - off);
}

/* Of the first one, for those who ask where something is. */
static uint64_t first_on_disk(const struct volume *v, uint64_t off)
{
	uint64_t at = 0;
	(void)on_disk(v, off, 1, &at);
	return at;
}

static enum pod_status show(struct pod_place *p, uint64_t off, const void *data, size_t len)
{
	struct volume *v = p->ctx;
	uint64_t at;
	for (const uint8_t *from = data; len;) {
		size_t n = (size_t)on_disk(v, off, len, &at);
		if (!n)
			return POD_E_RANGE;
		POD_TRY(pod_map_patch(&v->j->h->plan->map, v->j->h->rq->disk, at, from, n, SECTOR));
		from += n;
		off += n;
		len -= n;
	}
	return POD_OK;
}

static enum pod_status shown(struct pod_place *p, uint64_t off, void *buf, size_t len)
{
	struct volume *v = p->ctx;
	return pod_map_read(&v->at->runs, &v->j->volumes.disk.dev, off, buf, len);
}

/* Shows `pieces` in the runs from `first` on, which have room for them. */
static enum pod_status lay(struct volume *v, const struct pod_map *pieces, const struct pod_place_run *run)
{
	struct pod_map *map = &v->j->h->plan->map;
	uint64_t in_run = 0;
	for (size_t i = 0; i < pieces->count; i++) {
		const struct pod_seg *s = &pieces->seg[i];
		for (uint64_t done = 0; done < s->length_bytes;) {
			uint64_t at, n = pod_min_u64(s->length_bytes - done, run->length_bytes - in_run);
			n = on_disk(v, run->dev_bytes + in_run, n, &at);
			if (!n)
				return POD_E_RANGE;
			POD_TRY(pod_map_replace(map, at, n, (enum pod_seg_kind)s->kind, s->source + done));
			done += n;
			in_run += n;
			if (in_run == run->length_bytes)
				run++, in_run = 0;
		}
	}
	return POD_OK;
}

/* --- one initrd ------------------------------------------------------------------------------------------- */

/* What is new of a file, and where it is shown. */
struct serving {
	struct volume *v;
	const struct pod_found *file;
	struct pod_map front, behind; /* segments only; memory is the plan's blob */
	struct pod_place_runs runs;
	size_t behind_at; /* the first run of `behind`; those of `front` are the first */
	uint64_t size;	  /* of the file as it is shown */
};

static enum pod_status make_pieces(struct serving *s, enum pod_machine m)
{
	struct volume *v = s->v;
	struct pod_map *map = &v->j->h->plan->map;
	const struct pod_node *node = &s->file->node;
	const struct pod_map *post;
	uint64_t at, cluster = v->fs.cluster_size;
	size_t tail = (size_t)(node->size_bytes & (cluster - 1));
	POD_TRY(pod_handover_pre(v->j->h, &at));
	POD_TRY(pod_map_append(&s->front, POD_SEG_MEM, at, POD_PRE_LEN));
	POD_TRY(pod_map_pad(&s->front, cluster));
	if (tail) {
		size_t sectors = (size_t)pod_align_up(tail, SECTOR);
		POD_TRY(pod_map_mem(map, NULL, sectors, &at));
		POD_TRY(pod_fs_read(&v->fs, node, node->size_bytes - tail, map->mem + (size_t)at, tail));
		POD_TRY(pod_map_append(&s->behind, POD_SEG_MEM, at, sectors));
		POD_TRY(pod_map_pad(&s->behind, cluster));
	}
	POD_TRY(pod_handover_post(v->j->h, m, &post));
	POD_TRY(pod_plan_append(&s->behind, post));
	s->size = s->front.size_bytes + (node->size_bytes - tail) + s->behind.size_bytes;
	return POD_OK;
}

/* The file's record names s->runs. */
static enum pod_status point(struct serving *s, uint64_t size)
{
	struct pod_place *p = &s->v->place;
	if (s->v->j->h->plan->overlay_count + s->runs.count >= POD_PLAN_OVERLAY_MAX)
		return POD_E_LIMIT;
	return p->ops->point(p, &s->file->node, &s->runs, size);
}

static enum pod_status find_places(struct serving *s)
{
	struct pod_place *p = &s->v->place;
	POD_TRY(pod_place_room(p, s->front.size_bytes, &s->runs));
	POD_TRY(pod_place_kept(p, &s->file->node, &s->runs));
	s->behind_at = s->runs.count;
	POD_TRY(pod_place_room(p, s->behind.size_bytes, &s->runs));
	return point(s, s->size);
}

static enum pod_status note(struct serving *s)
{
	struct pod_plan *p = s->v->j->h->plan;
	for (size_t i = 0; i < s->runs.count; i++)
		if (!s->runs.run[i].kept)
			POD_TRY(pod_plan_note(p, POD_OVERLAY_INITRD, first_on_disk(s->v, s->runs.run[i].dev_bytes),
					      s->runs.run[i].length_bytes, s->file->path,
					      "initrd served with the shim around it, so that the system finds its medium"));
	return pod_plan_note(p, POD_OVERLAY_DIRENT, first_on_disk(s->v, s->file->node.entry_bytes), s->file->node.entry_len,
			     s->file->path, "the file's record names the clusters of the served initrd");
}

/* Those from `first` on are of this volume. */
static void note_volume(const struct volume *v, size_t first)
{
	struct pod_plan *p = v->j->h->plan;
	for (; first < p->initrd_count; first++) {
		p->initrd[first].partition = v->at->number;
		(void)pod_strlcpy(p->initrd[first].volume, v->at->name, sizeof p->initrd[first].volume);
	}
}

static enum pod_status serve(struct serving *s, const char *found_by)
{
	struct volume *v = s->v;
	struct pod_plan *p = v->j->h->plan;
	const struct pod_found *f = s->file;
	enum pod_machine m = pod_kernel_machine(&v->scan, f->path, p->image.firmware & ~(uint32_t)POD_FW_BIOS);
	POD_TRY(make_pieces(s, m));
	POD_TRY(find_places(s));
	POD_TRY(lay(v, &s->front, s->runs.run));
	POD_TRY(lay(v, &s->behind, s->runs.run + s->behind_at));
	POD_TRY(note(s));
	size_t first = p->initrd_count;
	POD_TRY(pod_plan_add_initrd(p, f->path, first_on_disk(v, f->start_bytes), f->node.size_bytes, m, found_by));
	note_volume(v, first);
	v->served++;
	return POD_OK;
}

/* Of what concerns one file alone, the others are served. */
static bool of_one_file(enum pod_status st)
{
	return st == POD_E_NOSPACE || st == POD_E_LIMIT || st == POD_E_UNSUPPORTED || st == POD_E_CORRUPT || st == POD_E_RANGE;
}

static enum pod_status warn_unchanged(struct pod_plan *p, const struct pod_found *f, enum pod_status st)
{
	if (st == POD_E_NOSPACE)
		pod_plan_warn(p, "%.80s: its volume is full, and there is no room for Isopod's helper; it is served unchanged.",
			      f->path);
	else if (of_one_file(st))
		pod_plan_warn(p, "%.80s: the way it is stored is damaged or not known; it is served unchanged.", f->path);
	return of_one_file(st) ? POD_OK : st;
}

static enum pod_status serve_one(void *ctx, const struct pod_found *f, const char *found_by)
{
	struct volume *v = ctx;
	struct pod_plan *p = v->j->h->plan;
	struct serving s = {.v = v, .file = f};
	if (p->initrd_count == POD_PLAN_INITRD_MAX) {
		pod_plan_warn(p, "More than %d initrds: the rest is served unchanged.", POD_PLAN_INITRD_MAX);
		return POD_OK;
	}
	pod_map_init(&s.front, p->alloc);
	pod_map_init(&s.behind, p->alloc);
	enum pod_status st = serve(&s, found_by);
	pod_place_runs_free(&v->place, &s.runs);
	pod_map_fini(&s.front);
	pod_map_fini(&s.behind);
	return warn_unchanged(p, f, st);
}

/* The file is shown as `pieces`, in s->runs. */
static enum pod_status show_whole(struct serving *s, const struct pod_map *pieces, uint64_t size, const char *why)
{
	struct volume *v = s->v;
	struct pod_plan *p = v->j->h->plan;
	const struct pod_node *node = &s->file->node;
	POD_TRY(point(s, size));
	POD_TRY(lay(v, pieces, s->runs.run));
	return pod_plan_note(p, POD_OVERLAY_DIRENT, first_on_disk(v, node->entry_bytes), node->entry_len, s->file->path, why);
}

/* The file's own clusters and a few more; where it has holes, or only the filesystem knows its clusters, as many as it needs. */
static enum pod_status find_room(struct serving *s, uint64_t size)
{
	struct pod_place *place = &s->v->place;
	enum pod_status st = place->ops->keeps_itself ? POD_OK : pod_place_kept(place, &s->file->node, &s->runs);
	uint64_t have = 0;
	if (st == POD_E_UNSUPPORTED) {
		s->runs.count = 0;
		st = POD_OK;
	}
	for (size_t i = 0; i < s->runs.count; i++)
		have += s->runs.run[i].length_bytes;
	return st == POD_OK && size > have ? pod_place_room(place, size - have, &s->runs) : st;
}

static enum pod_status show_uki(struct serving *s, const struct pod_uki *uki)
{
	struct volume *v = s->v;
	struct pod_plan *p = v->j->h->plan;
	size_t first = p->initrd_count;
	uint64_t size = uki->served.size_bytes;
	if (first + uki->initrd_count > POD_PLAN_INITRD_MAX)
		return POD_E_LIMIT;
	POD_TRY(find_room(s, size));
	POD_TRY(show_whole(s, &uki->served, size, "the file's record names the clusters of the served unified kernel image"));
	POD_TRY(v->j->h->rq->ukis->note(p, s->file, uki, first_on_disk(v, s->runs.run[0].dev_bytes)));
	note_volume(v, first);
	v->served++;
	return POD_OK;
}

/* The disk is told to the shim as it is before anything else on it is shown otherwise. Where it cannot be told, no initrd is
 * served, but words still reach a kernel. */
static enum pod_status prepare(struct volume *v)
{
	enum pod_status st = pod_handover_prepare(v->j->h);
	return of_one_file(st) ? POD_OK : st;
}

static enum pod_status serve_uki(void *ctx, const struct pod_found *f, struct pod_uki *uki)
{
	struct volume *v = ctx;
	struct serving s = {.v = v, .file = f};
	POD_TRY(prepare(v));
	enum pod_status st = show_uki(&s, uki);
	pod_place_runs_free(&v->place, &s.runs);
	if (of_one_file(st))
		pod_arguments_lost(v->j->h->plan, f, uki);
	return warn_unchanged(v->j->h->plan, f, st);
}

/* A boot menu lies wholly in new places. */
static enum pod_status show_menu(struct serving *s, const struct pod_menu_served *menu)
{
	struct volume *v = s->v;
	POD_TRY(pod_place_room(&v->place, menu->size_bytes, &s->runs));
	POD_TRY(show_whole(s, &menu->map, menu->size_bytes, "the file's record names the clusters of the served boot menu"));
	return pod_arguments_note(v->j->h, s->file, menu, first_on_disk(v, s->runs.run[0].dev_bytes));
}

static enum pod_status serve_menu(void *ctx, const struct pod_found *f, struct pod_menu_served *menu)
{
	struct volume *v = ctx;
	struct serving s = {.v = v, .file = f};
	POD_TRY(prepare(v));
	enum pod_status st = show_menu(&s, menu);
	pod_place_runs_free(&v->place, &s.runs);
	if (!of_one_file(st))
		return st;
	pod_arguments_refuse(v->j->h, &v->scan, f);
	return POD_OK;
}

/* --- an initrd more ---------------------------------------------------------------------------------------- */

/* A file of our two archives alone (lone.c), where the volume has room for it, and for its name. */
static enum pod_status show_lone(struct serving *s, struct pod_initrd *lone)
{
	struct volume *v = s->v;
	struct pod_plan *p = v->j->h->plan;
	struct pod_node file;
	uint64_t start;
	POD_TRY(pod_handover_alone(v->j->h, lone->machine, &s->front, v->fs.cluster_size, &start));
	s->size = s->front.size_bytes;
	POD_TRY(pod_map_pad(&s->front, v->fs.cluster_size));
	POD_TRY(pod_place_room(&v->place, s->front.size_bytes, &s->runs));
	if (p->overlay_count + s->runs.count >= POD_PLAN_OVERLAY_MAX)
		return POD_E_LIMIT;
	POD_TRY(v->place.ops->add(&v->place, &s->runs, s->size, &v->scan.lone, &file));
	POD_TRY(lay(v, &s->front, s->runs.run));
	lone->partition = v->at->number;
	lone->start_bytes = first_on_disk(v, s->runs.run[0].dev_bytes);
	lone->length_bytes = s->size;
	for (size_t i = 0; i < s->runs.count; i++)
		POD_TRY(pod_plan_note(p, POD_OVERLAY_INITRD, first_on_disk(v, s->runs.run[i].dev_bytes),
				      s->runs.run[i].length_bytes, v->scan.lone,
				      "an initrd of the shim alone, for a kernel that is started without one"));
	return pod_plan_note(p, POD_OVERLAY_DIRENT, first_on_disk(v, file.entry_bytes), file.entry_len, v->scan.lone,
			     "the record of that file");
}

/* Only of the first volume with such a kernel. */
static enum pod_status serve_lone(struct volume *v)
{
	struct pod_plan *p = v->j->h->plan;
	struct serving s = {.v = v};
	struct pod_initrd lone = {.path = ""};
	if (!v->place.ops->add || v->at->name[0] || p->lone.length_bytes)
		return POD_OK;
	POD_TRY(pod_lone_look(&v->scan, &lone));
	if (!lone.path[0])
		return POD_OK;
	pod_map_init(&s.front, p->alloc);
	enum pod_status st = show_lone(&s, &lone);
	pod_place_runs_free(&v->place, &s.runs);
	pod_map_fini(&s.front);
	if (st == POD_OK) {
		p->lone = lone;
		v->served++;
		return POD_OK;
	}
	v->scan.lone = NULL;
	if (of_one_file(st))
		pod_plan_warn(
			p,
			"%.80s is started without an initrd, and there is no room for one in its volume: it does not find its disk.",
			lone.path);
	return of_one_file(st) ? POD_OK : st;
}

/* --- one partition ---------------------------------------------------------------------------------------- */

/* With half of the budget: what is found must be served with the other half. */
static enum pod_status search(struct volume *v)
{
	struct pod_plan *p = v->j->h->plan;
	struct pod_budget_part part;
	pod_budget_split(v->fs.dev->budget, &part);
	enum pod_status st = pod_scan_tree(&v->scan, &v->fs, p->alloc);
	if (st == POD_OK)
		st = pod_scan_configs(&v->scan);
	(void)pod_budget_join(v->fs.dev->budget, &part);
	if (st != POD_OK)
		return st;
	pod_scan_warn(p, &v->scan);
	v->j->kernels += v->scan.kernel_count;
	POD_TRY(pod_scan_initrds(&v->scan, p, serve_one, v));
	POD_TRY(serve_lone(v));
	if (v->j->h->rq->ukis && !v->at->name[0]) /* firmware starts them, from a partition */
		POD_TRY(v->j->h->rq->ukis->each(v->j->h, &v->scan, first_on_disk(v, 0), serve_uki, v));
	return pod_menus_change(v->j->h, &v->scan) ? pod_arguments_each(v->j->h, &v->scan, serve_menu, v) : POD_OK;
}

/* POD_E_NOT_FOUND: none that is known. Of Btrfs a default subvolume that was set is where the system is. */
static enum pod_status open_volume(struct volume *v, struct pod_alloc *a)
{
	static const struct pod_place_ops *const known[] = {&pod_place_fat, &pod_place_ext, &pod_place_xfs,
							    &pod_place_btrfs_default, &pod_place_btrfs};
	struct pod_diag diag = {0};
	for (size_t i = 0; i < POD_ARRAY_LEN(known); i++) {
		enum pod_status st = pod_fs_open_as(&v->fs, known[i]->fs, &v->at->dev.dev, a, &diag);
		if (st == POD_OK) {
			pod_place_init(&v->place, known[i], &v->fs);
			v->place.show = show;
			v->place.shown = shown;
			v->place.ctx = v;
			return POD_OK;
		}
		if (pod_is_fatal(st))
			return st;
		/* Of the others it is a field that has a name there. */
		if (st == POD_E_UNSUPPORTED && known[i] == &pod_place_btrfs)
			v->closed = diag.what;
	}
	return POD_E_NOT_FOUND;
}

/* The first one is told. */
static void close_it(struct job *j, uint32_t number, const char *what, const char *why)
{
	if (j->closed[0])
		return;
	(void)pod_snprintf(j->closed, sizeof j->closed, *why ? "%s (%s)" : "%s", what, why);
	j->closed_number = number ? number : 1;
}

/* The superblock of Linux' RAID (md), of version 1.1 at the beginning, 1.2 at 4096: u32 magic, u32 version. One of 1.0 or 0.90 lies behind a
 * filesystem, which is looked into as it is. */
static bool is_raid(const uint8_t *s)
{
	static const uint8_t begin[8] = {0xFC, 0x4E, 0x2B, 0xA9, 1, 0, 0, 0};
	return memcmp(s, begin, sizeof begin) == 0;
}

/* Zeros where the volume has no such sector. */
static enum pod_status sector_of(struct volume *v, uint64_t at, uint8_t *s)
{
	memset(s, 0, SECTOR);
	return pod_in_range(at, SECTOR, v->at->runs.size_bytes) ? pod_dev_read(&v->at->dev.dev, at, s, SECTOR) : POD_OK;
}

/* LUKS: its header begins with this. BitLocker: the OEM name in its boot sector. */
static enum pod_status look_for_closed(struct volume *v)
{
	static const uint8_t luks[6] = {'L', 'U', 'K', 'S', 0xBA, 0xBE};
	uint8_t s[SECTOR];
	POD_TRY(sector_of(v, 0, s));
	bool raid = is_raid(s);
	if (v->closed)
		close_it(v->j, v->at->number, v->closed, "");
	else if (memcmp(s, luks, sizeof luks) == 0)
		close_it(v->j, v->at->number, *v->at->name ? "LUKS in LVM" : "LUKS", "");
	else if (memcmp(s + 3, "-FVE-FS-", 8) == 0)
		v->j->bitlocker = v->at->number ? v->at->number : 1;
	POD_TRY(sector_of(v, 4096, s));
	if (raid || is_raid(s))
		close_it(v->j, v->at->number, "Linux RAID", "");
	return POD_OK;
}

/* Installed in an image that is not one of those it opens itself, it is started, and does not find its disk again. */
static enum pod_status look_for_windows(struct volume *v)
{
	static const char *const loader[] = {"Windows/System32/winload.efi", "Windows/System32/winload.exe"};
	struct pod_alloc *a = v->j->h->plan->alloc;
	struct pod_dirent *scratch;
	struct pod_node node;
	if (v->j->windows || pod_image_is_vhd(v->j->h->plan->container))
		return POD_OK;
	enum pod_status st = pod_fs_open_as(&v->fs, &pod_fs_ntfs, &v->at->dev.dev, a, NULL);
	if (st != POD_OK)
		return pod_is_fatal(st) ? st : POD_OK;
	scratch = pod_zalloc(a, 1, sizeof *scratch);
	st = scratch ? POD_E_NOT_FOUND : POD_E_NOMEM;
	for (size_t i = 0; i < POD_ARRAY_LEN(loader) && st == POD_E_NOT_FOUND; i++)
		st = pod_fs_lookup(&v->fs, loader[i], &node, scratch);
	pod_free(a, scratch);
	if (st == POD_OK)
		v->j->windows = v->at->number ? v->at->number : 1;
	return pod_is_fatal(st) ? st : POD_OK;
}

static enum pod_status look_into(void *ctx, struct pod_volume *at)
{
	struct job *j = ctx;
	struct pod_plan *p = j->h->plan;
	if (at->why) {
		close_it(j, at->number, "LVM", at->why);
		return POD_OK;
	}
	struct volume *v = pod_zalloc(p->alloc, 1, sizeof *v);
	if (!v)
		return POD_E_NOMEM;
	v->j = j;
	v->at = at;
	enum pod_status st = open_volume(v, p->alloc);
	if (st == POD_E_NOT_FOUND) {
		st = look_for_closed(v);
		if (st == POD_OK)
			st = look_for_windows(v);
	} else if (st == POD_OK) {
		st = search(v);
	}
	if (v->served && v->place.ops->dirty && v->place.ops->dirty(&v->fs)) {
		if (*at->name)
			pod_plan_warn(p, "Logical volume %s was not shut down cleanly: its boot loader may see older files.",
				      at->name);
		else
			pod_plan_warn(p, "Partition %u was not shut down cleanly: its boot loader may see older files.",
				      at->number);
	}
	pod_place_fini(&v->place);
	pod_scan_free(&v->scan);
	pod_fs_close(&v->fs);
	pod_free(p->alloc, v);
	return st;
}

/* --- all of them ------------------------------------------------------------------------------------------ */

static enum pod_status look_into_all(struct job *j)
{
	enum pod_status st = pod_volumes_open(&j->volumes, &j->h->plan->map, j->h->rq->disk, j->h->plan->alloc);
	j->h->volumes = &j->volumes;
	if (st == POD_OK)
		st = pod_volumes_each(&j->volumes, look_into, j);
	j->h->volumes = NULL;
	pod_volumes_close(&j->volumes);
	return pod_is_fatal(st) ? st : POD_OK;
}

static void warn_if_none(struct job *j)
{
	struct pod_plan *p = j->h->plan;
	char number[12];
	if (p->initrd_count || p->lone.length_bytes)
		return;
	pod_snprintf(number, sizeof number, "%u", j->windows ? j->windows : j->bitlocker ? j->bitlocker : j->closed_number);
	if (j->windows)
		pod_plan_because(p, POD_WHY_WINDOWS_RAW, number, "");
	else if (j->bitlocker)
		pod_plan_because(p, POD_WHY_BITLOCKER, number, "");
	else if (j->closed[0])
		pod_plan_because(p, POD_WHY_LINUX_CLOSED, number, j->closed);
	else if (j->kernels)
		pod_plan_because(p, POD_WHY_LINUX_INITRD, "", "");
}

/* A root that the initramfs opens by itself: then the modules that the shim needs (core/plan/modules.c) cannot be taken from it. */
static void warn_of_modules(struct job *j)
{
	struct pod_plan *p = j->h->plan;
	if (p->initrd_count && j->closed[0] && !j->h->module_count)
		pod_plan_warn(
			p,
			"Partition %u is %s and gives no kernel modules: a Linux in it finds its disk only if its initrd has "
			"loop and dm-snapshot.",
			j->closed_number, j->closed);
}

enum pod_status pod_plan_disk_initrds(struct pod_handover *h)
{
	struct pod_plan *p = h->plan;
	POD_TRY(pod_handover_overlay(h));
	struct job *j = pod_zalloc(p->alloc, 1, sizeof *j);
	if (!j)
		return POD_E_NOMEM;
	j->h = h;
	enum pod_status st = look_into_all(j);
	if (st == POD_E_BUDGET) { /* those that are served already can start */
		pod_plan_warn(p, "Looking through the partitions would take too long: an initrd may be served unchanged.");
		st = POD_OK;
	}
	if (st == POD_OK) {
		warn_if_none(j);
		warn_of_modules(j);
	}
	pod_free(p->alloc, j);
	return st;
}
