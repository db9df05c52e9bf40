/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of the BIOS port share. */
#ifndef POD_BIOS_BIOS_H
#define POD_BIOS_BIOS_H

#include "boot/boot.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/disk/bootcode.h"
#include "boot/bios/int13.h"

/* Memory that stage 2 uses; see stage2.ld. */
#define BIOS_IMAGE	 0x10000u /* stage 2 as it is loaded: its low part, and the packed one */
#define BIOS_BOUNCE	 0x80000u /* 64 KiB, on a 64 KiB boundary: DMA never crosses one */
#define BIOS_BOUNCE_SIZE 0x10000u
#define BIOS_LOW_END	 0x90000u  /* stage 2 uses nothing from here to 1 MiB */
#define BIOS_HIGH	 0x100000u /* where the packed part runs */
#define BIOS_BOOT_SECTOR 0x7c00u   /* nothing of stage 2 lies here */

/* Hard disks that are looked for. */
#define BIOS_DRIVE_FIRST 0x80u
#define BIOS_DRIVE_LAST	 0x8fu

/* --- real mode (stage2.S) ----------------------------------------------------------------------------- */
struct bios_regs {
	uint32_t edi, esi, ebp, ebx, edx, ecx, eax;
	uint16_t ds, es, flags, zero;
};
#define BIOS_CF 1u
#define BIOS_ZF 0x40u

/* Where stage 2's stacks end: that of real-mode calls goes down from 0x7C00, the first 32-bit one from 0x10000. */
#define BIOS_REAL_STACK_END  0x6100u
#define BIOS_FIRST_STACK_END 0x8000u

/* INT `vector` with these registers, interrupts on, on the stack below 0x7C00. Registers and flags come back. */
void bios_int(struct bios_regs *r, uint8_t vector);
/* The same for a far routine that ends in IRET. */
void bios_far_call(struct bios_regs *r, uint16_t seg, uint16_t off);
/* Sleeps until the next interrupt. */
void bios_halt(void);
_Noreturn void bios_reset(void);
extern const uint8_t bios_fault_stub[]; /* 32 entries of 16 bytes */
extern const uint8_t bios_resident_image[], bios_resident_end[];

/* --- the two parts (low.c) ----------------------------------------------------------------------------- */
extern const uint32_t bios_image_bytes, bios_high_crc; /* filled in by pack.py */
extern const uint8_t low_end[];			       /* the packed part begins here */
extern const uint8_t high_image_end[], high_end[];
/* The stage 2 that runs here, as it was loaded. */
extern struct pod_bootcode bios_own;
/* What a call into real mode ends in: nothing, until guard.c has something to look at. */
extern void (*bios_after_call)(void);

static inline uint8_t bios_inb(uint16_t port)
{
	uint8_t v;
	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static inline void bios_outb(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}

/* Memory at a physical address; the compiler must not reason about objects near address 0. */
static inline uint8_t *bios_ptr(uint32_t address)
{
	__asm__("" : "+r"(address));
	return (uint8_t *)address; // NOLINT
}

static inline uint16_t bios_peek16(uint32_t address)
{
	return pod_get_le16(bios_ptr(address));
}

static inline uint32_t bios_peek32(uint32_t address)
{
	return pod_get_le32(bios_ptr(address));
}

/* A far pointer in memory, as a linear address. */
static inline uint32_t bios_far_ptr(uint32_t address)
{
	return (uint32_t)bios_peek16(address) + ((uint32_t)bios_peek16(address + 2) << 4);
}

/* --- e820.c (low), memory.c ----------------------------------------------------------------------------- */
#define BIOS_E820_MAX I13_E820_MAX
struct bios_memory {
	struct i13_e820 map[BIOS_E820_MAX];
	uint32_t count;
	bool from_e820; /* the BIOS has INT 15h AX=E820h; else the map was made up from E801h or 88h */
	uint64_t usable_bytes;
	uint32_t region_start; /* of the region that the heap lies at the end of */
	uint32_t heap_start, heap_end;
	uint32_t stack_end; /* of the stack that goes down from heap_start */
};
extern struct bios_memory bios_memory;
void bios_memory_map(void);
/* Is all of [start, end) usable? */
bool bios_memory_has(uint64_t start, uint64_t end);
/* Sets the heap up; false if there is too little. */
bool bios_memory_init(void);
extern struct pod_alloc bios_heap;
/* From the top of the heap, aligned to `align` (power of two). */
void *bios_heap_top(size_t size, size_t align);
/* struct pod_fw.take_memory, give_memory_back: below the heap, on such a boundary and with all up to the next one free, or if there is no room
 * for it, of the heap. */
#define BIOS_TAKE_ALIGN (2u << 20) /* what Linux asks of persistent memory */
uint8_t *bios_memory_take(struct pod_fw *fw, uint64_t size, uint64_t *largest);
void bios_memory_give_back(struct pod_fw *fw, uint8_t *p, uint64_t size);
/* Cuts [start, end) out of a map: what was usable there gets this type. False if the table would overflow. */
bool bios_e820_reserve(struct i13_e820 *map, uint32_t *count, uint64_t start, uint64_t end, uint32_t type);

/* --- disk.c ------------------------------------------------------------------------------------------- */
struct bios_disk {
	struct pod_dev dev;
	uint8_t drive;
	bool edd;
	uint32_t sector_shift;
	uint32_t count_max;	 /* sectors that one call is asked for */
	uint32_t heads, sectors; /* CHS, for BIOSes without EDD */
	uint64_t reach_sectors;	 /* what the BIOS can address; the drive may be larger */
};
/* A BIOS that is at the end of its numbers (CHS, or 32-bit sector numbers) does not know how large the drive is. Its partition
 * table still counts, so the size is given as this; accesses past the BIOS's reach fail, and are never tried, since
 * some BIOSes wrap around. */
#define BIOS_SIZE_UNKNOWN ((uint64_t)1 << 50)
/* False if the drive cannot be read at all. */
bool bios_disk_init(struct bios_disk *d, uint8_t drive);

/* --- console.c, video.c -------------------------------------------------------------------------------- */
void bios_console_init(struct pod_fw *fw);
void bios_serial_text(const char *s);
uint8_t bios_cp437(uint32_t cp);
uint32_t bios_cp437_to_unicode(uint8_t c);
void bios_video_init(struct pod_fw *fw); /* graphics if there is a mode we like */
void bios_video_text(void);		 /* text mode 3 */
void bios_text_put(uint32_t col, uint32_t row, uint32_t cp, uint8_t attr);

/* --- own.c: struct pod_fw.own_list, own_start --------------------------------------------------------------- */
size_t bios_own_list(struct pod_fw *fw, struct pod_own own[POD_OWN_MAX]);
enum pod_status bios_own_start(struct pod_fw *fw, uint32_t id, char *msg, size_t msg_size);

/* --- machine.c ------------------------------------------------------------------------------------------ */
/* struct pod_fw.describe */
void bios_describe(struct pod_fw *fw, struct pod_rec_machine *m);

/* --- start.c, fault.c ---------------------------------------------------------------------------------- */
/* Lines in text mode and on the serial port, a key, and a restart. */
_Noreturn void bios_stop(const char *const *line, uint32_t lines);

/* --- guard.c ------------------------------------------------------------------------------------------- */
enum bios_stack { BIOS_STACK_REAL, BIOS_STACK_32, BIOS_STACKS };
/* From here on this stack's end is at `address`, and guarded. */
void bios_guard(enum bios_stack which, uint32_t address);
/* Stops with a message if a stack ran over; each call into real mode ends in this. */
void bios_guard_check(void);

enum pod_status bios_start(struct pod_fw *fw, struct pod_plan *plan, const char *path, char *msg, size_t msg_size);
void bios_fault_init(void);

#endif
