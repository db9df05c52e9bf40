/* SPDX-License-Identifier: BSD-2-Clause */
/* A formatter small enough for stage 2. */
#include "core/base/str.h"

struct sink {
	char *buf;
	size_t size, at;
};

static void put(struct sink *s, char c)
{
	if (s->at + 1 < s->size)
		s->buf[s->at] = c;
	s->at++;
}

static void put_padded(struct sink *s, const char *t, size_t n, unsigned width, bool left)
{
	if (!left)
		for (size_t i = n; i < width; i++)
			put(s, ' ');
	for (size_t i = 0; i < n; i++)
		put(s, t[i]);
	if (left)
		for (size_t i = n; i < width; i++)
			put(s, ' ');
}

/* Zeros go between the sign and the digits, and only on the left. */
static void put_number(struct sink *s, const char *digits, size_t n, bool negative, unsigned width, bool left, bool zeros)
{
	size_t len = n + negative;

	for (size_t i = len; !left && !zeros && i < width; i++)
		put(s, ' ');
	if (negative)
		put(s, '-');
	for (size_t i = len; !left && zeros && i < width; i++)
		put(s, '0');
	for (size_t i = 0; i < n; i++)
		put(s, digits[i]);
	for (size_t i = len; left && i < width; i++)
		put(s, ' ');
}

/* Decimal without 64-bit division by a variable: 32-bit targets have no helper for it. */
static size_t to_decimal(uint64_t v, char *end)
{
	size_t n = 0;
	do {
		/* v / 10 by long division over 16-bit limbs, all in 32-bit arithmetic */
		uint32_t r = 0;
		uint64_t q = 0;
		for (int i = 48; i >= 0; i -= 16) {
			uint32_t cur = r << 16 | (uint32_t)(v >> i & 0xffff);
			q |= (uint64_t)(cur / 10) << i;
			r = cur % 10;
		}
		*--end = (char)('0' + r);
		v = q;
		n++;
	} while (v);
	return n;
}

static size_t to_hex(uint64_t v, char *end)
{
	size_t n = 0;
	do {
		*--end = "0123456789abcdef"[v & 15];
		v >>= 4;
		n++;
	} while (v);
	return n;
}

int pod_vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct sink s = {buf, size, 0};
	for (; *fmt; fmt++) {
		if (*fmt != '%') {
			put(&s, *fmt);
			continue;
		}
		bool left = false, zeros = false;
		unsigned width = 0, longs = 0;
		size_t prec = SIZE_MAX;
		for (fmt++; *fmt == '-' || *fmt == '0'; fmt++) {
			if (*fmt == '-')
				left = true;
			else
				zeros = true;
		}
		for (; *fmt >= '0' && *fmt <= '9'; fmt++)
			width = width * 10 + (unsigned)(*fmt - '0');
		if (*fmt == '.') {
			for (fmt++, prec = 0; *fmt >= '0' && *fmt <= '9'; fmt++)
				prec = prec * 10 + (size_t)(*fmt - '0');
		}
		bool is_size = false;
		for (; *fmt == 'l' || *fmt == 'z'; fmt++) {
			longs += *fmt == 'l';
			is_size |= *fmt == 'z';
		}
		char tmp[24], *end = tmp + sizeof tmp;
		size_t n;
		switch (*fmt) {
		case 's': {
			const char *t = va_arg(ap, const char *);
			for (n = 0; n < prec && t[n]; n++)
				;
			put_padded(&s, t, n, width, left);
			break;
		}
		case 'c':
			tmp[0] = (char)va_arg(ap, int);
			put_padded(&s, tmp, 1, width, left);
			break;
		case 'd': {
			int64_t v = longs >= 2 ? va_arg(ap, long long) : longs ? va_arg(ap, long) : va_arg(ap, int);
			n = to_decimal(v < 0 ? 0 - (uint64_t)v : (uint64_t)v, end);
			put_number(&s, end - n, n, v < 0, width, left, zeros);
			break;
		}
		case 'u':
		case 'x': {
			uint64_t v = is_size	  ? va_arg(ap, size_t)
				     : longs >= 2 ? va_arg(ap, unsigned long long)
				     : longs	  ? va_arg(ap, unsigned long)
						  : va_arg(ap, unsigned);
			n = *fmt == 'u' ? to_decimal(v, end) : to_hex(v, end);
			put_number(&s, end - n, n, false, width, left, zeros);
			break;
		}
		case '%':
			put(&s, '%');
			break;
		default: /* an unknown directive is shown, not guessed */
			put(&s, '%');
			if (!*fmt)
				goto out;
			put(&s, *fmt);
		}
	}
out:
	if (size)
		buf[s.at < size ? s.at : size - 1] = 0;
	return (int)s.at;
}

int pod_snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = pod_vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n;
}

char *pod_format_size(char buf[16], uint64_t bytes)
{
	static const char unit[][4] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	unsigned u = 0, shift = 0;
	while (u < 6 && bytes >> shift >= 1024)
		u++, shift += 10;
	unsigned whole = (unsigned)(bytes >> shift);
	if (u >= 2) {
		unsigned tenth = (unsigned)((bytes >> (shift - 10) & 1023) * 10 >> 10);
		pod_snprintf(buf, 16, "%u.%u %s", whole, tenth, unit[u]);
	} else {
		pod_snprintf(buf, 16, "%u %s", whole, unit[u]);
	}
	return buf;
}
