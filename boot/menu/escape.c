/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a terminal sends for its keys: ESC and more (VT100 SS3 and CSI forms, xterm and Linux variants). It arrives as bytes of a
 * serial port, or, where the firmware reads the port and does not know a sequence, as one keystroke for each character of it.
 * Both go through here, so that no part of a sequence is taken for a key of its own: ESC opens a page, and digits answer it.
 */
#include "boot/menu/menu.h"

struct csi_key {
	uint8_t number;
	uint32_t key;
};

static const struct csi_key tilde_key[] = {
	{1, POD_KEY_HOME}, {2, POD_KEY_NONE}, {3, POD_KEY_DEL},	 {4, POD_KEY_END},  {5, POD_KEY_PGUP},
	{6, POD_KEY_PGDN}, {7, POD_KEY_HOME}, {8, POD_KEY_END},	 {11, POD_KEY_F1},  {12, POD_KEY_F2},
	{13, POD_KEY_F3},  {14, POD_KEY_F4},  {15, POD_KEY_F5},	 {17, POD_KEY_F6},  {18, POD_KEY_F7},
	{19, POD_KEY_F8},  {20, POD_KEY_F9},  {21, POD_KEY_F10}, {23, POD_KEY_F11}, {24, POD_KEY_F12},
};

static uint32_t letter_key(uint8_t c)
{
	switch (c) {
	case 'A':
		return POD_KEY_UP;
	case 'B':
		return POD_KEY_DOWN;
	case 'C':
		return POD_KEY_RIGHT;
	case 'D':
		return POD_KEY_LEFT;
	case 'H':
		return POD_KEY_HOME;
	case 'F':
		return POD_KEY_END;
	case 'P':
		return POD_KEY_F1;
	case 'Q':
		return POD_KEY_F2;
	case 'R':
		return POD_KEY_F3;
	case 'S':
		return POD_KEY_F4;
	default:
		return POD_KEY_NONE;
	}
}

/* A finished sequence (after ESC) to a key; unknown ones are swallowed. */
static uint32_t sequence_key(const uint8_t *p, uint32_t n)
{
	uint8_t last = p[n - 1];
	if (p[0] == 'O' || n == 2)
		return letter_key(last);
	if (p[1] == '[') /* the Linux console: ESC [ [ A .. E are F1 .. F5 */
		return last >= 'A' && last <= 'E' ? POD_KEY_F1 + (uint32_t)(last - 'A') : POD_KEY_NONE;
	uint32_t number = 0;
	for (uint32_t i = 1; i < n && p[i] >= '0' && p[i] <= '9'; i++)
		number = number * 10 + (uint32_t)(p[i] - '0');
	if (last != '~')
		return letter_key(last);
	for (size_t i = 0; i < POD_ARRAY_LEN(tilde_key); i++)
		if (tilde_key[i].number == number)
			return tilde_key[i].key;
	return POD_KEY_NONE;
}

static bool sequence_done(const struct menu_escape *e)
{
	uint8_t last = e->seq[e->len - 1];
	if (e->len == 1)
		return last != '[' && last != 'O';
	if (e->len == 2 && e->seq[0] == '[' && last == '[')
		return false;
	return last >= 0x40 || e->len == sizeof e->seq;
}

static void end(struct menu_escape *e)
{
	e->len = 0;
	e->since = 0;
}

uint32_t escape_key(struct menu_escape *e, uint32_t key, uint64_t now)
{
	if (!e->since) {
		if (key != POD_KEY_ESC)
			return key;
		e->since = now + 1; /* 0 means no sequence */
		return POD_KEY_NONE;
	}
	bool first = !e->len;
	if (key == POD_KEY_ESC) { /* the first was the key itself, or the head of a sequence that was cut off */
		end(e);
		e->since = now + 1;
		return first ? (uint32_t)POD_KEY_ESC : (uint32_t)POD_KEY_NONE;
	}
	if (key < 0x20 || key >= 0x7f) { /* never part of a sequence */
		end(e);
		if (!first)
			return key;
		e->pending = key;
		return POD_KEY_ESC;
	}
	e->seq[e->len++] = (uint8_t)key;
	e->since = now + 1; /* the next one has as long */
	if (!sequence_done(e))
		return POD_KEY_NONE;
	uint32_t n = e->len;
	end(e);
	if (n > 1)
		return sequence_key(e->seq, n);
	e->pending = key; /* ESC and an ordinary key (Alt): both count */
	return POD_KEY_ESC;
}

uint32_t escape_wait(struct menu_escape *e, uint64_t now, uint32_t limit_ms)
{
	uint32_t k = e->pending;
	e->pending = POD_KEY_NONE;
	if (k != POD_KEY_NONE || !e->since || now + 1 - e->since <= limit_ms)
		return k;
	bool lone = !e->len;
	end(e);
	return lone ? (uint32_t)POD_KEY_ESC : (uint32_t)POD_KEY_NONE;
}
