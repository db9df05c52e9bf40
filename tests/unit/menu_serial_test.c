/* SPDX-License-Identifier: BSD-2-Clause */
/* The menu on a serial terminal: what is sent shows the same as the screen, and what is typed there counts. */
#include "tests/unit/menu_looks.h"
#include "boot/menu/screen.h"

/* What a VT100 of 80 x 24 would show after these bytes (CUP, ED, SGR and printable UTF-8 only). */
static const char *terminal(const char *bytes, size_t len)
{
	static uint32_t cell[24][80];
	static char out[24 * 80 * 4 + 64];
	unsigned row = 0, col = 0;
	for (const char *p = bytes, *end = bytes + len; p < end;) {
		if (*p == 27) {
			unsigned a[4] = {0}, n = 0;
			for (p += 2; p < end && ((*p >= '0' && *p <= '9') || *p == ';'); p++)
				if (*p == ';')
					n++;
				else
					a[n & 3] = a[n & 3] * 10 + (unsigned)(*p - '0');
			if (*p == 'H') {
				row = a[0] ? a[0] - 1 : 0;
				col = a[1] ? a[1] - 1 : 0;
			} else if (*p == 'J') {
				memset(cell, 0, sizeof cell);
			}
			p++;
			continue;
		}
		uint32_t cp = pod_utf8_next(&p, (size_t)(end - p));
		if (cp == '\r')
			col = 0;
		else if (cp == '\n')
			row++;
		else if (row < 24 && col < 80) {
			cell[row][col++] = cp;
			if (cell_width(cp) == 2 && col < 80)
				cell[row][col++] = 0xffffffff;
		}
	}
	size_t at = 0;
	for (row = 0; row < 24; row++) {
		for (col = 0; col < 80; col++)
			if (cell[row][col] != 0xffffffff)
				at += pod_utf8_put(out + at, cell[row][col] ? cell[row][col] : ' ');
		while (at && out[at - 1] == ' ')
			at--;
		out[at++] = '\n';
	}
	out[at] = 0;
	return out;
}

/* A shot of the text console has a blank for the second half of a wide character; a terminal has none. */
static const char *without_second_halves(const char *text)
{
	static char out[sizeof shot[0]];
	size_t at = 0;
	for (const char *p = text, *end = text + strlen(text); p < end;) {
		uint32_t cp = pod_utf8_next(&p, (size_t)(end - p));
		at += pod_utf8_put(out + at, cp);
		if (cell_width(cp) == 2 && *p == ' ')
			p++;
	}
	out[at] = 0;
	return out;
}

TEST(the_serial_terminal_shows_the_same)
{
	small_stick(NULL);
	fake_init(&fake, &stick, 80, 24);
	RUN(SHOT(0), POD_KEY_DOWN, POD_KEY_DOWN, POD_KEY_UP, POD_KEY_F4, SHOT(1), POD_KEY_DOWN, POD_KEY_ENTER, SHOT(2));
	const char *t = terminal(serial_shot[0], strlen(serial_shot[0]));
	CHECK(strstr(t, "Isopod "));
	CHECK(strstr(t, "4 images"));
	CHECK(strstr(t, "> debian-9.ISO"));
	CHECK(strstr(t, "启动修复 工具.iso"));
	CHECK(strstr(t, "/Images/更多"));
	/* the marker is one piece of bytes */
	CHECK(strstr(serial_shot[0], "Isopod "));
	HAS(1, "更 多 /");
	HAS(2, "debian-12.iso: nothing in it starts on UEFI x64");
	for (unsigned i = 0; i < 3; i++)
		CHECK_STR(terminal(fake.serial, serial_to[i]), without_second_halves(shot[i]));
	stick_free(&stick);
}

TEST(only_changes_are_sent)
{
	small_stick(NULL);
	RUN(SHOT(0), POD_KEY_DOWN, SHOT(1), POD_KEY_UP, SHOT(2), POD_KEY_CTRL('L'), SHOT(3));
	CHECK(strlen(serial_shot[1]) > 0 && strlen(serial_shot[1]) < 400);
	CHECK(strlen(serial_shot[3]) > 1.2 * strlen(serial_shot[1]));
	CHECK(strstr(serial_shot[3], "\x1b[2J"));
	CHECK(!strstr(serial_shot[1], "\x1b[2J"));
	/* after the changes the terminal equals one that was painted afresh */
	static char mirrored[24 * 80 * 4];
	size_t upto = (size_t)(strstr(fake.serial + 10, "\x1b[2J") - fake.serial);
	snprintf(mirrored, sizeof mirrored, "%s", terminal(fake.serial, upto));
	CHECK_STR(mirrored, terminal(serial_shot[3], strlen(serial_shot[3])));
	stick_free(&stick);
}

TEST(serial_keys)
{
	static const char *const f2[] = {"\x1bOQ", "\x1b[12~", "\x1b[[B"};
	for (size_t i = 0; i < POD_ARRAY_LEN(f2); i++) {
		small_stick(NULL);
		uint32_t script[16];
		size_t n = 0;
		for (const char *p = f2[i]; *p; p++)
			script[n++] = SERIAL_BYTE(*p);
		script[n++] = SHOT(0);
		memset(shot, 0, sizeof shot);
		fake_run(&fake, script, n, keep);
		HAS(0, "81920 bytes");
		stick_free(&stick);
	}
	small_stick(NULL);
	/* arrows, a lone ESC, UTF-8 */
	RUN(SERIAL_BYTE(27), SERIAL_BYTE('['), SERIAL_BYTE('B'), SHOT(0), SERIAL_BYTE(27), WAIT(600), SHOT(1), SERIAL_BYTE(27),
	    WAIT(600), SERIAL_BYTE(0xe5), SERIAL_BYTE(0xb7), SERIAL_BYTE(0xa5), SHOT(2), SERIAL_BYTE(0x7f), SHOT(3),
	    SERIAL_BYTE('\r'), SHOT(4), ' ');
	HAS(0, "> debian-12.iso");
	HAS(1, "What next?");
	HAS(2, "1 found");
	HAS(3, "All images");
	HAS(4, "nothing in it starts");
	stick_free(&stick);
}

/* What PuTTY, screen, minicom and a BMC's console send: sequences that some of them and some firmware do not know. */
static const struct {
	const char *bytes; /* behind ESC */
	const char *seen;
} sequence[] = {
	{"[11~", "Isopod starts the images"},
	{"OP", "Isopod starts the images"},
	{"[12~", "81920 bytes"},
	{"[15~", "The last start"},
	{"[13~", "> debian-9.ISO"},
	{"[24~", "4 images"},
	{"[3~", "4 images"},
	{"[1;5C", "4 images"},
	{"[200~", "4 images"},
	{"[[E", "The last start"},
};

/* In one piece, and in pieces: bytes and keystrokes 200 ms apart, as over a network. */
TEST(a_sequence_is_one_key_however_it_comes)
{
	for (size_t i = 0; i < POD_ARRAY_LEN(sequence); i++) {
		for (unsigned how = 0; how < 4; how++) {
			uint32_t script[40];
			size_t n = 0;
			bool serial = how & 1, slow = how & 2;
			small_stick(NULL);
			fake.fw.terminal_keys = true;
			script[n++] = serial ? SERIAL_BYTE(27) : PART(27);
			for (const char *p = sequence[i].bytes; *p; p++) {
				if (slow)
					script[n++] = WAIT(200);
				script[n++] = serial ? SERIAL_BYTE(*p) : PART(*p);
			}
			script[n++] = WAIT(700);
			script[n++] = SHOT(0);
			memset(shot, 0, sizeof shot);
			fake_run(&fake, script, n, keep);
			if (i != 5 && i != 4) /* Chinese; a key without a meaning */
				HAS(0, sequence[i].seen);
			LACKS(0, "What next?");
			CHECK_EQ(fake.reboots, 0);
			stick_free(&stick);
		}
	}
}

/* Torn apart by more than the limit, ESC is a key of its own, and what follows must still do nothing that cannot be taken back. */
TEST(a_sequence_that_was_torn_apart_restarts_nothing)
{
	small_stick(NULL);
	fake.fw.terminal_keys = true;
	RUN(PART(27), WAIT(900), PART('['), PART('2'), PART('1'), PART('~'), WAIT(900), SHOT(0));
	HAS(0, "What next?");
	CHECK_EQ(fake.reboots, 0);
	stick_free(&stick);
}

TEST(esc_at_a_keyboard_is_quick)
{
	small_stick(NULL);
	RUN(PART(27), WAIT(60), SHOT(0), POD_KEY_ESC, PART(27), PART('x'), SHOT(1));
	HAS(0, "What next?");
	stick_free(&stick);
	/* with a terminal at the other end it waits for the rest */
	small_stick(NULL);
	fake.fw.terminal_keys = true;
	RUN(PART(27), WAIT(300), SHOT(2), WAIT(300), SHOT(3));
	LACKS(2, "What next?");
	HAS(3, "What next?");
	stick_free(&stick);
}
