/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory mode: the image is read whole, as its plan shows it, and served from memory, for systems whose own drivers lose the stick. Once it
 * is there the stick is not touched again.
 */
#include "boot/menu/pages.h"
#include "core/rules/match.h"

#define PIECE (1u << 20)

bool memory_by_rule(struct menu *m, size_t image)
{
	scan_image_path(&m->stick, image, m->path, sizeof m->path);
	return pod_rules_match(m->conf->memory, m->path);
}

bool memory_possible(const struct menu *m, const struct pod_plan *p)
{
	return m->fw->take_memory && p->map.size_bytes && p->image.kind != POD_IMAGE_EFI && plan_entry(m, p) != POD_ENTRY_NONE;
}

/* One line of each screen, which is written again; on a terminal, line by line. */
static void say_progress(struct menu *m, uint32_t tenths, const char *of)
{
	char t[120];
	pod_snprintf(t, sizeof t, T("Reading into memory: %u %% of %s. Esc stops this."), tenths * 10, of);
	screen_line(m, t);
	if (tenths < 10)
		m->plain_row--;
}

static enum pod_status read_all(struct menu *m, const struct pod_map *map, uint8_t *to)
{
	char of[16];
	uint32_t said = 0;
	pod_format_size(of, map->size_bytes);
	for (uint64_t at = 0; at < map->size_bytes;) {
		size_t n = (size_t)pod_min_u64(PIECE, map->size_bytes - at);
		POD_TRY(pod_map_read(map, m->fw->disk, at, to + (size_t)at, n));
		at += n;
		uint32_t tenths = said;
		while (tenths < 10 && at * 10 >= map->size_bytes * (tenths + 1))
			tenths++;
		if (tenths > said)
			say_progress(m, said = tenths, of);
	}
	return POD_OK;
}

static void explain(struct menu *m, const char *name, enum pod_status st, char *text, size_t size)
{
	if (st == POD_E_CANCELLED)
		text[0] = 0; /* whoever pressed Esc knows */
	else
		pod_snprintf(text, size,
			     T("%s: could not be read into memory: %s. Another USB port may help; F7 starts it the other way."),
			     name, menu_status(m, st));
}

enum pod_status memory_load(struct menu *m, struct pod_plan *p, const char *name, char *text, size_t size)
{
	uint64_t need = p->map.size_bytes, largest = 0;
	uint8_t *to = m->fw->take_memory(m->fw, need, &largest);
	if (!to) {
		char a[16], b[16];
		pod_snprintf(
			text, size,
			T("%s: too large to be started from memory: it needs %s in one piece, and there are %s. F7 starts it "
			  "from the stick."),
			name, pod_format_size(a, need), pod_format_size(b, largest));
		return POD_E_NOMEM;
	}
	menu_budget_start(m, POD_BUDGET_UNLIMITED, POD_BUDGET_UNLIMITED);
	pod_budget_unlimited(&m->budget); /* it takes as long as it takes, or until Esc */
	enum pod_status st = read_all(m, &p->map, to);
	menu_budget_end(m);
	if (st == POD_OK) {
		pod_map_lend(&p->map, to);
		return POD_OK;
	}
	explain(m, name, st, text, size);
	m->fw->give_memory_back(m->fw, to, need);
	return st;
}

void memory_unload(struct menu *m, struct pod_plan *p)
{
	if (!p->map.lent)
		return;
	uint8_t *mem = p->map.mem;
	uint64_t size = p->map.size_bytes;
	pod_map_fini(&p->map);
	m->fw->give_memory_back(m->fw, mem, size);
}
