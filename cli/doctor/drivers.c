/* SPDX-License-Identifier: BSD-2-Clause */
/* Hazard 2 for Linux images: what the initrds and the root image hold against what the stick and the machine need. */
#include <stdlib.h>
#include <string.h>
#include "cli/doctor/drivers.h"
#include "cli/doctor/finds.h"
#include "cli/doctor/initrd.h"
#include "cli/doctor/modules_root.h"

const struct doctor_check drivers_check_stick = {
	.id = "drivers.stick",
	.hazard = POD_HAZARD_DRIVER,
	.title = N_("the initrd finds the stick"),
	.explain =
		N_("After the kernel has started, the firmware no longer reads the stick: the initrd needs drivers of its own "
		   "for the USB controller (xhci_pci, ehci_pci, uhci_hcd), for USB storage (usb-storage or uas), for disks "
		   "(sd_mod) and for the image's filesystem (isofs, squashfs, loop). Without one of them the start ends with a "
		   "medium that is not found. Only somebody who can make the initrd anew can add a driver (initramfs-tools: "
		   "MODULES=most; dracut: --add-drivers); otherwise take another image, or write this one to a drive by itself."),
};
static const struct doctor_check search_check = {
	.id = "drivers.search",
	.hazard = POD_HAZARD_DRIVER,
	.title = N_("where the system looks for its medium"),
	.explain = N_(
		"Each initrd is read for what it searches: every disk and partition, a label or identifier, one partition by its "
		"name, whole disks, optical drives, or nothing. Isopod shows the image in all of these places but two. A partition "
		"by its name, such as root=/dev/sda2, is right on one machine only: edit the entry in the image's boot menu. And a "
		"drive that the kernel lists (/proc/sys/dev/cdrom/info, /sys/block/sr0) cannot be made, only names such as /dev/sr0 "
		"and /dev/cdrom: burn such an image, or write it to a drive of its own. What a program does that is no script cannot "
		"always be seen."),
};
/* Not a matter of drivers, but seen here, where they are unpacked. */
static const struct doctor_check initrds_check = {
	.id = "image.initrds",
	.hazard = POD_HAZARD_IMAGE,
	.title = N_("initrds can be unpacked"),
	.explain =
		N_("Each initrd is unpacked to its end, as the kernel does it. If that fails, the kernel stops with 'Initramfs "
		   "unpacking failed' or starts with half of its files. The file is damaged, or was cut off: download or copy "
		   "the image again, and compare its hash with the publisher's."),
};
const struct doctor_check drivers_check_kind[DEVICE_KIND_COUNT] = {
	[DEVICE_USB] =
		{
			.id = "drivers.usb",
			.hazard = POD_HAZARD_DRIVER,
			.title = N_("drivers for the USB controllers"),
			.explain =
				N_("Each USB controller of the machine is looked up among the drivers of the image's initrds. A "
				   "stick on a "
				   "controller without a driver disappears when the kernel has started. Plug it into a port of "
				   "another controller, or take an image with a newer kernel."),
		},
	[DEVICE_STORAGE] =
		{
			.id = "drivers.storage",
			.hazard = POD_HAZARD_DRIVER,
			.title = N_("drivers for the disk controllers"),
			.explain =
				N_("Each disk controller of the machine (SATA, NVMe, RAID, SCSI, virtio, SD) is looked up among "
				   "the drivers of the "
				   "image's initrds and of its root image. Without one the system starts from the stick but does "
				   "not see the disks: an installer finds nowhere to install to. Take an image with a newer "
				   "kernel; on "
				   "machines with Intel RST or VMD, AHCI mode in the firmware's setup is the other way out."),
		},
	[DEVICE_NETWORK] =
		{
			.id = "drivers.network",
			.hazard = POD_HAZARD_DRIVER,
			.title = N_("drivers for the network controllers"),
			.explain =
				N_("Each network controller of the machine is looked up among the drivers of the image's initrds "
				   "and of its root image. Without one there is no network through this controller: have a USB "
				   "network adapter at hand, or take an image with a newer kernel. (Firmware files that a driver "
				   "loads are not looked at.)"),
		},
};

static const struct doctor_check *const checks[] = {
	&initrds_check,
	&drivers_check_versions,
	&drivers_check_stick,
	&search_check,
	&drivers_check_kind[DEVICE_USB],
	&drivers_check_kind[DEVICE_STORAGE],
	&drivers_check_kind[DEVICE_NETWORK],
	&drivers_check_windows,
};

/* What is known about one image. */
struct linux_image {
	struct doctor *d;
	const struct doctor_image *im;
	struct initrd initrd[POD_PLAN_INITRD_MAX];
	size_t looked;
	size_t count; /* that hold a system: init or modules */
	const char *path[POD_PLAN_INITRD_MAX];
	struct modules_root root;
	bool broken; /* an initrd could not be read to its end */
};

/* --- what the stick needs -------------------------------------------------------------------------------------------------- */

struct need {
	const char *driver;
	enum modules_has has;
	enum doctor_level level; /* if it is not there */
	const char *why;
};

static void list_add(char **list, const char *word)
{
	char *more = *list ? cli_xasprintf("%s, %s", *list, word) : cli_xstrdup(word);

	free(*list);
	*list = more;
}

/* The name of an initrd, if there are several; and what is wrong with it. */
static void report_stick(struct linux_image *x, size_t i)
{
	struct initrd_facts f;
	char *missing = NULL, *unknown = NULL;
	enum doctor_level level = DOCTOR_GOOD;
	const char *path = x->path[i];
	/* A system that lies in the initrd as a whole (an installer) mounts neither squashfs nor image. */
	bool live = x->root.images > 0;

	initrd_facts(&x->initrd[i].modules, &f);
	{
		const struct need needs[] = {
			{"usb-storage", f.usb_storage, DOCTOR_BAD, NULL},
			{"xhci_pci", f.xhci, f.usb_host == MODULES_YES ? DOCTOR_WARN : DOCTOR_BAD, NULL},
			{"sd_mod", f.sd_mod, DOCTOR_BAD, NULL},
			{"isofs", live ? f.iso9660 : MODULES_YES, DOCTOR_BAD, NULL},
			{"squashfs", live ? f.squashfs : MODULES_YES, DOCTOR_BAD, NULL},
			{"loop", live ? f.loop : MODULES_YES, DOCTOR_BAD, NULL},
		};

		for (size_t k = 0; k < POD_ARRAY_LEN(needs); k++) {
			if (needs[k].has == MODULES_NO) {
				list_add(&missing, needs[k].driver);
				level = needs[k].level == DOCTOR_BAD ? DOCTOR_BAD
					: level == DOCTOR_BAD	     ? DOCTOR_BAD
								     : DOCTOR_WARN;
			} else if (needs[k].has == MODULES_UNKNOWN) {
				list_add(&unknown, needs[k].driver);
			}
		}
	}
	if (missing)
		doctor_reportf(x->d, &drivers_check_stick, level, x->im->subject,
			       _("take another image, or rebuild its initrd with these drivers"),
			       _("%s (kernel %s) lacks the driver %s: the system will not find its medium on the stick"), path,
			       x->initrd[i].modules.kernel ? x->initrd[i].modules.kernel : "?", missing);
	else if (unknown)
		doctor_reportf(x->d, &drivers_check_stick, DOCTOR_SKIPPED, x->im->subject, NULL,
			       _("%s: cannot tell whether the kernel or the initrd contains %s"), path, unknown);
	else
		doctor_reportf(x->d, &drivers_check_stick, DOCTOR_GOOD, x->im->subject, NULL,
			       _("%s (kernel %s) has USB controller, USB storage and disk drivers"), path,
			       x->initrd[i].modules.kernel ? x->initrd[i].modules.kernel : "?");
	free(missing);
	free(unknown);
}

/* --- what the machine needs ------------------------------------------------------------------------------------------------ */

enum found { FOUND_INITRD, FOUND_ROOT, FOUND_NOWHERE, FOUND_UNKNOWN };

/* Its driver's name where the machine was looked at stands for the module if the aliases of what is built in are not known. */
static const char *in_modules(struct modules *m, const struct device *dev)
{
	const char *module = modules_match(m, dev->modalias);

	if (!module && dev->driver && modules_has(m, dev->driver) == MODULES_YES)
		module = dev->driver;
	return module;
}

static enum found find_driver(struct linux_image *x, const struct device *dev, const char **module)
{
	bool complete = false;

	for (size_t i = 0; i < x->count; i++) {
		struct modules *m = &x->initrd[i].modules;

		*module = in_modules(m, dev);
		if (*module)
			return FOUND_INITRD;
		/* Aliases of modules and of what is built in: no other driver can be in there. */
		complete |= m->has_alias && m->has_builtin_alias && !m->incomplete;
	}
	/* The root image is on the stick: what finds the stick must be in the initrd. */
	if (dev->kind == DEVICE_USB)
		return x->broken || !complete ? FOUND_UNKNOWN : FOUND_NOWHERE;
	*module = x->root.read ? in_modules(&x->root.modules, dev) : NULL;
	if (*module)
		return FOUND_ROOT;
	if (x->broken || (!complete && !x->root.read) || (x->root.images && !x->root.read))
		return FOUND_UNKNOWN;
	return FOUND_NOWHERE;
}

static bool has_word(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *at = list; at && (at = strstr(at, word)) != NULL; at++)
		if ((at == list || at[-1] == ' ') && (at[n] == 0 || at[n] == ','))
			return true;
	return false;
}

static void missing_usb(struct linux_image *x, const struct device *dev, bool others)
{
	doctor_reportf(x->d, &drivers_check_kind[DEVICE_USB], others ? DOCTOR_WARN : DOCTOR_BAD, x->im->subject,
		       others ? _("plug the stick into a port of another controller, or take an image with a newer kernel")
			      : _("take an image with a newer kernel"),
		       _("no driver in the initrd for USB controller %s (driver on the machine: %s)"), dev->name,
		       dev->driver ? dev->driver : _("none"));
}

static void missing_other(struct linux_image *x, const struct device *dev)
{
	const struct doctor_check *c = &drivers_check_kind[dev->kind];
	const char *what = dev->kind == DEVICE_STORAGE ? _("disk controller") : _("network controller");
	const char *driver = dev->driver ? dev->driver : _("none");

	if (x->root.read)
		doctor_reportf(
			x->d, c, dev->kind == DEVICE_STORAGE && !dev->minor ? DOCTOR_BAD : DOCTOR_WARN, x->im->subject,
			dev->kind == DEVICE_STORAGE ? _("take an image with a newer kernel, or set the controller to AHCI in the "
							"firmware's setup")
						    : _("take an image with a newer kernel, or use another network adapter"),
			_("no driver for %s %s in initrd or root image (driver on the machine: %s)"), what, dev->name, driver);
	else
		doctor_reportf(
			x->d, c, DOCTOR_NOTE, x->im->subject, NULL,
			_("no driver for %s %s in the initrd (driver on the machine: %s); packages of the image may hold it"),
			what, dev->name, driver);
}

static void unknown_other(struct linux_image *x, enum device_kind kind, const char *names)
{
	const char *why = x->root.problem  ? x->root.problem
			  : x->root.images ? _("cannot tell what is built into the kernel")
					   : _("packages of the image, or the kernel itself, may hold the driver");

	doctor_reportf(x->d, &drivers_check_kind[kind], DOCTOR_SKIPPED, x->im->subject, NULL, _("not in the initrd: %s; %s"),
		       names, why);
}

static void report_kind(struct linux_image *x, const struct devices *devices, enum device_kind kind)
{
	char *good = NULL, *unknown = NULL;
	size_t total = 0, fine = 0;

	if (!doctor_wants(x->d, &drivers_check_kind[kind]))
		return;
	for (size_t i = 0; i < devices->n; i++) {
		const char *module = NULL;
		enum found f;

		if (devices->v[i].kind != kind)
			continue;
		total++;
		f = find_driver(x, &devices->v[i], &module);
		if (f == FOUND_INITRD || f == FOUND_ROOT) {
			fine++;
			if (!has_word(good, module))
				list_add(&good, module);
		}
	}
	for (size_t i = 0; i < devices->n; i++) {
		const struct device *dev = &devices->v[i];
		const char *module = NULL;
		enum found f;

		if (dev->kind != kind)
			continue;
		f = find_driver(x, dev, &module);
		if (kind == DEVICE_USB && f == FOUND_NOWHERE)
			missing_usb(x, dev, fine > 0);
		else if (f == FOUND_NOWHERE)
			missing_other(x, dev);
		else if (f == FOUND_UNKNOWN)
			list_add(&unknown, dev->name);
	}
	if (unknown)
		unknown_other(x, kind, unknown);
	free(unknown);
	if (total && fine == total)
		doctor_reportf(x->d, &drivers_check_kind[kind], DOCTOR_GOOD, x->im->subject, NULL, _("%zu on %s, all known: %s"),
			       total, doctor_machine_name(x->d->machine), good);
	else if (!total)
		doctor_reportf(x->d, &drivers_check_kind[kind], DOCTOR_GOOD, x->im->subject, NULL, _("%s has none"),
			       doctor_machine_name(x->d->machine));
	free(good);
}

/* --- the hooks ------------------------------------------------------------------------------------------------------------- */

/* Of an image with kernels for several machines, only the ones that this firmware starts would matter; all are looked at. */
static void read_initrds(struct linux_image *x)
{
	for (size_t i = 0; i < x->im->plan->initrd_count && x->count < POD_PLAN_INITRD_MAX && !cli_interrupted; i++) {
		const struct pod_initrd *r = &x->im->plan->initrd[i];
		struct initrd *in = &x->initrd[x->count];

		if (pod_initrd_in_pieces(r))
			continue;
		x->looked++;
		initrd_read(in, x->im->bytes, r->path, r->start_bytes, r->length_bytes);
		x->broken |= in->problem != NULL;
		if (in->unread) {
			doctor_reportf(x->d, &drivers_check_stick, DOCTOR_SKIPPED, x->im->subject, NULL,
				       _("%s was not looked at: %s"), r->path, in->problem);
		} else if (in->seen) {
			doctor_reportf(x->d, &initrds_check, DOCTOR_BAD, x->im->subject,
				       _("download or copy the image again, and compare its hash with the publisher's"),
				       _("%s: %s"), r->path, in->problem);
		} else if (in->problem) { /* behind a sound system it is the image that is odd; else nobody knows what is in it */
			doctor_reportf(x->d, in->has_init ? &initrds_check : &drivers_check_stick, DOCTOR_WARN, x->im->subject,
				       _("compare the image with its publisher's checksum, and copy it again if it differs"),
				       _("%s cannot be read to its end: %s"), r->path, in->problem);
		}
		/* Microcode and other additions are no system. */
		if (in->problem || (!in->has_init && !in->modules.kernel)) {
			initrd_free(in);
			continue;
		}
		x->path[x->count++] = r->path;
	}
}

static void report_search(struct doctor *d, const struct doctor_image *im)
{
	struct fault why = {0};
	struct finds f;

	if (!doctor_wants(d, &search_check))
		return;
	if (!finds_read(im->file, im->plan, &f, &why)) {
		doctor_report(d, &search_check, DOCTOR_SKIPPED, im->subject, fault_text(&why), NULL);
		fault_free(&why);
		return;
	}
	for (size_t i = 0; i < f.count && !cli_interrupted; i++) {
		const struct finds_one *o = &f.one[i];
		char *text = finds_text(o), *warning = finds_warning(o);
		bool seen = !o->problem && o->finds.how != POD_FINDS_UNKNOWN;

		doctor_reportf(d, &search_check,
			       warning ? DOCTOR_WARN
			       : seen  ? DOCTOR_GOOD
				       : DOCTOR_SKIPPED,
			       im->subject,
			       !warning		 ? NULL
			       : o->finds.drives ? _("burn the image, or write it to a drive of its own")
						 : _("edit the kernel's arguments in the image's boot menu"),
			       "%s: %s", o->initrd->path, text);
		free(warning);
		free(text);
	}
	finds_free(&f);
}

static void linux_image(struct doctor *d, const struct doctor_image *im, const struct devices *devices)
{
	struct linux_image *x = cli_xzalloc(sizeof *x);
	char version[DRIVERS_VERSION];

	x->d = d;
	x->im = im;
	read_initrds(x);
	if (x->looked && !x->broken)
		doctor_reportf(d, &initrds_check, DOCTOR_GOOD, im->subject, NULL, _("%zu, unpacked to the end"), x->looked);
	drivers_versions(d, im, x->initrd, x->path, x->count, version);
	report_search(d, im);
	if (x->count && !cli_interrupted) {
		modules_root_read(&x->root, d, im);
		if (x->root.read)
			drivers_versions_root(d, im, version, &x->root.modules);
		if (x->root.hostile)
			doctor_reportf(d, &drivers_check_stick, DOCTOR_WARN, im->subject,
				       _("compare the image with its publisher's checksum, and copy it again if it differs"),
				       _("the root image cannot be read: %s"), x->root.problem);
		for (size_t i = 0; i < x->count; i++) {
			if (x->root.read)
				modules_learn_builtin(&x->initrd[i].modules, &x->root.modules);
			report_stick(x, i);
		}
		for (unsigned k = 0; devices && k < DEVICE_KIND_COUNT; k++)
			report_kind(x, devices, (enum device_kind)k);
	}
	for (size_t i = 0; i < x->count; i++)
		initrd_free(&x->initrd[i]);
	modules_root_free(&x->root);
	free(x);
}

static void run_image(struct doctor *d, const struct doctor_image *im)
{
	struct devices devices = {0};

	if (!im->plan)
		return;
	if (d->machine)
		devices_read(&devices, d->machine);
	if (im->plan->initrd_count)
		linux_image(d, im, d->machine ? &devices : NULL);
	if (d->machine && doctor_wants(d, &drivers_check_windows))
		drivers_windows(d, im, &devices);
	devices_free(&devices);
}

const struct doctor_module doctor_mod_drivers = {
	.check = checks,
	.count = POD_ARRAY_LEN(checks),
	.run_image = run_image,
};
