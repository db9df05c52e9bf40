/* SPDX-License-Identifier: BSD-2-Clause */
/* Windows' media: is everything there that their boot manager asks for, and what is too large for the filesystems it passes through? */
#include <stdlib.h>
#include <string.h>
#include "cli/doctor/images.h"
#include "core/base/str.h"
#include "core/firm/pe.h"
#include "core/fs/iso9660.h"

const struct doctor_check doctor_check_windows = {
	.id = "image.windows",
	.hazard = POD_HAZARD_IMAGE,
	.title = N_("what Windows' boot manager asks for"),
	.explain = N_(
		"Beside the boot manager itself a Windows medium needs its boot configuration (BCD), boot/boot.sdi, and "
		"sources/boot.wim: without one of them the start ends with 0xc000000f. Boot managers of 10.0.26100 (Windows 11 24H2) "
		"and later also ask for boot.stl beside the BCD when Secure Boot is on, and stop without it with 0xc0430001. "
		"Without fonts their messages may be unreadable. Media that were put together by hand often lack one of these; "
		"take the original, or the missing file out of \\Windows\\Boot of the image in boot.wim."),
};
const struct doctor_check doctor_check_limits = {
	.id = "image.limits",
	.hazard = POD_HAZARD_IMAGE,
	.title = N_("files of 4 GiB and above"),
	.explain = N_(
		"FAT32 takes no file of 4 GiB and above. A large sources/install.wim in an ISO is no problem as long as the ISO "
		"stays as it is; to copy the files of the medium onto a FAT32 drive it has to be split. ISO 9660 has no such "
		"files in one piece either: some media state a smaller size there, and only UDF tells the true one. What Windows "
		"is started from is a FAT32 disk too, so that a boot.wim, or a WIM on the stick, must stay below."),
};

#define FAT_FILE_MAX UINT32_MAX
#define STL_BUILD    26100u /* boot managers from here on ask for boot.stl */
#define LOADER_MAX   (16u << 20)

/* --- what is there -------------------------------------------------------------------------------------------------------- */

static const struct pod_disk_file *served(const struct pod_plan *p, const char *path)
{
	for (size_t i = 0; i < p->windows.count; i++)
		if (pod_strcasecmp(p->windows.file[i].path, path) == 0)
			return &p->windows.file[i];
	return NULL;
}

static bool serves_fonts(const struct pod_plan *p, const char *folder)
{
	size_t n = strlen(folder);

	for (size_t i = 0; i < p->windows.count; i++)
		if (pod_strncasecmp(p->windows.file[i].path, folder, n) == 0)
			return true;
	return false;
}

/* The build in the version of a boot manager for UEFI; 0: not known. */
static unsigned build_of(const struct doctor_image *im, const struct pod_disk_file *f)
{
	struct pod_mapdev disk;
	struct pod_pe pe;
	uint16_t version[4] = {0};
	size_t n = (size_t)f->length_bytes;
	uint8_t *data;

	if (f->length_bytes > LOADER_MAX)
		return 0;
	data = cli_xmalloc(n + 1);
	pod_mapdev_init(&disk, &im->plan->map, im->file->disk, 512);
	if (pod_dev_read(&disk.dev, f->start_bytes, data, n) != POD_OK || pod_pe_read(data, n, &pe, NULL) != POD_OK ||
	    pod_pe_version(data, n, &pe, version) != POD_OK)
		version[2] = 0;
	free(data);
	return version[2];
}

static void check_stl(struct doctor *d, const struct doctor_image *im)
{
	for (uint32_t fw = POD_FW_X64; fw <= POD_FW_AA64; fw <<= 1) {
		char path[64];
		const struct pod_disk_file *f;
		unsigned build;

		snprintf(path, sizeof path, "/%s", pod_efi_loader_path(fw));
		f = im->plan->image.firmware & fw ? served(im->plan, path) : NULL;
		build = f ? build_of(im, f) : 0;
		if (build >= STL_BUILD)
			doctor_reportf(d, &doctor_check_windows, DOCTOR_WARN, im->subject,
				       _("copy boot.stl from \\Windows\\Boot\\EFI of a Windows of the same build to "
					 "efi/microsoft/boot, or switch Secure Boot off"),
				       _("boot.stl is missing, and the boot manager (build %u) asks for it with Secure Boot on: "
					 "0xc0430001"),
				       build);
		if (build)
			return; /* they are all of one medium */
	}
}

/* Started from the disk that is made of it: then the rest is there, or was made. */
static void check_served(struct doctor *d, const struct doctor_image *im)
{
	const struct pod_plan *p = im->plan;

	for (size_t i = 0; i < p->windows.count; i++)
		if (p->windows.file[i].origin == POD_FROM_MADE)
			doctor_reportf(d, &doctor_check_windows, DOCTOR_NOTE, im->subject, NULL,
				       _("%s is not there, nor in the WIM: one is made at the start"),
				       p->windows.file[i].path + 1);
	if (!served(p, "/efi/microsoft/boot/boot.stl"))
		check_stl(d, im);
	if (!serves_fonts(p, "/boot/fonts/") && !serves_fonts(p, "/efi/microsoft/boot/fonts/"))
		doctor_report(d, &doctor_check_windows, DOCTOR_NOTE, im->subject,
			      _("there are no fonts for the boot manager: its messages may be unreadable"), NULL);
	doctor_reportf(d, &doctor_check_windows, DOCTOR_GOOD, im->subject, NULL,
		       _("boot manager, boot configuration, boot.sdi and WIM are there (%zu files)"), p->windows.count);
}

static bool has(struct pod_fs *fs, const char *path, struct pod_node *node, struct pod_dirent *scratch)
{
	return pod_fs_lookup(fs, path, node, scratch) == POD_OK && !node->is_dir;
}

/* A medium with boot.wim that the boot manager cannot be given: what is missing? */
static void check_missing(struct doctor *d, const struct doctor_image *im, struct pod_fs *fs, struct pod_dirent *scratch)
{
	const char *fix = _("take the original image; or copy the file from another medium of the same Windows");
	struct pod_node n;
	bool efi = false, bios = has(fs, "bootmgr", &n, scratch);

	for (uint32_t fw = POD_FW_X64; fw <= POD_FW_AA64; fw <<= 1)
		efi |= has(fs, pod_efi_loader_path(fw), &n, scratch);
	if (!has(fs, "boot/boot.sdi", &n, scratch))
		doctor_reportf(d, &doctor_check_windows, DOCTOR_BAD, im->subject, fix,
			       _("%s is missing: Windows' boot manager stops with 0xc000000f"), "boot/boot.sdi");
	if (!efi && !bios)
		doctor_report(d, &doctor_check_windows, DOCTOR_BAD, im->subject,
			      _("there is sources/boot.wim, but no boot manager that starts it"), fix);
	if (efi && !has(fs, "efi/microsoft/boot/bcd", &n, scratch))
		doctor_reportf(d, &doctor_check_windows, bios ? DOCTOR_WARN : DOCTOR_BAD, im->subject, fix,
			       _("%s is missing: Windows' boot manager stops with 0xc000000f"), "efi/microsoft/boot/bcd");
	if (bios && !has(fs, "boot/bcd", &n, scratch))
		doctor_reportf(d, &doctor_check_windows, efi ? DOCTOR_WARN : DOCTOR_BAD, im->subject, fix,
			       _("%s is missing: Windows' boot manager stops with 0xc000000f"), "boot/bcd");
}

/* --- what is too large ------------------------------------------------------------------------------------------------------ */

/* What ISO 9660 says of a file's size, beside UDF; 0: it does not know the file. */
static uint64_t iso_size(const struct doctor_image *im, const char *path, struct pod_dirent *scratch)
{
	const struct pod_fs_ops *ops = im->image->joliet ? &pod_fs_joliet : &pod_fs_iso9660;
	struct pod_fs fs = {0};
	struct pod_node n = {0};

	if (pod_fs_open_as(&fs, ops, im->bytes, &cli_alloc, NULL) != POD_OK)
		return 0;
	if (!has(&fs, path, &n, scratch))
		n.size_bytes = 0;
	pod_fs_close(&fs);
	return n.size_bytes;
}

static void check_size(struct doctor *d, const struct doctor_image *im, const char *path, uint64_t size,
		       struct pod_dirent *scratch)
{
	char text[16], other[16];
	uint64_t iso;

	if (size <= FAT_FILE_MAX)
		return;
	pod_format_size(text, size);
	if (pod_ends_with_nocase(path, "boot.wim"))
		doctor_reportf(
			d, &doctor_check_limits, DOCTOR_WARN, im->subject,
			_("store the image that starts in a WIM of its own: wimlib-imagex export boot.wim NUMBER NEW.wim --boot"),
			_("%s (%s) is too large for the FAT32 disk that Windows is started from"), path, text);
	else
		doctor_reportf(d, &doctor_check_limits, DOCTOR_NOTE, im->subject,
			       pod_ends_with_nocase(path, ".wim") || pod_ends_with_nocase(path, ".esd")
				       ? _("leave it in the ISO; for a FAT32 drive split it: wimlib-imagex split install.wim "
					   "install.swm 4000 (an .esd: export it first)")
				       : NULL,
			       _("%s (%s) cannot be copied to FAT32, which takes files below 4 GiB only"), path, text);
	iso = im->image->udf ? iso_size(im, path, scratch) : 0;
	if (iso && iso != size)
		doctor_reportf(d, &doctor_check_limits, DOCTOR_NOTE, im->subject, NULL,
			       _("%s: ISO 9660 says %s, UDF says %s: what reads ISO 9660 gets only a part"), path,
			       pod_format_size(other, iso), text);
}

/* --- a medium --------------------------------------------------------------------------------------------------------------- */

static const char *const large[] = {"sources/boot.wim", "sources/install.wim", "sources/install.esd"};

static void examine_medium(struct doctor *d, const struct doctor_image *im, struct pod_fs *fs)
{
	struct pod_dirent *scratch = cli_xzalloc(sizeof *scratch);
	struct pod_node n;

	if (has(fs, large[0], &n, scratch)) {
		if (im->plan && im->plan->windows.count)
			check_served(d, im);
		else
			check_missing(d, im, fs, scratch);
		for (size_t i = 0; i < POD_ARRAY_LEN(large); i++)
			if (has(fs, large[i], &n, scratch))
				check_size(d, im, large[i], n.size_bytes, scratch);
	}
	free(scratch);
}

void doctor_windows(struct doctor *d, const struct doctor_image *im)
{
	struct pod_fs fs = {0};
	char text[16];

	if (!doctor_wants(d, &doctor_check_windows) && !doctor_wants(d, &doctor_check_limits))
		return;
	/* UDF is what Windows reads where both are there. */
	if (im->image->kind == POD_IMAGE_ISO &&
	    ((im->image->udf && pod_fs_open_as(&fs, &pod_fs_udf, im->bytes, &cli_alloc, NULL) == POD_OK) ||
	     pod_image_open_tree(&fs, im->bytes, &cli_alloc, NULL) == POD_OK))
		examine_medium(d, im, &fs);
	if (im->image->kind == POD_IMAGE_WIM && im->plan && im->plan->windows.count)
		check_served(d, im);
	if (im->image->kind == POD_IMAGE_WIM && im->size_bytes > FAT_FILE_MAX)
		doctor_reportf(
			d, &doctor_check_limits, DOCTOR_WARN, im->subject,
			_("store the image that starts in a WIM of its own: wimlib-imagex export boot.wim NUMBER NEW.wim --boot"),
			_("%s (%s) is too large for the FAT32 disk that Windows is started from"), im->subject,
			pod_format_size(text, im->size_bytes));
	pod_fs_close(&fs);
}
