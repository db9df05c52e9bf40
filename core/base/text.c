/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/base/str.h"
#include "core/base/text.h"

struct range {
	uint32_t first, last;
};

static bool is_in(const struct range *r, size_t n, uint32_t cp)
{
	for (size_t i = 0; i < n; i++)
		if (cp >= r[i].first && cp <= r[i].last)
			return true;
	return false;
}

bool pod_text_hidden(uint32_t cp)
{
	static const struct range hidden[] = {
		{0x0000, 0x001f}, {0x007f, 0x009f},   {0x00ad, 0x00ad},	  {0x034f, 0x034f},   {0x061c, 0x061c},
		{0x115f, 0x1160}, {0x17b4, 0x17b5},   {0x180b, 0x180f},	  {0x200b, 0x200f},   {0x2028, 0x202e},
		{0x2060, 0x206f}, {0x3164, 0x3164},   {0xfe00, 0xfe0f},	  {0xfeff, 0xfeff},   {0xffa0, 0xffa0},
		{0xfff0, 0xfffb}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
	};

	return is_in(hidden, POD_ARRAY_LEN(hidden), cp);
}

size_t pod_text_disarm(char *s, const char *keep)
{
	const char *next = s, *end = s + pod_strlen(s);
	char *to = s;

	while (next < end) {
		const char *at = next;
		uint32_t cp = pod_utf8_next(&next, (size_t)(end - next));
		/* U+FFFD of three bytes stands there itself; of one byte it is the decoder's word for a byte that is not UTF-8.
		 */
		bool hide = (cp == 0xfffd && next - at == 1) || pod_text_hidden(cp);

		if (hide && keep && cp < 0x80)
			for (const char *k = keep; *k; k++)
				if ((uint32_t)*k == cp)
					hide = false;
		if (hide)
			*to++ = '?';
		else
			while (at < next)
				*to++ = *at++;
	}
	*to = '\0';
	return (size_t)(to - s);
}

/* Scripts with letters that look like Latin ones. */
enum script { OTHER, LATIN, LIKE_LATIN };

static enum script script_of(uint32_t cp)
{
	static const struct range latin[] = {{'A', 'Z'}, {'a', 'z'}, {0xc0, 0x24f}, {0x1e00, 0x1eff}};
	static const struct range alike[] = {
		{0x0370, 0x03ff}, {0x0400, 0x058f}, {0x13a0, 0x13ff}, {0x1c80, 0x1c8f}, {0x1f00, 0x1fff}, {0x2c80, 0x2cff},
		{0x2de0, 0x2dff}, {0xa640, 0xa69f}, {0xab70, 0xabbf}, {0xff21, 0xff3a}, {0xff41, 0xff5a}, {0x1d400, 0x1d7ff},
	};

	if (is_in(latin, POD_ARRAY_LEN(latin), cp))
		return LATIN;
	return is_in(alike, POD_ARRAY_LEN(alike), cp) ? LIKE_LATIN : OTHER;
}

bool pod_text_looks_alike(const char *s)
{
	const char *end = s + pod_strlen(s);
	bool seen[3] = {false};

	while (s < end) {
		uint32_t cp = pod_utf8_next(&s, (size_t)(end - s));

		if (pod_text_hidden(cp))
			return true;
		/* A word ends: "Привет.iso" mixes nothing. */
		if (cp < 0x80 && script_of(cp) == OTHER)
			seen[LATIN] = seen[LIKE_LATIN] = false;
		seen[script_of(cp)] = true;
		if (seen[LATIN] && seen[LIKE_LATIN])
			return true;
	}
	return false;
}
