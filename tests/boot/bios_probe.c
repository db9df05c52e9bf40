/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A boot image that asks the BIOS everything the INT 13h server answers, and prints it on the serial port as
 * "key=hex" words (see bios_probe.py). Real mode, one flat segment at 0; entered at 0:7C00 with DL = drive.
 * Built twice: with a first sector that loads the rest (floppy, hard disk) or without need of it (no emulation).
 */
#include <stdbool.h>
#include <stdint.h>

#define BUFFER 0x20000u

struct regs {
	uint32_t edi, esi, ebp, esp, ebx, edx, ecx, eax;
	uint16_t ds, es;
	uint32_t flags;
};

void probe(uint32_t drive);
void call_int(struct regs *r, uint32_t vector);

/* The first sector: reads sectors 2 to 13 of the first track behind itself if the signature there is missing. */
__asm__(".section .start, \"ax\"\n"
	"	ljmpw $0, $1f\n"
	"	.org 0x3e\n"
	"1:	xorw %ax, %ax\n	movw %ax, %ds\n	movw %ax, %es\n	movw %ax, %ss\n	movl $0x7c00, %esp\n	sti\n"
	"	movzbl %dl, %ecx\n	pushl %ecx\n"
	"	cmpl $0x50524f42, 0x7e00\n	je 3f\n"
	"	movw $0x7e00, %bx\n	movw $2, %si\n"
	"2:	movw $0x0201, %ax\n	movw %si, %cx\n	movb $0, %dh\n	movb (%esp), %dl\n	int $0x13\n	jc 4f\n"
	"	addw $512, %bx\n	incw %si\n	cmpw $14, %si\n	jb 2b\n"
	"3:	calll probe\n"
	"4:	hlt\n	jmp 4b\n"
	"	.org 510\n	.word 0xaa55\n"
	"	.long 0x50524f42\n"
	"	.text\n");

__asm__(".text\n.globl call_int\n"
	"call_int:\n"
	"	movl 4(%esp), %eax\n	movb 8(%esp), %cl\n	movb %cl, 2f + 1\n	jmp 1f\n"
	"1:	pushal\n	pushw %ds\n	pushw %es\n	movl %eax, regs_at\n"
	"	movl 0(%eax), %edi\n	movl 4(%eax), %esi\n	movl 8(%eax), %ebp\n	movl 16(%eax), %ebx\n"
	"	movl 20(%eax), %edx\n	movl 24(%eax), %ecx\n	pushw 32(%eax)\n	movw 34(%eax), %es\n"
	"	movl 28(%eax), %eax\n	popw %ds\n"
	"2:	int $0\n"
	"	pushfl\n	pushw %ds\n	pushl %eax\n	xorw %ax, %ax\n	movw %ax, %ds\n	movl regs_at, %eax\n"
	"	movl %edi, 0(%eax)\n	movl %esi, 4(%eax)\n	movl %ebp, 8(%eax)\n	movl %ebx, 16(%eax)\n"
	"	movl %edx, 20(%eax)\n	movl %ecx, 24(%eax)\n	movw %es, 34(%eax)\n"
	"	popl 28(%eax)\n	popw 32(%eax)\n	popl 36(%eax)\n	popw %es\n	popw %ds\n	popal\n	retl\n"
	".data\nregs_at: .long 0\n.text\n");

/* --- output ---------------------------------------------------------------------------------------------------- */

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
	put('=');
	for (int i = 28; i >= 0; i -= 4)
		put("0123456789abcdef"[v >> i & 15]);
	put(' ');
}

static void line(void)
{
	text("\r\n");
}

/* --- memory above the segment ------------------------------------------------------------------------------------ */

static uint8_t peek(uint32_t linear)
{
	uint8_t v;
	__asm__ volatile("movw %1, %%fs\n	movb %%fs:(%2), %0" : "=q"(v) : "r"((uint16_t)(linear >> 4)), "b"(linear & 15));
	return v;
}

static uint32_t crc;

static void crc_add(uint32_t linear, uint32_t n)
{
	static const uint32_t t[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
				       0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
				       0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
	while (n--) {
		crc ^= peek(linear++);
		crc = crc >> 4 ^ t[crc & 15];
		crc = crc >> 4 ^ t[crc & 15];
	}
}

/* --- questions ----------------------------------------------------------------------------------------------------- */

static uint8_t packet[16], answer[32];

static bool carry(const struct regs *r)
{
	return r->flags & 1;
}

static void memory(void)
{
	struct regs r = {0};
	call_int(&r, 0x12);
	word("int12", r.eax & 0xffff);
	r = (struct regs){.eax = 0x8800};
	call_int(&r, 0x15);
	word("ah88", r.eax & 0xffff);
	r = (struct regs){.eax = 0xe801};
	call_int(&r, 0x15);
	word("e801", (r.eax & 0xffff) << 16 | (r.ebx & 0xffff));
	line();
	uint32_t next = 0;
	do {
		r = (struct regs){.eax = 0xe820, .ebx = next, .ecx = 24, .edx = 0x534d4150, .edi = (uint32_t)(uintptr_t)answer};
		call_int(&r, 0x15);
		if (carry(&r) || r.eax != 0x534d4150)
			break;
		const uint32_t *e = (const uint32_t *)answer;
		text("e820 ");
		word("base_hi", e[1]);
		word("base", e[0]);
		word("len_hi", e[3]);
		word("len", e[2]);
		word("type", e[4]);
		line();
		next = r.ebx;
	} while (next);
}

/* One packet read with every register marked; says so if one comes back changed. */
static struct regs packet_read(uint32_t drive, uint32_t lba, uint32_t count, uint32_t to)
{
	uint16_t *p = (uint16_t *)packet;
	p[0] = 16, p[1] = (uint16_t)count, p[2] = (uint16_t)(to & 15), p[3] = (uint16_t)(to >> 4);
	*(uint32_t *)(packet + 8) = lba;
	*(uint32_t *)(packet + 12) = 0;
	struct regs want = {.eax = 0x42004200,
			    .edx = 0xd00d0000 | drive,
			    .ebx = 0xb00bb00b,
			    .ecx = 0xc00cc00c,
			    .esi = (uint32_t)(uintptr_t)packet,
			    .edi = 0xf00df00d,
			    .ebp = 0xe00ee00e,
			    .es = 0x1234};
	struct regs r = want;
	call_int(&r, 0x13);
	if (r.edx != want.edx || r.ebx != want.ebx || r.ecx != want.ecx || r.edi != want.edi || r.ebp != want.ebp ||
	    r.esi != want.esi || r.es != want.es || r.ds || !(r.flags & 0x200) || (r.eax & 0xffff00ff) != 0x42000000)
		text("changed=00000001 ");
	return r;
}

static void read_by_packet(uint32_t drive, uint32_t total, uint32_t unit)
{
	static const uint16_t misalign[] = {0, 2, 16, 0x200, 0x7f0, 0x8000, 1};
	uint32_t k = 0, errors = 0, n;
	crc = ~0u;
	for (uint32_t lba = 0; lba < total; lba += n) {
		uint32_t to = BUFFER + misalign[k++ % 7];
		n = 32768 / unit;
		if (n > total - lba)
			n = total - lba;
		struct regs r = packet_read(drive, lba, n, to);
		if (carry(&r) && !errors++) {
			word("error_lba", lba);
			word("error", r.eax >> 8 & 0xff);
		}
		crc_add(to, n * unit);
	}
	word("errors", errors);
	word("crc", ~crc);
	line();
	struct regs r = packet_read(drive, total, 1, BUFFER);
	word("past", (carry(&r) ? 0x10000 : 0) | (r.eax & 0xff00) | packet[2]);
	r = packet_read(drive, total - 1, 2, BUFFER);
	word("over", (carry(&r) ? 0x10000 : 0) | (r.eax & 0xff00) | packet[2]);
	line();
}

static void read_by_chs(uint32_t drive, uint32_t cylinders, uint32_t heads, uint32_t sectors)
{
	struct regs r = {0};
	uint32_t tracks = 0;
	crc = ~0u;
	for (uint32_t c = 0; c < cylinders; c++)
		for (uint32_t h = 0; h < heads; h++, tracks++) {
			r = (struct regs){.eax = 0x0200 | sectors,
					  .ebx = 0x10,
					  .es = BUFFER >> 4,
					  .edx = h << 8 | drive,
					  .ecx = (c & 255) << 8 | (c >> 2 & 0xc0) | 1};
			call_int(&r, 0x13);
			if (carry(&r))
				goto out;
			crc_add(BUFFER + 0x10, sectors * 512);
		}
out:
	word("tracks", tracks);
	word("chs_crc", ~crc);
	r = (struct regs){.eax = 0x0301, .ebx = 0x10, .es = BUFFER >> 4, .ecx = 1, .edx = drive};
	call_int(&r, 0x13);
	word("write", (carry(&r) ? 0x10000 : 0) | (r.eax & 0xff00));
	line();
}

void probe(uint32_t drive)
{
	line();
	text("probe ");
	word("drive", drive);
	memory();
	struct regs r = {.eax = 0x4b01, .edx = drive, .esi = (uint32_t)(uintptr_t)answer};
	call_int(&r, 0x13);
	word("4b01", carry(&r) ? ~0u : (uint32_t)answer[0] << 16 | (uint32_t)answer[1] << 8 | answer[2]);
	word("disks", peek(0x475));
	line();
	r = (struct regs){.eax = 0x0800, .edx = drive};
	call_int(&r, 0x13);
	bool chs = !carry(&r);
	uint32_t sectors = r.ecx & 63, heads = (r.edx >> 8 & 255) + 1, cyl = ((r.ecx >> 8 & 255) | (r.ecx << 2 & 0x300)) + 1;
	if (chs) {
		word("cylinders", cyl);
		word("heads", heads);
		word("sectors", sectors);
	}
	r = (struct regs){.eax = 0x4100, .ebx = 0x55aa, .edx = drive};
	call_int(&r, 0x13);
	if (!carry(&r)) {
		answer[0] = 30, answer[1] = 0;
		r = (struct regs){.eax = 0x4800, .edx = drive, .esi = (uint32_t)(uintptr_t)answer};
		call_int(&r, 0x13);
		uint32_t total = *(uint32_t *)(answer + 16), unit = *(uint16_t *)(answer + 24);
		word("total", total);
		word("unit", unit);
		line();
		read_by_packet(drive, total, unit);
	}
	if (chs)
		read_by_chs(drive, cyl, heads, sectors);
	/* The stick itself stays reachable: at 80h, or at 81h behind an emulated disk. */
	r = packet_read(drive == 0x80 ? 0x81 : 0x80, 0, 1, BUFFER);
	word("stick", carry(&r) ? 0 : (uint32_t)peek(BUFFER + 510) << 8 | peek(BUFFER + 511));
	line();
	text("probe end\r\n");
}
