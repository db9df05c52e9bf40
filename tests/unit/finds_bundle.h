/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Small initramfs' in one text file each, in our own words (tests/finds/NAME.txt); the fuzzer reads the same form:
 *
 *   expect WORD PATH[:LINE]     what must be said, and where it stands
 *   kernel ARGUMENTS            a command line
 *   config PATH                 a loader's configuration, up to a line `end`
 *   === PATH                    a file; its text follows
 *   === PATH -> TARGET          a link
 *   === PATH ELF                a program; each line that follows is a string of it
 */
#ifndef POD_TESTS_FINDS_BUNDLE_H
#define POD_TESTS_FINDS_BUNDLE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/plan/finds.h"

#define BUNDLE_FILES 256

struct bundle {
	char *text, *expect, *where;
	char path[BUNDLE_FILES][128];
	char *made[BUNDLE_FILES]; /* contents of programs */
	struct pod_finds_file file[BUNDLE_FILES];
	size_t files, commands;
	struct pod_finds_command command[POD_FINDS_COMMAND_MAX];
};

static char *bundle_line(char **at)
{
	char *line = *at, *end = strchr(line, '\n');
	if (!*line)
		return NULL;
	*at = end ? end + 1 : line + strlen(line);
	if (end)
		*end = 0;
	return line;
}

static void bundle_config(struct bundle *b, const char *path, char **at)
{
	char *end = strstr(*at, "\nend\n");
	size_t len = end ? (size_t)(end - *at) + 1 : strlen(*at);
	b->commands += pod_finds_commands(path, *at, len, b->command + b->commands, POD_FINDS_COMMAND_MAX - b->commands);
	*at += end ? len + 4 : len;
}

/* One file, from behind "=== " on; what follows to the next one is its own. */
static void bundle_file(struct bundle *b, char *head, char **at)
{
	struct pod_finds_file *f = &b->file[b->files];
	char *link = strstr(head, " -> "), *elf = strstr(head, " ELF"), *start = *at, *end = strstr(start, "\n=== ");
	size_t len;
	if (strncmp(start, "=== ", 4) == 0)
		len = 0;
	else
		len = end ? (size_t)(end - start) + 1 : strlen(start);
	*at = start + len;
	if (link)
		*link = 0;
	if (elf)
		*elf = 0;
	snprintf(b->path[b->files], sizeof b->path[0], "%s", head);
	*f = (struct pod_finds_file){.path = b->path[b->files], .text = start, .len = len};
	if (link) {
		f->text = link + 4;
		f->len = strlen(f->text);
		f->link = true;
	} else if (elf) {
		char *made = b->made[b->files] = malloc(len + 6);
		memcpy(made, "\177ELF", 5);
		for (size_t i = 0; i < len; i++)
			made[5 + i] = start[i] == '\n' ? 0 : start[i];
		f->text = made;
		f->len = len + 5;
	}
	b->files++;
}

/* `text` is taken over, and changed. */
static struct bundle *bundle_of(char *text)
{
	struct bundle *b = calloc(1, sizeof *b);
	char *at = text, *line;
	b->text = text;
	while (b->files < BUNDLE_FILES && (line = bundle_line(&at))) {
		if (strncmp(line, "expect ", 7) == 0) {
			b->expect = line + 7;
			b->where = strchr(b->expect, ' ');
			if (b->where)
				*b->where++ = 0;
		} else if (strncmp(line, "kernel ", 7) == 0 && b->commands < POD_FINDS_COMMAND_MAX) {
			struct pod_finds_command *c = &b->command[b->commands++];
			*c = (struct pod_finds_command){.file = "menu", .line = 1, .text = line + 7, .len = strlen(line + 7)};
		} else if (strncmp(line, "config ", 7) == 0) {
			bundle_config(b, line + 7, &at);
		} else if (strncmp(line, "=== ", 4) == 0) {
			bundle_file(b, line + 4, &at);
		}
	}
	return b;
}

static void bundle_free(struct bundle *b)
{
	for (size_t i = 0; i < b->files; i++)
		free(b->made[i]);
	free(b->text);
	free(b);
}

static enum pod_status bundle_read(const struct bundle *b, struct pod_alloc *a, struct pod_budget *budget, struct pod_finds *out)
{
	struct pod_finds_request rq = {
		.file = b->file, .files = b->files, .command = b->command, .commands = b->commands, .budget = budget};
	return pod_finds_read(&rq, a, out);
}

#endif
