/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Our virtual CD first, for Windows' loaders.
 *
 * Started from a CD, they look for the disc they came from among all handles of a kind, and a disc of Windows in a real drive, which the
 * firmware knew before our handle, can be taken for it. So while such a loader runs, what LocateHandle() and LocateHandleBuffer() (UEFI
 * 2.10 clauses 7.3.6 and 7.3.15) answer begins with the virtual CD and what lies on it; the rest keeps its order. As in running.c
 * the calls in the table of boot services are replaced. On a BIOS the drive's number says it, and it is not mistaken.
 */
#include "boot/efi/efi.h"

/* The calls have no argument that could lead here. */
static struct {
	EFI_BOOT_SERVICES *bs;
	const EFI_DEVICE_PATH_PROTOCOL *first;
	EFI_STATUS (*locate)(EFI_LOCATE_SEARCH_TYPE, const EFI_GUID *, void *, UINTN *, EFI_HANDLE *);
	EFI_STATUS (*locate_buffer)(EFI_LOCATE_SEARCH_TYPE, const EFI_GUID *, void *, UINTN *, EFI_HANDLE **);
} order;

static bool is_ours(EFI_HANDLE h)
{
	EFI_DEVICE_PATH_PROTOCOL *p = NULL;

	return !EFI_ERROR(order.bs->HandleProtocol(h, &pod_efi_guid_device_path, (void **)&p)) && p &&
	       pod_efi_path_extends(p, order.first, NULL);
}

static void put_first(EFI_HANDLE *h, UINTN n)
{
	UINTN ours = 0;

	for (UINTN i = 0; i < n; i++) {
		EFI_HANDLE found = h[i];

		if (!order.first || !is_ours(found))
			continue;
		for (UINTN k = i; k > ours; k--)
			h[k] = h[k - 1];
		h[ours++] = found;
	}
}

static EFI_STATUS locate_handle(EFI_LOCATE_SEARCH_TYPE SearchType, const EFI_GUID *Protocol, void *SearchKey, UINTN *BufferSize,
				EFI_HANDLE *Buffer)
{
	EFI_STATUS st = order.locate(SearchType, Protocol, SearchKey, BufferSize, Buffer);

	if (!EFI_ERROR(st) && SearchType == ByProtocol)
		put_first(Buffer, *BufferSize / sizeof(*Buffer));
	return st;
}

static EFI_STATUS locate_handle_buffer(EFI_LOCATE_SEARCH_TYPE SearchType, const EFI_GUID *Protocol, void *SearchKey,
				       UINTN *NoHandles, EFI_HANDLE **Buffer)
{
	EFI_STATUS st = order.locate_buffer(SearchType, Protocol, SearchKey, NoHandles, Buffer);

	if (!EFI_ERROR(st) && SearchType == ByProtocol)
		put_first(*Buffer, *NoHandles);
	return st;
}

void pod_efi_order_begin(EFI_BOOT_SERVICES *bs, const EFI_DEVICE_PATH_PROTOCOL *first)
{
	order.bs = bs;
	order.first = first;
	if (bs->LocateHandle != locate_handle) {
		order.locate = bs->LocateHandle;
		bs->LocateHandle = locate_handle;
	}
	if (bs->LocateHandleBuffer != locate_handle_buffer) {
		order.locate_buffer = bs->LocateHandleBuffer;
		bs->LocateHandleBuffer = locate_handle_buffer;
	}
	pod_efi_seal(bs);
}

void pod_efi_order_end(EFI_BOOT_SERVICES *bs)
{
	if (!order.first)
		return;
	/* If somebody hooked on top of us and forgot to leave, the calls go on through us, and nothing is put first. */
	order.first = NULL;
	if (bs->LocateHandle == locate_handle)
		bs->LocateHandle = order.locate;
	if (bs->LocateHandleBuffer == locate_handle_buffer)
		bs->LocateHandleBuffer = order.locate_buffer;
	pod_efi_seal(bs);
}
