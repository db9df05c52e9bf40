/* SPDX-License-Identifier: BSD-2-Clause */
/* Texts of 16-bit characters: nearly all come from the hand-over record, and have places for what is only known here. */
#include "windows/helper.h"

/* What is needed without a record; the last takes the place of every other. */
static const char own[] = "\2\\isopod.log\0"
			  "\2\\Windows\\System32\\isopod\\\1\0"
			  "\5 ms  \1\r\n\0"
			  "What Isopod's menu handed over is damaged. Windows PE starts without the image.\n\1\n0x\4";

wchar *text_end(wchar *s)
{
	while (*s)
		s++;
	return s;
}

static const char *number(char digits[12], uint32_t n, uint32_t base)
{
	char *p = digits + 11;
	*p = 0;
	do {
		uint32_t digit = n % base;
		*--p = (char)(digit + (digit < 10 ? '0' : 'a' - 10));
		n /= base;
	} while (n || (base == 16 && p > digits + 3));
	return p;
}

/* Returns where the next is to be put. `width`: bytes of a character in `from`; nothing if that is NULL. */
/* NOLINTNEXTLINE(misc-no-recursion): what is put in leaves nothing open */
static wchar *put(const struct helper *h, wchar *to, const wchar *end, const void *from, unsigned width)
{
	char digits[12];
	for (const uint8_t *p = from; p && to < end; p += width) {
		wchar c = pod_get_le16(p);
		if (width == 1)
			c = (uint8_t)c;
		if (!c)
			break;
		if (c >= POD_WHO_UNITS) {
			*to++ = c;
			continue;
		}
		const void *insert = h->detail;
		if (c == POD_WHO_DRIVE)
			insert = h->drive;
		else if (c == POD_WHO_VOLUME)
			insert = h->volume;
		else if (c == POD_WHO_CONTROLLER)
			insert = h->sector + POD_REC_WINDOWS_CONTROLLER;
		else if (c >= POD_WHO_CODE)
			insert = number(digits, h->number, c == POD_WHO_CODE ? 16 : 10);
		to = put(h, to, end, insert, c < POD_WHO_CODE ? 2 : 1);
	}
	*to = 0;
	return to;
}

wchar *text(unsigned word)
{
	struct helper *h = self();
	wchar *to = h->text[h->texts++ % TEXTS_MAX];
	const void *from;
	unsigned width = 1;
	if (word < OWN_LOG && h->ho) {
		from = pod_who_text(h->ho, word);
		width = 2;
	} else {
		const char *p = own;
		for (unsigned n = word < OWN_LOG ? OWN_DAMAGED : word; n > OWN_LOG; p++)
			n -= !*p;
		from = p;
	}
	(void)put(h, to, to + TEXT_MAX - 1, from, width);
	return to;
}

wchar *text_about(unsigned word, const wchar *detail)
{
	self()->detail = detail;
	return text(word);
}
