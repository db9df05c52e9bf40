/* SPDX-License-Identifier: BSD-2-Clause */
/* Folders with INF files, read whole; what is common to all places they go to. */
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/togo/drivers.h"
#include "core/base/str.h"

#define FILES_MAX 4000u
#define FILE_MAX  (256ull << 20)
#define TOTAL_MAX (512ull << 20)

/* The helper that starts with Windows PE loads what lies in the first; Windows Setup looks for the second on every drive. */
const struct drivers_place drivers_place_pe = {.folder = {"/Windows/System32/isopod/drivers", "/$WinPEDriver$"}};
const struct drivers_place drivers_place_installed = {
	.folder = {"/Windows/Isopod/Drivers"},
	.script = "/Windows/Setup/Scripts/SetupComplete.cmd",
	.script_text = "@echo off\r\npnputil /add-driver \"%WINDIR%\\Isopod\\Drivers\\*.inf\" /subdirs /install\r\n",
};

static bool add_file(struct drivers_set *s, const char *name, const char *rel, const char *path, uint64_t size,
		     struct fault *fault)
{
	struct togo_files *all = &s->files;
	struct togo_file f = {.len = (uint32_t)size};
	int fd;

	if (all->n >= FILES_MAX || size > FILE_MAX || size > TOTAL_MAX - all->bytes) {
		fault_set(fault, _("%s: more than a driver has; name the folder with the INF file itself"), path);
		return false;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	f.data = cli_xmalloc(size + 1);
	if (fd < 0 || read(fd, f.data, size) != (ssize_t)size) {
		fault_set(fault, _("%s: cannot be read: %s"), path, strerror(errno));
		free(f.data);
		if (fd >= 0)
			close(fd);
		return false;
	}
	close(fd);
	f.path = cli_xasprintf("%s/%s", name, rel);
	all->v = cli_xrealloc(all->v, all->n + 1, sizeof *all->v);
	all->v[all->n++] = f;
	all->bytes += size;
	return true;
}

static void note_file(struct drivers_set *s, const char *path, bool *signed_)
{
	char *more;

	*signed_ |= pod_ends_with_nocase(path, ".cat");
	if (!pod_ends_with_nocase(path, ".inf"))
		return;
	s->infs++;
	more = cli_xasprintf("%s%s\n", s->list, path);
	free(s->list);
	s->list = more;
}

/* The same order each time. */
static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static bool read_folder(struct drivers_set *s, const char *folder, const char *name, struct fault *fault)
{
	char *const paths[] = {(char *)(uintptr_t)folder, NULL};
	FTS *fts = fts_open(paths, FTS_LOGICAL | FTS_NOCHDIR, by_name);
	size_t skip = strlen(folder);
	unsigned before = s->infs;
	bool ok = fts != NULL, has_catalogue = false;

	for (FTSENT *e; ok && (e = fts_read(fts)) != NULL;) {
		if (e->fts_info == FTS_DNR || e->fts_info == FTS_ERR || e->fts_info == FTS_NS) {
			fault_set(fault, _("%s: cannot be read: %s"), e->fts_path, strerror(e->fts_errno));
			ok = false;
		} else if (e->fts_info == FTS_F) {
			const char *rel = e->fts_path + skip;

			while (*rel == '/')
				rel++;
			ok = add_file(s, name, rel, e->fts_path, (uint64_t)e->fts_statp->st_size, fault);
			if (ok)
				note_file(s, s->files.v[s->files.n - 1].path, &has_catalogue);
		}
	}
	if (fts)
		fts_close(fts);
	if (ok && s->infs == before) {
		fault_set(fault, _("%s: no INF file in this folder"), folder);
		ok = false;
	}
	s->no_catalogue |= !has_catalogue;
	return ok;
}

bool drivers_set_read(struct drivers_set *s, char *const *folder, unsigned n, struct fault *fault)
{
	bool ok = true;

	memset(s, 0, sizeof *s);
	s->list = cli_xstrdup("");
	s->name = cli_xzalloc((n + 1) * sizeof *s->name);
	for (unsigned i = 0; i < n && ok; i++) {
		char *real = realpath(folder[i], NULL), *name = real ? cli_xstrdup(basename(real)) : NULL;

		if (!name || !*name || *name == '/') {
			fault_set(fault, _("%s: cannot open the folder: %s"), folder[i], strerror(name ? EINVAL : errno));
			ok = false;
		}
		for (unsigned k = 0; k < s->names && ok; k++)
			if (pod_strcasecmp(s->name[k], name) == 0) {
				fault_set(fault, _("%s: another folder is called so as well; rename one of them"), folder[i]);
				ok = false;
			}
		ok = ok && read_folder(s, real, name, fault);
		if (ok)
			s->name[s->names++] = name;
		else
			free(name);
		free(real);
	}
	return ok;
}

void drivers_set_free(struct drivers_set *s)
{
	for (unsigned i = 0; i < s->names; i++)
		free(s->name[i]);
	free(s->name);
	free(s->list);
	togo_files_free(&s->files);
	memset(s, 0, sizeof *s);
}

/* Is this line, with its end, one of the text? */
static bool has_line(const char *text, const char *line, size_t len)
{
	for (const char *end; (end = strchr(text, '\n')) != NULL; text = end + 1)
		if ((size_t)(end - text) + 1 == len && pod_strncasecmp(text, line, len) == 0)
			return true;
	return false;
}

char *drivers_list_merge(const char *old, const char *added)
{
	char *all = cli_xstrdup(old);

	for (const char *end; (end = strchr(added, '\n')) != NULL; added = end + 1)
		if (!has_line(all, added, (size_t)(end - added) + 1)) {
			char *more = cli_xasprintf("%s%.*s\n", all, (int)(end - added), added);

			free(all);
			all = more;
		}
	return all;
}

bool drivers_take(void *ctx, unsigned kind, const uint8_t *data, size_t len)
{
	struct drivers_answer *a = ctx;

	if (a->failed || a->list)
		return false;
	if (kind == DRIVERS_FOUND && len <= DRIVERS_LIST_MAX && !memchr(data, 0, len)) {
		a->list = cli_xasprintf("%.*s", (int)len, (const char *)data);
		return true;
	}
	a->failed = true;
	if (kind == DRIVERS_ERROR && len && len < 256)
		fault_set(a->fault, _("%s: libwim cannot change it: %.*s"), a->shown, (int)len, (const char *)data);
	else if (kind == DRIVERS_STATUS && len == 1 && data[0] != POD_OK && data[0] < POD_STATUS_COUNT)
		fault_status(a->fault, a->shown, _("cannot add the drivers"), (enum pod_status)data[0], NULL);
	else if (kind == DRIVERS_TAKEN && len == 0)
		fault_set(a->fault,
			  _("%s: has a SetupComplete.cmd of its own, which stays; add a line to it that runs pnputil on "
			    "\\Windows\\Isopod\\Drivers"),
			  a->shown);
	else
		a->failed = false;
	return a->failed;
}

int drivers_run(const struct sandbox *given, const char *shown, char **list, struct fault *fault)
{
	struct drivers_answer a = {.shown = shown, .fault = fault};
	struct sandbox s = *given;
	struct fault why = {0};
	enum sandbox_result result;

	s.about = shown;
	s.take = drivers_take;
	s.take_ctx = &a;
	result = sandbox_run(&s, &why);
	if (!a.failed && (result != SANDBOX_DONE || !a.list)) {
		a.failed = true;
		fault_set(fault, "%s: %s", shown, fault_text(&why));
	}
	fault_free(&why);
	*list = a.list;
	return a.failed ? CLI_FAILED : CLI_OK;
}
