/* SPDX-License-Identifier: BSD-2-Clause */
/* The last start, as the flight recorder has it: read, and noted if it did not finish. Its page: story.c. */
#include "boot/menu/pages.h"
#include "core/trace/verdict.h"

void story_load(struct menu *m, uint32_t boot)
{
	pod_free(m->alloc, m->before);
	struct pod_rec_boot *b = boot ? pod_zalloc(m->alloc, 1, sizeof *b) : NULL;
	if (b && pod_rec_read(&m->stick.state.dev, m->alloc, boot, b) != POD_OK) {
		pod_free(m->alloc, b);
		b = NULL;
	}
	m->before = b;
}

void story_note(struct menu *m)
{
	struct pod_verdict *v = m->before ? pod_zalloc(m->alloc, 1, sizeof *v) : NULL;
	if (!v)
		return;
	const char *name = m->before->has_image ? m->before->image.path : "?";
	for (const char *p = name; *p; p++)
		if (*p == '/')
			name = p + 1;
	pod_verdict_make(m->before, NULL, v);
	if (pod_verdict_alarm(v)) {
		size_t image =
			m->before->has_image ? scan_find(&m->stick, m->before->image.path, m->path, sizeof m->path) : SIZE_MAX;
		if (image != SIZE_MAX && !m->stick.image[image].hidden)
			view_select_image(m, image);
	}
	if (pod_verdict_alarm(v) && !m->note[0])
		pod_snprintf(m->note, sizeof m->note, T("F5 tells why the last start did not finish: %s"), name);
	pod_free(m->alloc, v);
}
