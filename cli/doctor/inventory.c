/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine as files of /proc and /sys: this one, or a saved inventory (doc/FORMATS/inventory.md). */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/doctor/inventory.h"
#include "cli/host/safety.h"

#define LIVE_FILE_MAX (16u << 20)

struct doctor_machine {
	bool saved;
	char *text, *name;
	struct pod_inventory inv;
};

/* --- reading files -------------------------------------------------------------------------------------------------------- */

char *inventory_slurp(const char *path, size_t max, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t cap = 4096, n = 0;
	char *buf;
	ssize_t got = 1;

	if (fd < 0)
		return NULL;
	buf = cli_xmalloc(cap + 1);
	/* sysfs does not know its files' sizes: read until the end. */
	while (got > 0 && n <= max) {
		if (n == cap) {
			char *more = realloc(buf, cap * 2 + 1);

			if (!more)
				break;
			buf = more;
			cap *= 2;
		}
		got = read(fd, buf + n, cap - n);
		if (got > 0)
			n += (size_t)got;
	}
	if (got != 0 || n > max) {
		int err = got < 0 ? errno : EFBIG;

		free(buf);
		close(fd);
		errno = err;
		return NULL;
	}
	close(fd);
	buf[n] = 0;
	if (len)
		*len = n;
	return buf;
}

static char *live_path(const char *path)
{
	return cli_xasprintf("%s%s", cli_safety_root, path);
}

/* --- opening -------------------------------------------------------------------------------------------------------------- */

static bool explain(const char *file, enum pod_status st, const struct pod_diag *diag, struct fault *fault)
{
	unsigned long long line = (unsigned long long)diag->offset_bytes;

	if (st == POD_E_FORMAT)
		fault_set(fault, _("%s: not a machine's inventory; make one with isopod doctor --save-inventory"), file);
	else if (st == POD_E_CORRUPT && line)
		fault_set(fault, _("%s: line %llu: bad %s; save the inventory again"), file, line, diag->what);
	else if (st == POD_E_CORRUPT)
		fault_set(fault, _("%s: %s; save the inventory again"), file, diag->what);
	else
		fault_set(fault, "%s: %s", file, cli_status_text(st));
	return false;
}

static bool open_saved(struct doctor_machine *m, const char *file, struct fault *fault)
{
	struct pod_diag diag = {0};
	struct stat sb;
	enum pod_status st;
	size_t len;

	if (stat(file, &sb) == 0 && !S_ISREG(sb.st_mode)) {
		fault_set(fault, _("%s: not a file"), file);
		return false;
	}
	m->text = inventory_slurp(file, POD_INVENTORY_SIZE_MAX, &len);
	if (!m->text) {
		fault_set(fault, "%s: %s", file, strerror(errno));
		return false;
	}
	st = pod_inventory_parse(m->text, len, &cli_alloc, &m->inv, &diag);
	return st == POD_OK || explain(file, st, &diag, fault);
}

static char *dmi(const struct doctor_machine *m, const char *name)
{
	char *path = cli_xasprintf("/sys/class/dmi/id/%s", name), *text = inventory_line(m, path);

	free(path);
	return text;
}

struct doctor_machine *doctor_machine_open(const char *inventory, struct fault *fault)
{
	struct doctor_machine *m = cli_xzalloc(sizeof *m);
	char *vendor, *model;

	m->saved = inventory != NULL;
	if (inventory && !open_saved(m, inventory, fault)) {
		doctor_machine_close(m);
		return NULL;
	}
	if (!inventory) {
		m->name = cli_xstrdup(_("this machine"));
		return m;
	}
	vendor = dmi(m, "sys_vendor");
	model = dmi(m, "product_name");
	if (vendor && model)
		m->name = cli_xasprintf("%s %s", vendor, model);
	else
		m->name = cli_xstrdup(_("the machine of the inventory"));
	free(vendor);
	free(model);
	return m;
}

void doctor_machine_close(struct doctor_machine *m)
{
	if (!m)
		return;
	pod_inventory_free(&m->inv);
	free(m->text);
	free(m->name);
	free(m);
}

const char *doctor_machine_name(const struct doctor_machine *m)
{
	return m->name;
}

bool inventory_is_saved(const struct doctor_machine *m)
{
	return m->saved;
}

/* --- files, folders, links ------------------------------------------------------------------------------------------------ */

char *doctor_machine_read(const struct doctor_machine *m, const char *path, size_t *len)
{
	const struct pod_inventory_entry *e;
	char *full, *text;

	if (!m->saved) {
		full = live_path(path);
		text = inventory_slurp(full, LIVE_FILE_MAX, len);
		free(full);
		return text;
	}
	e = pod_inventory_find(&m->inv, path);
	if (!e || e->kind == POD_INVENTORY_LINK)
		return NULL;
	text = cli_xmalloc(e->len + 1);
	memcpy(text, e->data, e->len + 1);
	if (len)
		*len = e->len;
	return text;
}

char *doctor_machine_link(const struct doctor_machine *m, const char *path)
{
	const struct pod_inventory_entry *e;
	char buf[1024], *full;
	ssize_t n;

	if (!m->saved) {
		full = live_path(path);
		n = readlink(full, buf, sizeof buf - 1);
		free(full);
		return n < 0 ? NULL : strndup(buf, (size_t)n);
	}
	e = pod_inventory_find(&m->inv, path);
	return e && e->kind == POD_INVENTORY_LINK ? cli_xstrdup(e->data) : NULL;
}

struct names {
	char **v;
	size_t n, cap, bytes;
};

static void names_add(struct names *s, const char *name, size_t len)
{
	if (s->n == s->cap) {
		s->cap = s->cap ? s->cap * 2 : 64;
		s->v = cli_xrealloc(s->v, s->cap, sizeof *s->v);
	}
	s->v[s->n++] = cli_xasprintf("%.*s", (int)len, name);
	s->bytes += len + 1;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorted, in one allocation. */
static char **names_pack(struct names *s)
{
	char **out = cli_xmalloc((s->n + 1) * sizeof *out + s->bytes), *text = (char *)(out + s->n + 1);

	if (s->n)
		qsort(s->v, s->n, sizeof *s->v, by_name);
	for (size_t i = 0; i < s->n; i++) {
		out[i] = text;
		text = stpcpy(text, s->v[i]) + 1;
		free(s->v[i]);
	}
	out[s->n] = NULL;
	free(s->v);
	return out;
}

static bool list_live(const char *path, struct names *s)
{
	char *full = live_path(path);
	DIR *dir = opendir(full);
	const struct dirent *d;

	free(full);
	if (!dir)
		return false;
	while ((d = readdir(dir)) != NULL)
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			names_add(s, d->d_name, strlen(d->d_name));
	closedir(dir);
	return true;
}

static bool list_saved(const struct pod_inventory *inv, const char *path, struct names *s)
{
	char *prefix = cli_xasprintf("%s/", path);
	size_t plen = strlen(prefix);
	const char *last = NULL;
	size_t last_len = 0;

	for (size_t i = pod_inventory_lower(inv, prefix); i < inv->count && strncmp(inv->entry[i].path, prefix, plen) == 0; i++) {
		const char *name = inv->entry[i].path + plen;
		size_t len = strcspn(name, "/");

		/* A name's own entries need not be neighbours ("a", "a-b", "a/x"): what comes twice is taken out below. */
		if (!last || last_len != len || memcmp(last, name, len) != 0)
			names_add(s, name, len);
		last = name;
		last_len = len;
	}
	free(prefix);
	if (s->n)
		qsort(s->v, s->n, sizeof *s->v, by_name);
	for (size_t i = 1; i < s->n; i++)
		if (strcmp(s->v[i - 1], s->v[i]) == 0) {
			free(s->v[i - 1]);
			memmove(&s->v[i - 1], &s->v[i], (s->n - i) * sizeof *s->v);
			s->n--;
			i--;
		}
	return s->n > 0;
}

char **doctor_machine_list(const struct doctor_machine *m, const char *path)
{
	struct names s = {0};

	if (!(m->saved ? list_saved(&m->inv, path, &s) : list_live(path, &s)))
		return NULL;
	return names_pack(&s);
}

/* --- helpers for the checks ----------------------------------------------------------------------------------------------- */

char *inventory_line(const struct doctor_machine *m, const char *path)
{
	char *text = doctor_machine_read(m, path, NULL);
	size_t n;

	if (!text)
		return NULL;
	text[strcspn(text, "\n")] = 0;
	n = strlen(text);
	while (n && (text[n - 1] == ' ' || text[n - 1] == '\t' || text[n - 1] == '\r'))
		text[--n] = 0;
	if (!n) {
		free(text);
		return NULL;
	}
	return text;
}
