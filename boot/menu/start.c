/* SPDX-License-Identifier: BSD-2-Clause */
/* From a chosen image to its plan: extents, plan, and what is said when one of them fails. */
#include "boot/menu/pages.h"

#define PLAN_LINES     64u
#define PLAN_LINE_SIZE 2048u

/* The sentence for a failed plan. */
static void explain(struct menu *m, const char *name, enum pod_status st, const struct pod_diag *d, char *text, size_t size)
{
	unsigned long long at = d->offset_bytes;
	const char *what = d->what ? FT(m->fw, d->what) : menu_status(m, st);
	if (m->stick.shim_missing) {
		pod_snprintf(
			text, size,
			T("%s: the stick's own file %s on the ESP is missing or damaged. Repair the stick with: isopod update"),
			name, m->stick.shim_missing);
		return;
	}
	switch (st) {
	case POD_E_CORRUPT:
		pod_snprintf(text, size,
			     T("%s: the image is damaged (%s at 0x%llx). Copy the file again, or check it with: isopod plan %s"),
			     name, what, at, name);
		break;
	case POD_E_FORMAT:
		pod_snprintf(text, size, T("%s: this is not an image Isopod knows (%s)."), name, what);
		break;
	case POD_E_UNSUPPORTED:
		pod_snprintf(text, size, T("%s: the image uses something Isopod cannot start yet (%s at 0x%llx)."), name, what,
			     at);
		break;
	case POD_E_IO:
		pod_snprintf(text, size,
			     T("%s: the stick reported a read error (%s at 0x%llx). Try another USB port; if it comes back, the "
			       "stick is failing."),
			     name, what, at);
		break;
	case POD_E_NOMEM:
		pod_snprintf(text, size, T("%s: there is not enough memory to prepare this image."), name);
		break;
	case POD_E_RANGE:
		pod_snprintf(text, size,
			     T("%s: the image ends too early, or lies beyond what this firmware reads of the drive (%s at "
			       "0x%llx). Copy it again, or start this computer in UEFI mode."),
			     name, what, at);
		break;
	case POD_E_CANCELLED:
		text[0] = 0; /* whoever pressed Esc knows */
		break;
	case POD_E_BUDGET:
		pod_snprintf(text, size, T("%s: the image is made so that looking through it would take too long (%s)."), name,
			     what);
		break;
	case POD_E_LIMIT:
		pod_snprintf(text, size, T("%s: the image is beyond a limit of Isopod (%s)."), name, what);
		break;
	default:
		pod_snprintf(text, size, T("%s: cannot be started: %s (%s at 0x%llx)."), name, menu_status(m, st), what, at);
	}
}

/* A child whose parent is not usable. */
static void explain_parent(struct menu *m, const char *name, enum pod_status st, const char *parent, char *text, size_t size)
{
	if (st == POD_E_NOT_FOUND)
		pod_snprintf(text, size, T("%s: its parent %s is not on the stick. Copy it into the same folder."), name, parent);
	else if (st == POD_E_CHANGED)
		pod_snprintf(text, size,
			     T("%s: parent %s is not the file it was made from, or was changed since. Put an unchanged copy of "
			       "the parent in its place."),
			     name, parent);
	else
		pod_snprintf(text, size, T("%s: its parent %s cannot be used: %s."), name, parent, menu_status(m, st));
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

/* The runs of the file, absolute on the stick; says so if part of the file was never written. */
static enum pod_status image_extents(struct menu *m, const struct menu_image *im, struct pod_extent **out, size_t *n, char *text,
				     size_t size)
{
	struct pod_diag d = {N_("file extents"), im->node.entry_bytes, 0, 0};
	if (!im->node.size_bytes) {
		pod_snprintf(text, size, T("%s: the file is empty."), im->name);
		return POD_E_CORRUPT;
	}
	enum pod_status st = pod_fs_extents(&m->stick.data, &im->node, m->alloc, out, n);
	if (st != POD_OK) {
		explain(m, im->name, st, st == POD_E_UNSUPPORTED ? &m->stick.data.diag : &d, text, size);
		return st;
	}
	for (size_t i = 0; i < *n; i++) {
		if (!(*out)[i].hole)
			(*out)[i].dev_bytes += m->stick.id.part_start_bytes;
		/* Of a virtual disk the planner knows which parts must have been written. */
		if (!(*out)[i].hole || pod_image_is_disk_file(pod_image_kind_of_name(im->name)))
			continue;
		char have[16], all[16];
		pod_snprintf(text, size,
			     T("%s: the file was not copied completely: only %s of %s are there. Copy it again, and eject the "
			       "stick before you pull it out."),
			     im->name, pod_format_size(have, (*out)[i].file_bytes), pod_format_size(all, im->node.size_bytes));
		pod_free(m->alloc, *out);
		*out = NULL;
		return POD_E_CORRUPT;
	}
	return POD_OK;
}

static enum pod_status make_plan(struct menu *m, size_t image, struct pod_plan *plan, size_t *extents, char *text, size_t size)
{
	const struct menu_image *im = &m->stick.image[image];
	struct pod_extent *e = NULL;
	size_t n = 0;
	POD_TRY(image_extents(m, im, &e, &n, text, size));
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
		.volumes = m->fw->volumes,
		.secure_boot = m->fw->secure_boot,
		.windows_cd = m->conf->windows_cd,
		.answer = m->conf->answer_path,
		.labconfig = m->conf->labconfig,
		.windows_2023 = m->fw->wants_2023 && m->fw->wants_2023(m->fw),
		.write = m->conf->write,
		.wim_image = m->wim_image ? m->wim_image : m->conf->windows_image,
		.wim_images = m->wim_images,
		.volume_fs = m->stick.data.ops->name,
		.helper = stick_helper,
		.helper_ctx = m,
		.chinese = m->fw->language == POD_LANG_ZH_CN,
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
	if (cached)
		pod_cache_fini(c, m->alloc);
	pod_free(m->alloc, e);
	*extents = n;
	if (st != POD_OK && plan->parent[0])
		explain_parent(m, im->name, st, plan->parent, text, size);
	else if (st != POD_OK)
		explain(m, im->name, st, &d, text, size);
	return st;
}

enum pod_status start_plan(struct menu *m, size_t image, struct pod_plan *plan, size_t *extents, char *text, size_t size)
{
	menu_budget_start(m, POD_PLAN_STEPS, POD_PLAN_BYTES);
	enum pod_status st = make_plan(m, image, plan, extents, text, size);
	menu_budget_end(m);
	return st;
}

int plan_entry(const struct menu *m, const struct pod_plan *p)
{
	unsigned bit = 0;
	while (bit < 3 && !(m->fw->firmware_bit >> bit & 1))
		bit++;
	return bit == 0 ? p->bios_entry : p->efi_entry[bit];
}
