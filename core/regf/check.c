/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Is a hive fit to be edited? Bins and cells follow each other without gaps; each cell belongs to one key, but for security, which keys
 * share; keys know who is above them. So whatever is freed later belonged to nobody else. How many keys share a security cell is
 * counted anew in passing.
 */
#include "core/regf/regf_int.h"
#include "core/base/bytes.h"

/* What is known of each 8 bytes of the bins. */
enum { INSIDE, FREE, START, USED, SHARED };

struct check {
	struct pod_regf_edit *e;
	const struct pod_regf *h;
	uint8_t *map;
	struct pod_diag *diag;
};

static enum pod_status bad(struct check *c, const char *what, uint32_t off, uint32_t expected, uint32_t got)
{
	return pod_fail(c->diag, POD_E_CORRUPT, what, (uint64_t)POD_REGF_BASE + off, expected, got);
}

static enum pod_status map_cells(struct check *c)
{
	uint32_t size, end = c->h->bins_bytes;
	for (uint32_t bin = 0; bin < end; bin += size) {
		const uint8_t *p = regf_at(c->e, bin);
		size = pod_get_le32(p + 8);
		if (memcmp(p, "hbin", 4) != 0 || pod_get_le32(p + 4) != bin)
			return bad(c, "hive bin", bin, bin, pod_get_le32(p + 4));
		if (!size || size % REGF_BIN_ALIGN || size > end - bin)
			return bad(c, "length of a hive bin", bin + 8, end - bin, size);
		for (uint32_t at = REGF_BIN_HEAD, n; at < size; at += n) {
			uint32_t raw = pod_get_le32(p + at);
			n = raw & 0x80000000u ? 0u - raw : raw;
			if (n < 8 || n % 8 || n > size - at)
				return bad(c, "length of a cell", bin + at, size - at, raw);
			c->map[(bin + at) / 8] = raw & 0x80000000u ? START : FREE;
		}
	}
	return POD_OK;
}

/* The cell, which was read as what it should be, belongs to whoever asks, and to nobody else. */
static enum pod_status claim(struct check *c, uint32_t cell)
{
	uint8_t *m = &c->map[cell / 8];
	if (*m != START)
		return bad(c, *m == USED || *m == SHARED ? "cell that is used twice" : "place of a cell", cell, START, *m);
	*m = USED;
	return POD_OK;
}

static enum pod_status claim_security(struct check *c, uint32_t cell)
{
	uint32_t payload;
	if (cell == POD_REGF_NONE)
		return POD_OK;
	POD_TRY(regf_cell(c->h, cell, &payload));
	uint8_t *p = regf_at(c->e, cell) + 4;
	if (payload < REGF_SK_HEAD || memcmp(p, "sk", 2) != 0)
		return bad(c, "security cell", cell, 0, 0);
	if (c->map[cell / 8] == SHARED) {
		pod_put_le32(p + REGF_SK_USERS, pod_get_le32(p + REGF_SK_USERS) + 1);
		return POD_OK;
	}
	POD_TRY(claim(c, cell));
	c->map[cell / 8] = SHARED;
	pod_put_le32(p + REGF_SK_USERS, 1);
	return POD_OK;
}

static enum pod_status claim_values(struct check *c, const struct pod_regf_key *key, const struct regf_nk *nk)
{
	struct pod_regf_iter it;
	struct pod_regf_value v;
	enum pod_status st;
	if (!nk->values)
		return POD_OK;
	POD_TRY(pod_regf_values(c->h, key, &it));
	POD_TRY(claim(c, nk->value_list));
	while ((st = pod_regf_next_value(&it, &v)) == POD_OK) {
		uint32_t list, n;
		POD_TRY(claim(c, v.cell));
		if (v.resident || !v.size_bytes)
			continue;
		POD_TRY(regf_segments(c->h, &v, &list, &n));
		POD_TRY(claim(c, v.data));
		if (!n)
			continue;
		POD_TRY(claim(c, list));
		for (uint32_t i = 0; i < n; i++) {
			uint32_t payload, cell = pod_get_le32(regf_at(c->e, list) + 4 + i * 4);
			uint32_t want = (uint32_t)pod_min_u64(v.size_bytes - i * POD_REGF_BIG, POD_REGF_BIG);
			POD_TRY(regf_cell(c->h, cell, &payload));
			if (payload < want)
				return bad(c, "length of a data segment", cell, want, payload);
			POD_TRY(claim(c, cell));
		}
	}
	return st == POD_END ? POD_OK : st;
}

static enum pod_status claim_lists(struct check *c, const struct regf_nk *nk)
{
	struct pod_regf_iter it;
	enum pod_status st;
	uint32_t cell, hash, leaf = 0;
	POD_TRY(regf_iter_keys(c->h, nk, &it));
	if (!nk->subkeys)
		return POD_OK;
	if (it.index != POD_REGF_NONE)
		POD_TRY(claim(c, it.index));
	while ((st = regf_next_cell(&it, &cell, &hash)) == POD_OK) {
		struct regf_nk child;
		if (it.list != leaf)
			POD_TRY(claim(c, it.list));
		leaf = it.list;
		POD_TRY(regf_nk(c->h, cell, &child));
		if (child.parent != nk->cell)
			return bad(c, "key above a key", cell + 4 + REGF_NK_PARENT, nk->cell, child.parent);
	}
	if (st != POD_END)
		return st;
	if (it.list_at != it.list_len || (it.index != POD_REGF_NONE && it.index_at != it.index_len))
		return bad(c, "number of keys", nk->cell + 4 + REGF_NK_SUBKEYS, it.list_len, nk->subkeys);
	return POD_OK;
}

static enum pod_status visit(void *ctx, const struct pod_regf_key *key, uint32_t depth, bool after)
{
	struct check *c = ctx;
	struct regf_nk nk;
	uint32_t payload;
	(void)depth;
	if (after)
		return POD_OK;
	POD_TRY(regf_nk(c->h, key->cell, &nk));
	POD_TRY(claim(c, key->cell));
	if (nk.class_len && nk.class_cell != POD_REGF_NONE) {
		POD_TRY(regf_cell(c->h, nk.class_cell, &payload));
		POD_TRY(claim(c, nk.class_cell));
	}
	POD_TRY(claim_security(c, nk.sk));
	POD_TRY(claim_values(c, key, &nk));
	return claim_lists(c, &nk);
}

/* A security cell of the ring: may its neighbours be re-linked? They are such cells too, and nobody else's. */
static enum pod_status check_ring(struct check *c, uint32_t cell, uint32_t way, uint32_t back)
{
	uint32_t payload, next = pod_get_le32(regf_at(c->e, cell) + 4 + way);
	if (regf_cell(c->h, next, &payload) != POD_OK || payload < REGF_SK_HEAD ||
	    (c->map[next / 8] != SHARED && c->map[next / 8] != START) || memcmp(regf_at(c->e, next) + 4, "sk", 2) != 0 ||
	    pod_get_le32(regf_at(c->e, next) + 4 + back) != cell)
		return bad(c, "ring of security cells", cell + 4 + way, cell, next);
	return POD_OK;
}

static enum pod_status check_security(struct check *c)
{
	for (uint32_t cell = 0; cell < c->h->bins_bytes; cell += 8)
		if (c->map[cell / 8] == SHARED) {
			POD_TRY(check_ring(c, cell, REGF_SK_NEXT, REGF_SK_PREVIOUS));
			POD_TRY(check_ring(c, cell, REGF_SK_PREVIOUS, REGF_SK_NEXT));
		}
	return POD_OK;
}

enum pod_status regf_check(struct pod_regf_edit *e, struct pod_diag *diag)
{
	struct check c = {.e = e, .h = &e->hive, .diag = diag};
	struct pod_regf_key root = {.cell = e->hive.root};
	c.map = pod_zalloc(e->alloc, e->hive.bins_bytes / 8, 1);
	if (!c.map)
		return POD_E_NOMEM;
	enum pod_status st = map_cells(&c);
	if (st == POD_OK)
		st = pod_regf_walk(&e->hive, &root, e->alloc, visit, &c);
	if (st == POD_OK)
		st = check_security(&c);
	pod_free(e->alloc, c.map);
	return st;
}
