/* SPDX-License-Identifier: BSD-2-Clause */
/* Hazard 2 for Windows images: the machine's controllers against the drivers in boot.wim, which starts Setup. */
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/doctor/drivers_inf.h"
#include "cli/doctor/inventory.h"
#include "cli/host/tool.h"

#define WIM_SIZE_MAX (4ull << 30)
#define PIECE	     (1u << 20)

const struct doctor_check drivers_check_windows = {
	.id = "drivers.windows",
	.hazard = POD_HAZARD_DRIVER,
	.title = N_("drivers in Windows Setup"),
	.explain = N_(
		"Windows Setup runs from sources/boot.wim. Each disk, USB and network controller of the machine is looked up "
		"among the "
		"hardware ids of the driver files (INF) in it. Without a driver for the disk controller Setup shows no disk to "
		"install to, or an installed Windows stops with INACCESSIBLE_BOOT_DEVICE (0x7B); without one for the USB "
		"controller "
		"it asks for a missing media driver. Have the vendor's driver (the folder with the .inf file) on the stick and "
		"load it in Setup, or choose AHCI instead of RAID or VMD in the firmware's setup."),
};

/* The path of a file that libwim can open: the image itself if it is a WIM on the host, else a copy in `folder`. */
static char *wim_file(const struct doctor_image *im, const char *folder, struct pod_fs *fs, const struct pod_node *node,
		      char **why)
{
	uint64_t size = fs ? node->size_bytes : im->size_bytes;
	char *path, *buf;
	bool ok = true;
	int fd;

	if (!fs && im->host_path)
		return cli_xstrdup(im->host_path);
	if (size > WIM_SIZE_MAX) {
		*why = cli_xstrdup(_("it is too large to be copied for a look inside"));
		return NULL;
	}
	path = cli_xasprintf("%s/boot.wim", folder);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	buf = cli_xmalloc(PIECE);
	for (uint64_t at = 0; at < size && fd >= 0 && ok && !cli_interrupted; at += PIECE) {
		size_t n = (size_t)pod_min_u64(PIECE, size - at);
		enum pod_status st = fs ? pod_fs_read(fs, node, at, buf, n) : pod_dev_read(im->bytes, at, buf, n);

		ok = st == POD_OK && write(fd, buf, n) == (ssize_t)n;
		if (st != POD_OK)
			*why = cli_xstrdup(cli_status_text(st));
	}
	free(buf);
	if (fd >= 0)
		close(fd);
	if (fd >= 0 && ok)
		return path;
	if (!*why)
		*why = cli_xstrdup(_("no room for a temporary copy"));
	free(path);
	return NULL;
}

static struct inf_set *collecting;

static int take_inf(const char *path, const struct stat *sb, int type, struct FTW *ftw)
{
	char *data;
	size_t len;

	(void)sb;
	if (type != FTW_F)
		return 0;
	data = inventory_slurp(path, INF_SIZE_MAX, &len);
	if (data)
		inf_add(collecting, path + ftw->base, data, len);
	free(data);
	return 0;
}

#ifdef ISOPOD_WITH_WIM
static char *read_infs(const char *wim, const char *folder, struct inf_set *out)
{
	char *tree = cli_xasprintf("%s/inf", folder), *why = wim_extract_inf(wim, tree);

	collecting = out;
	if (!why)
		nftw(tree, take_inf, 16, FTW_PHYS);
	free(tree);
	return why;
}
#else
static char *read_infs(const char *wim, const char *folder, struct inf_set *out)
{
	(void)wim;
	(void)folder;
	collecting = out;
	(void)take_inf;
	return cli_xstrdup(_("this isopod was built without libwim"));
}
#endif

static void judge(struct doctor *d, const struct doctor_image *im, const struct inf_set *infs, const struct devices *devices)
{
	size_t total = 0, fine = 0;

	for (size_t i = 0; i < devices->n; i++) {
		const struct device *dev = &devices->v[i];
		const char *file;

		if (!inf_knows_bus(dev))
			continue;
		total++;
		file = inf_match(infs, dev);
		fine += file != NULL;
		if (!file)
			doctor_reportf(d, &drivers_check_windows,
				       dev->kind == DEVICE_NETWORK || dev->minor ? DOCTOR_WARN : DOCTOR_BAD, im->subject,
				       dev->kind == DEVICE_NETWORK
					       ? _("have the vendor's driver on the stick and install it after Setup")
					       : _("put the vendor's driver (folder with the .inf file) on the stick and load it "
						   "in Setup"),
				       dev->kind == DEVICE_STORAGE ? _("no driver in Windows Setup for disk controller %s")
				       : dev->kind == DEVICE_USB   ? _("no driver in Windows Setup for USB controller %s")
								   : _("no driver in Windows Setup for network controller %s"),
				       dev->name);
	}
	if (fine == total)
		doctor_reportf(d, &drivers_check_windows, DOCTOR_GOOD, im->subject, NULL,
			       _("Windows Setup (%zu driver files) knows all %zu controllers of %s"), infs->files, total,
			       doctor_machine_name(d->machine));
}

/* `fs` NULL: the image is a WIM. */
static void examine(struct doctor *d, const struct doctor_image *im, const struct devices *devices, struct pod_fs *fs,
		    const struct pod_node *node)
{
	char *folder = tool_folder(), *why = folder ? NULL : cli_xstrdup(_("no folder for temporary files"));
	char *wim = folder ? wim_file(im, folder, fs, node, &why) : NULL;
	struct inf_set infs = {0};

	if (wim)
		why = read_infs(wim, folder, &infs);
	if (why)
		doctor_reportf(d, &drivers_check_windows, DOCTOR_SKIPPED, im->subject, NULL,
			       _("the drivers in the WIM were not looked at: %s"), why);
	else
		judge(d, im, &infs, devices);
	inf_free(&infs);
	free(why);
	free(wim);
	tool_remove(folder);
}

void drivers_windows(struct doctor *d, const struct doctor_image *im, const struct devices *devices)
{
	struct pod_dirent *scratch;
	struct pod_node node;
	struct pod_fs fs = {0};

	if (im->plan->image.kind == POD_IMAGE_WIM) {
		examine(d, im, devices, NULL, NULL);
		return;
	}
	if (im->plan->image.kind != POD_IMAGE_ISO || pod_fs_open(&fs, im->bytes, &cli_alloc, NULL) != POD_OK)
		return;
	scratch = cli_xzalloc(sizeof *scratch);
	if (pod_fs_lookup(&fs, "sources/boot.wim", &node, scratch) == POD_OK && !node.is_dir)
		examine(d, im, devices, &fs, &node);
	free(scratch);
	pod_fs_close(&fs);
}
