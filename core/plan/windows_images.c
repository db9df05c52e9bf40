/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which image of a WIM starts. Windows' boot manager reads the one that the WIM's header names; we serve a header that names another one
 * where the user wants that.
 *
 * An image can start if it has winload and is made to run from a WIM: it has winpeshl.exe, or the XML data call it WindowsPE, or the header
 * names it. Metadata are read for that, a few MiB per image, so images that nobody asked for are looked at for a choice only
 * (rq->wim_images), or where the header names none. What the XML data call something else ("Client") is not read at all.
 */
#include "core/base/mem.h"
#include "core/plan/windows_int.h"
#include "core/wim/patch.h"

enum { NAMES_MAX = 64 /* images whose XML data are read */ };

struct images {
	struct windows_job *j;
	struct pod_wim *w;
	struct pod_wim_about *about; /* of each image; NULL: not known */
	struct pod_wim_choice *choice;
	uint32_t choices; /* 0: not looked at */
};

static bool header_names(const struct pod_wim *w)
{
	return w->boot_index && w->boot_index <= w->image_count;
}

static const struct pod_wim_about *about_of(const struct images *x, uint32_t image)
{
	return x->about ? &x->about[image - 1] : NULL;
}

static bool called_pe(const struct pod_wim_about *about)
{
	return about && pod_strcasecmp(about->type, "WindowsPE") == 0;
}

/* What starts the image that is selected, and is it made for that? */
static void look(struct images *x)
{
	struct windows_job *j = x->j;
	struct pod_wim_node node;
	j->winload_efi = windows_wim_program(j, "Windows/System32/boot/winload.efi");
	if (!j->winload_efi)
		j->winload_efi = windows_wim_program(j, "Windows/System32/winload.efi");
	j->winload_exe = windows_wim_has(j, "Windows/System32/winload.exe", &node) ||
			 windows_wim_has(j, "Windows/System32/boot/winload.exe", &node);
	j->is_pe = x->w->image == x->w->boot_index || called_pe(about_of(x, x->w->image)) ||
		   windows_wim_has(j, "Windows/System32/winpeshl.exe", &node);
}

static enum pod_status examine(struct images *x, uint32_t image, struct pod_wim_choice *c)
{
	const struct pod_wim_about *about = about_of(x, image);
	struct windows_job *j = x->j;
	*c = (struct pod_wim_choice){.image = image, .arch = ""};
	if (about) {
		pod_strlcpy(c->name, about->name, sizeof c->name);
		c->arch = pod_wim_arch_text(about);
	}
	if (about && about->type[0] && !called_pe(about) && image != x->w->boot_index) {
		c->start = POD_WIM_NO_PE;
		return POD_OK;
	}
	enum pod_status st = pod_wim_select(x->w, image, NULL);
	if (st != POD_OK) {
		c->start = POD_WIM_UNREADABLE;
		return windows_is_fatal(st) ? st : POD_OK;
	}
	look(x);
	c->firmware = j->winload_efi | (j->winload_exe ? POD_FW_BIOS : 0);
	if (j->winload_efi)
		c->arch = j->winload_efi & POD_FW_X64 ? "x64" : j->winload_efi & POD_FW_IA32 ? "x86" : "arm64";
	c->start = !c->firmware ? POD_WIM_NO_WINLOAD : j->is_pe ? POD_WIM_STARTS : POD_WIM_NO_PE;
	return POD_OK;
}

/* All of them, with half of what the budget allows: where that ends the rest count as unreadable. */
static enum pod_status examine_all(struct images *x)
{
	uint32_t n = x->w->image_count < POD_WIM_CHOICES_MAX ? x->w->image_count : POD_WIM_CHOICES_MAX;
	struct pod_budget_part part;
	enum pod_status st = POD_OK;
	x->choice = pod_zalloc(x->w->alloc, n, sizeof *x->choice);
	if (!x->choice)
		return POD_E_NOMEM;
	pod_budget_split(x->w->dev->budget, &part);
	for (; st == POD_OK && x->choices < n; x->choices++)
		st = examine(x, x->choices + 1, &x->choice[x->choices]);
	(void)pod_budget_join(x->w->dev->budget, &part);
	return st;
}

/* The one that the header names; else the last that starts, as on media whose second one is Setup; else the last. */
static uint32_t own_image(const struct images *x)
{
	if (header_names(x->w))
		return x->w->boot_index;
	for (uint32_t i = x->choices; i; i--)
		if (x->choice[i - 1].start == POD_WIM_STARTS)
			return i;
	return x->w->image_count;
}

/* Who asked for an image that does not start gets the WIM's own, and is told. */
static enum pod_status wanted_image(struct images *x, uint32_t want, uint32_t own, uint32_t *image)
{
	struct pod_wim_choice c = {.start = POD_WIM_UNREADABLE};
	*image = own;
	if (!want || want == own)
		return POD_OK;
	if (want <= x->choices)
		c = x->choice[want - 1];
	else if (want <= x->w->image_count)
		POD_TRY(examine(x, want, &c));
	if (c.start == POD_WIM_STARTS)
		*image = want;
	else
		pod_plan_warn(x->j->plan, "The WIM has no image %u that starts: image %u starts instead.", want, own);
	return POD_OK;
}

static enum pod_status choose(struct images *x, struct pod_diag *diag)
{
	struct windows_job *j = x->j;
	bool all = !j->other && j->rq->wim_images;
	uint32_t image;
	if (x->w->image_count > 1 && (all || !header_names(x->w)))
		POD_TRY(examine_all(x));
	uint32_t own = own_image(x);
	POD_TRY(wanted_image(x, j->other ? 0 : j->rq->wim_image, own, &image));
	POD_TRY(pod_wim_select(x->w, image, diag));
	look(x);
	if (j->other)
		return POD_OK;
	struct pod_plan_windows *pw = &j->plan->windows;
	pw->wim_own = own;
	pw->wim_image = image;
	if (x->about)
		pod_strlcpy(pw->wim_name, x->about[image - 1].name, sizeof pw->wim_name);
	pw->choice = x->choice;
	pw->choices = x->choices;
	x->choice = NULL;
	return POD_OK;
}

enum pod_status windows_choose_image(struct windows_job *j, struct pod_diag *diag)
{
	struct images x = {.j = j, .w = &j->wim};
	struct pod_alloc *a = j->wim.alloc;
	if (j->wim.image_count && j->wim.image_count <= NAMES_MAX)
		x.about = pod_zalloc(a, j->wim.image_count, sizeof *x.about);
	if (x.about && pod_wim_about(&j->wim, x.about, j->wim.image_count, NULL) != POD_OK) {
		pod_free(a, x.about);
		x.about = NULL;
	}
	enum pod_status st = choose(&x, diag);
	pod_free(a, x.choice);
	pod_free(a, x.about);
	return st;
}

enum pod_status windows_name_image(struct windows_job *j)
{
	struct pod_diag d = {0};
	if (j->patched.size_bytes || j->wim.image == j->wim.boot_index)
		return POD_OK;
	enum pod_status st = pod_wim_patch(&j->wim, &j->wim_map, j->rq->disk, NULL, 0, j->wim.image, &j->patched, &d);
	if (st == POD_OK || windows_is_fatal(st))
		return st;
	pod_plan_warn(j->plan, "The WIM cannot be made to start image %u (%s): it starts what its header names.", j->wim.image,
		      d.what ? d.what : pod_status_text(st));
	if (!j->other)
		j->plan->windows.wim_image = j->wim.boot_index;
	return POD_OK;
}
