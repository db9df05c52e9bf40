/* SPDX-License-Identifier: BSD-2-Clause */
/* Whose configuration a text is, by what its lines begin with; the grammars are in menu_*.c. */
#include "core/plan/internal.h"
#include "core/plan/menu_lines.h"

enum loader { UNDECIDED, GRUB, SYSLINUX, BLS, LEGACY, REFIND, LIMINE };

/* Words that lines of one loader's configuration begin with, and of no other's. */
static const struct {
	const char *word;
	uint8_t loader;
} tells[] = {
	{"menuentry", GRUB},	  {"submenu", GRUB},	{"set", GRUB},	      {"if", GRUB},
	{"function", GRUB},	  {"insmod", GRUB},	{"search", GRUB},     {"configfile", GRUB},
	{"source", GRUB},	  {"linuxefi", GRUB},	{"multiboot", GRUB},  {"multiboot2", GRUB},
	{"xen_hypervisor", GRUB}, {"initrdefi", GRUB},	{"for", GRUB},	      {"label", SYSLINUX},
	{"append", SYSLINUX},	  {"prompt", SYSLINUX}, {"kernel", SYSLINUX}, {"ui", SYSLINUX},
	{"include", SYSLINUX},	  {"menu", SYSLINUX},	{"options", BLS},     {"title", BLS},
	{"version", BLS},	  {"machine-id", BLS},	{"sort-key", BLS},
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static enum loader loader_of(const char *word, size_t len)
{
	for (size_t i = 0; i < POD_ARRAY_LEN(tells); i++)
		if (pod_strlen(tells[i].word) == len && pod_strncasecmp(word, tells[i].word, len) == 0)
			return (enum loader)tells[i].loader;
	return UNDECIDED;
}

/* Words that others have, too: which of them there are tells. */
enum {
	TITLE = 1 << 0,
	OLD = 1 << 1,
	LABEL = 1 << 2,
	MENUENTRY = 1 << 3,
	LOADER = 1 << 4,
	BELOW = 1 << 5,
	PROTOCOL = 1 << 6,
	PATHLIKE = 1 << 7,
	JOINED = 1 << 8, /* "title=..." */
};
static const struct {
	const char *word;
	uint8_t bit;
} marks[] = {
	{"title", TITLE},	 {"iftitle", TITLE}, {"kernel", OLD},	       {"root", OLD},
	{"rootnoverify", OLD},	 {"module", OLD},    {"chainloader", OLD},     {"map", OLD},
	{"modulenounzip", OLD},	 {"label", LABEL},   {"menuentry", MENUENTRY}, {"loader", LOADER},
	{"submenuentry", BELOW},
};

/* GRUB Legacy takes "=" behind a command for a blank; GRUB 2 sets a variable so. */
static uint32_t mark_of(const char *word, size_t len)
{
	size_t n = 0;
	while (n < len && word[n] != '=')
		n++;
	for (size_t i = 0; i < POD_ARRAY_LEN(marks); i++) {
		uint32_t bit = marks[i].bit;
		if ((n == len || (bit & (TITLE | OLD))) && pod_strlen(marks[i].word) == n &&
		    pod_strncasecmp(word, marks[i].word, n) == 0)
			return n == len || bit == OLD ? bit : bit | JOINED;
	}
	if (len && (*word == '/' || *word == ':'))
		return PATHLIKE;
	return len > 8 && (word[8] == ':' || word[8] == '=') && pod_strncasecmp(word, "protocol", 8) == 0 ? PROTOCOL : 0;
}

/* As a rule the first word that is one loader's says it. */
static enum loader whose(const char *text, size_t len)
{
	enum loader found = UNDECIDED;
	uint32_t has = 0;
	for (size_t at = pod_lines_bom(text, len); at < len; at++) {
		while (at < len && is_blank(text[at]))
			at++;
		size_t word = at;
		while (at < len && !is_blank(text[at]) && text[at] != '\n')
			at++;
		has |= mark_of(text + word, at - word);
		if (found == UNDECIDED)
			found = loader_of(text + word, at - word);
		while (at < len && text[at] != '\n')
			at++;
	}
	if ((has & TITLE) && (has & OLD) && !(has & (LABEL | MENUENTRY)) && !((has & JOINED) && found == GRUB))
		return LEGACY;
	if ((has & PROTOCOL) && (has & PATHLIKE)) /* an entry's line begins so */
		return LIMINE;
	if ((has & MENUENTRY) && (has & (LOADER | BELOW))) /* GRUB knows no such command */
		return REFIND;
	return found;
}

bool pod_config_is_refind_linux(const char *path)
{
	return pod_ends_with_nocase(path, "refind_linux.conf") || pod_ends_with_nocase(path, "refind-linux.conf");
}

bool pod_config_is_bls(const char *text, size_t len)
{
	return whose(text, len) == BLS;
}

void pod_config_read(const char *path, const char *text, size_t len, struct pod_menu_vars *vars, pod_menu_fn *cb, void *ctx)
{
	char folder[POD_MENU_NAME_MAX];
	if (pod_config_is_refind_linux(path)) {
		pod_menu_refind_linux(text, len, cb, ctx);
		return;
	}
	switch (whose(text, len)) {
	case SYSLINUX:
		pod_menu_syslinux(text, len, cb, ctx);
		return;
	case BLS:
		pod_menu_bls(text, len, cb, ctx);
		return;
	case REFIND:
		pod_menu_refind(text, len, cb, ctx);
		return;
	case LIMINE:
		pod_menu_limine(text, len, cb, ctx);
		return;
	case LEGACY:
		pod_menu_legacy(text, len, cb, ctx);
		return;
	default:
		break;
	}
	(void)pod_snprintf(folder, sizeof folder, "/%s", path);
	folder[pod_path_folder(folder)] = 0;
	pod_menu_set(vars, "prefix", folder);
	pod_menu_grub(text, len, vars, cb, ctx);
}

/* Does the word at `text` begin with `what`, and go on? */
static bool word_starts(const char *text, size_t len, const char *what)
{
	size_t n = pod_strlen(what);
	return len > n && pod_strncasecmp(text, what, n) == 0 && !is_blank(text[n]) && text[n] != '\n';
}

/* One line, without its end. */
static bool line_has_root(const char *line, size_t len)
{
	size_t at = 0;
	while (at < len && is_blank(line[at]))
		at++;
	if (at == len || line[at] == '#')
		return false;
	if (len - at >= 6 && pod_strncasecmp(line + at, "initrd", 6) == 0)
		return true;
	if (len - at >= 11 && pod_strncasecmp(line + at, "module_path", 11) == 0) /* Limine's */
		return true;
	/* GRUB's own variable of that name */
	bool own = word_starts(line + at, len - at, "set ") || word_starts(line + at, len - at, "search ");
	for (; at < len; at++) {
		bool begins = at == 0 || is_blank(line[at - 1]) || line[at - 1] == '"' || line[at - 1] == '\'' ||
			      line[at - 1] == '=' || line[at - 1] == ':';
		if (begins &&
		    ((!own && word_starts(line + at, len - at, "root=")) || word_starts(line + at, len - at, "initrd=")))
			return true;
	}
	return false;
}

bool pod_config_has_root(const char *text, size_t len)
{
	for (size_t at = 0, end; at < len; at = end + 1) {
		for (end = at; end < len && text[end] != '\n'; end++)
			;
		if (line_has_root(text + at, end - at))
			return true;
	}
	return false;
}
