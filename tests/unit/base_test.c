/* SPDX-License-Identifier: BSD-2-Clause */
/* The core's strings and formatter against the C library's (libc_oracle.h): tables of edges, and pseudo-random cases that are the
 * same in every run. */
#include <limits.h>
#include "tests/unit/libc_oracle.h"
#include "tests/unit/test.h"

static uint64_t random_state;

/* xorshift64; each test starts it anew. */
static uint32_t random_below(uint32_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 32) % n;
}

static void random_start(void)
{
	random_state = 0x9e3779b97f4a7c15u;
}

/* One failed check for each kind of disagreement would be thousands: the first few tell. */
#define AGREES(call)                                                                                                             \
	do {                                                                                                                     \
		if (!(call)) {                                                                                                   \
			CHECK(!#call);                                                                                           \
			if (++disagreements > 10)                                                                                \
				return;                                                                                          \
		}                                                                                                                \
	} while (0)

static const size_t sizes[] = {0, 1, 2, 3, 6, 9, 23, 100};
static const unsigned widths[] = {0, 1, 2, 5, 8, 19, 20, 21, 40};
static const int precisions[] = {-1, 0, 1, 2, 5, 8, 19, 21, 30};

TEST(numbers_print_as_libc_prints_them)
{
	static const uint64_t values[] = {
		0,
		1,
		5,
		(uint64_t)-1,
		(uint64_t)-5,
		9,
		10,
		99,
		0x7f,
		0xff,
		12345,
		(uint64_t)-12345,
		INT_MAX,
		(uint64_t)INT_MIN,
		UINT_MAX,
		1ull << 32,
		9999999999999999999u,
		10000000000000000000u,
		LLONG_MAX,
		(uint64_t)LLONG_MIN,
		0xdeadbeef,
		65535,
		65536,
		0x123456789abcdef0,
	};
	int disagreements = 0;
	struct oracle_spec s = {.text = ""};

	for (const char *c = "dux"; *c; c++)
		for (s.conversion = *c, s.length = 0; s.length < ORACLE_LENGTHS; s.length++)
			for (int flags = 0; flags < 4; flags++)
				for (size_t w = 0; w < POD_ARRAY_LEN(widths); w++)
					for (size_t p = 0; p < POD_ARRAY_LEN(precisions); p++)
						for (size_t v = 0; v < POD_ARRAY_LEN(values); v++)
							for (size_t z = 0; z < POD_ARRAY_LEN(sizes); z++) {
								s.left = flags & 1, s.zero = flags & 2;
								s.width = widths[w], s.precision = precisions[p];
								s.value = values[v], s.size = sizes[z];
								AGREES(oracle_format_agrees(&s));
							}
}

TEST(texts_print_as_libc_prints_them)
{
	static const char *const texts[] = {"", "x", "isopod", "a text that is wider than all of the widths above",
					    "\xe5\x90\xaf"};
	int disagreements = 0;
	struct oracle_spec s = {0};

	for (int flags = 0; flags < 2; flags++)
		for (size_t w = 0; w < POD_ARRAY_LEN(widths); w++)
			for (size_t p = 0; p < POD_ARRAY_LEN(precisions); p++)
				for (size_t z = 0; z < POD_ARRAY_LEN(sizes); z++) {
					s.left = flags, s.width = widths[w], s.precision = precisions[p], s.size = sizes[z];
					s.conversion = 's';
					for (size_t t = 0; t < POD_ARRAY_LEN(texts); t++) {
						s.text = texts[t];
						AGREES(oracle_format_agrees(&s));
					}
					s.conversion = 'c', s.text = "";
					for (s.value = 0; s.value < 256; s.value += 5)
						AGREES(oracle_format_agrees(&s));
				}
}

TEST(random_directives_print_as_libc_prints_them)
{
	int disagreements = 0;

	random_start();
	for (int i = 0; i < 100000; i++) {
		char text[32] = "";
		for (uint32_t n = random_below(sizeof text), k = 0; k < n; k++)
			text[k] = (char)(1 + random_below(255));
		uint64_t value = (uint64_t)random_below(UINT_MAX) << 32 | random_below(UINT_MAX);
		struct oracle_spec s = {
			random_below(2),  random_below(2),	    random_below(70),	       (int)random_below(70) - 10,
			random_below(4),  "duxcs"[random_below(5)], value >> random_below(64), text,
			random_below(120)};
		if (s.precision < -1)
			s.precision = -1;
		AGREES(oracle_format_agrees(&s));
	}
}

TEST(several_directives_in_one_format)
{
	char a[100], b[100];

	CHECK_EQ(pod_snprintf(a, sizeof a, "%s: %d%% of %llu (%04x) %c|%-6u|%zu", "x", -5, 1ull << 40, 0xbeu, 'q', 7u, (size_t)9),
		 snprintf(b, sizeof b, "%s: %d%% of %llu (%04x) %c|%-6u|%zu", "x", -5, 1ull << 40, 0xbeu, 'q', 7u, (size_t)9));
	CHECK_STR(a, b);
}

/* All pairs of strings of up to three letters, and random longer ones; letters next to where ASCII case ends. */
TEST(strings_compare_and_are_found_as_in_libc)
{
	static const char letters[] = "aAzZ@[`{\xc3\xe3";
	enum { N = sizeof letters - 1, ALL = 1 + N + N * N + N * N * N };
	int disagreements = 0;
	static char all[ALL][4];
	size_t n = 1;

	for (size_t from = 0, to = 1, len = 0; len < 3; len++) {
		for (size_t i = from; i < to; i++)
			for (size_t c = 0; c < N; c++) {
				memcpy(all[n], all[i], len);
				all[n++][len] = letters[c];
			}
		from = to, to = n;
	}
	CHECK_EQ(n, ALL);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n; k += i < 1 + N + N * N ? 1 : 7)
			AGREES(oracle_strings_agree(all[i], all[k]));

	random_start();
	for (int i = 0; i < 50000; i++) {
		char text[2][40] = {"", ""};
		for (int side = 0; side < 2; side++)
			for (uint32_t len = random_below(side ? 5 : 39), k = 0; k < len; k++)
				text[side][k] = i & 1 ? letters[random_below(3)] : (char)(1 + random_below(255));
		AGREES(oracle_strings_agree(text[0], text[1]));
		AGREES(oracle_strings_agree(text[1], text[0]));
	}
}

TEST(every_code_point_is_put_as_iconv_puts_it)
{
	int disagreements = 0;

	for (uint32_t cp = 0; cp < 0x110400; cp++) {
		char ours[4], theirs[8];
		bool none = cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000);
		uint32_t asked = none ? 0xfffd : cp;
		size_t n = oracle_iconv("UTF-8", "UTF-32LE", &asked, sizeof asked, theirs, sizeof theirs);
		AGREES(pod_utf8_put(ours, cp) == n && memcmp(ours, theirs, n) == 0);
		AGREES(oracle_utf8_next_agrees(theirs, n));
	}
}

/* Every first byte with second to fourth bytes at the edges of what may stand there, whole and cut off. */
TEST(utf8_is_read_as_iconv_reads_it)
{
	static const uint8_t edges[] = {0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff};
	enum { N = sizeof edges };
	int disagreements = 0;

	for (int lead = 0; lead < 256; lead++)
		for (int i = 0; i < N * N * N; i++) {
			char s[4] = {(char)lead, (char)edges[i % N], (char)edges[i / N % N], (char)edges[i / N / N]};
			AGREES(oracle_utf8_next_agrees(s, 4));
			if (i < N * N)
				AGREES(oracle_utf8_next_agrees(s, 3));
			if (i < N)
				AGREES(oracle_utf8_next_agrees(s, 2));
			if (i < 1)
				AGREES(oracle_utf8_next_agrees(s, 1));
		}
}

/* Units that are letters, the edges of the surrogates, or anything. */
TEST(utf16_is_read_as_iconv_reads_it)
{
	static const uint16_t edges[] = {0x41, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xd800, 0xdbff, 0xdc00, 0xdfff, 0xe000, 0xffff};
	int disagreements = 0;

	random_start();
	for (int i = 0; i < 60000; i++) {
		uint8_t units[2 * 12];
		size_t n = random_below(13);
		for (size_t k = 0; k < n; k++)
			pod_put_le16(units + 2 * k,
				     i % 3 ? edges[random_below(POD_ARRAY_LEN(edges))] : (uint16_t)random_below(0x10000));
		for (size_t k = 0; k < n; k++) /* a zero would end the texts that are compared */
			if (!pod_get_le16(units + 2 * k))
				pod_put_le16(units + 2 * k, 'n');
		AGREES(oracle_utf16_agrees(units, n, 1 + random_below(40)));
	}
	char none[1];
	CHECK_EQ(pod_utf16_to_utf8((const uint16_t[]){'a'}, 1, none, 0), POD_E_LIMIT);
}

/* Well-formed text, and the same with one byte changed. */
TEST(utf8_is_copied_and_converted_as_iconv_does)
{
	static const uint32_t points[] = {'a', 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xfffd, 0xffff, 0x10000, 0x10ffff};
	int disagreements = 0;

	random_start();
	for (int i = 0; i < 60000; i++) {
		char s[64] = "";
		size_t n = 0;
		for (size_t k = random_below(13); k; k--)
			n += pod_utf8_put(s + n, points[random_below(POD_ARRAY_LEN(points))]);
		if (i % 2 && n)
			s[random_below((uint32_t)n)] = (char)(0x80 + random_below(128));
		AGREES(oracle_utf8_to_utf16_agrees(s, random_below(30)));
		AGREES(oracle_strlcpy_agrees(s, random_below(64)));
	}
	/* Text in another encoding: bytes that would all continue a sequence. */
	for (size_t size = 0; size < 40; size++)
		AGREES(oracle_strlcpy_agrees("\xb0\xb1\xb2\xb3\xb4\xb5\xb6\xb7\xb8\xb9\xba\xbb\xbc\xbd\xbe\xbf\xb0\xb1\xb2\xb3",
					     size));
}

/* Cut, never rounded up: 1023 of 1024 MiB is not a GiB. */
TEST(sizes_in_binary_units)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} t[] = {
		{0, "0 B"},
		{1023, "1023 B"},
		{1024, "1 KiB"},
		{1024 * 1024 - 1, "1023 KiB"},
		{1024 * 1024, "1.0 MiB"},
		{217ull << 20, "217.0 MiB"},
		{(1ull << 30) - 1, "1023.9 MiB"},
		{3ull << 29, "1.5 GiB"},
		{UINT64_MAX, "15.9 EiB"},
	};
	char buf[16];

	for (size_t i = 0; i < POD_ARRAY_LEN(t); i++)
		CHECK_STR(pod_format_size(buf, t[i].bytes), t[i].text);
	for (int shift = 20; shift < 64; shift++)
		for (uint64_t tenth = 0; tenth < 10; tenth++) {
			char want[32];
			int unit = shift / 10;
			uint64_t bytes = (1ull << shift) + ((1ull << unit * 10) * tenth + 9) / 10;
			/* Exact in 128 bits. */
			uint64_t tenths = (uint64_t)((unsigned __int128)bytes * 10 >> unit * 10);
			snprintf(want, sizeof want, "%llu.%llu %ciB", (unsigned long long)tenths / 10,
				 (unsigned long long)tenths % 10, "BKMGTPE"[unit]);
			CHECK_STR(pod_format_size(buf, bytes), want);
		}
}
