/* SPDX-License-Identifier: BSD-2-Clause */
#include <dlfcn.h>
#include <pthread.h>
#include <string.h>
#include "cli/ui/ui.h"
#include "cli/host/lazy.h"

enum { UNTRIED, LOADED, FAILED };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* All of the names, or none: what was found before one is missing is never called. POSIX has function pointers fit into void *.
 */
static bool fill(const struct lazy_library *l, void *handle)
{
	const char *name = l->names;

	for (size_t at = 0; at < l->size; at += sizeof(void *), name += strlen(name) + 1) {
		void *function = dlsym(handle, name);

		if (!function)
			return false;
		memcpy((char *)l->functions + at, &function, sizeof function);
	}
	return true;
}

static char *reason(const struct lazy_library *l)
{
	const char *text = dlerror();
	size_t n = strlen(l->soname);

	/* "NAME: cannot open ...": the name is said already; of a library that this one needs it is not */
	if (text && strncmp(text, l->soname, n) == 0 && text[n] == ':')
		text += n + 1 + strspn(text + n + 1, " ");
	return cli_xasprintf(_("the library %s (Debian package %s) cannot be loaded: %s"), l->soname, l->package,
			     text ? text : "?");
}

/* Nothing is unloaded again: a library may have left threads, or functions to call at exit. */
const char *lazy_load(struct lazy_library *l)
{
	const char *why;

	pthread_mutex_lock(&lock);
	if (l->state == UNTRIED) {
		void *handle = dlopen(l->soname, RTLD_NOW | RTLD_LOCAL);

		l->state = handle && fill(l, handle) ? LOADED : FAILED;
		if (l->state == FAILED)
			l->why = reason(l);
	}
	why = l->why;
	pthread_mutex_unlock(&lock);
	return why;
}
