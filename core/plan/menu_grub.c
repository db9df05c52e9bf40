/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scripts of GRUB 2 (GNU GRUB manual 2.12, "Shell-like scripting"): words with quotes, backslashes, variables; commands end at a
 * newline, ';', '{', '}', '|', '&'. Nothing is executed: both branches of a condition are read. A test of grub_platform says on which
 * firmware its branch is reached; of any other condition nobody knows the outcome, and what stands below it is `unsure`.
 *
 * A variable counts while it holds what one plain `set` outside of conditions gave it. $root and $prefix are special: the first stands
 * for the volume, in front of paths; whoever calls sets the second.
 */
#include "core/base/str.h"
#include "core/plan/arguments.h"

enum {
	WORDS_MAX = 40, /* of one command; further ones are read and forgotten */
	POOL = 1024,	/* bytes of all words of a command */
	DEPTH = 32,	/* blocks in blocks; what is deeper counts as unsure */
	BOTH = POD_FW_BIOS | POD_FW_X64,
};
/* Stand for values that only GRUB knows, where they are of use. */
#define PLATFORM '\1' /* $grub_platform: "pc", "efi" ... */
#define ROOT	 '\2' /* $root */
#define UNKNOWN	 '\3' /* any other variable whose value is not known */

enum block { BLOCK_ENTRY, BLOCK_SUBMENU, BLOCK_FUNCTION, BLOCK_IF, BLOCK_LOOP, BLOCK_PLAIN };

struct level {
	uint8_t block;
	bool unsure;	  /* this block by itself */
	uint8_t firmware; /* of this branch, all that is above included */
	uint8_t others;	  /* of an `if`: what no branch before has taken */
};

struct word {
	const char *s;
	bool known; /* no variable in it whose value is not known */
};

struct grub {
	const char *begin, *p, *end;
	uint32_t line, entry, entries;
	uint32_t top[2], position; /* entries of the first level so far: as a BIOS sees them, as UEFI does */
	struct pod_menu_vars *vars;
	pod_menu_fn *cb;
	void *ctx;
	uint32_t depth, beyond;
	struct level level[DEPTH];
	uint32_t command_line;
	uint32_t words;
	struct word word[WORDS_MAX];
	size_t used;
	char pool[POOL];
	bool tested;			   /* the command is a condition, or joined to another by || or && */
	const char *second_end, *last_end; /* of the command's words, where they stand in the text */
	bool dom0;			   /* the next module is the kernel that Xen starts */
};

void pod_menu_set(struct pod_menu_vars *vars, const char *name, const char *value)
{
	uint32_t i = 0;
	while (i < vars->count && !pod_streq(vars->v[i].name, name))
		i++;
	if (i == vars->count) {
		if (i == POD_MENU_VARS_MAX || pod_strlen(name) >= sizeof vars->v[0].name)
			return;
		pod_strlcpy(vars->v[i].name, name, sizeof vars->v[i].name);
		vars->count++;
	}
	vars->v[i].known = value && pod_strlcpy(vars->v[i].value, value, sizeof vars->v[i].value) < sizeof vars->v[i].value;
}

/* --- words ------------------------------------------------------------------------------------------------------------- */

static bool is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool ends_word(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ';' || c == '{' || c == '}' || c == '|' || c == '&' ||
	       c == '<' || c == '>';
}

/* A character of the word being read; what does not fit makes it unknown. */
static void put(struct grub *g, struct word *w, char c)
{
	if (g->used + 1 >= POOL)
		w->known = false;
	else
		g->pool[g->used++] = c;
}

/* At '$'. */
static void expand(struct grub *g, struct word *w)
{
	char name[32];
	size_t n = 0;
	bool brace = ++g->p < g->end && *g->p == '{';
	g->p += brace;
	if (g->p < g->end && !is_name(*g->p) && !brace) { /* $?, $*, $@, or a dollar by itself */
		w->known = false;
		return;
	}
	while (g->p < g->end && is_name(*g->p)) {
		if (n + 1 < sizeof name)
			name[n++] = *g->p;
		g->p++;
	}
	name[n] = 0;
	if (brace && g->p < g->end && *g->p == '}')
		g->p++;
	if (pod_streq(name, "grub_platform"))
		put(g, w, PLATFORM);
	else if (pod_streq(name, "root"))
		put(g, w, ROOT);
	else {
		uint32_t i = 0;
		while (i < g->vars->count && !pod_streq(g->vars->v[i].name, name))
			i++;
		if (i == g->vars->count || !g->vars->v[i].known) {
			put(g, w, UNKNOWN);
			w->known = false;
		} else
			for (const char *s = g->vars->v[i].value; *s; s++)
				put(g, w, *s);
	}
}

/* At a quote. */
static void quoted(struct grub *g, struct word *w)
{
	char q = *g->p++;
	while (g->p < g->end && *g->p != q) {
		if (*g->p == '\n')
			g->line++;
		if (q == '"' && *g->p == '$') {
			expand(g, w);
			continue;
		}
		if (q == '"' && *g->p == '\\' && g->p + 1 < g->end)
			g->p++;
		put(g, w, *g->p++);
	}
	g->p += g->p < g->end;
}

static void take_word(struct grub *g)
{
	struct word w = {g->pool + g->used, true};
	size_t start = g->used;
	while (g->p < g->end && !ends_word(*g->p)) {
		if (*g->p == '\'' || *g->p == '"')
			quoted(g, &w);
		else if (*g->p == '$')
			expand(g, &w);
		else if (*g->p == '\\' && g->p + 1 < g->end) {
			g->p++;
			g->line += *g->p == '\n';
			if (*g->p != '\n')
				put(g, &w, *g->p);
			g->p++;
		} else
			put(g, &w, *g->p++);
	}
	if (g->words < WORDS_MAX && g->used + 1 < POOL) {
		g->pool[g->used++] = 0;
		g->word[g->words++] = w;
	} else
		g->used = start;
}

/* The words of the next command, and what ended it: '\n', ';', '{', '}', '|', '&' (twice counts as once) or 0 at the end. */
static char take_command(struct grub *g)
{
	g->words = 0;
	g->used = 0;
	g->command_line = 0;
	g->second_end = NULL;
	while (g->p < g->end) {
		char c = *g->p;
		if (c == ' ' || c == '\t' || c == '\r' || c == '<' || c == '>') {
			g->p++;
		} else if (c == '\\' && g->p + 1 < g->end && (g->p[1] == '\n' || g->p[1] == '\r')) {
			g->p += 1;
			while (g->p < g->end && *g->p == '\r')
				g->p++;
			if (g->p < g->end && *g->p == '\n') {
				g->line++;
				g->p++;
			}
		} else if (c == '#') {
			while (g->p < g->end && *g->p != '\n')
				g->p++;
		} else if (ends_word(c)) {
			g->p++;
			g->line += c == '\n';
			if ((c == '|' || c == '&') && g->p < g->end && *g->p == c)
				g->p++;
			return c;
		} else {
			if (!g->words)
				g->command_line = g->line;
			take_word(g);
			g->last_end = g->p;
			if (g->words == 2 && !g->second_end)
				g->second_end = g->p;
		}
	}
	return 0;
}

/* --- blocks ------------------------------------------------------------------------------------------------------------ */

static bool is(const struct grub *g, uint32_t i, const char *what)
{
	return i < g->words && g->word[i].known && pod_streq(g->word[i].s, what);
}

static uint8_t reached(const struct grub *g)
{
	return g->depth ? g->level[g->depth - 1].firmware : BOTH;
}

static bool unsure(const struct grub *g)
{
	bool any = g->beyond || g->tested;
	for (uint32_t i = 0; i < g->depth; i++)
		any |= g->level[i].unsure;
	return any;
}

static void push(struct grub *g, enum block block, bool is_unsure, uint8_t firmware, uint8_t others)
{
	if (g->depth == DEPTH)
		g->beyond++;
	else
		g->level[g->depth++] = (struct level){(uint8_t)block, is_unsure, firmware, others};
}

static struct level *top_of(struct grub *g, enum block block)
{
	return !g->beyond && g->depth && g->level[g->depth - 1].block == block ? &g->level[g->depth - 1] : NULL;
}

static void pop(struct grub *g)
{
	if (g->beyond) {
		g->beyond--;
		return;
	}
	if (!g->depth)
		return;
	if (g->level[--g->depth].block == BLOCK_ENTRY)
		g->entry = 0;
}

static bool in_submenu(const struct grub *g)
{
	for (uint32_t i = 0; i < g->depth; i++)
		if (g->level[i].block == BLOCK_SUBMENU)
			return true;
	return false;
}

static void give(struct grub *g, enum pod_menu_kind kind, const char *text, bool elsewhere)
{
	struct pod_menu_item item = {.kind = kind,
				     .line = g->command_line,
				     .entry = g->entry,
				     .position = in_submenu(g) ? UINT32_MAX : g->position,
				     .firmware = reached(g),
				     .unsure = unsure(g),
				     .elsewhere = elsewhere,
				     .text = text};
	if (text[0] && pod_strlen(text) < POD_MENU_NAME_MAX && item.firmware)
		g->cb(g->ctx, &item);
}

/* On which firmware is `a` `b`, one of which holds $grub_platform? 0xff: it says nothing of that. */
static uint8_t platform_is(const char *a, const char *b)
{
	while (*a && *a == *b && *a != PLATFORM)
		a++, b++;
	if (*b == PLATFORM) {
		const char *s = a;
		a = b;
		b = s;
	}
	if (*a != PLATFORM || *b == PLATFORM)
		return 0xff;
	if (pod_streq(b, "efi"))
		return POD_FW_X64;
	return pod_streq(b, "pc") ? POD_FW_BIOS : 0;
}

/* The condition in words [from, words): where does it hold? 0xff: nobody knows. */
static uint8_t condition(const struct grub *g, uint32_t from)
{
	uint32_t i = from + (is(g, from, "[") || is(g, from, "test"));
	bool closed = is(g, g->words - 1, "]");
	uint8_t where;
	if (i == from || g->words - closed != i + 3 || !g->word[i].known || !g->word[i + 2].known)
		return 0xff;
	where = platform_is(g->word[i].s, g->word[i + 2].s);
	if (where == 0xff)
		return where;
	if (is(g, i + 1, "!="))
		return BOTH & (uint8_t)~where;
	return is(g, i + 1, "=") || is(g, i + 1, "==") ? where : 0xff;
}

/* A branch of an `if` whose condition begins at word `from`. */
static void branch(struct grub *g, struct level *l, uint32_t from)
{
	uint8_t where = condition(g, from);
	l->unsure |= where == 0xff;
	l->firmware = where == 0xff ? l->others : l->others & where;
	if (where != 0xff)
		l->others &= (uint8_t)~where;
}

static void begin_entry(struct grub *g, bool submenu)
{
	if (!in_submenu(g)) {
		g->position = reached(g) & POD_FW_BIOS ? g->top[0] : g->top[1];
		g->top[0] += (reached(g) & POD_FW_BIOS) != 0;
		g->top[1] += (reached(g) & POD_FW_X64) != 0;
	}
	if (!submenu)
		g->entry = ++g->entries;
	give(g, POD_MENU_ENTRY, g->words > 1 && g->word[1].known && g->word[1].s[0] ? g->word[1].s : "?", false);
	for (uint32_t i = 2; i < g->words; i++) {
		const char *s = g->word[i].s;
		if (g->word[i].known && pod_strncasecmp(s, "--id=", 5) == 0)
			give(g, POD_MENU_ENTRY_NAME, s + 5, false);
		else if ((is(g, i, "--id") || is(g, i, "$menuentry_id_option")) && i + 1 < g->words && g->word[i + 1].known)
			give(g, POD_MENU_ENTRY_NAME, g->word[i + 1].s, false);
		else if (!g->word[i].known && i + 1 < g->words && g->word[i + 1].known && i + 2 == g->words)
			give(g, POD_MENU_ENTRY_NAME, g->word[i + 1].s,
			     false); /* "$menuentry_id_option", as grub-mkconfig writes it */
	}
	push(g, submenu ? BLOCK_SUBMENU : BLOCK_ENTRY, false, reached(g), 0);
}

/* --- commands ---------------------------------------------------------------------------------------------------------- */

/* A file of the image: NULL if it is not known. *elsewhere: it is on a device that is not this one for certain. */
static const char *path_of(const struct word *w, bool *elsewhere)
{
	const char *s = w->s;
	*elsewhere = false;
	if (*s == '(') {
		const char *close = s;
		while (*close && *close != ')')
			close++;
		*elsewhere = !(s[1] == ROOT && s[2] == ')') && !(pod_strncasecmp(s, "(cd", 3) == 0 && close - s <= 4);
		if (!*close)
			return NULL;
		s = close + 1;
	} else if (*s == ROOT) {
		s++;
	}
	if (*s == UNKNOWN) {
		*elsewhere = true;
		s++;
	}
	if (!w->known && !*elsewhere)
		return NULL;
	/* Without a slash it is a list of blocks, the name of a font, or a mistake. */
	return *s == '/' && s[1] ? s : NULL;
}

static void give_path(struct grub *g, enum pod_menu_kind kind, uint32_t i)
{
	bool elsewhere;
	const char *s = i < g->words ? path_of(&g->word[i], &elsewhere) : NULL;
	for (const char *c = s; c && *c; c++)
		if (*c < ' ' || *c == '*' || *c == '?')
			return;
	if (s)
		give(g, kind, s, elsewhere);
}

static bool is_option(const struct word *w)
{
	return w->s[0] == '-';
}

static void give_initrds(struct grub *g)
{
	for (uint32_t i = 1; i < g->words; i++) {
		const char *s = g->word[i].s;
		if (is_option(&g->word[i]))
			continue;
		if (pod_strncasecmp(s, "newc:", 5) == 0) { /* newc:NAME:PATH */
			for (s += 5; *s && *s != ':'; s++)
				;
			g->word[i].s = *s ? s + 1 : s;
		}
		give_path(g, POD_MENU_INITRD, i);
	}
}

static void give_search(struct grub *g)
{
	enum pod_menu_kind kind = POD_MENU_SEARCH;
	const struct word *name = NULL;
	bool sets = false;
	for (uint32_t i = 1; i < g->words; i++) {
		const char *s = g->word[i].s;
		if (!is_option(&g->word[i])) {
			if (!name)
				name = &g->word[i];
			else if (sets)
				break; /* the variable's name */
		} else if (pod_strncasecmp(s, "--set", 5) == 0 || pod_streq(s, "-s")) {
			sets = true;
			if (!s[2] || !s[5]) /* the variable follows, as a rule */
				i += i + 2 < g->words && is(g, i + 1, "root");
		} else if (pod_streq(s, "--label") || pod_streq(s, "-l")) {
			kind = POD_MENU_BY_LABEL;
		} else if (pod_streq(s, "--fs-uuid") || pod_streq(s, "-u")) {
			kind = POD_MENU_BY_UUID;
		} else if (pod_streq(s, "--hint") || pod_streq(s, "-h")) {
			i++;
		}
	}
	if (name && name->known)
		give(g, kind, name->s, false);
}

static void set_variable(struct grub *g)
{
	const char *s = g->words > 1 ? g->word[1].s : "";
	char name[32];
	size_t n = 0;
	while (s[n] && s[n] != '=' && n + 1 < sizeof name) {
		name[n] = s[n];
		n++;
	}
	name[n] = 0;
	if (s[n] != '=' || pod_streq(name, "prefix") || pod_streq(name, "root"))
		return;
	bool sure = g->word[1].known && !unsure(g) && reached(g) == BOTH;
	for (const char *c = s + n; *c; c++)
		sure &= *c != PLATFORM;
	for (uint32_t i = 0; i < g->vars->count; i++)
		if (pod_streq(g->vars->v[i].name, name) && !pod_streq(g->vars->v[i].value, s + n + 1))
			sure = false; /* it changes: what holds when an entry is chosen is not known */
	pod_menu_set(g->vars, name, sure ? s + n + 1 : NULL);
	if (sure && pod_streq(name, "default"))
		give(g, POD_MENU_DEFAULT, s + n + 1, false);
}

static const struct {
	const char *command;
	uint8_t kind;
} commands[] = {
	{"linux", POD_MENU_KERNEL},
	{"linux16", POD_MENU_KERNEL},
	{"linuxefi", POD_MENU_KERNEL},
	{"multiboot", POD_MENU_MULTIBOOT},
	{"multiboot2", POD_MENU_MULTIBOOT},
	{"xen_hypervisor", POD_MENU_MULTIBOOT},
	{"module", POD_MENU_MODULE},
	{"module2", POD_MENU_MODULE},
	{"xen_module", POD_MENU_MODULE},
	{"chainloader", POD_MENU_CHAIN},
	{"configfile", POD_MENU_CONFIG},
	{"source", POD_MENU_CONFIG},
	{".", POD_MENU_CONFIG},
	{"normal", POD_MENU_CONFIG},
	{"loadfont", POD_MENU_FONT},
	{"devicetree", POD_MENU_FILE},
	{"ntldr", POD_MENU_FILE},
};

/* A kernel that is an EFI program loads by itself what its arguments say so; from where it was started, which is not looked into. */
static void give_arguments(struct grub *g)
{
	for (uint32_t i = 1; i < g->words; i++) {
		bool elsewhere;
		struct word w = g->word[i];
		const char *s;
		if (!w.known || pod_strncasecmp(w.s, "initrd=", 7) != 0)
			continue;
		w.s += 7;
		s = path_of(&w, &elsewhere);
		if (s)
			give(g, POD_MENU_INITRD, s, true);
	}
}

/* The command that loads an initrd for this kernel, whose name stands as it is, without quotes and variables but for a device's. */
static void initrd_behind(const struct grub *g, struct pod_menu_item *item)
{
	static const char *const pair[][2] = {{"linux", " ;initrd "}, {"linux16", " ;initrd16 "}, {"linuxefi", " ;initrdefi "}};
	const char *name = g->second_end, *device;
	while (name > g->begin && !ends_word(name[-1]))
		name--;
	for (device = name; device < g->second_end && *device != '/'; device++)
		;
	if (device == g->second_end || (device != name && (*name != '(' || device[-1] != ')')))
		return;
	for (size_t i = 0; i < POD_ARRAY_LEN(pair); i++)
		if (is(g, 0, pair[i][0]))
			item->initrd = pair[i][1];
	item->device = (size_t)(name - g->begin);
	item->device_len = (size_t)(device - name);
}

/* What stands behind the kernel's name. */
static void give_kernel_arguments(struct grub *g, enum pod_menu_kind kind)
{
	bool is_kernel = kind == POD_MENU_KERNEL || (kind == POD_MENU_MODULE && g->dom0);
	if (kind == POD_MENU_MULTIBOOT) {
		g->dom0 = false;
		for (uint32_t i = 1; i < g->words; i++)
			g->dom0 |= pod_strcasestr(g->word[i].s, "xen") != NULL;
	} else if (kind == POD_MENU_MODULE) {
		g->dom0 = false;
	}
	if (!is_kernel || !g->second_end)
		return;
	struct pod_menu_item item = {.kind = POD_MENU_ARGUMENTS,
				     .entry = g->entry,
				     .text = " ",
				     .at = (size_t)(g->second_end - g->begin),
				     .len = (size_t)(g->last_end - g->second_end),
				     .escape = "$;{}|&<>#*?"};
	if (kind == POD_MENU_KERNEL && !g->tested)
		initrd_behind(g, &item);
	g->cb(g->ctx, &item);
}

static void plain_command(struct grub *g)
{
	if (!g->words || !g->word[0].known)
		return;
	give_arguments(g);
	if (is(g, 0, "set"))
		set_variable(g);
	else if (is(g, 0, "initrd") || is(g, 0, "initrd16") || is(g, 0, "initrdefi"))
		give_initrds(g);
	else if (is(g, 0, "search") || is(g, 0, "search.file") || is(g, 0, "search.fs_uuid") || is(g, 0, "search.fs_label"))
		give_search(g);
	else if (is(g, 0, "loopback") && g->words > 2)
		give_path(g, POD_MENU_FILE, g->words - 1);
	for (size_t k = 0; k < POD_ARRAY_LEN(commands); k++) {
		uint32_t i = 1;
		while (i < g->words && is_option(&g->word[i]))
			i++;
		if (!is(g, 0, commands[k].command))
			continue;
		give_path(g, (enum pod_menu_kind)commands[k].kind, i);
		give_kernel_arguments(g, (enum pod_menu_kind)commands[k].kind);
	}
	if (g->words == 1) { /* NAME=VALUE is a set, too */
		for (const char *s = g->word[0].s; is_name(*s); s++)
			if (s[1] == '=') {
				g->word[1] = g->word[0];
				g->words = 2;
				set_variable(g);
				return;
			}
	}
}

/* The first `n` words were syntax. */
static void drop_words(struct grub *g, uint32_t n)
{
	g->words -= n;
	for (uint32_t i = 0; i < g->words; i++)
		g->word[i] = g->word[i + n];
}

/* Words of the grammar; false: none, it is a command. What stands behind them on the line (`then linux ...`) is one. */
static bool take_syntax(struct grub *g, char end)
{
	struct level *l = top_of(g, BLOCK_IF);
	if (is(g, 0, "if")) {
		push(g, BLOCK_IF, false, reached(g), reached(g));
		l = top_of(g, BLOCK_IF);
		if (l)
			branch(g, l, 1);
	} else if (is(g, 0, "elif") && l) {
		branch(g, l, 1);
	} else if (is(g, 0, "else") && l) {
		l->firmware = l->others;
		drop_words(g, 1);
		return false;
	} else if (is(g, 0, "fi") && (l || g->beyond)) {
		pop(g);
		drop_words(g, 1);
		return false;
	} else if (is(g, 0, "then") || is(g, 0, "do")) {
		drop_words(g, 1);
		return false;
	} else if (is(g, 0, "for") || is(g, 0, "while") || is(g, 0, "until")) {
		push(g, BLOCK_LOOP, true, reached(g), 0);
		if (is(g, 0, "for") && g->words > 1 && g->word[1].known)
			pod_menu_set(g->vars, g->word[1].s, NULL);
		return true;
	} else if (is(g, 0, "done")) {
		if (top_of(g, BLOCK_LOOP) || g->beyond)
			pop(g);
		return true;
	} else if (end == '{') {
		if (is(g, 0, "menuentry") || is(g, 0, "submenu"))
			begin_entry(g, is(g, 0, "submenu"));
		else
			push(g, is(g, 0, "function") ? BLOCK_FUNCTION : BLOCK_PLAIN, is(g, 0, "function"), reached(g), 0);
		return true;
	} else {
		return false;
	}
	/* The condition is a command of its own: `if loadfont X; then`. */
	drop_words(g, 1);
	g->tested = true;
	return false;
}

void pod_menu_grub(const char *text, size_t len, struct pod_menu_vars *vars, pod_menu_fn *cb, void *ctx)
{
	struct grub g;
	bool joined = false;
	char end;
	g.begin = g.p = text;
	g.end = text + len;
	g.last_end = g.second_end = NULL;
	g.dom0 = false;
	g.line = 1;
	g.entry = g.entries = g.top[0] = g.top[1] = g.depth = g.beyond = 0;
	g.position = UINT32_MAX;
	g.vars = vars;
	g.cb = cb;
	g.ctx = ctx;
	do {
		end = take_command(&g);
		bool joins = end == '|' || end == '&';
		g.tested = joined || joins;
		if (g.words && !take_syntax(&g, end))
			plain_command(&g);
		else if (!g.words && end == '{')
			push(&g, BLOCK_PLAIN, false, reached(&g), 0);
		joined = joins;
		if (end == '}' && (g.beyond || (g.depth && g.level[g.depth - 1].block != BLOCK_IF)))
			pop(&g);
	} while (end);
}
