/* SPDX-License-Identifier: BSD-2-Clause */
/* The tree of layers in memory. Its bytes: index_disk.c. */
#include "core/layer/index.h"
#include "core/base/guid.h"
#include "core/base/mem.h"
#include "core/base/str.h"

const uint8_t pod_store_spare_linkage[16] = {'i', 's', 'o', 'p', 'o', 'd', ' ', 0x4c, 0x8d, 's', 'p', 'a', 'r', 'e', ' ', '1'};

void pod_store_init(struct pod_store *s, struct pod_alloc *a)
{
	memset(s, 0, sizeof *s);
	s->alloc = a;
}

void pod_store_fini(struct pod_store *s)
{
	if (s->alloc) {
		pod_free(s->alloc, s->layer);
		pod_free(s->alloc, s->spare);
	}
	memset(s, 0, sizeof *s);
}

struct pod_stored *pod_store_find(const struct pod_store *s, uint32_t id)
{
	for (size_t i = 0; id && i < s->count; i++)
		if (s->layer[i].id == id)
			return &s->layer[i];
	return NULL;
}

static bool parse_id(const char *p, uint32_t *id)
{
	uint32_t v = 0;
	for (unsigned i = 0; i < POD_STORE_ID_DIGITS; i++) {
		char c = pod_tolower(p[i]);
		if (c >= '0' && c <= '9')
			v = v << 4 | (uint32_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			v = v << 4 | (uint32_t)(c - 'a' + 10);
		else
			return false;
	}
	*id = v;
	return v != 0;
}

struct pod_stored *pod_store_named(const struct pod_store *s, const char *name)
{
	uint32_t id;
	for (size_t i = 0; i < s->count; i++)
		if (pod_strcasecmp(s->layer[i].name, name) == 0)
			return &s->layer[i];
	if (pod_strlen(name) == POD_STORE_ID_DIGITS && parse_id(name, &id))
		return pod_store_find(s, id);
	return NULL;
}

size_t pod_store_children(const struct pod_store *s, uint32_t id)
{
	size_t n = 0;
	for (size_t i = 0; i < s->count; i++)
		n += s->layer[i].parent == id && !(s->layer[i].flags & POD_STORED_GONE);
	return n;
}

unsigned pod_store_depth(const struct pod_store *s, uint32_t id)
{
	unsigned n = 0;
	for (const struct pod_stored *e = pod_store_find(s, id); e; e = pod_store_find(s, e->parent))
		n++;
	return n;
}

const struct pod_stored *pod_store_emptiable(const struct pod_store *s)
{
	const struct pod_stored *e = pod_store_find(s, s->current);
	return e && e->parent && !(e->flags & (POD_STORED_FROZEN | POD_STORED_GONE | POD_STORED_UNDER_WAY)) &&
			       !pod_guid_is_zero(e->data_guid) && !pod_store_children(s, e->id)
		       ? e
		       : NULL;
}

bool pod_store_boots_anew(const struct pod_store *s)
{
	const struct pod_stored *e = pod_store_emptiable(s);
	return e && s->locked && e->parent == s->locked && (e->flags & POD_STORED_PASSING);
}

enum pod_status pod_store_add(struct pod_store *s, const struct pod_stored *e)
{
	void *v = s->layer;
	if (!e->id || !pod_store_name_ok(e->name) || (e->parent && !pod_store_find(s, e->parent)))
		return POD_E_INVALID;
	if (pod_store_knows(s, e->id))
		return POD_E_EXISTS;
	for (size_t i = 0; i < s->count; i++)
		if (pod_strcasecmp(s->layer[i].name, e->name) == 0)
			return POD_E_EXISTS;
	enum pod_status st = pod_grow(s->alloc, &v, s->count, &s->cap, s->count + 1, sizeof *s->layer, POD_STORE_LAYERS);
	s->layer = v;
	if (st == POD_OK)
		s->layer[s->count++] = *e;
	return st;
}

void pod_store_drop(struct pod_store *s, uint32_t id, uint32_t heir)
{
	size_t at = s->count;
	for (size_t i = 0; i < s->count; i++) {
		if (s->layer[i].id == id)
			at = i;
		if (s->layer[i].parent == id)
			s->layer[i].parent = heir;
	}
	if (at == s->count)
		return;
	memmove(&s->layer[at], &s->layer[at + 1], (s->count - at - 1) * sizeof *s->layer);
	s->count--;
	if (s->current == id)
		s->current = 0;
	if (s->locked == id)
		s->locked = 0;
}

/* --- spare files ---------------------------------------------------------------------------------------- */

struct pod_stored *pod_store_spare(const struct pod_store *s, uint32_t id)
{
	for (size_t i = 0; id && i < s->spares; i++)
		if (s->spare[i].id == id)
			return &s->spare[i];
	return NULL;
}

bool pod_store_knows(const struct pod_store *s, uint32_t id)
{
	return pod_store_find(s, id) || pod_store_spare(s, id);
}

enum pod_status pod_store_add_spare(struct pod_store *s, const struct pod_stored *e)
{
	void *v = s->spare;
	if (!e->id || e->parent || !pod_store_name_ok(e->name))
		return POD_E_INVALID;
	if (pod_store_knows(s, e->id))
		return POD_E_EXISTS;
	enum pod_status st = pod_grow(s->alloc, &v, s->spares, &s->spare_cap, s->spares + 1, sizeof *s->spare, POD_STORE_LAYERS);
	s->spare = v;
	if (st != POD_OK)
		return st;
	s->spare[s->spares] = *e;
	s->spare[s->spares++].flags = POD_STORED_SPARE;
	return POD_OK;
}

void pod_store_drop_spare(struct pod_store *s, uint32_t id)
{
	for (size_t i = 0; i < s->spares; i++)
		if (s->spare[i].id == id) {
			memmove(&s->spare[i], &s->spare[i + 1], (s->spares - i - 1) * sizeof *s->spare);
			s->spares--;
			return;
		}
}

enum pod_status pod_store_go_on(struct pod_store *s, uint32_t spare, const uint8_t made[16], const char *name, int64_t when)
{
	struct pod_stored *cur = pod_store_find(s, s->current), *file = pod_store_spare(s, spare);
	const struct pod_stored *other = pod_store_named(s, name);
	if (!cur || !file)
		return POD_E_NOT_FOUND;
	if (!pod_store_name_ok(name))
		return POD_E_INVALID;
	if (other && other != cur)
		return POD_E_EXISTS;
	struct pod_stored e = *file;
	e.flags = 0;
	e.parent = cur->id;
	e.created = when;
	e.frozen = 0;
	e.size_bytes = cur->size_bytes;
	memcpy(e.data_guid, made, 16);
	pod_strlcpy(cur->name, name, sizeof cur->name);
	if (pod_store_named(s, e.name)) /* given to another one since: its number is its own */
		pod_snprintf(e.name, sizeof e.name, "layer-%08x", (unsigned)e.id);
	cur->frozen = when;
	cur->flags = (cur->flags & ~(uint32_t)(POD_STORED_PASSING | POD_STORED_HASHED)) | POD_STORED_FROZEN | POD_STORED_STARTED;
	pod_store_drop_spare(s, spare);
	POD_TRY(pod_store_add(s, &e));
	s->current = e.id;
	return POD_OK;
}

/* --- order ---------------------------------------------------------------------------------------------- */

/* True if the parent of layer i is a base's "none" or stands before it. */
static bool in_order(const struct pod_store *s, size_t i)
{
	if (!s->layer[i].parent)
		return true;
	for (size_t k = 0; k < i; k++)
		if (s->layer[k].id == s->layer[i].parent)
			return true;
	return false;
}

enum pod_status pod_store_sort(struct pod_store *s)
{
	for (size_t done = 0; done < s->count; done++) {
		size_t pick = done;
		/* The first of the rest whose parent is among the sorted ones. */
		for (; pick < s->count; pick++) {
			uint32_t parent = s->layer[pick].parent;
			bool placed = !parent;
			for (size_t k = 0; k < done && !placed; k++)
				placed = s->layer[k].id == parent;
			if (placed)
				break;
		}
		if (pick == s->count)
			return POD_E_CORRUPT;
		struct pod_stored *a = &s->layer[done], *b = &s->layer[pick];
		for (size_t i = 0; a != b && i < sizeof *a; i++) {
			uint8_t *x = (uint8_t *)a + i, *y = (uint8_t *)b + i, t = *x;
			*x = *y;
			*y = t;
		}
	}
	for (size_t i = 0; i < s->count; i++)
		if (!in_order(s, i))
			return POD_E_CORRUPT;
	return POD_OK;
}

/* --- names ---------------------------------------------------------------------------------------------- */

bool pod_store_name_ok(const char *name)
{
	static const char bad[] = "\\/:*?\"<>|";
	size_t len = pod_strlen(name);
	const char *p = name, *end = name + len;
	if (!len || len >= POD_STORE_NAME_MAX || name[0] == '.' || end[-1] == '.' || end[-1] == ' ')
		return false;
	while (p < end) {
		const char *at = p;
		uint32_t cp = pod_utf8_next(&p, (size_t)(end - p));
		if (cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || (cp == 0xfffd && p - at == 1))
			return false;
		for (size_t i = 0; bad[i]; i++)
			if (cp == (uint32_t)bad[i])
				return false;
	}
	return true;
}

bool pod_store_name_reserved(const char *name)
{
	static const char *const device[] = {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"};
	char stem[8];
	size_t len = 0;
	while (name[len] && name[len] != '.')
		len++;
	while (len && name[len - 1] == ' ')
		len--;
	if (len >= sizeof stem)
		return false;
	memcpy(stem, name, len);
	stem[len] = '\0';
	for (size_t i = 0; i < POD_ARRAY_LEN(device); i++)
		if (pod_strcasecmp(stem, device[i]) == 0)
			return true;
	/* COM0 to COM9, LPT0 to LPT9. */
	if (len != 4 || stem[3] < '0' || stem[3] > '9')
		return false;
	stem[3] = '\0';
	return pod_strcasecmp(stem, "COM") == 0 || pod_strcasecmp(stem, "LPT") == 0;
}

void pod_store_file_name(char out[POD_STORE_FILE_MAX], const char *name, uint32_t id)
{
	pod_snprintf(out, POD_STORE_FILE_MAX, "%s.%08x.vhdx", name, (unsigned)id);
}

bool pod_store_parse_file(const char *file, char name[POD_STORE_NAME_MAX], uint32_t *id)
{
	const size_t tail = 1 + POD_STORE_ID_DIGITS + 5;
	size_t len = pod_strlen(file);
	if (len <= tail || len - tail >= POD_STORE_NAME_MAX || !pod_ends_with_nocase(file, ".vhdx"))
		return false;
	const char *dot = file + len - tail;
	if (*dot != '.' || !parse_id(dot + 1, id))
		return false;
	if (name) {
		memcpy(name, file, len - tail);
		name[len - tail] = '\0';
		return pod_store_name_ok(name);
	}
	return true;
}
