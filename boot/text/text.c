/* SPDX-License-Identifier: BSD-2-Clause */
/* Looks up a message in the catalogue generated from po/. */
#include "boot/text/text.h"
#include "core/base/mem.h"
#include "core/base/str.h"

const char *menu_translate(enum pod_conf_language lang, const char *id)
{
	if (lang != POD_LANG_ZH_CN)
		return id;
	size_t lo = 0, hi = menu_text_zh_cn_count;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = pod_strcmp(id, menu_text_zh_cn[mid].id);
		if (c == 0)
			return menu_text_zh_cn[mid].text;
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return id;
}

#define FILL_MAX 4u

struct filled {
	const char *at[FILL_MAX];
	size_t len[FILL_MAX], count;
};

/* Length of a % directive at p, 0 if there is none. */
static size_t directive(const char *p)
{
	size_t n = 1;
	if (*p != '%')
		return 0;
	while (p[n] && !(p[n] >= 'a' && p[n] <= 'z'))
		n++;
	while (p[n] == 'l' || p[n] == 'z')
		n++;
	return p[n] ? n + 1 : 0;
}

/* Does `text` come from `format`? Each directive takes the shortest text that lets the rest fit up to the next literal. */
static bool match_filled(const char *format, const char *text, struct filled *f)
{
	f->count = 0;
	while (*format) {
		size_t d = directive(format);
		if (!d) {
			if (*format++ != *text++)
				return false;
			continue;
		}
		if (f->count == FILL_MAX)
			return false;
		format += d;
		size_t literal = 0, n = 0;
		while (format[literal] && !directive(format + literal))
			literal++;
		if (!literal && !*format)
			n = pod_strlen(text);
		else
			while (text[n] && pod_strncasecmp(text + n, format, literal) != 0)
				n++;
		f->at[f->count] = text;
		f->len[f->count++] = n;
		text += n;
	}
	return !*text;
}

const char *menu_translate_filled(enum pod_conf_language lang, const char *text, char *buf, size_t size)
{
	const char *t = menu_translate(lang, text);
	struct filled f;
	if (lang != POD_LANG_ZH_CN || t != text)
		return t;
	for (size_t i = 0; i < menu_text_zh_cn_count; i++) {
		const char *p = menu_text_zh_cn[i].text;
		/* a message that begins with a directive fits nearly everything: the literal part must then be long */
		if (directive(menu_text_zh_cn[i].id) && pod_strlen(menu_text_zh_cn[i].id) < 24)
			continue;
		if (!match_filled(menu_text_zh_cn[i].id, text, &f) || !f.count)
			continue;
		size_t at = 0, arg = 0, d;
		while (*p && at + 1 < size) {
			if ((d = directive(p)) != 0 && arg < f.count) {
				size_t n = f.len[arg] < size - at - 1 ? f.len[arg] : size - at - 1;
				memcpy(buf + at, f.at[arg++], n);
				at += n;
				p += d;
			} else {
				buf[at++] = *p++;
			}
		}
		buf[at] = 0;
		return buf;
	}
	return text;
}

const char *menu_status_text(enum pod_conf_language lang, enum pod_status st)
{
	static const char *const text[POD_STATUS_COUNT] = {
		[POD_OK] = N_("no error"),
		[POD_END] = N_("the end was reached"),
		[POD_E_IO] = N_("read or write error"),
		[POD_E_NOMEM] = N_("not enough memory"),
		[POD_E_NOT_FOUND] = N_("not found"),
		[POD_E_FORMAT] = N_("unknown format"),
		[POD_E_CORRUPT] = N_("damaged"),
		[POD_E_UNSUPPORTED] = N_("not supported"),
		[POD_E_RANGE] = N_("access out of range"),
		[POD_E_LIMIT] = N_("a limit was exceeded"),
		[POD_E_NOSPACE] = N_("no space left"),
		[POD_E_EXISTS] = N_("already there"),
		[POD_E_READONLY] = N_("write-protected"),
		[POD_E_INVALID] = N_("invalid request"),
		[POD_E_BUSY] = N_("in use"),
		[POD_E_CHANGED] = N_("the medium was changed or removed"),
		[POD_E_BUDGET] = N_("it would take too long"),
		[POD_E_CANCELLED] = N_("stopped"),
		[POD_E_LOOP] = N_("it contains itself"),
	};
	return menu_translate(lang, (unsigned)st < POD_STATUS_COUNT && text[st] ? text[st] : pod_status_text(st));
}
