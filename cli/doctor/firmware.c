/* SPDX-License-Identifier: BSD-2-Clause */
/* Hazard 5: ACPI tables, Secure Boot, and the machine's boot mode against the image's loaders. */
#include <stdlib.h>
#include <string.h>
#include "cli/doctor/firmware.h"
#include "cli/doctor/inventory.h"
#include "cli/ui/bootmode.h"

const struct doctor_check firmware_check_mode = {
	.id = "firmware.mode",
	.hazard = POD_HAZARD_FIRMWARE,
	.title = N_("boot mode"),
	.explain = N_("A machine starts in UEFI mode or in BIOS mode (also called legacy or CSM), and UEFI firmware of 32 bits "
		      "needs a loader of 32 "
		      "bits even on a 64-bit processor. The image must have a loader for the mode that the machine is in. The "
		      "mode is chosen "
		      "in the firmware's setup, or by which entry of its boot menu you take ('UEFI: ...' or not); many machines "
		      "since 2020 "
		      "have no BIOS mode any more."),
};

static const struct doctor_check *const checks[] = {
	&firmware_check_checksums, &firmware_check_tables,    &firmware_check_fadt,	 &firmware_check_sleep,
	&firmware_check_mode,	   &firmware_check_secure,    &firmware_check_signed,	 &firmware_check_dbx,
	&firmware_check_sbat,	   &firmware_check_arguments, &firmware_check_signature,
};

static const char *mode_text(uint32_t firmware)
{
	for (size_t i = 0; i < CLI_BOOTMODE_COUNT; i++)
		if (cli_bootmode[i].bit == firmware)
			return cli_bootmode[i].title;
	return "?";
}

/* x86 processors without long mode; others are taken for 64 bits. */
static bool cpu_is_32(const struct doctor_machine *m)
{
	char *cpu = doctor_machine_read(m, "/proc/cpuinfo", NULL), *flags = cpu ? strstr(cpu, "\nflags") : NULL;
	bool is32 = false;

	if (flags) {
		flags[1 + strcspn(flags + 1, "\n")] = 0;
		is32 = !strstr(flags, " lm ") && !strstr(flags, " lm\n") &&
		       !(strlen(flags) > 3 && strcmp(flags + strlen(flags) - 3, " lm") == 0);
	}
	free(cpu);
	return is32;
}

static bool needs_64(const struct pod_plan *p)
{
	for (size_t i = 0; i < p->initrd_count; i++)
		if (p->initrd[i].machine != POD_MACHINE_X64)
			return false;
	return p->initrd_count > 0;
}

/* "UEFI x64, BIOS"; the caller frees. */
static char *mode_list(uint32_t bits)
{
	char *list = NULL;

	for (size_t i = 0; i < CLI_BOOTMODE_COUNT; i++)
		if (bits & cli_bootmode[i].bit) {
			char *more = cli_xasprintf("%s%s%s", list ? list : "", list ? ", " : "", cli_bootmode[i].title);

			free(list);
			list = more;
		}
	return list ? list : cli_xstrdup("-");
}

static void wrong_mode(struct doctor *d, const struct doctor_image *im, uint32_t machine)
{
	uint32_t have = im->plan->image.firmware;
	char *list = mode_list(have);
	const char *fix = _("take an image with a loader for this machine");
	enum doctor_level level = DOCTOR_BAD;

	if (machine == POD_FW_BIOS && (have & (POD_FW_X64 | POD_FW_IA32))) {
		/* Started by a BIOS now, it may have UEFI as well. */
		fix = _("start the stick in UEFI mode: choose the entry 'UEFI: ...' in the firmware's boot menu");
		level = DOCTOR_WARN;
	} else if ((machine & (POD_FW_X64 | POD_FW_IA32)) && (have & POD_FW_BIOS) && !acpi_without_bios(d->machine)) {
		fix = _("start the stick in BIOS mode (legacy, CSM), if the firmware's setup offers it");
		level = DOCTOR_WARN;
	}
	doctor_reportf(d, &firmware_check_mode, level, im->subject, fix,
		       _("%s runs in mode %s, and the image has loaders for %s only"), doctor_machine_name(d->machine),
		       mode_text(machine), list);
	free(list);
}

static void check_mode(struct doctor *d, const struct doctor_image *im, uint32_t machine)
{
	uint32_t have = im->plan->image.firmware;

	if (!machine || !have || !doctor_wants(d, &firmware_check_mode))
		return;
	if (!(have & machine))
		wrong_mode(d, im, machine);
	else if (cpu_is_32(d->machine) && needs_64(im->plan))
		doctor_report(d, &firmware_check_mode, DOCTOR_BAD, im->subject,
			      _("the processor has 32 bits only, and every kernel of the image needs 64"),
			      _("take an image for i386 (32 bits)"));
	else
		doctor_reportf(d, &firmware_check_mode, DOCTOR_GOOD, im->subject, NULL, _("has a loader for %s"),
			       mode_text(machine));
}

static void run_image(struct doctor *d, const struct doctor_image *im)
{
	struct secure s = {.state = SECURE_UNKNOWN};

	if (!im->plan)
		return;
	if (d->machine) {
		secure_read(&s, d->machine);
		check_mode(d, im, s.firmware);
	}
	firmware_secure_image(d, im, &s);
	secure_free(&s);
}

static void run_stick(struct doctor *d)
{
	struct secure s;

	if (!d->machine)
		return;
	secure_read(&s, d->machine);
	if (s.firmware == POD_FW_BIOS && d->target->id.gpt)
		doctor_report(d, &firmware_check_mode, DOCTOR_NOTE, NULL,
			      _("the stick has a GPT, and the machine runs in BIOS mode: most BIOSes start it, some old ones "
				"look for an MBR "
				"with an active partition"),
			      _("if the firmware's boot menu does not offer the stick, make it again with 'isopod create --table "
				"mbr'"));
	else if (s.firmware)
		doctor_reportf(d, &firmware_check_mode, DOCTOR_GOOD, NULL, NULL, _("%s starts a stick with %s in mode %s"),
			       doctor_machine_name(d->machine), d->target->id.gpt ? "GPT" : "MBR", mode_text(s.firmware));
	if (s.state == SECURE_ON)
		firmware_signed_stick(d, &s);
	secure_free(&s);
}

static void run_machine(struct doctor *d)
{
	struct secure s;

	firmware_acpi(d);
	secure_read(&s, d->machine);
	firmware_secure_machine(d, &s);
	secure_free(&s);
}

const struct doctor_module doctor_mod_firmware = {
	.check = checks,
	.count = POD_ARRAY_LEN(checks),
	.run_machine = run_machine,
	.run_stick = run_stick,
	.run_image = run_image,
};
