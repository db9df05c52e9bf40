/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VGA text, keyboard (INT 16h) and the first serial port (16550). Code page 437 is what VGA text and the
 * keyboard speak.
 */
#include "boot/bios/bios.h"

#define TEXT_MEMORY  0xb8000u
#define TEXT_COLUMNS 80u
#define TEXT_ROWS    25u

/* Upper half of code page 437 in Unicode. */
static const uint16_t cp437_high[128] = {
	0x00c7, 0x00fc, 0x00e9, 0x00e2, 0x00e4, 0x00e0, 0x00e5, 0x00e7, 0x00ea, 0x00eb, 0x00e8, 0x00ef, 0x00ee, 0x00ec, 0x00c4,
	0x00c5, 0x00c9, 0x00e6, 0x00c6, 0x00f4, 0x00f6, 0x00f2, 0x00fb, 0x00f9, 0x00ff, 0x00d6, 0x00dc, 0x00a2, 0x00a3, 0x00a5,
	0x20a7, 0x0192, 0x00e1, 0x00ed, 0x00f3, 0x00fa, 0x00f1, 0x00d1, 0x00aa, 0x00ba, 0x00bf, 0x2310, 0x00ac, 0x00bd, 0x00bc,
	0x00a1, 0x00ab, 0x00bb, 0x2591, 0x2592, 0x2593, 0x2502, 0x2524, 0x2561, 0x2562, 0x2556, 0x2555, 0x2563, 0x2551, 0x2557,
	0x255d, 0x255c, 0x255b, 0x2510, 0x2514, 0x2534, 0x252c, 0x251c, 0x2500, 0x253c, 0x255e, 0x255f, 0x255a, 0x2554, 0x2569,
	0x2566, 0x2560, 0x2550, 0x256c, 0x2567, 0x2568, 0x2564, 0x2565, 0x2559, 0x2558, 0x2552, 0x2553, 0x256b, 0x256a, 0x2518,
	0x250c, 0x2588, 0x2584, 0x258c, 0x2590, 0x2580, 0x03b1, 0x00df, 0x0393, 0x03c0, 0x03a3, 0x03c3, 0x00b5, 0x03c4, 0x03a6,
	0x0398, 0x03a9, 0x03b4, 0x221e, 0x03c6, 0x03b5, 0x2229, 0x2261, 0x00b1, 0x2265, 0x2264, 0x2320, 0x2321, 0x00f7, 0x2248,
	0x00b0, 0x2219, 0x00b7, 0x221a, 0x207f, 0x00b2, 0x25a0, 0x00a0,
};

/* What is not in the code page but has a fair likeness: pairs of code point and character. */
static const uint16_t likeness[][2] = {
	{0x2013, '-'},	{0x2014, '-'},	{0x2018, '\''}, {0x2019, '\''}, {0x201c, '"'},	{0x201d, '"'},	{0x2022, 0xf9},
	{0x2026, 0xfa}, {0x2190, 0x1b}, {0x2191, 0x18}, {0x2192, 0x1a}, {0x2193, 0x19}, {0x25b2, 0x1e}, {0x25b6, 0x10},
	{0x25b8, 0x10}, {0x25ba, 0x10}, {0x25bc, 0x1f}, {0x25c0, 0x11}, {0x25cf, 0x07}, {0x2713, 0xfb}, {0x23ce, 0x11},
	{0x256d, 0xda}, {0x256e, 0xbf}, {0x256f, 0xd9}, {0x2570, 0xc0},
};

uint8_t bios_cp437(uint32_t cp)
{
	if (cp < 0x20)
		return ' ';
	if (cp < 0x7f)
		return (uint8_t)cp;
	for (uint32_t i = 0; i < POD_ARRAY_LEN(cp437_high); i++)
		if (cp437_high[i] == cp)
			return (uint8_t)(i + 128);
	for (uint32_t i = 0; i < POD_ARRAY_LEN(likeness); i++)
		if (likeness[i][0] == cp)
			return (uint8_t)likeness[i][1];
	return '?';
}

uint32_t bios_cp437_to_unicode(uint8_t c)
{
	return c < 128 ? c : cp437_high[c - 128];
}

void bios_text_put(uint32_t col, uint32_t row, uint32_t cp, uint8_t attr)
{
	if (col >= TEXT_COLUMNS || row >= TEXT_ROWS)
		return;
	uint8_t *cell = bios_ptr(TEXT_MEMORY + 2 * (row * TEXT_COLUMNS + col));
	cell[0] = bios_cp437(cp);
	cell[1] = attr;
}

static void text_put(struct pod_fw *fw, uint32_t col, uint32_t row, uint32_t cp, uint8_t attr)
{
	(void)fw;
	bios_text_put(col, row, cp, attr);
}

static bool text_has(struct pod_fw *fw, uint32_t cp)
{
	(void)fw;
	return cp == '?' || bios_cp437(cp) != '?';
}

/* --- keyboard ------------------------------------------------------------------------------------------ */

static uint32_t key_of_scan_code(uint8_t scan)
{
	switch (scan) {
	case 0x48:
		return POD_KEY_UP;
	case 0x50:
		return POD_KEY_DOWN;
	case 0x4b:
		return POD_KEY_LEFT;
	case 0x4d:
		return POD_KEY_RIGHT;
	case 0x49:
		return POD_KEY_PGUP;
	case 0x51:
		return POD_KEY_PGDN;
	case 0x47:
		return POD_KEY_HOME;
	case 0x4f:
		return POD_KEY_END;
	case 0x53:
		return POD_KEY_DEL;
	case 0x0f: /* shift and tab */
		return POD_KEY_TAB;
	case 0x85:
	case 0x86:
		return POD_KEY_F11 + (scan - 0x85u);
	default:
		return scan >= 0x3b && scan <= 0x44 ? POD_KEY_F1 + (scan - 0x3bu) : POD_KEY_NONE;
	}
}

static uint32_t get_key(struct pod_fw *fw)
{
	(void)fw;
	struct bios_regs r = {.eax = 0x1100};
	bios_int(&r, 0x16);
	if (r.flags & BIOS_ZF)
		return POD_KEY_NONE;
	r = (struct bios_regs){.eax = 0x1000};
	bios_int(&r, 0x16);
	uint8_t c = (uint8_t)r.eax, scan = (uint8_t)(r.eax >> 8);
	/* Grey keys come as E0h with their scan code; the keypad's Enter and slash as their character with scan code E0h. */
	if (c == 0 || (c == 0xe0 && scan))
		return key_of_scan_code(scan);
	if (c == '\n')
		return POD_KEY_ENTER;
	return bios_cp437_to_unicode(c);
}

/* --- serial port --------------------------------------------------------------------------------------- */

static struct {
	uint16_t port; /* 0: none */
} serial;

enum { UART_DATA = 0, UART_IER = 1, UART_FCR = 2, UART_LCR = 3, UART_MCR = 4, UART_LSR = 5, UART_SCRATCH = 7 };

static bool scratch_holds(uint16_t port, uint8_t v)
{
	bios_outb((uint16_t)(port + UART_SCRATCH), v);
	return bios_inb((uint16_t)(port + UART_SCRATCH)) == v;
}

static void serial_init(void)
{
	uint16_t port = bios_peek16(0x400);
	if (!port)
		port = 0x3f8;
	if (!scratch_holds(port, 0x5a) || !scratch_holds(port, 0xa5) || bios_inb((uint16_t)(port + UART_LSR)) == 0xff)
		return;
	bios_outb((uint16_t)(port + UART_IER), 0);
	bios_outb((uint16_t)(port + UART_LCR), 0x80);
	bios_outb((uint16_t)(port + UART_DATA), 1); /* 115200 */
	bios_outb((uint16_t)(port + UART_IER), 0);
	bios_outb((uint16_t)(port + UART_LCR), 0x03); /* 8n1 */
	bios_outb((uint16_t)(port + UART_FCR), 0x07);
	bios_outb((uint16_t)(port + UART_MCR), 0x03);
	serial.port = port;
}

static void serial_write(struct pod_fw *fw, const char *s, size_t len)
{
	(void)fw;
	while (serial.port && len--) {
		/* Some 90 us a character; a port that stays busy for a second is not there. */
		for (uint32_t i = 0; !(bios_inb((uint16_t)(serial.port + UART_LSR)) & 0x20); i++)
			if (i == 1000000) {
				serial.port = 0;
				return;
			}
		bios_outb((uint16_t)(serial.port + UART_DATA), (uint8_t)*s++);
	}
}

static int serial_read(struct pod_fw *fw)
{
	(void)fw;
	if (!serial.port || !(bios_inb((uint16_t)(serial.port + UART_LSR)) & 1))
		return -1;
	return bios_inb((uint16_t)(serial.port + UART_DATA));
}

void bios_serial_text(const char *s)
{
	serial_write(NULL, s, pod_strlen(s));
}

void bios_console_init(struct pod_fw *fw)
{
	serial_init();
	fw->text_cols = TEXT_COLUMNS;
	fw->text_rows = TEXT_ROWS;
	fw->text_put = text_put;
	fw->text_has = text_has;
	fw->get_key = get_key;
	if (serial.port) {
		fw->serial_write = serial_write;
		fw->serial_read = serial_read;
	}
}
