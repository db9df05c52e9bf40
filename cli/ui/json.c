/* SPDX-License-Identifier: BSD-2-Clause */
/* A JSON writer (RFC 8259): two spaces a level, one value a line. */
#include <string.h>
#include "cli/ui/ui.h"
#include "core/base/str.h"
#include "core/base/text.h"

void cli_json_init(struct cli_json *j, FILE *f)
{
	memset(j, 0, sizeof *j);
	j->f = f;
}

static void put_utf8(FILE *f, uint32_t cp)
{
	char out[4] = {0};
	size_t n = pod_utf8_put(out, cp);

	fwrite(out, 1, n, f);
}

static void string(FILE *f, const char *s)
{
	const char *end = s + strlen(s);

	fputc('"', f);
	while (s < end) {
		uint32_t cp = pod_utf8_next(&s, (size_t)(end - s));

		if (cp == '"' || cp == '\\')
			fprintf(f, "\\%c", (char)cp);
		else if (pod_text_hidden(cp) && cp >= 0x10000)
			fprintf(f, "\\u%04x\\u%04x", (unsigned)(0xd7c0 + (cp >> 10)), (unsigned)(0xdc00 + (cp & 0x3ff)));
		else if (pod_text_hidden(cp))
			fprintf(f, "\\u%04x", (unsigned)cp);
		else
			put_utf8(f, cp);
	}
	fputc('"', f);
}

static void begin_value(struct cli_json *j, const char *key)
{
	if (j->depth) {
		if (j->has[j->depth])
			fputc(',', j->f);
		fprintf(j->f, "\n%*s", (int)j->depth * 2, "");
		j->has[j->depth] = true;
	}
	if (key) {
		string(j->f, key);
		fputs(": ", j->f);
	}
}

void cli_json_open(struct cli_json *j, const char *key, char bracket)
{
	begin_value(j, key);
	fputc(bracket, j->f);
	if (j->depth + 1 < POD_ARRAY_LEN(j->has))
		j->depth++;
	j->has[j->depth] = false;
}

void cli_json_close(struct cli_json *j, char bracket)
{
	bool any = j->has[j->depth];

	if (j->depth)
		j->depth--;
	if (any)
		fprintf(j->f, "\n%*s", (int)j->depth * 2, "");
	fputc(bracket, j->f);
}

void cli_json_str(struct cli_json *j, const char *key, const char *value)
{
	begin_value(j, key);
	if (value)
		string(j->f, value);
	else
		fputs("null", j->f);
}

void cli_json_u64(struct cli_json *j, const char *key, uint64_t value)
{
	begin_value(j, key);
	fprintf(j->f, "%llu", (unsigned long long)value);
}

void cli_json_i64(struct cli_json *j, const char *key, int64_t value)
{
	begin_value(j, key);
	fprintf(j->f, "%lld", (long long)value);
}

void cli_json_bool(struct cli_json *j, const char *key, bool value)
{
	begin_value(j, key);
	fputs(value ? "true" : "false", j->f);
}

int cli_json_end(struct cli_json *j, struct fault *f)
{
	fputc('\n', j->f);
	return cli_flush(f);
}
