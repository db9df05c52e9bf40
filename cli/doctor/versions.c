/* SPDX-License-Identifier: BSD-2-Clause */
/* Of each menu entry: does one of its initrds hold modules of the kernel that it starts? */
#include <stdlib.h>
#include <string.h>
#include "cli/doctor/drivers.h"
#include "cli/doctor/infile.h"
#include "cli/doctor/initrd.h"
#include "cli/doctor/menus.h"
#include "core/base/str.h"
#include "core/image/bootfile.h"

const struct doctor_check drivers_check_versions = {
	.id = "drivers.versions",
	.hazard = POD_HAZARD_DRIVER,
	.title = N_("kernel and modules belong together"),
	.explain = N_("A kernel loads modules from the folder of its own version only (lib/modules/VERSION). An initrd that has "
		      "modules of another version only is of no use to it: the start ends with a medium that is not found. Such "
		      "media were put together of parts of two systems; take the original image, or make the initrd anew for "
		      "this kernel."),
};

/* The version that a kernel states; "" if it does not. */
static void version_of(struct menus *m, const struct menus_want *w, char out[DRIVERS_VERSION])
{
	struct doctor_infile f;
	struct pod_kernel k = {0};

	out[0] = 0;
	if (doctor_infile_open(&f, &m->volume[w->volume].fs, &w->node) != POD_OK)
		return;
	if (pod_kernel_read(&f.file.dev, &k, NULL) == POD_OK)
		pod_strlcpy(out, k.version, DRIVERS_VERSION);
	doctor_infile_close(&f);
}

static const struct initrd *read_as(const struct menus_want *w, const struct initrd *initrd, const char *const *path,
				    size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (pod_strcasecmp(w->path, path[i]) == 0)
			return &initrd[i];
	return NULL;
}

/* Of entry `e`: an initrd with modules of another version; NULL: one fits, or there are none. */
static const struct initrd *other_version(struct menus *m, uint32_t e, const char *version, const struct initrd *initrd,
					  const char *const *path, size_t count)
{
	const struct initrd *other = NULL;

	for (uint32_t i = 0; i < m->wants; i++) {
		const struct menus_want *w = &m->want[i];
		const struct initrd *r;

		if (w->entry != e || w->kind != POD_MENU_INITRD)
			continue;
		r = w->volume == MENUS_NOWHERE || w->unsure ? NULL : read_as(w, initrd, path, count);
		/* What was not read may hold them. */
		if (!r || r->modules.several || r->has_squashfs || !r->modules.kernel || strcmp(r->modules.kernel, version) == 0)
			return NULL;
		other = r;
	}
	return other;
}

static bool has_initrd(const struct menus *m, uint32_t entry)
{
	for (uint32_t i = 0; i < m->wants; i++)
		if (m->want[i].entry == entry && m->want[i].kind == POD_MENU_INITRD)
			return true;
	return false;
}

/* The version that all kernels of the menus have; "" if they differ, or one does not state its own. */
static void one_version(char all[DRIVERS_VERSION], const char *version, bool first)
{
	if (first)
		pod_strlcpy(all, version, DRIVERS_VERSION);
	else if (strcmp(all, version) != 0)
		all[0] = 0;
}

void drivers_versions_root(struct doctor *d, const struct doctor_image *im, const char *version, const struct modules *root)
{
	if (!*version || root->several || !root->kernel || strcmp(root->kernel, version) == 0)
		return;
	doctor_reportf(
		d, &drivers_check_versions, DOCTOR_WARN, im->subject,
		_("take the original image, or make its root image anew for this kernel"),
		_("the kernel is %s, and the root image holds modules of %s only: what its initrd does not bring, no driver is "
		  "loaded for"),
		version, root->kernel);
}

void drivers_versions(struct doctor *d, const struct doctor_image *im, const struct initrd *initrd, const char *const *path,
		      size_t count, char all[DRIVERS_VERSION])
{
	struct menus *m;
	unsigned fits = 0, wrong = 0, kernels = 0;

	all[0] = 0;
	if (!count || !doctor_wants(d, &drivers_check_versions))
		return;
	m = cli_xzalloc(sizeof *m);
	menus_collect(m, d, im);
	for (uint32_t i = 0; i < m->wants && !wrong; i++) {
		const struct menus_want *w = &m->want[i];
		const struct initrd *other;
		char version[DRIVERS_VERSION];

		if (w->kind != POD_MENU_KERNEL || w->unsure || w->entry == MENUS_NOWHERE || w->volume == MENUS_NOWHERE)
			continue;
		version_of(m, w, version);
		if (has_initrd(m, w->entry)) /* what has none is no system: a memory test */
			one_version(all, version, !kernels++);
		if (!*version)
			continue;
		other = other_version(m, w->entry, version, initrd, path, count);
		fits += !other;
		if (!other)
			continue;
		wrong++;
		doctor_reportf(d, &drivers_check_versions, DOCTOR_BAD, im->subject,
			       _("take the original image, or make the initrd anew for this kernel"),
			       _("%s is kernel %s, and its initrd %s holds modules of %s only: no driver can be loaded"), w->path,
			       version, path[other - initrd], other->modules.kernel);
	}
	if (fits && !wrong)
		doctor_report(d, &drivers_check_versions, DOCTOR_GOOD, im->subject,
			      _("no entry starts a kernel with modules of another version"), NULL);
	if (wrong)
		all[0] = 0; /* one sentence is enough */
	menus_free(m);
	free(m);
}
