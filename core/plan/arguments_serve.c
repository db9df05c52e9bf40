/* SPDX-License-Identifier: BSD-2-Clause */
/* The configurations of a tree with further kernel arguments; whoever knows the tree serves them in place of the originals. */
#include "core/plan/internal.h"
#include "core/base/mem.h"

enum {
	CONFIG_BYTES_MAX = 256 << 10, /* loaders read longer ones, but nobody writes them */
	CONFIGS_BYTES_MAX = 1024 << 10,
	SECTOR = 512,
};

static const char *asked_for(const struct pod_handover *h)
{
	return h->rq->arguments ? h->rq->arguments : "";
}

/* What its persistence file needs; who asks for another one, or for none, knows better. */
static const char *for_persist(const struct pod_handover *h)
{
	const char *words = pod_persist_words(h->plan->persist.kind);
	char name[16];
	size_t n = 0;
	while (n < sizeof name - 1 && words[n] && words[n] != '=')
		n++;
	(void)pod_strlcpy(name, words, n + 1);
	return *words && pod_strcasestr(asked_for(h), name) ? "" : words;
}

bool pod_arguments_wanted(const struct pod_handover *h)
{
	return asked_for(h)[0] || for_persist(h)[0];
}

void pod_arguments_words(const struct pod_handover *h, char out[POD_ARGUMENTS_WORDS])
{
	const char *more = for_persist(h), *asked = asked_for(h);
	(void)pod_snprintf(out, POD_ARGUMENTS_WORDS, "%s%s%s", asked, *asked && *more ? " " : "", more);
}

void pod_arguments_missed(struct pod_handover *h)
{
	if (for_persist(h)[0] && !h->plan->argument_lines)
		pod_plan_warn(h->plan, "No boot menu was found to add %s to: what the system changes is not kept.",
			      for_persist(h));
}

static void refuse(struct pod_plan *p, const struct pod_found *f, const char *fmt)
{
	uint32_t before = p->warning_count;
	pod_plan_warn(p, fmt, f->path);
	if (!p->arguments_refused && p->warning_count > before)
		p->arguments_refused = p->warning_count;
}

/* A hash in Limine's configuration is that of a file on the medium, be it in another volume, if that was looked into before; what is served in its
 * place has another, and Limine would stop: it gets the configuration without it. If the configuration's own hash was put into Limine's program
 * (`limine enroll-config`), Limine stops at that instead, with words of its own; whether it was is not looked for. */
bool pod_menus_change(const struct pod_handover *h, const struct pod_scan *s)
{
	return pod_arguments_wanted(h) || s->lone || (s->hashed && (s->initrd_count || h->plan->initrd_count));
}

void pod_arguments_refuse(struct pod_handover *h, const struct pod_scan *s, const struct pod_found *f)
{
	if (s->hashed)
		pod_plan_warn(h->plan,
			      "%.80s: this boot menu is served unchanged: its loader refuses an initrd whose hash is in it.",
			      f->path);
	if (s->lone)
		pod_plan_warn(
			h->plan,
			"%.80s: this boot menu is served unchanged: a kernel that it starts without an initrd does not find its disk.",
			f->path);
	if (pod_arguments_wanted(h))
		refuse(h->plan, f, "%.80s: this boot menu is served unchanged: kernels that it starts do not get the arguments.");
}

void pod_arguments_refuse_uki(struct pod_plan *p, const struct pod_found *f, enum pod_uki_refusal why)
{
	static const char *const text[] = {
		[POD_UKI_SECURE_BOOT] =
			"%.60s: Secure Boot is on, so its command line stays as it is: its kernel does not get the arguments.",
		[POD_UKI_NO_CMDLINE] =
			"%.60s: it has no command line of its own: its kernel gets only the arguments in a boot menu.",
		[POD_UKI_FORM] = "%.60s: its command line cannot be changed: its kernel does not get the arguments.",
		[POD_UKI_PART] = "%.60s: not all of its command lines can be changed: some starts do not get the arguments.",
	};
	refuse(p, f, text[why]);
}

void pod_arguments_lost(struct pod_plan *p, const struct pod_found *f, const struct pod_uki *uki)
{
	if (uki->cmdline_count)
		pod_arguments_refuse_uki(p, f, POD_UKI_FORM);
}

static enum pod_status put_in_memory(struct pod_map *map, const char *text, size_t len, struct pod_menu_served *menu)
{
	uint64_t at, whole = pod_align_up(len, SECTOR);
	POD_TRY(pod_map_mem(map, NULL, (size_t)whole, &at));
	memcpy(map->mem + (size_t)at, text, len);
	menu->size_bytes = len;
	return pod_map_append(&menu->map, POD_SEG_MEM, at, whole);
}

/* What an entry of the Boot Loader Specification starts. */
struct program {
	struct pod_handover *h;
	struct pod_scan *s;
	const char *config;
	bool unified, own; /* a unified kernel image, with a command line of its own */
	enum pod_status st;
};

static void look_at_program(void *ctx, const struct pod_menu_item *item)
{
	struct program *p = ctx;
	struct pod_found f;
	if ((item->kind == POD_MENU_KERNEL || item->kind == POD_MENU_CHAIN) && !p->unified && p->st == POD_OK &&
	    pod_scan_named(p->s, p->config, item->text, pod_strlen(item->text), &f) == POD_OK)
		p->st = p->h->rq->ukis->is(p->s, &f.node, &p->unified, &p->own);
}

static bool wants_initrd(void *ctx, const char *text, const struct pod_menu_item *item)
{
	return pod_lone_wants(ctx, text, item);
}

/* With an initrd for kernels that none is loaded for. */
static enum pod_status edit_lone(const char *words, struct pod_scan *s, const struct pod_found *f, const char *text, char **out,
				 size_t *out_len, struct pod_menu_served *menu)
{
	struct pod_lone *lone = pod_zalloc(s->alloc, 1, sizeof *lone);
	struct pod_arguments_initrd more = {.wants = wants_initrd, .ctx = lone, .path = s->lone};
	size_t len = (size_t)f->node.size_bytes;
	if (!lone)
		return POD_E_NOMEM;
	pod_lone_begin(lone, s, f->path, text, len);
	enum pod_status st = pod_arguments_edit(words, f->path, text, len, s->vars, &more, s->alloc, out, out_len, &menu->lines);
	menu->lone = more.count;
	pod_free(s->alloc, lone);
	return st;
}

/* Into *out the text with the words, or NULL. */
static enum pod_status edit_text(struct pod_handover *h, struct pod_scan *s, const struct pod_found *f, const char *text,
				 char **out, size_t *out_len, struct pod_menu_served *menu)
{
	struct program p = {.h = h, .s = s, .config = f->path};
	size_t len = (size_t)f->node.size_bytes;
	char words[POD_ARGUMENTS_WORDS];
	pod_arguments_words(h, words);
	if (h->rq->ukis && pod_config_is_bls(text, len))
		pod_menu_bls(text, len, look_at_program, &p);
	POD_TRY(p.st);
	if (!p.unified && s->lone)
		return edit_lone(words, s, f, text, out, out_len, menu);
	if (!p.unified)
		return pod_arguments_edit(words, f->path, text, len, s->vars, NULL, s->alloc, out, out_len, &menu->lines);
	*out = NULL;
	/* With Secure Boot on its own command line is the one that counts. */
	return p.own && h->rq->secure_boot
		       ? POD_OK
		       : pod_arguments_edit_unified(words, text, len, p.own, s->alloc, out, out_len, &menu->lines);
}

static enum pod_status edit(struct pod_handover *h, struct pod_scan *s, const struct pod_found *f, char *text,
			    struct pod_menu_served *menu)
{
	size_t len = (size_t)f->node.size_bytes, out_len;
	char *out;
	if (pod_fs_read(s->fs, &f->node, 0, text, len) != POD_OK) { /* the loader will meet the same error */
		pod_arguments_refuse(h, s, f);
		return pod_budget_status(s->fs->dev->budget);
	}
	enum pod_status st = edit_text(h, s, f, text, &out, &out_len, menu);
	if (st == POD_E_LIMIT) {
		pod_arguments_refuse(h, s, f);
		menu->lines = menu->lone = 0;
		return POD_OK;
	}
	POD_TRY(st);
	st = out ? put_in_memory(&h->plan->map, out, out_len, menu) : POD_OK;
	pod_free(s->alloc, out);
	return st;
}

enum pod_status pod_arguments_each(struct pod_handover *h, struct pod_scan *s,
				   enum pod_status (*cb)(void *ctx, const struct pod_found *f, struct pod_menu_served *menu),
				   void *ctx)
{
	uint64_t total = 0;
	if (!s->config_count)
		return POD_OK;
	char *text = s->vars ? s->alloc->alloc(s->alloc, CONFIG_BYTES_MAX) : NULL;
	if (!text)
		return POD_E_NOMEM;
	enum pod_status st = POD_OK;
	for (size_t i = 0; st == POD_OK && i < s->config_count; i++) {
		const struct pod_found *f = &s->config[i];
		struct pod_menu_served menu = {.size_bytes = 0};
		if (f->start_bytes == UINT64_MAX || pod_scan_was_there(s, s->config, i))
			continue;
		total += f->node.size_bytes;
		if (f->node.size_bytes > CONFIG_BYTES_MAX || total > CONFIGS_BYTES_MAX) {
			pod_arguments_refuse(h, s, f);
			continue;
		}
		pod_map_init(&menu.map, s->alloc);
		st = edit(h, s, f, text, &menu);
		if (st == POD_OK && menu.size_bytes)
			st = cb(ctx, f, &menu);
		pod_map_fini(&menu.map);
	}
	pod_free(s->alloc, text);
	return st;
}

enum pod_status pod_arguments_note(struct pod_handover *h, const struct pod_found *f, const struct pod_menu_served *menu,
				   uint64_t start)
{
	h->plan->argument_lines += menu->lines;
	return pod_plan_note(h->plan, POD_OVERLAY_MENU, start, menu->size_bytes, f->path,
			     !menu->lines && menu->lone
				     ? "boot menu that loads an initrd with the shim for a kernel that has none"
			     : !menu->lines    ? "boot menu without the hash of an initrd that is served changed"
			     : asked_for(h)[0] ? "boot menu with the kernel arguments that were asked for"
					       : "boot menu that tells the system of its persistence file");
}
