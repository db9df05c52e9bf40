/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ECMA-48 control sequences: ESC [ parameters (30h-3Fh) intermediates (20h-2Fh) final (40h-7Eh); ESC ] string BEL or ESC \;
 * ESC intermediates final. Carriage returns are dropped; cursor movement is not followed.
 */
#include <stdlib.h>
#include <string.h>
#include "cli/ui/ui.h"
#include "cli/vm/console.h"
#include "core/base/str.h"
#include "core/base/text.h"

#define PIECE 2048u

enum { PLAIN, ESC, CSI, STRING, STRING_ESC };

void cli_console_init(struct cli_console *c, const char *expect)
{
	memset(c, 0, sizeof *c);
	c->expect = expect;
	c->tail_cap = 2 * (expect ? strlen(expect) : 0) + 2 * PIECE;
	c->tail = cli_xmalloc(c->tail_cap);
}

void cli_console_free(struct cli_console *c)
{
	free(c->tail);
	memset(c, 0, sizeof *c);
}

static void plain(struct cli_console *c, char ch)
{
	if (ch == '\n') {
		c->current[c->current_len] = '\0';
		if (c->current_len)
			pod_strlcpy(c->line, c->current, sizeof c->line);
		c->current_len = 0;
	} else if (c->current_len + 1 < sizeof c->current) {
		c->current[c->current_len++] = ch;
		c->current[c->current_len] = '\0';
	}
	if (c->expect && !c->seen)
		c->tail[c->tail_len++] = ch;
	if (c->shown)
		c->out[c->out_len++] = ch;
}

/* How many bytes at the end are the beginning of a character whose rest has not come yet. */
static size_t unfinished(const char *s, size_t len)
{
	for (size_t n = 1; n <= 3 && n <= len; n++) {
		unsigned char u = (unsigned char)s[len - n];

		if (u >= 0xc0)
			return n < (u >= 0xf0 ? 4u : u >= 0xe0 ? 3u : 2u) ? n : 0;
		if (u < 0x80)
			return 0;
	}
	return 0;
}

static void show(struct cli_console *c)
{
	size_t rest = unfinished(c->out, c->out_len), n = c->out_len - rest;
	char kept[4];

	memcpy(kept, c->out + n, rest);
	c->out[n] = '\0';
	pod_text_disarm(c->out, "\n\t");
	fputs(c->out, c->shown);
	fflush(c->shown);
	memcpy(c->out, kept, rest);
	c->out_len = rest;
}

static void feed_byte(struct cli_console *c, char ch)
{
	unsigned char u = (unsigned char)ch;

	switch (c->escape) {
	case ESC:
		if (ch == '[')
			c->escape = CSI;
		else if (ch == ']' || ch == 'P' || ch == 'X' || ch == '^' || ch == '_')
			c->escape = STRING;
		else if (u < 0x20 || u > 0x2f)
			c->escape = PLAIN;
		return;
	case CSI:
		if (u >= 0x40 && u <= 0x7e)
			c->escape = PLAIN;
		else if (ch == 27)
			c->escape = ESC;
		return;
	case STRING:
		if (ch == 7)
			c->escape = PLAIN;
		else if (ch == 27)
			c->escape = STRING_ESC;
		return;
	case STRING_ESC:
		c->escape = ch == '\\' ? PLAIN : STRING;
		return;
	default:
		if (ch == 27)
			c->escape = ESC;
		else if (ch == '\n' || ch == '\t' || (u >= 0x20 && u != 0x7f))
			plain(c, ch);
	}
}

void cli_console_feed(struct cli_console *c, const char *data, size_t len)
{
	size_t n = c->expect ? strlen(c->expect) : 0;

	/* In pieces that fit the tail beside what is kept of it: enough for a text that began in the last piece. */
	while (len) {
		size_t piece = len < PIECE ? len : PIECE;

		if (c->tail_len + piece > c->tail_cap) {
			memmove(c->tail, c->tail + c->tail_len - n, n);
			c->tail_len = n;
		}
		for (size_t i = 0; i < piece; i++)
			feed_byte(c, data[i]);
		if (c->shown)
			show(c);
		if (c->expect && !c->seen)
			c->seen = n == 0 || memmem(c->tail, c->tail_len, c->expect, n) != NULL;
		data += piece;
		len -= piece;
	}
}
