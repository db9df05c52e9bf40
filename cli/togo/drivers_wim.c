/* SPDX-License-Identifier: BSD-2-Clause */
/* Drivers into a WIM, by libwim (GPL; see wim.c), in a child behind walls. A WIM is appended to; until its header is written, at the end,
 * it is what it was. */
#include "cli/togo/drivers.h"

#ifdef ISOPOD_WITH_WIM
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wimlib.h>
#include "cli/host/lazy.h"

#define SECONDS_MAX 3600u
#define FOLDER_MAX  (600u << 20)

/* clang-format off */
#define FUNCTIONS(X) \
	X(wimlib_add_tree) X(wimlib_extract_paths) X(wimlib_get_error_string) X(wimlib_global_init) X(wimlib_open_wim) X(wimlib_overwrite)
/* clang-format on */
LAZY_LIBRARY(lib, wim, FUNCTIONS);

struct errand {
	uint32_t image;
	const struct drivers_place *place;
	const struct drivers_set *set;
};

static bool write_file(const char *path, const void *data, size_t len)
{
	char *copy = cli_xstrdup(path);
	int fd;
	bool ok;

	for (char *slash = strchr(copy, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(copy, 0755);
		*slash = '/';
	}
	free(copy);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	ok = fd >= 0 && write(fd, data, len) == (ssize_t)len;
	if (fd >= 0)
		close(fd);
	return ok;
}

/* What the image has at a path, as text; NULL: nothing. Its name alone matters: it goes into a folder of ours. */
static char *read_text(WIMStruct *wim, int image, const char *path)
{
	const wimlib_tchar *const paths[] = {path};
	const char *name = strrchr(path, '/') + 1;
	char *file = cli_xasprintf("old/%s", name), *text = NULL;
	struct stat st;
	int fd = -1;

	if (lib.wimlib_extract_paths(wim, image, "old", paths, 1,
				     WIMLIB_EXTRACT_FLAG_NO_ACLS | WIMLIB_EXTRACT_FLAG_NO_ATTRIBUTES |
					     WIMLIB_EXTRACT_FLAG_NORPFIX | WIMLIB_EXTRACT_FLAG_NO_PRESERVE_DIR_STRUCTURE) == 0)
		fd = open(file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size <= (off_t)DRIVERS_LIST_MAX) {
		text = cli_xzalloc((size_t)st.st_size + 1);
		if (read(fd, text, (size_t)st.st_size) != st.st_size)
			text[0] = '\0';
	}
	if (fd >= 0)
		close(fd);
	free(file);
	return text;
}

static int add(WIMStruct *wim, int image, const char *from, const char *to)
{
	return lib.wimlib_add_tree(wim, image, from, to, WIMLIB_ADD_FLAG_NORPFIX);
}

/* The folders, below "new" as they shall lie below each of the places. */
static int add_folders(const struct errand *e, WIMStruct *wim)
{
	int err = 0;

	for (size_t p = 0; p < POD_ARRAY_LEN(e->place->folder) && e->place->folder[p]; p++)
		for (unsigned i = 0; i < e->set->names && !err; i++) {
			char *from = cli_xasprintf("new/%s", e->set->name[i]),
			     *to = cli_xasprintf("%s/%s", e->place->folder[p], e->set->name[i]);

			err = add(wim, (int)e->image, from, to);
			free(from);
			free(to);
		}
	return err;
}

static bool lay_out(const struct errand *e, const char *list)
{
	bool ok = write_file("list", list, strlen(list));

	for (unsigned i = 0; i < e->set->files.n && ok; i++) {
		const struct togo_file *f = &e->set->files.v[i];
		char *path = cli_xasprintf("new/%s", f->path);

		ok = write_file(path, f->data, f->len);
		free(path);
	}
	if (ok && e->place->script)
		ok = write_file("script", e->place->script_text, strlen(e->place->script_text));
	return ok;
}

static void say_error(struct sandbox_child *c, int err)
{
	const char *text = lib.wimlib_get_error_string((enum wimlib_error_code)err);

	sandbox_send(c, DRIVERS_ERROR, text, strlen(text));
}

static void change(struct sandbox_child *c, const struct errand *e, WIMStruct *wim, const char *list_path, const char *list)
{
	char *script = e->place->script ? read_text(wim, (int)e->image, e->place->script) : NULL;
	uint8_t st = POD_E_NOSPACE;
	int err;

	if (script && strcmp(script, e->place->script_text) != 0) {
		sandbox_send(c, DRIVERS_TAKEN, "", 0);
		return;
	}
	if (!lay_out(e, list)) {
		sandbox_send(c, DRIVERS_STATUS, &st, 1);
		return;
	}
	err = add_folders(e, wim);
	if (!err)
		err = add(wim, (int)e->image, "list", list_path);
	if (!err && e->place->script && !script)
		err = add(wim, (int)e->image, "script", e->place->script);
	if (!err)
		err = lib.wimlib_overwrite(wim, 0, 1);
	if (err)
		say_error(c, err);
	else
		sandbox_send(c, DRIVERS_FOUND, list, strlen(list));
}

static void work(struct sandbox_child *c, void *ctx)
{
	const struct errand *e = ctx;
	char *list_path = cli_xasprintf("%s/" DRIVERS_LIST, e->place->folder[0]), *old, *list;
	WIMStruct *wim = NULL;
	int err = lib.wimlib_global_init(WIMLIB_INIT_FLAG_DEFAULT_CASE_INSENSITIVE);

	if (!err)
		err = lib.wimlib_open_wim("in0", e->set ? WIMLIB_OPEN_FLAG_WRITE_ACCESS : 0, &wim);
	if (err) {
		say_error(c, err);
		return;
	}
	old = read_text(wim, (int)e->image, list_path);
	list = drivers_list_merge(old ? old : "", e->set ? e->set->list : "");
	if (e->set)
		change(c, e, wim, list_path, list);
	else
		sandbox_send(c, DRIVERS_FOUND, list, strlen(list));
}

int drivers_wim(int fd, const char *shown, uint32_t image, const struct drivers_place *p, const struct drivers_set *set,
		char **list, struct fault *fault)
{
	struct errand e = {.image = image, .place = p, .set = set};
	struct sandbox s = {.who = "libwim",
			    .seconds = SECONDS_MAX,
			    .disk_bytes = FOLDER_MAX,
			    .files_max = 16384,
			    .memory_bytes = 2ull << 30,
			    .input = {fd},
			    .inputs = 1,
			    .work = work,
			    .ctx = &e};
	const char *missing = lazy_load(&lib_library);
	int rc;

	*list = NULL;
	if (missing)
		return fault_set(fault, "%s: %s", shown, missing);
	if (set && !sandbox_lend(fd))
		return fault_set(fault, _("cannot start %s: %s"), "libwim", strerror(errno));
	rc = drivers_run(&s, shown, list, fault);
	if (set && !sandbox_take_back(fd) && rc == CLI_OK)
		rc = fault_set(fault, _("cannot start %s: %s"), "libwim", strerror(errno));
	if (set && rc == CLI_OK && fsync(fd) != 0)
		rc = fault_set(fault, _("%s: cannot write it to the disk: %s"), shown, strerror(errno));
	return rc;
}

#else

int drivers_wim(int fd, const char *shown, uint32_t image, const struct drivers_place *p, const struct drivers_set *set,
		char **list, struct fault *fault)
{
	(void)fd;
	(void)shown;
	(void)image;
	(void)p;
	(void)set;
	*list = NULL;
	return fault_set(fault, "%s", _("this isopod was built without libwim"));
}
#endif
