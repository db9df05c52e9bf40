/* SPDX-License-Identifier: BSD-2-Clause */
/* Strings without libc: NUL-terminated UTF-8, and conversions from and to UTF-16. */
#ifndef POD_BASE_STR_H
#define POD_BASE_STR_H

#include "core/base/status.h"
#include <stdarg.h>

size_t pod_strlen(const char *s);
int pod_strcmp(const char *a, const char *b);
bool pod_streq(const char *a, const char *b);
/* ASCII case is folded; other bytes compare as they are. */
int pod_strcasecmp(const char *a, const char *b);
int pod_strncasecmp(const char *a, const char *b, size_t n);
/* What is behind the last '/' of a path. */
const char *pod_last_name(const char *path);
/* Of Windows' paths, where folders end in backslashes, too. */
static inline bool pod_is_slash(char c)
{
	return c == '/' || c == '\\';
}
const char *pod_windows_last_name(const char *path);
bool pod_starts_with(const char *s, const char *prefix);
bool pod_starts_with_nocase(const char *s, const char *prefix);
bool pod_ends_with_nocase(const char *s, const char *suffix);
/* First place of `needle` in `hay` with ASCII case folded, or NULL. */
const char *pod_strcasestr(const char *hay, const char *needle);
/* Copies at most size - 1 bytes, never splits a UTF-8 sequence, always terminates. Returns the length of
 * `src`; a return >= size means it was cut. */
size_t pod_strlcpy(char *dst, const char *src, size_t size);
static inline char pod_tolower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* Decodes one code point at *s (at most `left` bytes), advances *s. Malformed input yields U+FFFD and
 * advances by one byte. `left` must be > 0. */
uint32_t pod_utf8_next(const char **s, size_t left);
/* Writes 1 to 4 bytes; returns how many. Surrogates and values above 0x10FFFF become U+FFFD. */
size_t pod_utf8_put(char out[4], uint32_t cp);
/* The code units of one code point, up to 0x10FFFF; returns how many, 1 or 2. */
static inline unsigned pod_utf16_put(uint16_t unit[2], uint32_t cp)
{
	if (cp < 0x10000) {
		unit[0] = (uint16_t)cp;
		return 1;
	}
	unit[0] = (uint16_t)(0xd800 + ((cp - 0x10000) >> 10));
	unit[1] = (uint16_t)(0xdc00 + (cp & 0x3ff));
	return 2;
}
/* `n` UTF-16 code units (host order) to UTF-8; unpaired surrogates become U+FFFD. Terminates `dst`.
 * POD_E_LIMIT if `size` does not suffice (dst then holds what fits). */
enum pod_status POD_MUST_USE pod_utf16_to_utf8(const uint16_t *src, size_t n, char *dst, size_t size);
/* Little- or big-endian UTF-16 bytes straight from disk. */
enum pod_status POD_MUST_USE pod_utf16le_to_utf8(const uint8_t *src, size_t n, char *dst, size_t size);
enum pod_status POD_MUST_USE pod_utf16be_to_utf8(const uint8_t *src, size_t n, char *dst, size_t size);
/* UTF-8 to UTF-16 code units, not terminated; *n_out units written. POD_E_LIMIT if more than `max` are
 * needed, POD_E_INVALID if `src` is not well-formed UTF-8. */
enum pod_status POD_MUST_USE pod_utf8_to_utf16(const char *src, uint16_t *dst, size_t max, size_t *n_out);

/* A small formatter that prints as C's snprintf does: %s %c %d %u %x %%, with '-', '0', width and precision, and l, ll or z.
 * Always terminates; returns the length the whole text would have. */
int pod_snprintf(char *buf, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int pod_vsnprintf(char *buf, size_t size, const char *fmt, va_list ap) __attribute__((format(printf, 3, 0)));
/* "217.0 MiB", "640 KiB", "12 B": binary units, one decimal from MiB up. Returns buf. */
char *pod_format_size(char buf[16], uint64_t bytes);

#endif
