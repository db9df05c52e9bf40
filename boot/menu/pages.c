/* SPDX-License-Identifier: BSD-2-Clause */
/* The pages besides the list: help, the details of an image, and the list of actions. */
#include "boot/menu/pages.h"
#include "core/base/text.h"

/* So often a page shows how far something is. */
#define DETAILS_MS 300u

void page_help(struct menu *m)
{
	struct menu_pager p = {0};
	pager_add_marked(m, &p, MARK_HEAD, T("Isopod starts the images you copied onto this stick."));
	pager_add(m, &p, "");
	pager_add_pair(m, &p, "↑ ↓", T("choose (also Ctrl-P, Ctrl-N)"));
	pager_add_pair(m, &p, PLAIN_("PgUp PgDn"), T("a page at a time (also Ctrl-B, Ctrl-F)"));
	pager_add_pair(m, &p, PLAIN_("Home End"), T("first, last (also Ctrl-A, Ctrl-E)"));
	pager_add_pair(m, &p, PLAIN_("Enter"), T("start the image, or open the folder"));
	pager_add_pair(m, &p, T("letters, digits"), T("search: all words must occur in the name or the folder"));
	pager_add_pair(m, &p, PLAIN_("Backspace"), T("take back a letter; without a search, one folder up"));
	pager_add_pair(m, &p, PLAIN_("Tab, F2"), T("what this image is, and what starts it on which firmware"));
	pager_add_pair(m, &p, "F3, |", T("English or Chinese"));
	pager_add_pair(m, &p, "F4, *", T("all images in one list, or folder by folder"));
	pager_add_pair(m, &p, "F5, <", T("how the last start went, and where it stopped"));
	pager_add_pair(m, &p, "F6, >", T("start Windows from another image of the WIM"));
	pager_add_pair(m, &p, "F7, #", T("start from memory; what isopod.conf starts from memory, from the stick"));
	pager_add_pair(m, &p, "F8, \"", T("start with other kernel arguments"));
	pager_add_pair(m, &p, "F9, \\", T("go back to a snapshot of a layer store, or of a persistence file"));
	pager_add_pair(m, &p, "Esc, F10, :", T("restart, power off, firmware setup, this computer's own system"));
	pager_add_pair(m, &p, PLAIN_("Esc"), T("while something is read: stops it and goes back"));
	pager_add_pair(m, &p, "F1, ?", T("this help"));
	pager_add_pair(m, &p, PLAIN_("Ctrl-L"), T("draw the screen again"));
	pager_add(m, &p, "");
	pager_add(m, &p, T("Every key also works from a terminal on the first serial port."));
	pager_add(m, &p, "");
	pager_add_marked(m, &p, MARK_HEAD, T("Settings: the file isopod.conf beside your folders"));
	pager_add(m, &p, "");
	pager_add(m, &p, PLAIN_("  default  = /images/debian.iso"));
	pager_add(m, &p, PLAIN_("  timeout  = 10"));
	pager_add(m, &p, PLAIN_("  language = en | zh_CN"));
	pager_add(m, &p, PLAIN_("  view     = flat | folders"));
	pager_add(m, &p, PLAIN_("  recorder = on | off"));
	pager_add(m, &p, PLAIN_("  memory   = on | off | haiku*.iso | /dos/*.img"));
	pager_add(m, &p, PLAIN_("  partition = on | off | FreeBSD*.iso | /bsd/*.img"));
	pager_add(m, &p, PLAIN_("  windows  = disk | cd"));
	pager_add(m, &p, PLAIN_("  windows_image = 2"));
	pager_add(m, &p, PLAIN_("  answer   = /answers/unattend.xml"));
	pager_add(m, &p, PLAIN_("  labconfig = BypassTPMCheck BypassSecureBootCheck"));
	(void)pager_run(m, T("Help"), &p, T("Arrow and page keys scroll, any other key goes back."));
	pod_free(m->alloc, p.text);
}

/* What the core says, so that the catalogue holds it; in the core itself texts stay English. */
static const char *const core_text[] __attribute__((unused)) = {
	N_("initrd served with the shim around it, so that the system finds its medium"),
	N_("directory record points at the served initrd"),
	N_("Joliet directory record points at the served initrd"),
	N_("UDF File Entry points at the served initrd"),
	N_("directory record points at the served WIM"),
	N_("Joliet directory record points at the served WIM"),
	N_("UDF File Entry points at the served WIM"),
	N_("WIM served with Isopod's helper in it, so that Windows PE finds its medium"),
	N_("primary volume reaches the end of the virtual disk"),
	N_("Joliet volume reaches the end of the virtual disk"),
	N_("UDF Partition Descriptor reaches the end of the virtual disk"),
	N_("UDF anchor at the end of the virtual disk"),
	N_("FAT of the boot image served larger, with the shim around its initrd"),
	N_("FAT of the boot image served larger, with the changed boot menu"),
	N_("FAT of the boot image served larger, with the changed command line"),
	N_("boot menu with the kernel arguments that were asked for"),
	N_("boot menu that tells the system of its persistence file"),
	N_("an initrd of the shim alone, for a kernel that is started without one"),
	N_("the record of that file"),
	N_("the record of that file, in the Joliet tree"),
	N_("boot menu that loads an initrd with the shim for a kernel that has none"),
	N_("%.80s is started without an initrd, and there is no room for one in its volume: it does not find its disk."),
	N_("%.60s is started without an initrd, and one more has no room in the ISO: on a BIOS it does not find its medium."),
	N_("%.80s: this boot menu is served unchanged: a kernel that it starts without an initrd does not find its disk."),
	N_("boot menu without the hash of an initrd that is served changed"),
	N_("No boot menu was found to add %s to: what the system changes is not kept."),
	N_("directory record points at the served boot menu"),
	N_("Joliet directory record points at the served boot menu"),
	N_("UDF File Entry points at the served boot menu"),
	N_("the file's record names the clusters of the served boot menu"),
	N_("%.80s: this boot menu is served unchanged: kernels that it starts do not get the arguments."),
	N_("%.80s: this boot menu is served unchanged: its loader refuses an initrd whose hash is in it."),
	N_("%.60s: Secure Boot is on, so its command line stays as it is: its kernel does not get the arguments."),
	N_("%.60s: it has no command line of its own: its kernel gets only the arguments in a boot menu."),
	N_("%.60s: its command line cannot be changed: its kernel does not get the arguments."),
	N_("%.60s: not all of its command lines can be changed: some starts do not get the arguments."),
	N_("%.80s: what this addon has of arguments is not taken out of it."),
	N_("kernel arguments changed in its .cmdline section"),
	N_("kernel arguments changed in its .cmdline section; its signature is void: with Secure Boot on it starts unchanged"),
	N_("boot catalogue entry points at the rebuilt FAT"),
	N_("shim put into its .initrd section"),
	N_("it is started without an initrd: UEFI offers it this one, with the shim, behind a built-in one"),
	N_("shim put into its .initrd section; its signature is void: with Secure Boot on it starts unchanged"),
	N_("The FAT of a boot image is damaged: its initrds are served unchanged."),
	N_("%.80s is not in one piece: the system starts without it. 'isopod persist' makes such files."),
	N_("%.80s holds no filesystem for persistence (%s): the system starts without it."),
	N_("%.80s is full: %s of %s are free. What the system writes may be lost."),
	N_("%.60s is of another disk, or of this one before it was written to: the system starts without it."),
	N_("'write = on' is not followed: what is written goes into %.80s."),
	N_("The overlay holds more than can be shown to the boot loader: it starts the kernel of the image."),
	N_("The overlay beside the image is damaged: the system starts without it."),
	N_("%.80s: the initrd is split or cut off; it is served unchanged."),
	N_("%.60s is a ramdisk with %s: served unchanged, the system must find the medium by its own drivers."),
	N_("The disk in it has sectors of 4096 bytes, and only those of 512 can be started."),
	N_("More than %d initrds: the rest is served unchanged."),
	N_("The Joliet tree is damaged and left alone."),
	N_("The UDF tree is damaged or of an unknown form, and left alone."),
	N_("%.80s: the UDF File Entry has no room; it is left unchanged."),
	/* whether an image starts (core/plan/starts.c) */
	N_("download or copy the image again"),
	N_("it is %s"),
	N_("its content is not that of any known kind of image"),
	N_("it is cut off: of %s only %s are there"),
	N_("no boot loader for any firmware was found in it"),
	N_("it is a data image, or damaged: take a bootable edition, or download it again"),
	N_("its boot image for %s cannot be used: %s"),
	N_("it lies behind the end of the file"),
	N_("it is empty"),
	N_("it is no FAT volume"),
	N_("there is no loader in it"),
	N_("nothing in it starts on %s, only on: %s"),
	N_("take another edition, or change the mode in this computer's setup"),
	N_("the file was not copied completely: only %s of %s are there"),
	N_("copy it again, and eject the stick before you pull it out"),
	N_("parts of the file were never written and read as zeros"),
	N_("it stands on %s, which is not there"),
	N_("copy that into the same folder"),
	N_("parent %s is not the file it was made from, or was changed since"),
	N_("put an untouched copy of its parent there"),
	N_("its parent %s cannot be used (%s)"),
	N_("the image is damaged (%s at offset %s)"),
	N_("the image ends too early, or lies beyond what this firmware reads of the drive"),
	N_("copy it again, or start this computer in UEFI mode"),
	N_("the image uses something that Isopod cannot start (%s)"),
	N_("it is over a limit of Isopod (%s)"),
	N_("the drive reported a read error (%s at offset %s)"),
	N_("try another USB port; if it comes back, the drive is failing"),
	N_("there is not enough memory to prepare this image"),
	N_("it could not be examined (%s)"),
	N_("the stick's own file %s is missing or damaged"),
	N_("'isopod update' writes it to the stick"),
	N_("This is %s: %s."),
	N_("it is in UTF-16, and nothing in it applies: save it as UTF-8"),
	N_("its lines end in CR alone, and nothing in it applies: save it with LF or CR LF"),
	N_("The file has parts that were never written: a live system in it cannot be served."),
	N_("A Linux in it will not find its disk: that lies in too many pieces."),
	N_("A Linux in it will not find its disk: the log of that is not empty (isopod disk check --repair empties it)."),
	N_("A Linux in it will not find its disk: the blocks of that are not in whole sectors."),
	N_("What is written is not kept: only a raw image or a VHD of fixed size, whole on the stick, can be written to."),
	N_("%.80s: this folder contains itself: the image is damaged."),
	N_("%.80s: this folder is damaged; what is in it was left out."),
	N_("%.80s: the initrd has too many names; it is served unchanged."),
	N_("%.60s: Secure Boot is on, so it starts unchanged: the system in it may not find its medium."),
	N_("%.60s: this unified kernel image is damaged or of an unknown form; it is served unchanged."),
	N_("The image has more folders, files or boot menus than are searched: an initrd that was not found is served "
	   "unchanged."),
	N_("The image has more files or partitions than are searched: a boot loader may not have been found."),
	N_("The virtual disk has more blocks than are searched for parts that were never written."),
	N_("Windows PE in this image is for another processor than %s: there it does not start."),
	N_("Windows' boot manager cannot read this WIM (%s): store it anew with LZX or XPRESS."),
	N_("The boot menu of this medium starts %.90s, which is not in it."),
	N_("The boot menu of this medium starts more than is looked at: %.70s is left out."),
	N_("The boot configuration %s of this medium is damaged: another one is made."),
	N_("The boot configuration %s of this medium is damaged: it may not start."),
	N_("The WIM has no image %u that starts: image %u starts instead."),
	N_("The WIM cannot be made to start image %u (%s): it starts what its header names."),
	N_("The WIM cannot be looked into (%s): nothing in it is changed."),
	N_("The WIM holds no Windows PE: Windows is installed from it, and it does not start by itself."),
	N_("The WIM has no boot.sdi. One was made, whose volume is empty: the boot manager takes it; Windows may not."),
	N_("The answer file %s cannot be read: Setup will ask its questions."),
	N_("Isopod's helper cannot be put into the WIM (%s): Windows starts, but Setup will not find its install.wim."),
	N_("%.60s: Isopod's helper cannot be put into this WIM (%s): it starts, but does not find the image."),
	N_("More than %d WIMs that start: the rest is served unchanged, and does not find the image."),
	N_("It looks like a Windows medium, but its files cannot be laid out as a disk: it is served as a CD."),
	N_("%s in the virtual disk cannot be read: it is compressed or encrypted."),
	N_("Windows opens virtual disks on NTFS only: from this stick it will stop with 0x7B. 'isopod create --fs ntfs' makes one for it."),
	N_("Windows makes this file %s larger when it starts, and %s are free on the stick: it will stop with 0x136."),
	N_("This is a VHD; from Windows 10 on only a VHDX is sure to start. 'isopod disk convert' makes one."),
	N_("The virtual disk is made of %u files on top of each other: Windows may not start from more than %u."),
	N_("Without Windows\\Boot\\PCAT\\bootvhd.dll a BIOS start will stop with 0xc00000bb: start it with UEFI."),
	N_("The files of the virtual disk are in different folders: Windows may not find them all."),
	N_("There is Windows in the virtual disk, but no boot manager that starts it."),
	N_("There is Windows in the virtual disk, but what starts it cannot be laid out: its disk is served as it is."),
	N_("the file's record names the clusters of the served initrd"),
	N_("%.80s: its volume is full, and there is no room for Isopod's helper; it is served unchanged."),
	N_("%.80s: the way it is stored is damaged or not known; it is served unchanged."),
	N_("Partition %u was not shut down cleanly: its boot loader may see older files."),
	N_("Logical volume %s was not shut down cleanly: its boot loader may see older files."),
	N_("Partition %s is %s, which Isopod cannot look into: a Linux in it will not find its disk."),
	N_("Partition %u is %s and gives no kernel modules: a Linux in it finds its disk only if its initrd has loop and dm-snapshot."),
	N_("Partition %s is locked with BitLocker: a Windows in it will not find its disk."),
	N_("There is Windows in partition %s: it finds its disk in a VHD or VHDX only ('isopod disk convert')."),
	N_("There is a Linux in this disk image, but no initrd of it was found: it will not find its disk."),
	N_("Secure Boot is on, and the firmware refuses %s: it is not signed"),
	N_("Secure Boot is on, and the firmware refuses %s: it is not what was signed"),
	N_("Secure Boot is on, and the firmware refuses %s: it is signed by \"%s\", which is not in this machine's db"),
	N_("Secure Boot is on, and the firmware refuses %s: this machine has revoked \"%s\" (dbx)"),
	N_("Secure Boot is on, and the firmware refuses %s: this machine has revoked it by its hash (dbx)"),
	N_("add Microsoft's certificates of 2023 to the firmware's keys (Windows Update, fwupdmgr, firmware update), or switch Secure Boot "
	   "off for this image"),
	N_("take a current edition of the image, signed with the certificates of 2023, or switch Secure Boot off for it"),
	N_("switch Secure Boot off for this image, or sign its loader with an enrolled key"),
	N_("Looking through the partitions would take too long: an initrd may be served unchanged."),
	N_("Looking through a boot image would take too long: its initrds are served unchanged."),
	/* what is wrong with an image, where that is words and not a specification's name of a field */
	N_("BAT entries overlap"),
	N_("BAT entry beyond the end of the file"),
	N_("Location of Extent of the root directory"),
	N_("Parent Unique ID is not the parent's Unique ID"),
	N_("a merge into it was interrupted"),
	N_("block map"),
	N_("block size"),
	N_("blocks of the virtual disk"),
	N_("cluster bits"),
	N_("compressed clusters"),
	N_("compression type"),
	N_("compression with zstd"),
	N_("container of another program"),
	N_("device size"),
	N_("differencing image"),
	N_("disk size"),
	N_("dynamic header Checksum"),
	N_("encryption"),
	N_("entries of a grain table"),
	N_("entries of the L1 table"),
	N_("extent file is missing"),
	N_("extent is cut short"),
	N_("extent line of the descriptor"),
	N_("extent type of ESXi"),
	N_("extent without access"),
	N_("external data file"),
	N_("file is cut short"),
	N_("file size"),
	N_("files on top of each other"),
	N_("fixed disk is cut short"),
	N_("footer at the end is missing or damaged"),
	N_("grain directory"),
	N_("grain size"),
	N_("header Checksum (both copies)"),
	N_("image of another program is only read"),
	N_("incompatible features"),
	N_("log FlushedFileOffset: the file is cut short"),
	N_("log descriptor"),
	N_("log descriptors to replay"),
	N_("log: no valid sequence of entries"),
	N_("metadata item, required and unknown"),
	N_("metadata region"),
	N_("metadata table"),
	N_("name of the backing file"),
	N_("number of blocks"),
	N_("parent chain is a loop"),
	N_("parent image"),
	N_("parent of another format"),
	N_("parent with another sector size"),
	N_("parentCID is not the parent's CID"),
	N_("parent_linkage is not the parent's DataWriteGuid"),
	N_("region beyond the end of the file"),
	N_("region table Checksum (both copies)"),
	N_("region table entry, required and unknown"),
	N_("region table entry, twice"),
	N_("regions overlap"),
	N_("sector size"),
	N_("signature of an extent"),
	N_("structure of the image"),
	N_("bits of an L2 table"),
	N_("boot flag"),
	N_("bytes used"),
	N_("cluster size"),
	N_("dynamic section"),
	N_("first bytes"),
	N_("multiboot header"),
	N_("number of program headers"),
	N_("number of sectors"),
	N_("program headers"),
	N_("table of clusters"),
	N_("table size"),
	N_("type or machine of the module"),
	N_("version of the boot protocol"),
	/* what an initrd was found by, if not by a loader's configuration */
	N_("content"),
	/* kinds of images whose names are words */
	N_("unknown"),
	N_("disk"),
	N_("floppy"),
};

static const char *kind_text(const struct menu *m, enum pod_image_kind kind)
{
	return FT(m->fw, pod_image_kind_text(kind));
}

/* --- details ------------------------------------------------------------------------------------------------------ */

static const char *media_text(uint8_t media)
{
	switch (media) {
	case POD_ET_NOEMUL:
		return N_("no emulation");
	case POD_ET_FLOPPY_1200:
		return N_("1.2 MB floppy");
	case POD_ET_FLOPPY_1440:
		return N_("1.44 MB floppy");
	case POD_ET_FLOPPY_2880:
		return N_("2.88 MB floppy");
	case POD_ET_HARDDISK:
		return N_("hard disk");
	default:
		return "?";
	}
}

static void add_start(struct menu *m, struct menu_pager *p, const char *fw, const struct pod_plan *plan, int entry, bool bios)
{
	char t[160];
	if (entry == POD_ENTRY_NONE) {
		pager_add_pair(m, p, fw, T("nothing to start"));
		return;
	}
	if (entry < 0 || (uint32_t)entry >= plan->image.boot_count) {
		pager_add_pair(m, p, fw,
			       plan->windows.count ? T("Windows' boot manager, on a disk made of the image's files")
			       : bios		   ? T("the boot sector of the image")
						   : T("the loader in the image's own filesystem"));
		return;
	}
	const struct pod_eltorito_entry *e = &plan->image.boot[entry];
	pod_snprintf(t, sizeof t, T("El Torito entry %d (%s) at sector %u"), entry + 1,
		     menu_translate(m->fw->language, media_text(e->media)), e->lba);
	pager_add_pair(m, p, fw, t);
}

/* Which image of a WIM starts, and which others F6 has to choose from. */
static void add_images(struct menu *m, struct menu_pager *p, const struct pod_plan_windows *w)
{
	char t[256];
	if (!w->count || !w->wim_image)
		return;
	pod_snprintf(t, sizeof t, "%u  %s", w->wim_image, w->wim_name[0] ? w->wim_name : "?");
	pager_add_pair(m, p, T("Image"), t);
	if (!w->choices)
		return;
	pager_add(m, p, "");
	pager_add_marked(m, p, MARK_HEAD, T("Images of the WIM that start; F6 chooses"));
	for (uint32_t i = 0; i < w->choices; i++) {
		if (w->choice[i].start != POD_WIM_STARTS)
			continue;
		images_text(m, w, &w->choice[i], t, sizeof t);
		pager_add(m, p, t);
	}
}

/* Does the system keep what it changes? */
static void add_persist(struct menu *m, struct menu_pager *p, const struct pod_persist *x)
{
	char t[96], left[16], all[16];
	if (!x->kind)
		return;
	pod_snprintf(t, sizeof t, T("kept for %s, %s of %s are free"), pod_persist_kind_text(x->kind),
		     pod_format_size(left, x->free_bytes), pod_format_size(all, x->fs_bytes));
	pager_add_pair(m, p, T("Changes"), t);
	if (*pod_persist_words(x->kind))
		pager_add_pair(m, p, T("Kernel arguments"), pod_persist_words(x->kind));
}

/* The other way to start it; whether this firmware has the memory is seen then. */
static void add_memory(struct menu *m, struct menu_pager *p, size_t image, const struct pod_plan *plan)
{
	char t[160], size[16];
	if (!memory_possible(m, plan))
		return;
	pager_add(m, p, "");
	if (memory_by_rule(m, image)) {
		pager_add(m, p, T("isopod.conf: starts from memory."));
		pager_add_pair(m, p, "M", T("start from the stick"));
		return;
	}
	pod_snprintf(t, sizeof t, T("start from memory: takes %s, and does without the stick then"),
		     pod_format_size(size, plan->map.size_bytes));
	pager_add_pair(m, p, "M", t);
}

/* For a system that finds its medium by its own drivers. */
static void add_partition(struct menu *m, struct menu_pager *p, size_t image, const struct pod_plan *plan)
{
	if (!partition_possible(m, plan))
		return;
	pager_add(m, p, "");
	if (partition_by_rule(m, image))
		pager_add(m, p, T("isopod.conf: starts as a partition of the stick."));
	else
		pager_add_pair(m, p, "P",
			       T("start as a partition of the stick, if its system does not find it otherwise (FreeBSD)"));
}

/* The keys that start it otherwise. */
static void add_other_ways(struct menu *m, struct menu_pager *p, size_t image, const struct pod_plan *plan)
{
	if (plan->persist.kind && m->stick.data.ops == &pod_fs_exfat && snapshot_by_rule(m, image))
		pager_add(m, p, T("isopod.conf: before each start its state is kept as a snapshot."));
	add_memory(m, p, image, plan);
	add_partition(m, p, image, plan);
	if (!arguments_possible(plan))
		return;
	if (!memory_possible(m, plan) && !partition_possible(m, plan))
		pager_add(m, p, "");
	pager_add_pair(m, p, "K", T("start with other kernel arguments"));
}

/* But for `said`, which stands above them. */
static void add_warnings(struct menu *m, struct menu_pager *p, const struct pod_plan *plan, const struct pod_start *said)
{
	char w[400];
	for (uint32_t i = 0; i < plan->warning_count && i < POD_PLAN_WARNING_MAX; i++) {
		if (pod_start_is_warning(said, plan, i))
			continue;
		pager_add_marked(m, p, MARK_WARN, menu_translate_filled(m->fw->language, plan->warning[i], w, sizeof w));
	}
}

/* Each with what is known of how its system finds its medium. */
static void add_initrds(struct menu *m, struct menu_pager *p, const struct pod_plan *plan, const struct looking *l)
{
	char t[800], size[16];
	if (plan->lone.length_bytes) {
		pod_snprintf(
			t, sizeof t,
			plan->image.kind == POD_IMAGE_ISO
				? T("%s is started without one. The boot menu %s loads one with Isopod's helper for it, so that it finds "
				    "its medium.")
				: T("%s is started without one. The boot menu %s loads one with Isopod's helper for it, so that it finds its "
				    "disk, if loop devices are built into it."),
			plan->lone.path, plan->lone.found_by);
		pager_add(m, p, "");
		pager_add_marked(m, p, MARK_HEAD, T("Linux initrds that get Isopod's helper"));
		pager_add(m, p, t);
	}
	if (!plan->initrd_count)
		return;
	pager_add(m, p, "");
	pager_add_marked(m, p, MARK_HEAD, T("Linux initrds that get Isopod's helper"));
	for (size_t i = 0; i < plan->initrd_count; i++) {
		const struct pod_initrd *r = &plan->initrd[i];
		pod_snprintf(t, sizeof t, "%s  %s  (%s)", r->path[0] ? r->path : "?", pod_format_size(size, r->length_bytes),
			     FT(m->fw, r->found_by));
		pager_add(m, p, t);
		if (l)
			looking_say(m, l, i, p);
	}
}

static void add_plan(struct menu *m, struct menu_pager *p, const struct pod_plan *plan, const struct pod_start *said,
		     const struct looking *l)
{
	static const char *const efi_name[4] = {"", "UEFI x64", "UEFI ia32", "UEFI aa64"};
	char t[800];
	if (plan->layers > 1)
		pod_snprintf(t, sizeof t, T("%s, with %u files below it"), kind_text(m, plan->container), plan->layers - 1);
	else
		pod_strlcpy(t, kind_text(m, plan->container ? plan->container : plan->image.kind), sizeof t);
	pager_add_pair(m, p, T("Kind"), t);
	if (plan->image.label[0])
		pager_add_pair(m, p, T("Label"), plan->image.label);
	if (plan->image.kind == POD_IMAGE_ISO && (plan->image.hybrid_mbr || plan->image.hybrid_gpt))
		pager_add_pair(m, p, T("Hybrid"), plan->image.hybrid_gpt ? "MBR + GPT" : "MBR");
	add_persist(m, p, &plan->persist);
	pager_add(m, p, "");
	pager_add_marked(m, p, MARK_HEAD, T("What starts it"));
	add_start(m, p, "BIOS", plan, plan->bios_entry, true);
	for (unsigned i = 1; i < 4; i++)
		add_start(m, p, efi_name[i], plan, plan->efi_entry[i], false);
	add_images(m, p, &plan->windows);
	if (plan->warning_count)
		pager_add(m, p, "");
	add_warnings(m, p, plan, said);
	add_initrds(m, p, plan, l);
	if (plan->wim_count) {
		pager_add(m, p, "");
		pager_add_marked(m, p, MARK_HEAD,
				 T("WIMs with Windows PE, and the program in each that Isopod's helper stands in for"));
		for (size_t i = 0; i < plan->wim_count; i++) {
			const struct pod_plan_wim *w = &plan->wim[i];
			char size[16];
			pod_snprintf(t, sizeof t, "%s  %s  (%s)", w->path, pod_format_size(size, w->length_bytes),
				     w->served_length ? w->replaced : T("unchanged"));
			pager_add(m, p, t);
		}
	}
	if (plan->overlay_count) {
		pager_add(m, p, "");
		pager_add_marked(m, p, MARK_HEAD, T("Changed in memory only; the file on the stick stays as it is"));
		for (size_t i = 0; i < plan->overlay_count; i++) {
			const struct pod_overlay *o = &plan->overlay[i];
			char why[300];
			pod_snprintf(t, sizeof t, "0x%llx + %llu  %s%s%s", (unsigned long long)o->start_bytes,
				     (unsigned long long)o->length_bytes, o->path, o->path[0] ? ": " : "",
				     menu_translate_filled(m->fw->language, o->reason, why, sizeof why));
			pager_add(m, p, t);
		}
	}
}

/* Is there something to go back to? */
static bool add_snapshots(struct menu *m, struct menu_pager *p, size_t image)
{
	const struct menu_store *t = store_of(m, image);
	struct pod_node node;
	if (!t) {
		if (persist_snapshot(m, image, &node) != POD_OK)
			return false;
		pager_add(m, p, "");
		pager_add_pair(m, p, "R", T("go back to the snapshot of its persistence file"));
		return true;
	}
	pager_add(m, p, "");
	pager_add_marked(m, p, MARK_HEAD, T("The current layer of a layer store"));
	if (t->anew)
		pager_add(m, p, T("Locked: what was written to it is discarded before each start."));
	if (t->parent[0])
		pager_add_pair(m, p, T("Snapshot"), t->parent);
	if (!t->anew && snapshot_by_rule(m, image))
		pager_add(m, p, T("isopod.conf: before each start its state is kept as a snapshot."));
	pager_add_pair(m, p, "R", T("go back to a snapshot"));
	return true;
}

/* What the page is made of. */
struct details {
	size_t image, extents;
	struct pod_plan *plan;
	struct pod_start why;
	enum pod_status st;
	struct looking *look;
	bool snapshots;
	uint64_t next_ms; /* what is read is not drawn more often */
	char text[2048];
};

static void add_file(struct menu *m, struct menu_pager *p, size_t image, size_t extents)
{
	const struct menu_image *im = &m->stick.image[image];
	char t[64], size[16];
	scan_image_path(&m->stick, image, m->path, sizeof m->path);
	pager_add_pair(m, p, T("Path"), m->path);
	if (pod_text_looks_alike(m->path))
		pager_add_marked(
			m, p, MARK_WARN,
			T("! This name mixes letters of several scripts, or holds invisible ones: it can look like another name "
			  "and be a different file."));
	pod_snprintf(t, sizeof t, T("%s (%llu bytes)"), pod_format_size(size, im->node.size_bytes),
		     (unsigned long long)im->node.size_bytes);
	pager_add_pair(m, p, T("Size"), t);
	if (im->node.mtime > 0 && im->node.mtime < (int64_t)1 << 33) {
		page_date(t, sizeof t, im->node.mtime);
		pager_add_pair(m, p, T("Date"), t);
	}
	if (extents) {
		pod_snprintf(t, sizeof t, "%zu%s", extents, extents > 1 ? T(" (fragmented)") : T(" (contiguous)"));
		pager_add_pair(m, p, T("Extents"), t);
	}
}

static void write_details(struct menu *m, struct menu_pager *p, struct details *d)
{
	pager_empty(p);
	add_file(m, p, d->image, d->extents);
	if (d->why.starts != POD_STARTS) {
		start_sentence(m, d->image, &d->why, d->text, sizeof d->text);
		pager_add(m, p, "");
		pager_add_marked(m, p, MARK_WARN, d->text);
	}
	if (d->st == POD_OK) {
		add_plan(m, p, d->plan, &d->why, d->look);
		add_other_ways(m, p, d->image, d->plan);
	}
	d->snapshots = add_snapshots(m, p, d->image);
}

/* The initrds are read on while nobody presses a key. */
static bool read_on(struct menu *m, struct menu_pager *p, void *ctx)
{
	struct details *d = ctx;
	looking_step(m, d->look);
	uint64_t now = m->fw->millis(m->fw);
	if (looking_ended(d->look) || now >= d->next_ms) {
		write_details(m, p, d);
		d->next_ms = now + DETAILS_MS;
	}
	return !looking_ended(d->look);
}

/* What the key stands for here, as a capital letter; or nothing. */
static uint32_t details_key(struct menu *m, const struct details *d, uint32_t key)
{
	bool planned = d->st == POD_OK;
	switch (key) {
	case 'r':
	case 'R':
		return d->snapshots ? 'R' : POD_KEY_NONE;
	case 'm':
	case 'M':
		return planned && memory_possible(m, d->plan) ? 'M' : POD_KEY_NONE;
	case 'p':
	case 'P':
		return planned && partition_possible(m, d->plan) ? 'P' : POD_KEY_NONE;
	case 'k':
	case 'K':
		return planned && arguments_possible(d->plan) ? 'K' : POD_KEY_NONE;
	default:
		return POD_KEY_NONE;
	}
}

/* Shows it until a key ends it; returns what that stands for. */
static uint32_t run_details(struct menu *m, struct details *d)
{
	struct menu_pager p = {0};
	uint32_t key = POD_KEY_NONE;
	view_busy(m, T("Reading the image ..."));
	m->wim_images = true;
	d->st = start_plan(m, d->image, d->plan, &d->extents, &d->why);
	m->wim_images = false;
	if (d->st == POD_E_CANCELLED)
		return POD_KEY_NONE;
	d->look = d->st == POD_OK ? looking_begin(m, d->plan) : NULL;
	if (d->look) {
		p.meanwhile = read_on;
		p.ctx = d;
	}
	write_details(m, &p, d);
	key = pager_run(m, m->stick.image[d->image].name, &p, T("Arrow and page keys scroll, any other key goes back."));
	key = details_key(m, d, key);
	pod_free(m->alloc, p.text);
	looking_end(m, d->look);
	if (d->st == POD_OK)
		pod_plan_free(d->plan);
	return key;
}

void page_details(struct menu *m, size_t image)
{
	struct details *d = pod_zalloc(m->alloc, 1, sizeof *d);
	struct pod_plan *plan = pod_zalloc(m->alloc, 1, sizeof *plan);
	uint32_t key = POD_KEY_NONE;
	if (d && plan) {
		d->image = image;
		d->plan = plan;
		key = run_details(m, d);
	} else {
		page_message(m, T("Details"), T("There is not enough memory."));
	}
	pod_free(m->alloc, d);
	pod_free(m->alloc, plan);
	if (key == 'R')
		page_snapshots(m, image);
	else if (key == 'M')
		start_other_way(m, image);
	else if (key == 'P')
		start_as_partition(m, image);
	else if (key == 'K')
		start_with_arguments(m, image, "");
}

/* --- actions ------------------------------------------------------------------------------------------------------ */

enum action { ACT_RESTART, ACT_POWER_OFF, ACT_SETUP, ACT_OWN, ACT_LEAVE, ACT_BACK };

static void action_line(struct menu *m, const void *what, size_t i, char *out, size_t size)
{
	const enum action *act = what;
	const char *label[] = {T("Restart the computer"),
			       T("Power off"),
			       T("Firmware setup"),
			       T("Start this computer's own system"),
			       T("Leave Isopod, back to the firmware"),
			       T("Back to the menu")};
	pod_snprintf(out, size, "%zu  %s", i + 1, label[act[i]]);
}

void page_actions(struct menu *m)
{
	enum action act[6];
	size_t n = 0;
	act[n++] = ACT_RESTART;
	if (m->fw->power_off)
		act[n++] = ACT_POWER_OFF;
	if (m->fw->firmware_setup)
		act[n++] = ACT_SETUP;
	if (m->fw->own_list)
		act[n++] = ACT_OWN;
	if (m->fw->firmware_bit != POD_FW_BIOS)
		act[n++] = ACT_LEAVE;
	act[n++] = ACT_BACK;
	struct menu_choice c = {.title = T("What next?"), .count = n, .narrow = true, .line = action_line, .what = act};
	size_t sel = choice_numbered(m, &c);
	if (sel == n)
		return;
	switch (act[sel]) {
	case ACT_RESTART:
		m->fw->reboot(m->fw);
		break;
	case ACT_POWER_OFF:
		m->fw->power_off(m->fw);
		break;
	case ACT_SETUP:
		m->fw->firmware_setup(m->fw);
		break;
	case ACT_OWN:
		page_own(m);
		return;
	case ACT_LEAVE:
		m->leave = true;
		return;
	case ACT_BACK:
		return;
	}
	/* the firmware did not do it */
	screen_invalidate(m);
	page_message(m, T("Not possible"), T("The firmware did not carry this out. Use the computer's power button."));
}
