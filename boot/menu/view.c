/* SPDX-License-Identifier: BSD-2-Clause */
/* The list: all images, or folder by folder; search; selection; and how it is drawn. */
#include "boot/menu/menu.h"
#include "core/base/text.h"

static bool matches(const struct menu *m, const char *name, const char *folder)
{
	const char *p = m->view.search;
	char word[sizeof m->view.search];
	while (*p) {
		size_t n = 0;
		while (*p == ' ')
			p++;
		while (*p && *p != ' ')
			word[n++] = *p++;
		word[n] = 0;
		if (n && !pod_strcasestr(name, word) && !(folder && pod_strcasestr(folder, word)))
			return false;
	}
	return true;
}

static int compare_rows(const struct menu_stick *s, uint32_t a, uint32_t b)
{
	return scan_natural_compare(s->folder[a & ~ROW_FOLDER].name, s->folder[b & ~ROW_FOLDER].name);
}

/* Sub-folders of the open folder that hold images, in order (insertion: there are seldom many, and they come nearly sorted). */
static void add_folders(struct menu *m)
{
	struct menu_view *v = &m->view;
	const struct menu_stick *s = &m->stick;
	for (uint32_t f = 1; f < s->folder_count; f++) {
		if (s->folder[f].parent != v->folder || !s->folder[f].images)
			continue;
		size_t at = v->count++;
		uint32_t row = ROW_FOLDER | f;
		while (at && compare_rows(s, v->row[at - 1], row) > 0) {
			v->row[at] = v->row[at - 1];
			at--;
		}
		v->row[at] = row;
	}
}

/* How well a name that matches answers the search: whole name, whole name but its extension, start of the name, anything. */
static int search_rank(const char *name, const char *search)
{
	size_t n = pod_strlen(search);
	if (pod_strncasecmp(name, search, n) != 0)
		return 0;
	if (!name[n])
		return 3;
	const char *dot = NULL;
	for (const char *p = name; *p; p++)
		if (*p == '.')
			dot = p;
	return dot == name + n ? 2 : 1;
}

/* The selection goes to the best answer: of equals to the first that is not known to start elsewhere only. */
static void select_best(struct menu *m)
{
	struct menu_view *v = &m->view;
	int best = -1;
	for (size_t i = 0; i < v->count; i++) {
		const struct menu_image *im = &m->stick.image[v->row[i]];
		int rank = search_rank(im->name, v->search) * 2 + !im->not_here;
		if (rank > best) {
			best = rank;
			v->selected = i;
		}
	}
}

void view_build(struct menu *m)
{
	struct menu_view *v = &m->view;
	const struct menu_stick *s = &m->stick;
	uint32_t keep = v->count ? v->row[v->selected] : 0;
	bool had = v->count != 0;
	v->count = 0;
	if (!v->row || !s->folder_count)
		return;
	bool everywhere = v->flat || v->search[0];
	if (!everywhere)
		add_folders(m);
	for (size_t i = 0; i < s->image_count; i++) {
		if (s->image[i].hidden || (!everywhere && s->image[i].folder != v->folder))
			continue;
		if (v->search[0]) {
			/* path only when the name alone does not do */
			const char *folder = NULL;
			if (!matches(m, s->image[i].name, NULL) && s->image[i].folder) {
				scan_folder_path(s, s->image[i].folder, m->path, sizeof m->path);
				folder = m->path;
			}
			if (!matches(m, s->image[i].name, folder))
				continue;
		}
		v->row[v->count++] = (uint32_t)i;
	}
	v->selected = 0;
	if (v->search[0]) {
		select_best(m);
		return;
	}
	for (size_t i = 0; had && i < v->count; i++)
		if (v->row[i] == keep)
			v->selected = i;
}

void view_select_image(struct menu *m, size_t image)
{
	struct menu_view *v = &m->view;
	if (!v->flat)
		v->folder = m->stick.image[image].folder;
	view_build(m);
	for (size_t i = 0; i < v->count; i++)
		if (v->row[i] == image)
			v->selected = i;
}

/* --- drawing ---------------------------------------------------------------------------------------------------- */

#define LIST_TOP 3u

size_t view_page_rows(const struct menu_screen *s)
{
	return s->rows > LIST_TOP + 3 ? s->rows - LIST_TOP - 2 : 1;
}

static void draw_title(struct menu *m, struct menu_screen *s)
{
	char t[96];
	screen_fill(s, 0, 0, s->cols, STYLE_TITLE);
	pod_snprintf(t, sizeof t, PLAIN_("Isopod %s"), menu_version);
	uint32_t used = screen_text(s, 2, 0, s->cols - 4, STYLE_TITLE, t);
	size_t n = m->stick.image_count - m->stick.hidden;
	if (n == 1)
		pod_snprintf(t, sizeof t, "%s", T("1 image"));
	else
		pod_snprintf(t, sizeof t, T("%zu images"), n);
	screen_text(s, 2 + used + 3, 0, 30, STYLE_TITLE_DIM, t);
	uint32_t w = text_width(m->fw->name);
	if (w + 40 < s->cols)
		screen_text(s, s->cols - 2 - w, 0, w, STYLE_TITLE_DIM, m->fw->name);
}

static void draw_where(struct menu *m, struct menu_screen *s)
{
	struct menu_view *v = &m->view;
	uint32_t col = 2;
	if (v->search[0]) {
		col += screen_text(s, col, 1, s->cols / 3, STYLE_DIM, T("Search:"));
		col += 1 + screen_text(s, col + 1, 1, s->cols / 2, STYLE_ACCENT, v->search);
		screen_put(s, col++, 1, '_', STYLE_ACCENT);
		char t[64];
		pod_snprintf(t, sizeof t, T("%zu found"), v->count);
		screen_text(s, col + 2, 1, 24, STYLE_DIM, t);
		return;
	}
	if (v->flat) {
		screen_text(s, col, 1, s->cols - 4, STYLE_DIM, T("All images"));
	} else {
		scan_folder_path(&m->stick, v->folder, m->path, sizeof m->path);
		screen_name(s, col, 1, s->cols - 4, STYLE_FOLDER, m->path[0] ? m->path : "/");
	}
}

/* What to say where there is no list. */
static const char *empty_text(const struct menu *m)
{
	const struct menu_stick *s = &m->stick;
	if (s->table_status == POD_E_IO)
		return T("The stick cannot be read: the firmware reports a read error. Try another USB port, or another stick.");
	if (s->table_status == POD_E_CHANGED)
		return T("The firmware does not show this stick as a disk. Try another USB port, and restart the computer.");
	if (s->table_status == POD_E_NOMEM)
		return T("There is not enough memory.");
	if (s->table_status != POD_OK)
		return T("The partition table of this stick is damaged. The images may still be there: connect the stick to "
			 "another computer and look at it before you write anything to it.");
	if (!s->has_data && s->data_status == POD_E_NOT_FOUND)
		return T("This stick has no data partition. Set it up again with: isopod create");
	if (!s->has_data && s->data_status == POD_E_FORMAT)
		return T(
			"The data partition has no filesystem that Isopod reads (exFAT, NTFS or FAT). Format it as exFAT, and copy "
			"the images again.");
	if (!s->has_data && s->data_status == POD_E_IO)
		return T("The data partition cannot be read: the stick reports a read error. Try another USB port, or another "
			 "stick.");
	if (!s->has_data && s->data_status == POD_E_RANGE)
		return T("The data partition lies beyond what this firmware reads of the drive (many BIOSes: 2 TiB). Start this "
			 "computer in UEFI mode, or use a partition nearer to the start.");
	if (!s->has_data)
		return T("The filesystem on the data partition is damaged. Connect the stick to another computer and check it "
			 "(fsck.exfat, or Windows: chkdsk).");
	if (m->view.search[0])
		return T("No image matches. Esc clears the search.");
	return T("There are no images on this stick yet.\n\nConnect it to a computer and copy ISO files onto it with any file "
		 "manager, into any folder; then start from it again.\n\nBootable files end in .iso, .img, .efi, .wim, .vhd or "
		 ".vhdx.");
}

static void draw_empty(struct menu *m, struct menu_screen *s)
{
	const char *t = empty_text(m);
	for (uint32_t row = LIST_TOP + 1; *t && row + 3 < s->rows; row++) {
		size_t skip, n = text_wrap(t, s->cols > 80 ? 76 : s->cols - 4, &skip);
		char line[400];
		pod_strlcpy(line, t, n + 1 < sizeof line ? n + 1 : sizeof line);
		screen_text(s, 2, row, s->cols - 4, STYLE_TEXT, line);
		t += n + skip;
	}
}

struct columns {
	uint32_t name, folder_at, folder, size_at;
};

static struct columns layout(const struct menu *m, const struct menu_screen *s)
{
	struct columns c;
	bool everywhere = m->view.flat || m->view.search[0];
	c.size_at = s->cols - 13;
	c.folder = everywhere ? s->cols / 4 : 0;
	c.folder_at = c.size_at - 1 - c.folder;
	c.name = (everywhere ? c.folder_at : c.size_at) - 3;
	return c;
}

static void put_right(struct menu_screen *s, uint32_t end, uint32_t row, enum menu_style st, const char *t)
{
	uint32_t w = text_width(t);
	screen_text(s, end - w, row, w, st, t);
}

/* A name that could be taken for another has a sign in front; the details say why. */
static void mark_alike(struct menu_screen *s, uint32_t row, bool selected, const char *name)
{
	if (pod_text_looks_alike(name))
		screen_put(s, 1, row, '!', selected ? STYLE_SELECTED : STYLE_WARN);
}

static void draw_row(struct menu *m, struct menu_screen *s, const struct columns *c, uint32_t row, size_t index)
{
	struct menu_view *v = &m->view;
	const struct menu_stick *st = &m->stick;
	bool sel = index == v->selected;
	enum menu_style text = sel ? STYLE_SELECTED : STYLE_TEXT, dim = sel ? STYLE_SELECTED_DIM : STYLE_DIM;
	char t[64];
	uint32_t r = v->row[index];
	if (sel) {
		uint32_t from = s->kind == SCREEN_FB ? 1 : 0;
		screen_fill(s, from, row, s->cols - 1 - from, STYLE_SELECTED);
		if (s->kind != SCREEN_FB) /* a terminal without colours shows it too */
			screen_put(s, 0, row, '>', STYLE_SELECTED);
	}
	if (r & ROW_FOLDER) {
		const struct menu_folder *f = &st->folder[r & ~ROW_FOLDER];
		mark_alike(s, row, sel, f->name);
		uint32_t used = screen_name(s, 2, row, c->name - 1, sel ? text : STYLE_FOLDER, f->name);
		screen_put(s, 2 + used, row, '/', sel ? text : STYLE_FOLDER);
		pod_snprintf(t, sizeof t, "%s", T("1 image"));
		if (f->images != 1)
			pod_snprintf(t, sizeof t, T("%zu images"), (size_t)f->images);
		put_right(s, s->cols - 3, row, dim, t);
		return;
	}
	const struct menu_image *im = &st->image[r];
	screen_name(s, 2, row, c->name, im->not_here ? dim : text, im->name);
	if (im->not_here)
		screen_put(s, 1, row, 'x', sel ? STYLE_SELECTED : STYLE_WARN);
	mark_alike(s, row, sel, im->name);
	if (c->folder) {
		scan_folder_path(st, im->folder, m->path, sizeof m->path);
		mark_alike(s, row, sel, m->path);
		screen_name(s, c->folder_at, row, c->folder, dim, m->path[0] ? m->path : "/");
	}
	put_right(s, s->cols - 3, row, dim, pod_format_size(t, im->node.size_bytes));
}

static void draw_scroll(const struct menu_view *v, struct menu_screen *s, size_t rows)
{
	if (v->count <= rows)
		return;
	/* counts are below 2^17 and rows below 256: 32-bit arithmetic is enough */
	uint32_t total = (uint32_t)v->count, page = (uint32_t)rows;
	uint32_t len = page * page / total, at;
	if (!len)
		len = 1;
	at = (uint32_t)s->top * (page - len) / (total - page);
	for (uint32_t i = 0; i < page; i++) {
		bool thumb = i >= at && i < at + len;
		screen_put(s, s->cols - 1, LIST_TOP + i,
			   thumb		  ? 0x2590
			   : s->kind == SCREEN_FB ? 0x2595
						  : 0x2502,
			   thumb ? STYLE_ACCENT : STYLE_HEAD);
	}
}

static void draw_list(struct menu *m, struct menu_screen *s)
{
	struct menu_view *v = &m->view;
	struct columns c = layout(m, s);
	size_t rows = view_page_rows(s);
	screen_text(s, 2, 2, c.name, STYLE_HEAD, T("Name"));
	if (c.folder)
		screen_text(s, c.folder_at, 2, c.folder, STYLE_HEAD, T("Folder"));
	put_right(s, s->cols - 3, 2, STYLE_HEAD, T("Size"));
	if (v->selected < s->top)
		s->top = v->selected;
	if (v->selected >= s->top + rows)
		s->top = v->selected - rows + 1;
	if (v->count <= rows)
		s->top = 0;
	else if (s->top > v->count - rows)
		s->top = v->count - rows;
	for (size_t i = 0; i < rows && s->top + i < v->count; i++)
		draw_row(m, s, &c, LIST_TOP + (uint32_t)i, s->top + i);
	draw_scroll(v, s, rows);
}

/* A line of "Key what  Key what": the part before a tab is the key. */
static void draw_keys(struct menu_screen *s, const char *const *item, size_t n)
{
	uint32_t row = s->rows - 1, col = 2;
	screen_fill(s, 0, row, s->cols, STYLE_STATUS);
	for (size_t i = 0; i < n; i++) {
		const char *p = item[i];
		char key[24];
		size_t k = 0;
		while (*p && *p != '\t' && k + 1 < sizeof key)
			key[k++] = *p++;
		key[k] = 0;
		if (*p == '\t')
			p++;
		if (col + text_width(key) + 1 + text_width(p) > s->cols - 1)
			break;
		col += screen_text(s, col, row, s->cols - col, STYLE_KEY, key) + 1;
		col += screen_text(s, col, row, s->cols - col, STYLE_STATUS, p) + (s->cols > 90 ? 3 : 2);
	}
}

/* The whole path of the selected image, where its row had to cut it; else what it is. */
static void draw_selected(struct menu *m, struct menu_screen *s, uint32_t row)
{
	struct menu_view *v = &m->view;
	char t[300];
	if (!v->count || v->row[v->selected] & ROW_FOLDER)
		return;
	const struct menu_image *im = &m->stick.image[v->row[v->selected]];
	struct columns c = layout(m, s);
	if (im->not_here) {
		pod_snprintf(t, sizeof t, T("Does not start on %s; Enter tells why."), m->fw->name);
		screen_text(s, 2, row, s->cols - 4, STYLE_WARN, t);
		return;
	}
	scan_folder_path(&m->stick, im->folder, m->path, sizeof m->path);
	if (text_width(im->name) > c.name || (c.folder && text_width(m->path) > c.folder)) {
		scan_image_path(&m->stick, v->row[v->selected], m->path, sizeof m->path);
		screen_name(s, 2, row, s->cols - 4, STYLE_DIM, m->path);
	} else if (im->seen && im->kind != POD_IMAGE_UNKNOWN) {
		pod_snprintf(t, sizeof t, "%s%s%s", FT(m->fw, pod_image_kind_text(im->kind)), im->label ? "  " : "",
			     im->label ? im->label : "");
		screen_text(s, 2, row, s->cols - 4, STYLE_DIM, t);
	}
}

/* Only what does something where one stands. */
static void draw_what_keys_do(struct menu *m, struct menu_screen *s)
{
	const struct menu_view *v = &m->view;
	const char *item[8];
	size_t n = 0;
	bool folder = v->count && v->row[v->selected] & ROW_FOLDER;
	if (v->count)
		item[n++] = folder ? T("Enter\topen") : T("Enter\tstart");
	if (v->count && !folder)
		item[n++] = T("Tab\tdetails");
	item[n++] = T("F1\thelp");
	if (m->fw->language != POD_LANG_EN)
		item[n++] = PLAIN_("F3\tEnglish");
	else if (language_shows_chinese(m))
		item[n++] = "F3\t简体中文";
	if (m->stick.image_count)
		item[n++] = v->flat ? T("F4\tfolders") : T("F4\tall images");
	if (v->search[0])
		item[n++] = T("Esc\tclear");
	else
		item[n++] = !v->flat && v->folder ? T("Esc\tup") : T("Esc\trestart ...");
	if (m->before)
		item[n++] = T("F5\tlast start");
	if (v->count && !v->search[0])
		item[n++] = T("a-z\tsearch");
	draw_keys(s, item, n);
}

void view_draw(struct menu *m, struct menu_screen *s)
{
	struct menu_view *v = &m->view;
	screen_clear(s, STYLE_TEXT);
	draw_title(m, s);
	draw_where(m, s);
	if (v->count)
		draw_list(m, s);
	else
		draw_empty(m, s);
	uint32_t row = s->rows - 2;
	if (m->busy) {
		screen_text(s, 2, row, s->cols - 4, STYLE_ACCENT, m->busy);
	} else if (m->countdown_end) {
		char t[300];
		pod_snprintf(t, sizeof t, T("Starting in %u s: %s. Any key stops this."), m->countdown_left,
			     v->count && !(v->row[v->selected] & ROW_FOLDER) ? m->stick.image[v->row[v->selected]].name : "");
		screen_text(s, 2, row, s->cols - 4, STYLE_WARN, t);
	} else if (m->note[0]) {
		screen_text(s, 2, row, s->cols - 4, STYLE_WARN, m->note);
	} else {
		draw_selected(m, s, row);
	}
	draw_what_keys_do(m, s);
}

void view_busy(struct menu *m, const char *text)
{
	m->busy = text;
	for (uint32_t i = 0; i < m->screens; i++)
		view_draw(m, &m->screen[i]);
	screen_flush(m);
	m->busy = NULL;
}
