/* SPDX-License-Identifier: BSD-2-Clause */
/* What the machine says about itself, for the flight recorder. */
#include "boot/bios/bios.h"
#include "core/fs/time.h"
#include "core/trace/tables.h"

#define BDA_EBDA 0x40eu

/* There is no paging, so nothing faults; but only memory is looked at, lest a read have an effect on a device. */
static const uint8_t *readable(void *ctx, uint64_t address, size_t len)
{
	(void)ctx;
	if (address + len <= 0x100000)
		return bios_ptr((uint32_t)address);
	for (uint32_t i = 0; i < bios_memory.count; i++) {
		const struct i13_e820 *e = &bios_memory.map[i];
		if (address >= e->base && pod_in_range(address - e->base, len, e->length) && address + len <= UINT32_MAX)
			return bios_ptr((uint32_t)address);
	}
	return NULL;
}

static void describe_memory(struct pod_rec_machine *m)
{
	uint64_t low = (uint64_t)1 << 32;
	m->memory_entries = bios_memory.count;
	for (uint32_t i = 0; i < bios_memory.count; i++) {
		const struct i13_e820 *e = &bios_memory.map[i];
		if (e->type != I13_E820_USABLE)
			continue;
		if (e->length > m->largest_bytes)
			m->largest_bytes = e->length;
		uint64_t below = e->base >= low ? 0 : pod_min_u64(e->length, low - e->base);
		if (below > m->largest_low_bytes)
			m->largest_low_bytes = below;
	}
}

static uint32_t bcd(uint32_t v)
{
	return (v >> 4 & 15) * 10 + (v & 15);
}

/* INT 1Ah AH=02h and 04h: the clock, in BCD. */
static uint64_t clock_seconds(void)
{
	struct bios_regs t = {.eax = 0x0200}, d = {.eax = 0x0400};
	bios_int(&t, 0x1a);
	bios_int(&d, 0x1a);
	if ((t.flags | d.flags) & BIOS_CF)
		return 0;
	int64_t s = pod_civil_seconds(bcd(d.ecx >> 8) * 100 + bcd(d.ecx), bcd(d.edx >> 8), bcd(d.edx), bcd(t.ecx >> 8),
				      bcd(t.ecx), bcd(t.edx >> 8));
	return s > 0 ? (uint64_t)s : 0;
}

void bios_describe(struct pod_fw *fw, struct pod_rec_machine *m)
{
	const struct pod_phys phys = {readable, NULL};
	uint32_t ebda = (uint32_t)bios_peek16(BDA_EBDA) << 4;
	if (fw->disk->size_bytes == BIOS_SIZE_UNKNOWN)
		m->stick_bytes = 0;
	describe_memory(m);
	m->clock_seconds = clock_seconds();
	(void)pod_smbios_describe(&phys, pod_smbios_find(&phys, 0xf0000, 0x10000), m);
	/* ACPI 6.4 clause 5.2.5.1: the first KiB of the extended BIOS data area, or the BIOS's read-only memory. */
	uint64_t rsdp = ebda >= 0x80000 && ebda < 0xa0000 ? pod_acpi_find(&phys, ebda, 1024) : 0;
	if (!pod_acpi_describe(&phys, rsdp, m))
		(void)pod_acpi_describe(&phys, pod_acpi_find(&phys, 0xe0000, 0x20000), m);
}
