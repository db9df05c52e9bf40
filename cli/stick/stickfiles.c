/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/ui/ui.h"
#include "cli/stick/stickfiles.h"

#define STICKFILE_MAX (16u << 20) /* all of them together are to stay below 4 MB */

/* The folder of the stick files; the caller frees. */
static char *folder(void)
{
	const char *env = getenv("ISOPOD_DATA");
	char exe[PATH_MAX / 4], *dir, *slash;
	ssize_t n;

	if (env && *env)
		return cli_xstrdup(env);
	n = readlink("/proc/self/exe", exe, sizeof exe - 1);
	if (n > 0) {
		exe[n] = '\0';
		slash = strrchr(exe, '/');
		if (slash) {
			*slash = '\0';
			dir = cli_xasprintf("%s/stick", exe);
			if (access(dir, R_OK | X_OK) == 0)
				return dir;
			free(dir);
		}
	}
	return cli_xstrdup(ISOPOD_DATADIR);
}

void *cli_stickfile_read(const char *name, size_t *len, struct fault *fault)
{
	char *dir = folder(), *path = cli_xasprintf("%s/%s", dir, name);
	FILE *f = fopen(path, "re");
	char *data = NULL;
	size_t n = 0, cap = 64u << 10;

	if (f) {
		data = cli_xmalloc(cap);
		while ((n += fread(data + n, 1, cap - n, f)) == cap && cap < STICKFILE_MAX) {
			char *larger = cli_xmalloc(cap * 2);

			memcpy(larger, data, cap);
			free(data);
			data = larger;
			cap *= 2;
		}
	}
	if (!data || ferror(f) || n == 0) {
		fault_set(fault, _("%s: %s; set ISOPOD_DATA to the folder that holds it, or install isopod again"), path,
			  f ? _("cannot read it") : strerror(errno));
		free(data);
		data = NULL;
	}
	if (f)
		fclose(f);
	free(path);
	free(dir);
	*len = data ? n : 0;
	return data;
}
