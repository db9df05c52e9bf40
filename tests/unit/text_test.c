/* SPDX-License-Identifier: BSD-2-Clause */
/* Text from media: what is hidden from a reader, and which names look like others. */
#include "tests/unit/test.h"
#include "core/base/str.h"
#include "core/base/text.h"

static const char *disarmed(const char *s, const char *keep)
{
	static char buf[128];

	snprintf(buf, sizeof buf, "%s", s);
	CHECK_EQ(pod_text_disarm(buf, keep), strlen(buf));
	return buf;
}

TEST(controls_are_shown_as_question_marks)
{
	CHECK_STR(disarmed("a\x1b[2Jb\x7f\r\n", NULL), "a?[2Jb???");
	CHECK_STR(disarmed("\xc2\x9b"
			   "31m",
			   NULL),
		  "?31m"); /* CSI as C1 */
	CHECK_STR(disarmed("one\ntwo\ttabs", "\n"), "one\ntwo?tabs");
}

TEST(direction_zero_width_and_tags)
{
	CHECK_STR(disarmed("gpj\xe2\x80\xae.iso", NULL), "gpj?.iso");
	CHECK_STR(disarmed("a\xe2\x81\xa6z", NULL), "a?z");
	CHECK_STR(disarmed("de\xe2\x80\x8b"
			   "bian\xef\xbb\xbf",
			   NULL),
		  "de?bian?");
	CHECK_STR(disarmed("x\xf3\xa0\x81\xa1y", NULL), "x?y");
	CHECK_STR(disarmed("\xe2\x80\xa8", NULL), "?");
}

TEST(ordinary_text_stays)
{
	static const char *const fine[] = {"debian-12.iso", "启动盘.iso", "Привет.iso",	  "ελληνικά",
					   "日本語",	    "naïve",	  "\xef\xbf\xbd", ""};

	for (size_t i = 0; i < POD_ARRAY_LEN(fine); i++) {
		CHECK_STR(disarmed(fine[i], NULL), fine[i]);
		CHECK(!pod_text_looks_alike(fine[i]));
	}
}

TEST(bytes_that_are_not_utf8)
{
	CHECK_STR(disarmed("a\x9b\xffz", NULL), "a??z");
	CHECK_STR(disarmed("cut\xe4\xb8", NULL), "cut??");
}

/* Every code point: what stays must read back as itself, what goes becomes one '?'. */
TEST(every_code_point)
{
	for (uint32_t cp = 1; cp < 0x110000; cp++) {
		char s[8] = {0};

		if (cp >= 0xd800 && cp < 0xe000)
			continue;
		size_t n = pod_utf8_put(s, cp);
		char was[8];
		memcpy(was, s, sizeof was);
		size_t left = pod_text_disarm(s, NULL);
		CHECK(pod_text_hidden(cp) ? left == 1 && s[0] == '?' : left == n && memcmp(s, was, n) == 0);
	}
}

TEST(names_that_look_alike)
{
	CHECK(pod_text_looks_alike("deb\xd1\x96"
				   "an.iso"));		   /* Cyrillic i */
	CHECK(pod_text_looks_alike("\xce\x91pple"));	   /* Greek Alpha */
	CHECK(pod_text_looks_alike("win\xef\xbd\x84ows")); /* full-width d */
	CHECK(pod_text_looks_alike("a\xe2\x80\x8d"
				   "b"));
	CHECK(!pod_text_looks_alike("Ubuntu \xd0\xa0\xd1\x83\xd1\x81\xd1\x81\xd0\xba\xd0\xb0\xd1\x8f.iso"));
	CHECK(!pod_text_looks_alike("windows-中文版.iso"));
}
