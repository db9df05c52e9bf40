/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hazard 6, the stick itself: the boot code in front of the partitions, the files on the ESP and what kind of volume that is.
 * All is compared with this command's own files; what differs, with the list that the version which wrote it left there
 * (cli/stick/manifest.h), so that a file of another version is told from a damaged one.
 */
#include <stdlib.h>
#include <string.h>
#include "cli/doctor/foreign.h"
#include "cli/doctor/sticks.h"
#include "core/base/str.h"
#include "core/trace/health.h"

static const struct doctor_check boot_check = {
	.id = "drive.bootcode",
	.hazard = POD_HAZARD_DRIVE,
	.title = N_("boot code"),
	.explain = N_(
		"A BIOS starts the 440 bytes of code in the drive's first sector (MBR); they read stage 2 from one of two places "
		"between the partition table and the first partition, and compare its sum. Another boot loader's installer, "
		"a partitioning tool or 'dd' may have written over them. UEFI does not need either, so the stick may still "
		"start on some machines. 'isopod update' writes both anew and touches no image."),
};
static const struct doctor_check loaders_check = {
	.id = "drive.loaders",
	.hazard = POD_HAZARD_DRIVE,
	.title = N_("boot files"),
	.explain = N_(
		"On the ESP lie the boot manager for UEFI (EFI/BOOT), the shims that live systems need to find their medium, the "
		"helpers for Windows PE, and the font. They are compared with this command's, and with the list of checksums "
		"that was written with them (ISOPOD/FILES.TXT). A missing or damaged one stops those machines or systems "
		"that need it; a file of another boot loader in its place starts that one. 'isopod update' replaces what "
		"differs and touches no image."),
};
static const struct doctor_check state_check = {
	.id = "drive.state",
	.hazard = POD_HAZARD_DRIVE,
	.title = N_("state file"),
	.explain =
		N_("The boot manager keeps in ISOPOD/STATE.BIN which image was chosen for the next start, and what it records of "
		   "each start ('isopod trace'). It writes to the file's sectors without the filesystem, so the file has to lie "
		   "in one piece. Without it everything starts, but nothing is remembered and nothing recorded. 'isopod update' "
		   "makes a new one."),
};
static const struct doctor_check partition_check = {
	.id = "drive.partition",
	.hazard = POD_HAZARD_DRIVE,
	.title = N_("partition mode"),
	.explain =
		N_("A system that sees the stick as it is finds its image as a partition of it: the boot manager names it in the "
		   "partition table, in the place of the data partition, and puts the table back when it starts the next time. "
		   "Until then other systems do not see the images. 'isopod update' puts it back, too."),
};
static const struct doctor_check *const checks[] = {&boot_check, &loaders_check, &doctor_check_esp, &state_check,
						    &partition_check};

static const char *update_fix(void)
{
	return _("'isopod update' writes it anew and touches no image");
}

/* --- boot code --------------------------------------------------------------------------------------------------------------- */

#define CODE_SIZE 416u /* in front of the fields */

/* What is in LBA 0 in place of our code, as a sentence. */
static char *foreign_code(const uint8_t *code)
{
	const char *whose = doctor_foreign_mbr(code);

	if (whose)
		return cli_xasprintf(_("the boot code in the first sector is that of %s: a BIOS starts that, not Isopod"), whose);
	if (doctor_all_zero(code, CLI_MBR_CODE_SIZE))
		return cli_xstrdup(_("there is no boot code in the first sector, only zeros: a BIOS starts nothing"));
	return cli_xstrdup(_("the boot code in the first sector is not Isopod's: a BIOS does not start it"));
}

/* True: it is ours, of whatever version, and names a stage 2. */
static bool check_code(struct doctor *d, const struct stick_files *f, const uint8_t *sector, struct pod_bootcode *fields)
{
	uint8_t plain[CLI_MBR_CODE_SIZE] = {0};
	bool named = pod_bootcode_get(sector, fields);
	char *what;

	memcpy(plain, sector, CODE_SIZE);
	if (named && ((f->boot.mbr && memcmp(plain, f->boot.mbr, CODE_SIZE) == 0) ||
		      cli_manifest_has(&f->list, CLI_MANIFEST_MBR, plain, sizeof plain)))
		return true;
	if (named && !doctor_foreign_mbr(sector) && !doctor_all_zero(sector, CODE_SIZE)) {
		if (f->boot.mbr && f->list.version[0]) {
			doctor_report(d, &boot_check, DOCTOR_BAD, "MBR",
				      _("the boot code in the first sector is damaged: a BIOS may hang in it"), update_fix());
			return false;
		}
		return true; /* a version without a list: the sum of stage 2 is looked at all the same */
	}
	if (!doctor_all_zero(sector, CODE_SIZE) && f->boot.mbr && memcmp(plain, f->boot.mbr, CODE_SIZE) == 0)
		what = cli_xstrdup(_("the first sector does not say where stage 2 lies: a BIOS does not start it"));
	else
		what = foreign_code(sector);
	doctor_report(d, &boot_check, DOCTOR_BAD, "MBR", what, update_fix());
	free(what);
	return false;
}

static void check_stage2(struct doctor *d, const struct stick_files *f, const struct pod_bootcode *fields)
{
	char *where =
		cli_xasprintf(_("stage 2 in slot %s (sector %u)"), fields->lba == POD_BOOTCODE_SLOT_A ? "A" : "B", fields->lba);
	size_t len = (size_t)fields->sectors * POD_BOOTCODE_SECTOR;
	bool fits = fields->sectors && fields->sectors <= POD_BOOTCODE_SLOT_SECTORS;
	uint8_t *code = cli_xzalloc(len + 1);

	if (!fits)
		doctor_reportf(d, &boot_check, DOCTOR_BAD, "MBR", update_fix(),
			       _("the first sector names a stage 2 of %u sectors, and a slot has %u: it is damaged"),
			       fields->sectors, POD_BOOTCODE_SLOT_SECTORS);
	else if (pod_dev_read(&d->target->file.dev, (uint64_t)fields->lba * POD_BOOTCODE_SECTOR, code, len) != POD_OK)
		doctor_report(d, &boot_check, DOCTOR_BAD, where, _("cannot be read: a BIOS does not start it"),
			      _("save what can be read, and replace the drive"));
	else if (f->boot.stage2 && f->boot.sectors == fields->sectors && f->boot.sum == fields->sum &&
		 memcmp(code, f->boot.stage2, len) == 0)
		doctor_reportf(d, &boot_check, DOCTOR_GOOD, d->arg, NULL, _("MBR and %s are this version's"), where);
	else if (doctor_all_zero(code, len))
		doctor_report(d, &boot_check, DOCTOR_BAD, where, _("there are only zeros: a BIOS prints an error and stops"),
			      update_fix());
	else if (pod_bootcode_sum(code, len) != fields->sum ||
		 (f->boot.stage2 && f->list.version[0] && !cli_manifest_has(&f->list, CLI_MANIFEST_STAGE2, code, len)))
		doctor_report(d, &boot_check, DOCTOR_BAD, where,
			      _("it is damaged, or not the one that the first sector names: a BIOS prints an error and stops"),
			      update_fix());
	else
		doctor_reportf(d, &boot_check, DOCTOR_GOOD, d->arg, NULL, _("MBR and %s are whole"), where);
	free(code);
	free(where);
}

static void check_bootcode(struct doctor *d, const struct stick_files *f)
{
	uint8_t sector[POD_BOOTCODE_SECTOR];
	struct pod_bootcode fields;

	if (!cli_bootcode_fits(&d->target->file.dev))
		doctor_report(d, &boot_check, DOCTOR_NOTE, d->arg,
			      _("a drive with sectors of 4096 bytes has no boot code for BIOS machines"), NULL);
	else if (pod_dev_read(&d->target->file.dev, 0, sector, sizeof sector) != POD_OK)
		doctor_report(d, &boot_check, DOCTOR_BAD, "MBR", _("cannot be read: a BIOS does not start it"),
			      _("save what can be read, and replace the drive"));
	else if (check_code(d, f, sector, &fields))
		check_stage2(d, f, &fields);
}

/* --- files on the ESP -------------------------------------------------------------------------------------------------------- */

/* How the files stand to this command's, for one sentence about all of them. */
struct tally {
	unsigned same, of_list, unknown, wrong;
	const char *first_unknown;
};

/* Without a helper Windows alone is concerned, without the font the letters; without a loader or a shim nothing starts. */
static enum doctor_level level_of(size_t i)
{
	const char *path = cli_esp_path(i);

	return strstr(path, "/WIN") || pod_ends_with_nocase(path, "FONT.BIN") ? DOCTOR_WARN : DOCTOR_BAD;
}

static const char *who_needs(size_t i)
{
	const char *path = cli_esp_path(i);

	if (strncmp(path, "EFI/", 4) == 0)
		return _("machines of its kind do not start the stick by UEFI");
	if (strstr(path, "/SHIM"))
		return _("no Linux of its kind finds its medium without it");
	if (strstr(path, "/WIN"))
		return _("Windows does not find its image without it");
	return _("the menu has no Chinese letters without it");
}

static void report_file(struct doctor *d, struct tally *t, size_t i, const char *what)
{
	t->wrong++;
	doctor_reportf(d, &loaders_check, level_of(i), cli_esp_path(i), update_fix(), "%s: %s", what, who_needs(i));
}

/* Signed since: what the signature covers is ours. */
static bool is_signed_copy(const struct stick_files *f, size_t i, const uint8_t *now, size_t len)
{
	return f->ours && strncmp(cli_esp_path(i), "EFI/", 4) == 0 &&
	       doctor_same_program(now, len, f->esp.data[i], f->esp.len[i]);
}

/* A file that is not this command's. */
static void judge_other(struct doctor *d, const struct stick_files *f, size_t i, const uint8_t *now, size_t len, struct tally *t)
{
	const char *whose;
	char *what;

	if (f->list.version[0] && cli_manifest_has(&f->list, cli_esp_path(i), now, len)) {
		t->of_list++;
	} else if (is_signed_copy(f, i, now, len)) {
		t->same++;
		doctor_report(d, &loaders_check, DOCTOR_GOOD, cli_esp_path(i), _("this version's, and signed"), NULL);
	} else if (len == 0 || doctor_all_zero(now, len)) {
		report_file(d, t, i, len ? _("only zeros") : _("the file is empty"));
	} else if (strncmp(cli_esp_path(i), "EFI/", 4) == 0 && (whose = doctor_foreign_loader(now, len)) != NULL) {
		what = cli_xasprintf(_("it is the boot loader of %s, not Isopod's"), whose);
		report_file(d, t, i, what);
		free(what);
	} else if (f->list.version[0] || !doctor_is_kind(cli_esp_path(i), now, len)) {
		report_file(d, t, i, _("it is damaged"));
	} else {
		if (!t->unknown++)
			t->first_unknown = cli_esp_path(i);
	}
}

static void check_file(struct doctor *d, const struct stick_files *f, size_t i, struct tally *t)
{
	struct cli_target *target = d->target;
	struct pod_node node;
	enum pod_status st = pod_fs_lookup(&target->esp, cli_esp_path(i), &node, &target->scratch);
	uint8_t *now;

	if (st != POD_OK || node.is_dir || node.size_bytes > STICK_FILE_MAX) {
		report_file(d, t, i,
			    st == POD_E_NOT_FOUND ? _("the file is missing")
			    : st == POD_OK	  ? _("it is no file of ours")
						  : cli_status_text(st));
		return;
	}
	now = cli_xzalloc((size_t)node.size_bytes + 1);
	st = pod_fs_read(&target->esp, &node, 0, now, (size_t)node.size_bytes);
	if (st != POD_OK)
		report_file(d, t, i, st == POD_E_CORRUPT ? _("where it lies is damaged") : cli_status_text(st));
	else if (f->ours && node.size_bytes == f->esp.len[i] && memcmp(now, f->esp.data[i], f->esp.len[i]) == 0)
		t->same++;
	else
		judge_other(d, f, i, now, (size_t)node.size_bytes, t);
	free(now);
}

/* The version that made the last start, from the flight recorder: for sticks of versions that left no list. */
static bool recorded_version(struct cli_target *t, char out[33])
{
	struct pod_rec_boot *boot = cli_xzalloc(sizeof *boot);
	struct pod_window state;
	uint32_t latest = 0;

	out[0] = '\0';
	if (cli_target_state(t, &state, NULL, NULL) && pod_rec_latest(&state.dev, &latest) == POD_OK && latest &&
	    pod_rec_read(&state.dev, &cli_alloc, latest, boot) == POD_OK && boot->has_machine)
		pod_strlcpy(out, boot->machine.version, 33);
	free(boot);
	return out[0] != '\0';
}

static void report_unlisted(struct doctor *d, const struct tally *t)
{
	const char *fix = _("'isopod update' puts this version there and touches no image");
	char version[33];

	if (recorded_version(d->target, version))
		doctor_reportf(d, &loaders_check, DOCTOR_WARN, d->arg, fix,
			       _("%u boot files are not this version's (%s), the first: %s; the last start was of version %s"),
			       t->unknown, ISOPOD_VERSION, t->first_unknown, version);
	else
		doctor_reportf(
			d, &loaders_check, DOCTOR_WARN, d->arg, fix,
			_("%u boot files are not this version's (%s), the first: %s; they are of an older version, which left "
			  "no list of them (ISOPOD/FILES.TXT), or damaged"),
			t->unknown, ISOPOD_VERSION, t->first_unknown);
}

/* One sentence about the whole, if the files are sound. */
static void report_version(struct doctor *d, const struct stick_files *f, const struct tally *t)
{
	const char *is = f->list.version;
	int order = cli_version_compare(is, ISOPOD_VERSION);

	if (t->unknown)
		report_unlisted(d, t);
	if (t->wrong || t->unknown)
		return;
	if (*is && order < 0)
		doctor_reportf(d, &loaders_check, DOCTOR_WARN, d->arg,
			       _("'isopod update' puts this version there and touches no image"),
			       _("the stick has version %s, and this is %s"), is, ISOPOD_VERSION);
	else if (*is && order > 0)
		doctor_reportf(d, &loaders_check, DOCTOR_WARN, d->arg,
			       _("use an isopod of that version for it; 'isopod update' of this one would go back"),
			       _("the stick has version %s, newer than this command's %s"), is, ISOPOD_VERSION);
	else if (t->of_list)
		doctor_reportf(d, &loaders_check, DOCTOR_NOTE, d->arg, _("'isopod update' puts this one there"),
			       _("the boot files are whole, and of another build of version %s"), is);
	else if (!*is)
		doctor_report(d, &loaders_check, DOCTOR_NOTE, CLI_MANIFEST_FILE,
			      _("the list of boot files and their checksums is missing or damaged; the files are this version's"),
			      update_fix());
	else
		doctor_reportf(d, &loaders_check, DOCTOR_GOOD, d->arg, NULL, _("%u files, all of version %s"), t->same, is);
}

/* One of the names that are ours alone. */
static bool has_any(struct cli_target *t)
{
	struct pod_node node;

	for (size_t i = 0; i < CLI_ESP_FILES; i++)
		if (strncmp(cli_esp_path(i), "EFI/", 4) != 0 &&
		    pod_fs_lookup(&t->esp, cli_esp_path(i), &node, &t->scratch) == POD_OK)
			return true;
	return false;
}

/* Somebody else's ESP, or an empty one: said once, not for each file. */
static void report_bare(struct doctor *d)
{
	const char *path = cli_esp_path(0), *whose = NULL;
	struct cli_target *t = d->target;
	struct pod_node node;

	if (pod_fs_lookup(&t->esp, path, &node, &t->scratch) == POD_OK && !node.is_dir && node.size_bytes <= STICK_FILE_MAX) {
		uint8_t *now = cli_xzalloc((size_t)node.size_bytes + 1);

		if (pod_fs_read(&t->esp, &node, 0, now, (size_t)node.size_bytes) == POD_OK)
			whose = doctor_foreign_loader(now, (size_t)node.size_bytes);
		free(now);
	}
	if (strcmp(t->esp.label, "VTOYEFI") == 0)
		whose = "Ventoy";
	if (whose)
		doctor_reportf(d, &loaders_check, DOCTOR_BAD, path, update_fix(),
			       _("none of Isopod's files is on the ESP; the boot loader there is that of %s"), whose);
	else
		doctor_report(d, &loaders_check, DOCTOR_BAD, path,
			      _("none of Isopod's files is on the ESP: no UEFI machine starts it"), update_fix());
}

static void check_files(struct doctor *d, const struct stick_files *f)
{
	struct tally t = {0};
	const char *bad;

	if (!f->ours && !f->list.version[0]) {
		doctor_report(d, &loaders_check, DOCTOR_SKIPPED, d->arg,
			      _("this command's own files are not there, so there is nothing to compare with"),
			      _("install isopod completely, or set ISOPOD_DATA to the folder with its files"));
		return;
	}
	if (!has_any(d->target)) {
		report_bare(d);
		return;
	}
	for (size_t i = 0; i < CLI_ESP_MANIFEST; i++)
		check_file(d, f, i, &t);
	bad = cli_target_bad_shim(d->target);
	if (bad && !t.wrong)
		doctor_report(d, &loaders_check, DOCTOR_BAD, bad,
			      _("it does not lie in one piece, so it cannot be handed on to a Linux"), update_fix());
	report_version(d, f, &t);
}

/* --- state file -------------------------------------------------------------------------------------------------------------- */

static void check_state(struct doctor *d)
{
	const char *fix = _("'isopod update' makes a new one");
	struct pod_state_health h;
	struct fault why = {0};
	struct pod_window state;
	enum pod_status st;

	if (!cli_target_state(d->target, &state, NULL, &why)) {
		doctor_report(d, &state_check, DOCTOR_WARN, POD_STATE_FILE,
			      _("it is missing, too short or in pieces: nothing is remembered or recorded"), fix);
		fault_free(&why);
		return;
	}
	st = pod_state_look(&state.dev, &cli_alloc, &h);
	if (st != POD_OK)
		doctor_report(d, &state_check, DOCTOR_WARN, POD_STATE_FILE, cli_status_text(st),
			      _("save what can be read, and replace the drive"));
	else if (pod_state_is_garbage(&h))
		doctor_reportf(d, &state_check, DOCTOR_WARN, POD_STATE_FILE, fix,
			       _("what is in it is not the boot manager's: %u of its records are damaged, %u whole"),
			       h.records_bad + h.choices_bad, h.records);
	else if (h.choices_bad || h.records_bad)
		doctor_reportf(d, &state_check, DOCTOR_NOTE, POD_STATE_FILE, _("nothing to do: they are written over in time"),
			       _("%u records are damaged, as after a power cut"), h.choices_bad + h.records_bad);
	else
		doctor_reportf(d, &state_check, DOCTOR_GOOD, POD_STATE_FILE, NULL, _("%u records, all whole"), h.records);
}

/* --- hooks ------------------------------------------------------------------------------------------------------------------- */

static void check_list(struct doctor *d, struct stick_files *f)
{
	struct pod_node node;

	cli_manifest_read(d->target, &f->list);
	if (!f->list.count && pod_fs_lookup(&d->target->esp, CLI_MANIFEST_FILE, &node, &d->target->scratch) == POD_OK)
		doctor_report(d, &loaders_check, DOCTOR_WARN, CLI_MANIFEST_FILE,
			      _("it is damaged: files of another version cannot be told from damaged ones"), update_fix());
}

static void run_stick(struct doctor *d)
{
	struct stick_files *f = cli_xzalloc(sizeof *f);
	struct fault why = {0};

	f->ours = cli_bootcode_load(&f->boot, &why) && cli_esp_load(&f->esp, 0, &why);
	if (d->target->esp.ops)
		check_list(d, f);
	check_bootcode(d, f);
	if (d->target->partmode)
		doctor_report(
			d, &partition_check, DOCTOR_WARN, d->arg,
			_("the partition table still names the image that was started last: other systems see no data partition"),
			_("start the stick once more, or 'isopod update' puts the table back"));
	if (d->target->esp.ops) {
		check_files(d, f);
		doctor_esp(d);
		check_state(d);
	}
	cli_bootcode_free(&f->boot);
	cli_esp_free(&f->esp);
	fault_free(&why);
	free(f);
}

const struct doctor_module doctor_mod_stick = {.check = checks, .count = POD_ARRAY_LEN(checks), .run_stick = run_stick};
