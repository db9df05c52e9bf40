/* SPDX-License-Identifier: BSD-2-Clause */
/* Keys of both screens. */
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

uint32_t menu_wait_key(struct menu *m, uint64_t deadline)
{
	for (;;) {
		uint32_t k = m->fw->get_key(m->fw);
		if (k == POD_KEY_NONE)
			k = serial_key(m);
		if (k == POD_KEY_CTRL('L')) {
			/* the page stays; a terminal that was connected late gets all of it */
			screen_invalidate(m);
			screen_flush(m);
		} else if (k != POD_KEY_NONE) {
			return meaning(k);
		}
		if (deadline && m->fw->millis(m->fw) >= deadline)
			return POD_KEY_NONE;
		m->fw->idle(m->fw);
	}
}
