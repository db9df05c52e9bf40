/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds the stick, fills struct pod_fw, runs the menu.
 *
 * Which disk is ours: the one that holds the volume we were loaded from. Firmware may have loaded us from elsewhere (the
 * network, a copy on its own disk, another boot manager that took the file into memory); then the first volume that
 * holds ISOPOD\STATE.BIN, removable disks first; then the first disk with our boot code.
 */
#include "boot/efi/efi.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/disk/bootcode.h"

static struct pod_efi the;

#define STATE_FILE u"\\ISOPOD\\STATE.BIN"

/* --- memory: pool allocations, aligned to 16 as struct pod_alloc promises (the pool aligns to 8) --- */

#define BIG_ALLOCATION (256u << 10)

struct chunk {
	void *pool; /* NULL: pages */
	size_t pages;
	EFI_PHYSICAL_ADDRESS base;
};

static void *efi_alloc(struct pod_alloc *a, size_t size)
{
	struct pod_efi *e = a->ctx;
	struct chunk c = {NULL, 0, 0};
	uintptr_t p;

	if (size > SIZE_MAX - 8192)
		return NULL;
	if (size >= BIG_ALLOCATION) {
		/* Large pieces as whole pages: some firmware keeps pool headers in lists it walks. The header has a page of its
		 * own, so that the memory itself is page-aligned for the disk's IoAlign. */
		c.pages = (size + 4095) / 4096 + 1;
		if (EFI_ERROR(e->bs->AllocatePages(AllocateAnyPages, EfiLoaderData, c.pages, &c.base)))
			return NULL;
		p = (uintptr_t)c.base + 4096;
	} else {
		if (EFI_ERROR(e->bs->AllocatePool(EfiLoaderData, size + sizeof(c) + 16, &c.pool)) || !c.pool)
			return NULL;
		p = ((uintptr_t)c.pool + sizeof(c) + 15) & ~(uintptr_t)15;
	}
	memcpy((void *)(p - sizeof(c)), &c, sizeof(c));
	return (void *)p;
}

static void efi_release(struct pod_alloc *a, void *p)
{
	struct pod_efi *e = a->ctx;
	struct chunk c;

	if (!p)
		return;
	memcpy(&c, (uint8_t *)p - sizeof(c), sizeof(c));
	if (c.pool)
		(void)e->bs->FreePool(c.pool);
	else
		(void)e->bs->FreePages(c.base, c.pages);
}

static uint64_t memory_bytes(struct pod_efi *e)
{
	struct pod_efi_memory mem;
	uint64_t pages = 0;

	if (!pod_efi_memory_get(e, &mem))
		return 0;
	for (UINTN off = 0; off + sizeof(EFI_MEMORY_DESCRIPTOR) <= mem.size; off += mem.desc) {
		const EFI_MEMORY_DESCRIPTOR *d = pod_efi_memory_at(&mem, off);

		if ((d->Type >= EfiLoaderCode && d->Type <= EfiBootServicesData) || d->Type == EfiConventionalMemory)
			pages += d->NumberOfPages;
	}
	(void)e->bs->FreePool(mem.map);
	return pages << 12;
}

/* --- the stick --- */

/* The whole disk under a volume: the handle with Block I/O, no partition, whose device path is the longest true beginning of the
 * volume's (or the volume itself, if the stick is formatted without a partition table). */
static EFI_BLOCK_IO_PROTOCOL *disk_under(struct pod_efi *e, EFI_HANDLE volume)
{
	EFI_DEVICE_PATH_PROTOCOL *vp = volume ? pod_efi_path_of(e, volume) : NULL, *p;
	EFI_BLOCK_IO_PROTOCOL *bio, *best = NULL;
	EFI_HANDLE *h = NULL;
	UINTN n = 0;
	size_t best_len = 0;

	if (!vp || EFI_ERROR(e->bs->LocateHandleBuffer(ByProtocol, &pod_efi_guid_block_io, NULL, &n, &h)))
		return NULL;
	for (UINTN i = 0; i < n; i++) {
		p = pod_efi_path_of(e, h[i]);
		bio = NULL;
		if (!p || EFI_ERROR(e->bs->HandleProtocol(h[i], &pod_efi_guid_block_io, (void **)&bio)) || !bio || !bio->Media)
			continue;
		if (bio->Media->LogicalPartition || !bio->Media->MediaPresent || !pod_efi_path_extends(vp, p, NULL) ||
		    pod_efi_path_len(p) <= best_len)
			continue;
		best = bio;
		best_len = pod_efi_path_len(p);
	}
	(void)e->bs->FreePool(h);
	return best;
}

/* Looks through all volumes of the firmware. */
static EFI_BLOCK_IO_PROTOCOL *search_volumes(struct pod_efi *e)
{
	EFI_BLOCK_IO_PROTOCOL *found = NULL, *bio;
	EFI_HANDLE *h = NULL;
	UINTN n = 0;

	if (EFI_ERROR(e->bs->LocateHandleBuffer(ByProtocol, &pod_efi_guid_sfs, NULL, &n, &h)))
		return NULL;
	for (UINTN i = 0; i < n; i++) {
		if (!pod_efi_has_file(e, h[i], STATE_FILE))
			continue;
		bio = disk_under(e, h[i]);
		if (!bio || (found && !bio->Media->RemovableMedia))
			continue;
		if (!found || !found->Media->RemovableMedia) {
			found = bio;
			e->boot_device = h[i];
		}
	}
	(void)e->bs->FreePool(h);
	return found;
}

/* A firmware that gives partitions no device path does not say which disk they are on. Then the disk whose first sector is of a stick of ours,
 * removable ones first. */
static EFI_BLOCK_IO_PROTOCOL *search_disks(struct pod_efi *e)
{
	EFI_BLOCK_IO_PROTOCOL *found = NULL, *bio;
	EFI_PHYSICAL_ADDRESS page = 0;
	EFI_HANDLE *h = NULL;
	UINTN n = 0;

	if (EFI_ERROR(e->bs->AllocatePages(AllocateAnyPages, EfiLoaderData, 1, &page)))
		return NULL;
	if (EFI_ERROR(e->bs->LocateHandleBuffer(ByProtocol, &pod_efi_guid_block_io, NULL, &n, &h)))
		n = 0;
	for (UINTN i = 0; i < n; i++) {
		struct pod_bootcode code;
		uint8_t *first = (uint8_t *)(uintptr_t)page;

		bio = NULL;
		if (EFI_ERROR(e->bs->HandleProtocol(h[i], &pod_efi_guid_block_io, (void **)&bio)) || !bio || !bio->Media ||
		    bio->Media->LogicalPartition || !bio->Media->MediaPresent || bio->Media->BlockSize != POD_BOOTCODE_SECTOR ||
		    (found && (found->Media->RemovableMedia || !bio->Media->RemovableMedia)) ||
		    EFI_ERROR(bio->ReadBlocks(bio, bio->Media->MediaId, 0, POD_BOOTCODE_SECTOR, first)) ||
		    !pod_bootcode_get(first, &code))
			continue;
		found = bio;
	}
	if (h)
		(void)e->bs->FreePool(h);
	(void)e->bs->FreePages(page, 1);
	return found;
}

/* A "fast boot" firmware connects only what it boots from; bring up everything else. */
static void connect_all(struct pod_efi *e)
{
	EFI_HANDLE *h = NULL;
	UINTN n = 0;

	if (EFI_ERROR(e->bs->LocateHandleBuffer(AllHandles, NULL, NULL, &n, &h)))
		return;
	for (UINTN i = 0; i < n; i++)
		(void)e->bs->ConnectController(h[i], NULL, NULL, 1);
	(void)e->bs->FreePool(h);
}

static EFI_BLOCK_IO_PROTOCOL *find_stick(struct pod_efi *e)
{
	EFI_LOADED_IMAGE_PROTOCOL *loaded = NULL;
	EFI_BLOCK_IO_PROTOCOL *bio = NULL, *other;

	if (!EFI_ERROR(e->bs->HandleProtocol(e->image, &pod_efi_guid_loaded_image, (void **)&loaded)) && loaded &&
	    loaded->DeviceHandle) {
		e->boot_device = loaded->DeviceHandle;
		bio = disk_under(e, loaded->DeviceHandle);
		if (bio && pod_efi_has_file(e, loaded->DeviceHandle, STATE_FILE))
			return bio;
	}
	other = search_volumes(e);
	if (!other) {
		connect_all(e);
		other = search_volumes(e);
	}
	/* Nothing bears our mark: then the disk we came from, so that the menu can say what is wrong with it. */
	if (other)
		return other;
	return bio ? bio : search_disks(e);
}

/* With no disk at all the menu still comes up and says so. */
static enum pod_status no_disk_read(struct pod_dev *d, uint64_t off, void *buf, size_t len)
{
	(void)d;
	(void)off;
	(void)buf;
	(void)len;
	return POD_E_CHANGED;
}

static void open_state_disk(struct pod_efi *e, EFI_BLOCK_IO_PROTOCOL *bio)
{
	EFI_PHYSICAL_ADDRESS bounce = 0;

	if (EFI_ERROR(e->bs->AllocatePages(AllocateAnyPages, EfiLoaderData, POD_EFI_BOUNCE / 4096, &bounce)))
		return;
	if (pod_efi_disk_open(&e->state_disk, bio, (uint8_t *)(uintptr_t)bounce) == POD_OK)
		e->fw.state_disk = &e->state_disk.dev;
	else
		(void)e->bs->FreePages(bounce, POD_EFI_BOUNCE / 4096);
}

static void open_stick(struct pod_efi *e)
{
	EFI_BLOCK_IO_PROTOCOL *bio = find_stick(e);
	EFI_PHYSICAL_ADDRESS bounce = 0;

	e->fw.disk = &e->disk.dev;
	if (bio && !EFI_ERROR(e->bs->AllocatePages(AllocateAnyPages, EfiLoaderData, POD_EFI_BOUNCE / 4096, &bounce))) {
		if (pod_efi_disk_open(&e->disk, bio, (uint8_t *)(uintptr_t)bounce) == POD_OK) {
			open_state_disk(e, bio);
			return;
		}
		(void)e->bs->FreePages(bounce, POD_EFI_BOUNCE / 4096);
	}
	memset(&e->disk, 0, sizeof(e->disk));
	e->disk.dev.sector_size = 512;
	e->disk.dev.size_bytes = 512;
	e->disk.dev.read_only = true;
	e->disk.dev.read = no_disk_read;
}

/* --- leaving --- */

static void leave(struct pod_efi *e, EFI_RESET_TYPE type)
{
	pod_efi_input_stop(e);
	e->st->RuntimeServices->ResetSystem(type, EFI_SUCCESS, 0, NULL);
}

static void reboot(struct pod_fw *fw)
{
	leave(pod_efi_of(fw), EfiResetCold);
}

static void power_off(struct pod_fw *fw)
{
	leave(pod_efi_of(fw), EfiResetShutdown);
}

static bool setup_supported(struct pod_efi *e)
{
	uint64_t supported = 0;
	UINTN size = sizeof(supported);

	return !EFI_ERROR(e->st->RuntimeServices->GetVariable(u"OsIndicationsSupported", &pod_efi_guid_global, NULL, &size,
							      &supported)) &&
	       (supported & EFI_OS_INDICATIONS_BOOT_TO_FW_UI);
}

/* Clause 8.5.4: the bit asks the firmware to stop in its setup at the next start. */
static void firmware_setup(struct pod_fw *fw)
{
	struct pod_efi *e = pod_efi_of(fw);
	EFI_RUNTIME_SERVICES *rt = e->st->RuntimeServices;
	uint64_t value = 0;
	UINTN size = sizeof(value);

	if (EFI_ERROR(rt->GetVariable(u"OsIndications", &pod_efi_guid_global, NULL, &size, &value)))
		value = 0;
	value |= EFI_OS_INDICATIONS_BOOT_TO_FW_UI;
	if (!EFI_ERROR(rt->SetVariable(u"OsIndications", &pod_efi_guid_global,
				       EFI_VARIABLE_NON_VOLATILE | EFI_VARIABLE_BOOTSERVICE_ACCESS | EFI_VARIABLE_RUNTIME_ACCESS,
				       sizeof(value), &value)))
		leave(e, EfiResetCold);
}

EFI_STATUS pod_efi_run(EFI_HANDLE image, EFI_SYSTEM_TABLE *st)
{
	struct pod_efi *e = &the;
	struct pod_fw *fw = &e->fw;

	e->image = image;
	e->st = st;
	e->bs = st->BootServices;
	e->alloc.alloc = efi_alloc;
	e->alloc.release = efi_release;
	e->alloc.ctx = e;
	fw->alloc = &e->alloc;
	fw->ctx = e;
#if defined(__x86_64__)
	fw->name = "UEFI x64";
	fw->firmware_bit = POD_FW_X64;
#elif defined(__i386__)
	fw->name = "UEFI ia32";
	fw->firmware_bit = POD_FW_IA32;
#else
	fw->name = "UEFI aa64";
	fw->firmware_bit = POD_FW_AA64;
#endif
	fw->start = pod_efi_start;
	fw->own_list = pod_efi_own_list;
	fw->own_start = pod_efi_own_start;
	fw->describe = pod_efi_describe;
	fw->wants_2023 = pod_efi_wants_2023;
	fw->judge_loader = pod_efi_judge_loader;
	fw->take_memory = pod_efi_memory_take;
	fw->give_memory_back = pod_efi_memory_give_back;
	fw->ukis = &pod_plan_ukis;
	fw->secure_boot = pod_efi_secure_boot(e) == POD_SB_ON;
	fw->judges_loaders = fw->secure_boot && !pod_efi_is_below_shim(e);
	fw->reboot = reboot;
	fw->power_off = power_off;
	fw->firmware_setup = setup_supported(e) ? firmware_setup : NULL;

	/* The firmware armed five minutes for us (clause 3.1.2); a menu may wait longer. */
	(void)e->bs->SetWatchdogTimer(0, 0, 0, NULL);
	open_stick(e);
	fw->memory_bytes = memory_bytes(e);
	pod_efi_console_take(e);
	pod_efi_input_start(e);
	pod_boot_main(fw);
	pod_efi_input_stop(e);
	pod_efi_console_give_back(e);
	if (e->disk.bounce)
		(void)e->bs->FreePages((EFI_PHYSICAL_ADDRESS)(uintptr_t)e->disk.bounce, POD_EFI_BOUNCE / 4096);
	if (fw->state_disk)
		(void)e->bs->FreePages((EFI_PHYSICAL_ADDRESS)(uintptr_t)e->state_disk.bounce, POD_EFI_BOUNCE / 4096);
	return EFI_SUCCESS;
}
