/* SPDX-License-Identifier: BSD-2-Clause */
/* What a machine says on its serial port: stripped of terminal control, searched for a text, and shown. */
#ifndef POD_CLI_CONSOLE_H
#define POD_CLI_CONSOLE_H

#include <stddef.h>
#include <stdbool.h>
#include <stdio.h>

struct cli_console {
	const char *expect; /* NULL: nothing */
	bool seen;
	int escape; /* state of the control sequence we are in */
	char *tail; /* the last bytes of plain text, at least as long as `expect` */
	size_t tail_len, tail_cap;
	FILE *shown;	/* where the plain text goes, without what a terminal would obey; NULL: nowhere */
	char out[4096]; /* of this piece, and the beginning of a character at the end of the one before */
	size_t out_len;
	char line[200]; /* the last line that was not empty, for messages */
	char current[200];
	size_t current_len;
};

void cli_console_init(struct cli_console *c, const char *expect);
void cli_console_free(struct cli_console *c);
void cli_console_feed(struct cli_console *c, const char *data, size_t len);

#endif
