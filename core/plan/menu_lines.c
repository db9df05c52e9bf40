/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Configurations that are read line by line: SYSLINUX (isolinux, syslinux, extlinux: doc/syslinux.txt and doc/menu.txt of SYSLINUX 6)
 * and entries of the Boot Loader Specification (UAPI.1), which systemd-boot reads, with its loader.conf.
 */
#include "core/base/str.h"
#include "core/plan/arguments.h"

struct span {
	const char *p;
	size_t len;
};

struct lines {
	const char *begin, *p, *end;
	uint32_t line, entry;
	pod_menu_fn *cb;
	void *ctx;
	char kernel[POD_MENU_NAME_MAX]; /* of this entry */
	/* Where this entry's kernel has its arguments: behind its name, and on a line of their own. p: NULL if it has none. */
	struct span behind, own;
	bool program;  /* BLS: an EFI program is started, not a kernel */
	bool all_have; /* what stands in front of the first entry has some, for all that have none of their own */
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The next line without the blanks around it; false at the end. */
static bool next_line(struct lines *l, struct span *out)
{
	if (l->p >= l->end)
		return false;
	l->line++;
	while (l->p < l->end && is_blank(*l->p))
		l->p++;
	out->p = l->p;
	while (l->p < l->end && *l->p != '\n')
		l->p++;
	out->len = (size_t)(l->p - out->p);
	while (out->len && is_blank(out->p[out->len - 1]))
		out->len--;
	l->p += l->p < l->end;
	return true;
}

/* Takes the first word off. */
static struct span take_word(struct span *s)
{
	struct span w = {s->p, 0};
	while (w.len < s->len && !is_blank(s->p[w.len]))
		w.len++;
	s->p += w.len;
	s->len -= w.len;
	while (s->len && is_blank(*s->p))
		s->p++, s->len--;
	return w;
}

static struct span first_word(struct span s)
{
	return take_word(&s);
}

static bool word_is(struct span w, const char *what)
{
	return w.len == pod_strlen(what) && pod_strncasecmp(w.p, what, w.len) == 0;
}

static void give(struct lines *l, enum pod_menu_kind kind, struct span s)
{
	char text[POD_MENU_NAME_MAX];
	struct pod_menu_item item = {.kind = kind,
				     .line = l->line,
				     .entry = l->entry,
				     .position = l->entry ? l->entry - 1 : UINT32_MAX,
				     .firmware = POD_FW_BIOS | POD_FW_X64,
				     .text = text};
	if (!s.len || s.len >= sizeof text)
		return;
	for (size_t i = 0; i < s.len; i++)
		if ((uint8_t)(text[i] = s.p[i]) < ' ')
			return;
	text[s.len] = 0;
	item.unsure = kind == POD_MENU_CONFIG; /* SYSLINUX goes on without it */
	l->cb(l->ctx, &item);
}

static void give_arguments(struct lines *l, struct span where, const char *in_front)
{
	struct pod_menu_item item = {.kind = POD_MENU_ARGUMENTS,
				     .entry = l->entry,
				     .unsure = l->program,
				     .text = in_front,
				     .at = (size_t)(where.p - l->begin),
				     .len = where.len,
				     .escape = ""};
	l->cb(l->ctx, &item);
}

/* --- SYSLINUX ---------------------------------------------------------------------------------------------------------- */

/* A name of the image: not one of another place (tftp://, "hd0,1:"); "::" stands for the root folder of the medium. */
static void give_path(struct lines *l, enum pod_menu_kind kind, struct span s)
{
	if (s.len > 2 && s.p[0] == ':' && s.p[1] == ':')
		s.p += 2, s.len -= 2;
	for (size_t i = 0; i + 1 < s.len; i++)
		if (s.p[i] == ':')
			return;
	if (s.len && s.p[0] != '-')
		give(l, kind, s);
}

static void give_list(struct lines *l, struct span s)
{
	size_t from = 0;
	for (size_t i = 0; i <= s.len; i++)
		if (i == s.len || s.p[i] == ',') {
			give_path(l, POD_MENU_INITRD, (struct span){s.p + from, i - from});
			from = i + 1;
		}
}

static bool ends_with(struct span s, const char *suffix)
{
	size_t n = pod_strlen(suffix);
	return s.len >= n && pod_strncasecmp(s.p + (s.len - n), suffix, n) == 0;
}

static enum pod_menu_kind kind_of(struct span name)
{
	static const char *const sectors[] = {".bin", ".bs", ".bss", ".0", ".img", ".com", ".cbt"};
	if (ends_with(name, ".c32"))
		return POD_MENU_COM32;
	for (size_t i = 0; i < POD_ARRAY_LEN(sectors); i++)
		if (ends_with(name, sectors[i]))
			return POD_MENU_FILE;
	return POD_MENU_KERNEL;
}

static bool holds_xen(struct span name)
{
	for (size_t i = 0; i + 3 <= name.len; i++)
		if (pod_strncasecmp(name.p + i, "xen", 3) == 0)
			return true;
	return false;
}

/* mboot.c32: KERNEL arguments --- MODULE arguments --- ... */
static void give_multiboot(struct lines *l, struct span s)
{
	enum pod_menu_kind kind = POD_MENU_MULTIBOOT;
	bool dom0 = false; /* this module is the kernel that Xen starts */
	while (s.len) {
		struct span w = take_word(&s), arguments = {w.p + w.len, 0};
		give_path(l, kind, w);
		for (bool more = true; s.len && more;) {
			struct span a = take_word(&s);
			more = !word_is(a, "---");
			if (more)
				arguments.len = (size_t)(a.p + a.len - arguments.p);
		}
		if (dom0)
			l->own = arguments;
		dom0 = kind == POD_MENU_MULTIBOOT && holds_xen(w);
		kind = POD_MENU_MODULE;
	}
}

static bool is_mboot(const char *kernel)
{
	const char *module = kernel;
	for (const char *c = kernel; *c; c++)
		if (*c == '/')
			module = c + 1;
	return pod_strcasecmp(module, "mboot.c32") == 0;
}

static void append(struct lines *l, struct span s)
{
	if (is_mboot(l->kernel)) {
		l->own.p = NULL;
		give_multiboot(l, s);
		return;
	}
	while (s.len) {
		struct span w = take_word(&s);
		if (w.len > 7 && pod_strncasecmp(w.p, "initrd=", 7) == 0)
			give_list(l, (struct span){w.p + 7, w.len - 7});
	}
}

/* `kernel NAME arguments`, also behind LINUX, COM32 and so on. */
static void kernel(struct lines *l, struct span s, enum pod_menu_kind kind)
{
	struct span name = take_word(&s);
	size_t n = name.len < sizeof l->kernel ? name.len : sizeof l->kernel - 1;
	for (size_t i = 0; i < n; i++)
		l->kernel[i] = name.p[i];
	l->kernel[n] = 0;
	l->behind = kind == POD_MENU_KERNEL ? (struct span){name.p + name.len, (size_t)(s.p + s.len - name.p) - name.len}
					    : (struct span){NULL, 0};
	give_path(l, kind, name);
	if (s.len)
		append(l, s);
}

/* An entry whose kernel is no Linux has its arguments for something else; but which kernel one is for that names none, its title says. */
static void end_entry(struct lines *l)
{
	bool is_linux = !l->kernel[0] || l->behind.p || is_mboot(l->kernel);
	if (is_linux && l->own.p)
		give_arguments(l, l->own, " ");
	else if (l->behind.p && !l->all_have)
		give_arguments(l, l->behind, " ");
	l->all_have |= !l->entry && l->own.p;
}

static void begin_label(struct lines *l, struct span s)
{
	end_entry(l);
	l->entry++;
	l->kernel[0] = 0;
	l->behind = l->own = (struct span){NULL, 0};
	give(l, POD_MENU_ENTRY, s);
}

static void menu_line(struct lines *l, struct span s)
{
	struct span w = take_word(&s);
	if (word_is(w, "default") && l->entry)
		give(l, POD_MENU_DEFAULT, (struct span){".", 1}); /* this one */
	else if (word_is(w, "label") && l->entry)
		give(l, POD_MENU_ENTRY_NAME, s);
	else if (word_is(w, "include"))
		give_path(l, POD_MENU_CONFIG, take_word(&s));
}

static void syslinux_line(struct lines *l, struct span s)
{
	struct span key = take_word(&s);
	if (word_is(key, "label"))
		begin_label(l, s);
	else if (word_is(key, "menu"))
		menu_line(l, s);
	else if (word_is(key, "include"))
		give_path(l, POD_MENU_CONFIG, take_word(&s));
	else if (word_is(key, "config"))
		give_path(l, POD_MENU_CONFIG, take_word(&s));
	else if (word_is(key, "ui"))
		give_path(l, POD_MENU_COM32, take_word(&s));
	else if (word_is(key, "path"))
		give(l, POD_MENU_FOLDER, s);
	else if (word_is(key, "kernel"))
		kernel(l, s, kind_of(first_word(s)));
	else if (word_is(key, "linux"))
		kernel(l, s, POD_MENU_KERNEL);
	else if (word_is(key, "com32"))
		kernel(l, s, POD_MENU_COM32);
	else if (word_is(key, "boot") || word_is(key, "bss") || word_is(key, "fdimage"))
		kernel(l, s, POD_MENU_FILE);
	else if (word_is(key, "initrd"))
		give_list(l, take_word(&s));
	else if (word_is(key, "append")) {
		l->own = s;
		append(l, s);
	} else if (word_is(key, "default"))
		give(l, POD_MENU_DEFAULT, take_word(&s));
}

void pod_menu_syslinux(const char *text, size_t len, pod_menu_fn *cb, void *ctx)
{
	struct lines l = {.begin = text, .p = text, .end = text + len, .cb = cb, .ctx = ctx};
	struct span s;
	while (next_line(&l, &s))
		if (s.len && s.p[0] != '#')
			syslinux_line(&l, s);
	end_entry(&l);
}

/* --- Boot Loader Specification ------------------------------------------------------------------------------------------ */

static void bls_line(struct lines *l, struct span s)
{
	static const struct {
		const char *key;
		enum pod_menu_kind kind;
	} keys[] = {
		{"title", POD_MENU_ENTRY_NAME}, {"linux", POD_MENU_KERNEL},    {"initrd", POD_MENU_INITRD},
		{"efi", POD_MENU_CHAIN},	{"devicetree", POD_MENU_FILE}, {"architecture", POD_MENU_ARCH},
		{"default", POD_MENU_DEFAULT},
	};
	struct span key = take_word(&s);
	if (word_is(key, "options")) {
		l->own = s;
	} else if (word_is(key, "linux") || word_is(key, "efi")) {
		l->behind = (struct span){s.p + s.len, 0};
		l->program = word_is(key, "efi");
	}
	for (size_t i = 0; i < POD_ARRAY_LEN(keys); i++)
		if (word_is(key, keys[i].key))
			give(l, keys[i].kind, s);
}

void pod_menu_bls(const char *text, size_t len, pod_menu_fn *cb, void *ctx)
{
	struct lines l = {.begin = text, .p = text, .end = text + len, .entry = 1, .cb = cb, .ctx = ctx};
	struct span s;
	while (next_line(&l, &s))
		if (s.len && s.p[0] != '#')
			bls_line(&l, s);
	if (l.behind.p)
		give_arguments(&l, l.own.p ? l.own : l.behind, l.own.p ? " " : "\noptions ");
}
