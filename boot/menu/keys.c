/* SPDX-License-Identifier: BSD-2-Clause */
/* Keys of both screens, and the end that they can put to what takes time. */
#include "boot/menu/menu.h"

/* Control keys that stand for others, as in readline and less. */
static uint32_t meaning(uint32_t key)
{
	switch (key) {
	case POD_KEY_CTRL('P'):
		return POD_KEY_UP;
	case POD_KEY_CTRL('N'):
		return POD_KEY_DOWN;
	case POD_KEY_CTRL('B'):
		return POD_KEY_PGUP;
	case POD_KEY_CTRL('F'):
		return POD_KEY_PGDN;
	case POD_KEY_CTRL('A'):
		return POD_KEY_HOME;
	case POD_KEY_CTRL('E'):
		return POD_KEY_END;
	default:
		return key;
	}
}

/* The firmware passes on what it does not know of a terminal's keys character by character. */
static uint32_t firmware_key(struct menu *m)
{
	struct pod_fw *fw = m->fw;
	for (uint32_t k; (k = fw->get_key(fw)) != POD_KEY_NONE;) {
		k = escape_key(&m->typed, k, fw->millis(fw));
		if (k != POD_KEY_NONE)
			return k;
	}
	return escape_wait(&m->typed, fw->millis(fw), fw->terminal_keys ? ESCAPE_LINE_MS : ESCAPE_KEYBOARD_MS);
}

static uint32_t pressed(struct menu *m)
{
	uint32_t k = firmware_key(m);
	return k == POD_KEY_NONE ? serial_key(m) : k;
}

static uint64_t budget_now(struct pod_budget *b)
{
	struct menu *m = b->ctx;
	return m->fw->millis(m->fw);
}

/* Esc ends what takes time; the last of the other keys waits for who asks for it next. */
static bool budget_cancelled(struct pod_budget *b)
{
	struct menu *m = b->ctx;
	if (m->fw->millis(m->fw) - m->budget_since < MENU_ESC_AFTER_MS)
		return false;
	uint32_t k = pressed(m);
	if (k != POD_KEY_NONE && k != POD_KEY_ESC)
		m->key_ahead = k;
	return k == POD_KEY_ESC;
}

void menu_budget_start(struct menu *m, uint64_t steps, uint64_t bytes)
{
	m->budget_since = m->fw->millis(m->fw);
	m->budget.now_ms = budget_now;
	m->budget.cancelled = budget_cancelled;
	m->budget.ctx = m;
	pod_budget_start(&m->budget, steps, bytes, MENU_MS);
}

void menu_budget_end(struct menu *m)
{
	m->budget.cancelled = NULL; /* keys are for the pages again */
	pod_budget_unlimited(&m->budget);
}

uint32_t menu_key(struct menu *m)
{
	uint32_t k = m->key_ahead;
	m->key_ahead = POD_KEY_NONE;
	if (k == POD_KEY_NONE)
		k = pressed(m);
	if (k == POD_KEY_CTRL('L')) {
		/* the page stays; a terminal that was connected late gets all of it */
		screen_invalidate(m);
		screen_flush(m);
		return POD_KEY_NONE;
	}
	return meaning(k);
}

/* A firmware with a stuck key has another one each time. */
#define DROPPED_MAX 64u

void menu_drop_keys(struct menu *m)
{
	m->key_ahead = POD_KEY_NONE;
	for (unsigned n = 0; n < DROPPED_MAX && pressed(m) != POD_KEY_NONE; n++)
		;
}

uint32_t menu_wait_key(struct menu *m, uint64_t deadline)
{
	for (;;) {
		uint32_t k = menu_key(m);
		if (k != POD_KEY_NONE)
			return k;
		if (deadline && m->fw->millis(m->fw) >= deadline)
			return POD_KEY_NONE;
		m->fw->idle(m->fw);
	}
}
