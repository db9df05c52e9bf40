/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * menu.lst and grub.conf of GRUB Legacy (GNU GRUB manual 0.97, "Configuration" and "Commands") and of GRUB4DOS, line by line:
 *
 *   title NAME                     an entry begins; GRUB4DOS: iftitle [CONDITION] NAME, too
 *   kernel [--OPTION...] FILE ARGUMENTS
 *   initrd FILE                    GRUB4DOS: several, each with "@NAME=" in front, under which the kernel sees it
 *   module FILE ARGUMENTS          of a multiboot kernel; modulenounzip
 *   chainloader, configfile FILE
 *   root DEVICE, rootnoverify      paths without a device count from there
 *   default NUMBER
 *
 * FILE is /PATH or (DEVICE)/PATH: (hd0,0), (cd), (fd0), GRUB4DOS: also (ud), (bd), (0xff) and () for the root. Behind the first word "=" is
 * as good as a blank; one in a name has a backslash in front (Grub4dos Guide, "Basics"). Neither reads quotes or backslashes in arguments; but
 * GNU GRUB goes on in the next line behind a backslash at the end of one (stage2.c, get_line_from_config), which GRUB4DOS does not. That passes
 * over a BOM, and takes several commands in a line: "A && B" and "A || B" (Guide, "Embedded Menu"). What it runs under a condition ("if exist /x
 * kernel /x") is not read, nor what its variables stand for, nor a root that is a folder.
 */
#include "core/base/str.h"
#include "core/plan/menu_lines.h"

struct legacy {
	struct pod_lines l;
	bool elsewhere; /* the root is a device that need not be this one */
	bool dom0;	/* the next module is the kernel that Xen starts */
};

/* The first word: up to a blank or "=". */
static struct pod_span take_key(struct pod_span *s)
{
	struct pod_span w = {s->p, 0};
	while (w.len < s->len && !pod_lines_blank(s->p[w.len]) && s->p[w.len] != '=')
		w.len++;
	s->p += w.len;
	s->len -= w.len;
	while (s->len && (pod_lines_blank(*s->p) || *s->p == '='))
		s->p++, s->len--;
	return w;
}

/* "(cd)" is the medium itself, "()" the root, which may be. */
static bool is_elsewhere(const struct legacy *g, struct pod_span device)
{
	if (device.len == 2)
		return g->elsewhere;
	return device.len < 4 || pod_strncasecmp(device.p, "(cd", 3) != 0;
}

/* The path behind a device; empty if it is no path: a list of blocks, or a variable. */
static struct pod_span path_of(const struct legacy *g, struct pod_span s, bool *elsewhere)
{
	struct pod_span device = {s.p, 0};
	if (s.len && *s.p == '(')
		while (device.len < s.len && device.p[device.len - (device.len != 0)] != ')')
			device.len++;
	*elsewhere = device.len ? is_elsewhere(g, device) : g->elsewhere;
	s.p += device.len;
	s.len -= device.len;
	if (!s.len || *s.p != '/' || s.len == 1)
		s.len = 0;
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] == '%' || s.p[i] == '(') /* %VARIABLE% */
			s.len = 0;
	return s;
}

/* A word that goes on behind "\ ". */
static struct pod_span take_name(struct pod_span *s)
{
	struct pod_span w = pod_lines_word(s);
	while (s->len && w.len && w.p[w.len - 1] == '\\') {
		struct pod_span more = pod_lines_word(s);
		w.len = (size_t)(more.p + more.len - w.p);
	}
	return w;
}

static void give_path(struct legacy *g, enum pod_menu_kind kind, struct pod_span word)
{
	bool elsewhere;
	char name[POD_MENU_NAME_MAX];
	struct pod_span path = path_of(g, word, &elsewhere);
	size_t n = 0;
	for (size_t i = 0; i < path.len && n < sizeof name; i++)
		if (path.p[i] != '\\' || i + 1 == path.len || !pod_lines_blank(path.p[i + 1]))
			name[n++] = path.p[i];
	pod_lines_give_on(&g->l, kind, (struct pod_span){name, n}, elsewhere);
}

static struct pod_span without_options(struct pod_span s)
{
	while (s.len > 2 && s.p[0] == '-' && s.p[1] == '-')
		(void)pod_lines_word(&s);
	return s;
}

static void end_entry(struct legacy *g)
{
	if (g->l.behind.p)
		pod_lines_give_arguments(&g->l, g->l.behind, " ");
	g->l.behind.p = NULL;
}

/* Does the line begin with a command that GRUB4DOS, for which a backslash is a character as others are, is meant to run? */
static bool begins_command(struct pod_span line)
{
	static const char *const known[] = {"title", "initrd", "kernel", "module", "boot", "savedefault"};
	struct pod_span word = pod_lines_word(&line);
	for (size_t i = 0; i < POD_ARRAY_LEN(known); i++)
		if (pod_lines_is(word, known[i]))
			return true;
	return false;
}

/* The line, and those that it goes on in: all of them, as they stand in the text. */
static struct pod_span whole_line(struct legacy *g, struct pod_span s)
{
	struct pod_span more = s;
	while (more.len && more.p[more.len - 1] == '\\') {
		struct pod_lines ahead = g->l;
		if (!pod_lines_next(&ahead, &more) || begins_command(more))
			break;
		g->l.p = ahead.p;
		g->l.line = ahead.line;
		s.len = (size_t)(more.p + more.len - s.p);
	}
	return s;
}

static void take_kernel(struct legacy *g, struct pod_span s)
{
	end_entry(g); /* the one before it is not started, but nobody minds */
	s = without_options(s);
	struct pod_span name = take_name(&s);
	g->dom0 = pod_lines_holds_xen(name);
	give_path(g, g->dom0 ? POD_MENU_MULTIBOOT : POD_MENU_KERNEL, name);
	/* With a module behind it it is no Linux. */
	if (name.len && !g->dom0)
		g->l.behind = (struct pod_span){name.p + name.len, (size_t)(s.p + s.len - name.p) - name.len};
}

static void take_module(struct legacy *g, struct pod_span s)
{
	s = without_options(s);
	struct pod_span name = take_name(&s);
	give_path(g, POD_MENU_MODULE, name);
	g->l.behind.p = NULL;
	if (g->dom0 && name.len)
		pod_lines_give_arguments(&g->l, (struct pod_span){name.p + name.len, (size_t)(s.p + s.len - name.p) - name.len},
					 " ");
	g->dom0 = false;
}

static void take_initrds(struct legacy *g, struct pod_span s)
{
	s = without_options(s);
	while (s.len) {
		struct pod_span w = take_name(&s);
		for (size_t i = 0; w.len && *w.p == '@' && i < w.len; i++)
			if (w.p[i] == '=') {
				w.p += i + 1;
				w.len -= i + 1;
			}
		give_path(g, POD_MENU_INITRD, w);
	}
}

static void begin_title(struct legacy *g, struct pod_span s)
{
	end_entry(g);
	g->l.entry++;
	g->dom0 = g->elsewhere = false;
	pod_lines_give(&g->l, POD_MENU_ENTRY, s);
}

static bool is_number(struct pod_span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return s.len;
}

static void take_command(struct legacy *g, struct pod_span s)
{
	struct pod_span key = take_key(&s), rest = s, word = take_name(&rest);
	if (pod_lines_is(key, "kernel"))
		take_kernel(g, s);
	else if (pod_lines_is(key, "initrd"))
		take_initrds(g, s);
	else if (pod_lines_is(key, "module") || pod_lines_is(key, "modulenounzip"))
		take_module(g, s);
	else if (pod_lines_is(key, "root") || pod_lines_is(key, "rootnoverify"))
		g->elsewhere = is_elsewhere(g, word);
	else if (pod_lines_is(key, "chainloader"))
		give_path(g, POD_MENU_CHAIN, without_options(s));
	else if (pod_lines_is(key, "configfile"))
		give_path(g, POD_MENU_CONFIG, word);
	else if (pod_lines_is(key, "default") && is_number(word) && !g->l.entry)
		pod_lines_give(&g->l, POD_MENU_DEFAULT, word);
}

/* What is in front of the next operator, and in *s what is behind it. */
static struct pod_span take_part(struct pod_span *s, bool *more)
{
	struct pod_span part = {s->p, 0};
	*more = false;
	while (s->len && !*more) {
		struct pod_span w = pod_lines_word(s);
		*more = pod_lines_is(w, "&&") || pod_lines_is(w, "||");
		if (!*more)
			part.len = (size_t)(w.p + w.len - part.p);
	}
	return part;
}

static void take_line(struct legacy *g, struct pod_span s)
{
	struct pod_span rest = s, key = take_key(&rest);
	uint32_t line = g->l.line;
	bool more;
	if (pod_lines_is(key, "title") || pod_lines_is(key, "iftitle")) {
		begin_title(g, rest);
		return;
	}
	s = whole_line(g, s);
	uint32_t last = g->l.line;
	g->l.line = line;
	do {
		struct pod_span part = take_part(&s, &more);
		g->l.unsure |= more;
		take_command(g, part);
	} while (more);
	g->l.line = last;
	g->l.unsure = false;
}

void pod_menu_legacy(const char *text, size_t len, pod_menu_fn *cb, void *ctx)
{
	struct legacy g = {.l = {.begin = text, .p = text + pod_lines_bom(text, len), .end = text + len, .cb = cb, .ctx = ctx}};
	struct pod_span s;
	while (pod_lines_next(&g.l, &s))
		if (s.len && s.p[0] != '#')
			take_line(&g, s);
	end_entry(&g);
}
