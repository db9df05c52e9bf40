/* SPDX-License-Identifier: BSD-2-Clause */
/* The list under the keys: moving, searching, folders, and what a key leads to. */
#include "boot/menu/pages.h"

static void open_folder(struct menu *m, uint32_t folder)
{
	uint32_t from = m->view.folder;
	m->view.folder = folder;
	m->view.count = 0;
	view_build(m);
	/* going up lands on the folder one came from */
	for (size_t i = 0; i < m->view.count; i++)
		if (m->view.row[i] == (ROW_FOLDER | from))
			m->view.selected = i;
}

static void search_add(struct menu *m, uint32_t cp)
{
	struct menu_view *v = &m->view;
	char c[4];
	size_t n = pod_strlen(v->search), k = pod_utf8_put(c, cp);
	if (n + k >= sizeof v->search || (cp == ' ' && !n))
		return;
	memcpy(v->search + n, c, k);
	v->search[n + k] = 0;
	view_build(m);
}

static void search_back(struct menu *m)
{
	char *p = m->view.search;
	size_t n = pod_strlen(p);
	do
		n--;
	while (n && (p[n] & 0xc0) == 0x80);
	p[n] = 0;
	view_build(m);
}

static void go_up(struct menu *m)
{
	if (!m->view.flat && m->view.folder)
		open_folder(m, m->stick.folder[m->view.folder].parent);
}

static void move(struct menu_view *v, size_t by, bool down)
{
	if (!v->count)
		return;
	if (down)
		v->selected = by < v->count - v->selected ? v->selected + by : v->count - 1;
	else
		v->selected = by < v->selected ? v->selected - by : 0;
}

static void activate(struct menu *m)
{
	struct menu_view *v = &m->view;
	if (!v->count)
		return;
	uint32_t r = v->row[v->selected];
	if (r & ROW_FOLDER)
		open_folder(m, r & ~ROW_FOLDER);
	else
		start_image(m, r, CHOSEN_BY_HAND);
}

static void toggle_view(struct menu *m)
{
	struct menu_view *v = &m->view;
	uint32_t keep = v->count ? v->row[v->selected] : ROW_FOLDER;
	v->flat = !v->flat;
	v->search[0] = 0;
	v->folder = 0;
	if (keep & ROW_FOLDER)
		view_build(m);
	else
		view_select_image(m, keep);
}

void view_key(struct menu *m, uint32_t key)
{
	struct menu_view *v = &m->view;
	size_t page = view_page_rows(&m->screen[0]);
	switch (key) {
	case POD_KEY_UP:
		move(v, 1, false);
		break;
	case POD_KEY_DOWN:
		move(v, 1, true);
		break;
	case POD_KEY_PGUP:
		move(v, page, false);
		break;
	case POD_KEY_PGDN:
		move(v, page, true);
		break;
	case POD_KEY_HOME:
		v->selected = 0;
		break;
	case POD_KEY_END:
		v->selected = v->count ? v->count - 1 : 0;
		break;
	case POD_KEY_ENTER:
		activate(m);
		break;
	case POD_KEY_RIGHT:
		if (v->count && v->row[v->selected] & ROW_FOLDER)
			activate(m);
		break;
	case POD_KEY_LEFT:
		if (!v->search[0])
			go_up(m);
		break;
	case POD_KEY_BACKSPACE:
	case POD_KEY_DEL:
		if (v->search[0])
			search_back(m);
		else
			go_up(m);
		break;
	case POD_KEY_ESC:
		if (v->search[0]) {
			v->search[0] = 0;
			view_build(m);
		} else if (!v->flat && v->folder) {
			go_up(m);
		} else {
			page_actions(m);
		}
		break;
	case POD_KEY_TAB:
	case POD_KEY_F2:
		if (v->count && !(v->row[v->selected] & ROW_FOLDER))
			page_details(m, v->row[v->selected]);
		break;
	case POD_KEY_F1:
	case '?':
		page_help(m);
		break;
	case POD_KEY_F3:
	case '|':
		language_change(m);
		break;
	case POD_KEY_F4:
	case '*':
		toggle_view(m);
		break;
	case POD_KEY_F5:
	case '<':
		page_story(m);
		break;
	case POD_KEY_F6:
	case '>':
		if (v->count && !(v->row[v->selected] & ROW_FOLDER))
			start_choosing(m, v->row[v->selected]);
		break;
	case POD_KEY_F7:
	case '#':
		if (v->count && !(v->row[v->selected] & ROW_FOLDER))
			start_other_way(m, v->row[v->selected]);
		break;
	case POD_KEY_F8:
	case '"':
		if (v->count && !(v->row[v->selected] & ROW_FOLDER))
			start_with_arguments(m, v->row[v->selected], "");
		break;
	case POD_KEY_F9:
	case '\\':
		if (v->count && !(v->row[v->selected] & ROW_FOLDER))
			page_snapshots(m, v->row[v->selected]);
		break;
	case POD_KEY_F10:
	case ':':
		page_actions(m);
		break;
	default:
		if (key >= 0x20 && key < 0x110000 && key != 0x7f && !(key >= 0x80 && key < 0xa0))
			search_add(m, key);
	}
}
