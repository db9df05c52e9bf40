/* SPDX-License-Identifier: BSD-2-Clause */
/* The systems that the machine has without the stick: started from the menu, since who came here by mistake wants to go on. */
#include "boot/menu/pages.h"

static void line(struct menu *m, const void *what, size_t i, char *out, size_t size)
{
	const struct pod_own *own = what;
	(void)m;
	pod_snprintf(out, size, "%zu  %s", i + 1, own[i].name);
}

/* Which one; `n`: none. */
static size_t choose(struct menu *m, const struct pod_own *own, size_t n)
{
	struct menu_choice c = {.title = T("This computer's own system"),
				.foot = T("Enter starts it; Esc goes back to the menu."),
				.count = n,
				.line = line,
				.what = own};
	return choice_numbered(m, &c);
}

void page_own(struct menu *m)
{
	struct pod_own *own = pod_zalloc(m->alloc, POD_OWN_MAX, sizeof *own);
	struct pod_recorder *recorder = m->fw->recorder;
	char text[400] = "";
	size_t n = own ? m->fw->own_list(m->fw, own) : 0, which = n ? choose(m, own, n) : 0;
	screen_invalidate(m);
	if (!n) {
		page_message(m, T("This computer's own system"),
			     T("No disk of this computer holds anything that this firmware can start."));
	} else if (which < n) {
		m->fw->recorder = NULL; /* it is no image of the stick */
		(void)!m->fw->own_start(m->fw, own[which].id, text, sizeof text);
		m->fw->recorder = recorder;
		screen_invalidate(m);
		page_message(m, T("It did not start"), text);
	}
	pod_free(m->alloc, own);
}
