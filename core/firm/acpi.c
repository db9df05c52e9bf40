/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI 6.5.   Table header, 36 bytes:            FADT behind the header (bytes from the table's start):
 *   +0   4  signature                              +36  4  FIRMWARE_CTRL        +112 4  Flags
 *   +4   4  length of all                          +40  4  DSDT                 +131 1  minor version
 *   +8   1  revision                               +45  1  Preferred_PM_Profile +132 8  X_FIRMWARE_CTRL
 *   +9   1  checksum                               +48  4  SMI_CMD              +140 8  X_DSDT
 *   +10  6  OEM id                                 +52  1  ACPI_ENABLE
 *   +16  8  OEM table id                           +53  1  ACPI_DISABLE
 *   +24  4  OEM revision                           +109 2  IAPC_BOOT_ARCH
 *   +28  8  creator id, creator revision
 */
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/firm/acpi.h"

static uint8_t sum(const uint8_t *p, size_t len)
{
	unsigned s = 0;

	for (size_t i = 0; i < len; i++)
		s += p[i];
	return (uint8_t)s;
}

static void copy_text(char *dst, const uint8_t *src, size_t n)
{
	for (size_t i = 0; i < n; i++)
		dst[i] = src[i] == 0 ? ' ' : src[i] < 0x20 || src[i] >= 0x7f ? '?' : (char)src[i];
	while (n && dst[n - 1] == ' ')
		n--;
	dst[n] = 0;
}

static bool is_signature(const uint8_t *p)
{
	for (unsigned i = 0; i < 4; i++)
		if (!(p[i] >= 'A' && p[i] <= 'Z') && !(p[i] >= '0' && p[i] <= '9') && p[i] != '_' && p[i] != '!' && p[i] != '$' &&
		    p[i] != '@')
			return false;
	return true;
}

enum pod_status pod_acpi_header_read(const uint8_t *p, size_t len, struct pod_acpi_header *out)
{
	size_t have;

	memset(out, 0, sizeof *out);
	/* FACS has a length but neither checksum nor OEM fields; it is 64 bytes long */
	if (len < POD_ACPI_HEADER_SIZE || !is_signature(p))
		return POD_E_FORMAT;
	copy_text(out->signature, p, 4);
	out->length_bytes = pod_get_le32(p + 4);
	if (pod_streq(out->signature, "FACS") || pod_streq(out->signature, "S3PT"))
		return POD_OK;
	out->has_checksum = true;
	out->revision = p[8];
	copy_text(out->oem_id, p + 10, 6);
	copy_text(out->oem_table_id, p + 16, 8);
	out->oem_revision = pod_get_le32(p + 24);
	out->cut = out->length_bytes > len || out->length_bytes < POD_ACPI_HEADER_SIZE;
	have = out->length_bytes < len ? out->length_bytes : len;
	out->sum = sum(p, have);
	out->sum_ok = out->sum == 0 && !out->cut;
	return POD_OK;
}

enum pod_status pod_acpi_rsdp_read(const uint8_t *p, size_t len, struct pod_acpi_rsdp *out)
{
	memset(out, 0, sizeof *out);
	if (len < 20 || memcmp(p, "RSD PTR ", 8) != 0)
		return POD_E_FORMAT;
	out->sum_ok = sum(p, 20) == 0;
	out->revision = p[15];
	out->rsdt = pod_get_le32(p + 16);
	out->extended_sum_ok = true;
	if (out->revision >= 2) {
		uint32_t n = len >= 36 ? pod_get_le32(p + 20) : 0;

		out->extended_sum_ok = n >= 36 && n <= len && sum(p, n) == 0;
		if (len >= 36)
			out->xsdt = pod_get_le64(p + 24);
	}
	return POD_OK;
}

size_t pod_acpi_sdt_count(const uint8_t *p, size_t len)
{
	size_t size, n = len;

	if (len < POD_ACPI_HEADER_SIZE || (memcmp(p, "RSDT", 4) != 0 && memcmp(p, "XSDT", 4) != 0))
		return 0;
	if (pod_get_le32(p + 4) < n)
		n = pod_get_le32(p + 4);
	size = p[0] == 'X' ? 8 : 4;
	return n < POD_ACPI_HEADER_SIZE ? 0 : (n - POD_ACPI_HEADER_SIZE) / size;
}

uint64_t pod_acpi_sdt_entry(const uint8_t *p, size_t i)
{
	p += POD_ACPI_HEADER_SIZE;
	return p[-(int)POD_ACPI_HEADER_SIZE] == 'X' ? pod_get_le64(p + 8 * i) : pod_get_le32(p + 4 * i);
}

enum pod_status pod_acpi_fadt_read(const uint8_t *p, size_t len, struct pod_acpi_fadt *out)
{
	size_t n = len;
	uint64_t wide = 0;

	memset(out, 0, sizeof *out);
	if (len < POD_ACPI_HEADER_SIZE || memcmp(p, "FACP", 4) != 0)
		return POD_E_FORMAT;
	if (pod_get_le32(p + 4) < n)
		n = pod_get_le32(p + 4);
	if (n < 116)
		return POD_E_CORRUPT;
	out->revision = p[8];
	out->facs = pod_get_le32(p + 36);
	out->dsdt = pod_get_le32(p + 40);
	out->profile = p[45];
	out->smi_command = pod_get_le32(p + 48);
	out->acpi_enable = p[52];
	out->acpi_disable = p[53];
	out->boot_flags = pod_get_le16(p + 109);
	out->flags = pod_get_le32(p + 112);
	if (n >= 132)
		out->minor = p[131] & 0x0f;
	if (n >= 140 && pod_get_le64(p + 132))
		out->facs = pod_get_le64(p + 132);
	if (n >= 148)
		wide = pod_get_le64(p + 140);
	out->dsdt_differs = wide && out->dsdt && wide != out->dsdt;
	if (wide)
		out->dsdt = wide;
	return POD_OK;
}

/* Does a DefMethod's MethodOp and PkgLength (20.2.4) end right in front of `at`? */
static bool method_before(const uint8_t *p, size_t len, size_t at)
{
	for (unsigned n = 1; n <= 4; n++) {
		size_t start = at - n - 1, pkg;
		uint8_t lead;

		if (at < n + 1 || p[start] != 0x14)
			continue;
		lead = p[start + 1];
		if (lead >> 6 != (int)n - 1)
			continue;
		pkg = n == 1 ? lead & 0x3fu : lead & 0x0fu;
		for (unsigned k = 1; k < n; k++)
			pkg |= (size_t)p[start + 1 + k] << (8 * k - 4);
		/* at least itself, the name and the flags; within the table */
		if (pkg >= n + 5 && pkg <= len - start - 1)
			return true;
	}
	return false;
}

bool pod_acpi_aml_defines(const uint8_t *p, size_t len, const char *name4)
{
	if (len < POD_ACPI_HEADER_SIZE + 5)
		return false;
	for (size_t i = POD_ACPI_HEADER_SIZE + 1; i + 4 <= len; i++) {
		size_t at = i;

		if (p[i] != (uint8_t)name4[0] || memcmp(p + i, name4, 4) != 0)
			continue;
		/* RootChar or ParentPrefixChar in front of the name */
		while (at > POD_ACPI_HEADER_SIZE && (p[at - 1] == '\\' || p[at - 1] == '^'))
			at--;
		if (p[at - 1] == 0x08 || method_before(p, len, at))
			return true;
	}
	return false;
}

/* --- the text of acpidump -------------------------------------------------------------------------------------------------- */

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = pod_tolower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The line at d->at, without its end; moves on. False at the end of the text. */
static bool next_line(struct pod_acpidump *d, const char **line, size_t *len)
{
	size_t n = 0;

	if (d->at >= d->len)
		return false;
	*line = d->text + d->at;
	while (d->at + n < d->len && (*line)[n] != '\n')
		n++;
	d->at += n + 1;
	*len = n && (*line)[n - 1] == '\r' ? n - 1 : n;
	return true;
}

/* "DSDT @ 0x000000007FE00000" */
static bool is_head(const char *line, size_t len, struct pod_acpidump_table *out)
{
	size_t n = 0, i;
	int d;

	while (n < len && line[n] > ' ')
		n++;
	if (!n || n >= sizeof out->name || len < n + 6 || memcmp(line + n, " @ 0x", 5) != 0)
		return false;
	memset(out, 0, sizeof *out);
	memcpy(out->name, line, n);
	for (i = n + 5; i < len && i < n + 5 + 16 && (d = hex(line[i])) >= 0; i++)
		out->address = out->address << 4 | (uint64_t)d;
	return i > n + 5;
}

/* "    0010: 4C 54 ..": up to 16 bytes; false if it is no such line. */
static bool data_line(const char *line, size_t len, size_t want_offset, uint8_t bytes[16], size_t *n)
{
	size_t i = 0, digits = 0, offset = 0;

	*n = 0;
	while (i < len && line[i] == ' ')
		i++;
	for (; i < len && hex(line[i]) >= 0 && digits < 8; i++, digits++)
		offset = offset << 4 | (size_t)hex(line[i]);
	if (!digits || i >= len || line[i] != ':' || offset != want_offset)
		return false;
	for (i++; *n < 16 && i + 2 < len && line[i] == ' ' && hex(line[i + 1]) >= 0 && hex(line[i + 2]) >= 0; i += 3) {
		/* the text column, too, can look like digits; it is behind two blanks */
		if (i + 3 < len && line[i + 3] != ' ')
			break;
		bytes[(*n)++] = (uint8_t)(hex(line[i + 1]) * 16 + hex(line[i + 2]));
	}
	return *n > 0;
}

enum pod_status pod_acpidump_next(struct pod_acpidump *d, struct pod_acpidump_table *out, uint8_t *buf, size_t size, size_t *n)
{
	bool first = d->at == 0;
	const char *line;
	size_t len, got;
	uint8_t bytes[16];

	*n = 0;
	do {
		if (!next_line(d, &line, &len))
			return first ? POD_E_FORMAT : POD_END;
	} while (!is_head(line, len, out));
	while (next_line(d, &line, &len) && len) {
		if (!data_line(line, len, *n, bytes, &got))
			return POD_E_CORRUPT;
		if (got > size - *n)
			return POD_E_LIMIT;
		memcpy(buf + *n, bytes, got);
		*n += got;
	}
	return POD_OK;
}
