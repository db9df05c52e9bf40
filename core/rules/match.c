/* SPDX-License-Identifier: BSD-2-Clause */
/* The format is told in match.h. */
#include "core/rules/match.h"
#include "core/base/str.h"

/* Where a '*' was met last is the only place to go back to: at most length of `s` times length of the pattern steps. */
static bool matches(const char *p, const char *p_end, const char *s, const char *s_end)
{
	const char *star = NULL, *from = NULL;
	while (s < s_end) {
		if (p < p_end && *p == '*') {
			star = ++p, from = s;
		} else if (p < p_end && *p == '?') {
			p++;
			(void)pod_utf8_next(&s, (size_t)(s_end - s));
		} else if (p < p_end && pod_tolower(*p) == pod_tolower(*s)) {
			p++, s++;
		} else if (star) {
			p = star, s = ++from;
		} else {
			return false;
		}
	}
	while (p < p_end && *p == '*')
		p++;
	return p == p_end;
}

static bool matches_path(const char *p, const char *p_end, const char *path)
{
	const char *end = path + pod_strlen(path), *name = end;
	bool slash = false;
	while (p < p_end && *p == ' ')
		p++;
	while (p_end > p && p_end[-1] == ' ')
		p_end--;
	for (const char *q = p; q < p_end; q++)
		slash |= *q == '/';
	while (name > path && name[-1] != '/')
		name--;
	if (slash)
		name = path + (*p != '/' && *path == '/');
	return p < p_end && matches(p, p_end, name, end);
}

bool pod_rules_match(const char *patterns, const char *path)
{
	const char *p = patterns, *end;
	do {
		for (end = p; *end && *end != '|';)
			end++;
		if (matches_path(p, end, path))
			return true;
		p = end + 1;
	} while (*end);
	return false;
}
