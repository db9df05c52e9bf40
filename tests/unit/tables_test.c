/* SPDX-License-Identifier: BSD-2-Clause */
/* SMBIOS and ACPI tables in a piece of memory at address 0xF0000. */
#include "core/trace/tables.h"
#include "core/base/bytes.h"
#include "tests/unit/test.h"

#define BASE 0xf0000u
static uint8_t rom[0x10000];
static struct pod_rec_machine m;

static const uint8_t *rom_at(void *ctx, uint64_t address, size_t len)
{
	(void)ctx;
	return address >= BASE && pod_in_range(address - BASE, len, sizeof rom) ? rom + (address - BASE) : NULL;
}
static const struct pod_phys mem = {rom_at, NULL};

static void fix_sum(uint8_t *p, size_t len, size_t at)
{
	uint8_t sum = 0;
	p[at] = 0;
	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + p[i]);
	p[at] = (uint8_t)-sum;
}

static size_t table_len;

static void structure(uint8_t type, const uint8_t *fields, uint8_t len, const char *strings, size_t strings_len)
{
	uint8_t *p = rom + 0x1000 + table_len;
	memset(p, 0, len);
	memcpy(p, fields, len);
	p[0] = type;
	p[1] = len;
	memcpy(p + len, strings, strings_len);
	table_len += len + strings_len;
}

#define STR(s) s, sizeof s /* with its own NUL as the second one */

static void put_smbios(bool three)
{
	memset(rom, 0, sizeof rom);
	memset(&m, 0, sizeof m);
	table_len = 0;
	structure(0, (uint8_t[0x12]){[4] = 1, [5] = 2, [8] = 3}, 0x12, STR("SeaBIOS\0 1.16.2 \00004/01/2014\0"));
	structure(1, (uint8_t[0x1b]){[4] = 1, [5] = 3, [7] = 2}, 0x1b, STR("QEMU\0SERIAL-123\0Standard\x80 PC\0"));
	structure(2, (uint8_t[0x0f]){[4] = 1, [5] = 2, [7] = 3}, 0x0f, STR("ACME\0Board 7\0S3R\0"));
	structure(2, (uint8_t[0x0f]){[4] = 1}, 0x0f, STR("Daughter\0"));
	structure(127, (uint8_t[4]){0}, 4, STR("\0"));
	uint8_t *e = rom + 0x20;
	if (three) {
		memcpy(e, "_SM3_", 5);
		e[6] = 0x18;
		pod_put_le32(e + 0x0c, (uint32_t)table_len);
		pod_put_le64(e + 0x10, BASE + 0x1000);
		fix_sum(e, 0x18, 5);
	} else {
		memcpy(e, "_SM_", 4);
		e[5] = 0x1f;
		memcpy(e + 0x10, "_DMI_", 5);
		pod_put_le16(e + 0x16, (uint16_t)table_len);
		pod_put_le32(e + 0x18, BASE + 0x1000);
		fix_sum(e, 0x1f, 4);
	}
}

TEST(smbios)
{
	for (int three = 0; three < 2; three++) {
		put_smbios(three);
		CHECK_EQ(pod_smbios_find(&mem, BASE, sizeof rom), BASE + 0x20);
		CHECK(pod_smbios_describe(&mem, BASE + 0x20, &m));
		CHECK_STR(m.vendor, "QEMU");
		CHECK_STR(m.product, "Standard? PC");
		CHECK_STR(m.board, "ACME Board 7");
		CHECK_STR(m.bios_version, "1.16.2");
		CHECK_STR(m.bios_date, "04/01/2014");
	}
}

/* No serial number, asset tag or UUID in any field. */
TEST(no_serial_numbers)
{
	put_smbios(true);
	CHECK(pod_smbios_describe(&mem, BASE + 0x20, &m));
	const uint8_t *p = (const uint8_t *)&m;
	for (size_t i = 0; i + 6 < sizeof m; i++)
		CHECK(memcmp(p + i, "SERIAL", 6) != 0 && memcmp(p + i, "S3R", 3) != 0);
}

TEST(damaged_smbios)
{
	put_smbios(true);
	rom[0x20 + 7] ^= 1;
	CHECK(!pod_smbios_describe(&mem, BASE + 0x20, &m));
	put_smbios(true);
	pod_put_le64(rom + 0x30, UINT64_MAX - 3);
	fix_sum(rom + 0x20, 0x18, 5);
	CHECK(!pod_smbios_describe(&mem, BASE + 0x20, &m));
	/* a table that claims more than there is memory, and one cut anywhere */
	put_smbios(true);
	pod_put_le32(rom + 0x2c, 0x7fffffff);
	fix_sum(rom + 0x20, 0x18, 5);
	CHECK(!pod_smbios_describe(&mem, BASE + 0x20, &m));
	for (size_t n = 1; n < 200; n++) {
		put_smbios(true);
		pod_put_le32(rom + 0x2c, (uint32_t)n);
		fix_sum(rom + 0x20, 0x18, 5);
		CHECK(pod_smbios_describe(&mem, BASE + 0x20, &m));
	}
	put_smbios(true);
	rom[0x1001] = 2; /* a structure shorter than its header */
	CHECK(pod_smbios_describe(&mem, BASE + 0x20, &m));
	CHECK_STR(m.vendor, "");
	CHECK(!pod_smbios_describe(&mem, BASE + 0xfff0, &m));
	CHECK(!pod_smbios_describe(&mem, 0, &m));
	memset(rom, 0xff, sizeof rom);
	CHECK_EQ(pod_smbios_find(&mem, BASE, sizeof rom), 0);
}

static void table(uint32_t at, const char *sig, const char *oem_table, uint32_t len)
{
	uint8_t *p = rom + at;
	memcpy(p, sig, 4);
	pod_put_le32(p + 4, len);
	memcpy(p + 10, "BOCHS ", 6);
	memcpy(p + 16, oem_table, 8);
}

static void put_acpi(bool two)
{
	memset(rom, 0, sizeof rom);
	memset(&m, 0, sizeof m);
	uint8_t *r = rom + 0x100;
	memcpy(r, "RSD PTR ", 8);
	memcpy(r + 9, "BOCHS ", 6);
	r[15] = two ? 2 : 0;
	pod_put_le32(r + 16, BASE + 0x200);
	pod_put_le64(r + 24, BASE + 0x300);
	fix_sum(r, 20, 8);
	table(0x200, "RSDT", "BXPCRSDT", 36 + 3 * 4);
	table(0x300, "XSDT", "BXPCXSDT", 36 + 2 * 8);
	table(0x400, "APIC", "BXPCAPIC", 36);
	table(0x500, "FACP", "BXPCFACP", 244);
	pod_put_le32(rom + 0x224, BASE + 0x400);
	pod_put_le32(rom + 0x228, 0); /* holes exist */
	pod_put_le32(rom + 0x22c, BASE + 0x500);
	pod_put_le64(rom + 0x324, (uint64_t)1 << 60);
	pod_put_le64(rom + 0x32c, BASE + 0x500);
}

TEST(acpi)
{
	for (int two = 0; two < 2; two++) {
		put_acpi(two);
		CHECK_EQ(pod_acpi_find(&mem, BASE, sizeof rom), BASE + 0x100);
		CHECK(pod_acpi_describe(&mem, BASE + 0x100, &m));
		CHECK_EQ(m.flags, POD_REC_M_RSDP);
		CHECK_STR(m.acpi_oem, "BOCHS ");
		CHECK_STR(m.acpi_table, two ? "BXPCXSDT" : "BXPCRSDT");
		CHECK_STR(m.acpi_fadt, "BXPCFACP");
		CHECK_EQ(m.acpi_tables, two ? 2 : 3);
	}
}

TEST(damaged_acpi)
{
	put_acpi(true);
	rom[0x100 + 10] ^= 1;
	CHECK(!pod_acpi_describe(&mem, BASE + 0x100, &m));
	put_acpi(true);
	pod_put_le32(rom + 0x304, 0xffffffff);
	CHECK(pod_acpi_describe(&mem, BASE + 0x100, &m));
	put_acpi(true);
	pod_put_le32(rom + 0x304, 3);
	CHECK(pod_acpi_describe(&mem, BASE + 0x100, &m));
	CHECK_EQ(m.acpi_tables, 0);
	put_acpi(true);
	pod_put_le64(rom + 0x118, BASE + 0xfff0);
	CHECK(pod_acpi_describe(&mem, BASE + 0x100, &m));
	CHECK_STR(m.acpi_table, "");
	CHECK_EQ(pod_acpi_find(&mem, BASE + 0x110, 0x80), 0);
	CHECK(!pod_acpi_describe(&mem, UINT64_MAX - 5, &m));
}
