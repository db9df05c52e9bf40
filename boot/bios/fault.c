/* SPDX-License-Identifier: BSD-2-Clause */
/* Processor exceptions in stage 2: a line of registers on screen and serial port instead of a silent restart. */
#include "boot/bios/bios.h"
#include "boot/text/text.h"

struct fault_frame {
	uint32_t cr2, edi, esi, ebp, esp, ebx, edx, ecx, eax, vector, error, eip, cs, eflags;
};

_Noreturn void bios_fault(const struct fault_frame *f);

static uint8_t idt[32 * 8];
static struct {
	uint16_t pad, limit;
	uint32_t base;
} idt_pointer;

void bios_fault_init(void)
{
	for (uint32_t i = 0; i < 32; i++) {
		uint32_t at = (uint32_t)(uintptr_t)bios_fault_stub + i * 16;
		pod_put_le16(idt + 8 * i, (uint16_t)at);
		pod_put_le16(idt + 8 * i + 2, 0x08);
		pod_put_le16(idt + 8 * i + 4, 0x8e00); /* present, 32-bit interrupt gate */
		pod_put_le16(idt + 8 * i + 6, (uint16_t)(at >> 16));
	}
	idt_pointer.limit = sizeof idt - 1;
	idt_pointer.base = (uint32_t)(uintptr_t)idt;
	__asm__ volatile("lidt %0" : : "m"(idt_pointer.limit));
}

static void show(uint32_t row, const char *s)
{
	bios_serial_text(s);
	bios_serial_text("\r\n");
	for (uint32_t col = 0; *s; s++, col++)
		bios_text_put(col, row, (uint8_t)*s, 0x4f);
}

_Noreturn void bios_stop(const char *const *line, uint32_t lines)
{
	bios_video_text();
	for (uint32_t i = 0; i < lines; i++)
		show(i, line[i]);
	show(lines, PLAIN_("Press a key to restart."));
	struct bios_regs r = {0};
	bios_int(&r, 0x16);
	bios_reset();
}

/* Called from the stubs. Uses no more of the program than it must: what failed may be anything. */
_Noreturn void bios_fault(const struct fault_frame *f)
{
	static bool again;
	static char text[4][100];
	const uint32_t *stack = (const uint32_t *)(const void *)(f + 1);
	if (again)
		bios_reset();
	again = true;
	pod_snprintf(text[0], sizeof text[0], PLAIN_("Isopod stopped: exception %u (error %x) at %08x, flags %08x"), f->vector,
		     f->error, f->eip, f->eflags);
	pod_snprintf(text[1], sizeof text[1], PLAIN_("eax %08x ebx %08x ecx %08x edx %08x"), f->eax, f->ebx, f->ecx, f->edx);
	pod_snprintf(text[2], sizeof text[2], PLAIN_("esi %08x edi %08x ebp %08x esp %08x cr2 %08x"), f->esi, f->edi, f->ebp,
		     f->esp, f->cr2);
	pod_snprintf(text[3], sizeof text[3], PLAIN_("stack %08x %08x %08x %08x %08x %08x"), stack[0], stack[1], stack[2],
		     stack[3], stack[4], stack[5]);
	bios_stop((const char *const[]){text[0], text[1], text[2], text[3]}, 4);
}
