/* SPDX-License-Identifier: BSD-2-Clause */
/* ACPI tables and acpidump's text: whatever the bytes, readers stay inside them. */
#include "tests/fuzz/fuzz.h"
#include "core/firm/acpi.h"

static void table(const uint8_t *p, size_t len)
{
	struct pod_acpi_header h;
	struct pod_acpi_rsdp r;
	struct pod_acpi_fadt f;

	if (pod_acpi_header_read(p, len, &h) == POD_OK)
		FUZZ_REQUIRE(strlen(h.signature) <= 4 && strlen(h.oem_id) <= 6 && strlen(h.oem_table_id) <= 8);
	(void)!pod_acpi_rsdp_read(p, len, &r);
	(void)!pod_acpi_fadt_read(p, len, &f);
	size_t n = pod_acpi_sdt_count(p, len);
	for (size_t i = 0; i < n; i++)
		(void)pod_acpi_sdt_entry(p, i);
	(void)pod_acpi_aml_defines(p, len, "_S3_");
	(void)pod_acpi_aml_defines(p, len, "_PTS");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *exact = malloc(size + 1);
	FUZZ_REQUIRE(exact);
	memcpy(exact, data, size);
	exact = realloc(exact, size ? size : 1);
	table(exact, size);

	struct pod_acpidump d = {(const char *)exact, size, 0};
	struct pod_acpidump_table t;
	uint8_t *buf = malloc(65536);
	size_t n, before = 0;
	FUZZ_REQUIRE(buf);
	while (pod_acpidump_next(&d, &t, buf, 65536, &n) == POD_OK) {
		FUZZ_REQUIRE(d.at > before && n <= 65536);
		before = d.at;
		table(buf, n);
	}
	free(buf);
	free(exact);
	return 0;
}
