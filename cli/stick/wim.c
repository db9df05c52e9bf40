/* SPDX-License-Identifier: BSD-2-Clause */
/* What a WIM holds. Nothing is decompressed but the metadata of the images that are looked into. */
#include <stdlib.h>
#include <string.h>
#include "cli/stick/wim.h"

/* So many trees are read without being asked for. */
#define TREES 4u

static bool has(struct pod_wim *w, const char *path)
{
	struct pod_wim_node n;

	return pod_wim_lookup(w, path, &n) == POD_OK && !n.is_dir;
}

static enum pod_status nothing(void *ctx, const char *path, const struct pod_wim_node *node)
{
	(void)ctx;
	(void)path;
	(void)node;
	return POD_OK;
}

/* Selects an image and reads its tree to the end: a directory that is damaged or contains itself is found here, not by Windows. */
static void look(struct pod_wim *w, uint32_t no, struct cli_wim_image *out)
{
	struct pod_diag diag = {0};

	out->looked = true;
	out->status = pod_wim_select(w, no, &diag);
	if (out->status == POD_OK)
		out->status = pod_wim_walk(w, nothing, NULL, &diag);
	out->what = diag.what;
	if (out->status != POD_OK)
		return;
	out->bios = has(w, "Windows/System32/boot/winload.exe") || has(w, "Windows/System32/winload.exe");
	out->efi = has(w, "Windows/System32/boot/winload.efi") || has(w, "Windows/System32/winload.efi");
}

enum pod_status cli_wim_read(struct cli_wim *w, struct pod_dev *dev, enum cli_wim_trees trees, struct pod_diag *diag)
{
	struct pod_wim_about *about;
	struct pod_wim open;
	enum pod_status st;

	memset(w, 0, sizeof *w);
	st = pod_wim_open(&open, dev, &cli_alloc, diag);
	if (st != POD_OK)
		return st;
	w->header = open;
	w->count = open.image_count < CLI_WIM_IMAGES ? open.image_count : CLI_WIM_IMAGES;
	about = cli_xzalloc((w->count + 1) * sizeof *about);
	/* Names are not needed to start it. */
	if (pod_wim_about(&open, about, w->count, NULL) == POD_E_BUDGET)
		st = POD_E_BUDGET;
	for (uint32_t i = 0; i < w->count; i++) {
		w->image[i].about = about[i];
		if (trees == CLI_WIM_ALL_TREES ||
		    (trees == CLI_WIM_BOOT_TREE && (open.boot_index == i + 1 || (!open.boot_index && w->count <= TREES))))
			look(&open, i + 1, &w->image[i]);
	}
	free(about);
	pod_wim_close(&open);
	return st;
}

char *cli_wim_refusal(const struct cli_wim *w)
{
	const char *why = pod_wim_not_bootable(&w->header);

	if (!why)
		return NULL;
	if (strcmp(why, "split WIM") == 0)
		return cli_xasprintf(_("Windows' boot manager cannot read it: it is part %u of %u of a split WIM"),
				     w->header.part, w->header.parts);
	if (strcmp(why, "chunk size") == 0)
		return cli_xasprintf(_("Windows' boot manager cannot read it: it is compressed in chunks of %u KiB, not 32"),
				     w->header.chunk_size >> 10);
	return cli_xasprintf(_("Windows' boot manager cannot read it: it is compressed with %s"),
			     strcmp(why, "solid") == 0 ? _("solid resources") : why);
}

const char *cli_wim_remedy(const struct cli_wim *w)
{
	if (w->header.parts > 1)
		return _("join the parts: wimlib-imagex join NEW.wim FIRST.swm SECOND.swm ...");
	return _("export it: wimlib-imagex export OLD.wim all NEW.wim --compress=LZX --chunk-size=32K");
}

char *cli_wim_image_text(const struct cli_wim *w, uint32_t no)
{
	const struct pod_wim_about *a = &w->image[no - 1].about;
	const char *name = *a->display_name ? a->display_name : a->name, *arch = pod_wim_arch_text(a);
	char version[64] = "";

	if (a->build)
		snprintf(version, sizeof version, ", %u.%u.%u.%u", a->major, a->minor, a->build, a->service_build);
	return cli_xasprintf("%s%s%s%s", *name ? name : _("(no name)"), *arch ? ", " : "", arch, version);
}
