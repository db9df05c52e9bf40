/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI tables as bytes (ACPI 6.5, chapter 5): headers, checksums, the root pointer, the fixed description table; names in AML
 * code found by their encoding (a help where no disassembler is at hand); and the text form that acpidump writes.
 */
#ifndef POD_FIRM_ACPI_H
#define POD_FIRM_ACPI_H

#include "core/base/status.h"

#define POD_ACPI_HEADER_SIZE 36u
#define POD_ACPI_TABLE_MAX   (16u << 20)

/* 5.2.6, system description table header. */
struct pod_acpi_header {
	char signature[5];
	uint32_t length_bytes;
	uint8_t revision;
	char oem_id[7], oem_table_id[9]; /* blanks at the end cut off, odd bytes as '?' */
	uint32_t oem_revision;
	bool has_checksum; /* not FACS, nor what has no such header */
	bool sum_ok;	   /* all bytes of the table add up to zero */
	uint8_t sum;	   /* what they add up to */
	bool cut;	   /* the table says it is longer than what there is of it */
};

/* POD_E_FORMAT if the bytes are no table (too short, a signature that is none). A table whose length is wrong is POD_OK with
 * `cut`. */
enum pod_status POD_MUST_USE pod_acpi_header_read(const uint8_t *p, size_t len, struct pod_acpi_header *out);

/* 5.2.5.3, "RSD PTR ". */
struct pod_acpi_rsdp {
	uint8_t revision;
	bool sum_ok;	      /* the first 20 bytes */
	bool extended_sum_ok; /* all of it; true for revision 0 */
	uint64_t rsdt, xsdt;
};
enum pod_status POD_MUST_USE pod_acpi_rsdp_read(const uint8_t *p, size_t len, struct pod_acpi_rsdp *out);

/* RSDT or XSDT: how many addresses follow the header, and one of them. */
size_t pod_acpi_sdt_count(const uint8_t *p, size_t len);
uint64_t pod_acpi_sdt_entry(const uint8_t *p, size_t i);

/* 5.2.9, Fixed ACPI Description Table: what matters to a boot. */
enum {
	POD_FADT_WBINVD = 1u << 0,
	POD_FADT_RTC_S4 = 1u << 7,
	POD_FADT_RESET_REG = 1u << 10,
	POD_FADT_HEADLESS = 1u << 12,
	POD_FADT_HW_REDUCED = 1u << 20,
	POD_FADT_LOW_POWER_S0 = 1u << 21,
};
enum {
	POD_FADT_BOOT_LEGACY_DEVICES = 1u << 0,
	POD_FADT_BOOT_8042 = 1u << 1,
	POD_FADT_BOOT_NO_VGA = 1u << 2,
};
struct pod_acpi_fadt {
	uint8_t revision, minor, profile; /* Preferred_PM_Profile: 1 desktop, 2 mobile, 3 workstation, 8 tablet... */
	uint32_t flags, smi_command;
	uint16_t boot_flags; /* IAPC_BOOT_ARCH; 0 in tables too short to have it */
	uint8_t acpi_enable, acpi_disable;
	uint64_t dsdt, facs; /* the 64-bit field if it is set, else the 32-bit one */
	bool dsdt_differs;   /* both are set, and not alike */
};
/* POD_E_FORMAT for what is no FADT, POD_E_CORRUPT if it is too short for ACPI 1.0. */
enum pod_status POD_MUST_USE pod_acpi_fadt_read(const uint8_t *p, size_t len, struct pod_acpi_fadt *out);
/* Is a name ("_S3_", "_PTS": four letters) defined in the AML of a DSDT or SSDT, by DefName or DefMethod (20.2.5.1, 20.2.5.2)?
 * Found by the bytes around it: the same bytes can stand in data, so that a hit is likely, not certain. */
bool pod_acpi_aml_defines(const uint8_t *p, size_t len, const char *name4);

/* The text of acpidump(8): blocks "SIGN @ 0xADDRESS", lines "  0000: 44 53 ... text", a blank line between them. */
struct pod_acpidump {
	const char *text;
	size_t len, at;
};
struct pod_acpidump_table {
	char name[9];
	uint64_t address;
};
/* The next table's name and bytes; *n: how many of them were written to buf (at most size; more are counted as POD_E_LIMIT).
 * POD_END at the end, POD_E_FORMAT for a text without any block, POD_E_CORRUPT for a broken line. */
enum pod_status POD_MUST_USE pod_acpidump_next(struct pod_acpidump *d, struct pod_acpidump_table *out, uint8_t *buf, size_t size,
					       size_t *n);

#endif
