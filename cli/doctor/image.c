/* SPDX-License-Identifier: BSD-2-Clause */
/* Hazard 1: is the image whole, what it says it is, and made so that machines can start it? */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/doctor/images.h"
#include "cli/doctor/report.h"
#include "cli/stick/stray.h"
#include "cli/ui/bootmode.h"
#include "core/base/str.h"
#include "core/fs/iso9660.h"

static const struct doctor_check structure_check = {
	.id = "image.structure",
	.hazard = POD_HAZARD_IMAGE,
	.title = N_("structure"),
	.explain =
		N_("The image's own structures are read as the boot manager reads them: volume descriptors, boot catalogue, "
		   "partition table, the initrds that its boot menus name. If that fails, the menu cannot start the image. The "
		   "usual cause is an incomplete or failed download or copy: compare its hash with the one its publisher gives, "
		   "and download it again. A file that is no image at all (an archive, a web page saved under the image's name) "
		   "is told here as well."),
};
static const struct doctor_check kind_check = {
	.id = "image.kind",
	.hazard = POD_HAZARD_IMAGE,
	.title = N_("kind and name"),
	.explain = N_("The menu lists files by the end of their names (.iso .img .ima .raw .efi .wim .vhd .vhdx); what a file "
		      "is, is decided "
		      "by its content. A name that says something else misleads people and other programs; a name that says "
		      "nothing keeps "
		      "the image out of the menu. Rename the file."),
};
static const struct doctor_check boot_check = {
	.id = "image.boot",
	.hazard = POD_HAZARD_IMAGE,
	.title = N_("what starts it"),
	.explain = N_("Each firmware starts something else: BIOS a boot sector (in an ISO by El Torito), UEFI a loader such as "
		      "EFI/BOOT/BOOTX64.EFI, found through El Torito or in a filesystem of the image. An image without the "
		      "loader for a machine's firmware does not start there; 'isopod plan' shows the details. Some machines can "
		      "be switched between UEFI and BIOS (CSM, 'legacy') in their setup; otherwise take an edition of the image "
		      "for this kind of machine."),
};
static const struct doctor_check truncated_check = {
	.id = "image.truncated",
	.hazard = POD_HAZARD_IMAGE,
	.title = N_("length"),
	.explain =
		N_("A volume says how long it is. If the file is shorter, its end is missing: the menu and the kernel often "
		   "still start, and the system hangs or stops later, when it reads a file that is not there. Download or copy "
		   "the image again; 'isopod add --verify' reads the copy back. The last 300 KiB of an ISO may be padding that "
		   "nobody reads: their lack is no damage."),
};
static const struct doctor_check files_check = {
	.id = "image.files",
	.hazard = POD_HAZARD_IMAGE,
	.title = N_("files inside"),
	.explain = N_("The folders of an ISO say where each file lies. A file that reaches beyond the end of the image is lost "
		      "or cut; what "
		      "needs it fails. Without --full at most some thousand files are looked at."),
};

static const struct doctor_check *const checks[] = {
	&structure_check,
	&kind_check,
	&boot_check,
	&truncated_check,
	&files_check,
	&doctor_check_label,
	&doctor_check_sought,
	&doctor_check_catalogue,
	&doctor_check_hybrid,
	&doctor_check_zeros,
	&doctor_check_md5,
	&doctor_check_sums,
	&doctor_check_copied,
	&doctor_check_read,
	&doctor_check_name,
	&doctor_check_wim,
	&doctor_check_windows,
	&doctor_check_limits,
	&doctor_check_unlisted,
	&doctor_check_descriptors,
};

#define AGAIN _("download or copy the image again, and compare its hash with the publisher's")

/* --- the tree of an ISO ---------------------------------------------------------------------------------------------------- */

enum { FOLDERS_MAX = 4096 };

struct folder {
	char *path;
	struct pod_node node;
};

struct tree {
	struct pod_fs fs;
	struct pod_dir dir;
	struct pod_dirent e;
	struct folder folder[FOLDERS_MAX];
	size_t first, count;
};

/* Where a file lies: does it cover what is sought, and reach beyond the end? */
struct place {
	uint64_t sought, end;
	bool covers, beyond;
};

static enum pod_status take_run(void *ctx, const struct pod_extent *e)
{
	struct place *p = ctx;

	if (e->hole)
		return POD_OK;
	p->covers |= p->sought != UINT64_MAX && p->sought >= e->dev_bytes && p->sought - e->dev_bytes < e->length_bytes;
	p->beyond |= !pod_in_range(e->dev_bytes, e->length_bytes, p->end);
	return POD_OK;
}

static void take_file(struct doctor_iso_search *s, struct tree *t, const struct folder *f)
{
	const struct pod_node *n = &t->e.node;
	struct pod_extent whole = {.dev_bytes = n->size_bytes ? pod_iso9660_data(n) : 0, .length_bytes = n->size_bytes};
	struct place p = {.sought = s->offset_bytes, .end = s->end_bytes};

	/* A file that is cut off has no runs; ISO 9660 says all the same where it would begin. */
	if (t->fs.ops == &pod_fs_iso9660)
		(void)take_run(&p, &whole);
	else if (n->size_bytes)
		p.beyond |= t->fs.ops->extents(&t->fs, n, take_run, &p) == POD_E_CORRUPT;
	s->beyond += p.beyond;
	if (s->hit || !(p.covers || (p.beyond && s->offset_bytes == UINT64_MAX)))
		return;
	s->hit = true;
	snprintf(s->file.path, sizeof s->file.path, "%s/%s", f->path, t->e.name);
	s->file.size_bytes = n->size_bytes;
}

/* One folder; false: it cannot be read, or there are too many entries. */
static bool take_folder(struct doctor_iso_search *s, struct tree *t, const struct folder *f)
{
	enum pod_status st = pod_dir_open(&t->dir, &t->fs, &f->node);

	while (st == POD_OK && (st = pod_dir_next(&t->dir, &t->e)) == POD_OK) {
		if (s->entries++ >= s->entries_max)
			return false;
		if (!t->e.node.is_dir) {
			take_file(s, t, f);
		} else if (t->count == FOLDERS_MAX || strlen(f->path) + strlen(t->e.name) + 2 > POD_PATH_MAX) {
			return false;
		} else {
			t->folder[t->count].path = cli_xasprintf("%s/%s", f->path, t->e.name);
			t->folder[t->count++].node = t->e.node;
		}
	}
	return st == POD_END && !t->dir.damaged;
}

bool doctor_iso_search(const struct doctor_image *im, struct doctor_iso_search *s)
{
	struct tree *t = cli_xzalloc(sizeof *t);
	bool opened = pod_image_open_tree(&t->fs, im->bytes, &cli_alloc, NULL) == POD_OK;

	s->complete = false;
	if (opened && t->fs.ops->root(&t->fs, &t->folder[0].node) == POD_OK) {
		t->folder[t->count++].path = cli_xstrdup("");
		s->complete = true;
		/* Folders may point at each other; entries_max and FOLDERS_MAX end that. */
		while (t->first < t->count && s->complete)
			s->complete = take_folder(s, t, &t->folder[t->first++]);
	}
	if (opened)
		pod_fs_close(&t->fs);
	for (size_t i = 0; i < t->count; i++)
		free(t->folder[i].path);
	free(t);
	return opened;
}

void doctor_iso_file_at(const struct doctor_image *im, uint64_t offset_bytes, char out[256])
{
	struct doctor_iso_search s = {.offset_bytes = offset_bytes, .end_bytes = UINT64_MAX, .entries_max = 50000};

	out[0] = '\0';
	if (im->image && im->image->kind == POD_IMAGE_ISO && doctor_iso_search(im, &s) && s.hit)
		pod_strlcpy(out, s.file.path, 256);
}

/* Of a bridge whose ISO 9660 side shows a note only, a UDF side that cannot be opened is all there was. */
static bool udf_is_lost(const struct doctor_image *im)
{
	struct pod_fs fs = {0};
	enum pod_status st = im->image->udf ? pod_fs_open_as(&fs, &pod_fs_udf, im->bytes, &cli_alloc, NULL) : POD_OK;

	pod_fs_close(&fs);
	return st == POD_E_CORRUPT;
}

static void check_files(struct doctor *d, const struct doctor_image *im)
{
	struct doctor_iso_search *s = cli_xzalloc(sizeof *s);
	char size[16];
	bool opened;

	s->offset_bytes = UINT64_MAX;
	s->end_bytes = im->size_bytes;
	s->entries_max = d->full || im->image->truncated ? 200000 : 2000;
	opened = doctor_iso_search(im, s);
	if (s->beyond)
		doctor_reportf(d, &files_check, DOCTOR_BAD, im->subject, AGAIN,
			       _("%u of %u files reach beyond the end of the image; the first: %s (%s)"), s->beyond, s->entries,
			       s->file.path, pod_format_size(size, s->file.size_bytes));
	else if (udf_is_lost(im))
		doctor_report(d, &files_check, DOCTOR_BAD, im->subject,
			      _("the image has a UDF side that cannot be read: its end is missing, or it is damaged"), AGAIN);
	else if (pod_budget_status(im->bytes->budget) != POD_OK)
		; /* the doctor says that not everything was looked at */
	else if (!opened || (!s->complete && s->entries < s->entries_max))
		doctor_report(d, &files_check, DOCTOR_BAD, im->subject, _("the folders inside cannot be read to their end"),
			      AGAIN);
	else if (s->complete)
		doctor_reportf(d, &files_check, DOCTOR_GOOD, im->subject, NULL, _("all %u lie inside the image"), s->entries);
	else
		doctor_reportf(d, &files_check, DOCTOR_GOOD, im->subject, NULL, _("the first %u lie inside the image"),
			       s->entries);
	free(s);
}

/* --- what it is ------------------------------------------------------------------------------------------------------------ */

static enum pod_instead instead_of(const struct doctor_image *im)
{
	return im->image ? im->image->instead : POD_INSTEAD_NONE;
}

/* A kernel starts as an EFI program; a download may have its old name by mistake. */
static enum doctor_level level_of_instead(const struct doctor_image *im)
{
	if (im->image->kind == POD_IMAGE_UNKNOWN)
		return DOCTOR_BAD;
	return instead_of(im) == POD_INSTEAD_KERNEL && pod_image_kind_of_name(im->path) == POD_IMAGE_EFI ? DOCTOR_NOTE
													 : DOCTOR_WARN;
}

/* What the menu says of it, or of a part of it, as a finding. */
static void report_start(struct doctor *d, const struct doctor_check *check, enum doctor_level level,
			 const struct doctor_image *im, const struct pod_start *start)
{
	const struct pod_diag *g = im->plan_diag;
	char *what = cli_start_what(start);
	const char *fix = *start->fix ? _(start->fix)
			  : im->image && im->image->kind == POD_IMAGE_WIM
				  ? _("take the installation medium (.iso) of the same system")
				  : _("'isopod plan' shows the details");

	if (start->why == POD_WHY_DAMAGED && g->what)
		doctor_reportf(d, check, level, im->subject, fix, _("%s: expected %llu, found %llu"), what,
			       (unsigned long long)g->expected, (unsigned long long)g->got);
	else if (start->why == POD_WHY_CUT_OFF && im->image)
		doctor_reportf(d, check, level, im->subject, fix, _("%s (%llu of %llu bytes)"), what,
			       (unsigned long long)im->size_bytes, (unsigned long long)im->image->volume_bytes);
	else
		doctor_report(d, check, level, im->subject, what, fix);
	free(what);
}

static void check_structure(struct doctor *d, const struct doctor_image *im)
{
	if (instead_of(im) != POD_INSTEAD_NONE) {
		doctor_reportf(d, &structure_check, level_of_instead(im), im->subject, _(pod_instead_fix(instead_of(im))),
			       _("it is %s"), _(pod_instead_text(instead_of(im))));
	} else if (!im->plan && im->host_path && im->image && im->plan_status == POD_E_NOT_FOUND && !*im->parent) {
		/* The image is sound as far as was seen; what goes into its initrd is not where it should be. */
		doctor_report(d, &structure_check, DOCTOR_SKIPPED, im->subject,
			      _("the plan could not be made: the shims are not there"),
			      _("install isopod completely, or set ISOPOD_DATA to the folder with its files"));
	} else if (!im->plan && im->start.why == POD_WHY_STICK_DAMAGED && d->state->whole_stick) {
		doctor_report(d, &structure_check, DOCTOR_SKIPPED, im->subject,
			      _("the plan could not be made: a file of the stick's own is missing or damaged"), NULL);
	} else if (!im->plan) {
		report_start(d, &structure_check, im->start.why == POD_WHY_LIMIT ? DOCTOR_WARN : DOCTOR_BAD, im, &im->start);
	} else if (im->image->kind == POD_IMAGE_UNKNOWN) {
		report_start(d, &structure_check, pod_image_kind_of_name(im->path) == POD_IMAGE_DISK ? DOCTOR_WARN : DOCTOR_BAD,
			     im, &im->start);
	} else {
		doctor_reportf(d, &structure_check, DOCTOR_GOOD, im->subject, NULL, _("%s, as the boot manager reads it"),
			       pod_image_kind_text(im->image->kind));
	}
	/* What the plan could not do is worth knowing, unless the other checks say so; the reasons are the boot manager's own. */
	for (uint32_t i = 0; im->plan && i < im->plan->warning_count; i++)
		if ((i < im->plan->about_image.first || i >= im->plan->about_image.end) &&
		    (im->start.starts != POD_STARTS_NOT || !pod_start_is_warning(&im->start, im->plan, i)))
			doctor_report(d, &structure_check, DOCTOR_NOTE, im->subject, im->plan->warning[i], NULL);
}

/* aria2's file is beside it as long as the download goes on; on a stick the walk tells of it. */
static void check_beside(struct doctor *d, const struct doctor_image *im)
{
	char *path = im->host_path ? cli_xasprintf("%s.aria2", im->host_path) : NULL;

	if (path && access(path, F_OK) == 0)
		doctor_reportf(d, &doctor_check_unlisted, DOCTOR_WARN, im->subject, cli_stray_fix(CLI_STRAY_CONTROL), "%s: %s",
			       path, cli_stray_text(CLI_STRAY_CONTROL));
	free(path);
}

static void check_kind(struct doctor *d, const struct doctor_image *im)
{
	enum pod_image_kind named = pod_image_kind_of_name(im->path), is = im->image->kind;
	bool same = named == is || (named == POD_IMAGE_DISK && is == POD_IMAGE_FLOPPY) ||
		    (named == POD_IMAGE_FLOPPY && is == POD_IMAGE_DISK);

	if (is == POD_IMAGE_UNKNOWN)
		return;
	if (named == POD_IMAGE_UNKNOWN)
		doctor_reportf(d, &kind_check, DOCTOR_WARN, im->subject,
			       _("give it the ending of its kind (.iso, .img, .efi, .wim, .vhd, .vhdx)"),
			       _("it is of kind %s, but by this name the menu does not list it"), pod_image_kind_text(is));
	else if (!same)
		doctor_reportf(d, &kind_check, DOCTOR_NOTE, im->subject,
			       _("it starts as what it is; other programs may be misled: rename it"),
			       _("the name says %s, the content is of kind %s"), pod_image_kind_text(named),
			       pod_image_kind_text(is));
	else
		doctor_report(d, &kind_check, DOCTOR_GOOD, im->subject, pod_image_kind_text(is), NULL);
}

/* --- what starts it -------------------------------------------------------------------------------------------------------- */

static void check_boot_images(struct doctor *d, const struct doctor_image *im)
{
	for (int uefi = 0; uefi < 2; uefi++) {
		struct pod_start start;

		if (pod_start_of_boot_images(im->image, uefi, &start))
			report_start(d, &boot_check, im->image->firmware ? DOCTOR_WARN : DOCTOR_BAD, im, &start);
	}
	/* one of several, of which another starts */
	for (uint32_t i = 0; i < im->image->boot_count; i++) {
		const struct pod_eltorito_entry *e = &im->image->boot[i];

		if (e->platform == 0xEF && e->fault && im->image->firmware & ~(uint32_t)POD_FW_BIOS)
			doctor_reportf(
				d, &boot_check, DOCTOR_WARN, im->subject,
				_("UEFI machines may not start it; the image is damaged or badly made: try another edition"),
				_("the EFI boot image of El Torito entry %u holds no EFI/BOOT/BOOT*.EFI that can be read"),
				i + 1);
	}
}

static void check_boot(struct doctor *d, const struct doctor_image *im)
{
	bool planned = im->plan && (im->plan->container || im->plan->windows.count);
	uint32_t fw = planned ? im->plan->image.firmware : im->image->firmware;
	char list[48];

	cli_bootmode_list(fw, list);
	if (im->image->kind == POD_IMAGE_UNKNOWN)
		return;
	if (!im->plan && pod_image_is_disk_file(im->image->kind))
		return; /* nothing is known of what is in it */
	if (im->start.starts == POD_STARTS_NOT && im->plan && im->start.why == im->plan->why.why)
		report_start(d, &boot_check, im->image->kind == POD_IMAGE_WIM ? DOCTOR_WARN : DOCTOR_BAD, im, &im->start);
	else if (im->start.why == POD_WHY_NO_LOADER)
		report_start(d, &boot_check, DOCTOR_BAD, im, &im->start);
	else if (!fw)
		return; /* that is told elsewhere */
	else if (fw == POD_FW_BIOS)
		doctor_report(d, &boot_check, DOCTOR_NOTE, im->subject, _("starts on BIOS only: there is no UEFI loader in it"),
			      _("on a UEFI machine switch CSM ('legacy boot') on in the setup, or take an edition with UEFI"));
	else if (!(fw & POD_FW_BIOS))
		doctor_reportf(d, &boot_check, DOCTOR_NOTE, im->subject, _("on a BIOS machine take another edition"),
			       _("starts on %s only: there is no BIOS boot sector in it"), list);
	else
		doctor_reportf(d, &boot_check, DOCTOR_GOOD, im->subject, NULL, _("starts on %s"), list);
	check_boot_images(d, im);
}

static void check_length(struct doctor *d, const struct doctor_image *im)
{
	unsigned long long have = im->size_bytes, says = im->image->volume_bytes;

	if (im->start.why == POD_WHY_UNWRITTEN || im->start.why == POD_WHY_CUT_OFF || im->start.why == POD_WHY_NOT_COPIED)
		report_start(d, &truncated_check, DOCTOR_BAD, im, &im->start);
	else if (!says)
		return;
	else if (says > have)
		doctor_reportf(d, &truncated_check, DOCTOR_NOTE, im->subject,
			       _("this is padding as a rule; if in doubt compare the hash"), _("the last %llu bytes are missing"),
			       says - have);
	else
		doctor_reportf(d, &truncated_check, DOCTOR_GOOD, im->subject, NULL, _("%llu bytes, the volume ends at %llu"),
			       have, says);
}

static void run_image(struct doctor *d, const struct doctor_image *im)
{
	check_structure(d, im);
	check_beside(d, im);
	doctor_name(d, im);
	if (im->image) {
		check_kind(d, im);
		check_boot(d, im);
		check_length(d, im);
		doctor_wim(d, im);
		doctor_windows(d, im);
		if (im->image->kind == POD_IMAGE_ISO) {
			check_files(d, im);
			doctor_label(d, im);
			doctor_catalogue(d, im);
			doctor_descriptors(d, im);
		}
		if (im->image->kind == POD_IMAGE_ISO || im->image->kind == POD_IMAGE_DISK)
			doctor_hybrid(d, im);
	}
}

static void run_content(struct doctor *d, const struct doctor_image *im)
{
	if (im->size_bytes)
		doctor_content(d, im);
}

const struct doctor_module doctor_mod_image = {
	.check = checks, .count = POD_ARRAY_LEN(checks), .run_image = run_image, .run_content = run_content};
