/* SPDX-License-Identifier: BSD-2-Clause */
/* Reports on stdout. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "cli/ui/ui.h"
#include "core/base/text.h"

char *cli_format_marked(const char *fmt, va_list ap)
{
	char *other = cli_xstrdup(fmt), *a, *b;
	va_list again;

	va_copy(again, ap);
	a = cli_xvasprintf(fmt, ap);
	for (char *p = other; *p; p++)
		if (*p == CLI_MARK)
			*p = CLI_MARK + 1;
	b = cli_xvasprintf(other, again);
	va_end(again);
	for (size_t i = 0; a[i] && b[i]; i++)
		if (a[i] == CLI_MARK && b[i] == CLI_MARK)
			a[i] = '?';
	free(b);
	free(other);
	return a;
}

/* The format's newlines are ours, those in what it prints are not. */
void cli_print(const char *fmt, ...)
{
	char *marked = cli_xstrdup(fmt), *text;
	va_list ap;

	for (char *p = marked; *p; p++)
		if (*p == '\n')
			*p = CLI_MARK;
	va_start(ap, fmt);
	text = cli_format_marked(marked, ap);
	va_end(ap);
	pod_text_disarm(text, CLI_MARK_STRING);
	for (char *p = text; *p; p++)
		if (*p == CLI_MARK)
			*p = '\n';
	fputs(text, stdout);
	free(text);
	free(marked);
}

int cli_flush(struct fault *f)
{
	if (fflush(stdout) != 0 || ferror(stdout)) {
		/* `isopod list | head -1` is no mistake to be told of. */
		if (errno != EPIPE)
			fault_set(f, _("cannot write the report: %s"), strerror(errno));
		return CLI_FAILED;
	}
	return CLI_OK;
}
