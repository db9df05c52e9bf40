/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rEFInd (its documentation, "Configuring the boot manager" and "The EFI stub loader"; the comments of its refind.conf-sample):
 *
 *   refind.conf         menuentry NAME { loader FILE; initrd FILE; options "ARGUMENTS"; volume NAME; ostype Linux
 *                         submenuentry NAME { ... add_options "ARGUMENTS" } }, each on a line of its own; include FILE
 *   refind_linux.conf   beside a kernel: lines of "NAME" "ARGUMENTS", for kernels that it finds by itself
 *
 * A line is words between blanks and "="; of `options` the first one counts, so it is in quotes, in which "" stands for one. Files count
 * from the root of a volume, with slashes either way. The initrd of a kernel without one is the file "init*" or "booster*" beside it with
 * the same version in its name (scan.c knows such names); "%v" in arguments stands for that version, and is not read. An entry, or one below,
 * with the word "disabled" is none: its sample file has all of its entries so. A BOM is passed over; files in UTF-16, which it takes, too, are
 * not read.
 */
#include "core/base/str.h"
#include "core/plan/menu_lines.h"

/* A word, and whether it was in quotes, which are not part of it. */
struct token {
	struct pod_span s;
	bool quoted;
};

struct refind {
	struct pod_lines l;
	bool in_entry, in_sub;
	bool is_linux, sub_is_linux;
	bool elsewhere;		    /* a volume was named */
	struct token options;	    /* of this entry, or entry below; p: NULL if it has none */
	struct pod_span no_options; /* where they would stand */
};

static bool is_between(char c)
{
	return pod_lines_blank(c) || c == '=' || c == ',';
}

static struct token take_token(struct pod_span *line)
{
	const char *p = line->p, *end = p + line->len;
	struct token t = {{NULL, 0}, false};
	while (p < end && is_between(*p))
		p++;
	if (p < end && *p == '"') {
		t.quoted = true;
		t.s.p = ++p;
		while (p < end && (*p != '"' || (end - p > 1 && p[1] == '"')))
			p += *p == '"' ? 2 : 1;
		t.s.len = (size_t)(p - t.s.p);
		p += p < end;
	} else if (p < end && *p != '#') {
		t.s.p = p;
		while (p < end && !is_between(*p) && *p != '#')
			p++;
		t.s.len = (size_t)(p - t.s.p);
	} else {
		p = end; /* a comment */
	}
	*line = (struct pod_span){p, (size_t)(end - p)};
	return t;
}

/* initrd=FILE among arguments: the kernel loads it itself. */
static void give_initrds(struct pod_lines *l, struct pod_span arguments, bool elsewhere)
{
	while (arguments.len) {
		struct pod_span w = pod_lines_word(&arguments);
		if (w.len <= 7 || pod_strncasecmp(w.p, "initrd=", 7) != 0)
			continue;
		w.p += 7;
		w.len -= 7;
		bool version = false;
		for (size_t i = 0; i < w.len; i++)
			version |= w.p[i] == '%';
		if (!version)
			pod_lines_give_on(l, POD_MENU_INITRD, w, elsewhere);
	}
}

static void give_options(struct pod_lines *l, const struct token *t)
{
	struct pod_menu_item item = {.kind = POD_MENU_ARGUMENTS,
				     .entry = l->entry,
				     .text = t->s.len ? " " : "",
				     .before = t->quoted ? "" : "\"",
				     .behind = t->quoted ? "" : "\"",
				     .quote = "\"\"",
				     .at = (size_t)(t->s.p - l->begin),
				     .len = t->s.len,
				     .escape = ""};
	l->cb(l->ctx, &item);
}

/* What is to be known of an entry before its lines are read. */
struct ahead {
	bool disabled;
	bool is_linux; /* a kernel, or a program that is given an initrd, be it in an entry below */
};

static void look_at_line(struct ahead *a, struct pod_span line, bool below)
{
	struct pod_span key = take_token(&line).s, value = take_token(&line).s;
	if (!key.p)
		return;
	a->is_linux |= value.p && pod_lines_is(key, "initrd");
	if (below)
		return;
	a->disabled |= pod_lines_is(key, "disabled");
	a->is_linux |= value.p && ((pod_lines_is(key, "ostype") && pod_lines_is(value, "Linux")) ||
				   (pod_lines_is(key, "loader") && !pod_lines_ends_with(value, ".efi")));
}

static bool begins_with(struct pod_span line, const char *word)
{
	struct pod_span key = take_token(&line).s;
	return key.p && pod_lines_is(key, word);
}

/* Up to the end of the entry, or of one below another (`sub`); *end: behind it. Where that is missing, up to the next one: no line is read
 * here more than twice. */
static struct ahead look_ahead(struct pod_lines l, bool sub, struct pod_lines *end)
{
	struct ahead a = {false, false};
	struct pod_span line;
	bool below = false, over = false;
	for (*end = l; !over && pod_lines_next(&l, &line) && !begins_with(line, "menuentry"); *end = l) {
		if (sub && begins_with(line, "submenuentry"))
			break;
		look_at_line(&a, line, below);
		if (begins_with(line, "}")) {
			over = !below;
			below = false;
		}
		below |= begins_with(line, "submenuentry");
	}
	return a;
}

/* The arguments of what was read of an entry, or of an entry below it. */
static void flush(struct refind *r)
{
	struct pod_menu_item none = {.kind = POD_MENU_ARGUMENTS,
				     .entry = r->l.entry,
				     .text = "",
				     .before = "\n\toptions \"",
				     .behind = "\"",
				     .quote = "\"\"",
				     .at = r->no_options.p ? (size_t)(r->no_options.p - r->l.begin) : 0,
				     .escape = ""};
	if ((r->in_sub ? r->sub_is_linux : r->is_linux) && r->options.s.p)
		give_options(&r->l, &r->options);
	else if (r->is_linux && r->no_options.p && !r->in_sub)
		r->l.cb(r->l.ctx, &none);
	r->options.s.p = r->no_options.p = NULL;
}

static void skip(struct refind *r, const struct pod_lines *end)
{
	r->l.p = end->p;
	r->l.line = end->line;
}

static void begin_entry(struct refind *r, struct pod_span name)
{
	struct pod_lines end;
	struct ahead a = look_ahead(r->l, false, &end);
	flush(r);
	r->in_entry = !a.disabled;
	r->is_linux = a.is_linux;
	r->in_sub = r->elsewhere = false;
	if (a.disabled) {
		skip(r, &end);
		return;
	}
	r->l.entry++;
	pod_lines_give(&r->l, POD_MENU_ENTRY, name);
}

static void end_block(struct refind *r)
{
	flush(r);
	if (!r->in_sub)
		r->in_entry = false;
	r->in_sub = false;
}

static void take_loader(struct refind *r, struct pod_span file, struct pod_span line)
{
	bool program = pod_lines_ends_with(file, ".efi");
	pod_lines_give_on(&r->l, program ? POD_MENU_CHAIN : POD_MENU_KERNEL, file, r->elsewhere);
	if (r->in_sub)
		return;
	/* It "should normally be the first ...; if it's not, some other options may be ignored": these are. */
	r->options.s.p = NULL;
	r->no_options = (struct pod_span){line.p + line.len, 0};
}

static void begin_below(struct refind *r)
{
	struct pod_lines end;
	struct ahead a = look_ahead(r->l, true, &end);
	flush(r);
	r->in_sub = !a.disabled;
	r->sub_is_linux = r->is_linux || a.is_linux;
	if (a.disabled)
		skip(r, &end);
}

static void entry_line(struct refind *r, struct pod_span key, struct token value, struct pod_span line)
{
	if (pod_lines_is(key, "submenuentry")) {
		begin_below(r);
	} else if (pod_lines_is(key, "}")) {
		end_block(r);
	} else if (pod_lines_is(key, "loader") && value.s.p) {
		take_loader(r, value.s, line);
	} else if (pod_lines_is(key, "initrd") && value.s.p) {
		pod_lines_give_on(&r->l, POD_MENU_INITRD, value.s, r->elsewhere);
	} else if ((pod_lines_is(key, "options") || pod_lines_is(key, "add_options")) && value.s.p) {
		r->options = value;
		give_initrds(&r->l, value.s, r->elsewhere);
	} else if (pod_lines_is(key, "volume")) {
		r->elsewhere = true;
	}
}

void pod_menu_refind(const char *text, size_t len, pod_menu_fn *cb, void *ctx)
{
	struct refind r = {.l = {.begin = text, .p = text + pod_lines_bom(text, len), .end = text + len, .cb = cb, .ctx = ctx}};
	struct pod_span line;
	while (pod_lines_next(&r.l, &line)) {
		struct pod_span rest = line;
		struct token key = take_token(&rest), value = take_token(&rest);
		if (!key.s.p)
			continue;
		if (pod_lines_is(key.s, "menuentry"))
			begin_entry(&r, value.s);
		else if (pod_lines_is(key.s, "include"))
			pod_lines_give(&r.l, POD_MENU_CONFIG, value.s);
		else if (r.in_entry)
			entry_line(&r, key.s, value, line);
	}
	flush(&r);
}

void pod_menu_refind_linux(const char *text, size_t len, pod_menu_fn *cb, void *ctx)
{
	struct pod_lines l = {.begin = text, .p = text + pod_lines_bom(text, len), .end = text + len, .cb = cb, .ctx = ctx};
	struct pod_span line;
	while (pod_lines_next(&l, &line)) {
		struct token name = take_token(&line), arguments = take_token(&line);
		if (!name.s.p || !arguments.s.p)
			continue;
		l.entry++;
		pod_lines_give(&l, POD_MENU_ENTRY, name.s);
		give_initrds(&l, arguments.s, false);
		give_options(&l, &arguments);
	}
}
