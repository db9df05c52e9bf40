/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The resident INT 13h server: what stage 2 fills in (start.c) and the server runs on (resident.S, int13.c).
 * The server is one flat 16-bit segment at the top of conventional memory; `struct i13_state` is its first part.
 */
#ifndef POD_BIOS_INT13_H
#define POD_BIOS_INT13_H

/* Offsets in struct i13_state that the assembly uses; checked in int13.c. */
#define I13_OLD13	0x08
#define I13_OLD15	0x0c
#define I13_DRIVE0	0x10
#define I13_DRIVE1	0x11
#define I13_SHIFT_LAST	0x12
#define I13_BUSY	0x13
#define I13_HIDE	0x14
#define I13_E820_COUNT	0x16
#define I13_E820_OFFSET 0x18
#define I13_E801_AX	0x1a
#define I13_E801_BX	0x1c
#define I13_AH88	0x1e
#define I13_BOOT_ENTRY	0x20
#define I13_BOOT_DRIVE	0x24
#define I13_OLD16	0x34
#define I13_OLD10	0x38
#define I13_ENTRIES	0x3c
#define I13_STATE_SIZE	0x7d0

#define I13_NO_DRIVE  0x7e /* matches no request */
#define I13_TERMINATE 0x7f /* INT 13h AH=4Bh: "all emulations" */
#define I13_E820_SIZE 24

/* Bits of i13_state.hide: INT 15h calls that the server answers (or refuses) itself. */
#define I13_HIDE_E820	1
#define I13_HIDE_E801	2
#define I13_HIDE_88	4
#define I13_HIDE_REFUSE 8 /* E881h and 8Ah: refused, as callers have others to ask */

#ifndef __ASSEMBLER__
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/trace/progress.h"

#define I13_E820_MAX	  128u
#define I13_E820_USABLE	  1u
#define I13_E820_RESERVED 2u
#define I13_E820_PMEM	  12u /* Linux: persistent memory, without a table that describes it; to all others reserved */

struct i13_e820 {
	uint64_t base, length;
	uint32_t type, attributes;
	uint32_t size; /* 20 or 24: how much of it the BIOS itself reported */
};

/* One segment of the map; it ends where the next one starts. */
#define I13_KIND_SHIFT 62
struct i13_seg {
	uint64_t start_bytes;
	uint64_t source; /* bits 62..63: enum pod_seg_kind; below: byte offset on the stick or in the blob */
};
#define I13_PAGE 64u /* segments in the low-memory window */

enum i13_unit_kind { I13_CD = 0, I13_FLOPPY = 1, I13_DISK = 2 };

struct i13_unit {
	uint64_t start_bytes; /* in the map */
	uint64_t sectors;
	uint8_t kind;
	uint8_t shift;	     /* log2 of the sector size: 11 or 9 */
	uint8_t floppy_type; /* as AH=08h reports it in BL */
	uint8_t pad;
	uint32_t cylinders, heads, track_sectors;
};

struct i13_state {
	uint16_t int13_entry, int15_entry, launch_entry; /* offsets; from the image */
	uint16_t end;					 /* first offset after code, data and stack; from the image */
	uint32_t old13, old15;				 /* far pointers */
	uint8_t drive[2];				 /* of unit[0], unit[1]; I13_NO_DRIVE */
	uint8_t shift_last;				 /* drives 81h..this are the BIOS's 80h and up; 0: none */
	uint8_t busy;
	uint8_t hide, pad0;
	uint16_t e820_count, e820_offset; /* entries of 24 bytes and a size byte apart: see resident.S */
	uint16_t e801_ax, e801_bx, ah88;
	uint16_t boot_ip, boot_cs; /* of what launch jumps to */
	uint8_t boot_drive, pad1[3];
	uint32_t boot_source, boot_target, boot_length; /* physical; launch copies */
	uint32_t old16, old10;				/* far pointers */
	uint16_t int16_entry, int10_entry;		/* offsets; from the image */

	/* The stick. */
	uint8_t stick_drive, stick_edd, stick_shift;
	uint8_t stick_most; /* sectors that its BIOS moves in a call; 0: 128, as far as is known */
	uint32_t stick_heads, stick_track_sectors;
	uint32_t bounce; /* linear address; at least 1024 bytes and one stick sector */
	uint32_t bounce_size;

	/* The map. */
	uint64_t size_bytes;
	uint32_t seg_count;
	uint32_t seg_table; /* physical; only read when seg_count > I13_PAGE */
	uint32_t mem;	    /* physical address of the blob */
	uint32_t window_first;

	/* El Torito, for AH=4Bh and 4Dh. */
	uint8_t packet[19], eltorito;
	uint32_t catalog_lba;

	uint8_t diskette_table[12]; /* INT 1Eh */
	uint8_t last_status, pad3[3];
	struct i13_unit unit[2];

	/* The flight recorder's PROGRESS sector, kept from here on by the server. */
	uint64_t rec_sector;	    /* of the stick, the first of the two written in turn; 0: nothing is recorded */
	uint32_t rec_ms, rec_ticks; /* recorder's time and BIOS ticks when the server took over */
	struct pod_pace rec_pace;   /* in ticks */
	uint32_t rec_noted;	    /* the read being served was noted when it began */
	uint8_t rec[POD_REC_SECTOR];

	struct i13_seg window[I13_PAGE];
};

/* Registers of a caller, as the entry code lays them out and call_old takes them. */
struct i13_regs {
	uint32_t edi, esi, ebp, esp, ebx, edx, ecx, eax;
	uint16_t ds, es, fs, gs;
	uint16_t flags, pad;
};

extern struct i13_state i13;
/* One request for one of our drives, or for a shifted one. r->flags bit 0 is the carry to return. */
void i13_serve(struct i13_regs *r);
/* idle.c: a loader asks whether there is a key, or waits for one. */
void i13_idle(bool waits);
/* The screen goes into the record: at once, or if it stands still since the last call. */
void i13_note_screen(uint32_t ticks, bool at_once);
/* int13.c: the BIOS's ticks; what they are in the recorder's time; PROGRESS, or a sector of another kind, to the stick. */
uint32_t i13_ticks(void);
uint32_t i13_rec_ms(uint32_t ticks);
void i13_rec_note(uint32_t ticks);
bool i13_rec_write(uint8_t s[POD_REC_SECTOR], uint64_t sector);
/* Brings the boot image to its place, just before the jump; in real mode. False if it cannot: then nothing was touched. */
bool i13_launch(void);

/* --- the machine under the server: resident.S; a unit test supplies its own ------------------------------ */
/* The old INT 13h; the INT 15h that there is now, which may be a V86 monitor's. */
void i13_old13(struct i13_regs *r);
void i13_int15(struct i13_regs *r);
/* Between near memory and linear addresses below 1 MiB + 64 KiB; at most 32 KiB. */
void i13_get(void *near_to, uint32_t linear, uint32_t len);
void i13_put(uint32_t linear, const void *near_from, uint32_t len);
void i13_far_copy(uint32_t to, uint32_t from, uint32_t len);
void i13_far_zero(uint32_t to, uint32_t len);
/* Physical memory, anywhere; real mode only. False if the A20 line cannot be opened. */
bool i13_flat_copy(uint32_t to, uint32_t from, uint32_t len);
/* True if the processor runs us in virtual-8086 mode. */
bool i13_in_v86(void);
uint16_t i13_segment(void);
/* What was printed by INT 10h AH=0Eh last, round the end. */
extern uint8_t i13_tty[512];
extern uint16_t i13_tty_at;
/* The EDD packet for the stick and the table of a block move, in near memory. */
extern uint8_t i13_packet[16], i13_move_table[48];
#endif
#endif
