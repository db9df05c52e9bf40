/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages of a running kernel that tell of trouble with ACPI, interrupts, drives and memory. The words are those of Linux 4.19 to
 * 6.12: drivers/acpi/ec.c and acpica, kernel/irq/spurious.c, arch/x86/kernel/apic, kernel/hung_task.c, kernel/watchdog.c,
 * drivers/scsi, drivers/ata/libata-eh.c, drivers/nvme/host/pci.c, drivers/usb/core/hub.c, block/blk-core.c, mm/oom_kill.c.
 */
#include <string.h>
#include "cli/doctor/kernel.h"

#define ACPI_OFF    "acpi=off", N_("often one processor only, no power-off by itself, no battery or fan control")
#define ACPI_NOIRQ  "acpi_noirq", N_("interrupts are routed as old tables say: some devices may not get any")
#define NOAPIC	    "noapic", N_("interrupts over the old controller: slower, and devices can share or lose them")
#define NOMSI	    "pci=nomsi", N_("devices share interrupt lines: slower drives and networks")
#define OTHER_PORT  N_("put the drive into another port, without a hub or extension; if it goes on, replace it"), NULL, NULL
#define SAVE_DATA   N_("save what can be read, and have the drive checked (smartctl, 'isopod doctor --full')"), NULL, NULL
#define WAITS	    N_("look at the drive first: a task that waits so long waits for it nearly always"), NULL, NULL
#define MORE_MEMORY N_("add memory, close what is not needed, or start a system that needs less"), NULL, NULL

static const struct kernel_message messages[] = {
	{&kernel_check_acpi, DOCTOR_WARN, 1, true, "ACPI: EC: ", "input buffer is not empty", {0}, NULL, ACPI_OFF},
	{&kernel_check_acpi, DOCTOR_WARN, 1, false, "EmbeddedControl", "AE_TIME", {0}, NULL, ACPI_OFF},
	{&kernel_check_acpi, DOCTOR_WARN, 1, true, "ACPI: EC: GPE storm detected", NULL, {0}, NULL, ACPI_OFF},
	{&kernel_check_acpi, DOCTOR_WARN, 1, true, "irq ", ": nobody cared", {0}, NULL, ACPI_NOIRQ},
	{&kernel_check_acpi, DOCTOR_WARN, 1, true, "Disabling IRQ #", NULL, {0}, NULL, NOMSI},
	{&kernel_check_acpi, DOCTOR_WARN, 1, false, "8254 timer not connected to IO-APIC", NULL, {0}, NULL, NOAPIC},
	{&kernel_check_acpi, DOCTOR_WARN, 1, false, "IO-APIC + timer doesn't work", NULL, {0}, NULL, NOAPIC},
	{&kernel_check_acpi, DOCTOR_WARN, 1, false, "nvme", "completion polled", {0}, NULL, NOMSI},
	{&kernel_check_acpi, DOCTOR_NOTE, 1, true, "ACPI Error:", "AE_", {"AE_TIME"}, NULL, ACPI_OFF},
	{&kernel_check_acpi, DOCTOR_NOTE, 1, true, "ACPI BIOS Error (bug):", "AE_", {0}, NULL, ACPI_OFF},
	{&kernel_check_blocked, DOCTOR_WARN, 1, true, "INFO: task ", " blocked for more than ", {0}, WAITS},
	{&kernel_check_blocked, DOCTOR_WARN, 1, false, "BUG: soft lockup - CPU#", NULL, {0}, NULL, ACPI_OFF},
	{&kernel_check_io, DOCTOR_WARN, 1, false, "I/O error, dev ", NULL, {"dev sr", "dev fd", "dev loop"}, SAVE_DATA},
	{&kernel_check_io, DOCTOR_WARN, 1, true, "sd ", "timing out command, waited", {0}, OTHER_PORT},
	{&kernel_check_io, DOCTOR_WARN, 1, true, "sd ", "uas_eh_abort_handler", {0}, OTHER_PORT},
	{&kernel_check_io, DOCTOR_WARN, 3, true, "usb ", ": reset ", {"reset low-speed", "reset full-speed"}, OTHER_PORT},
	{&kernel_check_io, DOCTOR_WARN, 1, true, "usb ", "device descriptor read/", {0}, OTHER_PORT},
	{&kernel_check_io, DOCTOR_WARN, 1, true, "ata", ": failed command: ", {0}, SAVE_DATA},
	{&kernel_check_io, DOCTOR_WARN, 1, true, "nvme ", " timeout, ", {"completion polled"}, SAVE_DATA},
	{&kernel_check_io, DOCTOR_WARN, 1, true, "mmc", ": error -110 ", {0}, OTHER_PORT},
	{&kernel_check_memory, DOCTOR_WARN, 1, true, "Out of memory: Kill", NULL, {0}, MORE_MEMORY},
	{&kernel_check_memory, DOCTOR_BAD, 1, false, "System is deadlocked on memory", NULL, {0}, MORE_MEMORY},
};
_Static_assert(POD_ARRAY_LEN(messages) <= KERNEL_FINDINGS_MAX, "room for all");

static const char *find(const char *line, size_t len, const char *word)
{
	return memmem(line, len, word, strlen(word));
}

static bool fits(const struct kernel_message *m, const char *line, size_t len)
{
	const char *at = find(line, len, m->has);

	if (!at || (m->starts && at != line) || (m->also && !find(line, len, m->also)))
		return false;
	for (size_t i = 0; i < POD_ARRAY_LEN(m->not_this); i++)
		if (m->not_this[i] && find(line, len, m->not_this[i]))
			return false;
	return true;
}

/* "Nov 29 03:00:00 host kernel: [    1.0] words", "<3>[    1.0] words", "[Sun Nov 29 03:00:00 2026] words" -> "words". */
static void strip(const char **line, size_t *len)
{
	static const char *const brackets[] = {"<>", "[]", "[]"};
	const char *end = *line + *len, *p = find(*line, *len < 100 ? *len : 100, " kernel: ");

	p = p ? p + strlen(" kernel: ") : *line;
	for (size_t i = 0; i < POD_ARRAY_LEN(brackets); i++) {
		const char *close = p < end && *p == brackets[i][0] ? memchr(p, brackets[i][1], (size_t)(end - p)) : NULL;

		if (!close || close - p > 32)
			continue;
		p = close + 1;
		while (p < end && *p == ' ')
			p++;
	}
	*len = (size_t)(end - p);
	*line = p;
}

static void take(struct kernel_finding *found, const char *line, size_t len)
{
	strip(&line, &len);
	for (size_t i = 0; i < POD_ARRAY_LEN(messages); i++) {
		if (!fits(&messages[i], line, len))
			continue;
		if (!found[i].count++) {
			found[i].line = line;
			found[i].line_len = len;
		}
		return;
	}
}

size_t kernel_log_read(const char *log, size_t len, struct kernel_finding out[KERNEL_FINDINGS_MAX])
{
	struct kernel_finding found[POD_ARRAY_LEN(messages)] = {0};
	size_t n = 0;

	while (len) {
		const char *nl = memchr(log, '\n', len);
		size_t line = nl ? (size_t)(nl - log) : len, step = line + (nl != NULL);

		take(found, log, line);
		log += step;
		len -= step;
	}
	for (size_t i = 0; i < POD_ARRAY_LEN(messages); i++) {
		if (found[i].count < messages[i].least)
			continue;
		found[i].message = &messages[i];
		out[n++] = found[i];
	}
	return n;
}
