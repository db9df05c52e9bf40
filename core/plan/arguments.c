/* SPDX-License-Identifier: BSD-2-Clause */
/* Boot menus with other kernel arguments; see arguments.h. The grammars (menu_grub.c, menu_lines.c) say where the arguments stand. */
#include "core/plan/internal.h"
#include "core/base/mem.h"

enum { TEXT_MAX = 1 << 20 };

struct span {
	const char *p;
	size_t len;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The next word of [*p, end), its quotes included; false: no more. */
static bool next_word(const char **p, const char *end, struct span *w)
{
	bool quoted = false;
	while (*p < end && is_blank(**p))
		++*p;
	w->p = *p;
	while (*p < end && (quoted || !is_blank(**p)))
		quoted ^= *(*p)++ == '"';
	w->len = (size_t)(*p - w->p);
	return w->len;
}

bool pod_arguments_valid(const char *words)
{
	size_t n = 0;
	bool quoted = false;
	for (; words[n]; n++) {
		if (words[n] < ' ' || words[n] > '~' || words[n] == '\\' || words[n] == '\'')
			return false;
		quoted ^= words[n] == '"';
	}
	return n < POD_ARGUMENTS_MAX && !quoted;
}

struct edit {
	const char *words, *text;
	bool adds;     /* there are words that are added */
	bool programs; /* EFI programs are given them, too */
	bool no_more;  /* no arguments where there are none */
	struct pod_arguments_initrd *more;
	size_t copied; /* of the text, so far */
	struct pod_alloc *alloc;
	char *out;
	size_t len, cap;
	uint32_t lines, hashes;
	enum pod_status st;
};

static void put(struct edit *e, const char *p, size_t n)
{
	void *v = e->out;
	if (!n)
		return;
	if (e->st == POD_OK)
		e->st = pod_grow(e->alloc, &v, e->len, &e->cap, e->len + n, 1, TEXT_MAX);
	e->out = v;
	if (e->st != POD_OK)
		return;
	memcpy(e->out + e->len, p, n);
	e->len += n;
}

/* NULL: nothing. */
static void put_string(struct edit *e, const char *s)
{
	if (s)
		put(e, s, pod_strlen(s));
}

static bool holds(const char *set, char c)
{
	while (*set && *set != c)
		set++;
	return *set;
}

/* A word with a blank in it has its quotes around all of it, which the kernel takes, and GRUB makes so of any other. */
static void put_word(struct edit *e, struct span w, const struct pod_menu_item *item)
{
	const char *escape = item->escape, *quote = item->quote ? item->quote : "\"";
	bool blank = false;
	for (size_t i = 0; i < w.len; i++)
		blank |= w.p[i] == ' ';
	if (blank)
		put_string(e, quote);
	for (size_t i = 0; i < w.len; i++) {
		if (w.p[i] == '"')
			continue;
		if (holds(escape, w.p[i]) && (!blank || w.p[i] == '$'))
			put(e, "\\", 1);
		put(e, w.p + i, 1);
	}
	if (blank)
		put_string(e, quote);
}

static bool takes_out(struct span w)
{
	return w.len > 1 && w.p[0] == '-' && w.p[1] != '-';
}

/* Is one of them taken out, or, if not `out`, added? */
static bool any_word(const char *words, bool out)
{
	const char *p = words, *end = p + pod_strlen(p);
	for (struct span w; next_word(&p, end, &w);)
		if (takes_out(w) == out)
			return true;
	return false;
}

bool pod_arguments_take_out(const char *words)
{
	return any_word(words, true);
}

static void put_added(struct edit *e, const struct pod_menu_item *item)
{
	const char *p = e->words, *end = p + pod_strlen(p), *in_front = item->text;
	for (struct span w; next_word(&p, end, &w);) {
		if (takes_out(w))
			continue;
		put_string(e, in_front);
		put_word(e, w, item);
		in_front = " ";
	}
}

/* Is this word of a kernel line to be taken out? */
static bool is_out(const struct edit *e, struct span is)
{
	const char *p = e->words, *end = p + pod_strlen(p);
	for (struct span w; next_word(&p, end, &w);) {
		size_t n = w.len - 1;
		if (takes_out(w) && is.len >= n && memcmp(is.p, w.p + 1, n) == 0 && (is.len == n || is.p[n] == '='))
			return true;
	}
	return false;
}

static bool has_newline(const char *p, const char *end)
{
	while (p < end && *p != '\n')
		p++;
	return p < end;
}

static void edit_words(struct edit *e, const struct pod_menu_item *item)
{
	const char *p = e->text + item->at, *from = p, *end = p + item->len;
	bool added = false;
	e->lines++;
	put(e, e->text + e->copied, item->at - e->copied);
	if (e->adds)
		put_string(e, item->before);
	for (struct span w; next_word(&p, end, &w);) {
		/* SYSLINUX: "append -" stands for none. */
		bool none = e->adds && w.len == 1 && w.p[0] == '-' && w.len == item->len;
		if (w.len == 2 && w.p[0] == '-' && w.p[1] == '-' && !added) {
			put_added(e, item);
			added = true;
		}
		bool out = none || is_out(e, w);
		/* What is in front of a word goes with it, but for the end of a line that goes on. */
		if (!out || has_newline(from, w.p))
			put(e, from, (size_t)(w.p - from));
		if (!out)
			put(e, w.p, w.len);
		from = p;
	}
	put(e, from, (size_t)(end - from));
	if (!added)
		put_added(e, item);
	if (e->adds)
		put_string(e, item->behind);
	e->copied = item->at + item->len;
}

/* Behind the arguments. */
static void add_initrd(struct edit *e, const struct pod_menu_item *item)
{
	e->more->count++;
	put(e, e->text + e->copied, item->at + item->len - e->copied);
	put_string(e, item->initrd);
	put(e, e->text + item->device, item->device_len);
	put(e, "/", 1);
	put_string(e, e->more->path);
	e->copied = item->at + item->len;
}

static void edit_line(void *ctx, const struct pod_menu_item *item)
{
	struct edit *e = ctx;
	bool wanted = e->more && e->more->wants(e->more->ctx, e->text, item);
	if (item->kind == POD_MENU_HASH && item->at >= e->copied) {
		e->hashes++;
		put(e, e->text + e->copied, item->at - e->copied);
		e->copied = item->at + item->len;
	}
	if (item->kind != POD_MENU_ARGUMENTS || item->at < e->copied)
		return;
	if (*e->words && !(item->unsure && !e->programs) && (item->len || !e->no_more))
		edit_words(e, item);
	if (wanted)
		add_initrd(e, item);
}

/* What is behind the last line. */
static enum pod_status end_text(struct edit *e, size_t len, char **out, size_t *out_len, uint32_t *lines)
{
	bool changed = e->lines || e->hashes || (e->more && e->more->count);
	*out = NULL;
	*lines = e->lines;
	if (changed)
		put(e, e->text + e->copied, len - e->copied);
	if (e->st != POD_OK || !changed) {
		pod_free(e->alloc, e->out);
		return e->st;
	}
	*out = e->out;
	*out_len = e->len;
	return POD_OK;
}

enum pod_status pod_arguments_edit(const char *words, const char *path, const char *text, size_t len, struct pod_menu_vars *vars,
				   struct pod_arguments_initrd *more, struct pod_alloc *a, char **out, size_t *out_len,
				   uint32_t *lines)
{
	struct edit e = {.words = words, .text = text, .adds = any_word(words, false), .more = more, .alloc = a};
	pod_config_read(path, text, len, vars, edit_line, &e);
	return end_text(&e, len, out, out_len, lines);
}

enum pod_status pod_arguments_edit_unified(const char *words, const char *text, size_t len, bool own, struct pod_alloc *a,
					   char **out, size_t *out_len, uint32_t *lines)
{
	struct edit e = {
		.words = words, .text = text, .adds = any_word(words, false), .programs = true, .no_more = own, .alloc = a};
	pod_menu_bls(text, len, edit_line, &e);
	return end_text(&e, len, out, out_len, lines);
}

enum pod_status pod_arguments_edit_line(const char *words, const char *text, size_t len, struct pod_alloc *a, char **out,
					size_t *out_len)
{
	struct edit e = {.words = words, .text = text, .adds = any_word(words, false), .alloc = a};
	size_t n = 0;
	while (n < len && text[n])
		n++;
	while (n && is_blank(text[n - 1]))
		n--;
	edit_line(&e, &(struct pod_menu_item){.kind = POD_MENU_ARGUMENTS, .text = n ? " " : "", .len = n, .escape = ""});
	if (!e.len)
		put(&e, " ", 1);
	if (e.st != POD_OK) {
		pod_free(a, e.out);
		return e.st;
	}
	*out = e.out;
	*out_len = e.len;
	return POD_OK;
}
