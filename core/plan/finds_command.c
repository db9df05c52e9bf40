/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's command lines, as the boot menus have them (menu.h names the grammars), and what they say of the medium: root= as the
 * kernel (Documentation/admin-guide/kernel-parameters.txt) and dracut.cmdline(7) take it, and any parameter that gives a label or an
 * identifier and that the initramfs has in its scripts.
 */
#include "core/plan/finds_int.h"
#include "core/plan/menu.h"
#include "core/base/mem.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Whose arguments are a command line: of GRUB, SYSLINUX, entries of the Boot Loader Specification, rEFInd, Limine. */
static bool takes_arguments(const char *word, size_t len)
{
	static const char *const known[] = {"linux",   "linux16",   "linuxefi", "append",  "kernel",
					    "options", "multiboot", "module",	"module2", "add_options"};
	for (size_t i = 0; i < POD_ARRAY_LEN(known); i++)
		if (pod_strlen(known[i]) == len && pod_strncasecmp(word, known[i], len) == 0)
			return true;
	return false;
}

static bool begins(const char *text, size_t len, const char *with)
{
	size_t n = pod_strlen(with);
	return len >= n && pod_strncasecmp(text, with, n) == 0;
}

/* Where the arguments begin in what is left of a line; `len`: it has none. */
static size_t arguments_at(const char *path, const char *text, size_t len)
{
	/* Of GRUB Legacy; of Limine, before version 8 with "=". A blank may follow. */
	static const char *const joined[] = {"kernel=", "module=", "cmdline=", "kernel_cmdline=", "cmdline:", "kernel_cmdline:"};
	size_t stop = 0;
	for (size_t i = 0; i < POD_ARRAY_LEN(joined); i++)
		if (begins(text, len, joined[i]))
			return pod_strlen(joined[i]);
	/* The name and the arguments, each in quotes: neither is taken for the other. */
	if (len && *text == '"' && pod_config_is_refind_linux(path))
		return 0;
	while (stop < len && !is_blank(text[stop]))
		stop++;
	return stop < len && takes_arguments(text, stop) ? stop : len;
}

size_t pod_finds_commands(const char *path, const char *text, size_t len, struct pod_finds_command *out, size_t max)
{
	size_t n = 0;
	uint32_t line = 1;
	for (size_t at = 0, end; at < len && n < max; at = end + 1, line++) {
		for (end = at; end < len && text[end] != '\n'; end++)
			;
		size_t word = at;
		while (word < end && is_blank(text[word]))
			word++;
		size_t from = word + arguments_at(path, text + word, end - word);
		if (from == end)
			continue;
		struct pod_finds_command *c = &out[n++];
		(void)pod_strlcpy(c->file, path, sizeof c->file);
		c->line = line;
		c->text = text + from;
		c->len = end - from;
	}
	return n;
}

struct parameter {
	const char *name, *value;
	size_t name_len, value_len;
};

/* The next NAME=VALUE; *at goes on behind it. Quotes are not part of either. */
static bool next_parameter(const struct pod_finds_command *c, size_t *at, struct parameter *p)
{
	while (*at < c->len) {
		size_t start, eq, end;
		while (*at < c->len && (is_blank(c->text[*at]) || c->text[*at] == '"' || c->text[*at] == '\''))
			++*at;
		for (start = eq = *at; eq < c->len && !is_blank(c->text[eq]) && c->text[eq] != '='; eq++)
			;
		for (end = eq; end < c->len && !is_blank(c->text[end]) && c->text[end] != '"' && c->text[end] != '\''; end++)
			;
		*at = end;
		if (eq == end || eq == start)
			continue;
		*p = (struct parameter){c->text + start, c->text + eq + 1, eq - start, end - eq - 1};
		return true;
	}
	return false;
}

bool pod_command_has_value(const struct pod_finds_request *rq, uint32_t name_hash, const char *value)
{
	struct parameter p;
	for (size_t i = 0; i < rq->commands; i++)
		for (size_t at = 0; next_parameter(&rq->command[i], &at, &p);)
			if (pod_finds_hash(p.name, p.name_len) == name_hash && pod_strlen(value) == p.value_len &&
			    memcmp(value, p.value, p.value_len) == 0)
				return true;
	return false;
}

/* LABEL=x, and others that the kernel or blkid(8) know; the value must not be a variable of the loader's. */
static bool is_tag(const char *v, size_t len)
{
	static const char *const tag[] = {"LABEL=", "UUID=", "PARTUUID=", "PARTLABEL=", "CDLABEL="};
	for (size_t i = 0; i < POD_ARRAY_LEN(tag); i++)
		if (begins(v, len, tag[i]))
			return len > pod_strlen(tag[i]);
	return false;
}

/* Parameters about something else than the medium. */
static bool is_of_something_else(const struct parameter *p)
{
	static const char *const other[] = {"resume", "rd.", "cow_", "persist", "crypt",     "luks",	"fsck",
					    "swap",   "ip",  "home", "usr",	"mount.usr", "systemd."};
	for (size_t i = 0; i < POD_ARRAY_LEN(other); i++)
		if (begins(p->name, p->name_len, other[i]))
			return true;
	return false;
}

static bool name_ends(const struct parameter *p, const char *with)
{
	size_t n = pod_strlen(with);
	return p->name_len >= n && pod_strncasecmp(p->name + p->name_len - n, with, n) == 0;
}

static enum pod_device_word says(const struct parameter *p)
{
	const char *v = p->value;
	size_t len = p->value_len;
	char word[POD_W_LEN];
	bool root = p->name_len == 4 && begins(p->name, 4, "root");
	if (!len || is_of_something_else(p))
		return POD_DW_NONE;
	if (begins(v, len, "live:") || begins(v, len, "hd:") || begins(v, len, "block:")) {
		size_t n = v[0] == 'h' ? 3u : v[0] == 'l' ? 5u : 6u;
		v += n;
		len -= n;
	}
	if (is_tag(v, len) || name_ends(p, "label") || name_ends(p, "uuid"))
		return POD_DW_ID;
	if (len == 5 && begins(v, len, "cdrom") && !root)
		return POD_DW_DRIVES;
	if (len >= sizeof word || v[0] != '/')
		return POD_DW_NONE;
	memcpy(word, v, len);
	word[len] = 0;
	enum pod_device_word w = pod_device_word(word, false);
	return w == POD_DW_ANY ? POD_DW_DEVICE : w;
}

enum pod_device_word pod_command_look(const struct pod_finds_request *rq, bool (*known)(void *ctx, const char *name, size_t len),
				      void *ctx, struct pod_finds_clue *clue)
{
	enum pod_device_word best = POD_DW_NONE;
	struct parameter p;
	for (size_t i = 0; i < rq->commands; i++) {
		const struct pod_finds_command *c = &rq->command[i];
		for (size_t at = 0; next_parameter(c, &at, &p);) {
			enum pod_device_word w = says(&p);
			if (w == POD_DW_NONE || (best != POD_DW_NONE && w >= best) || !known(ctx, p.name, p.name_len))
				continue;
			best = w;
			pod_finds_clue_set(clue, c->file, c->line, p.name, p.name_len + 1 + p.value_len);
		}
	}
	return best;
}
