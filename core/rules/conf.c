/* SPDX-License-Identifier: BSD-2-Clause */
/* Parser and linter of /isopod.conf; the format is told in conf.h. */
#include "core/rules/conf.h"
#include "core/base/mem.h"
#include "core/base/str.h"

enum key {
	KEY_TIMEOUT,
	KEY_DEFAULT,
	KEY_LANGUAGE,
	KEY_VIEW,
	KEY_RECORDER,
	KEY_WINDOWS,
	KEY_WINDOWS_IMAGE,
	KEY_ANSWER,
	KEY_LABCONFIG,
	KEY_WRITE,
	KEY_MEMORY,
	KEY_PARTITION,
	KEY_SNAPSHOT,
	KEY_COUNT
};

static const char *const key_name[KEY_COUNT] = {"timeout", "default",	    "language", "view",	     "recorder",
						"windows", "windows_image", "answer",	"labconfig", "write",
						"memory",  "partition",	    "snapshot"};

struct span {
	const char *p;
	size_t len;
};

struct line {
	uint32_t number;
	struct span key, value;
	bool empty;	/* blank or a comment */
	bool no_equals; /* text without '=' */
};

struct reader {
	const char *p, *end;
	uint32_t number;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static struct span trim(const char *a, const char *b)
{
	while (a < b && is_space(*a))
		a++;
	while (b > a && is_space(b[-1]))
		b--;
	return (struct span){a, (size_t)(b - a)};
}

static bool span_is(struct span s, const char *t)
{
	return pod_strlen(t) == s.len && pod_strncasecmp(s.p, t, s.len) == 0;
}

static void reader_init(struct reader *r, const char *text, size_t len)
{
	if (len > POD_CONF_SIZE_MAX)
		len = POD_CONF_SIZE_MAX;
	*r = (struct reader){text, text + len, 0};
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		r->p += 3;
}

bool pod_conf_misnamed(const char *name)
{
	static const char *const known[] = {"isopod.conf.txt", "isopod.conf.conf", "isopod.conf.rtf", "isopod.config",
					    "isopod.cfg",      "isopod.ini",	   "isopod.txt",      ".isopod.conf"};
	for (size_t i = 0; i < POD_ARRAY_LEN(known); i++)
		if (pod_strcasecmp(name, known[i]) == 0)
			return true;
	return false;
}

/* Every other byte of the beginning is zero: ASCII in UTF-16, whatever stands in front. */
static bool is_utf16(const char *text, size_t len)
{
	enum { UNITS_MAX = 16 };
	size_t units = len / 2 < UNITS_MAX ? len / 2 : UNITS_MAX, low = 0, high = 0;
	if (len >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0))
		return true;
	for (size_t i = 0; i < units; i++) {
		low += text[2 * i] && !text[2 * i + 1];
		high += !text[2 * i] && text[2 * i + 1];
	}
	return units >= 4 && (low == units || high == units);
}

const char *pod_conf_encoding(const char *text, size_t len)
{
	bool cr = false;
	if (is_utf16(text, len))
		return "it is in UTF-16, and nothing in it applies: save it as UTF-8";
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n')
			return NULL;
		cr |= text[i] == '\r' && i + 1 < len;
	}
	return cr ? "its lines end in CR alone, and nothing in it applies: save it with LF or CR LF" : NULL;
}

static bool next_line(struct reader *r, struct line *out)
{
	if (r->p == r->end)
		return false;
	const char *start = r->p, *nl = start;
	while (nl < r->end && *nl != '\n')
		nl++;
	r->p = nl < r->end ? nl + 1 : nl;
	*out = (struct line){.number = ++r->number};
	struct span all = trim(start, nl);
	if (!all.len || all.p[0] == '#') {
		out->empty = true;
		return true;
	}
	const char *eq = all.p, *stop = all.p + all.len;
	while (eq < stop && *eq != '=')
		eq++;
	out->key = trim(all.p, eq);
	if (eq == stop)
		out->no_equals = true;
	else
		out->value = trim(eq + 1, stop);
	return true;
}

static bool parse_number(struct span v, uint32_t min, uint32_t max, uint32_t *out)
{
	uint32_t n = 0;
	if (!v.len || v.len > 9)
		return false;
	for (size_t i = 0; i < v.len; i++) {
		if (v.p[i] < '0' || v.p[i] > '9')
			return false;
		n = n * 10 + (uint32_t)(v.p[i] - '0');
	}
	if (n < min || n > max)
		return false;
	*out = n;
	return true;
}

/* Any UTF-8 without control characters, at most POD_CONF_PATH_MAX - 2 bytes. */
static bool is_path_text(struct span v)
{
	if (!v.len || v.len + 2 > POD_CONF_PATH_MAX)
		return false;
	for (const char *p = v.p, *end = v.p + v.len; p < end;) {
		uint32_t cp = pod_utf8_next(&p, (size_t)(end - p));
		if (cp < 0x20 || cp == 0x7f || cp == 0xfffd)
			return false;
	}
	return true;
}

/* Backslashes become slashes. */
static void put_slashes(struct span v, char *out)
{
	for (size_t i = 0; i < v.len; i++)
		out[i] = v.p[i] == '\\' ? '/' : v.p[i];
	out[v.len] = 0;
}

/* A leading slash is added. */
static bool parse_path(struct span v, char out[POD_CONF_PATH_MAX])
{
	if (!is_path_text(v))
		return false;
	out[0] = '/';
	put_slashes(v, out + (v.p[0] != '/' && v.p[0] != '\\'));
	return true;
}

/* Patterns of images; "on" is all of them, "off" none. */
static bool parse_patterns(struct span v, char out[POD_CONF_PATH_MAX])
{
	if (!is_path_text(v))
		return false;
	if (span_is(v, "on") || span_is(v, "off"))
		pod_strlcpy(out, span_is(v, "on") ? "*" : "", POD_CONF_PATH_MAX);
	else
		put_slashes(v, out);
	return true;
}

/* Words of letters and digits, each at most LAB_WORD_MAX long; commas count as blanks. */
static bool parse_words(struct span v, char out[POD_CONF_LAB_MAX])
{
	enum { LAB_WORD_MAX = 64 };
	size_t n = 0, word = 0;
	char all[POD_CONF_LAB_MAX];
	for (size_t i = 0; i < v.len; i++) {
		char c = v.p[i], lower = pod_tolower(c);
		bool part = (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9');
		if (!part && c != ' ' && c != '\t' && c != ',')
			return false;
		if (part && !word && n)
			all[n++] = ' ';
		word = part ? word + 1 : 0;
		if (word > LAB_WORD_MAX || n + 2 > POD_CONF_LAB_MAX)
			return false;
		if (part)
			all[n++] = c;
	}
	all[n] = 0;
	if (n)
		memcpy(out, all, n + 1);
	return n;
}

static bool parse_switch(struct span v, bool *on)
{
	bool is_on = span_is(v, "on");
	if (!is_on && !span_is(v, "off"))
		return false;
	*on = is_on;
	return true;
}

/* Applies one line. Returns NULL, or why it was skipped; *key is the key found, KEY_COUNT if none. */
static const char *apply(struct pod_conf *c, const struct line *l, enum key *key)
{
	bool on;
	*key = KEY_COUNT;
	if (l->no_equals)
		return "no '=' in this line";
	if (!l->key.len)
		return "no key before '='";
	unsigned k = 0;
	while (k < KEY_COUNT && !span_is(l->key, key_name[k]))
		k++;
	*key = (enum key)k;
	switch (*key) {
	case KEY_TIMEOUT:
		if (!parse_number(l->value, 0, POD_CONF_TIMEOUT_MAX, &c->timeout_seconds))
			return "not a number of seconds from 0 to 3600";
		c->has_timeout = true;
		return NULL;
	case KEY_DEFAULT:
		return parse_path(l->value, c->default_path) ? NULL : "not a path of at most 1022 bytes of UTF-8";
	case KEY_LANGUAGE:
		if (span_is(l->value, "en"))
			c->language = POD_LANG_EN;
		else if (span_is(l->value, "zh_CN"))
			c->language = POD_LANG_ZH_CN;
		else
			return "not a language the menu knows (en, zh_CN)";
		return NULL;
	case KEY_VIEW:
		if (span_is(l->value, "flat"))
			c->view = POD_VIEW_FLAT;
		else if (span_is(l->value, "folders"))
			c->view = POD_VIEW_FOLDERS;
		else
			return "not a view (flat, folders)";
		return NULL;
	case KEY_RECORDER:
		if (!parse_switch(l->value, &on))
			return "neither on nor off";
		c->recorder_off = !on;
		return NULL;
	case KEY_WRITE:
		return parse_switch(l->value, &c->write) ? NULL : "neither on nor off";
	case KEY_WINDOWS:
		if (span_is(l->value, "disk"))
			c->windows_cd = false;
		else if (span_is(l->value, "cd"))
			c->windows_cd = true;
		else
			return "neither disk nor cd";
		return NULL;
	case KEY_WINDOWS_IMAGE:
		return parse_number(l->value, 1, POD_CONF_IMAGE_MAX, &c->windows_image) ? NULL : "not a number from 1 to 4096";
	case KEY_ANSWER:
		return parse_path(l->value, c->answer_path) ? NULL : "not a path of at most 1022 bytes of UTF-8";
	case KEY_LABCONFIG:
		return parse_words(l->value, c->labconfig) ? NULL
							   : "not names of letters and digits, of at most 255 bytes in all";
	case KEY_MEMORY:
	case KEY_PARTITION:
	case KEY_SNAPSHOT:
		return parse_patterns(l->value, *key == KEY_MEMORY	? c->memory
						: *key == KEY_PARTITION ? c->partition
									: c->snapshot)
			       ? NULL
			       : "not on, off, or names of at most 1022 bytes of UTF-8";
	case KEY_COUNT:
		break;
	}
	return "unknown key (known: timeout, default, language, view, recorder, windows, windows_image, answer, labconfig, write, memory, partition, snapshot)";
}

void pod_conf_init(struct pod_conf *c)
{
	memset(c, 0, sizeof *c);
}

void pod_conf_parse(struct pod_conf *c, const char *text, size_t len)
{
	struct reader r;
	struct line l;
	enum key k;
	pod_conf_init(c);
	if (pod_conf_encoding(text, len))
		return;
	reader_init(&r, text, len);
	while (next_line(&r, &l))
		if (!l.empty)
			(void)apply(c, &l, &k);
}

struct lint_run {
	const struct pod_conf_lint *l;
	uint32_t count;
};

static void report(struct lint_run *run, enum pod_conf_problem problem, uint32_t line, const char *what, struct span key,
		   uint32_t other_line)
{
	run->count++;
	if (run->l->report)
		run->l->report(run->l->ctx, &(struct pod_conf_finding){line, what, key.p, key.len, problem, other_line});
}

uint32_t pod_conf_lint(const struct pod_conf_lint *l, const char *text, size_t len, struct pod_conf *scratch)
{
	struct lint_run run = {l, 0};
	struct line seen[KEY_COUNT], ln;
	struct reader r;
	enum key k;
	memset(seen, 0, sizeof seen);
	pod_conf_init(scratch);
	if (len > POD_CONF_SIZE_MAX)
		report(&run, POD_CONF_TOO_LONG, 0, "the file is longer than 64 KiB: the rest is not read", (struct span){"", 0},
		       0);
	const char *encoding = pod_conf_encoding(text, len);
	if (encoding) {
		report(&run, POD_CONF_ENCODING, 1, encoding, (struct span){"", 0}, 0);
		return run.count;
	}
	reader_init(&r, text, len);
	while (next_line(&r, &ln)) {
		if (ln.empty)
			continue;
		const char *why = apply(scratch, &ln, &k);
		if (why)
			report(&run,
			       k != KEY_COUNT		     ? POD_CONF_VALUE
			       : ln.no_equals || !ln.key.len ? POD_CONF_LINE
							     : POD_CONF_UNKNOWN,
			       ln.number, why, ln.key, 0);
		if (k == KEY_COUNT)
			continue;
		if (seen[k].number)
			report(&run, POD_CONF_DUPLICATE, ln.number, "given twice: the last valid line counts", ln.key,
			       seen[k].number);
		if (!why || !seen[k].number)
			seen[k] = ln;
	}
	if (scratch->default_path[0] && l->exists && !l->exists(l->ctx, scratch->default_path))
		report(&run, POD_CONF_DEAD, seen[KEY_DEFAULT].number, "names no image on this stick", seen[KEY_DEFAULT].key, 0);
	if (scratch->answer_path[0] && l->is_file && !l->is_file(l->ctx, scratch->answer_path))
		report(&run, POD_CONF_DEAD, seen[KEY_ANSWER].number, "names no file on this stick", seen[KEY_ANSWER].key, 0);
	if (scratch->has_timeout && !scratch->default_path[0])
		report(&run, POD_CONF_NO_EFFECT, seen[KEY_TIMEOUT].number, "has no effect without a default",
		       seen[KEY_TIMEOUT].key, 0);
	return run.count;
}

const char *pod_conf_key(unsigned key)
{
	return key < KEY_COUNT ? key_name[key] : NULL;
}

bool pod_conf_find(const char *text, size_t len, unsigned key, struct pod_conf *scratch, struct pod_conf_place *out)
{
	struct reader r;
	struct line l;
	enum key k;
	bool found = false;
	pod_conf_init(scratch);
	reader_init(&r, text, len);
	while (next_line(&r, &l)) {
		if (l.empty || apply(scratch, &l, &k) || k == KEY_COUNT || (unsigned)k != key)
			continue;
		*out = (struct pod_conf_place){l.number, l.value.p, l.value.len};
		found = true;
	}
	return found;
}
