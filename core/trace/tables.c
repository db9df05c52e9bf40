/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SMBIOS 3.6 (DMTF DSP0134): entry points clause 5.2, structure header clause 6.1.2, strings clause 6.1.3, type 0 clause 7.1,
 * type 1 clause 7.2, type 2 clause 7.3. Serial numbers, asset tags and UUIDs are not looked at.
 *
 *   _SM_   +0x00 4 anchor, +0x04 1 checksum, +0x05 1 length (0x1F; 0x1E by an error of version 2.1), +0x10 5 "_DMI_",
 *          +0x16 2 length of the table, +0x18 4 its address
 *   _SM3_  +0x00 5 anchor, +0x05 1 checksum, +0x06 1 length (0x18), +0x0C 4 most bytes of the table, +0x10 8 its address
 *   structure: +0 u8 type, +1 u8 length of the formatted part, +2 u16 handle; behind it strings, each ending in NUL, and one NUL
 * more
 *
 * ACPI 6.4: root pointer clause 5.2.5.3 (+8 u8 checksum of 20 bytes, +9 6 OEM ID, +15 u8 revision, +16 u32 RSDT, +20 u32 length,
 * +24 u64 XSDT), table header clause 5.2.6 (36 bytes: +0 4 signature, +4 u32 length, +10 6 OEM ID, +16 8 OEM table ID).
 */
#include "core/trace/tables.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"

enum { SMBIOS_TABLE_MAX = 256 << 10, SMBIOS_STRUCTURES_MAX = 4096, ACPI_TABLES_MAX = 1024, ACPI_HEADER = 36 };

static bool sums_to_zero(const uint8_t *p, size_t len)
{
	uint8_t sum = 0;
	while (len--)
		sum = (uint8_t)(sum + *p++);
	return sum == 0;
}

static const uint8_t *at(const struct pod_phys *mem, uint64_t address, size_t len)
{
	return address && address + len > address ? mem->at(mem->ctx, address, len) : NULL;
}

/* --- SMBIOS ------------------------------------------------------------------------------------------------------ */

/* String number `n` of the structure at p, whose strings end before `end`; printable ASCII, blanks around it cut off. */
static void get_string(const uint8_t *p, const uint8_t *end, uint8_t n, char *out, size_t size)
{
	const uint8_t *s = p + p[1];
	size_t k = 0;
	out[0] = 0;
	if (!n)
		return;
	while (s < end && *s && --n) {
		while (s < end && *s)
			s++;
		if (s < end)
			s++;
	}
	while (s < end && *s == ' ')
		s++;
	for (; s < end && *s && k + 1 < size; s++)
		out[k++] = *s >= 0x20 && *s < 0x7f ? (char)*s : '?';
	while (k && out[k - 1] == ' ')
		k--;
	out[k] = 0;
}

static uint8_t string_number(const uint8_t *p, uint8_t field)
{
	return field < p[1] ? p[field] : 0;
}

static void add_board(const uint8_t *p, const uint8_t *end, struct pod_rec_machine *m)
{
	size_t n = 0;
	if (m->board[0])
		return; /* the first board is the main one */
	get_string(p, end, string_number(p, 4), m->board, sizeof m->board);
	while (m->board[n])
		n++;
	if (n && n + 2 < sizeof m->board)
		m->board[n++] = ' ';
	get_string(p, end, string_number(p, 5), m->board + n, sizeof m->board - n);
	if (n && !m->board[n])
		m->board[n - 1] = m->board[n - 1] == ' ' ? 0 : m->board[n - 1];
}

static void describe_structure(const uint8_t *p, const uint8_t *end, struct pod_rec_machine *m)
{
	switch (p[0]) {
	case 0:
		get_string(p, end, string_number(p, 5), m->bios_version, sizeof m->bios_version);
		get_string(p, end, string_number(p, 8), m->bios_date, sizeof m->bios_date);
		break;
	case 1:
		get_string(p, end, string_number(p, 4), m->vendor, sizeof m->vendor);
		get_string(p, end, string_number(p, 5), m->product, sizeof m->product);
		break;
	case 2:
		add_board(p, end, m);
		break;
	default:
		break;
	}
}

static void describe_table(const uint8_t *table, size_t len, struct pod_rec_machine *m)
{
	const uint8_t *p = table, *stop = table + len;
	for (unsigned i = 0; i < SMBIOS_STRUCTURES_MAX && stop - p >= 4; i++) {
		if (p[0] == 127 || p[1] < 4 || p[1] > stop - p)
			return;
		const uint8_t *end = p + p[1];
		while (stop - end >= 2 && (end[0] || end[1]))
			end++;
		describe_structure(p, end, m);
		if (stop - end < 2)
			return;
		p = end + 2;
	}
}

bool pod_smbios_describe(const struct pod_phys *mem, uint64_t entry, struct pod_rec_machine *m)
{
	uint64_t address;
	size_t len;
	const uint8_t *e = at(mem, entry, 0x18), *table;
	if (e && memcmp(e, "_SM3_", 5) == 0) {
		if (e[6] < 0x18 || (e = at(mem, entry, e[6])) == NULL || !sums_to_zero(e, e[6]))
			return false;
		len = pod_get_le32(e + 0x0c);
		address = pod_get_le64(e + 0x10);
	} else {
		e = at(mem, entry, 0x1f);
		if (!e || memcmp(e, "_SM_", 4) != 0 || memcmp(e + 0x10, "_DMI_", 5) != 0 || e[5] < 0x1e || e[5] > 0x1f ||
		    !sums_to_zero(e, e[5]))
			return false;
		len = pod_get_le16(e + 0x16);
		address = pod_get_le32(e + 0x18);
	}
	if (len > SMBIOS_TABLE_MAX)
		len = SMBIOS_TABLE_MAX;
	table = at(mem, address, len);
	if (!table || !len)
		return false;
	describe_table(table, len, m);
	return true;
}

static uint64_t find(const struct pod_phys *mem, uint64_t start, size_t len, const char *anchor, size_t n)
{
	for (size_t i = 0; i + 16 <= len; i += 16) {
		const uint8_t *p = at(mem, start + i, 16);
		if (p && memcmp(p, anchor, n) == 0)
			return start + i;
	}
	return 0;
}

uint64_t pod_smbios_find(const struct pod_phys *mem, uint64_t start, size_t len)
{
	uint64_t found = find(mem, start, len, "_SM3_", 5);
	return found ? found : find(mem, start, len, "_SM_", 4);
}

uint64_t pod_acpi_find(const struct pod_phys *mem, uint64_t start, size_t len)
{
	return find(mem, start, len, "RSD PTR ", 8);
}

/* --- ACPI -------------------------------------------------------------------------------------------------------- */

/* `n` bytes that should be printable; blanks behind stay, they are part of an ID. */
static void get_id(char *out, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out[i] = p[i] >= 0x20 && p[i] < 0x7f ? (char)p[i] : (p[i] ? '?' : 0);
	out[n] = 0;
}

bool pod_acpi_describe(const struct pod_phys *mem, uint64_t rsdp, struct pod_rec_machine *m)
{
	const uint8_t *p = at(mem, rsdp, 20);
	if (!p || memcmp(p, "RSD PTR ", 8) != 0 || !sums_to_zero(p, 20))
		return false;
	m->flags |= POD_REC_M_RSDP;
	get_id(m->acpi_oem, p + 9, 6);
	uint64_t root = pod_get_le32(p + 16);
	unsigned width = 4;
	if (p[15] >= 2 && (p = at(mem, rsdp, 36)) != NULL && pod_get_le64(p + 24)) {
		root = pod_get_le64(p + 24);
		width = 8;
	}
	p = at(mem, root, ACPI_HEADER);
	if (!p || memcmp(p, width == 8 ? "XSDT" : "RSDT", 4) != 0)
		return true;
	get_id(m->acpi_table, p + 16, 8);
	uint32_t len = pod_get_le32(p + 4);
	if (len < ACPI_HEADER)
		return true;
	uint32_t count = (len - ACPI_HEADER) / width;
	if (count > ACPI_TABLES_MAX)
		count = ACPI_TABLES_MAX;
	p = at(mem, root, ACPI_HEADER + (size_t)count * width);
	if (!p)
		return true;
	m->acpi_tables = (uint16_t)count;
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *e = p + ACPI_HEADER + (size_t)i * width;
		const uint8_t *t = at(mem, width == 8 ? pod_get_le64(e) : pod_get_le32(e), ACPI_HEADER);
		if (t && memcmp(t, "FACP", 4) == 0) {
			get_id(m->acpi_fadt, t + 16, 8);
			break;
		}
	}
	return true;
}
