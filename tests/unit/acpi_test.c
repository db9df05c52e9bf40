/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/base/bytes.h"
#include "core/firm/acpi.h"
#include "tests/unit/test.h"

static uint8_t t[4096];

/* A table of `len` bytes with the right checksum. */
static void table(const char *sig, uint32_t len, const uint8_t *body, size_t body_len)
{
	uint8_t s = 0;

	memset(t, 0, sizeof t);
	memcpy(t, sig, 4);
	pod_put_le32(t + 4, len);
	t[8] = 6;
	memcpy(t + 10, "ISOPODTESTING ", 14);
	if (body)
		memcpy(t + 36, body, body_len);
	for (uint32_t i = 0; i < len; i++)
		s = (uint8_t)(s + t[i]);
	t[9] = (uint8_t)-s;
}

TEST(header_and_checksum)
{
	struct pod_acpi_header h;

	table("SSDT", 100, NULL, 0);
	REQUIRE(pod_acpi_header_read(t, 100, &h) == POD_OK);
	CHECK_STR(h.signature, "SSDT");
	CHECK_STR(h.oem_id, "ISOPOD");
	CHECK_STR(h.oem_table_id, "TESTING");
	CHECK_EQ(h.length_bytes, 100);
	CHECK(h.has_checksum && h.sum_ok && !h.cut);
	t[50]++;
	REQUIRE(pod_acpi_header_read(t, 100, &h) == POD_OK);
	CHECK(!h.sum_ok);
	CHECK_EQ(h.sum, 1);
	t[50]--;
	REQUIRE(pod_acpi_header_read(t, 99, &h) == POD_OK);
	CHECK(h.cut && !h.sum_ok);
	/* more bytes than the table: only its own count */
	t[100] = 7;
	REQUIRE(pod_acpi_header_read(t, 200, &h) == POD_OK);
	CHECK(h.sum_ok);
	CHECK_EQ(pod_acpi_header_read(t, 35, &h), POD_E_FORMAT);
	pod_put_le32(t + 4, 10);
	REQUIRE(pod_acpi_header_read(t, 100, &h) == POD_OK);
	CHECK(h.cut);
	memcpy(t, "a\1bc", 4);
	CHECK_EQ(pod_acpi_header_read(t, 100, &h), POD_E_FORMAT);
	memcpy(t, "FACS", 4);
	REQUIRE(pod_acpi_header_read(t, 64, &h) == POD_OK);
	CHECK(!h.has_checksum);
}

TEST(root_pointer)
{
	uint8_t p[36] = "RSD PTR ";
	struct pod_acpi_rsdp r;
	uint8_t s = 0;

	p[15] = 2;
	pod_put_le32(p + 16, 0x1000);
	pod_put_le32(p + 20, 36);
	pod_put_le64(p + 24, 0x123456789aull);
	for (int i = 0; i < 20; i++)
		s = (uint8_t)(s + p[i]);
	p[8] = (uint8_t)-s;
	s = 0;
	for (int i = 0; i < 36; i++)
		s = (uint8_t)(s + p[i]);
	p[32] = (uint8_t)-s;
	REQUIRE(pod_acpi_rsdp_read(p, 36, &r) == POD_OK);
	CHECK(r.sum_ok && r.extended_sum_ok);
	CHECK_EQ(r.rsdt, 0x1000);
	CHECK_EQ(r.xsdt, 0x123456789aull);
	p[30]++;
	REQUIRE(pod_acpi_rsdp_read(p, 36, &r) == POD_OK);
	CHECK(r.sum_ok && !r.extended_sum_ok);
	REQUIRE(pod_acpi_rsdp_read(p, 20, &r) == POD_OK);
	CHECK(!r.extended_sum_ok);
	CHECK_EQ(pod_acpi_rsdp_read(p, 19, &r), POD_E_FORMAT);
	p[0] = 'X';
	CHECK_EQ(pod_acpi_rsdp_read(p, 36, &r), POD_E_FORMAT);
}

TEST(root_tables)
{
	table("XSDT", 36 + 17, NULL, 0);
	pod_put_le64(t + 44, 0x500);
	CHECK_EQ(pod_acpi_sdt_count(t, 36 + 17), 2);
	CHECK_EQ(pod_acpi_sdt_entry(t, 1), 0x500);
	table("RSDT", 36 + 8, NULL, 0);
	pod_put_le32(t + 40, 0x600);
	CHECK_EQ(pod_acpi_sdt_count(t, 36 + 8), 2);
	CHECK_EQ(pod_acpi_sdt_count(t, 36 + 4), 1);
	CHECK_EQ(pod_acpi_sdt_entry(t, 1), 0x600);
	table("SSDT", 44, NULL, 0);
	CHECK_EQ(pod_acpi_sdt_count(t, 44), 0);
}

TEST(fadt)
{
	struct pod_acpi_fadt f;

	table("FACP", 244, NULL, 0);
	t[45] = 2;
	pod_put_le32(t + 40, 0x1000);
	pod_put_le32(t + 112, POD_FADT_HW_REDUCED | POD_FADT_LOW_POWER_S0);
	t[131] = 5;
	REQUIRE(pod_acpi_fadt_read(t, 244, &f) == POD_OK);
	CHECK_EQ(f.dsdt, 0x1000);
	CHECK(!f.dsdt_differs);
	CHECK_EQ(f.flags, POD_FADT_HW_REDUCED | POD_FADT_LOW_POWER_S0);
	CHECK_EQ(f.profile, 2);
	CHECK_EQ(f.minor, 5);
	pod_put_le64(t + 140, 0x200000000ull);
	REQUIRE(pod_acpi_fadt_read(t, 244, &f) == POD_OK);
	CHECK_EQ(f.dsdt, 0x200000000ull);
	CHECK(f.dsdt_differs);
	REQUIRE(pod_acpi_fadt_read(t, 116, &f) == POD_OK);
	CHECK_EQ(f.dsdt, 0x1000);
	CHECK_EQ(pod_acpi_fadt_read(t, 115, &f), POD_E_CORRUPT);
	CHECK_EQ(pod_acpi_fadt_read(t, 30, &f), POD_E_FORMAT);
}

TEST(names_in_aml)
{
	/* Name (\_S3, Package..); Method (_PTS, 1) {..}; a string "_S4_"; a call of _WAK */
	static const uint8_t aml[] = {0x08, '\\', '_',	'S', '3',  '_',	 0x12, 0x06, 0x04, 0x01, 0x01, 0x00,
				      0x00, 0x14, 0x09, '_', 'P',  'T',	 'S',  0x01, 0xa4, 0x0a, 0x05, 0x0d,
				      '_',  'S',  '4',	'_', 0x00, 0x70, '_',  'W',  'A',  'K',	 0x60, 0x14,
				      0x4b, 0x00, '^',	'_', 'G',  'T',	 'S',  0x01, 0xa3, 0xa3, 0xa3, 0xa3};

	table("DSDT", 36 + sizeof aml, aml, sizeof aml);
	CHECK(pod_acpi_aml_defines(t, 36 + sizeof aml, "_S3_"));
	CHECK(pod_acpi_aml_defines(t, 36 + sizeof aml, "_PTS"));
	CHECK(pod_acpi_aml_defines(t, 36 + sizeof aml, "_GTS"));
	CHECK(!pod_acpi_aml_defines(t, 36 + sizeof aml, "_S4_"));
	CHECK(!pod_acpi_aml_defines(t, 36 + sizeof aml, "_WAK"));
	CHECK(!pod_acpi_aml_defines(t, 36 + sizeof aml, "_S1_"));
	CHECK(!pod_acpi_aml_defines(t, 36 + 6, "_PTS"));
	CHECK(!pod_acpi_aml_defines(t, 36, "_S3_"));
}

static const char dump[] = "DSDT @ 0x000000007FE00040\n"
			   "    0000: 44 53 44 54 24 00 00 00 01 E5 42 4F 43 48 53 20  DSDT$.....BOCHS \n"
			   "    0010: 42 58 50 43                                      BX 41 42\n"
			   "\n"
			   "FACP @ 0x0000000000000000\r\n"
			   "    0000: 46 41\r\n"
			   "\r\n";

TEST(acpidump_text)
{
	struct pod_acpidump d = {dump, sizeof dump - 1, 0};
	struct pod_acpidump_table x;
	size_t n;

	REQUIRE(pod_acpidump_next(&d, &x, t, sizeof t, &n) == POD_OK);
	CHECK_STR(x.name, "DSDT");
	CHECK_EQ(x.address, 0x7FE00040);
	CHECK_EQ(n, 20);
	CHECK(memcmp(t + 16, "BXPC", 4) == 0);
	REQUIRE(pod_acpidump_next(&d, &x, t, sizeof t, &n) == POD_OK);
	CHECK_STR(x.name, "FACP");
	CHECK_EQ(n, 2);
	CHECK_EQ(pod_acpidump_next(&d, &x, t, sizeof t, &n), POD_END);
	d = (struct pod_acpidump){dump, sizeof dump - 1, 0};
	CHECK_EQ(pod_acpidump_next(&d, &x, t, 19, &n), POD_E_LIMIT);
	d = (struct pod_acpidump){"nothing\nof the kind\n", 20, 0};
	CHECK_EQ(pod_acpidump_next(&d, &x, t, sizeof t, &n), POD_E_FORMAT);
	d = (struct pod_acpidump){"DSDT @ 0x1\n    0010: 44\n", 24, 0};
	CHECK_EQ(pod_acpidump_next(&d, &x, t, sizeof t, &n), POD_E_CORRUPT);
	d = (struct pod_acpidump){"DSDT @ 0x1\nrubbish", 18, 0};
	CHECK_EQ(pod_acpidump_next(&d, &x, t, sizeof t, &n), POD_E_CORRUPT);
}
