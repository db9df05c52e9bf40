/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>
#include "cli/doctor/modules.h"

#define VALUE_MAX 512  /* bytes of a pattern */
#define ALIAS_MAX 1024 /* with the module's name */

/* "a/b/usb-storage.ko.xz" -> "usb_storage"; NULL if it is no module's name. The caller frees. */
static char *module_name(const char *path, size_t len)
{
	const char *base = memrchr(path, '/', len);
	char *name, *end;

	base = base ? base + 1 : path;
	len -= (size_t)(base - path);
	if (!len || len > 200)
		return NULL;
	name = cli_xasprintf("%.*s", (int)len, base);
	end = strstr(name, ".ko");
	if (end && (end[3] == 0 || end[3] == '.'))
		*end = 0;
	for (char *c = name; *c; c++)
		if (*c == '-')
			*c = '_';
	return name;
}

static void names_add(struct modules_names *s, char *name)
{
	void *v = s->v;

	if (!name)
		return;
	if (pod_grow(&cli_alloc, &v, s->n, &s->cap, s->n + 1, sizeof *s->v, MODULES_NAME_MAX) != POD_OK) {
		free(name);
		return;
	}
	s->v = v;
	s->v[s->n++] = name;
	s->sorted = false;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool names_has(struct modules_names *s, const char *name)
{
	if (!s->n)
		return false;
	if (!s->sorted)
		qsort(s->v, s->n, sizeof *s->v, by_name);
	s->sorted = true;
	return bsearch(&name, s->v, s->n, sizeof *s->v, by_name) != NULL;
}

static void names_free(struct modules_names *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->v[i]);
	pod_free(&cli_alloc, s->v);
	memset(s, 0, sizeof *s);
}

/* "lib/modules/6.1.0-13-amd64/modules.alias": where the part behind the version starts, or NULL. */
static const char *below_version(const char *path, const char **version, size_t *version_len)
{
	const char *at = strstr(path, "lib/modules/"), *slash;

	if (!at || (at != path && at[-1] != '/'))
		return NULL;
	at += strlen("lib/modules/");
	slash = strchr(at, '/');
	if (!slash || slash == at)
		return NULL;
	*version = at;
	*version_len = (size_t)(slash - at);
	return slash + 1;
}

bool modules_wants(const char *path)
{
	const char *version;
	size_t n;

	return below_version(path, &version, &n) != NULL;
}

bool modules_wants_content(const char *path)
{
	const char *version, *rest;
	size_t n;

	rest = below_version(path, &version, &n);
	return rest && (strcmp(rest, "modules.alias") == 0 || strcmp(rest, "modules.builtin") == 0 ||
			strcmp(rest, "modules.builtin.modinfo") == 0);
}

static void add_alias(struct modules *m, const char *pattern, char *module)
{
	void *v = m->alias;

	for (char *c = module; *c; c++)
		if (*c == '-')
			*c = '_';
	if (pod_grow(&cli_alloc, &v, m->alias_count, &m->alias_cap, m->alias_count + 1, sizeof *m->alias, MODULES_ALIAS_MAX) !=
	    POD_OK)
		return;
	m->alias = v;
	m->alias[m->alias_count++] = (struct modules_alias){pattern, module, strcspn(pattern, "*?[")};
}

/* Lines "alias PATTERN MODULE". */
static void parse_alias(struct modules *m, char *text)
{
	for (char *save = NULL, *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *pattern, *module;

		if (strncmp(line, "alias ", 6) != 0)
			continue;
		pattern = line + 6;
		module = strchr(pattern, ' ');
		if (!module)
			continue;
		*module++ = 0;
		add_alias(m, pattern, module);
	}
	m->has_alias = true;
}

static void parse_builtin(struct modules *m, const char *text)
{
	while (*text) {
		size_t n = strcspn(text, "\n");

		names_add(&m->builtin, module_name(text, n));
		text += n + (text[n] == '\n');
	}
	m->has_builtin = true;
}

/* NUL-terminated "MODULE.alias=PATTERN" among others. */
static void parse_modinfo(struct modules *m, char *text, size_t len)
{
	for (size_t at = 0; at < len; at += strlen(text + at) + 1) {
		char *dot = strchr(text + at, '.');

		if (dot && strncmp(dot, ".alias=", 7) == 0) {
			*dot = 0;
			add_alias(m, dot + 7, text + at);
			/* the loop goes on behind the whole string */
			at += strlen(text + at) + 1;
		}
	}
	m->has_builtin_alias = true;
}

static void keep(struct modules *m, char *data)
{
	if (m->text_count == m->text_cap) {
		m->text_cap = m->text_cap ? 2 * m->text_cap : 64;
		m->text = cli_xrealloc(m->text, m->text_cap, sizeof *m->text);
	}
	m->text[m->text_count++] = data;
}

void modules_add(struct modules *m, const char *path, char *data, size_t len)
{
	const char *version, *rest;
	size_t n;

	rest = below_version(path, &version, &n);
	if (!rest) {
		free(data);
		return;
	}
	m->several |= m->kernel && (strlen(m->kernel) != n || strncmp(m->kernel, version, n) != 0);
	if (!m->kernel)
		m->kernel = cli_xasprintf("%.*s", (int)n, version);
	if (data) {
		/* Three for each kernel: ten kernels in one initrd are more than anybody ships. */
		if (++m->depmod_files > 32) {
			free(data);
			return;
		}
		keep(m, data);
		if (strcmp(rest, "modules.alias") == 0)
			parse_alias(m, data);
		else if (strcmp(rest, "modules.builtin") == 0)
			parse_builtin(m, data);
		else if (strcmp(rest, "modules.builtin.modinfo") == 0)
			parse_modinfo(m, data, len);
		return;
	}
	if (strstr(rest, ".ko"))
		names_add(&m->file, module_name(rest, strlen(rest)));
}

void modules_add_ko(struct modules *m, const char *path, const char *data, size_t len)
{
	static const char key[] = "alias=";
	const char *end = data + len, *at = data;
	char *name = module_name(path, strlen(path));
	size_t found = 0;

	while (name && found < 4096 && m->alias_count < MODULES_ALIAS_MAX &&
	       (at = memmem(at, (size_t)(end - at), key, sizeof key - 1)) != NULL) {
		const char *value = at + sizeof key - 1, *stop = memchr(value, 0, (size_t)(end - value));

		/* .modinfo: strings with a NUL before and behind each */
		if (at > data && at[-1] == 0 && stop && stop - value < VALUE_MAX) {
			char *both = cli_xasprintf("%s%c%s", value, 1, name), *cut = strchr(both, 1);

			*cut = 0;
			keep(m, both);
			add_alias(m, both, cut + 1);
			found++;
		}
		at = value;
	}
	free(name);
}

bool modules_add_alias(struct modules *m, const char *text, size_t len)
{
	char *both = cli_xmalloc(len + 1), *cut;

	memcpy(both, text, len);
	both[len] = 0;
	cut = strchr(both, 1);
	if (len > ALIAS_MAX || !cut || strlen(both) != len || m->alias_count >= MODULES_ALIAS_MAX) {
		free(both);
		return m->alias_count >= MODULES_ALIAS_MAX;
	}
	*cut = 0;
	keep(m, both);
	add_alias(m, both, cut + 1);
	return true;
}

void modules_add_dep(struct modules *m, const char *folder, char *text)
{
	for (char *save = NULL, *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *path;

		line[strcspn(line, ":")] = 0;
		path = cli_xasprintf("%s/%s", folder, line);
		modules_add(m, path, NULL, 0);
		free(path);
	}
}

void modules_free(struct modules *m)
{
	names_free(&m->file);
	names_free(&m->builtin);
	for (size_t i = 0; i < m->text_count; i++)
		free(m->text[i]);
	pod_free(&cli_alloc, m->text);
	pod_free(&cli_alloc, m->alias);
	free(m->kernel);
	memset(m, 0, sizeof *m);
}

static bool present(struct modules *m, const char *name)
{
	return names_has(&m->file, name) || names_has(&m->builtin, name);
}

enum modules_has modules_has(struct modules *m, const char *name)
{
	char *plain = module_name(name, strlen(name));
	bool is = plain && present(m, plain);

	free(plain);
	if (is)
		return MODULES_YES;
	return m->has_builtin && !m->incomplete ? MODULES_NO : MODULES_UNKNOWN;
}

/* [0-9a-f] and the like at p; NULL: no closing bracket. */
static const char *in_class(const char *p, char c, bool *hit)
{
	*hit = false;
	for (p++; *p && *p != ']'; p++) {
		if (p[1] == '-' && p[2] && p[2] != ']') {
			*hit |= c >= p[0] && c <= p[2];
			p += 2;
		} else {
			*hit |= c == *p;
		}
	}
	return *p ? p + 1 : NULL;
}

/* As fnmatch(3), in time that grows with the product of both lengths at most, whatever the pattern: it comes out of an image. */
static bool glob(const char *pattern, const char *text)
{
	const char *star = NULL, *back = NULL;

	for (;;) {
		const char *next = NULL;
		bool hit = *text != 0;

		if (*pattern == '*') {
			star = ++pattern;
			back = text;
			continue;
		}
		if (!*pattern && !*text)
			return true;
		if (*pattern == '[' && *text) {
			next = in_class(pattern, *text, &hit);
			hit &= next != NULL;
		} else if (*pattern && *text) {
			hit = *pattern == '?' || *pattern == *text;
			next = pattern + 1;
		} else {
			hit = false;
		}
		if (hit) {
			pattern = next;
			text++;
		} else if (star && *back) {
			pattern = star;
			text = ++back;
		} else {
			return false;
		}
	}
}

const char *modules_match(struct modules *m, const char *modalias)
{
	for (size_t i = 0; i < m->alias_count; i++) {
		const struct modules_alias *a = &m->alias[i];

		if (strncmp(a->pattern, modalias, a->literal) == 0 && glob(a->pattern, modalias) && present(m, a->module))
			return a->module;
	}
	return NULL;
}

void modules_learn_builtin(struct modules *m, const struct modules *from)
{
	if (!m->has_builtin && from->has_builtin) {
		for (size_t i = 0; i < from->builtin.n; i++)
			names_add(&m->builtin, cli_xstrdup(from->builtin.v[i]));
		m->has_builtin = true;
	}
	m->has_builtin_alias |= from->has_builtin_alias;
	/* All aliases: those of modules that `m` does not have find nothing in it. */
	for (size_t i = 0; i < from->alias_count; i++) {
		char *both = cli_xasprintf("%s%c%s", from->alias[i].pattern, 1, from->alias[i].module), *cut = strchr(both, 1);

		*cut = 0;
		keep(m, both);
		add_alias(m, both, cut + 1);
	}
}
