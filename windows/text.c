/* SPDX-License-Identifier: BSD-2-Clause */
/* Texts of 16-bit characters: nearly all come from the hand-over record, and have places for what is only known here. */
#include "windows/helper.h"

/* What is needed without a record; the last takes the place of every other. */
static const char own[] = "\4\\isopod.log\0"
			  "\4\\Windows\\System32\\isopod\\\1\0"
			  "\3 ms  \1\r\n\0"
			  "What Isopod's menu handed over is damaged. Windows PE starts without the image.\n\1\n0x\2";

wchar *text_end(wchar *s)
{
	while (*s)
		s++;
	return s;
}

static wchar *put_number(wchar digits[12], uint32_t n, uint32_t base)
{
	wchar *p = digits + 11;
	*p = 0;
	do {
		uint32_t digit = n % base;
		*--p = (wchar)(digit + (digit < 10 ? '0' : 'a' - 10));
		n /= base;
	} while (n || (base == 16 && p > digits + 3));
	return p;
}

/* What a unit below POD_WHO_UNITS stands for; its own numbers go into `digits`. */
static const void *insert(const struct helper *h, wchar c, wchar *digits)
{
	if (c == POD_WHO_DETAIL)
		return h->detail;
	if (c == POD_WHO_DRIVE)
		return h->drive;
	if (c == POD_WHO_VOLUME)
		return h->volume;
	return put_number(digits, h->number, c == POD_WHO_CODE ? 16 : 10);
}

/* Returns where the next is to be put. `width`: bytes of a character in `from`; nothing if that is NULL. */
/* NOLINTNEXTLINE(misc-no-recursion): what is put in leaves nothing open */
static wchar *put(const struct helper *h, wchar *to, const wchar *end, const void *from, unsigned width)
{
	wchar digits[12];
	const uint8_t *p = from;
	for (; p && to < end; p += width) {
		wchar c = width == 1 ? *p : pod_get_le16(p);
		if (!c)
			break;
		if (c >= POD_WHO_UNITS)
			*to++ = c;
		else if (c == POD_WHO_CONTROLLER)
			to = put(h, to, end, h->sector + POD_REC_WINDOWS_CONTROLLER, 1);
		else
			to = put(h, to, end, insert(h, c, digits), 2);
	}
	*to = 0;
	return to;
}

wchar *text(unsigned word)
{
	struct helper *h = self();
	const void *from = own;
	unsigned width = 1;
	wchar *to = h->text[h->texts++ % TEXTS_MAX];
	if (word < OWN_LOG && h->ho) {
		from = pod_who_text(h->ho, word);
		width = 2;
	} else {
		const char *p = own;
		for (word = word < OWN_LOG ? OWN_DAMAGED - OWN_LOG : word - OWN_LOG; word; p++)
			word -= !*p;
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
