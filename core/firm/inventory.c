/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading an inventory: doc/FORMATS/inventory.md. Fields are decoded where they stand: decoded is never longer than written. */
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/firm/inventory.h"

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = pod_tolower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Escaped text to bytes, in place; SIZE_MAX if it is malformed. */
static size_t unescape(char *s, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (s[i] != '\\') {
			s[n++] = s[i];
			continue;
		}
		if (++i == len)
			return SIZE_MAX;
		if (s[i] == 'n') {
			s[n++] = '\n';
		} else if (s[i] == 't') {
			s[n++] = '\t';
		} else if (s[i] == '\\') {
			s[n++] = '\\';
		} else if (s[i] == 'x' && len - i > 2 && hex(s[i + 1]) >= 0 && hex(s[i + 2]) >= 0) {
			s[n++] = (char)(uint8_t)(hex(s[i + 1]) * 16 + hex(s[i + 2]));
			i += 2;
		} else {
			return SIZE_MAX;
		}
	}
	return n;
}

static int base64(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static size_t unbase64(char *s, size_t len)
{
	size_t n = 0, body = len;

	if (len % 4)
		return SIZE_MAX;
	if (len && s[len - 1] == '=')
		body = len - (s[len - 2] == '=' ? 2u : 1u);
	for (size_t i = 0; i < len; i += 4) {
		uint32_t v = 0;

		for (size_t k = 0; k < 4; k++) {
			int d = i + k < body ? base64(s[i + k]) : 0;

			if (d < 0)
				return SIZE_MAX;
			v = v << 6 | (uint32_t)d;
		}
		for (size_t k = 0; k < 3 && i + k + 1 < body; k++)
			s[n++] = (char)(uint8_t)(v >> (16 - 8 * k));
	}
	return n;
}

static bool good_path(const char *p, size_t len)
{
	size_t start = 1;

	if (len < 2 || len >= POD_INVENTORY_PATH_MAX || p[0] != '/')
		return false;
	for (size_t i = 1; i <= len; i++) {
		size_t n = i - start;

		if (i < len && (uint8_t)p[i] < 0x20)
			return false;
		if (i < len && p[i] != '/')
			continue;
		if (!n || (n == 1 && p[start] == '.') || (n == 2 && p[start] == '.' && p[start + 1] == '.'))
			return false;
		start = i + 1;
	}
	return true;
}

static bool keyword(const char *line, size_t len, enum pod_inventory_kind *kind)
{
	static const char word[3][5] = {"text", "data", "link"};

	for (unsigned k = 0; k < 3; k++)
		if (len > 5 && memcmp(line, word[k], 4) == 0 && line[4] == ' ') {
			*kind = (enum pod_inventory_kind)k;
			return true;
		}
	return false;
}

/* One line, without its end; line[len] may be overwritten. */
static enum pod_status parse_line(struct pod_inventory *inv, char *line, size_t len, size_t number, struct pod_diag *diag)
{
	struct pod_inventory_entry e = {0};
	size_t path_len = 0, value;
	char *p = line + 5;

	if (!len || line[0] == '#')
		return POD_OK;
	if (!keyword(line, len, &e.kind))
		return pod_fail(diag, POD_E_CORRUPT, "keyword", number, 0, 0);
	len -= 5;
	while (path_len < len && p[path_len] != ' ')
		path_len++;
	value = path_len < len ? path_len + 1 : len;
	e.data = p + value;
	e.len = e.kind == POD_INVENTORY_DATA ? unbase64(p + value, len - value) : unescape(p + value, len - value);
	if (e.len == SIZE_MAX)
		return pod_fail(diag, POD_E_CORRUPT, e.kind == POD_INVENTORY_DATA ? "base64" : "escape", number, 0, 0);
	p[value + e.len] = 0;
	path_len = unescape(p, path_len);
	if (path_len == SIZE_MAX || !good_path(p, path_len))
		return pod_fail(diag, POD_E_CORRUPT, "path", number, 0, 0);
	p[path_len] = 0;
	/* An empty content stands where the path's NUL went. */
	e.path = p;
	if (!e.len)
		e.data = p + path_len;
	if (inv->count >= POD_INVENTORY_ENTRY_MAX)
		return pod_fail(diag, POD_E_LIMIT, "entries", number, POD_INVENTORY_ENTRY_MAX, inv->count);
	{
		enum pod_status st = pod_grow(inv->alloc, (void **)&inv->entry, inv->count, &inv->cap, inv->count + 1,
					      sizeof *inv->entry, POD_INVENTORY_ENTRY_MAX);
		if (st != POD_OK)
			return pod_fail(diag, st, "entries", number, 0, 0);
	}
	inv->entry[inv->count++] = e;
	return POD_OK;
}

static void sift(struct pod_inventory_entry *v, size_t root, size_t n)
{
	for (;;) {
		size_t child = 2 * root + 1;
		struct pod_inventory_entry t = v[root];

		if (child >= n)
			return;
		if (child + 1 < n && pod_strcmp(v[child].path, v[child + 1].path) < 0)
			child++;
		if (pod_strcmp(t.path, v[child].path) >= 0)
			return;
		v[root] = v[child];
		v[child] = t;
		root = child;
	}
}

/* Heap sort: bounded whatever the order. */
static void sort(struct pod_inventory_entry *v, size_t n)
{
	for (size_t i = n / 2; i-- > 0;)
		sift(v, i, n);
	for (size_t i = n; i-- > 1;) {
		struct pod_inventory_entry t = v[0];

		v[0] = v[i];
		v[i] = t;
		sift(v, 0, i);
	}
}

static enum pod_status parse_lines(struct pod_inventory *inv, char *text, size_t len, struct pod_diag *diag)
{
	static const char magic[] = POD_INVENTORY_MAGIC;
	size_t at = 0, number = 0;

	while (at < len) {
		char *line = text + at;
		size_t n = 0, cut;

		while (at + n < len && line[n] != '\n')
			n++;
		at += n + 1;
		cut = n && line[n - 1] == '\r' ? n - 1 : n;
		number++;
		if (number > 1)
			POD_TRY(parse_line(inv, line, cut, number, diag));
		else if (cut != sizeof magic - 1 || memcmp(line, magic, cut) != 0)
			return pod_fail(diag, POD_E_FORMAT, "first line", number, 0, 0);
	}
	return number ? POD_OK : pod_fail(diag, POD_E_FORMAT, "first line", 1, 0, 0);
}

enum pod_status pod_inventory_parse(char *text, size_t len, struct pod_alloc *a, struct pod_inventory *out, struct pod_diag *diag)
{
	enum pod_status st;

	memset(out, 0, sizeof *out);
	out->alloc = a;
	st = len > POD_INVENTORY_SIZE_MAX ? pod_fail(diag, POD_E_LIMIT, "size", 0, POD_INVENTORY_SIZE_MAX, len)
					  : parse_lines(out, text, len, diag);
	if (st == POD_OK) {
		sort(out->entry, out->count);
		for (size_t i = 1; i < out->count && st == POD_OK; i++)
			if (pod_streq(out->entry[i - 1].path, out->entry[i].path))
				st = pod_fail(diag, POD_E_CORRUPT, "path given twice", 0, 0, 0);
	}
	if (st != POD_OK)
		pod_inventory_free(out);
	return st;
}

void pod_inventory_free(struct pod_inventory *inv)
{
	if (inv->alloc)
		pod_free(inv->alloc, inv->entry);
	memset(inv, 0, sizeof *inv);
}

size_t pod_inventory_lower(const struct pod_inventory *inv, const char *path)
{
	size_t lo = 0, hi = inv->count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (pod_strcmp(inv->entry[mid].path, path) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

const struct pod_inventory_entry *pod_inventory_find(const struct pod_inventory *inv, const char *path)
{
	size_t i = pod_inventory_lower(inv, path);

	return i < inv->count && pod_streq(inv->entry[i].path, path) ? &inv->entry[i] : NULL;
}
