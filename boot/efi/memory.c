/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An image that is served from memory (boot/menu/memory.c): its memory, and how the firmware is shown it. EFI_RAM_DISK_PROTOCOL (UEFI 2.10
 * clause 13.17) makes a disk of it that drivers bind to, and, where the memory is of EfiReservedMemoryType, tells the system that is started
 * by an ACPI table (NFIT): a Linux with the driver shows it as /dev/pmem0. Where the protocol is missing our own disk (vdisk.c) reads from there.
 */
#include "boot/efi/efi.h"

#define PAGE 4096u
/* What the loader and the system that it starts want beside the image, at the least. */
#define SYSTEM_BYTES (UINT64_C(64) << 20)

static uint64_t pages_of(uint64_t size)
{
	return (size + (PAGE - 1)) / PAGE;
}

/* Free memory in all, and the largest piece of it in one. */
static bool look(struct pod_efi *e, uint64_t *all, uint64_t *piece)
{
	struct pod_efi_memory mem;
	uint64_t end = 0, run = 0;

	*all = *piece = 0;
	if (!pod_efi_memory_get(e, &mem))
		return false;
	for (UINTN off = 0; off + sizeof(EFI_MEMORY_DESCRIPTOR) <= mem.size; off += mem.desc) {
		const EFI_MEMORY_DESCRIPTOR *d = pod_efi_memory_at(&mem, off);
		uint64_t len = d->NumberOfPages << 12;

		if (d->Type != EfiConventionalMemory || d->PhysicalStart > UINTPTR_MAX - len)
			continue;
		run = d->PhysicalStart == end ? run + len : len;
		end = d->PhysicalStart + len;
		*all += len;
		if (run > *piece)
			*piece = run;
	}
	(void)e->bs->FreePool(mem.map);
	return true;
}

uint8_t *pod_efi_memory_take(struct pod_fw *fw, uint64_t size, uint64_t *largest)
{
	struct pod_efi *e = pod_efi_of(fw);
	EFI_PHYSICAL_ADDRESS at = 0;
	uint64_t all;

	if (!look(e, &all, largest))
		return NULL;
	*largest = pod_min_u64(*largest, all > SYSTEM_BYTES ? all - SYSTEM_BYTES : 0);
	if (!size || size > *largest ||
	    EFI_ERROR(e->bs->AllocatePages(AllocateAnyPages, EfiReservedMemoryType, (UINTN)pages_of(size), &at)))
		return NULL;
	return (uint8_t *)(uintptr_t)at;
}

void pod_efi_memory_give_back(struct pod_fw *fw, uint8_t *p, uint64_t size)
{
	(void)pod_efi_of(fw)->bs->FreePages((EFI_PHYSICAL_ADDRESS)(uintptr_t)p, (UINTN)pages_of(size));
}

static EFI_RAM_DISK_PROTOCOL *protocol(struct pod_efi *e)
{
	static const EFI_GUID guid = EFI_RAM_DISK_PROTOCOL_GUID;
	EFI_RAM_DISK_PROTOCOL *ram = NULL;

	return EFI_ERROR(e->bs->LocateProtocol(&guid, NULL, (void **)&ram)) ? NULL : ram;
}

EFI_DEVICE_PATH_PROTOCOL *pod_efi_ramdisk_install(struct pod_efi *e, const struct pod_map *map, bool cd)
{
	static const EFI_GUID type_disk = EFI_VIRTUAL_DISK_GUID, type_cd = EFI_VIRTUAL_CD_GUID;
	EFI_RAM_DISK_PROTOCOL *ram = protocol(e);
	EFI_DEVICE_PATH_PROTOCOL *path = NULL;

	if (!ram || EFI_ERROR(ram->Register((uintptr_t)map->mem, map->size_bytes, cd ? &type_cd : &type_disk, NULL, &path)))
		return NULL;
	return path;
}

void pod_efi_ramdisk_remove(struct pod_efi *e, EFI_DEVICE_PATH_PROTOCOL *path)
{
	EFI_RAM_DISK_PROTOCOL *ram = path ? protocol(e) : NULL;

	if (ram)
		(void)ram->Unregister(path);
}
