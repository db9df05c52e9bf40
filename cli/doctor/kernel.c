/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's log: what a system that runs, or ran, had to complain of. Of this machine's kernel (dmesg), of a file (--log), or the one
 * that the flight recorder saved of the stick's last start.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include "cli/doctor/inventory.h"
#include "cli/doctor/kernel.h"
#include "core/trace/record.h"

#define LOG_MAX	    (16u << 20)
#define READ_ALL    3 /* syslog(2) */
#define BUFFER_SIZE 10
#define QUOTED_MAX  160

const struct doctor_check kernel_check_acpi = {
	.id = "kernel.acpi",
	.hazard = POD_HAZARD_FIRMWARE,
	.title = N_("ACPI and interrupts in the kernel's log"),
	.explain = N_(
		"Firmware tells the kernel through ACPI which interrupts devices have and how battery, fans and keys are reached "
		"(the embedded controller, EC). Where its tables are wrong the kernel says so: AE_ errors are common and mostly "
		"harmless; an EC that does not answer, or an interrupt that 'nobody cared' for, can hang a start or a device. An "
		"update of the firmware is the cure. The kernel arguments named with the finding work around it, each at a price: add "
		"one at a time in the image's boot menu (e in GRUB, Tab in isolinux)."),
};
const struct doctor_check kernel_check_blocked = {
	.id = "kernel.blocked",
	.hazard = POD_HAZARD_DRIVE,
	.title = N_("tasks that hang, in the kernel's log"),
	.explain = N_(
		"A task in state D waits for a device and cannot be stopped. After 120 seconds the kernel says so. Mostly the device "
		"is a drive that fails, or a USB stick that is written to slowly."),
};
const struct doctor_check kernel_check_io = {
	.id = "kernel.io",
	.hazard = POD_HAZARD_DRIVE,
	.title = N_("drives in the kernel's log"),
	.explain = N_(
		"Read errors, commands that time out, and USB devices that are reset again and again: the drive, its cable or its "
		"port is failing. One reset alone is nothing to worry about; optical drives, floppies and loop devices do not count."),
};
const struct doctor_check kernel_check_memory = {
	.id = "kernel.memory",
	.hazard = POD_HAZARD_MEMORY,
	.title = N_("memory in the kernel's log"),
	.explain = N_(
		"When memory is used up the kernel ends a program to go on. What runs in a live system lies in memory as well, and so "
		"do its files. Limits of containers and services do not count."),
};

static const struct doctor_check *const checks[] = {&kernel_check_acpi, &kernel_check_blocked, &kernel_check_io,
						    &kernel_check_memory};

static void report(struct doctor *d, const char *subject, const struct kernel_finding *f)
{
	const struct kernel_message *m = f->message;
	int len = (int)(f->line_len < QUOTED_MAX ? f->line_len : QUOTED_MAX);
	char *fix = m->fix ? cli_xstrdup(_(m->fix))
			   : cli_xasprintf(_("if the start hangs, try %s (its price: %s)"), m->argument, _(m->price));

	if (f->count == 1)
		doctor_reportf(d, m->check, m->level, subject, fix, "\"%.*s\"", len, f->line);
	else
		doctor_reportf(d, m->check, m->level, subject, fix, _("\"%.*s\", and %u lines like it"), len, f->line,
			       f->count - 1);
	free(fix);
}

static void look_through(struct doctor *d, const char *subject, const char *log, size_t len)
{
	struct kernel_finding found[KERNEL_FINDINGS_MAX];
	size_t n = kernel_log_read(log, len, found);

	for (size_t i = 0; i < n; i++)
		report(d, subject, &found[i]);
	for (size_t k = 0; k < POD_ARRAY_LEN(checks); k++) {
		bool any = false;

		for (size_t i = 0; i < n; i++)
			any = any || found[i].message->check == checks[k];
		if (!any)
			doctor_report(d, checks[k], DOCTOR_GOOD, subject, _("no complaints"), NULL);
	}
}

/* This machine's own, as dmesg prints it; NULL where that is not allowed. */
static char *own_log(size_t *len)
{
	int size = klogctl(BUFFER_SIZE, NULL, 0), n;
	char *log;

	if (size <= 0 || (unsigned)size > LOG_MAX)
		return NULL;
	log = cli_xzalloc((size_t)size + 1);
	n = klogctl(READ_ALL, log, size);
	if (n < 0) {
		free(log);
		return NULL;
	}
	*len = (size_t)n;
	return log;
}

static void run_machine(struct doctor *d)
{
	size_t len = 0;
	char *log;

	if (!d->log && inventory_is_saved(d->machine))
		return;
	log = d->log ? inventory_slurp(d->log, LOG_MAX, &len) : own_log(&len);
	if (log)
		look_through(d, d->log, log, len);
	else
		for (size_t k = 0; k < POD_ARRAY_LEN(checks); k++)
			doctor_report(d, checks[k], DOCTOR_SKIPPED, d->log,
				      d->log ? _("the log cannot be read, or is too large")
					     : _("only root may read the kernel's log"),
				      NULL);
	free(log);
}

/* What the flight recorder saved when the last start did not go well. */
static void run_stick(struct doctor *d)
{
	struct pod_window state;
	struct fault quiet = {0};
	uint32_t boot;
	size_t len;
	char *log = cli_xmalloc(POD_REC_LOG_TEXT + 1), *subject;

	if (cli_target_state(d->target, &state, NULL, &quiet) && pod_rec_latest(&state.dev, &boot) == POD_OK && boot &&
	    pod_rec_read_log(&state.dev, boot, log, &len) == POD_OK && len) {
		subject = cli_xasprintf(_("log of boot %u"), boot);
		look_through(d, subject, log, len);
		free(subject);
	}
	fault_free(&quiet);
	free(log);
}

const struct doctor_module doctor_mod_kernel = {
	.check = checks,
	.count = POD_ARRAY_LEN(checks),
	.run_machine = run_machine,
	.run_stick = run_stick,
};
