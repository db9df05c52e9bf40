/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flight recorder's records in the state file (core/trace/state.h says where that lies; doc/FORMATS/state.md tells the whole
 * format). All numbers are little-endian. Behind the one-shot choice the file holds
 *
 *   +0x02000  36 boot slots of 4096 bytes: boot number N is in slot N mod 36
 *   +0x26000   6 log slots of 16384 bytes: the kernel log that boot number N saved is in slot N mod 6
 *   +0x3E000  reserved, zero
 *
 * A boot slot is eight sectors of 512 bytes; each is a record of its own, with its own checksum, and is written by one write of
 * one sector. A sector counts only with magic, checksum and kind right, and belongs to the boot whose number it bears. So a torn
 * write spoils at most the sector being written; what changes often has two sectors that are written in turn, and the valid one
 * with the later update number (serial-number arithmetic, as in state.c) counts.
 *
 *   sector 0  POD_REC_MACHINE   machine and firmware; written first: with it the slot belongs to the new boot
 *   sector 1  POD_REC_IMAGE     the image chosen and its plan
 *   sectors 2, 3  POD_REC_PROGRESS  stages of the boot manager and what was read from the virtual disk, in turn
 *   sectors 4, 5  POD_REC_LINUX     stages inside the live system, written by the shim, in turn
 *   sector 6  POD_REC_MESSAGE   the last sentence the boot manager showed or the loader returned with
 *   sector 7  reserved
 *
 * Every sector starts with
 *   +0x00  8  magic "ISOPODR1"
 *   +0x08  4  CRC-32 of the 512 bytes with this field zero
 *   +0x0C  4  boot number, 1 and up
 *   +0x10  1  kind, enum pod_rec_kind
 *   +0x11  3  zero
 *   +0x14  4  update number, 1 and up
 *   +0x18     the kind's own fields
 */
#ifndef POD_TRACE_RECORD_H
#define POD_TRACE_RECORD_H

#include "core/trace/state.h"

#define POD_REC_SECTOR	  512u
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
};

/* What happened, in this order in a boot that goes well. Values are on disk. */
enum pod_stage {
	POD_STAGE_NONE = 0,
	POD_STAGE_STARTED = 1, /* the boot manager runs */
	POD_STAGE_MENU = 2,    /* the menu is on the screen */
	POD_STAGE_CHOSEN = 3,  /* an image was chosen; arg: 0 by hand, 1 one-shot choice, 2 default */
	POD_STAGE_PLANNED = 4, /* arg: enum pod_status */
	POD_STAGE_LOADER_STARTED = 5,
	POD_STAGE_LOADER_RETURNED = 6, /* UEFI; arg: low 16 bits of the EFI_STATUS, bit 31: it is an error */
	POD_STAGE_EXIT_BOOT_SERVICES = 7,
	POD_STAGE_START_FAILED = 8, /* the image could not be started; arg: enum pod_status; POD_REC_MESSAGE has the sentence */

	POD_STAGE_SHIM_STARTED = 32,
	POD_STAGE_INIT_EXECUTED = 33, /* the distribution's own init was executed */
	POD_STAGE_STICK_FOUND = 34,
	POD_STAGE_SHOWN = 35,	       /* the image is a device now; arg: enum pod_use of linux/attach.h */
	POD_STAGE_MEDIUM_MOUNTED = 36, /* somebody mounted that device */
	POD_STAGE_ROOT_SWITCHED = 37,
	POD_STAGE_NOT_SHOWN = 38,    /* the image could not be shown; arg: enum pod_status */
	POD_STAGE_RESCUE_SHELL = 39, /* the initramfs gave up and opened a shell */
	POD_STAGE_LOG_SAVED = 40,    /* arg: bytes of kernel log saved */
	POD_STAGE_WATCH_ENDED = 41,  /* the watcher ended without a change of root */
};

struct pod_stage_event {
	uint8_t stage; /* enum pod_stage */
	uint32_t ms;   /* since the boot manager started; in POD_REC_LINUX: since the shim started */
	uint32_t arg;
};
#define POD_STAGE_MAX 12

#endif
