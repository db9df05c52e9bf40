/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The core's strings and formatter next to the C library's: each function says whether both agree. The unit test walks through
 * tables and fixed pseudo-random cases, the fuzz target through whatever it is given.
 */
#ifndef POD_TESTS_LIBC_ORACLE_H
#define POD_TESTS_LIBC_ORACLE_H

#include <errno.h>
#include <iconv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "core/base/bytes.h"
#include "core/base/str.h"

enum oracle_length { ORACLE_INT, ORACLE_LONG, ORACLE_LONG_LONG, ORACLE_SIZE, ORACLE_LENGTHS };

/* One directive between two words. `text` is for %s, `value` for the others; precision -1: none. */
struct oracle_spec {
	bool left, zero;
	unsigned width;
	int precision;
	enum oracle_length length;
	char conversion; /* d u x c s */
	uint64_t value;
	const char *text;
	size_t size; /* of the buffer */
};

#define ORACLE_BUFFER	 512
#define ORACLE_UNTOUCHED 0x5a

/* "a%-05.3lluz" */
static inline void oracle_format(const struct oracle_spec *s, char fmt[64])
{
	static const char *const length[ORACLE_LENGTHS] = {"", "l", "ll", "z"};
	bool number = strchr("dux", s->conversion);
	char width[16] = "", precision[16] = "";

	if (s->width)
		snprintf(width, sizeof width, "%u", s->width);
	if (s->precision >= 0 && s->conversion != 'c')
		snprintf(precision, sizeof precision, ".%d", s->precision);
	/* C leaves '0' undefined for %c and %s. */
	snprintf(fmt, 64, "a%%%s%s%s%s%s%cz", s->left ? "-" : "", s->zero && number ? "0" : "", width, precision,
		 number ? length[s->length] : "", s->conversion);
}

typedef int oracle_printer(char *, size_t, const char *, ...);

static inline int oracle_print(oracle_printer *print, char *buf, const char *fmt, const struct oracle_spec *s)
{
	memset(buf, ORACLE_UNTOUCHED, ORACLE_BUFFER);
	if (s->conversion == 's')
		return print(buf, s->size, fmt, s->text);
	if (s->conversion == 'c' || s->length == ORACLE_INT)
		return print(buf, s->size, fmt, (int)s->value);
	if (s->length == ORACLE_LONG)
		return print(buf, s->size, fmt, (long)s->value);
	if (s->length == ORACLE_SIZE)
		return print(buf, s->size, fmt, (size_t)s->value);
	return print(buf, s->size, fmt, (unsigned long long)s->value);
}

/* Same text, same return value, not a byte touched behind `size` or, by either, behind the terminator. */
static inline bool oracle_format_agrees(const struct oracle_spec *s)
{
	char ours[ORACLE_BUFFER], libc[ORACLE_BUFFER], fmt[64];

	oracle_format(s, fmt);
	int a = oracle_print(pod_snprintf, ours, fmt, s), b = oracle_print(snprintf, libc, fmt, s);
	if (a == b && memcmp(ours, libc, sizeof ours) == 0)
		return true;
	printf("\"%s\" of %llu \"%s\" into %zu bytes: %d \"%.*s\", libc says %d \"%.*s\"\n", fmt, (unsigned long long)s->value,
	       s->conversion == 's' ? s->text : "", s->size, a, s->size ? 100 : 0, ours, b, s->size ? 100 : 0, libc);
	return false;
}

static inline int oracle_sign(int v)
{
	return (v > 0) - (v < 0);
}

static inline bool oracle_strings_agree(const char *a, const char *b)
{
	size_t alen = strlen(a), blen = strlen(b);
	bool ends = blen <= alen && strcasecmp(a + alen - blen, b) == 0;
	bool same = pod_strlen(a) == alen && oracle_sign(pod_strcmp(a, b)) == oracle_sign(strcmp(a, b)) &&
		    pod_streq(a, b) == (strcmp(a, b) == 0) &&
		    oracle_sign(pod_strcasecmp(a, b)) == oracle_sign(strcasecmp(a, b)) &&
		    pod_strcasestr(a, b) == strcasestr(a, b) && pod_ends_with_nocase(a, b) == ends;

	for (size_t n = 0; same && n <= blen + 1; n++)
		same = oracle_sign(pod_strncasecmp(a, b, n)) == oracle_sign(strncasecmp(a, b, n));
	if (!same)
		printf("strings \"%s\" and \"%s\"\n", a, b);
	return same;
}

/* Converts `len` bytes; the number of bytes put, or SIZE_MAX if the input is malformed or ends within a character. */
static inline size_t oracle_iconv(const char *to, const char *from, const void *in, size_t len, void *out, size_t room)
{
	/* Opened once per pair; a program of tests ends with them open. */
	static struct pair {
		const char *to, *from;
		iconv_t cd;
	} pairs[8];
	struct pair *p = pairs;

	while (p->to && (strcmp(p->to, to) != 0 || strcmp(p->from, from) != 0))
		p++;
	if (!p->to) {
		*p = (struct pair){to, from, iconv_open(to, from)};
		if (p->cd == (iconv_t)-1)
			abort();
	}
	char *at = (char *)(uintptr_t)in, *put = out;
	size_t left = len, free_bytes = room;
	iconv(p->cd, NULL, NULL, NULL, NULL);
	if (iconv(p->cd, &at, &left, &put, &free_bytes) == (size_t)-1) {
		if (errno == E2BIG)
			abort();
		return SIZE_MAX;
	}
	return room - free_bytes;
}

/* pod_utf8_next at the start of `len` > 0 bytes. */
static inline bool oracle_utf8_next_agrees(const char *bytes, size_t len)
{
	uint32_t want = 0xfffd;
	size_t used = 1;

	for (size_t n = 1; n <= 4 && n <= len; n++) {
		uint32_t cp;
		if (oracle_iconv("UTF-32LE", "UTF-8", bytes, n, &cp, sizeof cp) == sizeof cp) {
			want = cp, used = n;
			break;
		}
	}
	/* Exactly as many bytes as there are, for the sanitizer to watch. */
	char *copy = malloc(len);
	if (!copy)
		abort();
	memcpy(copy, bytes, len);
	const char *at = copy;
	uint32_t got = pod_utf8_next(&at, len);
	bool same = got == want && (size_t)(at - copy) == used;
	if (!same)
		printf("UTF-8 %02x %02x..., %zu bytes: U+%04X of %zu, iconv says U+%04X of %zu\n", (uint8_t)bytes[0],
		       len > 1 ? (uint8_t)bytes[1] : 0, len, got, (size_t)(at - copy), want, used);
	free(copy);
	return same;
}

/* Little-endian UTF-16, ours in all three byte orders, into every buffer from `size` down that is still worth a look. */
static inline bool oracle_utf16_agrees(const uint8_t *le, size_t units, size_t size)
{
	char want[1024], got[3][1024];
	size_t n = 0;
	uint16_t host[256];
	uint8_t be[512];

	if (units > 256)
		abort();
	for (size_t i = 0; i < units;) {
		size_t k = SIZE_MAX;
		size_t take;
		for (take = 1; take <= 2 && i + take <= units; take++) {
			k = oracle_iconv("UTF-8", "UTF-16LE", le + 2 * i, 2 * take, want + n, sizeof want - n);
			if (k != SIZE_MAX)
				break;
		}
		if (k == SIZE_MAX) { /* an unpaired surrogate */
			memcpy(want + n, "\xef\xbf\xbd", 3);
			k = 3, take = 1;
		}
		/* What does not fit is left out with all that follows. */
		if (k >= size - n)
			break;
		n += k, i += take;
	}
	want[n] = 0;
	for (size_t i = 0; i < units; i++) {
		host[i] = pod_get_le16(le + 2 * i);
		pod_put_be16(be + 2 * i, host[i]);
	}
	bool fits = true;
	size_t whole = 0;
	for (size_t i = 0; i < units; i++) {
		bool pair =
			host[i] >= 0xd800 && host[i] < 0xdc00 && i + 1 < units && host[i + 1] >= 0xdc00 && host[i + 1] < 0xe000;
		whole += pair ? 4 : host[i] < 0x80 ? 1 : host[i] < 0x800 ? 2 : 3;
		i += pair;
	}
	fits = whole < size;
	enum pod_status st[3] = {pod_utf16le_to_utf8(le, units, got[0], size), pod_utf16be_to_utf8(be, units, got[1], size),
				 pod_utf16_to_utf8(host, units, got[2], size)};
	for (int i = 0; i < 3; i++)
		if (st[i] != (fits ? POD_OK : POD_E_LIMIT) || strcmp(got[i], want) != 0) {
			printf("UTF-16 of %zu units into %zu bytes: form %d says %d \"%s\", iconv \"%s\"\n", units, size, i,
			       st[i], got[i], want);
			return false;
		}
	return true;
}

/* pod_utf8_to_utf16 with room for `max` <= 256 units. */
static inline bool oracle_utf8_to_utf16_agrees(const char *s, size_t max)
{
	uint16_t want[1024], got[256];
	size_t n = oracle_iconv("UTF-16LE", "UTF-8", s, strlen(s), want, sizeof want), put = 0;
	enum pod_status st = pod_utf8_to_utf16(s, got, max, &put);
	bool same;

	if (n == SIZE_MAX)
		same = st == POD_E_INVALID || st == POD_E_LIMIT; /* whichever comes first */
	else if (n / 2 > max)
		same = st == POD_E_LIMIT;
	else
		same = st == POD_OK && put == n / 2 && memcmp(got, want, n) == 0;
	if (!same)
		printf("UTF-8 \"%s\" to UTF-16, %zu units: status %d, %zu units, iconv %zd bytes\n", s, max, st, put, (ssize_t)n);
	return same;
}

/* pod_strlcpy: strlen of the source, a terminated prefix of it; of well-formed text the longest well-formed one, of other text at
 * most three bytes less than fit. */
static inline bool oracle_strlcpy_agrees(const char *s, size_t size)
{
	char got[ORACLE_BUFFER];
	uint32_t points[ORACLE_BUFFER];
	size_t n = strlen(s);
	bool formed = oracle_iconv("UTF-32LE", "UTF-8", s, n, points, sizeof points) != SIZE_MAX;

	memset(got, ORACLE_UNTOUCHED, sizeof got);
	bool same = pod_strlcpy(got, s, size) == n;
	if (!size)
		return same && got[0] == ORACLE_UNTOUCHED;
	size_t fit = n < size ? n : size - 1, k = strnlen(got, size);
	same = same && k < size && memcmp(got, s, k) == 0 && k <= fit && fit - k <= 3;
	for (size_t i = size; i < sizeof got; i++)
		same = same && got[i] == ORACLE_UNTOUCHED;
	if (formed) {
		while (fit && oracle_iconv("UTF-32LE", "UTF-8", s, fit, points, sizeof points) == SIZE_MAX)
			fit--;
		same = same && k == fit;
	}
	if (!same)
		printf("strlcpy of \"%s\" (%zu bytes) into %zu: %zu bytes\n", s, n, size, k);
	return same;
}

#endif
