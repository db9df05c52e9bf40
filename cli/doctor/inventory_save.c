/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * isopod doctor --save-inventory: which files of /proc and /sys are kept, and in which form.
 *
 * Never kept: serial numbers, UUIDs, MAC addresses, host and user names, the kernel's command line, labels of filesystems, and
 * the ACPI tables MSDM (it holds a Windows product key) and SLIC.
 */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/doctor/inventory.h"

enum form {
	FORM_TEXT,
	FORM_DATA,
	FORM_LINK,
	FORM_CPU, /* /proc/cpuinfo: the first processor only */
};

/* Every part of a pattern but the last may be "*", which stands for the folder's names. */
static const struct rule {
	const char *pattern;
	enum form form;
} rules[] = {
	{"/proc/cpuinfo", FORM_CPU},
	{"/proc/iomem", FORM_TEXT},
	{"/proc/meminfo", FORM_TEXT},
	{"/proc/sys/kernel/arch", FORM_TEXT},
	{"/proc/sys/kernel/osrelease", FORM_TEXT},
	{"/sys/block/*/device/model", FORM_TEXT},
	{"/sys/block/*/device/vendor", FORM_TEXT},
	{"/sys/block/*/queue/logical_block_size", FORM_TEXT},
	{"/sys/block/*/queue/physical_block_size", FORM_TEXT},
	{"/sys/block/*/queue/rotational", FORM_TEXT},
	{"/sys/block/*/removable", FORM_TEXT},
	{"/sys/block/*/ro", FORM_TEXT},
	{"/sys/block/*/size", FORM_TEXT},
	{"/sys/bus/acpi/devices/*/modalias", FORM_TEXT},
	{"/sys/bus/mmc/devices/*/type", FORM_TEXT},
	{"/sys/bus/pci/devices/*/class", FORM_TEXT},
	{"/sys/bus/pci/devices/*/driver", FORM_LINK},
	{"/sys/bus/pci/devices/*/modalias", FORM_TEXT},
	{"/sys/bus/platform/devices/*/driver", FORM_LINK},
	{"/sys/bus/platform/devices/*/modalias", FORM_TEXT},
	{"/sys/bus/usb/devices/*/bDeviceClass", FORM_TEXT},
	{"/sys/bus/usb/devices/*/bInterfaceClass", FORM_TEXT},
	{"/sys/bus/usb/devices/*/bInterfaceSubClass", FORM_TEXT},
	{"/sys/bus/usb/devices/*/driver", FORM_LINK},
	{"/sys/bus/usb/devices/*/idProduct", FORM_TEXT},
	{"/sys/bus/usb/devices/*/idVendor", FORM_TEXT},
	{"/sys/bus/usb/devices/*/modalias", FORM_TEXT},
	{"/sys/bus/usb/devices/*/speed", FORM_TEXT},
	{"/sys/bus/virtio/devices/*/driver", FORM_LINK},
	{"/sys/bus/virtio/devices/*/modalias", FORM_TEXT},
	{"/sys/class/dmi/id/bios_date", FORM_TEXT},
	{"/sys/class/dmi/id/bios_vendor", FORM_TEXT},
	{"/sys/class/dmi/id/bios_version", FORM_TEXT},
	{"/sys/class/dmi/id/board_name", FORM_TEXT},
	{"/sys/class/dmi/id/board_vendor", FORM_TEXT},
	{"/sys/class/dmi/id/chassis_type", FORM_TEXT},
	{"/sys/class/dmi/id/product_family", FORM_TEXT},
	{"/sys/class/dmi/id/product_name", FORM_TEXT},
	{"/sys/class/dmi/id/product_version", FORM_TEXT},
	{"/sys/class/dmi/id/sys_vendor", FORM_TEXT},
	{"/sys/firmware/acpi/tables/*", FORM_DATA},
	{"/sys/firmware/acpi/tables/dynamic/*", FORM_DATA},
	{"/sys/firmware/efi/efivars/SbatLevelRT-605dab50-e046-4300-abb6-3dd810dd8b23", FORM_DATA},
	{"/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c", FORM_DATA},
	{"/sys/firmware/efi/efivars/SetupMode-8be4df61-93ca-11d2-aa0d-00e098032b8c", FORM_DATA},
	{"/sys/firmware/efi/efivars/db-d719b2cb-3d3a-4596-a3bc-dad00e67656f", FORM_DATA},
	{"/sys/firmware/efi/efivars/dbx-d719b2cb-3d3a-4596-a3bc-dad00e67656f", FORM_DATA},
	{"/sys/firmware/efi/fw_platform_size", FORM_TEXT},
	{"/sys/firmware/memmap/*/end", FORM_TEXT},
	{"/sys/firmware/memmap/*/start", FORM_TEXT},
	{"/sys/firmware/memmap/*/type", FORM_TEXT},
	{"/sys/power/disk", FORM_TEXT},
	{"/sys/power/mem_sleep", FORM_TEXT},
	{"/sys/power/state", FORM_TEXT},
};

static bool private_name(const char *path)
{
	return strstr(path, "/acpi/tables/MSDM") || strstr(path, "/acpi/tables/SLIC");
}

static void put_escaped(FILE *f, const char *s, size_t len, bool path)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c == '\n')
			fputs("\\n", f);
		else if (c == '\t')
			fputs("\\t", f);
		else if (c == '\\')
			fputs("\\\\", f);
		else if (c < 0x20 || c == 0x7f || (path && c == ' '))
			fprintf(f, "\\x%02x", c);
		else
			fputc(c, f);
	}
}

static void put_base64(FILE *f, const unsigned char *p, size_t len)
{
	static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < len; i += 3) {
		size_t left = len - i;
		unsigned v = (unsigned)p[i] << 16 | (left > 1 ? (unsigned)p[i + 1] << 8 : 0) | (left > 2 ? p[i + 2] : 0);

		fputc(digit[v >> 18], f);
		fputc(digit[v >> 12 & 63], f);
		fputc(left > 1 ? digit[v >> 6 & 63] : '=', f);
		fputc(left > 2 ? digit[v & 63] : '=', f);
	}
}

struct save {
	FILE *f;
	const struct doctor_machine *m;
	unsigned files;
};

static void put_file(struct save *s, const char *path, enum form form)
{
	static const char *const word[] = {"text", "data", "link", "text"};
	size_t len = 0;
	char *text;

	if (form == FORM_LINK) {
		text = doctor_machine_link(s->m, path);
		len = text ? strlen(text) : 0;
	} else {
		text = doctor_machine_read(s->m, path, &len);
	}
	if (!text)
		return;
	if (form == FORM_CPU) {
		const char *next = strstr(text, "\n\n");

		len = next ? (size_t)(next - text) + 1 : len;
	}
	fprintf(s->f, "%s ", word[form]);
	put_escaped(s->f, path, strlen(path), true);
	fputc(' ', s->f);
	if (form == FORM_DATA)
		put_base64(s->f, (const unsigned char *)text, len);
	else
		put_escaped(s->f, text, len, false);
	fputc('\n', s->f);
	s->files++;
	free(text);
}

/* `path` up to its first "/" + "*" part, expanded; the depth is the number of stars in the table above. */
static void walk(struct save *s, const char *path, enum form form) // NOLINT(misc-no-recursion)
{
	const char *star = strstr(path, "/*");
	char *folder, **names;

	if (!star) {
		if (!private_name(path))
			put_file(s, path, form);
		return;
	}
	folder = strndup(path, (size_t)(star - path));
	names = folder ? doctor_machine_list(s->m, folder) : NULL;
	for (size_t i = 0; names && names[i]; i++) {
		/* Loop and RAM disks are no part of the machine. */
		bool skip = strcmp(folder, "/sys/block") == 0 &&
			    (fnmatch("loop*", names[i], 0) == 0 || fnmatch("ram*", names[i], 0) == 0 ||
			     fnmatch("zram*", names[i], 0) == 0 || fnmatch("dm-*", names[i], 0) == 0);
		char *next = cli_xasprintf("%s/%s%s", folder, names[i], star + 2);

		if (!skip && !strchr(names[i], '*') && strlen(next) < POD_INVENTORY_PATH_MAX)
			walk(s, next, form);
		free(next);
	}
	free(names);
	free(folder);
}

int doctor_machine_save(const char *file, struct fault *fault)
{
	struct doctor_machine *m = doctor_machine_open(NULL, fault);
	struct save s = {.m = m};
	int fd, err = 0;

	if (!m)
		return CLI_FAILED;
	fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	s.f = fd < 0 ? NULL : fdopen(fd, "w");
	if (!s.f) {
		err = errno;
		if (fd >= 0)
			close(fd);
		doctor_machine_close(m);
		return fault_set(fault, "%s: %s", file, strerror(err));
	}
	fprintf(s.f, "%s\n", POD_INVENTORY_MAGIC);
	fputs("# Files of /proc and /sys of one machine, for isopod doctor --inventory. No serial numbers, UUIDs or names of "
	      "people.\n",
	      s.f);
	for (size_t i = 0; i < POD_ARRAY_LEN(rules); i++)
		walk(&s, rules[i].pattern, rules[i].form);
	doctor_machine_close(m);
	if (fflush(s.f) != 0 || ferror(s.f) || fsync(fd) != 0)
		err = errno == EINVAL ? 0 : errno;
	if (fclose(s.f) != 0 && !err)
		err = errno;
	if (err)
		return fault_set(fault, "%s: %s", file, strerror(err));
	if (geteuid() != 0)
		fault_warn(fault, "%s", _("saved without root's rights: ACPI tables and the memory map may be missing"));
	return CLI_OK;
}
