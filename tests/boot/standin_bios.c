/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stands in for Windows' bootmgr on a BIOS: entered at 2000:0000 with the partition's boot sector at 7C00h and the drive in DL. Says
 * the disk's signature, whether that sector is the drive's own, and the CRC-32 of the partition's first SECTORS sectors as INT 13h
 * reads them, and that of the program itself in memory, which goes over segments' ends. See windows_cases.py.
 */
#include <stdint.h>

#define SECTORS 8192u
#define SIZE	(200u * 1024u) /* of the whole program: noise follows the code */
#define CODE	8192u	       /* code, data and stack, which change, are below this */
#define BUFFER	0x1000u	       /* segment */

void standin(uint32_t drive);

__asm__(".section .start, \"ax\"\n"
	"	movw %cs, %ax\n	movw %ax, %ds\n	movw %ax, %es\n	movw %ax, %ss\n	movl $0x2000, %esp\n	sti\n"
	"	movzbl %dl, %ecx\n	pushl %ecx\n	calll standin\n"
	"1:	hlt\n	jmp 1b\n"
	"	.text\n");

static uint8_t packet[16];

static uint8_t peek(uint32_t segment, uint32_t off)
{
	uint8_t v;
	__asm__ volatile("movw %w1, %%fs\n	movb %%fs:(%2), %0" : "=q"(v) : "r"(segment), "b"(off));
	return v;
}

static uint32_t peek32(uint32_t segment, uint32_t off)
{
	uint32_t v = 0;
	for (int i = 3; i >= 0; i--)
		v = v << 8 | peek(segment, off + (uint32_t)i);
	return v;
}

static void put(char c)
{
	uint8_t lsr;
	do /* NOLINT(bugprone-infinite-loop): the assembler writes lsr */
		__asm__ volatile("inb %1, %0" : "=a"(lsr) : "Nd"((uint16_t)0x3fd));
	while (!(lsr & 0x20));
	__asm__ volatile("outb %0, %1" : : "a"(c), "Nd"((uint16_t)0x3f8));
}

static void text(const char *s)
{
	while (*s)
		put(*s++);
}

static void word(const char *key, uint32_t v)
{
	text(key);
	for (int i = 28; i >= 0; i -= 4)
		put("0123456789abcdef"[v >> i & 15]);
	put(' ');
}

/* Up to 64 sectors to BUFFER:0; the carry. */
static uint32_t read(uint32_t drive, uint32_t lba, uint32_t count)
{
	uint32_t ax = 0x4200, carry = 0;
	packet[0] = 16;
	packet[2] = (uint8_t)count;
	packet[6] = (uint8_t)BUFFER;
	packet[7] = (uint8_t)(BUFFER >> 8);
	for (int i = 0; i < 4; i++)
		packet[8 + i] = (uint8_t)(lba >> 8 * i);
	__asm__ volatile("int $0x13\n	sbbl %1, %1" : "+a"(ax), "+r"(carry) : "d"(drive), "S"(packet) : "memory", "cc");
	return carry;
}

static uint32_t crc_add(uint32_t crc, uint8_t v)
{
	crc ^= v;
	for (int k = 0; k < 8; k++)
		crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	return crc;
}

void standin(uint32_t drive)
{
	uint32_t crc = ~0u, failed = read(drive, 0, 1), same = 1, start = peek32(0, 0x7c00 + 28);
	uint32_t signature = peek32(BUFFER, 440);
	for (uint32_t lba = 0; lba < SECTORS; lba += 64) {
		failed |= read(drive, start + lba, 64);
		for (uint32_t i = 0; i < 512 && !lba; i++)
			same &= peek(0, 0x7c00 + i) == peek(BUFFER, i);
		for (uint32_t i = 0; i < 64 * 512; i++)
			crc = crc_add(crc, peek(BUFFER, i));
	}
	uint32_t self = ~0u;
	for (uint32_t i = CODE; i < SIZE; i++)
		self = crc_add(self, peek(0x2000 + (i >> 4), i & 15));
	word("\r\npupa, started as Windows is: signature=", signature);
	word("same=", same);
	word("failed=", failed);
	word("self=", ~self);
	word("crc=", ~crc);
	text("that is all\r\n");
}
