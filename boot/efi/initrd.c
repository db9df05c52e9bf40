/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An initrd for kernels that are started without one: EFI_LOAD_FILE2_PROTOCOL (UEFI 2.10 clause 13.2) at the vendor media device path
 * (clause 10.3.5.3) that Linux' EFI stub looks for. What is in it is core/plan/offer.c's.
 */
#include "boot/efi/efi.h"
#include "core/base/mem.h"

static const EFI_GUID guid_load_file2 = {0x4006c0c1, 0xfcb3, 0x403e, {0x99, 0x6d, 0x4a, 0x6c, 0x87, 0x24, 0xe0, 0x6d}};
/* LINUX_EFI_INITRD_MEDIA_GUID, include/linux/efi.h of Linux */
static const EFI_GUID guid_linux_initrd = {0x5568e427, 0x68fc, 0x4f3d, {0xac, 0x74, 0xca, 0x55, 0x52, 0x31, 0xcc, 0x68}};

struct pod_efi_initrd {
	EFI_LOAD_FILE2_PROTOCOL load; /* first: callers have its address */
	EFI_BOOT_SERVICES *bs;
	struct pod_alloc *alloc;
	const struct pod_map *map;
	struct pod_dev *stick;
	uint64_t start_bytes;
	size_t len;
	EFI_HANDLE handle;
	EFI_DEVICE_PATH_PROTOCOL *path;
};

static EFI_STATUS load_file(EFI_LOAD_FILE2_PROTOCOL *This, EFI_DEVICE_PATH_PROTOCOL *FilePath, BOOLEAN BootPolicy,
			    UINTN *BufferSize, void *Buffer)
{
	struct pod_efi_initrd *i = (struct pod_efi_initrd *)(void *)This;
	UINTN room;

	(void)FilePath;
	if (!BufferSize)
		return EFI_INVALID_PARAMETER;
	if (BootPolicy)
		return EFI_UNSUPPORTED;
	room = *BufferSize;
	*BufferSize = i->len;
	if (!Buffer || room < i->len)
		return EFI_BUFFER_TOO_SMALL;
	return pod_map_read(i->map, i->stick, i->start_bytes, Buffer, i->len) == POD_OK ? EFI_SUCCESS : EFI_DEVICE_ERROR;
}

/* Somebody else's is left alone: two at one path would be found in any order. */
static bool there_is_one(EFI_BOOT_SERVICES *bs, EFI_DEVICE_PATH_PROTOCOL *path)
{
	EFI_HANDLE found = NULL;

	return !EFI_ERROR(bs->LocateDevicePath(&guid_load_file2, &path, &found));
}

struct pod_efi_initrd *pod_efi_initrd_offer(EFI_BOOT_SERVICES *bs, struct pod_alloc *a, const struct pod_plan *plan,
					    struct pod_dev *stick)
{
	struct pod_efi_initrd *i = plan->offered.length_bytes ? pod_zalloc(a, 1, sizeof(*i)) : NULL;

	if (!i)
		return NULL;
	i->load.LoadFile = load_file;
	i->bs = bs;
	i->alloc = a;
	i->map = &plan->map;
	i->stick = stick;
	i->start_bytes = plan->offered.start_bytes;
	i->len = (size_t)plan->offered.length_bytes;
	i->path = pod_efi_path_append(a, NULL, MEDIA_DEVICE_PATH, MEDIA_VENDOR_DP, &guid_linux_initrd, sizeof(guid_linux_initrd));
	if (!i->path || there_is_one(bs, i->path) ||
	    EFI_ERROR(bs->InstallProtocolInterface(&i->handle, &pod_efi_guid_device_path, EFI_NATIVE_INTERFACE, i->path)))
		goto fail;
	if (EFI_ERROR(bs->InstallProtocolInterface(&i->handle, &guid_load_file2, EFI_NATIVE_INTERFACE, &i->load))) {
		(void)bs->UninstallProtocolInterface(i->handle, &pod_efi_guid_device_path, i->path);
		goto fail;
	}
	return i;
fail:
	pod_free(a, i->path);
	pod_free(a, i);
	return NULL;
}

void pod_efi_initrd_withdraw(struct pod_efi_initrd *i)
{
	if (!i || EFI_ERROR(i->bs->UninstallProtocolInterface(i->handle, &guid_load_file2, &i->load)))
		return; /* whoever holds it keeps it: leaked on purpose */
	if (EFI_ERROR(i->bs->UninstallProtocolInterface(i->handle, &pod_efi_guid_device_path, i->path)))
		return;
	pod_free(i->alloc, i->path);
	pod_free(i->alloc, i);
}
