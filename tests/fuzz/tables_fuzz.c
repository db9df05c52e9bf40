/* SPDX-License-Identifier: BSD-2-Clause */
/* SMBIOS and ACPI tables: the input is memory from 0xF0000 on; the checksums of the entry points are repaired. */
#include "tests/fuzz/fuzz.h"
#include "core/base/str.h"
#include "core/trace/tables.h"

#define BASE 0xf0000u

struct ram {
	uint8_t *data;
	size_t len;
};

static const uint8_t *ram_at(void *ctx, uint64_t address, size_t len)
{
	struct ram *r = ctx;
	return address >= BASE && pod_in_range(address - BASE, len, r->len) ? r->data + (address - BASE) : NULL;
}

static void repair(struct ram *r, uint64_t entry, size_t at, size_t len)
{
	size_t off = (size_t)(entry - BASE);
	uint8_t sum = 0;
	if (!entry || !pod_in_range(off, len, r->len))
		return;
	r->data[off + at] = 0;
	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + r->data[off + i]);
	r->data[off + at] = (uint8_t)-sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pod_rec_machine m;
	struct fuzz_env e;
	fuzz_init(&e, data, size, 512, 0, 0);
	struct ram r = {malloc(e.len ? e.len : 1), e.len};
	FUZZ_REQUIRE(r.data);
	memcpy(r.data, data, e.len);
	struct pod_phys mem = {ram_at, &r};
	memset(&m, 0, sizeof m);
	uint64_t smbios = pod_smbios_find(&mem, BASE, e.len), rsdp = pod_acpi_find(&mem, BASE, e.len);
	if (smbios && smbios - BASE + 8 <= r.len) {
		bool three = r.data[smbios - BASE + 3] == '3';
		repair(&r, smbios, three ? 5 : 4, r.data[smbios - BASE + (three ? 6 : 5)]);
	}
	repair(&r, rsdp, 8, 20);
	(void)pod_smbios_describe(&mem, smbios, &m);
	(void)pod_acpi_describe(&mem, rsdp, &m);
	FUZZ_REQUIRE(pod_strlen(m.vendor) <= 64 && pod_strlen(m.product) <= 64 && pod_strlen(m.board) <= 64);
	FUZZ_REQUIRE(pod_strlen(m.bios_version) <= 48 && pod_strlen(m.bios_date) <= 16 && pod_strlen(m.acpi_fadt) <= 8);
	free(r.data);
	fuzz_done(&e);
	return 0;
}
