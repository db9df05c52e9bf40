/* SPDX-License-Identifier: BSD-2-Clause */
/* Kernel arguments for one start: asked for in a line, given to the plan, and what is said where that is not possible. */
#include "boot/menu/pages.h"

void start_with_arguments(struct menu *m, size_t image, const char *words)
{
	char line[POD_ARGUMENTS_MAX];
	(void)pod_strlcpy(line, words, sizeof line);
	for (;;) {
		if (!page_write(m, T("Kernel arguments for this start"),
				T("Every kernel line of the image's boot menu gets these words; -WORD takes a word out. "
				  "Often tried: acpi=off, nomodeset, -quiet."),
				line, sizeof line, T("Enter starts with them, Esc goes back.")))
			return;
		if (pod_arguments_valid(line))
			break;
		page_message(
			m, T("Kernel arguments for this start"),
			T("A quotation mark is missing, or there is a ' or a backslash, which boot loaders do not pass on."));
	}
	(void)pod_strlcpy(m->arguments, line, sizeof m->arguments);
	start_image(m, image, CHOSEN_BY_HAND);
}
