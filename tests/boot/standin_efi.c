/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stands in for Windows' boot manager on UEFI: says which disk it was started from (the signature in its device path's hard-disk
 * node) and the CRC-32 of the files that a boot manager would read, through the firmware's own drivers. Started from a CD, it says the
 * CRC-32 of the volume descriptors on the first CD that the firmware knows, which a boot manager may take for its own. See
 * windows_cases.py.
 */
#include <stdbool.h>
#include "boot/efi/uefi.h"

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *st);

static uint8_t buffer[65536];

static uint32_t crc_add(uint32_t crc, const uint8_t *p, UINTN n)
{
	crc = ~crc;
	while (n--) {
		crc ^= *p++;
		for (int i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

static void say(EFI_SYSTEM_TABLE *st, const CHAR16 *key, uint32_t v)
{
	CHAR16 hex[10];

	for (int i = 0; i < 8; i++)
		hex[i] = (CHAR16) "0123456789abcdef"[v >> (28 - 4 * i) & 15];
	hex[8] = ' ';
	hex[9] = 0;
	(void)st->ConOut->OutputString(st->ConOut, key);
	(void)st->ConOut->OutputString(st->ConOut, hex);
}

/* 1 in the place of the CRC: the file cannot be opened; 2: cannot be read. */
static uint32_t crc_of(EFI_FILE_PROTOCOL *root, const CHAR16 *path)
{
	EFI_FILE_PROTOCOL *f = NULL;
	uint32_t crc = 0;
	UINTN n;

	if (EFI_ERROR(root->Open(root, &f, path, 1, 0)))
		return 1;
	do {
		n = sizeof buffer;
		if (EFI_ERROR(f->Read(f, &n, buffer)))
			return 2;
		crc = crc_add(crc, buffer, n);
	} while (n);
	(void)f->Close(f);
	return crc;
}

/* Which image a WIM's header names (+120), as a boot manager reads it; UINT32_MAX: cannot be read. */
static uint32_t boot_index(EFI_FILE_PROTOCOL *root, const CHAR16 *path)
{
	EFI_FILE_PROTOCOL *f = NULL;
	uint8_t h[124];
	UINTN n = sizeof h;

	if (EFI_ERROR(root->Open(root, &f, path, 1, 0)) || EFI_ERROR(f->Read(f, &n, h)) || n != sizeof h)
		return UINT32_MAX;
	(void)f->Close(f);
	return (uint32_t)h[120] | (uint32_t)h[121] << 8 | (uint32_t)h[122] << 16 | (uint32_t)h[123] << 24;
}

/* UEFI 2.10, 10.3.5.1: signature at 24. */
static uint32_t signature(const uint8_t *node)
{
	for (; (node[0] & 0x7f) != END_DEVICE_PATH_TYPE; node += node[2] | node[3] << 8)
		if (node[0] == MEDIA_DEVICE_PATH && node[1] == MEDIA_HARDDRIVE_DP)
			return (uint32_t)node[24] | (uint32_t)node[25] << 8 | (uint32_t)node[26] << 16 | (uint32_t)node[27] << 24;
	return 0;
}

/* 1: cannot be read, 0: there is no CD. */
static uint32_t crc_of_first_cd(EFI_BOOT_SERVICES *bs)
{
	static const EFI_GUID block_io = EFI_BLOCK_IO_PROTOCOL_GUID;
	static EFI_HANDLE h[256];
	UINTN size = sizeof h;

	if (EFI_ERROR(bs->LocateHandle(ByProtocol, &block_io, NULL, &size, h)))
		return 0;
	for (UINTN i = 0; i < size / sizeof *h; i++) {
		EFI_BLOCK_IO_PROTOCOL *b = NULL;

		if (EFI_ERROR(bs->HandleProtocol(h[i], &block_io, (void **)&b)) || b->Media->LogicalPartition ||
		    !b->Media->MediaPresent || b->Media->BlockSize != 2048)
			continue;
		return EFI_ERROR(b->ReadBlocks(b, b->Media->MediaId, 16, 8 * 2048, buffer)) ? 1 : crc_add(0, buffer, 8 * 2048);
	}
	return 0;
}

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *st)
{
	static const EFI_GUID loaded = EFI_LOADED_IMAGE_PROTOCOL_GUID, path = EFI_DEVICE_PATH_PROTOCOL_GUID,
			      sfs = EFI_SIMPLE_FILE_SYSTEM_PROTOCOL_GUID;
	EFI_LOADED_IMAGE_PROTOCOL *self = NULL;
	EFI_SIMPLE_FILE_SYSTEM_PROTOCOL *volume = NULL;
	EFI_FILE_PROTOCOL *root = NULL;
	uint8_t *node = NULL;

	(void)st->BootServices->HandleProtocol(image, &loaded, (void **)&self);
	if (!self || EFI_ERROR(st->BootServices->HandleProtocol(self->DeviceHandle, &path, (void **)&node)) ||
	    EFI_ERROR(st->BootServices->HandleProtocol(self->DeviceHandle, &sfs, (void **)&volume)) ||
	    EFI_ERROR(volume->OpenVolume(volume, &root)))
		return EFI_NOT_FOUND;
	if (!signature(node)) {
		say(st, u"\r\npupa, started as Windows is: first=", crc_of_first_cd(st->BootServices));
		(void)st->ConOut->OutputString(st->ConOut, u"that is all\r\n");
		for (;;)
			(void)st->BootServices->Stall(1000000);
	}
	say(st, u"\r\npupa, started as Windows is: signature=", signature(node));
	say(st, u"bcd=", crc_of(root, u"\\EFI\\Microsoft\\Boot\\BCD"));
	say(st, u"sdi=", crc_of(root, u"\\boot\\boot.sdi"));
	say(st, u"wim=", crc_of(root, u"\\sources\\boot.wim"));
	say(st, u"index=", boot_index(root, u"\\sources\\boot.wim"));
	(void)st->ConOut->OutputString(st->ConOut, u"that is all\r\n");
	for (;;)
		(void)st->BootServices->Stall(1000000);
}
