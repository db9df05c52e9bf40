/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Configurations that are read line by line: SYSLINUX (isolinux, syslinux, extlinux: doc/syslinux.txt and doc/menu.txt of SYSLINUX 6)
 * and entries of the Boot Loader Specification (UAPI.1), which systemd-boot reads, with its loader.conf.
 */
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/plan/menu_lines.h"

bool pod_lines_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

size_t pod_lines_bom(const char *text, size_t len)
{
	return len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
}

bool pod_lines_next(struct pod_lines *l, struct pod_span *out)
{
	if (l->p >= l->end)
		return false;
	l->line++;
	while (l->p < l->end && pod_lines_blank(*l->p))
		l->p++;
	out->p = l->p;
	while (l->p < l->end && *l->p != '\n')
		l->p++;
	out->len = (size_t)(l->p - out->p);
	while (out->len && pod_lines_blank(out->p[out->len - 1]))
		out->len--;
	l->p += l->p < l->end;
	return true;
}

struct pod_span pod_lines_word(struct pod_span *s)
{
	struct pod_span w = {s->p, 0};
	while (w.len < s->len && !pod_lines_blank(s->p[w.len]))
		w.len++;
	s->p += w.len;
	s->len -= w.len;
	while (s->len && pod_lines_blank(*s->p))
		s->p++, s->len--;
	return w;
}

static struct pod_span first_word(struct pod_span s)
{
	return pod_lines_word(&s);
}

bool pod_lines_is(struct pod_span w, const char *what)
{
	return w.len == pod_strlen(what) && pod_strncasecmp(w.p, what, w.len) == 0;
}

void pod_lines_give(struct pod_lines *l, enum pod_menu_kind kind, struct pod_span s)
{
	pod_lines_give_on(l, kind, s, false);
}

void pod_lines_give_on(struct pod_lines *l, enum pod_menu_kind kind, struct pod_span s, bool elsewhere)
{
	char text[POD_MENU_NAME_MAX];
	struct pod_menu_item item = {.kind = kind,
				     .line = l->line,
				     .entry = l->entry,
				     .position = l->entry && !l->no_number ? l->entry - 1 - l->uncounted : UINT32_MAX,
				     .firmware = POD_FW_BIOS | POD_FW_X64,
				     .elsewhere = elsewhere,
				     .text = text};
	if (!s.len || s.len >= sizeof text)
		return;
	for (size_t i = 0; i < s.len; i++)
		if ((uint8_t)(text[i] = s.p[i]) < ' ')
			return;
	text[s.len] = 0;
	item.unsure = l->unsure || kind == POD_MENU_CONFIG; /* SYSLINUX goes on without it */
	l->cb(l->ctx, &item);
}

void pod_lines_give_arguments(struct pod_lines *l, struct pod_span where, const char *in_front)
{
	struct pod_menu_item item = {.kind = POD_MENU_ARGUMENTS,
				     .entry = l->entry,
				     .unsure = l->program,
				     .text = in_front,
				     .at = (size_t)(where.p - l->begin),
				     .len = where.len,
				     .escape = "",
				     .initrd = l->initrd};
	l->cb(l->ctx, &item);
}

/* --- SYSLINUX ---------------------------------------------------------------------------------------------------------- */

/* A name of the image: not one of another place (tftp://, "hd0,1:"); "::" stands for the root folder of the medium. */
static void give_path(struct pod_lines *l, enum pod_menu_kind kind, struct pod_span s)
{
	if (s.len > 2 && s.p[0] == ':' && s.p[1] == ':')
		s.p += 2, s.len -= 2;
	for (size_t i = 0; i + 1 < s.len; i++)
		if (s.p[i] == ':')
			return;
	if (s.len && s.p[0] != '-')
		pod_lines_give(l, kind, s);
}

static void give_list(struct pod_lines *l, struct pod_span s)
{
	size_t from = 0;
	for (size_t i = 0; i <= s.len; i++)
		if (i == s.len || s.p[i] == ',') {
			give_path(l, POD_MENU_INITRD, (struct pod_span){s.p + from, i - from});
			from = i + 1;
		}
}

bool pod_lines_ends_with(struct pod_span s, const char *suffix)
{
	size_t n = pod_strlen(suffix);
	return s.len >= n && pod_strncasecmp(s.p + (s.len - n), suffix, n) == 0;
}

static enum pod_menu_kind kind_of(struct pod_span name)
{
	static const char *const sectors[] = {".bin", ".bs", ".bss", ".0", ".img", ".com", ".cbt"};
	if (pod_lines_ends_with(name, ".c32"))
		return POD_MENU_COM32;
	for (size_t i = 0; i < POD_ARRAY_LEN(sectors); i++)
		if (pod_lines_ends_with(name, sectors[i]))
			return POD_MENU_FILE;
	return POD_MENU_KERNEL;
}

bool pod_lines_holds_xen(struct pod_span name)
{
	for (size_t i = 0; i + 3 <= name.len; i++)
		if (pod_strncasecmp(name.p + i, "xen", 3) == 0)
			return true;
	return false;
}

/* mboot.c32: KERNEL arguments --- MODULE arguments --- ... */
static void give_multiboot(struct pod_lines *l, struct pod_span s)
{
	enum pod_menu_kind kind = POD_MENU_MULTIBOOT;
	bool dom0 = false; /* this module is the kernel that Xen starts */
	while (s.len) {
		struct pod_span w = pod_lines_word(&s), arguments = {w.p + w.len, 0};
		give_path(l, kind, w);
		for (bool more = true; s.len && more;) {
			struct pod_span a = pod_lines_word(&s);
			more = !pod_lines_is(a, "---");
			if (more)
				arguments.len = (size_t)(a.p + a.len - arguments.p);
		}
		if (dom0)
			l->own = arguments;
		dom0 = kind == POD_MENU_MULTIBOOT && pod_lines_holds_xen(w);
		kind = POD_MENU_MODULE;
	}
}

static bool is_mboot(const char *kernel)
{
	return pod_strcasecmp(pod_last_name(kernel), "mboot.c32") == 0;
}

static void append(struct pod_lines *l, struct pod_span s)
{
	if (is_mboot(l->kernel)) {
		l->own.p = NULL;
		give_multiboot(l, s);
		return;
	}
	while (s.len) {
		struct pod_span w = pod_lines_word(&s);
		if (w.len > 7 && pod_strncasecmp(w.p, "initrd=", 7) == 0)
			give_list(l, (struct pod_span){w.p + 7, w.len - 7});
	}
}

/* `kernel NAME arguments`, also behind LINUX, COM32 and so on. */
static void kernel(struct pod_lines *l, struct pod_span s, enum pod_menu_kind kind)
{
	struct pod_span name = pod_lines_word(&s);
	size_t n = name.len < sizeof l->kernel ? name.len : sizeof l->kernel - 1;
	for (size_t i = 0; i < n; i++)
		l->kernel[i] = name.p[i];
	l->kernel[n] = 0;
	l->behind = kind == POD_MENU_KERNEL ? (struct pod_span){name.p + name.len, (size_t)(s.p + s.len - name.p) - name.len}
					    : (struct pod_span){NULL, 0};
	give_path(l, kind, name);
	if (s.len)
		append(l, s);
}

/* An entry whose kernel is no Linux has its arguments for something else; but which kernel one is for that names none, its title says. */
static void end_entry(struct pod_lines *l)
{
	bool is_linux = !l->kernel[0] || l->behind.p || is_mboot(l->kernel);
	l->initrd = l->behind.p ? " initrd=" : NULL;
	if (is_linux && l->own.p)
		pod_lines_give_arguments(l, l->own, " ");
	else if (l->behind.p && !l->all_have)
		pod_lines_give_arguments(l, l->behind, " ");
	l->all_have |= !l->entry && l->own.p;
}

static void begin_label(struct pod_lines *l, struct pod_span s)
{
	end_entry(l);
	l->entry++;
	l->kernel[0] = 0;
	l->behind = l->own = (struct pod_span){NULL, 0};
	pod_lines_give(l, POD_MENU_ENTRY, s);
}

static void menu_line(struct pod_lines *l, struct pod_span s)
{
	struct pod_span w = pod_lines_word(&s);
	if (pod_lines_is(w, "default") && l->entry)
		pod_lines_give(l, POD_MENU_DEFAULT, (struct pod_span){".", 1}); /* this one */
	else if (pod_lines_is(w, "label") && l->entry)
		pod_lines_give(l, POD_MENU_ENTRY_NAME, s);
	else if (pod_lines_is(w, "include"))
		give_path(l, POD_MENU_CONFIG, pod_lines_word(&s));
}

static void syslinux_line(struct pod_lines *l, struct pod_span s)
{
	struct pod_span key = pod_lines_word(&s);
	if (pod_lines_is(key, "label"))
		begin_label(l, s);
	else if (pod_lines_is(key, "menu"))
		menu_line(l, s);
	else if (pod_lines_is(key, "include"))
		give_path(l, POD_MENU_CONFIG, pod_lines_word(&s));
	else if (pod_lines_is(key, "config"))
		give_path(l, POD_MENU_CONFIG, pod_lines_word(&s));
	else if (pod_lines_is(key, "ui"))
		give_path(l, POD_MENU_COM32, pod_lines_word(&s));
	else if (pod_lines_is(key, "path"))
		pod_lines_give(l, POD_MENU_FOLDER, s);
	else if (pod_lines_is(key, "kernel"))
		kernel(l, s, kind_of(first_word(s)));
	else if (pod_lines_is(key, "linux"))
		kernel(l, s, POD_MENU_KERNEL);
	else if (pod_lines_is(key, "com32"))
		kernel(l, s, POD_MENU_COM32);
	else if (pod_lines_is(key, "boot") || pod_lines_is(key, "bss") || pod_lines_is(key, "fdimage"))
		kernel(l, s, POD_MENU_FILE);
	else if (pod_lines_is(key, "initrd"))
		give_list(l, pod_lines_word(&s));
	else if (pod_lines_is(key, "append")) {
		l->own = s;
		append(l, s);
	} else if (pod_lines_is(key, "default"))
		pod_lines_give(l, POD_MENU_DEFAULT, pod_lines_word(&s));
}

void pod_menu_syslinux(const char *text, size_t len, pod_menu_fn *cb, void *ctx)
{
	struct pod_lines l = {.begin = text, .p = text, .end = text + len, .cb = cb, .ctx = ctx};
	struct pod_span s;
	while (pod_lines_next(&l, &s))
		if (s.len && s.p[0] != '#')
			syslinux_line(&l, s);
	end_entry(&l);
}

/* --- Boot Loader Specification ------------------------------------------------------------------------------------------ */

static void bls_line(struct pod_lines *l, struct pod_span s)
{
	static const struct {
		const char *key;
		enum pod_menu_kind kind;
	} keys[] = {
		{"title", POD_MENU_ENTRY_NAME},	 {"linux", POD_MENU_KERNEL},	{"initrd", POD_MENU_INITRD},
		{"efi", POD_MENU_CHAIN},	 {"uki", POD_MENU_CHAIN},	{"devicetree", POD_MENU_FILE},
		{"architecture", POD_MENU_ARCH}, {"default", POD_MENU_DEFAULT},
	};
	struct pod_span key = pod_lines_word(&s);
	bool program = pod_lines_is(key, "efi") || pod_lines_is(key, "uki");
	if (pod_lines_is(key, "options")) {
		l->own = s;
	} else if (program || pod_lines_is(key, "linux")) {
		l->behind = (struct pod_span){s.p + s.len, 0};
		l->program = program;
	}
	for (size_t i = 0; i < POD_ARRAY_LEN(keys); i++)
		if (pod_lines_is(key, keys[i].key))
			pod_lines_give(l, keys[i].kind, s);
}

void pod_menu_bls(const char *text, size_t len, pod_menu_fn *cb, void *ctx)
{
	struct pod_lines l = {.begin = text, .p = text, .end = text + len, .entry = 1, .cb = cb, .ctx = ctx};
	struct pod_span s;
	while (pod_lines_next(&l, &s))
		if (s.len && s.p[0] != '#')
			bls_line(&l, s);
	l.initrd = l.program ? NULL : "\ninitrd ";
	if (l.behind.p)
		pod_lines_give_arguments(&l, l.own.p ? l.own : l.behind, l.own.p ? " " : "\noptions ");
}
