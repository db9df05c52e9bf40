/* SPDX-License-Identifier: BSD-2-Clause */
/* What a report for others leaves out; and small things that all reports say alike. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include "cli/ui/bootmode.h"
#include "cli/trace/trace.h"

char *trace_sentence(const struct pod_sentence *s)
{
	char buf[1024];

	pod_sentence_fill(s, s->message ? _(s->message) : NULL, buf, sizeof buf);
	return cli_xstrdup(buf);
}

const char *trace_firmware_name(uint32_t bits, bool title)
{
	for (size_t i = 0; i < CLI_BOOTMODE_COUNT; i++)
		if (bits == cli_bootmode[i].bit)
			return title ? cli_bootmode[i].title : cli_bootmode[i].name;
	return NULL;
}

static bool is_hex(char c)
{
	return isxdigit((unsigned char)c) != 0;
}

/* Length of a text of this shape at p: 'h' is a hexadecimal digit, all else itself; not part of a longer word. 0: no. */
static size_t shaped(const char *p, const char *shape)
{
	size_t n = strlen(shape);

	for (size_t i = 0; i < n; i++)
		if (shape[i] == 'h' ? !is_hex(p[i]) : p[i] != shape[i])
			return 0;
	return is_hex(p[n]) ? 0 : n;
}

/* How many bytes after p, which begins with `word`, are somebody's: up to a blank, quote or slash. */
static size_t behind(const char *p, const char *word)
{
	size_t n = strlen(word), len;

	if (strncasecmp(p, word, n) != 0)
		return 0;
	p += n;
	while (*p == ' ')
		p++, n++;
	len = strcspn(p, " \t\n/\"',;)");
	return len ? n + len : 0;
}

/* Bytes at p to leave out, and how many of them to keep at the front. */
static size_t secret(const char *start, const char *p, size_t *keep)
{
	static const char *const shapes[] = {"hh:hh:hh:hh:hh:hh", "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh"};
	static const char *const words[] = {"/home/",  "/Users/", "/run/media/", "/media/",   "SerialNumber:", "serial number",
					    "serial:", "serial=", "user=",	 "username=", "hostname=",     "S/N:"};
	size_t n;

	*keep = 0;
	for (size_t i = 0; i < POD_ARRAY_LEN(shapes); i++)
		if ((p == start || !is_hex(p[-1])) && (n = shaped(p, shapes[i])) != 0)
			return n;
	for (size_t i = 0; i < POD_ARRAY_LEN(words); i++)
		if ((n = behind(p, words[i])) != 0) {
			*keep = strlen(words[i]);
			return n;
		}
	return 0;
}

char *trace_hide_names(const char *text)
{
	size_t len = strlen(text), at = 0, n, keep;
	char *out = cli_xmalloc(len * 2 + 2);

	for (const char *p = text; *p;) {
		n = secret(text, p, &keep);
		if (!n) {
			out[at++] = *p++;
			continue;
		}
		memcpy(out + at, p, keep);
		at += keep;
		out[at++] = '*';
		p += n;
	}
	out[at] = '\0';
	return out;
}
