/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the resident server does when a loader asks for a key (INT 16h AH=00h, 01h, 10h, 11h): then it waits, no disk request is on its
 * way, and the flight recorder may be written, as a timer does on UEFI. From a timer's tick it may not: the BIOS cannot be entered twice.
 * So the record goes on while nothing is read, and what stands on the text screen is kept, or, in a graphics mode, what was printed
 * there by INT 10h AH=0Eh.
 */
#include "boot/bios/int13.h"
#include "boot/text/text.h"
#include "core/base/bytes.h"

#define BDA_VIDEO_MODE 0x449u
#define BDA_COLUMNS    0x44au
#define BDA_PAGE_START 0x44eu
#define BDA_ROWS       0x484u /* less one */
#define COLUMNS_MAX    132u
#define ROWS_MAX       60u

#define LOOK_EVERY	9u	/* ticks of 55 ms */
#define QUIET_FIRST	18u	/* a second */
#define QUIET_LAST	1165u	/* 64 s */
#define SCREENS_MAX	32u	/* written in one start */
#define SCREEN_UNTIL_MS 300000u /* of the loader's life: by then it is no loader, and the screen is its user's */
#define SCREEN_LEN	0x1c
#define SCREEN_TEXT	0x20

static struct {
	uint32_t looked, quiet; /* ticks */
	uint32_t reads;		/* when the record was last written from here */
	uint32_t seen, noted;	/* what the screen held when it was looked at, and when it was written */
	uint32_t screens;
	bool pinned; /* it told of an error: only another error takes its place */
	uint8_t sector[POD_REC_SECTOR];
} idle;

static uint32_t linear_of(uint32_t mode)
{
	uint8_t start[2];
	i13_get(start, BDA_PAGE_START, sizeof start);
	return (mode == 7 ? 0xb0000u : 0xb8000u) + pod_get_le16(start);
}

/* Frames and controls count as blanks, blanks in a row as one, at the end as none. */
static uint32_t squeeze(uint8_t *to, const uint8_t *from, uint32_t n, uint32_t step)
{
	uint32_t len = 0;
	bool blank = false;
	for (uint32_t i = 0; i < n; i++) {
		uint8_t c = from[i * step];
		if (c <= ' ' || c > '~') {
			blank = len != 0;
			continue;
		}
		if (blank)
			to[len++] = ' ';
		blank = false;
		to[len++] = c;
	}
	return len;
}

/* Puts a line in front of what is at `at`; false if there is no room for it. */
static bool put_in_front(uint32_t *at, const uint8_t *line, uint32_t n)
{
	if (n + 1 > *at)
		return false;
	idle.sector[SCREEN_TEXT + --*at] = '\n';
	*at -= n;
	for (uint32_t i = 0; i < n; i++)
		idle.sector[SCREEN_TEXT + *at + i] = line[i];
	return true;
}

/* The lowest rows of the screen, as many as there is room for. Returns where in the field they begin. */
static uint32_t read_text_screen(uint32_t mode)
{
	uint8_t cells[2 * COLUMNS_MAX], columns[2], rows;
	uint32_t at = POD_REC_SCREEN_MAX;
	i13_get(columns, BDA_COLUMNS, sizeof columns);
	i13_get(&rows, BDA_ROWS, 1);
	uint32_t width = pod_get_le16(columns), row = rows ? rows + 1u : 25;
	if (!width || width > COLUMNS_MAX || row > ROWS_MAX)
		return at;
	while (row--) {
		i13_get(cells, linear_of(mode) + row * width * 2, width * 2);
		uint32_t n = squeeze(cells, cells, width, 2);
		if (n && !put_in_front(&at, cells, n))
			break;
	}
	return at;
}

static uint32_t read_teletype(void)
{
	uint8_t line[COLUMNS_MAX] = {0};
	uint32_t at = POD_REC_SCREEN_MAX, n = 0;
	for (uint32_t i = 0; i < sizeof i13_tty; i++) { /* backwards */
		uint8_t c = i13_tty[(i13_tty_at - 1 - i) % sizeof i13_tty];
		bool ends = c == '\r' || c == '\n' || !c;
		if (!ends && n < sizeof line) {
			line[sizeof line - ++n] = c;
			continue;
		}
		uint32_t len = squeeze(line, line + sizeof line - n, n, 1);
		n = 0;
		if ((len && !put_in_front(&at, line, len)) || !c)
			break;
	}
	return at;
}

static bool holds(const uint8_t *text, uint32_t len, const char *word)
{
	for (uint32_t i = 0; i < len; i++) {
		uint32_t k = 0;
		while (word[k] && i + k < len && text[i + k] == (uint8_t)word[k])
			k++;
		if (!word[k])
			return true;
	}
	return false;
}

/* Reads the screen into the sector. Returns a number that tells this text from another; 0: there is none. */
static uint32_t read_screen(bool *error)
{
	uint8_t mode, *text = idle.sector + SCREEN_TEXT;
	i13_get(&mode, BDA_VIDEO_MODE, 1);
	uint32_t at = mode <= 3 || mode == 7 ? read_text_screen(mode) : read_teletype();
	uint32_t len = POD_REC_SCREEN_MAX - at, sum = 2166136261u; /* FNV-1a */
	for (uint32_t i = 0; i < POD_REC_SCREEN_MAX; i++) {
		text[i] = i < len ? text[at + i] : 0;
		sum = (sum ^ text[i]) * 16777619u;
	}
	pod_put_le32(idle.sector + SCREEN_LEN, len);
	*error = holds(text, len, "rror") || holds(text, len, PLAIN_("ot found")) || holds(text, len, PLAIN_("o such file")) ||
		 holds(text, len, "orrupt");
	return len ? sum : 0;
}

void i13_note_screen(uint32_t ticks, bool at_once)
{
	bool error;
	if (!i13.rec_sector || idle.screens >= SCREENS_MAX || i13_rec_ms(ticks) - i13.rec_ms > SCREEN_UNTIL_MS)
		return;
	uint32_t sum = read_screen(&error);
	bool still = sum == idle.seen;
	idle.seen = sum;
	if (!sum || sum == idle.noted || (idle.pinned && !error) || !(still || at_once))
		return;
	idle.noted = sum;
	idle.pinned = error;
	idle.screens++;
	for (uint32_t i = 0; i < POD_PR_MS; i++) /* magic, number of the start */
		idle.sector[i] = i13.rec[i];
	idle.sector[0x10] = POD_REC_SCREEN;
	pod_put_le32(idle.sector + POD_PR_UPDATE, idle.screens);
	pod_put_le32(idle.sector + POD_PR_MS, i13_rec_ms(ticks));
	i13_rec_write(idle.sector, i13.rec_sector + (POD_REC_AT_SCREEN - POD_REC_AT_PROGRESS));
}

/* What was read since the last note; and, when nothing is, the time, at growing distances up to a minute. */
static void note_progress(uint32_t ticks)
{
	uint32_t reads = pod_get_le32(i13.rec + POD_PR_READS), since = ticks - i13.rec_pace.last;
	if (reads != idle.reads || !idle.quiet) {
		idle.reads = reads;
		idle.quiet = QUIET_FIRST;
	}
	if (since < idle.quiet || idle.quiet > QUIET_LAST || pod_get_le32(i13.rec + POD_PR_WRITTEN) >= POD_RECORDER_BUDGET)
		return;
	idle.quiet *= 2;
	i13.rec_pace.last = ticks;
	i13.rec[POD_PR_FLAGS] |= POD_REC_P_TIMER;
	i13_rec_note(ticks);
}

void i13_idle(bool waits)
{
	if (!i13.rec_sector || i13_in_v86())
		return;
	uint32_t ticks = i13_ticks();
	if (!waits && ticks - idle.looked < LOOK_EVERY)
		return;
	idle.looked = ticks;
	note_progress(ticks);
	i13_note_screen(ticks, waits);
}
