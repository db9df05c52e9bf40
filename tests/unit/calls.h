/* SPDX-License-Identifier: BSD-2-Clause */
/* What a made-up kernel was asked to do, one call behind the other, for tests of the shim. */
#ifndef POD_TESTS_CALLS_H
#define POD_TESTS_CALLS_H

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static char calls[16384];

__attribute__((format(printf, 1, 2))) static void note(const char *fmt, ...)
{
	va_list ap;
	size_t n = strlen(calls);
	va_start(ap, fmt);
	vsnprintf(calls + n, sizeof calls - n, fmt, ap);
	va_end(ap);
}

#endif
