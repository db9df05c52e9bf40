/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Taking INF files out of a WIM with libwim, in a child behind walls. Debian builds libwim with libntfs-3g, under the GPL: a
 * binary that holds this file (made for it, though it loads the library only when needed) is, as a whole, under the terms of the
 * GPL. `make WIM=no` leaves it out.
 */
#include <fcntl.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wimlib.h>
#include "cli/doctor/drivers_inf.h"
#include "cli/host/lazy.h"
#include "cli/host/sandbox.h"

#define SECONDS_MAX  60u
#define NAME_LEN_MAX 256u

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

/* --- the child -------------------------------------------------------------------------------------------------------------- */

/* Kinds of records. */
enum {
	WIM_INF = 1, /* a file's name with its NUL, and its content */
	WIM_ERROR,   /* the library's own words */
	WIM_NONE,    /* enum wim_none */
	WIM_DONE,
};
enum wim_none { NO_IMAGE, NO_INF, TOO_MANY_INF };

static void send_none(struct sandbox_child *c, enum wim_none why)
{
	uint8_t code = (uint8_t)why;

	sandbox_send(c, WIM_NONE, &code, 1);
}

static void send_error(struct sandbox_child *c, int err)
{
	const char *text = lib.wimlib_get_error_string((enum wimlib_error_code)err);

	sandbox_send(c, WIM_ERROR, text, strlen(text));
}

static void send_file(struct sandbox_child *c, const char *path, const char *name, size_t size)
{
	size_t n = strlen(name) + 1;
	char *both;
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return;
	both = cli_xmalloc(n + size);
	memcpy(both, name, n);
	if (n <= NAME_LEN_MAX && read(fd, both + n, size) == (ssize_t)size)
		sandbox_send(c, WIM_INF, both, n + size);
	free(both);
	close(fd);
}

static void send_files(struct sandbox_child *c)
{
	char top[] = "inf", *const paths[] = {top, NULL};
	FTS *fts = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);

	for (FTSENT *e; fts && (e = fts_read(fts)) != NULL;)
		if (e->fts_info == FTS_F && e->fts_statp->st_size <= (off_t)INF_SIZE_MAX)
			send_file(c, e->fts_accpath, e->fts_name, (size_t)e->fts_statp->st_size);
	if (fts)
		fts_close(fts);
	sandbox_send(c, WIM_DONE, "", 0);
}

static void extract(struct sandbox_child *c, WIMStruct *wim)
{
	struct wimlib_wim_info info;
	struct list l = {0};
	int image, err = lib.wimlib_get_wim_info(wim, &info);

	if (err || !info.image_count) {
		err ? send_error(c, err) : send_none(c, NO_IMAGE);
		return;
	}
	image = (int)(info.boot_index ? info.boot_index : info.image_count);
	find(wim, image, &l);
	if (!l.n || l.too_much) {
		send_none(c, l.n ? TOO_MANY_INF : NO_INF);
		return;
	}
	err = lib.wimlib_extract_paths(wim, image, "inf", (const wimlib_tchar *const *)l.path, l.n,
				       WIMLIB_EXTRACT_FLAG_NO_ACLS | WIMLIB_EXTRACT_FLAG_NO_ATTRIBUTES |
					       WIMLIB_EXTRACT_FLAG_NORPFIX);
	err ? send_error(c, err) : send_files(c);
}

/* Its memory goes with it. */
static void work(struct sandbox_child *c, void *ctx)
{
	WIMStruct *wim = NULL;
	int err = lib.wimlib_global_init(0);

	(void)ctx;
	if (!err)
		err = lib.wimlib_open_wim("in0", 0, &wim);
	err ? send_error(c, err) : extract(c, wim);
}

/* --- our side -------------------------------------------------------------------------------------------------------------- */

struct answer {
	struct inf_set *out;
	char *why;
	bool done;
};

static bool take_inf(struct answer *a, const uint8_t *data, size_t len)
{
	const uint8_t *end = memchr(data, 0, len < NAME_LEN_MAX ? len : NAME_LEN_MAX);

	if (!end || len - (size_t)(end - data) - 1 > INF_SIZE_MAX)
		return false;
	inf_add(a->out, (const char *)data, (const char *)end + 1, len - (size_t)(end - data) - 1);
	return true;
}

static const char *none(uint8_t why)
{
	return why == NO_IMAGE	     ? _("it contains no image")
	       : why == NO_INF	     ? _("it holds no Windows driver files (INF)")
	       : why == TOO_MANY_INF ? _("it holds more INF files than any Windows has")
				     : NULL;
}

static bool take(void *ctx, unsigned kind, const uint8_t *data, size_t len)
{
	struct answer *a = ctx;

	if (a->done)
		return false;
	a->done = kind != WIM_INF;
	if (kind == WIM_INF)
		return take_inf(a, data, len);
	if (kind == WIM_ERROR && len && len < 256)
		a->why = cli_xasprintf("%.*s", (int)len, (const char *)data);
	else if (kind == WIM_NONE && len == 1 && none(data[0]))
		a->why = cli_xstrdup(none(data[0]));
	return kind == WIM_DONE || a->why;
}

char *wim_read_inf(int wim, const char *about, struct inf_set *out, bool *hostile)
{
	struct answer a = {.out = out};
	struct sandbox s = {.who = "libwim",
			    .about = about,
			    .seconds = SECONDS_MAX,
			    .disk_bytes = INF_TOTAL_MAX + (64u << 20),
			    .files_max = 2 * INF_FILES_MAX + 1024,
			    .answer_bytes = INF_TOTAL_MAX + (16u << 20),
			    .input = {wim},
			    .inputs = 1,
			    .work = work,
			    .take = take,
			    .take_ctx = &a};
	struct fault fault = {0};
	const char *missing = lazy_load(&lib_library);
	enum sandbox_result result;

	if (missing)
		return cli_xstrdup(missing);
	result = sandbox_run(&s, &fault);
	*hostile = result == SANDBOX_BAD;
	if (result != SANDBOX_DONE || !a.done) {
		free(a.why);
		a.why = cli_xstrdup(fault_text(&fault));
	}
	fault_free(&fault);
	return a.why;
}
