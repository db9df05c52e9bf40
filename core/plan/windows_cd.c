/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Media with a boot menu of their own and WIMs of Windows PE anywhere in them, and Windows' media whose form is to be kept: they are
 * served as the CDs they are, and each WIM that starts gets the helper where it lies (doc/WINDOWS.md, "A CD with several WIMs").
 *
 * A loader goes by the image that a WIM's header names as bootable: a WIM without one (install.wim) is none of ours. The changed WIM is
 * shown past the end of the CD, the original's bytes by reference, and iso_trees.c re-points all its names there. What cannot be done
 * to a WIM is said, and it is served as it was: no medium is refused for it.
 */
#include "core/base/mem.h"
#include "core/plan/windows_int.h"

enum {
	SECTOR = POD_ISO_TREES_SECTOR,
	VOLUME_NOTES = 8,	/* volume descriptors, a partition's two, and an anchor */
	MEMORY_MAX = 128 << 20, /* what all that is served may hold in memory: on a BIOS, of a machine with little of it */
};
/* Of ISO 9660 Windows' boot manager reads nothing beyond; of UDF it does (seen with 10.0.17763). */
static const uint64_t iso_reach = UINT64_C(1) << 32;

struct cd {
	struct windows_job *j;
	struct pod_iso_trees *x;
	struct pod_plan_wim *about; /* the one that is looked at */
};

/* --- which WIMs ------------------------------------------------------------------------------------------- */

struct runs {
	struct windows_job *j;
	unsigned count;
};

static enum pod_status add_run(void *ctx, const struct pod_extent *e)
{
	struct runs *r = ctx;
	r->count++;
	return windows_wim_run(r->j, e);
}

/* The header, and with it whether loaders start something in it. What cannot be read, is no WIM. */
static enum pod_status open_header(struct windows_job *j, struct pod_iso_trees *x, const struct pod_found *f, bool *boots,
				   unsigned *runs)
{
	struct pod_fs *fs = &x->tree[0].fs;
	struct runs r = {j, 0};
	*boots = false;
	enum pod_status st = fs->ops->extents(fs, &f->node, add_run, &r);
	*runs = r.count;
	if (st == POD_OK) {
		pod_mapdev_init(&j->wim_dev, &j->wim_map, j->rq->disk, 512);
		st = pod_wim_open(&j->wim, &j->wim_dev.dev, j->plan->alloc, NULL);
	}
	if (st == POD_OK) {
		j->wim_open = true;
		*boots = j->wim.boot_index && j->wim.boot_index <= j->wim.image_count;
	}
	return st == POD_E_CANCELLED || st == POD_E_NOMEM ? st : POD_OK;
}

static bool is_repeated(const struct pod_scan *s, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (s->wim[k].start_bytes == s->wim[i].start_bytes && s->wim[k].node.size_bytes == s->wim[i].node.size_bytes)
			return true;
	return false;
}

static bool in_sources(const char *path)
{
	return pod_strncasecmp(path, "sources/", 8) == 0;
}

enum pod_status windows_cd_has_menu(struct windows_job *j, struct pod_iso_trees *x, bool *yes, struct pod_diag *diag)
{
	unsigned others = 0, runs;
	POD_TRY(pod_iso_trees_open(x, diag));
	const struct pod_scan *s = &x->tree[0].scan;
	for (size_t i = 0; i < s->wim_count && others < 2; i++) {
		bool boots = false;
		if (in_sources(s->wim[i].path) || windows_is_named(j, s->wim[i].path, true) || is_repeated(s, i))
			continue;
		enum pod_status st = open_header(j, x, &s->wim[i], &boots, &runs);
		windows_wim_reset(j);
		POD_TRY(st);
		others += boots;
	}
	*yes = others > 1;
	return POD_OK;
}

/* --- one of them ------------------------------------------------------------------------------------------ */

static bool has_udf(const struct pod_iso_trees *x)
{
	for (size_t i = 0; i < x->count; i++)
		if (pod_iso_tree_is_udf(&x->tree[i]))
			return true;
	return false;
}

/* NULL: its records can be made to name something else. */
static const char *why_not_moved(struct cd *c, const struct pod_found *f, unsigned runs)
{
	bool split, iso = !pod_iso_tree_is_udf(&c->x->tree[0]);
	size_t names = pod_iso_trees_names(c->x, f, &split);
	c->about->names = (uint32_t)names;
	if (split)
		return "it has 4 GiB or more";
	if (iso && runs != 1)
		return "it lies in pieces";
	if (c->j->plan->overlay_count + names + VOLUME_NOTES >= POD_PLAN_OVERLAY_MAX)
		return "it has too many names";
	return NULL;
}

/* NULL: what is to be served can be, at `start`. */
static const char *why_not_there(const struct cd *c, uint64_t start)
{
	const struct pod_map *m = &c->j->patched;
	if (m->size_bytes > UINT32_MAX && !pod_iso_tree_is_udf(&c->x->tree[0]))
		return "it has 4 GiB or more";
	if (m->size_bytes > iso_reach - pod_min_u64(start, iso_reach) && !has_udf(c->x))
		return "it would lie beyond 4 GiB, where Windows' boot manager reads UDF only";
	if (c->j->plan->map.mem_len + m->mem_len > MEMORY_MAX)
		return "it would take too much memory";
	return NULL;
}

/* Shows the changed WIM past the end, in whole sectors. */
static enum pod_status append(struct cd *c, uint64_t start)
{
	struct windows_job *j = c->j;
	struct pod_map *map = &j->plan->map;
	uint64_t tail_off, len = j->patched.size_bytes, whole = len & ~(uint64_t)(SECTOR - 1);
	POD_TRY(pod_map_append(map, POD_SEG_ZERO, 0, start - map->size_bytes));
	POD_TRY(pod_map_append_from(map, &j->patched, 0, whole));
	if (len == whole)
		return POD_OK;
	POD_TRY(pod_map_mem(map, NULL, SECTOR, &tail_off));
	POD_TRY(pod_map_read(&j->patched, j->rq->disk, whole, map->mem + (size_t)tail_off, (size_t)(len - whole)));
	return pod_map_append(map, POD_SEG_MEM, tail_off, SECTOR);
}

/* Up to here nothing names what was made, and a failure leaves the medium as it was. */
static enum pod_status make(struct cd *c, const struct pod_found *f, unsigned runs, uint64_t start, const char **why)
{
	struct windows_job *j = c->j;
	*why = pod_wim_not_bootable(&j->wim);
	if (!*why)
		*why = why_not_moved(c, f, runs);
	if (*why)
		return POD_OK;
	POD_TRY(pod_wim_select(&j->wim, j->wim.boot_index, NULL));
	POD_TRY(windows_patch(j, why));
	if (!*why)
		*why = why_not_there(c, start);
	return *why ? POD_OK : append(c, start);
}

static enum pod_status point(struct cd *c, const struct pod_found *f, uint64_t start)
{
	struct windows_job *j = c->j;
	uint64_t len = j->patched.size_bytes;
	c->about->served_bytes = start;
	c->about->served_length = len;
	pod_strlcpy(c->about->replaced, j->replaced, sizeof c->about->replaced);
	POD_TRY(pod_plan_note(j->plan, POD_OVERLAY_WIM, start, len, f->path,
			      "WIM served with Isopod's helper in it, so that Windows PE finds its medium"));
	c->x->space_grows = true;
	return pod_iso_trees_move(c->x, f, start, len, "WIM");
}

static enum pod_status serve(struct cd *c, const struct pod_found *f, unsigned runs)
{
	struct windows_job *j = c->j;
	uint64_t start = pod_align_up(j->plan->map.size_bytes, SECTOR);
	struct pod_budget_part part;
	const char *why = NULL;
	POD_TRY(pod_iso_trees_open_all(c->x));
	pod_budget_split(c->x->image->budget, &part);
	enum pod_status st = make(c, f, runs, start, &why);
	(void)pod_budget_join(c->x->image->budget, &part);
	if (st == POD_E_CANCELLED)
		return st;
	if (st != POD_OK)
		why = pod_status_text(st);
	if (!why)
		return point(c, f, start);
	pod_strlcpy(c->about->why, why, sizeof c->about->why);
	pod_plan_warn(j->plan, "%.60s: Isopod's helper cannot be put into this WIM (%s): it starts, but does not find the image.",
		      f->path, why);
	return POD_OK;
}

/* --- all of them ------------------------------------------------------------------------------------------ */

static enum pod_status add_about(struct cd *c, const struct pod_found *f)
{
	struct pod_plan *p = c->j->plan;
	void *v = p->wim;
	enum pod_status st =
		pod_grow(p->alloc, &v, p->wim_count, &p->wim_cap, p->wim_count + 1, sizeof *p->wim, POD_PLAN_WIM_MAX);
	p->wim = v;
	if (st != POD_OK)
		return st;
	c->about = &p->wim[p->wim_count++];
	*c->about = (struct pod_plan_wim){
		.start_bytes = f->start_bytes, .length_bytes = f->node.size_bytes, .image = c->j->wim.boot_index};
	pod_strlcpy(c->about->path, f->path, sizeof c->about->path);
	return POD_OK;
}

static enum pod_status look_at(struct cd *c, const struct pod_found *f)
{
	struct pod_plan *p = c->j->plan;
	unsigned runs = 0;
	bool boots;
	POD_TRY(open_header(c->j, c->x, f, &boots, &runs));
	if (!boots)
		return POD_OK;
	if (p->wim_count == POD_PLAN_WIM_MAX) {
		pod_plan_warn(p, "More than %d WIMs that start: the rest is served unchanged, and does not find the image.",
			      POD_PLAN_WIM_MAX);
		return POD_OK;
	}
	POD_TRY(add_about(c, f));
	return serve(c, f, runs);
}

static enum pod_status look_at_all(struct cd *c, struct pod_diag *diag)
{
	POD_TRY(pod_iso_trees_open(c->x, diag));
	const struct pod_scan *s = &c->x->tree[0].scan;
	for (size_t i = 0; i < s->wim_count; i++) {
		if (is_repeated(s, i))
			continue;
		enum pod_status st = look_at(c, &s->wim[i]);
		windows_wim_reset(c->j);
		POD_TRY(st);
	}
	return POD_OK;
}

enum pod_status pod_plan_windows_cd(struct pod_iso_trees *x, struct pod_diag *diag)
{
	struct pod_alloc *a = x->plan->alloc;
	if (!x->rq->helper)
		return POD_OK;
	struct windows_job *j = pod_zalloc(a, 1, sizeof *j);
	if (!j)
		return POD_E_NOMEM;
	j->rq = x->rq;
	j->plan = x->plan;
	pod_map_init(&j->wim_map, a);
	pod_map_init(&j->patched, a);
	enum pod_status st = look_at_all(&(struct cd){.j = j, .x = x}, diag);
	pod_free(a, j);
	return st;
}
