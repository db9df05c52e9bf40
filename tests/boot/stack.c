/* SPDX-License-Identifier: BSD-2-Clause */
/* In the place of the menu: damages a stack the way STACK (-DSTACK=...) says, and goes on. See stack.py. */
#include "boot/boot.h"
#ifdef STACK_BIOS
#include "boot/bios/bios.h"
#endif

enum {
	STACK_whole, /* nothing is wrong */
	STACK_frame, /* a function writes past its array */
	STACK_deep,  /* 32-bit BIOS code: a recursion that needs more stack than there is */
	STACK_real,  /* a BIOS call that needs more stack than there is */
};

#ifndef STACK
#define STACK STACK_whole
#endif

static __attribute__((noinline)) void fill(volatile char *to, size_t n)
{
	while (n)
		to[--n] = 0;
}

static __attribute__((noinline)) void frame(size_t n)
{
	volatile char b[32];
	fill(b, n);
}

#ifdef STACK_BIOS
static __attribute__((noinline)) uint32_t down(uint32_t levels)
{
	volatile char b[1024];
	fill(b, sizeof b);
	return levels ? down(levels - 1) + (uint8_t)b[0] : 0;
}
#endif

void pod_boot_main(struct pod_fw *fw)
{
	static const char text[] = "the stack is whole\r\n";
	frame(STACK == STACK_frame ? 96 : 32);
#ifdef STACK_BIOS
	down(STACK == STACK_deep ? 140 : 100);
	if (STACK == STACK_real)
		fill((volatile char *)bios_ptr(BIOS_REAL_STACK_END + 8), 256);
#endif
	fw->idle(fw);
	fw->serial_write(fw, text, sizeof text - 1);
	for (;;)
		fw->idle(fw);
}
