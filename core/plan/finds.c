/* SPDX-License-Identifier: BSD-2-Clause */
/* From an initramfs' first program to the verdict; finds.h has what each file is for. */
#include "core/plan/finds_int.h"
#include "core/plan/internal.h"
#include "core/base/mem.h"

enum { PASSES_MAX = 24 };

static bool has_word(const char *path, const char *word)
{
	return pod_strcasestr(path, word) != NULL;
}

bool pod_finds_wants(const char *path)
{
	static const char *const folder[] = {"lib/modules/", "lib/firmware/", "kernel/x86/microcode/",
					     "/share/",	     "/fonts/",	      "/locale/",
					     "/python",	     "lib/gconv/",    "/terminfo/",
					     "/icons/"};
	static const char *const kind[] = {".ko",  ".ko.xz",	".ko.zst", ".ko.gz", ".bin", ".fw",  ".png",
					   ".svg", ".ttf",	".otf",	   ".mo",    ".gz",  ".xz",  ".zst",
					   ".bz2", ".squashfs", ".img",	   ".pyc",   ".py",  ".jpg", ".hwdb"};
	for (size_t i = 0; i < POD_ARRAY_LEN(folder); i++)
		if (has_word(path, folder[i]))
			return false;
	for (size_t i = 0; i < POD_ARRAY_LEN(kind); i++)
		if (pod_ends_with_nocase(path, kind[i]))
			return false;
	return !has_word(path, ".so.") && !pod_ends_with_nocase(path, ".so");
}

static enum pod_status read_units(struct pod_finder *f)
{
	for (size_t i = 0; i < f->unit_count && f->st == POD_OK; i++) {
		/* more may come while one is read, and the array move */
		struct pod_unit u = f->unit[i];
		if (!u.reached)
			continue;
		f->now = &u;
		enum pod_status st = pod_budget_spend(f->rq->budget, 1 + (uint64_t)(u.end - u.start) / 64, 0);
		if (st == POD_OK)
			st = pod_shell_read(f->shell, u.start, u.end, u.line, f->rq->budget, pod_finds_command_means, f);
		f->unit[i].gives |= u.gives;
		f->now = NULL;
		if (f->st == POD_OK)
			f->st = st;
	}
	return f->st;
}

/* Again until nothing new comes: a function may be called before its script is known, a variable set behind its use. */
static enum pod_status read_all(struct pod_finder *f)
{
	for (unsigned pass = 0; pass < PASSES_MAX && f->changed && f->st == POD_OK; pass++) {
		f->changed = false;
		f->pipe = false;
		(void)read_units(f);
	}
	return f->st;
}

static void fstab(struct pod_finder *f)
{
	uint32_t tab = pod_finds_lookup(&f->files, "etc/fstab");
	if (tab == POD_FINDS_NO_FILE || !f->script[tab].order)
		return;
	const struct pod_finds_file *s = &f->rq->file[tab];
	uint32_t line = 1;
	for (size_t at = 0; at < s->len; line++) {
		if (pod_strncasecmp(s->text + at, "LABEL=", 6) == 0 || pod_strncasecmp(s->text + at, "UUID=", 5) == 0)
			pod_finds_note(f, POD_DW_ID, s->path, line, s->text[at] == 'L' ? "LABEL=" : "UUID=", 1);
		while (at < s->len && s->text[at++] != '\n')
			;
	}
}

/* Is the parameter's name somewhere in what was reached? "root" is everybody's. */
static bool is_known_parameter(void *ctx, const char *name, size_t len)
{
	const struct pod_finder *f = ctx;
	if (len == 4 && pod_strncasecmp(name, "root", 4) == 0)
		return true;
	for (size_t i = 0; len && i < f->rq->files; i++) {
		const struct pod_finds_file *s = &f->rq->file[i];
		if (s->link || s->len < len || s->len > (1u << 20))
			continue;
		if (pod_budget_spend(f->rq->budget, s->len / 256, 0) != POD_OK)
			return false;
		for (const char *p = s->text, *end = s->text + s->len - len; p <= end; p++)
			if (*p == *name && memcmp(p, name, len) == 0)
				return true;
	}
	return false;
}

static const enum pod_finds_how how_of[POD_DW_COUNT] = {
	[POD_DW_ANY] = POD_FINDS_ANY,	     [POD_DW_ID] = POD_FINDS_ID,       [POD_DW_ID_ASKED] = POD_FINDS_ID,
	[POD_DW_DEVICE] = POD_FINDS_DEVICE,  [POD_DW_WHOLE] = POD_FINDS_WHOLE, [POD_DW_OPTICAL] = POD_FINDS_OPTICAL,
	[POD_DW_DRIVES] = POD_FINDS_OPTICAL,
};

/* By what the scripts and programs look at: the widest search is the one that finds. */
static bool by_scripts(const struct pod_finder *f, struct pod_finds *out)
{
	static const enum pod_device_word order[] = {POD_DW_ANY,    POD_DW_ID,	   POD_DW_WHOLE,   POD_DW_OPTICAL,
						     POD_DW_DRIVES, POD_DW_DEVICE, POD_DW_ID_ASKED};
	for (size_t i = 0; i < POD_ARRAY_LEN(order); i++) {
		enum pod_device_word w = order[i];
		if (!f->clue[w].file[0])
			continue;
		/* a program that cannot be seen through may find more than what is seen */
		if (f->opaque.file[0] && (w == POD_DW_WHOLE || w == POD_DW_OPTICAL || w == POD_DW_DRIVES) &&
		    pod_streq(f->clue[w].file, f->opaque.file))
			continue;
		out->how = how_of[w];
		out->drives = w == POD_DW_DRIVES;
		out->clue = f->clue[w];
		return true;
	}
	return false;
}

static void conclude(struct pod_finder *f, struct pod_finds *out)
{
	struct pod_finds_clue c = {.line = 0};
	enum pod_device_word w = pod_command_look(f->rq, is_known_parameter, f, &c);
	/* a search through everything is not bound to what a menu names */
	if (w != POD_DW_NONE && !(w >= POD_DW_DEVICE && f->clue[POD_DW_ANY].file[0])) {
		out->how = how_of[w];
		out->drives = w == POD_DW_DRIVES;
		out->by_command = true;
		out->clue = c;
		return;
	}
	if (by_scripts(f, out))
		return;
	if (f->rq->nested && !f->opaque.file[0])
		pod_finds_clue_set(&f->opaque, f->init.file, 0, "squashfs", 8);
	const struct pod_finds_clue *open = f->opaque.file[0] ? &f->opaque : &f->outside;
	out->how = open->file[0] ? POD_FINDS_UNKNOWN : POD_FINDS_NOTHING;
	out->clue = open->file[0] ? *open : f->init;
}

static enum pod_status find(struct pod_finder *f, struct pod_finds *out)
{
	uint32_t init = pod_finds_lookup(&f->files, "init");
	if (init == POD_FINDS_NO_FILE) {
		out->no_init = true;
		return POD_OK;
	}
	const char *path = f->rq->file[init].path;
	pod_finds_clue_set(&f->init, path, 1, "", 0);
	pod_reach_file(f, init, POD_REACH_RUN | POD_REACH_INIT);
	POD_TRY(read_all(f));
	fstab(f);
	conclude(f, out);
	return pod_budget_status(f->rq->budget);
}

enum pod_status pod_finds_read(const struct pod_finds_request *rq, struct pod_alloc *a, struct pod_finds *out)
{
	struct pod_finder *f = pod_zalloc(a, 1, sizeof *f);
	memset(out, 0, sizeof *out);
	if (!f)
		return POD_E_NOMEM;
	f->rq = rq;
	f->alloc = a;
	f->shell = pod_shell_new(a);
	f->script = pod_zalloc(a, rq->files + 1, sizeof *f->script);
	enum pod_status st = f->shell && f->script ? pod_finds_files_open(&f->files, rq, a) : POD_E_NOMEM;
	if (st == POD_OK)
		st = find(f, out);
	if (st != POD_OK)
		memset(out, 0, sizeof *out);
	pod_finds_files_close(&f->files);
	pod_free(a, f->unit);
	pod_free(a, f->script);
	pod_free(a, f->shell);
	pod_free(a, f);
	return st;
}

const char *pod_finds_word(enum pod_finds_how how)
{
	static const char *const word[POD_FINDS_COUNT] = {"unknown",	"any",	   "label",  "device",
							  "whole-disk", "optical", "nothing"};
	return word[how < POD_FINDS_COUNT ? how : POD_FINDS_UNKNOWN];
}

/* --- the boot menus ----------------------------------------------------------------------------------------------- */

struct configs {
	pod_scan_text_fn *cb;
	void *ctx;
};

static enum pod_status each_config(void *ctx, struct pod_scan *s)
{
	const struct configs *c = ctx;
	return pod_scan_each_text(s, c->cb, c->ctx);
}

enum pod_status pod_plan_each_config(const struct pod_plan *p, struct pod_dev *disk, struct pod_alloc *a,
				     enum pod_status (*cb)(void *ctx, const char *path, const char *text, size_t len), void *ctx)
{
	struct configs c = {.cb = cb, .ctx = ctx};
	return pod_plan_in_tree(p, disk, a, each_config, &c);
}
