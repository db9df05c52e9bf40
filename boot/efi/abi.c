/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nothing but assertions: the layouts of uefi.h on x64, ia32 and aa64. The numbers follow from the specification's natural
 * alignment (clause 2.3.1: "fields in a structure are aligned on the field's natural boundary"), which on ia32 means
 * that 64-bit fields sit on 8 bytes, unlike in the System V ABI.
 */
#include "boot/efi/uefi.h"

#define IS(type, on64, on32) _Static_assert(sizeof(type) == (sizeof(void *) == 8 ? (on64) : (on32)), "size of " #type)
#define AT(type, field, on64, on32)                                                                                              \
	_Static_assert(offsetof(type, field) == (sizeof(void *) == 8 ? (on64) : (on32)), #type "." #field)

IS(EFI_GUID, 16, 16);
IS(EFI_STATUS, 8, 4);
IS(EFI_MEMORY_TYPE, 4, 4);
IS(CHAR16, 2, 2);
IS(u"a", 4, 4);
IS(EFI_TABLE_HEADER, 24, 24);
IS(EFI_DEVICE_PATH_PROTOCOL, 4, 4);
IS(EFI_INPUT_KEY, 4, 4);
IS(EFI_KEY_DATA, 12, 12);
IS(EFI_SIMPLE_TEXT_INPUT_PROTOCOL, 24, 12);
IS(EFI_SIMPLE_TEXT_INPUT_EX_PROTOCOL, 48, 24);
IS(SIMPLE_TEXT_OUTPUT_MODE, 24, 24);
IS(EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL, 80, 40);
IS(EFI_SERIAL_IO_PROTOCOL, 64, 32);
IS(EFI_GRAPHICS_OUTPUT_MODE_INFORMATION, 36, 36);
IS(EFI_GRAPHICS_OUTPUT_PROTOCOL_MODE, 40, 32);
AT(EFI_GRAPHICS_OUTPUT_PROTOCOL_MODE, FrameBufferBase, 24, 16);
IS(EFI_GRAPHICS_OUTPUT_PROTOCOL, 32, 16);
IS(EFI_RNG_PROTOCOL, 16, 8);
IS(EFI_FILE_PROTOCOL, 88, 48);
IS(EFI_SIMPLE_FILE_SYSTEM_PROTOCOL, 16, 16);
IS(EFI_BLOCK_IO_MEDIA, 48, 48);
AT(EFI_BLOCK_IO_MEDIA, BlockSize, 12, 12);
AT(EFI_BLOCK_IO_MEDIA, LastBlock, 24, 24);
IS(EFI_BLOCK_IO_PROTOCOL, 48, 32);
AT(EFI_BLOCK_IO_PROTOCOL, ReadBlocks, 24, 16);
IS(EFI_MEMORY_DESCRIPTOR, 40, 40);
IS(EFI_OPEN_PROTOCOL_INFORMATION_ENTRY, 24, 16);
IS(EFI_BOOT_SERVICES, 376, 200);
AT(EFI_BOOT_SERVICES, LoadImage, 200, 112);
AT(EFI_BOOT_SERVICES, LocateHandleBuffer, 312, 168);
AT(EFI_BOOT_SERVICES, ExitBootServices, 232, 128);
IS(EFI_TIME, 16, 16);
IS(EFI_CONFIGURATION_TABLE, 24, 20);
IS(EFI_RUNTIME_SERVICES, 136, 80);
AT(EFI_RUNTIME_SERVICES, GetTime, 24, 24);
AT(EFI_RUNTIME_SERVICES, ResetSystem, 104, 64);
IS(EFI_SYSTEM_TABLE, 120, 72);
AT(EFI_SYSTEM_TABLE, BootServices, 96, 60);
IS(EFI_LOADED_IMAGE_PROTOCOL, 96, 64);
AT(EFI_LOADED_IMAGE_PROTOCOL, DeviceHandle, 24, 12);
