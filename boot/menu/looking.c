/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the systems in an image find their medium, read while its details are shown: each initrd in pieces, between which keys count, and then
 * unpacked in memory. Where there is not enough of that, it is not known; what `isopod plan` says elsewhere is the same.
 */
#include "boot/menu/pages.h"
#include "core/plan/finds.h"

#define PIECE (128u << 10)
/* Real ones need some millions of steps, and seconds. */
#define STEPS (UINT64_C(1) << 26)

enum looked { LOOKED_NOT_YET, LOOKED, LOOKED_IN_VAIN };

struct looking_one {
	enum looked looked;
	enum pod_status st; /* IN_VAIN: why */
	struct pod_finds finds;
};

struct looking {
	const struct pod_plan *plan;
	bool has_menus;
	struct pod_finds_command command[POD_FINDS_COMMAND_MAX];
	size_t commands;
	struct looking_one *one; /* of each initrd of the plan */
	size_t now;		 /* which is read */
	uint8_t *mem;		 /* the initrd, and room to unpack it */
	size_t size, have;
	bool lent; /* `mem` is of what images are served from */
};

/* --- memory ------------------------------------------------------------------------------------------------------- */

/* For `len` bytes and what they unpack to: initrds are a third as long packed, some a sixth. */
static bool take_memory(struct menu *m, struct looking *l, uint64_t len)
{
	uint64_t largest = 0;
	if (!len || len > SIZE_MAX / 16)
		return false;
	for (uint64_t times = 8; times >= 4 && !l->mem; times--) {
		l->size = (size_t)(times * len) + PIECE;
		l->mem = m->alloc->alloc(m->alloc, l->size);
	}
	l->lent = !l->mem && m->fw->take_memory != NULL;
	if (!l->lent)
		return l->mem != NULL;
	/* A BIOS's heap is small; the memory below it is for images, of which none is there now. */
	(void)m->fw->take_memory(m->fw, 0, &largest);
	l->size = (size_t)pod_min_u64(largest, 8 * len + PIECE);
	l->mem = l->size > 2 * len ? m->fw->take_memory(m->fw, l->size, &largest) : NULL;
	return l->mem != NULL;
}

static void give_back(struct menu *m, struct looking *l)
{
	if (l->mem && l->lent)
		m->fw->give_memory_back(m->fw, l->mem, l->size);
	else
		pod_free(m->alloc, l->mem);
	l->mem = NULL;
	l->have = 0;
}

/* --- what is read --------------------------------------------------------------------------------------------------- */

struct taking {
	struct menu *m;
	struct looking *l;
};

/* The kernels' command lines; their text does not stay. */
static enum pod_status take_menu(void *ctx, const char *path, const char *text, size_t len)
{
	struct taking *t = ctx;
	struct looking *l = t->l;
	size_t n = pod_finds_commands(path, text, len, l->command + l->commands, POD_FINDS_COMMAND_MAX - l->commands);
	for (; n; n--) {
		struct pod_finds_command *c = &l->command[l->commands];
		char *copy = t->m->alloc->alloc(t->m->alloc, c->len + 1);
		if (!copy)
			return POD_E_NOMEM;
		memcpy(copy, c->text, c->len);
		copy[c->len] = 0;
		c->text = copy;
		l->commands++;
	}
	return POD_OK;
}

static void read_menus(struct menu *m, struct looking *l)
{
	struct taking t = {m, l};
	menu_budget_start(m, POD_PLAN_STEPS, POD_PLAN_BYTES);
	/* Where they cannot be read the initrds say what they do without them. */
	if (pod_plan_each_config(l->plan, m->fw->disk, m->alloc, take_menu, &t) == POD_E_CANCELLED)
		m->key_ahead = POD_KEY_ESC;
	menu_budget_end(m);
	l->has_menus = true;
}

static void end_one(struct menu *m, struct looking *l, enum pod_status st)
{
	struct looking_one *o = &l->one[l->now++];
	o->looked = st == POD_OK ? LOOKED : LOOKED_IN_VAIN;
	o->st = st;
	give_back(m, l);
	if (st == POD_E_CANCELLED)
		m->key_ahead = POD_KEY_ESC;	   /* it ends the page, too */
	if (st == POD_E_IO || st == POD_E_CHANGED) /* each further read may take seconds */
		for (; l->now < l->plan->initrd_count; l->now++)
			l->one[l->now] = (struct looking_one){.looked = LOOKED_IN_VAIN, .st = st};
}

/* All of it is there. */
static void unpack(struct menu *m, struct looking *l)
{
	const struct pod_finds_request rq = {.command = l->command, .commands = l->commands, .budget = &m->budget};
	menu_budget_start(m, STEPS, POD_BUDGET_UNLIMITED);
	m->budget.deadline_ms = 0; /* an old machine may take long; Esc ends it */
	enum pod_status st = pod_finds_in_initrd(l->mem, l->have, l->size, &rq, m->alloc, &l->one[l->now].finds);
	menu_budget_end(m);
	end_one(m, l, st);
}

static void read_piece(struct menu *m, struct looking *l)
{
	const struct pod_initrd *r = &l->plan->initrd[l->now];
	if (pod_initrd_in_pieces(r)) {
		l->now++;
		return;
	}
	if (!r->length_bytes) {
		end_one(m, l, POD_E_CORRUPT);
		return;
	}
	if (!l->mem && !take_memory(m, l, r->length_bytes)) {
		end_one(m, l, POD_E_NOMEM);
		return;
	}
	size_t n = (size_t)pod_min_u64(PIECE, r->length_bytes - l->have);
	enum pod_status st = pod_map_read(&l->plan->map, m->fw->disk, r->start_bytes + l->have, l->mem + l->have, n);
	if (st != POD_OK) {
		end_one(m, l, st);
		return;
	}
	l->have += n;
	if (l->have == r->length_bytes)
		unpack(m, l);
}

/* --- for the page ---------------------------------------------------------------------------------------------------- */

struct looking *looking_begin(struct menu *m, const struct pod_plan *plan)
{
	/* Where Windows' disk is made of the image, places in it are not those of the image. */
	struct looking *l = plan->initrd_count && !plan->windows.count ? pod_zalloc(m->alloc, 1, sizeof *l) : NULL;
	if (!l)
		return NULL;
	l->plan = plan;
	l->one = pod_zalloc(m->alloc, plan->initrd_count, sizeof *l->one);
	if (l->one)
		return l;
	pod_free(m->alloc, l);
	return NULL;
}

bool looking_ended(const struct looking *l)
{
	return l->now == l->plan->initrd_count;
}

void looking_step(struct menu *m, struct looking *l)
{
	if (looking_ended(l))
		return;
	if (l->has_menus)
		read_piece(m, l);
	else
		read_menus(m, l);
}

void looking_end(struct menu *m, struct looking *l)
{
	if (!l)
		return;
	give_back(m, l);
	for (size_t i = 0; i < l->commands; i++)
		pod_free(m->alloc, (void *)(uintptr_t)l->command[i].text);
	pod_free(m->alloc, l->one);
	pod_free(m->alloc, l);
}

static const char *translate(void *ctx, const char *text)
{
	const struct menu *m = ctx;
	return menu_translate(m->fw->language, text);
}

void looking_say(struct menu *m, const struct looking *l, size_t initrd, struct menu_pager *p)
{
	const struct looking_one *o = &l->one[initrd];
	const struct pod_initrd *r = &l->plan->initrd[initrd];
	char t[800] = "  ", *text = t + 2;
	size_t size = sizeof t - 2;
	if (o->looked == LOOKED && o->finds.no_init)
		return;
	if (o->looked == LOOKED) {
		pod_finds_say(&o->finds, translate, m, text, size);
	} else if (o->looked == LOOKED_IN_VAIN) {
		pod_snprintf(text, size, T("not known how it looks for its medium: %s"),
			     o->st == POD_E_NOMEM ? T("there is not enough memory to unpack it") : menu_status(m, o->st));
	} else if (pod_initrd_in_pieces(r)) {
		return;
	} else if (initrd == l->now && l->have) {
		char of[16];
		pod_snprintf(text, size, T("how it looks for its medium is being read: %u %% of %s"),
			     (unsigned)(l->have / 1024 * 100 / (size_t)(r->length_bytes / 1024 + 1)),
			     pod_format_size(of, r->length_bytes));
	} else {
		pod_strlcpy(text, T("how it looks for its medium is yet to be read"), size);
	}
	pager_add(m, p, t);
	if (o->looked == LOOKED && pod_finds_warn(&o->finds, r->path, translate, m, t, sizeof t))
		pager_add_marked(m, p, MARK_WARN, t);
}
