/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The part of the UEFI Specification 2.10 that the boot manager uses: names, GUIDs and layouts as the specification
 * has them (clause numbers beside each), nothing more. Members that are never called are `void *`, so that the
 * offsets stay right. Layouts are checked for all three architectures in abi.c.
 *
 * The *-unknown-windows targets of clang use the calling convention the specification demands on each
 * architecture (clauses 2.3.2, 2.3.4, 2.3.6) by default, so functions carry no EFIAPI attribute.
 */
#ifndef POD_EFI_UEFI_H
#define POD_EFI_UEFI_H

#include <stddef.h>
#include <stdint.h>

/* --- 2.3.1 data types --- */
typedef uintptr_t UINTN;
typedef UINTN EFI_STATUS;
typedef void *EFI_HANDLE;
typedef void *EFI_EVENT;
typedef uint64_t EFI_LBA;
typedef UINTN EFI_TPL;
typedef uint64_t EFI_PHYSICAL_ADDRESS;
typedef uint16_t CHAR16;
typedef uint8_t BOOLEAN; /* 0 or 1; any other value is undefined */

typedef struct {
	uint32_t Data1;
	uint16_t Data2;
	uint16_t Data3;
	uint8_t Data4[8];
} EFI_GUID;

/* --- appendix D: status codes --- */
#define EFI_ERROR_BIT ((UINTN)1 << (sizeof(UINTN) * 8 - 1))
#define EFI_ERROR(st) (((UINTN)(st)&EFI_ERROR_BIT) != 0)

#define EFI_SUCCESS	       ((EFI_STATUS)0)
#define EFI_LOAD_ERROR	       (EFI_ERROR_BIT | 1)
#define EFI_INVALID_PARAMETER  (EFI_ERROR_BIT | 2)
#define EFI_UNSUPPORTED	       (EFI_ERROR_BIT | 3)
#define EFI_BAD_BUFFER_SIZE    (EFI_ERROR_BIT | 4)
#define EFI_BUFFER_TOO_SMALL   (EFI_ERROR_BIT | 5)
#define EFI_NOT_READY	       (EFI_ERROR_BIT | 6)
#define EFI_DEVICE_ERROR       (EFI_ERROR_BIT | 7)
#define EFI_WRITE_PROTECTED    (EFI_ERROR_BIT | 8)
#define EFI_OUT_OF_RESOURCES   (EFI_ERROR_BIT | 9)
#define EFI_NO_MEDIA	       (EFI_ERROR_BIT | 12)
#define EFI_MEDIA_CHANGED      (EFI_ERROR_BIT | 13)
#define EFI_NOT_FOUND	       (EFI_ERROR_BIT | 14)
#define EFI_ACCESS_DENIED      (EFI_ERROR_BIT | 15)
#define EFI_TIMEOUT	       (EFI_ERROR_BIT | 18)
#define EFI_ABORTED	       (EFI_ERROR_BIT | 21)
#define EFI_SECURITY_VIOLATION (EFI_ERROR_BIT | 26)

/* --- 4.2 table header --- */
typedef struct {
	uint64_t Signature;
	uint32_t Revision;
	uint32_t HeaderSize;
	uint32_t CRC32;
	uint32_t Reserved;
} EFI_TABLE_HEADER;

/* --- 10.2 device paths --- */
typedef struct {
	uint8_t Type;
	uint8_t SubType;
	uint8_t Length[2]; /* little-endian; includes this header */
} EFI_DEVICE_PATH_PROTOCOL;

#define HARDWARE_DEVICE_PATH  0x01
#define HW_VENDOR_DP	      0x04
#define MESSAGING_DEVICE_PATH 0x03
#define MSG_UART_DP	      0x0E
#define MEDIA_DEVICE_PATH     0x04
#define MEDIA_HARDDRIVE_DP    0x01
#define MEDIA_VENDOR_DP	      0x03
#define MEDIA_CDROM_DP	      0x02
#define MEDIA_FILEPATH_DP     0x04
#define END_DEVICE_PATH_TYPE  0x7F
#define END_ENTIRE_SUBTYPE    0xFF

#define EFI_DEVICE_PATH_PROTOCOL_GUID                                                                                            \
	{                                                                                                                        \
		0x09576e91, 0x6d3f, 0x11d2,                                                                                      \
		{                                                                                                                \
			0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b                                                           \
		}                                                                                                                \
	}

/* --- 12.3, 12.4 simple text input (Ex) and output --- */
typedef struct {
	uint16_t ScanCode;
	CHAR16 UnicodeChar;
} EFI_INPUT_KEY;

#define SCAN_NULL      0x00
#define SCAN_UP	       0x01
#define SCAN_DOWN      0x02
#define SCAN_RIGHT     0x03
#define SCAN_LEFT      0x04
#define SCAN_HOME      0x05
#define SCAN_END       0x06
#define SCAN_INSERT    0x07
#define SCAN_DELETE    0x08
#define SCAN_PAGE_UP   0x09
#define SCAN_PAGE_DOWN 0x0A
#define SCAN_F1	       0x0B /* F1..F10 follow each other */
#define SCAN_F10       0x14
#define SCAN_F11       0x15
#define SCAN_F12       0x16
#define SCAN_ESC       0x17

typedef struct EFI_SIMPLE_TEXT_INPUT_PROTOCOL EFI_SIMPLE_TEXT_INPUT_PROTOCOL;
struct EFI_SIMPLE_TEXT_INPUT_PROTOCOL {
	EFI_STATUS (*Reset)(EFI_SIMPLE_TEXT_INPUT_PROTOCOL *This, BOOLEAN ExtendedVerification);
	EFI_STATUS (*ReadKeyStroke)(EFI_SIMPLE_TEXT_INPUT_PROTOCOL *This, EFI_INPUT_KEY *Key);
	EFI_EVENT WaitForKey;
};
#define EFI_SIMPLE_TEXT_INPUT_PROTOCOL_GUID                                                                                      \
	{                                                                                                                        \
		0x387477c1, 0x69c7, 0x11d2,                                                                                      \
		{                                                                                                                \
			0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b                                                           \
		}                                                                                                                \
	}

typedef struct {
	uint32_t KeyShiftState;
	uint8_t KeyToggleState;
} EFI_KEY_STATE;

typedef struct {
	EFI_INPUT_KEY Key;
	EFI_KEY_STATE KeyState;
} EFI_KEY_DATA;

typedef struct EFI_SIMPLE_TEXT_INPUT_EX_PROTOCOL EFI_SIMPLE_TEXT_INPUT_EX_PROTOCOL;
struct EFI_SIMPLE_TEXT_INPUT_EX_PROTOCOL {
	EFI_STATUS (*Reset)(EFI_SIMPLE_TEXT_INPUT_EX_PROTOCOL *This, BOOLEAN ExtendedVerification);
	EFI_STATUS (*ReadKeyStrokeEx)(EFI_SIMPLE_TEXT_INPUT_EX_PROTOCOL *This, EFI_KEY_DATA *KeyData);
	EFI_EVENT WaitForKeyEx;
	void *SetState;
	void *RegisterKeyNotify;
	void *UnregisterKeyNotify;
};
#define EFI_SIMPLE_TEXT_INPUT_EX_PROTOCOL_GUID                                                                                   \
	{                                                                                                                        \
		0xdd9e7534, 0x7762, 0x4698,                                                                                      \
		{                                                                                                                \
			0x8c, 0x14, 0xf5, 0x85, 0x17, 0xa6, 0x25, 0xaa                                                           \
		}                                                                                                                \
	}

typedef struct {
	int32_t MaxMode;
	int32_t Mode;
	int32_t Attribute;
	int32_t CursorColumn;
	int32_t CursorRow;
	BOOLEAN CursorVisible;
} SIMPLE_TEXT_OUTPUT_MODE;

typedef struct EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL;
struct EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL {
	EFI_STATUS (*Reset)(EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL *This, BOOLEAN ExtendedVerification);
	EFI_STATUS (*OutputString)(EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL *This, const CHAR16 *String);
	EFI_STATUS (*TestString)(EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL *This, const CHAR16 *String);
	EFI_STATUS (*QueryMode)(EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL *This, UINTN ModeNumber, UINTN *Columns, UINTN *Rows);
	EFI_STATUS (*SetMode)(EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL *This, UINTN ModeNumber);
	EFI_STATUS (*SetAttribute)(EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL *This, UINTN Attribute);
	EFI_STATUS (*ClearScreen)(EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL *This);
	EFI_STATUS (*SetCursorPosition)(EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL *This, UINTN Column, UINTN Row);
	EFI_STATUS (*EnableCursor)(EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL *This, BOOLEAN Visible);
	SIMPLE_TEXT_OUTPUT_MODE *Mode;
};
#define EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL_GUID                                                                                     \
	{                                                                                                                        \
		0x387477c2, 0x69c7, 0x11d2,                                                                                      \
		{                                                                                                                \
			0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b                                                           \
		}                                                                                                                \
	}

/* --- 12.8 serial I/O --- */
#define EFI_SERIAL_INPUT_BUFFER_EMPTY  0x00000100u
#define EFI_SERIAL_OUTPUT_BUFFER_EMPTY 0x00000200u

typedef struct EFI_SERIAL_IO_PROTOCOL EFI_SERIAL_IO_PROTOCOL;
struct EFI_SERIAL_IO_PROTOCOL {
	uint32_t Revision;
	void *Reset;
	void *SetAttributes;
	void *SetControl;
	EFI_STATUS (*GetControl)(EFI_SERIAL_IO_PROTOCOL *This, uint32_t *Control);
	EFI_STATUS (*Write)(EFI_SERIAL_IO_PROTOCOL *This, UINTN *BufferSize, const void *Buffer);
	EFI_STATUS (*Read)(EFI_SERIAL_IO_PROTOCOL *This, UINTN *BufferSize, void *Buffer);
	void *Mode;
};
#define EFI_SERIAL_IO_PROTOCOL_GUID                                                                                              \
	{                                                                                                                        \
		0xbb25cf6f, 0xf1d4, 0x11d2,                                                                                      \
		{                                                                                                                \
			0x9a, 0x0c, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0xfd                                                           \
		}                                                                                                                \
	}

/* --- 12.9 graphics output --- */
typedef enum {
	PixelRedGreenBlueReserved8BitPerColor,
	PixelBlueGreenRedReserved8BitPerColor,
	PixelBitMask,
	PixelBltOnly,
	PixelFormatMax
} EFI_GRAPHICS_PIXEL_FORMAT;

typedef struct {
	uint32_t RedMask, GreenMask, BlueMask, ReservedMask;
} EFI_PIXEL_BITMASK;

typedef struct {
	uint32_t Version;
	uint32_t HorizontalResolution;
	uint32_t VerticalResolution;
	EFI_GRAPHICS_PIXEL_FORMAT PixelFormat;
	EFI_PIXEL_BITMASK PixelInformation;
	uint32_t PixelsPerScanLine;
} EFI_GRAPHICS_OUTPUT_MODE_INFORMATION;

typedef struct {
	uint32_t MaxMode;
	uint32_t Mode;
	EFI_GRAPHICS_OUTPUT_MODE_INFORMATION *Info;
	UINTN SizeOfInfo;
	EFI_PHYSICAL_ADDRESS FrameBufferBase;
	UINTN FrameBufferSize;
} EFI_GRAPHICS_OUTPUT_PROTOCOL_MODE;

typedef struct EFI_GRAPHICS_OUTPUT_PROTOCOL EFI_GRAPHICS_OUTPUT_PROTOCOL;
struct EFI_GRAPHICS_OUTPUT_PROTOCOL {
	EFI_STATUS(*QueryMode)
	(EFI_GRAPHICS_OUTPUT_PROTOCOL *This, uint32_t ModeNumber, UINTN *SizeOfInfo, EFI_GRAPHICS_OUTPUT_MODE_INFORMATION **Info);
	EFI_STATUS (*SetMode)(EFI_GRAPHICS_OUTPUT_PROTOCOL *This, uint32_t ModeNumber);
	void *Blt;
	EFI_GRAPHICS_OUTPUT_PROTOCOL_MODE *Mode;
};
#define EFI_GRAPHICS_OUTPUT_PROTOCOL_GUID                                                                                        \
	{                                                                                                                        \
		0x9042a9de, 0x23dc, 0x4a38,                                                                                      \
		{                                                                                                                \
			0x96, 0xfb, 0x7a, 0xde, 0xd0, 0x80, 0x51, 0x6a                                                           \
		}                                                                                                                \
	}

/* --- 37.5 random numbers --- */
typedef struct EFI_RNG_PROTOCOL EFI_RNG_PROTOCOL;
struct EFI_RNG_PROTOCOL {
	void *GetInfo;
	EFI_STATUS (*GetRNG)(EFI_RNG_PROTOCOL *This, const EFI_GUID *Algorithm, UINTN Length, uint8_t *Value);
};
#define EFI_RNG_PROTOCOL_GUID                                                                                                    \
	{                                                                                                                        \
		0x3152bca5, 0xeade, 0x433d,                                                                                      \
		{                                                                                                                \
			0x86, 0x2e, 0xc0, 0x1c, 0xdc, 0x29, 0x1f, 0x44                                                           \
		}                                                                                                                \
	}

/* --- 13.4, 13.5 simple file system and file --- */
#define EFI_FILE_MODE_READ 0x0000000000000001ull
#define EFI_FILE_READ_ONLY 0x0000000000000001ull
#define EFI_FILE_DIRECTORY 0x0000000000000010ull

typedef struct EFI_FILE_PROTOCOL EFI_FILE_PROTOCOL;
struct EFI_FILE_PROTOCOL {
	uint64_t Revision;
	EFI_STATUS(*Open)
	(EFI_FILE_PROTOCOL *This, EFI_FILE_PROTOCOL **NewHandle, const CHAR16 *FileName, uint64_t OpenMode, uint64_t Attributes);
	EFI_STATUS (*Close)(EFI_FILE_PROTOCOL *This);
	EFI_STATUS (*Delete)(EFI_FILE_PROTOCOL *This);
	EFI_STATUS (*Read)(EFI_FILE_PROTOCOL *This, UINTN *BufferSize, void *Buffer);
	EFI_STATUS (*Write)(EFI_FILE_PROTOCOL *This, UINTN *BufferSize, const void *Buffer);
	EFI_STATUS (*GetPosition)(EFI_FILE_PROTOCOL *This, uint64_t *Position);
	EFI_STATUS (*SetPosition)(EFI_FILE_PROTOCOL *This, uint64_t Position);
	EFI_STATUS (*GetInfo)(EFI_FILE_PROTOCOL *This, const EFI_GUID *InformationType, UINTN *BufferSize, void *Buffer);
	EFI_STATUS (*SetInfo)(EFI_FILE_PROTOCOL *This, const EFI_GUID *InformationType, UINTN BufferSize, const void *Buffer);
	EFI_STATUS (*Flush)(EFI_FILE_PROTOCOL *This);
};
#define EFI_FILE_PROTOCOL_REVISION 0x00010000ull

/* Clause 13.2 */
typedef struct EFI_LOAD_FILE2_PROTOCOL EFI_LOAD_FILE2_PROTOCOL;
struct EFI_LOAD_FILE2_PROTOCOL {
	EFI_STATUS(*LoadFile)
	(EFI_LOAD_FILE2_PROTOCOL *This, EFI_DEVICE_PATH_PROTOCOL *FilePath, BOOLEAN BootPolicy, UINTN *BufferSize, void *Buffer);
};

typedef struct EFI_SIMPLE_FILE_SYSTEM_PROTOCOL EFI_SIMPLE_FILE_SYSTEM_PROTOCOL;
struct EFI_SIMPLE_FILE_SYSTEM_PROTOCOL {
	uint64_t Revision;
	EFI_STATUS (*OpenVolume)(EFI_SIMPLE_FILE_SYSTEM_PROTOCOL *This, EFI_FILE_PROTOCOL **Root);
};
#define EFI_SIMPLE_FILE_SYSTEM_PROTOCOL_REVISION 0x00010000ull
#define EFI_SIMPLE_FILE_SYSTEM_PROTOCOL_GUID                                                                                     \
	{                                                                                                                        \
		0x964e5b22, 0x6459, 0x11d2,                                                                                      \
		{                                                                                                                \
			0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b                                                           \
		}                                                                                                                \
	}

/* --- 13.9 block I/O --- */
typedef struct {
	uint32_t MediaId;
	BOOLEAN RemovableMedia;
	BOOLEAN MediaPresent;
	BOOLEAN LogicalPartition;
	BOOLEAN ReadOnly;
	BOOLEAN WriteCaching;
	uint32_t BlockSize;
	uint32_t IoAlign;
	EFI_LBA LastBlock;
	EFI_LBA LowestAlignedLba;		   /* revision 2 */
	uint32_t LogicalBlocksPerPhysicalBlock;	   /* revision 2 */
	uint32_t OptimalTransferLengthGranularity; /* revision 3 */
} EFI_BLOCK_IO_MEDIA;

#define EFI_BLOCK_IO_PROTOCOL_REVISION2 0x00020001ull
#define EFI_BLOCK_IO_PROTOCOL_REVISION3 0x0002001Full

typedef struct EFI_BLOCK_IO_PROTOCOL EFI_BLOCK_IO_PROTOCOL;
struct EFI_BLOCK_IO_PROTOCOL {
	uint64_t Revision;
	EFI_BLOCK_IO_MEDIA *Media;
	EFI_STATUS (*Reset)(EFI_BLOCK_IO_PROTOCOL *This, BOOLEAN ExtendedVerification);
	EFI_STATUS (*ReadBlocks)(EFI_BLOCK_IO_PROTOCOL *This, uint32_t MediaId, EFI_LBA LBA, UINTN BufferSize, void *Buffer);
	EFI_STATUS(*WriteBlocks)
	(EFI_BLOCK_IO_PROTOCOL *This, uint32_t MediaId, EFI_LBA LBA, UINTN BufferSize, const void *Buffer);
	EFI_STATUS (*FlushBlocks)(EFI_BLOCK_IO_PROTOCOL *This);
};
#define EFI_BLOCK_IO_PROTOCOL_GUID                                                                                               \
	{                                                                                                                        \
		0x964e5b21, 0x6459, 0x11d2,                                                                                      \
		{                                                                                                                \
			0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b                                                           \
		}                                                                                                                \
	}

/* --- 7.2 memory --- */
typedef enum { AllocateAnyPages, AllocateMaxAddress, AllocateAddress, MaxAllocateType } EFI_ALLOCATE_TYPE;

typedef enum {
	EfiReservedMemoryType,
	EfiLoaderCode,
	EfiLoaderData,
	EfiBootServicesCode,
	EfiBootServicesData,
	EfiRuntimeServicesCode,
	EfiRuntimeServicesData,
	EfiConventionalMemory,
	EfiMaxMemoryTypeUsed = 16
} EFI_MEMORY_TYPE;

typedef struct {
	uint32_t Type;
	EFI_PHYSICAL_ADDRESS PhysicalStart;
	uint64_t VirtualStart;
	uint64_t NumberOfPages;
	uint64_t Attribute;
} EFI_MEMORY_DESCRIPTOR;

/* --- 7.1 events, timers, task priority --- */
#define TPL_APPLICATION	  4
#define TPL_CALLBACK	  8
#define TPL_HIGH_LEVEL	  31
#define EVT_TIMER	  0x80000000u
#define EVT_NOTIFY_SIGNAL 0x00000200u
typedef enum { TimerCancel, TimerPeriodic, TimerRelative } EFI_TIMER_DELAY;

/* --- 7.3 protocol handling --- */
typedef enum { EFI_NATIVE_INTERFACE } EFI_INTERFACE_TYPE;
typedef enum { AllHandles, ByRegisterNotify, ByProtocol } EFI_LOCATE_SEARCH_TYPE;

typedef struct {
	EFI_HANDLE AgentHandle;
	EFI_HANDLE ControllerHandle;
	uint32_t Attributes;
	uint32_t OpenCount;
} EFI_OPEN_PROTOCOL_INFORMATION_ENTRY;

#define EFI_OPEN_PROTOCOL_GET_PROTOCOL	      0x00000002u
#define EFI_OPEN_PROTOCOL_BY_CHILD_CONTROLLER 0x00000008u
#define EFI_OPEN_PROTOCOL_BY_DRIVER	      0x00000010u

/* --- 4.4 boot services --- */
typedef struct {
	EFI_TABLE_HEADER Hdr;
	EFI_TPL (*RaiseTPL)(EFI_TPL NewTpl);
	void (*RestoreTPL)(EFI_TPL OldTpl);
	EFI_STATUS(*AllocatePages)
	(EFI_ALLOCATE_TYPE Type, EFI_MEMORY_TYPE MemoryType, UINTN Pages, EFI_PHYSICAL_ADDRESS *Memory);
	EFI_STATUS (*FreePages)(EFI_PHYSICAL_ADDRESS Memory, UINTN Pages);
	EFI_STATUS(*GetMemoryMap)
	(UINTN *MemoryMapSize, EFI_MEMORY_DESCRIPTOR *MemoryMap, UINTN *MapKey, UINTN *DescriptorSize,
	 uint32_t *DescriptorVersion);
	EFI_STATUS (*AllocatePool)(EFI_MEMORY_TYPE PoolType, UINTN Size, void **Buffer);
	EFI_STATUS (*FreePool)(void *Buffer);
	EFI_STATUS(*CreateEvent)
	(uint32_t Type, EFI_TPL NotifyTpl, void (*NotifyFunction)(EFI_EVENT, void *), void *NotifyContext, EFI_EVENT *Event);
	EFI_STATUS (*SetTimer)(EFI_EVENT Event, EFI_TIMER_DELAY Type, uint64_t TriggerTime);
	EFI_STATUS (*WaitForEvent)(UINTN NumberOfEvents, EFI_EVENT *Event, UINTN *Index);
	EFI_STATUS (*SignalEvent)(EFI_EVENT Event);
	EFI_STATUS (*CloseEvent)(EFI_EVENT Event);
	EFI_STATUS (*CheckEvent)(EFI_EVENT Event);
	EFI_STATUS(*InstallProtocolInterface)
	(EFI_HANDLE *Handle, const EFI_GUID *Protocol, EFI_INTERFACE_TYPE InterfaceType, void *Interface);
	void *ReinstallProtocolInterface;
	EFI_STATUS (*UninstallProtocolInterface)(EFI_HANDLE Handle, const EFI_GUID *Protocol, void *Interface);
	EFI_STATUS (*HandleProtocol)(EFI_HANDLE Handle, const EFI_GUID *Protocol, void **Interface);
	void *Reserved;
	void *RegisterProtocolNotify;
	EFI_STATUS(*LocateHandle)
	(EFI_LOCATE_SEARCH_TYPE SearchType, const EFI_GUID *Protocol, void *SearchKey, UINTN *BufferSize, EFI_HANDLE *Buffer);
	EFI_STATUS (*LocateDevicePath)(const EFI_GUID *Protocol, EFI_DEVICE_PATH_PROTOCOL **DevicePath, EFI_HANDLE *Device);
	void *InstallConfigurationTable;
	EFI_STATUS(*LoadImage)
	(BOOLEAN BootPolicy, EFI_HANDLE ParentImageHandle, EFI_DEVICE_PATH_PROTOCOL *DevicePath, void *SourceBuffer,
	 UINTN SourceSize, EFI_HANDLE *ImageHandle);
	EFI_STATUS (*StartImage)(EFI_HANDLE ImageHandle, UINTN *ExitDataSize, CHAR16 **ExitData);
	void *Exit;
	EFI_STATUS (*UnloadImage)(EFI_HANDLE ImageHandle);
	EFI_STATUS (*ExitBootServices)(EFI_HANDLE ImageHandle, UINTN MapKey);
	void *GetNextMonotonicCount;
	EFI_STATUS (*Stall)(UINTN Microseconds);
	EFI_STATUS (*SetWatchdogTimer)(UINTN Timeout, uint64_t WatchdogCode, UINTN DataSize, CHAR16 *WatchdogData);
	EFI_STATUS(*ConnectController)
	(EFI_HANDLE ControllerHandle, EFI_HANDLE *DriverImageHandle, EFI_DEVICE_PATH_PROTOCOL *RemainingDevicePath,
	 BOOLEAN Recursive);
	EFI_STATUS (*DisconnectController)(EFI_HANDLE ControllerHandle, EFI_HANDLE DriverImageHandle, EFI_HANDLE ChildHandle);
	void *OpenProtocol;
	void *CloseProtocol;
	EFI_STATUS(*OpenProtocolInformation)
	(EFI_HANDLE Handle, const EFI_GUID *Protocol, EFI_OPEN_PROTOCOL_INFORMATION_ENTRY **EntryBuffer, UINTN *EntryCount);
	void *ProtocolsPerHandle;
	EFI_STATUS(*LocateHandleBuffer)
	(EFI_LOCATE_SEARCH_TYPE SearchType, const EFI_GUID *Protocol, void *SearchKey, UINTN *NoHandles, EFI_HANDLE **Buffer);
	EFI_STATUS (*LocateProtocol)(const EFI_GUID *Protocol, void *Registration, void **Interface);
	void *InstallMultipleProtocolInterfaces;
	void *UninstallMultipleProtocolInterfaces;
	void *CalculateCrc32;
	void *CopyMem;
	void *SetMem;
	void *CreateEventEx;
} EFI_BOOT_SERVICES;

/* --- 8.3 time --- */
typedef struct {
	uint16_t Year;
	uint8_t Month, Day, Hour, Minute, Second, Pad1;
	uint32_t Nanosecond;
	int16_t TimeZone;
	uint8_t Daylight, Pad2;
} EFI_TIME;

/* --- 4.5 runtime services --- */
typedef enum { EfiResetCold, EfiResetWarm, EfiResetShutdown, EfiResetPlatformSpecific } EFI_RESET_TYPE;

#define EFI_VARIABLE_NON_VOLATILE	 0x00000001u
#define EFI_VARIABLE_BOOTSERVICE_ACCESS	 0x00000002u
#define EFI_VARIABLE_RUNTIME_ACCESS	 0x00000004u
#define EFI_OS_INDICATIONS_BOOT_TO_FW_UI 0x0000000000000001ull

typedef struct {
	EFI_TABLE_HEADER Hdr;
	EFI_STATUS (*GetTime)(EFI_TIME *Time, void *Capabilities);
	void *SetTime;
	void *GetWakeupTime;
	void *SetWakeupTime;
	void *SetVirtualAddressMap;
	void *ConvertPointer;
	EFI_STATUS(*GetVariable)
	(const CHAR16 *VariableName, const EFI_GUID *VendorGuid, uint32_t *Attributes, UINTN *DataSize, void *Data);
	void *GetNextVariableName;
	EFI_STATUS(*SetVariable)
	(const CHAR16 *VariableName, const EFI_GUID *VendorGuid, uint32_t Attributes, UINTN DataSize, const void *Data);
	void *GetNextHighMonotonicCount;
	void (*ResetSystem)(EFI_RESET_TYPE ResetType, EFI_STATUS ResetStatus, UINTN DataSize, void *ResetData);
	void *UpdateCapsule;
	void *QueryCapsuleCapabilities;
	void *QueryVariableInfo;
} EFI_RUNTIME_SERVICES;

/* 3.3 globally defined variables */
/* 32.4.1 db, dbx */
#define EFI_IMAGE_SECURITY_DATABASE_GUID                                                                                         \
	{                                                                                                                        \
		0xd719b2cb, 0x3d3a, 0x4596,                                                                                      \
		{                                                                                                                \
			0xa3, 0xbc, 0xda, 0xd0, 0x0e, 0x67, 0x65, 0x6f                                                           \
		}                                                                                                                \
	}
#define EFI_GLOBAL_VARIABLE                                                                                                      \
	{                                                                                                                        \
		0x8be4df61, 0x93ca, 0x11d2,                                                                                      \
		{                                                                                                                \
			0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c                                                           \
		}                                                                                                                \
	}

/* --- 4.6 configuration table --- */
typedef struct {
	EFI_GUID VendorGuid;
	void *VendorTable;
} EFI_CONFIGURATION_TABLE;

/* --- 4.3 system table --- */
typedef struct {
	EFI_TABLE_HEADER Hdr;
	CHAR16 *FirmwareVendor;
	uint32_t FirmwareRevision;
	EFI_HANDLE ConsoleInHandle;
	EFI_SIMPLE_TEXT_INPUT_PROTOCOL *ConIn;
	EFI_HANDLE ConsoleOutHandle;
	EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL *ConOut;
	EFI_HANDLE StandardErrorHandle;
	EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL *StdErr;
	EFI_RUNTIME_SERVICES *RuntimeServices;
	EFI_BOOT_SERVICES *BootServices;
	UINTN NumberOfTableEntries;
	EFI_CONFIGURATION_TABLE *ConfigurationTable;
} EFI_SYSTEM_TABLE;

/* --- 9.1 loaded image --- */
typedef struct {
	uint32_t Revision;
	EFI_HANDLE ParentHandle;
	EFI_SYSTEM_TABLE *SystemTable;
	EFI_HANDLE DeviceHandle;
	EFI_DEVICE_PATH_PROTOCOL *FilePath;
	void *Reserved;
	uint32_t LoadOptionsSize;
	void *LoadOptions;
	void *ImageBase;
	uint64_t ImageSize;
	EFI_MEMORY_TYPE ImageCodeType;
	EFI_MEMORY_TYPE ImageDataType;
	void *Unload;
} EFI_LOADED_IMAGE_PROTOCOL;
/* --- RAM disks: clause 13.17; the types of clause 10.3.5.9 --- */
#define EFI_RAM_DISK_PROTOCOL_GUID                                                                                               \
	{                                                                                                                        \
		0xab38a0df, 0x6873, 0x44a9,                                                                                      \
		{                                                                                                                \
			0x87, 0xe6, 0xd4, 0xeb, 0x56, 0x14, 0x84, 0x49                                                           \
		}                                                                                                                \
	}
#define EFI_VIRTUAL_DISK_GUID                                                                                                    \
	{                                                                                                                        \
		0x77ab535a, 0x45fc, 0x624b,                                                                                      \
		{                                                                                                                \
			0x55, 0x60, 0xf7, 0xb2, 0x81, 0xd1, 0xf9, 0x6e                                                           \
		}                                                                                                                \
	}
#define EFI_VIRTUAL_CD_GUID                                                                                                      \
	{                                                                                                                        \
		0x3d5abd30, 0x4175, 0x87ce,                                                                                      \
		{                                                                                                                \
			0x6d, 0x64, 0xd2, 0xad, 0xe5, 0x23, 0xc4, 0xbb                                                           \
		}                                                                                                                \
	}

typedef struct EFI_RAM_DISK_PROTOCOL {
	EFI_STATUS(*Register)
	(uint64_t RamDiskBase, uint64_t RamDiskSize, const EFI_GUID *RamDiskType, EFI_DEVICE_PATH_PROTOCOL *ParentDevicePath,
	 EFI_DEVICE_PATH_PROTOCOL **DevicePath);
	EFI_STATUS (*Unregister)(EFI_DEVICE_PATH_PROTOCOL *DevicePath);
} EFI_RAM_DISK_PROTOCOL;

#define EFI_LOADED_IMAGE_PROTOCOL_GUID                                                                                           \
	{                                                                                                                        \
		0x5b1b31a1, 0x9562, 0x11d2,                                                                                      \
		{                                                                                                                \
			0x8e, 0x3f, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b                                                           \
		}                                                                                                                \
	}

#endif
