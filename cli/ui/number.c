/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers and sizes that the user typed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "cli/ui/ui.h"

bool cli_parse_uint(const char *s, uint64_t max, uint64_t *out)
{
	char *end;
	unsigned long long v;

	if (*s < '0' || *s > '9')
		return false;
	errno = 0;
	v = strtoull(s, &end, 10);
	if (errno || *end || v > max)
		return false;
	*out = v;
	return true;
}

bool cli_parse_size(const char *s, uint64_t *out)
{
	static const char units[] = "KMGT";
	unsigned long long v;
	uint64_t unit = 1, base = 1024;
	const char *u;
	char *end;

	if (*s < '0' || *s > '9')
		return false;
	errno = 0;
	v = strtoull(s, &end, 10);
	if (errno)
		return false;
	if (*end) {
		char c = *end >= 'a' && *end <= 'z' ? (char)(*end - 32) : *end;

		u = strchr(units, c);
		if (!u)
			return false;
		end++;
		if (strcmp(end, "B") == 0)
			base = 1000;
		else if (*end && strcmp(end, "iB") != 0)
			return false;
		for (const char *p = units; p <= u; p++)
			unit *= base;
	}
	if (v > UINT64_MAX / unit || v * unit > INT64_MAX)
		return false;
	*out = v * unit;
	return true;
}
