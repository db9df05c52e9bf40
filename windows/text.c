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

void text_copy(wchar *to, const wchar *from)
{
	to[0] = 0;
	text_add(to, from);
}

void text_add(wchar *to, const wchar *from)
{
	size_t n = text_len(to);
	while (n < TEXT_MAX - 1 && (to[n] = *from++) != 0)
		n++;
	to[n] = 0;
}

void text_join(wchar *to, const wchar *first, const wchar *second)
{
	text_copy(to, first);
	text_add(to, second);
}

void text_add_number(wchar *to, uint32_t n, bool hex)
{
	wchar digits[12], *p = digits + 11;
	uint32_t base = hex ? 16 : 10;
	*p = 0;
	do {
		wchar digit = (wchar)(n % base);
		*--p = (wchar)(digit + (digit < 10 ? '0' : 'a' - 10));
		n /= base;
	} while (n || (hex && p > digits + 3));
	if (hex)
		text_add_utf8(to, "0x");
	text_add(to, p);
}

wchar *text_name(wchar *path)
{
	wchar *name = path;
	for (; *path; path++)
		if (*path == '\\')
			name = path + 1;
	return name;
}

void text_add_utf8(wchar *to, const char *from)
{
	size_t n = text_len(to);
	(void)MultiByteToWideChar(CP_UTF8, 0, from, -1, to + n, (int)(TEXT_MAX - n));
	to[TEXT_MAX - 1] = 0;
}

void text_system32(const struct helper *h, wchar *to, const char *rest)
{
	text_copy(to, h->drive);
	text_add_utf8(to, "\\Windows\\System32\\");
	text_add_utf8(to, rest);
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
