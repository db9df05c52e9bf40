/* SPDX-License-Identifier: BSD-2-Clause */
/* The BIOS port: gathers what the boot manager needs of the machine and runs it. */
#include "boot/bios/bios.h"
#include "boot/text/text.h"

#define TICKS_A_DAY 0x1800b0u

_Noreturn void bios_main(uint32_t drive);

static struct pod_fw fw;
static struct bios_disk stick;

static _Noreturn void give_up(const char *why)
{
	uint32_t col = 0;
	bios_serial_text(why);
	bios_serial_text("\r\n");
	for (; *why; why++)
		bios_text_put(col++, 24, (uint8_t)*why, 0x4f);
	struct bios_regs r = {0};
	bios_int(&r, 0x16);
	bios_reset();
}

/* BIOS ticks of 54.925 ms. They count while real-mode calls and bios_halt run with interrupts on, which is where
 * the time goes. The counter restarts at midnight. */
static uint64_t millis(struct pod_fw *f)
{
	static uint32_t last;
	static uint64_t total;
	(void)f;
	uint32_t now = bios_peek32(0x46c);
	total += now >= last ? now - last : now + (last < TICKS_A_DAY ? TICKS_A_DAY - last : 0);
	last = now;
	return (total * 14061) >> 8;
}

static void idle(struct pod_fw *f)
{
	(void)f;
	bios_halt();
}

static void reboot(struct pod_fw *f)
{
	(void)f;
	bios_reset();
}

/* APM 1.2 clause 4: connect, announce version 1.2, set all devices to "off". */
static void power_off(struct pod_fw *f)
{
	(void)f;
	struct bios_regs r = {.eax = 0x5300};
	bios_int(&r, 0x15);
	if (r.flags & BIOS_CF)
		return;
	r = (struct bios_regs){.eax = 0x5301};
	bios_int(&r, 0x15);
	r = (struct bios_regs){.eax = 0x530e, .ecx = 0x0102};
	bios_int(&r, 0x15);
	r = (struct bios_regs){.eax = 0x5307, .ebx = 1, .ecx = 3};
	bios_int(&r, 0x15);
}

/* True if this drive holds the stage 2 that runs here: its MBR names one of our length and sum. */
static bool is_ours(struct bios_disk *d)
{
	uint8_t mbr[POD_BOOTCODE_SECTOR];
	struct pod_bootcode there;
	return pod_dev_read(&d->dev, 0, mbr, sizeof mbr) == POD_OK && pod_bootcode_get(mbr, &there) &&
	       pod_bootcode_same(&there, &bios_own);
}

/* The drive the MBR came from; started by another loader, the first one that holds this very stage 2. */
static bool find_stick(uint8_t drive)
{
	if (drive >= BIOS_DRIVE_FIRST && bios_disk_init(&stick, drive) && is_ours(&stick))
		return true;
	/* All of them, as the count at 40:75 is wrong on some BIOSes; one that is not there answers at once. */
	for (uint32_t d = BIOS_DRIVE_FIRST; d <= BIOS_DRIVE_LAST; d++)
		if (bios_disk_init(&stick, (uint8_t)d) && is_ours(&stick))
			return true;
	return false;
}

static void run(void)
{
	pod_boot_main(&fw);
	bios_reset();
}

_Noreturn void bios_main(uint32_t drive)
{
	bios_guard(BIOS_STACK_REAL, BIOS_REAL_STACK_END);
	bios_guard(BIOS_STACK_32, BIOS_FIRST_STACK_END);
	bios_fault_init();
	bios_console_init(&fw);
	if (!bios_memory_init())
		give_up(PLAIN_("Isopod: not enough memory. It needs 8 MiB."));
	if (bios_peek16(0x413) < BIOS_LOW_END >> 10)
		give_up(PLAIN_("Isopod: not enough memory below 640 KiB."));
	if (!find_stick((uint8_t)drive))
		give_up(PLAIN_("Isopod: no drive that can be read holds this version. Try: isopod update"));
	fw.name = "BIOS";
	fw.firmware_bit = POD_FW_BIOS;
	fw.alloc = &bios_heap;
	fw.disk = &stick.dev;
	fw.ctx = &stick;
	fw.millis = millis;
	fw.idle = idle;
	fw.start = bios_start;
	fw.describe = bios_describe;
	fw.own_list = bios_own_list;
	fw.own_start = bios_own_start;
	fw.reboot = reboot;
	fw.power_off = power_off;
	fw.memory_bytes = bios_memory.usable_bytes;
	fw.take_memory = bios_memory_take;
	fw.give_memory_back = bios_memory_give_back;
	bios_video_init(&fw);
	/* A roomy stack just below the heap; the first one has 32 KiB. */
	bios_guard(BIOS_STACK_32, bios_memory.stack_end);
	__asm__ volatile("movl %0, %%esp\n\tcall *%1" : : "r"(bios_memory.heap_start), "r"(run) : "memory");
	__builtin_unreachable();
}
