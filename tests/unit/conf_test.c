/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/rules/conf.h"
#include "core/rules/match.h"
#include "tests/unit/test.h"

static struct pod_conf c;

static void parse(const char *t)
{
	pod_conf_parse(&c, t, strlen(t));
}

TEST(reads_every_key)
{
	parse("timeout = 10\ndefault = /images/debian.iso\nlanguage = zh_CN\nview = folders\n");
	CHECK(c.has_timeout);
	CHECK_EQ(c.timeout_seconds, 10);
	CHECK_STR(c.default_path, "/images/debian.iso");
	CHECK_EQ(c.language, POD_LANG_ZH_CN);
	CHECK_EQ(c.view, POD_VIEW_FOLDERS);
}

TEST(has_defaults)
{
	memset(&c, 0xff, sizeof c);
	parse("");
	CHECK(!c.has_timeout);
	CHECK_STR(c.default_path, "");
	CHECK_EQ(c.language, POD_LANG_EN);
	CHECK_EQ(c.view, POD_VIEW_FLAT);
}

TEST(takes_what_windows_editors_write)
{
	parse("\xef\xbb\xbfTIMEOUT=5\r\n\r\n  # remark = 7\r\nDefault = images\\启动 盘.iso \r\nview=FOLDERS");
	CHECK_EQ(c.timeout_seconds, 5);
	CHECK_STR(c.default_path, "/images/启动 盘.iso");
	CHECK_EQ(c.view, POD_VIEW_FOLDERS);
}

TEST(skips_what_makes_no_sense_and_the_last_valid_line_counts)
{
	parse("timeout = 3\ntimeout = soon\ntimeout = 3601\ntimeout = -1\ntimeout =\nview = tree\nnonsense\n= x\nfoo = bar\n"
	      "default = /a\x01.iso\ndefault = /bad\xff.iso\nlanguage = fr\n");
	CHECK_EQ(c.timeout_seconds, 3);
	CHECK_EQ(c.view, POD_VIEW_FLAT);
	CHECK_STR(c.default_path, "");
	CHECK_EQ(c.language, POD_LANG_EN);
	parse("default = /a.iso\ndefault = /b.iso\ndefault =\n");
	CHECK_STR(c.default_path, "/b.iso");
}

TEST(path_length_bounds)
{
	static char t[4096];
	size_t n = (size_t)sprintf(t, "default = ");
	memset(t + n, 'x', 1022);
	pod_conf_parse(&c, t, n + 1022);
	CHECK_EQ(strlen(c.default_path), 1023);
	memset(t + n, 'x', 1023);
	pod_conf_parse(&c, t, n + 1023);
	CHECK_STR(c.default_path, "");
}

TEST(reads_only_the_first_64_kib)
{
	static char t[POD_CONF_SIZE_MAX + 64];
	memset(t, '\n', sizeof t);
	memcpy(t + POD_CONF_SIZE_MAX + 1, "timeout = 9\n", 12);
	pod_conf_parse(&c, t, sizeof t);
	CHECK(!c.has_timeout);
}

static char report[4096];

static void collect(void *ctx, const struct pod_conf_finding *f)
{
	(void)ctx;
	size_t n = strlen(report);
	snprintf(report + n, sizeof report - n, "%u %.*s: %s\n", f->line, (int)f->key_len, f->key, f->what);
}

static bool exists(void *ctx, const char *path)
{
	return strcmp(ctx, path) == 0;
}

static uint32_t lint(const char *t, const char *there)
{
	struct pod_conf_lint l = {collect, there ? exists : NULL, there ? exists : NULL, (void *)(uintptr_t)there};
	report[0] = 0;
	return pod_conf_lint(&l, t, strlen(t), &c);
}

TEST(lint_is_silent_on_a_sound_file)
{
	CHECK_EQ(lint("# Isopod\ntimeout = 10\ndefault = /a.iso\nlanguage = en\nview = flat\n", "/a.iso"), 0);
	CHECK_STR(report, "");
}

TEST(lint_names_lines)
{
	CHECK_EQ(lint("timeout = 10\ncolour = red\ntimeout = x\n\nno sense\ndefault = /gone.iso\nview = tree\nLanguage=fr\n",
		      "/a.iso"),
		 7);
	CHECK_STR(
		report,
		"2 colour: unknown key (known: timeout, default, language, view, recorder, windows, windows_image, answer, labconfig, write, memory, partition, snapshot)\n"
		"3 timeout: not a number of seconds from 0 to 3600\n"
		"3 timeout: given twice: the last valid line counts\n"
		"5 no sense: no '=' in this line\n"
		"7 view: not a view (flat, folders)\n"
		"8 Language: not a language the menu knows (en, zh_CN)\n"
		"6 default: names no image on this stick\n");
}

TEST(lint_knows_that_a_timeout_needs_a_default)
{
	CHECK_EQ(lint("\ntimeout = 10\n", NULL), 1);
	CHECK_STR(report, "2 timeout: has no effect without a default\n");
}

TEST(windows_comes_as_a_disk_unless_told)
{
	parse("");
	CHECK(!c.windows_cd);
	parse("windows = cd\n");
	CHECK(c.windows_cd);
	parse("Windows=CD\nwindows = disk\n");
	CHECK(!c.windows_cd);
	CHECK_EQ(lint("windows = cd\n", ""), 0);
	CHECK_EQ(lint("windows = dvd\n", ""), 1);
	CHECK_STR(report, "1 windows: neither disk nor cd\n");
}

TEST(an_image_of_a_wim_is_a_number_from_1)
{
	parse("");
	CHECK_EQ(c.windows_image, 0);
	parse("Windows_Image = 2\nwindows_image = 0\nwindows_image = 4097\nwindows_image =\n");
	CHECK_EQ(c.windows_image, 2);
	CHECK_EQ(lint("windows_image = 4096\n", ""), 0);
	CHECK_EQ(lint("windows_image = two\n", ""), 1);
	CHECK_STR(report, "1 windows_image: not a number from 1 to 4096\n");
}

TEST(windows_setup_is_given_what_is_named)
{
	parse("");
	CHECK_STR(c.answer_path, "");
	CHECK_STR(c.labconfig, "");
	parse("answer = answers\\win.xml\nLabConfig = ,BypassTPMCheck,\t BypassRAMCheck \n");
	CHECK_STR(c.answer_path, "/answers/win.xml");
	CHECK_STR(c.labconfig, "BypassTPMCheck BypassRAMCheck");
	CHECK_EQ(lint("answer = /a.xml\nlabconfig = A b1\n", "/a.xml"), 0);
	CHECK_EQ(lint("answer =\nlabconfig = ,\nlabconfig = a-b\n", ""), 4);
	CHECK_STR(report, "1 answer: not a path of at most 1022 bytes of UTF-8\n"
			  "2 labconfig: not names of letters and digits, of at most 255 bytes in all\n"
			  "3 labconfig: not names of letters and digits, of at most 255 bytes in all\n"
			  "3 labconfig: given twice: the last valid line counts\n");
	char line[400] = "labconfig = ";
	memset(line + 12, 'x', 65);
	CHECK_EQ(lint(line, ""), 1);
	for (unsigned i = 0; i < 300; i++)
		line[12 + i] = i % 10 ? 'x' : ' ';
	parse(line);
	CHECK_STR(c.labconfig, "");
}

TEST(images_are_not_written_unless_switched_on)
{
	parse("");
	CHECK(!c.write);
	parse("write = on\n");
	CHECK(c.write && !c.recorder_off);
	parse("write = on\nWrite = off\n");
	CHECK(!c.write);
	parse("write = on\nwrite = yes\n");
	CHECK(c.write);
	CHECK_EQ(lint("write = on\n", ""), 0);
	CHECK_EQ(lint("write = yes\n", ""), 1);
}

TEST(the_recorder_is_on_unless_switched_off)
{
	parse("");
	CHECK(!c.recorder_off);
	parse("recorder = off\n");
	CHECK(c.recorder_off);
	parse("Recorder=OFF\nrecorder = on\n");
	CHECK(!c.recorder_off);
	parse("recorder = off\nrecorder = no\n");
	CHECK(c.recorder_off);
	CHECK_EQ(lint("recorder = off\n", ""), 0);
	CHECK_EQ(lint("recorder = no\n", ""), 1);
	CHECK_STR(report, "1 recorder: neither on nor off\n");
}

static struct pod_conf_finding last;

static void keep(void *ctx, const struct pod_conf_finding *f)
{
	(void)ctx;
	last = *f;
}

static bool nowhere(void *ctx, const char *path)
{
	(void)ctx;
	(void)path;
	return false;
}

static void lint_one(const char *t)
{
	struct pod_conf_lint l = {keep, nowhere, nowhere, NULL};
	memset(&last, 0, sizeof last);
	CHECK_EQ(pod_conf_lint(&l, t, strlen(t), &c), 1);
}

TEST(findings_have_a_kind)
{
	lint_one("view = flat\nanswer = /gone.xml\n");
	CHECK_EQ(last.problem, POD_CONF_DEAD);
	CHECK_EQ(last.line, 2);
	lint_one("what is this\n");
	CHECK_EQ(last.problem, POD_CONF_LINE);
	lint_one("= 5\n");
	CHECK_EQ(last.problem, POD_CONF_LINE);
	lint_one("\ntimeuot = 5\n");
	CHECK_EQ(last.problem, POD_CONF_UNKNOWN);
	CHECK_EQ(last.line, 2);
	lint_one("view = tree\n");
	CHECK_EQ(last.problem, POD_CONF_VALUE);
	lint_one("view = flat\n# between\nVIEW = folders\n");
	CHECK_EQ(last.problem, POD_CONF_DUPLICATE);
	CHECK_EQ(last.line, 3);
	CHECK_EQ(last.other_line, 1);
	lint_one("default = /a.iso\n");
	CHECK_EQ(last.problem, POD_CONF_DEAD);
	lint_one("timeout = 5\n");
	CHECK_EQ(last.problem, POD_CONF_NO_EFFECT);
}

TEST(finds_the_line_that_counts)
{
	static const char t[] = "view = flat\ntimeout = 5\nview =  folders \nview = tree\n";
	struct pod_conf_place p;
	unsigned keys = 0;
	while (pod_conf_key(keys)) {
		bool given = strcmp(pod_conf_key(keys), "view") == 0 || strcmp(pod_conf_key(keys), "timeout") == 0;
		CHECK_EQ(pod_conf_find(t, strlen(t), keys, &c, &p), given);
		if (strcmp(pod_conf_key(keys), "view") == 0) {
			CHECK_EQ(p.line, 3);
			CHECK_EQ(p.value_len, 7);
			CHECK(memcmp(p.value, "folders", 7) == 0);
		}
		keys++;
	}
	CHECK(keys >= 4);
	CHECK(!pod_conf_find(t, strlen(t), keys, &c, &p));
}

TEST(encodings_that_are_not_read)
{
	static const char le[] = "\xff\xfev\0i\0e\0w\0", plain[] = "v\0i\0e\0w\0", be[] = "\0v\0i\0e\0w";
	CHECK(pod_conf_encoding(le, sizeof le - 1) != NULL);
	CHECK(pod_conf_encoding(plain, 8) != NULL);
	CHECK(pod_conf_encoding(be, 8) != NULL);
	CHECK(pod_conf_encoding("view = flat\rtimeout = 5\r", 25) != NULL);
	CHECK(pod_conf_encoding("view = flat\r\ntimeout = 5\r\n", 27) == NULL);
	CHECK(pod_conf_encoding("view = flat\r", 12) == NULL);
	CHECK(pod_conf_encoding("view = flat", 11) == NULL);
	CHECK(pod_conf_encoding("", 0) == NULL && pod_conf_encoding("\xff", 1) == NULL);
	struct pod_conf c;
	pod_conf_parse(&c, "view = folders\rview = folders", 29);
	CHECK_EQ(c.view, POD_VIEW_FLAT);
}

TEST(memory_is_for_all_none_or_some)
{
	parse("");
	CHECK_STR(c.memory, "");
	parse("memory = ON\n");
	CHECK_STR(c.memory, "*");
	parse("memory = on\nmemory = off\n");
	CHECK_STR(c.memory, "");
	parse("memory = dos\\*.img | haiku*\n");
	CHECK_STR(c.memory, "dos/*.img | haiku*");
	parse("memory =\nmemory = a\x01\n");
	CHECK_STR(c.memory, "");
	CHECK_EQ(lint("memory = a\xff\n", "1 memory: not on, off, or names of at most 1022 bytes of UTF-8\n"), 1);
}

TEST(a_snapshot_before_the_start_is_for_all_none_or_some)
{
	parse("memory = on\npartition = on\n");
	CHECK_STR(c.snapshot, "");
	parse("Snapshot = ON\n");
	CHECK_STR(c.snapshot, "*");
	CHECK(!c.memory[0] && !c.partition[0]);
	parse("snapshot = on\nsnapshot = off\n");
	CHECK_STR(c.snapshot, "");
	parse("snapshot = vm\\win\\* | fedora*\nsnapshot =\n");
	CHECK_STR(c.snapshot, "vm/win/* | fedora*");
	CHECK_EQ(lint("snapshot = on\n", ""), 0);
	CHECK_EQ(lint("snapshot = a\xff\n", ""), 1);
	CHECK_STR(report, "1 snapshot: not on, off, or names of at most 1022 bytes of UTF-8\n");
}

TEST(patterns_of_images)
{
	static const struct {
		const char *patterns, *path;
		bool matches;
	} t[] = {
		{"", "/a.iso", false},
		{"|", "/a.iso", false},
		{" | ", "/a.iso", false},
		{"*", "/a/b.iso", true},
		{"b.iso", "/a/b.iso", true},
		{"B.ISO", "/a/b.iso", true},
		{"b.is", "/a/b.iso", false},
		{"b.isoo", "/a/b.iso", false},
		{"a*", "/a/b.iso", false},
		{"*a*", "/a/b.iso", false},
		{"/a/*", "/a/b.iso", true},
		{"a/*", "/a/b.iso", true},
		{"/a/*", "/a/c/b.iso", true},
		{"/a/*", "/b/b.iso", false},
		{"*/b.iso", "/a/b.iso", true},
		{"x | b* ", "/a/b.iso", true},
		{"x|y", "/a/b.iso", false},
		{"?.iso", "/a/启.iso", true},
		{"??.iso", "/a/启.iso", false},
		{"启*", "/a/启动.iso", true},
		{"*a*ab", "/aaab", true},
		{"*a*abb", "/aaab", false},
		{"**", "/x", true},
		{"*?", "/x", true},
		{"*??", "/x", false},
		{"b.iso*", "/a/b.iso", true},
	};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++)
		if (pod_rules_match(t[i].patterns, t[i].path) != t[i].matches) {
			printf("%s on %s\n", t[i].patterns, t[i].path);
			CHECK(false);
		}
}
