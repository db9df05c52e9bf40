/* SPDX-License-Identifier: BSD-2-Clause */
/* Hazard 2 for Windows images: the machine's controllers against the drivers in boot.wim, which starts Setup. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/doctor/drivers_inf.h"
#include "cli/host/sandbox.h"
#include "cli/host/temporary.h"

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
		"it asks for a missing media driver. 'isopod drivers add' puts the vendor's driver (the folder with the .inf file) "
		"onto the stick, from where it is loaded before Setup starts; --drivers DIR names the folder below DIR that has it. Or "
		"choose AHCI instead of RAID or VMD in the firmware's setup."),
};

/* A copy of what is in an image, or is not to be opened again by the child, in a file of `folder`. -1: *why. */
static int copy_wim(const struct doctor_image *im, const char *folder, struct pod_fs *fs, const struct pod_node *node, char **why)
{
	uint64_t size = fs ? node->size_bytes : im->size_bytes;
	char *path = cli_xasprintf("%s/boot.wim", folder), *buf;
	bool ok = size <= WIM_SIZE_MAX;
	int fd = -1;

	if (!ok)
		*why = cli_xstrdup(_("it is too large to be copied for a look inside"));
	else
		fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	buf = cli_xmalloc(PIECE);
	for (uint64_t at = 0; at < size && fd >= 0 && ok && !cli_interrupted; at += PIECE) {
		size_t n = (size_t)pod_min_u64(PIECE, size - at);
		enum pod_status st = fs ? pod_fs_read(fs, node, at, buf, n) : pod_dev_read(im->bytes, at, buf, n);

		ok = st == POD_OK && write(fd, buf, n) == (ssize_t)n;
		if (st != POD_OK)
			*why = cli_xstrdup(cli_status_text(st));
	}
	free(buf);
	/* Nobody else can come to it: the folder is ours alone. */
	ok = ok && fd >= 0 && fchmod(fd, 0444) == 0;
	if (fd >= 0)
		close(fd);
	fd = ok ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (fd < 0 && !*why)
		*why = cli_xstrdup(_("not enough space for a temporary copy"));
	free(path);
	return fd;
}

/* A file that libwim can open: the image itself if it is a WIM on the host, else a copy. */
static int open_wim(const struct doctor_image *im, const char *folder, struct pod_fs *fs, const struct pod_node *node, char **why)
{
	int fd = !fs && im->host_path ? open(im->host_path, O_RDONLY | O_CLOEXEC) : -1;

	if (fd >= 0 && sandbox_can_open(fd))
		return fd;
	if (fd >= 0)
		close(fd);
	return copy_wim(im, folder, fs, node, why);
}

#ifndef ISOPOD_WITH_WIM
char *wim_read_inf(int wim, const char *about, struct inf_set *out, bool *hostile)
{
	(void)wim;
	(void)about;
	(void)out;
	(void)hostile;
	return cli_xstrdup(_("this isopod was built without libwim"));
}
#endif

/* --- what is missing ------------------------------------------------------------------------------------------------------- */

/* Drivers that somebody has, read when the first one is missing. */
struct offered {
	bool read;
	struct inf_set stick, given;
};

static void read_offered(struct offered *o, const struct doctor *d, const struct doctor_image *im)
{
	if (o->read)
		return;
	o->read = true;
	/* The helper looks there; without it in the WIM nobody does. */
	if (d->target && im->plan->windows.replaced[0])
		inf_read_stick(&o->stick, d->target);
	if (d->drivers)
		inf_read_folder(&o->given, d->drivers);
}

static const char *missing_text(enum device_kind kind)
{
	return kind == DEVICE_STORAGE ? _("no driver in Windows Setup for disk controller %s")
	       : kind == DEVICE_USB   ? _("no driver in Windows Setup for USB controller %s")
				      : _("no driver in Windows Setup for network controller %s");
}

static void report_missing(struct doctor *d, const struct doctor_image *im, const struct device *dev, struct offered *o)
{
	const char *stick = d->target ? d->target->file.path : "TARGET", *inf;
	char *what = cli_xasprintf(missing_text(dev->kind), dev->name), *fix;
	bool minor = dev->kind == DEVICE_NETWORK || dev->minor;

	read_offered(o, d, im);
	if ((inf = inf_match(&o->stick, dev)) != NULL) {
		doctor_reportf(d, &drivers_check_windows, DOCTOR_NOTE, im->subject, NULL,
			       _("%s; %s on the stick names it, and is loaded before Setup starts"), what, inf);
		free(what);
		return;
	}
	if ((inf = inf_match(&o->given, dev)) != NULL)
		fix = cli_xasprintf(_("%s names it: isopod drivers add %s %.*s"), inf, stick, (int)(strrchr(inf, '/') - inf),
				    inf);
	else if (d->drivers)
		fix = cli_xasprintf(
			_("nothing in %s names it; unpack the vendor's driver (the folder with the .inf file), then: isopod drivers "
			  "add %s FOLDER"),
			d->drivers, stick);
	else
		fix = cli_xasprintf(
			_("unpack the vendor's driver (the folder with the .inf file), then: isopod drivers add %s FOLDER; "
			  "--drivers DIR looks for it in DIR"),
			stick);
	doctor_report(d, &drivers_check_windows, minor ? DOCTOR_WARN : DOCTOR_BAD, im->subject, what, fix);
	free(fix);
	free(what);
}

static void judge(struct doctor *d, const struct doctor_image *im, const struct inf_set *infs, const struct devices *devices)
{
	struct offered offered = {0};
	size_t total = 0, fine = 0;

	for (size_t i = 0; i < devices->n; i++) {
		const struct device *dev = &devices->v[i];

		if (!inf_knows_bus(dev))
			continue;
		total++;
		if (inf_match(infs, dev))
			fine++;
		else
			report_missing(d, im, dev, &offered);
	}
	if (fine == total)
		doctor_reportf(d, &drivers_check_windows, DOCTOR_GOOD, im->subject, NULL,
			       _("Windows Setup (%zu driver files) knows all %zu controllers of %s"), infs->files, total,
			       doctor_machine_name(d->machine));
	inf_free(&offered.stick);
	inf_free(&offered.given);
}

/* `fs` NULL: the image is a WIM. */
static void examine(struct doctor *d, const struct doctor_image *im, const struct devices *devices, struct pod_fs *fs,
		    const struct pod_node *node)
{
	char *folder = temporary_folder(), *why = folder ? NULL : cli_xstrdup(_("no folder for temporary files"));
	int wim = folder ? open_wim(im, folder, fs, node, &why) : -1;
	struct inf_set infs = {0};
	bool hostile = false;

	if (wim >= 0)
		why = wim_read_inf(wim, fs ? "sources/boot.wim" : im->subject, &infs, &hostile);
	if (why && hostile)
		doctor_reportf(d, &drivers_check_windows, DOCTOR_WARN, im->subject,
			       _("compare the image with its publisher's checksum, and copy it again if it differs"),
			       _("the drivers in the WIM cannot be read: %s"), why);
	else if (why)
		doctor_reportf(d, &drivers_check_windows, DOCTOR_SKIPPED, im->subject, NULL,
			       _("the drivers in the WIM were not looked at: %s"), why);
	else
		judge(d, im, &infs, devices);
	inf_free(&infs);
	free(why);
	if (wim >= 0)
		close(wim);
	temporary_remove(folder);
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
	if (im->plan->image.kind != POD_IMAGE_ISO || pod_image_open_tree(&fs, im->bytes, &cli_alloc, NULL) != POD_OK)
		return;
	scratch = cli_xzalloc(sizeof *scratch);
	if (pod_fs_lookup(&fs, "sources/boot.wim", &node, scratch) == POD_OK && !node.is_dir)
		examine(d, im, devices, &fs, &node);
	free(scratch);
	pod_fs_close(&fs);
}
