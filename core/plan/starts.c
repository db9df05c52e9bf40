/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/plan/internal.h"
#include "core/base/mem.h"
#include "core/plan/starts.h"

/* For the ports, which translate them. */
#define N_(s) (s)
#define AGAIN N_("download or copy the image again")
static const struct reason {
	const char *code, *what, *fix;
	bool unknown;	   /* it may start all the same */
	uint32_t firmware; /* where it holds, if not everywhere */
} reason[POD_WHY_COUNT] = {
	[POD_WHY_NONE] = {.code = "starts", .what = ""},
	[POD_WHY_NOT_AN_IMAGE] = {.code = "not-an-image", .what = N_("it is %s")},
	[POD_WHY_UNKNOWN_KIND] = {.code = "unknown-kind",
				  .what = N_("its content is not that of any known kind of image"),
				  .fix = AGAIN},
	[POD_WHY_CUT_OFF] = {.code = "cut-off", .what = N_("it is cut off: of %s only %s are there"), .fix = AGAIN},
	[POD_WHY_NOT_COPIED] = {.code = "not-copied",
				.what = N_("the file was not copied completely: only %s of %s are there"),
				.fix = N_("copy it again, and eject the stick before you pull it out")},
	[POD_WHY_UNWRITTEN] = {.code = "unwritten",
			       .what = N_("parts of the file were never written and read as zeros"),
			       .fix = AGAIN},
	[POD_WHY_NO_LOADER] = {.code = "no-loader",
			       .what = N_("no boot loader for any firmware was found in it"),
			       .fix = N_("it is a data image, or damaged: take a bootable edition, or download it again")},
	[POD_WHY_BOOT_IMAGE] = {.code = "boot-image-damaged",
				.what = N_("its boot image for %s cannot be used: %s"),
				.fix = AGAIN},
	[POD_WHY_OTHER_FIRMWARE] = {.code = "other-firmware",
				    .what = N_("nothing in it starts on %s, only on: %s"),
				    .fix = N_("take another edition, or change the mode in this computer's setup")},
	[POD_WHY_PARENT_MISSING] = {.code = "parent-missing",
				    .what = N_("it stands on %s, which is not there"),
				    .fix = N_("copy that into the same folder")},
	[POD_WHY_PARENT_CHANGED] = {.code = "parent-changed",
				    .what = N_("parent %s is not the file it was made from, or was changed since"),
				    .fix = N_("put an untouched copy of its parent there")},
	[POD_WHY_PARENT_DAMAGED] = {.code = "parent-damaged", .what = N_("its parent %s cannot be used (%s)")},
	[POD_WHY_STICK_DAMAGED] = {.code = "stick-damaged",
				   .what = N_("the stick's own file %s is missing or damaged"),
				   .fix = N_("'isopod update' writes it to the stick")},
	[POD_WHY_DAMAGED] = {.code = "damaged", .what = N_("the image is damaged (%s at offset %s)"), .fix = AGAIN},
	[POD_WHY_RANGE] = {.code = "out-of-range",
			   .what = N_("the image ends too early, or lies beyond what this firmware reads of the drive"),
			   .fix = N_("copy it again, or start this computer in UEFI mode")},
	[POD_WHY_UNSUPPORTED] = {.code = "unsupported",
				 .what = N_("the image uses something that Isopod cannot start (%s)"),
				 .fix = N_("convert it: isopod disk convert")},
	[POD_WHY_LIMIT] = {.code = "limit", .what = N_("it is over a limit of Isopod (%s)")},
	[POD_WHY_READ_ERROR] = {.code = "read-error",
				.what = N_("the drive reported a read error (%s at offset %s)"),
				.fix = N_("try another USB port; if it comes back, the drive is failing"),
				.unknown = true},
	[POD_WHY_MEMORY] = {.code = "memory", .what = N_("there is not enough memory to prepare this image"), .unknown = true},
	[POD_WHY_CANCELLED] = {.code = "cancelled", .what = "", .unknown = true}, /* whoever pressed Esc knows */
	[POD_WHY_NOT_PLANNED] = {.code = "not-planned", .what = N_("it could not be examined (%s)"), .unknown = true},
	/* These are told as the plan's warnings, too. */
	[POD_WHY_WINDOWS_VOLUME] = {.code = "windows-volume",
				    .what = N_(
					    "Windows opens virtual disks on NTFS only: from this stick it will stop with 0x7B. "
					    "'isopod create --fs ntfs' makes one for it.")},
	[POD_WHY_WINDOWS_ROOM] =
		{.code = "windows-room",
		 .what = N_("Windows makes this file %s larger when it starts, and %s are free on the stick: it will stop "
			    "with 0x136.")},
	[POD_WHY_WINDOWS_VHD] =
		{.code = "windows-vhd",
		 .what = N_("This is a VHD; from Windows 10 on only a VHDX is sure to start. 'isopod disk convert' makes "
			    "one."),
		 .unknown = true},
	[POD_WHY_WINDOWS_BOOTVHD] =
		{.code = "windows-bootvhd",
		 .what = N_("Without Windows\\Boot\\PCAT\\bootvhd.dll a BIOS start will stop with 0xc00000bb: start it "
			    "with UEFI."),
		 .firmware = POD_FW_BIOS},
	[POD_WHY_WINDOWS_LOADER] = {.code = "windows-no-loader",
				    .what = N_("There is Windows in the virtual disk, but no boot manager that starts it.")},
	[POD_WHY_WINDOWS_LAYOUT] =
		{.code = "windows-layout",
		 .what = N_("There is Windows in the virtual disk, but what starts it cannot be laid out: its disk is "
			    "served as it is.")},
	[POD_WHY_WINDOWS_RAW] =
		{.code = "windows-raw",
		 .what = N_("There is Windows in partition %s: it finds its disk in a VHD or VHDX only ('isopod disk "
			    "convert').")},
	[POD_WHY_BITLOCKER] = {.code = "bitlocker",
			       .what = N_("Partition %s is locked with BitLocker: a Windows in it will not find its disk."),
			       .unknown = true},
	[POD_WHY_PARENTS_ELSEWHERE] =
		{.code = "parents-elsewhere",
		 .what = N_("The files of the virtual disk are in different folders: Windows may not find them all."),
		 .unknown = true},
	[POD_WHY_SECTORS_4096] = {.code = "sectors-4096",
				  .what = N_("The disk in it has sectors of 4096 bytes, and only those of 512 can be started.")},
	[POD_WHY_WIM_FORMAT] = {.code = "wim-format",
				.what = N_("Windows' boot manager cannot read this WIM (%s): store it anew with LZX or XPRESS.")},
	[POD_WHY_WIM_NO_PE] =
		{.code = "wim-no-pe",
		 .what = N_("The WIM holds no Windows PE: Windows is installed from it, and it does not start by itself.")},
	[POD_WHY_LINUX_PIECES] = {.code = "linux-pieces",
				  .what = N_("A Linux in it will not find its disk: that lies in too many pieces.")},
	[POD_WHY_LINUX_LOG] =
		{.code = "linux-log",
		 .what = N_("A Linux in it will not find its disk: the log of that is not empty (isopod disk check --repair "
			    "empties it).")},
	[POD_WHY_LINUX_BLOCKS] = {.code = "linux-blocks",
				  .what = N_(
					  "A Linux in it will not find its disk: the blocks of that are not in whole sectors.")},
	[POD_WHY_LINUX_CLOSED] =
		{.code = "linux-closed",
		 .what = N_("Partition %s is %s, which Isopod cannot look into: a Linux in it will not find its disk."),
		 .unknown = true},
	[POD_WHY_LINUX_INITRD] =
		{.code = "linux-no-initrd",
		 .what = N_("There is a Linux in this disk image, but no initrd of it was found: it will not find its "
			    "disk."),
		 .unknown = true},
	[POD_WHY_SECURE_UNSIGNED] = {.code = "secure-boot-unsigned",
				     .what = N_("Secure Boot is on, and the firmware refuses %s: it is not signed")},
	[POD_WHY_SECURE_CHANGED] = {.code = "secure-boot-changed",
				    .what = N_("Secure Boot is on, and the firmware refuses %s: it is not what was signed")},
	[POD_WHY_SECURE_STRANGER] =
		{.code = "secure-boot-stranger",
		 .what = N_("Secure Boot is on, and the firmware refuses %s: it is signed by \"%s\", which is not "
			    "in this machine's db")},
	[POD_WHY_SECURE_REVOKED] = {.code = "secure-boot-revoked",
				    .what = N_("Secure Boot is on, and the firmware refuses %s: this machine has revoked \"%s\" "
					       "(dbx)")},
	[POD_WHY_SECURE_REVOKED_HASH] = {.code = "secure-boot-revoked",
					 .what = N_(
						 "Secure Boot is on, and the firmware refuses %s: this machine has revoked it by "
						 "its hash (dbx)")},
};

const char *pod_start_code(enum pod_start_why why)
{
	return (unsigned)why < POD_WHY_COUNT ? reason[why].code : "";
}

const char *pod_start_what(enum pod_start_why why)
{
	return (unsigned)why < POD_WHY_COUNT ? reason[why].what : "";
}

static void set(struct pod_start *out, enum pod_start_why why, const char *arg0, const char *arg1)
{
	out->starts = why == POD_WHY_NONE ? POD_STARTS : reason[why].unknown ? POD_STARTS_UNKNOWN : POD_STARTS_NOT;
	out->why = why;
	out->fix = reason[why].fix ? reason[why].fix : "";
	pod_strlcpy(out->arg[0], arg0, sizeof out->arg[0]);
	pod_strlcpy(out->arg[1], arg1, sizeof out->arg[1]);
}

/* --- the image alone -------------------------------------------------------------------------------------- */

static void name_firmware(uint32_t bits, char *out, size_t size)
{
	static const char *const name[] = {"BIOS", "UEFI x64", "UEFI ia32", "UEFI aa64"};
	size_t at = 0;
	out[0] = 0;
	for (size_t i = 0; i < POD_ARRAY_LEN(name) && at < size; i++)
		if (bits >> i & 1)
			at += (size_t)pod_snprintf(out + at, size - at, "%s%s", at ? ", " : "", name[i]);
}

bool pod_start_of_boot_images(const struct pod_image *im, bool uefi, struct pod_start *out)
{
	static const char *const words[] = {
		[POD_BOOT_FAULT_OUTSIDE] = N_("it lies behind the end of the file"),
		[POD_BOOT_FAULT_ZEROS] = N_("it is empty"),
		[POD_BOOT_FAULT_NO_FAT] = N_("it is no FAT volume"),
		[POD_BOOT_FAULT_NO_LOADER] = N_("there is no loader in it"),
	};
	enum pod_boot_fault fault = POD_BOOT_FAULT_NONE;
	if (im->firmware & (uefi ? ~(uint32_t)POD_FW_BIOS : POD_FW_BIOS))
		return false;
	for (uint32_t i = 0; i < im->boot_count && !fault; i++)
		if (im->boot[i].platform == (uefi ? 0xef : 0))
			fault = im->boot[i].fault;
	if (!fault)
		return false;
	set(out, POD_WHY_BOOT_IMAGE, uefi ? "UEFI" : "BIOS", words[fault]);
	return true;
}

/* `starts_on`: POD_FW_*. */
static void judge(const struct pod_image *im, uint32_t starts_on, uint32_t firmware, struct pod_start *out)
{
	enum pod_start_why why = POD_WHY_NONE;
	char a[POD_START_ARG] = "", b[POD_START_ARG] = "";
	struct pod_start damaged = {0};
	if (im->kind == POD_IMAGE_UNKNOWN) {
		why = im->instead ? POD_WHY_NOT_AN_IMAGE : POD_WHY_UNKNOWN_KIND;
		pod_strlcpy(a, pod_instead_text(im->instead), sizeof a);
	} else if (im->truncated) {
		why = POD_WHY_CUT_OFF;
		pod_format_size(a, im->volume_bytes);
		pod_format_size(b, im->size_bytes);
	} else if (!(starts_on & firmware) &&
		   ((firmware & ~(uint32_t)POD_FW_BIOS && pod_start_of_boot_images(im, true, &damaged)) ||
		    (firmware & POD_FW_BIOS && pod_start_of_boot_images(im, false, &damaged)))) {
		*out = damaged;
		return;
	} else if (!starts_on) {
		why = POD_WHY_NO_LOADER;
	} else if (!(starts_on & firmware)) {
		why = POD_WHY_OTHER_FIRMWARE;
		name_firmware(firmware, a, sizeof a);
		name_firmware(starts_on, b, sizeof b);
	}
	/* It can be started, as a kernel alone can, but is hardly what was meant. */
	bool doubtful = why == POD_WHY_NONE && im->instead;
	if (doubtful) {
		why = POD_WHY_NOT_AN_IMAGE;
		pod_strlcpy(a, pod_instead_text(im->instead), sizeof a);
	}
	set(out, why, a, b);
	if (why == POD_WHY_NOT_AN_IMAGE)
		out->fix = pod_instead_fix(im->instead);
	if (doubtful)
		out->starts = POD_STARTS_UNKNOWN;
}

void pod_start_of_image(const struct pod_image *im, uint32_t firmware, struct pod_start *out)
{
	judge(im, im->firmware, firmware, out);
}

bool pod_start_of_extents(const struct pod_extent *e, size_t count, uint64_t size_bytes, struct pod_start *out)
{
	const struct pod_image empty = {.instead = POD_INSTEAD_EMPTY};
	if (!size_bytes) {
		judge(&empty, 0, 0, out);
		return true;
	}
	for (size_t i = 0; i < count; i++) {
		if (!e[i].hole)
			continue;
		char have[16], all[16];
		set(out, POD_WHY_NOT_COPIED, pod_format_size(have, e[i].file_bytes), pod_format_size(all, size_bytes));
		return true;
	}
	return false;
}

bool pod_start_needs_plan(const struct pod_image *im, uint32_t firmware)
{
	return pod_image_is_disk_file(im->kind) || im->kind == POD_IMAGE_DISK || im->kind == POD_IMAGE_WIM ||
	       (im->kind == POD_IMAGE_ISO && !(im->firmware & firmware));
}

/* --- what the plan saw ------------------------------------------------------------------------------------ */

void pod_plan_warn_start(struct pod_plan *p, const struct pod_start *s)
{
	char text[sizeof p->warning[0]];
	pod_start_say(s, NULL, NULL, text, sizeof text);
	pod_plan_warn(p, "%s", text);
}

void pod_plan_because(struct pod_plan *p, enum pod_start_why why, const char *arg0, const char *arg1)
{
	struct pod_start s;
	set(&s, why, arg0, arg1);
	pod_plan_warn_start(p, &s);
	if (p->why.why && (p->why.starts == POD_STARTS_NOT || s.starts != POD_STARTS_NOT))
		return; /* the first that is sure */
	p->why = s;
}

void pod_start_of_plan(const struct pod_plan *p, uint32_t firmware, struct pod_start *out)
{
	uint32_t starts_on = p->bios_entry != POD_ENTRY_NONE ? POD_FW_BIOS : 0, holds = reason[p->why.why].firmware;
	for (unsigned i = 1; i < POD_ARRAY_LEN(p->efi_entry); i++)
		if (p->efi_entry[i] != POD_ENTRY_NONE)
			starts_on |= 1u << i;
	judge(&p->image, starts_on, firmware, out);
	if (out->starts == POD_STARTS && p->unwritten)
		set(out, POD_WHY_UNWRITTEN, "", "");
	bool open = out->why == POD_WHY_NONE || (out->why == POD_WHY_NO_LOADER && p->why.starts == POD_STARTS_NOT);
	if (p->why.why && open && !(holds && starts_on & firmware & ~holds))
		*out = p->why;
}

bool pod_start_of_system(const struct pod_plan *p, uint32_t firmware, struct pod_start *out)
{
	pod_start_of_plan(p, firmware, out);
	return out->why != POD_WHY_NONE && out->why == p->why.why;
}

/* --- what could not be planned ---------------------------------------------------------------------------- */

static enum pod_start_why of_status(enum pod_status st)
{
	switch (st) {
	case POD_E_CORRUPT:
		return POD_WHY_DAMAGED;
	case POD_E_FORMAT:
		return POD_WHY_UNKNOWN_KIND;
	case POD_E_RANGE:
		return POD_WHY_RANGE;
	case POD_E_UNSUPPORTED:
		return POD_WHY_UNSUPPORTED;
	case POD_E_BUDGET:
	case POD_E_LIMIT:
		return POD_WHY_LIMIT;
	case POD_E_IO:
		return POD_WHY_READ_ERROR;
	case POD_E_NOMEM:
		return POD_WHY_MEMORY;
	case POD_E_CANCELLED:
		return POD_WHY_CANCELLED;
	default:
		return POD_WHY_NOT_PLANNED;
	}
}

void pod_start_of_failure(enum pod_status st, const struct pod_diag *d, const char *parent, const char *stick_file,
			  struct pod_start *out)
{
	char at[24];
	pod_snprintf(at, sizeof at, "%llu", d ? (unsigned long long)d->offset_bytes : 0);
	if (parent && *parent)
		set(out,
		    st == POD_E_NOT_FOUND ? POD_WHY_PARENT_MISSING
		    : st == POD_E_CHANGED ? POD_WHY_PARENT_CHANGED
					  : POD_WHY_PARENT_DAMAGED,
		    parent, d && d->what ? d->what : pod_status_text(st));
	else if (stick_file)
		set(out, POD_WHY_STICK_DAMAGED, stick_file, "");
	else
		set(out, of_status(st), d && d->what && st != POD_E_BUDGET ? d->what : pod_status_text(st), at);
}

/* --- Secure Boot ------------------------------------------------------------------------------------------ */

const char *pod_start_fix_signature(const char *who, bool revoked)
{
	if (!revoked && pod_strcasestr(who, "2023"))
		return N_(
			"add Microsoft's certificates of 2023 to the firmware's keys (Windows Update, fwupdmgr, firmware update), or "
			"switch Secure Boot off for this image");
	if (pod_strcasestr(who, "Microsoft") && pod_strcasestr(who, "2011"))
		return N_(
			"take a current edition of the image, signed with the certificates of 2023, or switch Secure Boot off for it");
	return N_("switch Secure Boot off for this image, or sign its loader with an enrolled key");
}

void pod_start_of_refusal(enum pod_start_why why, const char *loader, const char *who, struct pod_start *out)
{
	set(out, why, loader, who);
	out->fix = pod_start_fix_signature(who, why == POD_WHY_SECURE_REVOKED || why == POD_WHY_SECURE_REVOKED_HASH);
}

/* --- in words --------------------------------------------------------------------------------------------- */

static const char *english(void *ctx, const char *text)
{
	(void)ctx;
	return text;
}

/* Fills in by itself: a translation is a text of a file, and no format. */
static size_t fill(const struct pod_start *s, const char *format, const char *(*translate)(void *ctx, const char *text),
		   void *ctx, char *out, size_t size)
{
	size_t at = 0;
	unsigned arg = 0;
	for (; *format && at + 1 < size; format++) {
		if (format[0] != '%' || format[1] != 's' || arg == POD_ARRAY_LEN(s->arg)) {
			out[at++] = *format;
			continue;
		}
		const char *text = s->arg[arg][0] ? translate(ctx, s->arg[arg]) : "?";
		at += pod_strlcpy(out + at, text, size - at);
		at = at < size ? at : size - 1;
		arg++;
		format++;
	}
	out[at] = 0;
	return at;
}

void pod_start_say(const struct pod_start *s, const char *(*translate)(void *ctx, const char *text), void *ctx, char *out,
		   size_t size)
{
	translate = translate ? translate : english;
	if (!size)
		return;
	out[0] = 0;
	if (!*pod_start_what(s->why))
		return;
	size_t at = fill(s, translate(ctx, pod_start_what(s->why)), translate, ctx, out, size);
	if (*s->fix)
		pod_snprintf(out + at, size - at, "; %s", translate(ctx, s->fix));
}

bool pod_start_is_warning(const struct pod_start *s, const struct pod_plan *p, uint32_t i)
{
	char text[sizeof p->warning[0]];
	if (s->starts == POD_STARTS)
		return false;
	pod_start_say(s, NULL, NULL, text, sizeof text);
	return pod_streq(text, p->warning[i]);
}
