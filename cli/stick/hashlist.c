/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>
#include "cli/ui/ui.h"
#include "cli/host/identity.h"
#include "cli/stick/hashlist.h"
#include "core/base/str.h"

#define HASHLIST_MAX (16u << 20)

/* Takes `item` with its path. */
static void append(struct cli_hashlist *l, const struct cli_hash *item)
{
	void *v = l->item;

	if (pod_grow(&cli_alloc, &v, l->count, &l->cap, l->count + 1, sizeof *l->item, SIZE_MAX / sizeof *l->item) != POD_OK) {
		free(item->path);
		return;
	}
	l->item = v;
	l->item[l->count++] = *item;
}

static bool is_hex(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!((s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'f')))
			return false;
	return true;
}

/* A name as it stands in a line, with `escaped` \n, \r and \\ in it, as a path from the root. NULL: no file can be meant. */
static char *parse_name(const char *s, size_t n, bool escaped)
{
	char *path = cli_xmalloc(n + 2), *w = path + 1;
	const char *name = w;

	for (size_t i = 0; i < n; i++) {
		char c = s[i];

		if (escaped && c == '\\') {
			c = ++i < n ? s[i] : '\0';
			c = c == 'n' ? '\n' : c == 'r' ? '\r' : c == '\\' ? c : '\0';
		}
		if (c == '\0') {
			free(path);
			return NULL;
		}
		*w++ = c;
	}
	*w = '\0';
	while (*name == '/' || (name[0] == '.' && name[1] == '/'))
		name++;
	path[0] = '/';
	memmove(path + 1, name, (size_t)(w - name) + 1);
	if (path[1])
		return path;
	free(path);
	return NULL;
}

/* One line: "<hex>  <name>" or "\<hex>  <escaped name>", " *" for binary mode. */
static bool parse_line(struct cli_hash *item, const char *s, size_t n)
{
	bool escaped = n && s[0] == '\\';

	if (escaped) {
		s++;
		n--;
	}
	if (n && s[n - 1] == '\r')
		n--;
	if (n < 67 || !is_hex(s, 64) || s[64] != ' ' || (s[65] != ' ' && s[65] != '*'))
		return false;
	memcpy(item->hex, s, 64);
	item->hex[64] = '\0';
	item->path = parse_name(s + 66, n - 66, escaped);
	return item->path != NULL;
}

/* The number behind `word`. One that is too large is clamped, and then fits no file. */
static bool take_number(const char **s, const char *word, long long *out)
{
	const char *p = *s + strspn(*s, " \t");
	size_t n = strlen(word);
	char *end;

	if (strncmp(p, word, n) != 0)
		return false;
	*out = strtoll(p + n, &end, 10);
	*s = end;
	return end != p + n;
}

/* "# size 123 mtime 456 recorded 789"; without the last before 0.3.0 */
static void parse_comment(struct cli_hash *item, const char *s, size_t n)
{
	char line[80];
	const char *p = line + 1;
	long long size, mtime, recorded;

	if (n >= sizeof line)
		return;
	memcpy(line, s, n);
	line[n] = '\0';
	item->has_state = take_number(&p, "size", &size) && take_number(&p, "mtime", &mtime);
	if (item->has_state) {
		item->size_bytes = (uint64_t)size;
		item->mtime = mtime;
		item->recorded = take_number(&p, "recorded", &recorded) ? recorded : 0;
	}
}

void cli_hashlist_parse(struct cli_hashlist *l, const char *text, size_t len)
{
	const char *end = text + len;
	struct cli_hash item = {0};

	while (text < end) {
		const char *nl = memchr(text, '\n', (size_t)(end - text));
		size_t n = (size_t)((nl ? nl : end) - text);

		if (n && text[0] == '#') {
			parse_comment(&item, text, n);
		} else {
			if (parse_line(&item, text, n))
				append(l, &item);
			memset(&item, 0, sizeof item);
		}
		text += n + 1;
	}
}

void cli_hashlist_load(struct cli_hashlist *l, struct cli_target *t)
{
	struct pod_node node;
	char *text;

	memset(l, 0, sizeof *l);
	if (pod_fs_lookup(&t->data, CLI_HASHLIST_PATH, &node, &t->scratch) != POD_OK || node.is_dir ||
	    node.size_bytes > HASHLIST_MAX)
		return;
	text = cli_xmalloc((size_t)node.size_bytes + 1);
	if (pod_fs_read(&t->data, &node, 0, text, (size_t)node.size_bytes) == POD_OK)
		cli_hashlist_parse(l, text, (size_t)node.size_bytes);
	for (size_t i = 0; i < l->count; i++)
		if (l->item[i].recorded == 0)
			l->item[i].recorded = node.mtime;
	free(text);
}

void cli_hashlist_free(struct cli_hashlist *l)
{
	for (size_t i = 0; i < l->count; i++)
		free(l->item[i].path);
	pod_free(&cli_alloc, l->item);
	memset(l, 0, sizeof *l);
}

const struct cli_hash *cli_hashlist_get(const struct cli_hashlist *l, const char *path, const struct pod_node *node)
{
	/* Of two lines for one path the later one counts. */
	for (size_t i = l->count; i-- > 0;) {
		const struct cli_hash *h = &l->item[i];

		if (pod_strcasecmp(h->path, path) != 0)
			continue;
		if (h->has_state && (h->size_bytes != node->size_bytes || h->mtime != node->mtime))
			return NULL;
		return h;
	}
	return NULL;
}

/* True if `path` is `top` or lies in it. */
static bool is_below(const char *path, const char *top)
{
	size_t n = strlen(top);

	return pod_strncasecmp(path, top, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

bool cli_hashlist_drop(struct cli_hashlist *l, const char *path)
{
	size_t kept = 0, before = l->count;

	for (size_t i = 0; i < l->count; i++) {
		if (is_below(l->item[i].path, path))
			free(l->item[i].path);
		else
			l->item[kept++] = l->item[i];
	}
	l->count = kept;
	return kept != before;
}

void cli_hashlist_set(struct cli_hashlist *l, const char *path, const struct pod_node *node, const char *hex)
{
	struct cli_hash item = {
		.has_state = true,
		.size_bytes = node->size_bytes,
		.mtime = node->mtime,
		.recorded = cli_identity_time(NULL),
		.path = cli_xstrdup(path),
	};

	cli_hashlist_drop(l, path);
	pod_strlcpy(item.hex, hex, sizeof item.hex);
	append(l, &item);
}

bool cli_hashlist_rename(struct cli_hashlist *l, const char *from, const char *to)
{
	size_t n = strlen(from);
	bool changed = false;

	for (size_t i = 0; i < l->count; i++) {
		char *p = l->item[i].path;

		if (is_below(p, from)) {
			l->item[i].path = cli_xasprintf("%s%s", to, p + n);
			free(p);
			changed = true;
		}
	}
	return changed;
}

static size_t put_entry(char *out, const struct cli_hash *h)
{
	bool escape = strpbrk(h->path, "\n\r\\") != NULL;
	char *w = out;

	if (h->has_state)
		w += sprintf(w, "# size %llu mtime %lld recorded %lld\n", (unsigned long long)h->size_bytes, (long long)h->mtime,
			     (long long)h->recorded);
	if (escape)
		*w++ = '\\';
	memcpy(w, h->hex, 64);
	w += 64;
	*w++ = ' ';
	*w++ = ' ';
	for (const char *p = h->path + 1; *p; p++) {
		if (*p == '\n' || *p == '\r' || *p == '\\') {
			*w++ = '\\';
			*w++ = *p == '\n' ? 'n' : *p == '\r' ? 'r' : '\\';
		} else {
			*w++ = *p;
		}
	}
	*w++ = '\n';
	return (size_t)(w - out);
}

char *cli_hashlist_text(const struct cli_hashlist *l, size_t *len)
{
	size_t cap = 1;
	char *text, *w;

	for (size_t i = 0; i < l->count; i++)
		cap += 110 + 64 + 4 + 2 * strlen(l->item[i].path);
	w = text = cli_xmalloc(cap);
	for (size_t i = 0; i < l->count; i++)
		w += put_entry(w, &l->item[i]);
	*w = '\0';
	*len = (size_t)(w - text);
	return text;
}
