/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which devices of a machine a system needs to start, to see disks and to reach a network. modalias formats: the kernel's
 * scripts/mod/file2alias.c; PCI classes: PCI Code and ID Assignment Specification 1.12, chapter 1.
 */
#include <stdlib.h>
#include <string.h>
#include "cli/doctor/drivers.h"
#include "cli/doctor/inventory.h"

static const char *const pci_ids[] = {"/usr/share/misc/pci.ids", "/usr/share/hwdata/pci.ids"};
static const char *const usb_ids[] = {"/usr/share/misc/usb.ids", "/usr/share/hwdata/usb.ids", "/var/lib/usbutils/usb.ids"};

/* --- names ---------------------------------------------------------------------------------------------------------------- */

static char *rest_of_line(const char *p)
{
	size_t n = strcspn(p, "\r\n");

	while (n && *p == ' ') {
		p++;
		n--;
	}
	return cli_xasprintf("%.*s", (int)(n < 80 ? n : 80), p);
}

/* pci.ids and usb.ids are a megabyte each: read once. */
static const char *ids_text(bool usb)
{
	static char *text[2];
	static bool tried[2];
	const char *const *files = usb ? usb_ids : pci_ids;
	size_t count = usb ? POD_ARRAY_LEN(usb_ids) : POD_ARRAY_LEN(pci_ids);

	for (size_t i = 0; i < count && !text[usb] && !tried[usb]; i++)
		text[usb] = inventory_slurp(files[i], 8u << 20, NULL);
	tried[usb] = true;
	return text[usb];
}

/* "VVVV  Vendor" at the start of a line, below it "\tDDDD  Device". */
static char *look_up(bool usb, unsigned vendor, unsigned product)
{
	char *v = NULL, *p = NULL, *name = NULL, key[8];
	const char *text = ids_text(usb), *at;

	if (!text)
		return NULL;
	snprintf(key, sizeof key, "\n%04x ", vendor & 0xffff);
	at = strstr(text, key);
	if (at) {
		v = rest_of_line(at + 6);
		snprintf(key, sizeof key, "\t%04x ", product & 0xffff);
		for (at = strchr(at + 1, '\n'); at && (at[1] == '\t' || at[1] == '#'); at = strchr(at + 1, '\n'))
			if (strncmp(at + 1, key, 6) == 0) {
				p = rest_of_line(at + 7);
				break;
			}
		name = p ? cli_xasprintf("%s %s", v, p) : cli_xstrdup(v);
	}
	free(v);
	free(p);
	return name;
}

bool device_field(const char *modalias, const char *key, unsigned digits, unsigned *out)
{
	const char *at = strchr(modalias, ':');
	size_t n = strlen(key);

	/* Keys are lower case, digits upper case: no key can be found inside digits. */
	while (at && (at = strstr(at, key)) != NULL) {
		char text[9] = "", *end;

		if (strlen(at + n) >= digits && digits < sizeof text) {
			memcpy(text, at + n, digits);
			*out = (unsigned)strtoul(text, &end, 16);
			if (*end == 0 && (at[-1] == ':' || (at[-1] >= '0' && at[-1] <= '9') || (at[-1] >= 'A' && at[-1] <= 'F')))
				return true;
		}
		at++;
	}
	return false;
}

static char *device_name(const char *modalias)
{
	unsigned v = 0, p = 0;
	char *known, *name;
	bool pci = strncmp(modalias, "pci:", 4) == 0, usb = strncmp(modalias, "usb:", 4) == 0;

	if (!(pci && device_field(modalias, "v", 8, &v) && device_field(modalias, "d", 8, &p)) &&
	    !(usb && device_field(modalias, "v", 4, &v) && device_field(modalias, "p", 4, &p)))
		return cli_xasprintf("%.60s", modalias);
	known = look_up(usb, v, p);
	name = known ? cli_xasprintf("%04x:%04x (%s)", v, p, known) : cli_xasprintf("%04x:%04x", v, p);
	free(known);
	return name;
}

/* --- what a device is ------------------------------------------------------------------------------------------------------ */

static bool pci_kind(const char *modalias, struct device *out)
{
	unsigned base, sub;

	if (!device_field(modalias, "bc", 2, &base) || !device_field(modalias, "sc", 2, &sub))
		return false;
	/* 02 is the floppy controller; 80 "other" */
	if (base == 0x01 && sub != 0x02)
		out->kind = DEVICE_STORAGE;
	else if (base == 0x02)
		out->kind = DEVICE_NETWORK;
	else if ((base == 0x0c && sub == 0x03) || (base == 0x08 && sub == 0x05))
		out->kind = base == 0x0c ? DEVICE_USB : DEVICE_STORAGE;
	else
		return false;
	if (base == 0x0c) {
		unsigned interface = 0;

		/* 00 UHCI, 10 OHCI, 20 EHCI, 30 xHCI; 40 USB4, 80 and FE are no host controllers that a stick hangs on */
		return device_field(modalias, "i", 2, &interface) && interface <= 0x30;
	}
	/* Other mass storage, SD hosts, other network: not where a system usually lies */
	out->minor = base == 0x08 || (base == 0x01 && sub == 0x80);
	return true;
}

/* virtio 1.2, clause 5: device ids */
static bool virtio_kind(const char *modalias, struct device *out)
{
	unsigned id;

	if (!device_field(modalias, "d", 8, &id))
		return false;
	out->kind = id == 1 ? DEVICE_NETWORK : DEVICE_STORAGE;
	return id == 1 || id == 2 || id == 8;
}

/* Network adapters by their interface: CDC Ethernet, NCM, EEM, MBIM, and RNDIS. */
static bool usb_kind(const char *modalias, struct device *out)
{
	unsigned class, sub, protocol = 0;

	if (!device_field(modalias, "ic", 2, &class) || !device_field(modalias, "isc", 2, &sub))
		return false;
	(void)device_field(modalias, "ip", 2, &protocol);
	out->kind = DEVICE_NETWORK;
	return (class == 0x02 && (sub == 0x06 || sub == 0x0c || sub == 0x0d || sub == 0x0e)) ||
	       (class == 0xe0 && sub == 0x01 && protocol == 0x03);
}

/* SD and eMMC hosts that are no PCI devices (PNP0D40 is their class). */
static bool acpi_kind(const char *modalias, struct device *out)
{
	out->kind = DEVICE_STORAGE;
	out->minor = true;
	return strstr(modalias, ":PNP0D40:") != NULL;
}

static bool kind_of(const char *modalias, struct device *out)
{
	if (strncmp(modalias, "pci:", 4) == 0)
		return pci_kind(modalias, out);
	if (strncmp(modalias, "virtio:", 7) == 0)
		return virtio_kind(modalias, out);
	if (strncmp(modalias, "usb:", 4) == 0)
		return usb_kind(modalias, out);
	return strncmp(modalias, "acpi:", 5) == 0 && acpi_kind(modalias, out);
}

static void add(struct devices *list, const struct doctor_machine *m, const char *folder, const char *entry)
{
	char *path = cli_xasprintf("%s/%s/modalias", folder, entry), *link_path, *link;
	struct device dev = {.modalias = inventory_line(m, path)};
	void *v = list->v;

	free(path);
	if (!dev.modalias || strlen(dev.modalias) > 400 || !kind_of(dev.modalias, &dev) ||
	    pod_grow(&cli_alloc, &v, list->n, &list->cap, list->n + 1, sizeof *list->v, 1024) != POD_OK) {
		free(dev.modalias);
		return;
	}
	list->v = v;
	link_path = cli_xasprintf("%s/%s/driver", folder, entry);
	link = doctor_machine_link(m, link_path);
	if (link) {
		const char *base = strrchr(link, '/');

		dev.driver = cli_xstrdup(base ? base + 1 : link);
	}
	free(link);
	free(link_path);
	dev.name = device_name(dev.modalias);
	list->v[list->n++] = dev;
}

void devices_read(struct devices *out, const struct doctor_machine *m)
{
	static const char *const bus[] = {"pci", "virtio", "usb", "acpi"};

	memset(out, 0, sizeof *out);
	for (size_t i = 0; i < POD_ARRAY_LEN(bus); i++) {
		char *folder = cli_xasprintf("/sys/bus/%s/devices", bus[i]);
		char **names = doctor_machine_list(m, folder);

		for (size_t k = 0; names && names[k]; k++)
			add(out, m, folder, names[k]);
		free(names);
		free(folder);
	}
}

void devices_free(struct devices *d)
{
	for (size_t i = 0; i < d->n; i++) {
		free(d->v[i].modalias);
		free(d->v[i].driver);
		free(d->v[i].name);
	}
	pod_free(&cli_alloc, d->v);
	memset(d, 0, sizeof *d);
}
