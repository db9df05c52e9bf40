/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the machine's firmware says about itself, for the MACHINE record: SMBIOS and ACPI tables in memory. They are the
 * firmware's, often wrong, so every length is checked, and memory is only looked at through the caller.
 */
#ifndef POD_TRACE_TABLES_H
#define POD_TRACE_TABLES_H

#include "core/trace/record.h"

struct pod_phys {
	/* The `len` bytes at a physical address, or NULL if that is not memory one may read. */
	const uint8_t *(*at)(void *ctx, uint64_t address, size_t len);
	void *ctx;
};

/* SMBIOS entry point at `entry` ("_SM3_" or "_SM_"): fills vendor, product, board, bios_version, bios_date. False if it is none.
 */
bool pod_smbios_describe(const struct pod_phys *mem, uint64_t entry, struct pod_rec_machine *m);
/* ACPI root pointer at `rsdp`: fills acpi_*, and sets POD_REC_M_RSDP. False if it is none. */
bool pod_acpi_describe(const struct pod_phys *mem, uint64_t rsdp, struct pod_rec_machine *m);
/* Looks for "_SM3_" and "_SM_", and for "RSD PTR ", at 16-byte boundaries in [start, start + len); 0 if there is none. */
uint64_t pod_smbios_find(const struct pod_phys *mem, uint64_t start, size_t len);
uint64_t pod_acpi_find(const struct pod_phys *mem, uint64_t start, size_t len);

#endif
