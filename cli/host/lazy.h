/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Libraries that only some commands need, loaded by the command that needs one: all others start without them.
 *
 * The file that uses a library lists the functions it calls, behind the library's own header:
 *
 *     #define FUNCTIONS(X) X(archive_read_new) X(archive_read_free)
 *     LAZY_LIBRARY(lib, archive, FUNCTIONS);
 *
 * makes `lib.archive_read_new`, of the type that the header gives the function, good to call once lazy_load(&lib_library) has
 * returned NULL. SONAME and Debian package are those of what the linker finds for -larchive (tools/libraries.sh).
 *
 * With LAZY_DIRECT defined the functions are linked as usual: for programs that link one of these files alone, and for the
 * package's dependencies.
 */
#ifndef POD_CLI_LAZY_H
#define POD_CLI_LAZY_H

#include <stddef.h>

struct lazy_library {
	const char *soname, *package;
	const char *names; /* of the functions, each with a zero behind it, and an empty one: no pointers to relocate */
	void *functions;   /* a struct of as many function pointers */
	size_t size;	   /* of that struct */
	char *why;	   /* it cannot be loaded */
	int state;
};

/* NOLINTNEXTLINE(bugprone-macro-parentheses): a member's name takes none */
#define LAZY_POINTER(function) __typeof__(&(function)) function;
#define LAZY_NAME(function)    #function "\0"
#define LAZY_ITSELF(function)  &(function),

#ifdef LAZY_DIRECT
#define LAZY_LIBRARY(lib, name, FUNCTIONS)                                                                                       \
	static const struct {                                                                                                    \
		FUNCTIONS(LAZY_POINTER)                                                                                          \
	} lib = {FUNCTIONS(LAZY_ITSELF)};                                                                                        \
	static struct lazy_library lib##_library

static inline const char *lazy_load(struct lazy_library *library)
{
	(void)library;
	return NULL;
}
#else
#include "libraries.h"

#define LAZY_LIBRARY(lib, name, FUNCTIONS)                                                                                       \
	static struct {                                                                                                          \
		FUNCTIONS(LAZY_POINTER)                                                                                          \
	} lib; /* NOLINT(bugprone-macro-parentheses): nor does a variable's */                                                   \
	static struct lazy_library lib##_library = {.soname = SONAME_##name,                                                     \
						    .package = PACKAGE_##name,                                                   \
						    .names = FUNCTIONS(LAZY_NAME),                                               \
						    .functions = &(lib),                                                         \
						    .size = sizeof(lib)}

/* NULL once the functions can be called, else in a sentence (translated, not to be freed) why not; the same each time. Threads
 * may call it at once. */
const char *lazy_load(struct lazy_library *library);
#endif

#endif
