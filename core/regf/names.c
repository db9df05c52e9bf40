/* SPDX-License-Identifier: BSD-2-Clause */
/* Names in hives: a byte (Latin-1) or a UTF-16 unit each; and text in values. */
#include "core/regf/regf_int.h"
#include "core/base/bytes.h"
#include "core/base/str.h"
#include "core/base/upcase.h"

/* The units of a stored name, read in pieces. */
struct units {
	const struct pod_regf *hive;
	struct regf_name left;
	uint8_t buf[64];
	uint32_t at, have;
};

static enum pod_status next_unit(struct units *u, uint16_t *out)
{
	uint32_t width = u->left.ascii ? 1 : 2;
	if (u->at == u->have) {
		uint32_t n = (uint32_t)pod_min_u64(u->left.len & ~(width - 1), sizeof u->buf);
		if (!n)
			return POD_END;
		POD_TRY(regf_get(u->hive, u->left.off, u->buf, n));
		u->left.off += n, u->left.len -= n;
		u->at = 0, u->have = n;
	}
	*out = u->left.ascii ? u->buf[u->at] : pod_get_le16(u->buf + u->at);
	u->at += width;
	return POD_OK;
}

/* The units of a UTF-8 string. */
struct utf8_units {
	const char *at, *end;
	uint16_t second; /* of a surrogate pair, to come */
};

static bool next_utf8(struct utf8_units *u, uint16_t *out)
{
	if (u->second) {
		*out = u->second;
		u->second = 0;
		return true;
	}
	if (u->at == u->end)
		return false;
	uint16_t unit[2];
	if (pod_utf16_put(unit, pod_utf8_next(&u->at, (size_t)(u->end - u->at))) == 2)
		u->second = unit[1];
	*out = unit[0];
	return true;
}

enum pod_status regf_name_compare(const struct pod_regf *h, const char *name, size_t len, struct regf_name stored, int *order)
{
	struct units s = {.hive = h, .left = stored};
	struct utf8_units q = {.at = name, .end = name + len};
	for (;;) {
		uint16_t a = 0, b = 0;
		bool more = next_utf8(&q, &a);
		enum pod_status st = next_unit(&s, &b);
		if (st != POD_OK && st != POD_END)
			return st;
		if (!more || st == POD_END) {
			*order = more ? 1 : st == POD_END ? 0 : -1;
			return POD_OK;
		}
		a = pod_upcase(a), b = pod_upcase(b);
		if (a != b) {
			*order = a < b ? -1 : 1;
			return POD_OK;
		}
	}
}

bool regf_name_hash(const char *name, size_t len, uint32_t *hash)
{
	*hash = 0;
	for (size_t i = 0; i < len; i++) {
		if ((uint8_t)name[i] >= 0x80)
			return false;
		*hash = *hash * 37 + pod_upcase((uint8_t)name[i]);
	}
	return true;
}

enum pod_status regf_stored_hash(const struct pod_regf *h, struct regf_name stored, uint32_t *hash)
{
	struct units s = {.hive = h, .left = stored};
	enum pod_status st;
	uint16_t u;
	*hash = 0;
	while ((st = next_unit(&s, &u)) == POD_OK)
		*hash = *hash * 37 + pod_upcase(u);
	return st == POD_END ? POD_OK : st;
}

enum pod_status regf_name_measure(const char *name, size_t len, uint32_t max, uint32_t *units, bool *ascii)
{
	const char *end = name + len;
	*units = 0;
	*ascii = true;
	while (name != end) {
		const char *from = name;
		uint32_t cp = pod_utf8_next(&name, (size_t)(end - name));
		if (cp == 0xFFFD && name - from == 1)
			return POD_E_INVALID;
		*ascii = *ascii && cp <= 0xFF;
		*units += cp > 0xFFFF ? 2 : 1;
		if (*units > max)
			return POD_E_INVALID;
	}
	return POD_OK;
}

void regf_name_store(const char *name, size_t len, bool ascii, uint8_t *out)
{
	struct utf8_units q = {.at = name, .end = name + len};
	uint16_t u;
	while (next_utf8(&q, &u)) {
		*out++ = (uint8_t)u;
		if (!ascii)
			*out++ = (uint8_t)(u >> 8);
	}
}

/* --- to UTF-8 ----------------------------------------------------------------------------------------------- */

struct text {
	char *buf;
	size_t size, n;
	uint16_t high; /* a surrogate that waits for the other one */
	bool full;
};

static void put_code_point(struct text *t, uint32_t cp)
{
	char c[4];
	size_t n = pod_utf8_put(c, cp);
	if (t->full || n >= t->size - t->n) {
		t->full = true;
		return;
	}
	memcpy(t->buf + t->n, c, n);
	t->n += n;
}

static void put_unit(struct text *t, uint16_t u)
{
	if (t->high) {
		uint16_t high = t->high;
		t->high = 0;
		if (u >= 0xDC00 && u < 0xE000) {
			put_code_point(t, 0x10000 + ((uint32_t)(high - 0xD800) << 10) + (u - 0xDC00u));
			return;
		}
		put_code_point(t, 0xFFFD);
	}
	if (u >= 0xD800 && u < 0xDC00)
		t->high = u;
	else
		put_code_point(t, u); /* a low surrogate alone becomes U+FFFD there */
}

static enum pod_status text_end(struct text *t)
{
	if (t->high)
		put_code_point(t, 0xFFFD);
	t->buf[t->n] = '\0';
	return t->full ? POD_E_LIMIT : POD_OK;
}

static enum pod_status name_text(const struct pod_regf *h, struct regf_name name, char *buf, size_t size)
{
	struct text t = {.buf = buf, .size = size};
	struct units s = {.hive = h, .left = name};
	enum pod_status st;
	uint16_t u;
	if (!size)
		return POD_E_LIMIT;
	buf[0] = '\0';
	while (!t.full && (st = next_unit(&s, &u)) != POD_END) {
		POD_TRY(st);
		put_unit(&t, u);
	}
	return text_end(&t);
}

enum pod_status pod_regf_key_name(const struct pod_regf *h, const struct pod_regf_key *key, char *buf, size_t size)
{
	struct regf_nk nk;
	POD_TRY(regf_nk(h, key->cell, &nk));
	return name_text(h, regf_nk_name(&nk), buf, size);
}

enum pod_status pod_regf_key_class(const struct pod_regf *h, const struct pod_regf_key *key, char *buf, size_t size)
{
	struct regf_nk nk;
	uint32_t payload;
	POD_TRY(regf_nk(h, key->cell, &nk));
	struct regf_name name = {.len = nk.class_len};
	if (nk.class_len) {
		POD_TRY(regf_cell(h, nk.class_cell, &payload));
		if (nk.class_len > payload)
			return POD_E_CORRUPT;
		name.off = nk.class_cell + 4;
	}
	return name_text(h, name, buf, size);
}

enum pod_status pod_regf_value_name(const struct pod_regf *h, const struct pod_regf_value *v, char *buf, size_t size)
{
	struct regf_vk vk;
	POD_TRY(regf_vk(h, v->cell, &vk));
	return name_text(h, regf_vk_name(&vk), buf, size);
}

enum pod_status pod_regf_text(const struct pod_regf *h, const struct pod_regf_value *v, char *buf, size_t size)
{
	struct text t = {.buf = buf, .size = size};
	uint8_t piece[64];
	bool end = false;
	if (!size)
		return POD_E_LIMIT;
	buf[0] = '\0';
	for (uint32_t at = 0, n; !end && !t.full && (n = (v->size_bytes - at) & ~1u) != 0; at += n) {
		n = (uint32_t)pod_min_u64(n, sizeof piece);
		POD_TRY(pod_regf_read(h, v, at, piece, n));
		for (uint32_t i = 0; i < n && !end; i += 2) {
			end = pod_get_le16(piece + i) == 0;
			if (!end)
				put_unit(&t, pod_get_le16(piece + i));
		}
	}
	return text_end(&t);
}
