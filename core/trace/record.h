/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flight recorder's records in the state file (core/trace/state.h says where that lies; doc/FORMATS/state.md tells the whole
 * format). All numbers are little-endian. Behind the one-shot choice the file holds
 *
 *   +0x02000  36 boot slots of 4096 bytes: boot number N is in slot N mod 36
 *   +0x26000   6 log slots of 16384 bytes: the kernel log that boot number N saved is in slot N mod 6
 *   +0x3E000  the language of the menu (state.h)
 *   +0x3E200  reserved, zero
 *
 * A boot slot is eight sectors of 512 bytes; each is a record of its own, with its own checksum, and is written by one write of
 * one sector. A sector counts only with magic, checksum and kind right, and belongs to the boot whose number it bears. So a torn
 * write spoils at most the sector being written; what changes often has two sectors that are written in turn, and the valid one
 * with the later update number (serial-number arithmetic, as in state.c) counts.
 *
 *   sector 0  POD_REC_MACHINE   machine and firmware; written first: with it the slot belongs to the new boot
 *   sector 1  POD_REC_IMAGE     the image chosen and its plan
 *   sectors 2, 3  POD_REC_PROGRESS  stages of the boot manager and what was read from the virtual disk, in turn
 *   sectors 4, 5  POD_REC_LINUX     stages inside the live system, written by the shim, in turn; or
 *                 POD_REC_WINDOWS   stages inside Windows PE, written by the helper, in turn
 *   sector 6  POD_REC_MESSAGE   the last sentence the boot manager showed or the loader returned with
 *   sector 7  POD_REC_SCREEN    what the loader printed
 *
 * Every sector starts with
 *   +0x00  8  magic "ISOPODR1"
 *   +0x08  4  CRC-32 of the 512 bytes with this field zero
 *   +0x0C  4  boot number, 1 and up
 *   +0x10  1  kind, enum pod_rec_kind
 *   +0x11  3  zero
 *   +0x14  4  update number, 1 and up
 *   +0x18     the kind's own fields
 *
 * Texts are UTF-8, cut at a whole character, zero-filled, and not terminated when they fill their field.
 * A table of stage events is a byte count elsewhere and 12 times { u8 stage, 3 zero, u32 ms, u32 arg }.
 *
 * POD_REC_MACHINE
 *   +0x18  4  firmware: POD_FW_* (core/image/image.h)
 *   +0x1C  1  Secure Boot, enum pod_rec_secure_boot
 *   +0x1D  1  flags, POD_REC_M_*
 *   +0x1E  2  number of ACPI tables that RSDT or XSDT name
 *   +0x20  8  the machine's clock when the boot manager started, in seconds since 1970 as the clock reads; 0 unknown
 *   +0x28  8  usable memory in bytes
 *   +0x30  8  largest free block of memory
 *   +0x38  8  largest free block below 4 GiB
 *   +0x40  4  number of entries of the memory map
 *   +0x44  4  firmware revision (UEFI: FirmwareRevision of the system table)
 *   +0x48  8  size of the stick in bytes, as the firmware says; 0 unknown
 *   +0x50  4  sector size of the stick
 *   +0x54  6  OEM ID of the ACPI RSDP
 *   +0x5A  8  OEM table ID of the RSDT or XSDT
 *   +0x62  8  OEM table ID of the FADT
 *   +0x6A  6  zero
 *   +0x70 32  version of the boot manager
 *   +0x90 64  firmware vendor (UEFI)
 *   +0xD0 64  SMBIOS: maker of the system
 *  +0x110 64  SMBIOS: product
 *  +0x150 64  SMBIOS: base board, maker and product
 *  +0x190 48  SMBIOS: BIOS version
 *  +0x1C0 16  SMBIOS: BIOS date
 *
 * POD_REC_IMAGE
 *   +0x18  8  size of the file in bytes
 *   +0x20  8  size of the volume as it says itself; 0 unknown
 *   +0x28  8  size of the virtual disk
 *   +0x30  8  memory the plan needs, in bytes
 *   +0x38  4  flags, POD_REC_I_*
 *   +0x3C  4  CRC-32 of the file's 2048 bytes at 32768 (an ISO's first volume descriptor) as on the stick; 0 if it is shorter
 *   +0x40  8  the file's time of modification as the filesystem gives it, seconds since 1970; 0 unknown
 *   +0x48  1  enum pod_image_kind
 *   +0x49  1  zero
 *   +0x4A  2  boot entry for this firmware, signed, as in struct pod_plan: index, -1 the image's own filesystem or LBA 0, -2 none
 *   +0x4C  2  number of initrds served with the shim
 *   +0x4E  2  number of overlays
 *   +0x50  4  number of extents
 *   +0x54  4  length of the path in bytes; more than the field holds: it was cut at the end
 *   +0x58 64  volume label
 *   +0x98 360 path of the image on the data partition, "/images/x.iso"
 *
 * POD_REC_PROGRESS. Offsets are of the virtual disk.
 *   +0x18  4  milliseconds since the boot manager started, when this was written
 *   +0x1C  1  number of stage events
 *   +0x1D  1  flags, POD_REC_P_*
 *   +0x1E  2  zero
 *   +0x20  8  bytes read
 *   +0x28  4  reads
 *   +0x2C  4  last read: length
 *   +0x30  8  last read: offset
 *   +0x38  8  where the current run of reads that follow each other started
 *   +0x40  4  reads that failed
 *   +0x44  4  the first of them: enum pod_status
 *   +0x48  8  the first of them: offset
 *   +0x50  4  reads outside the virtual disk
 *   +0x54  4  milliseconds spent in reads
 *   +0x58  8  the first read outside: offset
 *   +0x60 12 each  the 4 slowest reads, slowest first: { u64 offset, u32 ms }
 *   +0x90 12 each  12 stage events
 *  +0x120  4  the first read that failed: the firmware's own code (low 16 bits of EFI_STATUS; 0x1300 + AH of INT 13h)
 *  +0x124  4  milliseconds at the end of the last read that is counted here (at its start while POD_REC_P_READING)
 *  +0x128  4  sectors the recorder had written in this boot before this one
 *  +0x12C 192 kernel arguments that this start was given (core/plan/arguments.h)
 *  +0x1EC     zero
 *
 * POD_REC_LINUX, written by the shim
 *   +0x18  4  milliseconds since the shim started, when this was written
 *   +0x1C  1  number of stage events
 *   +0x1D  3  zero
 *   +0x20  4  bytes of kernel log in the log slot of this boot; 0 none
 *   +0x24  4  speed of the stick's USB connection in kbit/s (1500, 12000, 480000, 5000000...); 0 unknown
 *   +0x28  4  memory in KiB, MemTotal of /proc/meminfo; 0 unknown
 *   +0x2C  4  the same, MemAvailable
 *   +0x30 64  kernel release
 *   +0x70 24  the disk the stick became, "sda"
 *   +0x88 40  the device that was mounted, "sda1"
 *   +0xB0 16  filesystem type it was mounted as
 *   +0xC0 64  where it was mounted
 *  +0x100 12 each  12 stage events
 *  +0x190     zero
 *
 * POD_REC_WINDOWS, written by the helper in Windows PE
 *   +0x18  4  milliseconds since the helper started, when this was written
 *   +0x1C  1  number of stage events
 *   +0x1D  1  drive letter that the ISO got, as in ASCII; 0 none
 *   +0x1E  2  zero
 *   +0x20  4  Windows' version: major, minor (16 bits each, major high)
 *   +0x24  4  its build number; 0 unknown
 *   +0x28  4  drivers loaded
 *   +0x2C  4  drivers that did not load
 *   +0x30 64  a controller that has no driver: its hardware ID, "PCI\VEN_8086&DEV_9A0B&..."; "" none
 *   +0x70 64  program that was started in the end, "winpeshl.exe"
 *   +0xB0     zero
 *  +0x100 12 each  12 stage events
 *  +0x190     zero
 *
 * POD_REC_MESSAGE
 *   +0x18  4  enum pod_status
 *   +0x1C  4  length of the text, at most 480
 *   +0x20     the text, UTF-8, in the language of the menu
 *
 * POD_REC_SCREEN
 *   +0x18  4  milliseconds since the boot manager started, when this was written
 *   +0x1C  4  length of the text, at most 480
 *   +0x20     the text, lines ended by 0Ah; lines that tell of an error may stand before their place
 */
#ifndef POD_TRACE_RECORD_H
#define POD_TRACE_RECORD_H

#include "core/trace/state.h"

#define POD_REC_SECTOR	  512u
#define POD_REC_KIND_OFF  0x10u
#define POD_REC_BOOTS	  36u
#define POD_REC_BOOT_SIZE 4096u
#define POD_REC_BOOT_OFF  0x2000u
#define POD_REC_LOGS	  6u
#define POD_REC_LOG_SIZE  16384u
#define POD_REC_LOG_OFF	  0x26000u
#define POD_REC_LOG_TEXT  (POD_REC_LOG_SIZE - POD_REC_SECTOR) /* a header sector of kind POD_REC_LOG, then the text */

enum pod_rec_kind {
	POD_REC_MACHINE = 1,
	POD_REC_IMAGE = 2,
	POD_REC_PROGRESS = 3,
	POD_REC_LINUX = 4,
	POD_REC_MESSAGE = 5,
	POD_REC_LOG = 6, /* +0x18 4 length of the text, +0x1C 4 CRC-32 of the text; the text is written first, this header last */
	POD_REC_WINDOWS = 7,
	POD_REC_SCREEN = 8,
};

/* What happened, in this order in a boot that goes well. Values are on disk. */
enum pod_stage {
	POD_STAGE_NONE = 0,
	POD_STAGE_STARTED = 1,	       /* the boot manager runs */
	POD_STAGE_MENU = 2,	       /* the menu is on the screen */
	POD_STAGE_CHOSEN = 3,	       /* an image was chosen; arg: 0 by hand, 1 one-shot choice, 2 default */
	POD_STAGE_PLANNED = 4,	       /* arg: enum pod_status */
	POD_STAGE_LOADER_STARTED = 5,  /* arg: 0, or POD_REC_FROM_MEMORY */
	POD_STAGE_LOADER_RETURNED = 6, /* UEFI; arg: low 16 bits of the EFI_STATUS, bit 31: it is an error */
	POD_STAGE_EXIT_BOOT_SERVICES = 7,
	POD_STAGE_START_FAILED = 8, /* the image could not be started; arg: enum pod_status; POD_REC_MESSAGE has the sentence */

	POD_STAGE_SHIM_STARTED = 32,
	POD_STAGE_INIT_EXECUTED = 33, /* the distribution's own init was executed */
	POD_STAGE_STICK_FOUND = 34,
	POD_STAGE_SHOWN = 35,	       /* the image is a device now; arg: enum pod_use of linux/attach.h */
	POD_STAGE_MEDIUM_MOUNTED = 36, /* somebody mounted that device */
	POD_STAGE_ROOT_SWITCHED = 37,
	POD_STAGE_NOT_SHOWN = 38,	/* the image could not be shown; arg: enum pod_status */
	POD_STAGE_RESCUE_SHELL = 39,	/* the initramfs gave up and opened a shell */
	POD_STAGE_LOG_SAVED = 40,	/* arg: bytes of kernel log saved */
	POD_STAGE_WATCH_ENDED = 41,	/* the watcher ended without a change of root */
	POD_STAGE_LIVES_IN_INITRD = 42, /* init went on to a shell or a service of its own, the root being as it was */

	/* Windows PE; arg of a failure: Windows' error code */
	POD_STAGE_HELPER_STARTED = 48,
	POD_STAGE_DRIVERS_LOADED = 49, /* arg: how many */
	POD_STAGE_VOLUME_FOUND = 50,   /* the stick's data volume */
	POD_STAGE_ISO_ATTACHED = 51,
	POD_STAGE_HANDED_OVER = 52,    /* the original program was started */
	POD_STAGE_VOLUME_MISSING = 53, /* the original program had to be started without the stick */
	POD_STAGE_ISO_NOT_ATTACHED = 54,
	POD_STAGE_PROGRAM_FAILED = 55, /* the original program could not be started */
	POD_STAGE_DRIVER_FAILED = 56,  /* arg: exit status of drvload */
	POD_STAGE_PROGRAM_ENDED = 57,  /* arg: its exit status */
};

/* The image was served from memory, and the boot manager noted nothing more: the stick may be gone. */
#define POD_REC_FROM_MEMORY 1u

struct pod_stage_event {
	uint8_t stage; /* enum pod_stage */
	uint32_t ms;   /* since the boot manager started; in POD_REC_LINUX and _WINDOWS: since the shim or the helper started */
	uint32_t arg;
};
#define POD_STAGE_MAX 12
struct pod_stages {
	uint32_t count;
	struct pod_stage_event event[POD_STAGE_MAX];
};

/* Sectors of a boot slot. */
enum {
	POD_REC_AT_MACHINE = 0,
	POD_REC_AT_IMAGE = 1,
	POD_REC_AT_PROGRESS = 2, /* and 3 */
	POD_REC_AT_SYSTEM = 4,	 /* and 5: LINUX or WINDOWS */
	POD_REC_AT_MESSAGE = 6,
	POD_REC_AT_SCREEN = 7,
	POD_REC_SECTORS = 8,
};

enum pod_rec_secure_boot { POD_SB_UNKNOWN = 0, POD_SB_OFF = 1, POD_SB_ON = 2, POD_SB_SETUP = 3 };

enum {
	POD_REC_M_RSDP = 1u << 0, /* an ACPI RSDP was found */
	POD_REC_M_SEES_EXIT =
		1u << 1, /* the end of boot services is noted on this firmware; without it, its absence says nothing */
};

struct pod_rec_machine {
	uint32_t firmware;
	uint8_t secure_boot, flags;
	uint16_t acpi_tables;
	uint64_t clock_seconds;
	uint64_t memory_bytes, largest_bytes, largest_low_bytes;
	uint32_t memory_entries;
	uint32_t firmware_revision;
	uint64_t stick_bytes;
	uint32_t stick_sector_size;
	char acpi_oem[7], acpi_table[9], acpi_fadt[9];
	char version[33], firmware_vendor[65];
	char vendor[65], product[65], board[65], bios_version[49], bios_date[17];
};

enum {
	POD_REC_I_TRUNCATED = 1u << 0,
	POD_REC_I_FRAGMENTED = 1u << 1,	  /* more than one run on the stick */
	POD_REC_I_SHIM_MISSING = 1u << 2, /* the stick's own shim for this Linux was not there */
	POD_REC_I_HANDOVER = 1u << 3,	  /* initrds are served with the shim: the Linux in this image should report */
	POD_REC_I_HELPER = 1u << 4,	  /* Windows PE is served with the helper: it should report */
};

struct pod_rec_image {
	uint64_t size_bytes, volume_bytes, disk_bytes, memory_bytes;
	uint32_t flags, descriptor_crc;
	int64_t mtime;
	uint8_t kind;
	int16_t entry;
	uint16_t initrds, overlays;
	uint32_t extents;
	uint32_t path_len; /* of the whole path */
	char label[65], path[361];
};

enum {
	POD_REC_P_READING = 1u << 0, /* the last read had not come back when this was written */
	POD_REC_P_TIMER = 1u << 1, /* refreshed by a timer: `ms` goes on while nothing is read. Not from the INT 13h server, whose
				    * last record is the last read worth one */
};

#define POD_REC_ARGUMENTS_MAX 192u
#define POD_REC_SLOW_MAX      4
#define POD_REC_CODE_INT13    0x1300u /* error_code of a BIOS: this plus AH; below it are codes of EFI_STATUS */
struct pod_rec_slow {
	uint64_t off_bytes;
	uint32_t ms;
};

struct pod_rec_progress {
	uint32_t ms;
	uint8_t flags;
	uint64_t bytes;
	uint32_t reads, last_len;
	uint64_t last_off, run_off;
	uint32_t errors, error_status, error_code;
	uint64_t error_off;
	uint32_t outside, read_ms;
	uint64_t outside_off;
	struct pod_rec_slow slow[POD_REC_SLOW_MAX];
	uint32_t last_read_ms, written;
	struct pod_stages stages;
	char arguments[POD_REC_ARGUMENTS_MAX + 1];
};

struct pod_rec_linux {
	uint32_t ms;
	uint32_t log_len, usb_kbit, memory_kib, memory_available_kib;
	char release[65], disk[25], device[41], fs[17], mount[65];
	struct pod_stages stages;
};

struct pod_rec_windows {
	uint32_t ms;
	char letter; /* 0: none */
	uint32_t version, build;
	uint32_t drivers_loaded, drivers_failed;
	char controller[65], program[65];
	struct pod_stages stages;
};

#define POD_REC_MESSAGE_MAX 480u
struct pod_rec_message {
	uint32_t status; /* enum pod_status */
	char text[POD_REC_MESSAGE_MAX + 1];
};

#define POD_REC_SCREEN_MAX 480u
struct pod_rec_screen {
	uint32_t ms;
	char text[POD_REC_SCREEN_MAX + 1]; /* may hold '\n' */
};

/* One boot as read back. has_*: that sector is valid and of this boot. */
struct pod_rec_boot {
	uint32_t number;  /* 0: nothing here */
	uint32_t damaged; /* bit n: sector n is neither zero, nor a record; or could not be read */
	uint32_t stale;	  /* bit n: sector n is a record of another boot */
	bool has_machine, has_image, has_progress, has_message, has_screen;
	bool has_linux, has_windows; /* not both */
	struct pod_rec_machine machine;
	struct pod_rec_image image;
	struct pod_rec_progress progress;
	struct pod_rec_linux linux_;
	struct pod_rec_windows windows;
	struct pod_rec_message message;
	struct pod_rec_screen screen;
	uint32_t progress_update, system_update; /* update numbers of the sectors that count */
};

/* Is number a later than b? Counts round the end of 32 bits. */
static inline bool pod_rec_later(uint32_t a, uint32_t b)
{
	return a - b - 1 < 0x7fffffffu;
}
/* The boot after this one: never 0. */
static inline uint32_t pod_rec_after(uint32_t boot)
{
	return boot + 1 ? boot + 1 : 1;
}
/* Where fields of POD_REC_WINDOWS are: the helper fills in the sector itself. Texts have 64 bytes. */
enum {
	POD_REC_WINDOWS_MS = 0x18,
	POD_REC_WINDOWS_STAGES = 0x1c, /* how many */
	POD_REC_WINDOWS_LETTER = 0x1d,
	POD_REC_WINDOWS_VERSION = 0x20,
	POD_REC_WINDOWS_BUILD = 0x24,
	POD_REC_WINDOWS_LOADED = 0x28,
	POD_REC_WINDOWS_FAILED = 0x2c,
	POD_REC_WINDOWS_CONTROLLER = 0x30,
	POD_REC_WINDOWS_PROGRAM = 0x70,
	POD_REC_WINDOWS_STAGE =
		0x100, /* the first: its number; its time in milliseconds from byte 4, its argument from byte 8 on */
	POD_REC_STAGE_SIZE = 12,
};
/* Byte offset of a sector of a boot in the state file. */
static inline uint32_t pod_rec_offset(uint32_t boot, unsigned sector)
{
	return POD_REC_BOOT_OFF + boot % POD_REC_BOOTS * POD_REC_BOOT_SIZE + sector * POD_REC_SECTOR;
}
static inline uint32_t pod_rec_log_offset(uint32_t boot)
{
	return POD_REC_LOG_OFF + boot % POD_REC_LOGS * POD_REC_LOG_SIZE;
}

/* --- one sector ------------------------------------------------------------------------------------------------- */

/* Each fills a whole sector but for checksum, boot and update numbers: pod_rec_seal does the rest. */
void pod_rec_put_machine(uint8_t s[POD_REC_SECTOR], const struct pod_rec_machine *r);
void pod_rec_put_image(uint8_t s[POD_REC_SECTOR], const struct pod_rec_image *r);
void pod_rec_put_progress(uint8_t s[POD_REC_SECTOR], const struct pod_rec_progress *r);
void pod_rec_put_linux(uint8_t s[POD_REC_SECTOR], const struct pod_rec_linux *r);
void pod_rec_put_windows(uint8_t s[POD_REC_SECTOR], const struct pod_rec_windows *r);
void pod_rec_put_message(uint8_t s[POD_REC_SECTOR], const struct pod_rec_message *r);
void pod_rec_put_screen(uint8_t s[POD_REC_SECTOR], const struct pod_rec_screen *r);
void pod_rec_seal(uint8_t s[POD_REC_SECTOR], uint32_t boot, uint32_t update);
/* Magic, checksum, kind and numbers right? */
bool pod_rec_valid(const uint8_t s[POD_REC_SECTOR], enum pod_rec_kind kind);
uint32_t pod_rec_boot_of(const uint8_t s[POD_REC_SECTOR]);
uint32_t pod_rec_update_of(const uint8_t s[POD_REC_SECTOR]);
/* From a valid sector; every text terminated, every count within its table. */
void pod_rec_get_machine(const uint8_t s[POD_REC_SECTOR], struct pod_rec_machine *r);
void pod_rec_get_image(const uint8_t s[POD_REC_SECTOR], struct pod_rec_image *r);
void pod_rec_get_progress(const uint8_t s[POD_REC_SECTOR], struct pod_rec_progress *r);
void pod_rec_get_linux(const uint8_t s[POD_REC_SECTOR], struct pod_rec_linux *r);
void pod_rec_get_windows(const uint8_t s[POD_REC_SECTOR], struct pod_rec_windows *r);
void pod_rec_get_message(const uint8_t s[POD_REC_SECTOR], struct pod_rec_message *r);
void pod_rec_get_screen(const uint8_t s[POD_REC_SECTOR], struct pod_rec_screen *r);

/* Adds an event; a stage that is there already, and a full table, change nothing. Returns whether it was added. */
bool pod_stages_add(struct pod_stages *t, enum pod_stage stage, uint32_t ms, uint32_t arg);
/* The event of a stage, or NULL. */
const struct pod_stage_event *pod_stages_find(const struct pod_stages *t, enum pod_stage stage);

/* --- the ring; `state` is a device (window) over the state file's bytes ------------------------------------------ */

/* The number of the latest boot, 0 if there is none: reads the first sector of each slot and nothing more. Sectors that cannot be
 * read count as none, unless none can be read. POD_E_RANGE if the file is shorter than POD_STATE_SIZE. */
enum pod_status POD_MUST_USE pod_rec_latest(struct pod_dev *state, uint32_t *boot);
/* A number for a new boot: after `latest`, and borne by no sector of its slot. */
enum pod_status POD_MUST_USE pod_rec_new_number(struct pod_dev *state, struct pod_alloc *a, uint32_t latest, uint32_t *boot);
/* Reads one boot. POD_E_NOT_FOUND if no sector of its slot bears this number. */
enum pod_status POD_MUST_USE pod_rec_read(struct pod_dev *state, struct pod_alloc *a, uint32_t boot, struct pod_rec_boot *out);
/* Numbers of all boots there are records of, newest first. A boot whose MACHINE sector is damaged is among them. */
enum pod_status POD_MUST_USE pod_rec_list(struct pod_dev *state, struct pod_alloc *a, uint32_t number[POD_REC_BOOTS],
					  uint32_t *count);
/* Writes one sealed sector to its place, by one write, and flushes. `sector` is the place in the slot. */
enum pod_status POD_MUST_USE pod_rec_write(struct pod_dev *state, uint32_t boot, unsigned sector,
					   const uint8_t s[POD_REC_SECTOR]);
/* Saves the end of a log (what is longer than POD_REC_LOG_TEXT is cut at the front): text first, then its header. */
enum pod_status POD_MUST_USE pod_rec_write_log(struct pod_dev *state, uint32_t boot, const char *text, size_t len);
/* Reads the log of a boot into text (POD_REC_LOG_TEXT + 1 bytes; terminated). POD_E_NOT_FOUND if there is none. */
enum pod_status POD_MUST_USE pod_rec_read_log(struct pod_dev *state, uint32_t boot, char *text, size_t *len);

#endif
