/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the systems in an image find their medium. The initrd is unpacked and looked at in a child behind walls (initrd_walk.c), which
 * answers with the verdict alone.
 */
#include <stdlib.h>
#include <string.h>
#include "cli/doctor/finds.h"
#include "cli/doctor/initrd.h"
#include "cli/doctor/initrd_walk.h"

#define SECONDS_MAX 60u
#define TEXT_MAX    (192u << 20) /* of all files that are kept */
#define STEPS	    (UINT64_C(1) << 26)

enum { FINDS_VERDICT = 16 };

struct verdict {
	uint32_t status;
	struct pod_finds finds;
};

/* --- in the child ---------------------------------------------------------------------------------------------------------- */

struct gathering {
	struct initrd_request q;
	struct pod_finds_request rq;
	struct pod_finds_file *file;
	size_t count, cap, bytes;
	bool too_much;
};

static void gather(void *ctx, const char *path, bool link, const char *data, size_t len)
{
	/* a program that is too large to be kept, and so cannot be seen through */
	static const char program[] = "\177ELF";
	struct gathering *g = ctx;
	char *copy;

	if (!data) {
		data = program;
		len = sizeof program;
	}
	g->bytes += len;
	if (g->bytes > TEXT_MAX || g->count == POD_FINDS_FILES_MAX) {
		g->too_much = true;
		return;
	}
	if (g->count == g->cap) {
		g->cap = g->cap ? 2 * g->cap : 1024;
		g->file = cli_xrealloc(g->file, g->cap, sizeof *g->file);
	}
	copy = cli_xmalloc(len + 1);
	memcpy(copy, data, len);
	copy[len] = 0;
	g->file[g->count++] = (struct pod_finds_file){.path = cli_xstrdup(path), .text = copy, .len = len, .link = link};
}

static void gathered(void *ctx, struct sandbox_child *c, const struct initrd_found *found)
{
	struct gathering *g = ctx;
	struct pod_budget budget = {0};
	struct verdict v;

	memset(&v, 0, sizeof v);
	pod_budget_start(&budget, STEPS, POD_BUDGET_UNLIMITED, 0);
	g->rq.file = g->file;
	g->rq.files = g->count;
	g->rq.nested = found->has_squashfs != 0;
	g->rq.budget = &budget;
	v.status = g->too_much ? (uint32_t)POD_E_LIMIT : (uint32_t)pod_finds_read(&g->rq, &cli_alloc, &v.finds);
	sandbox_send(c, FINDS_VERDICT, &v, sizeof v);
}

/* --- on our side ----------------------------------------------------------------------------------------------------------- */

struct taking {
	struct verdict v;
	struct initrd_found found;
	bool told, complete;
};

static bool is_plain(const char *s, size_t size)
{
	const char *end = memchr(s, 0, size);

	for (; end && s < end; s++)
		if (*s >= 0 && *s < 0x20)
			return false;
	return end != NULL;
}

static bool take(void *ctx, unsigned kind, const uint8_t *data, size_t len)
{
	struct taking *t = ctx;
	const struct pod_finds *f = &t->v.finds;

	if (kind == FINDS_VERDICT && len == sizeof t->v && !t->told) {
		t->told = true;
		memcpy(&t->v, data, len);
		return t->v.status < POD_STATUS_COUNT && f->how < POD_FINDS_COUNT &&
		       is_plain(f->clue.file, sizeof f->clue.file) && is_plain(f->clue.word, sizeof f->clue.word);
	}
	if (kind != INITRD_FOUND || len != sizeof t->found || !t->told || t->complete)
		return false;
	memcpy(&t->found, data, len);
	t->complete = true;
	return t->found.problem < INITRD_PROBLEM_COUNT;
}

static const char *problem_text(const struct taking *t)
{
	switch ((enum initrd_problem)t->found.problem) {
	case INITRD_SOUND:
		return t->v.status == POD_OK ? NULL : _("it has more in it than is looked through");
	case INITRD_READ_ERROR:
		return _("read error");
	case INITRD_UNKNOWN:
		return _("a compression that is not known here");
	default:
		return _("it is cut off or damaged");
	}
}

static void read_one(struct finds_one *o, struct pod_dev *dev, const struct pod_finds_command *command, size_t commands)
{
	const struct pod_initrd *r = o->initrd;
	struct gathering g = {.q = {.dev = dev,
				    .start_bytes = r->start_bytes,
				    .length_bytes = r->length_bytes,
				    .wants = pod_finds_wants,
				    .gather = gather,
				    .gathered = gathered},
			      .rq = {.command = command, .commands = commands}};
	struct taking t = {.told = false};
	struct sandbox s = {.who = "libarchive",
			    .about = r->path,
			    .seconds = SECONDS_MAX,
			    .work = initrd_walk,
			    .take = take,
			    .ctx = &g.q,
			    .take_ctx = &t};
	struct fault why = {0};
	const char *problem;

	g.q.gather_ctx = &g;
	if (initrd_library())
		problem = initrd_library();
	else if (!pod_in_range(r->start_bytes, r->length_bytes, dev->size_bytes))
		problem = _("it reaches beyond the end of the image");
	else if (sandbox_run(&s, &why) == SANDBOX_DONE && t.complete)
		problem = problem_text(&t);
	else
		problem = fault_text(&why);
	if (problem)
		o->problem = cli_xstrdup(problem);
	else
		o->finds = t.v.finds;
	fault_free(&why);
}

struct menus {
	struct pod_finds_command command[POD_FINDS_COMMAND_MAX];
	size_t count;
};

static enum pod_status take_menu(void *ctx, const char *path, const char *text, size_t len)
{
	struct menus *m = ctx;
	size_t n = pod_finds_commands(path, text, len, m->command + m->count, POD_FINDS_COMMAND_MAX - m->count);

	for (size_t i = m->count; i < m->count + n; i++) {
		char *copy = cli_xmalloc(m->command[i].len + 1);

		memcpy(copy, m->command[i].text, m->command[i].len);
		m->command[i].text = copy;
	}
	m->count += n;
	return POD_OK;
}

static void free_menus(struct menus *m)
{
	for (size_t i = 0; i < m->count; i++)
		free((char *)(uintptr_t)m->command[i].text);
	free(m);
}

bool finds_read(struct cli_image *im, const struct pod_plan *plan, struct finds *out, struct fault *fault)
{
	struct menus *m = cli_xzalloc(sizeof *m);
	struct pod_map map;
	struct pod_mapdev md;
	bool ok;

	memset(out, 0, sizeof *out);
	ok = cli_image_bytes(im, &map, &md, fault);
	if (ok) {
		/* where the menus cannot be read the initrds say what they do without them */
		enum pod_status st = pod_plan_each_config(plan, im->disk, &cli_alloc, take_menu, m);
		size_t commands = st == POD_OK ? m->count : 0;

		out->one = cli_xzalloc((plan->initrd_count + 1) * sizeof *out->one);
		for (size_t i = 0; i < plan->initrd_count && !cli_interrupted; i++) {
			struct finds_one *o = &out->one[out->count];

			if (pod_initrd_in_pieces(&plan->initrd[i]))
				continue;
			o->initrd = &plan->initrd[i];
			read_one(o, &md.dev, m->command, commands);
			out->count += o->problem || !o->finds.no_init;
		}
		pod_map_fini(&map);
	}
	free_menus(m);
	return ok;
}

void finds_free(struct finds *f)
{
	for (size_t i = 0; i < f->count; i++)
		free(f->one[i].problem);
	free(f->one);
	memset(f, 0, sizeof *f);
}

/* --- words ----------------------------------------------------------------------------------------------------------------- */

static const char *translate(void *ctx, const char *text)
{
	(void)ctx;
	return _(text);
}

char *finds_text(const struct finds_one *o)
{
	char text[512];

	if (o->problem)
		return cli_xasprintf(_("not looked at: %s"), o->problem);
	pod_finds_say(&o->finds, translate, NULL, text, sizeof text);
	return cli_xstrdup(text);
}

char *finds_warning(const struct finds_one *o)
{
	char text[1024];

	if (o->problem || !pod_finds_warn(&o->finds, o->initrd->path, translate, NULL, text, sizeof text))
		return NULL;
	return cli_xstrdup(text);
}

void finds_json(struct cli_json *j, const struct finds *f)
{
	cli_json_open(j, "finds", '[');
	for (size_t i = 0; i < f->count; i++) {
		const struct finds_one *o = &f->one[i];
		const struct pod_finds_clue *c = &o->finds.clue;
		char *warning = finds_warning(o);

		cli_json_open(j, NULL, '{');
		cli_json_str(j, "initrd", o->initrd->path);
		cli_json_str(j, "how", pod_finds_word(o->finds.how));
		if (*c->file && !o->problem) {
			cli_json_str(j, "where", c->file);
			if (c->line)
				cli_json_u64(j, "line", c->line);
			cli_json_str(j, "word", c->word);
			cli_json_bool(j, "boot_menu", o->finds.by_command);
		}
		cli_json_str(j, "problem", o->problem);
		cli_json_str(j, "warning", warning);
		cli_json_close(j, '}');
		free(warning);
	}
	cli_json_close(j, ']');
}
