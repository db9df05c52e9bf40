/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Taking INF files out of a WIM with libwim. Debian builds libwim with libntfs-3g, under the GPL: a binary that holds this file
 * (made for it, though it loads the library only when needed) is, as a whole, under the terms of the GPL. `make WIM=no` leaves it
 * out.
 */
#include <stdlib.h>
#include <string.h>
#include <wimlib.h>
#include "cli/doctor/drivers_inf.h"
#include "cli/host/lazy.h"

/* clang-format off */
#define FUNCTIONS(X) \
	X(wimlib_extract_paths) X(wimlib_free) X(wimlib_get_error_string) X(wimlib_get_wim_info) \
	X(wimlib_global_cleanup) X(wimlib_global_init) X(wimlib_iterate_dir_tree) X(wimlib_open_wim)
/* clang-format on */
LAZY_LIBRARY(lib, wim, FUNCTIONS);

struct list {
	char **path;
	size_t n, cap;
	uint64_t bytes;
	bool too_much;
};

static int collect(const struct wimlib_dir_entry *e, void *ctx)
{
	struct list *l = ctx;
	size_t len = e->filename ? strlen(e->filename) : 0;
	void *v = l->path;

	if ((e->attributes & WIMLIB_FILE_ATTRIBUTE_DIRECTORY) || len < 5 || strcasecmp(e->filename + len - 4, ".inf") != 0 ||
	    e->streams[0].resource.uncompressed_size > INF_SIZE_MAX)
		return 0;
	l->bytes += e->streams[0].resource.uncompressed_size;
	if (l->bytes > INF_TOTAL_MAX ||
	    pod_grow(&cli_alloc, &v, l->n, &l->cap, l->n + 1, sizeof *l->path, INF_FILES_MAX) != POD_OK) {
		l->too_much = true;
		return 0;
	}
	l->path = v;
	l->path[l->n++] = cli_xstrdup(e->full_path);
	return 0;
}

/* Where Windows keeps INF files; a folder that is not there is none of our business. */
static void find(WIMStruct *wim, int image, struct list *l)
{
	(void)lib.wimlib_iterate_dir_tree(wim, image, "/Windows/INF", WIMLIB_ITERATE_DIR_TREE_FLAG_CHILDREN, collect, l);
	(void)lib.wimlib_iterate_dir_tree(wim, image, "/Windows/System32/DriverStore/FileRepository",
					  WIMLIB_ITERATE_DIR_TREE_FLAG_RECURSIVE, collect, l);
}

static char *extract(WIMStruct *wim, const char *folder)
{
	struct wimlib_wim_info info;
	struct list l = {0};
	char *why = NULL;
	int image, err = lib.wimlib_get_wim_info(wim, &info);

	if (err || !info.image_count)
		return cli_xstrdup(err ? lib.wimlib_get_error_string((enum wimlib_error_code)err) : _("it holds no image"));
	image = (int)(info.boot_index ? info.boot_index : info.image_count);
	find(wim, image, &l);
	if (!l.n)
		why = cli_xstrdup(_("it holds no Windows driver files (INF)"));
	else if (l.too_much)
		why = cli_xstrdup(_("it holds more INF files than any Windows has"));
	else
		err = lib.wimlib_extract_paths(wim, image, folder, (const wimlib_tchar *const *)l.path, l.n,
					       WIMLIB_EXTRACT_FLAG_NO_ACLS | WIMLIB_EXTRACT_FLAG_NO_ATTRIBUTES |
						       WIMLIB_EXTRACT_FLAG_NORPFIX);
	if (!why && err)
		why = cli_xstrdup(lib.wimlib_get_error_string((enum wimlib_error_code)err));
	for (size_t i = 0; i < l.n; i++)
		free(l.path[i]);
	pod_free(&cli_alloc, l.path);
	return why;
}

char *wim_extract_inf(const char *path, const char *folder)
{
	const char *missing = lazy_load(&lib_library);
	WIMStruct *wim = NULL;
	char *why;
	int err;

	if (missing)
		return cli_xstrdup(missing);
	err = lib.wimlib_global_init(0);
	if (!err)
		err = lib.wimlib_open_wim(path, 0, &wim);
	why = err ? cli_xstrdup(lib.wimlib_get_error_string((enum wimlib_error_code)err)) : extract(wim, folder);
	lib.wimlib_free(wim);
	lib.wimlib_global_cleanup();
	return why;
}
