/* SPDX-License-Identifier: BSD-2-Clause */
/* Texts of 16-bit characters. */
#include "windows/helper.h"

size_t text_len(const wchar *s)
{
	size_t n = 0;
	while (s[n])
		n++;
	return n;
}

void text_copy(wchar *to, size_t size, const wchar *from)
{
	to[0] = 0;
	text_add(to, size, from);
}

void text_add(wchar *to, size_t size, const wchar *from)
{
	size_t n = text_len(to);
	while (*from && n + 1 < size)
		to[n++] = *from++;
	to[n] = 0;
}

void text_join(wchar *to, size_t size, const wchar *first, const wchar *second)
{
	text_copy(to, size, first);
	text_add(to, size, second);
}

void text_add_number(wchar *to, size_t size, uint32_t n, bool hex)
{
	wchar digits[12], *p = digits + 11;
	uint32_t base = hex ? 16 : 10;
	*p = 0;
	do {
		*--p = u"0123456789abcdef"[n % base];
		n /= base;
	} while (n || (hex && p > digits + 3));
	if (hex)
		text_add(to, size, u"0x");
	text_add(to, size, p);
}

wchar *text_name(wchar *path)
{
	wchar *name = path;
	for (; *path; path++)
		if (*path == '\\')
			name = path + 1;
	return name;
}

void text_from_utf8(wchar *to, size_t size, const char *from)
{
	to[0] = 0;
	(void)MultiByteToWideChar(CP_UTF8, 0, from, -1, to, (int)size);
	to[size - 1] = 0;
}

void text_to_utf8(char *to, size_t size, const wchar *from)
{
	to[0] = 0;
	(void)WideCharToMultiByte(CP_UTF8, 0, from, -1, to, (int)size, NULL, NULL);
	to[size - 1] = 0;
}

const wchar *text_of(const struct pod_who_text *t)
{
	return (const wchar *)(const void *)t->at; /* at an even offset, and Windows is little-endian */
}
