/* SPDX-License-Identifier: BSD-2-Clause */
/* The core's formatter and strings against those of libc: every conversion with every flag, width, length of buffer and value
 * that matters; strings made up from a fixed seed. */
#include <iconv.h>
#include <limits.h>
#include <strings.h>
#include "tests/unit/test.h"
#include "core/base/str.h"

static uint64_t seed = 1;

static uint32_t rnd(uint32_t below)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(seed >> 33) % below;
}

static const size_t sizes[] = {0, 1, 2, 5, 12, 64};

/* Formats are made here, so that the compiler cannot look at them. */
#define SAME(fmt, ...)                                                                                                           \
	for (size_t z = 0; z < POD_ARRAY_LEN(sizes); z++) {                                                                      \
		char ours[64], theirs[64];                                                                                       \
		memset(ours, '#', sizeof ours);                                                                                  \
		memset(theirs, '#', sizeof theirs);                                                                              \
		int a = pod_snprintf(ours, sizes[z], fmt, __VA_ARGS__), b = snprintf(theirs, sizes[z], fmt, __VA_ARGS__);        \
		CHECK_EQ(a, b);                                                                                                  \
		if (memcmp(ours, theirs, sizeof ours) != 0) {                                                                    \
			char what[200];                                                                                          \
			snprintf(what, sizeof what, "\"%s\" in %zu bytes: \"%.*s\", libc \"%.*s\"", fmt, sizes[z],               \
				 (int)sizes[z], ours, (int)sizes[z], theirs);                                                    \
			test_fail(__FILE__, __LINE__, what);                                                                     \
		}                                                                                                                \
	}

static const char *const flags[] = {"", "-", "0", "-0", "0-"};
static const char *const widths[] = {"", "1", "4", "5", "11", "20", "30"};

#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"

TEST(numbers_as_libc)
{
	static const long long values[] = {0,	  1,	  -1,	   5,	    -5,	      9,	 10,	   -10,
					   99999, -99999, INT_MAX, INT_MIN, UINT_MAX, LLONG_MAX, LLONG_MIN};
	char fmt[32];

	for (size_t f = 0; f < POD_ARRAY_LEN(flags); f++)
		for (size_t w = 0; w < POD_ARRAY_LEN(widths); w++)
			for (size_t v = 0; v < POD_ARRAY_LEN(values); v++) {
				snprintf(fmt, sizeof fmt, "[%%%s%sd]", flags[f], widths[w]);
				SAME(fmt, (int)values[v]);
				snprintf(fmt, sizeof fmt, "%%%s%sld|", flags[f], widths[w]);
				SAME(fmt, (long)values[v]);
				snprintf(fmt, sizeof fmt, "%%%s%slld", flags[f], widths[w]);
				SAME(fmt, values[v]);
				snprintf(fmt, sizeof fmt, "%%%s%su", flags[f], widths[w]);
				SAME(fmt, (unsigned)values[v]);
				snprintf(fmt, sizeof fmt, "%%%s%sx", flags[f], widths[w]);
				SAME(fmt, (unsigned)values[v]);
				snprintf(fmt, sizeof fmt, "%%%s%slu", flags[f], widths[w]);
				SAME(fmt, (unsigned long)values[v]);
				snprintf(fmt, sizeof fmt, "%%%s%sllu%%%%", flags[f], widths[w]);
				SAME(fmt, (unsigned long long)values[v]);
				snprintf(fmt, sizeof fmt, "%%%s%sllx", flags[f], widths[w]);
				SAME(fmt, (unsigned long long)values[v]);
				snprintf(fmt, sizeof fmt, "%%%s%szu", flags[f], widths[w]);
				SAME(fmt, (size_t)values[v]);
				snprintf(fmt, sizeof fmt, "%%%s%szx", flags[f], widths[w]);
				SAME(fmt, (size_t)values[v]);
			}
}

TEST(strings_as_libc)
{
	static const char *const values[] = {"", "a", "abcdef", "启动盘", "a longer one than most widths here are"};
	static const char *const left[] = {"", "-"};
	static const char *const precisions[] = {"", ".0", ".1", ".3", ".40"};
	char fmt[32];

	for (size_t f = 0; f < POD_ARRAY_LEN(left); f++)
		for (size_t w = 0; w < POD_ARRAY_LEN(widths); w++)
			for (size_t v = 0; v < POD_ARRAY_LEN(values); v++) {
				for (size_t p = 0; p < POD_ARRAY_LEN(precisions); p++) {
					snprintf(fmt, sizeof fmt, "<%%%s%s%ss>", left[f], widths[w], precisions[p]);
					SAME(fmt, values[v]);
				}
				snprintf(fmt, sizeof fmt, "%%%s%sc", left[f], widths[w]);
				SAME(fmt, values[v][0] ? values[v][0] : 'z');
			}
}

static void make_up(char *s, size_t max)
{
	size_t n = rnd((uint32_t)max);

	for (size_t i = 0; i < n; i++)
		s[i] = "abAB.z\xc3\xa4"[rnd(8)];
	s[n] = '\0';
}

static int sign(int v)
{
	return (v > 0) - (v < 0);
}

TEST(comparisons_as_libc)
{
	char a[12], b[5];

	for (int i = 0; i < 200000; i++) {
		make_up(a, sizeof a);
		make_up(b, sizeof b);
		size_t n = rnd(6);
		CHECK_EQ(pod_strlen(a), strlen(a));
		CHECK_EQ(sign(pod_strcmp(a, b)), sign(strcmp(a, b)));
		CHECK_EQ(pod_streq(a, b), strcmp(a, b) == 0);
		CHECK_EQ(sign(pod_strcasecmp(a, b)), sign(strcasecmp(a, b)));
		CHECK_EQ(sign(pod_strncasecmp(a, b, n)), sign(strncasecmp(a, b, n)));
		CHECK(pod_strcasestr(a, b) == strcasestr(a, b));
		size_t la = strlen(a), lb = strlen(b);
		CHECK_EQ(pod_ends_with_nocase(a, b), la >= lb && strcasecmp(a + la - lb, b) == 0);
	}
}

/* What iconv takes as UTF-8 and what not, and what UTF-16 it makes of it. */
TEST(utf8_as_iconv)
{
	iconv_t cd = iconv_open("UTF-16LE", "UTF-8");

	REQUIRE(cd != (iconv_t)-1);
	for (int i = 0; i < 200000; i++) {
		static const uint32_t some[] = {'a', 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xffff, 0x10000, 0x10ffff};
		char in[64];
		size_t n = 0, units = 0;

		for (uint32_t k = rnd(8); k; k--) {
			char c[4];
			size_t len = pod_utf8_put(c, some[rnd(10)]);
			memcpy(in + n, c, len);
			n += len;
		}
		if (n && rnd(3) == 0)
			in[rnd((uint32_t)n)] = (char)(0x80 + rnd(0x80));
		if (n && rnd(4) == 0)
			n--;
		in[n] = '\0';
		uint16_t ours[64], theirs[64];
		char *from = in, *to = (char *)theirs;
		size_t left = n, room = sizeof theirs;
		iconv(cd, NULL, NULL, NULL, NULL);
		bool good = iconv(cd, &from, &left, &to, &room) != (size_t)-1 && left == 0;
		enum pod_status st = pod_utf8_to_utf16(in, ours, 64, &units);
		CHECK_EQ(st == POD_OK, good);
		if (good && st == POD_OK) {
			char back[64];
			CHECK_EQ(units * 2, sizeof theirs - room);
			CHECK(memcmp(ours, theirs, units * 2) == 0);
			CHECK(pod_utf16_to_utf8(ours, units, back, sizeof back) == POD_OK);
			CHECK_STR(back, in);
			for (size_t max = 0; max < units; max++) {
				size_t cut;
				CHECK_EQ(pod_utf8_to_utf16(in, ours, max, &cut), POD_E_LIMIT);
			}
		}
	}
	iconv_close(cd);
}

TEST(copies_never_split_a_character)
{
	for (size_t size = 0; size < 14; size++) {
		static const char text[] = "aé启\xf0\x9f\x92\xbf.";
		char out[16];

		memset(out, '#', sizeof out);
		CHECK_EQ(pod_strlcpy(out, text, size), strlen(text));
		CHECK_EQ(out[size], '#');
		if (!size)
			continue;
		size_t n = strnlen(out, size);
		CHECK(n < size);
		CHECK(memcmp(out, text, n) == 0);
		CHECK((text[n] & 0xc0) != 0x80);
		CHECK(n == strlen(text) || size - 1 - n < 4);
	}
}
