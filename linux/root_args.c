/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The words of the kernel's command line that say what its root is (Documentation/admin-guide/kernel-parameters.txt). Of several the last
 * one counts. Double quotes keep blanks in a word; those that a word or its value begins with, and ends with, are no part of it. What is
 * behind "--" is for init.
 */
#include "linux/root.h"

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Cuts off the next word; NULL: no more. */
static char *next_word(char **at)
{
	char *p = *at, *word, *value = NULL;
	while (is_blank(*p))
		p++;
	bool quoted = *p == '"', in_quotes = quoted;
	word = p += quoted;
	for (; *p && (in_quotes || !is_blank(*p)); p++) {
		if (*p == '"')
			in_quotes = !in_quotes;
		else if (*p == '=' && !value)
			value = p + 1;
	}
	*at = *p ? p + 1 : p;
	*p = 0;
	quoted |= value && *value == '"';
	if (quoted && p > word && p[-1] == '"' && p - 1 != value)
		p[-1] = 0;
	return p > word || quoted ? word : NULL;
}

/* What is behind the '=' of this word; NULL: it is another one. */
static const char *value_of(const char *word, const char *name)
{
	if (!pod_starts_with(word, name))
		return NULL;
	word += pod_strlen(name);
	return *word == '"' ? word + 1 : word;
}

static uint32_t seconds(const char *text)
{
	const uint32_t day = 86400;
	uint32_t v = 0;
	for (; *text >= '0' && *text <= '9' && v < day; text++)
		v = v * 10 + (uint32_t)(*text - '0');
	return v < day ? v : day;
}

void pod_root_args(char *line, struct pod_root_args *a)
{
	char *word;
	*a = (struct pod_root_args){.root = NULL};
	while ((word = next_word(&line)) != NULL && !pod_streq(word, "--")) {
		const struct {
			const char *name, **value;
		} text[] = {{"root=", &a->root}, {"rootfstype=", &a->types}, {"rootflags=", &a->flags}, {"init=", &a->init}};
		const char *value;
		for (size_t i = 0; i < POD_ARRAY_LEN(text); i++)
			if ((value = value_of(word, text[i].name)) != NULL)
				*text[i].value = value;
		if (pod_streq(word, "ro") || pod_streq(word, "rw"))
			a->rw = word[1] == 'w';
		a->wait |= pod_streq(word, "rootwait");
		if ((value = value_of(word, "rootwait=")) != NULL || (value = value_of(word, "rootdelay=")) != NULL)
			a->wait_s = seconds(value);
	}
}
