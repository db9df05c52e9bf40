/* SPDX-License-Identifier: BSD-2-Clause */
/* From a chosen image to its plan: extents, plan, and what is said when one of them fails. */
#include "boot/menu/pages.h"

#define PLAN_LINES     64u
#define PLAN_LINE_SIZE 2048u

static const char *translate(void *ctx, const char *text)
{
	const struct menu *m = ctx;
	return menu_translate(m->fw->language, text);
}

void start_sentence(struct menu *m, size_t image, const struct pod_start *why, char *text, size_t size)
{
	size_t at = (size_t)pod_snprintf(text, size, "%s: ", m->stick.image[image].name);
	if (at < size)
		pod_start_say(why, translate, m, text + at, size - at);
	if (!*pod_start_what(why->why))
		text[0] = 0;
}

/* For the planner: another file of the stick. */
static enum pod_status find_file(void *ctx, const char *path, struct pod_alloc *a, struct pod_plan_file *out)
{
	struct menu *m = ctx;
	struct pod_node node;
	/* Every image with an initrd is asked about: not where the scan saw that there is none, for that costs reads. */
	if (!m->stick.may_persist && pod_ends_with_nocase(path, POD_PERSIST_SUFFIX))
		return POD_E_NOT_FOUND;
	POD_TRY(pod_fs_lookup(&m->stick.data, path, &node, m->entry));
	if (node.is_dir)
		return POD_E_NOT_FOUND;
	POD_TRY(pod_fs_extents(&m->stick.data, &node, a, &out->extent, &out->extent_count));
	out->size_bytes = node.size_bytes;
	for (size_t i = 0; i < out->extent_count; i++)
		if (!out->extent[i].hole)
			out->extent[i].dev_bytes += m->stick.id.part_start_bytes;
	return POD_OK;
}

/* The runs of the file, absolute on the stick. */
static enum pod_status image_extents(struct menu *m, const struct menu_image *im, struct pod_extent **out, size_t *n,
				     struct pod_start *why)
{
	struct pod_diag d = {N_("file extents"), im->node.entry_bytes, 0, 0};
	enum pod_status st = pod_fs_extents(&m->stick.data, &im->node, m->alloc, out, n);
	if (st != POD_OK) {
		pod_start_of_failure(st, st == POD_E_UNSUPPORTED ? &m->stick.data.diag : &d, NULL, NULL, why);
		return st;
	}
	/* Of a virtual disk the planner knows which parts must have been written. */
	bool disk = pod_image_is_disk_file(pod_image_kind_of_name(im->name));
	if (pod_start_of_extents(*out, disk ? 0 : *n, im->node.size_bytes, why)) {
		pod_free(m->alloc, *out);
		*out = NULL;
		return POD_E_CORRUPT;
	}
	for (size_t i = 0; i < *n; i++)
		if (!(*out)[i].hole)
			(*out)[i].dev_bytes += m->stick.id.part_start_bytes;
	return POD_OK;
}

/* What is shown in Windows is in the menu's language. */
static const char *in_windows(const void *fw, const char *text)
{
	return menu_translate(((const struct pod_fw *)fw)->language, text);
}

static enum pod_status make_plan(struct menu *m, size_t image, struct pod_plan *plan, size_t *extents, struct pod_start *why)
{
	const struct menu_image *im = &m->stick.image[image];
	struct pod_extent *e = NULL;
	size_t n = 0;
	POD_TRY(image_extents(m, im, &e, &n, why));
	scan_image_path(&m->stick, image, m->path, sizeof m->path);
	/* the planner looks at many small structures: a cache over the whole stick, only while planning */
	struct pod_cache *c = &m->stick.plan_cache;
	uint32_t line = m->fw->disk->sector_size > PLAN_LINE_SIZE ? m->fw->disk->sector_size : PLAN_LINE_SIZE;
	bool cached = pod_cache_init(c, m->fw->disk, m->alloc, PLAN_LINES, line) == POD_OK;
	struct pod_plan_request rq = {
		.disk = cached ? &c->dev : m->fw->disk,
		.extent = e,
		.extent_count = n,
		.image_bytes = im->node.size_bytes,
		.path = m->path,
		.id = &m->stick.id,
		.shim = stick_shim,
		.shim_ctx = m,
		.find = find_file,
		.find_ctx = m,
		.ukis = m->fw->ukis,
		.bios = !m->fw->ukis,
		.arguments = m->arguments,
		.secure_boot = m->fw->secure_boot,
		.windows_cd = m->conf->windows_cd,
		.answer = m->conf->answer_path,
		.labconfig = m->conf->labconfig,
		.windows_2023 = m->fw->wants_2023 && m->fw->wants_2023(m->fw),
		.mtime = im->node.mtime,
		.write = m->conf->write,
		.wim_image = m->wim_image ? m->wim_image : m->conf->windows_image,
		.wim_images = m->wim_images,
		.volume_fs = m->stick.data.ops->name,
		.helper = stick_helper,
		.helper_ctx = m,
		.translate = in_windows,
		.translate_ctx = m->fw,
	};
	if (m->fw->recorder && m->recorder.state) {
		rq.state_start_bytes = m->stick.state_start;
		rq.state_length_bytes = POD_STATE_SIZE;
		rq.boot_number = m->recorder.boot;
		rq.esp_start_bytes = m->stick.esp_window.start_bytes;
		rq.esp_length_bytes = m->stick.esp_window.dev.size_bytes;
	}
	struct pod_diag d = {0};
	m->stick.shim_missing = NULL;
	enum pod_status st = pod_plan_make(&rq, m->alloc, plan, &d);
	if (st == POD_OK && m->fw->judge_loader)
		m->fw->judge_loader(m->fw, plan, im->name);
	if (cached)
		pod_cache_fini(c, m->alloc);
	pod_free(m->alloc, e);
	*extents = n;
	if (st == POD_OK)
		pod_start_of_plan(plan, m->fw->firmware_bit, why);
	else
		pod_start_of_failure(st, &d, plan->parent, m->stick.shim_missing, why);
	return st;
}

enum pod_status start_plan(struct menu *m, size_t image, struct pod_plan *plan, size_t *extents, struct pod_start *why)
{
	menu_budget_start(m, POD_PLAN_STEPS, POD_PLAN_BYTES);
	enum pod_status st = make_plan(m, image, plan, extents, why);
	menu_budget_end(m);
	return st;
}

int plan_entry(const struct menu *m, const struct pod_plan *p)
{
	return pod_plan_entry(p, m->fw->firmware_bit);
}
