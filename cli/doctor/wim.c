/* SPDX-License-Identifier: BSD-2-Clause */
/* The images of a WIM, or of the WIM that a Windows medium starts: can Windows' boot manager read and start them? */
#include <stdlib.h>
#include "cli/doctor/images.h"
#include "cli/doctor/infile.h"
#include "cli/stick/wim.h"

const struct doctor_check doctor_check_wim = {
	.id = "image.wim",
	.hazard = POD_HAZARD_IMAGE,
	.title = N_("images in a WIM"),
	.explain = N_("Windows Setup, recovery and PE systems start from an image in a WIM file. Windows' boot manager reads "
		      "WIMs that are not compressed, or with XPRESS or LZX in chunks of 32 KiB; it starts the image that the "
		      "file's header names, if there is Windows\\System32\\boot\\winload.efi in it (UEFI) or winload.exe "
		      "(BIOS). It stops at others with 0xc0000225. wimlib-imagex (Debian: wimtools) writes such files anew: "
		      "'export' compresses differently, 'join' puts split ones together, 'info FILE N --boot' names the image "
		      "to start."),
};

#define AGAIN _("download or copy the image again, and compare its hash with the publisher's")

/* `file`: "", or the WIM of the medium with a colon. */
static void report_images(struct doctor *d, const char *subject, const char *file, const struct cli_wim *w)
{
	for (uint32_t no = 1; no <= w->count; no++) {
		const struct cli_wim_image *im = &w->image[no - 1];
		char *text = cli_wim_image_text(w, no);

		if (im->looked && im->status != POD_OK && im->status != POD_E_UNSUPPORTED && im->status != POD_E_BUDGET)
			doctor_reportf(d, &doctor_check_wim, DOCTOR_BAD, subject, AGAIN,
				       _("%simage %u (%s) cannot be read: %s (%s)"), file, no, text, cli_status_text(im->status),
				       im->what ? im->what : _("metadata"));
		else if (im->looked && im->status == POD_OK && !im->bios && !im->efi && w->header.boot_index == no)
			doctor_reportf(d, &doctor_check_wim, DOCTOR_WARN, subject,
				       _("name another image: wimlib-imagex info FILE NUMBER --boot"),
				       _("image %u (%s) is named as the one to start, but there is no winload in it"), no, text);
		else
			doctor_reportf(d, &doctor_check_wim, DOCTOR_GOOD, subject, NULL, _("%simage %u of %u, %s%s: %s%s%s"),
				       file, no, w->header.image_count, pod_wim_compression_text(w->header.compression),
				       w->header.boot_index == no ? _(", to be started") : "", text,
				       im->efi ? ", winload.efi" : "", im->bios ? ", winload.exe" : "");
		free(text);
	}
}

static void examine(struct doctor *d, const char *subject, const char *file, bool starts, struct pod_dev *dev)
{
	struct cli_wim *w = cli_xmalloc(sizeof *w);
	struct pod_diag diag = {0};
	enum pod_status st = cli_wim_read(w, dev,
					  d->full  ? CLI_WIM_ALL_TREES
					  : starts ? CLI_WIM_BOOT_TREE
						   : CLI_WIM_NO_TREE,
					  &diag);
	/* Setup reads more than the boot manager does. */
	char *refusal = st == POD_OK && starts ? cli_wim_refusal(w) : NULL;

	if (refusal)
		doctor_reportf(d, &doctor_check_wim, DOCTOR_BAD, subject, cli_wim_remedy(w), "%s", refusal);
	if (st == POD_OK)
		report_images(d, subject, file, w);
	else if (st != POD_E_BUDGET)
		doctor_reportf(d, &doctor_check_wim, DOCTOR_BAD, subject, AGAIN, _("%sthe WIM cannot be read: %s (%s)"), file,
			       cli_status_text(st), diag.what ? diag.what : _("header"));
	free(refusal);
	free(w);
}

/* A WIM of a medium, as a device. */
static void examine_in(struct doctor *d, const struct doctor_image *im, struct pod_fs *fs, const char *path, bool starts)
{
	struct pod_dirent *scratch = cli_xzalloc(sizeof *scratch);
	char *about = cli_xasprintf("%s: ", path);
	struct doctor_infile f;
	struct pod_node node;

	if (pod_fs_lookup(fs, path, &node, scratch) == POD_OK && !node.is_dir && doctor_infile_open(&f, fs, &node) == POD_OK) {
		examine(d, im->subject, about, starts, &f.file.dev);
		doctor_infile_close(&f);
	}
	free(about);
	free(scratch);
}

void doctor_wim(struct doctor *d, const struct doctor_image *im)
{
	struct pod_fs fs = {0};

	if (im->image->kind == POD_IMAGE_WIM)
		examine(d, im->subject, "", true, im->bytes);
	if (im->image->kind != POD_IMAGE_ISO || pod_image_open_tree(&fs, im->bytes, &cli_alloc, NULL) != POD_OK)
		return;
	examine_in(d, im, &fs, "sources/boot.wim", true);
	examine_in(d, im, &fs, "sources/install.wim", false);
	examine_in(d, im, &fs, "sources/install.esd", false);
	pod_fs_close(&fs);
}
