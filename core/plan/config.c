/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of initrds and kernels in loaders' configuration texts: GRUB (`initrd`, `initrdefi`, `initrd16`, several files behind it),
 * isolinux/syslinux (`INITRD a,b` and `initrd=a,b` inside APPEND or a kernel line), systemd-boot (`initrd /path`); kernels
 * by `linux`, `kernel`, `multiboot` and their kin, what Xen is given by `module`.
 * The texts are read word by word, without their grammar: a name that is none simply is not found in the tree.
 */
#include "core/plan/internal.h"

struct words {
	const char *p, *end;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_eol(char c)
{
	return c == '\n' || c == '\r' || c == ';';
}

/* Next word on this line, quotes taken off; false at its end. */
static bool next_word(struct words *w, const char **word, size_t *len)
{
	while (w->p < w->end && is_space(*w->p))
		w->p++;
	if (w->p == w->end || is_eol(*w->p))
		return false;
	char quote = *w->p == '"' || *w->p == '\'' ? *w->p++ : 0;
	*word = w->p;
	while (w->p < w->end && *w->p != '\n' && *w->p != '\r' && (quote ? *w->p != quote : !is_space(*w->p) && !is_eol(*w->p)))
		w->p++;
	*len = (size_t)(w->p - *word);
	if (quote && w->p < w->end && *w->p == quote)
		w->p++;
	return true;
}

static bool word_is(const char *word, size_t len, const char *what)
{
	return len == pod_strlen(what) && pod_strncasecmp(word, what, len) == 0;
}

/* A name may carry a GRUB device "(cd0)/x" or variable "($root)/x" "${root}/x" in front; what follows is the path. */
static void give(const char *p, size_t len, void (*cb)(void *, const char *, size_t), void *ctx)
{
	size_t at = 0;
	if (len && (p[0] == '(' || p[0] == '$'))
		while (at < len && p[at] != '/')
			at++;
	for (size_t i = at; i < len; i++)
		if (p[i] == '$' || p[i] == '*' || (uint8_t)p[i] < ' ')
			return; /* a variable inside the path: not known here */
	if (len > at && len - at < 256)
		cb(ctx, p + at, len - at);
}

static void give_list(const char *p, size_t len, void (*cb)(void *, const char *, size_t), void *ctx)
{
	size_t from = 0;
	for (size_t i = 0; i <= len; i++) {
		if (i == len || p[i] == ',') {
			give(p + from, i - from, cb, ctx);
			from = i + 1;
		}
	}
}

/* To the next line. */
static void end_line(struct words *w)
{
	while (w->p < w->end && !is_eol(*w->p))
		w->p++;
	if (w->p < w->end)
		w->p++;
}

bool pod_config_has_root(const char *text, size_t len)
{
	struct words w = {text, text + len};
	while (w.p < w.end) {
		const char *word;
		size_t n;
		bool first = true, arguments = true;
		while (next_word(&w, &word, &n)) {
			if (first && n && word[0] == '#')
				break;
			if (first && n >= 6 && pod_strncasecmp(word, "initrd", 6) == 0)
				return true;
			/* GRUB's own variable of that name */
			if (first && (word_is(word, n, "set") || word_is(word, n, "search")))
				arguments = false;
			if (arguments && n > 5 && pod_strncasecmp(word, "root=", 5) == 0)
				return true;
			if (n > 7 && pod_strncasecmp(word, "initrd=", 7) == 0)
				return true;
			first = false;
		}
		end_line(&w);
	}
	return false;
}

void pod_config_kernels(const char *text, size_t len, void (*cb)(void *, const char *, size_t), void *ctx)
{
	static const char *const command[] = {"linux",	   "linuxefi",	 "linux16", "kernel",
					      "multiboot", "multiboot2", "module",  "module2"};
	struct words w = {text, text + len};
	while (w.p < w.end) {
		const char *word;
		size_t n;
		bool names = false;
		if (next_word(&w, &word, &n))
			for (size_t i = 0; i < POD_ARRAY_LEN(command); i++)
				names = names || word_is(word, n, command[i]);
		while (names && next_word(&w, &word, &n)) {
			if (n > 1 && word[0] == '-') /* --nounzip */
				continue;
			give(word, n, cb, ctx);
			break;
		}
		end_line(&w);
	}
}

void pod_config_initrds(const char *text, size_t len, void (*cb)(void *, const char *, size_t), void *ctx)
{
	struct words w = {text, text + len};
	while (w.p < w.end) {
		const char *word;
		size_t n;
		bool first = true, names = false;
		while (next_word(&w, &word, &n)) {
			if (first && n && word[0] == '#')
				break;
			if (names)
				give_list(word, n, cb, ctx);
			else if (first)
				names = word_is(word, n, "initrd") || word_is(word, n, "initrdefi") ||
					word_is(word, n, "initrd16");
			if (n > 7 && pod_strncasecmp(word, "initrd=", 7) == 0)
				give_list(word + 7, n - 7, cb, ctx);
			first = false;
		}
		end_line(&w);
	}
}
