/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/base/str.h"
#include "core/base/bytes.h"

size_t pod_strlen(const char *s)
{
	size_t n = 0;
	while (s[n])
		n++;
	return n;
}

int pod_strcmp(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return (uint8_t)*a - (uint8_t)*b;
}

bool pod_streq(const char *a, const char *b)
{
	return pod_strcmp(a, b) == 0;
}

int pod_strncasecmp(const char *a, const char *b, size_t n)
{
	for (; n; n--, a++, b++) {
		int d = (uint8_t)pod_tolower(*a) - (uint8_t)pod_tolower(*b);
		if (d || !*a)
			return d;
	}
	return 0;
}

int pod_strcasecmp(const char *a, const char *b)
{
	return pod_strncasecmp(a, b, SIZE_MAX);
}

const char *pod_last_name(const char *path)
{
	const char *name = path;
	for (; *path; path++)
		if (*path == '/')
			name = path + 1;
	return name;
}

const char *pod_windows_last_name(const char *path)
{
	const char *name = path;
	for (; *path; path++)
		if (pod_is_slash(*path))
			name = path + 1;
	return name;
}

bool pod_starts_with(const char *s, const char *prefix)
{
	while (*prefix && *s == *prefix)
		s++, prefix++;
	return !*prefix;
}

bool pod_starts_with_nocase(const char *s, const char *prefix)
{
	return pod_strncasecmp(s, prefix, pod_strlen(prefix)) == 0;
}

bool pod_ends_with_nocase(const char *s, const char *suffix)
{
	size_t n = pod_strlen(s), m = pod_strlen(suffix);
	return m <= n && pod_strcasecmp(s + n - m, suffix) == 0;
}

const char *pod_strcasestr(const char *hay, const char *needle)
{
	size_t m = pod_strlen(needle);
	for (; *hay; hay++)
		if (pod_strncasecmp(hay, needle, m) == 0)
			return hay;
	return m ? NULL : hay;
}

size_t pod_strlcpy(char *dst, const char *src, size_t size)
{
	size_t n = pod_strlen(src);
	if (size) {
		size_t k = n < size ? n : size - 1;
		/* Do not split a sequence; more than three bytes that continue one are no UTF-8, and are cut where they are. */
		size_t back = 0;
		while (k < n && back < 3 && back < k && ((uint8_t)src[k - back] & 0xc0) == 0x80)
			back++;
		if (((uint8_t)src[k - back] & 0xc0) != 0x80)
			k -= back;
		for (size_t i = 0; i < k; i++)
			dst[i] = src[i];
		dst[k] = 0;
	}
	return n;
}

uint32_t pod_utf8_next(const char **s, size_t left)
{
	const uint8_t *p = (const uint8_t *)*s;
	uint32_t c = p[0], min;
	size_t n;
	(*s)++;
	if (c < 0x80)
		return c;
	if (c >= 0xc2 && c < 0xe0)
		n = 1, c &= 0x1f, min = 0x80;
	else if (c >= 0xe0 && c < 0xf0)
		n = 2, c &= 0x0f, min = 0x800;
	else if (c >= 0xf0 && c < 0xf5)
		n = 3, c &= 0x07, min = 0x10000;
	else
		return 0xfffd;
	if (left < n + 1)
		return 0xfffd;
	for (size_t i = 1; i <= n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0xfffd;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < min || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0xfffd;
	*s += n;
	return c;
}

size_t pod_utf8_put(char out[4], uint32_t cp)
{
	if (cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000))
		cp = 0xfffd;
	if (cp < 0x80) {
		out[0] = (char)cp;
		return 1;
	}
	if (cp < 0x800) {
		out[0] = (char)(0xc0 | cp >> 6);
		out[1] = (char)(0x80 | (cp & 0x3f));
		return 2;
	}
	if (cp < 0x10000) {
		out[0] = (char)(0xe0 | cp >> 12);
		out[1] = (char)(0x80 | (cp >> 6 & 0x3f));
		out[2] = (char)(0x80 | (cp & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | cp >> 18);
	out[1] = (char)(0x80 | (cp >> 12 & 0x3f));
	out[2] = (char)(0x80 | (cp >> 6 & 0x3f));
	out[3] = (char)(0x80 | (cp & 0x3f));
	return 4;
}

/* One source of UTF-16 units for the three encodings. */
enum utf16_order { ORDER_HOST, ORDER_LE, ORDER_BE };

static uint16_t unit_at(const void *src, size_t i, enum utf16_order o)
{
	const uint8_t *p = (const uint8_t *)src + 2 * i;
	if (o == ORDER_HOST)
		return ((const uint16_t *)src)[i];
	return o == ORDER_LE ? pod_get_le16(p) : pod_get_be16(p);
}

static enum pod_status utf16_to_utf8(const void *src, size_t n, enum utf16_order o, char *dst, size_t size)
{
	size_t at = 0;
	if (!size)
		return POD_E_LIMIT;
	for (size_t i = 0; i < n; i++) {
		uint32_t c = unit_at(src, i, o);
		if (c >= 0xd800 && c < 0xdc00 && i + 1 < n) {
			uint32_t lo = unit_at(src, i + 1, o);
			if (lo >= 0xdc00 && lo < 0xe000) {
				c = 0x10000 + ((c - 0xd800) << 10) + (lo - 0xdc00);
				i++;
			}
		}
		char b[4];
		size_t k = pod_utf8_put(b, c);
		if (k >= size - at) {
			dst[at] = 0;
			return POD_E_LIMIT;
		}
		for (size_t j = 0; j < k; j++)
			dst[at++] = b[j];
	}
	dst[at] = 0;
	return POD_OK;
}

enum pod_status pod_utf16_to_utf8(const uint16_t *src, size_t n, char *dst, size_t size)
{
	return utf16_to_utf8(src, n, ORDER_HOST, dst, size);
}

enum pod_status pod_utf16le_to_utf8(const uint8_t *src, size_t n, char *dst, size_t size)
{
	return utf16_to_utf8(src, n, ORDER_LE, dst, size);
}

enum pod_status pod_utf16be_to_utf8(const uint8_t *src, size_t n, char *dst, size_t size)
{
	return utf16_to_utf8(src, n, ORDER_BE, dst, size);
}

enum pod_status pod_utf8_to_utf16(const char *src, uint16_t *dst, size_t max, size_t *n_out)
{
	size_t left = pod_strlen(src), n = 0;
	while (left) {
		const char *before = src;
		uint32_t c = pod_utf8_next(&src, left);
		size_t used = (size_t)(src - before);
		if (c == 0xfffd && used == 1)
			return POD_E_INVALID; /* a true U+FFFD takes three bytes */
		left -= used;
		uint16_t unit[2];
		unsigned units = pod_utf16_put(unit, c);
		if (units > max - n)
			return POD_E_LIMIT;
		for (unsigned i = 0; i < units; i++)
			dst[n++] = unit[i];
	}
	*n_out = n;
	return POD_OK;
}
