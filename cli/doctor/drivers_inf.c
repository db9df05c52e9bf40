/* SPDX-License-Identifier: BSD-2-Clause */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include "cli/doctor/drivers_inf.h"

#define IDS_MAX 1000000u

static void add_id(struct inf_set *s, const char *text, size_t len, const char *file)
{
	void *v = s->v;
	char *id;

	if (len > 200 || pod_grow(&cli_alloc, &v, s->n, &s->cap, s->n + 1, sizeof *s->v, IDS_MAX) != POD_OK)
		return;
	s->v = v;
	id = cli_xasprintf("%.*s", (int)len, text);
	for (char *c = id; *c; c++)
		*c = (char)toupper((unsigned char)*c);
	s->v[s->n++] = (struct inf_id){id, file};
}

/* One line of plain bytes, without its comment: ids stand behind commas or '=' or alone. */
static void scan_line(struct inf_set *s, const char *line, size_t len, const char *file)
{
	size_t i = 0;

	while (i < len) {
		size_t n = 0;

		while (i < len && strchr(", \t\"=%", line[i]))
			i++;
		while (i + n < len && !strchr(", \t\"=%", line[i + n]))
			n++;
		if (n > 4 && (strncasecmp(line + i, "PCI\\", 4) == 0 || strncasecmp(line + i, "USB\\", 4) == 0))
			add_id(s, line + i, n, file);
		i += n;
	}
}

/* UTF-16 to bytes, in place: ids are ASCII, other characters become '?'. */
static size_t narrow(char *t, size_t len, bool big)
{
	size_t n = 0;

	for (size_t i = 2; i + 1 < len; i += 2) {
		unsigned char lo = (unsigned char)t[i + (big ? 1 : 0)], hi = (unsigned char)t[i + (big ? 0 : 1)];

		t[n++] = (char)(hi || lo >= 0x80 ? '?' : lo);
	}
	return n;
}

void inf_add(struct inf_set *s, const char *name, const char *data, size_t len)
{
	char *text = cli_xmalloc(len + 1);
	void *v = s->file;

	memcpy(text, data, len);
	if (len >= 2 && ((unsigned char)text[0] == 0xff || (unsigned char)text[0] == 0xfe) && (text[0] ^ text[1]) == 1)
		len = narrow(text, len, (unsigned char)text[0] == 0xfe);
	text[len] = 0;
	if (pod_grow(&cli_alloc, &v, s->files, &s->file_cap, s->files + 1, sizeof *s->file, INF_FILES_MAX) == POD_OK) {
		s->file = v;
		s->file[s->files++] = cli_xstrdup(name);
		for (size_t at = 0; at < len;) {
			size_t n = 0, cut = 0;

			while (at + n < len && text[at + n] != '\n')
				n++;
			while (cut < n && text[at + cut] != ';' && text[at + cut] != '\r' && text[at + cut])
				cut++;
			scan_line(s, text + at, cut, s->file[s->files - 1]);
			at += n + 1;
		}
	}
	free(text);
}

void inf_free(struct inf_set *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->v[i].id);
	for (size_t i = 0; i < s->files; i++)
		free(s->file[i]);
	pod_free(&cli_alloc, s->v);
	pod_free(&cli_alloc, s->file);
	memset(s, 0, sizeof *s);
}

/* --- matching ------------------------------------------------------------------------------------------------------------- */

struct pci_numbers {
	unsigned v, d, sv, sd, bc, sc, i;
};

struct usb_numbers {
	unsigned v, p, ic, isc, ip;
};

/* A field "VEN_8086" of an id: its key is known, and its number is the device's. `digits` 0: the length does not matter. */
static bool is(const char *field, size_t len, const char *key, unsigned long want)
{
	size_t n = strlen(key);
	char digits[17] = "", *end;

	if (len <= n || len - n >= sizeof digits || strncmp(field, key, n) != 0)
		return false;
	memcpy(digits, field + n, len - n);
	return strtoul(digits, &end, 16) == want && *end == 0;
}

static bool pci_field(const char *f, size_t len, const struct pci_numbers *p)
{
	/* The revision is in no modalias: any will do. */
	if (strncmp(f, "REV_", 4) == 0)
		return true;
	return is(f, len, "VEN_", p->v) || is(f, len, "DEV_", p->d) ||
	       is(f, len, "SUBSYS_", (unsigned long)p->sd << 16 | p->sv) ||
	       (len == 9 && is(f, len, "CC_", (unsigned long)p->bc << 16 | p->sc << 8 | p->i)) ||
	       (len == 7 && is(f, len, "CC_", (unsigned long)p->bc << 8 | p->sc));
}

static bool usb_field(const char *f, size_t len, const struct usb_numbers *u)
{
	if (strncmp(f, "REV_", 4) == 0 || strncmp(f, "MI_", 3) == 0)
		return true;
	return is(f, len, "VID_", u->v) || is(f, len, "PID_", u->p) || is(f, len, "CLASS_", u->ic) ||
	       is(f, len, "SUBCLASS_", u->isc) || is(f, len, "PROT_", u->ip);
}

/* Does every field of the id fit? An id of a vendor alone does not exist. */
static bool id_fits(const char *id, const struct pci_numbers *p, const struct usb_numbers *u)
{
	const char *f = id + 4;

	while (*f) {
		size_t n = strcspn(f, "&");

		if (p ? !pci_field(f, n, p) : !usb_field(f, n, u))
			return false;
		f += n + (f[n] == '&');
	}
	return true;
}

static bool pci_read(const char *m, struct pci_numbers *p)
{
	return device_field(m, "v", 8, &p->v) && device_field(m, "d", 8, &p->d) && device_field(m, "sv", 8, &p->sv) &&
	       device_field(m, "sd", 8, &p->sd) && device_field(m, "bc", 2, &p->bc) && device_field(m, "sc", 2, &p->sc) &&
	       device_field(m, "i", 2, &p->i);
}

static bool usb_read(const char *m, struct usb_numbers *u)
{
	return device_field(m, "v", 4, &u->v) && device_field(m, "p", 4, &u->p) && device_field(m, "ic", 2, &u->ic) &&
	       device_field(m, "isc", 2, &u->isc) && device_field(m, "ip", 2, &u->ip);
}

bool inf_knows_bus(const struct device *dev)
{
	return strncmp(dev->modalias, "pci:", 4) == 0 || strncmp(dev->modalias, "usb:", 4) == 0;
}

const char *inf_match(const struct inf_set *s, const struct device *dev)
{
	bool pci = strncmp(dev->modalias, "pci:", 4) == 0;
	struct pci_numbers p;
	struct usb_numbers u;

	if (pci ? !pci_read(dev->modalias, &p) : !usb_read(dev->modalias, &u))
		return NULL;
	for (size_t i = 0; i < s->n; i++)
		if (strncmp(s->v[i].id, pci ? "PCI\\" : "USB\\", 4) == 0 && id_fits(s->v[i].id, pci ? &p : NULL, &u))
			return s->v[i].file;
	return NULL;
}
