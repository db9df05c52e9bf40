/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Registry hives, read.
 *
 * No standard; after Maxim Suhanov's "Windows registry file format specification" and hives that Windows wrote. Integers are
 * little-endian. A base block of 4096 bytes, then hive bins; offsets count from the first bin.
 *
 *   base block   +0x000  4  "regf"
 *                +0x004  4  primary, +0x008 4 secondary sequence number: differ while something is being written
 *                +0x00C  8  last written (FILETIME)
 *                +0x014  4  major (1), +0x018 4 minor version
 *                +0x01C  4  type, 0: a hive; else a log
 *                +0x020  4  format (1)
 *                +0x024  4  root key's cell, +0x028 4 bytes of all bins
 *                +0x1FC  4  all u32 before, exclusive-or (0 becomes 1, ~0 becomes ~1)
 *   hive bin     "hbin", u32 its own offset, u32 its length (multiple of 4096), up to 32 bytes; then cells without gaps
 *   cell         i32 its length, negative while in use, multiple of 8; the payload
 *   key          "nk", see regf_int.h; name: Latin-1 with flag 0x20, else UTF-16
 *   value        "vk", u16 bytes of name, u32 bytes of data (bit 31: these are in the next field), u32 data's cell, u32 type,
 *                u16 flags (1: name in Latin-1), u16, name
 *   children     "lf" or "lh": u16 count, { u32 key's cell, u32 first letters or hash }; "li": u16 count, { u32 key's cell };
 *                "ri": u16 count, { u32 cell of one of the others }
 *   big data     "db", u16 count, u32 cell of a list of cells that hold 16344 bytes each (from 1.4 on)
 *
 * What writers do otherwise: hivex writes long data into one cell in 1.5 too, so a cell that is long enough holds them itself.
 */
#include "core/regf/regf_int.h"
#include "core/base/bytes.h"
#include "core/base/str.h"

enum pod_status regf_get(const struct pod_regf *h, uint32_t off, void *buf, uint32_t len)
{
	if (!pod_in_range(off, len, h->bins_bytes))
		return POD_E_CORRUPT;
	if (h->dev)
		return pod_dev_read(h->dev, (uint64_t)POD_REGF_BASE + off, buf, len);
	POD_TRY(pod_budget_spend(h->budget, 1, len));
	memcpy(buf, h->bytes + POD_REGF_BASE + off, len);
	return POD_OK;
}

static enum pod_status get32(const struct pod_regf *h, uint32_t off, uint32_t *out)
{
	uint8_t b[4];
	POD_TRY(regf_get(h, off, b, 4));
	*out = pod_get_le32(b);
	return POD_OK;
}

uint32_t regf_base_sum(const uint8_t *base)
{
	uint32_t x = 0;
	for (uint32_t i = 0; i < 508; i += 4)
		x ^= pod_get_le32(base + i);
	return x == 0 ? 1 : x == UINT32_MAX ? UINT32_MAX - 1 : x;
}

static enum pod_status read_base(struct pod_regf *h, const uint8_t *b, uint64_t len, struct pod_diag *diag)
{
	if (memcmp(b, "regf", 4) != 0)
		return pod_fail(diag, POD_E_FORMAT, "hive signature", 0, 0, 0);
	uint32_t sum = regf_base_sum(b), bins = pod_get_le32(b + 40);
	if (pod_get_le32(b + 508) != sum)
		return pod_fail(diag, POD_E_CORRUPT, "hive checksum", 508, sum, pod_get_le32(b + 508));
	h->minor = pod_get_le32(b + 24);
	if (pod_get_le32(b + 20) != 1 || h->minor < 3 || h->minor > 6)
		return pod_fail(diag, POD_E_UNSUPPORTED, "hive version", 20, 3, h->minor);
	if (pod_get_le32(b + 28) != 0 || pod_get_le32(b + 32) != 1)
		return pod_fail(diag, POD_E_UNSUPPORTED, "hive type", 28, 0, pod_get_le32(b + 28));
	if (!bins || bins % REGF_BIN_ALIGN || bins > POD_REGF_MAX || bins > len - POD_REGF_BASE)
		return pod_fail(diag, POD_E_CORRUPT, "length of the hive bins", 40, len, bins);
	h->bins_bytes = bins;
	h->root = pod_get_le32(b + 36);
	h->sequence = pod_get_le32(b + 8);
	h->dirty = pod_get_le32(b + 4) != h->sequence;
	h->written = pod_get_le64(b + 12);
	struct regf_nk root;
	enum pod_status st = regf_nk(h, h->root, &root);
	return st == POD_E_CORRUPT ? pod_fail(diag, st, "root key", (uint64_t)POD_REGF_BASE + h->root, 0, 0) : st;
}

enum pod_status pod_regf_open(struct pod_regf *h, const uint8_t *bytes, size_t len, struct pod_diag *diag)
{
	*h = (struct pod_regf){.bytes = bytes};
	if (len < POD_REGF_BASE + REGF_BIN_ALIGN)
		return pod_fail(diag, POD_E_FORMAT, "hive length", 0, POD_REGF_BASE + REGF_BIN_ALIGN, len);
	return read_base(h, bytes, len, diag);
}

enum pod_status pod_regf_open_dev(struct pod_regf *h, struct pod_dev *dev, struct pod_diag *diag)
{
	uint8_t base[512];
	*h = (struct pod_regf){.dev = dev, .budget = dev->budget};
	if (dev->size_bytes < POD_REGF_BASE + REGF_BIN_ALIGN)
		return pod_fail(diag, POD_E_FORMAT, "hive length", 0, POD_REGF_BASE + REGF_BIN_ALIGN, dev->size_bytes);
	POD_TRY(pod_dev_read(dev, 0, base, sizeof base));
	return read_base(h, base, dev->size_bytes, diag);
}

/* --- cells, keys, values -------------------------------------------------------------------------------------- */

enum pod_status regf_cell(const struct pod_regf *h, uint32_t cell, uint32_t *payload)
{
	uint32_t raw;
	if (cell % 8 || cell < REGF_BIN_HEAD)
		return POD_E_CORRUPT;
	POD_TRY(get32(h, cell, &raw));
	uint32_t size = 0u - raw;
	if (!(raw & 0x80000000u) || size < 8 || size % 8 || !pod_in_range(cell, size, h->bins_bytes))
		return POD_E_CORRUPT;
	*payload = size - 4;
	return POD_OK;
}

/* The first `len` bytes of a cell's payload. */
static enum pod_status read_head(const struct pod_regf *h, uint32_t cell, uint8_t *b, uint32_t len, uint32_t *payload)
{
	POD_TRY(regf_cell(h, cell, payload));
	return *payload < len ? POD_E_CORRUPT : regf_get(h, cell + 4, b, len);
}

enum pod_status regf_nk(const struct pod_regf *h, uint32_t cell, struct regf_nk *nk)
{
	uint8_t b[REGF_NK_HEAD];
	uint32_t payload;
	POD_TRY(read_head(h, cell, b, sizeof b, &payload));
	*nk = (struct regf_nk){
		.cell = cell,
		.flags = pod_get_le16(b + REGF_NK_FLAGS),
		.time = pod_get_le64(b + REGF_NK_TIME),
		.parent = pod_get_le32(b + REGF_NK_PARENT),
		.subkeys = pod_get_le32(b + REGF_NK_SUBKEYS),
		.list = pod_get_le32(b + REGF_NK_LIST),
		.values = pod_get_le32(b + REGF_NK_VALUES),
		.value_list = pod_get_le32(b + REGF_NK_VALUE_LIST),
		.sk = pod_get_le32(b + REGF_NK_SK),
		.class_cell = pod_get_le32(b + REGF_NK_CLASS),
		.name_len = pod_get_le16(b + REGF_NK_NAME_LEN),
		.class_len = pod_get_le16(b + REGF_NK_CLASS_LEN),
	};
	uint32_t units = nk->flags & REGF_KEY_ASCII ? nk->name_len : nk->name_len / 2;
	/* A hive has no more keys and values than would fit: whoever counts up to these numbers comes to an end. */
	if (b[0] != 'n' || b[1] != 'k' || nk->name_len > payload - REGF_NK_HEAD || units > REGF_KEY_UNITS_MAX ||
	    nk->subkeys > h->bins_bytes / REGF_NK_HEAD || nk->values > h->bins_bytes / REGF_VK_HEAD)
		return POD_E_CORRUPT;
	return POD_OK;
}

enum pod_status regf_vk(const struct pod_regf *h, uint32_t cell, struct regf_vk *vk)
{
	uint8_t b[REGF_VK_HEAD];
	uint32_t payload;
	POD_TRY(read_head(h, cell, b, sizeof b, &payload));
	uint32_t size = pod_get_le32(b + REGF_VK_SIZE);
	*vk = (struct regf_vk){
		.v = {.cell = cell,
		      .type = pod_get_le32(b + REGF_VK_TYPE),
		      .size_bytes = size & ~REGF_RESIDENT,
		      .data = pod_get_le32(b + REGF_VK_DATA),
		      .resident = size & REGF_RESIDENT},
		.name_len = pod_get_le16(b + REGF_VK_NAME_LEN),
		.ascii = pod_get_le16(b + REGF_VK_FLAGS) & REGF_VALUE_ASCII,
	};
	if (b[0] != 'v' || b[1] != 'k' || vk->name_len > payload - REGF_VK_HEAD ||
	    vk->v.size_bytes > (vk->v.resident ? 4 : h->bins_bytes))
		return POD_E_CORRUPT;
	return POD_OK;
}

struct regf_name regf_nk_name(const struct regf_nk *nk)
{
	return (struct regf_name){nk->cell + 4 + REGF_NK_HEAD, nk->name_len, nk->flags & REGF_KEY_ASCII};
}

struct regf_name regf_vk_name(const struct regf_vk *vk)
{
	return (struct regf_name){vk->v.cell + 4 + REGF_VK_HEAD, vk->name_len, vk->ascii};
}

void regf_key_out(const struct regf_nk *nk, struct pod_regf_key *out)
{
	*out = (struct pod_regf_key){.cell = nk->cell,
				     .subkeys = nk->subkeys,
				     .values = nk->values,
				     .written = nk->time,
				     .link = nk->flags & REGF_KEY_LINK};
}

/* --- lists ------------------------------------------------------------------------------------------------------ */

static enum pod_status open_leaf(struct pod_regf_iter *it, uint32_t cell, const uint8_t head[4], uint32_t payload)
{
	bool hashed = head[1] == 'f' || head[1] == 'h';
	if (head[0] != 'l' || (!hashed && head[1] != 'i'))
		return POD_E_CORRUPT; /* also an ri in an ri */
	it->list = cell;
	it->list_at = 0;
	it->list_len = pod_get_le16(head + 2);
	it->entry_len = hashed ? 8 : 4;
	it->hashed = head[1] == 'h';
	return it->list_len * it->entry_len > payload - 4 ? POD_E_CORRUPT : POD_OK;
}

static enum pod_status list_head(const struct pod_regf *h, uint32_t cell, uint8_t head[4], uint32_t *payload)
{
	POD_TRY(regf_cell(h, cell, payload));
	return regf_get(h, cell + 4, head, 4);
}

enum pod_status regf_iter_keys(const struct pod_regf *h, const struct regf_nk *nk, struct pod_regf_iter *it)
{
	uint8_t head[4];
	uint32_t payload;
	*it = (struct pod_regf_iter){.hive = h, .left = nk->subkeys, .index = POD_REGF_NONE};
	if (!nk->subkeys)
		return POD_OK;
	POD_TRY(list_head(h, nk->list, head, &payload));
	if (memcmp(head, "ri", 2) != 0)
		return open_leaf(it, nk->list, head, payload);
	it->index = nk->list;
	it->index_len = pod_get_le16(head + 2);
	return it->index_len * 4 > payload - 4 ? POD_E_CORRUPT : POD_OK;
}

/* The leaf with the next entry. */
static enum pod_status next_leaf(struct pod_regf_iter *it)
{
	while (it->list_at == it->list_len) {
		uint8_t head[4];
		uint32_t cell, payload;
		if (it->index == POD_REGF_NONE || it->index_at == it->index_len)
			return POD_E_CORRUPT; /* fewer than the key says */
		POD_TRY(get32(it->hive, it->index + 8 + it->index_at++ * 4, &cell));
		POD_TRY(list_head(it->hive, cell, head, &payload));
		POD_TRY(open_leaf(it, cell, head, payload));
	}
	return POD_OK;
}

enum pod_status regf_next_cell(struct pod_regf_iter *it, uint32_t *cell, uint32_t *hash)
{
	uint8_t b[8];
	if (!it->left)
		return POD_END;
	POD_TRY(next_leaf(it));
	POD_TRY(regf_get(it->hive, it->list + 8 + it->list_at * it->entry_len, b, it->entry_len));
	*cell = pod_get_le32(b);
	*hash = it->hashed ? pod_get_le32(b + 4) : 0;
	it->list_at++;
	it->left--;
	return POD_OK;
}

enum pod_status pod_regf_keys(const struct pod_regf *h, const struct pod_regf_key *key, struct pod_regf_iter *it)
{
	struct regf_nk nk;
	POD_TRY(regf_nk(h, key->cell, &nk));
	return regf_iter_keys(h, &nk, it);
}

enum pod_status pod_regf_next_key(struct pod_regf_iter *it, struct pod_regf_key *out)
{
	struct regf_nk nk;
	uint32_t cell, hash;
	POD_TRY(regf_next_cell(it, &cell, &hash));
	POD_TRY(regf_nk(it->hive, cell, &nk));
	regf_key_out(&nk, out);
	return POD_OK;
}

static enum pod_status iter_values(const struct pod_regf *h, const struct regf_nk *nk, struct pod_regf_iter *it)
{
	uint32_t payload;
	*it = (struct pod_regf_iter){.hive = h, .left = nk->values, .list = nk->value_list};
	if (!nk->values)
		return POD_OK;
	POD_TRY(regf_cell(h, nk->value_list, &payload));
	return nk->values > payload / 4 ? POD_E_CORRUPT : POD_OK;
}

static enum pod_status next_vk(struct pod_regf_iter *it, struct regf_vk *vk)
{
	uint32_t cell;
	if (!it->left)
		return POD_END;
	it->left--;
	POD_TRY(get32(it->hive, it->list + 4 + it->list_at++ * 4, &cell));
	return regf_vk(it->hive, cell, vk);
}

enum pod_status pod_regf_values(const struct pod_regf *h, const struct pod_regf_key *key, struct pod_regf_iter *it)
{
	struct regf_nk nk;
	POD_TRY(regf_nk(h, key->cell, &nk));
	return iter_values(h, &nk, it);
}

enum pod_status pod_regf_next_value(struct pod_regf_iter *it, struct pod_regf_value *out)
{
	struct regf_vk vk;
	POD_TRY(next_vk(it, &vk));
	*out = vk.v;
	return POD_OK;
}

/* --- by name ------------------------------------------------------------------------------------------------------ */

bool regf_path_next(const char **path, const char **part, size_t *len)
{
	const char *p = *path;
	if (!*p)
		return false;
	*part = p;
	while (*p && *p != '\\')
		p++;
	*len = (size_t)(p - *part);
	*path = *p ? p + 1 : p;
	return true;
}

enum pod_status regf_find_key(const struct pod_regf *h, const struct regf_nk *nk, const char *name, size_t len, bool all,
			      struct regf_nk *out)
{
	struct pod_regf_iter it;
	enum pod_status st;
	uint32_t cell, hash, wanted;
	bool use_hash = !all && regf_name_hash(name, len, &wanted);
	POD_TRY(regf_iter_keys(h, nk, &it));
	while ((st = regf_next_cell(&it, &cell, &hash)) == POD_OK) {
		int order;
		if (use_hash && it.hashed && hash != wanted)
			continue;
		POD_TRY(regf_nk(h, cell, out));
		POD_TRY(regf_name_compare(h, name, len, regf_nk_name(out), &order));
		if (order == 0)
			return POD_OK;
	}
	return st == POD_END ? POD_E_NOT_FOUND : st;
}

enum pod_status pod_regf_lookup(const struct pod_regf *h, const struct pod_regf_key *top, const char *path,
				struct pod_regf_key *out)
{
	struct regf_nk nk, child;
	const char *part;
	size_t len;
	POD_TRY(regf_nk(h, top ? top->cell : h->root, &nk));
	while (regf_path_next(&path, &part, &len)) {
		POD_TRY(regf_find_key(h, &nk, part, len, false, &child));
		nk = child;
	}
	regf_key_out(&nk, out);
	return POD_OK;
}

enum pod_status pod_regf_parent(const struct pod_regf *h, const struct pod_regf_key *key, struct pod_regf_key *out)
{
	struct regf_nk nk;
	if (key->cell == h->root)
		return POD_E_NOT_FOUND;
	POD_TRY(regf_nk(h, key->cell, &nk));
	POD_TRY(regf_nk(h, nk.parent, &nk));
	regf_key_out(&nk, out);
	return POD_OK;
}

enum pod_status regf_find_value(const struct pod_regf *h, const struct regf_nk *nk, const char *name, struct regf_vk *out)
{
	struct pod_regf_iter it;
	enum pod_status st;
	size_t len = pod_strlen(name);
	POD_TRY(iter_values(h, nk, &it));
	while ((st = next_vk(&it, out)) == POD_OK) {
		int order;
		POD_TRY(regf_name_compare(h, name, len, regf_vk_name(out), &order));
		if (order == 0)
			return POD_OK;
	}
	return st == POD_END ? POD_E_NOT_FOUND : st;
}

enum pod_status pod_regf_value(const struct pod_regf *h, const struct pod_regf_key *key, const char *name,
			       struct pod_regf_value *out)
{
	struct regf_nk nk;
	struct regf_vk vk;
	POD_TRY(regf_nk(h, key->cell, &nk));
	POD_TRY(regf_find_value(h, &nk, name, &vk));
	*out = vk.v;
	return POD_OK;
}

/* --- data ----------------------------------------------------------------------------------------------------------- */

enum pod_status regf_segments(const struct pod_regf *h, const struct pod_regf_value *v, uint32_t *list, uint32_t *n)
{
	uint8_t head[8];
	uint32_t payload;
	*n = 0;
	POD_TRY(regf_cell(h, v->data, &payload));
	if (payload >= v->size_bytes)
		return POD_OK;
	if (h->minor < 4 || v->size_bytes <= POD_REGF_BIG || payload < sizeof head)
		return POD_E_CORRUPT;
	POD_TRY(regf_get(h, v->data + 4, head, sizeof head));
	*n = pod_get_le16(head + 2);
	*list = pod_get_le32(head + 4);
	if (memcmp(head, "db", 2) != 0 || *n != (v->size_bytes + POD_REGF_BIG - 1) / POD_REGF_BIG)
		return POD_E_CORRUPT;
	POD_TRY(regf_cell(h, *list, &payload));
	return *n > payload / 4 ? POD_E_CORRUPT : POD_OK;
}

static enum pod_status read_segments(const struct pod_regf *h, uint32_t list, uint32_t off, uint8_t *out, size_t len)
{
	while (len) {
		uint32_t no = off / POD_REGF_BIG, in = off % POD_REGF_BIG, cell, payload;
		uint32_t n = (uint32_t)pod_min_u64(len, POD_REGF_BIG - in);
		POD_TRY(get32(h, list + 4 + no * 4, &cell));
		POD_TRY(regf_cell(h, cell, &payload));
		if (!pod_in_range(in, n, payload))
			return POD_E_CORRUPT;
		POD_TRY(regf_get(h, cell + 4 + in, out, n));
		off += n, out += n, len -= n;
	}
	return POD_OK;
}

enum pod_status pod_regf_read(const struct pod_regf *h, const struct pod_regf_value *value, uint32_t off, void *buf, size_t len)
{
	struct regf_vk vk;
	uint32_t list, n;
	POD_TRY(regf_vk(h, value->cell, &vk));
	const struct pod_regf_value *v = &vk.v;
	if (!pod_in_range(off, len, v->size_bytes))
		return POD_E_RANGE;
	if (!len)
		return POD_OK;
	if (v->resident) {
		uint8_t b[4];
		pod_put_le32(b, v->data);
		memcpy(buf, b + off, len);
		return POD_OK;
	}
	POD_TRY(regf_segments(h, v, &list, &n));
	return n ? read_segments(h, list, off, buf, len) : regf_get(h, v->data + 4 + off, buf, (uint32_t)len);
}

enum pod_status pod_regf_number(const struct pod_regf *h, const struct pod_regf_value *v, uint64_t *out)
{
	uint8_t b[8] = {0};
	bool quad = v->type == POD_REG_QWORD;
	if ((!quad && v->type != POD_REG_DWORD && v->type != POD_REG_DWORD_BIG_ENDIAN) || v->size_bytes != (quad ? 8u : 4u))
		return POD_E_FORMAT;
	POD_TRY(pod_regf_read(h, v, 0, b, v->size_bytes));
	*out = v->type == POD_REG_DWORD_BIG_ENDIAN ? pod_get_be32(b) : pod_get_le64(b);
	return POD_OK;
}
