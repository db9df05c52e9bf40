/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Registry hives, edited in memory.
 *
 * Everything that an operation needs is allocated before the first thing is changed or freed, so that one that fails leaves the hive as
 * it was. Lists of children are written anew as "lh" leaves, in Windows' order, of at most LEAF_MAX entries, an "ri" above them if
 * there are several. A new key shares the security cell of the key above it.
 */
#include "core/regf/regf_int.h"
#include "core/base/bytes.h"
#include "core/base/str.h"

/* So that a leaf and its head fit into a bin of 4096 bytes. */
#define LEAF_MAX 500u

static uint32_t field(struct pod_regf_edit *e, uint32_t cell, uint32_t at)
{
	return pod_get_le32(regf_at(e, cell) + 4 + at);
}

static void set_field(struct pod_regf_edit *e, uint32_t cell, uint32_t at, uint32_t v)
{
	pod_put_le32(regf_at(e, cell) + 4 + at, v);
}

static void raise_field(struct pod_regf_edit *e, uint32_t cell, uint32_t at, uint32_t v)
{
	if (field(e, cell, at) < v)
		set_field(e, cell, at, v);
}

static void touch(struct pod_regf_edit *e, uint32_t key)
{
	pod_put_le64(regf_at(e, key) + 4 + REGF_NK_TIME, e->now);
}

/* --- opening, finishing ----------------------------------------------------------------------------------------- */

enum pod_status pod_regf_edit_open(struct pod_regf_edit *e, const uint8_t *bytes, size_t len, uint64_t now, struct pod_alloc *a,
				   struct pod_diag *diag)
{
	*e = (struct pod_regf_edit){.alloc = a, .now = now};
	POD_TRY(pod_regf_open(&e->hive, bytes, len, diag));
	if (e->hive.dirty)
		return pod_fail(diag, POD_E_UNSUPPORTED, "sequence numbers of the hive", 4, e->hive.sequence, 0);
	e->cap = (size_t)POD_REGF_BASE + e->hive.bins_bytes;
	e->bytes = a->alloc(a, e->cap);
	if (!e->bytes)
		return POD_E_NOMEM;
	memcpy(e->bytes, bytes, e->cap);
	e->hive.bytes = e->bytes;
	enum pod_status st = regf_check(e, diag);
	if (st != POD_OK)
		pod_regf_edit_close(e);
	return st;
}

void pod_regf_edit_close(struct pod_regf_edit *e)
{
	if (e->alloc)
		pod_free(e->alloc, e->bytes);
	*e = (struct pod_regf_edit){0};
}

void pod_regf_edit_finish(struct pod_regf_edit *e, const uint8_t **bytes, size_t *len)
{
	uint8_t *b = e->bytes;
	e->hive.sequence++;
	e->hive.written = e->now;
	pod_put_le32(b + 4, e->hive.sequence);
	pod_put_le32(b + 8, e->hive.sequence);
	pod_put_le64(b + 12, e->now);
	pod_put_le32(b + 40, e->hive.bins_bytes);
	pod_put_le32(b + 508, regf_base_sum(b));
	*bytes = b;
	*len = (size_t)POD_REGF_BASE + e->hive.bins_bytes;
}

/* A key's cell with everything but its place in the parent's list. */
static enum pod_status new_key(struct pod_regf_edit *e, uint32_t parent, const char *name, size_t len, uint32_t *cell)
{
	uint32_t units;
	bool ascii;
	POD_TRY(regf_name_measure(name, len, REGF_KEY_UNITS_MAX, &units, &ascii));
	if (!units)
		return POD_E_INVALID;
	uint32_t bytes = ascii ? units : units * 2;
	POD_TRY(regf_alloc(e, REGF_NK_HEAD + bytes, cell));
	uint8_t *p = regf_at(e, *cell) + 4;
	memcpy(p, "nk", 2);
	pod_put_le16(p + REGF_NK_FLAGS, ascii ? REGF_KEY_ASCII : 0);
	pod_put_le32(p + REGF_NK_PARENT, parent);
	pod_put_le32(p + REGF_NK_LIST, POD_REGF_NONE);
	pod_put_le32(p + REGF_NK_VOLATILE_LIST, POD_REGF_NONE);
	pod_put_le32(p + REGF_NK_VALUE_LIST, POD_REGF_NONE);
	pod_put_le32(p + REGF_NK_SK, POD_REGF_NONE);
	pod_put_le32(p + REGF_NK_CLASS, POD_REGF_NONE);
	pod_put_le16(p + REGF_NK_NAME_LEN, (uint16_t)bytes);
	regf_name_store(name, len, ascii, p + REGF_NK_HEAD);
	touch(e, *cell);
	return POD_OK;
}

static enum pod_status new_root(struct pod_regf_edit *e, const char *name, const uint8_t *security, uint32_t len)
{
	uint32_t root, sk;
	POD_TRY(new_key(e, POD_REGF_NONE, name, pod_strlen(name), &root));
	POD_TRY(regf_alloc(e, REGF_SK_HEAD + len, &sk));
	uint8_t *p = regf_at(e, sk) + 4;
	memcpy(p, "sk", 2);
	pod_put_le32(p + REGF_SK_NEXT, sk);
	pod_put_le32(p + REGF_SK_PREVIOUS, sk);
	pod_put_le32(p + REGF_SK_USERS, 1);
	pod_put_le32(p + REGF_SK_LEN, len);
	memcpy(p + REGF_SK_HEAD, security, len);
	p = regf_at(e, root) + 4;
	pod_put_le16(p + REGF_NK_FLAGS, (uint16_t)(pod_get_le16(p + REGF_NK_FLAGS) | REGF_KEY_ROOT));
	pod_put_le32(p + REGF_NK_SK, sk);
	e->hive.root = root;
	pod_put_le32(e->bytes + 36, root);
	return POD_OK;
}

enum pod_status pod_regf_edit_new(struct pod_regf_edit *e, const char *root_name, uint32_t minor, const uint8_t *security,
				  size_t security_len, uint64_t now, struct pod_alloc *a)
{
	*e = (struct pod_regf_edit){.alloc = a, .now = now, .hive = {.minor = minor}};
	if (security_len > 0xFFFF || minor < 3 || minor > 6)
		return POD_E_INVALID;
	e->cap = POD_REGF_BASE + REGF_BIN_ALIGN;
	uint8_t *b = pod_zalloc(a, e->cap, 1);
	if (!b)
		return POD_E_NOMEM;
	e->bytes = b;
	e->hive.bytes = b;
	memcpy(b, "regf", 4);
	pod_put_le32(b + 20, 1);
	pod_put_le32(b + 24, minor);
	pod_put_le32(b + 32, 1);
	pod_put_le32(b + 44, 1); /* clustering factor */
	enum pod_status st = new_root(e, root_name, security, (uint32_t)security_len);
	if (st != POD_OK)
		pod_regf_edit_close(e);
	return st;
}

/* --- lists of children ------------------------------------------------------------------------------------------- */

/* The children's cells in an array with room for one more. */
static enum pod_status children(struct pod_regf_edit *e, const struct regf_nk *nk, uint32_t **out)
{
	struct pod_regf_iter it;
	enum pod_status st;
	uint32_t hash, n = 0;
	uint32_t *v = pod_zalloc(e->alloc, nk->subkeys + 1u, sizeof *v);
	if (!v)
		return POD_E_NOMEM;
	st = regf_iter_keys(&e->hive, nk, &it);
	while (st == POD_OK)
		st = regf_next_cell(&it, &v[n < nk->subkeys ? n++ : n], &hash);
	if (st != POD_END) {
		pod_free(e->alloc, v);
		return st;
	}
	*out = v;
	return POD_OK;
}

/* Frees a list and, if it is an index, those below it. */
static void free_list(struct pod_regf_edit *e, uint32_t list)
{
	if (list == POD_REGF_NONE)
		return;
	const uint8_t *p = regf_at(e, list) + 4;
	if (memcmp(p, "ri", 2) == 0)
		for (uint32_t i = 0, n = pod_get_le16(p + 2); i < n; i++)
			regf_free(e, pod_get_le32(p + 4 + i * 4));
	regf_free(e, list);
}

static enum pod_status new_leaf(struct pod_regf_edit *e, const uint32_t *v, uint32_t n, uint32_t *leaf)
{
	POD_TRY(regf_alloc(e, 4 + n * 8, leaf));
	uint8_t *p = regf_at(e, *leaf) + 4;
	memcpy(p, "lh", 2);
	pod_put_le16(p + 2, (uint16_t)n);
	for (uint32_t i = 0; i < n; i++) {
		struct regf_nk child;
		uint32_t hash;
		POD_TRY(regf_nk(&e->hive, v[i], &child));
		POD_TRY(regf_stored_hash(&e->hive, regf_nk_name(&child), &hash));
		pod_put_le32(p + 4 + i * 8, v[i]);
		pod_put_le32(p + 8 + i * 8, hash);
	}
	return POD_OK;
}

static enum pod_status new_list(struct pod_regf_edit *e, const uint32_t *v, uint32_t n, uint32_t *list)
{
	uint32_t leaves = (n + LEAF_MAX - 1) / LEAF_MAX;
	*list = POD_REGF_NONE;
	if (!n)
		return POD_OK;
	if (leaves == 1)
		return new_leaf(e, v, n, list);
	if (leaves > UINT16_MAX)
		return POD_E_LIMIT;
	POD_TRY(regf_alloc(e, 4 + leaves * 4, list));
	memcpy(regf_at(e, *list) + 4, "ri", 2);
	for (uint32_t i = 0; i < leaves; i++) {
		uint32_t leaf, len = n / leaves + (i < n % leaves);
		enum pod_status st = new_leaf(e, v, len, &leaf);
		if (st != POD_OK) {
			free_list(e, *list);
			*list = POD_REGF_NONE;
			return st;
		}
		v += len;
		pod_put_le16(regf_at(e, *list) + 6, (uint16_t)(i + 1));
		pod_put_le32(regf_at(e, *list) + 8 + i * 4, leaf);
	}
	return POD_OK;
}

/* Where a name belongs among the children. */
static enum pod_status find_place(struct pod_regf_edit *e, const uint32_t *v, uint32_t n, const char *name, size_t len,
				  uint32_t *place)
{
	uint32_t lo = 0, hi = n;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		struct regf_nk child;
		int order;
		POD_TRY(regf_nk(&e->hive, v[mid], &child));
		POD_TRY(regf_name_compare(&e->hive, name, len, regf_nk_name(&child), &order));
		if (order < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	*place = lo;
	return POD_OK;
}

/* --- keys ------------------------------------------------------------------------------------------------------------ */

static void share_security(struct pod_regf_edit *e, uint32_t parent, uint32_t child)
{
	uint32_t sk = field(e, parent, REGF_NK_SK);
	set_field(e, child, REGF_NK_SK, sk);
	if (sk != POD_REGF_NONE)
		set_field(e, sk, REGF_SK_USERS, field(e, sk, REGF_SK_USERS) + 1);
}

static void leave_security(struct pod_regf_edit *e, uint32_t sk)
{
	if (sk == POD_REGF_NONE)
		return;
	uint32_t users = field(e, sk, REGF_SK_USERS) - 1;
	set_field(e, sk, REGF_SK_USERS, users);
	if (users)
		return;
	uint32_t next = field(e, sk, REGF_SK_NEXT), previous = field(e, sk, REGF_SK_PREVIOUS);
	set_field(e, previous, REGF_SK_NEXT, next);
	set_field(e, next, REGF_SK_PREVIOUS, previous);
	regf_free(e, sk);
}

static enum pod_status insert_child(struct pod_regf_edit *e, const struct regf_nk *parent, uint32_t cell, const char *name,
				    size_t len, uint32_t *list)
{
	uint32_t *v, place, n = parent->subkeys;
	POD_TRY(children(e, parent, &v));
	enum pod_status st = find_place(e, v, n, name, len, &place);
	if (st == POD_OK) {
		memmove(v + place + 1, v + place, (n - place) * sizeof *v);
		v[place] = cell;
		st = new_list(e, v, n + 1, list);
	}
	pod_free(e->alloc, v);
	return st;
}

static enum pod_status create(struct pod_regf_edit *e, const struct regf_nk *parent, const char *name, size_t len,
			      struct regf_nk *out)
{
	uint32_t cell, list;
	POD_TRY(new_key(e, parent->cell, name, len, &cell));
	enum pod_status st = insert_child(e, parent, cell, name, len, &list);
	if (st != POD_OK) {
		regf_free(e, cell);
		return st;
	}
	share_security(e, parent->cell, cell);
	free_list(e, parent->subkeys ? parent->list : POD_REGF_NONE);
	set_field(e, parent->cell, REGF_NK_LIST, list);
	set_field(e, parent->cell, REGF_NK_SUBKEYS, parent->subkeys + 1);
	touch(e, parent->cell);
	POD_TRY(regf_nk(&e->hive, cell, out));
	uint32_t utf16 = out->flags & REGF_KEY_ASCII ? out->name_len * 2u : out->name_len;
	uint8_t *longest = regf_at(e, parent->cell) + 4 + REGF_NK_MAX_NAME;
	if (pod_get_le16(longest) < utf16)
		pod_put_le16(longest, (uint16_t)utf16);
	return POD_OK;
}

/* How many keys lie above this one? */
static enum pod_status depth_of(struct pod_regf_edit *e, uint32_t cell, uint32_t *depth)
{
	*depth = 0;
	for (struct regf_nk nk; cell != e->hive.root; cell = nk.parent) {
		POD_TRY(regf_nk(&e->hive, cell, &nk));
		if (++*depth >= POD_REGF_DEPTH_MAX)
			return POD_E_LOOP;
	}
	return POD_OK;
}

enum pod_status pod_regf_edit_key(struct pod_regf_edit *e, const struct pod_regf_key *top, const char *path,
				  struct pod_regf_key *out)
{
	struct regf_nk nk, child;
	const char *part;
	size_t len;
	uint32_t depth;
	POD_TRY(regf_nk(&e->hive, top ? top->cell : e->hive.root, &nk));
	POD_TRY(depth_of(e, nk.cell, &depth));
	while (regf_path_next(&path, &part, &len)) {
		enum pod_status st = regf_find_key(&e->hive, &nk, part, len, true, &child);
		if (++depth >= POD_REGF_DEPTH_MAX)
			return POD_E_LIMIT;
		if (st == POD_E_NOT_FOUND)
			st = create(e, &nk, part, len, &child);
		POD_TRY(st);
		nk = child;
	}
	regf_key_out(&nk, out);
	return POD_OK;
}

static void free_data(struct pod_regf_edit *e, const struct pod_regf_value *v)
{
	uint32_t list, n;
	if (v->resident || !v->size_bytes || regf_segments(&e->hive, v, &list, &n) != POD_OK)
		return;
	for (uint32_t i = 0; i < n; i++)
		regf_free(e, pod_get_le32(regf_at(e, list) + 4 + i * 4));
	if (n)
		regf_free(e, list);
	regf_free(e, v->data);
}

/* When all below a key is gone: its own cells. */
static enum pod_status free_key(void *ctx, const struct pod_regf_key *key, uint32_t depth, bool after)
{
	struct pod_regf_edit *e = ctx;
	struct pod_regf_iter it;
	struct pod_regf_value v;
	struct regf_nk nk;
	(void)depth;
	if (!after)
		return POD_OK;
	POD_TRY(regf_nk(&e->hive, key->cell, &nk));
	POD_TRY(pod_regf_values(&e->hive, key, &it));
	while (pod_regf_next_value(&it, &v) == POD_OK) {
		free_data(e, &v);
		regf_free(e, v.cell);
	}
	regf_free(e, nk.values ? nk.value_list : POD_REGF_NONE);
	free_list(e, nk.subkeys ? nk.list : POD_REGF_NONE);
	regf_free(e, nk.class_len ? nk.class_cell : POD_REGF_NONE);
	leave_security(e, nk.sk);
	regf_free(e, nk.cell);
	return POD_OK;
}

static enum pod_status list_without(struct pod_regf_edit *e, const struct regf_nk *parent, uint32_t cell, uint32_t *list)
{
	uint32_t *v, n = 0;
	POD_TRY(children(e, parent, &v));
	for (uint32_t i = 0; i < parent->subkeys; i++)
		if (v[i] != cell)
			v[n++] = v[i];
	enum pod_status st = n + 1 == parent->subkeys ? new_list(e, v, n, list) : POD_E_CORRUPT;
	pod_free(e->alloc, v);
	return st;
}

enum pod_status pod_regf_edit_delete_key(struct pod_regf_edit *e, const struct pod_regf_key *key)
{
	struct regf_nk nk, parent;
	uint32_t list;
	if (key->cell == e->hive.root)
		return POD_E_INVALID;
	POD_TRY(regf_nk(&e->hive, key->cell, &nk));
	POD_TRY(regf_nk(&e->hive, nk.parent, &parent));
	struct regf_frame *stack = pod_zalloc(e->alloc, POD_REGF_DEPTH_MAX, sizeof *stack);
	if (!stack)
		return POD_E_NOMEM;
	enum pod_status st = list_without(e, &parent, nk.cell, &list);
	if (st == POD_OK) {
		free_list(e, parent.list);
		set_field(e, parent.cell, REGF_NK_LIST, list);
		set_field(e, parent.cell, REGF_NK_SUBKEYS, parent.subkeys - 1);
		touch(e, parent.cell);
		st = regf_walk(&e->hive, key, stack, free_key, e);
	}
	pod_free(e->alloc, stack);
	return st;
}

/* --- values ----------------------------------------------------------------------------------------------------------- */

static enum pod_status store_big(struct pod_regf_edit *e, struct pod_regf_value *v, const uint8_t *data, uint32_t len)
{
	uint32_t n = (len + POD_REGF_BIG - 1) / POD_REGF_BIG, list, done = 0;
	POD_TRY(regf_alloc(e, 8, &v->data));
	enum pod_status st = regf_alloc(e, n * 4, &list);
	if (st != POD_OK) {
		regf_free(e, v->data);
		return st;
	}
	for (; done < n; done++) {
		uint32_t cell, part = (uint32_t)pod_min_u64(len - done * POD_REGF_BIG, POD_REGF_BIG);
		/* With 4 bytes to spare, as Windows has them; hivex relies on it. */
		st = regf_alloc(e, part + 4, &cell);
		if (st != POD_OK)
			break;
		memcpy(regf_at(e, cell) + 4, data + done * POD_REGF_BIG, part);
		pod_put_le32(regf_at(e, list) + 4 + done * 4, cell);
	}
	if (st != POD_OK) {
		while (done--)
			regf_free(e, pod_get_le32(regf_at(e, list) + 4 + done * 4));
		regf_free(e, list);
		regf_free(e, v->data);
		return st;
	}
	uint8_t *p = regf_at(e, v->data) + 4;
	memcpy(p, "db", 2);
	pod_put_le16(p + 2, (uint16_t)n);
	pod_put_le32(p + 4, list);
	return POD_OK;
}

static enum pod_status store_data(struct pod_regf_edit *e, struct pod_regf_value *v, const uint8_t *data, uint32_t len)
{
	v->size_bytes = len;
	v->resident = len <= 4;
	v->data = 0;
	if (v->resident) {
		uint8_t b[4] = {0};
		if (len)
			memcpy(b, data, len);
		v->data = pod_get_le32(b);
		return POD_OK;
	}
	if (len > POD_REGF_BIG && e->hive.minor >= 4)
		return store_big(e, v, data, len);
	POD_TRY(regf_alloc(e, len, &v->data));
	memcpy(regf_at(e, v->data) + 4, data, len);
	return POD_OK;
}

static void put_value(struct pod_regf_edit *e, const struct pod_regf_value *v)
{
	uint8_t *p = regf_at(e, v->cell) + 4;
	pod_put_le32(p + REGF_VK_SIZE, v->size_bytes | (v->resident ? REGF_RESIDENT : 0));
	pod_put_le32(p + REGF_VK_DATA, v->data);
	pod_put_le32(p + REGF_VK_TYPE, v->type);
}

static enum pod_status new_value(struct pod_regf_edit *e, const char *name, uint32_t *cell, uint32_t *units)
{
	size_t len = pod_strlen(name);
	bool ascii;
	POD_TRY(regf_name_measure(name, len, REGF_VALUE_UNITS_MAX, units, &ascii));
	uint32_t bytes = ascii ? *units : *units * 2;
	POD_TRY(regf_alloc(e, REGF_VK_HEAD + bytes, cell));
	uint8_t *p = regf_at(e, *cell) + 4;
	memcpy(p, "vk", 2);
	pod_put_le16(p + REGF_VK_NAME_LEN, (uint16_t)bytes);
	pod_put_le16(p + REGF_VK_FLAGS, ascii ? REGF_VALUE_ASCII : 0);
	regf_name_store(name, len, ascii, p + REGF_VK_HEAD);
	return POD_OK;
}

/* The list of values gets one more. */
static enum pod_status append_value(struct pod_regf_edit *e, const struct regf_nk *nk, uint32_t cell)
{
	uint32_t list = nk->value_list, payload = 0;
	if (nk->values)
		POD_TRY(regf_cell(&e->hive, list, &payload));
	if (payload < (nk->values + 1) * 4) {
		POD_TRY(regf_alloc(e, (nk->values + 1) * 4, &list));
		if (nk->values) {
			memcpy(regf_at(e, list) + 4, regf_at(e, nk->value_list) + 4, nk->values * 4);
			regf_free(e, nk->value_list);
		}
		set_field(e, nk->cell, REGF_NK_VALUE_LIST, list);
	}
	set_field(e, list, nk->values * 4, cell);
	set_field(e, nk->cell, REGF_NK_VALUES, nk->values + 1);
	return POD_OK;
}

static enum pod_status add_value(struct pod_regf_edit *e, const struct regf_nk *nk, const char *name, struct pod_regf_value *v)
{
	uint32_t units;
	POD_TRY(new_value(e, name, &v->cell, &units));
	enum pod_status st = append_value(e, nk, v->cell);
	if (st != POD_OK) {
		regf_free(e, v->cell);
		return st;
	}
	raise_field(e, nk->cell, REGF_NK_MAX_VALUE_NAME, units * 2);
	return POD_OK;
}

enum pod_status pod_regf_edit_set(struct pod_regf_edit *e, const struct pod_regf_key *key, const char *name, uint32_t type,
				  const void *data, size_t len)
{
	struct regf_nk nk;
	struct regf_vk old;
	if (len > POD_REGF_DATA_MAX)
		return POD_E_LIMIT;
	POD_TRY(regf_nk(&e->hive, key->cell, &nk));
	enum pod_status st = regf_find_value(&e->hive, &nk, name, &old);
	bool replaced = st == POD_OK;
	if (!replaced && st != POD_E_NOT_FOUND)
		return st;
	struct pod_regf_value v = {.cell = old.v.cell, .type = type};
	POD_TRY(store_data(e, &v, data, (uint32_t)len));
	if (!replaced) {
		st = add_value(e, &nk, name, &v);
		if (st != POD_OK) {
			free_data(e, &v);
			return st;
		}
	} else {
		free_data(e, &old.v);
	}
	put_value(e, &v);
	raise_field(e, nk.cell, REGF_NK_MAX_VALUE_DATA, (uint32_t)len);
	touch(e, nk.cell);
	return POD_OK;
}

enum pod_status pod_regf_edit_set_dword(struct pod_regf_edit *e, const struct pod_regf_key *key, const char *name, uint32_t v)
{
	uint8_t b[4];
	pod_put_le32(b, v);
	return pod_regf_edit_set(e, key, name, POD_REG_DWORD, b, sizeof b);
}

enum pod_status pod_regf_edit_set_text(struct pod_regf_edit *e, const struct pod_regf_key *key, const char *name, uint32_t type,
				       const char *utf8)
{
	size_t len = pod_strlen(utf8);
	uint32_t units;
	bool ascii;
	POD_TRY(regf_name_measure(utf8, len, POD_REGF_DATA_MAX / 2 - 1, &units, &ascii));
	uint8_t *b = pod_zalloc(e->alloc, units + 1u, 2);
	if (!b)
		return POD_E_NOMEM;
	regf_name_store(utf8, len, false, b);
	enum pod_status st = pod_regf_edit_set(e, key, name, type, b, (units + 1u) * 2u);
	pod_free(e->alloc, b);
	return st;
}

enum pod_status pod_regf_edit_delete_value(struct pod_regf_edit *e, const struct pod_regf_key *key, const char *name)
{
	struct regf_nk nk;
	struct regf_vk vk;
	POD_TRY(regf_nk(&e->hive, key->cell, &nk));
	POD_TRY(regf_find_value(&e->hive, &nk, name, &vk));
	uint32_t n = nk.values - 1, i = 0;
	while (field(e, nk.value_list, i * 4) != vk.v.cell)
		i++;
	uint8_t *entry = regf_at(e, nk.value_list) + 4 + i * 4;
	memmove(entry, entry + 4, (n - i) * 4);
	set_field(e, nk.cell, REGF_NK_VALUES, n);
	if (!n) {
		regf_free(e, nk.value_list);
		set_field(e, nk.cell, REGF_NK_VALUE_LIST, POD_REGF_NONE);
		set_field(e, nk.cell, REGF_NK_MAX_VALUE_NAME, 0);
		set_field(e, nk.cell, REGF_NK_MAX_VALUE_DATA, 0);
	}
	free_data(e, &vk.v);
	regf_free(e, vk.v.cell);
	touch(e, nk.cell);
	return POD_OK;
}
