/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kernel messages and what they mean. The words are those of Linux 4.19 to 6.12: block/blk-core.c (I/O errors), mm/oom_kill.c,
 * init/initramfs.c, init/do_mounts.c, fs/squashfs, fs/isofs, drivers/usb/core/hub.c, drivers/scsi/sd.c.
 */
#include "core/trace/klog.h"
#include "core/base/mem.h"
#include "core/base/str.h"

#define N_(s) (s)

struct message {
	uint8_t weight; /* the more, the nearer to the cause */
	uint8_t hazard;
	uint8_t least;		 /* how many times it must come to count */
	const char *has, *also;	 /* both in the line; `also` may be NULL */
	const char *not_this[3]; /* none of them in the line */
	const char *id, *evidence;
};

#define READ_ERROR  "read-error", N_("The kernel could not read from the stick.")
#define MEMORY	    "memory", N_("The kernel ran out of memory.")
#define DAMAGED	    "damaged-image", N_("The kernel found damage in what it read from the image.")
#define TRUNCATED   "truncated-image", N_("The kernel tried to read beyond the end of the image.")
#define PULLED	    "stick-pulled", N_("The stick was disconnected while the system was starting.")
#define USB_TROUBLE "usb-trouble", N_("The kernel could not talk to a USB device.")

static const struct message known[] = {
	{95, POD_HAZARD_MEMORY, 1, "Initramfs unpacking failed: write error", NULL, {0}, MEMORY},
	{95,
	 POD_HAZARD_IMAGE,
	 1,
	 "Initramfs unpacking failed",
	 NULL,
	 {0},
	 "damaged-initrd",
	 N_("The kernel could not unpack the initrd.")},
	{94, POD_HAZARD_MEMORY, 1, "Out of memory: Kill", NULL, {0}, MEMORY},
	{94, POD_HAZARD_MEMORY, 1, "System is deadlocked on memory", NULL, {0}, MEMORY},
	{93, POD_HAZARD_MEMORY, 1, "invoked oom-killer", NULL, {0}, MEMORY},
	{90, POD_HAZARD_DRIVE, 1, "rejecting I/O to offline device", NULL, {0}, PULLED},
	{90, POD_HAZARD_DRIVE, 1, "rejecting I/O to dead device", NULL, {0}, PULLED},
	{88, POD_HAZARD_IMAGE, 1, "attempt to access beyond end of device", NULL, {"fd0", "sr0"}, TRUNCATED},
	{86, POD_HAZARD_DRIVE, 1, "critical medium error, dev ", NULL, {"dev sr", "dev fd"}, READ_ERROR},
	{85, POD_HAZARD_DRIVE, 1, "Unrecovered read error", NULL, {0}, READ_ERROR},
	{84, POD_HAZARD_DRIVE, 1, "I/O error, dev ", NULL, {"dev sr", "dev fd", "dev loop"}, READ_ERROR},
	{82, POD_HAZARD_DRIVE, 1, "Buffer I/O error on dev", NULL, {"dev sr", "dev fd", "dev loop"}, READ_ERROR},
	{70, POD_HAZARD_IMAGE, 1, "SQUASHFS error", NULL, {0}, DAMAGED},
	{70, POD_HAZARD_IMAGE, 1, "unable to read", "index table", {0}, DAMAGED}, /* squashfs at mounting: since Linux 5.6 without
										     its name */
	{70, POD_HAZARD_IMAGE, 1, "unable to read inode lookup table", NULL, {0}, DAMAGED},
	{70, POD_HAZARD_IMAGE, 1, "unable to read squashfs_super_block", NULL, {0}, DAMAGED},
	{70, POD_HAZARD_IMAGE, 1, "decompression failed, data probably corrupt", NULL, {0}, DAMAGED},
	{70, POD_HAZARD_IMAGE, 1, "FAILED TO READ LAST BLOCK", NULL, {0}, DAMAGED},
	{68, POD_HAZARD_IMAGE, 1, "I/O error, dev loop", NULL, {0}, DAMAGED},
	{66, POD_HAZARD_IMAGE, 1, "isofs_fill_super", NULL, {0}, DAMAGED},
	{66, POD_HAZARD_IMAGE, 1, "ISOFS", "unable to read", {0}, DAMAGED},
	{64,
	 POD_HAZARD_IMAGE,
	 1,
	 "VFS: Unable to mount root fs",
	 NULL,
	 {0},
	 "no-initrd",
	 N_("The kernel ran without an initrd.")},
	{64,
	 POD_HAZARD_IMAGE,
	 1,
	 "VFS: Cannot open root device",
	 NULL,
	 {0},
	 "no-initrd",
	 N_("The kernel ran without an initrd.")},
	{62,
	 POD_HAZARD_DRIVER,
	 1,
	 "isopod: the stick with",
	 "has not appeared",
	 {0},
	 "stick-not-found",
	 N_("The system saw no sign of the stick.")},
	{60,
	 POD_HAZARD_DRIVE,
	 1,
	 "over-current",
	 NULL,
	 {0},
	 "over-current",
	 N_("A USB port reported that it was asked for too much current.")},
	{58, POD_HAZARD_DRIVE, 1, "device descriptor read/", "error", {0}, USB_TROUBLE},
	{58, POD_HAZARD_DRIVE, 1, "device not accepting address", NULL, {0}, USB_TROUBLE},
	{58, POD_HAZARD_DRIVE, 1, "unable to enumerate USB device", NULL, {0}, USB_TROUBLE},
	{56, POD_HAZARD_DRIVE, 2, "reset ", "-speed USB device", {"reset low-speed"}, USB_TROUBLE},
	{56, POD_HAZARD_DRIVE, 2, "reset SuperSpeed", "USB device", {0}, USB_TROUBLE},
	{50,
	 POD_HAZARD_DRIVE,
	 1,
	 "USB disconnect, device number",
	 NULL,
	 {0},
	 "usb-trouble",
	 N_("A USB device, the stick or another one, was disconnected while the system was starting.")},
	{30,
	 POD_HAZARD_FIRMWARE,
	 1,
	 "Kernel panic - not syncing",
	 NULL,
	 {0},
	 "kernel-panic",
	 N_("The kernel stopped with a panic.")},
	{25,
	 POD_HAZARD_FIRMWARE,
	 1,
	 "BUG: soft lockup",
	 NULL,
	 {0},
	 "kernel-stuck",
	 N_("The kernel reported that a processor was stuck.")},
	{24,
	 POD_HAZARD_FIRMWARE,
	 1,
	 "detected stalls on CPUs",
	 NULL,
	 {0},
	 "kernel-stuck",
	 N_("The kernel reported that a processor was stuck.")},
	{20,
	 POD_HAZARD_DRIVE,
	 1,
	 "not running at top speed",
	 NULL,
	 {0},
	 "slow-stick",
	 N_("A USB device runs below its own speed in this port.")},
};

static bool line_has(const char *line, size_t len, const char *part)
{
	size_t n = pod_strlen(part);
	for (size_t i = 0; n <= len && i <= len - n; i++)
		if (memcmp(line + i, part, n) == 0)
			return true;
	return false;
}

static bool fits(const struct message *m, const char *line, size_t len)
{
	if (!line_has(line, len, m->has) || (m->also && !line_has(line, len, m->also)))
		return false;
	for (size_t i = 0; i < POD_ARRAY_LEN(m->not_this); i++)
		if (m->not_this[i] && line_has(line, len, m->not_this[i]))
			return false;
	return true;
}

/* Behind a pair of brackets in which stands nothing but these characters; else where it was. */
static const char *behind(const char *p, const char *end, char open, char close, const char *only)
{
	const char *from = p, *c = only;
	if (p == end || *p++ != open)
		return from;
	for (; p < end && *p != close && *c; p++)
		for (c = only; *c && *c != *p; c++)
			;
	return p < end && *c ? p + 1 : from;
}

/* "<3>[   12.345678] words", "<3>[   12.345678][  T1] words" -> "words". */
static void strip_prefix(const char **line, size_t *len)
{
	const char *p = *line, *end = p + *len;
	p = behind(p, end, '<', '>', "0123456789");
	p = behind(p, end, '[', ']', " .0123456789");
	p = behind(p, end, '[', ']', " TC0123456789");
	while (p < end && *p == ' ')
		p++;
	*len = (size_t)(end - p);
	*line = p;
}

bool pod_klog_classify(const char *text, size_t len, struct pod_klog_finding *out)
{
	uint32_t count[POD_ARRAY_LEN(known)] = {0};
	const char *first[POD_ARRAY_LEN(known)];
	size_t first_len[POD_ARRAY_LEN(known)];
	const char *end = text + len;
	for (const char *p = text; p < end;) {
		const char *line = p;
		while (p < end && *p != '\n')
			p++;
		size_t n = (size_t)(p - line);
		p += p < end;
		for (size_t i = 0; i < POD_ARRAY_LEN(known); i++) {
			if (!fits(&known[i], line, n))
				continue;
			if (!count[i]) {
				first[i] = line;
				first_len[i] = n;
			}
			count[i]++;
			break;
		}
	}
	for (size_t i = 0; i < POD_ARRAY_LEN(known); i++) { /* heaviest first */
		if (count[i] < known[i].least)
			continue;
		*out = (struct pod_klog_finding){.id = known[i].id,
						 .hazard = known[i].hazard,
						 .evidence = known[i].evidence,
						 .line = first[i],
						 .line_len = first_len[i],
						 .count = count[i]};
		strip_prefix(&out->line, &out->line_len);
		return true;
	}
	return false;
}

/* What `isopod doctor` names for these lines, too, with its price; nearest to one device first. */
static const struct {
	const char *has, *also, *argument;
} workaround[] = {
	{"irq ", ": nobody cared", "acpi_noirq"},
	{"Disabling IRQ #", NULL, "pci=nomsi"},
	{"nvme", "completion polled", "pci=nomsi"},
	{"8254 timer not connected to IO-APIC", NULL, "noapic"},
	{"IO-APIC + timer doesn't work", NULL, "noapic"},
	{"BUG: soft lockup", NULL, "acpi=off"},
	{"ACPI: EC: ", "input buffer is not empty", "acpi=off"},
	{"ACPI: EC: GPE storm detected", NULL, "acpi=off"},
	{"ACPI BIOS Error (bug):", "AE_", "acpi=off"},
	{"ACPI Error:", "AE_", "acpi=off"},
};

const char *pod_klog_argument(const char *text, size_t len)
{
	size_t best = POD_ARRAY_LEN(workaround);
	for (const char *p = text, *end = text + len; p < end;) {
		const char *line = p;
		while (p < end && *p != '\n')
			p++;
		size_t n = (size_t)(p - line);
		p += p < end;
		for (size_t i = 0; i < best; i++)
			if (line_has(line, n, workaround[i].has) &&
			    (!workaround[i].also || line_has(line, n, workaround[i].also)))
				best = i;
	}
	return best < POD_ARRAY_LEN(workaround) ? workaround[best].argument : NULL;
}
