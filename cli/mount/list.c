/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>
#include "cli/mount/list.h"
#include "core/base/str.h"

/* --- names ---------------------------------------------------------------------------------------------- */

/* How many bytes at `s` make up one character that is shown as it is; 0: none. */
static size_t printable(const char *s, size_t left)
{
	const char *p = s;
	uint32_t c = pod_utf8_next(&p, left);

	/* U+FFFD is also what malformed bytes become, one at a time. */
	if (c == 0xfffd && p - s == 1)
		return 0;
	/* C0, DEL, C1; line and paragraph separators; marks that turn the direction of text */
	if (c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029 || (c >= 0x202a && c <= 0x202e) ||
	    (c >= 0x2066 && c <= 0x2069))
		return 0;
	return (size_t)(p - s);
}

bool list_show_name(const char *name, char *buf, size_t size)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t len = strlen(name), at = 0;

	for (size_t i = 0; i < len;) {
		size_t n = printable(name + i, len - i);

		if (at + (n ? n : 3) >= size)
			return false;
		if (n) {
			memcpy(buf + at, name + i, n);
			at += n;
			i += n;
		} else {
			uint8_t c = (uint8_t)name[i++];

			buf[at++] = '%';
			buf[at++] = hex[c >> 4];
			buf[at++] = hex[c & 15];
		}
	}
	buf[at] = '\0';
	return at > 0;
}

/* --- links ---------------------------------------------------------------------------------------------- */

/* Appends the components of `from` to the path in `buf` ("" or "/a/b"); ".." takes one away, at the root nothing. */
static bool append(char *buf, size_t size, const char *from)
{
	size_t at = strlen(buf);

	while (*from) {
		size_t n = strcspn(from, "/");

		if (n == 2 && from[0] == '.' && from[1] == '.') {
			while (at && buf[--at] != '/')
				;
		} else if (n && !(n == 1 && from[0] == '.')) {
			if (n + 2 > size - at)
				return false;
			buf[at++] = '/';
			memcpy(buf + at, from, n);
			at += n;
		}
		buf[at] = '\0';
		from += n;
		from += *from == '/';
	}
	return true;
}

/* "../" as many times as the link lies deep, then the path, which begins with a slash or is empty: the root itself. */
static bool put_target(const char *path, unsigned depth, char *buf, size_t size)
{
	size_t at = 0, n = strlen(path);

	if (3u * depth + n + 2 > size)
		return false;
	for (unsigned i = 0; i < depth; i++, at += 3)
		memcpy(buf + at, "../", 3);
	if (n)
		memcpy(buf + at, path + 1, n);
	else if (depth)
		buf[at - 1] = '\0';
	else
		memcpy(buf, ".", 2);
	return true;
}

bool list_show_target(const char *target, const char *folder, unsigned depth, char *buf, size_t size)
{
	char *shown = cli_xmalloc(POD_PATH_MAX), *path = cli_xzalloc(POD_PATH_MAX);
	bool ok = list_show_name(target, shown, POD_PATH_MAX) && (shown[0] == '/' || append(path, POD_PATH_MAX, folder)) &&
		  append(path, POD_PATH_MAX, shown) && put_target(path, depth, buf, size);

	free(path);
	free(shown);
	return ok;
}

/* --- lists ---------------------------------------------------------------------------------------------- */

struct tree_list *list_new(void)
{
	struct tree_list *l = cli_xzalloc(sizeof *l);

	l->refs = 1;
	return l;
}

enum pod_status list_add(struct tree_list *l, enum entry_kind kind, unsigned volume, const char *name,
			 const struct pod_node *node)
{
	size_t n = strlen(name) + 1;

	if (l->n == TREE_LIST_MAX)
		return POD_E_LIMIT;
	if (l->n == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 32;
		l->v = cli_xrealloc(l->v, l->cap, sizeof *l->v);
	}
	if (l->names_cap - l->names_len < n) {
		l->names_cap = 2 * l->names_cap + n + 512;
		l->names = cli_xrealloc(l->names, l->names_cap, 1);
	}
	l->v[l->n] = (struct list_entry){.kind = kind, .volume = volume, .name = l->names_len, .order = l->n};
	if (node)
		l->v[l->n].node = *node;
	l->n++;
	memcpy(l->names + l->names_len, name, n);
	l->names_len += n;
	return POD_OK;
}

enum pod_status list_fill(struct tree_list *l, struct pod_fs *fs, const struct pod_node *folder, unsigned volume)
{
	struct pod_dirent *e = cli_xmalloc(sizeof *e);
	char name[TREE_NAME_MAX + 1];
	struct pod_dir dir;
	enum pod_status st = pod_dir_open(&dir, fs, folder);

	while (st == POD_OK && (st = pod_dir_next_listed(&dir, e)) == POD_OK)
		if (list_show_name(e->name, name, sizeof name))
			st = list_add(l, ENTRY_NODE, volume, name, &e->node);
	free(e);
	l->sure = !fs->ops->complete;
	return st == POD_END ? POD_OK : st;
}

static int by_name(const void *a, const void *b, void *names)
{
	const struct list_entry *x = a, *y = b;
	int c = strcmp((const char *)names + x->name, (const char *)names + y->name);

	return c ? c : (x->order > y->order) - (x->order < y->order);
}

void list_finish(struct tree_list *l)
{
	size_t kept = 0;

	if (!l->n)
		return;
	qsort_r(l->v, l->n, sizeof *l->v, by_name, l->names);
	for (size_t i = 0; i < l->n; i++)
		if (!i || strcmp(l->names + l->v[i].name, l->names + l->v[kept - 1].name) != 0)
			l->v[kept++] = l->v[i];
	l->n = kept;
}

const struct list_entry *list_find(const struct tree_list *l, const char *name)
{
	size_t low = 0, high = l->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int c = strcmp(l->names + l->v[mid].name, name);

		if (c == 0)
			return &l->v[mid];
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

size_t list_bytes(const struct tree_list *l)
{
	return sizeof *l + l->cap * sizeof *l->v + l->names_cap;
}

const char *tree_list_name(const struct tree_list *l, uint64_t index, enum tree_kind *kind, bool *sure)
{
	const struct list_entry *e = index < l->n ? &l->v[index] : NULL;

	if (!e)
		return NULL;
	*kind = e->node.is_link ? TREE_LINK : e->node.is_dir || e->kind == ENTRY_FILES ? TREE_FOLDER : TREE_FILE;
	*sure = l->sure || e->kind != ENTRY_NODE || *kind != TREE_FILE;
	return l->names + e->name;
}

void tree_list_close(struct tree_list *l)
{
	if (!l || --l->refs)
		return;
	free(l->v);
	free(l->names);
	free(l);
}
