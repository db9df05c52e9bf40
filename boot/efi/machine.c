/* SPDX-License-Identifier: BSD-2-Clause */
/* What the firmware says about the machine, for the flight recorder. */
#include "boot/efi/efi.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/firm/trust.h"
#include "core/fs/time.h"
#include "core/trace/tables.h"

#define TABLES_MAX     256u
#define SIGNATURES_MAX (1u << 20)

static const EFI_GUID guid_smbios3 = {0xf2fd1544, 0x9794, 0x4a2c, {0x99, 0x2e, 0xe5, 0xbb, 0xcf, 0x20, 0xe3, 0x94}};
static const EFI_GUID guid_smbios = {0xeb9d2d31, 0x2d88, 0x11d3, {0x9a, 0x16, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d}};
static const EFI_GUID guid_acpi2 = {0x8868e871, 0xe4f1, 0x11d3, {0xbc, 0x22, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81}};
static const EFI_GUID guid_acpi1 = {0xeb9d2d30, 0x2d88, 0x11d3, {0x9a, 0x16, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d}};

bool pod_efi_memory_get(struct pod_efi *e, struct pod_efi_memory *mem)
{
	UINTN key;
	uint32_t version;

	*mem = (struct pod_efi_memory){NULL, 0, 0};
	(void)e->bs->GetMemoryMap(&mem->size, NULL, &key, &mem->desc, &version);
	if (mem->desc < sizeof(EFI_MEMORY_DESCRIPTOR) || mem->desc > 4096)
		return false;
	mem->size += 16 * mem->desc; /* the allocation itself splits entries */
	if (EFI_ERROR(e->bs->AllocatePool(EfiLoaderData, mem->size, (void **)&mem->map)))
		return false;
	if (!EFI_ERROR(e->bs->GetMemoryMap(&mem->size, mem->map, &key, &mem->desc, &version)))
		return true;
	(void)e->bs->FreePool(mem->map);
	return false;
}

static void describe_memory(const struct pod_efi_memory *mem, struct pod_rec_machine *m)
{
	uint64_t end = 0, run = 0;

	for (UINTN off = 0; off + sizeof(EFI_MEMORY_DESCRIPTOR) <= mem->size; off += mem->desc) {
		const EFI_MEMORY_DESCRIPTOR *d = pod_efi_memory_at(mem, off);
		uint64_t len = d->NumberOfPages << 12, low = (uint64_t)1 << 32;

		m->memory_entries++;
		if (d->Type != EfiConventionalMemory)
			continue;
		run = d->PhysicalStart == end ? run + len : len;
		end = d->PhysicalStart + len;
		if (run > m->largest_bytes)
			m->largest_bytes = run;
		if (end - run < low) {
			uint64_t below = end <= low ? run : low - (end - run);

			if (below > m->largest_low_bytes)
				m->largest_low_bytes = below;
		}
	}
}

/* Firmware maps what its memory map tells of; below 1 MiB PCs have their old tables, mapped but often not told of. */
static const uint8_t *readable(void *ctx, uint64_t address, size_t len)
{
	enum { UNUSABLE = 8, MMIO = 11, MMIO_PORT = 12 };
	const struct pod_efi_memory *mem = ctx;

	if (address > UINTPTR_MAX - len)
		return NULL;
#if defined(__x86_64__) || defined(__i386__)
	if (address >= 0xe0000 && pod_in_range(address, len, 0x100000))
		return (const uint8_t *)(uintptr_t)address;
#endif
	for (UINTN off = 0; off + sizeof(EFI_MEMORY_DESCRIPTOR) <= mem->size; off += mem->desc) {
		const EFI_MEMORY_DESCRIPTOR *d = pod_efi_memory_at(mem, off);

		if (address >= d->PhysicalStart && pod_in_range(address - d->PhysicalStart, len, d->NumberOfPages << 12) &&
		    d->Type != UNUSABLE && d->Type != MMIO && d->Type != MMIO_PORT)
			return (const uint8_t *)(uintptr_t)address;
	}
	return NULL;
}

static uint64_t table_of(const struct pod_efi *e, const EFI_GUID *guid)
{
	const EFI_CONFIGURATION_TABLE *t = e->st->ConfigurationTable;

	for (UINTN i = 0; t && i < e->st->NumberOfTableEntries && i < TABLES_MAX; i++)
		if (memcmp(&t[i].VendorGuid, guid, sizeof(*guid)) == 0)
			return (uintptr_t)t[i].VendorTable;
	return 0;
}

static int variable(struct pod_efi *e, const CHAR16 *name)
{
	uint8_t value = 0;
	UINTN size = sizeof(value);

	return EFI_ERROR(e->st->RuntimeServices->GetVariable(name, &pod_efi_guid_global, NULL, &size, &value)) ? -1 : value;
}

/* Clause 3.3: SecureBoot is 1 while signatures are enforced, SetupMode 1 while no platform key is enrolled. */
uint8_t pod_efi_secure_boot(struct pod_efi *e)
{
	int on = variable(e, u"SecureBoot"), setup = variable(e, u"SetupMode");

	if (on == 1)
		return POD_SB_ON;
	if (setup == 1)
		return POD_SB_SETUP;
	return on == 0 ? POD_SB_OFF : POD_SB_UNKNOWN;
}

/* A variable of signature lists, in memory of e's allocator, or NULL. */
static uint8_t *signatures(struct pod_fw *fw, const CHAR16 *name, UINTN *size)
{
	static const EFI_GUID database = EFI_IMAGE_SECURITY_DATABASE_GUID;
	EFI_RUNTIME_SERVICES *rt = pod_efi_of(fw)->st->RuntimeServices;
	uint8_t *data = NULL;

	*size = 0;
	(void)rt->GetVariable(name, &database, NULL, size, NULL); /* says how long it is */
	if (*size && *size <= SIGNATURES_MAX)
		data = pod_zalloc(fw->alloc, 1, *size);
	if (!data || EFI_ERROR(rt->GetVariable(name, &database, NULL, size, data)))
		*size = 0;
	return data;
}

bool pod_efi_wants_2023(struct pod_fw *fw)
{
	UINTN db_len, dbx_len;

	if (pod_efi_secure_boot(pod_efi_of(fw)) != POD_SB_ON)
		return false;
	uint8_t *db = signatures(fw, u"db", &db_len), *dbx = signatures(fw, u"dbx", &dbx_len);
	bool wants = pod_plan_wants_2023(db, db_len, dbx, dbx_len);

	pod_free(fw->alloc, db);
	pod_free(fw->alloc, dbx);
	return wants;
}

/* shim lets what it starts ask it, and not only db: whom it trusts besides is not known here. Its protocol is there as long as it is. */
bool pod_efi_is_below_shim(struct pod_efi *e)
{
	static const EFI_GUID shim_lock = {0x605dab50, 0xe046, 0x4300, {0xab, 0xb6, 0x3d, 0xd8, 0x10, 0xdd, 0x8b, 0x23}};
	void *protocol = NULL;

	return !EFI_ERROR(e->bs->LocateProtocol(&shim_lock, NULL, &protocol)) && protocol;
}

void pod_efi_judge_loader(struct pod_fw *fw, struct pod_plan *plan, const char *name)
{
	struct pod_efi *e = pod_efi_of(fw);
	UINTN db_len, dbx_len;

	if (pod_efi_secure_boot(e) != POD_SB_ON || pod_efi_is_below_shim(e))
		return;
	uint8_t *db = signatures(fw, u"db", &db_len), *dbx = signatures(fw, u"dbx", &dbx_len);
	const struct pod_trust trust = {.db = {.p = db, .len = db_len}, .dbx = {.p = dbx, .len = dbx_len}};

	if (db_len)
		pod_plan_judge_loader(plan, fw->disk, name, fw->firmware_bit, &trust);
	pod_free(fw->alloc, db);
	pod_free(fw->alloc, dbx);
}

void pod_efi_describe(struct pod_fw *fw, struct pod_rec_machine *m)
{
	struct pod_efi *e = pod_efi_of(fw);
	EFI_TIME t;
	struct pod_efi_memory mem;
	const CHAR16 *vendor = e->st->FirmwareVendor;
	size_t n = 0;

	m->flags |= POD_REC_M_SEES_EXIT;
	m->secure_boot = pod_efi_secure_boot(e);
	m->firmware_revision = e->st->FirmwareRevision;
	while (vendor && n < 32 && vendor[n])
		n++;
	if (n && pod_utf16_to_utf8(vendor, n, m->firmware_vendor, sizeof(m->firmware_vendor)) != POD_OK)
		m->firmware_vendor[0] = 0;
	if (!EFI_ERROR(e->st->RuntimeServices->GetTime(&t, NULL))) {
		int64_t s = pod_civil_seconds(t.Year, t.Month, t.Day, t.Hour, t.Minute, t.Second);

		m->clock_seconds = s > 0 ? (uint64_t)s : 0;
	}
	if (!pod_efi_memory_get(e, &mem))
		return;
	describe_memory(&mem, m);
	struct pod_phys phys = {readable, &mem};

	if (!pod_smbios_describe(&phys, table_of(e, &guid_smbios3), m))
		(void)pod_smbios_describe(&phys, table_of(e, &guid_smbios), m);
	if (!pod_acpi_describe(&phys, table_of(e, &guid_acpi2), m))
		(void)pod_acpi_describe(&phys, table_of(e, &guid_acpi1), m);
	(void)e->bs->FreePool(mem.map);
}
