/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an initrd does with persistence, by its own files:
 *
 *   live-boot  bin/live-boot sources /etc/live/boot/; components in lib/live/boot/; looks for the label "persistence"
 *   casper     scripts/casper; from Ubuntu 19.10 on the label is "writable", which then stands in scripts/casper or casper-helpers
 *   dracut     sbin/dmsquash-live-root: any label, by rd.live.overlay
 *   kiwi       sbin/kiwi-live-root: rd.live.overlay.persistent, and then the label "cow" (kiwi-dracut-live; openSUSE's live media)
 *   archiso    a hook of mkinitcpio with cow_label in it (hooks/archiso, hooks/miso), which it reads from the kernel's command line alone
 *   Puppy      /init takes psave=LABEL:FOLDER from the command line (woof-CE)
 *   Tiny Core  usr/bin/tce-setup and etc/init.d/tc-functions, with tce=LABEL=... (Core-scripts)
 *   Live Kit   lib/livekitlib: perchdir=/dev/... and not by a label, and then it asks which session (Slax, linux-live)
 *   Alpine     /init has nlplug-findfs look for an apkovl in every filesystem (mkinitfs)
 */
#include <stdlib.h>
#include <string.h>
#include "cli/doctor/initrd.h"
#include "cli/persist/persist.h"

static const struct {
	const char *name;
	enum pod_persist_kind kind;
	const char *label;
} known[] = {
	{"live-boot", POD_PERSIST_LIVE_BOOT, "persistence"},	  {"casper", POD_PERSIST_CASPER, "writable"},
	{"casper-rw", POD_PERSIST_CASPER, "casper-rw"},		  {"dracut", POD_PERSIST_DRACUT, POD_PERSIST_LABEL_DR},
	{"kiwi", POD_PERSIST_KIWI, POD_PERSIST_LABEL_KI},	  {"archiso", POD_PERSIST_ARCHISO, POD_PERSIST_LABEL_AR},
	{"alpine", POD_PERSIST_ALPINE, POD_PERSIST_LABEL_AL},	  {"puppy", POD_PERSIST_PUPPY, POD_PERSIST_LABEL_PU},
	{"tinycore", POD_PERSIST_TINYCORE, POD_PERSIST_LABEL_TC},
};

bool persist_type_named(const char *name, struct persist_type *out)
{
	for (size_t i = 0; i < POD_ARRAY_LEN(known); i++)
		if (strcmp(known[i].name, name) == 0) {
			*out = (struct persist_type){.kind = known[i].kind, .label = known[i].label};
			return true;
		}
	return false;
}

static const char *const sought[] = {"bin/live-boot",
				     "scripts/casper",
				     "scripts/casper-helpers",
				     "sbin/dmsquash-live-root",
				     "sbin/dmsquash-live-root.sh",
				     "sbin/kiwi-live-root",
				     "lib/kiwi-live-lib.sh",
				     "init",
				     "bin/tce-setup",
				     "etc/init.d/tc-functions",
				     "lib/livekitlib"};

static bool is(const char *path, const char *file)
{
	if (strncmp(path, "usr/", 4) == 0)
		path += 4;
	return strcmp(path, file) == 0;
}

static bool is_hook(const char *path)
{
	return strncmp(path, "hooks/", 6) == 0 || strncmp(path, "usr/hooks/", 10) == 0;
}

static bool wants(const char *path)
{
	if (is_hook(path))
		return true;
	for (size_t i = 0; i < POD_ARRAY_LEN(sought); i++)
		if (is(path, sought[i]))
			return true;
	return false;
}

struct seen {
	bool live_boot, old_live_boot, casper, writable, dracut, kiwi, kiwi_label, archiso, alpine, puppy, tce_setup, tce_label,
		live_kit;
};

static void look(void *ctx, const char *path, const char *text)
{
	struct seen *s = ctx;

	if (is(path, "bin/live-boot")) {
		s->live_boot |= strstr(text, "/etc/live/boot") != NULL;
		s->old_live_boot |= strstr(text, "/etc/live/boot") == NULL;
	}
	s->casper |= is(path, "scripts/casper");
	s->writable |= (is(path, "scripts/casper") || is(path, "scripts/casper-helpers")) && strstr(text, "writable") != NULL;
	s->dracut |= is(path, "sbin/dmsquash-live-root") || is(path, "sbin/dmsquash-live-root.sh");
	s->kiwi |= is(path, "sbin/kiwi-live-root") && strstr(text, "rd.live.overlay.persistent");
	s->kiwi_label |= is(path, "lib/kiwi-live-lib.sh") && strstr(text, "mount -L cow ");
	s->archiso |= is_hook(path) && strstr(text, "cow_label");
	s->puppy |= is(path, "init") && strstr(text, "$psave") && strstr(text, "LABEL=") && strstr(text, "DISTRO_");
	s->tce_setup |= is(path, "bin/tce-setup") && strstr(text, "tce=");
	s->tce_label |= is(path, "etc/init.d/tc-functions") && strstr(text, "LABEL=");
	s->live_kit |= is(path, "lib/livekitlib") && strstr(text, "perch");
	s->alpine |= is(path, "init") && strstr(text, "nlplug-findfs") && strstr(text, "apkovl");
}

static bool conclude(const struct seen *s, const char *path, struct persist_type *out, struct fault *fault)
{
	if (s->live_boot)
		return persist_type_named("live-boot", out);
	if (s->casper)
		return persist_type_named(s->writable ? "casper" : "casper-rw", out);
	if (s->dracut)
		return persist_type_named("dracut", out);
	if (s->kiwi && s->kiwi_label)
		return persist_type_named("kiwi", out);
	if (s->archiso)
		return persist_type_named("archiso", out);
	if (s->alpine)
		return persist_type_named("alpine", out);
	if (s->puppy)
		return persist_type_named("puppy", out);
	if (s->tce_setup && s->tce_label)
		return persist_type_named("tinycore", out);
	if (s->old_live_boot)
		fault_set(fault,
			  _("%s: its live-boot takes persistence from the kernel's command line alone; add 'persistence' "
			    "there in its boot menu, and create the file with --kind live-boot"),
			  path);
	else if (s->live_kit)
		fault_set(
			fault,
			_("%s: its initramfs (Linux Live Kit) keeps changes on the medium itself, or asks at each start on which "
			  "device and in which session; there is no persistence for it"),
			path);
	else
		fault_set(fault,
			  _("%s: no live system that is known here is in its initrds; if you know what it is, name it with "
			    "--kind (%s)"),
			  path, PERSIST_TYPES);
	return false;
}

static bool look_at_all(struct cli_image *im, const struct pod_plan *plan, struct seen *seen, struct fault *fault)
{
	struct pod_map map;
	struct pod_mapdev md;
	size_t read = 0;

	if (!cli_image_bytes(im, &map, &md, fault))
		return false;
	for (size_t i = 0; i < plan->initrd_count && !cli_interrupted; i++) {
		const struct pod_initrd *r = &plan->initrd[i];

		read += initrd_each(&md.dev, r->path, r->start_bytes, r->length_bytes, wants, look, seen, fault);
		if (fault_is_set(fault))
			break;
	}
	pod_map_fini(&map);
	return read == plan->initrd_count;
}

/* Of a disk: which one it is, if the system in it can be told of the file. */
static bool of_disk(const struct pod_plan *plan, const char *path, bool named, struct persist_type *out, struct fault *fault)
{
	*out = (struct persist_type){.kind = POD_PERSIST_DISK, .label = "", .disk_bytes = plan->image.size_bytes};
	memcpy(out->disk_id, plan->disk_id, sizeof out->disk_id);
	if (named)
		fault_set(fault, _("%s: it is a disk image: --kind is for live systems"), path);
	else if (!plan->has_disk_id || !plan->initrd_count)
		fault_set(fault, _("%s: no Linux with an initrd that can be told of the file was found on this disk%s%s"), path,
			  plan->warning_count ? ": " : "", plan->warning_count ? plan->warning[0] : "");
	else
		return true;
	return false;
}

static bool find_in(struct cli_image *im, const struct pod_plan *plan, const char *path, bool named, struct persist_type *out,
		    struct fault *fault)
{
	struct seen seen = {0};

	if (plan->image.kind == POD_IMAGE_DISK)
		return of_disk(plan, path, named, out, fault);
	return named || (look_at_all(im, plan, &seen, fault) && conclude(&seen, path, out, fault));
}

bool persist_type_find(struct cli_target *t, const char *image, bool named, struct persist_type *out, struct fault *fault)
{
	struct pod_plan *plan = cli_xzalloc(sizeof *plan);
	struct pod_diag diag = {0};
	struct cli_image im;
	struct pod_node node;
	bool ok = cli_target_find(t, image, &node, fault);
	enum pod_status st = ok ? cli_image_on_target(&im, t, image, &node) : POD_E_NOT_FOUND;

	if (st == POD_OK) {
		im.disk_id = true;
		st = cli_image_plan(&im, plan, &diag, fault);
		if (st == POD_OK) {
			ok = find_in(&im, plan, image, named, out, fault);
			pod_plan_free(plan);
		}
		cli_image_close(&im);
	}
	if (ok && st != POD_OK)
		ok = fault_status(fault, image, _("cannot look into the image"), st, &diag) == CLI_OK;
	free(plan);
	return ok;
}
