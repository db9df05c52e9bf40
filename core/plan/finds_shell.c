/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shell scripts as commands and their words (POSIX.1-2017, Shell Command Language; what bash adds where init scripts use it), without
 * running anything. Quotes are taken away, and split at spaces, since lists of devices are written in them; variables become one sign.
 * Where a script breaks the rules, some words are taken wrongly, and nothing worse.
 */
#include "core/plan/finds_int.h"
#include "core/base/mem.h"

enum { NESTED_MAX = 24, HEREDOCS_MAX = 4 };

struct nested {
	char kind;     /* what it ends with: ')' or '`' */
	bool subshell; /* it is no substitution */
	char quote;    /* that it is in */
	uint32_t inside;
	char first[24], second[24]; /* words of the command that it is in */
};

struct pod_shell {
	struct pod_alloc *alloc;
	struct pod_command c;
	pod_command_fn *cb;
	void *ctx;
	struct pod_budget *budget;
	const char *p, *end;
	uint32_t line;
	size_t len; /* of the word; 0 with `in_word`: it is empty so far */
	uint32_t vars;
	bool in_word, skip_word;
	char quote;
	unsigned defaults; /* ${x:- that are open */
	unsigned cases;
	bool pattern;
	struct nested nested[NESTED_MAX];
	unsigned depth, lost; /* lost: levels beyond NESTED_MAX */
	char heredoc[HEREDOCS_MAX][24];
	unsigned heredocs;
};

struct pod_shell *pod_shell_new(struct pod_alloc *a)
{
	struct pod_shell *sh = pod_zalloc(a, 1, sizeof *sh);
	if (sh)
		sh->alloc = a;
	return sh;
}

static bool is_name(char c)
{
	return (c >= '0' && c <= '9') || (pod_tolower(c) >= 'a' && pod_tolower(c) <= 'z') || c == '_';
}

static void put(struct pod_shell *sh, char ch)
{
	struct pod_command *c = &sh->c;
	if (!sh->in_word) {
		sh->in_word = true;
		sh->len = sh->vars = 0;
		if (c->count < POD_CMD_WORDS)
			memset(c->word[c->count].var, 0, sizeof c->word[0].var);
	}
	if (c->count < POD_CMD_WORDS && sh->len < POD_W_LEN - 1)
		c->word[c->count].text[sh->len++] = ch;
}

static void put_var(struct pod_shell *sh, uint32_t hash)
{
	put(sh, POD_W_VAR);
	if (sh->c.count < POD_CMD_WORDS && sh->vars < POD_W_VARS)
		sh->c.word[sh->c.count].var[sh->vars++] = hash;
}

static bool first_is(const struct pod_shell *sh, const char *word)
{
	return sh->c.count && pod_streq(sh->c.word[0].text, word);
}

/* The command, whose words are complete. */
static enum pod_status tell(struct pod_shell *sh, bool piped)
{
	struct pod_command *c = &sh->c;
	enum pod_status st = POD_OK;
	if (c->count) {
		c->depth = 0;
		for (unsigned i = 0; i < sh->depth; i++)
			c->depth += !sh->nested[i].subshell;
		c->inside = sh->depth ? sh->nested[sh->depth - 1].inside : 0;
		c->pattern = sh->pattern;
		c->piped = piped;
		st = pod_budget_spend(sh->budget, 1, 0);
		if (st == POD_OK)
			st = sh->cb(sh->ctx, c);
	}
	c->count = 0;
	c->goes_on = false;
	c->from_pipe = piped;
	sh->skip_word = false;
	return st;
}

/* Words that a command stands behind. */
static bool is_leader(const char *w)
{
	static const char *const leader[] = {"if", "then", "elif", "else", "while", "until", "do",
					     "!",  "{",	   "}",	   "fi",   "done",  "time"};
	for (size_t i = 0; i < POD_ARRAY_LEN(leader); i++)
		if (pod_streq(w, leader[i]))
			return true;
	return false;
}

static enum pod_status end_word(struct pod_shell *sh)
{
	struct pod_command *c = &sh->c;
	if (!sh->in_word)
		return POD_OK;
	sh->in_word = false;
	if (sh->skip_word || c->count == POD_CMD_WORDS) {
		sh->skip_word = false;
		return POD_OK;
	}
	struct pod_word *w = &c->word[c->count];
	w->text[sh->len] = 0;
	w->line = sh->line;
	if (c->count == 0 && pod_streq(w->text, "esac")) {
		sh->cases -= sh->cases != 0;
		sh->pattern = false;
		return POD_OK;
	}
	if (c->count == 0 && !sh->pattern && is_leader(w->text))
		return POD_OK;
	c->count++;
	if (c->count >= 3 && first_is(sh, "case") && pod_streq(w->text, "in")) {
		POD_TRY(tell(sh, false));
		sh->cases++;
		sh->pattern = true;
	}
	return POD_OK;
}

static enum pod_status end_command(struct pod_shell *sh, bool piped)
{
	POD_TRY(end_word(sh));
	return tell(sh, piped);
}

/* The variable that takes what the word, or the loop, that is being read gives. */
static uint32_t taker(const struct pod_shell *sh)
{
	const struct pod_command *c = &sh->c;
	size_t n = 0;
	if (first_is(sh, "for") && c->count >= 2)
		return pod_finds_hash(c->word[1].text, pod_strlen(c->word[1].text));
	if (sh->in_word && c->count < POD_CMD_WORDS) {
		const char *t = c->word[c->count].text;
		while (n < sh->len && is_name(t[n]))
			n++;
		if (n && n < sh->len && t[n] == '=')
			return pod_finds_hash(t, n);
	}
	return sh->depth ? sh->nested[sh->depth - 1].inside : 0;
}

static enum pod_status enter(struct pod_shell *sh, char kind, bool subshell)
{
	if (sh->depth == NESTED_MAX) {
		sh->lost++;
		return end_command(sh, false);
	}
	struct nested n = {.kind = kind, .subshell = subshell, .quote = sh->quote, .inside = taker(sh)};
	if (!subshell)
		put_var(sh, 0);
	POD_TRY(end_word(sh));
	if (!subshell && sh->c.count)
		(void)pod_strlcpy(n.first, sh->c.word[0].text, sizeof n.first);
	if (!subshell && sh->c.count > 1)
		(void)pod_strlcpy(n.second, sh->c.word[1].text, sizeof n.second);
	POD_TRY(end_command(sh, false));
	sh->nested[sh->depth++] = n;
	sh->quote = 0;
	return POD_OK;
}

static void begin_with(struct pod_shell *sh, const char *text)
{
	for (; *text; text++)
		put(sh, *text);
	if (sh->in_word)
		(void)end_word(sh); /* it ends no command: it was a word of one that went on */
}

static enum pod_status leave(struct pod_shell *sh)
{
	if (sh->lost) {
		sh->lost--;
		return end_command(sh, false);
	}
	POD_TRY(end_command(sh, false));
	struct nested n = sh->nested[--sh->depth];
	sh->quote = n.quote;
	if (n.subshell)
		return POD_OK;
	bool pattern = sh->pattern;
	sh->pattern = true; /* its words are taken as they are */
	begin_with(sh, n.first);
	begin_with(sh, n.second);
	sh->pattern = pattern;
	sh->c.goes_on = true;
	put_var(sh, 0);
	return POD_OK;
}

/* Behind "${": the name, and what is done with it. */
static void braced(struct pod_shell *sh)
{
	const char *p = sh->p;
	while (p < sh->end && (*p == '#' || *p == '!'))
		p++;
	const char *name = p;
	while (p < sh->end && (is_name(*p) || *p == '@' || *p == '*'))
		p++;
	put_var(sh, pod_finds_hash(name, (size_t)(p - name)));
	p += p < sh->end && *p == ':';
	if (p < sh->end && (*p == '-' || *p == '=' || *p == '+')) {
		put(sh, '-');
		sh->defaults++;
		sh->p = p + 1;
		return;
	}
	for (unsigned open = 1; p < sh->end && *p != '\n'; p++) {
		if (*p == '\\' && p + 1 < sh->end)
			p++;
		else if (*p == '{')
			open++;
		else if (*p == '}' && --open == 0)
			break;
	}
	sh->p = p < sh->end ? p + 1 : p;
}

/* Behind "$((". */
static void arithmetic(struct pod_shell *sh)
{
	unsigned open = 2;
	for (; sh->p < sh->end && open && *sh->p != '\n'; sh->p++)
		open += *sh->p == '(' ? 1u : *sh->p == ')' ? -1u : 0u;
	put_var(sh, 0);
}

/* Behind '$'. */
static enum pod_status dollar(struct pod_shell *sh)
{
	const char *p = sh->p;
	size_t left = (size_t)(sh->end - p), n = 0;
	if (left > 1 && p[0] == '(' && p[1] == '(') {
		sh->p += 2;
		arithmetic(sh);
		return POD_OK;
	}
	if (left && *p == '(') {
		sh->p++;
		return enter(sh, ')', false);
	}
	if (left && *p == '{') {
		sh->p++;
		braced(sh);
		return POD_OK;
	}
	while (n < left && is_name(p[n]))
		n++;
	if (!n && left && (*p == '@' || *p == '*' || *p == '#' || *p == '?' || *p == '$' || *p == '!' || *p == '-'))
		n = 1;
	else if (n && p[0] >= '0' && p[0] <= '9')
		n = 1;
	if (n)
		put_var(sh, pod_finds_hash(p, n));
	else if (!left || (*p != '\'' && *p != '"'))
		put(sh, '$');
	sh->p += n;
	return POD_OK;
}

/* Behind "<<": the word that a here-document ends with. */
static void heredoc(struct pod_shell *sh)
{
	char word[24];
	size_t n = 0;
	sh->p += sh->p < sh->end && *sh->p == '-';
	while (sh->p < sh->end && (*sh->p == ' ' || *sh->p == '\t'))
		sh->p++;
	for (; sh->p < sh->end && n < sizeof word - 1; sh->p++) {
		char c = *sh->p;
		if (c == '\'' || c == '"' || c == '\\')
			continue;
		if (!is_name(c) && c != '-' && c != '.' && c != '!')
			break;
		word[n++] = c;
	}
	word[n] = 0;
	if (n && sh->heredocs < HEREDOCS_MAX)
		(void)pod_strlcpy(sh->heredoc[sh->heredocs++], word, sizeof word);
}

/* Behind a line's end: passes over the here-documents that begin there. They are texts for people, or for a file. */
static void pass_heredocs(struct pod_shell *sh)
{
	for (unsigned i = 0; i < sh->heredocs; i++) {
		size_t n = pod_strlen(sh->heredoc[i]);
		bool ends = false;
		while (sh->p < sh->end && !ends) {
			const char *line = sh->p;
			while (line < sh->end && *line == '\t')
				line++;
			const char *stop = line;
			while (stop < sh->end && *stop != '\n')
				stop++;
			ends = (size_t)(stop - line) == n && memcmp(line, sh->heredoc[i], n) == 0;
			sh->p = stop < sh->end ? stop + 1 : stop;
			sh->line++;
		}
	}
	sh->heredocs = 0;
}

static enum pod_status new_line(struct pod_shell *sh)
{
	enum pod_status st = sh->pattern || sh->c.from_pipe ? end_word(sh) : POD_OK;
	if (st == POD_OK && !sh->pattern && (sh->c.count || sh->in_word))
		st = end_command(sh, false);
	sh->line++;
	pass_heredocs(sh);
	return st;
}

static enum pod_status redirection(struct pod_shell *sh, char c)
{
	bool here = c == '<' && sh->p < sh->end && *sh->p == '<';
	bool text = here && sh->p + 1 < sh->end && sh->p[1] == '<'; /* <<< */
	POD_TRY(end_word(sh));
	if (text) {
		sh->p += 2;
	} else if (here) {
		sh->p++;
		heredoc(sh);
	} else {
		while (sh->p < sh->end && (*sh->p == '>' || *sh->p == '|'))
			sh->p++;
		bool number = sh->p < sh->end && *sh->p == '&'; /* >&2 */
		sh->p += number;
		sh->skip_word = c == '>';
	}
	return POD_OK;
}

/* A sign that separates, outside of quotes. */
static enum pod_status separator(struct pod_shell *sh, char c)
{
	char next = sh->p < sh->end ? *sh->p : 0;
	switch (c) {
	case ';':
		if (next == ';') {
			sh->p++;
			POD_TRY(end_command(sh, false));
			sh->pattern = sh->cases != 0;
			return POD_OK;
		}
		return end_command(sh, false);
	case '&':
		if (next == '>') {
			sh->p++;
			return redirection(sh, '>');
		}
		sh->p += next == '&';
		return end_command(sh, false);
	case '|':
		if (sh->pattern)
			return end_word(sh);
		sh->p += next == '|' || next == '&';
		return end_command(sh, next != '|');
	case '(':
		if (sh->pattern)
			return end_word(sh);
		if (sh->in_word) /* NAME=( ... ), NAME() */
			return end_word(sh);
		return enter(sh, ')', true);
	case ')':
		if (sh->pattern && !(sh->depth && sh->c.count == 0 && !sh->in_word)) {
			POD_TRY(end_command(sh, false));
			sh->pattern = false;
			return POD_OK;
		}
		if (sh->lost || (sh->depth && sh->nested[sh->depth - 1].kind == ')'))
			return leave(sh);
		return end_word(sh);
	default:
		return redirection(sh, c);
	}
}

static enum pod_status unquoted(struct pod_shell *sh, char c)
{
	switch (c) {
	case ' ':
	case '\t':
	case '\r':
		return end_word(sh);
	case '\n':
		return new_line(sh);
	case '#':
		if (sh->in_word)
			break;
		while (sh->p < sh->end && *sh->p != '\n')
			sh->p++;
		return POD_OK;
	case ';':
	case '&':
	case '|':
	case '(':
	case ')':
	case '<':
	case '>':
		return separator(sh, c);
	case '}':
		if (sh->defaults) {
			sh->defaults--;
			return POD_OK;
		}
		break;
	default:
		break;
	}
	put(sh, c);
	return POD_OK;
}

static enum pod_status quoted(struct pod_shell *sh, char c)
{
	if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
		sh->line += c == '\n';
		return end_word(sh);
	}
	if (c == '}' && sh->defaults && sh->quote == '"') {
		sh->defaults--;
		return POD_OK;
	}
	put(sh, c);
	return POD_OK;
}

static enum pod_status step(struct pod_shell *sh)
{
	char c = *sh->p++;
	if (sh->quote == '\'' ? c == '\'' : c == '"' || (c == '\'' && !sh->quote)) {
		sh->quote = sh->quote ? 0 : c;
		return POD_OK;
	}
	if (sh->quote != '\'') {
		if (c == '\\' && sh->p < sh->end) {
			char next = *sh->p++;
			sh->line += next == '\n';
			if (next != '\n')
				put(sh, next);
			return POD_OK;
		}
		if (c == '$')
			return dollar(sh);
		if (c == '`') {
			bool ends = sh->depth && sh->nested[sh->depth - 1].kind == '`';
			return ends && !sh->lost ? leave(sh) : enter(sh, '`', false);
		}
	}
	return sh->quote ? quoted(sh, c) : unquoted(sh, c);
}

enum pod_status pod_shell_read(struct pod_shell *sh, const char *start, const char *end, uint32_t line, struct pod_budget *b,
			       pod_command_fn *cb, void *ctx)
{
	struct pod_alloc *a = sh->alloc;
	memset(sh, 0, sizeof *sh);
	sh->alloc = a;
	sh->p = start;
	sh->end = end;
	sh->line = line;
	sh->budget = b;
	sh->cb = cb;
	sh->ctx = ctx;
	while (sh->p < sh->end)
		POD_TRY(step(sh));
	return end_command(sh, false);
}
