/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Limine (its CONFIG.md of version 8, and of version 7 for the older form), line by line:
 *
 *   limine.conf     /NAME                an entry; with more slashes one below it, "+" in front of its name: shown open
 *                   KEY: VALUE           protocol, path (kernel_path, image_path), cmdline (kernel_cmdline), module_path, dtb_path
 *   limine.cfg      :NAME and KEY=VALUE, the same in capitals
 *
 * A path is RESOURCE(ARGUMENT):/PATH, the older form RESOURCE://ARGUMENT/PATH, "$" in front of it: packed. boot() is the volume with this
 * file; others are boot(N), hdd, odd, guid, uuid, fslabel, tftp. "#" and 128 hexadecimal digits behind it are the file's BLAKE2b: Limine
 * refuses the file if it is another. A value with a macro in it, ${NAME}, is not read.
 */
#include "core/base/str.h"
#include "core/plan/menu_lines.h"

enum { HASH_DIGITS = 128 };
enum protocol { LINUX, PROGRAM, OTHER };

struct limine {
	struct pod_lines l;
	enum protocol protocol; /* of this entry */
	bool has_kernel, has_arguments, old;
	size_t open;	      /* entries at this depth are on the screen, and those below the last of them if it is open */
	struct pod_span last; /* the end of the entry's last line */
};

/* KEY: VALUE or KEY=VALUE. */
static bool split(struct pod_span line, struct pod_span *key, struct pod_span *value)
{
	size_t n = 0;
	while (n < line.len && line.p[n] != ':' && line.p[n] != '=')
		n++;
	*key = (struct pod_span){line.p, n};
	if (n == line.len)
		return false;
	for (n++; n < line.len && pod_lines_blank(line.p[n]); n++)
		;
	*value = (struct pod_span){line.p + n, line.len - n};
	return true;
}

static bool begins_entry(struct pod_span line)
{
	return line.len && (*line.p == '/' || *line.p == ':');
}

/* That of the entry whose lines begin here. */
static enum protocol protocol_of(struct pod_lines l)
{
	struct pod_span line, key, value;
	while (pod_lines_next(&l, &line) && !begins_entry(line)) {
		if (!split(line, &key, &value) || !pod_lines_is(key, "protocol"))
			continue;
		if (pod_lines_is(value, "linux"))
			return LINUX;
		return pod_lines_is(value, "efi") || pod_lines_is(value, "efi_chainload") ? PROGRAM : OTHER;
	}
	return OTHER;
}

static bool holds(struct pod_span s, const char *what)
{
	size_t n = pod_strlen(what);
	for (size_t i = 0; i + n <= s.len; i++)
		if (pod_strncasecmp(s.p + i, what, n) == 0)
			return true;
	return false;
}

/* The hash at the end of a path, "#" included; of no length if there is none. */
static struct pod_span hash_of(struct pod_span s)
{
	size_t n = s.len;
	while (n && s.p[n - 1] != '#')
		n--;
	if (!n || s.len - n != HASH_DIGITS)
		return (struct pod_span){s.p + s.len, 0};
	return (struct pod_span){s.p + n - 1, HASH_DIGITS + 1};
}

/* From the slash on, behind resource and argument; empty where it is another machine's. */
static struct pod_span path_of(struct pod_span s, bool *elsewhere)
{
	if (s.len && *s.p == '$')
		s.p++, s.len--;
	struct pod_span resource = s;
	size_t n = 0;
	while (n < s.len && s.p[n] != '(' && s.p[n] != ':')
		n++;
	resource.len = n;
	bool old = n < s.len && s.p[n] == ':';
	n += old ? 3 : 1; /* "://" */
	size_t argument = n;
	while (n < s.len && (old ? s.p[n] != '/' : !(s.p[n] == '/' && s.p[n - 1] == ':')))
		n++;
	*elsewhere = !pod_lines_is(resource, "boot") || n > argument + (old ? 0 : 2); /* "):" */
	if (n >= s.len || pod_lines_is(resource, "tftp"))
		return (struct pod_span){s.p, 0};
	return (struct pod_span){s.p + n, s.len - n};
}

/* What no longer fits once the file is served changed. */
static void give_misfit(struct limine *g, struct pod_span s)
{
	g->l.cb(g->l.ctx, &(struct pod_menu_item){.kind = POD_MENU_HASH,
						  .line = g->l.line,
						  .entry = g->l.entry,
						  .text = "",
						  .at = (size_t)(s.p - g->l.begin),
						  .len = s.len});
}

static void give_path(struct limine *g, enum pod_menu_kind kind, struct pod_span value)
{
	bool elsewhere;
	struct pod_span hash = hash_of(value), path;
	if (holds(value, "${"))
		return;
	value.len -= hash.len;
	path = path_of(value, &elsewhere);
	if (path.len > 1)
		pod_lines_give_on(&g->l, kind, path, elsewhere);
	/* Limine unpacks one stream: what is put in front of it, or behind, is none. Linux unpacks its initrd itself. */
	if (value.len && *value.p == '$' && kind == POD_MENU_INITRD)
		give_misfit(g, (struct pod_span){value.p, 1});
	/* Of a module its content says whether it is an initrd (named.c). */
	if (hash.len && (kind == POD_MENU_INITRD || kind == POD_MENU_MODULE || kind == POD_MENU_CHAIN))
		give_misfit(g, hash);
}

static void end_entry(struct limine *g)
{
	if (g->protocol == LINUX && g->has_kernel && !g->has_arguments)
		pod_lines_give_arguments(&g->l, g->last, g->old ? "\nCMDLINE=" : "\ncmdline: ");
	g->has_kernel = g->has_arguments = false;
}

/* Numbers are those of entries that the menu shows as it begins: of the first level, and of open ones below. */
static void count(struct limine *g, size_t depth, bool is_open)
{
	g->l.entry++;
	g->l.no_number = depth > g->open + 1;
	g->l.uncounted += g->l.no_number;
	if (!g->l.no_number)
		g->open = is_open ? depth : depth - 1;
}

static void begin_entry(struct limine *g, struct pod_span name)
{
	size_t depth = 0;
	end_entry(g);
	g->old = *name.p == ':';
	while (name.len && (*name.p == '/' || *name.p == ':'))
		name.p++, name.len--, depth++;
	count(g, depth, name.len && *name.p == '+');
	while (name.len && (*name.p == '+' || pod_lines_blank(*name.p)))
		name.p++, name.len--;
	g->protocol = protocol_of(g->l);
	pod_lines_give(&g->l, POD_MENU_ENTRY, name);
}

static void option(struct limine *g, struct pod_span key, struct pod_span value)
{
	static const uint8_t kernel[] = {[LINUX] = POD_MENU_KERNEL, [PROGRAM] = POD_MENU_CHAIN, [OTHER] = POD_MENU_MULTIBOOT};
	if (!g->l.entry) {
		if (pod_lines_is(key, "default_entry"))
			pod_lines_give(&g->l, POD_MENU_DEFAULT, value);
	} else if (pod_lines_is(key, "path") || pod_lines_is(key, "kernel_path") || pod_lines_is(key, "image_path")) {
		g->has_kernel = true;
		give_path(g, (enum pod_menu_kind)kernel[g->protocol], value);
	} else if (pod_lines_is(key, "module_path")) {
		give_path(g, g->protocol == LINUX ? POD_MENU_INITRD : POD_MENU_MODULE, value);
	} else if (pod_lines_is(key, "dtb_path")) {
		give_path(g, POD_MENU_FILE, value);
	} else if ((pod_lines_is(key, "cmdline") || pod_lines_is(key, "kernel_cmdline")) && g->protocol == LINUX) {
		g->has_arguments = true;
		pod_lines_give_arguments(&g->l, value, value.len || !g->old ? " " : "");
	}
}

void pod_menu_limine(const char *text, size_t len, pod_menu_fn *cb, void *ctx)
{
	struct limine g = {.l = {.begin = text, .p = text, .end = text + len, .cb = cb, .ctx = ctx}, .protocol = OTHER};
	struct pod_span line, key, value;
	while (pod_lines_next(&g.l, &line)) {
		if (!line.len || *line.p == '#')
			continue;
		if (begins_entry(line))
			begin_entry(&g, line);
		else if (split(line, &key, &value))
			option(&g, key, value);
		g.last = (struct pod_span){line.p + line.len, 0};
	}
	end_entry(&g);
}
