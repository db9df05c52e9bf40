/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory: for the core, and for what the command itself holds. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "cli/ui/ui.h"

/* Buffers large enough for it may be read and written past the page cache (cli_dev_direct), which asks for whole pages. */
static void *host_alloc(struct pod_alloc *a, size_t size)
{
	(void)a;
	if (size >= CLI_ALIGNED_FROM && size <= SIZE_MAX - CLI_ALIGN)
		return aligned_alloc(CLI_ALIGN, (size_t)pod_align_up(size, CLI_ALIGN));
	return malloc(size ? size : 1);
}

static void host_release(struct pod_alloc *a, void *p)
{
	(void)a;
	free(p);
}

struct pod_alloc cli_alloc = {.alloc = host_alloc, .release = host_release};

/* The one place below the commands that ends the process: with no memory for a few bytes there is nothing left to do, and every
 * write to a stick may stop here as it may when power fails. What is sized by a medium goes through cli_alloc and can fail. */
static void out_of_memory(void)
{
	fflush(stdout);
	fprintf(stderr, "isopod: %s\n", _("out of memory"));
	exit(CLI_FAILED);
}

void *cli_xmalloc(size_t size)
{
	void *p = host_alloc(&cli_alloc, size);

	if (!p)
		out_of_memory();
	return p;
}

void *cli_xrealloc(void *p, size_t count, size_t size)
{
	p = reallocarray(p, count, size);
	if (!p)
		out_of_memory();
	return p;
}

void *cli_xzalloc(size_t size)
{
	void *p = cli_xmalloc(size);

	memset(p, 0, size);
	return p;
}

char *cli_xstrdup(const char *s)
{
	char *p = strdup(s);

	if (!p)
		out_of_memory();
	return p;
}

char *cli_xvasprintf(const char *fmt, va_list ap)
{
	char *s;

	if (vasprintf(&s, fmt, ap) < 0)
		out_of_memory();
	return s;
}

char *cli_xasprintf(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = cli_xvasprintf(fmt, ap);
	va_end(ap);
	return s;
}
