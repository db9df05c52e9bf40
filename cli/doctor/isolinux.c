/* SPDX-License-Identifier: BSD-2-Clause */
/* isolinux and GRUB as El Torito starts them from a BIOS: the table that tells them where they lie, and what isolinux cannot do without. */
#include <stdlib.h>
#include <string.h>
#include "cli/doctor/infile.h"
#include "cli/doctor/menus.h"
#include "core/base/bytes.h"
#include "core/base/str.h"
#include "core/image/bootfile.h"

const struct doctor_check doctor_check_isolinux = {
	.id = "image.isolinux",
	.hazard = POD_HAZARD_IMAGE,
	.title = N_("the BIOS loader of the CD"),
	.explain = N_(
		"isolinux and GRUB are told by a table in their first sector where they lie on the CD, how long they are, and what "
		"their words add up to; isolinux stops if that is not so ('image checksum error'). isolinux also needs "
		"its configuration and, from version 5 on, ldlinux.c32 beside it; its modules need others (menu.c32 needs "
		"libutil.c32). If one of them is missing it says 'Failed to load', and shows no menu. Download the image "
		"again and compare its hash; if that is right, the image was made wrong."),
};

#define AGAIN	 _("download or copy the image again, and compare its hash with the publisher's")
#define ORIGINAL _("take the original image; or make it anew with the file that its menu names")

/* --- the table -------------------------------------------------------------------------------------------------------------- */

static unsigned check_table(struct doctor *d, const struct doctor_image *im, uint32_t lba, bool isolinux)
{
	struct pod_bootinfo b;
	enum pod_status st = pod_bootinfo_read(im->bytes, (uint64_t)lba * 2048, &b);

	if (st != POD_OK && st != POD_E_CORRUPT)
		return 0;
	/* Other boot images have code there. */
	if (!isolinux && (b.pvd_lba != 16 || b.file_lba != lba))
		return 0;
	if (st == POD_E_CORRUPT)
		doctor_reportf(d, &doctor_check_isolinux, DOCTOR_BAD, im->subject, AGAIN,
			       _("its boot information table states %u bytes, more than there are"), b.length_bytes);
	else if (b.file_lba != lba)
		doctor_reportf(d, &doctor_check_isolinux, DOCTOR_BAD, im->subject, AGAIN,
			       _("its boot information table says that it lies in block %u, but it lies in block %u"), b.file_lba,
			       lba);
	else if (b.sum != b.checksum)
		doctor_reportf(d, &doctor_check_isolinux, DOCTOR_BAD, im->subject, AGAIN,
			       _("the boot image at offset %llu is damaged: its words add up to %08x instead of %08x"),
			       (unsigned long long)lba * 2048, b.sum, b.checksum);
	else
		return 0;
	return 1;
}

static unsigned check_tables(struct menus *m)
{
	const struct pod_image *im = m->im->image;
	unsigned wrong = 0;

	for (uint32_t i = 0; im->kind == POD_IMAGE_ISO && i < im->boot_count; i++)
		if (!im->boot[i].platform && !im->boot[i].media)
			wrong += check_table(m->d, m->im, im->boot[i].lba, (uint64_t)im->boot[i].lba * 2048 == m->isolinux_bytes);
	return wrong;
}

/* --- modules ---------------------------------------------------------------------------------------------------------------- */

/* Where SYSLINUX looks for a module that another needs: beside its configuration, beside itself, and in PATH. */
static bool find_module(struct menus *m, const struct menus_root *r, const char *name, struct pod_node *out)
{
	static const char *const folders[] = {"boot/isolinux", "isolinux", "boot/syslinux", "syslinux", ""};
	const char *at = r && r->folders ? r->folders : "";
	bool there = false;
	char *path;

	for (size_t i = 0; i <= POD_ARRAY_LEN(folders) && !there; i++) {
		if (!i && !r)
			continue;
		path = cli_xasprintf("%s/%s", i ? folders[i - 1] : r->folder, name);
		there = menus_lookup(m, r ? r->volume : 0, path, out);
		free(path);
	}
	while (!there && *at) {
		size_t n = strcspn(at, ":\n");

		path = cli_xasprintf("%.*s/%s", (int)n, at, name);
		there = n && menus_lookup(m, r->volume, path, out);
		free(path);
		at += n + (at[n] != 0);
	}
	return there;
}

/* Modules still to be looked at. */
struct queue {
	char name[32][32];
	char by[32][32];
	unsigned count;
};

static void enqueue(struct queue *q, const char *name, const char *by)
{
	for (unsigned i = 0; i < q->count; i++)
		if (strcmp(q->name[i], name) == 0)
			return;
	if (q->count == POD_ARRAY_LEN(q->name))
		return;
	pod_strlcpy(q->name[q->count], name, sizeof q->name[0]);
	pod_strlcpy(q->by[q->count++], by, sizeof q->by[0]);
}

static void read_needed(struct menus *m, const struct menus_root *r, const struct pod_node *node, const char *by, struct queue *q)
{
	struct doctor_infile f;
	struct pod_com32 c;

	if (doctor_infile_open(&f, &m->volume[r ? r->volume : 0].fs, node) != POD_OK)
		return;
	if (pod_com32_read(&f.file.dev, &c, NULL) == POD_OK)
		for (uint32_t i = 0; i < c.needed_count; i++)
			enqueue(q, c.needed[i], by);
	doctor_infile_close(&f);
}

static const char *base_of(const char *path)
{
	return strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
}

/* What the modules that are needed at any rate are linked with, and so on. */
static unsigned check_modules(struct menus *m, const struct menus_root *r)
{
	struct queue *q = cli_xzalloc(sizeof *q);
	unsigned wrong = 0;
	struct pod_node node;

	if (m->isolinux_major >= 5)
		enqueue(q, "ldlinux.c32", "isolinux");
	for (uint32_t i = 0; i < m->wants; i++) {
		const struct menus_want *w = &m->want[i];

		if (w->kind == POD_MENU_COM32 && w->volume != MENUS_NOWHERE && w->entry == MENUS_NOWHERE)
			read_needed(m, r, &w->node, base_of(w->path), q);
	}
	for (unsigned i = 0; i < q->count; i++) {
		struct doctor_infile f;
		struct pod_com32 c;
		bool sound = false;

		if (!find_module(m, r, q->name[i], &node)) {
			wrong++;
			doctor_reportf(m->d, &doctor_check_isolinux, DOCTOR_BAD, m->im->subject, ORIGINAL,
				       _("%s is missing, and %s does not work without it"), q->name[i], q->by[i]);
			continue;
		}
		if (doctor_infile_open(&f, &m->volume[r ? r->volume : 0].fs, &node) == POD_OK) {
			sound = pod_com32_read(&f.file.dev, &c, NULL) == POD_OK && c.elf;
			doctor_infile_close(&f);
		}
		if (!sound) {
			wrong++;
			doctor_reportf(m->d, &doctor_check_isolinux, DOCTOR_BAD, m->im->subject, AGAIN,
				       _("%s is damaged or of another version, and %s does not work without it"), q->name[i],
				       q->by[i]);
		}
		read_needed(m, r, &node, q->name[i], q);
	}
	free(q);
	return wrong;
}

void menus_isolinux(struct menus *m)
{
	const struct menus_root *r = NULL;
	unsigned wrong = check_tables(m);

	for (uint32_t i = 0; i < m->roots && !r; i++)
		if (m->root[i].loader == MENUS_SYSLINUX && m->root[i].volume == 0)
			r = &m->root[i];
	if (!m->isolinux_bytes)
		return;
	if (!r && m->volumes) {
		wrong++;
		doctor_report(
			m->d, &doctor_check_isolinux, DOCTOR_BAD, m->im->subject,
			_("isolinux starts it from a BIOS, and there is no isolinux.cfg or syslinux.cfg where it looks for it"),
			ORIGINAL);
	}
	if (m->volumes)
		wrong += check_modules(m, r);
	if (!wrong)
		doctor_reportf(m->d, &doctor_check_isolinux, DOCTOR_GOOD, m->im->subject, NULL,
			       _("isolinux %u: its sum, its configuration and its modules are in order"), m->isolinux_major);
}
