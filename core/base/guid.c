/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/base/guid.h"
#include "core/base/bytes.h"
#include "core/base/str.h"

void pod_guid_text(const uint8_t g[16], char out[POD_GUID_TEXT])
{
	static const uint8_t order[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
	static const char digit[] = "0123456789abcdef";
	char *p = out;
	*p++ = '{';
	for (unsigned i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		*p++ = digit[g[order[i]] >> 4];
		*p++ = digit[g[order[i]] & 15];
	}
	*p++ = '}';
	*p = '\0';
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = pod_tolower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool pod_guid_parse(const char *s, uint8_t g[16])
{
	static const uint8_t order[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
	bool braces = *s == '{';
	if (braces)
		s++;
	for (unsigned i = 0; i < 16; i++) {
		if ((i == 4 || i == 6 || i == 8 || i == 10) && *s++ != '-')
			return false;
		int hi = hex(s[0]), lo = hi < 0 ? -1 : hex(s[1]);
		if (lo < 0)
			return false;
		g[order[i]] = (uint8_t)(hi << 4 | lo);
		s += 2;
	}
	return !braces || *s == '}';
}

bool pod_guid_is_zero(const uint8_t g[16])
{
	return pod_all_zero(g, 16);
}
