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

/* How a directive wants its text: %[-][0][width][.prec]. */
struct form {
	bool left, zero;
	size_t width, prec; /* SIZE_MAX: no precision given */
};

static void put_times(struct sink *s, char c, size_t n)
{
	while (n--)
		put(s, c);
}

/* `sign`, then at least `digits` digits. */
static void put_padded(struct sink *s, const struct form *f, bool sign, size_t digits, const char *t, size_t n)
{
	size_t zeros = digits > n ? digits - n : 0, len = sign + zeros + n, pad = f->width > len ? f->width - len : 0;

	if (!f->left)
		put_times(s, ' ', pad);
	if (sign)
		put(s, '-');
	put_times(s, '0', zeros);
	for (size_t i = 0; i < n; i++)
		put(s, t[i]);
	if (f->left)
		put_times(s, ' ', pad);
}

/* The '0' flag fills the width behind the sign, unless a precision says how many digits; no digits of a zero is none at all. */
static void put_number(struct sink *s, const struct form *f, bool sign, const char *t, size_t n)
{
	size_t digits = 0;

	if (f->prec != SIZE_MAX)
		digits = f->prec;
	else if (f->zero && !f->left && f->width > sign)
		digits = f->width - sign;
	put_padded(s, f, sign, digits, t, !f->prec && n == 1 && *t == '0' ? 0 : n);
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

/* What stands between '%' and the length; returns where that begins. */
static const char *parse_form(const char *fmt, struct form *f)
{
	*f = (struct form){.prec = SIZE_MAX};
	for (; *fmt == '-' || *fmt == '0'; fmt++) {
		f->left |= *fmt == '-';
		f->zero |= *fmt == '0';
	}
	for (; *fmt >= '0' && *fmt <= '9'; fmt++)
		f->width = f->width * 10 + (size_t)(*fmt - '0');
	if (*fmt == '.')
		for (fmt++, f->prec = 0; *fmt >= '0' && *fmt <= '9'; fmt++)
			f->prec = f->prec * 10 + (size_t)(*fmt - '0');
	return fmt;
}

int pod_vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct sink s = {buf, size, 0};
	for (; *fmt; fmt++) {
		if (*fmt != '%') {
			put(&s, *fmt);
			continue;
		}
		struct form f;
		unsigned longs = 0;
		bool is_size = false;
		for (fmt = parse_form(fmt + 1, &f); *fmt == 'l' || *fmt == 'z'; fmt++) {
			longs += *fmt == 'l';
			is_size |= *fmt == 'z';
		}
		char tmp[24], *end = tmp + sizeof tmp;
		size_t n;
		switch (*fmt) {
		case 's': {
			const char *t = va_arg(ap, const char *);
			for (n = 0; n < f.prec && t[n]; n++)
				;
			put_padded(&s, &f, false, 0, t, n);
			break;
		}
		case 'c':
			tmp[0] = (char)va_arg(ap, int);
			put_padded(&s, &f, false, 0, tmp, 1);
			break;
		case 'd': {
			int64_t v = is_size	 ? va_arg(ap, ptrdiff_t)
				    : longs >= 2 ? va_arg(ap, long long)
				    : longs	 ? va_arg(ap, long)
						 : va_arg(ap, int);
			n = to_decimal(v < 0 ? 0 - (uint64_t)v : (uint64_t)v, end);
			put_number(&s, &f, v < 0, end - n, n);
			break;
		}
		case 'u':
		case 'x': {
			uint64_t v = is_size	  ? va_arg(ap, size_t)
				     : longs >= 2 ? va_arg(ap, unsigned long long)
				     : longs	  ? va_arg(ap, unsigned long)
						  : va_arg(ap, unsigned);
			n = *fmt == 'u' ? to_decimal(v, end) : to_hex(v, end);
			put_number(&s, &f, false, end - n, n);
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
		/* At most 10 * 2^60: no overflow. */
		unsigned tenth = (unsigned)((bytes & ((1ull << shift) - 1)) * 10 >> shift);
		pod_snprintf(buf, 16, "%u.%u %s", whole, tenth, unit[u]);
	} else {
		pod_snprintf(buf, 16, "%u %s", whole, unit[u]);
	}
	return buf;
}
