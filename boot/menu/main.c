/* SPDX-License-Identifier: BSD-2-Clause */
/* The boot manager's main loop, one for both firmwares. */
#include "boot/menu/pages.h"
#include "core/trace/state.h"

static void read_conf(struct menu *m)
{
	struct menu_stick *s = &m->stick;
	pod_conf_init(m->conf);
	if (!s->has_conf && s->misnamed_conf)
		pod_snprintf(m->note, sizeof m->note, T("%s is not read: its name must be isopod.conf and nothing more."),
			     s->misnamed_conf);
	if (!s->has_conf || !s->conf_node.size_bytes)
		return;
	const char *encoding = NULL;
	size_t n = (size_t)pod_min_u64(s->conf_node.size_bytes, POD_CONF_SIZE_MAX);
	char *text = m->alloc->alloc(m->alloc, n);
	enum pod_status st = text ? pod_fs_read(&s->data, &s->conf_node, 0, text, n) : POD_E_NOMEM;
	if (st != POD_OK) {
		pod_snprintf(m->note, sizeof m->note, T("isopod.conf cannot be read (%s): nothing in it applies."),
			     menu_status(m, st));
	} else {
		pod_conf_parse(m->conf, text, n);
		encoding = pod_conf_encoding(text, n);
	}
	pod_free(m->alloc, text);
	m->view.flat = m->conf->view == POD_VIEW_FLAT;
	if (encoding)
		pod_snprintf(m->note, sizeof m->note, "isopod.conf: %s", T(encoding));
}

/* What the scan has to say, on the line above the keys. */
static void note_scan(struct menu *m)
{
	const struct menu_stick *s = &m->stick;
	if (s->left == POD_BUDGET_CANCEL)
		pod_snprintf(m->note, sizeof m->note, T("The search for images was stopped with Esc: %zu were found."),
			     s->image_count);
	else if (s->left)
		pod_snprintf(m->note, sizeof m->note,
			     T("There are too many folders and files to search all in good time: %zu images were found."),
			     s->image_count);
	else if (s->loops)
		pod_snprintf(m->note, sizeof m->note, T("%u folders contain themselves: check the stick's filesystem."),
			     s->loops);
	else if (s->unreadable)
		pod_snprintf(m->note, sizeof m->note, T("%u folders could not be read: check the stick's filesystem."),
			     s->unreadable);
	else if (s->limited)
		pod_snprintf(m->note, sizeof m->note,
			     T("There are more files or folders than the menu can hold; only %zu images are shown."),
			     s->image_count);
	else if (s->has_data && !s->has_esp) /* a BIOS that counts to 2 TiB does not reach the end of a larger drive */
		pod_snprintf(m->note, sizeof m->note,
			     T("Boot partition unreadable (%s): live systems will not find their medium."),
			     menu_status(m, s->esp_status));
}

/* The one-shot choice: taken back before it is followed, so that a start that hangs is not repeated. Returns whether there was
 * one. */
static bool follow_choice(struct menu *m)
{
	char *path = pod_zalloc(m->alloc, 1, POD_STATE_NEXT_MAX + 1);
	if (!path || !m->stick.has_state ||
	    pod_state_next_get(&m->stick.state.dev, m->alloc, path, POD_STATE_NEXT_MAX + 1) != POD_OK || !path[0]) {
		pod_free(m->alloc, path);
		return false;
	}
	enum pod_status st = pod_state_next_set(&m->stick.state.dev, m->alloc, NULL);
	if (st != POD_OK)
		pod_snprintf(m->note, sizeof m->note,
			     T("The one-shot choice could not be cleared (%s): it will be followed again."), menu_status(m, st));
	size_t i = scan_find(&m->stick, path, m->path, sizeof m->path);
	if (i == SIZE_MAX) {
		char text[700];
		pod_snprintf(text, sizeof text,
			     m->stick.left ? T("The image chosen for this start was not found before the search ended: %s")
					   : T("The image chosen for this start is not on the stick: %s"),
			     path);
		page_message(m, T("Chosen once"), text);
	} else {
		view_select_image(m, i);
		start_image(m, i, CHOSEN_ONCE);
	}
	pod_free(m->alloc, path);
	return true;
}

static void draw(struct menu *m)
{
	for (uint32_t i = 0; i < m->screens; i++)
		view_draw(m, &m->screen[i]);
	screen_flush(m);
	record_stage(m, POD_STAGE_MENU, 0);
}

/* The next key; what takes a while is done until it comes. */
static uint32_t key_of_list(struct menu *m)
{
	uint32_t k = menu_wait_key(m, m->fw->millis(m->fw) + MENU_IDLE_MS);
	while (k == POD_KEY_NONE && probe_next(m)) {
		draw(m);
		k = menu_wait_key(m, m->fw->millis(m->fw) + 1);
	}
	return k == POD_KEY_NONE ? menu_wait_key(m, 0) : k;
}

/* Counts down to the default image. Returns a key that stopped it, or POD_KEY_NONE when the time is over. */
static uint32_t countdown(struct menu *m)
{
	for (;;) {
		uint64_t now = m->fw->millis(m->fw);
		if (now >= m->countdown_end)
			return POD_KEY_NONE;
		uint32_t left = (uint32_t)(m->countdown_end - now); /* at most an hour */
		m->countdown_left = (left + 999) / 1000;
		draw(m);
		uint64_t next = m->countdown_end - (uint64_t)(m->countdown_left - 1) * 1000;
		uint32_t k = menu_wait_key(m, next);
		if (k != POD_KEY_NONE)
			return k;
	}
}

static void start_default(struct menu *m)
{
	/* who stopped the search is there, and wants to choose */
	if (!m->conf->default_path[0] || m->stick.left == POD_BUDGET_CANCEL)
		return;
	size_t i = scan_find(&m->stick, m->conf->default_path, m->path, sizeof m->path);
	if (i == SIZE_MAX) {
		if (!m->stick.left) /* else the note says why */
			pod_snprintf(m->note, sizeof m->note, T("isopod.conf: the default is not on the stick: %s"),
				     m->conf->default_path);
		return;
	}
	i = snapshot_followed(m, i);
	view_select_image(m, i);
	if (!m->conf->has_timeout)
		return;
	/* a key that waits already also stops a timeout of 0 */
	uint64_t now = m->fw->millis(m->fw);
	uint32_t k;
	if (m->conf->timeout_seconds) {
		m->countdown_end = now + (uint64_t)m->conf->timeout_seconds * 1000;
		k = countdown(m);
		m->countdown_end = 0;
	} else {
		k = menu_wait_key(m, now ? now : 1);
	}
	if (k == POD_KEY_NONE || k == POD_KEY_ENTER)
		start_image(m, i, CHOSEN_DEFAULT);
}

static enum pod_status prepare(struct menu *m)
{
	struct menu_stick *s = &m->stick;
	m->entry = pod_zalloc(m->alloc, 1, sizeof *m->entry);
	m->conf = pod_zalloc(m->alloc, 1, sizeof *m->conf);
	if (!m->entry || !m->conf)
		return POD_E_NOMEM;
	m->view.flat = true;
	m->find_font = stick_font;
	POD_TRY(screen_init(m));
	m->fw->disk->budget = &m->budget;
	menu_budget_start(m, MENU_SCAN_STEPS, POD_BUDGET_UNLIMITED);
	struct pod_budget_part part; /* a hostile boot partition must leave something for the other one */
	pod_budget_split(&m->budget, &part);
	stick_open(m);
	(void)pod_budget_join(&m->budget, &part);
	enum pod_status st = scan_run(m);
	s->left = m->budget.hit;
	menu_budget_end(m);
	if (st != POD_OK && st != POD_E_NOMEM) {
		s->data_status = st;
		st = POD_OK;
	}
	POD_TRY(st);
	read_conf(m);
	bool shown = language_open(m);
	m->view.row = pod_zalloc(m->alloc, s->image_count + s->folder_count + 1, sizeof *m->view.row);
	if (!m->view.row)
		return POD_E_NOMEM;
	view_build(m);
	note_scan(m);
	if (m->stick.was_partmode)
		partition_note(m, m->stick.partmode);
	record_open(m);
	if (!shown)
		language_say_english(m);
	return POD_OK;
}

void pod_boot_main(struct pod_fw *fw)
{
	struct menu *m = pod_zalloc(fw->alloc, 1, sizeof *m);
	if (!m)
		return;
	m->fw = fw;
	m->alloc = fw->alloc;
	fw->started_ms = fw->millis(fw);
	enum pod_status st = prepare(m);
	if (st == POD_E_NOMEM && m->screens) {
		m->view.count = 0;
		page_message(m, T("Cannot start"), T("There is not enough memory."));
		m->leave = true;
	} else if (st != POD_OK) {
		m->leave = true;
	} else if (!follow_choice(m)) {
		/* when the choice comes back, somebody is there to read why: nothing starts by itself then */
		start_default(m);
	}
	while (!m->leave) {
		draw(m);
		view_key(m, key_of_list(m));
	}
	fw->recorder = NULL;
	fw->disk->budget = NULL;
	screen_fini(m);
	stick_close(m);
	pod_free(m->alloc, m->before);
	pod_free(m->alloc, m->view.row);
	pod_free(m->alloc, m->entry);
	pod_free(m->alloc, m->conf);
	pod_free(m->alloc, m);
}
